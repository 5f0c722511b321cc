//! The schemas that messages bring with them, as Kafka Connect's JSON converter writes them. It must never name another type than
//! the one that values have.

use super::super::out::Out;
use super::super::settings::{Decimals, Settings};
use super::super::text;
use super::super::value::Shape;
use super::form::Form;
use super::table;
use crate::batch::{Relation, Type};
use crate::types::oid;

/// A column of a row's schema.
pub(super) struct Column<'a> {
    pub(super) name: &'a [u8],
    pub(super) form: Form,
    pub(super) of: &'a Type,
    /// Whether it may be NULL. The stream tells it of no column, but those of a key are not.
    pub(super) is_optional: bool,
}

/// Of the field `source`.
const SOURCE: &[u8] = br#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},{"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},{"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"},{"type":"string","optional":false,"field":"schema"},{"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"txId"},{"type":"int64","optional":true,"field":"lsn"},{"type":"int64","optional":true,"field":"xmin"},{"type":"string","optional":true,"field":"origin"},{"type":"int64","optional":true,"field":"origin_lsn"}],"optional":false,"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"}"#;

/// Of the field `transaction`.
const PLACE: &[u8] = br#",{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":false,"field":"total_order"},{"type":"int64","optional":false,"field":"data_collection_order"}],"optional":true,"name":"event.block","version":1,"field":"transaction"}"#;

/// Of the fields behind it.
const REST: &[u8] = br#",{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}],"optional":false,"name":"#;

/// Of the value of a change.
pub(super) fn envelope<'a>(
    relation: &Relation,
    columns: impl Iterator<Item = Column<'a>> + Clone,
    settings: &Settings,
    out: &mut Out,
) {
    out.put(b"{\"type\":\"struct\",\"fields\":[");
    for name in ["before", "after"] {
        row(columns.clone(), settings, out);
        out.put(b",\"optional\":true,\"name\":");
        schema_name(relation, b".Value", settings, out);
        out.put(b",\"field\":\"");
        out.put(name.as_bytes());
        out.put(b"\"},");
    }
    out.pieces([SOURCE, PLACE, REST]);
    schema_name(relation, b".Envelope", settings, out);
    out.put(b",\"version\":2}");
}

/// Of the key of a change.
pub(super) fn key<'a>(
    relation: &Relation,
    columns: impl Iterator<Item = Column<'a>>,
    settings: &Settings,
    out: &mut Out,
) {
    row(columns, settings, out);
    out.put(b",\"optional\":false,\"name\":");
    schema_name(relation, b".Key", settings, out);
    out.byte(b'}');
}

