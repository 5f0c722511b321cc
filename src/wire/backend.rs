//! The bodies of backend messages outside COPY, each read by one function.
//!
//! They must never trust a count or a length: a vector grows with what was read, not with what was announced.

use super::protocol;
use super::reader::{Reader, lossy};
use crate::error::Result;

/// The tags of backend messages.
pub mod tag {
    /// An authentication request or its end.
    pub const AUTHENTICATION: u8 = b'R';
    /// The process id and the key to cancel with.
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// A command is done.
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// COPY in both directions starts: replication.
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    /// One piece of COPY.
    pub const COPY_DATA: u8 = b'd';
    /// The server will send no more pieces.
    pub const COPY_DONE: u8 = b'c';
    /// COPY towards the server starts.
    pub const COPY_IN_RESPONSE: u8 = b'G';
    /// COPY towards the client starts.
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    /// One row.
    pub const DATA_ROW: u8 = b'D';
    /// The query was empty.
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    /// An error.
    pub const ERROR_RESPONSE: u8 = b'E';
    /// The server knows only older minor versions, or not all options.
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    /// A notice.
    pub const NOTICE_RESPONSE: u8 = b'N';
    /// NOTIFY of another session.
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    /// The value of a setting.
    pub const PARAMETER_STATUS: u8 = b'S';
    /// The server waits for the next command.
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// The columns of the rows that follow.
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// Where the session stands as the server waits for the next command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Outside a transaction.
    Idle,
    /// Inside one.
    Open,
    /// Inside one that failed.
    Failed,
}

/// What the server says of the protocol version it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedVersion {
    /// The newest minor version of protocol 3 that the server speaks.
    pub minor: u32,
    /// The protocol options that it does not know.
    pub unknown_options: Vec<String>,
}

/// ParameterStatus: a name and its value.
pub fn parameter_status(body: &[u8]) -> Result<(String, String)> {
    let mut reader = Reader::new("ParameterStatus", body);
    let pair = (reader.text()?, reader.text()?);
    reader.finish()?;
    Ok(pair)
}

/// BackendKeyData: the process id, and the key to cancel with, which is of any length since protocol 3.2.
pub fn backend_key_data(body: &[u8]) -> Result<(u32, Vec<u8>)> {
    let mut reader = Reader::new("BackendKeyData", body);
    let pid = reader.u32()?;
    match reader.rest() {
        [] => Err(protocol("the server's BackendKeyData message has no key")),
        key => Ok((pid, key.to_vec())),
    }
}

/// NegotiateProtocolVersion.
pub fn negotiate_protocol_version(body: &[u8]) -> Result<NegotiatedVersion> {
    let mut reader = Reader::new("NegotiateProtocolVersion", body);
    // The whole version since PostgreSQL 18, only its minor part before.
    let minor = reader.u32()? & 0xFFFF;
    let count = reader.i32()?;
    let unknown_options = (0..count).map(|_| reader.text()).collect::<Result<Vec<_>>>()?;
    reader.finish()?;
    Ok(NegotiatedVersion { minor, unknown_options })
}

/// ReadyForQuery.
pub fn ready_for_query(body: &[u8]) -> Result<TransactionStatus> {
    match body {
        b"I" => Ok(TransactionStatus::Idle),
        b"T" => Ok(TransactionStatus::Open),
        b"E" => Ok(TransactionStatus::Failed),
        _ => Err(protocol("the server's ReadyForQuery message has no known transaction status")),
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// OID of its type.
    pub type_oid: u32,
    /// The type's modifier, -1 where there is none.
    pub typmod: i32,
}

/// RowDescription: the columns.
pub fn row_description(body: &[u8]) -> Result<Vec<ColumnDescription>> {
    let mut reader = Reader::new("RowDescription", body);
    let count = reader.u16()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let name = reader.text()?;
        // The table's OID and the column's number there.
        reader.take(6)?;
        let type_oid = reader.u32()?;
        // The type's length.
        reader.take(2)?;
        columns.push(ColumnDescription { name, type_oid, typmod: reader.u32()?.cast_signed() });
        if reader.u16()? != 0 {
            return Err(protocol("the server sends a column in binary that was asked for as text"));
        }
    }
    reader.finish()?;
    Ok(columns)
}

/// How much memory the values of a DataRow take as text: what is not UTF-8 grows.
pub fn data_row_size(body: &[u8]) -> Result<usize> {
    let mut reader = Reader::new("DataRow", body);
    let count = usize::from(reader.u16()?);
    let text: usize = match std::str::from_utf8(body) {
        Ok(text) => text.len(),
        Err(_) => body.utf8_chunks().map(|it| it.valid().len() + 3 * it.invalid().len()).sum(),
    };
    Ok(text + count * size_of::<Option<String>>() + size_of::<Vec<Option<String>>>())
}

