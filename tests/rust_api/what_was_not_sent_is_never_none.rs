//! P10: an UPDATE that leaves a large value alone does not send it, and an old key has no other columns. Neither becomes
//! None: an Option is an error that says why, and `Maybe` tells the three apart.

use serde::Deserialize;

use crate::harness::Server;
use crate::table::{one_thread, within};
use pgwalstream::{ErrorCode, Event, EventKind, Maybe, Options, Stream, ValueKind};

#[derive(Debug, Deserialize, PartialEq)]
struct Careless {
    id: i32,
    body: Option<String>,
    n: Option<i32>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Careful {
    id: i32,
    body: Maybe<Option<String>>,
    n: Maybe<Option<i32>>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Key {
    id: i32,
}

fn unsent(version: u32, binary: bool) {
    let mut db = Server::shared(version).database();
    db.run(
        "CREATE TABLE t (id int PRIMARY KEY, body text, n int); ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
         CREATE PUBLICATION pub FOR TABLE t",
    );
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1, repeat('x', 10000), 1)");
    db.run("UPDATE t SET n = 2");
    db.run("UPDATE t SET body = NULL, n = NULL");
    db.run("UPDATE t SET id = 5");
    db.run("DELETE FROM t");
    let options = Options::new().conninfo(db.conninfo()).slot(slot).publication("pub").binary(binary);
    let events: Vec<Event> = one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let mut kept = Vec::new();
        while kept.len() < 5 {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if matches!(event.kind(), EventKind::Insert | EventKind::Update | EventKind::Delete) {
                kept.push(event);
            }
        }
        kept
    });
    let [insert, unchanged, nulled, moved, deleted] = &events[..] else { unreachable!() };
    assert_eq!(insert.deserialize_new::<Careless>().unwrap().body.unwrap().len(), 10_000);
    assert_eq!(insert.deserialize_new::<Careful>().unwrap().n, Maybe::Sent(Some(1)));

    let error = unchanged.deserialize_new::<Careless>().unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoValue);
    assert!(
        error.message().contains("column \"body\" (text)") && error.message().contains("unchanged TOAST"),
        "{error}"
    );
    assert!(!error.hint().is_empty());
    let careful: Careful = unchanged.deserialize_new().unwrap();
    assert_eq!(careful, Careful { id: 1, body: Maybe::Unchanged, n: Maybe::Sent(Some(2)) });
    assert_eq!(careful.body.or(Some("known".into())), Some("known".into()));
    assert_eq!(unchanged.deserialize_new::<Key>().unwrap(), Key { id: 1 });
    let body = unchanged.new_row().unwrap().get("body").unwrap();
    assert_eq!((body.kind(), body.is_null(), body.bytes()), (ValueKind::Unchanged, false, None));
    assert_eq!(body.nullable().unwrap_err().code(), ErrorCode::NoValue);
    // Nor by a way that asks for nothing in particular.
    assert!(body.deserialize::<serde_json::Value>().is_err());
    assert!(body.deserialize::<()>().is_err());
    assert!(body.deserialize::<Option<()>>().is_err());

    assert_eq!(nulled.deserialize_new::<Careless>().unwrap(), Careless { id: 1, body: None, n: None });
    let sent = Careful { id: 1, body: Maybe::Sent(None), n: Maybe::Sent(None) };
    assert_eq!(nulled.deserialize_new::<Careful>().unwrap(), sent);

    for (event, id) in [(moved, 1), (deleted, 5)] {
        assert!(event.old_is_key());
        let key = Careful { id, body: Maybe::Absent, n: Maybe::Absent };
        assert_eq!(event.deserialize_old::<Careful>().unwrap(), key);
        assert_eq!(event.deserialize_old::<Key>().unwrap(), Key { id });
        let error = event.deserialize_old::<Careless>().unwrap_err();
        assert!(
            error.code() == ErrorCode::NoValue && error.message().contains("replica identity"),
            "{error}"
        );
    }
    // From another format a Maybe is what is there.
    let json: Careful = serde_json::from_str(r#"{"id": 1, "body": null, "n": 2}"#).unwrap();
    assert_eq!(json, Careful { id: 1, body: Maybe::Sent(None), n: Maybe::Sent(Some(2)) });
}

#[test]
fn p10_v14() {
    unsent(14, false);
}

#[test]
fn p10_v18_text() {
    unsent(18, false);
}

#[test]
fn p10_v18_binary() {
    unsent(18, true);
}
