//! Values with parts as C sees them: one level at a time.

use std::sync::Arc;

use super::boundary::{boundary, not_null};
use super::value::Place;
use super::{wal_error, wal_status};
use crate::batch::{Relation, Type, Value};
use crate::error::{Error, Result, Status};
use crate::types::{Claim, Dimension, Nested, Shape, let_go, oid};

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
/// Keep a reader and use it again: it allocates nothing once it has found its size, which is that of the largest value that it has
/// read lately. A value within a value takes a second reader, for the items of the first live in it.
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
        let_go(&mut self.items);
        self.dimensions.clear();
        (self.shape, self.flags, self.relation) = (Shape::WAL_SHAPE_ANY, 0, std::ptr::null());
    }

    fn read(&mut self, place: Place<'_>, claim: Claim) -> Result<Status> {
        self.clear();
        let items = self
            .reader
            .read_claimed(place.field, claim)
            .map_err(|fault| place.within(fault.explain(place.field)))?;
        let no_memory =
            |_| Error::new(Status::WAL_E_NO_MEMORY, format!("no memory for {} items", items.len()));
        self.items.try_reserve(items.len()).map_err(no_memory)?;
        for (kind, bytes) in items.raw() {
            let data = bytes.map_or(std::ptr::null(), <[u8]>::as_ptr);
            self.items.push(Value { data, len: bytes.map_or(0, <[u8]>::len) as u32, kind, reserved: [0; 3] });
        }
        self.dimensions.extend_from_slice(items.dimensions());
        (self.shape, self.flags) = (items.shape(), items.flags());
        self.relation = items.relation().map_or(std::ptr::null(), Arc::as_ptr);
        Ok(Status::WAL_OK)
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
/// In binary arrays and composites tell the types of their items. In text those of built-in types are known. A range of a user's
/// type does not tell its subtype in either form. Items of which nobody tells the type have type 0: their text is read as what is
/// asked for, if it parses. Their binary form is WAL_E_TYPE, but for text. wal_nested_read_as() takes the type from you, and so do
/// accessors of an item without a relation.
///
/// An array that the stream only names is taken to have commas between its elements in text. If it has something else, you get
/// wrong items and no error: say so to wal_nested_read_as(). Known are box, and PostGIS's geometry and geography; arrays of domains
/// over box are refused. Nor can a text tell a range "(1,5)" from a composite, or a composite without fields, "()", from one field
/// that is NULL: the latter is taken.
///
/// @param[in,out] nested reads, and holds the items until it reads the next value
/// @param[in] value of an event, or an item of another reader
/// @param[in] relation the value's: the event's, or wal_nested_relation() of the other reader; NULL: no type is known
/// @param[in] column the value's place in the row, or wal_nested_column() of the other reader
/// @param[in] shape a wal_shape_code
/// @param[out] err may be NULL; owned by the caller
/// @return WAL_OK; WAL_E_NO_VALUE: NULL, unchanged or not sent; WAL_E_TYPE: the type has no parts, is not resolved, has another
/// shape, or the bytes are not of it: the message says at which item and byte; WAL_E_NO_MEMORY: there are no items then.
/// WAL_E_INVALID_ARGUMENT, as for an item of this very reader: what was read before stays
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
        // SAFETY: the contract: a live reader or NULL, which is checked, a live value, its relation or NULL.
        unsafe {
            not_own(nested, value)?;
            let claim = claimed(shape, std::ptr::null(), 0)?;
            let place = Place::of(value, relation, column)?;
            let nested = &mut *nested;
            nested.read(place, claim)
        }
    }))
}

/// Reads one level of a value of which you know more than the stream tells: the type where there is no relation, the type of the
/// items, what stands between the elements of an array. Else it is wal_nested_read().
///
/// What you say must agree with what is known. In binary a range of a user's type is read as one of `item_type`; an array's
/// elements tell their type, and may be of a type that is not built in, such as a domain, or of `item_type` itself.
///
/// @param[in,out] nested reads, and holds the items until it reads the next value
/// @param[in] value of an event, or an item of another reader
/// @param[in] data_type of the value; NULL: not known
/// @param[in] shape a wal_shape_code
/// @param[in] item_type of an array's elements, a range's bounds, or a multirange's ranges: a built-in type, or a domain over
/// one; NULL: not known
/// @param[in] delimiter the typdelim in pg_type of the elements' type: a character of ASCII that is none of {}"\\; 0: not known
/// @param[out] err may be NULL; owned by the caller
/// @return as wal_nested_read(); WAL_E_INVALID_ARGUMENT for an item type that is not built in, or a delimiter that can be none
/// @par Thread safety
/// one thread at a time for one wal_nested, any thread
/// @since 0.2.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wal_nested_read_as(
    nested: *mut wal_nested,
    value: *const Value,
    data_type: *const Type,
    shape: u32,
    item_type: *const Type,
    delimiter: u32,
    err: *mut *mut wal_error,
) -> wal_status {
    boundary!(fallible(err; ; {
        // SAFETY: the contract: a live reader or NULL, which is checked, a live value, live types or NULL.
        unsafe {
            not_own(nested, value)?;
            let claim = claimed(shape, item_type, delimiter)?;
            let place = Place::of_type(value, data_type)?;
            let nested = &mut *nested;
            nested.read(place, claim)
        }
    }))
}

/// An error for no reader, and for a value that the reader holds itself: it would be gone before it is read.
///
/// # Safety
/// `nested` is NULL or a live reader, `value` NULL or a live value.
unsafe fn not_own(nested: *mut wal_nested, value: *const Value) -> Result<()> {
    not_null(nested.cast_const(), "nested")?;
    not_null(value, "value")?;
    // SAFETY: the caller's promise; neither is NULL.
    let (nested, data) = unsafe { (&*nested.cast_const(), (*value).data) };
    let first = nested.items.as_ptr().addr();
    let items = first..first + nested.items.capacity() * size_of::<Value>();
    if items.contains(&value.addr()) || nested.reader.owns(data.addr()) {
        let what = "the value is an item of this reader, which holds it: read it with another";
        return Err(Error::new(Status::WAL_E_INVALID_ARGUMENT, what));
    }
    Ok(())
}

/// What the caller says of a value.
///
/// # Safety
/// `item_type` is NULL or lives.
unsafe fn claimed(shape: u32, item_type: *const Type, delimiter: u32) -> Result<Claim> {
    let invalid = |what: String| Error::new(Status::WAL_E_INVALID_ARGUMENT, what);
    let shape = Shape::of_number(shape).map_err(|()| invalid(format!("there is no shape {shape}")))?;
    // SAFETY: the caller's promise.
    let item = unsafe { item_type.as_ref() }.map_or(0, |it| it.reads_as);
    if !item_type.is_null() && oid::find(item).is_none() {
        return Err(invalid("the type of the items is not built in".to_owned()));
    }
    let delimiter = u8::try_from(delimiter)
        .ok()
        .filter(|it| it.is_ascii() && !b"{}\"\\".contains(it))
        .ok_or_else(|| invalid(format!("{delimiter} is no delimiter of elements")))?;
    Ok(Claim { item, delimiter, ..shape.into() })
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
/// one type, two where they take turns, and one for each field of a composite. Its OID is that of the value's own type (of a domain
/// the domain's), 0 where that is not known. Its generation is 0.
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
