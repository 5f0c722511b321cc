//! Connection strings, read by this library and by libpq 18 itself: equal in every parameter, or both refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod libpq;

use libpq::{Libpq, Pairs};
use pgwalstream::conninfo;

/// All places where this library deliberately differs. Nothing else may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// libpq takes an '@' in the host, port or database of a URI; here it is taken for a piece of an unescaped
    /// password, which a name server or a log would get to see.
    StrayAt,
    /// libpq takes any bytes; here text is UTF-8.
    NotUtf8,
    /// libpq 19 knows this parameter, 18 does not.
    Servicefile,
}

/// Reads `text` with both; `None` where they agree.
#[track_caller]
fn compare(libpq: &Libpq, text: &str) -> Option<Difference> {
    let theirs = libpq.pairs(text);
    let ours = conninfo::pairs(text);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => {
            let ours: Pairs =
                ours.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
            assert_eq!(ours, theirs, "{text:?}");
            None
        }
        (Err(_), Err(_)) => None,
        (Err(_), Ok(ours)) if ours.iter().any(|(name, _)| *name == "servicefile") => {
            Some(Difference::Servicefile)
        }
        (Ok(_), Err(error)) if text.contains('@') && error.message().contains("'@'") => {
            Some(Difference::StrayAt)
        }
        (Ok(_), Err(error)) if text.contains('%') && error.message().contains("UTF-8") => {
            Some(Difference::NotUtf8)
        }
        (theirs, ours) => panic!("{text:?}: libpq {theirs:?}, here {ours:?}"),
    }
}

