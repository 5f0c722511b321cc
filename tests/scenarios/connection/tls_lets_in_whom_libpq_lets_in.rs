//! One server, many certificates, all sslmodes, with and without pg_hba.conf's consent: whatever libpq 18 comes to, this
//! library comes to as well, with TLS where libpq has it and without where libpq has none.

use std::sync::Mutex;
use std::thread;

use super::both;
use crate::harness::authority::{CA, Dates, P256, RSA, SERVER, Wish};
use crate::harness::{Authority, Server};

/// What a server is made to show.
const CERTIFICATES: &[&str] = &[
    "good",
    "version-1",
    "self-signed",
    "name-only",
    "other-authority",
    "other-name",
    "wildcard",
    "expired",
    "future",
    "revoked",
    "chained",
    "unchained",
    "for-clients",
    "no-authority",
    "impostor",
    "rsa",
    "address-only",
];

const MODES: &[&str] = &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Roles that pg_hba.conf treats in their own ways.
const RULES: &str = "hostssl all only_tls all trust
hostnossl all only_plain all trust
hostssl all with_cert all trust clientcert=verify-ca
hostssl all by_cert all cert
hostssl all tls_scram all scram-sha-256
host all plain_scram all scram-sha-256
";

const ROLES: &str = "CREATE ROLE only_tls LOGIN; CREATE ROLE only_plain LOGIN; CREATE ROLE with_cert LOGIN;
    CREATE ROLE by_cert LOGIN; CREATE ROLE tls_scram LOGIN PASSWORD 's3cret';
    CREATE ROLE plain_scram LOGIN PASSWORD 's3cret'";

fn authority() -> Authority {
    let all = Authority::new();
    let root = Wish { subject: "/CN=Root", extensions: CA, ..SERVER };
    all.root("root", root);
    all.root("other", Wish { subject: "/CN=Other", ..root });
    // The name of the one, the key of another.
    all.root("fake", root);
    all.issue("middle", "root", Wish { subject: "/CN=Middle", ..root });
    all.issue("no-ca", "root", Wish { subject: "/CN=No", extensions: "basicConstraints=CA:FALSE", ..root });
    all.issue("good", "root", SERVER);
    all.issue("rsa", "root", Wish { key: RSA, ..SERVER });
    all.issue("version-1", "root", Wish { subject: "/CN=localhost", extensions: "", ..SERVER });
    all.root(
        "self-signed",
        Wish { subject: "/CN=localhost", extensions: "basicConstraints=CA:TRUE", ..SERVER },
    );
    all.issue(
        "name-only",
        "root",
        Wish { subject: "/CN=localhost", extensions: "keyUsage=digitalSignature", ..SERVER },
    );
    all.issue("other-authority", "other", SERVER);
    all.issue("impostor", "fake", SERVER);
    all.issue(
        "other-name",
        "root",
        Wish { subject: "/CN=localhost", extensions: "subjectAltName=DNS:other.example", ..SERVER },
    );
    all.issue(
        "address-only",
        "root",
        Wish { subject: "/CN=localhost", extensions: "subjectAltName=IP:127.0.0.1", ..SERVER },
    );
    all.issue("wildcard", "root", Wish { extensions: "subjectAltName=DNS:*.example.com", ..SERVER });
    all.issue("expired", "root", Wish { dates: Dates::Past, ..SERVER });
    all.issue("future", "root", Wish { dates: Dates::Future, ..SERVER });
    all.issue("revoked", "root", SERVER);
    all.issue(
        "for-clients",
        "root",
        Wish { extensions: "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth", ..SERVER },
    );
    all.issue("end", "middle", SERVER);
    all.issue("below", "no-ca", SERVER);
    for (name, key, from) in [
        ("chained", "end", &["end.crt", "middle.crt"][..]),
        ("unchained", "end", &["end.crt"]),
        ("no-authority", "below", &["below.crt", "no-ca.crt"]),
    ] {
        all.join(&format!("{name}.crt"), from);
        let key = all.read(&format!("{key}.key"));
        all.write_as_server(&format!("{name}.key"), &key);
    }
    all.revoke("root.crl", "root", &["revoked"]);
    for (name, subject) in [("client", "/CN=by_cert"), ("stranger", "/CN=somebody")] {
        all.issue(name, "root", Wish { subject, extensions: "", key: P256, ..SERVER });
    }
    all.issue("unknown", "other", Wish { subject: "/CN=by_cert", extensions: "", ..SERVER });
    all
}

