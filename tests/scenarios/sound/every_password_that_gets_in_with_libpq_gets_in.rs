//! What SASLprep makes of a password here is what libpq 18 makes of it, for every code point: alone, behind others, and
//! between those that are written from right to left.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::harness::Server;
use crate::libpq::Libpq;
use pgwalstream::wire::saslprep::prepared;

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Whether a verifier of one round of hashing, `SCRAM-SHA-256$1:salt$stored:server`, is that of a password.
fn is_of(verifier: &str, password: &str) -> bool {
    let rest = verifier.strip_prefix("SCRAM-SHA-256$1:").expect("one round of hashing");
    let (salt, rest) = rest.split_once('$').unwrap();
    let (stored, _) = rest.split_once(':').unwrap();
    let salt = [STANDARD.decode(salt).unwrap().as_slice(), &[0, 0, 0, 1]].concat();
    let salted = hmac(&prepared(password), &salt);
    STANDARD.encode(Sha256::digest(hmac(&salted, b"Client Key"))) == stored
}

fn compare(code_points: impl Iterator<Item = u32>) {
    let server = Server::shared(18);
    // The server tells libpq how many rounds to take.
    let conninfo = format!("{} options='-c scram_iterations=1'", server.conninfo("postgres"));
    let each = |c: char| [format!("{c}"), format!("I{c}"), format!("\u{5d0}{c}\u{5d0}")];
    let passwords = code_points.filter_map(char::from_u32).filter(|c| *c != '\0').flat_map(each);
    Libpq::load().verifiers(&conninfo, passwords, |password, verifier| {
        assert!(is_of(verifier, password), "{password:?} {}", password.escape_unicode());
    });
}

#[test]
fn s25_passwords_are_prepared_as_libpq_does_it() {
    // Where something happens, densely; the rest here and there. The sweep below takes all.
    let dense = (0..0x250).chain(0x2000..0x2100).chain(0xFE00..0xFE10).chain(0xFFF0..0x10000);
    let named =
        [0xAD, 0x34F, 0x6DD, 0x1680, 0x1806, 0x180E, 0x3000, 0x32FF, 0xFEFF, 0x1D173, 0xE0001, 0xE0020];
    let letters = (0x1_D6A0..0x1_D7D0).chain(0x2_F800..0x2_F810);
    compare(dense.chain(letters).chain(named).chain((0..0x11_0000).step_by(499)));
}

#[test]
#[ignore = "a minute, much more in a debug build: all code points"]
fn s25_all_passwords_are_prepared_as_libpq_does_it() {
    compare(0..0x11_0000);
}
