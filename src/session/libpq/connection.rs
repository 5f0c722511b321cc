//! libpq's connection, wrapped so that every call is safe to make.
//!
//! It must never be used by two threads at once, and never outlive a text that libpq lent.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libpq_sys as pq;
use zeroize::Zeroizing;

use super::notices::{self, Notices};
use super::numbers;
use super::outcome::Outcome;
use crate::session::progress::Wait;

/// A connection, in whatever state. Dropping it says good-bye as far as that goes, and closes.
pub(super) struct Connection {
    raw: NonNull<pq::PGconn>,
    /// libpq holds its address.
    notices: Arc<Notices>,
}

// SAFETY: libpq's connections are tied to no thread; `&mut self` keeps two from using one at once. What takes `&self`
// only reads fields.
unsafe impl Send for Connection {}
// SAFETY: as above.
unsafe impl Sync for Connection {}

/// What connecting waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Polling {
    /// The socket to be readable.
    Reading,
    /// The socket to be writable.
    Writing,
    /// Nothing: it is connected.
    Connected,
    /// Nothing: it failed.
    Failed,
}

/// Where connecting stands (libpq-fe.h, `ConnStatusType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A name or an address is looked for, or the socket is being connected.
    Reaching,
    /// The server's first answers, authentication above all, are awaited.
    Authenticating,
    /// TLS is negotiated.
    Tls,
    /// GSSAPI encryption is negotiated.
    Gss,
    /// The server let the client in, and its settings are awaited or asked for.
    Settling,
}

/// What asking for a piece of COPY gave.
pub(super) enum Copied {
    /// One message.
    Message(CopyData),
    /// No whole message is there yet.
    Nothing,
    /// COPY is over; results say why.
    Ended,
    /// The connection is of no more use.
    Failed,
}

/// What flushing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything left.
    All,
    /// The socket takes no more now.
    Partly,
    /// The connection is of no more use.
    Failed,
}

impl Stage {
    /// What the other side is waited for with.
    pub(super) fn wait(self) -> Wait {
        match self {
            Self::Reaching => Wait::Reaching,
            Self::Authenticating => Wait::Server,
            Self::Tls | Self::Gss => Wait::Tls,
            Self::Settling => Wait::Ready,
        }
    }
}

