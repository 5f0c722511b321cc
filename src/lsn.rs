//! A position in the write-ahead log. Plain arithmetic; it must never touch I/O.

use std::{fmt, str::FromStr};

use crate::error::{Error, Status};

/// A log sequence number: a byte position in the WAL (PostgreSQL documentation, "pg_lsn Type"). 0 is invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (high, low) = text.split_once('/')?;
            let half = |part: &str| {
                let plain = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
                plain.then(|| u64::from_str_radix(part, 16).ok()).flatten()
            };
            Some(Lsn(half(high)? << 32 | half(low)?))
        };
        parse().ok_or_else(|| {
            Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("\"{text}\" is not an LSN"))
                .with_hint("An LSN has the form XXXXXXXX/XXXXXXXX, hexadecimal, as in 0/16B3748.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_are_the_same_position() {
        for (text, number) in
            [("0/0", 0), ("0/16B3748", 0x16B_3748), ("A/B", 0xA_0000_000B), ("FFFFFFFF/FFFFFFFF", u64::MAX)]
        {
            assert_eq!(text.parse::<Lsn>().unwrap(), Lsn(number));
            assert_eq!(Lsn(number).to_string(), text);
        }
        for bad in ["", "/", "0", "0/", "/0", "0/123456789", "0/+1", "g/0", "0/0/0", " 0/0"] {
            assert_eq!(bad.parse::<Lsn>().unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT, "{bad}");
        }
    }
}
