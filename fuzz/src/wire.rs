//! The bytes of a connection in COPY mode, cut anywhere: framing, what stands beside the data, positions, decoding.
use std::hint::black_box;

use super::touch;
use pgwalstream::batch::{Batch, Pool};
use pgwalstream::options::Options;
use pgwalstream::stream::{Delivered, Receiver, Taken};
use pgwalstream::wire::{Frame, ReplicationMessage, ServerMessage, backend, split};

/// One input.
pub fn run(input: &[u8]) {
    let Some((how, bytes)) = input.split_first() else { return };
    let mut options = Options::new();
    if how & 1 != 0 {
        options.set("decode", Some("off")).expect("a value");
    } else if how & 2 != 0 {
        options.set("stop_lsn", Some("0/2000000")).expect("a value");
    }
    if how & 4 != 0 {
        options.set("on_gap", Some("warn")).expect("a value");
    }
    if how & 9 == 8 {
        options.set("streaming", Some("assembled")).expect("a value");
    }
    let config = options.replay_config().expect("nothing is required");
    let mut receiver = Receiver::new(&config);
    let pool = Pool::new(2);
    let Ok(mut batch) = pool.take(1, 8) else { return };
    let mut rest = bytes;
    loop {
        match split(rest) {
            Err(_) => break,
            Ok(Frame::Incomplete { need }) => {
                assert!(need.is_none_or(|need| need > rest.len()));
                break;
            }
            Ok(Frame::Complete { tag, body, total }) => {
                assert!(total <= rest.len() && body.len() + 5 == total);
                for cut in [1, 4, total - 1] {
                    let short = split(&rest[..cut.min(total - 1)]);
                    assert!(matches!(short, Ok(Frame::Incomplete { .. })), "cut short it is not whole");
                }
                aside(body);
                // SAFETY: the input outlives the batch.
                match unsafe { receiver.frame(tag, body, &mut batch.arrays) } {
                    Ok(Taken::Full) => {
                        assert!(!batch.events().is_empty(), "an empty batch is never too full");
                        for event in batch.events() {
                            // SAFETY: live events: the input behind them is alive.
                            black_box(unsafe { touch(event) });
                        }
                        pool.give(batch);
                        batch = pool.take(1, 8).expect("memory");
                        continue;
                    }
                    Ok(Taken::Remark) => assert!(receiver.take_remark().is_some()),
                    Ok(Taken::End) => {
                        black_box(receiver.discarded());
                        break;
                    }
                    Ok(Taken::Deliver) => {
                        if !deliver(&mut receiver, &pool) {
                            break;
                        }
                    }
                    Ok(Taken::Done | Taken::ReplyDue) => {}
                    Err(_) => break,
                }
                let report = receiver.positions.report(u64::from(*how) << 16);
                assert!(report.flush <= report.write, "nothing that was not received is safe");
                receiver.positions.sent(report);
                rest = &rest[total..];
            }
        }
    }
}

/// A transaction that was kept comes out, batch by batch. False: it is malformed, or the end that was asked for.
fn deliver(receiver: &mut Receiver, pool: &Pool) -> bool {
    let mut need = 1;
    loop {
        let Ok(mut batch) = pool.take(need, 8) else { return false };
        let Batch { chunk, arrays, .. } = batch.as_mut();
        // SAFETY: both are of one batch, whose chunk stays as it is until the batch is given back.
        let delivered = unsafe { receiver.deliver(chunk, arrays) };
        for event in batch.events() {
            // SAFETY: live events.
            black_box(unsafe { touch(event) });
        }
        let some = !batch.events().is_empty() || need > 1;
        pool.give(batch);
        match delivered {
            Ok(Delivered::Full(more)) => {
                assert!(some || more > 1, "it goes on");
                need = more;
            }
            Ok(Delivered::Done) => return true,
            Ok(Delivered::End) | Err(_) => return false,
        }
    }
}

/// The bodies of all kinds.
fn aside(body: &[u8]) {
    black_box(ReplicationMessage::parse(body).is_ok());
    black_box(ServerMessage::parse(body).is_ok());
    black_box((
        backend::parameter_status(body).is_ok(),
        backend::backend_key_data(body).is_ok(),
        backend::negotiate_protocol_version(body).is_ok(),
        backend::ready_for_query(body).is_ok(),
        backend::row_description(body).is_ok(),
        backend::data_row(body).is_ok(),
        backend::command_complete(body).is_ok(),
        backend::copy_both_response(body).is_ok(),
    ));
}
