//! What CopyData carries on a replication connection: WAL data and keepalives.
//!
//! It must never look into the WAL data; `pgoutput` does. The messages are borrowed from the frame.

use super::reader::Reader;
use crate::error::Result;
use crate::lsn::Lsn;

/// Whether the other side is asked to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer may come whenever it would have come anyway.
    NotNeeded,
    /// An answer is asked for now; without one the server ends the connection.
    AtOnce,
}

/// One payload of CopyData.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationMessage<'a> {
    /// 'w': a piece of WAL, or one message of the output plugin.
    XLogData {
        /// Where it starts; 0 for plugin messages that have no position (Relation, Type, Origin).
        start: Lsn,
        /// The server's position as it sent this.
        end: Lsn,
        /// The server's clock, in microseconds since 2000-01-01 UTC.
        clock: i64,
        /// The data itself.
        body: &'a [u8],
    },
    /// 'k': the server has sent everything up to `end`.
    Keepalive {
        /// The end of the last record that the server decoded.
        end: Lsn,
        /// The server's clock, in microseconds since 2000-01-01 UTC.
        clock: i64,
        /// Whether the server waits for a status update.
        reply: Reply,
    },
    /// A kind that came after this library (PostgreSQL 19 adds 's' and 'p'): to be counted and passed over (P33).
    Unknown {
        /// The kind.
        tag: u8,
        /// What follows it.
        body: &'a [u8],
    },
}

impl<'a> ReplicationMessage<'a> {
    /// Reads the body of a CopyData message.
    #[inline]
    pub fn parse(copy_data: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new("CopyData", copy_data);
        match reader.u8()? {
            b'w' => Ok(Self::XLogData {
                start: Lsn(reader.u64()?),
                end: Lsn(reader.u64()?),
                clock: reader.i64()?,
                body: reader.rest(),
            }),
            b'k' => {
                let end = Lsn(reader.u64()?);
                let clock = reader.i64()?;
                let reply = if reader.u8()? == 0 { Reply::NotNeeded } else { Reply::AtOnce };
                reader.finish()?;
                Ok(Self::Keepalive { end, clock, reply })
            }
            tag => Ok(Self::Unknown { tag, body: reader.rest() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Vec<u8> {
        [b"w".as_slice(), &1_u64.to_be_bytes(), &2_u64.to_be_bytes(), &(-3_i64).to_be_bytes(), b"body"]
            .concat()
    }

    fn keepalive(reply: u8) -> Vec<u8> {
        [b"k".as_slice(), &0xA_0000_000B_u64.to_be_bytes(), &4_i64.to_be_bytes(), &[reply]].concat()
    }

    #[test]
    fn both_kinds_and_an_unknown_one() {
        let (start, end) = (Lsn(1), Lsn(2));
        let expected = ReplicationMessage::XLogData { start, end, clock: -3, body: b"body" };
        assert_eq!(ReplicationMessage::parse(&data()).unwrap(), expected);
        for (byte, reply) in [(0, Reply::NotNeeded), (1, Reply::AtOnce)] {
            let expected = ReplicationMessage::Keepalive { end: Lsn(0xA_0000_000B), clock: 4, reply };
            assert_eq!(ReplicationMessage::parse(&keepalive(byte)).unwrap(), expected);
        }
        let expected = ReplicationMessage::Unknown { tag: b's', body: b"x" };
        assert_eq!(ReplicationMessage::parse(b"sx").unwrap(), expected);
    }

    #[test]
    fn every_truncation_is_an_error() {
        for cut in 0..25 {
            assert!(ReplicationMessage::parse(&data()[..cut]).is_err(), "{cut}");
        }
        assert!(ReplicationMessage::parse(&data()[..25]).is_ok(), "an empty piece of WAL is one");
        for cut in 0..18 {
            assert!(ReplicationMessage::parse(&keepalive(1)[..cut]).is_err(), "{cut}");
        }
        let mut long = keepalive(1);
        long.push(0);
        assert!(ReplicationMessage::parse(&long).is_err());
    }
}
