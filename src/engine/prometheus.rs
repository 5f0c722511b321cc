//! All streams' counters in Prometheus's text format, version 0.0.4.
//!
//! A name, once released, is never given to anything else: dashboards hold on to it.

use std::fmt::{self, Write};

use super::registry;
use super::stats::Snapshot;
use crate::error::Result;

/// One metric of a stream. `name` comes without the prefix that all have, and without a counter's `_total`.
struct Metric {
    name: &'static str,
    help: &'static str,
    of: fn(&Snapshot) -> Value,
}

#[derive(Clone, Copy)]
enum Value {
    /// Only ever grows.
    Counter(u64),
    Gauge(u64),
    /// A gauge in microseconds, which is shown in seconds.
    Micros(i64),
}

const METRICS: &[Metric] = &[
    metric("events", "Events made ready for the program.", |at| Value::Counter(at.events)),
    metric("received_bytes", "Bytes received while streaming.", |at| Value::Counter(at.bytes_received)),
    metric("transactions", "Transactions received that have at least one event.", |at| {
        Value::Counter(at.transactions)
    }),
    metric("empty_transactions", "Transactions without a change, which are not delivered.", |at| {
        Value::Counter(at.empty_transactions)
    }),
    metric("batches", "Batches made ready for the program.", |at| Value::Counter(at.batches)),
    metric("wakeups", "Times the engine woke for this stream.", |at| Value::Counter(at.wakeups)),
    metric("reads", "Reads from the connection that gave data.", |at| Value::Counter(at.reads)),
    metric("reconnects", "Times the connection was made anew.", |at| Value::Counter(at.reconnects)),
    metric("status_updates", "Status updates sent to the server.", |at| Value::Counter(at.status_updates)),
    metric("keepalives", "Keepalives received from the server.", |at| Value::Counter(at.keepalives)),
    metric("ignored_aborts", "Stream Aborts of transactions that were never announced.", |at| {
        Value::Counter(at.ignored_aborts)
    }),
    metric("unknown_messages", "Messages of an unknown kind that were passed over.", |at| {
        Value::Counter(at.unknown_frames)
    }),
    metric("notices", "Notices and warnings from the server.", |at| Value::Counter(at.notices)),
    metric("gaps", "Notices that changes were skipped.", |at| Value::Counter(at.gaps)),
    metric("late_starts", "Starts before the slot's position, which began there instead.", |at| {
        Value::Counter(at.late_starts)
    }),
    metric("last_message_timestamp_seconds", "The server's clock in its last message, Unix time.", |at| {
        Value::Micros(match at.last_message_time {
            0 => 0,
            time => time.saturating_add(UNIX_EPOCH),
        })
    }),
    metric("received_position_bytes", "The end of what was received, an LSN as a number.", |at| {
        Value::Gauge(at.received_lsn)
    }),
    metric("delivered_position_bytes", "The highest LSN that the program was given to acknowledge.", |at| {
        Value::Gauge(at.delivered_lsn)
    }),
    metric("acknowledged_position_bytes", "The LSN that the program acknowledged.", |at| {
        Value::Gauge(at.acked_lsn)
    }),
    metric("reported_position_bytes", "The flush LSN last reported to the server.", |at| {
        Value::Gauge(at.reported_lsn)
    }),
    metric("confirmed_position_bytes", "The slot's confirmed LSN, as far as the stream knows.", |at| {
        Value::Gauge(at.confirmed_lsn)
    }),
    metric("server_position_bytes", "The server's LSN in its last message.", |at| {
        Value::Gauge(at.server_wal_end)
    }),
    metric("lag_bytes", "From what is known to be safe to the server's LSN in its last message.", |at| {
        Value::Gauge(at.lag_bytes)
    }),
    metric("lag_seconds", "Age of the oldest commit that was received and is not acknowledged.", |at| {
        Value::Micros(i64::try_from(at.lag_microseconds).unwrap_or(i64::MAX))
    }),
    metric("queue_bytes", "Memory of the batches that wait for the program.", |at| {
        Value::Gauge(at.queue_bytes)
    }),
    metric("held_batches", "Batches in the program's hands.", |at| Value::Gauge(at.batches_live)),
    metric("held_bytes", "Memory of the batches in the program's hands.", |at| Value::Gauge(at.live_bytes)),
    metric(
        "kept_transactions",
        "Streamed transactions that have not ended, or are being delivered (streaming=assembled).",
        |at| Value::Gauge(at.kept_transactions),
    ),
    metric("kept_bytes", "Memory that these take.", |at| Value::Gauge(at.kept_bytes)),
    metric("spilled_bytes", "How much of these is on disk.", |at| Value::Gauge(at.spilled_bytes)),
    metric("assembled_transactions", "Streamed transactions that ended and were delivered whole.", |at| {
        Value::Counter(at.assembled_transactions)
    }),
    metric("spilled_transactions", "Streamed transactions of which something went to disk.", |at| {
        Value::Counter(at.spilled_transactions)
    }),
    metric(
        "rolled_back_parts",
        "Subtransactions of streamed transactions that were rolled back and cut out.",
        |at| Value::Counter(at.rolled_back_parts),
    ),
    metric(
        "rolled_back_bytes",
        "What of streamed transactions was received and thrown away since it was rolled back, in bytes.",
        |at| Value::Counter(at.rolled_back_bytes),
    ),
    metric(
        "prepared_transactions",
        "Prepared transactions that are held until their fate is known (two_phase=join).",
        |at| Value::Gauge(at.prepared_transactions),
    ),
    metric("prepared_age_seconds", "How long ago the oldest of these was prepared.", |at| {
        Value::Micros(i64::try_from(at.prepared_microseconds).unwrap_or(i64::MAX))
    }),
];

