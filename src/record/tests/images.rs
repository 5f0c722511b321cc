//! Page images: the ways of compression, holes, and what is damaged.

use super::V18;
use super::bodies::{block, one};
use crate::error::Status;
use crate::record::{restore, view::BlockView};

/// The restored page of an image, or the status.
fn page(image: &[u8], bits: u8, hole: Option<(u16, u16)>) -> Result<Vec<u8>, Status> {
    let mut body = block(0, 0x10, &[0, 0]);
    body.extend((image.len() as u16).to_le_bytes());
    body.extend(hole.map_or(0, |hole| hole.0).to_le_bytes());
    body.push(bits | u8::from(hole.is_some()));
    if let (Some(hole), true) = (hole, bits & 0xFC != 0) {
        body.extend(hole.1.to_le_bytes());
    }
    body.extend([0; 16]);
    body.extend(image);
    one(V18, 0, 0xB0, &body, |view| {
        let mut page = [9; 8192];
        let block: BlockView<'_> = view.blocks().next().unwrap();
        match restore(block, &mut page) {
            Ok(()) => Ok(page.to_vec()),
            Err(error) => {
                assert!(!error.message().is_empty());
                assert_eq!(page, [0; 8192]);
                Err(error.status())
            }
        }
    })
}

/// A page with a hole of zeros.
fn wanted(offset: usize, length: usize) -> Vec<u8> {
    let mut page: Vec<u8> = (0..8192_u32).map(|at| (at / 64) as u8 + 1).collect();
    page[offset..offset + length].fill(0);
    page
}

fn without_hole(page: &[u8], offset: usize, length: usize) -> Vec<u8> {
    [&page[..offset], &page[offset + length..]].concat()
}

/// Literals only, and pieces of the byte before.
fn pglz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut at, mut control, mut items) = (0, 0, 0);
    let mut place = 0;
    while at < bytes.len() {
        if items == 0 {
            place = out.len();
            out.push(0);
        }
        let run = bytes[at..].iter().take(273).take_while(|byte| at > 0 && **byte == bytes[at - 1]).count();
        if run >= 3 {
            control |= 1 << items;
            out.extend([(run.min(18) - 3) as u8, 1]);
            if run >= 18 {
                out.push((run - 18) as u8);
            }
            at += run;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
        out[place] = control;
        items = (items + 1) % 8;
        control = if items == 0 { 0 } else { control };
    }
    out
}

#[test]
fn an_image_becomes_its_page_again() {
    let whole = wanted(0, 0);
    assert_eq!(page(&whole, 2, None).unwrap(), whole);
    let holed = wanted(300, 4000);
    let filled = without_hole(&holed, 300, 4000);
    assert_eq!(page(&filled, 2, Some((300, 4000))).unwrap(), holed);
    assert_eq!(page(&pglz(&filled), 6, Some((300, 4000))).unwrap(), holed);
    assert_eq!(page(&pglz(&whole), 6, None).unwrap(), whole);
}

#[cfg(feature = "lz4")]
#[test]
fn lz4_is_a_block_without_a_frame() {
    let holed = wanted(300, 4000);
    let filled = without_hole(&holed, 300, 4000);
    // One run of literals, as the block format allows.
    let mut image = vec![0xF0, 255];
    let mut left = filled.len() - 15 - 255;
    while left >= 255 {
        image.push(255);
        left -= 255;
    }
    image.push(left as u8);
    image.extend(&filled);
    assert_eq!(page(&image, 10, Some((300, 4000))).unwrap(), holed);
    assert_eq!(page(&image[..image.len() - 1], 10, Some((300, 4000))), Err(Status::WAL_E_RECORD));
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_is_a_frame_that_tells_its_size() {
    let page_of = |content: usize, raw: &[u8], said: u16| {
        // A frame with one segment, its size in two bytes, and one raw block.
        let mut image = vec![0x28, 0xB5, 0x2F, 0xFD, 0x60];
        image.extend((said - 256).to_le_bytes());
        let header = (content as u32) << 3 | 1;
        image.extend(&header.to_le_bytes()[..3]);
        image.extend(raw);
        page(&image, 18, Some((300, 4000)))
    };
    let holed = wanted(300, 4000);
    let filled = without_hole(&holed, 300, 4000);
    assert_eq!(page_of(filled.len(), &filled, 4192).unwrap(), holed);
    // A frame behind it, which holds nothing and wants a window of 128 MiB.
    let windowed = [&filled[..], &[0x28, 0xB5, 0x2F, 0xFD, 0, 0x88, 1, 0, 0]].concat();
    assert_eq!(page_of(filled.len(), &windowed, 4192), Err(Status::WAL_E_RECORD));
    assert_eq!(page_of(filled.len(), &filled, 4191), Err(Status::WAL_E_RECORD));
    assert_eq!(page_of(filled.len(), &filled[1..], 4192), Err(Status::WAL_E_RECORD));
}

#[test]
fn a_damaged_image_is_an_error_and_leaves_a_page_of_zeros() {
    let whole = pglz(&wanted(0, 0));
    for (image, bits, hole) in [
        (&whole[..whole.len() - 1], 6, None),
        (&[&whole[..], &[0]].concat()[..], 6, None),
        (&[1, 0, 9, 0][..], 6, None), // a piece of what is before the beginning
        (&[1, 0, 0, 0][..], 6, None), // a piece at no distance
        (&[0, 1, 2][..], 10, None),
        (&[0, 1, 2][..], 18, None),
        (&[][..], 6, None),
    ] {
        assert_eq!(page(image, bits, hole), Err(Status::WAL_E_RECORD), "{image:?}");
    }
    assert_eq!(page(&[1, 2, 3], 34, None), Err(Status::WAL_E_UNSUPPORTED_WAL));
}

#[test]
fn a_block_without_an_image_has_no_page() {
    let mut body = block(0, 0, &[0, 0]);
    body.extend([0; 16]);
    one(V18, 10, 0, &body, |view| {
        let error = restore(view.blocks().next().unwrap(), &mut [0; 8192]).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_NO_VALUE);
    });
}
