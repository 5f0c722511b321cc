//! Messages to the server, each appended to a buffer.
//!
//! It must never let a NUL into a NUL-terminated field: what follows it would be read as another field.

use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

use super::replication::Reply;

/// Protocol 3.0, which every server since 7.4 speaks.
const PROTOCOL: u32 = 3 << 16;

/// What stands in the place of the protocol's version in a request to cancel.
const CANCEL: u32 = 1234 << 16 | 5678;
/// The request for TLS, in place of a protocol version.
const SSL_REQUEST: u32 = 80_877_103;

/// A standby status update: how far the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Received up to here.
    pub write: Lsn,
    /// Safe up to here: the slot may forget what lies below.
    pub flush: Lsn,
    /// Applied up to here.
    pub apply: Lsn,
    /// The client's clock, in microseconds since 2000-01-01 UTC.
    pub clock: i64,
    /// Whether the server shall answer with a keepalive.
    pub reply: Reply,
}

/// The start-up message. An empty value is sent as such.
pub fn startup(out: &mut Vec<u8>, parameters: &[(&str, &str)]) -> Result<()> {
    framed(out, None, |out| {
        out.extend_from_slice(&PROTOCOL.to_be_bytes());
        for (name, value) in parameters {
            cstr(out, name, name.as_bytes())?;
            cstr(out, name, value.as_bytes())?;
        }
        out.push(0);
        Ok(())
    })
}

/// What a connection of its own says instead of a start-up message, to end what another one is doing.
pub fn cancel(out: &mut Vec<u8>, backend_pid: u32, key: &[u8]) -> Result<()> {
    framed(out, None, |out| {
        out.extend_from_slice(&CANCEL.to_be_bytes());
        out.extend_from_slice(&backend_pid.to_be_bytes());
        out.extend_from_slice(key);
        Ok(())
    })
}

/// Asks whether the server is ready for TLS. It answers with one byte.
pub fn ssl_request(out: &mut Vec<u8>) {
    out.extend_from_slice(&8_u32.to_be_bytes());
    out.extend_from_slice(&SSL_REQUEST.to_be_bytes());
}

/// An answer to a request for a password: the password itself or its MD5 hash.
pub fn password(out: &mut Vec<u8>, password: &[u8]) -> Result<()> {
    framed(out, Some(b'p'), |out| cstr(out, "password", password))
}

/// The first message of a SASL exchange.
pub fn sasl_initial(out: &mut Vec<u8>, mechanism: &str, data: &[u8]) -> Result<()> {
    framed(out, Some(b'p'), |out| {
        cstr(out, "SASL mechanism", mechanism.as_bytes())?;
        out.extend_from_slice(&length(data.len())?.to_be_bytes());
        out.extend_from_slice(data);
        Ok(())
    })
}

/// A later message of a SASL exchange.
pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) -> Result<()> {
    framed(out, Some(b'p'), |out| {
        out.extend_from_slice(data);
        Ok(())
    })
}

/// A simple query: the only kind that a replication connection takes.
pub fn query(out: &mut Vec<u8>, sql: &str) -> Result<()> {
    framed(out, Some(b'Q'), |out| cstr(out, "query", sql.as_bytes()))
}

/// A standby status update inside CopyData.
pub fn status_update(out: &mut Vec<u8>, update: &StatusUpdate) {
    // Tag, length, 'r', three positions, the clock, the flag.
    out.extend_from_slice(&[b'd', 0, 0, 0, 38, b'r']);
    for position in [update.write, update.flush, update.apply] {
        out.extend_from_slice(&position.0.to_be_bytes());
    }
    out.extend_from_slice(&update.clock.to_be_bytes());
    out.push(match update.reply {
        Reply::NotNeeded => 0,
        Reply::AtOnce => 1,
    });
}

/// A hot standby's feedback inside CopyData: the oldest transactions whose rows it needs, as full ids with their epoch in the upper
/// half. 0 and 0 take it back.
pub fn standby_feedback(out: &mut Vec<u8>, clock: i64, xmin: u64, catalog_xmin: u64) {
    // Tag, length, 'h', the clock, and each id before its epoch.
    out.extend_from_slice(&[b'd', 0, 0, 0, 29, b'h']);
    out.extend_from_slice(&clock.to_be_bytes());
    for id in [xmin, catalog_xmin] {
        out.extend_from_slice(&id.rotate_left(32).to_be_bytes());
    }
}

