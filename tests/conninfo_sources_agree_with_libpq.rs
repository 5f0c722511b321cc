//! Password files, service files and environment variables, read by this library and by libpq 18 itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod libpq;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::{env, fs};

use libpq::Libpq;
use pgwalstream::conninfo::{self, Conninfo, Environment};

/// The passwords that both take from a password file, for one server on which nobody listens.
#[test]
fn password_files_are_read_as_libpq_reads_them() {
    const LINES: &[&str] = &[
        "h:1:d:u:p",
        "*:*:*:*:p",
        "*:*:*:*:",
        "h:1:d:u:p:q",
        r"h:1:d:u:p\:q\\r\x",
        "h:1:d:u:p\\",
        "h:1:d:u: p ",
        r"\h:1:d:u:p",
        r"h\:1:d:u:p",
        "h:2:d:u:p",
        "h:1:e:u:p",
        "h:1:d:v:p",
        "#h:1:d:u:p",
        " h:1:d:u:p",
        "h :1:d:u:p",
        "h:1:d:u",
        "h:1:d",
        "",
        ":::::",
        "*h:1:d:u:p",
        "h*:1:d:u:p",
        "**:1:d:u:p",
        "h:1:d:u:p\r",
        "h:1:d:u:p\r\r",
        "x:1:d:u:no\nh:1:d:u:one\nh:1:d:u:two",
        "\n\n*:*:d:*:p\n",
        "h:*:*:u:p",
        "localhost:1:d:u:p",
        "127.0.0.1:1:d:u:p",
        "a:b:1:d:u:p",
        r"a\:b:1:d:u:p",
        "H:1:d:u:p",
        "h:01:d:u:p",
        "h:1:d:u:\u{e9}",
        r"*:\1:\d:\u:p",
    ];
    let libpq = Libpq::load();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let mut found = 0;
    for (line, mode) in LINES.iter().map(|line| (line, 0o600)).chain([(&LINES[1], 0o644), (&LINES[1], 0o400)])
    {
        fs::write(&file, line).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for host in ["host=h", "host=localhost", "host=a:b", "", "host='' hostaddr=127.0.0.1"] {
            for rest in ["user=u dbname=d", "user=u", "user=d", "user=u dbname=d password=mine"] {
                let text = format!("hostaddr=127.0.0.1 port=1 {host} {rest} passfile={}", file.display());
                let it = Conninfo::parse(&text).unwrap();
                let ours = it.password(&it.hosts()[0]).unwrap_or_default();
                assert_eq!(ours, libpq.begin(&text).0, "{line:?} {text}");
                found += usize::from(!ours.is_empty() && ours != "mine");
            }
        }
    }
    assert!(found > 50, "{found}");
}

/// Compares what both take from service files and from this process's environment. Run by the test below.
#[test]
#[ignore = "part of services_and_variables_are_read_as_libpq_reads_them, which sets the environment"]
fn compare_sources() {
    let Ok(text) = env::var("TEST_CONNINFO") else { return };
    let theirs = Libpq::load().begin(&text).1;
    let ours = conninfo::completed_pairs(&text, Environment::of_process());
    let (Some(mut theirs), Ok(ours)) = (theirs.clone(), ours.as_ref()) else {
        assert_eq!(theirs.is_some(), ours.is_ok(), "libpq {theirs:?}, here {ours:?}");
        return println!("refused");
    };
    let mut shown = Vec::new();
    for (name, value) in ours.iter().filter(|(name, _)| *name != "service") {
        let said = theirs.remove(*name).unwrap_or_default();
        // For an empty user libpq puts in that of the system; here that happens later.
        if *name != "user" || !value.is_empty() {
            assert_eq!(String::from_utf8_lossy(&said), *value, "{name}");
        }
        shown.push(format!("{name}={value}"));
    }
    // What is left are defaults.
    let defaults = [
        "port",
        "options",
        "sslmode",
        "sslnegotiation",
        "sslcompression",
        "sslsni",
        "ssl_min_protocol_version",
        "gssencmode",
        "krbsrvname",
        "gssdelegation",
        "target_session_attrs",
        "load_balance_hosts",
        "channel_binding",
        "user",
        "service",
        "dbname",
        "passfile",
        "sslcertmode",
    ];
    theirs.retain(|name, _| !defaults.contains(&name.as_str()));
    assert!(theirs.is_empty(), "libpq has more: {theirs:?}");
    println!("taken {}", shown.join(" "));
}

