//! The one table of connection parameters: every name that libpq 18 knows, and what becomes of it here.
//!
//! A parameter must never be taken and then not acted upon.

/// The parameters that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Host,
    Hostaddr,
    Port,
    User,
    Password,
    Dbname,
    ApplicationName,
    FallbackApplicationName,
    Options,
    ClientEncoding,
    ConnectTimeout,
    Keepalives,
    KeepalivesIdle,
    KeepalivesInterval,
    KeepalivesCount,
    TcpUserTimeout,
    Sslmode,
}

/// What becomes of a parameter.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// Any value is read; its type is checked later.
    Read(Key),
    /// One of `accepted` is read; one of `unbuilt` is known and not built.
    Choice {
        key: Key,
        accepted: &'static [&'static str],
        unbuilt: &'static [&'static str],
        hint: &'static str,
    },
    /// `accepted` values ask for what happens anyway; every other is not built.
    Only { accepted: &'static [&'static str], hint: &'static str },
    /// Known to libpq, not built here.
    NotBuilt { hint: &'static str },
    /// The library sets it.
    Ours { hint: &'static str },
}

/// One row.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) what: Use,
}

/// The row of a name.
pub(super) fn find(name: &str) -> Option<&'static Parameter> {
    TABLE.iter().find(|row| row.name == name)
}

/// The name of a key that is read.
pub(super) fn name_of(key: Key) -> &'static str {
    let row = TABLE.iter().find(|row| match row.what {
        Use::Read(other) | Use::Choice { key: other, .. } => other == key,
        _ => false,
    });
    row.map_or("", |row| row.name)
}

const fn read(name: &'static str, key: Key) -> Parameter {
    Parameter { name, what: Use::Read(key) }
}

const fn only(name: &'static str, accepted: &'static [&'static str], hint: &'static str) -> Parameter {
    Parameter { name, what: Use::Only { accepted, hint } }
}

const fn not_built(name: &'static str, hint: &'static str) -> Parameter {
    Parameter { name, what: Use::NotBuilt { hint } }
}

const NO_TLS: &str =
    "TLS is not built yet: remove it and use a Unix socket, the loopback interface or a trusted network.";
const NO_GSS: &str = "GSSAPI is not built in: remove it and use a password.";
const NO_OAUTH: &str = "OAuth is not built in: remove it and use a password.";
const NO_SERVICE: &str = "Service files are not read yet: put the parameters into the conninfo.";
const NO_KEYS: &str = "SCRAM keys are not built in: use password.";

/// Every name, in the order of libpq's documentation.
pub(super) const TABLE: &[Parameter] = &[
    read("host", Key::Host),
    read("hostaddr", Key::Hostaddr),
    read("port", Key::Port),
    read("dbname", Key::Dbname),
    read("user", Key::User),
    read("password", Key::Password),
    not_built("passfile", "Password files are not read yet: use password."),
    not_built("require_auth", "It is not built yet: remove it, and let pg_hba.conf require scram-sha-256."),
    only(
        "channel_binding",
        &["disable", "prefer"],
        "Channel binding needs TLS, which is not built yet: use channel_binding=prefer.",
    ),
    read("connect_timeout", Key::ConnectTimeout),
    read("client_encoding", Key::ClientEncoding),
    read("options", Key::Options),
    read("application_name", Key::ApplicationName),
    read("fallback_application_name", Key::FallbackApplicationName),
    read("keepalives", Key::Keepalives),
    read("keepalives_idle", Key::KeepalivesIdle),
    read("keepalives_interval", Key::KeepalivesInterval),
    read("keepalives_count", Key::KeepalivesCount),
    read("tcp_user_timeout", Key::TcpUserTimeout),
    Parameter {
        name: "replication",
        what: Use::Ours { hint: "Remove it: the library sets replication=database itself." },
    },
    only("gssencmode", &["disable", "prefer"], "GSSAPI encryption is not built in: use gssencmode=disable."),
    Parameter {
        name: "sslmode",
        what: Use::Choice {
            key: Key::Sslmode,
            accepted: &["disable", "allow", "prefer"],
            unbuilt: &["require", "verify-ca", "verify-full"],
            hint: "TLS is not built yet: use sslmode=prefer or sslmode=disable over a Unix socket, the loopback interface or a trusted network.",
        },
    },
    only("requiressl", &["0"], NO_TLS),
    only("sslnegotiation", &["postgres"], NO_TLS),
    only("sslcompression", &["0"], "TLS compression is insecure and not built in: remove it."),
    not_built("sslcert", NO_TLS),
    not_built("sslkey", NO_TLS),
    not_built("sslkeylogfile", NO_TLS),
    not_built("sslpassword", NO_TLS),
    not_built("sslcertmode", NO_TLS),
    not_built("sslrootcert", NO_TLS),
    not_built("sslcrl", NO_TLS),
    not_built("sslcrldir", NO_TLS),
    not_built("sslsni", NO_TLS),
    not_built("requirepeer", "Checking the owner of a Unix socket is not built yet: remove it."),
    not_built("ssl_min_protocol_version", NO_TLS),
    not_built("ssl_max_protocol_version", NO_TLS),
    only("min_protocol_version", &["3.0"], "Protocol 3.0 is what this library speaks: remove it."),
    only(
        "max_protocol_version",
        &["3.0", "3.2", "latest"],
        "Protocol 3.0 is what this library speaks: remove it.",
    ),
    not_built("krbsrvname", NO_GSS),
    not_built("gsslib", NO_GSS),
    only("gssdelegation", &["0"], NO_GSS),
    not_built("scram_client_key", NO_KEYS),
    not_built("scram_server_key", NO_KEYS),
    not_built("service", NO_SERVICE),
    not_built("servicefile", NO_SERVICE),
    only(
        "target_session_attrs",
        &["any"],
        "Choosing among servers is not built yet: use target_session_attrs=any.",
    ),
    only(
        "load_balance_hosts",
        &["disable"],
        "Several hosts are not built yet: use load_balance_hosts=disable.",
    ),
    not_built("oauth_issuer", NO_OAUTH),
    not_built("oauth_client_id", NO_OAUTH),
    not_built("oauth_client_secret", NO_OAUTH),
    not_built("oauth_scope", NO_OAUTH),
];
