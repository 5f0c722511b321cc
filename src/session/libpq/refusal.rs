//! What a failed attempt to connect comes to: libpq tells it in words, which are translated and change.
//!
//! It must never decide by those words. What it has: the server's SQLSTATE, how far the attempt had come, and what the
//! socket held.

use std::net::ToSocketAddrs;

use super::connection::{Connection, Stage};
use crate::conninfo::Target;
use crate::error::{Error, Status};
use crate::sys::{self, Peeked, PollFd};
use crate::wire::classify::{self, Retry};

/// What is known before a step, to be looked at if it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Before {
    stage: Stage,
    /// What the socket held.
    peeked: Peeked,
    bytes: Bytes,
    reached: Reached,
    /// How much libpq had said.
    said: usize,
}

/// How the server spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// In messages of the protocol.
    Plain,
    /// In what only libpq understands.
    Sealed,
}

/// How far the socket was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// libpq had only been told what to do.
    Nothing,
    /// There was one, without another side.
    Socket,
    /// There was a server, or something else that accepts connections.
    Server,
}

impl Before {
    /// Before anything.
    pub(super) fn start() -> Self {
        let (peeked, bytes) = (Peeked::Nothing, Bytes::Plain);
        Self { stage: Stage::Reaching, peeked, bytes, reached: Reached::Nothing, said: 0 }
    }

    pub(super) fn step(connection: &Connection) -> Self {
        let stage = connection.stage();
        let socket = connection.socket();
        // A look at a socket that is being connected would take its error away, which libpq is to see. Behind the
        // handshake the bytes mean nothing, only their end does.
        let peeked = socket.filter(|_| stage != Stage::Reaching).map_or(Peeked::Nothing, sys::peek);
        let bytes = if connection.is_encrypted() { Bytes::Sealed } else { Bytes::Plain };
        let means = stage == Stage::Tls || peeked == Peeked::End || bytes == Bytes::Plain;
        Self {
            stage,
            peeked: if means { peeked } else { Peeked::Nothing },
            bytes,
            // Not for long where the server resets it.
            reached: socket.filter(|fd| sys::is_connected(*fd)).map_or(Reached::Socket, |_| Reached::Server),
            said: connection.message().len(),
        }
    }
}

/// Whether the error of a failed step may be another one next time: behind TLS nothing tells a server that refuses and
/// hangs up from a connection that was cut.
pub(super) fn is_doubtful(connection: &Connection, before: &Before, error: &Error) -> bool {
    let sealed = before.stage == Stage::Tls || before.bytes == Bytes::Sealed;
    sealed && error.sqlstate().is_empty() && !error.is_retriable() && is_gone(connection)
}

/// The error of a failed step. May block: a name may be asked for again.
pub(super) fn error(connection: &Connection, before: &Before, wanted: Target) -> Error {
    let all = connection.message();
    let new = all.get(before.said..).filter(|it| !it.trim().is_empty()).unwrap_or(&all);
    if let Some((line, code)) = new.lines().rev().find_map(coded) {
        let class = classify::classify_by(code, routine(new, line));
        return spoken(class.status, &all, line)
            .with_sqlstate(code)
            .with_hint(class.hint)
            .with_retriable(class.retry == Retry::Helps);
    }
    let line = new.lines().find(|line| !line.trim().is_empty()).unwrap_or("libpq does not say why it failed");
    let (status, hint) = if connection.lacks_password() {
        (Status::WAL_E_AUTH, "Add password=... to the conninfo, or to the password file.")
    } else {
        cause(connection, before, wanted)
    };
    spoken(status, &all, line).with_hint(hint)
}

/// The cause of a failure that no server has a code for.
fn cause(connection: &Connection, before: &Before, wanted: Target) -> (Status, &'static str) {
    use Status::*;
    const CUT: (Status, &str) = (
        WAL_E_CONNECTION_LOST,
        "See the server's log: it was stopped, or the connection was cut on the way.",
    );
    const IDENTITY: (Status, &str) = (
        WAL_E_AUTH,
        "Check what pg_hba.conf asks for, and what libpq has: a Kerberos ticket, a password, a certificate, requirepeer.",
    );
    const STRANGER: (Status, &str) =
        (WAL_E_PROTOCOL, "Check that host and port are those of a PostgreSQL server.");
    match (before.stage, before.reached, before.peeked) {
        (Stage::Reaching, Reached::Nothing, _) => unreached(connection),
        (Stage::Reaching, Reached::Socket, _) if is_unresolved(connection) => UNRESOLVED,
        (Stage::Reaching, Reached::Socket, _) => UNREACHED,
        (_, _, Peeked::End) => CUT,
        (Stage::Reaching, Reached::Server, _) if is_gone(connection) => CUT,
        (Stage::Tls, ..) => (WAL_E_TLS, "Check sslmode, sslrootcert and the server's certificate."),
        (Stage::Authenticating, _, Peeked::Byte(byte)) if !matches!(byte, b'R' | b'E' | b'N' | b'v') => {
            STRANGER
        }
        // libpq closes the socket where reading fails (pqReadData), and leaves it open where it refuses.
        (Stage::Gss | Stage::Authenticating | Stage::Settling, ..)
            if before.bytes == Bytes::Plain && connection.socket().is_none() =>
        {
            CUT
        }
        (Stage::Reaching | Stage::Gss | Stage::Authenticating, ..) => IDENTITY,
        (Stage::Settling, ..) if wanted != Target::Any => {
            (WAL_E_NOT_READY, "Name the other servers in host too, or correct target_session_attrs.")
        }
        (Stage::Settling, ..) => STRANGER,
    }
}