/// Of the value of a logical message.
pub(super) fn message(out: &mut Out) {
    out.put(br#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},"#);
    out.pieces([SOURCE, PLACE]);
    out.put(br#",{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"},{"type":"bytes","optional":true,"field":"content"}],"optional":false,"name":"io.debezium.connector.postgresql.Message","version":1,"field":"message"}],"optional":false,"name":"io.debezium.connector.postgresql.MessageValue","version":1}"#);
}

/// Of the value of what is told of a transaction.
pub(super) const TRANSACTION: &[u8] = br#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"status"},{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"event_count"},{"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"data_collection"},{"type":"int64","optional":false,"field":"event_count"}],"optional":true,"name":"event.collection","version":1},"optional":true,"field":"data_collections"},{"type":"int64","optional":false,"field":"ts_ms"}],"optional":false,"name":"io.debezium.connector.common.TransactionMetadataValue","version":1}"#;

/// Of its key.
pub(super) const TRANSACTION_KEY: &[u8] = br#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"}],"optional":false,"name":"io.debezium.connector.common.TransactionMetadataKey","version":1}"#;

/// Of the key of a logical message.
pub(super) const MESSAGE_KEY: &[u8] = br#"{"type":"struct","fields":[{"type":"string","optional":true,"field":"prefix"}],"optional":false,"name":"io.debezium.connector.postgresql.MessageKey","version":1}"#;

/// `"prefix.public.t.Value"`: named like the topic.
fn schema_name(relation: &Relation, suffix: &[u8], settings: &Settings, out: &mut Out) {
    out.byte(b'"');
    table::topic(settings, &[&relation.namespace, b".", &relation.name, suffix], out);
    out.byte(b'"');
}

/// `{"type":"struct","fields":[…]`
fn row<'a>(columns: impl Iterator<Item = Column<'a>>, settings: &Settings, out: &mut Out) {
    out.put(b"{\"type\":\"struct\",\"fields\":[");
    for (at, column) in columns.enumerate() {
        out.put(if at == 0 { b"{" } else { b",{" });
        members(column.form, column.of.reads_as, column.is_optional, settings, out);
        out.put(b",\"field\":");
        text::string(column.name, settings, out);
        out.byte(b'}');
    }
    out.byte(b']');
}

/// A schema's type, and what Connect and Debezium call it.
#[derive(Clone, Copy)]
struct Of {
    base: &'static str,
    /// With the version of the name.
    name: Option<(&'static str, u32)>,
}

const fn plain(base: &'static str) -> Of {
    Of { base, name: None }
}

const fn named(base: &'static str, name: &'static str) -> Of {
    Of { base, name: Some((name, 1)) }
}

/// `"type":"int32","optional":true,"name":"io.debezium.time.Date","version":1`
fn members(form: Form, type_oid: u32, is_optional: bool, settings: &Settings, out: &mut Out) {
    let of = of(form, type_oid, settings);
    out.put(b"\"type\":\"");
    out.put(of.base.as_bytes());
    out.byte(b'"');
    match form {
        Form::AnyDecimal if of.base == "struct" => out.put(
            b",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"scale\"},{\"type\":\"bytes\",\"optional\":false,\"field\":\"value\"}]",
        ),
        Form::Point => out.put(
            b",\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},{\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]",
        ),
        Form::Vector => out.put(b",\"items\":{\"type\":\"double\",\"optional\":false}"),
        Form::HalfVector => out.put(b",\"items\":{\"type\":\"float\",\"optional\":false}"),
        Form::Array { element, typmod } => {
            out.put(b",\"items\":{");
            members(Form::of_element(element, typmod, settings), element, true, settings, out);
            out.byte(b'}');
        }
        _ => {}
    }
    out.put(if is_optional { b",\"optional\":true" } else { b",\"optional\":false" });
    if let Some((name, version)) = of.name {
        out.put(b",\"name\":\"");
        out.put(name.as_bytes());
        out.put(b"\",\"version\":");
        out.number(version.into());
    }
    match form {
        Form::AnyDecimal if of.base == "struct" => out.put(b",\"doc\":\"Variable scaled decimal\""),
        Form::Point => out.put(b",\"doc\":\"Geometry (POINT)\""),
        _ => {}
    }
    parameters(form, of, out);
}

fn parameters(form: Form, of: Of, out: &mut Out) {
    let begin: &[u8] = b",\"parameters\":{";
    match form {
        Form::Bits(length) => {
            out.put(begin);
            out.put(b"\"length\":\"");
            out.number(length.unsigned_abs().into());
            out.put(b"\"}");
        }
        Form::Decimal { precision, scale } if of.base == "bytes" => {
            out.put(begin);
            out.put(b"\"scale\":\"");
            signed(scale, out);
            out.put(b"\",\"connect.decimal.precision\":\"");
            signed(precision, out);
            out.put(b"\"}");
        }
        Form::Money if of.base == "bytes" => {
            out.put(begin);
            out.put(b"\"scale\":\"2\"}");
        }
        _ => {}
    }
}

fn signed(number: i32, out: &mut Out) {
    if number < 0 {
        out.byte(b'-');
    }
    out.number(number.unsigned_abs().into());
}

fn of(form: Form, type_oid: u32, settings: &Settings) -> Of {
    match form {
        Form::Plain(Shape::Bool) | Form::Bit => plain("boolean"),
        Form::Plain(Shape::Number(_)) => match type_oid {
            oid::INT2 => plain("int16"),
            oid::INT4 => plain("int32"),
            oid::FLOAT4 => plain("float"),
            oid::FLOAT8 => plain("double"),
            _ => plain("int64"),
        },
        Form::Float32 => plain("float"),
        Form::Float64 => plain("double"),
        Form::Plain(Shape::Bytea) => plain("bytes"),
        Form::Bits(_) => named("bytes", "io.debezium.data.Bits"),
        Form::Date => named("int32", "io.debezium.time.Date"),
        Form::TimeMillis => named("int32", "io.debezium.time.Time"),
        Form::TimeMicros | Form::TimeCut => named("int64", "io.debezium.time.MicroTime"),
        Form::TimestampMillis => named("int64", "io.debezium.time.Timestamp"),
        Form::TimestampMicros => named("int64", "io.debezium.time.MicroTimestamp"),
        Form::Timestamptz(_) => named("string", "io.debezium.time.ZonedTimestamp"),
        Form::Timetz => named("string", "io.debezium.time.ZonedTime"),
        Form::Interval => named("int64", "io.debezium.time.MicroDuration"),
        Form::Decimal { .. } | Form::AnyDecimal | Form::Money => match (settings.decimals(), form) {
            (Decimals::Precise, Form::AnyDecimal) => named("struct", "io.debezium.data.VariableScaleDecimal"),
            (Decimals::Precise, _) => named("bytes", "org.apache.kafka.connect.data.Decimal"),
            (Decimals::Double, _) => plain("double"),
            (Decimals::String | Decimals::Auto, _) => plain("string"),
        },
        Form::Point => named("struct", "io.debezium.data.geometry.Point"),
        Form::Hstore => named("string", "io.debezium.data.Json"),
        Form::Array { .. } => plain("array"),
        Form::Vector => named("array", "io.debezium.data.DoubleVector"),
        Form::HalfVector => named("array", "io.debezium.data.FloatVector"),
        Form::Missing | Form::Lost | Form::Plain(_) => match type_oid {
            oid::JSON | oid::JSONB => named("string", "io.debezium.data.Json"),
            oid::UUID => named("string", "io.debezium.data.Uuid"),
            oid::XML => named("string", "io.debezium.data.Xml"),
            oid::TSVECTOR => named("string", "io.debezium.data.Tsvector"),
            oid::LTREE => named("string", "io.debezium.data.Ltree"),
            _ => plain("string"),
        },
    }
}
