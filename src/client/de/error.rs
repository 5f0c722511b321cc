//! What serde has to complain of, in the words of the crate. serde's own words show the value: ours must never.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, Status};

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Status::WAL_E_TYPE, message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Status::WAL_E_TYPE, format!("{} is not {expected}", Kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Status::WAL_E_OUT_OF_RANGE, format!("{} does not fit {expected}", Kind(found)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Status::WAL_E_TYPE, format!("the text is none of the variants {}", expected.join(", ")))
    }

    fn unknown_field(column: &str, _: &'static [&'static str]) -> Self {
        Self::new(
            Status::WAL_E_TYPE,
            format!("the row has a column \"{column}\" and the struct no such field"),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Status::WAL_E_TYPE, format!("the table has no published column \"{field}\""))
            .with_hint("Publish the column, rename the field (#[serde(rename)]) or give it a default (#[serde(default)]).")
    }
}

/// What was found, without its value.
struct Kind<'a>(Unexpected<'a>);

impl Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "the integer",
            Unexpected::Float(_) => "the number",
            Unexpected::Char(_) | Unexpected::Str(_) => "text",
            Unexpected::Bytes(_) => "a string of bytes",
            Unexpected::Unit => "NULL",
            Unexpected::Option => "a value that may be NULL",
            Unexpected::Map => "a row or an object",
            Unexpected::Seq => "a list",
            _ => "what came",
        })
    }
}
