//! The few system calls that std and tokio do not offer, each wrapped so that it is safe to call.
//!
//! Beside `batch/chunk` and `session/libpq` nothing else below `capi` holds `unsafe`. It must never print, raise a signal
//! in the host, or change anything of the process that the host could notice.

mod async_socket;
mod callback;
mod clock;
mod directory;
mod eventfd;
mod fork;
mod lock;
mod poll;
mod scratch;
mod shortage;
mod signal;
mod socket;
mod timer;
mod user;

pub use async_socket::{AsyncSocket, Left};
pub use callback::{inside_callback, within_callback};
pub use clock::pg_micros;
pub use directory::{Directory, Length};
pub use eventfd::EventFd;
pub use fork::{ForkGuard, PerProcess};
pub use lock::{Lock, try_lock};
pub use poll::{PollFd, Polled, poll};
pub use scratch::{Scratch, is_in_memory};
pub use shortage::{is_shortage, present_shortage, shortage_hint};
pub use signal::{SignalMask, block_all_signals};
pub use socket::{
    HEAD, Peeked, bytes_received, close, hang_up, is_connected, is_hung_up, peek, peer_uid, recv, send,
};
pub use timer::Alarm;
pub use user::{effective_uid, home_directory, user_name, user_name_of};
