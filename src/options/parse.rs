//! The forms that option values take. Each knows how to check a text and how to say what it accepts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::lsn::Lsn;
use crate::position::Position;

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A slot's name.
    SlotName,
    /// SQL identifiers separated by commas.
    Names,
    /// Names and values: `a=b, c='d, e'`.
    Pairs,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// on or off.
    Switch,
    /// on, off, or one of these words.
    SwitchOr(&'static [&'static str]),
    /// A position in the WAL.
    Lsn,
    /// How far a program has come.
    Position,
    /// Bytes in base64.
    Base64,
    /// A number of things.
    Count {
        /// The smallest accepted.
        least: u64,
        /// The largest accepted.
        most: u64,
    },
    /// A number of bytes; kB, MB and GB (powers of 1024) are understood.
    Size {
        /// The smallest accepted.
        least: u64,
        /// The largest accepted.
        most: u64,
    },
    /// A number of bytes, or a time; its unit says which.
    SizeOrTime {
        /// The smallest size accepted, in bytes.
        least_size: u64,
        /// The shortest time accepted, in milliseconds.
        least_time: u64,
    },
    /// A time in milliseconds; ms, s, min and h are understood.
    Duration {
        /// The shortest accepted, in milliseconds.
        least: u64,
        /// The longest accepted, in milliseconds.
        most: u64,
    },
}

impl Kind {
    /// One word for the documentation's table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text | Self::SlotName => "text",
            Self::Names => "names",
            Self::Pairs => "pairs",
            Self::Choice(_) => "choice",
            Self::Switch => "switch",
            Self::SwitchOr(_) => "choice",
            Self::Lsn => "LSN",
            Self::Position => "position",
            Self::Base64 => "base64",
            Self::Count { .. } => "count",
            Self::Size { .. } => "size",
            Self::SizeOrTime { .. } => "size or duration",
            Self::Duration { .. } => "duration",
        }
    }

    /// What is accepted.
    pub fn range(self) -> String {
        match self {
            Self::Text => String::new(),
            Self::SlotName => "a-z, 0-9, _".into(),
            Self::Names => "a, \"B c\"".into(),
            Self::Pairs => "a=b, c='d, e'".into(),
            Self::Choice(words) => words.join(" | "),
            Self::Switch => "on | off".into(),
            Self::SwitchOr(words) => format!("on | off | {}", words.join(" | ")),
            Self::Lsn => "XXXXXXXX/XXXXXXXX".into(),
            Self::Position => "system:timeline:commit:sequence:end".into(),
            Self::Base64 => String::new(),
            Self::Count { least, most } => format!("{least} to {most}"),
            Self::Size { least, most } => format!("{} to {}", show_size(least), show_size(most)),
            Self::SizeOrTime { least_size, least_time } => format!(
                "0, from {} (kB, MB, GB), or from {} (s, min, h)",
                show_size(least_size),
                show_millis(least_time)
            ),
            Self::Duration { least, most } => {
                format!("{} to {} (ms, s, min, h; a bare number: ms)", show_millis(least), show_millis(most))
            }
        }
    }

    /// What a value must be, behind "expected" in an error's sentence.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::SlotName => "1 to 63 lower-case letters, digits and underscores".into(),
            Self::Names => "names separated by commas".into(),
            Self::Pairs => "pairs of name=value separated by commas".into(),
            Self::Choice([others @ .., last]) if !others.is_empty() => {
                format!("{} or {last}", others.join(", "))
            }
            Self::Choice(words) => words.concat(),
            Self::Switch => "on or off".into(),
            Self::SwitchOr(words) => format!("on, off or {}", words.join(" or ")),
            Self::Lsn => "an LSN such as 0/16B3748".into(),
            Self::Base64 => "bytes in base64".into(),
            Self::Position => "a position such as 7560123456789012345:1:0/16B3748:3:0/0".into(),
            Self::Count { .. } | Self::Size { .. } | Self::SizeOrTime { .. } | Self::Duration { .. } => {
                self.range()
            }
        }
    }

    /// Whether a value is taken; if not, what more there is to say than what was expected.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        let within = |number: Option<u64>, least: u64, most: u64| match number {
            Some(n) if (least..=most).contains(&n) => Ok(()),
            _ => Err(String::new()),
        };
        match self {
            Self::Text => {
                if text.contains('\0') {
                    Err("it holds a NUL".into())
                } else {
                    Ok(())
                }
            }
            Self::SlotName => slot_name(text).map_err(|_| String::new()),
            Self::Names => names(text).map(drop),
            Self::Pairs => pairs(text).map(drop),
            Self::Choice(words) => {
                if words.contains(&text) {
                    Ok(())
                } else {
                    Err(String::new())
                }
            }
            Self::SwitchOr(words) if words.contains(&text) => Ok(()),
            Self::Switch | Self::SwitchOr(_) => switch(text).map(drop).ok_or_else(String::new),
            Self::Lsn => text.parse::<Lsn>().map(drop).map_err(|_| String::new()),
            Self::Position => text.parse::<Position>().map(drop).map_err(|_| String::new()),
            Self::Base64 => base64(text).map(drop).ok_or_else(String::new),
            Self::Count { least, most } => within(text.parse().ok(), least, most),
            Self::Size { least, most } => within(size(text), least, most),
            Self::SizeOrTime { least_size, least_time } => match (size(text), millis(text)) {
                (Some(0), _) | (_, Some(0)) => Ok(()),
                // A bare number would be either.
                (Some(_), Some(_)) => Err(String::new()),
                (bytes, None) => within(bytes, least_size, u64::MAX),
                (None, time) => within(time, least_time, u64::MAX),
            },
            Self::Duration { least, most } => within(millis(text), least, most),
        }
    }
}