/// DataRow: the values as text; `None` is NULL.
pub fn data_row(body: &[u8]) -> Result<Vec<Option<String>>> {
    let mut reader = Reader::new("DataRow", body);
    let count = reader.u16()?;
    let mut values = Vec::new();
    for _ in 0..count {
        let length = reader.i32()?;
        values.push(match usize::try_from(length) {
            Ok(length) => Some(lossy(reader.take(length)?)?),
            Err(_) if length == -1 => None,
            Err(_) => return Err(protocol(format!("the server's DataRow has a value of length {length}"))),
        });
    }
    reader.finish()?;
    Ok(values)
}

/// CommandComplete: the tag of the command, as `SELECT 3`.
pub fn command_complete(body: &[u8]) -> Result<String> {
    let mut reader = Reader::new("CommandComplete", body);
    let text = reader.text()?;
    reader.finish()?;
    Ok(text)
}

/// CopyBothResponse: only that it is one; a walsender announces no columns.
pub fn copy_both_response(body: &[u8]) -> Result<()> {
    let mut reader = Reader::new("CopyBothResponse", body);
    reader.u8()?;
    let columns = reader.u16()?;
    reader.take(usize::from(columns) * 2)?;
    reader.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parse = fn(&[u8]) -> bool;

    fn bodies() -> Vec<(&'static str, Vec<u8>, Parse)> {
        let column = |name: &str| [name.as_bytes(), b"\0", &[0; 18]].concat();
        let columns = [b"\0\x02".to_vec(), column("a"), column("")].concat();
        vec![
            ("ParameterStatus", b"server_version\x0015.18\0".to_vec(), |b| parameter_status(b).is_ok()),
            ("NegotiateProtocolVersion", b"\0\x03\0\0\0\0\0\x01_pq_.x\0".to_vec(), |b| {
                negotiate_protocol_version(b).is_ok()
            }),
            ("ReadyForQuery", b"I".to_vec(), |b| ready_for_query(b).is_ok()),
            ("RowDescription", columns, |b| row_description(b).is_ok()),
            ("DataRow", b"\0\x03\0\0\0\x01x\xff\xff\xff\xff\0\0\0\0".to_vec(), |b| data_row(b).is_ok()),
            ("CommandComplete", b"SELECT 1\0".to_vec(), |b| command_complete(b).is_ok()),
            ("CopyBothResponse", b"\0\0\0".to_vec(), |b| copy_both_response(b).is_ok()),
        ]
    }

    #[test]
    fn whole_bodies_are_read_and_no_truncation_or_extension_is() {
        for (name, body, parse) in bodies() {
            assert!(parse(&body), "{name}");
            for cut in 0..body.len() {
                assert!(!parse(&body[..cut]), "{name} cut at {cut}");
            }
            assert!(!parse(&[&body[..], b"x"].concat()), "{name} with more behind it");
        }
    }

    #[test]
    fn values_are_what_was_sent() {
        assert_eq!(parameter_status(b"a\0b\0").unwrap(), ("a".into(), "b".into()));
        let (pid, key) = backend_key_data(b"\0\0\x01\0key of any length").unwrap();
        assert_eq!((pid, key.as_slice()), (256, b"key of any length".as_slice()));
        assert!(backend_key_data(b"\0\0\x01\0").is_err());
        for (body, minor) in [(b"\0\x03\0\x02\0\0\0\0", 2), (b"\0\0\0\0\0\0\0\0", 0)] {
            assert_eq!(negotiate_protocol_version(body).unwrap().minor, minor);
        }
        let row = data_row(b"\0\x03\0\0\0\x01x\xff\xff\xff\xff\0\0\0\0").unwrap();
        assert_eq!(row, [Some("x".into()), None, Some(String::new())]);
        assert!(data_row(b"\0\x01\xff\xff\xff\xfe").is_err());
        assert_eq!(ready_for_query(b"E").unwrap(), TransactionStatus::Failed);
        let (_, body, _) = &bodies()[3];
        let columns = row_description(body).unwrap();
        assert_eq!(columns.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", ""]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            for (_, _, parse) in bodies() {
                parse(&bytes);
            }
        }

        #[test]
        fn one_changed_byte_is_survived(which in 0..7_usize, at in 0..64_usize, to in proptest::num::u8::ANY) {
            let (_, mut body, parse) = bodies().swap_remove(which);
            let at = at % body.len();
            body[at] = to;
            parse(&body);
        }
    }
}
