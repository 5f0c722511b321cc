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
    Sslnegotiation,
    Sslcert,
    Sslkey,
    Sslpassword,
    Sslcertmode,
    Sslrootcert,
    Sslcrl,
    Sslcrldir,
    Sslsni,
    SslMinProtocolVersion,
    SslMaxProtocolVersion,
    RequireAuth,
    ChannelBinding,
    ScramClient,
    ScramServer,
    Passfile,
    Service,
    Servicefile,
    Requirepeer,
    TargetSessionAttrs,
    LoadBalanceHosts,
}

#[cfg(feature = "libpq")]
impl Key {
    /// Whether it tells how a connection is protected and who is let in: libpq does both by itself.
    pub(super) fn is_of_tls_or_authentication(self) -> bool {
        matches!(
            self,
            Self::Sslmode
                | Self::Sslnegotiation
                | Self::Sslcert
                | Self::Sslkey
                | Self::Sslpassword
                | Self::Sslcertmode
                | Self::Sslrootcert
                | Self::Sslcrl
                | Self::Sslcrldir
                | Self::Sslsni
                | Self::SslMinProtocolVersion
                | Self::SslMaxProtocolVersion
                | Self::RequireAuth
                | Self::ChannelBinding
                | Self::ScramClient
                | Self::ScramServer
        )
    }
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

const fn choice(
    name: &'static str,
    variable: &'static str,
    key: Key,
    accepted: &'static [&'static str],
) -> Parameter {
    Parameter { name, variable, what: Use::Choice { key, accepted, unbuilt: &[], hint: "" } }
}

/// A parameter that only a library with TLS takes.
const fn tls(name: &'static str, variable: &'static str, key: Key) -> Parameter {
    match cfg!(feature = "rustls") {
        true => read(name, variable, key),
        false => not_built(name, variable, NO_TLS),
    }
}

/// The same, with its words; `without` are those that ask for nothing of TLS.
const fn tls_choice(
    name: &'static str,
    variable: &'static str,
    key: Key,
    accepted: &'static [&'static str],
    without: &'static [&'static str],
    with: &'static [&'static str],
) -> Parameter {
    match cfg!(feature = "rustls") {
        true => choice(name, variable, key, accepted),
        false => Parameter {
            name,
            variable,
            what: Use::Choice { key, accepted: without, unbuilt: with, hint: NO_TLS },
        },
    }
}

const NO_TLS: &str =
    "This library was built without TLS: use a Unix socket, the loopback interface or a trusted network.";
const NO_GSS: &str =
    "GSSAPI is libpq's: set the option backend to \"libpq\", or remove it and use a password.";
const NO_OAUTH: &str =
    "OAuth is libpq's: set the option backend to \"libpq\", or remove it and use a password.";

/// Every name, in the order of libpq's documentation.
pub(super) static TABLE: &[Parameter] = &[
    read("host", "PGHOST", Key::Host),
    read("hostaddr", "PGHOSTADDR", Key::Hostaddr),
    read("port", "PGPORT", Key::Port),
    read("dbname", "PGDATABASE", Key::Dbname),
    read("user", "PGUSER", Key::User),
    read("password", "PGPASSWORD", Key::Password),
    read("passfile", "PGPASSFILE", Key::Passfile),
    read("require_auth", "PGREQUIREAUTH", Key::RequireAuth),
    tls_choice(
        "channel_binding",
        "PGCHANNELBINDING",
        Key::ChannelBinding,
        &["disable", "prefer", "require"],
        &["disable", "prefer"],
        &["require"],
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
    tls_choice(
        "sslmode",
        "PGSSLMODE",
        Key::Sslmode,
        &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        &["disable", "allow", "prefer"],
        &["require", "verify-ca", "verify-full"],
    ),
    tls_choice(
        "sslnegotiation",
        "PGSSLNEGOTIATION",
        Key::Sslnegotiation,
        &["postgres", "direct"],
        &["postgres"],
        &["direct"],
    ),
    only(
        "sslcompression",
        "PGSSLCOMPRESSION",
        &["0"],
        "TLS compression is insecure and not built in: remove it.",
    ),
    tls("sslcert", "PGSSLCERT", Key::Sslcert),
    tls("sslkey", "PGSSLKEY", Key::Sslkey),
    not_built("sslkeylogfile", "", "Keys are not logged: remove it."),
    tls("sslpassword", "", Key::Sslpassword),
    tls_choice(
        "sslcertmode",
        "PGSSLCERTMODE",
        Key::Sslcertmode,
        &["disable", "allow", "require"],
        &["disable", "allow"],
        &["require"],
    ),
    tls("sslrootcert", "PGSSLROOTCERT", Key::Sslrootcert),
    tls("sslcrl", "PGSSLCRL", Key::Sslcrl),
    tls("sslcrldir", "PGSSLCRLDIR", Key::Sslcrldir),
    choice("sslsni", "PGSSLSNI", Key::Sslsni, &["0", "1"]),
    read("requirepeer", "PGREQUIREPEER", Key::Requirepeer),
    read("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Key::SslMinProtocolVersion),
    read("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Key::SslMaxProtocolVersion),
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
    read("scram_client_key", "", Key::ScramClient),
    read("scram_server_key", "", Key::ScramServer),
    read("service", "PGSERVICE", Key::Service),
    // Of libpq 19.
    read("servicefile", "", Key::Servicefile),
    choice("target_session_attrs", "PGTARGETSESSIONATTRS", Key::TargetSessionAttrs, Target::WORDS),
    choice("load_balance_hosts", "PGLOADBALANCEHOSTS", Key::LoadBalanceHosts, &["disable", "random"]),
    not_built("oauth_issuer", "", NO_OAUTH),
    not_built("oauth_client_id", "", NO_OAUTH),
    not_built("oauth_client_secret", "", NO_OAUTH),
    not_built("oauth_scope", "", NO_OAUTH),
];
