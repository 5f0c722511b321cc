//! Capture files: what a stream received and sent, as on the wire, to be replayed without a server.
//! docs/capture-format.md describes every byte. Nothing here connects, decodes or knows what the bytes mean.

mod chain;
mod epoch;
mod format;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use chain::Chain;
pub use epoch::Epoch;
pub use format::{Kind, MAX_BLOCK, Seam, VERSION, begins, header, is_empty};
pub use reader::{Head, Reader};
pub use writer::Writer;
