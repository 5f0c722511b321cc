//! S3, S16, S20: whatever a role sets for itself, the same row of the same WAL reads the same, the library's questions
//! mean the same, and nothing ends the stream.

use std::time::Duration;

use super::role;
use crate::harness::{Admin, Cell, Database, Kind, Options, Server};
use pgwalstream::error::Status;

/// One of each type whose text could depend on something.
fn table(db: &mut Database<'_>) {
    db.run(
        "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('ok'); CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE TABLE app.t (id int PRIMARY KEY, class regclass, type regtype, proc regproc, procedure regprocedure,
             op regoperator, role regrole, space regnamespace, config regconfig, d date, ts timestamp, tz timestamptz,
             i interval, f4 float4, f8 float8, n numeric, b bytea, m money, x xml, j jsonb, v tsvector, q tsquery,
             a text[], mood app.mood, r tstzrange, c inet, t text, p point, o oid, bits bit(3), snap pg_snapshot);
         CREATE PUBLICATION pub FOR TABLE app.t",
    );
}

const ROW: &str = "INSERT INTO app.t VALUES (1, 'app.t', 'app.mood', 'app.f', 'app.f()', '+(int,int)', 'postgres', 'app',
    'english', '2026-02-28', '2026-02-28 12:34:56.7', '2026-02-28 12:34:56.7+00', '1 year 2 mons -3 days 04:05:06.7',
    0.1, 0.1::float8 + 0.2::float8, 1.50, '\\x00ff5c41', 1234.5, '<a>1</a>', '{\"a\": 1.0}', 'a:1 b:2', 'a & b',
    '{a,\"b c\",NULL}', 'ok', '[2026-02-28 00:00+00,)', '::1/64', 'text', '(1.5,2)', 4000000000, '101', '1:5:2,3')";

/// Settings that are meant to change something else, or that nobody waits for.
const LEFT_OUT: &str = "^(log_|debug_|trace_|client_encoding$|application_name$|wal_sender_timeout$|post_auth_delay$|pre_auth|
    |tcp_|session_authorization$|role$|ssl_renegotiation|default_tablespace|temp_tablespaces|session_preload|local_preload
    |dynamic_library_path|jit_provider|max_stack_depth|ignore_|zero_|wal_consistency|backtrace|createrole_self_grant|seed$
    |lc_messages|lc_time|lc_numeric|commit_delay|vacuum_cost|track_|update_process_title|transaction_|wal_skip|commit_siblings
    |logical_decoding_work_mem|stats_|allow_system|is_superuser)";

/// Each setting that a role may have, with what it is set to in turn.
fn oddities(db: &mut Database<'_>) -> Vec<Vec<String>> {
    let pattern = LEFT_OUT.replace(['\n', ' '], "").replace("||", "|");
    let rows = db
        .sql
        .query(
            &format!(
                "SELECT name, vartype, coalesce(enumvals, '{{}}'), coalesce(min_val, ''), coalesce(max_val, ''), setting
                 FROM pg_settings WHERE context IN ('user', 'superuser') AND name !~ '{pattern}' ORDER BY 1"
            ),
            &[],
        )
        .unwrap();
    let mut rounds: Vec<Vec<String>> = vec![Vec::new(); 4];
    for row in rows {
        let (name, kind, least, most, now): (&str, &str, &str, &str, &str) =
            (row.get(0), row.get(1), row.get(3), row.get(4), row.get(5));
        let words: Vec<String> = row.get(2);
        let odd: Vec<String> = match (name, kind) {
            ("search_path", _) => {
                vec!["app, public".into(), "pg_temp, app, pg_catalog".into(), "\"$user\", app".into()]
            }
            ("DateStyle", _) => vec!["'German, DMY'".into(), "'SQL, MDY'".into(), "'Postgres, YMD'".into()],
            ("TimeZone", _) => vec!["'Asia/Kolkata'".into(), "'America/St_Johns'".into()],
            ("timezone_abbreviations", _) => vec!["'Australia'".into(), "'India'".into()],
            ("default_text_search_config", _) => vec!["'pg_catalog.german'".into()],
            ("lc_monetary", _) => vec!["'C'".into()],
            ("restrict_nonsystem_relation_kind", _) => vec!["'view, foreign-table'".into()],
            (_, "bool") => vec![if now == "on" { "off".into() } else { "on".into() }],
            (_, "enum") => {
                words.into_iter().filter(|word| word != now).map(|word| format!("'{word}'")).collect()
            }
            (_, "integer" | "real") => vec![least.into(), most.into()],
            _ => continue,
        };
        for (at, round) in rounds.iter_mut().enumerate() {
            if let Some(value) = odd.get(at % odd.len().max(1)) {
                round.push(format!("{name} = {value}"));
            }
        }
    }
    rounds
}

