//! Real PostgreSQL servers in folders of their own. None outlives the process that started it.

use std::ffi::CString;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, Once, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use postgres::{Client, NoTls, SimpleQueryMessage};

use super::{PATIENCE, VERSIONS, eventually};

/// Roles of these names must give a password over TCP, each in its own way. Everybody else is trusted.
const PASSWORD_RULES: &str = "host all md5_role 127.0.0.1/32 md5
host all scram_role 127.0.0.1/32 scram-sha-256
host all clear_role 127.0.0.1/32 password
host all refused_role 127.0.0.1/32 reject
";

/// A running server.
pub struct Server {
    pub version: u32,
    pub port: u16,
    bin: PathBuf,
    folder: PathBuf,
    settings: Vec<String>,
    child: Mutex<Option<Child>>,
}

/// How a server is told to stop (PostgreSQL documentation, "Shutting Down the Server").
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    Fast,
    Immediate,
}

impl Stop {
    fn signal(self) -> i32 {
        match self {
            Self::Fast => libc::SIGINT,
            Self::Immediate => libc::SIGQUIT,
        }
    }
}

impl Server {
    /// The server of a version that all tests of the process share.
    pub fn shared(version: u32) -> &'static Server {
        static SHARED: [OnceLock<Server>; VERSIONS.len()] = [const { OnceLock::new() }; VERSIONS.len()];
        let at = VERSIONS.iter().position(|known| *known == version).expect("a version of the list");
        SHARED[at].get_or_init(|| Self::start(version, &[]))
    }

    /// A server of one's own, with settings beyond the usual, such as `wal_level=replica`. Its system identifier is that of
    /// every other server of its version.
    pub fn start(version: u32, settings: &[&str]) -> Self {
        let template = servers().join(version.to_string()).join("template");
        assert!(
            template.exists(),
            "no PostgreSQL {version} in {}: run script/servers, or set PGWALSTREAM_SERVERS to its folder",
            servers().display()
        );
        Self::start_from(bin(version), version, settings, |data| {
            let mut copy = unprivileged(Path::new("cp"));
            copy.args(["-a", "--reflink=auto"]).arg(&template).arg(data);
            copy
        })
    }

    /// A server of one's own with a system identifier of its own.
    pub fn start_apart(version: u32, settings: &[&str]) -> Self {
        let bin = bin(version);
        Self::start_from(bin.clone(), version, settings, |data| initdb(&bin, data))
    }

    /// The same with WAL segments of so many MB.
    pub fn start_with_segments(version: u32, megabytes: u32, settings: &[&str]) -> Self {
        let bin = bin(version);
        Self::start_from(bin.clone(), version, settings, |data| {
            let mut command = initdb(&bin, data);
            command.arg(format!("--wal-segsize={megabytes}"));
            command
        })
    }

    /// Debian's server, with the plugins of Debian's packages.
    pub fn start_debian(settings: &[&str]) -> Self {
        let bin = PathBuf::from("/usr/lib/postgresql/15/bin");
        assert!(bin.join("postgres").exists(), "install postgresql-15, as script/test does");
        Self::start_from(bin.clone(), 15, settings, |data| initdb(&bin, data))
    }

    /// Whether Debian's server lets a slot name only the plugins of a list, as the minor releases of November 2026 do.
    pub fn debian_lists_plugins() -> bool {
        let mut asked = Command::new("/usr/lib/postgresql/15/bin/postgres");
        let told = asked.arg("--describe-config").output().expect("postgres describes its settings");
        String::from_utf8_lossy(&told.stdout).contains("output_plugin_libraries")
    }

    fn start_from(bin: PathBuf, version: u32, settings: &[&str], make: impl Fn(&Path) -> Command) -> Self {
        let folder = data_folder();
        let made = make(&folder.join("data")).output().expect("the command starts");
        assert!(made.status.success(), "no data folder: {}", String::from_utf8_lossy(&made.stderr));
        let hba = folder.join("data/pg_hba.conf");
        let rest = fs::read_to_string(&hba).unwrap();
        fs::write(&hba, format!("{PASSWORD_RULES}{rest}")).unwrap();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut it = Self { version, port: 0, bin, folder, settings, child: Mutex::new(None) };
        for attempt in 1.. {
            // Between asking for a free port and using it, somebody else may take it.
            it.port = free_port();
            if it.run() {
                break;
            }
            assert!(attempt < 5, "PostgreSQL {version} does not start:\n{}", it.log());
        }
        it
    }

    /// A copy of this server that follows it as a standby. This one is stopped for as long as copying takes.
    pub fn standby(&self, settings: &[&str]) -> Self {
        self.stop(Stop::Fast);
        let folder = data_folder();
        let mut copy = unprivileged(Path::new("cp"));
        copy.arg("-a").arg(self.folder.join("data")).arg(folder.join("data"));
        assert!(copy.status().unwrap().success(), "cannot copy the data");
        fs::write(folder.join("data/standby.signal"), "").unwrap();
        let conninfo = format!("primary_conninfo=host=127.0.0.1 port={} user=postgres", self.port);
        let settings = settings.iter().map(|&setting| setting.to_owned());
        let settings = [conninfo, "hot_standby=on".to_owned()].into_iter().chain(settings).collect();
        let mut it = Self {
            version: self.version,
            port: free_port(),
            bin: self.bin.clone(),
            folder,
            settings,
            child: Mutex::new(None),
        };
        self.restart();
        for attempt in 1.. {
            if it.run() {
                break;
            }
            assert!(attempt < 5, "the standby does not start:\n{}", it.log());
            it.port = free_port();
        }
        it
    }

    /// Stops the server and starts it with other settings beyond the usual.
    pub fn restart_with(&mut self, settings: &[&str]) {
        self.stop(Stop::Fast);
        self.settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        self.restart();
    }

    /// A standby of this server, which must be stopped: a copy of its folder. It waits for `restart`.
    pub fn standby_of_stopped(&self, settings: &[&str]) -> Self {
        let upstream = format!("primary_conninfo={}", self.conninfo("postgres"));
        let settings = settings.iter().map(|&setting| setting.to_owned()).chain([upstream]).collect();
        self.copy_of_stopped("standby.signal", settings)
    }

    /// A copy of this server, which must be stopped, to be recovered with settings such as restore_command. It waits for
    /// `restart`.
    pub fn copy_to_recover(&self, settings: &[&str]) -> Self {
        self.copy_of_stopped("recovery.signal", settings.iter().map(|&setting| setting.to_owned()).collect())
    }

    fn copy_of_stopped(&self, signal: &str, settings: Vec<String>) -> Self {
        let folder = data_folder();
        let copied = Command::new("cp").arg("-a").arg(self.folder.join("data")).arg(&folder).status();
        assert!(copied.is_ok_and(|status| status.success()), "the folder cannot be copied");
        fs::write(folder.join("data").join(signal), "").unwrap();
        Self {
            version: self.version,
            port: free_port(),
            bin: self.bin.clone(),
            folder,
            settings,
            child: Mutex::new(None),
        }
    }

    /// A file of the server's WAL, as it is now.
    pub fn wal_file(&self, name: &str) -> Vec<u8> {
        let path = self.folder.join("data/pg_wal").join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Starts a stopped server again, on the same port.
    pub fn restart(&self) {
        assert!(self.run(), "PostgreSQL {} does not start again:\n{}", self.version, self.log());
    }

    /// Stops the server and tells how long that took.
    pub fn stop(&self, how: Stop) -> Duration {
        let begin = Instant::now();
        assert!(self.stop_within(how, PATIENCE), "the server does not stop:\n{}", self.log());
        begin.elapsed()
    }

    /// Tells the server to stop and waits for its end, but not for longer than `patience`. Whether it has ended.
    pub fn stop_within(&self, how: Stop, patience: Duration) -> bool {
        let mut child = self.lock();
        let Some(running) = child.as_mut() else { return true };
        signal_process(running.id(), how.signal());
        let ended = wait_for_exit_within(running, patience).is_some();
        if ended {
            *child = None;
        }
        ended
    }

    /// A database of one's own, with a connection to it.
    pub fn database(&self) -> Database<'_> {
        let name = unique("db");
        self.client("postgres").batch_execute(&format!("CREATE DATABASE {name}")).expect("CREATE DATABASE");
        let sql = self.client(&name);
        Database { server: self, name, sql }
    }

    /// An SQL connection.
    pub fn client(&self, database: &str) -> Client {
        Client::connect(&format!("{} application_name=scenario", self.conninfo(database)), NoTls)
            .unwrap_or_else(|error| panic!("cannot connect for SQL: {error}\n{}", self.log()))
    }

    /// How to reach a database by TCP.
    pub fn conninfo(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname={database}", self.port)
    }

    /// How to reach a database by the Unix socket.
    pub fn unix_conninfo(&self, database: &str) -> String {
        format!("host={} port={} user=postgres dbname={database}", self.folder.display(), self.port)
    }

    /// Puts rules before those of pg_hba.conf, and waits until they hold.
    pub fn admit(&self, rules: &str) {
        let hba = self.folder.join("data/pg_hba.conf");
        let rest = fs::read_to_string(&hba).unwrap();
        fs::write(&hba, format!("{rules}{rest}")).unwrap();
        let mut sql = self.client("postgres");
        sql.batch_execute("SELECT pg_reload_conf()").unwrap();
        let first = rules.lines().next().unwrap_or_default().split_whitespace().nth(2).unwrap_or_default();
        let query = format!("SELECT count(*) FROM pg_hba_file_rules WHERE user_name = '{{{first}}}'");
        eventually("the rules are good", || sql.query_one(&query, &[]).unwrap().get::<_, i64>(0) > 0);
    }

    /// Sets a parameter, and waits until new sessions have it.
    pub fn configure(&self, settings: &[(&str, &str)]) {
        let mut sql = self.client("postgres");
        for (name, value) in settings {
            sql.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).unwrap();
        }
        sql.batch_execute("SELECT pg_reload_conf()").unwrap();
        for (name, value) in settings {
            eventually("the setting holds", || {
                let shown = self.client("postgres").query_one(&format!("SHOW {name}"), &[]).unwrap();
                shown.get::<_, &str>(0) == *value
            });
        }
    }

    /// What went wrong in the server, by its log: the last of it.
    pub fn log(&self) -> String {
        let text = fs::read(self.folder.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let grave = ["WARNING:", "ERROR:", "FATAL:", "PANIC:", "terminat"];
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| grave.iter().any(|word| line.contains(word)) && !line.contains("starting up"))
            .collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// How often a text stands in the server's log.
    pub fn logged(&self, text: &str) -> usize {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log)
            .lines()
            .filter(|line| line.contains("ERROR:") && line.contains(text))
            .count()
    }

    fn run(&self) -> bool {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = unprivileged(&self.bin.join("postgres"));
        command.arg("-D").arg(self.folder.join("data"));
        let folder = self.folder.display();
        let own = [
            format!("port={}", self.port),
            format!("unix_socket_directories={folder}"),
            "listen_addresses=127.0.0.1".into(),
            "wal_level=logical".into(),
            "max_wal_senders=60".into(),
            "max_replication_slots=120".into(),
            "max_connections=200".into(),
            "fsync=off".into(),
            "full_page_writes=off".into(),
            "autovacuum=off".into(),
            "max_wal_size=8GB".into(),
            "checkpoint_timeout=1h".into(),
            "shared_buffers=64MB".into(),
        ];
        for setting in own.iter().chain(&self.settings) {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = spawn(command).expect("postgres starts");
        let conninfo = format!("{} connect_timeout=5", self.conninfo("postgres"));
        let end = Instant::now() + PATIENCE;
        while Client::connect(&conninfo, NoTls).is_err() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < end, "PostgreSQL {} does not answer:\n{}", self.version, self.log());
            thread::sleep(Duration::from_millis(20));
        }
        // Another server may have answered on a port that ours could not have.
        thread::sleep(Duration::from_millis(20));
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        *self.lock() = Some(child);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of PostgreSQL {}\n{}", self.version, self.log());
        }
        self.stop(Stop::Immediate);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A database of one test. Its slots and itself are gone with it.
