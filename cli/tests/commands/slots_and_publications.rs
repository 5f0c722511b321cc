//! Slots and publications are made, listed, changed and dropped.

use crate::harness::server::{Stop, new_folder, unique};
use crate::harness::{Server, eventually};
use crate::run::{command, finish, lines, run};

fn from_their_making_to_their_end(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE bad (v text)");
    let conninfo = db.conninfo();
    let done = |arguments: &[&str]| {
        let said = run(&conninfo, arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.out
    };
    done(&["publication", "create", "pub", "-t", "good", "-t", "bad"]);
    let tables = done(&["publication", "tables", "pub", "--json"]);
    let state = |name: &str| {
        let all = lines(&tables);
        all.iter().find(|table| table["table"] == name).unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("good"), "good");
    assert!(state("bad").contains("primary key"), "{}", state("bad"));
    assert!(done(&["publication", "list"]).contains("insert,update,delete,truncate"));

    let (slot, copy) = (unique("cli"), unique("cli_copy"));
    done(&["slot", "create", &slot]);
    db.run("INSERT INTO good SELECT generate_series(1, 100)");
    done(&["slot", "copy", &slot, &copy]);
    let all = lines(&done(&["slot", "list", "--json"]));
    let found = all.iter().find(|found| found["name"] == slot.as_str()).unwrap();
    assert!(
        found["kind"] == "logical" && found["plugin"] == "pgoutput" && found["active_pid"].is_null(),
        "{found}"
    );
    assert!(found["lag_bytes"].as_u64().unwrap() > 0 && found["safe_wal_size"].is_null(), "{found}");
    let table = done(&["slot", "list"]);
    assert!(table.starts_with("name") && table.contains(&slot) && table.contains("no limit"), "{table}");

    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    done(&["slot", "advance", &slot, &end, "--yes"]);
    let all = lines(&done(&["slot", "list", "--json"]));
    let at =
        |name: &str| all.iter().find(|found| found["name"] == name).unwrap()["confirmed_flush_lsn"].clone();
    assert!(at(&slot) != at(&copy));
    if version >= 17 {
        done(&["slot", "alter", &slot, "--failover", "on"]);
    }
    done(&["slot", "drop", "--yes", &slot, &copy]);
    done(&["publication", "drop", "--yes", "pub"]);
    let gone = run(&conninfo, &["slot", "drop", "--yes", &slot]);
    assert!(gone.status == 1 && gone.err.contains("does not exist"), "{gone:?}");
}

on_versions! { from_their_making_to_their_end v14 14, v18 18 }

/// What --dry-run shows does the same as the command would, and showing it does nothing.
fn what_is_shown_does_the_same(version: u32) {
    let server = Server::shared(version);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY)");
    let conninfo = db.conninfo();
    let (slot, copy) = (unique("shown"), unique("shown_copy"));
    let shown = |arguments: &[&str]| {
        let said = run(&conninfo, &[arguments, &["--dry-run"]].concat());
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{arguments:?}: {said:?}");
        said.out
    };
    let slots = |db: &mut crate::harness::server::Database<'_>| {
        db.text("SELECT string_agg(slot_name || ' ' || slot_type, ',' ORDER BY 1) FROM pg_replication_slots WHERE database = current_database()")
    };
    let make = shown(&["slot", "create", &slot, "--two-phase"]);
    assert_eq!(slots(&mut db), "");
    db.script(&make);
    assert_eq!(
        db.text(&format!("SELECT two_phase FROM pg_replication_slots WHERE slot_name = '{slot}'")),
        "t"
    );
    db.script(&shown(&["slot", "copy", &slot, &copy]));
    db.run("INSERT INTO t VALUES (1)");
    let end = db.text("SELECT pg_current_wal_flush_lsn()");
    let before = db.confirmed(&slot);
    let advance = shown(&["slot", "advance", &slot, &end]);
    assert_eq!(db.confirmed(&slot), before);
    db.script(&advance);
    assert!(db.confirmed(&slot) > before && db.confirmed(&copy) <= before);
    if version >= 17 {
        // A replication command, which SQL is not.
        let alter = shown(&["slot", "alter", &slot, "--failover", "on"]);
        crate::harness::Admin::open(&conninfo).query(&alter).unwrap();
        assert_eq!(
            db.text(&format!("SELECT failover FROM pg_replication_slots WHERE slot_name = '{slot}'")),
            "t"
        );
    }
    db.script(&shown(&["publication", "create", "a \"pub\"", "-t", "t", "--via-partition-root"]));
    assert_eq!(db.text("SELECT pubname || pubviaroot FROM pg_publication"), "a \"pub\"true");
    let drop = shown(&["publication", "drop", "a \"pub\""]);
    db.script(&drop);
    assert_eq!(db.text("SELECT count(*) FROM pg_publication"), "0");
    db.script(&shown(&["slot", "drop", &slot, &copy]));
    assert_eq!(slots(&mut db), "");
    let physical = unique("shown_physical");
    db.script(&shown(&["slot", "create", &physical, "--physical", "--reserve-wal"]));
    let kind = format!(
        "SELECT slot_type || (restart_lsn IS NOT NULL) FROM pg_replication_slots WHERE slot_name = '{physical}'"
    );
    assert_eq!(db.text(&kind), "physicaltrue");
    db.script(&shown(&["slot", "drop", &physical]));
}

on_versions! { what_is_shown_does_the_same v14 14, v18 18 }

/// `watch` looks again, outlives a restart of the server, and ends with 4 once a slot that was named is lost.
#[test]
fn slots_are_watched() {
    let server = Server::start(
        18,
        &["max_slot_wal_keep_size=1MB", "wal_keep_size=0", "max_wal_size=32MB", "min_wal_size=32MB"],
    );
    let (conninfo, slot) = (server.conninfo("postgres"), unique("watched"));
    assert_eq!(run(&conninfo, &["slot", "create", &slot]).status, 0);
    let said = run(&conninfo, &["slot", "watch", "--count", "2", "--interval", "0.1"]);
    assert!(
        said.status == 0 && said.out.matches(&slot).count() == 2 && said.out.matches("xmin age").count() == 2,
        "{said:?}"
    );
    let said = run(&conninfo, &["slot", "watch", "nobody", "--json"]);
    assert!(said.status == 4 && said.err.contains("nobody") && said.out.is_empty(), "{said:?}");
    let said = run(&conninfo, &["slot", "watch", &slot, "--json", "--count", "2", "--interval", "0.1"]);
    let seen = lines(&said.out);
    assert!(
        seen.len() == 2
            && seen[0]["at"].is_string()
            && seen[0]["state"] == "good"
            && seen[0]["xmin_age"].is_u64(),
        "{said:?}"
    );
    let mut child = command(&conninfo, &["slot", "watch", &slot, "--interval", "0.2"]);
    let shown = new_folder().join("shown");
    let mut child = child.stdout(std::fs::File::create(&shown).unwrap()).spawn().unwrap();
    eventually("it looked", || std::fs::metadata(&shown).unwrap().len() > 0);
    server.stop(Stop::Fast);
    server.restart();
    let mut db = server.client("postgres");
    // WAL that the slot needs and may not keep.
    eventually("the slot is lost", || {
        db.batch_execute("SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS w (); DROP TABLE w; CHECKPOINT")
            .unwrap();
        child.try_wait().unwrap().is_some()
    });
    let said = finish(child);
    assert!(said.status == 4 && said.err.contains("is lost"), "{said:?}");
}
