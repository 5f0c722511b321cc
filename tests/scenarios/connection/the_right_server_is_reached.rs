//! A primary, its standby, a read-only primary and a host that is dead: each value of target_session_attrs reaches the
//! server that it asks for, and the dead one costs at most connect_timeout.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::harness::server::{Stop, new_folder};
use crate::harness::{Kind, Options, Server, eventually};
use pgwalstream::conninfo::Conninfo;
use pgwalstream::error::{Error, Status};
use pgwalstream::session::{NativeSession, Session, StartupSettings};

struct Cluster {
    primary: Server,
    standby: Server,
    read_only: Server,
    /// The kernel accepts, nobody answers.
    dead: TcpListener,
}

fn data_directory(server: &Server) -> String {
    server.client("postgres").query_one("SHOW data_directory", &[]).unwrap().get(0)
}

/// Copies a folder with owners and permissions.
fn copy(from: &str, to: &str) {
    fs::remove_dir_all(to).unwrap();
    let copied = Command::new("cp").args(["-a", from, to]).status().unwrap();
    assert!(copied.success());
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let primary = Server::start(18, &[]);
    primary
        .client("postgres")
        .batch_execute("CREATE ROLE scram_role LOGIN REPLICATION PASSWORD 's3cret'")
        .unwrap();
    let follow = format!("primary_conninfo=host=127.0.0.1 port={} user=postgres", primary.port);
    let standby = Server::start(18, &[&follow]);
    let (from, to) = (data_directory(&primary), data_directory(&standby));
    // A base backup of a server that is stopped is a copy.
    primary.stop(Stop::Fast);
    standby.stop(Stop::Fast);
    copy(&from, &to);
    primary.restart();
    let signal = Path::new(&to).join("standby.signal");
    fs::write(&signal, "").unwrap();
    fs::set_permissions(&signal, fs::Permissions::from_mode(0o666)).unwrap();
    standby.restart();
    let query = "SELECT pg_is_in_recovery()";
    let mut sql = standby.client("postgres");
    eventually("the standby is one", || sql.query_one(query, &[]).unwrap().get(0));
    let read_only = Server::start(18, &["default_transaction_read_only=on"]);
    Cluster { primary, standby, read_only, dead: TcpListener::bind("127.0.0.1:0").unwrap() }
});

impl Cluster {
    fn dead_port(&self) -> u16 {
        self.dead.local_addr().unwrap().port()
    }
}

/// The port of the server that a connection string leads to.
fn reached(conninfo: &str) -> Result<u16, Error> {
    let conninfo = match conninfo.starts_with("postgresql:") {
        true => Conninfo::parse(conninfo)?,
        false => Conninfo::parse(&format!("user=postgres dbname=postgres {conninfo}"))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let deadline = Some(Instant::now() + Duration::from_secs(30));
        let mut session = NativeSession::connect(&conninfo, &StartupSettings::default(), deadline).await?;
        let rows = session.query("SHOW port").await?;
        let _ = session.say_goodbye();
        Ok(rows.get(0, "port").unwrap().parse().unwrap())
    })
}

#[test]
fn each_target_reaches_its_server() {
    let all = &*CLUSTER;
    let (primary, standby, read_only) = (all.primary.port, all.standby.port, all.read_only.port);
    for (order, target, expected) in [
        ([primary, standby, read_only], "any", Some(primary)),
        ([standby, read_only, primary], "any", Some(standby)),
        ([standby, read_only, primary], "read-write", Some(primary)),
        ([primary, standby, read_only], "read-only", Some(standby)),
        ([primary, read_only, standby], "read-only", Some(read_only)),
        ([standby, primary, read_only], "primary", Some(primary)),
        ([standby, read_only, primary], "primary", Some(read_only)),
        ([primary, read_only, standby], "standby", Some(standby)),
        ([primary, read_only, standby], "prefer-standby", Some(standby)),
        ([primary, read_only, primary], "prefer-standby", Some(primary)),
        ([primary, read_only, primary], "standby", None),
        ([standby, read_only, standby], "read-write", None),
        ([standby, standby, standby], "primary", None),
        ([primary, primary, primary], "read-only", None),
    ] {
        let ports = order.map(|port| port.to_string()).join(",");
        let tried = format!("host=127.0.0.1,localhost,127.0.0.1 port={ports} target_session_attrs={target}");
        let result = reached(&tried);
        assert_eq!(result.as_ref().ok().copied(), expected, "{tried}: {result:?}");
        if let Err(error) = result {
            assert_eq!((error.status(), error.is_retriable()), (Status::WAL_E_NOT_READY, true), "{error:?}");
        }
    }
    // With the URI's form too, and spread at random.
    let uri = format!(
        "postgresql://postgres@127.0.0.1:{standby},localhost:{primary}/postgres?target_session_attrs=primary"
    );
    assert_eq!(reached(&uri).unwrap(), primary);
    let mut seen = Vec::new();
    eventually("random order reaches all three", || {
        let tried = format!(
            "host=127.0.0.1,localhost,127.0.0.1 port={primary},{standby},{read_only} load_balance_hosts=random"
        );
        seen.push(reached(&tried).unwrap());
        [primary, standby, read_only].iter().all(|port| seen.contains(port))
    });
}

