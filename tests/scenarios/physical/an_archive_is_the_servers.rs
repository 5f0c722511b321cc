//! An archive has the server's segments byte for byte, goes on where it ended however it ended, says what is missing, and a server
//! is restored from it.

use std::ffi::{CStr, CString};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, ptr, thread};

use super::{options, segment, text};
use crate::harness::server::{Stop, free_port, new_folder, spawn, wait_for_exit};
use crate::harness::stream::call;
use crate::harness::{Database, Failure, Options, PATIENCE, Program, Random, Server, abi, eventually};
use pgwalstream::engine::ArchiveEventKind::{self, *};
use pgwalstream::error::Status;

const SEGMENT: u64 = 16 << 20;

/// An archiver of the C API.
struct Archiver(*mut abi::wal_archive);

// SAFETY: the header: any thread, one at a time.
unsafe impl Send for Archiver {}

/// What it told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    kind: u32,
    timeline: u32,
    start: u64,
    end: u64,
    name: String,
}

impl Told {
    fn is(&self, kind: ArchiveEventKind) -> bool {
        self.kind == kind as u32
    }
}

impl Archiver {
    fn new(options: &Options) -> Result<Self, Failure> {
        let mut out = ptr::null_mut();
        // SAFETY: live options and an out-parameter of this frame.
        call(|err| unsafe { abi::wal_archive_new(options.raw(), &raw mut out, err) })?;
        Ok(Self(out))
    }

    fn next(&mut self, timeout_ms: i32) -> Result<Result<Told, Status>, Failure> {
        let mut out = ptr::null();
        // SAFETY: a live handle and an out-parameter of this frame.
        let status = call(|err| unsafe { abi::wal_archive_next(self.0, timeout_ms, &raw mut out, err) })?;
        if status != Status::WAL_OK {
            assert!(out.is_null());
            return Ok(Err(status));
        }
        // SAFETY: good until the next call.
        Ok(Ok(unsafe {
            Told {
                kind: abi::wal_archive_event_kind(out),
                timeline: abi::wal_archive_event_timeline(out),
                start: abi::wal_archive_event_start_lsn(out),
                end: abi::wal_archive_event_end_lsn(out),
                name: CStr::from_ptr(abi::wal_archive_event_name(out)).to_str().unwrap().to_owned(),
            }
        }))
    }

    /// Goes on until something is told that is wanted.
    #[track_caller]
    fn until(&mut self, mut wanted: impl FnMut(&Told) -> bool) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self
                .next(PATIENCE.as_millis() as i32)
                .unwrap_or_else(|failure| panic!("{failure:?} after {all:?}"));
            let told = told.unwrap_or_else(|status| panic!("{status:?} after {all:?}"));
            all.push(told.clone());
            if wanted(&told) {
                return all;
            }
        }
    }

    fn standing(&self) -> abi::wal_archive_standing {
        let mut out = abi::wal_archive_standing::default();
        // SAFETY: a live handle and a struct of the size that is told.
        call(|err| unsafe { abi::wal_archive_status(self.0, &raw mut out, size_of_val(&out), err) }).unwrap();
        out
    }

    /// Goes on until it has written up to a position.
    #[track_caller]
    fn written(&mut self, lsn: u64) {
        let end = Instant::now() + PATIENCE;
        while self.standing().written_lsn < lsn {
            self.next(50).unwrap().ok();
            assert!(Instant::now() < end, "{} of {}", text(self.standing().written_lsn), text(lsn));
        }
    }
}

impl Drop for Archiver {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { abi::wal_archive_free(self.0) };
    }
}

fn archive(server: &Server, folder: &Path) -> Options {
    let directory = folder.join("archive");
    options(server).with("archive_directory", directory.to_str().unwrap()).with("reconnect_initial", "20ms")
}

fn fetch(folder: &Path, name: &str, target: &Path) -> Result<Status, Failure> {
    let terminated = |path: &Path| CString::new(path.to_str().unwrap()).unwrap();
    let (folder, name) = (terminated(&folder.join("archive")), CString::new(name).unwrap());
    let target = terminated(target);
    // SAFETY: terminated texts.
    call(|err| unsafe { abi::wal_archive_fetch(folder.as_ptr(), name.as_ptr(), target.as_ptr(), err) })
}

