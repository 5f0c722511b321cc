//! WAL records: pages in, records, block references and page images out, and a line of text for each as `pg_waldump` writes it.
//!
//! Bytes only: it must never open a file, read a clock, or believe a length.
//!
//! Facts from PostgreSQL's source, releases 14 to 18: `access/xlog_internal.h` (pages), `access/xlogrecord.h` (records),
//! `access/transam/xlogreader.c` (checks), `access/rmgrlist.h` and the managers' headers (kinds).

mod batch;
mod block;
mod body;
mod describe;
mod fault;
mod header;
mod image;
mod kind;
mod page;
mod pglz;
mod reader;
mod view;
mod wal_version;

pub use batch::RecordBatch;
pub use block::{Compression, RecordBlock};
pub use describe::{Text, describe};
pub use header::Record;
pub use image::restore;
pub use kind::{kind_name, manager_name};
pub use page::PAGE;
pub use reader::Reader;
pub use view::{BlockView, RecordView};
pub use wal_version::WalVersion;

#[cfg(test)]
pub(crate) mod tests;
