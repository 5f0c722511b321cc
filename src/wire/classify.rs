//! From a SQLSTATE to a status, and whether trying again can help.
//!
//! It must never look at the text of a message: servers speak their users' languages.

use super::server_message::ServerMessage;
use crate::error::{Error, Status};

/// What trying again is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may pass by itself.
    Helps,
    /// Somebody has to change something first.
    Useless,
}

/// What a SQLSTATE means to this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The class of the error.
    pub status: Status,
    /// What trying again is worth.
    pub retry: Retry,
    /// What the user can do, where the server gives no hint; may be "".
    pub hint: &'static str,
}

/// The first entry whose prefix fits decides, so whole codes come before their class. What a code means only in a
/// context (42704: a slot or a publication; 55000: an invalidated slot) is `WAL_E_SERVER`, and the caller refines it.
const TABLE: &[(&str, Status, Retry, &str)] = {
    use Retry::{Helps, Useless};
    use Status::*;
    &[
        ("08P01", WAL_E_PROTOCOL, Useless, ""),
        ("08", WAL_E_CONNECTION_LOST, Helps, ""),
        ("28", WAL_E_AUTH, Useless, AUTH),
        ("3D", WAL_E_NO_DATABASE, Useless, "Create the database, or correct dbname in the conninfo."),
        ("40", WAL_E_SERVER, Helps, ""),
        (
            "42501",
            WAL_E_PRIVILEGE,
            Useless,
            "Grant the role what the message names; streaming needs REPLICATION.",
        ),
        (
            "53300",
            WAL_E_TOO_MANY_CONNECTIONS,
            Helps,
            "Raise max_connections or max_wal_senders on the server.",
        ),
        ("53", WAL_E_SERVER, Helps, "The server is short of a resource; see its log."),
        (
            "55006",
            WAL_E_SLOT_ACTIVE,
            Helps,
            "Stop the other consumer; one that vanished holds on until wal_sender_timeout.",
        ),
        ("55P03", WAL_E_SERVER, Helps, ""),
        ("57P01", WAL_E_SERVER_SHUTDOWN, Helps, ""),
        ("57P02", WAL_E_SERVER_SHUTDOWN, Helps, ""),
        ("57P03", WAL_E_NOT_READY, Helps, "The server is starting, stopping or recovering; try again."),
        ("57P04", WAL_E_NO_DATABASE, Useless, "The database was dropped."),
        (
            "57P05",
            WAL_E_CONNECTION_LOST,
            Helps,
            "idle_session_timeout ended the session; set it to 0 for this role.",
        ),
        ("57014", WAL_E_SERVER, Helps, ""),
        ("", WAL_E_SERVER, Useless, ""),
    ]
};

const NO_ENTRY: Class = Class {
    status: Status::WAL_E_NO_HBA_ENTRY,
    retry: Retry::Useless,
    hint: "Add an entry to pg_hba.conf for this role, database, address and kind of connection (hostssl, hostnossl); \
           one with clientcert or cert wants a client certificate too (sslcert, sslkey). The word replication in an \
           entry stands for physical replication only: name the database, or write all.",
};

/// A pooler that lost its server, or has none at this moment.
const MIDDLEMAN: Class = Class {
    status: Status::WAL_E_CONNECTION_LOST,
    retry: Retry::Helps,
    hint: "A pooler or proxy between says so, not the server: see its log, and whether the server is up.",
};

const UNBOUND: &str = "TLS ends between here and the server, so that the proof of the password is tied to another certificate: \
                       connect to the server itself, or set channel_binding=disable where you trust what is in between. The \
                       password is not what is wrong.";

/// What can be done about the words of a pooler, which has no C functions and does not translate.
fn of_pooler(sqlstate: [u8; 5], routine: &str, message: &str) -> Option<&'static str> {
    if sqlstate != *b"08P01" || !routine.is_empty() {
        return None;
    }
    let (_, parameter) = message.split_once("unsupported startup parameter")?;
    Some(if parameter.contains("replication") {
        "What answers is a pooler that takes no replication connections: connect to the server itself (PgBouncer takes them \
         from 1.23 on)."
    } else {
        "What answers is a pooler that does not know this parameter: add it to its ignore_startup_parameters, or connect to \
         the server itself."
    })
}

