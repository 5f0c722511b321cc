//! The crate pg_walstream, every message decoded, every value looked at: `next_event`, or the `Stream` as the fifth
//! argument says. On tokio's multi-thread runtime, as its own load test runs it.
//!
//! pg_walstream PORT SLOT off|on count|latency next|stream

use std::env;
use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use pg_walstream::{
    CancellationToken, ChangeEvent, EventType, LogicalReplicationStream, ReplicationStreamConfig,
    RetryConfig, RowData, StreamingMode,
};

#[derive(Default)]
struct Counts {
    events: u64,
    rows: u64,
    bytes: u64,
    finish: bool,
    latencies: Option<Vec<u32>>,
}

fn lengths(row: &RowData) -> u64 {
    row.iter().map(|(_, value)| value.as_bytes().len() as u64).sum()
}

impl Counts {
    fn row(&mut self, table: &str, new: Option<&RowData>, old: Option<&RowData>) {
        self.events += 1;
        self.rows += 1;
        self.bytes += new.map_or(0, lengths) + old.map_or(0, lengths);
        self.finish = table == "finish";
        if let (Some(latencies), Some(made)) = (&mut self.latencies, new.and_then(|new| new.get("made"))) {
            let made = made.as_bytes().try_into().map_or(0, i64::from_be_bytes);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_micros() as i64);
            latencies.push((now - made).clamp(0, i64::from(u32::MAX)) as u32);
        }
    }

    /// Says whether the event was the last.
    fn see(&mut self, event: &ChangeEvent) -> bool {
        match &event.event_type {
            EventType::Begin { .. } => self.events += 1,
            EventType::Commit { .. } | EventType::StreamCommit { .. } => {
                self.events += 1;
                return self.finish;
            }
            EventType::Insert { table, data, .. } => self.row(table, Some(data), None),
            EventType::Update { table, old_data, new_data, .. } => {
                self.row(table, Some(new_data), old_data.as_ref());
            }
            EventType::Delete { table, old_data, .. } => self.row(table, None, Some(old_data)),
            _ => {}
        }
        false
    }

    fn report(self) {
        let Self { events, rows, bytes, latencies, .. } = self;
        let mut line = format!("{{\"events\":{events},\"rows\":{rows},\"bytes\":{bytes}");
        if let Some(mut us) = latencies.filter(|us| !us.is_empty()) {
            us.sort_unstable();
            let last = us.len() - 1;
            let at = |share: f64| us[(last as f64 * share) as usize];
            line += &format!(
                ",\"samples\":{},\"p50\":{},\"p99\":{},\"p999\":{},\"max\":{}",
                us.len(),
                us[last / 2],
                at(0.99),
                at(0.999),
                us[last]
            );
        }
        println!("{line}}}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = env::args().skip(1).collect();
    let [port, slot, streaming, task, api] = given.as_slice() else {
        return Err("usage: pg_walstream PORT SLOT off|on count|latency next|stream".into());
    };
    let (version, mode) = if streaming == "on" { (2, StreamingMode::On) } else { (1, StreamingMode::Off) };
    let sslmode = env::var("PEERS_SSLMODE").unwrap_or_else(|_| "disable".into());
    let conninfo =
        format!("postgresql://postgres@127.0.0.1:{port}/postgres?replication=database&sslmode={sslmode}");
    let config = ReplicationStreamConfig::new(
        slot.clone(),
        "peers".into(),
        version,
        mode,
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        RetryConfig::default(),
    )
    .with_binary(true);
    let mut stream = LogicalReplicationStream::new(&conninfo, config).await?;
    stream.start(None).await?;
    let mut events = stream.into_stream(CancellationToken::new());
    let mut counts =
        Counts { latencies: (task == "latency").then(|| Vec::with_capacity(1 << 16)), ..Counts::default() };
    if api == "stream" {
        while let Some(event) = events.next().await {
            let event = event?;
            let done = counts.see(&event);
            if matches!(event.event_type, EventType::Commit { .. }) {
                events.update_applied_lsn(event.lsn);
            }
            if done {
                break;
            }
        }
    } else {
        loop {
            let event = events.next_event().await?;
            let done = counts.see(&event);
            if matches!(event.event_type, EventType::Commit { .. }) {
                events.update_applied_lsn(event.lsn);
            }
            if done {
                break;
            }
        }
    }
    counts.report();
    // Saying good-bye is not what is measured; the walsender notices.
    std::process::exit(0)
}
