//! What stands for TLS in a library that was built without it: types that nothing can be made of.

use std::net::IpAddr;

use super::buffer::Buffer;
use crate::conninfo;
use crate::error::{Error, Result, Status};
use crate::session::Fill;
use crate::sys::AsyncSocket;
use crate::wire::EndPoint;

/// There is none.
pub(super) enum Setup {}

/// There is none.
pub(super) enum Tls {}

/// What became of the client's certificate in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    NotAsked,
}

/// Refuses.
pub(super) fn load(_: &conninfo::Tls, _: &str, _: IpAddr) -> Result<Setup> {
    Err(Error::new(Status::WAL_E_NOT_BUILT, "TLS is not built into this library"))
}

impl Tls {
    pub(super) fn new(setup: Setup) -> Result<Self> {
        match setup {}
    }

    pub(super) fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub(super) fn is_open(&self) -> bool {
        match *self {}
    }

    pub(super) fn agreed(&self) -> Option<bool> {
        match *self {}
    }

    pub(super) fn shown(&self) -> Shown {
        match *self {}
    }

    pub(super) fn end_point(&self) -> EndPoint {
        match *self {}
    }

    pub(super) fn begin(&mut self, _: &mut Buffer) -> Result<()> {
        match *self {}
    }

    pub(super) fn receive(
        &mut self,
        _: &mut AsyncSocket,
        _: usize,
        _: &mut Buffer,
        _: impl FnMut(&[u8]),
    ) -> Result<Fill> {
        match *self {}
    }

    pub(super) fn seal(&mut self, _: &[u8], _: &mut Buffer) -> Result<()> {
        match *self {}
    }

    pub(super) fn close(&mut self, _: &mut Buffer) -> Result<()> {
        match *self {}
    }
}
