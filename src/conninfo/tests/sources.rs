//! Service files, the environment and password files; and which of them is stronger.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// Reads `text` where these variables are set; `HOME` is a folder without anything.
fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Conninfo> {
    let look_up = |name: &str| {
        let found =
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value));
        found.or_else(|| Some("/no/such/home".into()).filter(|_| name == "HOME"))
    };
    Conninfo::read(text, Environment::new(&look_up))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

fn password(it: &Conninfo) -> Option<&str> {
    it.password(&it.hosts()[0])
}

#[test]
fn variables_fill_what_is_not_given() {
    let all = [
        ("PGHOST", "h,/s"),
        ("PGHOSTADDR", "1.1.1.1,"),
        ("PGPORT", "1,2"),
        ("PGUSER", "u"),
        ("PGPASSWORD", "p"),
        ("PGDATABASE", "d"),
        ("PGOPTIONS", "-c a=b"),
        ("PGAPPNAME", "a"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGLOADBALANCEHOSTS", "random"),
        ("PGREQUIREPEER", "postgres"),
        ("PGSSLMODE", "disable"),
        ("PGTZ", "Asia/Tokyo"),
        ("PGGEQO", "off"),
        ("PGDATESTYLE", "ISO, DMY"),
    ];
    let it = read_with("", &all).unwrap();
    let shown = "host=h,/s hostaddr=1.1.1.1, port=1,2 user=u password=*** dbname=d application_name=a options='-c a=b'";
    assert_eq!((it.redacted().as_str(), password(&it)), (shown, Some("p")));
    assert_eq!(
        (it.client_encoding(), it.connect_timeout()),
        (Some("LATIN1"), Some(Limit::After(Duration::from_secs(3))))
    );
    assert_eq!((it.target(), it.order(), it.tls().mode), (Target::Standby, Order::Random, SslMode::Disable));
    assert_eq!(it.require_peer(), Some("postgres"));
    let settings = [("datestyle", "ISO, DMY"), ("timezone", "Asia/Tokyo"), ("geqo", "off")];
    assert_eq!(it.server_settings(), settings.map(|(name, value)| (name, value.to_owned())));

    let it = read_with("host=x port=7 user='' hostaddr='' password=q", &all).unwrap();
    let me = sys::user_name().unwrap();
    assert_eq!((it.hosts()[0].describe().as_str(), it.user()), ("host \"x\", port 7", &*me));
    assert_eq!(password(&it), Some("q"));

    // None of it is read unless that is asked for.
    let it = Conninfo::parse("host=h user=u").unwrap();
    assert!(it.server_settings().is_empty() && it.passfile_fault().is_none());
    // What is empty is as good as unset.
    let empty: Vec<_> = all.iter().map(|(name, _)| (*name, "")).collect();
    assert_eq!(read_with("host=h user=u", &empty).unwrap().redacted(), it.redacted());
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    use Status::{WAL_E_CONNINFO as BAD, WAL_E_NOT_BUILT as UNBUILT};
    for (name, value, status) in [
        ("PGPORT", "hunter2", BAD),
        ("PGSSLMODE", "hunter2", BAD),
        ("PGGSSENCMODE", "require", UNBUILT),
        ("PGREQUIREAUTH", "hunter2", BAD),
        ("PGSSLMINPROTOCOLVERSION", "hunter2", BAD),
        ("PGTARGETSESSIONATTRS", "hunter2", BAD),
        ("PGDATESTYLE", "German", BAD),
        ("PGDATESTYLE", "SQL, DMY", BAD),
        ("PGCONNECT_TIMEOUT", "hunter2", BAD),
    ] {
        let error = read_with("host=h user=u", &[(name, value)]).expect_err(name);
        assert_eq!(error.status(), status, "{error:?}");
        assert!(error.message().contains(name) && !error.hint().is_empty(), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    #[cfg(feature = "rustls")]
    {
        let required = read_with("host=h user=u", &[("PGREQUIRESSL", "1")]).unwrap();
        assert_eq!(required.tls().mode, SslMode::Require);
    }
    assert!(read_with("host=h user=u", &[("PGREQUIRESSL", "0"), ("PGDATESTYLE", "default")]).is_ok());
    assert!(read_with("host=h user=u sslmode=prefer", &[("PGREQUIRESSL", "1")]).is_ok());
    let odd = |name: &str| Some(OsString::from_vec(vec![0xff])).filter(|_| name == "PGUSER");
    let error = Conninfo::read("host=h", Environment::new(&odd)).unwrap_err();
    assert!(error.message().contains("PGUSER is not UTF-8"), "{error:?}");
}

#[test]
fn services_are_found_and_stronger_than_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let text = "# a comment\nuser=nobody\n\n[other]\nuser=other\n[mine]\r\n  host=h  \nuser=service\nuser=second\n\
                password=a b=c \n# [x]\n[mine]\nport=1\n[next]\nuser=next\n[ odd ] x\nport=9\n";
    let file = write(folder.path(), "services", text);
    let shown = |it: Conninfo| format!("{} {}", it.user(), it.hosts()[0].describe());
    let named = format!("service=mine servicefile={file}");
    for it in [
        Conninfo::parse(&named),
        read_with(&named, &[("PGUSER", "env"), ("PGPORT", "5432"), ("PGSERVICEFILE", "/no/such")]),
        read_with("service=mine", &[("PGSERVICEFILE", &file)]),
        read_with("", &[("PGSERVICEFILE", &file), ("PGSERVICE", "mine"), ("PGHOST", "env")]),
    ] {
        let it = it.unwrap();
        assert_eq!(password(&it), Some("a b=c"));
        assert_eq!(shown(it), "service host \"h\", port 5432");
    }
    let it = read_with(&format!("{named} user=mine"), &[("PGSERVICE", "other")]).unwrap();
    assert_eq!(it.user(), "mine");
    let it = Conninfo::parse(&format!("service=' odd ' servicefile={file} host=h user=u")).unwrap();
    assert_eq!(it.hosts()[0].port(), 9);
    assert!(read_with("service='' host=h user=u", &[("PGSERVICE", "none")]).is_ok());

    // The user's own file first, then the system's.
    let home = folder.path().display().to_string();
    write(folder.path(), ".pg_service.conf", "[a]\nhost=home\n");
    write(folder.path(), "pg_service.conf", "[a]\nhost=system\n[b]\nhost=system\n");
    let variables = [("HOME", home.as_str()), ("PGSYSCONFDIR", &home)];
    for (service, host) in [("a", "home"), ("b", "system")] {
        let it = read_with(&format!("service={service} user=u"), &variables).unwrap();
        assert_eq!(shown(it), format!("u host \"{host}\", port 5432"));
    }
    let error = read_with("service=c", &variables).unwrap_err();
    assert!(error.message().contains("\"c\"") && error.hint().contains(".pg_service.conf, "), "{error:?}");
}

#[test]
fn a_broken_service_is_said_by_its_line_and_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    for (text, status, says) in [
        ("[s]\nhost=h\nhunter2\n", Status::WAL_E_CONNINFO, "line 3"),
        ("[s]\nhunter2=x\n", Status::WAL_E_CONNINFO, "line 2"),
        ("[s]\nport =hunter2\n", Status::WAL_E_CONNINFO, "line 2"),
        ("[s]\nport=hunter2\n", Status::WAL_E_CONNINFO, "the service's parameter port"),
        ("[s]\nservice=hunter2\n", Status::WAL_E_CONNINFO, "names a service again"),
        ("[s]\nldap://hunter2\n", Status::WAL_E_CONNINFO, "LDAP"),
        ("[s]\nsslkeylogfile=hunter2\n", Status::WAL_E_NOT_BUILT, "sslkeylogfile"),
        ("[t]\nhunter2\n", Status::WAL_E_CONNINFO, "no service file defines"),
    ] {
        let file = write(folder.path(), "services", text);
        let error = Conninfo::parse(&format!("service=s user=u servicefile={file}")).unwrap_err();
        assert_eq!(error.status(), status, "{error:?}");
        assert!(error.message().contains(says) && !error.hint().is_empty(), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let error = Conninfo::parse(&format!("service=s servicefile={}", folder.path().display())).unwrap_err();
    assert!(error.message().contains("no plain file"), "{error:?}");
}

#[test]
fn every_host_gets_its_own_password() {
    let folder = tempfile::tempdir().unwrap();
    let text = "# hosts\na:1:d:u:first\nb:*:d:u:second\n1.1.1.1:5432:d:u:third\nlocalhost:5432:d:u:local\n\
                /s:*:*:*:socket\n/tmp:7:*:*:tmp\n*:9:*:*:any\\:\\\\\n";
    let file = write(folder.path(), "passwords", text);
    let passwords = |conninfo: &str| {
        let it = Conninfo::parse(&format!("user=u dbname=d passfile={file} {conninfo}")).unwrap();
        let all: Vec<_> = it.hosts().iter().map(|host| it.password(host).unwrap_or("-").to_owned()).collect();
        assert_eq!(it.passfile_fault().is_some(), all.iter().all(|it| it == "-"));
        let shown = format!("{it:?} {}", it.redacted());
        assert!(all.iter().all(|it| it == "-" || !shown.contains(&format!("={it}"))), "{shown}");
        all.join(" ")
    };
    for (conninfo, expected) in [
        ("host=a,b,c port=1", "first second -"),
        ("host=a,b,c port=2,3,9", "- second any:\\"),
        ("hostaddr=1.1.1.1", "third"),
        ("host=a hostaddr=1.1.1.1 port=1", "first"),
        ("host=a,b,,localhost", "- second local local"),
        ("host=/s,/var/run/postgresql,/tmp", "socket local local"),
        ("host=/tmp port=7", "tmp"),
        ("host=a port=1 dbname=e", "-"),
        ("host=a port=1 user=v", "-"),
        ("host=a port=1 password=mine", "mine"),
    ] {
        assert_eq!(passwords(conninfo), expected, "{conninfo}");
    }
}

#[test]
fn a_password_file_is_read_only_if_nobody_else_can() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let file = write(folder.path(), ".pgpass", "*:*:*:*:hunter2\n");
    let variables = [("HOME", home.as_str())];
    let conninfo = "host=h user=u";
    let got = |it: Result<Conninfo>| {
        let it = it.unwrap();
        let fault = it.passfile_fault().unwrap_or_default().to_owned();
        assert!(!fault.contains("hunter2"));
        (password(&it).is_some(), fault)
    };
    assert_eq!(got(read_with(conninfo, &variables)), (true, String::new()));
    assert_eq!(got(read_with(conninfo, &[("PGPASSFILE", &file)])), (true, String::new()));
    assert_eq!(got(Conninfo::parse(&format!("{conninfo} passfile={file}"))), (true, String::new()));
    assert_eq!(got(Conninfo::parse(conninfo)), (false, String::new()));
    for mode in [0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let (has, fault) = got(read_with(conninfo, &variables));
        assert!(!has && fault.contains("chmod 0600") && fault.contains(".pgpass"), "{fault}");
    }
    let (has, fault) = got(Conninfo::parse(&format!("{conninfo} passfile=/no/such/file")));
    assert!(!has && fault.contains("/no/such/file"), "{fault}");
    let (has, fault) = got(Conninfo::parse(&format!("{conninfo} passfile={home}")));
    assert!(!has && fault.contains("plain file"), "{fault}");
}

proptest::proptest! {
    #[test]
    fn any_file_is_survived(
        service in "[a-z=\\[\\]# \\n\\r:\\\\*]{0,80}",
        passwords in "[hu\\n\\r:\\\\*#]{0,80}",
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let passfile = write(folder.path(), "passwords", &passwords);
        let servicefile = write(folder.path(), "services", &format!("[s]\n{service}"));
        let conninfo = format!("service=s servicefile={servicefile} passfile={passfile} host=h user=u");
        let _ = Conninfo::parse(&conninfo);
        fs::write(&passfile, &noise).unwrap();
        fs::write(&servicefile, [b"[s]\nport=", noise.as_slice()].concat()).unwrap();
        let _ = Conninfo::parse(&conninfo);
        let look_up = |_: &str| Some(OsString::from_vec(noise.clone()));
        let _ = Conninfo::read("service='' host=h user=u", Environment::new(&look_up));
    }
}
