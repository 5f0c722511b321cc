//! Which form the values of a column have, by its type. It must never take a type for one that Debezium knows, where that is
//! copied: of all that is not named here it writes nothing.

use super::super::settings::{Compatible, Settings};
use super::super::value::{Fit, Shape};
use crate::batch::TypeKind;
use crate::types::oid;

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As in the format json.
    Plain(Shape),
    /// A number as Java writes it.
    Float32,
    Float64,
    /// A bit as a boolean.
    Bit,
    /// Bits as bytes, the lowest first; there may be so many.
    Bits(i32),
    /// Days since 1970.
    Date,
    /// Milliseconds of the day.
    TimeMillis,
    /// Microseconds of the day.
    TimeMicros,
    /// The same without what is behind the milliseconds: so Debezium writes it in arrays.
    TimeCut,
    /// Milliseconds since 1970.
    TimestampMillis,
    /// Microseconds since 1970.
    TimestampMicros,
    /// ISO 8601 in UTC, with so many digits behind the second.
    Timestamptz(u8),
    /// The text, or the time in UTC where Debezium is copied.
    Timetz,
    /// Microseconds, where a month has 30.4375 days; at most what 64 bits hold.
    Interval,
    /// A number of a precision and a scale.
    Decimal {
        precision: i32,
        scale: i32,
    },
    /// A number of any scale.
    AnyDecimal,
    /// With two digits behind the point.
    Money,
    /// Coordinates, and the same as WKB.
    Point,
    /// A string that holds an object of JSON.
    Hstore,
    /// Elements of a type with a modifier of their own.
    Array {
        element: u32,
        typmod: i32,
    },
    /// Numbers.
    Vector,
    /// The same in single precision: so Debezium writes a halfvec.
    HalfVector,
    /// Debezium leaves the column out.
    Missing,
    /// Debezium writes `null` whatever it is.
    Lost,
}

impl Form {
    /// Of the type that values are read as.
    pub(super) fn of(type_oid: u32, typmod: i32, settings: &Settings) -> Self {
        let copied = settings.compatible == Compatible::Debezium36;
        match type_oid {
            oid::BOOL => Self::Plain(Shape::Bool),
            oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => Self::Plain(Shape::Number(Fit::All)),
            oid::FLOAT4 if copied => Self::Float32,
            oid::FLOAT8 if copied => Self::Float64,
            oid::FLOAT4 | oid::FLOAT8 => Self::Plain(Shape::Number(Fit::All)),
            oid::NUMERIC => match numeric(typmod) {
                Some((precision, scale)) => Self::Decimal { precision, scale },
                None => Self::AnyDecimal,
            },
            oid::MONEY => Self::Money,
            oid::BYTEA => Self::Plain(Shape::Bytea),
            oid::BIT if typmod == 1 => Self::Bit,
            oid::VARBIT if typmod == 1 && copied => Self::Bit,
            oid::BIT | oid::VARBIT => Self::Bits(if typmod > 0 { typmod } else { i32::MAX }),
            oid::DATE => Self::Date,
            oid::TIME if (0..=3).contains(&typmod) => Self::TimeMillis,
            oid::TIME => Self::TimeMicros,
            oid::TIMESTAMP if (0..=3).contains(&typmod) => Self::TimestampMillis,
            oid::TIMESTAMP => Self::TimestampMicros,
            oid::TIMESTAMPTZ => Self::Timestamptz(u8::try_from(typmod).map_or(6, |digits| digits.min(6))),
            oid::TIMETZ => Self::Timetz,
            oid::INTERVAL => Self::Interval,
            oid::POINT => Self::Point,
            oid::HSTORE => Self::Hstore,
            oid::HALFVEC if copied => Self::HalfVector,
            oid::VECTOR | oid::HALFVEC => Self::Vector,
            oid::NAME if copied => Self::Lost,
            _ => match oid::find(type_oid) {
                Some(it) if it.kind == TypeKind::WAL_TYPE_KIND_ARRAY => {
                    let is_missing = || Self::of(it.element, typmod, settings) == Self::Missing;
                    if copied && (is_left_out(type_oid) || is_missing()) {
                        Self::Missing
                    } else {
                        Self::Array { element: it.element, typmod }
                    }
                }
                Some(_) if copied && !is_known_text(type_oid) => Self::Missing,
                _ => Self::Plain(Shape::Text),
            },
        }
    }
}