/// Strings in which something is to be seen that no product of parts shows.
#[rustfmt::skip] // one to a line, they would fill ten screens
const SINGLE: &[&str] = &[
    "", " ", "\t\n\x0b\x0c\r ", "=", "==", "a", "a=b", "host", "host=", "host=''", "host =", "host= ",
    "=host", "host=a", " host = a ", "host\n=\ta", "host=a host=b", "host=a host=", "host=a port=1",
    "host=aport=1", "host='a'port=1", "host='a'  port='1'", "host=a=b", "host='a", "host=a'", "host=a'b'",
    "host='a''b'", "host='' ''", r"host=\", r"host=\\", r"host='\", r"host='\'", r"host='\\'", r"host=a\ b",
    r"host=a\'b", r"host='a\'b'", r"host='a\\\'b'", r"host=\x\y", r"host='\x'", "host=\\\n", "host='a\nb'",
    "host=\u{e9}", "host='\u{1f600} \u{a0}'", "host=a\u{a0}b", "\u{a0}host=a", "ho\\st=a", "'host'=a",
    "HOST=a", "Host=a", "host;port", "host=a;port=1", "host=a,b,c port=1,2,3", "host=,", "host=a%20b",
    "host=a #comment", "#", "port=", "port=x", "port=-1", "port=99999999999999999999", "user=u password=p",
    "password=a b", "password='a b'", "password=a=b", "password==", "password='='", "password=%00",
    "password=?", "password=@/:", "password='\\''", "sslmode=bogus", "sslmode=", "requiressl=1",
    "requiressl=0", "requiressl=", "requiressl=10", "requiressl=yes", "sslmode=disable requiressl=1",
    "requiressl=1 sslmode=disable", "ssl=true", "ssl=1", "replication=database", "service=none", "service=",
    "servicefile=/x", "passfile=/x", "hostaddr=x,y", "connect_timeout=x", "options='-c a=b\\ c'",
    "options=-c a=b", "client_encoding=auto", "keepalives=2", "target_session_attrs=bogus",
    "load_balance_hosts=bogus", "dbname=postgresql://h", "dbname='host=h'", "database=d", "authtype=x",
    "tty=x", "krb5=x", "sslcompression=1", "oauth_client_secret=s", "postgres", "postgres:", "postgres:/",
    "postgres://", "postgresql", "postgresql:", "postgresql:/", "postgresql:/h", "postgresql//h",
    "postgresql://", "postgresql:///", "postgresql:////", "POSTGRES://h", "Postgresql://h", " postgres://h",
    "postgres ://h", "postgresql:// ", "pq://h", "http://h", "postgresq://h", "postgresql://?",
    "postgresql:///?", "postgresql://&", "postgresql://#", "postgresql://@", "postgresql://:@",
    "postgresql://::@", "postgresql://@@", "postgresql://@:", "postgresql://:", "postgresql://::",
    "postgresql://,", "postgresql://,,", "postgresql://:,:", "postgresql://:1,:2", "postgresql://a,",
    "postgresql://,a", "postgresql://a:1,b:2,c:3/d", "postgresql://a,b:2", "postgresql://a:1,b",
    "postgresql://a:1:2", "postgresql://[::1]", "postgresql://[::1]:1", "postgresql://[::1],[::2]",
    "postgresql://[::1]:1,[::2]:2/d?user=u", "postgresql://[::1", "postgresql://[]", "postgresql://[]:1",
    "postgresql://[::1]x", "postgresql://[::1]]", "postgresql://[[::1]]", "postgresql://a[::1]",
    "postgresql://[a/b?c,d:e]", "postgresql://[%3A%3A1]", "postgresql://[fe80::1%25eth0]",
    "postgresql://[fe80::1%eth0]", "postgresql://[::1]?user=u", "postgresql://[::1]/", "postgresql://[ ]",
    "postgresql://[ ::1 ]", "postgresql://[@]", "postgresql://u@[@]", "postgresql://u:p@[::1",
    "postgresql://u@h", "postgresql://u:p@h", "postgresql://u:@h", "postgresql://:p@h", "postgresql://@h",
    "postgresql://u:a:b@h", "postgresql://u:a?b@h", "postgresql://u:a?b=c@h/d", "postgresql://u:a#b@h",
    "postgresql://u:a,b@h", "postgresql://u:a[b@h", "postgresql://u:a]b@h", "postgresql://u:a/b@h",
    "postgresql://u:a@b@h", "postgresql://u:a%40b@h", "postgresql://u:a%2Fb@h", "postgresql://u:%00@h",
    "postgresql://u:%0@h", "postgresql://u:%@h", "postgresql://u:%g0@h", "postgresql://u:%0g@h",
    "postgresql://u:%%@h", "postgresql://u:%25@h", "postgresql://u:%ff@h", "postgresql://u:%c3%a9@h",
    "postgresql://u:\u{e9}@h", "postgresql://u:a b@h", "postgresql://u: a @h", "postgresql://u:+@h",
    "postgresql://u:'@h", "postgresql://u:\\@h", "postgresql://u:a&b@h", "postgresql://u:=@h",
    "postgresql://u%3Ap@h", "postgresql://%75:%70@%68/%64", "postgresql://u?x@h", "postgresql://u,v@h",
    "postgresql://h:x", "postgresql://h:", "postgresql://h:1", "postgresql://h:%31", "postgresql://h: 1 ",
    "postgresql://h:1 2", "postgresql://h:-1/", "postgresql://h:1@2", "postgresql://h/d", "postgresql://h//d",
    "postgresql://h/d/e", "postgresql://h/d@e", "postgresql://h/%2F", "postgresql://h/%00",
    "postgresql://h/%", "postgresql://h/a b", "postgresql://h/ ", "postgresql://h/ d ", "postgresql://h/d%20",
    "postgresql://h/\td", "postgresql://h/a\tb", "postgresql://h/d#f", "postgresql://h/d:1",
    "postgresql://h/d,e", "postgresql://h/[d", "postgresql://%2Ftmp/d", "postgresql://%2Ftmp%2Fa:1/d",
    "postgresql:///d?host=/tmp", "postgresql:///d?host=/tmp&port=1", "postgresql://h?host=i",
    "postgresql://h:1?port=2", "postgresql://u@h?user=v", "postgresql://h?", "postgresql://h?&",
    "postgresql://h?a", "postgresql://h?user", "postgresql://h?user=", "postgresql://h?=",
    "postgresql://h?=u", "postgresql://h?user=u", "postgresql://h?user=u&", "postgresql://h?user=u&&",
    "postgresql://h?&user=u", "postgresql://h?user=u&port=1", "postgresql://h?user=u&user=v",
    "postgresql://h?user=a=b", "postgresql://h?user==", "postgresql://h?user=a%3Db",
    "postgresql://h?user=a%26b", "postgresql://h?us%65r=u", "postgresql://h?user%20=u",
    "postgresql://h? user = u & port = 1 ", "postgresql://h?user=a b", "postgresql://h?u ser=a",
    "postgresql://h?user=%", "postgresql://h?%=u", "postgresql://h?%00=u", "postgresql://h?user=%00",
    "postgresql://h?user=?", "postgresql://h?user=/@:", "postgresql://h?ssl=true", "postgresql://h?ssl=TRUE",
    "postgresql://h?ssl=false", "postgresql://h?ssl=1", "postgresql://h?ssl=%74rue",
    "postgresql://h?sslmode=bogus", "postgresql://h?requiressl=1", "postgresql://h?requiressl=0",
    "postgresql://h?uzer=u", "postgresql://h?USER=u", "postgresql://h?user=u#f",
    "postgresql://h?password=p%40q", "postgresql://h?options=-c%20a%3Db", "postgresql://h?options=-c a=b",
    "postgresql://h?application_name=a%20b&connect_timeout=3", "postgresql://h/d?e?user=u",
    "postgresql://h/d?user=u?port=1", "postgresql://h/d?user=u;port=1", "postgresql://h?service=s",
    "postgresql://h?servicefile=s", "postgresql://h?host=", "postgresql://a b/d", "postgresql:// a /d",
    "postgresql://a%20b/d", "postgresql://a, b", "postgresql://\n",
];

