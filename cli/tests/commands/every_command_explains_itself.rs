//! Help, completions, man pages, and what is said of a mistake.

use crate::harness::server::{new_folder, wait_for_exit};
use crate::run::{command, run};

/// Every command, and those that hold others.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["tail"],
    &["apply"],
    &["capture"],
    &["replay"],
    &["waldump"],
    &["slot"],
    &["slot", "list"],
    &["slot", "watch"],
    &["slot", "create"],
    &["slot", "drop"],
    &["slot", "alter"],
    &["slot", "advance"],
    &["slot", "copy"],
    &["check"],
    &["publication"],
    &["publication", "list"],
    &["publication", "create"],
    &["publication", "drop"],
    &["publication", "tables"],
    &["completions"],
];

#[test]
fn help_names_every_argument() {
    for command in COMMANDS {
        let said = run("", &[*command, &["--help"]].concat());
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

/// What a user reads is looked at when it changes: UPDATE_DOCS=1 writes it anew.
#[test]
fn help_is_as_it_was() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/help");
    let mut known: Vec<String> = Vec::new();
    for command in COMMANDS {
        let said = run("", &[*command, &["--help"]].concat());
        let name = format!("{}.txt", [&["pgwalstream"][..], command].concat().join("-"));
        let path = folder.join(&name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &said.out).unwrap();
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(said.out == wanted, "{} differs: run with UPDATE_DOCS=1\n{}", path.display(), said.out);
        known.push(name);
        let short = run("", &[*command, &["-?"]].concat());
        assert!(
            short.status == 0 && short.out.contains("--host") && short.out.len() <= said.out.len(),
            "{short:?}"
        );
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "{name} is of no command");
    }
    // All are there: each command that help names.
    for command in COMMANDS {
        let said = run("", &[*command, &["--help"]].concat());
        let Some((_, list)) = said.out.split_once("\nCommands:\n") else { continue };
        for line in list.lines().take_while(|line| !line.is_empty()) {
            // What goes on below has more room in front.
            let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) else { continue };
            let name = name.split(' ').next().unwrap();
            let whole = [*command, &[name]].concat();
            assert!(name == "help" || COMMANDS.contains(&&whole[..]), "{whole:?}");
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
        (&["slot", "list", "-h"], "--host"),
        (&["slot", "alter", "s"], "--failover"),
        (&["tail", "-P", "p", "--rotate-size", "1MB"], "--output"),
        (&["tail", "-P", "p", "-o", "x", "--rotate-time", "soon"], "10min"),
        (&["replay"], "FILE"),
    ] {
        let said = run("dbname=x", arguments);
        assert!(said.status == 2 && said.err.contains(word) && said.out.is_empty(), "{said:?}");
    }
    let said = run("host=/nowhere port=1 password=s3cret", &["slot", "list"]);
    assert!(said.status == 1 && said.err.contains("/nowhere") && said.err.contains("hint: "), "{said:?}");
    assert!(!said.err.contains("s3cret"));
    assert!(said.err.contains("can be read by every user"), "{said:?}");
    let said = run("dbname=x", &["tail", "-P", "p", "--option", "queue_bites=1"]);
    assert!(said.status == 1 && said.err.contains("queue_bytes"), "{said:?}");
    // Nobody listens to it any more: that is no panic.
    let mut silent = command("host=/nowhere port=1", &["slot", "list"]).spawn().unwrap();
    drop(silent.stderr.take());
    assert_eq!(wait_for_exit(&mut silent).unwrap().code(), Some(1));
}
