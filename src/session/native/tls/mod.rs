//! TLS under the protocol: rustls without buffers of its own, so that a record is opened where it was received.
//!
//! It must never lose or reorder what was decrypted, and never read on without end for a server that sends nothing.

mod alternative_name;
mod certificate;
mod chain;
mod client_certificate;
mod config;
mod dates;
mod end_point;
#[cfg(feature = "internals")]
mod examine;
mod fault;
mod host_name;
mod private_key;
mod revocation;
mod verifier;

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::buffer::{Buffer, Put};
use super::transport::lost;
use crate::error::{Error, Result, Status};
use crate::session::Fill;
use crate::sys::AsyncSocket;
use crate::wire::EndPoint;
use client_certificate::ClientCertificate;
pub(super) use client_certificate::Shown;
pub(super) use config::{Setup, load};
#[cfg(feature = "internals")]
pub use examine::examine;
use fault::When;

/// What one read takes at most; some four records.
const MOST_READ: usize = 64 << 10;

/// And at least: less than a record's header and tag would not be worth a system call.
const LEAST: usize = 4 << 10;

/// So many reads without a byte of content, and others have their turn.
const BARREN: u32 = 16;

/// More than any record, or any message of a handshake that rustls takes, is long.
const LONGEST: usize = 256 << 10;

