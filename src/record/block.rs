//! A block that a record refers to. It must never be shown outside of its batch.

use std::mem::offset_of;

/// A block that a record refers to, in its batch's memory. 48 bytes; the layout is part of the ABI.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RecordBlock {
    /// The tablespace's oid.
    pub tablespace: u32,
    /// The database's oid; 0 for what all databases share.
    pub database: u32,
    /// The relation's file number (pg_class.relfilenode), which is not its oid.
    pub relation: u32,
    /// The number of the block.
    pub block: u32,
    /// What the record says of the block, or NULL.
    pub data: *const u8,
    /// The page image as it is in the record, or NULL. wal_record_block_image makes the page of it.
    pub image: *const u8,
    /// How many bytes `data` has.
    pub data_len: u16,
    /// How many bytes the image has.
    pub image_len: u16,
    /// Where the page has a hole that the image leaves out.
    pub hole_offset: u16,
    /// How long the hole is; 0 without one.
    pub hole_len: u16,
    /// The id within the record, 0 to 32. Never derive a meaning from how many there are: minor releases add some.
    pub id: u8,
    /// The fork: 0 main, 1 fsm, 2 vm, 3 init.
    pub fork: u8,
    /// Bits: 1 there is an image; 2 the image is to be applied, and not only for checking; 4 there is data; 8 the page is
    /// initialised anew.
    pub flags: u8,
    /// How the image is compressed: a wal_compression_code.
    pub compression: u8,
    /// Kept for later releases; 0.
    pub reserved: u32,
}

const _: () = assert!(
    size_of::<*const u8>() != 8
        || size_of::<RecordBlock>() == 48
            && offset_of!(RecordBlock, data) == 16
            && offset_of!(RecordBlock, image) == 24
            && offset_of!(RecordBlock, data_len) == 32
            && offset_of!(RecordBlock, id) == 40
            && offset_of!(RecordBlock, reserved) == 44
);

impl RecordBlock {
    /// There is an image.
    pub const IMAGE: u8 = 1;
    /// The image is to be applied.
    pub const APPLY: u8 = 2;
    /// There is data.
    pub const DATA: u8 = 4;
    /// The page is initialised anew.
    pub const INIT: u8 = 8;
}

/// How a page image is compressed. New ways may come.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, clippy::upper_case_acronyms)]
pub enum Compression {
    /// It is not.
    WAL_COMPRESSION_NONE = 0,
    /// PostgreSQL's own way.
    WAL_COMPRESSION_PGLZ = 1,
    /// LZ4, a block without a frame (15).
    WAL_COMPRESSION_LZ4 = 2,
    /// Zstandard (15).
    WAL_COMPRESSION_ZSTD = 3,
    /// A way that this library does not know.
    WAL_COMPRESSION_UNKNOWN = 255,
}