/// Runs each connection string through both, and tells where they differ.
fn compare(what: &str, all: &[String], differences: &Mutex<Vec<String>>) -> (usize, usize) {
    let next = Mutex::new(all.iter());
    let counts = Mutex::new((0, 0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(conninfo) = next.lock().unwrap().next() else { break };
                    let (theirs, ours) = (both::theirs(conninfo), both::ours(conninfo));
                    let mut counts = counts.lock().unwrap();
                    *(if ours.is_ok() { &mut counts.0 } else { &mut counts.1 }) += 1;
                    if theirs.as_ref().ok() != ours.as_ref().ok() {
                        let line = format!("{what}: {conninfo}\n  libpq: {theirs:?}\n  ours: {ours:?}");
                        differences.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    counts.into_inner().unwrap()
}

fn matrix(version: u32) {
    let all = authority();
    let (root, crl) = (all.path("root.crt"), all.path("root.crl"));
    let server = Server::start(version, &[&format!("ssl_ca_file={root}")]);
    server.client("postgres").batch_execute(ROLES).unwrap();
    server.admit(RULES);
    let differences = Mutex::new(Vec::new());
    let base = |role: &str| {
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=postgres user={role}", server.port)
    };
    let (mut good, mut bad) = (0, 0);
    let mut run = |what: &str, list: &[String]| {
        let (in_, out) = compare(what, list, &differences);
        good += in_;
        bad += out;
    };

    // Without TLS on the server.
    let mut list = Vec::new();
    for mode in MODES {
        for role in ["postgres", "only_tls", "only_plain", "plain_scram"] {
            list.push(format!("{} sslmode={mode} sslrootcert={root} password=s3cret", base(role)));
        }
    }
    run("no TLS", &list);

    for name in CERTIFICATES {
        let (crt, key) = (all.path(&format!("{name}.crt")), all.path(&format!("{name}.key")));
        server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
        let pair = format!("sslcert={} sslkey={}", all.path("client.crt"), all.path("client.key"));
        let mut list = Vec::new();
        for mode in MODES {
            let common = format!("sslmode={mode} sslrootcert={root}");
            list.push(format!("{} {common}", base("postgres")));
            list.push(format!("{} {common} sslcrl={crl}", base("postgres")));
            list.push(format!("{} sslmode={mode}", base("only_tls")));
            // What each kind of line in pg_hba.conf makes of what was, or was not, agreed on.
            for role in ["only_tls", "only_plain", "with_cert"] {
                list.push(format!("{} {common} sslcrl={crl} {pair}", base(role)));
            }
            list.push(format!("{} sslmode={mode} sslrootcert={crt}", base("postgres")));
        }
        for host in [
            "host=localhost",
            "host=127.0.0.1",
            "hostaddr=127.0.0.1",
            "host=db.example.com hostaddr=127.0.0.1",
        ] {
            list.push(format!(
                "{host} port={} dbname=postgres user=postgres sslmode=verify-full sslrootcert={root}",
                server.port
            ));
        }
        run(name, &list);
    }

    let (crt, key) = (all.path("good.crt"), all.path("good.key"));
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key)]);
    let mut list = Vec::new();
    for mode in MODES {
        for role in ["only_tls", "only_plain", "with_cert", "by_cert", "tls_scram", "plain_scram", "nobody"] {
            for secret in ["password=s3cret", "password=wrong", ""] {
                list.push(format!("{} sslmode={mode} sslrootcert={root} {secret}", base(role)));
            }
        }
    }
    run("roles", &list);
    run("clients", &clients(&all, &base("by_cert"), &base("with_cert"), &base("postgres")));
    run("odds", &odds(&all, &base("postgres"), &base("only_tls")));
    let unix = format!("{} sslrootcert={root}", server.unix_conninfo("postgres"));
    let list: Vec<_> = MODES.iter().map(|mode| format!("{unix} sslmode={mode}")).collect();
    run("Unix socket", &list);

    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(good > 200 && bad > 200, "{good} let in, {bad} kept out");
}

