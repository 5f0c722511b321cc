//! `pgwalstream capture`: what a server sends, kept for a replay. It must never print the changes, nor acknowledge what was not
//! asked for.

use pgwalstream::{AckMode, Options, Progress};

use crate::args::Capture;
use crate::lines::is_change;
use crate::metrics::Metrics;
use crate::progress::{self, Shown};
use crate::signals::Signals;
use crate::source::{Ready, connect};
use crate::trouble::{Trouble, note};

pub async fn run(options: Options, capture: Capture, is_quiet: bool) -> Result<(), Trouble> {
    let metrics = Metrics::serve(&capture.serving)?;
    let mut options = options.set("capture_file", &capture.output).ack(AckMode::Manual);
    if let Some(rotate) = &capture.rotate {
        options = options.set("capture_rotate", rotate);
    }
    if !acknowledges(&capture) {
        options = options.progress(Progress::Acknowledged);
    }
    if let Some(lsn) = capture.ends.until_lsn {
        options = options.stop_lsn(lsn);
    }
    let mut signals = Signals::new()?;
    let ready = capture.source.prepare(&options, &mut signals).await?;
    let streamed = stream(&ready, &capture, &metrics, Shown::new(is_quiet), &mut signals).await;
    let counted = match &streamed {
        Ok(changes) if !is_quiet => Some(*changes),
        _ => None,
    };
    ready.end(streamed.map(drop), &mut signals).await?;
    if let Some(changes) = counted {
        note(format_args!("captured {changes} changes"));
    }
    Ok(())
}

/// A temporary slot is nobody else's: there is nothing to keep, and it would hold the server's WAL back.
fn acknowledges(capture: &Capture) -> bool {
    capture.acknowledge || capture.source.slot.is_none()
}

/// How many changes came until one of the ends that were asked for, or a signal.
async fn stream(
    ready: &Ready,
    capture: &Capture,
    metrics: &Metrics,
    mut shown: Shown,
    signals: &mut Signals,
) -> Result<u64, Trouble> {
    let Some(mut stream) = connect(&ready.options(), signals).await? else { return Ok(0) };
    metrics.watch(stream.acker());
    let mut changes = 0;
    let end = async {
        match capture.ends.timeout {
            Some(most) => tokio::time::sleep(most).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        let batch = tokio::select! {
            batch = stream.next_batch() => batch,
            () = signals.wait() => break,
            () = &mut end => break,
            () = shown.wait() => {
                shown.show(&progress::of_stream(changes, &stream.stats()));
                continue;
            }
        };
        let Some(batch) = batch.map_err(|error| capture.source.ended(error))? else { break };
        changes += batch.iter().filter(|event| is_change(*event)).count() as u64;
        if acknowledges(capture) {
            stream.ack(batch.ack_lsn())?;
        }
        if capture.ends.count.is_some_and(|most| changes >= most) && batch.ack_lsn().is_some() {
            break;
        }
    }
    shown.end();
    stream.close().await?;
    Ok(changes)
}
