//! Streams PostgreSQL's changes to Rust, C, C++ and Go programs: every insert, update, delete, truncate and logical message,
//! decoded, in the order of the commits, without copying. PostgreSQL 14 to 18.
//!
//! A program connects a [`Stream`] to a replication slot, reads events one by one or in batches, makes them safe in its own
//! way, and acknowledges. The server keeps what was not acknowledged and sends it again after a restart.
//!
//! ```no_run
//! use pgwalstream::{EventKind, Options, SlotCreate, Stream};
//!
//! # async fn run() -> Result<(), pgwalstream::Error> {
//! let options = Options::new()
//!     .conninfo("host=/run/postgresql dbname=shop")
//!     .slot("shop_slot")
//!     .slot_create(SlotCreate::IfMissing)
//!     .publication("shop_pub");
//! let mut stream = Stream::connect(&options).await?;
//!
//! while let Some(event) = stream.next_event().await? {
//!     match event.kind() {
//!         EventKind::Insert | EventKind::Update => {
//!             if let (Some(table), Some(row)) = (event.relation(), event.new_row()) {
//!                 println!("{}: id {}", table.name(), row.get("id")?.as_i64()?);
//!             }
//!         }
//!         _ => {} // more kinds may come
//!     }
//!     // Once this event and all before it are safe with you:
//!     stream.ack(event.ack_lsn())?;
//! }
//! stream.close().await
//! # }
//! ```
//!
//! # Rows as your own types
//!
//! With the feature `serde` a row becomes a struct by its columns' names, the same from text and binary:
//!
//! ```no_run
//! # #[cfg(feature = "serde")]
//! # mod typed {
//! use pgwalstream::{Event, Maybe};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     id: i64,
//!     customer: String,
//!     total: Option<String>,       // numeric, exactly; NULL is None
//!     note: Maybe<Option<String>>, // a large value that an UPDATE left alone is not sent, and is not None
//! }
//!
//! fn order(event: &Event) -> Result<Order, pgwalstream::Error> {
//!     event.deserialize_new()
//! }
//! # }
//! ```
//!
//! # Batches
//!
//! [`Stream::next_batch`] gives all that is ready: the fastest way. A [`Batch`] is shared by count; it and each [`Event`] of
//! it may be kept, sent to other threads, and outlive the stream. What is kept keeps the batch's memory: copy what stays
//! long. With the feature `futures`, `Stream::batches` and `Stream::events` are streams for combinators.
//!
//! # Waiting
//!
//! One engine thread per process does all the I/O, decoding and keepalives, so that a program which takes ten minutes over
//! one batch keeps its connection. Nothing here blocks the program's runtime, whichever it is, and every future may be
//! dropped at any moment without loss: `select!` and timeouts are fine around [`Stream::next_event`].
//!
//! # Positions
//!
//! [`Event::ack_lsn`] is what to acknowledge once the event and all before it are safe. What was received and not
//! acknowledged comes again: recognise it by ([`commit_lsn`](Event::commit_lsn), [`sequence`](Event::sequence)), which a
//! change keeps for ever. From another task acknowledge with an [`Acker`]; where work is finished out of order,
//! [`Acker::begin`] keeps the order.
//!
//! A [`Position`] is how far the program has come, also inside a transaction. Store it with the data, and give it to
//! [`Options::resume_after`] at the next start: each change is then had exactly once.
//!
//! # Features
//!
//! All off by default: the C library is built of this crate and needs none of them.
//!
//! | feature | what it brings |
//! |---|---|
//! | `serde` | rows and values into your own types |
//! | `json` | json and jsonb columns into nested types and `serde_json::Value`; implies `serde` |
//! | `futures` | batches and events as `futures_core::Stream` |
//! | `chrono`, `jiff`, `uuid` | `TryFrom<Value>` for their types (through serde they work without these) |
//!
//! # Inside
//!
//! The layers, each of which knows only those below it; no part of the API, and seen only by the project's own tests,
//! benches and fuzz targets, with the feature `internals`:
//!
//! | layer | what it holds |
//! |---|---|
//! | `capi`, `client` | the C ABI: the only `extern "C"` functions; beside it the Rust API |
//! | `engine` | the engine thread, the queues between it and the consumers, status updates, reconnecting, commands |
//! | `stream` | preflight, START_REPLICATION, positions, who the server is, what came before: no socket, no clock |
//! | `archive` | an archive of WAL: which file has which bytes, and how they are made to last |
//! | `physical` | the WAL's bytes: positions, timelines, what is reported: no socket, no clock |
//! | `snapshot` | the rows that are there before the changes: what to copy, in which parts, and its rows as events |
//! | `transaction` | streamed transactions, kept until they end: messages in, messages out |
//! | `session` | a connection: socket plus `wire`, or libpq |
//! | `pgoutput` | logical replication messages: bytes only |
//! | `record` | WAL records: bytes only |
//! | `render` | events as messages for others: memory only |
//! | `types` | values as numbers, times and text: bytes only |
//! | `wire` | frontend/backend framing, start-up, authentication: bytes only |
//! | `batch` | events, values, relations and the bytes behind them |
//! | `capture` | capture files: blocks and records, bytes only |
//! | `conninfo` | connection strings |
//! | `options` | the one table of options |
//! | `statistics` | the one table of statistics |
//! | `sys` | the few system calls that std and tokio do not offer |
//! | `error`, `lsn`, `position` | what everything speaks of |

// What only the project's tests, benches and fuzz targets use is not dead.
#![cfg_attr(not(feature = "internals"), allow(dead_code, unused_imports))]

#[cfg(test)]
mod generated;
mod layers;

use layers::*;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub use layers::{
    archive, batch, capi, capture, conninfo, engine, error, lsn, options, pgoutput, physical, position,
    record, render, session, snapshot, statistics, stream, sys, transaction, types, wire,
};

pub use batch::{Change, Column, Relation, Type};
pub use client::*;
pub use conninfo::{Password, PasswordRequest};
pub use error::{Error, Result};
pub use lsn::Lsn;
pub use options::{
    AckMode, ArchiveSync, BatchBoundary, FailoverPolicy, GapPolicy, Mode, OnAmbiguous, OriginFilter,
    Progress, ReportApply, SlotCreate, Snapshot, Streaming, TwoPhase,
};
pub use position::Position;
pub use session::Rows;
pub use statistics::Counters;

/// The programs of docs/rust.md, which doc tests compile.
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
mod documentation {}
