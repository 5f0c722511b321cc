//! What a failed attempt to connect comes to: libpq tells it in words, which are translated and change.
//!
//! It must never decide by those words. What it has: the server's SQLSTATE, how far the attempt had come, and what the
//! socket held.

use std::net::ToSocketAddrs;

use super::connection::{Connection, Stage};
use crate::conninfo::{self, Target};
use crate::error::{Error, Status};
use crate::sys::{self, Peeked, PollFd};
use crate::wire::classify::{self, Retry};

/// What is known before a step, to be looked at if it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Before {
    stage: Stage,
    /// What the socket held.
    peeked: Peeked,
    reached: Reached,
    other_side: OtherSide,
    /// Whether what the socket held is a record of TLS.
    guise: Guise,
    /// How much libpq had said.
    said: usize,
}

/// Whether more can come from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherSide {
    Talks,
    HungUp,
}

/// What bytes on the socket are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guise {
    /// Messages as they are.
    Plain,
    /// Records of TLS or of GSSAPI.
    Encrypted,
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
        Self {
            stage: Stage::Reaching,
            peeked: Peeked::Nothing,
            reached: Reached::Nothing,
            other_side: OtherSide::Talks,
            guise: Guise::Plain,
            said: 0,
        }
    }

    pub(super) fn step(connection: &Connection) -> Self {
        let stage = connection.stage();
        let socket = connection.socket();
        let server = socket.filter(|fd| sys::is_connected(*fd));
        // A look at a socket that is being connected would take its error away, which libpq is to see. What came before
        // a reset is still there.
        let seen = socket.filter(|_| stage != Stage::Reaching);
        let is_hung_up = seen.is_some_and(sys::is_hung_up);
        Self {
            stage,
            peeked: seen.map_or(Peeked::Nothing, sys::peek),
            reached: server.map_or(Reached::Socket, |_| Reached::Server),
            other_side: if is_hung_up { OtherSide::HungUp } else { OtherSide::Talks },
            guise: if connection.is_encrypted() { Guise::Encrypted } else { Guise::Plain },
            said: connection.message().len(),
        }
    }

    /// Whether the failure of the step is that the connection was cut. libpq closes a socket at whose end it came upon
    /// (pqReadData), and leaves it to whoever has the connection where it gave up itself (PQconnectPoll, error_return);
    /// but what TLS finds during its handshake closes nothing.
    fn was_cut(&self, has_socket: bool) -> bool {
        match (self.stage, self.reached, self.peeked) {
            (Stage::Reaching, Reached::Nothing | Reached::Socket, _) => false,
            // A reset leaves a socket without another side.
            (_, Reached::Nothing | Reached::Socket, _) | (_, _, Peeked::End) => true,
            (Stage::Tls, ..) => self.other_side == OtherSide::HungUp || !has_socket,
            _ => !has_socket,
        }
    }

    /// Whether the server says by an alert that it will have no TLS with this client: one in the clear, or, as the first
    /// record behind a handshake of version 1.3 where the server does not trust the client's certificate, one that is
    /// encrypted, which its length tells: two bytes, the kind of record, and a tag of 16.
    fn has_alert(&self) -> bool {
        const ALERT: u8 = 21;
        const DATA: u8 = 23;
        let Peeked::Bytes([kind, _, _, length @ ..]) = self.peeked else { return false };
        let is_encrypted = self.guise == Guise::Encrypted && self.stage == Stage::Authenticating;
        match kind {
            ALERT => self.stage == Stage::Tls || is_encrypted,
            DATA => is_encrypted && u16::from_be_bytes(length) == 2 + 1 + 16,
            _ => false,
        }
    }

    /// Whether the handshake was under way, so that what libpq has against the server is its certificate.
    fn has_certificate(&self) -> bool {
        self.stage == Stage::Tls && matches!(self.peeked, Peeked::Bytes([20 | 22 | 23, ..]))
    }

    /// Whether what speaks is no PostgreSQL server.
    fn is_stranger(&self) -> bool {
        let Peeked::Bytes([first, ..]) = self.peeked else { return false };
        match (self.stage, self.guise) {
            (Stage::Authenticating, Guise::Plain) => !matches!(first, b'R' | b'E' | b'N' | b'v'),
            // What answers the request for TLS, and the kinds of record.
            (Stage::Tls, _) => !matches!(first, b'S' | b'N' | b'E' | 20..=23),
            _ => false,
        }
    }
}