const AUTH: &str = "Check user and password in the conninfo, and that pg_hba.conf has an entry for this role, database and address.";

/// What a SQLSTATE means.
pub fn classify(sqlstate: [u8; 5]) -> Class {
    let row = TABLE.iter().find(|row| sqlstate.starts_with(row.0.as_bytes()));
    row.map_or(Class { status: Status::WAL_E_SERVER, retry: Retry::Useless, hint: "" }, |row| Class {
        status: row.1,
        retry: row.2,
        hint: row.3,
    })
}

/// The same, where the message is known too, which a pooler does not translate. What it refuses, another host may take.
pub fn classify_words(sqlstate: [u8; 5], routine: &str, message: &str) -> Class {
    match of_pooler(sqlstate, routine, message) {
        Some(hint) => Class { status: Status::WAL_E_NOT_READY, retry: Retry::Helps, hint },
        None => classify_by(sqlstate, routine),
    }
}

/// The same, where the server's C function is known that spoke: one SQLSTATE stands for a refused certificate, ident or
/// role, and the function tells them apart.
fn classify_by(sqlstate: [u8; 5], routine: &str) -> Class {
    let privilege = |hint| Class { status: Status::WAL_E_PRIVILEGE, retry: Retry::Useless, hint };
    match (&sqlstate, routine) {
        (b"28000", "ClientAuthentication") => NO_ENTRY,
        // The server names its function; what comes without is the word of something between.
        (b"08P01", "") => MIDDLEMAN,
        (b"28000", "read_client_first_message" | "read_client_final_message") => {
            Class { status: Status::WAL_E_AUTH, retry: Retry::Useless, hint: UNBOUND }
        }
        (b"42501", "CheckMyDatabase") => {
            privilege("Give the role the right to connect: GRANT CONNECT ON DATABASE … TO …;")
        }
        _ => classify(sqlstate),
    }
}

