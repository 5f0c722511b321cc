//! The kinds of values, as events hold them, and which of them say something. It must never take a value that was not sent for NULL.

use crate::batch::ValueKind;

pub(super) const NULL: u8 = ValueKind::WAL_VALUE_NULL as u8;
pub(super) const TEXT: u8 = ValueKind::WAL_VALUE_TEXT as u8;
pub(super) const BINARY: u8 = ValueKind::WAL_VALUE_BINARY as u8;
pub(super) const UNCHANGED: u8 = ValueKind::WAL_VALUE_UNCHANGED as u8;
pub(super) const ABSENT: u8 = ValueKind::WAL_VALUE_ABSENT as u8;

/// Whether there is a value.
#[inline]
pub(super) fn is_value(kind: u8) -> bool {
    matches!(kind, TEXT | BINARY)
}

/// Whether there is a value, or NULL.
#[inline]
pub(super) fn is_sent(kind: u8) -> bool {
    matches!(kind, NULL | TEXT | BINARY)
}
