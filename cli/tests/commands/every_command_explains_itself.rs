//! Help, completions, man pages, and what is said of a mistake.

use crate::harness::server::{new_folder, wait_for_exit};
use crate::run::{command, run};

#[test]
fn help_names_every_argument() {
    for command in [
        &["tail"][..],
        &["replay"],
        &["waldump"],
        &["slot", "list"],
        &["slot", "create"],
        &["slot", "drop"],
        &["slot", "alter"],
        &["slot", "advance"],
        &["slot", "copy"],
        &["check"],
        &["publication", "list"],
        &["publication", "create"],
        &["publication", "drop"],
        &["publication", "tables"],
        &["completions"],
    ] {
        let said = run("", &[command, &["--help"]].concat());
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{command:?}");
        for word in ["Usage: pgwalstream", "--dbname", "--help"] {
            assert!(said.out.contains(word), "{command:?}: {}", said.out);
        }
        // An argument or option without a sentence is not explained.
        for (line, next) in said.out.lines().zip(said.out.lines().skip(1)) {
            let is_option = line.trim_start().starts_with('-') || line.trim_start().starts_with('<');
            let is_alone = is_option && line.trim().split("  ").count() == 1;
            assert!(!is_alone || next.starts_with("          "), "{command:?}: {line}");
        }
    }
}

#[test]
fn completions_and_man_pages_are_made() {
    for (shell, word) in
        [("bash", "complete"), ("zsh", "#compdef pgwalstream"), ("fish", "complete -c pgwalstream")]
    {
        let said = run("", &["completions", shell]);
        assert!(said.status == 0 && said.out.contains(word), "{said:?}");
    }
    let folder = new_folder();
    let said = run("", &["man", folder.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
    for page in ["pgwalstream.1", "pgwalstream-tail.1", "pgwalstream-slot-create.1"] {
        assert!(std::fs::read_to_string(folder.join(page)).unwrap().contains(".TH"), "{page}");
    }
}

#[test]
fn a_mistake_has_its_exit_status_and_names_the_remedy() {
    for (arguments, word) in [
        (&["tail"][..], "--publication"),
        (&["tail", "-P", "p", "--ack", "fsynced"], "--output"),
        (&["tail", "-P", "p", "--option", "x"], "NAME=VALUE"),
        (&["slot", "drop", "s"], "--yes"),
        (&["nothing"], "unrecognized"),
    ] {
        let said = run("dbname=x", arguments);
        assert!(said.status == 2 && said.err.contains(word) && said.out.is_empty(), "{said:?}");
    }
    let said = run("host=/nowhere port=1 password=s3cret", &["slot", "list"]);
    assert!(said.status == 1 && said.err.contains("/nowhere") && said.err.contains("hint: "), "{said:?}");
    assert!(!said.err.contains("s3cret"));
    let said = run("dbname=x", &["tail", "-P", "p", "--option", "queue_bites=1"]);
    assert!(said.status == 1 && said.err.contains("queue_bytes"), "{said:?}");
    // Nobody listens to it any more: that is no panic.
    let mut silent = command("host=/nowhere port=1", &["slot", "list"]).spawn().unwrap();
    drop(silent.stderr.take());
    assert_eq!(wait_for_exit(&mut silent).unwrap().code(), Some(1));
}
