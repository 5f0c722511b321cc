//! The client's certificate, and whether the server asked for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};

/// What became of the client's certificate in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layers::session::native) enum Shown {
    /// The server did not ask.
    NotAsked,
    /// It asked, and there is none.
    Nothing,
    /// It was sent.
    Certificate,
}

/// A certificate with its key, or none.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    key: Option<Arc<CertifiedKey>>,
    shown: AtomicU8,
}

impl ClientCertificate {
    pub(super) fn none() -> Self {
        Self { key: None, shown: AtomicU8::new(Shown::NotAsked as u8) }
    }

    pub(super) fn new(chain: Vec<CertificateDer<'static>>, key: Arc<dyn SigningKey>) -> Self {
        Self { key: Some(Arc::new(CertifiedKey::new(chain, key))), ..Self::none() }
    }

    pub(super) fn shown(&self) -> Shown {
        match self.shown.load(Ordering::Relaxed) {
            it if it == Shown::Certificate as u8 => Shown::Certificate,
            it if it == Shown::Nothing as u8 => Shown::Nothing,
            _ => Shown::NotAsked,
        }
    }
}

impl ResolvesClientCert for ClientCertificate {
    /// As libpq it sends what there is, whatever authorities the server names.
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = self.key.as_ref().filter(|it| it.key.choose_scheme(schemes).is_some());
        let shown = if key.is_some() { Shown::Certificate } else { Shown::Nothing };
        self.shown.store(shown as u8, Ordering::Relaxed);
        key.cloned()
    }

    /// True always: else nobody would hear that the server asked.
    fn has_certs(&self) -> bool {
        true
    }
}
