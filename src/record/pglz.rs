//! PostgreSQL's own compression (`common/pg_lzcompress.c`), only to read it. It must never write beyond what was asked for, nor
//! read before the beginning.

/// Decompresses to exactly as many bytes as `out` has; None if it cannot be that.
///
/// A control byte stands before eight items, its lowest bit for the first: 0 is a byte, 1 a piece of what came before. Such a piece
/// has two bytes: the upper half of the first and the second are the distance, the lower half its length less 3. A length of 18 has
/// a third byte that adds to it.
pub fn decompress(mut from: &[u8], out: &mut [u8]) -> Option<()> {
    let mut done = 0;
    while done < out.len() {
        let (control, rest) = from.split_first()?;
        from = rest;
        for item in 0..8 {
            if done == out.len() {
                break;
            }
            if control >> item & 1 == 0 {
                let (byte, rest) = from.split_first()?;
                from = rest;
                *out.get_mut(done)? = *byte;
                done += 1;
                continue;
            }
            let ([first, second], rest) = from.split_first_chunk()?;
            from = rest;
            let distance = usize::from(first & 0xF0) << 4 | usize::from(*second);
            let mut length = usize::from(first & 0x0F) + 3;
            if length == 18 {
                let (more, rest) = from.split_first()?;
                from = rest;
                length += usize::from(*more);
            }
            // The server cuts the last piece, too.
            let length = length.min(out.len() - done);
            if distance == 0 || distance > done {
                return None;
            }
            // A piece may overlap itself, and then repeats.
            for at in done..done + length {
                *out.get_mut(at)? = *out.get(at - distance)?;
            }
            done += length;
        }
    }
    from.is_empty().then_some(())
}