pub struct Database<'s> {
    pub server: &'s Server,
    pub name: String,
    pub sql: Client,
}

impl Database<'_> {
    /// How to reach it by TCP.
    pub fn conninfo(&self) -> String {
        self.server.conninfo(&self.name)
    }

    /// Runs statements.
    #[track_caller]
    pub fn run(&mut self, statements: &str) {
        if let Err(error) = self.sql.batch_execute(statements) {
            panic!("{error:?} in {statements}");
        }
    }

    /// Runs statements one by one, each a transaction of its own unless it says otherwise: a semicolon ends a line.
    #[track_caller]
    pub fn script(&mut self, statements: &str) {
        for statement in statements.split(";\n") {
            self.run(statement);
        }
    }

    /// Runs statements that must fail, and gives the SQLSTATE.
    #[track_caller]
    pub fn fail(&mut self, statements: &str) -> String {
        let error = self.sql.batch_execute(statements).expect_err(statements);
        error.code().map(|code| code.code().to_owned()).unwrap_or_default()
    }

    /// The first column of the first row as text; NULL and no row are "".
    #[track_caller]
    pub fn text(&mut self, query: &str) -> String {
        let rows = self.sql.simple_query(query).unwrap_or_else(|error| panic!("{error:?} in {query}"));
        let mut rows = rows.iter();
        rows.find_map(|row| if let SimpleQueryMessage::Row(row) = row { row.get(0) } else { None })
            .unwrap_or("")
            .to_owned()
    }

    /// A new logical slot of pgoutput in this database.
    #[track_caller]
    pub fn slot(&mut self) -> String {
        let name = unique("slot");
        self.run(&format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')"));
        name
    }

    /// The position up to which the slot's consumer has confirmed everything.
    #[track_caller]
    pub fn confirmed(&mut self, slot: &str) -> u64 {
        self.lsn(&format!("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{slot}'"))
    }

    /// The end of what the server has written so far.
    #[track_caller]
    pub fn position(&mut self) -> u64 {
        self.lsn("SELECT pg_current_wal_insert_lsn()")
    }

    /// A query for a pg_lsn.
    #[track_caller]
    pub fn lsn(&mut self, query: &str) -> u64 {
        let text = self.text(query);
        let (high, low) = text.split_once('/').unwrap_or_else(|| panic!("'{text}' is no pg_lsn: {query}"));
        let hex = |digits| u64::from_str_radix(digits, 16).unwrap();
        hex(high) << 32 | hex(low)
    }

    /// Waits until no consumer holds the slot.
    #[track_caller]
    pub fn released(&mut self, slot: &str) {
        let query =
            format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active");
        eventually("the slot is released", || self.text(&query) == "0");
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of PostgreSQL {}\n{}", self.server.version, self.server.log());
            return;
        }
        if self.server.lock().is_none() {
            return;
        }
        let mut client = self.server.client("postgres");
        let slots = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{0}' AND active;
             SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{0}' AND NOT active;",
            self.name
        );
        let left = format!("SELECT count(*) FROM pg_replication_slots WHERE database = '{}'", self.name);
        eventually("the slots are dropped", || {
            // A slot may be taken or released between the two statements.
            let _ = client.batch_execute(&slots);
            client.query_one(&left, &[]).is_ok_and(|row| row.get::<_, i64>(0) == 0)
        });
        // The servers are thrown away; dropping the database would only cost time (a checkpoint).
    }
}

