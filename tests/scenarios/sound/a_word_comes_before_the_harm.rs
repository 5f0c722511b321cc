//! S26, S31, S32, S48: what will hurt later is said when the stream connects, and a hint names what was meant.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::admin::failure;
use crate::harness::{Admin, Kind, Options, Server};
use pgwalstream::error::Status;

fn said(options: Options) -> Vec<String> {
    let log = Default::default();
    drop(options.with_log(&log).open().unwrap());
    let log = log.lock().unwrap();
    log.iter().map(|(_, text)| text.clone()).collect()
}

/// A server whose commits wait for anybody that streams.
#[test]
fn s26_a_synchronous_stream_is_told_and_reports_at_once() {
    let server = Server::start(18, &[]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let log = Default::default();
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("status_interval", "10s");
    assert_eq!(said(Options::stream(&db.conninfo(), &slot, "pub")), [] as [String; 0]);
    db.released(&slot);
    server.configure(&[("synchronous_standby_names", "ANY 1 (\"pgwalstream\", s2)")]);
    let mut stream = options.with_log(&log).open().unwrap();
    let first = log.lock().unwrap().first().cloned().unwrap_or_default().1;
    assert!(first.contains("synchronous_standby_names"), "{first}");
    let name = db.name.clone();
    let writer = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sql = server.client(&name);
            let begun = Instant::now();
            for id in 0..5 {
                sql.batch_execute(&format!("INSERT INTO t VALUES ({id})")).unwrap();
                sql.batch_execute(&format!("INSERT INTO other VALUES ({id})")).unwrap();
            }
            begun.elapsed()
        });
        for _ in 0..5 {
            let seen = stream.read_transactions(1);
            let commit = seen.iter().find(|event| event.kind == Kind::Commit).unwrap();
            stream.ack(commit.ack_lsn).unwrap();
        }
        writer.join().unwrap()
    });
    assert!(writer < Duration::from_secs(2), "ten commits waited for {writer:?}");
}

#[test]
fn s31_what_was_meant_is_named() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION \"MyPub\" FOR TABLE t;
            CREATE PUBLICATION orders_public FOR TABLE t",
    );
    let slot = db.slot();
    for backend in super::backends() {
        let open = |slot: &str, publication: &str| {
            Options::stream(&db.conninfo(), slot, publication).with("backend", backend).open().err().unwrap()
        };
        let folded = open(&slot, "MyPub");
        assert_eq!(folded.status, Status::WAL_E_PUBLICATION_MISSING);
        assert!(folded.hint.contains("set publication to \"MyPub\", with the quotes"), "{folded:?}");
        assert!(!folded.hint.contains("CREATE"), "{folded:?}");
        let typed = open(&slot, "order_public");
        assert!(typed.hint.contains("Did you mean \"orders_public\"?"), "{typed:?}");
        assert!(!open(&slot, "zzzzzz").hint.contains("Did you mean"));
        let typed = open(&slot.replace("slot", "slto"), "\"MyPub\"");
        assert_eq!(typed.status, Status::WAL_E_SLOT_MISSING);
        assert!(typed.hint.contains(&format!("Did you mean \"{slot}\"?")), "{typed:?}");
    }
    let admin = Admin::open(&db.conninfo());
    let wrong = slot.replace("slot", "slto");
    let hints = [
        failure(admin.read(&wrong)),
        failure(admin.copy(&wrong, "x", None, 0)),
        admin.health(&wrong).unwrap_err(),
        admin.drop_slot(&wrong, 0, 60_000).unwrap_err(),
    ];
    for found in hints {
        assert_eq!(found.status, Status::WAL_E_SLOT_MISSING);
        assert!(found.hint.contains(&format!("Did you mean \"{slot}\"?")), "{found:?}");
    }
    assert!(failure(admin.tables("mypub")).hint.contains("Did you mean \"MyPub\"?"));
}

#[test]
fn s32_a_publication_without_tables_is_told() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE PUBLICATION nothing; CREATE PUBLICATION everything FOR ALL TABLES;
            CREATE SCHEMA s; CREATE PUBLICATION empty_schema FOR TABLES IN SCHEMA s",
    );
    for (publication, warned) in [("nothing", true), ("everything", false), ("empty_schema", true)] {
        let slot = db.slot();
        let said = said(Options::stream(&db.conninfo(), &slot, publication));
        assert_eq!(said.iter().any(|text| text.contains("has no tables")), warned, "{publication}: {said:?}");
        assert_eq!(said.len(), usize::from(warned), "{said:?}");
    }
}

fn s48_a_type_without_a_binary_form_is_told(version: u32) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TYPE pair AS (a int, b aclitem); CREATE DOMAIN acls AS aclitem[];
            CREATE TABLE fine (id int PRIMARY KEY, a aclitem, n name, p point, t text[], r int4range);
            CREATE TABLE bad (id int PRIMARY KEY, list aclitem[], p pair, d acls, ps pair[]);
            CREATE PUBLICATION good FOR TABLE fine; CREATE PUBLICATION pub FOR TABLE fine, bad",
    );
    let slot = db.slot();
    db.run("INSERT INTO fine VALUES (1, makeaclitem(10, 10, 'SELECT', false), 'n', '(1,2)', '{a}', '[1,2)')");
    let with = |publication: &str, binary: &str| {
        Options::stream(&db.conninfo(), &slot, publication).with("binary", binary).with("reconnect", "off")
    };
    assert_eq!(said(with("good", "on")), [] as [String; 0]);
    with("good", "on").open().unwrap().read_transactions(1);
    assert_eq!(said(with("pub", "off")), [] as [String; 0]);
    let said = said(with("pub", "on"));
    for column in ["list", "p", "d", "ps"] {
        assert!(
            said.iter().any(|text| text.contains(&format!("column \"{column}\" "))),
            "{column}: {said:?}"
        );
    }
    assert_eq!(said.len(), 4, "{said:?}");
    let mut stream = with("pub", "on").open().unwrap();
    db.sql
        .batch_execute("INSERT INTO bad (id, list) VALUES (1, ARRAY[makeaclitem(10, 10, 'SELECT', false)])")
        .unwrap();
    let (_, ended) = stream.read_to_error();
    assert_eq!(ended.sqlstate, "42883");
    assert!(ended.hint.contains("binary to \"off\""), "{ended:?}");
}

on_versions! { s48_a_type_without_a_binary_form_is_told v14 14, v18 18 }