#[test]
fn services_and_variables_are_read_as_libpq_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = "# comment\nuser=nobody\n[s]\n  user=of s \nport=1\nuser=second\nhost=a,b\npassword= p=q\n\n#x\n[s]\ndbname=no\n\
                [nested]\nservice=s\n[unknown]\nnix=1\n[blank]\nuser =u\n[none]\n[] \nport=2\n[q] x\nport=3\n[bare]\nuser\n\
                [requiressl]\nrequiressl=1\n[empty]\nuser=\nport=\n [indent]\nport=4\n[s\nport=5\n[end]\nport=6";
    fs::write(at("file"), text).unwrap();
    fs::write(at(".pg_service.conf"), "[s]\nport=11\n[home]\nport=12\n").unwrap();
    fs::write(at("pg_service.conf"), "[s]\nport=21\n[home]\nport=22\n[system]\nport=23\n").unwrap();
    let (file, home) = (at("file"), at(""));
    let (mut taken, mut refused) = (0, 0);
    let mut run = |text: &str, variables: &[(&str, &str)]| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "compare_sources", "--ignored", "--nocapture"]);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") && name != "PGWALSTREAM_SERVERS" {
                child.env_remove(name);
            }
        }
        // Name resolution and servers stay out of it.
        child.env("HOME", "/no/such/home").env("PGSYSCONFDIR", "/no/such/folder");
        child.env("TEST_CONNINFO", format!("hostaddr=127.0.0.1,127.0.0.1 {text}"));
        let output = child.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let both = format!("{text} {variables:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{both}");
        taken += usize::from(said.contains("taken"));
        refused += usize::from(said.contains("refused"));
    };
    for service in [
        "s",
        "nested",
        "unknown",
        "blank",
        "none",
        "",
        "q",
        "bare",
        "requiressl",
        "empty",
        "indent",
        "end",
        "nix",
        "S",
        "q] x",
    ] {
        run(&format!("service='{service}'"), &[("PGSERVICEFILE", &file), ("PGUSER", "of the environment")]);
        run("user=mine", &[("PGSERVICEFILE", &file), ("PGSERVICE", service)]);
    }
    for service in ["s", "home", "system", "nix"] {
        run(&format!("service={service}"), &[("HOME", &home)]);
        run(&format!("service={service}"), &[("HOME", &home), ("PGSYSCONFDIR", &home)]);
        run(&format!("service={service}"), &[("PGSERVICEFILE", &file), ("PGSYSCONFDIR", &home)]);
        run(&format!("service={service}"), &[("PGSERVICEFILE", "/no/such/file"), ("PGSYSCONFDIR", &home)]);
    }
    for (_, variable, _) in conninfo::parameters() {
        // One that names a service was tried above; these two decide where libpq goes to.
        let Some(variable) = variable.filter(|it| !["PGSERVICE", "PGHOSTADDR"].contains(it)) else {
            continue;
        };
        run("", &[(variable, "x")]);
    }
    run("user='' port=1", &[("PGUSER", "u"), ("PGPORT", "2"), ("PGHOST", "a,b")]);
    run("", &[("PGREQUIRESSL", "1")]);
    run("", &[("PGREQUIRESSL", "0")]);
    run("sslmode=prefer", &[("PGREQUIRESSL", "1")]);
    run("", &[("PGREQUIRESSL", "1"), ("PGSSLMODE", "allow")]);
    assert!(taken > 40 && refused > 15, "{taken} {refused}");
}
