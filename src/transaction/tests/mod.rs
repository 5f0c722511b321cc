//! Tests of the stage: what comes out of it is what a server would have sent that streams nothing.

mod feeder;
mod model;
mod spilling;
