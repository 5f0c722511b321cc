//! Slots and publications are made, listed, changed and dropped.

use crate::harness::Server;
use crate::harness::server::unique;
use crate::run::{lines, run};

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