/// A name that nothing else on any server has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Sends a signal to a process that this one started and has not waited for.
pub fn signal_process(pid: u32, signal: i32) {
    // SAFETY: plain system call; the pid is that of an unreaped child or of a server process of ours.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), signal) };
}

/// Waits for a child's end, for as long as anything may take.
pub fn wait_for_exit(child: &mut Child) -> Option<ExitStatus> {
    wait_for_exit_within(child, PATIENCE)
}

fn wait_for_exit_within(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Starts a process that is killed if this one dies, however it dies.
///
/// The kernel ties that to the thread that starts it, and a test's thread ends with its test; so one thread that
/// never ends starts them all.
pub fn spawn(mut command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (send, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(send)
    });
    // SAFETY: prctl is safe to call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
            Ok(())
        });
    }
    let (send, reply) = mpsc::channel();
    STARTER.lock().unwrap_or_else(PoisonError::into_inner).send((command, send)).unwrap();
    reply.recv().unwrap()
}

/// The folder that script/servers fills.
pub fn servers() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/pg");
        env::var_os("PGWALSTREAM_SERVERS").map_or_else(usual, PathBuf::from)
    });
    &FOLDER
}

fn bin(version: u32) -> PathBuf {
    servers().join(version.to_string()).join("bin")
}

