//! COPY … TO STDOUT over a connection for commands: rows in batches, as the program asks for them, through either backend.
//! Whatever ends it, the connection is there for the next command.

use std::ffi::CString;
use std::ptr;
use std::time::{Duration, Instant};

use crate::harness::stream::{Failure, Outcome, call};
use crate::harness::{Admin, Database, Options, Server, abi, eventually};
use pgwalstream::error::Status;

const TEXT: i32 = 0;
const BINARY: i32 = 1;
const LINES: i32 = 2;

type Row = Vec<Option<Vec<u8>>>;

/// A COPY of the C API, owned.
struct Copy<'a> {
    raw: *mut abi::wal_copy,
    admin: &'a Admin,
}

/// What a batch call came to.
type Rows = Result<Vec<Row>, Outcome<Status>>;

impl<'a> Copy<'a> {
    fn open(admin: &'a Admin, sql: &str, format: i32) -> Result<Self, Outcome<Status>> {
        Self::open_within(admin, sql, format, 30_000)
    }

    fn open_within(
        admin: &'a Admin,
        sql: &str,
        format: i32,
        timeout_ms: i32,
    ) -> Result<Self, Outcome<Status>> {
        let sql = CString::new(sql).unwrap();
        let mut raw = ptr::dangling_mut();
        // SAFETY: a live handle, a terminated text, out-parameters of this frame.
        let opened = call(|err| unsafe {
            abi::wal_copy_open(admin.raw(), sql.as_ptr(), format, timeout_ms, &raw mut raw, err)
        });
        if opened != Ok(Status::WAL_OK) {
            assert!(raw.is_null());
            return Err(opened);
        }
        Ok(Self { raw, admin })
    }

    fn batch(&self, timeout_ms: i32) -> Rows {
        let mut rows = ptr::dangling_mut();
        // SAFETY: a live COPY, whose connection lives too; out-parameters of this frame.
        let came = call(|err| unsafe { abi::wal_copy_next_batch(self.raw, timeout_ms, &raw mut rows, err) });
        if came != Ok(Status::WAL_OK) {
            assert!(rows.is_null());
            return Err(came);
        }
        // SAFETY: live rows, freed once; a value's bytes live as long.
        unsafe {
            let width = abi::wal_rows_column_count(rows);
            let value = |row, column| {
                let value = abi::wal_rows_value(rows, row, column);
                (!value.data.is_null()).then(|| std::slice::from_raw_parts(value.data, value.len).to_vec())
            };
            let row = |row| (0..width).map(|column| value(row, column)).collect();
            let all = (0..abi::wal_rows_count(rows)).map(row).collect();
            abi::wal_rows_free(rows);
            Ok(all)
        }
    }

    /// All rows, and how it ended.
    fn all(&self) -> (Vec<Row>, Outcome<Status>) {
        let mut all = vec![];
        loop {
            match self.batch(30_000) {
                Ok(rows) => {
                    assert!(!rows.is_empty(), "no batch is empty");
                    all.extend(rows);
                }
                Err(ended) => {
                    assert_eq!(self.batch(0), Err(ended.clone()), "it stays so");
                    return (all, ended);
                }
            }
        }
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once, before the connection, which is borrowed.
        unsafe { abi::wal_copy_free(self.raw) };
        let _ = self.admin;
    }
}