/// The error that a server's message is. `doing` says what was being done, as in "START_REPLICATION".
#[cold]
pub fn into_error(message: ServerMessage, doing: &str) -> Error {
    let class = classify_words(message.sqlstate, &message.routine, &message.message);
    let detail = message.explained();
    let hint = if message.hint.is_empty() { class.hint.to_owned() } else { message.hint };
    Error::new(class.status, format!("{doing}: {}", message.message))
        .with_sqlstate(message.sqlstate)
        .with_detail(detail)
        .with_hint(hint)
        .with_retriable(class.retry == Retry::Helps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides() {
        use Retry::{Helps, Useless};
        use Status::*;
        for (code, status, retry) in [
            (b"28000", WAL_E_AUTH, Useless),
            (b"28P01", WAL_E_AUTH, Useless),
            (b"3D000", WAL_E_NO_DATABASE, Useless),
            (b"53300", WAL_E_TOO_MANY_CONNECTIONS, Helps),
            (b"53100", WAL_E_SERVER, Helps),
            (b"57P03", WAL_E_NOT_READY, Helps),
            (b"57P01", WAL_E_SERVER_SHUTDOWN, Helps),
            (b"57P02", WAL_E_SERVER_SHUTDOWN, Helps),
            (b"57014", WAL_E_SERVER, Helps),
            (b"55006", WAL_E_SLOT_ACTIVE, Helps),
            (b"42501", WAL_E_PRIVILEGE, Useless),
            (b"42704", WAL_E_SERVER, Useless),
            (b"55000", WAL_E_SERVER, Useless),
            (b"08006", WAL_E_CONNECTION_LOST, Helps),
            (b"08P01", WAL_E_PROTOCOL, Useless),
            (b"40001", WAL_E_SERVER, Helps),
            (b"58P01", WAL_E_SERVER, Useless),
            (b"XX000", WAL_E_SERVER, Useless),
        ] {
            let class = classify(*code);
            assert_eq!((class.status, class.retry), (status, retry), "{}", String::from_utf8_lossy(code));
        }
    }

    #[test]
    fn the_table_has_a_last_entry_that_always_fits_and_none_that_is_hidden() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|earlier| row.0.starts_with(earlier.0)), "{}", row.0);
        }
        assert_eq!(TABLE.last().unwrap().0, "");
    }

    #[test]
    fn the_function_tells_who_refused() {
        for (routine, status) in [
            ("ClientAuthentication", Status::WAL_E_NO_HBA_ENTRY),
            ("InitializeSessionUserId", Status::WAL_E_AUTH),
            ("auth_failed", Status::WAL_E_AUTH),
        ] {
            let body = format!("VFATAL\0C28000\0Mkein Eintrag\0R{routine}\0\0");
            let error = into_error(ServerMessage::parse(body.as_bytes()).unwrap(), "x");
            assert_eq!(error.status(), status, "{routine}");
        }
    }

    #[test]
    fn s18_a_protocol_violation_without_a_function_is_a_poolers_word() {
        let error = |body: &[u8]| into_error(ServerMessage::parse(body).unwrap(), "x");
        let pooler = error(b"SFATAL\0C08P01\0Mserver conn crashed?\0\0");
        assert_eq!((pooler.status(), pooler.is_retriable()), (Status::WAL_E_CONNECTION_LOST, true));
        let server = error(b"VFATAL\0C08P01\0Minvalid frontend message\0Rpq_getmessage\0\0");
        assert_eq!((server.status(), server.is_retriable()), (Status::WAL_E_PROTOCOL, false));
    }

    #[test]
    fn s29_s33_s34_s35_advice_is_of_what_is_wrong() {
        let hint = |code: &str, routine: &str, message: &str| {
            let routine = if routine.is_empty() { String::new() } else { format!("R{routine}\0") };
            let body = format!("VFATAL\0C{code}\0M{message}\0{routine}\0");
            let error = into_error(ServerMessage::parse(body.as_bytes()).unwrap(), "x");
            (error.status(), error.hint().to_owned())
        };
        let (status, said) = hint("42501", "CheckMyDatabase", "nein");
        assert!(status == Status::WAL_E_PRIVILEGE && said.contains("GRANT CONNECT"), "{said}");
        let (_, said) = hint("28000", "read_client_final_message", "nein");
        assert!(
            said.contains("channel_binding=disable") && !said.contains("Check user and password"),
            "{said}"
        );
        let (_, said) = hint("08P01", "", "unsupported startup parameter: replication");
        assert!(said.contains("pooler that takes no replication"), "{said}");
        let (_, said) = hint("08P01", "", "unsupported startup parameter: options");
        assert!(said.contains("ignore_startup_parameters"), "{said}");
        let (_, said) = hint("08P01", "ProcessStartupPacket", "unsupported startup parameter");
        assert!(said.is_empty(), "{said}");
        let (_, said) = hint("28000", "ClientAuthentication", "nein");
        assert!(said.contains("physical replication only"), "{said}");
    }

    #[test]
    fn the_error_keeps_what_the_server_said() {
        let message =
            ServerMessage::parse(b"VERROR\0C55006\0Mslot \"s\" is active\0Dby 7\0Wctx\0\0").unwrap();
        let error = into_error(message.clone(), "START_REPLICATION");
        assert_eq!(error.status(), Status::WAL_E_SLOT_ACTIVE);
        assert_eq!(error.message(), "START_REPLICATION: slot \"s\" is active");
        assert_eq!((error.sqlstate(), error.detail()), ("55006", "by 7\nctx"));
        assert!(error.hint().contains("wal_sender_timeout") && error.is_retriable());
        let own = into_error(ServerMessage { hint: "theirs".into(), ..message }, "x");
        assert_eq!(own.hint(), "theirs");
    }
}