/// What is wrong with an archive: kinds, names and messages; and how many segments were read.
fn check(folder: &Path) -> (u64, Vec<(u32, String, String)>) {
    let directory = CString::new(folder.join("archive").to_str().unwrap()).unwrap();
    let mut report = ptr::null_mut();
    // SAFETY: a terminated text and an out-parameter of this frame.
    call(|err| unsafe { abi::wal_archive_check(directory.as_ptr(), &raw mut report, err) }).unwrap();
    // SAFETY: a live report, freed once.
    unsafe {
        let own = |text| CStr::from_ptr(text).to_str().unwrap().to_owned();
        let faults = (0..abi::wal_archive_report_faults(report)).map(|at| {
            assert!(
                abi::wal_archive_report_start_lsn(report, at) <= abi::wal_archive_report_end_lsn(report, at)
            );
            let (name, message) =
                (abi::wal_archive_report_name(report, at), abi::wal_archive_report_message(report, at));
            (abi::wal_archive_report_kind(report, at), own(name), own(message))
        });
        let all = (abi::wal_archive_report_segments(report), faults.collect());
        abi::wal_archive_report_free(report);
        all
    }
}

/// Every complete segment of the archive is the server's.
fn compare(server: &Server, folder: &Path, size: u64) -> u64 {
    let mut compared = 0;
    for entry in fs::read_dir(folder.join("archive")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_str().unwrap().to_owned();
        if name.len() == 24 {
            let ours = fs::read(entry.path()).unwrap();
            assert_eq!(ours.len() as u64, size, "{name}");
            assert!(ours == server.wal_file(&name), "{name} differs");
            compared += 1;
        }
    }
    compared
}

fn write(db: &mut Database<'_>, segments: u32) {
    db.run("CREATE TABLE IF NOT EXISTS t (id int, filler text)");
    for _ in 0..segments {
        db.run("INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 5000) n");
        db.run("SELECT pg_switch_wal()");
    }
}

fn every_segment_is_the_servers(version: u32) {
    for (megabytes, server) in [
        (16, Server::start(version, &["wal_keep_size=1GB"])),
        (1, Server::start_with_segments(version, 1, &["min_wal_size=2MB", "wal_keep_size=1GB"])),
    ] {
        let (folder, size) = (new_folder(), megabytes << 20);
        let mut db = server.database();
        let options = archive(&server, &folder).with("slot", "archive").with("slot_create", "if_missing");
        let mut archiver = Archiver::new(&options).unwrap();
        let started = archiver.until(|told| told.is(WAL_ARCHIVE_STARTED)).pop().unwrap();
        assert_eq!(started.start % size, 0, "it begins with a whole segment");
        write(&mut db, 5);
        let mut left = 5;
        let told = archiver.until(|told| {
            left -= i32::from(told.is(WAL_ARCHIVE_SEGMENT));
            left == 0
        });
        let first = told.iter().find(|told| told.is(WAL_ARCHIVE_SEGMENT)).unwrap();
        assert_eq!(
            (first.name.clone(), first.start),
            (segment(1, started.start / size, size), started.start)
        );
        assert!(compare(&server, &folder, size) >= 5);
        // What lasts the server may forget.
        let lasts = archiver.standing().durable_lsn;
        let query = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'archive'";
        eventually("the slot moves", || db.lsn(query) >= lasts);
        let (segments, faults) = check(&folder);
        assert!(segments >= 5 && faults.is_empty(), "{faults:?}");
        // It goes on in the segment that is not complete.
        drop(archiver);
        write(&mut db, 2);
        let end = db.lsn("SELECT pg_current_wal_flush_lsn()");
        let mut archiver = Archiver::new(&options).unwrap();
        archiver.written(end);
        assert!(compare(&server, &folder, size) >= 7);
        assert_eq!(check(&folder).1, []);
        let system = db.text("SELECT system_identifier FROM pg_control_system()");
        let standing = archiver.standing();
        assert_eq!((standing.system_identifier.to_string(), standing.segment_size), (system, size));
    }
}

on_every_version! { every_segment_is_the_servers }

