//! The options as a Markdown table, for the README; a test keeps the README equal to it.

use std::fmt::Write;

use super::TABLE;

/// One row for each option, in the order of the table.
pub fn markdown() -> String {
    let mut out = String::from("| option | takes | default | what it does |\n|---|---|---|---|\n");
    for spec in TABLE {
        let code = |text: &str| {
            if text.is_empty() { String::new() } else { format!("`{}`", text.replace('|', "\\|")) }
        };
        let range = spec.kind.range().replace(" | ", ", ");
        let takes = if range.is_empty() {
            spec.kind.name().to_owned()
        } else {
            format!("{}: {range}", spec.kind.name())
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{}` | {takes} | {} | {} |", spec.name, code(spec.default), spec.sentence);
    }
    out
}

#[cfg(test)]
mod tests {
    /// `UPDATE_README=1 cargo test` writes the table instead.
    #[test]
    fn the_readme_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) =
            readme.split_once("<!-- options -->\n").expect("README.md has the opening marker");
        let (table, after) =
            rest.split_once("<!-- end of options -->").expect("README.md has the closing marker");
        let wanted = super::markdown();
        if std::env::var_os("UPDATE_README").is_some() {
            let new = format!("{before}<!-- options -->\n{wanted}<!-- end of options -->{after}");
            std::fs::write(path, new).unwrap();
        } else {
            assert_eq!(table, wanted, "run UPDATE_README=1 cargo test the_readme_has_this_table");
        }
    }
}
