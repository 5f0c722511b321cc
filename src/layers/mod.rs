//! The layers. They are no part of the API, and much of them is sound only as the layers above use it: a program cannot
//! reach them. Here and not in lib.rs, for what is public in a private module can be made public by a feature.

#[path = "../batch/mod.rs"]
pub mod batch;
#[path = "../capi/mod.rs"]
pub mod capi;
#[path = "../capture/mod.rs"]
pub mod capture;
/// cbindgen:ignore
#[path = "../client/mod.rs"]
pub mod client;
#[path = "../conninfo/mod.rs"]
pub mod conninfo;
#[path = "../engine/mod.rs"]
pub mod engine;
#[path = "../error.rs"]
pub mod error;
#[path = "../lsn.rs"]
pub mod lsn;
#[path = "../options/mod.rs"]
pub mod options;
#[path = "../pgoutput/mod.rs"]
pub mod pgoutput;
#[path = "../position.rs"]
pub mod position;
#[path = "../render/mod.rs"]
pub mod render;
#[path = "../session/mod.rs"]
pub mod session;
#[path = "../snapshot/mod.rs"]
pub mod snapshot;
#[path = "../statistics/mod.rs"]
pub mod statistics;
#[path = "../stream/mod.rs"]
pub mod stream;
#[path = "../sys/mod.rs"]
pub mod sys;
#[path = "../transaction/mod.rs"]
pub mod transaction;
#[path = "../types/mod.rs"]
pub mod types;
#[path = "../wire/mod.rs"]
pub mod wire;