fn initdb(bin: &Path, data: &Path) -> Command {
    let mut command = unprivileged(&bin.join("initdb"));
    command.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(data);
    command
}

/// A command that runs as the user who may run servers: PostgreSQL refuses to run as root.
pub fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").env_remove("PGDATA").env("LC_ALL", "C");
    command
}

/// The user to run servers as, when this process is root's.
fn server_user() -> Option<(u32, u32)> {
    static USER: LazyLock<Option<(u32, u32)>> = LazyLock::new(|| {
        // SAFETY: plain system call.
        if unsafe { libc::geteuid() } != 0 {
            return None;
        }
        let name = env::var("PGWALSTREAM_SERVER_USER").unwrap_or_else(|_| "pgwalstream".into());
        if look_up(&name).is_none() {
            let made = Command::new("useradd").args(["--system", "--no-create-home", &name]).status();
            assert!(made.is_ok_and(|status| status.success()), "useradd {name} failed");
        }
        Some(look_up(&name).unwrap_or_else(|| panic!("there is no user {name}")))
    });
    *USER
}

fn look_up(name: &str) -> Option<(u32, u32)> {
    let name = CString::new(name).unwrap();
    // SAFETY: the name ends with NUL; the result is read before anything else asks, under the caller's LazyLock.
    unsafe { libc::getpwnam(name.as_ptr()).as_ref().map(|user| (user.pw_uid, user.pw_gid)) }
}

