//! Messages, truncates, types, prepared and streamed transactions, payloads of another plugin and of the connectionless
//! decoder: what the Rust API tells of each.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::harness::{Database, Server, server::unique};
use crate::table::{one_thread, within};
use pgwalstream::{Decoder, Event, EventKind, Lsn, Options, Renderer, Stream, Streaming};
use serde_json::Value as Json;

/// Everything up to the `ends`-th event with something to acknowledge, progress aside.
fn events(options: &Options, ends: usize) -> Vec<Event> {
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(options)).await.unwrap();
        let (mut events, mut ended) = (Vec::new(), 0);
        while ended < ends {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if event.kind() != EventKind::Progress {
                ended += usize::from(event.ack_lsn().is_some());
                events.push(event);
            }
        }
        events
    })
}

fn options(db: &Database<'_>, slot: &str) -> Options {
    Options::new().conninfo(db.conninfo()).slot(slot).publication("pub")
}

fn only(events: &[Event], kind: EventKind) -> &Event {
    let mut found = events.iter().filter(|event| event.kind() == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} in {events:?}"));
    assert!(found.next().is_none(), "more than one {kind} in {events:?}");
    first
}

/// Each event as a renderer shows it, which is an object that tells what the event tells.
fn rendered(events: &[Event]) -> Vec<Json> {
    let mut renderer = Renderer::new("json").unwrap();
    for event in events {
        renderer.push(event.as_ref()).unwrap();
    }
    let messages: Vec<_> = renderer.messages().collect();
    assert_eq!(messages.len(), events.len());
    let lines = String::from_utf8(renderer.lines().to_vec()).unwrap();
    for ((at, message), line) in messages.iter().enumerate().zip(lines.lines()) {
        assert_eq!((message.event, message.kind, message.key), (at, events[at].kind(), None));
        assert_eq!(message.value, Some(line.as_bytes()));
        let table = events[at].relation().map(|table| format!("{}.{}", table.namespace(), table.name()));
        assert_eq!(message.topic, table.as_deref().map(str::as_bytes));
    }
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |of: Option<Lsn>| of.map_or(Json::Null, |lsn| lsn.to_string().into());
    for (event, line) in events.iter().zip(&lines) {
        assert_eq!(line["kind"], event.kind().name());
        assert_eq!(line["lsn"], event.lsn().to_string());
        assert_eq!(line["commit_lsn"], text(event.commit_lsn()), "{line}");
        assert_eq!(line["ack_lsn"], text(event.ack_lsn()), "{line}");
        assert_eq!(line["xid"], event.xid().map_or(Json::Null, Json::from), "{line}");
        assert_eq!(line["streamed"] == true, event.is_streamed(), "{line}");
        assert_eq!(line["commit_time"].is_string(), event.commit_time().is_some(), "{line}");
        assert_eq!(line["gid"], event.gid().map_or(Json::Null, |gid| gid.into()), "{line}");
        assert_eq!(line["prepare_end_lsn"], text(event.prepare_end_lsn()), "{line}");
        assert_eq!(line["abort_lsn"], text(event.abort_lsn()), "{line}");
        assert_eq!(line["new"].is_object(), event.new_row().is_some(), "{line}");
    }
    lines
}

#[test]
fn changes_and_what_stands_between() {
    let mut db = Server::shared(18).database();
    db.run(
        "CREATE TYPE mood AS ENUM ('happy');
         CREATE TABLE a (id int PRIMARY KEY, m mood); CREATE TABLE \"B b\" (id int PRIMARY KEY REFERENCES a);
         CREATE PUBLICATION pub FOR ALL TABLES",
    );
    let slot = db.slot();
    db.run("BEGIN; INSERT INTO a VALUES (1, 'happy'); SELECT pg_logical_emit_message(true, 'in', 'side'); COMMIT");
    db.run("SELECT pg_logical_emit_message(false, 'out', 'side')");
    db.run("TRUNCATE a, \"B b\" RESTART IDENTITY CASCADE");
    let events = events(&options(&db, &slot).messages(true), 3);
    let ours = only(&events, EventKind::Type).custom_type().unwrap();
    assert_eq!((&*ours.namespace, &*ours.name), ("public", "mood"));
    let insert = only(&events, EventKind::Insert);
    let column = &insert.relation().unwrap().columns()[1];
    assert_eq!(
        (&*column.name(), column.type_oid(), column.type_name(), column.is_key()),
        ("m", ours.oid, None, false)
    );
    assert!(insert.relation().unwrap().columns()[0].is_key());
    let commit = events.iter().find(|event| event.kind() == EventKind::Commit).unwrap();
    assert_eq!((insert.commit_lsn(), insert.xid()), (commit.commit_lsn(), commit.xid()));
    let age = SystemTime::now().duration_since(insert.commit_time().unwrap()).unwrap_or_default();
    assert!(age < Duration::from_secs(3600), "{age:?}");
    let messages: Vec<_> = events.iter().filter_map(Event::message).collect();
    let found: Vec<_> = messages.iter().map(|it| (it.prefix, it.content, it.is_transactional)).collect();
    assert_eq!(found, [(&b"in"[..], &b"side"[..], true), (&b"out"[..], &b"side"[..], false)]);
    let truncate = only(&events, EventKind::Truncate);
    let tables: BTreeSet<String> = truncate.truncated().map(|table| table.name().into_owned()).collect();
    assert_eq!(tables, ["B b", "a"].map(str::to_owned).into());
    assert!(truncate.is_cascade() && truncate.restarts_identity());
    assert_eq!(insert.truncated().count(), 0);
    assert!(
        insert.gid().is_none()
            && insert.message().is_none()
            && insert.raw().is_none()
            && !insert.is_streamed()
    );
    let lines = rendered(&events);
    let of = |kind: &str| lines.iter().find(|line| line["kind"] == kind).unwrap();
    assert_eq!(of("INSERT")["new"], serde_json::json!({"id": 1, "m": "happy"}));
    assert_eq!(of("TYPE")["type"], "mood");
    assert_eq!(of("RELATION")["columns"][1]["type"], "public.mood");
    let tables: BTreeSet<_> =
        of("TRUNCATE")["tables"].as_array().unwrap().iter().map(|table| table.to_string()).collect();
    assert_eq!(
        tables,
        ["{\"schema\":\"public\",\"table\":\"B b\"}", "{\"schema\":\"public\",\"table\":\"a\"}"]
            .map(str::to_owned)
            .into()
    );
    assert!(of("TRUNCATE")["cascade"] == true && of("TRUNCATE")["restart_identity"] == true);
    let sides: Vec<_> = lines.iter().filter(|line| line["kind"] == "MESSAGE").collect();
    let shown: Vec<_> =
        sides.iter().map(|it| (&it["prefix"], &it["content"], &it["transactional"])).collect();
    let side = Json::from("side");
    assert_eq!(shown, [(&"in".into(), &side, &true.into()), (&"out".into(), &side, &false.into())]);
    // Neither form of the debug output shows a value.
    assert!(!format!("{insert:?}").contains("happy"));
}

