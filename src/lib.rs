//! Streams PostgreSQL's changes to C, C++, Go and Rust programs.
//!
//! The layers, each of which knows only those below it:
//!
//! | layer | what it holds |
//! |---|---|
//! | `capi` | the C ABI: the only `extern "C"` functions |
//! | `engine` | the engine thread, the queues between it and the consumers |
//! | `stream` | preflight, START_REPLICATION, LSN bookkeeping, feedback: no socket, no clock |
//! | `session` | a connection: socket plus `wire`, or libpq |
//! | `pgoutput` | logical replication messages: bytes only |
//! | `types` | values as numbers, times and text: bytes only |
//! | `wire` | frontend/backend framing, start-up, authentication: bytes only |
//! | `batch` | events, values, relations and the bytes behind them |
//! | `conninfo` | connection strings |
//! | `options` | the one table of options |
//! | `sys` | the few system calls that std and tokio do not offer |
//! | `error`, `lsn` | what everything speaks of |

pub mod batch;
pub mod capi;
pub mod conninfo;
pub mod engine;
pub mod error;
pub mod lsn;
pub mod options;
pub mod pgoutput;
pub mod session;
pub mod stream;
pub mod sys;
pub mod types;
pub mod wire;
