//! Option capture_file and wal_replay_open: what a stream gave, its capture gives again without a server, event for
//! event and byte for byte, whatever the form, the bounds of the batches and the way of reading; and a capture that
//! was cut or changed says so behind what is whole.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, slice};

use super::forms::{Form, copy_of, drop_slot, highest};
use super::reassembly::{Reassembly, Transaction};
use super::workload;
use crate::harness::view::Event;
use crate::harness::{Database, Next, Options, PATIENCE, Server, Stream, major};
use pgwalstream::batch::EventKind as K;
use pgwalstream::capi;
use pgwalstream::capture::{Epoch, Kind as Entry, Reader, Writer};
use pgwalstream::error::Status;
use pgwalstream::wire::{Frame, split};

/// Everything that an event says: its fields, and all values with their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    fields: [u64; 8],
    relation: String,
    values: Vec<(u8, Vec<u8>)>,
    extra: Vec<(u8, Vec<u8>)>,
}

impl Whole {
    fn of(event: Event<'_>) -> Self {
        let it = event.fields();
        let value = |raw: &pgwalstream::batch::Value| {
            if raw.data.is_null() {
                return (raw.kind, vec![]);
            }
            // SAFETY: a live value.
            (raw.kind, unsafe { slice::from_raw_parts(raw.data, raw.len as usize) }.to_vec())
        };
        let all = |from, count: u32| -> Vec<(u8, Vec<u8>)> {
            // SAFETY: `count` values follow each other from there.
            (0..count as usize).map(|at| value(unsafe { &*Self::at(from, at) })).collect()
        };
        let mut values = all(it.new_values, it.n_new);
        values.extend(all(it.old_values, it.n_old));
        let is_truncate = it.kind == K::WAL_EVENT_TRUNCATE as u32;
        Self {
            fields: [
                u64::from(it.kind) << 32 | u64::from(it.flags),
                it.lsn,
                it.commit_lsn,
                it.ack_lsn,
                it.commit_time as u64,
                u64::from(it.xid) << 32 | u64::from(it.subxid),
                it.sequence,
                u64::from(it.n_new) << 32 | u64::from(it.n_old),
            ],
            relation: if it.relation.is_null() { String::new() } else { event.relation().definition() },
            values,
            // Those of a TRUNCATE are pointers.
            extra: if is_truncate { vec![] } else { all(it.extra, it.n_extra) },
        }
    }

    fn at(from: *const pgwalstream::batch::Value, at: usize) -> *const pgwalstream::batch::Value {
        // SAFETY: within the array.
        unsafe { from.add(at) }
    }
}

fn is_progress(event: Event<'_>) -> bool {
    event.fields().kind == K::WAL_EVENT_PROGRESS as u32
}

/// Reads a live stream until the workload's last transaction; progress comes by the clock and is left out.
fn read_live(stream: &mut Stream) -> Vec<Whole> {
    let is_last = |it: &Transaction| it.changes.iter().any(|change| change.line.contains("public.done"));
    let (mut all, mut watch) = (vec![], Reassembly::default());
    loop {
        let Ok(batch) = stream.batch(PATIENCE.as_millis() as i32) else {
            panic!("after {} events", all.len())
        };
        for event in batch.events() {
            watch.take(event);
            all.extend((!is_progress(event)).then(|| Whole::of(event)));
        }
        if watch.done.iter().any(is_last) {
            return all;
        }
        watch.done.clear();
    }
}

/// Reads a replay to its end, by events or by batches.
fn read_replay(stream: &mut Stream, by_batch: bool) -> (Vec<Whole>, Result<Status, Status>) {
    let mut all = vec![];
    loop {
        if by_batch {
            match stream.batch(PATIENCE.as_millis() as i32) {
                Ok(batch) => all.extend(batch.events().map(Whole::of)),
                Err(end) => return (all, end.map_err(|failure| failure.status)),
            }
        } else {
            match stream.next(PATIENCE.as_millis() as i32) {
                Ok(Next::Event(event)) => all.push(Whole::of(event)),
                Ok(Next::Nothing(status)) => return (all, Ok(status)),
                Err(failure) => return (all, Err(failure.status)),
            }
        }
    }
}

/// Captures what a form gives, and gives the events of the live stream.
pub(super) fn capture(db: &mut Database<'_>, slot: &str, form: Form, path: &Path) -> Vec<Whole> {
    let copy = copy_of(db, slot);
    let options = form.options(db, &copy).with("capture_file", path.to_str().unwrap());
    let mut stream = options.open().unwrap();
    let all = read_live(&mut stream);
    drop(stream);
    drop_slot(db, &copy);
    all
}

