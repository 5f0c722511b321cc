//! Whether the server counts a walsender among its synchronous standbys, by whose reports its commits wait.
//!
//! It must never take a list that it does not understand for an empty one without matching the name in it.

/// Whether `synchronous_standby_names`, as the server shows it, names `application_name` (SyncRepGetStandbyPriority): `*`
/// is everybody, case does not matter, and a number or FIRST or ANY may stand before the list (syncrep_gram.y).
pub fn is_synchronous(names: &str, application_name: &str) -> bool {
    let list = match names.split_once('(') {
        Some((_, list)) => list.trim_end().trim_end_matches(')'),
        None => names,
    };
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        let (name, behind) = name(rest);
        if name == "*" || name.eq_ignore_ascii_case(application_name) {
            return true;
        }
        rest = behind.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    false
}

/// A name, in double quotes or not, and what is behind it.
fn name(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (name.to_owned(), rest);
    };
    let mut name = String::new();
    while let Some((part, behind)) = rest.split_once('"') {
        name.push_str(part);
        let Some(next) = behind.strip_prefix('"') else { return (name, behind) };
        name.push('"');
        rest = next;
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s26_every_form_of_the_list_is_understood() {
        for (names, is) in [
            ("", false),
            ("*", true),
            ("a, pgwalstream", true),
            ("PGWalStream", true),
            ("other", false),
            ("FIRST 2 (s1, s2)", false),
            ("FIRST 2 (s1, \"pgwalstream\")", true),
            ("ANY 1 (*)", true),
            ("2(s1,pgwalstream)", true),
            ("\"pg\"\"x\", \"*\"", true),
            ("\"pgwalstream, s\"", false),
        ] {
            assert_eq!(is_synchronous(names, "pgwalstream"), is, "{names}");
        }
    }
}
