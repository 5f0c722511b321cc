//! A socket that tokio's reactor watches, read and written by plain system calls.
//!
//! Readiness is edge-triggered: it must be cleared only by an EAGAIN of a call that began after it was seen, or by a read
//! that had room to spare, else a wake-up is lost. And it is no condition for a call: the kernel is asked even while readiness is clear.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

use socket2::Socket;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use super::poll::{PollFd, Polled, poll};
use super::socket::{recv, send};

/// A non-blocking socket, registered with the runtime in whose context it was made.
pub struct AsyncSocket {
    /// Dropped before the socket, which must be open for as long as it is registered. `None` while parked.
    watch: Option<AsyncFd<Watched>>,
    socket: Socket,
    left: Left,
}

/// What the last read left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: a read that had room to spare took all there was.
    Nothing,
    /// Perhaps more.
    Perhaps,
}

/// The descriptor of the socket beside it.
struct Watched(RawFd);

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

#[derive(Clone, Copy)]
enum Asked {
    Not,
    Already,
}

impl AsyncSocket {
    /// Registers a socket on which connect(2) was called; before that epoll would report it as hung up.
    pub fn register(socket: Socket) -> io::Result<Self> {
        let mut it = Self { watch: None, socket, left: Left::Perhaps };
        it.unpark()?;
        Ok(it)
    }

    /// Watches the socket that another owner reads and writes: the reactor gets a descriptor of its own, since that owner
    /// may close the other at any time, and the reactor must not be left with a number that means nothing any more.
    pub fn beside(fd: RawFd) -> io::Result<Self> {
        // SAFETY: takes integers; a number that is no descriptor gives EBADF.
        let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
        if copy < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else knows of.
        Self::register(unsafe { Socket::from_raw_fd(copy) })
    }

    /// Takes the socket out of the reactor's sight: what comes wakes nobody. `ready` waits for ever.
    pub fn park(&mut self) {
        self.watch = None;
    }

    /// Puts the socket back into the reactor's sight. What is there already makes it ready at once.
    pub fn unpark(&mut self) -> io::Result<()> {
        if self.watch.is_none() {
            let both = Interest::READABLE | Interest::WRITABLE;
            let watched = Watched(self.socket.as_raw_fd());
            // SAFETY: the descriptor is the socket's, which this type never gives out mutably, never exchanges, and
            // drops after the registration.
            self.watch = Some(unsafe { AsyncFd::register_with_interest(watched, both) }?);
        }
        Ok(())
    }

    /// Waits until the socket is believed to be ready in one of the ways of `interest`; tells which. Cancel-safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match &self.watch {
            // The guard goes without clearing: it knows of no EAGAIN.
            Some(watch) => watch.ready(interest).await.map(|guard| guard.ready()),
            None => std::future::pending().await,
        }
    }

    /// Reads what is there; 0 is end of file, `WouldBlock` that nothing is there yet.
    pub fn recv(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (fd, room) = (self.fd(), buf.len());
        let mut short = None;
        let result = self.ask(Interest::READABLE, || match recv(fd, buf)? {
            // As good as an EAGAIN, which it saves: what comes later is told of anew (epoll(7), "Questions and answers").
            // The end of file stays set.
            count if 0 < count && count < room => {
                short = Some(count);
                Err(ErrorKind::WouldBlock.into())
            }
            count => Ok(count),
        });
        self.left = if short.is_some() { Left::Nothing } else { Left::Perhaps };
        short.map_or(result, Ok)
    }

    /// What the last read left behind.
    pub fn left(&self) -> Left {
        self.left
    }

    /// Writes what the socket takes; `WouldBlock` says that it takes nothing now.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let fd = self.fd();
        self.ask(Interest::WRITABLE, || send(fd, bytes))
    }

    /// Whether reading, or writing, would have something to do right now: for one whose owner hides EAGAIN.
    pub fn is_ready_now(&self, interest: Interest) -> io::Result<bool> {
        let fd = self.fd();
        let wanted = if interest.is_readable() { PollFd::readable(fd) } else { PollFd::writable(fd) };
        let found = self.ask(interest, || match poll(&mut [wanted], 0)? {
            Polled::Ready => Ok(()),
            Polled::TimedOut => Err(ErrorKind::WouldBlock.into()),
        });
        match found {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How a connect(2) that went on in the background ended; `WouldBlock` while it goes on.
    pub fn connected(&self) -> io::Result<()> {
        let socket = self.socket();
        self.ask(Interest::WRITABLE, || {
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
            match socket.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => Err(ErrorKind::WouldBlock.into()),
                other => other.map(drop),
            }
        })
    }

    /// The socket, for its options.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The descriptor. It stays the property of this object.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// `try_io` makes the call and clears readiness if it gives EAGAIN. While readiness is clear it makes none, so
    /// the call is made here: there is nothing to clear then, and a later event sets readiness again.
    fn ask<T>(&self, interest: Interest, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let Some(watch) = &self.watch else { return call() };
        let mut asked = Asked::Not;
        let result = watch.try_io(interest, |_| {
            asked = Asked::Already;
            call()
        });
        match asked {
            Asked::Already => result,
            Asked::Not => call(),
        }
    }
}
