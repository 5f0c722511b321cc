//! What decides whether a server is believed, whatever certificates and lists of revoked ones it is shown: an answer or an
//! error, in bounded time; and nobody is believed without a root.
//!
//! An input is one byte, and then pieces, each behind its length. The byte's lower half chooses the host's name, its next two bits
//! say how many of the pieces are roots, and the highest two how many are lists of revoked certificates; the server shows the rest.
use std::time::{Duration, Instant};

use super::{check_error, messages};
use pgwalstream::session::native::examine_certificates;

/// The moment at which the corpus is valid: 2026-11-29.
const NOW: u64 = 1_795_910_400;

const HOSTS: [&str; 8] =
    ["localhost", "127.0.0.1", "::1", "db.example.com", "", "*.example.com", "localhost.", "ümlaut"];

/// One input.
pub fn run(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let pieces: Vec<_> = messages(rest).take(32).collect();
    let (roots, shown) = pieces.split_at(usize::from(choice >> 4 & 3).min(pieces.len()));
    let (lists, shown) = shown.split_at(usize::from(choice >> 6).min(shown.len()));
    let host = HOSTS[usize::from(choice & 15) % HOSTS.len()];
    let begin = Instant::now();
    let found = examine_certificates(shown, roots, (!lists.is_empty()).then_some(lists), host, NOW);
    assert!(begin.elapsed() < Duration::from_secs(5), "a server makes its client work without end");
    match found {
        Ok(()) => assert!(!roots.is_empty() && !shown.is_empty(), "somebody is believed without a root"),
        Err(error) => check_error(&error),
    }
}