/// The archiver is killed at any moment, the server sometimes too, and the next archiver goes on.
#[test]
fn ph9_an_archiver_that_is_killed_goes_on_without_a_hole() {
    let server = Server::start_with_segments(18, 1, &["min_wal_size=2MB", "wal_keep_size=1GB"]);
    let folder = new_folder();
    let name = {
        let mut db = server.database();
        db.run("CREATE TABLE t (id int, filler text)");
        db.name.clone()
    };
    let program = Program::build("examples-c/wal_receive.c");
    let start = || {
        program.start(|command| {
            command.arg(folder.join("archive")).arg(server.conninfo("postgres")).arg("archive");
            command.args(["connect_wait=60s", "reconnect_initial=20ms"]).stdout(Stdio::null());
        })
    };
    let seed = Random::fresh_seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for round in 0..40 {
        let mut archiver = start();
        let mut sql = server.client(&name);
        for _ in 0..4 {
            sql.batch_execute("INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 800) n")
                .unwrap();
        }
        drop(sql);
        thread::sleep(Duration::from_millis(random.below(120)));
        if round % 10 == 9 {
            server.stop(Stop::Immediate);
            server.restart();
        }
        archiver.kill().unwrap();
        archiver.wait().unwrap();
    }
    let options = archive(&server, &folder).with("slot", "archive").with("connect_wait", "60s");
    let mut archiver = Archiver::new(&options).unwrap();
    let end = server.database().lsn("SELECT pg_current_wal_flush_lsn()");
    archiver.written(end);
    let (segments, faults) = check(&folder);
    assert!(segments >= 40 && faults.is_empty(), "{segments} {faults:?}");
    assert_eq!(compare(&server, &folder, 1 << 20), segments);
}

