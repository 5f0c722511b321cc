//! Points and what is made of them, as the server writes them. It must never reserve by a count that the bytes do not bear out.

use super::super::cursor::Cursor;
use super::super::field::Read;
use super::Sink;
use super::float::float64;

fn pair(cursor: &mut Cursor<'_>, out: &mut dyn Sink) -> Read<()> {
    out.put(b"(");
    float64(cursor.f64()?, out);
    out.put(b",");
    float64(cursor.f64()?, out);
    out.put(b")");
    Ok(())
}

/// So many points, between commas.
fn pairs(count: usize, cursor: &mut Cursor<'_>, out: &mut dyn Sink) -> Read<()> {
    for at in 0..count {
        if at > 0 {
            out.put(b",");
        }
        pair(cursor, out)?;
    }
    Ok(())
}

/// A fixed number of points between two texts: point, lseg and box.
pub(super) fn points(
    bytes: &[u8],
    count: usize,
    [before, behind]: [&[u8]; 2],
    out: &mut dyn Sink,
) -> Read<()> {
    let mut cursor = Cursor(bytes);
    out.put(before);
    pairs(count, &mut cursor, out)?;
    out.put(behind);
    cursor.end()
}

/// A line: `{A,B,C}`.
pub(super) fn line(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    for before in [b"{", b",", b","] {
        out.put(before);
        float64(cursor.f64()?, out);
    }
    out.put(b"}");
    cursor.end()
}

/// A circle: `<(x,y),r>`.
pub(super) fn circle(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    out.put(b"<");
    pair(&mut cursor, out)?;
    out.put(b",");
    float64(cursor.f64()?, out);
    out.put(b">");
    cursor.end()
}

/// A path, in brackets if it is open.
pub(super) fn path(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    let mut cursor = Cursor(bytes);
    let is_closed = cursor.u8()? != 0;
    let (before, behind) = if is_closed { (b"(", b")") } else { (b"[", b"]") };
    many(cursor, before, behind, out)
}

/// A polygon.
pub(super) fn polygon(bytes: &[u8], out: &mut dyn Sink) -> Read<()> {
    many(Cursor(bytes), b"(", b")", out)
}

fn many(mut cursor: Cursor<'_>, before: &[u8], behind: &[u8], out: &mut dyn Sink) -> Read<()> {
    let count = cursor.count(16)?;
    out.put(before);
    pairs(count, &mut cursor, out)?;
    out.put(behind);
    cursor.end()
}
