//! One column's value as the server sent it. It must never own memory: the batch does.

/// What a value is. NULL, unchanged TOAST and not-sent are three different things.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum ValueKind {
    /// SQL NULL.
    WAL_VALUE_NULL = 0,
    /// The text of the type's output function, in the client encoding.
    WAL_VALUE_TEXT = 1,
    /// The bytes of the type's send function.
    WAL_VALUE_BINARY = 2,
    /// A TOASTed value that the UPDATE did not touch: the server did not send it, and it is not NULL.
    WAL_VALUE_UNCHANGED = 3,
    /// Not sent: a column of an old row of which only the replica identity's columns came.
    WAL_VALUE_ABSENT = 4,
}

/// `Value::kind` of the entries of a TRUNCATE event's `extra`: `data` is a `*const Relation`. Never seen outside the
/// library.
pub const TRUNCATED_RELATION: u8 = 255;

/// One column's value: a view into its batch, not terminated by NUL. 16 bytes.
///
/// `data` is never NULL for a text or binary value, even when `len` is 0; for the other kinds it is NULL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Value {
    /// The bytes, in the batch that the value came with; after wal_decoder_decode in the caller's message.
    pub data: *const u8,
    /// How many bytes.
    pub len: u32,
    /// A `wal_value_kind`.
    pub kind: u8,
    /// Kept for later releases; 0.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<Value>() == 16);

impl Value {
    /// A value without bytes.
    #[inline]
    pub const fn empty(kind: ValueKind) -> Self {
        Self { data: std::ptr::null(), len: 0, kind: kind as u8, reserved: [0; 3] }
    }

    /// A view of `bytes`, which the caller keeps alive as long as the batch. Messages are at most 1 GiB long
    /// (`wire` refuses longer ones), so that the length fits.
    #[inline]
    pub fn view(kind: ValueKind, bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() as u32, kind: kind as u8, reserved: [0; 3] }
    }

    /// The bytes; nothing for the kinds without any.
    ///
    /// # Safety
    ///
    /// The value points into a batch or a message that lives for `'a`, or was made by `empty`.
    #[inline]
    pub unsafe fn bytes<'a>(&self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: `data` and `len` came from one slice (`view`), which the caller keeps alive.
        unsafe { std::slice::from_raw_parts(self.data, self.len as usize) }
    }
}