thread_local! {
    /// Where records are received and opened. A connection keeps only what is incomplete.
    static RECEIVED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One TLS connection.
pub(super) struct Tls {
    connection: UnbufferedClientConnection,
    certificate: Arc<ClientCertificate>,
    /// The start of a record whose rest has not come.
    begun: Vec<u8>,
    end: End,
}

/// Whether more may come.
enum End {
    Open,
    /// The server said good-bye.
    Closed,
    Failed(Error),
}

impl Tls {
    pub(super) fn new(setup: Setup) -> Result<Self> {
        let connection = UnbufferedClientConnection::new(setup.config, setup.name)
            .map_err(|error| fault::error(&error, When::Handshake))?;
        Ok(Self { connection, certificate: setup.certificate, begun: Vec::new(), end: End::Open })
    }

    /// Whether the handshake goes on.
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether more may come.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.end, End::Open)
    }

    /// Whether the server agreed on PostgreSQL's protocol; `None`: it did not say.
    pub(super) fn agreed(&self) -> Option<bool> {
        self.connection.alpn_protocol().map(|name| name == config::ALPN)
    }

    /// What became of the client's certificate.
    pub(super) fn shown(&self) -> Shown {
        self.certificate.shown()
    }

    /// What stands for the server's certificate in SCRAM.
    pub(super) fn end_point(&self) -> EndPoint {
        match self.connection.peer_certificates().and_then(|all| all.first()) {
            Some(first) => end_point::of(first),
            None => EndPoint::Undefined,
        }
    }

    /// Brings what is to be said first into `outbox`.
    pub(super) fn begin(&mut self, outbox: &mut Buffer) -> Result<()> {
        self.open(&mut [], outbox, &mut |_| ());
        match &self.end {
            End::Failed(error) => Err(error.clone()),
            End::Open | End::Closed => Ok(()),
        }
    }

    /// Receives records and gives what was in them to `sink`; `room` says how much is wanted, and up to a record
    /// more may come. What has to be answered is put into `outbox`.
    pub(super) fn receive(
        &mut self,
        socket: &mut AsyncSocket,
        room: usize,
        outbox: &mut Buffer,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<Fill> {
        RECEIVED.with_borrow_mut(|received| {
            for _ in 0..BARREN {
                match &self.end {
                    End::Open => (),
                    End::Closed => return Ok(Fill::Eof),
                    End::Failed(error) => return Err(error.clone()),
                }
                let before = self.begun.len();
                let after = before + room.clamp(LEAST, MOST_READ);
                if received.len() < after {
                    received.resize(after, 0);
                }
                let count = match socket.recv(received.get_mut(before..after).unwrap_or_default()) {
                    Ok(0) if self.is_handshaking() => return Err(fault::ended()),
                    Ok(0) => return Ok(Fill::Eof),
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Fill::WouldBlock),
                    Err(error) => return Err(lost("read from", &error)),
                };
                let begun = std::mem::take(&mut self.begun);
                let records = received.get_mut(..before + count).unwrap_or_default();
                if let Some(front) = records.get_mut(..before) {
                    front.copy_from_slice(&begun);
                }
                let mut content = 0;
                let used = self.open(records, outbox, &mut |bytes| {
                    content += bytes.len();
                    sink(bytes);
                });
                self.begun = begun;
                self.begun.clear();
                self.begun.extend_from_slice(records.get(used..).unwrap_or_default());
                self.begun.shrink_to(LEAST);
                if self.begun.len() > LONGEST {
                    self.end = End::Failed(Error::new(
                        Status::WAL_E_PROTOCOL,
                        "the server sent a TLS message without end",
                    ));
                }
                if content > 0 {
                    return Ok(Fill::Bytes(content));
                }
            }
            // Not asked to the end, so it counts as readable still.
            Ok(Fill::WouldBlock)
        })
    }

    /// Seals `bytes` into `outbox`.
    pub(super) fn seal(&mut self, bytes: &[u8], outbox: &mut Buffer) -> Result<()> {
        self.write(outbox, |state, out| state.encrypt(bytes, out))
    }

    /// Says good-bye.
    pub(super) fn close(&mut self, outbox: &mut Buffer) -> Result<()> {
        self.write(outbox, |state, out| state.queue_close_notify(out))
    }

    fn write(
        &mut self,
        outbox: &mut Buffer,
        mut seal: impl FnMut(&mut Writer<'_>, &mut [u8]) -> std::result::Result<usize, EncryptError>,
    ) -> Result<()> {
        if let End::Failed(error) = &self.end {
            return Err(error.clone());
        }
        loop {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut self.begun);
            match state {
                Ok(ConnectionState::WriteTraffic(mut state)) => {
                    let sealed = outbox.append(|out| match seal(&mut state, out) {
                        Ok(count) => Put::Done(count),
                        Err(EncryptError::InsufficientSize(size)) => Put::Needs(size.required_size),
                        Err(EncryptError::EncryptExhausted) => Put::Never,
                    });
                    return if sealed { Ok(()) } else { Err(no_more()) };
                }
                // A key that has served long enough is exchanged first.
                Ok(ConnectionState::EncodeTlsData(state)) => encode(state, outbox),
                Ok(ConnectionState::TransmitTlsData(state)) => state.done(),
                _ => return Err(no_more()),
            }
        }
    }

    /// Opens the records that are whole, takes the handshake further, and says how many bytes are done with. A
    /// failure is kept for the next call: what came before it belongs to the caller.
    fn open(&mut self, records: &mut [u8], outbox: &mut Buffer, sink: &mut impl FnMut(&[u8])) -> usize {
        let when = if self.is_handshaking() { When::Handshake } else { When::After };
        let mut used = 0;
        loop {
            let rest = records.get_mut(used..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            match state {
                Ok(ConnectionState::ReadTraffic(mut state)) => {
                    while let Some(record) = state.next_record() {
                        match record {
                            Ok(record) => {
                                discard += record.discard;
                                sink(record.payload);
                            }
                            Err(error) => {
                                self.end = End::Failed(fault::error(&error, when));
                                return records.len();
                            }
                        }
                    }
                }
                Ok(ConnectionState::EncodeTlsData(state)) => encode(state, outbox),
                // It is in the outbox, which loses nothing.
                Ok(ConnectionState::TransmitTlsData(state)) => state.done(),
                Ok(ConnectionState::PeerClosed) => self.end = End::Closed,
                Ok(_) => return used + discard,
                Err(error) => {
                    self.end = End::Failed(fault::error(&error, when));
                    self.say_why(records.get_mut(used + discard..).unwrap_or_default(), outbox);
                    return records.len();
                }
            }
            used += discard;
        }
    }

    /// After a failure rustls has an alert for the server. It wants to see the records again of which it spoke.
    fn say_why(&mut self, records: &mut [u8], outbox: &mut Buffer) {
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(records);
        if let Ok(ConnectionState::EncodeTlsData(state)) = state {
            encode(state, outbox);
        }
    }
}

fn encode(mut state: EncodeTlsData<'_, ClientConnectionData>, outbox: &mut Buffer) {
    outbox.append(|out| match state.encode(out) {
        Ok(count) => Put::Done(count),
        Err(EncodeError::InsufficientSize(size)) => Put::Needs(size.required_size),
        Err(EncodeError::AlreadyEncoded) => Put::Never,
    });
}

#[cold]
fn no_more() -> Error {
    Error::new(Status::WAL_E_CONNECTION_LOST, "the TLS connection takes no more")
}

type Writer<'a> = WriteTraffic<'a, ClientConnectionData>;
