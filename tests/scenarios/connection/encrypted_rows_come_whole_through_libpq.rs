//! What libpq has decrypted of a record and not given yet wakes nobody: rows around the size of a record come whole all
//! the same, and at once, one by one and in a crowd.

use std::process::Command;
use std::time::Duration;

use crate::harness::server::{Server, new_folder, unprivileged};
use crate::harness::{Cell, Kind, Next, Options, Seen, Stream};

/// The server says something of its own after 30 seconds; nothing that comes sooner was woken by that.
const SOON: Duration = Duration::from_secs(20);

/// Around the 8 KiB that libpq reads and the 16 KiB of a record.
pub(super) const SIZES: [usize; 12] =
    [1, 8_000, 8_192, 16_000, 16_300, 16_384, 16_500, 24_500, 32_768, 40_000, 300_000, 3_000_000];

on_versions! { rows_of_all_sizes_over_tls v14 14, v18 18 }

fn rows_of_all_sizes_over_tls(version: u32) {
    let folder = new_folder();
    let (cert, key) = (folder.join("server.crt"), folder.join("server.key"));
    let mut openssl: Command = unprivileged("openssl".as_ref());
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-out",
    ]);
    let made = openssl.arg(&cert).arg("-keyout").arg(&key).output().expect("openssl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let settings = [file("ssl_cert_file", &cert), file("ssl_key_file", &key), "ssl=on".to_owned()];
    let server = Server::start(version, &settings.each_ref().map(String::as_str));
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
    db.run("CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let conninfo = format!("{} sslmode=require", db.conninfo());
    let mut stream = Options::stream(&conninfo, &slot, "pub").with("backend", "libpq").open().unwrap();
    let pid = stream.stats().backend_pid;
    assert_eq!(db.text(&format!("SELECT ssl FROM pg_stat_ssl WHERE pid = {pid}")), "t");
    for (id, size) in SIZES.iter().enumerate() {
        db.run(&format!("INSERT INTO t VALUES ({id}, repeat('x', {size}))"));
        check(&read_soon(&mut stream), &[*size]);
    }
    db.run("TRUNCATE t");
    read_soon(&mut stream);
    let sizes = SIZES.map(|size| format!("({size})")).join(",");
    db.run(&format!(
        "INSERT INTO t SELECT row_number() OVER (), repeat('x', size + n) FROM generate_series(0, 9) n, (VALUES {sizes}) s(size)"
    ));
    let expected: Vec<usize> = (0..10).flat_map(|n| SIZES.map(|size| size + n)).collect();
    check(&read_soon(&mut stream), &expected);
}

/// One transaction, each of whose events comes soon.
pub(super) fn read_soon(stream: &mut Stream) -> Vec<Seen> {
    let mut all = Vec::new();
    loop {
        match stream.next(SOON.as_millis() as i32).unwrap() {
            Next::Event(event) if event.kind() == Kind::Progress => (),
            Next::Event(event) => {
                all.push(event.copy());
                if event.kind() == Kind::Commit {
                    return all;
                }
            }
            Next::Nothing(status) => panic!("{status:?} after {} events", all.len()),
        }
    }
}

/// The rows' texts have these lengths.
pub(super) fn check(seen: &[Seen], sizes: &[usize]) {
    let length = |event: &Seen| match &event.new[1] {
        Cell::Text(text) => text.len(),
        other => panic!("{other:?}"),
    };
    let mut lengths: Vec<usize> =
        seen.iter().filter(|event| event.kind == Kind::Insert).map(length).collect();
    lengths.sort_unstable();
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    assert_eq!(lengths, sizes);
}
