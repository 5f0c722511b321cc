//! One PostgreSQL server in a folder of its own, that ends with this process. It must never be anybody's real server.

use std::ffi::CString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::{Failure, Result};

/// How clients reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Clear,
    /// TLS 1.3 with AES-128-GCM where the version can be told so (18), else what its OpenSSL likes best.
    Tls,
}

impl Way {
    /// The `sslmode` of the clients.
    pub fn sslmode(self) -> &'static str {
        match self {
            Self::Clear => "disable",
            Self::Tls => "require",
        }
    }

    /// For reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Clear => "no TLS",
            Self::Tls => "TLS",
        }
    }
}

/// A running server.
pub struct Server {
    pub version: u32,
    pub way: Way,
    pub port: u16,
    pub folder: PathBuf,
    child: Child,
}

const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
wal_level = logical
fsync = off
autovacuum = off
shared_buffers = 256MB
max_wal_size = 16GB
checkpoint_timeout = 1h
max_connections = 250
max_replication_slots = 20
wal_sender_timeout = 0
log_min_messages = warning
";

impl Server {
    /// Starts the version that lies in `servers`, in a new folder below `temp`.
    pub fn start(servers: &Path, temp: &Path, version: u32, way: Way) -> Result<Self> {
        let bin = servers.join(version.to_string()).join("bin");
        let folder = temp.join(format!("server-{version}"));
        fs::create_dir(&folder)?;
        let user = server_user()?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        let data = folder.join("data");
        let unprivileged = |program: &str| {
            let mut command = Command::new(bin.join(program));
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command.current_dir("/").env("LC_ALL", "C").env_remove("PGDATA");
            command
        };
        let made = unprivileged("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .output()?;
        if !made.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = data.join("postgresql.conf");
        let usual = fs::read_to_string(&config)?;
        let own = format!("port = {port}\nunix_socket_directories = '{}'\n", folder.display());
        let tls = if way == Way::Tls { certify(&data, version, user)? } else { String::new() };
        fs::write(&config, usual + SETTINGS + &own + &tls)?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = unprivileged("postgres");
        command.arg("-D").arg(&data).stdout(log.try_clone()?).stderr(log);
        // SAFETY: prctl may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
                Ok(())
            });
        }
        let it = Self { version, way, port, folder, child: command.spawn()? };
        it.wait_until_up()?;
        Ok(it)
    }

    fn wait_until_up(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match self.client() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > end => {
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    return Err(format!("PostgreSQL {} does not start: {error}\n{log}", self.version).into());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// An SQL connection.
    pub fn client(&self) -> Result<Client> {
        let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", self.port);
        Client::connect(&conninfo, NoTls).map_err(Failure::from)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SAFETY: a plain system call on a child that has not been waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGQUIT) };
        let _ = self.child.wait();
    }
}

/// A certificate that signs itself, and the settings for it.
fn certify(data: &Path, version: u32, user: Option<(u32, u32)>) -> Result<String> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "7",
        ])
        .args(["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.crt"])
        .current_dir(data)
        .output()?;
    if !made.status.success() {
        return Err(format!("openssl failed: {}", String::from_utf8_lossy(&made.stderr)).into());
    }
    for name in ["server.key", "server.crt"] {
        let path = data.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid))?;
        }
    }
    let suite = if version >= 18 { "ssl_tls13_ciphers = 'TLS_AES_128_GCM_SHA256'\n" } else { "" };
    Ok(format!("ssl = on\n{suite}"))
}

/// PostgreSQL refuses to run as root: who it runs as then.
fn server_user() -> Result<Option<(u32, u32)>> {
    // SAFETY: plain system call.
    if unsafe { libc::geteuid() } != 0 {
        return Ok(None);
    }
    let name = std::env::var("PGWALSTREAM_SERVER_USER").unwrap_or_else(|_| "pgwalstream".into());
    let c_name = CString::new(name.clone())?;
    // SAFETY: the name ends with NUL, and no other thread asks.
    let found = unsafe { libc::getpwnam(c_name.as_ptr()).as_ref().map(|it| (it.pw_uid, it.pw_gid)) };
    found.map(Some).ok_or_else(|| format!("there is no user {name}").into())
}
