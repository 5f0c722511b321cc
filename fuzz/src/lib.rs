//! The targets, each a function over an input, and what they share: how an input is cut into messages, and touching all
//! that an event leads to. The project's tests run them over the corpora.

pub mod capture;
pub mod certificate;
pub mod conninfo;
pub mod decoder_api;
pub mod negotiation;
pub mod pgoutput;
pub mod record;
pub mod startup;
pub mod wire;

use pgwalstream::batch::{Event, Value, ValueKind};
use pgwalstream::error::{Error, Status};
use pgwalstream::pgoutput::TRUNCATED_RELATION;

/// The messages of an input: each behind its length, two bytes, the lower first. The last may be short.
pub fn messages(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (message, rest) = rest.split_at(length);
        input = rest;
        Some(message)
    })
}

/// No input may lead to an error that says it is the library's fault, or to one without a message.
pub fn check_error(error: &Error) {
    assert!(error.status() != Status::WAL_E_INTERNAL, "{error:?}");
    assert!(!error.message().is_empty(), "{error:?}");
}

/// Reads every byte that an event leads to, so that a sanitizer sees where they are.
///
/// # Safety
/// A live event.
pub unsafe fn touch(event: &Event) -> u64 {
    let mut sum = 0;
    for (values, count) in
        [(event.new_values, event.n_new), (event.old_values, event.n_old), (event.extra, event.n_extra)]
    {
        for at in 0..count as usize {
            // SAFETY: the caller's promise: `count` values follow each other, and their bytes live as long.
            sum += unsafe { touch_value(&*values.add(at)) };
        }
    }
    // SAFETY: NULL or a live relation.
    if let Some(relation) = unsafe { event.relation.as_ref() } {
        let columns: u64 = relation.columns().iter().map(|column| column.name().len() as u64).sum();
        sum += columns + relation.name().bytes().map(u64::from).sum::<u64>();
    }
    sum
}

unsafe fn touch_value(value: &Value) -> u64 {
    if value.kind == TRUNCATED_RELATION {
        // SAFETY: that kind is a relation, which lives as long as its batch.
        return u64::from(unsafe { (*value.data.cast::<pgwalstream::batch::Relation>()).oid() });
    }
    assert!(value.kind <= ValueKind::WAL_VALUE_ABSENT as u8, "kind {}", value.kind);
    // SAFETY: the caller's promise.
    unsafe { value.bytes() }.iter().map(|byte| u64::from(*byte)).sum()
}
