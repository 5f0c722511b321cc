//! Connection strings, good and bad, as libpq takes them; and that nothing secret comes out again.

mod sources;

use super::*;

fn socket(path: &str) -> Endpoint {
    Endpoint::Socket(path.into())
}

fn host(name: &str) -> Endpoint {
    Endpoint::Host(name.into())
}

#[test]
fn good_strings() {
    let no = None;
    for (text, endpoint, port, user, password, dbname) in [
        ("host=h port=6000 user=u dbname=d password=p", host("h"), 6000, "u", Some("p"), "d"),
        ("host = h\tuser\n=\nu", host("h"), 5432, "u", no, "u"),
        (r"host=h user='a b' password='it\'s \\ \x'", host("h"), 5432, "a b", Some(r"it's \ x"), "a b"),
        (r"host=h user=a\ b password=q\'\\", host("h"), 5432, "a b", Some(r"q'\"), "a b"),
        ("host='h'user='u'dbname=''", host("h"), 5432, "u", no, "u"),
        ("host=h user=x user=u password='' port=' 7 '", host("h"), 7, "u", no, "u"),
        ("host=h user='\u{e9}\u{1f600}' dbname=\u{e9}", host("h"), 5432, "\u{e9}\u{1f600}", no, "\u{e9}"),
        ("host=/tmp user=u port=1", socket("/tmp/.s.PGSQL.1"), 1, "u", no, "u"),
        ("host=@abs user=u", socket("@abs/.s.PGSQL.5432"), 5432, "u", no, "u"),
        ("postgresql://u@h", host("h"), 5432, "u", no, "u"),
        ("postgres://u:p@h:6000/d", host("h"), 6000, "u", Some("p"), "d"),
        ("postgresql://u:@h:/", host("h"), 5432, "u", no, "u"),
        ("postgresql://u@[::1]:6000/d", host("::1"), 6000, "u", no, "d"),
        ("postgresql://u@[2001:db8::1]/", host("2001:db8::1"), 5432, "u", no, "u"),
        ("postgresql://u%40x:p%2F%25%3a@h/d%20e", host("h"), 5432, "u@x", Some("p/%:"), "d e"),
        ("postgresql://%2Ftmp:1/d?user=u", socket("/tmp/.s.PGSQL.1"), 1, "u", no, "d"),
        ("postgresql:///d?host=/tmp&user=u&port=1", socket("/tmp/.s.PGSQL.1"), 1, "u", no, "d"),
        ("postgresql://h?user=u&password=a%3Db%26c", host("h"), 5432, "u", Some("a=b&c"), "u"),
        ("postgresql://h/d?  us%65r = u & port  = 1 ", host("h"), 1, "u", no, "d"),
        ("postgresql://h?user=u&", host("h"), 5432, "u", no, "u"),
        ("postgresql://u@h/d/e?", host("h"), 5432, "u", no, "d/e"),
        ("postgresql://u:a:b@h", host("h"), 5432, "u", Some("a:b"), "u"),
    ] {
        let it = Conninfo::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let host = &it.hosts()[0];
        let got = (host.endpoint(), host.port(), it.user(), it.password(host), it.dbname());
        assert_eq!(got, (&endpoint, port, user, password, dbname), "{text}");
    }
}

#[test]
fn defaults_come_from_the_system() {
    let me = sys::user_name().unwrap();
    for text in ["", "   ", "postgresql://", "postgres://?", "postgresql:///"] {
        let it = Conninfo::parse(text).unwrap();
        let first = &it.hosts()[0];
        assert_eq!(
            (it.user(), it.dbname(), first.port(), it.password(first)),
            (&*me, &*me, 5432, None),
            "{text}"
        );
        assert!([host("localhost"), socket("/var/run/postgresql/.s.PGSQL.5432")].contains(first.endpoint()));
    }
}

#[test]
fn typed_values() {
    let second = Duration::from_secs(1);
    let on = |idle: u32, interval: u32, count: u32| {
        let some = |n: u32| (n > 0).then(|| second * n);
        Keepalives::On { idle: some(idle), interval: some(interval), count: (count > 0).then_some(count) }
    };
    let parse = |text: &str| Conninfo::parse(&format!("host=h user=u {text}")).unwrap();
    for (text, expected) in [
        ("", on(30, 10, 3)),
        ("keepalives=1 keepalives_idle=5 keepalives_interval=6 keepalives_count=7", on(5, 6, 7)),
        ("keepalives_idle=0 keepalives_interval=-1 keepalives_count=0", on(0, 0, 0)),
        ("keepalives=0 keepalives_idle=5", Keepalives::Off),
    ] {
        assert_eq!(parse(text).keepalives(), expected, "{text}");
    }
    for (text, expected) in [
        ("", Some(second * 60)),
        ("tcp_user_timeout=0", None),
        ("tcp_user_timeout=-1", None),
        ("tcp_user_timeout=1500", Some(second * 3 / 2)),
    ] {
        assert_eq!(parse(text).tcp_user_timeout(), expected, "{text}");
    }
    for (text, expected) in [
        ("", None),
        ("connect_timeout=0", Some(Limit::Never)),
        ("connect_timeout=-3", Some(Limit::Never)),
        ("connect_timeout=10", Some(Limit::After(second * 10))),
    ] {
        assert_eq!(parse(text).connect_timeout(), expected, "{text}");
    }
    let it = parse(
        "application_name=a fallback_application_name=f options='-c a=b' client_encoding=LATIN1 sslmode=disable",
    );
    assert_eq!((it.application_name(), it.fallback_application_name()), (Some("a"), Some("f")));
    assert_eq!(
        (it.options(), it.client_encoding(), it.tls().mode),
        ("-c a=b", Some("LATIN1"), SslMode::Disable)
    );
    assert_eq!(parse("client_encoding=auto").client_encoding(), None);
    assert_eq!((parse("sslmode=allow").tls().mode, parse("").tls().mode), (SslMode::Allow, SslMode::Prefer));
    for address in ["192.0.2.1", "2001:db8::1"] {
        let name = Some("h".to_owned());
        let expected = Endpoint::Address { address: address.parse().unwrap(), name };
        assert_eq!(parse(&format!("hostaddr={address}")).hosts()[0].endpoint(), &expected);
    }
    parse("gssencmode=disable channel_binding=prefer target_session_attrs=any load_balance_hosts=disable");
    parse("gssencmode=prefer channel_binding=disable sslnegotiation=postgres max_protocol_version=latest");
}

#[test]
fn bad_strings() {
    use Status::{WAL_E_CONNINFO as BAD, WAL_E_NOT_BUILT as UNBUILT};
    for (text, status, says) in [
        ("host", BAD, "byte 0"),
        ("host=h  user", BAD, "byte 8"),
        ("user='u", BAD, "byte 5"),
        (r"user='u\'", BAD, "byte 5"),
        ("=x", BAD, "not a conninfo parameter"),
        ("hots=h", BAD, "hots"),
        ("host=h\0", BAD, "NUL"),
        ("host=h port=0", BAD, "port"),
        ("port=65536", BAD, "port"),
        ("port=5432,5433 host=h", BAD, "2 ports for 1 hosts"),
        ("host=a,b,c port=1,2", BAD, "2 ports for 3 hosts"),
        ("host=a,b hostaddr=1.1.1.1", BAD, "2 hosts and 1 hostaddrs"),
        ("hostaddr=1.1.1.1,x", BAD, "hostaddr"),
        ("host=a,b port=1,x", BAD, "port"),
        ("port=5x", BAD, "port"),
        ("host=h connect_timeout=99999999999", BAD, "connect_timeout"),
        ("keepalives=yes host=h", BAD, "keepalives"),
        ("hostaddr=localhost", BAD, "hostaddr"),
        ("replication=database", BAD, "replication"),
        ("sslmode=maybe", BAD, "sslmode"),
        ("gssencmode=require", UNBUILT, "gssencmode"),
        ("channel_binding=always", BAD, "channel_binding"),
        ("require_auth=pam", BAD, "require_auth"),
        ("require_auth=md5,!none", BAD, "require_auth"),
        ("scram_client_key=AAAA", BAD, "scram_client_key"),
        ("ssl_min_protocol_version=SSLv3", BAD, "ssl_min_protocol_version"),
        ("ssl_max_protocol_version=TLSv1.1", UNBUILT, "ssl_max_protocol_version"),
        ("ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=tlsv1.2", BAD, "above"),
        ("sslsni=2", BAD, "sslsni"),
        ("target_session_attrs=writable", BAD, "target_session_attrs"),
        ("load_balance_hosts=yes", BAD, "load_balance_hosts"),
        ("service=no-such-service", BAD, "no service file"),
        ("service=x servicefile=/no/such/file", BAD, "/no/such/file"),
        ("oauth_client_secret=x", UNBUILT, "oauth_client_secret"),
        ("postgresql://[::1", BAD, "'['"),
        ("postgresql://[]", BAD, "empty IPv6"),
        ("postgresql://[::1]x", BAD, "IPv6"),
        ("postgresql://h?user", BAD, "'='"),
        ("postgresql://h?user=a=b", BAD, "second '='"),
        ("postgresql://h?a&b=c", BAD, "'='"),
        ("postgresql://h?user=u&&port=1", BAD, "'='"),
        ("postgresql://h?uzer=x", BAD, "uzer"),
        ("postgresql://%00", BAD, "%00"),
        ("postgresql://u%0@h", BAD, "'%'"),
        ("postgresql://%zz", BAD, "'%'"),
        ("postgresql://h/%", BAD, "'%'"),
        ("postgresql://%+1", BAD, "'%'"),
        ("postgresql://%ff", BAD, "UTF-8"),
        ("postgresql://h/a b", BAD, "blank"),
        ("postgresql://h:x", BAD, "port"),
        ("postgresql:/h", BAD, "byte 0"),
    ] {
        let error = Conninfo::parse(text).expect_err(text);
        assert_eq!(error.status(), status, "{text}: {error:?}");
        assert!(error.message().contains(says), "{text}: {error:?}");
        assert!(!error.hint().is_empty(), "{text}");
    }
    let long = format!("host=/{}", "x".repeat(100));
    assert!(Conninfo::parse(&long).unwrap_err().message().contains("107"));
    assert!(Conninfo::parse("hots=h").unwrap_err().hint().contains("host"));
}

#[test]
fn every_parameter_of_the_table_has_its_answer() {
    for row in parameter::TABLE {
        let result = Conninfo::parse(&format!("host=h user=u {}=5", row.name));
        let status = result.as_ref().map_or_else(Error::status, |_| Status::WAL_OK);
        let expected = match row.what {
            parameter::Use::Read(
                Key::Hostaddr
                | Key::Service
                | Key::RequireAuth
                | Key::ScramClient
                | Key::ScramServer
                | Key::SslMinProtocolVersion
                | Key::SslMaxProtocolVersion,
            )
            | parameter::Use::Choice { .. } => Status::WAL_E_CONNINFO,
            parameter::Use::Read(_) => Status::WAL_OK,
            parameter::Use::Only { .. } | parameter::Use::NotBuilt { .. } => Status::WAL_E_NOT_BUILT,
            parameter::Use::Ours { .. } => Status::WAL_E_CONNINFO,
        };
        assert_eq!(status, expected, "{}", row.name);
        let mut same = parameter::TABLE.iter().filter(|other| other.name == row.name);
        assert!(same.next().is_some() && same.next().is_none(), "{} is there once", row.name);
    }
}

#[test]
fn secrets_stay_inside() {
    let it = Conninfo::parse("host=h user=u password=hunter2").unwrap();
    assert!(!format!("{it:?}").contains("hunter2"));
    for text in [
        "password=half hunter2",
        "password=half hunter2=x",
        "password=half 'hunter2",
        "password='hunter2",
        "host=h password=hunter2 port=hunter2",
        "postgresql://u:half@hunter2@h/d",
        "postgresql://u:12/hunter2@h/d",
        "postgresql://u:hunter2/half@h/d",
        "postgresql://u:hunter2%zz@h",
        "postgresql://u:half?hunter2@h",
        "postgresql://u:hunter2 half@h",
        "postgresql://u:half@h?hunter2=1",
        "postgresql://u@h?password=half&hunter2=1",
        "postgresql://u:half@h:hunter2/d",
        "sslpassword=hunter2",
        "host=h sslmode=hunter2",
        "host=h,i password=hunter2 port=1,hunter2",
    ] {
        match Conninfo::parse(text) {
            Err(error) => assert!(!format!("{error:?}").contains("hunter2"), "{text}: {error:?}"),
            Ok(it) => {
                let shown = format!("{it:?} {} {:?}", it.redacted(), Conninfo::redacted_text(text));
                assert!(!shown.contains("hunter2"), "{text}: {shown}");
            }
        }
    }
}

#[test]
fn what_was_read_can_be_shown_and_read_again() {
    for (text, shown) in [
        ("postgresql://u:hunter2@h/d%20e", "host=h port=5432 user=u password=*** dbname='d e'"),
        ("host=/tmp user='o\\'x' port=1", "host=/tmp port=1 user='o\\'x' dbname='o\\'x'"),
        ("host=a,b,/s port=1,,3 user=u", "host=a,b,/s port=1,5432,3 user=u dbname=u"),
        (
            "hostaddr=::1,1.1.1.1 host=,b user=u",
            "host=,b hostaddr=::1,1.1.1.1 port=5432,5432 user=u dbname=u",
        ),
        (
            "hostaddr=::1 user=u application_name=a options='-c a=b'",
            "hostaddr=::1 port=5432 user=u dbname=u application_name=a options='-c a=b'",
        ),
    ] {
        let it = Conninfo::parse(text).unwrap();
        assert_eq!(it.redacted(), shown);
        assert_eq!(Conninfo::parse(shown).unwrap().redacted(), shown);
    }
}

#[test]
fn places_are_described() {
    for (text, description) in [
        ("user=u host=h", "host \"h\", port 5432"),
        ("user=u hostaddr=::1", "address ::1, port 5432"),
        ("user=u host=h hostaddr=::1", "host \"h\" (::1), port 5432"),
        ("user=u host=/tmp", "Unix socket \"/tmp/.s.PGSQL.5432\""),
    ] {
        let it = Conninfo::parse(text).unwrap();
        assert_eq!(it.hosts()[0].describe(), description);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,60}", words in "[a-z='\\\\ %@/:?&0-9\\[\\],]{0,60}") {
        let _ = Conninfo::parse(&text);
        let _ = Conninfo::parse(&words);
        let _ = Conninfo::parse(&format!("postgresql://{text}"));
        let _ = Conninfo::parse(&format!("postgresql://{words}"));
        let _ = Conninfo::redacted_text(&words);
    }

    #[test]
    fn what_is_quoted_comes_back(value in "[^\\x00]{1,30}") {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        let it = Conninfo::parse(&format!("host=h user=u password='{quoted}'")).unwrap();
        proptest::prop_assert_eq!(it.password(&it.hosts()[0]), Some(&*value));
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let it = Conninfo::parse(&format!("postgres://u:{encoded}@h")).unwrap();
        proptest::prop_assert_eq!(it.password(&it.hosts()[0]), Some(&*value));
    }
}

#[test]
#[cfg(not(feature = "rustls"))]
fn without_tls_nothing_that_needs_it_is_taken() {
    for text in ["sslmode=require", "sslmode=verify-full", "channel_binding=require", "sslrootcert=system"] {
        let error = Conninfo::parse(&format!("host=h user=u {text}")).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_NOT_BUILT, "{error:?}");
    }
    assert!(Conninfo::parse("host=h user=u sslmode=prefer channel_binding=prefer").is_ok());
}

#[test]
#[cfg(feature = "rustls")]
fn tls_is_never_weaker_than_asked() {
    let parse = |text: &str| Conninfo::parse(&format!("host=h user=u {text}"));
    for (text, mode) in [
        ("sslmode=require", SslMode::Require),
        ("sslmode=verify-ca", SslMode::VerifyCa),
        ("sslmode=verify-full sslrootcert=/r", SslMode::VerifyFull),
        ("sslrootcert=system", SslMode::VerifyFull),
        ("sslmode=verify-full sslrootcert=system", SslMode::VerifyFull),
        ("sslmode=require sslnegotiation=direct", SslMode::Require),
        ("requiressl=1", SslMode::Require),
    ] {
        assert_eq!(parse(text).unwrap().tls().mode, mode, "{text}");
    }
    assert_eq!(Conninfo::parse("postgresql://u@h?ssl=true").unwrap().tls().mode, SslMode::Require);
    for text in [
        "sslmode=verify-ca sslrootcert=system",
        "sslmode=disable sslrootcert=system",
        "sslnegotiation=direct",
        "sslmode=prefer sslnegotiation=direct",
        "sslmode=disable sslnegotiation=direct",
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_CONNINFO, "{error:?}");
        assert!(error.message().contains("weak") && error.hint().contains("verify-full"), "{error:?}");
    }
    // Files in the usual places count only where the environment does.
    let home = |name: &str| Some(std::ffi::OsString::from("/home/u")).filter(|_| name == "HOME");
    let it = Conninfo::read("host=h user=u sslkey=/k", Environment::new(&home)).unwrap();
    assert_eq!(it.tls().root, SslRoot::Usual("/home/u/.postgresql/root.crt".into()));
    assert_eq!(it.tls().cert, SslFile::Usual("/home/u/.postgresql/postgresql.crt".into()));
    assert_eq!(it.tls().key, SslFile::Named("/k".into()));
    assert_eq!(it.tls().crl, SslFile::Usual("/home/u/.postgresql/root.crl".into()));
    let it = parse("").unwrap();
    assert_eq!((&it.tls().root, &it.tls().cert), (&SslRoot::Nobody, &SslFile::Missing));
}
