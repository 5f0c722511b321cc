//! P11: DDL in the middle of a stream. Every change is described by the definition that held when it was made, a
//! definition that changed is announced as the next generation, and one that is merely sent again is not.

use crate::harness::stream::Clone;
use crate::harness::{Format, Kind, Next, Options, Server};

fn p11_every_change_has_the_definition_of_its_time(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, a text); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.script(
        "INSERT INTO t VALUES (1, 'one');
         ALTER TABLE t ADD COLUMN b int DEFAULT 7;
         INSERT INTO t VALUES (2, 'two', 2);
         ALTER TABLE t DROP COLUMN a;
         INSERT INTO t VALUES (3, 3);
         ALTER TABLE t RENAME COLUMN b TO c;
         INSERT INTO t VALUES (4, 4);
         ALTER TABLE t ALTER c TYPE varchar(9);
         INSERT INTO t VALUES (5, 'five');
         ALTER TABLE t ALTER c TYPE varchar(10);
         INSERT INTO t VALUES (6, 'six');
         ALTER TABLE t REPLICA IDENTITY FULL;
         DELETE FROM t WHERE id = 6;
         ALTER TABLE t RENAME TO u;
         INSERT INTO u VALUES (7, 'seven');
         ALTER TABLE u ALTER c SET STATISTICS 5;
         ANALYZE u;
         INSERT INTO u VALUES (8, 'eight')",
    );
    // Inside one transaction, too.
    db.run("BEGIN; ALTER TABLE u ADD COLUMN d int; INSERT INTO u VALUES (9, 'nine', 9); ALTER TABLE u DROP COLUMN d;
            INSERT INTO u VALUES (10, 'ten'); COMMIT");

    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let mut kept = Vec::new();
    let (mut lines, mut changes) = (Vec::new(), Vec::new());
    let mut done = false;
    while !done {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing more") };
        if matches!(event.kind(), Kind::Relation | Kind::Insert | Kind::Delete) {
            lines.push(event.line());
            if event.kind() == Kind::Relation {
                changes.push(event.relation().changes().unwrap().join(", "));
            }
            kept.push(Clone::of(event));
            done = event.line().contains("id=10");
        }
    }
    assert_eq!(
        changes,
        [
            "",
            "COLUMN_ADDED 2<-1  0/-1",
            "COLUMN_DROPPED -1<1 a 25/-1",
            "COLUMN_REPLACED 1<1 b 23/-1",
            "COLUMN_TYPE 1<1 c 23/-1, COLUMN_TYPMOD 1<1 c 23/-1",
            "COLUMN_TYPMOD 1<1 c 1043/13",
            "REPLICA_IDENTITY -1<-1  0/-1d, COLUMN_KEY 1<1 c 1043/14",
            "NAME -1<-1 t 0/-1",
            "COLUMN_ADDED 2<-1  0/-1",
            "COLUMN_DROPPED -1<2 d 23/-1",
        ]
    );
    assert_eq!(
        lines,
        [
            "RELATION public.t (id:23* a:25) d#1",
            "INSERT public.t new id=1 a=one",
            "RELATION public.t (id:23* a:25 b:23) d#2",
            "INSERT public.t new id=2 a=two b=2",
            "RELATION public.t (id:23* b:23) d#3",
            "INSERT public.t new id=3 b=3",
            "RELATION public.t (id:23* c:23) d#4",
            "INSERT public.t new id=4 c=4",
            "RELATION public.t (id:23* c:1043/13) d#5",
            "INSERT public.t new id=5 c=five",
            "RELATION public.t (id:23* c:1043/14) d#6",
            "INSERT public.t new id=6 c=six",
            "RELATION public.t (id:23* c:1043/14*) f#7",
            "DELETE public.t old id=6 c=six",
            "RELATION public.u (id:23* c:1043/14*) f#8",
            "INSERT public.u new id=7 c=seven",
            "INSERT public.u new id=8 c=eight",
            "RELATION public.u (id:23* c:1043/14* d:23*) f#9",
            "INSERT public.u new id=9 c=nine d=9",
            "RELATION public.u (id:23* c:1043/14*) f#10",
            "INSERT public.u new id=10 c=ten",
        ]
    );
    // Events that were kept still say what they said when their definition held.
    drop(stream);
    let again: Vec<String> = kept.iter().map(|event| event.event().line()).collect();
    assert_eq!(again, lines);
}

on_every_version_and_format! { p11_every_change_has_the_definition_of_its_time }
