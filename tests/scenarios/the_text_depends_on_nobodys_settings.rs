//! P22: the text of values depends on a dozen settings of the session, which a role or a database may set. The
//! library sets what its accessors and its users rely on; only who asks for something else in the connection string
//! gets it.

use crate::harness::{Cell, Database, Kind, Options, Proxy, Seen, Server};

const ODD: &[(&str, &str)] = &[
    ("datestyle", "'German, DMY'"),
    ("intervalstyle", "'sql_standard'"),
    ("extra_float_digits", "-15"),
    ("timezone", "'Asia/Kolkata'"),
    ("bytea_output", "'escape'"),
    ("client_min_messages", "'error'"),
    ("client_encoding", "'LATIN1'"),
    ("lc_monetary", "'C'"),
];

fn rows(db: &mut Database<'_>) {
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, i interval, f4 float4, f8 float8,
                         b bytea, m money, x text);
         CREATE PUBLICATION pub FOR TABLE t",
    );
}

fn insert(db: &mut Database<'_>) {
    db.run(
        "SET timezone = UTC;
         INSERT INTO t VALUES (1, '2026-02-28', '2026-02-28 12:34:56.789', '2026-02-28 12:34:56.789+00',
         '1 year 2 mons -3 days 04:05:06.7', 0.1, 0.1::float8 + 0.2::float8, '\\x00ff5c41', 1234.5, U&'Zo\\00eb \\+01F600')",
    );
}

const EXPECTED: [&str; 9] = [
    "2026-02-28",
    "2026-02-28 12:34:56.789",
    "2026-02-28 12:34:56.789+00",
    "1 year 2 mons -3 days +04:05:06.7",
    "0.1",
    "0.30000000000000004",
    "\\x00ff5c41",
    "$1,234.50",
    "Zoë 😀",
];

fn texts(seen: &[Seen]) -> Vec<String> {
    let insert = seen.iter().find(|event| event.kind == Kind::Insert).unwrap();
    let text = |cell: &Cell| match cell {
        Cell::Text(bytes) => String::from_utf8(bytes.clone()).expect("UTF-8"),
        other => panic!("{other:?}"),
    };
    insert.new[1..].iter().map(text).collect()
}

fn p22_odd_settings_of_role_and_database(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    rows(&mut db);
    let role = crate::harness::server::unique("odd");
    db.run(&format!("CREATE ROLE {role} LOGIN SUPERUSER REPLICATION"));
    for (at, (name, value)) in ODD.iter().enumerate() {
        // Some by the role, some by the database, some by the role in the database.
        let whose = match at % 3 {
            0 => format!("ROLE {role}"),
            1 => format!("DATABASE {}", db.name),
            _ => format!("ROLE {role} IN DATABASE {}", db.name),
        };
        db.run(&format!("ALTER {whose} SET {name} = {value}"));
    }
    let slot = db.slot();
    insert(&mut db);
    let conninfo = db.conninfo().replace("user=postgres", &format!("user={role}"));
    let mut stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    assert_eq!(texts(&stream.read_transactions(1)), EXPECTED);
}

on_every_version! { p22_odd_settings_of_role_and_database }

/// The same, set for the whole server.
#[test]
fn p22_odd_settings_of_the_server() {
    let settings = ODD.iter().filter(|(name, _)| *name != "client_encoding");
    let settings: Vec<String> =
        settings.map(|(name, value)| format!("{name}={}", value.trim_matches('\''))).collect();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = Server::start(18, &settings);
    let mut db = server.database();
    rows(&mut db);
    let slot = db.slot();
    insert(&mut db);
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    assert_eq!(texts(&stream.read_transactions(1)), EXPECTED);
}

#[test]
fn p22_the_users_own_options_win() {
    let mut db = Server::shared(18).database();
    rows(&mut db);
    let slot = db.slot();
    insert(&mut db);
    let conninfo = format!("{} options='-c datestyle=German -c bytea_output=escape'", db.conninfo());
    let seen = Options::stream(&conninfo, &slot, "pub").open().unwrap().read_transactions(1);
    let texts = texts(&seen);
    assert_eq!((texts[0].as_str(), texts[6].as_str()), ("28.02.2026", "\\000\\377\\\\A"));
    assert_eq!(texts[3..6], EXPECTED[3..6], "what the user did not name stays");
}

/// What the start-up packet says: the settings go there, so that not even the first query runs without them.
#[test]
fn p22_the_settings_are_in_the_start_up_packet() {
    let server = Server::shared(18);
    let mut db = server.database();
    rows(&mut db);
    let slot = db.slot();
    let proxy = Proxy::start(server.port, |tag, body, out| out.send(tag, body));
    let conninfo = format!("{} options='-c work_mem=1MB'", proxy.conninfo(&db.name));
    let stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    let startup = proxy.startup();
    let value = |key: &str| startup.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    assert_eq!(value("replication").as_deref(), Some("database"));
    assert_eq!(value("client_encoding").as_deref(), Some("UTF8"));
    let options = value("options").unwrap().to_lowercase();
    for setting in [
        "datestyle=iso",
        "intervalstyle=postgres",
        "extra_float_digits=3",
        "bytea_output=hex",
        "timezone=utc",
        "quote_all_identifiers=off",
        "client_min_messages=warning",
    ] {
        assert!(options.contains(setting), "{setting} in {options}");
    }
    assert!(
        options.ends_with("-c work_mem=1mb -c search_path="),
        "the user's come behind, and win but for the path: {options}"
    );
    let name = value("application_name").unwrap();
    let query = format!(
        "SELECT application_name FROM pg_stat_replication WHERE pid = {}",
        stream.stats().backend_pid
    );
    assert_eq!(db.text(&query), name);
    assert!(!name.is_empty());
}