#[track_caller]
fn works(admin: &Admin) {
    assert_eq!(admin.query("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
}

#[track_caller]
fn refused(admin: &Admin, sql: &str, format: i32) -> Failure {
    let failure = match Copy::open(admin, sql, format).map(drop) {
        Err(Err(failure)) => failure,
        other => panic!("{sql}: {other:?}"),
    };
    works(admin);
    failure
}

fn backends() -> &'static [&'static str] {
    if cfg!(feature = "libpq") { &["rustls", "libpq"] } else { &["rustls"] }
}

fn through(db: &Database<'_>, backend: &str) -> Admin {
    Admin::with(&Options::new().with("conninfo", &db.conninfo()).with("backend", backend))
}

fn some(text: &[u8]) -> Option<Vec<u8>> {
    Some(text.to_vec())
}

fn values_come_as_they_were_written(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int, v text, b bytea); INSERT INTO t VALUES (1, NULL, '\\x00ff'), (2, '', ''),
         (3, E'a\\tb\\nc\\\\\\\\N\\rd\\b\\f' || chr(11) || ' ü', NULL), (-4, '\\N', '\\x5c')",
    );
    for backend in backends() {
        let admin = through(&db, backend);
        let (text, ended) = Copy::open(&admin, "COPY t TO STDOUT", TEXT).unwrap().all();
        assert_eq!(ended, Ok(Status::WAL_END));
        let odd = "a\tb\nc\\\\N\rd\u{8}\u{c}\u{b} ü".as_bytes();
        let want = vec![
            vec![some(b"1"), None, some(b"\\x00ff")],
            vec![some(b"2"), some(b""), some(b"\\x")],
            vec![some(b"3"), some(odd), None],
            vec![some(b"-4"), some(b"\\N"), some(b"\\x5c")],
        ];
        assert_eq!(text, want, "{backend}");
        let (binary, ended) =
            Copy::open(&admin, "COPY (SELECT * FROM t) TO STDOUT (FORMAT binary)", BINARY).unwrap().all();
        assert_eq!(ended, Ok(Status::WAL_END));
        let want = vec![
            vec![some(&[0, 0, 0, 1]), None, some(b"\x00\xff")],
            vec![some(&[0, 0, 0, 2]), some(b""), some(b"")],
            vec![some(&[0, 0, 0, 3]), some(odd), None],
            vec![some(&[0xff, 0xff, 0xff, 0xfc]), some(b"\\N"), some(b"\\")],
        ];
        assert_eq!(binary, want, "{backend}");
        let csv = "COPY (SELECT id, v FROM t ORDER BY id) TO STDOUT (FORMAT csv, HEADER)";
        let (lines, ended) = Copy::open(&admin, csv, LINES).unwrap().all();
        assert_eq!(ended, Ok(Status::WAL_END));
        assert_eq!(lines[..2], [vec![some(b"id,v\n")], vec![some(b"-4,\\N\n")]]);
        assert_eq!(lines.len(), 5);
        for (empty, format) in [("COPY t TO STDOUT", TEXT), ("COPY t TO STDOUT (FORMAT binary)", BINARY)] {
            db.run("BEGIN; CREATE TABLE kept AS TABLE t; TRUNCATE t; COMMIT");
            assert_eq!(Copy::open(&admin, empty, format).unwrap().all(), (vec![], Ok(Status::WAL_END)));
            db.run("INSERT INTO t TABLE kept; DROP TABLE kept");
        }
        works(&admin);
    }
}

on_versions! { values_come_as_they_were_written v14 14, v18 18 }

#[test]
fn a_row_of_20_mib_comes_whole_and_many_rows_come_in_small_batches() {
    let db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        for (format, option) in [(TEXT, ""), (BINARY, "(FORMAT binary)"), (LINES, "(FORMAT csv)")] {
            let sql = format!(
                "COPY (SELECT repeat('x', (20 << 20) + g) FROM generate_series(0, 1) g) TO STDOUT {option}"
            );
            let (rows, ended) = Copy::open(&admin, &sql, format).unwrap().all();
            assert_eq!(ended, Ok(Status::WAL_END));
            let newline = usize::from(format == LINES);
            let lengths: Vec<usize> =
                rows.iter().map(|row| row[0].as_ref().unwrap().len() - newline).collect();
            assert_eq!(lengths, [20 << 20, (20 << 20) + 1], "{backend}");
            works(&admin);
        }
        let sql =
            "COPY (SELECT g, repeat('y', 90) FROM generate_series(1, 200000) g) TO STDOUT (FORMAT binary)";
        let copy = Copy::open(&admin, sql, BINARY).unwrap();
        let (mut count, mut batches) = (0_i32, 0);
        while let Ok(rows) = copy.batch(30_000) {
            let bytes: usize = rows.iter().flatten().flatten().map(Vec::len).sum();
            assert!(bytes <= 256 << 10, "{bytes}");
            for row in rows {
                count += 1;
                assert_eq!(row[0].as_deref(), Some(&count.to_be_bytes()[..]));
            }
            batches += 1;
        }
        assert!(count == 200_000 && batches > 70, "{count} in {batches}");
    }
}

#[test]
fn an_error_in_the_middle_comes_behind_its_rows_and_leaves_the_connection() {
    let db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        for (format, option) in [(TEXT, ""), (BINARY, "(FORMAT binary)")] {
            let sql =
                format!("COPY (SELECT 1 / (70000 - g) FROM generate_series(1, 100000) g) TO STDOUT {option}");
            let (rows, ended) = Copy::open(&admin, &sql, format).unwrap().all();
            let failure = ended.unwrap_err();
            assert_eq!(
                (failure.status, failure.sqlstate.as_str()),
                (Status::WAL_E_SERVER, "22012"),
                "{failure:?}"
            );
            assert_eq!(rows.len(), 69_999, "{backend}");
            works(&admin);
        }
        // In a transaction that failed it is the program's to go on.
        admin.query("BEGIN").unwrap();
        let copy =
            Copy::open(&admin, "COPY (SELECT 1 / (1 - g) FROM generate_series(1, 1) g) TO STDOUT", TEXT)
                .unwrap();
        assert_eq!(copy.all().1.unwrap_err().sqlstate, "22012");
        drop(copy);
        admin.query("ROLLBACK").unwrap();
        works(&admin);
    }
}