#[test]
fn transactions_before_their_end() {
    let server = Server::start(18, &["max_prepared_transactions=5", "logical_decoding_work_mem=64kB"]);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = unique("slot");
    db.run(&format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput', false, true)"));
    db.run("BEGIN; INSERT INTO t VALUES (-1); PREPARE TRANSACTION 'one'");
    db.run("COMMIT PREPARED 'one'");
    db.run("BEGIN; INSERT INTO t VALUES (-2); PREPARE TRANSACTION 'two'");
    db.run("ROLLBACK PREPARED 'two'");
    db.run(
        "BEGIN; INSERT INTO t SELECT generate_series(1, 5000); SAVEPOINT s; INSERT INTO t SELECT generate_series(5001, 10000);
         ROLLBACK TO s; COMMIT",
    );
    let events = events(&options(&db, &slot).streaming(Streaming::Parallel).two_phase(true), 5);
    let gids: Vec<_> =
        events.iter().filter_map(|event| Some((event.kind(), event.gid()?.into_owned()))).collect();
    let gid = |kind, gid: &str| (kind, gid.to_owned());
    assert_eq!(
        gids,
        [
            gid(EventKind::BeginPrepare, "one"),
            gid(EventKind::Prepare, "one"),
            gid(EventKind::CommitPrepared, "one"),
            gid(EventKind::BeginPrepare, "two"),
            gid(EventKind::Prepare, "two"),
            gid(EventKind::RollbackPrepared, "two"),
        ]
    );
    let ends: Vec<_> = events.iter().filter_map(Event::prepare_end_lsn).collect();
    assert!(ends.len() == 5 && ends[0] == ends[1] && ends[2] == ends[3] && ends[3] == ends[4], "{ends:?}");
    let at = events.iter().position(|event| event.kind() == EventKind::StreamStart).unwrap();
    let first = &events[at];
    assert!(first.is_first_segment() && first.commit_lsn().is_none());
    assert!(events[at + 1].is_streamed() && events[at + 1].commit_lsn().is_none());
    let abort = events.iter().find(|event| event.kind() == EventKind::StreamAbort).unwrap();
    assert!(abort.subxid() != abort.xid() && abort.abort_lsn().is_some() && !abort.is_discarded());
    let commit = only(&events, EventKind::StreamCommit);
    assert!(commit.ack_lsn().is_some() && commit.xid() == first.xid());
    let lines = rendered(&events);
    assert!(lines[at]["first_segment"] == true && lines[at + 1]["streamed"] == true);
}

#[test]
fn payloads_as_they_are() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let (raw, peeked) = (unique("slot"), db.slot());
    db.run(&format!("SELECT pg_create_logical_replication_slot('{raw}', 'test_decoding')"));
    db.run("INSERT INTO t VALUES (7)");
    let options = Options::new()
        .conninfo(db.conninfo())
        .slot(&raw)
        .set("decode", "off")
        .set("plugin", "test_decoding")
        .set("plugin_options", "include-xids=0");
    let events = events(&options, 3);
    let texts: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event.raw().unwrap())).collect();
    assert_eq!(texts, ["BEGIN", "table public.t: INSERT: id[integer]:7", "COMMIT"]);
    assert_eq!(rendered(&events)[1]["payload"], "table public.t: INSERT: id[integer]:7");

    // And pgoutput's own, decoded without a connection.
    let query = format!(
        "SELECT lsn::text, data FROM pg_logical_slot_peek_binary_changes('{peeked}', NULL, NULL,
         'proto_version', '1', 'publication_names', 'pub')"
    );
    let mut decoder = Decoder::new();
    for row in db.sql.query(&query, &[]).unwrap() {
        let lsn: Lsn = row.get::<_, String>(0).parse().unwrap();
        decoder.feed(lsn, row.get(1)).unwrap();
    }
    let batch = decoder.next_batch().unwrap();
    drop(decoder);
    let kinds: Vec<_> = batch.iter().map(|event| event.kind()).collect();
    assert_eq!(kinds, [EventKind::Begin, EventKind::Relation, EventKind::Insert, EventKind::Commit]);
    assert_eq!(batch.get(2).unwrap().deserialize_new::<(i32,)>().unwrap(), (7,));
    assert_eq!(batch.ack_lsn(), batch.get(3).unwrap().ack_lsn());
    assert!(batch.get(4).is_none() && batch.get(usize::MAX).is_none());
}
