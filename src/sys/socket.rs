//! recv(2), send(2), close(2) and the like on a bare descriptor.
//!
//! They must never wait and never raise SIGPIPE, whatever flags the descriptor has.

use std::io;
use std::os::fd::RawFd;

/// Reads what is there; 0 is end of file, `WouldBlock` that nothing is there yet.
pub fn recv(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: `buf` is writable for its length; a descriptor that is not a socket gives an error.
    retry(|| unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), libc::MSG_DONTWAIT) })
}

/// How many bytes a look shows: as many as the head of a message, and of a TLS record, has.
pub const HEAD: usize = 5;

/// What a read would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peeked {
    /// Nothing yet.
    Nothing,
    /// These bytes first, zeros behind them where there are fewer.
    Bytes([u8; HEAD]),
    /// The end of file, or an error.
    End,
}

/// Looks at what is there without taking it.
pub fn peek(fd: RawFd) -> Peeked {
    let mut bytes = [0_u8; HEAD];
    let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    // SAFETY: `bytes` is writable for its length; a descriptor that is not a socket gives an error.
    let result = retry(|| unsafe { libc::recv(fd, bytes.as_mut_ptr().cast(), HEAD, flags) });
    match result {
        Ok(0) => Peeked::End,
        Ok(_) => Peeked::Bytes(bytes),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Peeked::Nothing,
        Err(_) => Peeked::End,
    }
}

/// Whether the socket has another side.
pub fn is_connected(fd: RawFd) -> bool {
    // SAFETY: plain data, for which zero is valid.
    let mut address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is writable for `length` bytes; a descriptor that is not a socket gives an error.
    unsafe { libc::getpeername(fd, (&raw mut address).cast(), &raw mut length) == 0 }
}

/// Whether the other side has said its last: what it sent before may still be there to read.
pub fn is_hung_up(fd: RawFd) -> bool {
    let mut asked = libc::pollfd { fd, events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one writable entry; a descriptor that is not open sets POLLNVAL.
    let ready = unsafe { libc::poll(&raw mut asked, 1, 0) };
    ready > 0 && asked.revents & (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0
}

/// How many bytes came over a TCP connection, read or not (tcpi_bytes_received of TCP_INFO, Linux 4.1); `None` where it is
/// none.
pub fn bytes_received(fd: RawFd) -> Option<u64> {
    /// Where the number stands in linux/tcp.h's tcp_info, in words of eight bytes.
    const PLACE: usize = 16;
    let mut info = [0_u64; PLACE + 1];
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: `info` is writable for `length` bytes; a descriptor that is no such socket gives an error.
    let result = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)
    };
    let is_whole = result == 0 && length as usize == size_of_val(&info);
    info.last().copied().filter(|_| is_whole)
}

/// Writes what the socket takes; `WouldBlock` says that it takes nothing now.
pub fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is readable for its length; a descriptor that is not a socket gives an error.
    retry(|| unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Who the process at the other end of a Unix socket ran as when it began to listen (SO_PEERCRED, unix(7)).
pub fn peer_uid(fd: RawFd) -> io::Result<u32> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(size_of_val(&peer)).map_err(io::Error::other)?;
    // SAFETY: `peer` is writable for `length` bytes; a descriptor that is no such socket gives an error.
    let result = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut length)
    };
    if result == 0 { Ok(peer.uid) } else { Err(io::Error::last_os_error()) }
}

/// Ends a connection at once, for all processes that have a copy of it. Nothing that waits in it leaves any more.
pub fn hang_up(fd: RawFd) {
    // SAFETY: all zeros are an address of no family.
    let nowhere: libc::sockaddr = unsafe { std::mem::zeroed() };
    // SAFETY: `nowhere` is readable for its length; a descriptor that is not a socket gives an error. TCP resets the connection: a
    // server that waits for room in it would hear of no shutdown(2).
    unsafe { libc::connect(fd, &raw const nowhere, size_of_val(&nowhere) as libc::socklen_t) };
    // SAFETY: takes integers. It is for what is not TCP.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// Closes a descriptor: what a forked child does with those of its parent's handles.
///
/// # Safety
/// No object owns it that is used or dropped after this: its number may be another's by then.
pub unsafe fn close(fd: RawFd) {
    // SAFETY: takes an integer. Linux frees the descriptor even when it reports EINTR, so it is not repeated.
    unsafe { libc::close(fd) };
}

fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsRawFd, IntoRawFd};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_came_is_counted_read_or_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        assert_eq!(bytes_received(near.as_raw_fd()), Some(0));
        assert_eq!(send(far.as_raw_fd(), &[7; 300]).unwrap(), 300);
        let mut buf = [0; 100];
        while peek(near.as_raw_fd()) == Peeked::Nothing {}
        assert_eq!((bytes_received(near.as_raw_fd()), bytes_received(far.as_raw_fd())), (Some(300), Some(0)));
        assert_eq!(recv(near.as_raw_fd(), &mut buf).unwrap(), 100);
        assert_eq!(bytes_received(near.as_raw_fd()), Some(300));
        let (local, _) = UnixStream::pair().unwrap();
        assert_eq!(bytes_received(local.as_raw_fd()), None);
    }

    #[test]
    fn nothing_waits_and_nothing_raises_sigpipe() {
        let (left, right) = UnixStream::pair().unwrap(); // blocking descriptors
        let mut buf = [0; 8];
        assert_eq!(recv(left.as_raw_fd(), &mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(send(right.as_raw_fd(), b"abc").unwrap(), 3);
        let head = Peeked::Bytes(*b"abc\0\0");
        assert_eq!((peek(left.as_raw_fd()), is_connected(left.as_raw_fd())), (head, true));
        assert_eq!(recv(left.as_raw_fd(), &mut buf).unwrap(), 3);
        assert_eq!(peek(left.as_raw_fd()), Peeked::Nothing);
        let (alone, other) = UnixStream::pair().unwrap();
        drop(other);
        assert_eq!(peek(alone.as_raw_fd()), Peeked::End);
        assert!(is_hung_up(alone.as_raw_fd()) && !is_hung_up(left.as_raw_fd()));
        let big = vec![0; 1 << 20];
        let full = loop {
            if let Err(error) = send(right.as_raw_fd(), &big) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        // SAFETY: nobody owns it any more.
        unsafe { close(right.into_raw_fd()) };
        let before = crate::sys::block_all_signals().unwrap();
        assert_eq!(send(left.as_raw_fd(), b"x").unwrap_err().raw_os_error(), Some(libc::EPIPE));
        // SAFETY: both calls only fill and read `pending`. A blocked SIGPIPE would stay pending.
        let raised = unsafe {
            let mut pending: libc::sigset_t = std::mem::zeroed();
            libc::sigpending(&raw mut pending);
            libc::sigismember(&raw const pending, libc::SIGPIPE)
        };
        assert_eq!(raised, 0);
        before.restore();
    }

    #[test]
    fn who_hangs_up_ends_all_copies_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let copy = near.try_clone().unwrap();
        // Nobody reads: the other side waits for room.
        far.set_write_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        while far.write(&[0; 1 << 16]).is_ok() {}
        hang_up(near.as_raw_fd());
        assert_eq!(far.write(&[0; 1 << 16]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let (near, mut far) = UnixStream::pair().unwrap();
        let other_copy = near.try_clone().unwrap();
        hang_up(near.as_raw_fd());
        assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
        drop((copy, other_copy));
    }
}
