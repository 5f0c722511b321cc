//! One WAL, read in every form that the server has: what is put together from versions 2, 3 and 4, streamed or not,
//! text or binary, prepared transactions followed or not, is row for row what version 1 gives. What a server lacks is
//! refused.

use super::forms::{Form, PLAIN, copy_of, drop_slot, highest};
use super::reassembly::{Reassembly, Transaction};
use super::workload;
use crate::harness::{Database, Options, Server};
use pgwalstream::batch::EventKind as K;
use pgwalstream::error::Status;

/// Whether this is the transaction that ends the workload.
fn is_last(it: &Transaction) -> bool {
    it.changes.iter().any(|change| change.line.starts_with("INSERT public.done"))
}

fn read(db: &mut Database<'_>, slot: &str, options: impl Fn(&Database<'_>, &str) -> Options) -> Reassembly {
    let copy = copy_of(db, slot);
    let mut it = Reassembly::default();
    let mut stream = options(db, &copy).open().unwrap();
    it.read(&mut stream, is_last);
    assert_eq!(it.streaming(), 0, "none is left open");
    drop(stream);
    drop_slot(db, &copy);
    it
}

/// Compares, with the first difference told.
#[track_caller]
fn same(form: Form, got: &Reassembly, expected: &Reassembly) {
    // Of a streamed or prepared transaction one learns before anybody knows that nothing will be left of it.
    let whole =
        |it: &Reassembly| it.done.iter().filter(|it| !it.changes.is_empty()).cloned().collect::<Vec<_>>();
    let (got, expected) = (whole(got), whole(expected));
    assert_eq!(got.len(), expected.len(), "{form:?}: transactions");
    for (got, expected) in got.iter().zip(&expected) {
        for (got, expected) in got.changes.iter().zip(&expected.changes) {
            assert_eq!(got, expected, "{form:?}");
        }
        assert_eq!(got.changes.len(), expected.changes.len(), "{form:?} at {expected:?}");
        assert_eq!((got.commit_lsn, got.ack_lsn), (expected.commit_lsn, expected.ack_lsn), "{form:?}");
        assert_eq!((got.xid, got.commit_time), (expected.xid, expected.commit_time), "{form:?}");
    }
}

fn p6_every_form_gives_the_rows_of_version_1(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 3);
    let slot = db.slot();
    workload::run(&mut db, 3, 6_000, 7, true);
    let expected = read(&mut db, &slot, |db, slot| PLAIN.options(db, slot));
    assert!(expected.done.len() > 10 && expected.count(K::WAL_EVENT_INSERT) > 500);
    for form in Form::all().filter(|form| *form != PLAIN) {
        if form.asks() < form.needs() {
            let failure = form.options(&db, &slot).open().err().expect("options that do not go together");
            assert_eq!(failure.status, Status::WAL_E_BAD_OPTION, "{form:?}");
        } else if form.asks() > highest(version) {
            let failure = form.options(&db, &slot).open().err().expect("the server lacks it");
            assert_eq!(failure.status, Status::WAL_E_SERVER_VERSION, "{form:?}: {failure:?}");
            let can = if form.asks() == 4 { "16" } else { "15" };
            assert!(failure.hint.contains(can), "{form:?}: {failure:?}");
        } else {
            let got = read(&mut db, &slot, |db, slot| form.options(db, slot));
            same(form, &got, &expected);
            let is_streamed = got.count(K::WAL_EVENT_STREAM_COMMIT) > 0;
            assert_eq!(is_streamed, form.streaming != "off", "{form:?}: {:?}", got.counts);
            assert_eq!(got.count(K::WAL_EVENT_COMMIT_PREPARED) > 0, form.two_phase, "{form:?}");
            if is_streamed {
                assert!(got.count(K::WAL_EVENT_STREAM_ABORT) > 0, "{form:?}: {:?}", got.counts);
            }
        }
    }
}

on_every_version! { p6_every_form_gives_the_rows_of_version_1 }

/// 100,000 rows, with streaming as it is in production: what is beyond logical_decoding_work_mem.
fn p6_large_transactions(version: u32, rows: u64) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 4);
    let slot = db.slot();
    let touched = workload::run(&mut db, 4, rows, u64::from(version), true);
    assert!(touched >= rows);
    let expected = read(&mut db, &slot, |db, slot| PLAIN.options_beyond_64kb(db, slot));
    let form =
        |proto_version, streaming, two_phase, binary| Form { proto_version, streaming, two_phase, binary };
    let forms = [
        form("2", "on", false, false),
        form("2", "on", false, true),
        form("3", "on", true, false),
        form("4", "on", true, true),
        form("4", "parallel", false, true),
        form("4", "parallel", true, false),
    ];
    for form in forms.into_iter().filter(|form| form.asks() <= highest(version)) {
        let got = read(&mut db, &slot, |db, slot| form.options_beyond_64kb(db, slot));
        same(form, &got, &expected);
        for kind in [K::WAL_EVENT_STREAM_COMMIT, K::WAL_EVENT_STREAM_ABORT, K::WAL_EVENT_COMMIT] {
            assert!(got.count(kind) > 0, "{form:?}: {kind:?}: {:?}", got.counts);
        }
        assert_eq!(got.count(K::WAL_EVENT_STREAM_PREPARE) > 0, form.two_phase, "{form:?}: {:?}", got.counts);
    }
}

on_versions! { p6_large_transactions
    v18 (18, 25_000);
    v14_whole (14, 100_000), v15_whole (15, 100_000), v16_whole (16, 100_000), v17_whole (17, 100_000), v18_whole (18, 100_000)
}