/// A new folder that the server's user owns. It is removed when the process ends; if the process is killed, by the
/// next one.
pub fn new_folder() -> PathBuf {
    new_folder_in("TMPDIR")
}

/// A new folder for a server's data: in memory, where script/test found room for that.
fn data_folder() -> PathBuf {
    new_folder_in("PGWALSTREAM_DATA")
}

/// A new folder in that which a variable names.
fn new_folder_in(variable: &str) -> PathBuf {
    const PREFIX: &str = "pgwalstream-test-";
    static FIRST: Once = Once::new();
    let variables = ["PGWALSTREAM_DATA", "TMPDIR"];
    // A socket's path must fit 107 bytes, so a deep folder does not do.
    let named =
        |variable| env::var_os(variable).map(PathBuf::from).filter(|path| path.as_os_str().len() < 40);
    let base = named(variable).or_else(|| named("TMPDIR")).unwrap_or_else(|| "/tmp".into());
    FIRST.call_once(|| {
        let bases = variables.into_iter().filter_map(named).chain(["/tmp".into()]);
        for entry in bases.flat_map(|base| fs::read_dir(base).into_iter().flatten().flatten()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        // SAFETY: the function lives as long as the process and takes nothing.
        unsafe { libc::atexit(remove_folders) };
    });
    let folder = base.join(format!("{PREFIX}{}-{}", std::process::id(), unique("f")));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    if let Some((uid, gid)) = server_user() {
        chown(&folder, Some(uid), Some(gid)).unwrap();
    }
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).push(folder.clone());
    folder
}

static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Statics are not dropped when the process ends: this stops the servers that are left and removes every folder.
extern "C" fn remove_folders() {
    let Ok(folders) = FOLDERS.try_lock() else { return };
    let servers: Vec<i32> = folders
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("data/postmaster.pid")).ok())
        .filter_map(|text| text.lines().next().and_then(|pid| pid.parse().ok()))
        .collect();
    for pid in &servers {
        // SAFETY: plain system calls on children of this process.
        unsafe { libc::kill(*pid, libc::SIGQUIT) };
    }
    for pid in &servers {
        // SAFETY: as above.
        unsafe { libc::waitpid(*pid, std::ptr::null_mut(), 0) };
    }
    for folder in folders.iter() {
        let _ = fs::remove_dir_all(folder);
    }
}
