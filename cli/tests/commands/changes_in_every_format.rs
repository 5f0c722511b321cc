//! `tail` and `replay` write every format that there is, of the tables that are wanted.

use std::process::Command;

use crate::harness::server::{new_folder, signal_process, wait_for_exit};
use crate::harness::{Server, eventually};

use crate::run::{STREAMS, command, finish, lines, read_lines, run};

const SETUP: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text, total numeric);
    CREATE TABLE orders_old (id int PRIMARY KEY); CREATE TABLE \"Odd\" (id int PRIMARY KEY)";
const CHANGES: [&str; 3] = [
    "INSERT INTO orders VALUES (1, E'it''s\\n\\x1b[31mred', 10.50), (2, NULL, NULL)",
    "BEGIN; UPDATE orders SET total = 11 WHERE id = 1; UPDATE orders SET id = 3 WHERE id = 2; DELETE FROM orders WHERE id = 3; COMMIT",
    "BEGIN; INSERT INTO orders_old VALUES (7); INSERT INTO \"Odd\" VALUES (8); TRUNCATE orders_old; COMMIT",
];

/// A capture of the changes, and all that `tail` and `replay` must print alike.
fn tail_and_replay_write_the_same(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(SETUP);
    db.run("CREATE PUBLICATION pub FOR ALL TABLES");
    let slot = db.slot();
    CHANGES.iter().for_each(|statements| db.run(statements));
    let conninfo = db.conninfo();
    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    let folder = new_folder();
    let capture = folder.join("%n.capture");
    let capture = capture.to_str().unwrap();
    let said = run(&conninfo, &["capture", "--slot", &slot, "-P", "pub", "-o", capture, "--until-lsn", &end]);
    assert!(said.status == 0 && said.err == "captured 8 changes\n" && said.out.is_empty(), "{said:?}");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let file = file.to_str().unwrap();
    let mut print = |more: &[&str]| {
        let stream = ["tail", "--slot", &slot, "-P", "pub", "--ack", "none", "--until-lsn", &end];
        db.released(&slot);
        let streamed = run(&conninfo, &[&stream[..], more].concat());
        assert_eq!((streamed.status, streamed.err.as_str()), (0, ""), "{streamed:?}");
        let replayed = run("", &[&["replay", file], more].concat());
        assert_eq!((replayed.status, &replayed.out), (0, &streamed.out), "{}", replayed.err);
        streamed.out
    };
    let json = print(&[]);
    assert_eq!((lines(&json).len(), print(&["-F", "json"])), (8, json));
    let documents = print(&["-F", "wal2json"]);
    let documents = lines(&documents);
    assert_eq!(documents.len(), 3);
    assert_eq!(documents[0]["change"][0]["columnvalues"][1], "it's\n\u{1b}[31mred");
    assert_eq!(documents[1]["change"].as_array().unwrap().len(), 3);
    let actions: String = lines(&print(&["-F", "wal2json2"]))
        .iter()
        .map(|it| it["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions, "BIICBUUDCBIITC");
    // An UPDATE of the key is a DELETE and an INSERT there.
    let mut operations: Vec<String> = lines(&print(&["-F", "debezium", "--render", "processed=commit"]))
        .iter()
        .map(|it| it["op"].as_str().unwrap().to_owned())
        .collect();
    operations.sort();
    assert_eq!(operations.concat(), "cccccddtu");
    let csv = print(&["-F", "csv", "-t", "orders"]);
    let heading = "_kind,_commit_lsn,_xid,_sequence,_not_sent,id,note,total";
    assert!(
        csv.starts_with(heading)
            && csv.matches("_kind").count() == 1
            && csv.matches("\nUPDATE,").count() == 2,
        "{csv}"
    );
    let pretty = print(&["-F", "pretty"]);
    assert!(
        pretty.contains("INSERT public.orders  id=1  note='it''s\\n\\u{1b}[31mred'  total=10.50\n"),
        "{pretty}"
    );
    assert!(pretty.contains("  INSERT public.orders  id=2  note=NULL  total=NULL\n"), "{pretty}");
    assert!(pretty.contains("  UPDATE public.orders  id=2 → 3  note=NULL"), "{pretty}");
    assert!(
        pretty.contains("  DELETE public.orders  id=3\n")
            && pretty.contains("  TRUNCATE public.orders_old\n"),
        "{pretty}"
    );
    assert_eq!(pretty.matches("transaction").count(), 3, "{pretty}");
    assert!(
        !pretty.contains('\u{1b}')
            && print(&["-F", "pretty", "--color", "always"]).contains("\u{1b}[32mINSERT")
    );
    // The statements make the same of tables that are as they were.
    let sql = print(&["-F", "sql"]);
    let mut other = Server::shared(version).database();
    other.run(SETUP);
    other.script(&sql);
    for table in ["orders", "orders_old", "\"Odd\""] {
        let query = format!("SELECT coalesce(string_agg(t::text, ' ' ORDER BY id), '') FROM {table} t");
        assert_eq!(other.text(&query), db.text(&query), "{table}");
    }
}

on_versions! { tail_and_replay_write_the_same v14 14, v18 18 }

#[test]
fn tables_are_chosen_by_patterns() {
    let mut db = Server::shared(18).database();
    db.run(SETUP);
    db.run("CREATE PUBLICATION pub FOR ALL TABLES");
    let slot = db.slot();
    CHANGES.iter().for_each(|statements| db.run(statements));
    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    let conninfo = db.conninfo();
    let mut tables = |more: &[&str]| {
        db.released(&slot);
        let stream = ["tail", "--slot", &slot, "-P", "pub", "--ack", "none", "--until-lsn", &end];
        let said = run(&conninfo, &[&stream[..], more].concat());
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{said:?}");
        let of = |event: &serde_json::Value| {
            event["table"].as_str().or(event["tables"][0]["table"].as_str()).unwrap().to_owned()
        };
        let mut names: Vec<String> = lines(&said.out).iter().map(of).collect();
        names.dedup();
        names.join(" ")
    };
    assert_eq!(tables(&["-t", "orders"]), "orders");
    assert_eq!(tables(&["-t", "ORDERS*"]), "orders orders_old");
    assert_eq!(tables(&["-t", "public.orders_old", "-t", "\"Odd\""]), "orders_old Odd orders_old");
    assert_eq!(tables(&["-t", "odd"]), "");
    assert_eq!(tables(&["-T", "*_old"]), "orders Odd");
    assert_eq!(tables(&["-t", "o*", "-T", "public.orders"]), "orders_old");
}

/// The server sends no more than that.
#[test]
fn columns_and_rows_are_chosen_by_the_publication() {
    let mut db = Server::shared(18).database();
    db.run(SETUP);
    let table = "orders (id, total) WHERE (total > 10)";
    let mut child = command(&db.conninfo(), &["tail", "-t", table, "-t", "orders_old"]).spawn().unwrap();
    eventually("it streams", || db.text(STREAMS) == "1");
    db.run("INSERT INTO orders VALUES (1, 'a secret', 5), (2, 'a secret', 50); INSERT INTO orders_old VALUES (3)");
    let seen = lines(&read_lines(&mut child, 2));
    signal_process(child.id(), libc::SIGTERM);
    assert_eq!(finish(child).status, 0);
    assert_eq!(seen[0]["new"], serde_json::json!({"id": 2, "total": 50}));
    assert_eq!(seen[1]["new"]["id"], 3);
    let made = run(&db.conninfo(), &["publication", "create", "part", "-t", table]);
    assert_eq!((made.status, made.err.as_str()), (0, ""), "{made:?}");
    assert_eq!(
        db.text("SELECT attnames::text || rowfilter FROM pg_publication_tables"),
        "{id,total}(total > (10)::numeric)"
    );
}

#[test]
fn a_terminal_is_shown_colours_and_how_far_it_is() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    let conninfo = db.conninfo();
    let on_a_terminal = |arguments: &str, variables: &[(&str, &str)]| {
        let line = format!(
            "{} -d \"{conninfo}\" tail --slot {slot} -P pub --ack none {arguments}",
            env!("CARGO_BIN_EXE_pgwalstream")
        );
        let mut script = Command::new("script");
        script
            .args(["-qefc", &line, "/dev/null"])
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null());
        let said = script.output().unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    let shown = on_a_terminal("--timeout 1", &[]);
    assert!(shown.contains("\u{1b}[32mINSERT\u{1b}[0m public.t"), "{shown:?}");
    db.released(&slot);
    let plain = on_a_terminal("--timeout 1", &[("NO_COLOR", "1")]);
    assert!(plain.contains("  INSERT public.t  id=1") && !plain.contains("\u{1b}["), "{plain:?}");
    db.released(&slot);
    let file = new_folder().join("out");
    let file = file.to_str().unwrap();
    let shown = on_a_terminal(&format!("--timeout 1 -o {file}"), &[]);
    assert!(shown.contains("1 changes, ") && shown.contains(" behind"), "{shown:?}");
    assert!(std::fs::read_to_string(file).unwrap().starts_with("{\"kind\":\"INSERT\""));
    db.released(&slot);
    assert_eq!(on_a_terminal(&format!("--quiet --timeout 1 -o {file}"), &[]), "");
}

/// The password is asked for at the terminal, and stands nowhere else.
#[test]
fn a_password_is_asked_for() {
    use std::io::Write;
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE ROLE reader LOGIN REPLICATION PASSWORD 'a secret'");
    server.admit("host all reader 127.0.0.1/32 scram-sha-256\n");
    let conninfo = db.conninfo();
    let line =
        format!("{} -W -d \"{conninfo} user=reader\" slot list --json", env!("CARGO_BIN_EXE_pgwalstream"));
    for (typed, status) in [("a secret\n", 0), ("another\n", 1)] {
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]);
        script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = script.spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        let exit = wait_for_exit(&mut child).unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut said).unwrap();
        assert_eq!(exit.code(), Some(status), "{said}");
        assert!(said.contains("Password: "), "{said}");
    }
}

/// A statement for two tables cannot be printed for one of them.
#[test]
fn a_truncate_of_more_than_is_wanted_is_no_statement() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE orders (id int); CREATE TABLE audit (id int); CREATE PUBLICATION pub FOR TABLE orders, audit");
    let slot = db.slot();
    db.run("TRUNCATE orders, audit");
    let (conninfo, end) = (db.conninfo(), db.text("SELECT pg_current_wal_flush_lsn()"));
    let tail = |more: &[&str]| {
        let arguments = ["tail", "--slot", &slot, "-P", "pub", "--ack", "none", "--until-lsn", &end];
        run(&conninfo, &[&arguments[..], more].concat())
    };
    let said = tail(&["-F", "sql", "-T", "audit"]);
    assert!(said.status == 1 && said.err.contains("one TRUNCATE") && said.out.is_empty(), "{said:?}");
    for (more, count) in [(&["-F", "sql"][..], 3), (&["-F", "sql", "-t", "other"], 2), (&["-T", "audit"], 1)]
    {
        db.released(&slot);
        let said = tail(more);
        assert_eq!((said.status, said.out.lines().count()), (0, count), "{said:?}");
    }
}
