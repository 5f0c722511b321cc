//! Two-phase commit: each kind field by field, and what is refused.

use super::messages::*;
use super::rig::{Rig, Seen, Val};
use crate::batch::EventKind as E;
use crate::error::Status;
use crate::pgoutput::Effect;

fn of_prepared(kind: E, lsn: u64, sequence: u64) -> Seen {
    Seen { lsn, commit_lsn: PREPARED, commit_time: TIME, xid: XID, sequence, ..Seen::new(kind) }
}

#[test]
fn p27_a_prepared_transaction_and_its_fate() {
    let mut rig = Rig::new();
    rig.feed_all(&[relation()]);
    assert_eq!(rig.feed(7, &begin_prepare()).unwrap(), Effect::Began { final_lsn: PREPARED });
    assert_eq!(rig.decoder.in_transaction(), Some(PREPARED));
    rig.feed(8, &insert(ROW)).unwrap();
    let ends = Effect::Outstanding { ack_lsn: PREPARED_END };
    assert_eq!(rig.feed(9, &prepare()).unwrap(), ends);
    assert_eq!(rig.decoder.in_transaction(), None);
    let fate = Effect::Outstanding { ack_lsn: END };
    assert_eq!(rig.feed(10, &commit_prepared()).unwrap(), fate);
    assert_eq!(rig.feed(11, &rollback_prepared()).unwrap(), fate);
    let extra = vec![Val::text(GID)];
    let expected = [
        Seen { extra: extra.clone(), number: PREPARED_END, ..of_prepared(E::WAL_EVENT_BEGIN_PREPARE, 7, 0) },
        Seen {
            relation: Some((OID, 1)),
            new: Some(vec![Val::text("7"), Val::text("Ada"), Val::Null]),
            ..of_prepared(E::WAL_EVENT_INSERT, 8, 0)
        },
        Seen {
            extra: extra.clone(),
            number: PREPARED_END,
            ack_lsn: PREPARED_END,
            ..of_prepared(E::WAL_EVENT_PREPARE, PREPARED, 1)
        },
        Seen {
            lsn: FINAL,
            commit_lsn: FINAL,
            ack_lsn: END,
            commit_time: TIME,
            xid: XID,
            extra: extra.clone(),
            ..Seen::new(E::WAL_EVENT_COMMIT_PREPARED)
        },
        Seen {
            lsn: 11,
            ack_lsn: END,
            commit_time: TIME,
            xid: XID,
            number: PREPARED_END,
            extra,
            ..Seen::new(E::WAL_EVENT_ROLLBACK_PREPARED)
        },
    ];
    assert_eq!(rig.seen()[1..], expected);
}

#[test]
fn an_empty_prepared_transaction_is_told() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin_prepare(), prepare()]);
    assert_eq!(rig.kinds(), [E::WAL_EVENT_BEGIN_PREPARE as u32, E::WAL_EVENT_PREPARE as u32]);
}

#[test]
fn each_beginning_has_its_own_end() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin()]);
    rig.refuse_all(
        &[prepare(), begin_prepare(), commit_prepared(), rollback_prepared()],
        Status::WAL_E_DECODE,
    );
    rig.feed_all(&[commit(), begin_prepare()]);
    let wrong = [commit_at(PREPARED, END), commit(), begin(), begin_prepare(), commit_prepared()];
    rig.refuse_all(&wrong, Status::WAL_E_DECODE);
    let mut other = prepare();
    other[9] ^= 1;
    let mut flags = prepare();
    flags[1] = 1;
    rig.refuse_all(&[other, flags], Status::WAL_E_DECODE);
    rig.feed_all(&[prepare()]);
    rig.refuse_all(&[stream_prepare(TOP)], Status::WAL_E_DECODE);
}

#[test]
fn p27_prepared_without_having_begun_is_an_empty_one() {
    let (mut begun, mut not) = (Rig::new(), Rig::new());
    begun.feed(PREPARED, &begin_prepare()).unwrap();
    begun.feed(0, &prepare()).unwrap();
    assert_eq!(not.feed(0, &prepare()).unwrap(), Effect::Outstanding { ack_lsn: PREPARED_END });
    assert_eq!(not.seen(), begun.seen());
    assert_eq!(not.decoder.in_transaction(), None);
}
