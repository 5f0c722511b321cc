//! A config file gives what the command line does not, and a mistake in it is named without its text.

use std::process::{Command, Stdio};

use crate::harness::Server;
use crate::harness::server::new_folder;

use crate::run::{command, finish, lines, run};

#[test]
fn the_file_gives_what_is_missing() {
    let mut db = Server::shared(18).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    db.run("INSERT INTO t VALUES (1)");
    let file = new_folder().join("pgwalstream.toml");
    let text = format!(
        "dbname = '''{}'''\n[tail]\nslot = '{slot}'\npublication = ['pub']\nack = 'none'\ncount = 1\n[slot.list]\njson = true\n",
        db.conninfo()
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let with = |arguments: &[&str], variable: Option<&str>| {
        let whole = command("", arguments);
        // Without the -d that `command` gives, which would count before the file.
        let mut bare = Command::new(whole.get_program());
        bare.args(whole.get_args().skip(2)).envs(variable.map(|file| ("PGWALSTREAM_CONFIG", file)));
        bare.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(bare.spawn().unwrap())
    };
    for said in [with(&["tail", "--config", file], None), with(&["tail"], Some(file))] {
        assert_eq!((said.status, lines(&said.out).len()), (0, 1), "{said:?}");
        db.released(&slot);
    }
    // The command line counts before the file.
    let said = with(&["tail", "-F", "wal2json2", "--count", "1", "--config", file], None);
    assert!(said.status == 0 && said.out.starts_with("{\"action\":\"B\"}"), "{said:?}");
    let said = with(&["slot", "list"], Some(file));
    assert!(said.status == 0 && lines(&said.out).iter().any(|it| it["name"] == slot.as_str()), "{said:?}");
}

#[test]
fn a_mistake_is_named_and_its_line_not_shown() {
    let file = new_folder().join("config");
    let name = file.to_str().unwrap();
    for (text, word) in [
        ("quiet = true\npassword = 's3cret", "line 2"),
        ("pasword = 's3cret'", "pasword: pgwalstream has no such option"),
        ("[tail]\nslots = 's3cret'", "slots: tail has no such option"),
        ("[tale]\nslot = 's3cret'", "[tale]: pgwalstream has no such command"),
    ] {
        std::fs::write(&file, text).unwrap();
        let said = run("dbname=x", &["slot", "list", "--config", name]);
        assert!(said.status == 2 && said.err.contains(word) && said.err.contains(name), "{said:?}");
        assert!(!said.err.contains("s3cret"), "{said:?}");
    }
    let said = run("dbname=x", &["slot", "list", "--config", "/nowhere"]);
    assert!(said.status == 2 && said.err.contains("/nowhere"), "{said:?}");
}
