//! Connection strings and URIs: read, completed, and never shown with their secrets.
use std::hint::black_box;

use pgwalstream::conninfo::{self, Conninfo};

/// One input.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let pairs = conninfo::pairs(text);
    if let Err(error) = &pairs {
        assert!(!error.message().is_empty() && !error.is_retriable());
        assert!(Conninfo::parse(text).is_err(), "what cannot be taken apart cannot be completed");
        return;
    }
    // Files are none of this target's business.
    if pairs.iter().flatten().any(|(name, _)| name.ends_with("file") || *name == "service") {
        return;
    }
    let Ok(read) = Conninfo::parse(text) else { return };
    assert!(!read.hosts().is_empty() && !read.user().is_empty());
    let shown = format!("{read:?}");
    for host in read.hosts() {
        assert!(host.port() > 0);
        let secret = read.password(host).unwrap_or_default();
        // One that is a word of something else too is seen there.
        if secret.len() > 5 && text.matches(secret).count() == 1 {
            assert!(!shown.contains(secret), "the password is shown");
        }
    }
    black_box(shown);
}