#[test]
fn a_dead_host_costs_at_most_connect_timeout() {
    let all = &*CLUSTER;
    let (dead, primary) = (all.dead_port(), all.primary.port);
    let start = Instant::now();
    let hosts =
        format!("host=127.0.0.1,no-such-host.invalid,127.0.0.1 port={dead},1,{primary} connect_timeout=1");
    assert_eq!(reached(&hosts).unwrap(), primary);
    let took = start.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(15)).contains(&took), "{took:?}");
    // A port where nobody listens costs nothing.
    let start = Instant::now();
    assert_eq!(reached(&format!("hostaddr=127.0.0.1,127.0.0.1 port=1,{primary}")).unwrap(), primary);
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_stream_finds_the_primary_and_its_password() {
    let all = &*CLUSTER;
    let mut db = all.primary.database();
    db.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let folder = new_folder();
    let passfile = folder.join("passwords");
    let line = format!(
        "# one for each\nlocalhost:*:*:*:wrong\n127.0.0.1:{}:{}:scram_role:s3cret\n",
        all.primary.port, db.name
    );
    fs::write(&passfile, &line).unwrap();
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).unwrap();
    let service = folder.join("services");
    let text = format!(
        "[cluster]\nhost=127.0.0.1,127.0.0.1\nport={},{}\ntarget_session_attrs=read-write\npassfile={}\n",
        all.dead_port(),
        all.primary.port,
        passfile.display()
    );
    fs::write(&service, text).unwrap();
    let conninfo = format!(
        "service=cluster servicefile={} user=scram_role dbname={} connect_timeout=1",
        service.display(),
        db.name
    );
    let mut stream = Options::stream(&conninfo, &slot, "pub").open().unwrap();
    db.run("INSERT INTO t VALUES (1)");
    let seen = stream.read_transactions(1);
    assert!(seen.iter().any(|event| event.kind == Kind::Insert));
    drop(stream);
    db.released(&slot);

    // A file that others can read too is not used, and that is said.
    fs::set_permissions(&passfile, fs::Permissions::from_mode(0o644)).unwrap();
    let failure = Options::stream(&conninfo, &slot, "pub").open().map(drop).unwrap_err();
    assert_eq!(failure.status, Status::WAL_E_AUTH, "{failure:?}");
    assert!(failure.hint.contains("chmod 0600") && !format!("{failure:?}").contains("s3cret"), "{failure:?}");
}

#[test]
fn the_owner_of_the_socket_may_be_required() {
    let all = &*CLUSTER;
    let socket = all.primary.unix_conninfo("postgres");
    let folder = data_directory(&all.primary);
    let owner = Command::new("stat").args(["-c", "%U", &folder]).output().unwrap();
    let owner = String::from_utf8(owner.stdout).unwrap();
    assert_eq!(reached(&format!("{socket} requirepeer={}", owner.trim())).unwrap(), all.primary.port);
    let error = reached(&format!("{socket} requirepeer=somebody")).unwrap_err();
    assert_eq!(error.status(), Status::WAL_E_AUTH, "{error:?}");
    assert!(error.message().contains(owner.trim()) && error.message().contains("somebody"), "{error:?}");
}
