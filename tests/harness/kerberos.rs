//! A Kerberos realm and a PostgreSQL server that trusts it, all in one folder: nothing of the system's is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use postgres::{Client, NoTls};

use super::eventually;
use super::server::{free_port, new_folder, signal_process, spawn, unprivileged, wait_for_exit};

const REALM: &str = "PGWALSTREAM.TEST";

/// Debian's server, which is built with GSSAPI; script/test installs it.
const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A key distribution centre and a server.
pub struct Kerberos {
    folder: PathBuf,
    port: u16,
    kdc: Child,
    server: Child,
}

impl Kerberos {
    /// Starts both. `alice` is a principal and a role that may replicate; `postgres` comes in without a ticket.
    pub fn start() -> Self {
        let folder = new_folder();
        let kdc_port = free_port();
        write_files(&folder, kdc_port);
        let realm = Realm { folder: &folder };
        realm.run("kdb5_util", &["create", "-s", "-r", REALM, "-P", "a master key"]);
        for query in [
            "addprinc -randkey alice".to_owned(),
            "addprinc -randkey postgres/localhost".to_owned(),
            format!("ktadd -k {} alice", folder.join("alice.keytab").display()),
            format!("ktadd -k {} postgres/localhost", folder.join("server.keytab").display()),
        ] {
            realm.run("kadmin.local", &["-r", REALM, "-q", &query]);
        }
        let mut kdc = realm.command("krb5kdc");
        kdc.args(["-n", "-r", REALM, "-P"]).arg(folder.join("kdc.pid"));
        let kdc = spawn(kdc).expect("krb5kdc starts");
        let port = free_port();
        let server = realm.server(port);
        let mut it = Self { folder, port, kdc, server };
        eventually("the key distribution centre gives alice a ticket", || it.get_ticket());
        let conninfo = it.admin_conninfo();
        eventually("the server answers", || {
            assert!(it.server.try_wait().unwrap().is_none(), "no server:\n{}", it.log());
            Client::connect(&conninfo, NoTls).is_ok()
        });
        it
    }

    /// How a superuser reaches the server.
    pub fn admin_conninfo(&self) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname=postgres", self.port)
    }

    /// How alice does, with her ticket; who she is, the environment tells.
    pub fn conninfo(&self) -> String {
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=postgres", self.port)
    }

    /// What a program needs of the environment to belong to the realm. Without a ticket the cache is one that is not
    /// there.
    pub fn environment(&self, ticket: Ticket) -> [(&'static str, String); 2] {
        let cache = match ticket {
            Ticket::Alices => "alice.cache",
            Ticket::None => "no.cache",
        };
        let path = |name: &str| self.folder.join(name).display().to_string();
        [("KRB5_CONFIG", path("krb5.conf")), ("KRB5CCNAME", format!("FILE:{}", path(cache)))]
    }

    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}\n{}", read("log"), read("kdc.log"))
    }

    fn get_ticket(&self) -> bool {
        let mut kinit = Realm { folder: &self.folder }.command("kinit");
        let [_, (name, cache)] = self.environment(Ticket::Alices);
        kinit.args(["-k", "-t"]).arg(self.folder.join("alice.keytab")).arg("alice").env(name, cache);
        kinit.output().expect("kinit starts").status.success()
    }
}

/// Whose ticket a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    Alices,
    None,
}

impl Drop for Kerberos {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the Kerberos server\n{}", self.log());
        }
        for child in [&mut self.server, &mut self.kdc] {
            signal_process(child.id(), libc::SIGQUIT);
            if wait_for_exit(child).is_none() {
                let _ = child.kill();
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Realm<'a> {
    folder: &'a Path,
}

impl Realm<'_> {
    /// A program that sees no other realm.
    fn command(&self, program: &str) -> Command {
        let found = ["/usr/sbin", "/usr/bin", BIN].map(|folder| Path::new(folder).join(program));
        let found = found.iter().find(|path| path.exists());
        let found = found.unwrap_or_else(|| panic!("no {program}: script/test installs what this needs"));
        let mut command = unprivileged(found);
        command
            .env("KRB5_CONFIG", self.folder.join("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.folder.join("kdc.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    fn server(&self, port: u16) -> Child {
        let data = self.folder.join("data");
        self.run(
            "initdb",
            &[
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
                data.to_str().unwrap(),
            ],
        );
        let rules = "host all postgres 127.0.0.1/32 trust\nhost all alice 127.0.0.1/32 gss include_realm=0\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let log = fs::File::create(self.folder.join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(data);
        for setting in [
            format!("port={port}"),
            format!("unix_socket_directories={}", self.folder.display()),
            format!("krb_server_keyfile={}", self.folder.join("server.keytab").display()),
            "listen_addresses=127.0.0.1".into(),
            "wal_level=logical".into(),
            "fsync=off".into(),
            "shared_buffers=16MB".into(),
        ] {
            command.args(["-c", &setting]);
        }
        command.stdout(log.try_clone().unwrap()).stderr(log);
        spawn(command).expect("postgres starts")
    }
}

fn write_files(folder: &Path, port: u16) {
    let at = folder.display();
    let client = format!(
        "[libdefaults]
  default_realm = {REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  {REALM} = {{
    kdc = 127.0.0.1:{port}
  }}
"
    );
    let centre = format!(
        "[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {REALM} = {{
    database_name = {at}/principal
    key_stash_file = {at}/stash
    acl_file = {at}/kadm5.acl
    max_life = 1h
  }}
[logging]
  kdc = FILE:{at}/kdc.log
"
    );
    for (name, text) in [("krb5.conf", client), ("kdc.conf", centre)] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
}
