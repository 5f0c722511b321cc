//! The OIDs of PostgreSQL's own types that something here knows (src/include/catalog/pg_type.dat). They never
//! change between versions. No other file may spell one as a number.

macro_rules! types {
    ($($(#[$doc:meta])* $constant:ident = $oid:literal $name:literal,)*) => {
        $($(#[$doc])* #[doc = concat!("`", $name, "`")] pub const $constant: u32 = $oid;)*

        /// The name of one of these types.
        pub fn name(oid: u32) -> Option<&'static str> {
            match oid {
                $($oid => Some($name),)*
                _ => None,
            }
        }
    };
}

types! {
    BOOL = 16 "boolean",
    BYTEA = 17 "bytea",
    CHAR = 18 "\"char\"",
    NAME = 19 "name",
    INT8 = 20 "bigint",
    INT2 = 21 "smallint",
    INT4 = 23 "integer",
    REGPROC = 24 "regproc",
    TEXT = 25 "text",
    OID = 26 "oid",
    TID = 27 "tid",
    XID = 28 "xid",
    CID = 29 "cid",
    JSON = 114 "json",
    XML = 142 "xml",
    POINT = 600 "point",
    FLOAT4 = 700 "real",
    FLOAT8 = 701 "double precision",
    UNKNOWN = 705 "unknown",
    MACADDR8 = 774 "macaddr8",
    MONEY = 790 "money",
    MACADDR = 829 "macaddr",
    CIDR = 650 "cidr",
    INET = 869 "inet",
    BOOL_ARRAY = 1000 "boolean[]",
    INT2_ARRAY = 1005 "smallint[]",
    INT4_ARRAY = 1007 "integer[]",
    TEXT_ARRAY = 1009 "text[]",
    VARCHAR_ARRAY = 1015 "character varying[]",
    INT8_ARRAY = 1016 "bigint[]",
    FLOAT4_ARRAY = 1021 "real[]",
    FLOAT8_ARRAY = 1022 "double precision[]",
    BPCHAR = 1042 "character",
    VARCHAR = 1043 "character varying",
    DATE = 1082 "date",
    TIME = 1083 "time without time zone",
    TIMESTAMP = 1114 "timestamp without time zone",
    TIMESTAMPTZ = 1184 "timestamp with time zone",
    INTERVAL = 1186 "interval",
    NUMERIC_ARRAY = 1231 "numeric[]",
    TIMETZ = 1266 "time with time zone",
    BIT = 1560 "bit",
    VARBIT = 1562 "bit varying",
    NUMERIC = 1700 "numeric",
    REFCURSOR = 1790 "refcursor",
    REGCLASS = 2205 "regclass",
    REGTYPE = 2206 "regtype",
    UUID = 2950 "uuid",
    UUID_ARRAY = 2951 "uuid[]",
    PG_LSN = 3220 "pg_lsn",
    TSVECTOR = 3614 "tsvector",
    TSQUERY = 3615 "tsquery",
    JSONB = 3802 "jsonb",
    JSONB_ARRAY = 3807 "jsonb[]",
    INT4RANGE = 3904 "int4range",
    NUMRANGE = 3906 "numrange",
    TSRANGE = 3908 "tsrange",
    TSTZRANGE = 3910 "tstzrange",
    DATERANGE = 3912 "daterange",
    INT8RANGE = 3926 "int8range",
    JSONPATH = 4072 "jsonpath",
    XID8 = 5069 "xid8",
}

/// Whether PostgreSQL itself assigned the OID by hand; those above are made by initdb (domains of information_schema)
/// or by users, and the stream describes them with a Type message (FirstGenbkiObjectId, send_relation_and_attrs).
/// 0 stands for a type that the caller does not know.
#[inline]
pub(super) fn is_built_in(oid: u32) -> bool {
    (1..10_000).contains(&oid)
}