impl Connection {
    /// Begins to connect. May block in name resolution. `None` if there is no memory.
    pub(super) fn start(parameters: &[(&CStr, Zeroizing<CString>)]) -> Option<Self> {
        let ended = |list: &mut Vec<*const c_char>| list.push(ptr::null());
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name.as_ptr()).collect();
        let mut values: Vec<_> = parameters.iter().map(|(_, value)| value.as_ptr()).collect();
        ended(&mut names);
        ended(&mut values);
        // SAFETY: two arrays of the same length that end with NULL, of terminated texts, which libpq copies.
        let raw = NonNull::new(unsafe { pq::PQconnectStartParams(names.as_ptr(), values.as_ptr(), 1) })?;
        let notices = Arc::new(Notices::default());
        let address = Arc::as_ptr(&notices).cast_mut().cast::<c_void>();
        // SAFETY: a live connection. The receiver takes the address for what it is, and what is there lives until the
        // connection is finished, in `drop`. With a code the message says what the server's own code is.
        unsafe {
            pq::PQsetNoticeReceiver(raw.as_ptr(), Some(notices::receive), address);
            pq::PQsetErrorVerbosity(raw.as_ptr(), pq::PGVerbosity::PQERRORS_VERBOSE);
        }
        Some(Self { raw, notices })
    }

    /// For requests to cancel.
    pub(super) fn raw(&self) -> NonNull<pq::PGconn> {
        self.raw
    }

    /// Goes on connecting. May block in name resolution and in Kerberos.
    pub(super) fn poll(&mut self) -> Polling {
        use pq::PostgresPollingStatusType as Said;
        // SAFETY: a live connection, exclusively borrowed. The five values have been the same for ever.
        match unsafe { pq::PQconnectPoll(self.raw.as_ptr()) } {
            Said::PGRES_POLLING_READING => Polling::Reading,
            Said::PGRES_POLLING_WRITING | Said::PGRES_POLLING_ACTIVE => Polling::Writing,
            Said::PGRES_POLLING_OK => Polling::Connected,
            Said::PGRES_POLLING_FAILED => Polling::Failed,
        }
    }

    /// After connecting: no call waits from now on.
    pub(super) fn never_wait(&mut self) -> bool {
        // SAFETY: a live connection, exclusively borrowed.
        unsafe {
            pq::PQsetErrorVerbosity(self.raw.as_ptr(), pq::PGVerbosity::PQERRORS_DEFAULT);
            pq::PQsetnonblocking(self.raw.as_ptr(), 1) == 0
        }
    }

    /// Whether the connection is of no more use. While connecting it says nothing.
    pub(super) fn is_bad(&self) -> bool {
        self.status() == 1
    }

    pub(super) fn stage(&self) -> Stage {
        match self.status() {
            4 | 15 => Stage::Authenticating,
            7 => Stage::Tls,
            11 => Stage::Gss,
            5 | 6 | 9 | 10 | 12 | 13 => Stage::Settling,
            _ => Stage::Reaching,
        }
    }

    fn status(&self) -> c_int {
        // SAFETY: a live connection; reads a field.
        unsafe { numbers::PQstatus(self.raw.as_ptr()) }
    }

    /// Its socket; `None` once it is closed. Connecting may change it.
    pub(super) fn socket(&self) -> Option<RawFd> {
        // SAFETY: a live connection; reads a field.
        Some(unsafe { pq::PQsocket(self.raw.as_ptr()) }).filter(|fd| *fd >= 0)
    }

    /// Whether libpq holds bytes back that poll(2) does not see: those of a record that it has decrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        let raw = self.raw.as_ptr();
        // SAFETY: a live connection; both read a field.
        unsafe { pq::PQsslInUse(raw) != 0 || pq::PQgssEncInUse(raw) != 0 }
    }

    /// What went wrong last, in libpq's words.
    pub(super) fn message(&self) -> String {
        // SAFETY: a live connection; the text is copied before the next call.
        text(unsafe { pq::PQerrorMessage(self.raw.as_ptr()) }).unwrap_or_default().trim_end().to_owned()
    }

    /// The server's name, as it was given.
    pub(super) fn host(&self) -> String {
        // SAFETY: as above.
        text(unsafe { pq::PQhost(self.raw.as_ptr()) }).unwrap_or_default()
    }

    /// Its numeric address; "" for a Unix socket, and as long as there is none.
    pub(super) fn address(&self) -> String {
        // SAFETY: as above.
        text(unsafe { pq::PQhostaddr(self.raw.as_ptr()) }).unwrap_or_default()
    }

    pub(super) fn port(&self) -> String {
        // SAFETY: as above.
        text(unsafe { pq::PQport(self.raw.as_ptr()) }).unwrap_or_default()
    }

    /// Whether the server asked for a password and there was none.
    pub(super) fn lacks_password(&self) -> bool {
        // SAFETY: a live connection; reads fields.
        unsafe { pq::PQconnectionNeedsPassword(self.raw.as_ptr()) != 0 }
    }

    /// Whether libpq could make sense of what it was told. One that could not has no parameters at all.
    pub(super) fn has_parameters(&self) -> bool {
        // SAFETY: a live connection; the array ends with a row without a keyword, and is freed once.
        unsafe {
            let all = pq::PQconninfo(self.raw.as_ptr());
            let mut row = all;
            let mut found = false;
            while !row.is_null() && !(*row).keyword.is_null() {
                found |= CStr::from_ptr((*row).keyword) == c"user" && !(*row).val.is_null();
                row = row.add(1);
            }
            pq::PQconninfoFree(all);
            found
        }
    }

    /// A setting that the server reports. The text lives until the next call that takes `&mut self`.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let name = CString::new(name).ok()?;
        // SAFETY: a live connection and a terminated text. What comes back is libpq's until more is received, which
        // takes `&mut self`.
        let value = unsafe { pq::PQparameterStatus(self.raw.as_ptr(), name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: a terminated text, as above.
        unsafe { CStr::from_ptr(value) }.to_str().ok()
    }

    pub(super) fn server_version(&self) -> u32 {
        // SAFETY: a live connection; reads a field.
        u32::try_from(unsafe { pq::PQserverVersion(self.raw.as_ptr()) }).unwrap_or(0)
    }

    pub(super) fn backend_pid(&self) -> u32 {
        // SAFETY: as above.
        u32::try_from(unsafe { pq::PQbackendPID(self.raw.as_ptr()) }).unwrap_or(0)
    }

    pub(super) fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Sends a simple query whose rows come one by one. False: the connection is of no more use.
    pub(super) fn send_query(&mut self, sql: &CStr) -> bool {
        // SAFETY: a live connection, exclusively borrowed, and a terminated text, which is copied.
        unsafe {
            pq::PQsendQuery(self.raw.as_ptr(), sql.as_ptr()) == 1
                && pq::PQsetSingleRowMode(self.raw.as_ptr()) == 1
        }
    }

    /// Reads what is there. False: the connection is of no more use, but what came before can still be asked for.
    pub(super) fn consume(&mut self) -> bool {
        // SAFETY: a live connection, exclusively borrowed.
        unsafe { pq::PQconsumeInput(self.raw.as_ptr()) == 1 }
    }

    /// Whether `outcome` would wait.
    pub(super) fn is_busy(&mut self) -> bool {
        // SAFETY: as above.
        unsafe { pq::PQisBusy(self.raw.as_ptr()) == 1 }
    }

    /// The next result; `None` once the query is done.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        // SAFETY: as above; the result is owned by what is made of it.
        unsafe { Outcome::owning(pq::PQgetResult(self.raw.as_ptr())) }
    }

    pub(super) fn copied(&mut self) -> Copied {
        let mut bytes = ptr::null_mut();
        // SAFETY: a live connection, exclusively borrowed; what is written is owned by what is made of it.
        let length = unsafe { pq::PQgetCopyData(self.raw.as_ptr(), &raw mut bytes, 1) };
        match (usize::try_from(length), NonNull::new(bytes)) {
            (Ok(0), _) => Copied::Nothing,
            (Ok(length), Some(bytes)) => Copied::Message(CopyData { bytes, length }),
            _ if length == -1 => Copied::Ended,
            _ => Copied::Failed,
        }
    }

    /// Queues one message of COPY. False: the connection is of no more use, or there is no memory.
    pub(super) fn put(&mut self, body: &[u8]) -> bool {
        let Ok(length) = c_int::try_from(body.len()) else { return false };
        // SAFETY: a live connection, exclusively borrowed, and bytes that are copied.
        unsafe { pq::PQputCopyData(self.raw.as_ptr(), body.as_ptr().cast(), length) == 1 }
    }

    /// Refuses to send what COPY asks for.
    pub(super) fn put_refusal(&mut self) -> bool {
        // SAFETY: a live connection, exclusively borrowed, and a terminated text, which is copied.
        unsafe { pq::PQputCopyEnd(self.raw.as_ptr(), c"COPY is refused by the client".as_ptr()) == 1 }
    }

    /// Says that no more messages of COPY will come.
    pub(super) fn put_end(&mut self) -> bool {
        // SAFETY: as above.
        unsafe { pq::PQputCopyEnd(self.raw.as_ptr(), ptr::null()) == 1 }
    }

    pub(super) fn flush(&mut self) -> Flushed {
        // SAFETY: as above.
        match unsafe { pq::PQflush(self.raw.as_ptr()) } {
            0 => Flushed::All,
            1 => Flushed::Partly,
            _ => Flushed::Failed,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: live until here. The notices, which this may still write to, are dropped after it.
        unsafe { pq::PQfinish(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("socket", &self.socket()).finish_non_exhaustive()
    }
}

/// One message of COPY, in memory of libpq's.
pub(super) struct CopyData {
    bytes: NonNull<c_char>,
    length: usize,
}

// SAFETY: plain memory, owned.
unsafe impl Send for CopyData {}
// SAFETY: as above, and never written to.
unsafe impl Sync for CopyData {}

impl CopyData {
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are there, and live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.length) }
    }
}

impl Drop for CopyData {
    fn drop(&mut self) {
        // SAFETY: what PQgetCopyData gave, freed once.
        unsafe { pq::PQfreemem(self.bytes.as_ptr().cast()) };
    }
}

/// A text of libpq's, copied; what is not UTF-8 is replaced.
pub(super) fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: libpq's texts are NULL or terminated; whoever calls has just got it.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