/// How often a session waits for its client to read.
fn is_waiting(db: &mut Database<'_>, marker: &str) -> bool {
    db.text(&format!(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND query LIKE '%{marker}%' AND pid <> pg_backend_pid()"
    )) == "1"
}

#[test]
fn a_program_that_does_not_read_holds_the_server_back_and_one_that_has_enough_is_quickly_free() {
    let mut db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        let marker = format!("copy_{backend}");
        let sql = format!("COPY (SELECT generate_series(1, 1000000000), '{marker}') TO STDOUT");
        let copy = Copy::open(&admin, &sql, TEXT).unwrap();
        let first = copy.batch(30_000).unwrap();
        assert_eq!(first[0][0], some(b"1"));
        eventually("the server waits", || is_waiting(&mut db, &marker));
        // Nothing else goes over the connection meanwhile.
        let Err(Err(busy)) = admin.query("SELECT 1") else { panic!("a query in the middle of a COPY") };
        assert_eq!(busy.status, Status::WAL_E_STATE, "{busy:?}");
        let Err(Err(busy)) = Copy::open(&admin, "COPY (SELECT 1) TO STDOUT", TEXT).map(drop) else {
            panic!()
        };
        assert_eq!(busy.status, Status::WAL_E_STATE);
        let second = copy.batch(30_000).unwrap();
        let last = String::from_utf8(first.last().unwrap()[0].clone().unwrap()).unwrap();
        let next = String::from_utf8(second[0][0].clone().unwrap()).unwrap();
        assert_eq!(last.parse::<u64>().unwrap() + 1, next.parse::<u64>().unwrap());
        let began = Instant::now();
        drop(copy);
        let took = began.elapsed();
        println!("{backend}: free after {took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        works(&admin);
    }
}

#[test]
fn waiting_for_rows_ends_by_a_timeout_or_an_interrupt_and_the_copy_goes_on() {
    let db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        // What is less than 8 kB waits in the server's buffer.
        let sql = "COPY (SELECT g, repeat('x', 20000), pg_sleep(CASE WHEN g = 2 THEN 1 ELSE 0 END) FROM generate_series(1, 3) g) TO STDOUT";
        let copy = Copy::open(&admin, sql, TEXT).unwrap();
        let mut timeouts = 0;
        let mut rows = vec![];
        while rows.len() < 3 {
            match copy.batch(50) {
                Ok(came) => rows.extend(came),
                Err(ended) => {
                    assert_eq!(ended, Ok(Status::WAL_TIMEOUT));
                    timeouts += 1;
                }
            }
        }
        assert!(timeouts > 0 && rows[2][0] == some(b"3"));
        drop(copy);
        works(&admin);
        let sql = "COPY (SELECT repeat('x', 20000), pg_sleep(g) FROM (VALUES (0), (600)) v(g)) TO STDOUT";
        let copy = Copy::open(&admin, sql, TEXT).unwrap();
        assert_eq!(copy.batch(30_000).unwrap().len(), 1);
        admin.interrupt();
        assert_eq!(copy.batch(-1), Err(Ok(Status::WAL_INTERRUPTED)));
        assert_eq!(copy.batch(0), Err(Ok(Status::WAL_TIMEOUT)), "it goes on");
        let began = Instant::now();
        drop(copy);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        works(&admin);
        // It may be given up before the first row, too.
        let Err(ended) =
            Copy::open_within(&admin, "COPY (SELECT pg_sleep(600)) TO STDOUT", TEXT, 100).map(drop)
        else {
            panic!("it began")
        };
        assert_eq!(ended, Ok(Status::WAL_TIMEOUT), "{backend}");
        works(&admin);
    }
}

