//! Names to addresses, and addresses to connected sockets.
//!
//! It must never block: names are resolved on a helper thread, sockets are non-blocking from the start.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};
use tokio::io::Interest;

use crate::conninfo::{self, Conninfo, Endpoint, Host, Keepalives};
use crate::error::{Error, Result, Status};
use crate::session::helper::{self, Kind};
use crate::session::progress::{Progress, Wait};
use crate::sys::{self, AsyncSocket};

/// How long to wait before asking again a Unix socket whose queue is full: connect(2) cannot wait for one without
/// blocking.
const FULL_QUEUE: Duration = Duration::from_millis(10);

/// One place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// All addresses of the server, in the order in which they are to be tried.
pub(super) async fn resolve(host: &Host, progress: &Progress) -> Result<Vec<Address>> {
    let port = host.port();
    let name = match host.endpoint() {
        Endpoint::Socket(path) => return Ok(vec![Address::Unix(path.clone())]),
        Endpoint::Address { address, .. } => return Ok(vec![Address::Tcp((*address, port).into())]),
        Endpoint::Host(name) => name.clone(),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![Address::Tcp((address, port).into())]);
    }
    let asked = name.clone();
    let look_up = move || (asked.as_str(), port).to_socket_addrs();
    let found = helper::run(Kind::Resolve, progress, look_up).await?;
    let mut addresses = Vec::new();
    for address in found.map_err(|error| unresolved(&name, Some(&error)))?.map(Address::Tcp) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(unresolved(&name, None)) } else { Ok(addresses) }
}

/// A connected socket, registered with the runtime.
pub(super) async fn dial(
    address: &Address,
    host: &Host,
    conninfo: &Conninfo,
    progress: &Progress,
) -> Result<AsyncSocket> {
    progress.wait_for(Wait::Reaching);
    let socket = reach(address, conninfo).await.map_err(|error| refused(address, host, &error))?;
    if let (Address::Unix(_), Some(wanted)) = (address, conninfo.require_peer()) {
        check_peer(&socket, wanted, &describe(address, host), progress).await?;
    }
    Ok(socket)
}

/// The socket alone.
pub(super) async fn reach(address: &Address, conninfo: &Conninfo) -> io::Result<AsyncSocket> {
    match address {
        Address::Tcp(address) => dial_tcp(*address, conninfo).await,
        Address::Unix(path) => dial_unix(path).await,
    }
}

/// Whether the server runs as the user that `requirepeer` names.
async fn check_peer(socket: &AsyncSocket, wanted: &str, place: &str, progress: &Progress) -> Result<()> {
    let unknown = |error: &io::Error| {
        Error::os(Status::WAL_E_AUTH, format!("cannot tell whose server {place} is"), error)
            .with_hint("Without requirepeer it would be believed.")
    };
    let uid = sys::peer_uid(socket.fd()).map_err(|error| unknown(&error))?;
    // The database of users may be on the network.
    let actual = helper::run(Kind::Peer, progress, move || sys::user_name_of(uid)).await?;
    match actual.map_err(|error| unknown(&error))? {
        actual if actual == wanted => Ok(()),
        actual => Err(Error::new(
            Status::WAL_E_AUTH,
            format!("requirepeer asks for a server of user \"{wanted}\", but {place} is one of \"{actual}\""),
        )
        .with_hint("Correct requirepeer, or find out who listens there.")),
    }
}

/// The place as errors name it; a name with the address that was tried.
pub(super) fn describe(address: &Address, host: &Host) -> String {
    match (host.endpoint(), address) {
        (Endpoint::Host(name), Address::Tcp(at)) if name.parse::<IpAddr>().is_err() => {
            format!("host \"{name}\" ({}), port {}", at.ip(), at.port())
        }
        _ => host.describe(),
    }
}

async fn dial_tcp(address: SocketAddr, conninfo: &Conninfo) -> io::Result<AsyncSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    // Status updates are small and must not wait for the acknowledgement of the one before.
    socket.set_tcp_nodelay(true)?;
    if let Keepalives::On { idle, interval, count } = conninfo.keepalives() {
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&keepalive(idle, interval, count))?;
    }
    if let Some(timeout) = conninfo.tcp_user_timeout() {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => connected(socket).await,
    }
}

/// Waits for the end of a connect(2) that goes on in the background.
async fn connected(socket: Socket) -> io::Result<AsyncSocket> {
    let socket = AsyncSocket::register(socket)?;
    loop {
        socket.ready(Interest::WRITABLE).await?;
        match socket.connected() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            other => return other.map(|()| socket),
        }
    }
}

async fn dial_unix(path: &Path) -> io::Result<AsyncSocket> {
    let bytes = path.as_os_str().as_bytes();
    // An '@' stands for the NUL that begins a name in the abstract namespace (unix(7)).
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))?,
        None => SockAddr::unix(path)?,
    };
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
        match socket.connect(&address) {
            Ok(()) => return AsyncSocket::register(socket),
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(FULL_QUEUE).await,
            Err(error) => return Err(error),
        }
    }
}