impl Form {
    /// Of the elements of an array.
    pub(super) fn of_element(type_oid: u32, typmod: i32, settings: &Settings) -> Self {
        match Self::of(type_oid, typmod, settings) {
            Self::TimeMicros if settings.compatible == Compatible::Debezium36 => Self::TimeCut,
            form => form,
        }
    }
}

/// Precision and scale, which has 11 bits with a sign (numeric_typmod_scale).
fn numeric(typmod: i32) -> Option<(i32, i32)> {
    let packed = typmod.checked_sub(4).filter(|packed| *packed >= 0)?;
    Some((packed >> 16 & 0xFFFF, (packed & 0x7FF ^ 1024) - 1024))
}

/// PostgreSQL's own types that Debezium writes as their text.
fn is_known_text(type_oid: u32) -> bool {
    use oid::*;
    matches!(type_oid, TEXT | VARCHAR | BPCHAR | CHAR | XML | JSON | JSONB | UUID | TSVECTOR)
        || matches!(type_oid, INET | CIDR | MACADDR | MACADDR8)
        || matches!(type_oid, INT4RANGE | INT8RANGE | NUMRANGE | TSRANGE | TSTZRANGE | DATERANGE)
}

/// Arrays of which Debezium writes nothing, though it knows their elements.
fn is_left_out(type_oid: u32) -> bool {
    use oid::*;
    matches!(type_oid, MONEY_ARRAY | NAME_ARRAY | INTERVAL_ARRAY | VARBIT_ARRAY | XML_ARRAY | POINT_ARRAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_debezium_does_not_know_nothing_is_written() {
        use oid::*;
        let mut settings = Settings::default();
        let left_out = [
            XID,
            TID,
            PG_LSN,
            XID8,
            TSQUERY,
            JSONPATH,
            PG_SNAPSHOT,
            INT4MULTIRANGE,
            PG_TYPE,
            REGCLASS,
            REFCURSOR,
            BOX,
            LINE,
            LSEG,
            PATH,
            POLYGON,
            CIRCLE,
            ACLITEM,
        ];
        let arrays = [
            XID_ARRAY,
            TID_ARRAY,
            PG_LSN_ARRAY,
            XID8_ARRAY,
            TSQUERY_ARRAY,
            JSONPATH_ARRAY,
            INT4MULTIRANGE_ARRAY,
            BOX_ARRAY,
            REGCLASS_ARRAY,
            REFCURSOR_ARRAY,
            MONEY_ARRAY,
            NAME_ARRAY,
            INTERVAL_ARRAY,
            VARBIT_ARRAY,
            XML_ARRAY,
            POINT_ARRAY,
        ];
        let all = || left_out.iter().chain(&arrays);
        assert!(all().all(|of| Form::of(*of, -1, &settings) != Form::Missing));
        settings.compatible = Compatible::Debezium36;
        for of in all() {
            assert_eq!(Form::of(*of, -1, &settings), Form::Missing, "{of}");
        }
        for of in [TEXT, CHAR, XML, INET, MACADDR8, INT4RANGE, TSVECTOR, LTREE, 100_000] {
            assert_eq!(Form::of(of, -1, &settings), Form::Plain(Shape::Text), "{of}");
        }
        for of in
            [CHAR_ARRAY, CIDR_ARRAY, MACADDR_ARRAY, TSTZRANGE_ARRAY, INT2_ARRAY, UUID_ARRAY, TIMETZ_ARRAY]
        {
            assert!(matches!(Form::of(of, -1, &settings), Form::Array { .. }), "{of}");
        }
    }

    #[test]
    fn bits_of_any_number_up_to_one_are_no_boolean() {
        let mut settings = Settings::default();
        assert_eq!(Form::of(oid::VARBIT, 1, &settings), Form::Bits(1));
        assert_eq!(Form::of(oid::BIT, 1, &settings), Form::Bit);
        settings.compatible = Compatible::Debezium36;
        assert_eq!(Form::of(oid::VARBIT, 1, &settings), Form::Bit);
    }
}