/// All that a program sees of the database.
fn seen(db: &mut Database<'_>, conninfo: &str, base: &str) -> String {
    let slot = crate::harness::server::unique("slot");
    db.run(&format!("SELECT pg_copy_logical_replication_slot('{base}', '{slot}')"));
    let log = Default::default();
    let options = Options::stream(conninfo, &slot, "pub").with_log(&log);
    let rows = options.open().unwrap().read_transactions(1);
    let insert = rows.iter().find(|event| event.kind == Kind::Insert).unwrap();
    let text = |cell: &Cell| match cell {
        Cell::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    };
    let row: Vec<String> = insert.new.iter().map(text).collect();
    let admin = Admin::open(conninfo);
    let (tables, publications) = (admin.tables("pub").unwrap(), admin.publications().unwrap());
    let health = admin.health(&slot).unwrap();
    let mut found = admin.read(&slot).unwrap();
    (found.name, found.inactive_since) = (String::new(), found.inactive_since.min(1));
    let log = log.lock().unwrap();
    admin.drop_slot(&slot, 0, 60_000).unwrap();
    format!("{}\n{tables:?}\n{publications:?}\n{found:?}\n{}\n{log:?}", row.join("\n"), health.flags)
}

fn s3_every_setting_of_the_role_is_as_good_as_another(version: u32) {
    let mut db = Server::shared(version).database();
    table(&mut db);
    let base = db.slot();
    db.run(ROW);
    let (name, conninfo) = role(&mut db);
    let usual = seen(&mut db, &conninfo, &base);
    assert!(usual.contains("\napp.t\napp.mood\napp.f\napp.f()\n"), "{usual}");
    for round in oddities(&mut db) {
        let mut set = 0;
        db.run(&format!("ALTER ROLE {name} RESET ALL"));
        for setting in &round {
            // What is refused here cannot be set by anybody.
            set += u32::from(db.sql.batch_execute(&format!("ALTER ROLE {name} SET {setting}")).is_ok());
        }
        assert!(set > 60, "{set} of {round:?}");
        assert_eq!(seen(&mut db, &conninfo, &base), usual, "{round:#?}");
    }
}

on_versions! { s3_every_setting_of_the_role_is_as_good_as_another v14 14, v18 18 }

/// What the user sets in the connection string is the user's wish, but for where names are looked up.
#[test]
fn s3_the_connection_string_wins_but_for_the_path() {
    let mut db = Server::shared(18).database();
    table(&mut db);
    let base = db.slot();
    db.run(ROW);
    for backend in super::backends() {
        let options = "-c search_path=app,public -c datestyle=German";
        let conninfo = format!("{} options='{options}'", db.conninfo());
        let slot = crate::harness::server::unique("slot");
        db.run(&format!("SELECT pg_copy_logical_replication_slot('{base}', '{slot}')"));
        let options = Options::stream(&conninfo, &slot, "pub").with("backend", backend);
        let rows = options.open().unwrap().read_transactions(1);
        let insert = rows.iter().find(|event| event.kind == Kind::Insert).unwrap();
        assert_eq!(insert.new[1], Cell::Text(b"app.t".to_vec()), "{backend}");
        assert_eq!(insert.new[9], Cell::Text(b"28.02.2026".to_vec()), "{backend}");
    }
}

/// A transaction that the consumer takes its time over, on a role whose sessions may not live so long.
fn s16_no_time_limit_ends_a_stream(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let (name, conninfo) = role(&mut db);
    for limit in [
        "transaction_timeout",
        "statement_timeout",
        "lock_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
    ] {
        let set = db.sql.batch_execute(&format!("ALTER ROLE {name} SET {limit} = 300"));
        assert!(set.is_ok() || limit == "transaction_timeout" && version < 17, "{limit}: {set:?}");
    }
    db.run("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i");
    let options =
        Options::stream(&conninfo, &slot, "pub").with("reconnect", "off").with("queue_bytes", "65536");
    let mut stream = options.open().unwrap();
    stream.read_until(|event| event.kind == Kind::Insert);
    std::thread::sleep(Duration::from_millis(700));
    let rest = stream.read_transactions(1);
    assert_eq!(rest.iter().filter(|event| event.kind == Kind::Insert).count(), 19_999);
    std::thread::sleep(Duration::from_millis(500));
    db.run("INSERT INTO t VALUES (0)");
    stream.read_transactions(1);
}

on_versions! { s16_no_time_limit_ends_a_stream v14 14, v17 17, v18 18 }

/// A standby refuses serializable transactions, and waits with deferrable ones.
#[test]
fn s20_the_default_kind_of_transaction_matters_to_nothing() {
    let primary = Server::start(18, &[]);
    let defaults = [
        "ALTER ROLE postgres SET default_transaction_isolation = serializable",
        "ALTER ROLE postgres SET default_transaction_deferrable = on",
        "ALTER ROLE postgres SET default_transaction_read_only = on",
    ];
    let mut sql = primary.client("postgres");
    sql.batch_execute("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t").unwrap();
    sql.batch_execute(&defaults.join(";")).unwrap();
    drop(sql);
    let options =
        Options::stream(&primary.conninfo("postgres"), "made", "pub").with("slot_create", "if_missing");
    drop(options.open().unwrap());
    let standby = primary.standby(&[]);
    let conninfo = standby.conninfo("postgres");
    for backend in super::backends() {
        let failure =
            Options::stream(&conninfo, "none", "pub").with("backend", backend).open().err().unwrap();
        assert_eq!(failure.status, Status::WAL_E_SLOT_MISSING, "{failure:?}");
        let admin = Admin::with(&Options::new().with("conninfo", &conninfo).with("backend", backend));
        assert!(!admin.tables("pub").unwrap().is_empty());
    }
}
