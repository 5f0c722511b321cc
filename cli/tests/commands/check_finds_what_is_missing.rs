//! `check` finds what keeps streams from working and names the remedy; where the remedy is followed it is silent.

use crate::harness::Server;
use crate::harness::server::unique;
use crate::run::{Said, lines, run};

/// The states of all findings about a thing.
fn states(said: &Said, what: &str) -> Vec<String> {
    let all = lines(&said.out);
    let found = all.iter().filter(|finding| finding["what"] == what);
    found.map(|finding| finding["state"].as_str().unwrap().to_owned()).collect()
}

fn a_good_server_and_what_a_user_can_mend(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE bad (v text); CREATE PUBLICATION pub FOR TABLE good");
    let (conninfo, slot) = (db.conninfo(), db.slot());
    let said = run(&conninfo, &["check", "--json", "-P", "pub", "-s", &slot]);
    assert_eq!(said.status, 0, "{said:?}");
    for what in ["server", "wal_level", "role", "publication pub", &format!("slot {slot}")] {
        assert_eq!(states(&said, what), ["good"], "{what} {said:?}");
    }
    assert_eq!(states(&said, "max_slot_wal_keep_size"), ["warning"]);

    // Each fault is found alone, and gone once its remedy is followed.
    db.run("ALTER PUBLICATION pub ADD TABLE bad");
    let said = run(&conninfo, &["check", "-P", "pub"]);
    assert!(said.status == 1 && said.out.contains("UPDATE and DELETE of public.bad"), "{said:?}");
    assert!(said.out.contains("REPLICA IDENTITY") && said.err.contains("1 thing keeps"), "{said:?}");
    db.run("ALTER TABLE bad REPLICA IDENTITY FULL");
    assert_eq!(run(&conninfo, &["check", "-P", "pub"]).status, 0);
    let said = run(&conninfo, &["check", "--json", "-P", "nothing", "-s", "nowhere"]);
    assert!(said.status == 1 && said.err.contains("2 things keep"), "{said:?}");
    assert_eq!(states(&said, "publication nothing"), ["error"]);
    assert_eq!(states(&said, "slot nowhere"), ["error"]);
    // A name is no SQL.
    let odd = r#"o'k\ "; DROP TABLE good; --"#;
    assert_eq!(
        states(&run(&conninfo, &["check", "--json", "-P", odd]), &format!("publication {odd}")),
        ["error"]
    );
    db.run("CREATE PUBLICATION \"o'k\\\"; COMMENT ON PUBLICATION \"o'k\\\" IS 'made by a pgwalstream command, and dropped at its end'");
    let said = run(&conninfo, &["check", "--json"]);
    assert_eq!(
        states(&said, "publication o'k\\"),
        ["warning", "warning"],
        "left behind, and without a table: {said:?}"
    );
    db.run("DROP PUBLICATION \"o'k\\\"");
    // The role may not look at everything: what it does not see is not called good.
    let role = unique("role");
    db.run(&format!("CREATE ROLE {role} LOGIN REPLICATION"));
    let said = run(&conninfo.replace("user=postgres", &format!("user={role}")), &["check", "--json"]);
    assert_eq!(states(&said, "role"), ["good"], "{said:?}");
    assert_eq!(states(&said, "WAL senders"), ["unknown"], "{said:?}");
    assert_eq!(states(&said, "publications"), ["warning"], "{said:?}");
    db.run(&format!("DROP ROLE {role}"));
}

on_versions! { a_good_server_and_what_a_user_can_mend v14 14, v18 18 }

/// What only a restart, or a server of its own, shows.
fn a_server_that_is_not_made_for_it(version: u32) {
    let settings = [
        "wal_level=replica",
        "max_replication_slots=1",
        "max_wal_senders=2",
        "wal_sender_timeout=3s",
        "synchronous_standby_names=*",
        "synchronous_commit=local",
    ];
    let server = Server::start(version, &settings);
    let conninfo = server.conninfo("postgres");
    let said = run(&conninfo, &["check", "--json"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(states(&said, "wal_level"), ["error"], "{said:?}");
    for what in ["replication slots", "WAL senders", "wal_sender_timeout", "synchronous_standby_names"] {
        assert_eq!(states(&said, what), ["warning"], "{what} {said:?}");
    }
    let mut sql = server.client("postgres");
    sql.batch_execute("SELECT pg_create_physical_replication_slot('p', true)").unwrap();
    let said = run(&conninfo, &["check", "--json", "-s", "p"]);
    assert_eq!(states(&said, "replication slots"), ["error"], "{said:?}");
    assert_eq!(states(&said, "slot p"), ["good", "error"], "{said:?}");
}

on_versions! { a_server_that_is_not_made_for_it v18 18; v14 14 }
