//! All streams' statistics in Prometheus's text format, version 0.0.4. It must never name a metric that the table does not.

use std::fmt::{self, Write};

use super::registry;
use crate::error::Result;
use crate::statistics::{Counters, Statistic, TABLE, Unit};

/// From 1970-01-01 to 2000-01-01 in microseconds.
const UNIX_EPOCH: i128 = 946_684_800_000_000;

/// Every metric of every stream of the process.
pub fn prometheus() -> Result<String> {
    let streams = registry::counters()?;
    let mut text = String::with_capacity(1024 + streams.len() * TABLE.len() * 96);
    let _ = write_all(&mut text, &streams);
    Ok(text)
}

fn write_all(text: &mut String, streams: &[(String, Counters)]) -> fmt::Result {
    head(text, "build_info", "The library's version; always 1.", "gauge")?;
    writeln!(text, "pgwalstream_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    head(text, "streams", "Streams of this process.", "gauge")?;
    writeln!(text, "pgwalstream_streams {}", streams.len())?;
    let labels: Vec<String> = streams
        .iter()
        .map(|(slot, at)| format!("{{stream=\"{}\",slot=\"{}\"}}", at.stream_id, escaped(slot)))
        .collect();
    for it in TABLE.iter().filter(|it| !it.metric.is_empty()) {
        let (kind, suffix) = if it.unit == Unit::Count { ("counter", "_total") } else { ("gauge", "") };
        let name = format!("{}{suffix}", it.metric);
        for (number, ((_, at), labels)) in streams.iter().zip(&labels).enumerate() {
            if number == 0 {
                head(text, &name, &help(it), kind)?;
            }
            write!(text, "pgwalstream_{name}{labels} ")?;
            let value = it.of(at);
            match it.unit {
                Unit::Count | Unit::Gauge | Unit::Number | Unit::Lsn => writeln!(text, "{value}")?,
                Unit::Micros => seconds(text, value)?,
                Unit::Time => seconds(text, if value == 0 { 0 } else { value + UNIX_EPOCH })?,
            }
        }
    }
    Ok(())
}

/// A metric has no type that tells what its number is.
fn help(it: &Statistic) -> String {
    let unit = match it.unit {
        Unit::Lsn => " An LSN as a number.",
        Unit::Time => " Unix time.",
        Unit::Count | Unit::Gauge | Unit::Number | Unit::Micros => "",
    };
    format!("{}{unit}", it.help())
}

/// Microseconds in seconds.
fn seconds(text: &mut String, micros: i128) -> fmt::Result {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    writeln!(text, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(text, "# HELP pgwalstream_{name} {help}\n# TYPE pgwalstream_{name} {kind}")
}

/// A label's value: what would end it, or the line, is escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_any_name_stays_inside_its_label() {
        let counters =
            Counters { stream_id: 7, events: 3, lag_microseconds: 1_500_000, ..Counters::default() };
        let mut text = String::new();
        write_all(&mut text, &[("a\\b\"c\nd".into(), counters)]).unwrap();
        let labels = r#"{stream="7",slot="a\\b\"c\nd"}"#;
        assert!(text.contains(&format!("\npgwalstream_events_total{labels} 3\n")), "{text}");
        assert!(text.contains(&format!("\npgwalstream_lag_seconds{labels} 1.500000\n")), "{text}");
        assert!(text.contains(&format!("\npgwalstream_last_message_timestamp_seconds{labels} 0.000000\n")));
    }

    #[test]
    fn without_streams_there_is_the_library_itself() {
        let mut text = String::new();
        write_all(&mut text, &[]).unwrap();
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2, "{text}");
    }
}