/// PostgreSQL's own rule (ReplicationSlotValidateName), so that a mistyped name is found before any server is asked.
pub fn slot_name(text: &str) -> Result<(), String> {
    let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match text.len() {
        1..=63 if fits => Ok(()),
        _ => Err("1 to 63 lower-case letters, digits and underscores".into()),
    }
}

/// `on` or `off`, with the words that PostgreSQL takes for them.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A number, with an optional unit of PostgreSQL's (powers of 1024).
pub(super) fn size(text: &str) -> Option<u64> {
    number_with_unit(
        text,
        &[
            ("", 1),
            ("B", 1),
            ("kB", 1 << 10),
            ("KiB", 1 << 10),
            ("MB", 1 << 20),
            ("MiB", 1 << 20),
            ("GB", 1 << 30),
            ("GiB", 1 << 30),
        ],
    )
}

/// The bytes that a text in base64 stands for.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Milliseconds, with an optional unit.
pub(super) fn millis(text: &str) -> Option<u64> {
    number_with_unit(text, &[("", 1), ("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)])
}

/// `millis` as a `Duration`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    millis(text).map(Duration::from_millis)
}

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor)?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn show_size(bytes: u64) -> String {
    let unit = [("GB", 30), ("MB", 20), ("kB", 10)]
        .into_iter()
        .find(|(_, bits)| bytes > 0 && bytes.is_multiple_of(1 << bits));
    unit.map_or_else(|| bytes.to_string(), |(name, bits)| format!("{}{name}", bytes >> bits))
}

fn show_millis(millis: u64) -> String {
    let unit = [("h", 3_600_000), ("min", 60_000), ("s", 1000)]
        .into_iter()
        .find(|(_, of)| millis > 0 && millis.is_multiple_of(*of));
    unit.map_or_else(|| format!("{millis}ms"), |(name, of)| format!("{}{name}", millis / of))
}

/// Splits a list of SQL identifiers: plain ones are folded to lower case, quoted ones kept, `""` is a quote.
pub(super) fn names(text: &str) -> Result<Vec<String>, String> {
    Ok(name_list(text, Dots::Ordinary)?.into_iter().flatten().collect())
}

/// Splits a list of SQL identifiers that may be qualified: `a, schema.b`.
pub fn qualified_names(text: &str) -> Result<Vec<Vec<String>>, String> {
    name_list(text, Dots::Separate)
}

/// What a dot outside quotes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dots {
    Ordinary,
    Separate,
}