/// Client certificates and their keys, in all forms.
fn clients(all: &Authority, by_cert: &str, with_cert: &str, free: &str) -> Vec<String> {
    let (root, client) = (all.path("root.crt"), all.path("client.crt"));
    let mode = |name: &str, mode: u32| all.write(name, &all.read("client.key"), mode);
    let plain = mode("plain.key", 0o600);
    all.openssl("pkcs8 -topk8 -in plain.key -v2 aes-256-cbc -passout pass:x -out pkcs8.key");
    all.openssl(
        "pkcs8 -topk8 -in plain.key -v2 aes-256-cbc -v2prf hmacWithSHA1 -passout pass:x -out pkcs8-sha1.key",
    );
    all.openssl("pkcs8 -topk8 -in plain.key -v2 des3 -passout pass:x -out pkcs8-des3.key");
    all.openssl("pkcs8 -topk8 -in plain.key -scrypt -passout pass:x -out scrypt.key");
    all.openssl("ec -in plain.key -out sec1.key");
    all.openssl("ec -in plain.key -aes256 -passout pass:x -out old-aes.key");
    all.openssl("ec -in plain.key -des3 -passout pass:x -out old-des3.key");
    all.openssl("pkcs8 -topk8 -nocrypt -in plain.key -outform DER -out der.key");
    all.write("pkcs12.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0o600);
    let mut list = Vec::new();
    for name in [
        "plain",
        "pkcs8",
        "pkcs8-sha1",
        "pkcs8-des3",
        "scrypt",
        "sec1",
        "old-aes",
        "old-des3",
        "der",
        "pkcs12",
        "stranger",
        "missing",
    ] {
        let key = all.path(&format!("{name}.key"));
        if std::path::Path::new(&key).exists() {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let is_open = ["plain", "sec1", "der", "pkcs12", "stranger", "missing"].contains(&name);
        // Without a password OpenSSL would ask the terminal for one.
        for password in ["", "sslpassword=x", "sslpassword=wrong"].into_iter().skip(usize::from(!is_open)) {
            list.push(format!("{by_cert} sslmode=require sslcert={client} sslkey={key} {password}"));
        }
    }
    for (name, bits) in [("0640", 0o640), ("0644", 0o644), ("0660", 0o660), ("0400", 0o400), ("0604", 0o604)]
    {
        let key = mode(&format!("mode-{name}.key"), bits);
        list.push(format!("{by_cert} sslmode=require sslcert={client} sslkey={key}"));
    }
    // Root's may be read by a group, another's may not.
    for (name, bits) in [("their-0600.key", 0o600), ("their-0640.key", 0o640)] {
        all.write_as_server(name, &all.read("client.key"));
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(all.path(name), std::fs::Permissions::from_mode(bits)).unwrap();
        list.push(format!("{by_cert} sslmode=require sslcert={client} sslkey={}", all.path(name)));
    }
    for (cert, key) in
        [("client", "client"), ("stranger", "stranger"), ("unknown", "unknown"), ("client", "stranger")]
    {
        let pair = format!(
            "sslcert={} sslkey={}",
            all.path(&format!("{cert}.crt")),
            all.path(&format!("{key}.key"))
        );
        for role in [by_cert, with_cert, free] {
            for mode in ["allow", "prefer", "require", "verify-ca"] {
                for version in ["", "ssl_max_protocol_version=TLSv1.2"] {
                    list.push(format!("{role} {pair} sslmode={mode} sslrootcert={root} {version}"));
                }
            }
            for mode in ["disable", "allow", "require"] {
                list.push(format!("{role} {pair} sslmode=require sslcertmode={mode}"));
            }
        }
    }
    list.push(format!("{free} sslmode=require sslcertmode=require"));
    list.push(format!("{free} sslmode=disable sslcertmode=require"));
    list.push(format!("{by_cert} sslmode=require sslcert=/no/such/file sslkey={plain}"));
    list.push(format!("{by_cert} sslmode=require sslcert={root} sslkey={plain}"));
    list.push(format!("{by_cert} sslmode=require sslcert={plain} sslkey={plain}"));
    list
}

/// All else that a connection string may say.
fn odds(all: &Authority, free: &str, only_tls: &str) -> Vec<String> {
    let (root, crl) = (all.path("root.crt"), all.path("root.crl"));
    all.write("empty.crt", "", 0o644);
    all.write("broken.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o644);
    all.join("both.crt", &["other.crt", "root.crt"]);
    all.revoke("other.crl", "other", &[]);
    let hashed = all.path("hashed");
    std::fs::create_dir(&hashed).unwrap();
    std::fs::copy(&crl, format!("{hashed}/root.crl")).unwrap();
    all.openssl("rehash hashed");
    let empty = all.path("no-lists");
    std::fs::create_dir(&empty).unwrap();
    let file = |name: &str| all.path(name);
    let mut list: Vec<_> = [
        "sslmode=require sslrootcert=system".to_owned(),
        "sslmode=verify-full sslrootcert=system".to_owned(),
        "sslrootcert=system".to_owned(),
        "sslmode=verify-ca sslrootcert=/no/such/file".to_owned(),
        "sslmode=require sslrootcert=/no/such/file".to_owned(),
        "sslmode=prefer sslrootcert=/no/such/file".to_owned(),
        format!("sslmode=require sslrootcert={}", file("empty.crt")),
        format!("sslmode=prefer sslrootcert={}", file("empty.crt")),
        format!("sslmode=require sslrootcert={}", file("broken.crt")),
        format!("sslmode=verify-full sslrootcert={}", file("both.crt")),
        format!("sslmode=verify-full sslrootcert={}", file("middle.crt")),
        format!("sslmode=verify-full sslrootcert={}", file("good.crt")),
        format!("sslmode=verify-ca sslrootcert={root} sslcrl={}", file("other.crl")),
        format!("sslmode=verify-ca sslrootcert={root} sslcrldir={hashed}"),
        format!("sslmode=verify-ca sslrootcert={root} sslcrldir={empty}"),
        format!("sslmode=verify-ca sslrootcert={root} sslcrl={crl} sslcrldir={hashed}"),
        "sslmode=require ssl_min_protocol_version=TLSv1.3".to_owned(),
        "sslmode=require ssl_max_protocol_version=TLSv1.2".to_owned(),
        "sslmode=require ssl_min_protocol_version=tlsv1 ssl_max_protocol_version=tlsV1.3".to_owned(),
        "sslmode=require ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2".to_owned(),
        "sslmode=require sslsni=0".to_owned(),
        "sslmode=require channel_binding=require".to_owned(),
        "sslmode=require sslnegotiation=direct".to_owned(),
        "sslmode=prefer sslnegotiation=direct".to_owned(),
        format!("sslmode=verify-full sslrootcert={root} sslnegotiation=direct"),
        "requiressl=1".to_owned(),
    ]
    .iter()
    .map(|text| format!("{free} {text}"))
    .collect();
    for method in ["none", "!none", "scram-sha-256", "!scram-sha-256,!md5"] {
        list.push(format!("{only_tls} sslmode=require require_auth={method}"));
    }
    list
}

/// An older list that is valid still lacks what was revoked since, wherever it stands. And an address of odd length among a
/// certificate's names.
#[test]
fn s53_the_newest_list_of_an_issuer_counts() {
    let all = Authority::new();
    all.root("root", Wish { subject: "/CN=Root", extensions: CA, ..SERVER });
    all.issue("revoked", "root", SERVER);
    all.issue("odd", "root", Wish { extensions: "subjectAltName=DER:300787050102030405", ..SERVER });
    all.revoke("older.crl", "root", &[]);
    thread::sleep(std::time::Duration::from_millis(1_100));
    all.revoke("newer.crl", "root", &["revoked"]);
    all.join("older-first.crl", &["older.crl", "newer.crl"]);
    all.join("newer-first.crl", &["newer.crl", "older.crl"]);
    let root = all.path("root.crt");
    let server = Server::start(18, &[]);
    let free =
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=postgres user=postgres", server.port);
    let serve = |name: &str| {
        let (crt, key) = (all.path(&format!("{name}.crt")), all.path(&format!("{name}.key")));
        server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
    };
    serve("revoked");
    for (lists, comes_in) in
        [("older.crl", true), ("newer.crl", false), ("older-first.crl", false), ("newer-first.crl", false)]
    {
        let conninfo = format!("{free} sslmode=verify-ca sslrootcert={root} sslcrl={}", all.path(lists));
        let (theirs, ours) = (both::theirs(&conninfo), both::ours(&conninfo));
        assert_eq!((theirs.is_ok(), ours.is_ok()), (comes_in, comes_in), "{lists}: {theirs:?} {ours:?}");
    }
    serve("odd");
    for (mode, comes_in) in [("verify-ca", true), ("verify-full", false)] {
        let conninfo = format!("{free} sslmode={mode} sslrootcert={root}");
        let (theirs, ours) = (both::theirs(&conninfo), both::ours(&conninfo));
        assert_eq!((theirs.is_ok(), ours.is_ok()), (comes_in, comes_in), "{mode}: {theirs:?} {ours:?}");
    }
}

/// Certificates that no authority of the web would sign: from before 1970, with names of kinds that nobody asks for, names that are no
/// text, and a name that goes on behind its end. The names are in DER (RFC 5280, 4.2.1.6): openssl does not write them.
#[test]
fn s53_odd_certificates_are_taken_as_libpq_takes_them() {
    const LOCALHOST: &str = "82096c6f63616c686f7374";
    let all = Authority::new();
    // A number with its highest bit set, which DER writes with a zero in front.
    let signature = "-sha256 -set_serial 0x80000000000000000000000000000001";
    all.root("root", Wish { subject: "/CN=Root", extensions: CA, signature, ..SERVER });
    let by_number = "subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid:always,issuer:always";
    all.issue("by-number", "root", Wish { extensions: by_number, ..SERVER });
    let names = |name: &str, entries: &str| {
        let extensions = format!("subjectAltName=DER:30{:02x}{entries}", entries.len() / 2);
        all.issue(name, "root", Wish { extensions: &extensions, ..SERVER });
    };
    all.issue("long", "root", Wish { dates: Dates::Long, ..SERVER });
    names("x400", &format!("a3023000{LOCALHOST}"));
    names("x400-alone", "a3023000");
    names("latin1", &format!("820a6c6f63616c686f7374e9{LOCALHOST}"));
    names("latin1-alone", "820a6c6f63616c686f7374e9");
    names("nul", "820f6c6f63616c686f7374002e6576696c");
    names("nul-first", &format!("820f6c6f63616c686f7374002e6576696c{LOCALHOST}"));
    names("mail", &format!("8105614062632e{LOCALHOST}"));
    names("empty", "");
    let root = all.path("root.crt");
    let server = Server::start(18, &[]);
    let free =
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=postgres user=postgres", server.port);
    let mut came_in = Vec::new();
    for name in [
        "by-number",
        "long",
        "x400",
        "x400-alone",
        "latin1",
        "latin1-alone",
        "nul",
        "nul-first",
        "mail",
        "empty",
    ] {
        let (crt, key) = (all.path(&format!("{name}.crt")), all.path(&format!("{name}.key")));
        server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
        for mode in ["verify-ca", "verify-full"] {
            let conninfo = format!("{free} sslmode={mode} sslrootcert={root}");
            let (theirs, ours) = (both::theirs(&conninfo), both::ours(&conninfo));
            assert_eq!(theirs.is_ok(), ours.is_ok(), "{name} {mode}: {theirs:?} {ours:?}");
            if mode == "verify-full" && ours.is_ok() {
                came_in.push(name);
            }
        }
    }
    assert!(
        came_in.contains(&"by-number") && came_in.contains(&"long") && !came_in.contains(&"nul"),
        "{came_in:?}"
    );
}

on_versions! { matrix v18 18; v14 14 }
