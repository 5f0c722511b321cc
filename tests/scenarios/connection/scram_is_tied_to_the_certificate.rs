//! Whoever sits between client and server has another certificate: SCRAM that is tied to the server's own tells. Each
//! kind of signature has its hash, and each wish of the user its outcome, the same as libpq 18's.

use super::both;
use crate::harness::authority::{CA, P256, P384, RSA, SERVER, Wish};
use crate::harness::{Authority, Server};

const ED25519: &str = "-algorithm ed25519";

const RULES: &str = "host all scram_user all scram-sha-256
host all md5_user all md5
host all clear_user all password
host all key_user all scram-sha-256
";

/// Compares one connection string, and gives what both came to.
#[track_caller]
fn same(conninfo: &str) -> Option<String> {
    let (theirs, ours) = (both::theirs(conninfo), both::ours(conninfo));
    assert_eq!(theirs.as_ref().ok(), ours.as_ref().ok(), "{conninfo}\nlibpq: {theirs:?}\nours: {ours:?}");
    ours.ok()
}

fn show(server: &Server, all: &Authority, name: &str) {
    let (crt, key) = (all.path(&format!("{name}.crt")), all.path(&format!("{name}.key")));
    server.configure(&[("ssl_cert_file", &crt), ("ssl_key_file", &key), ("ssl", "on")]);
}

fn every_signature_and_every_wish(version: u32) {
    let all = Authority::new();
    all.root("ec-ca", Wish { subject: "/CN=EC", extensions: CA, ..SERVER });
    let pss = "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";
    for (name, key, signature) in [
        ("rsa-sha256", RSA, "-sha256"),
        ("rsa-sha1", RSA, "-sha1"),
        ("rsa-sha512", RSA, "-sha512"),
        ("pss-sha384", RSA, pss),
        ("pss-sha256", RSA, "-sha256 -sigopt rsa_padding_mode:pss"),
        ("p384-sha512", P384, "-sha512"),
        ("p256-sha384", P256, "-sha384"),
        ("ed25519", ED25519, ""),
    ] {
        all.root(name, Wish { key, signature, subject: "/CN=localhost", ..SERVER });
    }
    all.issue("rsa-by-ec", "ec-ca", Wish { key: RSA, signature: "-sha384", ..SERVER });

    let server = Server::start(version, &[]);
    let mut sql = server.client("postgres");
    sql.batch_execute(
        "SET password_encryption='scram-sha-256'; CREATE ROLE scram_user LOGIN PASSWORD 's3cret';
         SET password_encryption='md5'; CREATE ROLE md5_user LOGIN PASSWORD 's3cret';
         CREATE ROLE clear_user LOGIN PASSWORD 's3cret'; CREATE ROLE key_user LOGIN",
    )
    .unwrap();
    server.admit(RULES);
    let base = format!("host=127.0.0.1 port={} dbname=postgres password=s3cret", server.port);
    for name in [
        "rsa-sha256",
        "rsa-sha1",
        "rsa-sha512",
        "pss-sha384",
        "pss-sha256",
        "p384-sha512",
        "p256-sha384",
        "rsa-by-ec",
    ] {
        show(&server, &all, name);
        for binding in ["disable", "prefer", "require"] {
            let text = format!("{base} user=scram_user sslmode=require channel_binding={binding}");
            assert_eq!(same(&text).as_deref(), Some("t"), "{name}: {text}");
        }
        let wrong = format!("{base} user=scram_user sslmode=require channel_binding=require password=wrong");
        assert_eq!(same(&wrong), None);
    }
    // No hash goes with Ed25519. libpq gives up unless told to do without; here only what is required is refused.
    show(&server, &all, "ed25519");
    let text = format!("{base} user=scram_user sslmode=require channel_binding=");
    assert_eq!(same(&format!("{text}disable")).as_deref(), Some("t"));
    assert_eq!(same(&format!("{text}require")), None);
    assert!(both::theirs(&format!("{text}prefer")).is_err());
    assert_eq!(both::ours(&format!("{text}prefer")).unwrap(), "t");

    show(&server, &all, "rsa-sha256");
    for user in ["postgres", "scram_user", "md5_user", "clear_user"] {
        for mode in ["disable", "prefer", "require"] {
            for binding in ["disable", "prefer", "require"] {
                same(&format!("{base} user={user} sslmode={mode} channel_binding={binding}"));
            }
        }
        for list in
            ["none", "!none", "scram-sha-256", "md5", "password", "md5,none", "!md5,!password", "gss,oauth"]
        {
            same(&format!("{base} user={user} sslmode=require require_auth={list}"));
            same(&format!("{base} user={user} sslmode=disable require_auth={list}"));
        }
    }
    keys(&server, &base);
    passwords(&server, &base);
}

/// Keys in place of a password.
fn keys(server: &Server, base: &str) {
    let mut sql = server.client("postgres");
    let row = sql
        .query_one(
            "SELECT encode(sha256('client'), 'base64'), encode(sha256('server'), 'base64'),
                 'SCRAM-SHA-256$4096:' || encode('0123456789abcdef', 'base64') || '$' ||
                 encode(sha256(sha256('client')), 'base64') || ':' || encode(sha256('server'), 'base64')",
            &[],
        )
        .unwrap();
    let (client, own, verifier): (String, String, String) = (row.get(0), row.get(1), row.get(2));
    sql.batch_execute(&format!("ALTER ROLE key_user PASSWORD '{verifier}'")).unwrap();
    let base = format!("{} user=key_user sslmode=require", base.replace(" password=s3cret", ""));
    for binding in ["prefer", "require"] {
        let good =
            format!("{base} channel_binding={binding} scram_client_key={client} scram_server_key={own}");
        assert_eq!(same(&good).as_deref(), Some("t"));
    }
    assert_eq!(same(&format!("{base} scram_client_key={own} scram_server_key={own}")), None);
    assert_eq!(same(&format!("{base} scram_client_key={client} scram_server_key={client}")), None);
    assert_eq!(same(&format!("{base} scram_client_key={client}")), None);
    assert_eq!(same(&format!("{base} scram_client_key=AAAA scram_server_key={own}")), None);
    assert_eq!(same(&base), None);
}

/// What SASLprep makes of passwords, and as many rounds as the administrator likes.
fn passwords(server: &Server, base: &str) {
    let mut sql = server.client("postgres");
    let base = base.replace(" password=s3cret", "");
    for password in ["\u{2168}", "a\u{a0}b", "\u{7}bell", "\u{ad}soft", "\u{1f600}", "p\u{e4}ss", "\u{627}1"]
    {
        sql.batch_execute(&format!(
            "SET password_encryption='scram-sha-256'; ALTER ROLE scram_user PASSWORD '{password}'"
        ))
        .unwrap();
        let text = format!("{base} user=scram_user sslmode=require password='{password}'");
        assert_eq!(same(&text).as_deref(), Some("t"), "{password:?}");
    }
    if server.version >= 16 {
        sql.batch_execute("SET scram_iterations=150000; ALTER ROLE scram_user PASSWORD 's3cret'").unwrap();
        let text = format!("{base} user=scram_user sslmode=require password=s3cret channel_binding=require");
        assert_eq!(same(&text).as_deref(), Some("t"));
    }
}

on_versions! { every_signature_and_every_wish v18 18; v14 14 }
