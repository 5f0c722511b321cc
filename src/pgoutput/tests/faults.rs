//! Messages that lie, end early or go on too long: an error with what is needed to find them, and no trace.

use super::messages::*;
use super::rig::{EACH, Rig, SOME};
use crate::error::Status;
use crate::pgoutput::Effect;

/// A rig to which the message at `at` in `all` is the next.
fn before(at: usize) -> Rig {
    after(&all()[..at])
}

fn after(messages: &[Vec<u8>]) -> Rig {
    let mut rig = Rig::new();
    rig.feed_all(messages);
    rig
}

#[test]
fn every_truncation_of_every_message_is_refused_without_a_trace() {
    for script in [all(), later()] {
        for (at, message) in script.iter().enumerate().step_by(SOME) {
            let mut rig = after(&script[..at]);
            for length in (0..message.len()).step_by(EACH) {
                // A Stream Abort has two lengths that are whole.
                if message[0] == b'A' && length == 9 {
                    continue;
                }
                let error = rig.refuse(1, &message[..length]);
                assert_eq!(error.status(), Status::WAL_E_DECODE, "{message:?} cut to {length}: {error:?}");
            }
            // The decoder goes on as if nothing had been.
            if !at.is_multiple_of(EACH) {
                continue;
            }
            let mut untouched = after(&script[..at]);
            for message in &script[at..] {
                assert_eq!(rig.feed(1, message), untouched.feed(1, message));
            }
            assert_eq!(rig.seen(), untouched.seen());
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    for script in [all(), later()] {
        for (at, message) in script.iter().enumerate().step_by(EACH) {
            for tail in [&b"\0"[..], b"n", b"\0\0\0\0\0\0\0\0"] {
                let longer = [&message[..], tail].concat();
                let error = after(&script[..at]).refuse(1, &longer);
                assert_eq!(error.status(), Status::WAL_E_DECODE, "{longer:?}");
            }
        }
    }
}

#[test]
fn p23_lengths_and_counts_that_lie() {
    let head = |tail: &[u8]| [&b"I"[..], &OID.to_be_bytes(), b"N", tail].concat();
    let update = |tail: &[u8]| [&b"U"[..], &OID.to_be_bytes(), tail].concat();
    let lies = [
        head(b"\0\x03t\x7f\xff\xff\xffabc"),
        head(b"\0\x03t\xff\xff\xff\xffabc"),
        head(b"\0\x03t\x80\0\0\0abc"),
        head(b"\0\x03nnt\0\0\0\x01"),
        head(b"\0\x03nn"),
        head(b"\0\x02nn"),
        head(b"\0\x04nnnn"),
        head(b"\xff\xff"),
        head(b"\0\x03nnx"),
        head(b"\0\x03nn\0"),
        [&b"I"[..], &OID.to_be_bytes(), b"K\0\x03nnn"].concat(),
        update(b"N"),
        update(b"X\0\x03nnn"),
        update(b"K\0\x03nnn"),
        update(b"K\0\x03nnnK\0\x03nnn"),
        update(b"K\0\x02nnN\0\x03nnn"),
        update(b"N\0\x03nnnN\0\x03nnn"),
        change(b'D', OID, &[tuple(b'N', ROW)]),
        change(b'D', OID, &[tuple(b'K', KEY), tuple(b'N', ROW)]),
        b"T\0\0\0\x01\0".to_vec(),
        b"T\x40\0\0\x01\0\0\0\x40\x01".to_vec(),
        b"M\x01\0\0\0\0\0\0\0\x01prefix\0\xff\xff\xff\xffabc".to_vec(),
        b"M\x01\0\0\0\0\0\0\0\x01prefix".to_vec(),
        b"R\0\0\0\x01public\0name\0d\xff\xff".to_vec(),
        b"R\0\0\0\x01public".to_vec(),
        b"Y\0\0\0\x01public\0unterminated".to_vec(),
        b"O\0\0\0\0\0\0\0\0unterminated".to_vec(),
        [&b"C\x01"[..], &commit()[2..]].concat(),
        stream_abort(9),
        stream_abort(0),
        vec![],
    ];
    before(5).refuse_all(&lies, Status::WAL_E_DECODE);
}

#[test]
fn p1_a_stray_stream_abort_is_a_counted_nothing() {
    for length in [8, 24] {
        let mut rig = Rig::new();
        assert_eq!(rig.feed(0, &stream_abort(length)).unwrap(), Effect::Ignored);
        rig.feed_all(&[begin()]);
        assert_eq!(rig.feed(0, &stream_abort(length)).unwrap(), Effect::Ignored);
        assert_eq!(rig.feed(0, &commit()).unwrap(), Effect::Empty { end_lsn: END });
        assert!(rig.seen().is_empty());
    }
}

#[test]
fn p33_unknown_kinds_are_named() {
    let mut rig = before(6);
    for kind in b"zZQs\x00\xff" {
        let error = rig.refuse(0x16B_3748, &[*kind, 1, 2, 3]);
        assert_eq!(error.status(), Status::WAL_E_UNKNOWN_MESSAGE);
        assert!(error.detail().ends_with(", 4 bytes"), "{error:?}");
        assert!(error.message().contains("0/16B3748"), "{error:?}");
    }
    assert!(!rig.refuse(1, b"z").hint().is_empty());
}

#[test]
fn s57_an_error_says_where_and_what_and_shows_no_data() {
    let mut rig = before(5);
    let mut message = insert(&[Col::Text("a value that makes the message longer than is shown"), Col::Null]);
    message[7] = 3;
    let error = rig.refuse(0xA_0000_00B0, &message);
    assert_eq!(
        error.message(),
        "malformed replication message 'I' at A/B0: the message ends in column 3 of a row"
    );
    assert_eq!(error.detail(), "LSN A/B0, kind 'I', 65 bytes");
    let error = rig.refuse(1, &change(b'I', 77, &[tuple(b'N', ROW)]));
    assert_eq!(error.status(), Status::WAL_E_UNKNOWN_RELATION);
    assert_eq!(error.message(), "replication message 'I' at 0/1: relation 77 was never described");
    let error = rig.refuse(1, &truncate(0, &[OID, 78]));
    assert!(error.message().contains("relation 78"), "{error:?}");
}

#[test]
fn a_fault_in_the_new_row_takes_the_old_row_back() {
    let mut rig = before(5);
    let update = [change(b'U', OID, &[tuple(b'O', ROW)]), b"N\0\x03nnx".to_vec()].concat();
    let values = rig.arrays.value_count();
    assert_eq!(rig.refuse(1, &update).status(), Status::WAL_E_DECODE);
    assert_eq!(rig.arrays.value_count(), values);
}
