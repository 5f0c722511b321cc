//! Addresses as the server writes them. It must never show bits that a network does not have.

use std::fmt::Write;

use super::super::cursor::Cursor;
use super::super::field::{Read, ReadError};
use super::sink::{Formatted, Sink};

/// An address with its mask (network_send).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network<'a> {
    /// 4 or 16 bytes.
    pub(crate) address: &'a [u8],
    pub(crate) bits: u8,
    pub(crate) is_cidr: bool,
}

impl<'a> Network<'a> {
    /// Takes a binary form apart.
    pub(crate) fn of(bytes: &'a [u8]) -> Read<Self> {
        /// PGSQL_AF_INET; IPv6 is one more.
        const IPV4: u8 = 2;
        const IPV6: u8 = 3;
        let mut cursor = Cursor(bytes);
        let (family, bits, is_cidr, length) = (cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?);
        let is_right = match family {
            IPV4 => length == 4 && bits <= 32,
            IPV6 => length == 16 && bits <= 128,
            _ => false,
        };
        if !is_right || cursor.0.len() != usize::from(length) {
            return Err(ReadError::Malformed);
        }
        Ok(Self { address: cursor.0, bits, is_cidr: is_cidr != 0 })
    }
}

/// Writes an inet or a cidr (network_out).
pub(super) fn network(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let it = Network::of(bytes)?;
    let mut out = Formatted(out);
    let _ = match it.address {
        [a, b, c, d] => write!(out, "{a}.{b}.{c}.{d}"),
        address => ipv6(address, &mut out),
    };
    if it.is_cidr || usize::from(it.bits) != it.address.len() * 8 {
        let _ = write!(out, "/{}", it.bits);
    }
    Ok(())
}

/// As inet_net_ntop_ipv6: the first of the longest runs of zeros is left out, and addresses of IPv4 end as such.
fn ipv6(address: &[u8], out: &mut Formatted<'_>) -> std::fmt::Result {
    let mut words = [0_u16; 8];
    for (word, pair) in words.iter_mut().zip(address.as_chunks::<2>().0) {
        *word = u16::from_be_bytes(*pair);
    }
    let (mut best, mut run) = (0..0, 0..0);
    for (at, word) in words.iter().enumerate() {
        run = match *word {
            0 if run.end == at && !run.is_empty() => run.start..at + 1,
            0 => at..at + 1,
            _ => 0..0,
        };
        if run.len() > best.len() {
            best = run.clone();
        }
    }
    if best.len() < 2 {
        best = 0..0;
    }
    let is_ipv4 = best.start == 0
        && (best.len() == 6 || (best.len() == 7 && words[7] != 1) || (best.len() == 5 && words[5] == 0xFFFF));
    for (at, word) in words.iter().enumerate() {
        if best.contains(&at) {
            if at == best.start {
                out.write_char(':')?;
            }
            continue;
        }
        if at != 0 {
            out.write_char(':')?;
        }
        if at == 6 && is_ipv4 {
            let [a, b, c, d] = [words[6] >> 8, words[6] & 0xFF, words[7] >> 8, words[7] & 0xFF];
            return write!(out, "{a}.{b}.{c}.{d}");
        }
        write!(out, "{word:x}")?;
    }
    if best.end == words.len() && !best.is_empty() { out.write_char(':') } else { Ok(()) }
}

/// Writes a MAC address of 6 or 8 bytes.
pub(super) fn mac<const N: usize>(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let bytes: [u8; N] = super::super::field::exactly(bytes)?;
    let mut out = Formatted(out);
    for (at, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if at == 0 { "" } else { ":" });
    }
    Ok(())
}