/// From 1970-01-01 to 2000-01-01 in microseconds.
const UNIX_EPOCH: i64 = 946_684_800_000_000;

/// Every metric of every stream of the process.
pub fn prometheus() -> Result<String> {
    let streams = registry::snapshots()?;
    let mut text = String::with_capacity(1024 + streams.len() * METRICS.len() * 96);
    let _ = write_all(&mut text, &streams);
    Ok(text)
}

fn write_all(text: &mut String, streams: &[(String, Snapshot)]) -> fmt::Result {
    head(text, "build_info", "The library's version; always 1.", "gauge")?;
    writeln!(text, "pgwalstream_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
    head(text, "streams", "Streams of this process.", "gauge")?;
    writeln!(text, "pgwalstream_streams {}", streams.len())?;
    let labels: Vec<String> = streams
        .iter()
        .map(|(slot, at)| format!("{{stream=\"{}\",slot=\"{}\"}}", at.stream_id, escaped(slot)))
        .collect();
    for metric in METRICS {
        for (number, ((_, at), labels)) in streams.iter().zip(&labels).enumerate() {
            let value = (metric.of)(at);
            let (kind, suffix) = match value {
                Value::Counter(_) => ("counter", "_total"),
                Value::Gauge(_) | Value::Micros(_) => ("gauge", ""),
            };
            if number == 0 {
                head(text, &format!("{}{suffix}", metric.name), metric.help, kind)?;
            }
            write!(text, "pgwalstream_{}{suffix}{labels} ", metric.name)?;
            match value {
                Value::Counter(n) | Value::Gauge(n) => writeln!(text, "{n}")?,
                Value::Micros(n) => {
                    let sign = if n < 0 { "-" } else { "" };
                    let n = n.unsigned_abs();
                    writeln!(text, "{sign}{}.{:06}", n / 1_000_000, n % 1_000_000)?;
                }
            }
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) -> fmt::Result {
    writeln!(text, "# HELP pgwalstream_{name} {help}\n# TYPE pgwalstream_{name} {kind}")
}

/// A label's value: what would end it, or the line, is escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

const fn metric(name: &'static str, help: &'static str, of: fn(&Snapshot) -> Value) -> Metric {
    Metric { name, help, of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_any_name_stays_inside_its_label() {
        let snapshot =
            Snapshot { stream_id: 7, events: 3, lag_microseconds: 1_500_000, ..Snapshot::default() };
        let mut text = String::new();
        write_all(&mut text, &[("a\\b\"c\nd".into(), snapshot)]).unwrap();
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
