//! A page out of its image. It must never believe a length of compressed data, nor take memory for it.

use super::block::{Compression, RecordBlock};
use super::fault::unsupported;
use super::page::PAGE;
use super::pglz;
use super::view::BlockView;
use crate::error::{Error, Result, Status};

const SIZE: usize = PAGE as usize;

/// Writes the page of a block's image (`RestoreBlockImage`). After an error the page is of zeros.
///
/// It is the page behind the change, but for its header: that has the LSN and the checksum from before.
pub fn restore(block: BlockView<'_>, page: &mut [u8; SIZE]) -> Result<()> {
    let outcome = fill(block, page);
    if outcome.is_err() {
        *page = [0; SIZE];
    }
    outcome
}

fn fill(block: BlockView<'_>, page: &mut [u8; SIZE]) -> Result<()> {
    let plain = block.plain();
    let Some(image) = block.image() else {
        return Err(Error::new(Status::WAL_E_NO_VALUE, format!("block {} has no page image", place(plain))));
    };
    let damaged = || {
        let what = format!(
            "page image of block {}: it is not what {} bytes compress to",
            place(plain),
            filled(plain)
        );
        Error::new(Status::WAL_E_RECORD, what)
    };
    let wanted = filled(plain);
    let to = page.get_mut(..wanted).ok_or_else(damaged)?;
    match compression(plain.compression) {
        Compression::WAL_COMPRESSION_NONE if image.len() == wanted => to.copy_from_slice(image),
        Compression::WAL_COMPRESSION_NONE => return Err(damaged()),
        Compression::WAL_COMPRESSION_PGLZ => pglz::decompress(image, to).ok_or_else(damaged)?,
        Compression::WAL_COMPRESSION_LZ4 => lz4(image, to)?.ok_or_else(damaged)?,
        Compression::WAL_COMPRESSION_ZSTD => zstd(image, to)?.ok_or_else(damaged)?,
        Compression::WAL_COMPRESSION_UNKNOWN => {
            return Err(unsupported(format_args!(
                "page image of block {}: it is compressed in a way that this library does not know",
                place(plain)
            )));
        }
    }
    let (offset, end) = (usize::from(plain.hole_offset), usize::from(plain.hole_offset) + SIZE - wanted);
    if offset > wanted {
        return Err(damaged());
    }
    page.copy_within(offset..wanted, end);
    page.get_mut(offset..end).ok_or_else(damaged)?.fill(0);
    Ok(())
}

/// How many bytes the page has without its hole.
fn filled(block: &RecordBlock) -> usize {
    SIZE.saturating_sub(block.hole_len.into())
}

fn place(block: &RecordBlock) -> String {
    let RecordBlock { tablespace, database, relation, block, .. } = block;
    format!("{block} of relation {tablespace}/{database}/{relation}")
}

fn compression(number: u8) -> Compression {
    [
        Compression::WAL_COMPRESSION_NONE,
        Compression::WAL_COMPRESSION_PGLZ,
        Compression::WAL_COMPRESSION_LZ4,
        Compression::WAL_COMPRESSION_ZSTD,
    ]
    .into_iter()
    .find(|known| *known as u8 == number)
    .unwrap_or(Compression::WAL_COMPRESSION_UNKNOWN)
}

#[cfg(feature = "lz4")]
fn lz4(from: &[u8], to: &mut [u8]) -> Result<Option<()>> {
    let wanted = to.len();
    Ok(lz4_flex::block::decompress_into(from, to).ok().filter(|done| *done == wanted).map(|_| ()))
}

#[cfg(not(feature = "lz4"))]
fn lz4(_: &[u8], _: &mut [u8]) -> Result<Option<()>> {
    Err(not_built("lz4"))
}

/// A frame that says itself how much it holds, and that this is what a page has. No window takes more memory than a page.
#[cfg(feature = "zstd")]
fn zstd(from: &[u8], to: &mut [u8]) -> Result<Option<()>> {
    let wanted = to.len();
    if zstd_content(from) != Some(wanted) {
        return Ok(None);
    }
    // Behind the frame may stand others, whose windows were not looked at.
    let mut decoder = ruzstd::decoding::FrameDecoder::new();
    decoder.set_max_window_size(PAGE.into());
    let done = decoder.decode_all(from, to);
    Ok(done.ok().filter(|done| *done == wanted).map(|_| ()))
}

/// What the header of a frame (RFC 8878, 3.1.1.1) with one segment says of its content.
#[cfg(feature = "zstd")]
fn zstd_content(frame: &[u8]) -> Option<usize> {
    let ([0x28, 0xB5, 0x2F, 0xFD, descriptor], rest) = frame.split_first_chunk()? else { return None };
    let (is_single, has_dictionary) = (descriptor & 0x20 != 0, descriptor & 3 != 0);
    if !is_single || has_dictionary {
        return None;
    }
    match descriptor >> 6 {
        0 => rest.first().map(|size| usize::from(*size)),
        1 => rest.first_chunk().map(|size| usize::from(u16::from_le_bytes(*size)) + 256),
        2 => rest.first_chunk().and_then(|size| u32::from_le_bytes(*size).try_into().ok()),
        _ => rest.first_chunk().and_then(|size| u64::from_le_bytes(*size).try_into().ok()),
    }
}

#[cfg(not(feature = "zstd"))]
fn zstd(_: &[u8], _: &mut [u8]) -> Result<Option<()>> {
    Err(not_built("zstd"))
}

#[cfg(not(all(feature = "lz4", feature = "zstd")))]
fn not_built(method: &str) -> Error {
    let what = format!("the page image is compressed with {method}, which is not built into this library");
    Error::new(Status::WAL_E_NOT_BUILT, what).with_hint(format!("Build with the cargo feature {method}."))
}