pub(super) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    (folder, path)
}

#[track_caller]
fn same(got: &[Whole], expected: &[Whole], what: &str) {
    // The live stream may have been read further than the consumer did.
    assert!(got.len() >= expected.len(), "{what}: {} events of {}", got.len(), expected.len());
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got, expected, "{what}: event {at}");
    }
}

fn the_same_events_in_every_form(version: u32) {
    let server = Server::start(version, &["max_prepared_transactions=20"]);
    let mut db = server.database();
    workload::tables(&mut db, 2);
    let slot = db.slot();
    workload::run(&mut db, 2, 2_000, 11, true);
    let form =
        |proto_version, streaming, two_phase, binary| Form { proto_version, streaming, two_phase, binary };
    let forms = [
        form("1", "off", false, false),
        form("2", "on", false, true),
        form("3", "on", true, false),
        form("4", "parallel", true, true),
    ];
    for form in forms.into_iter().filter(|form| form.asks() <= highest(version)) {
        let (_folder, path) = folder();
        let live = capture(&mut db, &slot, form, &path);
        assert!(live.len() > 500);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut first = None;
        for (by_batch, bounds) in [(false, ("4096", "128kB")), (true, ("16", "4kB")), (true, ("1000", "1MB"))]
        {
            let options = Options::new().with("batch_events", bounds.0).with("batch_bytes", bounds.1);
            let mut stream = options.replay(&path).unwrap();
            let (all, end) = read_replay(&mut stream, by_batch);
            assert_eq!(end, Ok(Status::WAL_END), "{form:?}");
            same(&all, &live, &format!("{form:?} {bounds:?}"));
            assert_eq!(first.get_or_insert_with(|| all.clone()), &all, "{form:?}: replays differ");
            let stats = stream.stats();
            assert_eq!(stats.server_version / 10_000, major(version));
            assert!(stats.events as usize >= live.len() && stats.bytes_received > 10_000);
        }
    }
}