/// Whether the error of a failed step may be another one next time: behind TLS nothing tells a server that refuses and
/// hangs up from a connection that was cut.
pub(super) fn is_doubtful(connection: &Connection, before: &Before, error: &Error) -> bool {
    let sealed = before.stage == Stage::Tls || before.guise == Guise::Encrypted;
    sealed && error.sqlstate().is_empty() && !error.is_retriable() && is_gone(connection)
}

/// The error of a failed step. May block: a name may be asked for again.
pub(super) fn error(connection: &Connection, before: &Before, wanted: Target) -> Error {
    let all = connection.message();
    let new = all.get(before.said..).filter(|it| !it.trim().is_empty()).unwrap_or(&all);
    if let Some((line, code)) = new.lines().rev().find_map(coded) {
        let class = classify::classify_words(code, routine(new, line), line);
        return spoken(class.status, &all, line)
            .with_sqlstate(code)
            .with_hint(class.hint)
            .with_retriable(class.retry == Retry::Helps);
    }
    let line = new.lines().find(|line| !line.trim().is_empty()).unwrap_or("libpq does not say why it failed");
    let (status, hint) = if let (Stage::Reaching, Some(lacking)) = (before.stage, sys::present_shortage()) {
        (Status::WAL_E_CONNECT, lacking)
    } else if connection.lacks_password() {
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
    const TLS: (Status, &str) =
        (WAL_E_TLS, "Check sslmode and the files that sslrootcert, sslcert and sslkey name.");
    const CERTIFICATE: (Status, &str) = (
        WAL_E_TLS_CERTIFICATE,
        "Check sslrootcert, the server's certificate, and that host is a name in it.",
    );
    const ALERTED: (Status, &str) = (
        WAL_E_TLS,
        "See the server's log: it does not trust the client's certificate (sslcert), or takes no such version of TLS.",
    );
    const ELSEWHERE: (Status, &str) =
        (WAL_E_NOT_READY, "Name the other servers in host too, or correct target_session_attrs.");
    match (before.stage, before.reached) {
        (Stage::Reaching, Reached::Nothing) => return unreached(connection),
        (Stage::Reaching, Reached::Socket) if is_unresolved(connection) => return unresolved(connection),
        (Stage::Reaching, Reached::Socket) => return UNREACHED,
        _ => (),
    }
    // A server that let the client in and is not what target_session_attrs wants: that is found in the same step.
    let is_inside = before.stage == Stage::Settling || connection.parameter("server_version").is_some();
    match before.stage {
        _ if before.has_alert() => ALERTED,
        _ if before.is_stranger() => STRANGER,
        _ if before.was_cut(connection.socket().is_some()) => CUT,
        Stage::Reaching if is_gone(connection) => CUT,
        _ if is_inside && wanted != Target::Any => ELSEWHERE,
        Stage::Tls if before.has_certificate() || has_shaken_hands(connection) => CERTIFICATE,
        Stage::Tls => TLS,
        Stage::Settling => STRANGER,
        Stage::Reaching | Stage::Gss | Stage::Authenticating => IDENTITY,
    }
}

/// Whether the server said more than the bytes that answer requests to negotiate: a quick one goes through the handshake in
/// the same step of libpq's in which it agreed to TLS.
fn has_shaken_hands(connection: &Connection) -> bool {
    const ANSWERS: u64 = 16;
    connection.socket().and_then(sys::bytes_received).is_some_and(|bytes| bytes > ANSWERS)
}

fn unresolved(connection: &Connection) -> (Status, &'static str) {
    let advice = conninfo::advice(&connection.host());
    (Status::WAL_E_RESOLVE, advice.unwrap_or("Check the host name and the machine's DNS."))
}

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
    if is_unresolved(connection) { unresolved(connection) } else { TOLD }
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

    /// What is known before a step at an unencrypted connection with a server.
    fn at(stage: Stage, peeked: Peeked) -> Before {
        Before { stage, peeked, reached: Reached::Server, ..Before::start() }
    }

    const NO_SOCKET: bool = false;
    const SOCKET: bool = true;

    #[test]
    fn a_cut_is_told_from_a_quarrel() {
        let flight = Peeked::Bytes([22, 3, 3, 0, 122]);
        let answer = Peeked::Bytes(*b"R\0\0\0\x08");
        for (before, has_socket, cut) in [
            (at(Stage::Authenticating, answer), SOCKET, false),
            // What came before the end was read in the same step.
            (at(Stage::Authenticating, answer), NO_SOCKET, true),
            (at(Stage::Settling, Peeked::End), SOCKET, true),
            (at(Stage::Tls, flight), SOCKET, false),
            (Before { other_side: OtherSide::HungUp, ..at(Stage::Tls, flight) }, SOCKET, true),
            (Before { reached: Reached::Socket, ..at(Stage::Tls, Peeked::Nothing) }, SOCKET, true),
            (Before { reached: Reached::Socket, ..at(Stage::Authenticating, Peeked::Nothing) }, SOCKET, true),
            (Before { reached: Reached::Socket, ..at(Stage::Reaching, Peeked::Nothing) }, NO_SOCKET, false),
            (at(Stage::Reaching, Peeked::Nothing), NO_SOCKET, true),
            (at(Stage::Reaching, Peeked::Nothing), SOCKET, false),
        ] {
            assert_eq!(before.was_cut(has_socket), cut, "{before:?}, {has_socket}");
        }
    }

    #[test]
    fn an_alert_is_known_and_a_record_of_the_same_kind_is_not_one() {
        let sealed = |stage, head| Before { guise: Guise::Encrypted, ..at(stage, Peeked::Bytes(head)) };
        for (before, alert) in [
            (at(Stage::Tls, Peeked::Bytes([21, 3, 3, 0, 2])), true),
            // Closing over what was not read, the server resets the connection.
            (Before { reached: Reached::Socket, ..at(Stage::Tls, Peeked::Bytes([21, 3, 3, 0, 2])) }, true),
            (at(Stage::Tls, Peeked::Bytes([22, 3, 3, 0, 2])), false),
            (sealed(Stage::Authenticating, [23, 3, 3, 0, 19]), true),
            (sealed(Stage::Authenticating, [21, 3, 3, 0, 26]), true),
            // An answer of the server's has nine bytes at least.
            (sealed(Stage::Authenticating, [23, 3, 3, 0, 26]), false),
            // At its end a session says good-bye by an alert.
            (sealed(Stage::Settling, [23, 3, 3, 0, 19]), false),
            (at(Stage::Authenticating, Peeked::Bytes([23, 3, 3, 0, 19])), false),
            (at(Stage::Tls, Peeked::End), false),
        ] {
            assert_eq!(before.has_alert(), alert, "{before:?}");
        }
    }

    #[test]
    fn strangers_and_certificates_are_told_by_the_first_byte() {
        let first = |stage, byte| at(stage, Peeked::Bytes([byte, 0, 0, 0, 0]));
        for (stage, bytes, stranger) in [
            (Stage::Authenticating, b"RENv".as_slice(), false),
            (Stage::Authenticating, b"HSX\x16", true),
            (Stage::Tls, b"SNE\x14\x15\x16\x17", false),
            (Stage::Tls, b"HR\x18\0", true),
            (Stage::Settling, b"HR", false),
        ] {
            for byte in bytes {
                assert_eq!(first(stage, *byte).is_stranger(), stranger, "{stage:?} {byte}");
            }
        }
        assert!(first(Stage::Tls, 22).has_certificate() && !first(Stage::Tls, b'S').has_certificate());
        assert!(!first(Stage::Authenticating, 22).has_certificate());
    }

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
