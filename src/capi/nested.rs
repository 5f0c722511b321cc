//! Values with parts as C sees them: one level at a time.

use std::sync::Arc;

use super::boundary::{boundary, not_null};
use super::value::Place;
use super::{wal_error, wal_status};
use crate::batch::{Relation, Value};
use crate::error::{Error, Status};
use crate::types::{Dimension, Nested, Shape};

/// A reader of values that have parts: arrays, composites, ranges, multiranges, hstore, pgvector's types, paths and other geometry,
/// tsvector. It reads one level of a value, from text and binary alike. What it finds are values again, with the types that
/// wal_nested_relation() tells, so that every accessor reads them as it reads those of a row:
///
/// @code{.c}
/// wal_nested *nested = NULL;
/// size_t count;
///
/// if (wal_nested_new(&nested, &error) == WAL_OK &&
///     wal_nested_read(nested, &event->new_values[i], event->relation, i, WAL_SHAPE_ANY, &error) == WAL_OK) {
///     const wal_value *items = wal_nested_items(nested, &count);
///     for (size_t at = 0; at < count; at++)
///         if (items[at].kind != WAL_VALUE_NULL &&
///             wal_value_as_int32(&items[at], wal_nested_relation(nested), wal_nested_column(nested, at), &number, &error) == WAL_OK)
///             use(number);
/// }
/// wal_nested_free(nested);
/// @endcode
///
/// Keep a reader and use it again: it allocates nothing once it has found its size, which is that of the largest value it has read.
/// A value within a value takes a second reader, for the items of the first live in it.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct wal_nested {
    reader: Nested,
    items: Vec<Value>,
    dimensions: Vec<Dimension>,
    shape: Shape,
    flags: u32,
    relation: *const Relation,
}

// SAFETY: it is used by one thread at a time; its pointers lead to the caller's value, which is plain memory, and into itself.
unsafe impl Send for wal_nested {}

impl wal_nested {
    fn clear(&mut self) {
        self.items.clear();
        self.dimensions.clear();
        (self.shape, self.flags, self.relation) = (Shape::WAL_SHAPE_ANY, 0, std::ptr::null());
    }
}

/// Makes a reader.
///
/// @param[out] out the reader, owned by the caller: wal_nested_free
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK, WAL_E_INVALID_ARGUMENT
/// @par Thread safety
/// any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_new(out: *mut *mut wal_nested, err: *mut *mut wal_error) -> wal_status {
    boundary!(fallible(err; out = std::ptr::null_mut(); {
        let made = wal_nested {
            reader: Nested::new(),
            items: Vec::new(),
            dimensions: Vec::new(),
            shape: Shape::WAL_SHAPE_ANY,
            flags: 0,
            relation: std::ptr::null(),
        };
        // SAFETY: checked not to be NULL.
        unsafe { out.write(Box::into_raw(Box::new(made))) };
        Ok(Status::WAL_OK)
    }))
}

/// Reads one level of a value. What was read before is gone.
///
/// With WAL_SHAPE_ANY the type decides. Of a type that the stream only names (an enum's array, a composite, a range of a user's
/// type) it decides nothing: name the shape, and it is read so if the bytes bear it out. Of a type that is known the shape must be
/// right. hstore, vector, halfvec and sparsevec are known by their names.
///
/// In binary arrays and composites tell the types of their items. In text those of built-in types are known; items of others
/// have type 0, and are read as what is asked for, if they parse. A range of a user's type does not tell its subtype in either
/// form: its bounds have type 0. An array of a user's type with another delimiter than a comma cannot be read from text. A
/// composite's text "()" is taken for one field that is NULL.
///
/// @param[in,out] nested reads, and holds the items until it reads the next value
/// @param[in] value of an event, or an item of another reader
/// @param[in] relation the value's: the event's, or wal_nested_relation() of the other reader; NULL: no type is known
/// @param[in] column the value's place in the row, or wal_nested_column() of the other reader
/// @param[in] shape a wal_shape_code
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE: the type has no parts, is not resolved, has another
/// shape, or the bytes are not of it: the message says at which item and byte; WAL_E_NO_MEMORY; WAL_E_INVALID_ARGUMENT. After an
/// error there are no items
/// @par Thread safety
/// one thread at a time for one wal_nested, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_read(
    nested: *mut wal_nested,
    value: *const Value,
    relation: *const Relation,
    column: u32,
    shape: u32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        not_null(nested.cast_const(), "nested")?;
        // SAFETY: the contract: a live reader that no other thread uses now.
        let nested = unsafe { &mut *nested };
        if !relation.is_null() && relation == nested.relation {
            let what = "the value is an item of this reader, which holds it: read it with another";
            return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
        }
        nested.clear();
        let claim = Shape::of_number(shape)
            .map_err(|()| Error::new(Status::WAL_E_INVALID_ARGUMENT, format!("there is no shape {shape}")))?;
        // SAFETY: the contract: a live value, its relation or NULL.
        let place = unsafe { Place::of(value, relation, column)? };
        let items = nested
            .reader
            .read(place.field, claim)
            .map_err(|fault| place.within(fault.explain(place.field)))?;
        let no_memory = |_| Error::new(Status::WAL_E_NO_MEMORY, format!("no memory for {} items", items.len()));
        nested.items.try_reserve(items.len()).map_err(no_memory)?;
        for (kind, bytes) in items.raw() {
            let data = bytes.map_or(std::ptr::null(), <[u8]>::as_ptr);
            nested.items.push(Value { data, len: bytes.map_or(0, <[u8]>::len) as u32, kind, reserved: [0; 3] });
        }
        nested.dimensions.extend_from_slice(items.dimensions());
        (nested.shape, nested.flags) = (items.shape(), items.flags());
        nested.relation = items.relation().map_or(std::ptr::null(), Arc::as_ptr);
        Ok(Status::WAL_OK)
    }))
}