const UNRESOLVED: (Status, &str) = (Status::WAL_E_RESOLVE, "Check the host name and the machine's DNS.");
const UNREACHED: (Status, &str) = (
    Status::WAL_E_CONNECT,
    "Check host and port, that the server runs, and the network and firewalls between.",
);

/// libpq gave up before it had waited for anything: it could not resolve a name, a Unix socket is not there, or it was
/// told what it does not take.
fn unreached(connection: &Connection) -> (Status, &'static str) {
    const TOLD: (Status, &str) =
        (Status::WAL_E_CONNINFO, "See the installed libpq's documentation for what it takes.");
    if !connection.has_parameters() {
        return TOLD;
    }
    if !connection.address().is_empty() {
        return UNREACHED;
    }
    if is_local(connection) {
        let path = format!("{}/.s.PGSQL.{}", connection.host(), connection.port());
        let there = path.starts_with('@') || std::os::unix::net::UnixStream::connect(path).is_ok();
        return if there { TOLD } else { UNREACHED };
    }
    if is_unresolved(connection) { UNRESOLVED } else { TOLD }
}

/// Whether the server's name has no address.
fn is_unresolved(connection: &Connection) -> bool {
    let host = connection.host();
    !is_local(connection)
        && !host.is_empty()
        && connection.address().is_empty()
        && (host.as_str(), 0).to_socket_addrs().map_or(true, |mut found| found.next().is_none())
}

/// Whether a server that was reached has hung up: libpq closes the socket over which it cannot send (pqSendSome), and
/// leaves it open where it does not want to (requirepeer, a certificate).
fn is_gone(connection: &Connection) -> bool {
    connection.socket().is_none_or(|fd| {
        let mut awaited = [PollFd::closed(fd)];
        sys::poll(&mut awaited, 0).is_err() || awaited.iter().any(PollFd::is_ready)
    })
}

fn is_local(connection: &Connection) -> bool {
    connection.host().starts_with(['/', '@'])
}

/// The line with what libpq says around it.
fn spoken(status: Status, all: &str, line: &str) -> Error {
    let rest: Vec<&str> = all.lines().filter(|other| *other != line && !other.trim().is_empty()).collect();
    Error::new(status, line.trim()).with_detail(rest.join("\n"))
}

/// A line that carries a SQLSTATE as libpq writes it when it is told to be verbose (pqBuildErrorMessage3): behind the
/// severity and two blanks, untranslated.
fn coded(line: &str) -> Option<(&str, [u8; 5])> {
    line.match_indices(":  ").find_map(|(at, _)| {
        let (code, rest) = line.as_bytes().get(at + 3..)?.split_first_chunk::<5>()?;
        let is_code = code.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        (is_code && rest.starts_with(b": ")).then_some((line, *code))
    })
}

/// The server's C function, which libpq writes into a line behind the message, as `LOCATION:  function, file.c:1`, of which
/// the first word alone is translated; "" if there is none.
fn routine<'a>(text: &'a str, message: &str) -> &'a str {
    let place = |line: &'a str| {
        let (function, place) = line.split_once(":  ")?.1.split_once(", ")?;
        let number = place.rsplit_once(".c:")?.1;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(function)
    };
    let behind = text.lines().skip_while(|line| *line != message).skip(1);
    behind.filter_map(place).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_where_libpq_puts_it() {
        let code = |line| coded(line).map(|(_, code)| String::from_utf8(code.to_vec()).unwrap());
        for (line, expected) in [
            ("connection to server at \"h\", port 1 failed: FATAL:  28P01: no", Some("28P01")),
            ("FATAL:  3D000: database \"x\" does not exist", Some("3D000")),
            ("Verbindung fehlgeschlagen: FATAL:  53300: zu viele", Some("53300")),
            ("LOCATION:  auth_failed, auth.c:326", None),
            ("connection to server failed: Connection refused", None),
            ("FATAL:  28p01: no", None),
            ("FATAL:  28P01", None),
            ("", None),
        ] {
            assert_eq!(code(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_function_is_found_behind_the_message() {
        let message = "FATAL:  28000: no entry, nowhere.c:1";
        for (text, expected) in [
            (format!("{message}\nLOCATION:  ClientAuthentication, auth.c:468"), "ClientAuthentication"),
            (format!("{message}\nDETAIL:  a, b\nORT:  auth_failed, auth.c:1\n"), "auth_failed"),
            (format!("LOCATION:  before, auth.c:468\n{message}"), ""),
            (format!("{message}\nLOCATION:  f, auth.c:"), ""),
            (message.to_owned(), ""),
        ] {
            assert_eq!(routine(&text, message), expected, "{text}");
        }
    }
}
