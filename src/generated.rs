//! Text that is made from a table and committed, so that it can be read without building. A test keeps it equal to what
//! the table gives; `UPDATE_DOCS=1 cargo test --all-features --lib documents` writes it instead.

use std::path::PathBuf;

/// A whole file is this.
pub fn file(path: &str, wanted: &str) {
    let full = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let found = std::fs::read_to_string(&full).unwrap_or_default();
    if std::env::var_os("UPDATE_DOCS").is_some() && found != wanted {
        std::fs::write(full, wanted).unwrap();
        return;
    }
    assert!(
        found == wanted,
        "{path} is not what the table gives: run UPDATE_DOCS=1 cargo test --all-features --lib documents"
    );
}

/// The lines of a file behind the one that holds `begin`, up to the next one that starts with `end`, are these.
pub fn region(path: &str, begin: &str, end: &str, wanted: &str) {
    let full = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let found = std::fs::read_to_string(full).unwrap();
    let (before, rest) = found.split_once(begin).unwrap_or_else(|| panic!("{path} has no line {begin:?}"));
    let (of_line, rest) = rest.split_once('\n').unwrap();
    let old: usize = rest.split_inclusive('\n').take_while(|line| !line.starts_with(end)).map(str::len).sum();
    assert!(old < rest.len(), "{path} has no line {end:?} behind {begin:?}");
    file(path, &format!("{before}{begin}{of_line}\n{wanted}{}", &rest[old..]));
}

/// A text in lines of at most `width` characters, each behind `prefix`.
pub fn wrapped(text: &str, prefix: &str, width: usize) -> String {
    let mut lines = vec![String::from(prefix)];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        let is_empty = last.len() == prefix.len();
        if !is_empty && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(format!("{prefix}{word}"));
        } else {
            last.push_str(if is_empty { "" } else { " " });
            last.push_str(word);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
