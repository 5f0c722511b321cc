//! S46: the same options make a capture at each start, in files of a bounded size or age, and a replay takes them all.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::server::unique;
use crate::harness::stream::lines;
use crate::harness::{Database, Kind, Next, Options, Seen, Server, Stream, eventually};
use crate::reconnect::cutter::Cutter;
use pgwalstream::error::Status;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.sort();
    all
}

fn table(db: &mut Database<'_>) -> String {
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    db.slot()
}

/// What a replay tells, and how it ends.
fn told(stream: &mut Stream) -> (Vec<Seen>, Result<Status, String>) {
    let mut seen = Vec::new();
    loop {
        match stream.next(30_000) {
            Ok(Next::Event(event)) => seen.push(event.copy()),
            Ok(Next::Nothing(status)) => return (seen, Ok(status)),
            Err(failure) => {
                assert_eq!(failure.status, Status::WAL_E_CAPTURE, "{failure:?}");
                return (seen, Err(failure.message));
            }
        }
    }
}

#[test]
fn s46_a_capture_in_many_files_replays_as_one() {
    let server = Server::shared(18);
    let mut db = server.database();
    let slot = table(&mut db);
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("c-%n.cap");
    // Two connections, so that the seams lie within one and the other.
    let cutter = Cutter::start(server, |number| if number == 0 { 300_000 } else { u64::MAX });
    let options = cutter.options(&db.name, &slot).with("capture_file", pattern.to_str().unwrap());
    let mut stream = options.with("capture_rotate", "64kB").open().unwrap();
    for first in [0, 1000, 2000] {
        db.run(&format!(
            "INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series({first}, {}) g",
            first + 999
        ));
    }
    let live: Vec<Seen> =
        stream.read_transactions(3).into_iter().filter(|it| it.kind != Kind::Progress).collect();
    assert!(live.iter().any(|event| event.kind == Kind::Reconnected));
    drop(stream);
    let all = files(folder.path());
    assert!(all.len() > 5, "{all:?}");
    for (path, number) in all.iter().zip(1..) {
        assert!(path.ends_with(format!("c-{number:06}.cap")), "{all:?}");
        let size = path.metadata().unwrap().len();
        assert!(size < 700_000, "{path:?} {size}");
    }
    let (again, end) = told(&mut Options::new().replay_files(&all).unwrap());
    assert_eq!(end, Ok(Status::WAL_END));
    assert_eq!(lines(&again), lines(&live));

    // One alone gives what is in it, and says what is missing; so does a hole, and another order.
    let (some, end) = told(&mut Options::new().replay(&all[0]).unwrap());
    assert!(!some.is_empty() && some.len() < again.len());
    for (whole, part) in again.iter().zip(&some) {
        assert_eq!(part.line, whole.line);
    }
    assert!(end.unwrap_err().contains("goes on in file 2, which is not named"));
    let hole = [all[0].clone(), all[2].clone()];
    let (_, end) = told(&mut Options::new().replay_files(&hole).unwrap());
    assert!(end.unwrap_err().contains("is not its file 2"));
    let late = Options::new().replay_files(&all[1..]).err().unwrap();
    assert!(late.message.contains("this is file 2 of a capture"), "{late:?}");
    let twice: Vec<PathBuf> = all.iter().chain(&all).cloned().collect();
    let (_, end) = told(&mut Options::new().replay_files(&twice).unwrap());
    assert!(end.unwrap_err().contains("more files are named"));
    assert_eq!(Options::new().replay_files(&[]).err().unwrap().status, Status::WAL_E_INVALID_ARGUMENT);
}

#[test]
fn s46_the_same_options_work_at_the_next_start_and_by_age() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let folder = tempfile::tempdir().unwrap();
    let options = |name: &str| {
        let path = folder.path().join(name).display().to_string();
        Options::stream(&db.conninfo(), &slot, "pub")
            .with("capture_file", &path)
            .with("status_interval", "100ms")
    };
    let one_name = options("fixed").with("capture_rotate", "1h").open().err().unwrap();
    assert_eq!(one_name.status, Status::WAL_E_BAD_OPTION);
    assert!(one_name.hint.contains("%n"), "{one_name:?}");
    let again = options("%t-%p-%n").with("capture_rotate", "1s");
    for starts in 1..=2 {
        let stream = again.open().unwrap();
        // Within three seconds a keepalive or a row comes to each file.
        eventually("two files", || {
            db.sql.batch_execute("INSERT INTO t SELECT max(id) + 1 FROM t WHERE EXISTS (SELECT FROM t) ON CONFLICT DO NOTHING").ok();
            let _ = stream.next_status(100);
            files(folder.path()).len() >= 2 * starts
        });
        drop(stream);
        db.sql.batch_execute("SELECT 1").unwrap();
        let active =
            format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active");
        eventually("the slot is released", || db.sql.query_one(&active, &[]).unwrap().get::<_, i64>(0) == 0);
    }
    let process = format!("Z-{}-", std::process::id());
    assert!(files(folder.path()).iter().all(|path| path.display().to_string().contains(&process)));
}

/// The child that is killed, told by this variable what to connect to.
const KILLED: &str = "PGWALSTREAM_TEST_KILLED";

#[test]
fn s46_a_first_connect_that_is_killed_leaves_no_obstacle() {
    let mut db = Server::shared(18).database();
    let slot = table(&mut db);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "sound::a_capture_goes_on_in_other_files::s46_killed"])
        .env(KILLED, format!("{port}\n{}", path.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the capture is made", || path.metadata().is_ok_and(|it| it.len() > 0));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("capture_file", path.to_str().unwrap());
    // While it lives the file is its own.
    assert_eq!(options.open().err().unwrap().status, Status::WAL_E_CAPTURE);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(path.exists());
    let mut stream = options.open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    let live = lines(&stream.read_transactions(1));
    drop(stream);
    assert_eq!(lines(&told(&mut Options::new().replay(&path).unwrap()).0), live);
    // What holds something stays.
    assert_eq!(options.open().err().unwrap().status, Status::WAL_E_CAPTURE);
}

#[test]
#[ignore = "run by the test above"]
fn s46_killed() {
    let told = std::env::var(KILLED).unwrap();
    let (port, path) = told.split_once('\n').unwrap();
    let conninfo = format!("host=127.0.0.1 port={port} user=u dbname=d sslmode=disable");
    let options = Options::stream(&conninfo, &unique("s"), "pub").with("capture_file", path);
    panic!("{:?}", options.open().map(drop));
}
