//! A snapshot in the Rust API: rows, what tells of them, and starting again with the state or the position.

use crate::harness::{Server, server};
use crate::table::{aside, one_thread, within};
use pgwalstream::{
    ErrorCode, EventKind, Options, Renderer, SlotCreate, Snapshot, SnapshotStage, SnapshotStep, Stream,
};

#[test]
fn a_program_has_the_rows_and_goes_on_with_the_changes() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t; INSERT INTO t VALUES (1), (2)");
    let options = Options::new()
        .conninfo(db.conninfo())
        .slot(server::unique("rust"))
        .publication("pub")
        .slot_create(SlotCreate::IfMissing)
        .snapshot(Snapshot::Initial)
        .snapshot_workers(2)
        .snapshot_item_size(8192)
        .snapshot_deadline(std::time::Duration::from_secs(60));
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        let (mut steps, mut ids, mut state) = (Vec::new(), Vec::new(), Vec::new());
        let mut renderer = Renderer::new("debezium").unwrap();
        renderer.set("transactions", "on").unwrap();
        let end = loop {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            renderer.push(event.as_ref()).unwrap();
            if event.is_snapshot() {
                assert_eq!((event.kind(), event.position()), (EventKind::Insert, None));
                assert_eq!((event.snapshot_item(), event.sequence()), (Some(0), ids.len() as u64));
                ids.push(event.new_row().unwrap().get("id").unwrap().as_i64().unwrap());
            }
            if let Some(told) = event.snapshot() {
                assert_eq!((event.kind(), told.item), (EventKind::Snapshot, 0));
                assert_eq!(event.relation().is_none(), told.step == SnapshotStep::End);
                steps.push((told.step, told.rows));
                state = told.state.to_vec();
            }
            if event.ack_lsn().is_some() {
                break event;
            }
        };
        use SnapshotStep::{End, ItemEnd, TableBegin, TableEnd};
        assert_eq!(steps, [(TableBegin, 0), (ItemEnd, 2), (TableEnd, 2), (End, 2)]);
        assert_eq!(ids, [1, 2]);
        let lines: Vec<serde_json::Value> = renderer
            .lines()
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        for (line, id) in lines.iter().zip([1, 2]) {
            let source = &line["source"];
            assert_eq!((&line["op"], &line["after"]["id"]), (&"r".into(), &id.into()), "{line}");
            assert_eq!((&source["snapshot"], &source["txId"]), (&"true".into(), &serde_json::Value::Null));
            assert_eq!(source["lsn"].as_u64(), end.ack_lsn().map(|lsn| lsn.0));
        }
        let progress = stream.snapshot_progress();
        assert_eq!((progress.stage, progress.rows, progress.items), (SnapshotStage::Complete, 2, (1, 1)));
        assert_eq!(Some(progress.consistent_lsn), end.ack_lsn());
        assert!(progress.ended_at >= progress.began_at && progress.began_at.is_some());
        let position = end.position().unwrap();
        within(stream.close()).await.unwrap();

        let refused = within(Stream::connect(&options)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Snapshot);
        aside(|| db.run("INSERT INTO t VALUES (3)"));
        for again in [options.clone().snapshot_state(&state), options.clone().resume_after(position)] {
            let mut stream = within(Stream::connect(&again)).await.unwrap();
            assert_eq!(stream.snapshot_progress().stage, SnapshotStage::None);
            let kinds = [EventKind::Begin, EventKind::Relation, EventKind::Insert];
            for kind in kinds {
                let event = within(stream.next_event()).await.unwrap().unwrap();
                assert!(
                    event.kind() == kind && event.snapshot().is_none() && event.snapshot_item().is_none()
                );
            }
            within(stream.close()).await.unwrap();
        }
    });
}
