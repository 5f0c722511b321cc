//! What stands for a large value that an UPDATE did not touch and no old row has. It must never be of another type than the schema of
//! its column says.

use super::super::out::Out;
use super::super::settings::{Compatible, Decimals, Schemas, Settings};
use super::super::text;
use super::super::value::Shape;
use super::form::Form;
use super::value::quoted_base64;
use crate::types::oid;

/// Writes it, for a form of the type that values are read as.
pub(super) fn write(settings: &Settings, form: Form, type_oid: u32, out: &mut Out) {
    match kind(settings, form, type_oid) {
        Kind::Null => out.put(b"null"),
        Kind::Text => text::string(word(settings), settings, out),
        Kind::Bytes => quoted_base64(word(settings), out),
        Kind::Decimal => {
            out.put(b"{\"scale\":0,\"value\":");
            quoted_base64(word(settings), out);
            out.byte(b'}');
        }
        Kind::Hstore => {
            let mut document = Out::default();
            document.byte(b'{');
            text::string(word(settings), settings, &mut document);
            document.byte(b':');
            text::string(word(settings), settings, &mut document);
            document.byte(b'}');
            text::string(document.bytes(), settings, out);
        }
        Kind::Array { element, typmod } => {
            array(settings, Form::of_element(element, typmod, settings), element, out);
        }
        Kind::Integer | Kind::None => untyped(settings, out),
    }
}

fn word(settings: &Settings) -> &[u8] {
    settings.names.placeholder.as_bytes()
}

/// As an array: the codes of its characters where those can be elements, else the only element.
fn array(settings: &Settings, element: Form, type_oid: u32, out: &mut Out) {
    match kind(settings, element, type_oid) {
        Kind::Integer => {
            for (at, byte) in word(settings).iter().enumerate() {
                out.byte(if at == 0 { b'[' } else { b',' });
                out.number((*byte).into());
            }
            out.byte(b']');
        }
        Kind::None | Kind::Null if settings.schemas == Schemas::With => out.put(b"null"),
        Kind::None | Kind::Null => {
            out.byte(b'[');
            text::string(word(settings), settings, out);
            out.byte(b']');
        }
        _ => {
            out.byte(b'[');
            write(settings, element, type_oid, out);
            out.byte(b']');
        }
    }
}

/// Where no value of a type can stand for it: `null` where a schema names the type, else a string that shows.
fn untyped(settings: &Settings, out: &mut Out) {
    match settings.schemas {
        Schemas::With => out.put(b"null"),
        Schemas::Without => text::string(word(settings), settings, out),
    }
}

/// What values of a form are in a schema.
enum Kind {
    /// Debezium writes `null`.
    Null,
    Text,
    Bytes,
    /// An object with a scale and bytes.
    Decimal,
    /// A text that holds a document.
    Hstore,
    Integer,
    Array {
        element: u32,
        typmod: i32,
    },
    /// Numbers, booleans and objects: whatever stood there would be taken for a value.
    None,
}

fn kind(settings: &Settings, form: Form, type_oid: u32) -> Kind {
    let copied = settings.compatible == Compatible::Debezium36;
    match form {
        Form::Lost => Kind::Null,
        Form::Plain(Shape::Bytea) | Form::Bits(_) => Kind::Bytes,
        Form::Plain(Shape::Number(_)) if matches!(type_oid, oid::FLOAT4 | oid::FLOAT8) => Kind::None,
        Form::Plain(Shape::Number(_)) => Kind::Integer,
        Form::Plain(Shape::Bool) => Kind::None,
        Form::Plain(_) | Form::Missing | Form::Timestamptz(_) | Form::Timetz => Kind::Text,
        Form::Date | Form::TimeMillis | Form::TimeMicros | Form::TimeCut => Kind::Integer,
        Form::TimestampMillis | Form::TimestampMicros | Form::Interval => Kind::Integer,
        Form::Decimal { .. } | Form::AnyDecimal | Form::Money => match (settings.decimals(), form) {
            (Decimals::Precise | Decimals::Double, _) if copied => Kind::Null,
            (Decimals::Precise, Form::AnyDecimal) => Kind::Decimal,
            (Decimals::Precise, _) => Kind::Bytes,
            (Decimals::Double, _) => Kind::None,
            (Decimals::String | Decimals::Auto, _) => Kind::Text,
        },
        Form::Hstore => Kind::Hstore,
        Form::Array { element, typmod } => Kind::Array { element, typmod },
        Form::Float32 | Form::Float64 | Form::Bit | Form::Point | Form::Vector | Form::HalfVector => {
            Kind::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(type_oid: u32, settings: &Settings) -> String {
        let mut out = Out::default();
        write(settings, Form::of(type_oid, -1, settings), type_oid, &mut out);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    #[test]
    fn it_is_of_the_type_that_the_schema_says() {
        use Compatible::*;
        let mut settings = Settings::default();
        settings.names.placeholder = "ab".to_owned();
        let all = [
            (Schemas::With, Decimals::Precise, Exact, oid::NUMERIC, "{\"scale\":0,\"value\":\"YWI=\"}"),
            (Schemas::With, Decimals::Double, Exact, oid::NUMERIC, "null"),
            (Schemas::Without, Decimals::Double, Exact, oid::NUMERIC, "\"ab\""),
            (Schemas::With, Decimals::String, Exact, oid::NUMERIC, "\"ab\""),
            (Schemas::With, Decimals::Auto, Debezium36, oid::NUMERIC, "null"),
            (Schemas::With, Decimals::String, Debezium36, oid::NUMERIC, "\"ab\""),
            (Schemas::With, Decimals::Auto, Exact, oid::FLOAT8_ARRAY, "null"),
            (Schemas::With, Decimals::Auto, Debezium36, oid::FLOAT8_ARRAY, "null"),
            (Schemas::Without, Decimals::Auto, Exact, oid::FLOAT8_ARRAY, "[\"ab\"]"),
            (Schemas::With, Decimals::Auto, Exact, oid::BOOL_ARRAY, "null"),
            (Schemas::With, Decimals::Auto, Exact, oid::TIMESTAMP_ARRAY, "[97,98]"),
            (Schemas::With, Decimals::Auto, Exact, oid::BYTEA_ARRAY, "[\"YWI=\"]"),
            (
                Schemas::With,
                Decimals::Precise,
                Exact,
                oid::NUMERIC_ARRAY,
                "[{\"scale\":0,\"value\":\"YWI=\"}]",
            ),
            (Schemas::With, Decimals::Precise, Debezium36, oid::NUMERIC_ARRAY, "null"),
            (Schemas::Without, Decimals::Auto, Debezium36, oid::DATE_ARRAY, "[97,98]"),
            (Schemas::With, Decimals::Auto, Exact, oid::VECTOR, "null"),
            (Schemas::With, Decimals::Auto, Exact, oid::TEXT_ARRAY, "[\"ab\"]"),
            (Schemas::With, Decimals::Auto, Exact, oid::BYTEA, "\"YWI=\""),
            (Schemas::With, Decimals::Auto, Exact, oid::HSTORE, "\"{\\\"ab\\\":\\\"ab\\\"}\""),
        ];
        for (schemas, decimals, compatible, type_oid, wanted) in all {
            (settings.schemas, settings.decimals, settings.compatible) = (schemas, decimals, compatible);
            assert_eq!(of(type_oid, &settings), wanted, "{type_oid} {schemas:?} {decimals:?} {compatible:?}");
        }
    }
}