#[test]
fn what_is_no_copy_to_the_client_is_refused_and_leaves_the_connection() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int)");
    for backend in backends() {
        let admin = through(&db, backend);
        for sql in ["SELECT 1", "", "CREATE TEMPORARY TABLE IF NOT EXISTS x (i int)", "COPY t FROM STDIN"] {
            let failure = refused(&admin, sql, TEXT);
            assert_eq!(failure.status, Status::WAL_E_INVALID_ARGUMENT, "{sql}: {failure:?}");
            assert!(!failure.hint.is_empty());
        }
        for (sql, format) in [
            ("COPY (SELECT generate_series(1, 100000)) TO STDOUT", BINARY),
            ("COPY (SELECT generate_series(1, 100000)) TO STDOUT (FORMAT binary)", TEXT),
            ("COPY (SELECT 1) TO STDOUT", 3),
        ] {
            assert_eq!(refused(&admin, sql, format).status, Status::WAL_E_INVALID_ARGUMENT, "{sql}");
        }
        assert_eq!(refused(&admin, "COPY nowhere TO STDOUT", TEXT).sqlstate, "42P01");
        // What is divided otherwise than it was said is told behind the rows that were.
        let sql = "COPY (SELECT generate_series(1, 100000), 2) TO STDOUT (DELIMITER ',')";
        let (rows, ended) = Copy::open(&admin, sql, TEXT).unwrap().all();
        let failure = ended.unwrap_err();
        assert!(
            rows.is_empty() && failure.status == Status::WAL_E_PROTOCOL && !failure.hint.is_empty(),
            "{failure:?}"
        );
        works(&admin);
        for behind in
            ["SELECT 2", "COPY (SELECT 2) TO STDOUT", "COPY (SELECT generate_series(1, 100000)) TO STDOUT"]
        {
            let sql = format!("COPY (SELECT 1) TO STDOUT; {behind}");
            let (rows, ended) = Copy::open(&admin, &sql, TEXT).unwrap().all();
            let status = ended.unwrap_err().status;
            assert_eq!((rows.len(), status), (1, Status::WAL_E_INVALID_ARGUMENT), "{backend} {behind}");
            works(&admin);
        }
    }
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_a_copy_is_lost_and_can_be_made_again() {
    let mut db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        let pid = admin.query("SELECT pg_backend_pid()").unwrap()[0][0].clone().unwrap();
        let copy =
            Copy::open(&admin, "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT", TEXT).unwrap();
        copy.batch(30_000).unwrap();
        db.run(&format!("SELECT pg_terminate_backend({pid})"));
        let (_, ended) = copy.all();
        assert!(ended.as_ref().unwrap_err().is_retriable, "{ended:?}");
        drop(copy);
        assert_eq!(admin.connect(30_000), Ok(Status::WAL_OK));
        works(&admin);
    }
}

#[test]
fn a_copy_and_its_connection_are_freed_in_any_order() {
    let db = Server::shared(18).database();
    for backend in backends() {
        let admin = through(&db, backend);
        let endless = "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT";
        let copy = Copy::open(&admin, endless, TEXT).unwrap();
        copy.batch(30_000).unwrap();
        let raw = copy.raw;
        std::mem::forget(copy);
        drop(admin);
        let mut rows = ptr::dangling_mut();
        // SAFETY: a live COPY, freed once; out-parameters of this frame.
        let came = unsafe {
            let came = call(|err| abi::wal_copy_next_batch(raw, 0, &raw mut rows, err));
            abi::wal_copy_free(raw);
            came
        };
        assert_eq!(came.unwrap_err().status, Status::WAL_E_STATE, "what is cut never looks complete");
        assert!(rows.is_null());
    }
}

#[test]
fn text_that_has_backslashes_in_its_characters_is_refused() {
    let mut db = Server::shared(18).database();
    // U+8868 is 0x95 0x5C there.
    db.run("CREATE TABLE t (v text); INSERT INTO t VALUES ('\u{8868}n')");
    for backend in backends() {
        let admin = through(&db, backend);
        for named in ["COPY t TO STDOUT (ENCODING 'sjis')", "COPY t TO STDOUT ENCODING 'Shift_JIS_2004'"] {
            assert_eq!(refused(&admin, named, TEXT).status, Status::WAL_E_INVALID_ARGUMENT);
        }
        admin.query("SET client_encoding = 'SJIS'").unwrap();
        let failure = refused(&admin, "COPY t TO STDOUT", TEXT);
        assert!(
            failure.status == Status::WAL_E_INVALID_ARGUMENT && failure.message.contains("SJIS"),
            "{failure:?}"
        );
        let (lines, _) = Copy::open(&admin, "COPY t TO STDOUT", LINES).unwrap().all();
        assert_eq!(lines, [[some(b"\x95\x5cn\n")]]);
        admin.query("SET client_encoding = 'UTF8'").unwrap();
        let (rows, _) = Copy::open(&admin, "COPY t TO STDOUT", TEXT).unwrap().all();
        assert_eq!(rows, [[some("\u{8868}n".as_bytes())]]);
    }
}