fn payloads_come_as_they_came(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t SELECT i, repeat('x', i) FROM generate_series(1, 300) i");
    let (_folder, path) = folder();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("decode", "off");
    let mut stream = options.with("capture_file", path.to_str().unwrap()).open().unwrap();
    let mut live = vec![];
    while live.len() < 303 {
        match stream.next(PATIENCE.as_millis() as i32).unwrap() {
            Next::Event(event) if is_progress(event) => {}
            Next::Event(event) => live.push(Whole::of(event)),
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
    drop(stream);
    let mut stream = Options::new().replay(&path).unwrap();
    let (all, end) = read_replay(&mut stream, true);
    assert_eq!(end, Ok(Status::WAL_END));
    same(&all, &live, "raw");
    // The same bytes decoded, since they are pgoutput's.
    let mut stream = Options::new().with("decode", "on").replay(&path).unwrap();
    let (all, end) = read_replay(&mut stream, true);
    assert_eq!(end, Ok(Status::WAL_END));
    let inserts = all.iter().filter(|it| it.fields[0] >> 32 == K::WAL_EVENT_INSERT as u64);
    assert_eq!(inserts.count(), 300);
}

on_every_version! {
    the_same_events_in_every_form
    payloads_come_as_they_came
}

/// A capture of a small table, and its events.
fn small(db: &mut Database<'_>, path: &Path) -> Vec<Whole> {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE done (n int); CREATE PUBLICATION pub FOR ALL TABLES");
    let slot = db.slot();
    for id in 0..5 {
        db.run(&format!("INSERT INTO t VALUES ({id}, 'row {id}')"));
    }
    db.run("INSERT INTO done VALUES (1)");
    capture(db, &slot, super::forms::PLAIN, path)
}

fn a_cut_capture_says_so_behind_what_is_whole(version: u32) {
    let mut db = Server::shared(version).database();
    let (folder, path) = folder();
    let live = small(&mut db, &path);
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    let mut most = 0;
    for length in 0..bytes.len() {
        fs::write(&cut, &bytes[..length]).unwrap();
        let (all, end) = match Options::new().replay(&cut) {
            Ok(mut stream) => read_replay(&mut stream, length % 2 == 0),
            Err(failure) => {
                assert!(failure.message.contains("offset"), "{failure:?}");
                (vec![], Err(failure.status))
            }
        };
        assert_eq!(end, Err(Status::WAL_E_CAPTURE), "cut at {length}");
        assert!(all.len() >= most, "cut at {length}: less than before");
        most = all.len();
        same(&live[..all.len().min(live.len())], &all[..all.len().min(live.len())], "cut");
    }
    assert!(most >= live.len(), "all but the end mark gives all events");
    for place in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x20;
        fs::write(&cut, &changed).unwrap();
        let end = match Options::new().replay(&cut) {
            Ok(mut stream) => read_replay(&mut stream, true).1,
            Err(failure) => Err(failure.status),
        };
        assert_eq!(end, Err(Status::WAL_E_CAPTURE), "changed at {place}");
    }
}

fn the_recorded_pauses_are_kept(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let (_folder, path) = folder();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("capture_file", path.to_str().unwrap());
    let mut stream = options.open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    stream.read_transactions(1);
    std::thread::sleep(Duration::from_millis(1500));
    db.run("INSERT INTO t VALUES (2)");
    stream.read_transactions(1);
    drop(stream);

    let mut stream = Options::new().with("replay_pace", "recorded").replay(&path).unwrap();
    stream.read_transactions(1);
    let begin = Instant::now();
    stream.read_transactions(1);
    assert!(begin.elapsed() >= Duration::from_millis(1200), "{:?}", begin.elapsed());
    // A pause is no reason to wait for the end of it.
    let stream = Options::new().with("replay_pace", "recorded").replay(&path).unwrap();
    let begin = Instant::now();
    drop(stream);
    assert!(begin.elapsed() < PATIENCE / 10);
}

fn a_replay_is_a_stream(version: u32) {
    let mut db = Server::shared(version).database();
    let (folder, path) = folder();
    small(&mut db, &path);
    let mut stream = Options::new().replay(&path).unwrap();
    assert!(stream.is_readable(PATIENCE.as_millis() as i32));
    let mut acked = 0;
    while let Next::Event(event) = stream.next(PATIENCE.as_millis() as i32).unwrap() {
        let ack = event.fields().ack_lsn;
        if ack != 0 {
            assert_eq!(stream.ack(ack + 1).unwrap_err().status, Status::WAL_E_ACK_BEYOND);
            stream.ack(ack).unwrap();
            acked = ack;
        }
    }
    assert!(acked > 0 && stream.is_readable(0), "the end is there to be seen");
    assert_eq!(stream.flush(10_000).unwrap(), Status::WAL_OK);
    assert_eq!(stream.connect(0).unwrap_err().status, Status::WAL_E_STATE);
    stream.interrupt();
    assert_eq!(stream.next_status(0).unwrap(), Status::WAL_INTERRUPTED);
    assert_eq!(stream.next_status(0).unwrap(), Status::WAL_END);

    // Batches outlive the replay.
    let stream = Options::new().replay(&path).unwrap();
    let Ok(batch) = stream.batch(PATIENCE.as_millis() as i32) else { panic!("a batch") };
    drop(stream);
    assert!(batch.events().count() > 0);

    for (what, wrong) in [("missing", folder.path().join("none")), ("no capture", "/proc/self/exe".into())] {
        let failure = Options::new().replay(&wrong).map(drop).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_CAPTURE, "{what}");
        assert!(failure.is_fatal || !failure.is_retriable);
    }
    // SAFETY: NULL is what is tried.
    unsafe {
        let mut out = std::ptr::dangling_mut();
        let status =
            capi::wal_replay_open(std::ptr::null(), std::ptr::null(), &raw mut out, std::ptr::null_mut());
        assert!(status == Status::WAL_E_INVALID_ARGUMENT as i32 && out.is_null());
    }
}

