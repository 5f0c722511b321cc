//! Tests of the decoder: what it makes of each message, what it refuses, and that refusing leaves no trace.

mod faults;
mod feeder;
mod kinds;
pub(crate) mod messages;
mod prepared;
mod random;
mod relations;
mod rig;
mod shapes;
mod streamed;
mod transactions;
