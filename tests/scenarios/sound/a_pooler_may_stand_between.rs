//! S2, S18: a pooler refuses start-up options, gives a backend to one client after the other, and has words of its own
//! for a server that is gone.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::{Client, NoTls, SimpleQueryMessage};

use crate::harness::server::{free_port, new_folder, signal_process, spawn, unprivileged, wait_for_exit};
use crate::harness::{Kind, Options, Proxy, Server, eventually};

/// A pgbouncer before a server, with one connection for all clients.
pub(super) struct Pooler {
    pub(super) port: u16,
    child: Child,
}

impl Pooler {
    pub(super) fn start(server: u16) -> Self {
        let program = Path::new("/usr/sbin/pgbouncer");
        assert!(program.exists(), "install pgbouncer, as script/test does");
        let (folder, port) = (new_folder(), free_port());
        let write = |name: &str, text: &str| {
            let mut file = std::fs::File::create(folder.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        write("users", "\"postgres\" \"\"\n");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {0}/users\npool_mode = transaction\ndefault_pool_size = 1\n",
            folder.display()
        );
        write("pgbouncer.ini", &settings);
        let mut command = unprivileged(program);
        command
            .arg(folder.join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self { port, child: spawn(command).expect("pgbouncer starts") }
    }

    pub(super) fn client(&self, database: &str) -> Client {
        let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname={database}", self.port);
        let mut client = None;
        eventually("the pooler answers", || {
            client = Client::connect(&conninfo, NoTls).ok();
            client.is_some()
        });
        client.unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        signal_process(self.child.id(), libc::SIGQUIT);
        let _ = wait_for_exit(&mut self.child);
    }
}

/// A pooler of this age knows no replication, so that the stream comes to the server by the second address.
#[test]
fn s2_the_side_sessions_go_through_a_pooler_and_leave_nothing_behind() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let pooler = Pooler::start(server.port);
    let mut other = pooler.client(&db.name);
    let mut settings = || -> Vec<String> {
        let shown = ["search_path", "quote_all_identifiers", "statement_timeout", "transaction_timeout"].map(
            |name| {
                let rows = other.simple_query(&format!("SHOW {name}")).unwrap();
                let row = rows
                    .iter()
                    .find_map(|row| if let SimpleQueryMessage::Row(row) = row { row.get(0) } else { None });
                row.unwrap().to_owned()
            },
        );
        shown.into()
    };
    let before = settings();
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=postgres dbname={}",
        pooler.port, server.port, db.name
    );
    let log = Default::default();
    let options =
        Options::stream(&conninfo, &slot, "pub").with("backend", "rustls").with("health_interval", "20ms");
    let stream = options.with_log(&log).open().unwrap();
    eventually("the health is looked at", || stream.slot_health().is_ok());
    let told = log.lock().unwrap().clone();
    assert!(
        told.iter().any(|(_, text)| text.contains("has no primary key")),
        "the tables are looked at: {told:?}"
    );
    assert!(!told.iter().any(|(_, text)| text.contains("cannot look")), "{told:?}");
    assert_eq!(settings(), before);
}

#[test]
fn s18_a_poolers_word_for_a_lost_server_is_worth_another_try() {
    let server = Server::shared(18);
    let mut db = server.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let said = AtomicBool::new(false);
    let proxy = Proxy::start(server.port, move |tag, body, out| {
        if tag == b'd' && body.first() == Some(&b'w') && !said.swap(true, Ordering::SeqCst) {
            out.send(b'E', b"SFATAL\0C08P01\0Mserver conn crashed?\0\0");
            return out.cut();
        }
        out.send(tag, body);
    });
    let mut stream = Options::stream(&proxy.conninfo(&db.name), &slot, "pub").open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    let seen = stream.read_transactions(1);
    assert!(seen.iter().any(|event| event.kind == Kind::Reconnected), "{}", seen.last().unwrap().line);
    assert!(seen.iter().any(|event| event.kind == Kind::Insert));
}
