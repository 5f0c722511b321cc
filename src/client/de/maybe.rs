//! A field that may not have been sent. It must never make NULL of that.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A value, or why the server did not send one; NULL is something else: `Maybe<Option<T>>`.
///
/// ```
/// # use serde::Deserialize;
/// use pgwalstream::Maybe;
///
/// #[derive(Deserialize)]
/// struct Article {
///     id: i64,
///     // A large text that an UPDATE of another column leaves alone is not sent.
///     body: Maybe<Option<String>>,
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maybe<T> {
    /// The value was sent.
    Sent(T),
    /// A large value that the UPDATE did not touch: it is what it was.
    Unchanged,
    /// A column outside the replica identity, in an old row of which only that was sent.
    Absent,
}

impl<T> Maybe<T> {
    /// The value, if it was sent.
    pub fn sent(self) -> Option<T> {
        match self {
            Self::Sent(value) => Some(value),
            Self::Unchanged | Self::Absent => None,
        }
    }

    /// The value, or what is known of it from before.
    pub fn or(self, known: T) -> T {
        self.sent().unwrap_or(known)
    }
}

/// The name by which our deserializer knows this type from all others.
pub(super) const NAME: &str = "$pgwalstream::Maybe";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, MaybeVisitor(PhantomData))
    }
}

struct MaybeVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaybeVisitor<T> {
    type Value = Maybe<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that may not have been sent")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, sent: D) -> Result<Maybe<T>, D::Error> {
        T::deserialize(sent).map(Maybe::Sent)
    }

    fn visit_none<E: Error>(self) -> Result<Maybe<T>, E> {
        Ok(Maybe::Unchanged)
    }

    fn visit_unit<E: Error>(self) -> Result<Maybe<T>, E> {
        Ok(Maybe::Absent)
    }
}
