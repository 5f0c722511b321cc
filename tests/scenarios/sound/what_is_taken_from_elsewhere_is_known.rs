//! What the project takes from elsewhere is known by its sum, looked over, and no more than is used: S62 to S65.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Sums that come from where the file does say nothing.
#[test]
fn s62_what_the_scripts_fetch_is_known_by_its_sum() {
    let common = text("script/lib/common.sh");
    for machine in ["amd64", "arm64"] {
        let sum = common.lines().find_map(|line| line.strip_prefix(&format!("go_sum_{machine}=")));
        let sum = sum.unwrap_or_else(|| panic!("no sum for Go on {machine}"));
        assert!(sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{sum}");
    }
    assert!(common.contains("sha256sum --check"), "the sum of Go is not looked at");
    let servers = text("script/servers");
    let words = servers.split(|c: char| !c.is_ascii_hexdigit());
    assert!(words.filter(|word| word.len() == 64).count() >= 6, "script/servers does not pin each server");
}

/// 29 packages for one MD5 sum. Tests have them by their client.
#[test]
fn s63_no_crate_of_the_library_serves_one_call() {
    let manifest = text("Cargo.toml");
    let library = manifest.split_once("[dev-dependencies]").map_or(&*manifest, |(before, _)| before);
    for gone in ["postgres-protocol", "postgres =", "tokio-postgres"] {
        assert!(!library.contains(gone), "{gone} is back");
    }
}

/// What TLS negotiation and certificates are fed has its targets, and they have inputs.
#[test]
fn s64_tls_is_fuzzed() {
    let of = |folder: &str| -> BTreeSet<String> {
        let names = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let (targets, corpora) = (of("fuzz/fuzz_targets"), of("fuzz/corpus"));
    assert_eq!(targets, corpora, "each target has inputs that are kept");
    assert!(targets.contains("negotiation") && targets.contains("certificate"), "{targets:?}");
}

#[test]
fn s65_advisories_are_looked_for_every_night() {
    let nightly = text(".github/workflows/nightly.yml");
    assert!(
        nightly.contains("deny") && nightly.contains("DENY_ADVISORIES"),
        "the nightly run looks for none"
    );
    assert!(text("deny.toml").contains("[advisories]"));
    assert!(text("script/lib/gate.sh").contains("check advisories"));
}
