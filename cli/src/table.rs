//! Columns of text, as wide as what stands in them.

use std::fmt::Write;

/// Rows under a heading; numbers stand to the right.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([name.len()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let heading: Vec<String> = heading.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let is_number = cell.starts_with(|first: char| first.is_ascii_digit()) && !cell.contains('/');
            let _ =
                if is_number { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Bytes as people read them: `1.5 MB`, by 1024.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (bytes as f64, "bytes");
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = [vec!["a".to_owned(), "17".to_owned()], vec!["longer".to_owned(), "1800".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), "name    n\na         17\nlonger  1800\n");
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!([0, 1023, 1536, 3 << 30].map(size), ["0 bytes", "1023 bytes", "1.5 kB", "3.0 GB"]);
    }
}
