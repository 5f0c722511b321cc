//! The one table of connection parameters: every name that libpq 18 knows, and what becomes of it here.
//!
//! A parameter must never be taken and then not acted upon.

use super::target::Target;

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
    Passfile,
    Service,
    Servicefile,
    Requirepeer,
    TargetSessionAttrs,
    LoadBalanceHosts,
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
    /// The environment variable, or "".
    pub(super) variable: &'static str,
    pub(super) what: Use,
}

/// The row of a name.
pub(super) fn find(name: &str) -> Option<&'static Parameter> {
    TABLE.iter().find(|row| row.name == name)
}

impl Parameter {
    /// The key, if the parameter is read.
    pub(super) fn key(&self) -> Option<Key> {
        match self.what {
            Use::Read(key) | Use::Choice { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether nobody may see the value.
    pub(super) fn is_secret(&self) -> bool {
        matches!(
            self.name,
            "password" | "sslpassword" | "oauth_client_secret" | "scram_client_key" | "scram_server_key"
        )
    }
}

const fn read(name: &'static str, variable: &'static str, key: Key) -> Parameter {
    Parameter { name, variable, what: Use::Read(key) }
}

const fn only(
    name: &'static str,
    variable: &'static str,
    accepted: &'static [&'static str],
    hint: &'static str,
) -> Parameter {
    Parameter { name, variable, what: Use::Only { accepted, hint } }
}

const fn not_built(name: &'static str, variable: &'static str, hint: &'static str) -> Parameter {
    Parameter { name, variable, what: Use::NotBuilt { hint } }
}

const NO_TLS: &str =
    "TLS is not built yet: remove it and use a Unix socket, the loopback interface or a trusted network.";
const NO_GSS: &str =
    "GSSAPI is libpq's: set the option backend to \"libpq\", or remove it and use a password.";
const NO_OAUTH: &str =
    "OAuth is libpq's: set the option backend to \"libpq\", or remove it and use a password.";
const NO_KEYS: &str = "SCRAM keys are not built in: use password.";

/// Every name, in the order of libpq's documentation.
pub(super) static TABLE: &[Parameter] = &[
    read("host", "PGHOST", Key::Host),
    read("hostaddr", "PGHOSTADDR", Key::Hostaddr),
    read("port", "PGPORT", Key::Port),
    read("dbname", "PGDATABASE", Key::Dbname),
    read("user", "PGUSER", Key::User),
    read("password", "PGPASSWORD", Key::Password),
    read("passfile", "PGPASSFILE", Key::Passfile),
    not_built(
        "require_auth",
        "PGREQUIREAUTH",
        "It is not built yet: remove it, and let pg_hba.conf require scram-sha-256.",
    ),
    only(
        "channel_binding",
        "PGCHANNELBINDING",
        &["disable", "prefer"],
        "Channel binding needs TLS, which is not built yet: use channel_binding=prefer.",
    ),
    read("connect_timeout", "PGCONNECT_TIMEOUT", Key::ConnectTimeout),
    read("client_encoding", "PGCLIENTENCODING", Key::ClientEncoding),
    read("options", "PGOPTIONS", Key::Options),
    read("application_name", "PGAPPNAME", Key::ApplicationName),
    read("fallback_application_name", "", Key::FallbackApplicationName),
    read("keepalives", "", Key::Keepalives),
    read("keepalives_idle", "", Key::KeepalivesIdle),
    read("keepalives_interval", "", Key::KeepalivesInterval),
    read("keepalives_count", "", Key::KeepalivesCount),
    read("tcp_user_timeout", "", Key::TcpUserTimeout),
    Parameter {
        name: "replication",
        variable: "",
        what: Use::Ours { hint: "Remove it: the library sets replication=database itself." },
    },
    only(
        "gssencmode",
        "PGGSSENCMODE",
        &["disable", "prefer"],
        "GSSAPI encryption is not built in: use gssencmode=disable.",
    ),
    Parameter {
        name: "sslmode",
        variable: "PGSSLMODE",
        what: Use::Choice {
            key: Key::Sslmode,
            accepted: &["disable", "allow", "prefer"],
            unbuilt: &["require", "verify-ca", "verify-full"],
            hint: "TLS is not built yet: use sslmode=prefer or sslmode=disable over a Unix socket, the loopback interface or a trusted network.",
        },
    },
    only("sslnegotiation", "PGSSLNEGOTIATION", &["postgres"], NO_TLS),
    only(
        "sslcompression",
        "PGSSLCOMPRESSION",
        &["0"],
        "TLS compression is insecure and not built in: remove it.",
    ),
    not_built("sslcert", "PGSSLCERT", NO_TLS),
    not_built("sslkey", "PGSSLKEY", NO_TLS),
    not_built("sslkeylogfile", "", NO_TLS),
    not_built("sslpassword", "", NO_TLS),
    not_built("sslcertmode", "PGSSLCERTMODE", NO_TLS),
    not_built("sslrootcert", "PGSSLROOTCERT", NO_TLS),
    not_built("sslcrl", "PGSSLCRL", NO_TLS),
    not_built("sslcrldir", "PGSSLCRLDIR", NO_TLS),
    not_built("sslsni", "PGSSLSNI", NO_TLS),
    read("requirepeer", "PGREQUIREPEER", Key::Requirepeer),
    not_built("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", NO_TLS),
    not_built("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", NO_TLS),
    only(
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        &["3.0"],
        "Protocol 3.0 is what this library speaks: remove it.",
    ),
    only(
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        &["3.0", "3.2", "latest"],
        "Protocol 3.0 is what this library speaks: remove it.",
    ),
    not_built("krbsrvname", "PGKRBSRVNAME", NO_GSS),
    not_built("gsslib", "PGGSSLIB", NO_GSS),
    only("gssdelegation", "PGGSSDELEGATION", &["0"], NO_GSS),
    not_built("scram_client_key", "", NO_KEYS),
    not_built("scram_server_key", "", NO_KEYS),
    read("service", "PGSERVICE", Key::Service),
    // Of libpq 19.
    read("servicefile", "", Key::Servicefile),
    Parameter {
        name: "target_session_attrs",
        variable: "PGTARGETSESSIONATTRS",
        what: Use::Choice { key: Key::TargetSessionAttrs, accepted: Target::WORDS, unbuilt: &[], hint: "" },
    },
    Parameter {
        name: "load_balance_hosts",
        variable: "PGLOADBALANCEHOSTS",
        what: Use::Choice {
            key: Key::LoadBalanceHosts,
            accepted: &["disable", "random"],
            unbuilt: &[],
            hint: "",
        },
    },
    not_built("oauth_issuer", "", NO_OAUTH),
    not_built("oauth_client_id", "", NO_OAUTH),
    not_built("oauth_client_secret", "", NO_OAUTH),
    not_built("oauth_scope", "", NO_OAUTH),
];
