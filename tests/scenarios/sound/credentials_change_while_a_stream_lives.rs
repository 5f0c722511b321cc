//! Passwords rotate while a stream lives: files are read, and the program is asked, at each connect (P46).

use std::ffi::{CStr, CString, c_void};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::harness::abi::{self, wal_password, wal_password_request};
use crate::harness::stream::call;
use crate::harness::{Admin, Failure, Kind, Options, Server, Stream};
use pgwalstream::error::Status;

/// A server that asks for passwords.
fn asking() -> Server {
    let server = Server::start(18, &[]);
    let mut client = server.client("postgres");
    client
        .batch_execute(
            "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t;
             CREATE ROLE alice LOGIN REPLICATION SUPERUSER PASSWORD 'first'",
        )
        .unwrap();
    server.admit("host all alice all scram-sha-256\n");
    server
}

fn rotate(server: &Server, to: &str) {
    let sql = format!("ALTER ROLE alice PASSWORD '{to}'");
    server.client("postgres").batch_execute(&sql).unwrap();
}

/// Cuts the stream's connection; what is written then has to arrive over the next.
fn lives(server: &Server, stream: &mut Stream, id: i32) {
    server
        .client("postgres")
        .batch_execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_replication; INSERT INTO t VALUES ({id})"
        ))
        .unwrap();
    let seen = stream.read_until(|seen| seen.kind == Kind::Insert);
    assert!(seen.iter().any(|seen| seen.kind == Kind::Reconnected));
}

