//! What a renderer writes in the format `debezium` with `compatible=3.6` is what the Debezium engine 3.6.1 writes of the same WAL:
//! topic, key and value of each message, byte for byte. The gate holds it against what the engine wrote before; the long part
//! `debezium` runs the engine, which also writes those files anew (UPDATE_DEBEZIUM=1).

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::renderer::Renderer;
use crate::harness::server::new_folder;
use crate::harness::{Database, Kind, Next, Options, Server, view};

/// A run's name, and what we and the engine are set to.
type Run = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// What differs from Debezium's defaults.
const RUNS: &[Run] = &[
    ("plain", &[], &["converter.schemas.enable=false"]),
    (
        "transactions",
        &[("transactions", "on"), ("decimals", "string")],
        &[
            "converter.schemas.enable=false",
            "provide.transaction.metadata=true",
            "decimal.handling.mode=string",
        ],
    ),
    (
        "schemas",
        &[("schemas", "on"), ("transactions", "on")],
        &["converter.schemas.enable=true", "provide.transaction.metadata=true"],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debezium")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Makes the tables, slots for both and the changes.
fn prepare(db: &mut Database<'_>, slots: usize) -> Vec<String> {
    db.script(&read("tables.sql"));
    let slots = (0..slots).map(|_| db.slot()).collect();
    db.script(&read("changes.sql"));
    slots
}

/// What we write, up to the message that ends the changes.
fn ours(db: &Database<'_>, slot: &str, name: &str, settings: &[(&str, &str)], binary: &str) -> Vec<String> {
    let options = Options::stream(&db.conninfo(), slot, "pub").with("messages", "on").with("binary", binary);
    let mut stream = options.open().unwrap();
    let database = db.name.clone();
    let common = [
        ("compatible", "3.6"),
        ("topic_prefix", name),
        ("database", &*database),
        ("processed", "commit"),
        // The primary key's own order is not in the stream.
        ("key_columns", "public.pairs:b,a"),
    ];
    let mut renderer = Renderer::new("debezium", &[&common[..], settings].concat());
    let mut all = Vec::new();
    loop {
        match stream.next(60_000).unwrap() {
            Next::Event(event) => {
                all.extend(renderer.keyed(event));
                let is_alone = event.fields().flags & view::TRANSACTIONAL == 0;
                if event.kind() == Kind::Message
                    && is_alone
                    && all.last().unwrap().contains("\"prefix\":\"end\"")
                {
                    return all;
                }
            }
            Next::Nothing(status) => panic!("{status:?} after {} messages", all.len()),
        }
    }
}

/// Without the digits behind these names, and without what is between quotes behind `"sequence":`, `"id":` and `"db":`.
fn masked(message: &str, names: &[&str]) -> String {
    let mut rest = message;
    let mut out = String::new();
    'all: while !rest.is_empty() {
        for name in names {
            if let Some(behind) = rest.strip_prefix(name) {
                let is_masked = |c: char| c.is_ascii_digit() || c == '-';
                let length = match behind.strip_prefix('"') {
                    // The quotes of a sequence are escaped.
                    Some(text) => {
                        let is_id = *name != "\"id\":" || text.contains(':');
                        let end = text.replace("\\\"", "xx").find('"').filter(|_| is_id);
                        end.map_or(0, |end| end + 2)
                    }
                    None if *name == "\"id\":" => 0,
                    None => behind.find(|c| !is_masked(c)).unwrap_or(behind.len()),
                };
                out.push_str(name);
                rest = &behind[length..];
                continue 'all;
            }
        }
        let mut behind = rest.chars();
        out.extend(behind.next());
        rest = behind.as_str();
    }
    out
}

/// The collections of an END in an order of their own, which is by chance in Debezium; and the name of a Java object as what it
/// stands for. Without the messages of the table whose schema the stream does not tell.
fn settled(messages: &[String]) -> Vec<String> {
    const BEFORE: &str = "\"data_collections\":[{";
    let name_of_messages =
        "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor$LogicalDecodingMessageId@";
    let message = |message: &String| {
        let mut message = message.clone();
        if let Some(at) = message.find(name_of_messages) {
            let length = message[at..].find('"').unwrap();
            message.replace_range(at..at + length, "message");
        }
        if let Some(at) = message.find(BEFORE).map(|at| at + BEFORE.len()) {
            let end = at + message[at..].find("}]").unwrap();
            let mut collections: Vec<String> = message[at..end].split("},{").map(str::to_owned).collect();
            collections.sort();
            message.replace_range(at..end, &collections.join("},{"));
        }
        message
    };
    let has_enum = |message: &&String| message.starts_with("schemas.public.moods\t");
    messages.iter().filter(|message| !has_enum(message)).map(message).collect()
}

/// What differs from one server to the next.
const EVERYTHING: &[&str] = &[
    "\"ts_ms\":",
    "\"ts_us\":",
    "\"ts_ns\":",
    "\"lsn\":",
    "\"txId\":",
    "\"sequence\":",
    "\"db\":",
    "\"id\":",
];

/// The clock alone.
const CLOCK: &[&str] = &["\"ts_ms\":", "\"ts_us\":", "\"ts_ns\":"];

fn without(messages: &[String], names: &[&str]) -> Vec<String> {
    messages.iter().map(|message| masked(message, names)).collect()
}

fn assert_same(found: &[String], expected: &[String], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        if found != expected {
            let at = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                let bytes = &text.as_bytes()[at.saturating_sub(120)..(at + 160).min(text.len())];
                String::from_utf8_lossy(bytes).into_owned()
            };
            let begin = &found[..found.len().min(120)];
            panic!("{what}, {begin}…: found\n  …{}…\nnot\n  …{}…", part(found), part(expected));
        }
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn messages_are_those_that_the_engine_wrote() {
    let mut db = Server::shared(18).database();
    let slots = prepare(&mut db, RUNS.len() * 2);
    let mut slots = slots.iter();
    for (name, settings, _) in RUNS {
        let wanted: Vec<String> = read(&format!("{name}.tsv")).lines().map(str::to_owned).collect();
        assert!(wanted.len() > 30);
        for binary in ["off", "on"] {
            let found = ours(&db, slots.next().unwrap(), name, settings, binary);
            assert_same(&without(&settled(&found), EVERYTHING), &wanted, &format!("{name}, binary={binary}"));
        }
    }
}

/// Runs the engine on a slot.
fn theirs(
    classes: &str,
    server: &Server,
    db: &Database<'_>,
    slot: &str,
    name: &str,
    more: &[&str],
) -> Vec<String> {
    let file = new_folder().join("messages");
    let properties = [
        format!("topic.prefix={name}"),
        format!("database.dbname={}", db.name),
        format!("database.port={}", server.port),
        format!("slot.name={slot}"),
    ];
    let fixed = [
        "database.hostname=127.0.0.1",
        "database.user=postgres",
        "database.password=none",
        "publication.name=pub",
        "publication.autocreate.mode=disabled",
        "skipped.operations=none",
        "poll.interval.ms=20",
    ];
    let status = Command::new("java")
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes, "Engine"])
        .arg(&file)
        .args(&properties)
        .args(fixed)
        .args(more)
        .status()
        .expect("java");
    assert!(status.success());
    let messages = std::fs::read_to_string(&file).unwrap();
    settled(&messages.lines().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
#[ignore = "the long part debezium: it needs Java and the engine's classes"]
fn messages_are_those_of_the_engine_on_the_same_wal() {
    let classes = std::env::var("PGWALSTREAM_DEBEZIUM").expect("the class path of the engine");
    let server = Server::start_apart(18, &[]);
    let mut db = server.database();
    let slots = prepare(&mut db, RUNS.len() * 2);
    for ((name, settings, more), slots) in RUNS.iter().zip(slots.chunks(2)) {
        let wanted = theirs(&classes, &server, &db, &slots[0], name, more);
        if std::env::var_os("UPDATE_DEBEZIUM").is_some() {
            let lines = without(&wanted, EVERYTHING).join("\n") + "\n";
            std::fs::write(folder().join(format!("{name}.tsv")), lines).unwrap();
        }
        let found = ours(&db, &slots[1], name, settings, "off");
        assert_same(&without(&settled(&found), CLOCK), &without(&wanted, CLOCK), name);
    }
}