/// Says that no more CopyData will come from the client.
pub fn copy_done(out: &mut Vec<u8>) {
    out.extend_from_slice(b"c\0\0\0\x04");
}

/// Refuses to send what COPY asks for.
pub fn copy_fail(out: &mut Vec<u8>, why: &str) -> Result<()> {
    framed(out, Some(b'f'), |out| cstr(out, "reason", why.as_bytes()))
}

/// Says good-bye.
pub fn terminate(out: &mut Vec<u8>) {
    out.extend_from_slice(b"X\0\0\0\x04");
}

/// Appends a message whose length is known only at its end; takes it back if the body fails.
fn framed(out: &mut Vec<u8>, tag: Option<u8>, body: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let before = out.len();
    out.extend(tag);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let result = body(out).and_then(|()| {
        let total = length(out.len() - start)?;
        if let Some(field) = out.get_mut(start..start + 4) {
            field.copy_from_slice(&total.to_be_bytes());
        }
        Ok(())
    });
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn cstr(out: &mut Vec<u8>, what: &str, bytes: &[u8]) -> Result<()> {
    if bytes.contains(&0) {
        return Err(Error::new(
            Status::WAL_E_INVALID_ARGUMENT,
            format!("the {what} contains a NUL character"),
        )
        .with_hint("PostgreSQL cannot take the character U+0000; remove it."));
    }
    out.extend_from_slice(bytes);
    out.push(0);
    Ok(())
}

fn length(size: usize) -> Result<u32> {
    match u32::try_from(size) {
        Ok(size) if size <= 1 << 30 => Ok(size),
        _ => Err(Error::new(
            Status::WAL_E_INVALID_ARGUMENT,
            format!("a message of {size} bytes is more than PostgreSQL takes"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::{self, Frame};

    #[test]
    fn start_up_is_length_version_pairs_and_a_nul() {
        let mut out = b"before".to_vec();
        startup(&mut out, &[("user", "me"), ("database", "")]).unwrap();
        assert_eq!(&out[6..], b"\0\0\0\x1b\0\x03\0\0user\0me\0database\0\0\0");
    }

    #[test]
    fn every_message_is_one_frame() {
        let mut out = Vec::new();
        password(&mut out, b"secret").unwrap();
        sasl_initial(&mut out, "SCRAM-SHA-256", b"n,,n=,r=x").unwrap();
        sasl_response(&mut out, b"c=biws").unwrap();
        query(&mut out, "IDENTIFY_SYSTEM").unwrap();
        copy_done(&mut out);
        terminate(&mut out);
        let mut seen = Vec::new();
        let mut rest = out.as_slice();
        while let Frame::Complete { tag, body, total } = frame::split(rest).unwrap() {
            seen.push((tag, body));
            rest = &rest[total..];
        }
        assert!(rest.is_empty());
        let expected: [(u8, &[u8]); 6] = [
            (b'p', b"secret\0"),
            (b'p', b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=x"),
            (b'p', b"c=biws"),
            (b'Q', b"IDENTIFY_SYSTEM\0"),
            (b'c', b""),
            (b'X', b""),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_status_update_is_34_bytes_in_copy_data() {
        let mut out = Vec::new();
        let update =
            StatusUpdate { write: Lsn(3), flush: Lsn(2), apply: Lsn(1), clock: -1, reply: Reply::AtOnce };
        status_update(&mut out, &update);
        let Frame::Complete { tag: b'd', body, total } = frame::split(&out).unwrap() else { panic!() };
        assert_eq!((total, body.len()), (out.len(), 34));
        assert_eq!(body[0], b'r');
        assert_eq!(
            body[1..33],
            [[0, 0, 0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0, 0, 1], [255; 8]].concat()
        );
        assert_eq!(body[33], 1);
        out.clear();
        status_update(&mut out, &StatusUpdate { reply: Reply::NotNeeded, ..update });
        assert_eq!(out.last(), Some(&0));
    }

    #[test]
    fn a_nul_leaves_the_buffer_as_it_was() {
        let mut out = b"x".to_vec();
        assert!(startup(&mut out, &[("user", "a\0database\0b")]).is_err());
        assert!(query(&mut out, "select 1\0").is_err());
        let error = password(&mut out, b"hunter2\0").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(out, b"x");
    }
}