fn written(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn slot(server: &Server, name: &str) -> String {
    let sql = format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')");
    server.client("postgres").batch_execute(&sql).unwrap();
    name.to_owned()
}

#[test]
fn s24_files_are_read_at_each_connect() {
    let server = asking();
    let folder = tempfile::tempdir().unwrap();
    let (passfile, service) = (folder.path().join("pass"), folder.path().join("service"));
    let base = format!("host=127.0.0.1 port={} dbname=postgres user=alice sslmode=disable", server.port);
    let pass = |password: &str| written(&passfile, &format!("*:*:*:alice:{password}\n"));
    let serve = |password: &str| written(&service, &format!("[s]\npassword={password}\n"));
    pass("first");
    serve("first");
    for (at, more) in
        [format!("passfile={}", passfile.display()), format!("service=s servicefile={}", service.display())]
            .iter()
            .enumerate()
    {
        let slot = slot(&server, &format!("file_{at}"));
        let options = Options::stream(&format!("{base} {more}"), &slot, "pub").with("backend", "rustls");
        let mut stream = options.open().unwrap();
        for (round, to) in ["second", "first"].into_iter().enumerate() {
            rotate(&server, to);
            pass(to);
            serve(to);
            lives(&server, &mut stream, i32::try_from(at * 10 + round).unwrap());
        }
    }
}

/// What the program does when it is asked.
struct Vault {
    password: Mutex<Result<String, String>>,
    lifetime: i64,
    pause: Duration,
    asked: AtomicUsize,
    reentered: AtomicI32,
    freed: Arc<AtomicUsize>,
    seen: Mutex<String>,
}

unsafe extern "C" fn give(
    userdata: *mut c_void,
    request: *const wal_password_request,
    answer: *mut wal_password,
) {
    // SAFETY: what `with_vault` gave, alive until it is freed; the request lives as long as the call.
    let (vault, request) = unsafe { (&*userdata.cast_const().cast::<Vault>(), &*request) };
    vault.asked.fetch_add(1, Ordering::SeqCst);
    // SAFETY: terminated texts.
    let (host, user) = unsafe { (CStr::from_ptr(request.host), CStr::from_ptr(request.user)) };
    *vault.seen.lock().unwrap() = format!("{host:?} {} {user:?} {}", request.port, request.timeout_ms);
    let options = Options::new().with("conninfo", "host=/nowhere user=u");
    let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: live options and out-parameters of this frame.
    let status = unsafe { abi::wal_connection_new(options.raw(), &raw mut out, &raw mut err) };
    // SAFETY: NULL or owned.
    unsafe { abi::wal_error_free(err) };
    vault.reentered.store(status, Ordering::SeqCst);
    thread::sleep(vault.pause);
    match &*vault.password.lock().unwrap() {
        Ok(password) => {
            let password = CString::new(password.as_str()).unwrap();
            // SAFETY: the call's own answer and a terminated text.
            assert_eq!(unsafe { abi::wal_password_set(answer, password.as_ptr(), vault.lifetime) }, 0);
        }
        Err(why) => {
            let why = CString::new(why.as_str()).unwrap();
            // SAFETY: as above.
            assert_eq!(unsafe { abi::wal_password_fail(answer, why.as_ptr()) }, 0);
        }
    }
}

unsafe extern "C" fn end(userdata: *mut c_void) {
    // SAFETY: what `with_vault` leaked, given back once.
    let vault = unsafe { Box::from_raw(userdata.cast::<Vault>()) };
    vault.freed.fetch_add(1, Ordering::SeqCst);
}

/// The options, and a vault that lives as long as they and all that is made of them.
fn with_vault(options: &Options, lifetime: i64, pause: Duration) -> (&'static Vault, Arc<AtomicUsize>) {
    let freed = Arc::new(AtomicUsize::new(0));
    let vault = Box::into_raw(Box::new(Vault {
        password: Mutex::new(Ok("first".into())),
        lifetime,
        pause,
        asked: AtomicUsize::new(0),
        reentered: AtomicI32::new(0),
        freed: Arc::clone(&freed),
        seen: Mutex::default(),
    }));
    // SAFETY: live options; the vault lives until `end`.
    call(|err| unsafe {
        abi::wal_options_set_password(options.raw(), Some(give), vault.cast(), Some(end), err)
    })
    .unwrap();
    // SAFETY: the test looks at it only while options or stream live.
    (unsafe { &*vault }, freed)
}

fn a_callback_rotates(backend: &str) {
    let server = asking();
    // The callback comes before the password of the connection string.
    let base = format!("host=127.0.0.1 port={} dbname=postgres user=alice password=wrong", server.port);
    let slot = slot(&server, "vault");
    let options = Options::stream(&base, &slot, "pub")
        .with("backend", backend)
        .with("reconnect_initial", "20ms")
        .with("health_interval", "100ms");
    let (vault, freed) = with_vault(&options, -1, Duration::ZERO);
    let mut stream = options.open().unwrap();
    drop(options);
    lives(&server, &mut stream, 1);
    // Kept all the while, by the sessions beside the stream too.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(vault.asked.load(Ordering::SeqCst), 1);
    assert_eq!(vault.reentered.load(Ordering::SeqCst), Status::WAL_E_BUSY as i32);
    assert_eq!(*vault.seen.lock().unwrap(), format!("\"127.0.0.1\" {} \"alice\" 30000", server.port));
    // One refusal, and it is asked again; what it cannot give now it gives later.
    *vault.password.lock().unwrap() = Err("the vault is sealed".into());
    rotate(&server, "second");
    let unseal = thread::spawn(move || {
        crate::harness::eventually("it is asked twice in vain", || vault.asked.load(Ordering::SeqCst) >= 3);
        *vault.password.lock().unwrap() = Ok("second".into());
    });
    lives(&server, &mut stream, 2);
    unseal.join().unwrap();
    assert_eq!(freed.load(Ordering::SeqCst), 0);
    drop(stream);
    crate::harness::eventually("the userdata is freed", || freed.load(Ordering::SeqCst) == 1);
}

#[test]
fn s24_a_callback_is_asked_when_its_answer_is_refused() {
    a_callback_rotates("rustls");
}

#[cfg(feature = "libpq")]
#[test]
fn s24_a_callback_is_asked_through_libpq_too() {
    a_callback_rotates("libpq");
}

#[track_caller]
fn refused(options: &Options) -> Failure {
    let opened = options.open().map(drop).unwrap_err();
    assert_eq!(opened.status, Status::WAL_E_AUTH, "{opened:?}");
    opened
}

#[test]
fn s24_what_a_callback_says_reaches_the_error() {
    let server = asking();
    let base = format!("host=127.0.0.1 port={} dbname=postgres user=alice", server.port);
    let options = |timeout: &str| Options::stream(&base, "none", "pub").with("password_timeout", timeout);
    let failing = options("5s");
    let (vault, _) = with_vault(&failing, 0, Duration::ZERO);
    *vault.password.lock().unwrap() = Err("no token for alice".into());
    let failure = refused(&failing);
    assert!(failure.message.contains("no token for alice") && failure.is_retriable, "{failure:?}");
    // A fresh one that is refused is not asked for again.
    *vault.password.lock().unwrap() = Ok("wrong".into());
    let asked = vault.asked.load(Ordering::SeqCst);
    let failure = refused(&failing);
    assert!(!failure.is_retriable && failure.sqlstate == "28P01", "{failure:?}");
    assert_eq!(vault.asked.load(Ordering::SeqCst), asked + 1);

    let slow = options("200ms");
    let (vault, freed) = with_vault(&slow, 0, Duration::from_millis(700));
    let failure = refused(&slow);
    assert!(failure.message.contains("password_timeout, 0.2 s"), "{failure:?}");
    // Its userdata lives until it has returned.
    drop(slow);
    assert_eq!((freed.load(Ordering::SeqCst), vault.asked.load(Ordering::SeqCst)), (0, 1));
    crate::harness::eventually("the userdata is freed", || freed.load(Ordering::SeqCst) == 1);

    // Connections for commands have it too; a lifetime ends.
    let commands = Options::new().with("conninfo", &base);
    let (vault, _) = with_vault(&commands, 50, Duration::ZERO);
    for asked in 1..3 {
        let admin = Admin::with(&commands);
        assert_eq!(admin.query("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
        thread::sleep(Duration::from_millis(60));
        assert_eq!(vault.asked.load(Ordering::SeqCst), asked);
    }
}