/// The items that were read last, as wal_shape_code says for each shape. An item is text, binary or NULL. Its bytes lie in the
/// value that was read, or in the reader, where they had to be unquoted.
///
/// @param nested may be NULL
/// @param[out] count how many; may be NULL
/// @return borrowed from the reader until it reads again, and from the value; NULL if there are none
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_items(nested: *const wal_nested, count: *mut usize) -> *const Value {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live reader; `count` is NULL or may be written to.
        let items = unsafe { nested.as_ref() }.map_or(&[][..], |nested| &nested.items);
        // SAFETY: as above.
        unsafe { super::boundary::clear(count, items.len()) };
        if items.is_empty() { std::ptr::null() } else { items.as_ptr() }
    }))
}

/// What the accessors of a value take as the relation of the items. Its columns are the items' types: one where all items are of
/// one type, two where they take turns, and one for each field of a composite. Its OID is that of the value's type, its
/// generation 0.
///
/// @param nested may be NULL
/// @return borrowed from the reader until it reads again, unless it is retained; NULL if nothing was read
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_relation(nested: *const wal_nested) -> *const Relation {
    // SAFETY: the contract: NULL or a live reader.
    boundary!(neutral(std::ptr::null(); { unsafe { nested.as_ref() }.map_or(std::ptr::null(), |nested| nested.relation) }))
}

/// Which column of wal_nested_relation() an item is of: its place modulo the number of columns. wal_relation_column_type_info()
/// tells its type.
///
/// @param nested may be NULL, which gives 0
/// @param[in] item from 0
/// @return the column, or 0
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_column(nested: *const wal_nested, item: usize) -> u32 {
    boundary!(neutral(0; {
        // SAFETY: the contract: NULL or a live reader, whose relation lives with it.
        let relation = unsafe { nested.as_ref().and_then(|nested| nested.relation.as_ref()) };
        relation.and_then(|relation| item.checked_rem(relation.columns.len())).map_or(0, |column| column as u32)
    }))
}

/// What the value is that was read last.
///
/// @param nested may be NULL
/// @return a wal_shape_code; WAL_SHAPE_ANY if nothing was read
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_shape(nested: *const wal_nested) -> u32 {
    // SAFETY: the contract: NULL or a live reader.
    boundary!(neutral(0; { unsafe { nested.as_ref() }.map_or(0, |nested| nested.shape as u32) }))
}

/// What else the value says that was read last: how a range is bounded, whether a path is closed.
///
/// @param nested may be NULL
/// @return bits: #WAL_NESTED_EMPTY and those beside it
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_flags(nested: *const wal_nested) -> u32 {
    // SAFETY: the contract: NULL or a live reader.
    boundary!(neutral(0; { unsafe { nested.as_ref() }.map_or(0, |nested| nested.flags) }))
}

/// The dimensions of an array, from the outermost on, at most six; none of an array without elements. Of a vector and a sparse
/// vector one, which is as long as the vector.
///
/// @param nested may be NULL
/// @param[out] count how many; may be NULL
/// @return borrowed from the reader until it reads again; NULL if there are none
/// @par Thread safety
/// any thread, several at once, while none reads with it
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_dimensions(
    nested: *const wal_nested,
    count: *mut usize,
) -> *const Dimension {
    boundary!(neutral(std::ptr::null(); {
        // SAFETY: the contract: NULL or a live reader; `count` is NULL or may be written to.
        let dimensions = unsafe { nested.as_ref() }.map_or(&[][..], |nested| &nested.dimensions);
        // SAFETY: as above.
        unsafe { super::boundary::clear(count, dimensions.len()) };
        if dimensions.is_empty() { std::ptr::null() } else { dimensions.as_ptr() }
    }))
}

/// Frees a reader, and with it the items that it holds.
///
/// @param nested may be NULL
/// @par Thread safety
/// once, from any thread, when nobody uses the reader
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_free(nested: *mut wal_nested) {
    boundary!(neutral((); {
        if !nested.is_null() {
            // SAFETY: the contract: made by `wal_nested_new`, freed once.
            drop(unsafe { Box::from_raw(nested) });
        }
    }));
}