fn name_list(text: &str, dots: Dots) -> Result<Vec<Vec<String>>, String> {
    let mut rest = text.trim_start();
    let mut found = Vec::new();
    let mut parts = Vec::new();
    loop {
        let (name, after) = identifier(rest, dots)?;
        if name.is_empty() {
            return Err("a name is empty".into());
        }
        if name.contains('\0') || name.len() > 63 {
            return Err("a name is at most 63 bytes long".into());
        }
        parts.push(name);
        if dots == Dots::Separate
            && let Some(next) = after.strip_prefix('.')
        {
            rest = next;
            continue;
        }
        if parts.len() > 2 {
            return Err("a name has at most a schema before it".into());
        }
        found.push(std::mem::take(&mut parts));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if rest.is_empty() => return Ok(found),
            None => {
                return Err(
                    "names are separated by commas, and quoted where they hold special characters".into()
                );
            }
        }
    }
}

/// Splits a list of `name=value`. In single quotes a value holds anything; there `''` is a quote.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = text.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or("a name has no \"=\" behind it")?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '\'' | '\0')) {
            return Err("a name is empty or holds spaces, commas or quotes".into());
        }
        let (value, after) = pair_value(after.trim_start())?;
        found.push((name.to_owned(), value));
        rest = after.trim_start();
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start();
            if rest.is_empty() {
                return Err("a comma stands at the end".into());
            }
        } else if !rest.is_empty() {
            return Err("pairs are separated by commas".into());
        }
    }
    Ok(found)
}

fn pair_value(text: &str) -> Result<(String, &str), String> {
    let Some(mut rest) = text.strip_prefix('\'') else {
        let end = text.find(',').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        if value.contains(['\'', '\0']) {
            return Err("a value that holds quotes stands in quotes".into());
        }
        return Ok((value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    loop {
        let (part, after) = rest.split_once('\'').ok_or("a quote is not closed")?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(next) => {
                value.push('\'');
                rest = next;
            }
            None if value.contains('\0') => return Err("a value holds a NUL".into()),
            None => return Ok((value, after)),
        }
    }
}

fn identifier(text: &str, dots: Dots) -> Result<(String, &str), String> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let ends =
            |c: char| matches!(c, ',' | '"') || c.is_whitespace() || c == '.' && dots == Dots::Separate;
        let end = text.find(ends).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return Ok((name.to_ascii_lowercase(), rest));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"').ok_or("a double quote is not closed")?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Ok((name, after)),
        }
    }
}

/// A connection string with every password replaced. Works on the text, since it may not be parseable.
pub(super) fn without_secrets(conninfo: &str) -> String {
    match crate::conninfo::Conninfo::redacted_text(conninfo) {
        Ok(shown) => shown,
        Err(_) => "(a connection string that cannot be parsed)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_sql_does() {
        for (text, expected) in [
            ("a", vec!["a"]),
            ("A,b , c", vec!["a", "b", "c"]),
            (r#""A b","c""d","e,f""#, vec!["A b", "c\"d", "e,f"]),
            ("\"\u{e4}\"", vec!["\u{e4}"]),
        ] {
            assert_eq!(names(text).unwrap(), expected, "{text}");
        }
        for bad in ["", ",", "a,", ",a", "a b", r#""a"#, r#""""#, r#"a"b""#, "\"\0\""] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_are_split_at_commas_outside_quotes() {
        for (text, expected) in [
            ("", vec![]),
            ("include-xids=0", vec![("include-xids", "0")]),
            (" a = b c ,c='d, ''e'' f' ", vec![("a", "b c"), ("c", "d, 'e' f")]),
            ("a=,b=''", vec![("a", ""), ("b", "")]),
        ] {
            let found = pairs(text).unwrap();
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
        for bad in ["a", "=b", "a=b,", "a='b", "a='b'c", "a b=c", "a=b'c", "a=b,,c=d", "a='\0'"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(size("4MB"), Some(4 << 20));
        assert_eq!(size("12"), Some(12));
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("2 min"), Some(120_000));
        for bad in ["", "x", "-1", "1.5s", "1 parsec", "99999999999999999999", "99999999999GB"] {
            assert_eq!((size(bad), millis(bad)), (None, None), "{bad}");
        }
    }
}