const USERS: &[&str] =
    &["", "@", "u@", "u:p@", "u:@", ":p@", "u%40:p%2f%3A@", "u:p?q@", "u:%0@", "u:a b@", " u : p @"];
const HOSTS: &[&str] =
    &["", "h", "h:1", ":1", "[::1]", "[::1]:1", "a:1,[::2]:2", "a,b", "%2Ftmp", "h:", "[h", "a%zz"];
const NAMES: &[&str] = &["", "/", "/d", "/d%20e", "/d/e", "/ d", "/d@", "/%00"];
const QUERIES: &[&str] =
    &["", "?", "?user=u", "?port=%31&", "?ssl=true&host=x", "?user", "?user=a=b", "?nix=1", "?dbname=x y"];

#[test]
fn every_string_is_read_as_libpq_reads_it() {
    let libpq = Libpq::load();
    let mut differences: Vec<_> = SINGLE.iter().filter_map(|text| compare(&libpq, text)).collect();
    differences.sort();
    differences.dedup();
    assert_eq!(differences, [Difference::StrayAt, Difference::NotUtf8, Difference::Servicefile]);
    for (name, ..) in conninfo::parameters() {
        for text in
            [format!("{name}='x y'"), format!("{name} = x\\ y"), format!("postgresql://?{name}=x%20y")]
        {
            compare(&libpq, &text);
        }
    }
    for (user, host) in USERS.iter().flat_map(|user| HOSTS.iter().map(move |host| (user, host))) {
        for (name, query) in NAMES.iter().flat_map(|name| QUERIES.iter().map(move |query| (name, query))) {
            compare(&libpq, &format!("postgresql://{user}{host}{name}{query}"));
        }
    }
}

/// Where the strings above do not look: a hundred thousand made of what matters.
#[test]
fn random_strings_are_read_as_libpq_reads_them() {
    const PIECES: &[&str] = &[
        "host",
        "port",
        "user",
        "password",
        "dbname",
        "passfile",
        "ssl",
        "true",
        "requiressl",
        "sslmode",
        "x",
        "1",
        "=",
        "=",
        "=",
        " ",
        " ",
        "'",
        "'",
        "\\",
        "@",
        "@",
        ":",
        ":",
        "/",
        "/",
        "?",
        "?",
        "&",
        "&",
        ",",
        "[",
        "]",
        "%",
        "%20",
        "%00",
        "%41",
        "%c3",
        "\t",
        "\u{e9}",
    ];
    let libpq = Libpq::load();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut good = 0;
    for _ in 0..100_000 {
        let mut text =
            ["", "", "postgres://", "postgresql://", "postgresql://h?", "user="][next(6)].to_owned();
        for _ in 0..next(12) {
            text.push_str(PIECES[next(PIECES.len())]);
        }
        compare(&libpq, &text);
        good += usize::from(conninfo::pairs(&text).is_ok());
    }
    assert!(good > 10_000, "only {good} of the strings are good");
}

#[test]
fn every_parameter_and_variable_of_libpq_is_known() {
    let theirs = Libpq::load().parameters();
    let ours: Vec<_> = conninfo::parameters().collect();
    for (name, variable, show) in &theirs {
        let Some((_, known, secret)) = ours.iter().find(|(known, ..)| known == name) else {
            panic!("{name} is not known");
        };
        assert_eq!(*known, variable.as_deref(), "the environment variable of {name}");
        assert!(show != "*" || *secret, "{name} is a secret");
    }
    let more: Vec<_> = ours
        .iter()
        .map(|(name, ..)| *name)
        .filter(|it| !theirs.iter().any(|(name, ..)| name == it))
        .collect();
    assert_eq!(more, ["servicefile"]);
}
