//! Prometheus's text format, version 0.0.4, read strictly: what `promtool check metrics` objects to is a panic here.

use std::collections::{HashMap, HashSet};

/// A metric as the text declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Family {
    help: String,
    kind: String,
}

/// What a text says.
#[derive(Debug)]
pub struct Metrics {
    families: HashMap<String, Family>,
    /// By name and labels.
    samples: HashMap<(String, Vec<(String, String)>), f64>,
}

impl Metrics {
    /// Reads a text, all of it.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut it = Self { families: HashMap::new(), samples: HashMap::new() };
        assert!(text.ends_with('\n'), "the last line ends too");
        let mut current = String::new();
        let mut ended = HashSet::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(head) = line.strip_prefix("# HELP ") {
                let (name, help) = head.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
                let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
                let kind = kind.unwrap_or_else(|| panic!("the type follows the help of {name}"));
                assert!(ended.insert(name.to_owned()), "{name} comes in one group");
                name.clone_into(&mut current);
                it.declare(name, help, kind);
            } else {
                let (name, labels, value) = sample(line);
                assert_eq!(name, current, "a sample stands below its own help and type: {line}");
                assert!(it.samples.insert((name, labels), value).is_none(), "twice: {line}");
            }
        }
        for name in it.families.keys() {
            assert!(it.samples.keys().any(|(of, _)| of == name), "{name} has no sample");
        }
        it
    }

    /// promtool's rules, and Prometheus's naming practices.
    fn declare(&mut self, name: &str, help: &str, kind: &str) {
        assert!(is_name(name, ":"), "{name}");
        assert!(name.starts_with("pgwalstream_"), "{name}");
        assert!(!help.is_empty() && !help.replace(r"\\", "").replace(r"\n", "").contains('\\'), "{help}");
        assert!(matches!(kind, "counter" | "gauge"), "{name} is a {kind}");
        assert_eq!(
            kind == "counter",
            name.ends_with("_total"),
            "counters, and only they, end in _total: {name}"
        );
        for reserved in ["_count", "_sum", "_bucket", "_info_total"] {
            assert!(!name.ends_with(reserved), "{name}");
        }
        for word in name.split('_') {
            let not_base =
                ["ms", "us", "milliseconds", "microseconds", "kilobytes", "mb", "kb", "percent", "minutes"];
            assert!(!not_base.contains(&word), "base units only: {name}");
            assert!(!["counter", "gauge", "histogram", "summary"].contains(&word), "{name} names its type");
        }
        assert_eq!(name, name.to_lowercase());
        let family = Family { help: help.into(), kind: kind.into() };
        assert!(self.families.insert(name.into(), family).is_none(), "{name} is declared once");
    }

    /// The value of a metric without labels.
    #[track_caller]
    pub fn plain(&self, name: &str) -> f64 {
        self.get(name, &[])
    }

    /// The value of a metric with these labels and no other.
    #[track_caller]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<_> = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        *self.samples.get(&(name.into(), wanted)).unwrap_or_else(|| panic!("no {name}{labels:?}"))
    }

    /// The names of all metrics that a set of labels has.
    pub fn names(&self, labels: &[(&str, &str)]) -> Vec<&str> {
        let wanted: Vec<_> = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let mut names: Vec<&str> = self
            .samples
            .keys()
            .filter(|(_, labels)| *labels == wanted)
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        names
    }
}

/// `name{key="value",…} number`, without a timestamp.
fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, ":"), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, after) =
                rest.split_once("=\"").unwrap_or_else(|| panic!("a label without a value: {line}"));
            assert!(is_name(key, "") && !key.starts_with("__"), "{line}");
            let mut value = String::new();
            let mut chars = after.chars();
            loop {
                match chars.next().unwrap_or_else(|| panic!("a label's value does not end: {line}")) {
                    '"' => break,
                    '\\' => value.push(match chars.next() {
                        Some('n') => '\n',
                        Some(it @ ('\\' | '"')) => it,
                        other => panic!("a wrong escape {other:?}: {line}"),
                    }),
                    it => value.push(it),
                }
            }
            assert!(labels.iter().all(|(known, _)| known != key), "the label {key} comes twice: {line}");
            labels.push((key.to_owned(), value));
            rest = chars.as_str();
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("neither , nor }}: {line}"));
        }
    }
    let number = rest.strip_prefix(' ').unwrap_or_else(|| panic!("a space before the value: {line}"));
    let value = number.parse().unwrap_or_else(|_| panic!("'{number}' is no number: {line}"));
    (name.to_owned(), labels, value)
}

fn is_name(name: &str, also: &str) -> bool {
    let mut chars = name.chars();
    let word = |c: char| c.is_ascii_alphabetic() || c == '_' || also.contains(c);
    chars.next().is_some_and(word) && chars.all(|c| word(c) || c.is_ascii_digit())
}