fn no_file_is_overwritten_and_no_password_written(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let name = crate::harness::server::unique("s3cret_role");
    db.run(&format!("CREATE ROLE {name} LOGIN SUPERUSER REPLICATION PASSWORD 'hunter2-hunter2'"));
    let slot = db.slot();
    let (_folder, path) = folder();
    fs::write(&path, "precious").unwrap();
    let conninfo = db.conninfo().replace("user=postgres", &format!("user={name} password=hunter2-hunter2"));
    let options = Options::stream(&conninfo, &slot, "pub").with("capture_file", path.to_str().unwrap());
    let failure = options.open().map(drop).unwrap_err();
    assert_eq!((failure.status, failure.os_errno), (Status::WAL_E_CAPTURE, libc::EEXIST), "{failure:?}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
    // An attempt that failed leaves the stream to be connected again, and its capture with it.
    let stream = options.new_stream().unwrap();
    db.run("ALTER PUBLICATION pub RENAME TO other");
    assert_eq!(stream.connect(-1).unwrap_err().status, Status::WAL_E_PUBLICATION_MISSING);
    db.run("ALTER PUBLICATION other RENAME TO pub");
    assert_eq!(stream.connect(-1).unwrap(), Status::WAL_OK);
    let mut stream = stream;
    db.run("INSERT INTO t VALUES (1)");
    stream.read_transactions(1);
    drop(stream);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "a password is in the capture");
    let (all, end) = read_replay(&mut Options::new().replay(&path).unwrap(), false);
    assert_eq!(end, Ok(Status::WAL_END));
    assert!(all.len() >= 4);
}

/// The messages of a capture as on the wire, each with the kind of what it carries.
fn frames(path: &Path) -> Vec<(u8, Vec<u8>)> {
    let mut reader = Reader::new(fs::File::open(path).unwrap()).unwrap();
    let mut bytes = vec![];
    while let Some(head) = reader.next().unwrap() {
        bytes.extend(if head.kind == Entry::Received { reader.body() } else { &[] });
    }
    let (mut all, mut rest) = (vec![], &bytes[..]);
    while let Ok(Frame::Complete { body, total, .. }) = split(rest) {
        all.push((if body[0] == b'w' { body[25] } else { 0 }, rest[..total].to_vec()));
        rest = &rest[total..];
    }
    all
}

fn several_connections_are_one_stream(version: u32) {
    let mut db = Server::shared(version).database();
    let (folder, path) = folder();
    small(&mut db, &path);
    let expected = changes(&read_replay(&mut Options::new().replay(&path).unwrap(), true).0);
    let frames = frames(&path);
    let described = frames.iter().find(|frame| frame.0 == b'R').unwrap();
    let second = frames.iter().enumerate().filter(|(_, frame)| frame.0 == b'B').nth(2).unwrap().0;
    let join = |frames: &[(u8, Vec<u8>)]| frames.iter().flat_map(|frame| frame.1.clone()).collect::<Vec<_>>();
    // A connection that breaks inside a message, one that the server ends, and one that goes on behind both.
    let broken = [join(&frames[..second]), frames[second].1[..9].to_vec()].concat();
    let ended = b"c\0\0\0\x04".to_vec();
    let rest = [&frames[second..=second], slice::from_ref(described), &frames[second + 1..]].concat();
    let two = folder.path().join("two");
    let mut writer = Writer::new(fs::File::create(&two).unwrap()).unwrap();
    for bytes in [broken, ended.clone(), join(&rest)] {
        writer.epoch(Duration::ZERO, &Epoch::new(0).with("decode", "on")).unwrap();
        writer.received(Duration::ZERO, &bytes).unwrap();
    }
    writer.finish(Duration::ZERO).unwrap();
    let (all, end) = read_replay(&mut Options::new().replay(&two).unwrap(), true);
    assert_eq!(end, Ok(Status::WAL_END));
    assert_eq!(changes(&all), expected);

    // What ended the last connection ended the stream.
    let mut writer = Writer::new(fs::File::create(&two).unwrap()).unwrap();
    writer.epoch(Duration::ZERO, &Epoch::new(0)).unwrap();
    writer.received(Duration::ZERO, &[join(&frames), ended].concat()).unwrap();
    writer.finish(Duration::ZERO).unwrap();
    let (all, end) = read_replay(&mut Options::new().replay(&two).unwrap(), false);
    assert_eq!((changes(&all), end), (expected, Err(Status::WAL_E_SERVER_SHUTDOWN)));
}

/// The rows of the inserts.
fn changes(all: &[Whole]) -> Vec<Vec<(u8, Vec<u8>)>> {
    let inserts = all.iter().filter(|it| it.fields[0] >> 32 == K::WAL_EVENT_INSERT as u64);
    inserts.map(|it| it.values.clone()).collect()
}

on_versions! { several_connections_are_one_stream v17 17 }
on_versions! { a_cut_capture_says_so_behind_what_is_whole v18 18 }
on_versions! { the_recorded_pauses_are_kept v17 17 }
on_versions! { a_replay_is_a_stream v16 16 }
on_versions! { no_file_is_overwritten_and_no_password_written v15 15 }
