//! Tests of the decoder: what it makes of each message, what it refuses, and that refusing leaves no trace.

mod faults;
mod kinds;
pub(crate) mod messages;
mod prepared;
mod random;
mod relations;
pub(crate) mod rig;
mod shapes;
mod streamed;
mod transactions;
