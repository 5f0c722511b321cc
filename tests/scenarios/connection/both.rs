//! One connection string, one answer: what libpq 18 comes to, and what this library comes to.

use std::env;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::libpq::Libpq;
use pgwalstream::conninfo::Conninfo;
use pgwalstream::error::Error;
use pgwalstream::session::{NativeSession, Replication, Session, StartupSettings};

/// Whether TLS is in use, `t` or `f`.
const QUERY: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/// What libpq comes to.
pub fn theirs(conninfo: &str) -> Result<String, String> {
    static LIBPQ: LazyLock<Libpq> = LazyLock::new(|| {
        let home = env::home_dir().unwrap().join(".postgresql");
        assert!(!home.exists(), "{} would change what libpq does", home.display());
        Libpq::load()
    });
    LIBPQ.ask(conninfo, QUERY)
}

/// What this library comes to.
pub fn ours(conninfo: &str) -> Result<String, Error> {
    let conninfo = Conninfo::parse(conninfo)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let deadline = Some(Instant::now() + Duration::from_secs(60));
        let settings = StartupSettings { replication: Replication::Off, ..StartupSettings::default() };
        let mut session = NativeSession::connect(&conninfo, &settings, deadline).await?;
        let rows = session.query(QUERY).await?;
        let _ = session.say_goodbye();
        Ok(rows.get(0, "ssl").unwrap().to_owned())
    })
}