/// 24 MB for segments of 16: the second one has no room. Nothing ends, and with room again it goes on by itself.
#[test]
fn ph5_a_full_disk_is_waited_out() {
    let server = Server::start(18, &[]);
    let folder = new_folder();
    let mut db = server.database();
    let program = Program::build("examples-c/wal_receive.c");
    let (mount, room, told) = (folder.join("disk"), folder.join("room"), folder.join("told"));
    fs::create_dir(&mount).unwrap();
    // The file system is seen by these processes only, and goes with them.
    let script = "mount -t tmpfs -o size=24m tmpfs \"$1\" || exit 9
        \"$3\" \"$1/archive\" \"$4\" archive >\"$5\" &
        receiver=$!
        until [ -e \"$2\" ]; do sleep 0.05; kill -0 $receiver || exit 8; done
        mount -o remount,size=200m \"$1\" || exit 7
        until [ -e \"$2.end\" ]; do sleep 0.05; kill -0 $receiver || exit 6; done
        kill -TERM $receiver && wait $receiver && cp -a \"$1/archive\" \"$2.archive\"";
    let mut command = Command::new("unshare");
    // SAFETY: plain system call.
    command.arg(if unsafe { libc::geteuid() } == 0 { "-m" } else { "-rm" }).args(["sh", "-c", script, "sh"]);
    command
        .arg(&mount)
        .arg(&room)
        .arg(program.command().get_program())
        .arg(server.conninfo("postgres"))
        .arg(&told);
    command.stdin(Stdio::null());
    let mut child = spawn(command).unwrap();
    let says = |what: &str| {
        fs::read_to_string(&told).is_ok_and(|text| text.lines().any(|line| line.starts_with(what)))
    };
    eventually("it receives", || says("started"));
    write(&mut db, 4);
    eventually("the disk is full", || says("the disk is full"));
    // The server is answered, and keeps the WAL.
    let kept = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'archive' AND active";
    let stood = db.lsn(kept);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(db.lsn(kept), stood);
    fs::write(&room, "").unwrap();
    eventually("there is room", || says("there is room again"));
    let last = db.lsn("SELECT pg_current_wal_flush_lsn()") & !(SEGMENT - 1);
    eventually("all is had", || db.lsn(kept) >= last);
    fs::write(folder.join("room.end"), "").unwrap();
    assert!(wait_for_exit(&mut child).unwrap().success());
    fs::rename(folder.join("room.archive"), folder.join("archive")).unwrap();
    assert!(compare(&server, &folder, SEGMENT) >= 4);
    assert_eq!(check(&folder).1, []);
}

/// A timeline switch under the archiver, and a server restored from it has every row.
fn ph7_a_promotion_is_archived_and_a_server_restored_from_it(version: u32) {
    let primary = Server::start(version, &["wal_keep_size=1GB"]);
    let folder = new_folder();
    let name = {
        let mut db = primary.database();
        db.run("CREATE TABLE t (id int, filler text)");
        db.name.clone()
    };
    let fetched = new_folder();
    primary.stop(Stop::Fast);
    let mut restored = primary.copy_to_recover(&[&format!("restore_command=cp {}/%f %p", fetched.display())]);
    primary.restart();
    let standby = primary.standby(&["wal_keep_size=1GB"]);
    let mut archiver = Archiver::new(&archive(&standby, &folder)).unwrap();
    archiver.until(|told| told.is(WAL_ARCHIVE_STARTED));
    let mut sql = primary.client(&name);
    sql.batch_execute("INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 60000) n").unwrap();
    let row = sql.query_one("SELECT (pg_current_wal_flush_lsn() - '0/0')::int8", &[]).unwrap();
    archiver.written(row.get::<_, i64>(0).unsigned_abs());
    standby.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
    let told = archiver.until(|told| told.is(WAL_ARCHIVE_TIMELINE)).pop().unwrap();
    assert_eq!((told.timeline, told.name.as_str()), (2, "00000002.history"));
    assert_eq!(told.start, told.end & !(SEGMENT - 1));
    let mut sql = standby.client(&name);
    sql.batch_execute("INSERT INTO t SELECT n, repeat('y', 400) FROM generate_series(1, 60000) n").unwrap();
    let row = sql.query_one("SELECT (pg_current_wal_flush_lsn() - '0/0')::int8", &[]).unwrap();
    archiver.written(row.get::<_, i64>(0).unsigned_abs());
    drop(archiver);
    let history = fs::read(folder.join("archive/00000002.history")).unwrap();
    assert_eq!(history, standby.wal_file("00000002.history"));
    assert!(compare(&standby, &folder, SEGMENT) >= 3);
    assert_eq!(check(&folder).1, []);
    // Recovery asks for files by name; what is not complete is filled up.
    let of_segments = |timeline| (0..32).map(move |number| segment(timeline, number, SEGMENT));
    for name in ["00000002.history".to_owned()].into_iter().chain(of_segments(1)).chain(of_segments(2)) {
        let target = fetched.join(&name);
        if fetch(&folder, &name, &target) == Ok(Status::WAL_OK) {
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    // The one that was free before may not be any more.
    restored.port = free_port();
    restored.restart();
    eventually("it is recovered", || {
        let row = restored.client("postgres").query_one("SELECT pg_is_in_recovery()", &[]).unwrap();
        !row.get::<_, bool>(0)
    });
    let row = restored
        .client(&name)
        .query_one("SELECT count(*), count(*) FILTER (WHERE filler LIKE 'y%') FROM t", &[]);
    let row = row.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (120_000, 60_000), "every committed row");
}

on_versions! { ph7_a_promotion_is_archived_and_a_server_restored_from_it v18 18; v14 14 }

/// Two writers, another system, other bytes, a wrong length, a hole: each is said, and nothing is written over.
#[test]
fn ph8_what_does_not_belong_there_is_refused() {
    let (server, other) = (Server::start(18, &["wal_keep_size=1GB"]), Server::start_apart(18, &[]));
    let folder = new_folder();
    let mut db = server.database();
    let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
    let started = archiver.until(|told| told.is(WAL_ARCHIVE_STARTED)).pop().unwrap();
    write(&mut db, 4);
    let mut segments = Vec::new();
    archiver.until(|told| {
        segments.extend(told.is(WAL_ARCHIVE_SEGMENT).then(|| told.name.clone()));
        segments.len() == 4
    });
    let second = Archiver::new(&archive(&server, &folder)).err().unwrap();
    assert_eq!(second.status, Status::WAL_E_ARCHIVE, "{second:?}");
    drop(archiver);
    let mut stranger = Archiver::new(&archive(&other, &folder)).unwrap();
    let refused = stranger.next(PATIENCE.as_millis() as i32).unwrap_err();
    assert_eq!(refused.status, Status::WAL_E_ARCHIVE_IDENTITY, "{refused:?}");
    drop(stranger);
    let path = |name: &str| folder.join("archive").join(name);
    // The file that says whose it is was lost: the segments say it.
    fs::remove_file(path(".pgwalstream-archive")).unwrap();
    let mut stranger = Archiver::new(&archive(&other, &folder)).unwrap();
    assert_eq!(
        stranger.next(PATIENCE.as_millis() as i32).unwrap_err().status,
        Status::WAL_E_ARCHIVE_IDENTITY
    );
    drop(stranger);
    // A segment that is missing in the middle is a hole.
    fs::rename(path(&segments[1]), path("aside")).unwrap();
    let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
    let hole = archiver.until(|told| told.is(WAL_ARCHIVE_HOLE)).pop().unwrap();
    assert_eq!((hole.start, hole.end), (started.start + SEGMENT, started.start + 2 * SEGMENT));
    drop(archiver);
    let (_, faults) = check(&folder);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].0, 1);
    fs::rename(path("aside"), path(&segments[1])).unwrap();
    // PH14: each class of damage is named.
    let whole = fs::read(path(&segments[2])).unwrap();
    for (at, kind) in [(0, 3), (8, 3), (24, 4), (8192 + 9, 3), (100 * 8192 + 4, 3)] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(path(&segments[2]), &damaged).unwrap();
        let (_, faults) = check(&folder);
        let found = faults.iter().any(|(of, name, _)| *of == kind && *name == segments[2]);
        let is_empty_page = at > 8192 && whole[at / 8192 * 8192..][..8192].iter().all(|byte| *byte == 0);
        assert!(found || is_empty_page && !faults.is_empty(), "byte {at}: {faults:?}");
    }
    fs::write(path(&segments[2]), &whole[..whole.len() - 1]).unwrap();
    let (_, faults) = check(&folder);
    assert!(faults.iter().any(|(kind, name, _)| *kind == 2 && *name == segments[2]), "{faults:?}");
    let wrong = Archiver::new(&archive(&server, &folder)).err().unwrap();
    assert!(wrong.status == Status::WAL_E_ARCHIVE && wrong.message.contains(&segments[2]), "{wrong:?}");
    let target = folder.join("target");
    let short = fetch(&folder, &segments[2], &target).unwrap_err();
    assert!(short.status == Status::WAL_E_ARCHIVE && !target.exists(), "{short:?}");
    fs::write(path(&segments[2]), &whole).unwrap();
    assert_eq!(fetch(&folder, &segments[2], &target), Ok(Status::WAL_OK));
    assert!(fs::read(&target).unwrap() == whole);
    assert_eq!(fetch(&folder, "00000009.history", &target), Ok(Status::WAL_NOT_FOUND));
    assert_eq!(fetch(&folder, "../x", &target).unwrap_err().status, Status::WAL_E_INVALID_ARGUMENT);
    // The same name with other bytes comes in the way of the last one.
    let next = segment(1, started.start / SEGMENT + 4, SEGMENT);
    let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
    archiver.until(|told| told.is(WAL_ARCHIVE_STARTED));
    fs::write(path(&next), vec![7; SEGMENT as usize]).unwrap();
    write(&mut db, 1);
    let conflict = loop {
        match archiver.next(PATIENCE.as_millis() as i32) {
            Ok(told) => assert!(told.is_ok_and(|told| !told.is(WAL_ARCHIVE_SEGMENT))),
            Err(failure) => break failure,
        }
    };
    assert_eq!(conflict.status, Status::WAL_E_ARCHIVE_CONFLICT, "{conflict:?}");
    assert!(fs::read(path(&next)).unwrap().iter().all(|byte| *byte == 7), "it is as it was");
    assert!(!conflict.is_retriable && conflict.message.contains(&next), "{conflict:?}");
}

