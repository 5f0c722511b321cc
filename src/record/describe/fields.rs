//! Fields of a body by their offsets, as C lays structs out. It must never read what is not there.

/// The bytes of a struct and of what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    pub fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    pub fn is(self, at: usize) -> Option<bool> {
        self.u8(at).map(|byte| byte != 0)
    }

    pub fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub fn i32(self, at: usize) -> Option<i32> {
        self.array(at).map(i32::from_le_bytes)
    }

    pub fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub fn i64(self, at: usize) -> Option<i64> {
        self.array(at).map(i64::from_le_bytes)
    }

    /// What begins at an offset.
    pub fn from(self, at: usize) -> Option<Self> {
        self.0.get(at..).map(Self)
    }

    /// Takes a table of rows of a size off the front; fewer than `count` are none.
    pub fn rows(
        &mut self,
        count: usize,
        size: usize,
    ) -> Option<impl ExactSizeIterator<Item = Fields<'a>> + use<'a>> {
        let (table, rest) = self.0.split_at_checked(count.checked_mul(size)?)?;
        self.0 = rest;
        Some(table.chunks_exact(size).map(Fields))
    }

    /// Takes so many bytes off the front, rounded up to 8.
    pub fn aligned(&mut self, len: usize) -> Option<Fields<'a>> {
        let (taken, rest) = self.0.split_at_checked(len.checked_next_multiple_of(8)?)?;
        self.0 = rest;
        taken.get(..len).map(Fields)
    }

    /// A text that ends with NUL, or with the bytes.
    pub fn text(self) -> &'a [u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// A count as C's int has it; a negative one is none.
pub fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
