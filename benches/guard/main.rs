//! The work of every event, for callgrind to count its instructions: `guard framing|receive|next|next_batch`. What is
//! counted lies in functions named counted_…; script/guard compares with benches/guard/baseline.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod work;

use work::Work;

const ROUNDS: usize = 20;

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn counted_framing(work: &Work) -> usize {
    work.framing()
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn counted_receive(work: &Work) -> usize {
    let batch = work.receive();
    let events = batch.events().len();
    work.recycle(batch);
    events
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn counted_next(work: &mut Work) -> usize {
    work.by_event()
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn counted_next_batch(work: &mut Work) -> usize {
    work.by_batch()
}

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    let wanted = |name: &str| what == name || what.is_empty();
    let mut work = Work::new();
    let mut done = 0;
    for _ in 0..ROUNDS {
        if wanted("framing") {
            done += counted_framing(&work);
        }
        if wanted("receive") {
            done += counted_receive(&work);
        }
        for (name, take) in [
            ("next", counted_next as extern "C" fn(&mut Work) -> usize),
            ("next_batch", counted_next_batch as extern "C" fn(&mut Work) -> usize),
        ] {
            if wanted(name) {
                work.push(work.receive());
                done += take(&mut work);
            }
        }
    }
    assert!(done >= ROUNDS, "nothing was done for '{what}'");
    println!("{} events a round", done / ROUNDS);
}
