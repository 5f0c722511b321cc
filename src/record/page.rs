//! The header of a page. It must never look behind it.

use super::fault::of_page;
use super::wal_version::{WalVersion, is_plausible};
use crate::error::Result;
use crate::lsn::Lsn;

/// How long a page is (`XLOG_BLCKSZ`); no packaged server has another.
pub const PAGE: u32 = 8192;
/// How long its header is.
pub const SHORT: usize = 24;
/// How long the header of a segment's first page is.
pub const LONG: usize = 40;

const CONTINUED: u16 = 1;
const IS_LONG: u16 = 2;
const OVERWRITES: u16 = 8;
/// All bits of releases 14 to 18.
const KNOWN: u16 = 15;
/// From 19 on the bit that releases before it use for "no backup blocks" means this.
const OVERWRITES_LATER: u16 = 4;

/// The header of a page (`XLogPageHeaderData`).
#[derive(Clone, Copy, Debug)]
pub struct PageHeader {
    pub magic: u16,
    info: u16,
    pub timeline: u32,
    pub address: u64,
    /// How many bytes of the record that began before are still to come.
    pub rest: u32,
    /// What the first page of a segment has besides.
    pub long: Option<LongHeader>,
}

/// What the first page of a segment has besides (`XLogLongPageHeaderData`).
#[derive(Clone, Copy, Debug)]
pub struct LongHeader {
    pub system: u64,
    pub segment: u32,
    page: u32,
}

impl PageHeader {
    /// How long the header is that begins with these bytes; at least `SHORT` of them tell.
    pub fn length(bytes: &[u8]) -> usize {
        match bytes.get(2..4) {
            Some(&[low, _]) if u16::from(low) & IS_LONG != 0 => LONG,
            _ => SHORT,
        }
    }

    /// Reads as many bytes as `length` says; fewer are no header.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&magic, rest) = bytes.split_first_chunk()?;
        let (&info, rest) = rest.split_first_chunk()?;
        let (&timeline, rest) = rest.split_first_chunk()?;
        let (&address, rest) = rest.split_first_chunk()?;
        let (&remaining, rest) = rest.split_first_chunk()?;
        let info = u16::from_le_bytes(info);
        let long = if info & IS_LONG != 0 { Some(LongHeader::read(rest.get(4..)?)?) } else { None };
        Some(Self {
            magic: u16::from_le_bytes(magic),
            info,
            timeline: u32::from_le_bytes(timeline),
            address: u64::from_le_bytes(address),
            rest: u32::from_le_bytes(remaining),
            long,
        })
    }

    /// Whether the page begins in a record.
    pub fn continues(&self) -> bool {
        self.info & CONTINUED != 0
    }

    /// Whether the record that the page before left open has no end: a crash cut it.
    pub fn overwrites(&self) -> bool {
        let bit =
            if WalVersion::of(self.magic).is_some() { OVERWRITES } else { OVERWRITES | OVERWRITES_LATER };
        self.info & bit != 0
    }

    /// Refuses what is no page of this position (`XLogReaderValidatePageHeader`).
    pub fn check(&self, at: u64) -> Result<()> {
        if !is_plausible(self.magic) {
            let other =
                if is_plausible(self.magic.swap_bytes()) { ", which is that of another machine" } else { "" };
            return Err(of_page(
                at,
                format_args!("magic number {:04X}{other}, expected one of PostgreSQL's", self.magic),
            ));
        }
        if WalVersion::of(self.magic).is_some() && self.info & !KNOWN != 0 {
            return Err(of_page(at, format_args!("info bits {:04X}, of which some are unknown", self.info)));
        }
        if self.address != at {
            let what = "its header says {}, as the header of a segment does that is used again";
            let what = what.replace("{}", &Lsn(self.address).to_string());
            return Err(of_page(at, what));
        }
        if let Some(long) = self.long {
            long.check(at)?;
        }
        Ok(())
    }
}

impl LongHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&system, rest) = bytes.split_first_chunk()?;
        let (&segment, rest) = rest.split_first_chunk()?;
        let (&page, _) = rest.split_first_chunk()?;
        Some(Self {
            system: u64::from_le_bytes(system),
            segment: u32::from_le_bytes(segment),
            page: u32::from_le_bytes(page),
        })
    }

    fn check(self, at: u64) -> Result<()> {
        if !is_segment_size(self.segment) {
            let what =
                format_args!("segment size {}, expected a power of two from 1 MiB to 1 GiB", self.segment);
            return Err(of_page(at, what));
        }
        if self.page != PAGE {
            return Err(of_page(at, format_args!("page size {}, expected {PAGE}", self.page)));
        }
        if at & u64::from(self.segment - 1) != 0 {
            return Err(of_page(at, "it has the header of a segment's first page, and is another"));
        }
        Ok(())
    }
}

/// The smallest size of a segment.
pub const LEAST_SEGMENT: u32 = 1 << 20;

/// Whether WAL can be in segments of this size.
pub fn is_segment_size(bytes: u32) -> bool {
    bytes.is_power_of_two() && (LEAST_SEGMENT..=1 << 30).contains(&bytes)
}
