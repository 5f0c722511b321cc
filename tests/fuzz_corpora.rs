//! Every input that fuzzing has kept, through its target once more: what was found stays mended. Fuzzing itself is
//! `script/fuzz`. S64: what TLS negotiation and certificates are fed is among them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that cannot go on panics"
)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Runs a target over its corpus.
#[track_caller]
fn all(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let mut input = fs::read(&path).unwrap();
        // Under Miri (script/miri) the beginning of each has to do.
        input.truncate(if cfg!(miri) { 300 } else { usize::MAX });
        run(&input);
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

macro_rules! corpora {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                all(stringify!($name), targets::$name::run);
            }
        )*

        #[test]
        fn no_target_is_left_out() {
            let mut names: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets"))
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            names.sort();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

corpora! { capture certificate conninfo decoder_api negotiation pgoutput record startup wire }
