//! The name nearest to one that is not known: a hint for who mistyped.
//!
//! It must never decide anything.

use super::parameter;

/// The parameter whose name is nearest.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    among(name, parameter::TABLE.iter().map(|row| row.name))
}

/// The name that takes the fewest changes to reach, if they are few for its length.
pub fn among<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 3 + 1).min(4);
    if name.len() > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for known in names.filter(|known| known.len() <= 64) {
        let cost = distance(name.as_bytes(), known.as_bytes());
        if cost <= limit && best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, known));
        }
    }
    best.map(|(_, name)| name)
}

/// How many bytes have to be inserted, deleted or changed (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, above) in to.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(!a.eq_ignore_ascii_case(b))).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_found_and_noise_is_not() {
        for (typed, meant) in [
            ("hots", Some("host")),
            ("database", None),
            ("db_name", Some("dbname")),
            ("pasword", Some("password")),
            ("USER", Some("user")),
            ("aplication_name", Some("application_name")),
            ("ssl_mode", Some("sslmode")),
            ("zzzzzz", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(nearest(&"x".repeat(10_000)), None);
    }
}