/// A stopping server is let go, and a synchronous commit returns, while nobody but the archiver makes anything safe.
#[test]
fn ph1_ph11_an_archiver_lets_servers_stop_and_commits_return() {
    let server = Server::start(18, &[]);
    let folder = new_folder();
    let mut db = server.database();
    db.run("CREATE TABLE t (id int)");
    let conninfo = format!("{} application_name=archiver", server.conninfo("postgres"));
    let options = archive(&server, &folder).with("conninfo", &conninfo).with("archive_sync", "always");
    let mut archiver = Archiver::new(&options).unwrap();
    archiver.until(|told| told.is(WAL_ARCHIVE_STARTED));
    let ended = thread::spawn(move || {
        loop {
            match archiver.next(PATIENCE.as_millis() as i32) {
                Ok(Err(Status::WAL_TIMEOUT)) => panic!("nothing ended it"),
                Ok(Ok(told)) if told.is(WAL_ARCHIVE_RECONNECTED) => return archiver,
                Ok(_) => {}
                Err(failure) => panic!("{failure:?}"),
            }
        }
    });
    server.configure(&[("synchronous_standby_names", "archiver")]);
    let begun = Instant::now();
    for id in 0..20 {
        db.run(&format!("INSERT INTO t VALUES ({id})"));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    server.configure(&[("synchronous_standby_names", "")]);
    let took = server.stop(Stop::Fast);
    assert!(took < Duration::from_secs(5), "{took:?}");
    server.restart();
    let mut archiver = ended.join().unwrap();
    let mut db = server.database();
    write(&mut db, 1);
    archiver.until(|told| told.is(WAL_ARCHIVE_SEGMENT));
    assert_eq!(check(&folder).1, []);
}

/// An archive that begins behind a promotion has the history that a restore begins with, and gets it again where it was lost. What it
/// has from another history is never written over.
#[test]
fn ph7_an_archive_that_begins_behind_a_promotion_has_its_history() {
    let primary = Server::start(18, &["wal_keep_size=1GB"]);
    let server = primary.standby(&["wal_keep_size=1GB"]);
    server.client("postgres").batch_execute("SELECT pg_promote()").unwrap();
    let folder = new_folder();
    let history = folder.join("archive/00000002.history");
    let refused = || {
        let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
        loop {
            match archiver.next(PATIENCE.as_millis() as i32) {
                Ok(told) => assert!(told.is_ok_and(|told| !told.is(WAL_ARCHIVE_SEGMENT))),
                Err(failure) => break failure.status,
            }
        }
    };
    let mut db = server.database();
    let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
    archiver.until(|told| told.is(WAL_ARCHIVE_STARTED));
    assert_eq!(fs::read(&history).unwrap(), server.wal_file("00000002.history"));
    write(&mut db, 2);
    db.run("INSERT INTO t SELECT n, repeat('x', 400) FROM generate_series(1, 50) n");
    archiver.written(db.lsn("SELECT pg_current_wal_flush_lsn()"));
    let partial = archiver.standing().written_lsn / SEGMENT;
    drop(archiver);
    assert_eq!(check(&folder).1, []);
    fs::remove_file(&history).unwrap();
    assert_eq!(check(&folder).1[0].0, 5, "a history is missing");
    let mut archiver = Archiver::new(&archive(&server, &folder)).unwrap();
    archiver.until(|told| told.is(WAL_ARCHIVE_STARTED));
    drop(archiver);
    assert_eq!(fs::read(&history).unwrap(), server.wal_file("00000002.history"));
    // Another server was promoted to a timeline of this number.
    let own = fs::read(&history).unwrap();
    fs::write(&history, "1\t0/1000100\tno recovery target specified\n").unwrap();
    assert_eq!(refused(), Status::WAL_E_FORK);
    fs::write(&history, &own).unwrap();
    // A server that lacks what was acknowledged, and one that has other bytes there.
    let partial = folder.join("archive").join(format!("{}.partial", segment(2, partial, SEGMENT)));
    let whole = fs::read(&partial).unwrap();
    let damage = |places: &[usize]| {
        let mut damaged = whole.clone();
        places.iter().for_each(|at| damaged[*at] ^= 0x55);
        fs::write(&partial, &damaged).unwrap();
    };
    // Where no page can be read each byte counts.
    damage(&[8, whole.len() - 1]);
    assert_eq!(refused(), Status::WAL_E_FORK);
    damage(&[8]);
    let sign = fs::read(&partial).unwrap();
    let status = refused();
    assert!(status == Status::WAL_E_ARCHIVE_CONFLICT && fs::read(&partial).unwrap() == sign, "{status:?}");
}

/// What is no archive never ends a recovery.
#[test]
fn a_directory_without_wal_is_no_end_of_an_archive() {
    let folder = new_folder();
    fs::create_dir(folder.join("archive")).unwrap();
    let target = folder.join("target");
    for name in ["00000002.history", "000000010000000000000003"] {
        let failure = fetch(&folder, name, &target).unwrap_err();
        assert_eq!(failure.status, Status::WAL_E_ARCHIVE, "{failure:?}");
    }
    // As a shell gives it where a path has a space.
    let program = Program::build("examples-c/wal_receive.c");
    for arguments in [&["--fetch"][..], &["--fetch", "/my", "archive", "00000002.history", "target"]] {
        let status = program.command().args(arguments).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(126), "{arguments:?}");
    }
}