fn keepalive(idle: Option<Duration>, interval: Option<Duration>, count: Option<u32>) -> TcpKeepalive {
    let mut all = TcpKeepalive::new();
    all = idle.map_or(all.clone(), |idle| all.with_time(idle));
    all = interval.map_or(all.clone(), |interval| all.with_interval(interval));
    count.map_or(all.clone(), |count| all.with_retries(count))
}

#[cold]
fn unresolved(name: &str, error: Option<&io::Error>) -> Error {
    let what = format!("cannot resolve host \"{name}\"");
    let it = match error {
        Some(error) => Error::os(Status::WAL_E_RESOLVE, what, error),
        None => Error::new(Status::WAL_E_RESOLVE, format!("{what}: it has no address")),
    };
    it.with_hint(
        // A shortage that the name service does not tell of shows only in that it goes on.
        sys::present_shortage()
            .or_else(|| conninfo::advice(name))
            .unwrap_or("Check the spelling of host in the conninfo and the machine's name service."),
    )
}

#[cold]
fn refused(address: &Address, host: &Host, error: &io::Error) -> Error {
    let status = match error.kind() {
        ErrorKind::TimedOut => Status::WAL_E_CONNECT_TIMEOUT,
        _ => Status::WAL_E_CONNECT,
    };
    let hint = match (address, error.kind()) {
        (Address::Unix(_), ErrorKind::NotFound) => {
            "There is no such socket: is the server running, and is this one of its unix_socket_directories?"
        }
        (Address::Unix(_), ErrorKind::PermissionDenied) => {
            "This user may not use the socket; see unix_socket_permissions."
        }
        (Address::Unix(_), ErrorKind::ConnectionRefused) => {
            "The socket is there but no server listens on it: is it running?"
        }
        (Address::Tcp(_), ErrorKind::ConnectionRefused) => {
            "Is the server running on that host, and does listen_addresses let it accept TCP connections on that port?"
        }
        _ => "Check host and port, and the network and firewalls between.",
    };
    Error::os(status, format!("cannot connect to {}", describe(address, host)), error).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::UnixListener;

    fn dial_to(conninfo: &str) -> Result<AsyncSocket> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let conninfo = Conninfo::parse(conninfo)?;
            let host = &conninfo.hosts()[0];
            let progress = Progress::default();
            let addresses = resolve(host, &progress).await?;
            dial(addresses.last().unwrap(), host, &conninfo, &progress).await
        })
    }

    #[test]
    fn tcp_sockets_have_their_options() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let second = Duration::from_secs(1);
        for host in ["host=127.0.0.1", "host=localhost", "hostaddr=127.0.0.1"] {
            let dialed = dial_to(&format!("{host} port={port} user=u")).unwrap();
            let socket = dialed.socket();
            assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", dialed.fd())).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
            let flags = i32::from_str_radix(flags, 8).unwrap();
            assert_eq!(flags & libc::O_CLOEXEC, libc::O_CLOEXEC);
            assert_eq!(flags & libc::O_NONBLOCK, libc::O_NONBLOCK);
            assert_eq!(socket.tcp_keepalive_time().unwrap(), second * 30);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), second * 10);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(second * 60));
        }
        let settings = "keepalives_idle=7 keepalives_count=0 tcp_user_timeout=1234";
        let dialed = dial_to(&format!("host=127.0.0.1 port={port} user=u {settings}")).unwrap();
        assert_eq!(dialed.socket().tcp_keepalive_time().unwrap(), second * 7);
        assert_ne!(dialed.socket().tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(dialed.socket().tcp_user_timeout().unwrap(), Some(Duration::from_millis(1_234)));
        let off = format!("host=127.0.0.1 port={port} user=u keepalives=0 tcp_user_timeout=0");
        let dialed = dial_to(&off).unwrap();
        assert!(!dialed.socket().keepalive().unwrap());
        assert_eq!(dialed.socket().tcp_user_timeout().unwrap(), None);
    }

    #[test]
    fn an_at_sign_is_the_abstract_namespace() {
        let name = format!("pgwalstream-{}", std::process::id());
        let address =
            std::os::unix::net::SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.5432")).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        assert!(dial_to(&format!("host=@{name} user=u")).is_ok());
        drop(listener);
        assert_eq!(dial_to(&format!("host=@{name} user=u")).err().unwrap().status(), Status::WAL_E_CONNECT);
    }

    #[test]
    fn a_full_queue_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".s.PGSQL.5432");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        socket.listen(0).unwrap();
        let first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let accept = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            let taken = socket.accept();
            (socket, taken)
        });
        assert!(dial_to(&format!("host={} user=u", directory.path().display())).is_ok());
        drop((first, accept.join()));
    }
}
