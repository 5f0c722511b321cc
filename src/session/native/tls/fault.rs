//! What rustls and servers say of a failed TLS connection, in words that tell what to do.

use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};

use crate::error::{Error, Status};

/// When it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Handshake,
    After,
}

/// The error of a connection.
#[cold]
pub(super) fn error(error: &TlsError, when: When) -> Error {
    if let TlsError::InvalidCertificate(CertificateError::Other(other)) = error
        && let Some(ours) = other.0.downcast_ref::<Error>()
    {
        return ours.clone();
    }
    let doing = match when {
        When::Handshake => "the TLS handshake failed",
        When::After => "TLS failed",
    };
    let it =
        |what: String, hint: &str| Error::new(Status::WAL_E_TLS, format!("{doing}: {what}")).with_hint(hint);
    match error {
        TlsError::AlertReceived(alert) => {
            let (what, hint) = of_alert(*alert);
            it(what, hint)
        }
        TlsError::InvalidMessage(_) => it(
            format!("the server does not speak TLS ({error})"),
            "Check that host and port are those of a PostgreSQL server; sslnegotiation=direct needs version 17.",
        ),
        TlsError::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig) => it(
            "the server's version of TLS is outside of what the settings allow".to_owned(),
            "See ssl_min_protocol_version and ssl_max_protocol_version.",
        ),
        TlsError::PeerIncompatible(_) => it(
            format!("client and server have nothing in common: {error}"),
            "See ssl_ciphers and ssl_min_protocol_version on the server; it takes TLS 1.2 with ECDHE, or TLS 1.3.",
        ),
        TlsError::InvalidCertificate(CertificateError::BadSignature) => it(
            "the server does not have the key of its certificate, or signs in a way that is not built in"
                .to_owned(),
            "The server's key must be RSA of 2048 bits or more, ECDSA or Ed25519; it may also be an impostor's.",
        ),
        other => it(other.to_string(), "See the server's log."),
    }
}

/// What the server says of us.
fn of_alert(alert: AlertDescription) -> (String, &'static str) {
    let said = format!("the server says {alert:?}");
    match alert {
        AlertDescription::CertificateRequired => (
            "the server requires a client certificate".to_owned(),
            "Name it and its key in sslcert and sslkey.",
        ),
        AlertDescription::UnknownCA => (
            "the server does not trust the authority of the client's certificate".to_owned(),
            "See sslcert, and ssl_ca_file on the server.",
        ),
        AlertDescription::CertificateExpired => {
            ("the client's certificate has expired, says the server".to_owned(), "Get a new one for sslcert.")
        }
        AlertDescription::CertificateRevoked => {
            ("the client's certificate was revoked, says the server".to_owned(), "Get a new one for sslcert.")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => (
            format!("{said}: it does not take the client's certificate"),
            "See sslcert, and the server's log.",
        ),
        AlertDescription::ProtocolVersion => (
            "the server does not take the versions of TLS that were offered".to_owned(),
            "See ssl_min_protocol_version and ssl_max_protocol_version on both sides.",
        ),
        AlertDescription::HandshakeFailure => (
            format!("{said}: there is nothing that both can do"),
            "See ssl_ciphers on the server; it takes TLS 1.2 with ECDHE, or TLS 1.3.",
        ),
        AlertDescription::NoApplicationProtocol => {
            (said, "The server does not know PostgreSQL's protocol inside TLS: see host, port and any proxy.")
        }
        _ => (said, "See the server's log."),
    }
}

/// The connection ended in the middle of the handshake.
#[cold]
pub(super) fn ended() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the server closed the connection during the TLS handshake")
        .with_hint("See the server's log; sslnegotiation=direct needs PostgreSQL 17 or later.")
}
