//! PostgreSQL's own types: OIDs, names and kinds (src/include/catalog/pg_type.dat). They never change between versions, and
//! 14 to 18 have the same. No other file may spell an OID as a number.

use crate::batch::{Type, TypeKind, TypeRef};

/// No type.
const NOTHING: u32 = 0;

macro_rules! types {
    ($($constant:ident = $oid:literal $kind:ident of $element:ident $name:literal $sql:literal,)*) => {
        $(#[doc = concat!("`", $sql, "`")] pub const $constant: u32 = $oid;)*

        /// By OID.
        static BUILT_IN: &[Type] = &[$(Type::of_catalog($oid, TypeKind::$kind, $name, $sql, $element),)*];
    };
}

// Constant = OID kind `of` element (or subtype, or range), the name in pg_type, and as SQL shows it (format_type).
types! {
    BOOL = 16 Base of NOTHING "bool" "boolean",
    BYTEA = 17 Base of NOTHING "bytea" "bytea",
    CHAR = 18 Base of NOTHING "char" "\"char\"",
    NAME = 19 Base of NOTHING "name" "name",
    INT8 = 20 Base of NOTHING "int8" "bigint",
    INT2 = 21 Base of NOTHING "int2" "smallint",
    INT2VECTOR = 22 Array of INT2 "int2vector" "int2vector",
    INT4 = 23 Base of NOTHING "int4" "integer",
    REGPROC = 24 Base of NOTHING "regproc" "regproc",
    TEXT = 25 Base of NOTHING "text" "text",
    OID = 26 Base of NOTHING "oid" "oid",
    TID = 27 Base of NOTHING "tid" "tid",
    XID = 28 Base of NOTHING "xid" "xid",
    CID = 29 Base of NOTHING "cid" "cid",
    OIDVECTOR = 30 Array of OID "oidvector" "oidvector",
    PG_DDL_COMMAND = 32 Pseudo of NOTHING "pg_ddl_command" "pg_ddl_command",
    PG_TYPE = 71 Composite of NOTHING "pg_type" "pg_type",
    PG_ATTRIBUTE = 75 Composite of NOTHING "pg_attribute" "pg_attribute",
    PG_PROC = 81 Composite of NOTHING "pg_proc" "pg_proc",
    PG_CLASS = 83 Composite of NOTHING "pg_class" "pg_class",
    JSON = 114 Base of NOTHING "json" "json",
    XML = 142 Base of NOTHING "xml" "xml",
    XML_ARRAY = 143 Array of XML "_xml" "xml[]",
    PG_NODE_TREE = 194 Base of NOTHING "pg_node_tree" "pg_node_tree",
    JSON_ARRAY = 199 Array of JSON "_json" "json[]",
    PG_TYPE_ARRAY = 210 Array of PG_TYPE "_pg_type" "pg_type[]",
    TABLE_AM_HANDLER = 269 Pseudo of NOTHING "table_am_handler" "table_am_handler",
    PG_ATTRIBUTE_ARRAY = 270 Array of PG_ATTRIBUTE "_pg_attribute" "pg_attribute[]",
    XID8_ARRAY = 271 Array of XID8 "_xid8" "xid8[]",
    PG_PROC_ARRAY = 272 Array of PG_PROC "_pg_proc" "pg_proc[]",
    PG_CLASS_ARRAY = 273 Array of PG_CLASS "_pg_class" "pg_class[]",
    INDEX_AM_HANDLER = 325 Pseudo of NOTHING "index_am_handler" "index_am_handler",
    POINT = 600 Base of NOTHING "point" "point",
    LSEG = 601 Base of NOTHING "lseg" "lseg",
    PATH = 602 Base of NOTHING "path" "path",
    BOX = 603 Base of NOTHING "box" "box",
    POLYGON = 604 Base of NOTHING "polygon" "polygon",
    LINE = 628 Base of NOTHING "line" "line",
    LINE_ARRAY = 629 Array of LINE "_line" "line[]",
    CIDR = 650 Base of NOTHING "cidr" "cidr",
    CIDR_ARRAY = 651 Array of CIDR "_cidr" "cidr[]",
    FLOAT4 = 700 Base of NOTHING "float4" "real",
    FLOAT8 = 701 Base of NOTHING "float8" "double precision",
    UNKNOWN = 705 Pseudo of NOTHING "unknown" "unknown",
    CIRCLE = 718 Base of NOTHING "circle" "circle",
    CIRCLE_ARRAY = 719 Array of CIRCLE "_circle" "circle[]",
    MACADDR8 = 774 Base of NOTHING "macaddr8" "macaddr8",
    MACADDR8_ARRAY = 775 Array of MACADDR8 "_macaddr8" "macaddr8[]",
    MONEY = 790 Base of NOTHING "money" "money",
    MONEY_ARRAY = 791 Array of MONEY "_money" "money[]",
    MACADDR = 829 Base of NOTHING "macaddr" "macaddr",
    INET = 869 Base of NOTHING "inet" "inet",
    BOOL_ARRAY = 1000 Array of BOOL "_bool" "boolean[]",
    BYTEA_ARRAY = 1001 Array of BYTEA "_bytea" "bytea[]",
    CHAR_ARRAY = 1002 Array of CHAR "_char" "\"char\"[]",
    NAME_ARRAY = 1003 Array of NAME "_name" "name[]",
    INT2_ARRAY = 1005 Array of INT2 "_int2" "smallint[]",
    INT2VECTOR_ARRAY = 1006 Array of INT2VECTOR "_int2vector" "int2vector[]",
    INT4_ARRAY = 1007 Array of INT4 "_int4" "integer[]",
    REGPROC_ARRAY = 1008 Array of REGPROC "_regproc" "regproc[]",
    TEXT_ARRAY = 1009 Array of TEXT "_text" "text[]",
    TID_ARRAY = 1010 Array of TID "_tid" "tid[]",
    XID_ARRAY = 1011 Array of XID "_xid" "xid[]",
    CID_ARRAY = 1012 Array of CID "_cid" "cid[]",
    OIDVECTOR_ARRAY = 1013 Array of OIDVECTOR "_oidvector" "oidvector[]",
    BPCHAR_ARRAY = 1014 Array of BPCHAR "_bpchar" "character[]",
    VARCHAR_ARRAY = 1015 Array of VARCHAR "_varchar" "character varying[]",
    INT8_ARRAY = 1016 Array of INT8 "_int8" "bigint[]",
    POINT_ARRAY = 1017 Array of POINT "_point" "point[]",
    LSEG_ARRAY = 1018 Array of LSEG "_lseg" "lseg[]",
    PATH_ARRAY = 1019 Array of PATH "_path" "path[]",
    BOX_ARRAY = 1020 Array of BOX "_box" "box[]",
    FLOAT4_ARRAY = 1021 Array of FLOAT4 "_float4" "real[]",
    FLOAT8_ARRAY = 1022 Array of FLOAT8 "_float8" "double precision[]",
    POLYGON_ARRAY = 1027 Array of POLYGON "_polygon" "polygon[]",
    OID_ARRAY = 1028 Array of OID "_oid" "oid[]",
    ACLITEM = 1033 Base of NOTHING "aclitem" "aclitem",
    ACLITEM_ARRAY = 1034 Array of ACLITEM "_aclitem" "aclitem[]",
    MACADDR_ARRAY = 1040 Array of MACADDR "_macaddr" "macaddr[]",
    INET_ARRAY = 1041 Array of INET "_inet" "inet[]",
    BPCHAR = 1042 Base of NOTHING "bpchar" "character",
    VARCHAR = 1043 Base of NOTHING "varchar" "character varying",
    DATE = 1082 Base of NOTHING "date" "date",
    TIME = 1083 Base of NOTHING "time" "time without time zone",
    TIMESTAMP = 1114 Base of NOTHING "timestamp" "timestamp without time zone",
    TIMESTAMP_ARRAY = 1115 Array of TIMESTAMP "_timestamp" "timestamp without time zone[]",
    DATE_ARRAY = 1182 Array of DATE "_date" "date[]",
    TIME_ARRAY = 1183 Array of TIME "_time" "time without time zone[]",
    TIMESTAMPTZ = 1184 Base of NOTHING "timestamptz" "timestamp with time zone",
    TIMESTAMPTZ_ARRAY = 1185 Array of TIMESTAMPTZ "_timestamptz" "timestamp with time zone[]",
    INTERVAL = 1186 Base of NOTHING "interval" "interval",
    INTERVAL_ARRAY = 1187 Array of INTERVAL "_interval" "interval[]",
    NUMERIC_ARRAY = 1231 Array of NUMERIC "_numeric" "numeric[]",
    PG_DATABASE = 1248 Composite of NOTHING "pg_database" "pg_database",
    CSTRING_ARRAY = 1263 Array of CSTRING "_cstring" "cstring[]",
    TIMETZ = 1266 Base of NOTHING "timetz" "time with time zone",
    TIMETZ_ARRAY = 1270 Array of TIMETZ "_timetz" "time with time zone[]",
    BIT = 1560 Base of NOTHING "bit" "bit",
    BIT_ARRAY = 1561 Array of BIT "_bit" "bit[]",
    VARBIT = 1562 Base of NOTHING "varbit" "bit varying",
    VARBIT_ARRAY = 1563 Array of VARBIT "_varbit" "bit varying[]",
    NUMERIC = 1700 Base of NOTHING "numeric" "numeric",
    REFCURSOR = 1790 Base of NOTHING "refcursor" "refcursor",
    REFCURSOR_ARRAY = 2201 Array of REFCURSOR "_refcursor" "refcursor[]",
    REGPROCEDURE = 2202 Base of NOTHING "regprocedure" "regprocedure",
    REGOPER = 2203 Base of NOTHING "regoper" "regoper",
    REGOPERATOR = 2204 Base of NOTHING "regoperator" "regoperator",
    REGCLASS = 2205 Base of NOTHING "regclass" "regclass",
    REGTYPE = 2206 Base of NOTHING "regtype" "regtype",
    REGPROCEDURE_ARRAY = 2207 Array of REGPROCEDURE "_regprocedure" "regprocedure[]",
    REGOPER_ARRAY = 2208 Array of REGOPER "_regoper" "regoper[]",
    REGOPERATOR_ARRAY = 2209 Array of REGOPERATOR "_regoperator" "regoperator[]",
    REGCLASS_ARRAY = 2210 Array of REGCLASS "_regclass" "regclass[]",
    REGTYPE_ARRAY = 2211 Array of REGTYPE "_regtype" "regtype[]",
    RECORD = 2249 Pseudo of NOTHING "record" "record",
    CSTRING = 2275 Pseudo of NOTHING "cstring" "cstring",
    ANY = 2276 Pseudo of NOTHING "any" "\"any\"",
    ANYARRAY = 2277 Pseudo of NOTHING "anyarray" "anyarray",
    VOID = 2278 Pseudo of NOTHING "void" "void",
    TRIGGER = 2279 Pseudo of NOTHING "trigger" "trigger",
    LANGUAGE_HANDLER = 2280 Pseudo of NOTHING "language_handler" "language_handler",
    INTERNAL = 2281 Pseudo of NOTHING "internal" "internal",
    ANYELEMENT = 2283 Pseudo of NOTHING "anyelement" "anyelement",
    RECORD_ARRAY = 2287 Array of RECORD "_record" "record[]",
    ANYNONARRAY = 2776 Pseudo of NOTHING "anynonarray" "anynonarray",
    PG_AUTHID = 2842 Composite of NOTHING "pg_authid" "pg_authid",
    PG_AUTH_MEMBERS = 2843 Composite of NOTHING "pg_auth_members" "pg_auth_members",
    TXID_SNAPSHOT_ARRAY = 2949 Array of TXID_SNAPSHOT "_txid_snapshot" "txid_snapshot[]",
    UUID = 2950 Base of NOTHING "uuid" "uuid",
    UUID_ARRAY = 2951 Array of UUID "_uuid" "uuid[]",
    TXID_SNAPSHOT = 2970 Base of NOTHING "txid_snapshot" "txid_snapshot",
    FDW_HANDLER = 3115 Pseudo of NOTHING "fdw_handler" "fdw_handler",
    PG_LSN = 3220 Base of NOTHING "pg_lsn" "pg_lsn",
    PG_LSN_ARRAY = 3221 Array of PG_LSN "_pg_lsn" "pg_lsn[]",
    TSM_HANDLER = 3310 Pseudo of NOTHING "tsm_handler" "tsm_handler",
    PG_NDISTINCT = 3361 Base of NOTHING "pg_ndistinct" "pg_ndistinct",
    PG_DEPENDENCIES = 3402 Base of NOTHING "pg_dependencies" "pg_dependencies",
    ANYENUM = 3500 Pseudo of NOTHING "anyenum" "anyenum",
    TSVECTOR = 3614 Base of NOTHING "tsvector" "tsvector",
    TSQUERY = 3615 Base of NOTHING "tsquery" "tsquery",
    GTSVECTOR = 3642 Base of NOTHING "gtsvector" "gtsvector",
    TSVECTOR_ARRAY = 3643 Array of TSVECTOR "_tsvector" "tsvector[]",
    GTSVECTOR_ARRAY = 3644 Array of GTSVECTOR "_gtsvector" "gtsvector[]",
    TSQUERY_ARRAY = 3645 Array of TSQUERY "_tsquery" "tsquery[]",
    REGCONFIG = 3734 Base of NOTHING "regconfig" "regconfig",
    REGCONFIG_ARRAY = 3735 Array of REGCONFIG "_regconfig" "regconfig[]",
    REGDICTIONARY = 3769 Base of NOTHING "regdictionary" "regdictionary",
    REGDICTIONARY_ARRAY = 3770 Array of REGDICTIONARY "_regdictionary" "regdictionary[]",
    JSONB = 3802 Base of NOTHING "jsonb" "jsonb",
    JSONB_ARRAY = 3807 Array of JSONB "_jsonb" "jsonb[]",
    ANYRANGE = 3831 Pseudo of NOTHING "anyrange" "anyrange",
    EVENT_TRIGGER = 3838 Pseudo of NOTHING "event_trigger" "event_trigger",
    INT4RANGE = 3904 Range of INT4 "int4range" "int4range",
    INT4RANGE_ARRAY = 3905 Array of INT4RANGE "_int4range" "int4range[]",
    NUMRANGE = 3906 Range of NUMERIC "numrange" "numrange",
    NUMRANGE_ARRAY = 3907 Array of NUMRANGE "_numrange" "numrange[]",
    TSRANGE = 3908 Range of TIMESTAMP "tsrange" "tsrange",
    TSRANGE_ARRAY = 3909 Array of TSRANGE "_tsrange" "tsrange[]",
    TSTZRANGE = 3910 Range of TIMESTAMPTZ "tstzrange" "tstzrange",
    TSTZRANGE_ARRAY = 3911 Array of TSTZRANGE "_tstzrange" "tstzrange[]",
    DATERANGE = 3912 Range of DATE "daterange" "daterange",
    DATERANGE_ARRAY = 3913 Array of DATERANGE "_daterange" "daterange[]",
    INT8RANGE = 3926 Range of INT8 "int8range" "int8range",
    INT8RANGE_ARRAY = 3927 Array of INT8RANGE "_int8range" "int8range[]",
    PG_SHSECLABEL = 4066 Composite of NOTHING "pg_shseclabel" "pg_shseclabel",
    JSONPATH = 4072 Base of NOTHING "jsonpath" "jsonpath",
    JSONPATH_ARRAY = 4073 Array of JSONPATH "_jsonpath" "jsonpath[]",
    REGNAMESPACE = 4089 Base of NOTHING "regnamespace" "regnamespace",
    REGNAMESPACE_ARRAY = 4090 Array of REGNAMESPACE "_regnamespace" "regnamespace[]",
    REGROLE = 4096 Base of NOTHING "regrole" "regrole",
    REGROLE_ARRAY = 4097 Array of REGROLE "_regrole" "regrole[]",
    REGCOLLATION = 4191 Base of NOTHING "regcollation" "regcollation",
    REGCOLLATION_ARRAY = 4192 Array of REGCOLLATION "_regcollation" "regcollation[]",
    INT4MULTIRANGE = 4451 Multirange of INT4RANGE "int4multirange" "int4multirange",
    NUMMULTIRANGE = 4532 Multirange of NUMRANGE "nummultirange" "nummultirange",
    TSMULTIRANGE = 4533 Multirange of TSRANGE "tsmultirange" "tsmultirange",
    TSTZMULTIRANGE = 4534 Multirange of TSTZRANGE "tstzmultirange" "tstzmultirange",
    DATEMULTIRANGE = 4535 Multirange of DATERANGE "datemultirange" "datemultirange",
    INT8MULTIRANGE = 4536 Multirange of INT8RANGE "int8multirange" "int8multirange",
    ANYMULTIRANGE = 4537 Pseudo of NOTHING "anymultirange" "anymultirange",
    ANYCOMPATIBLEMULTIRANGE = 4538 Pseudo of NOTHING "anycompatiblemultirange" "anycompatiblemultirange",
    PG_BRIN_BLOOM_SUMMARY = 4600 Base of NOTHING "pg_brin_bloom_summary" "pg_brin_bloom_summary",
    PG_BRIN_MINMAX_MULTI_SUMMARY = 4601 Base of NOTHING "pg_brin_minmax_multi_summary" "pg_brin_minmax_multi_summary",
    PG_MCV_LIST = 5017 Base of NOTHING "pg_mcv_list" "pg_mcv_list",
    PG_SNAPSHOT = 5038 Base of NOTHING "pg_snapshot" "pg_snapshot",
    PG_SNAPSHOT_ARRAY = 5039 Array of PG_SNAPSHOT "_pg_snapshot" "pg_snapshot[]",
    XID8 = 5069 Base of NOTHING "xid8" "xid8",
    ANYCOMPATIBLE = 5077 Pseudo of NOTHING "anycompatible" "anycompatible",
    ANYCOMPATIBLEARRAY = 5078 Pseudo of NOTHING "anycompatiblearray" "anycompatiblearray",
    ANYCOMPATIBLENONARRAY = 5079 Pseudo of NOTHING "anycompatiblenonarray" "anycompatiblenonarray",
    ANYCOMPATIBLERANGE = 5080 Pseudo of NOTHING "anycompatiblerange" "anycompatiblerange",
    PG_SUBSCRIPTION = 6101 Composite of NOTHING "pg_subscription" "pg_subscription",
    INT4MULTIRANGE_ARRAY = 6150 Array of INT4MULTIRANGE "_int4multirange" "int4multirange[]",
    NUMMULTIRANGE_ARRAY = 6151 Array of NUMMULTIRANGE "_nummultirange" "nummultirange[]",
    TSMULTIRANGE_ARRAY = 6152 Array of TSMULTIRANGE "_tsmultirange" "tsmultirange[]",
    TSTZMULTIRANGE_ARRAY = 6153 Array of TSTZMULTIRANGE "_tstzmultirange" "tstzmultirange[]",
    DATEMULTIRANGE_ARRAY = 6155 Array of DATEMULTIRANGE "_datemultirange" "datemultirange[]",
    INT8MULTIRANGE_ARRAY = 6157 Array of INT8MULTIRANGE "_int8multirange" "int8multirange[]",
}

/// One of these types.
pub fn find(oid: u32) -> Option<&'static Type> {
    BUILT_IN.binary_search_by_key(&oid, |it| it.oid).ok().and_then(|at| BUILT_IN.get(at))
}

/// The name of one of these types, as SQL shows it.
pub fn name(oid: u32) -> Option<&'static str> {
    find(oid).map(|it| it.sql_name)
}

/// A type that is not built in, as a Type message describes it: with the name of the base type where it is a domain
/// (logicalrep_write_typ).
pub fn described(oid: u32, namespace: &[u8], name: &[u8]) -> Type {
    if namespace == b"pg_catalog" {
        // No two types share an OID, so that this is not the type itself.
        let base = BUILT_IN.iter().find(|base| *base.name == *name);
        return match base {
            Some(base) => Type::domain(oid, base),
            None => Type::named(oid, namespace, name, oid),
        };
    }
    let known = EXTENSIONS.iter().find(|known| known.0.as_bytes() == name);
    Type::named(oid, namespace, name, known.map_or(oid, |known| known.1))
}

/// What is known of a type of which the stream says nothing but the OID, or not even that: 0.
pub fn undescribed(oid: u32) -> TypeRef {
    if oid == NOTHING {
        return Type { reads_as: NOT_TOLD, ..Type::unknown(oid) }.into();
    }
    find(oid).map_or_else(|| Type::unknown(oid).into(), TypeRef::from)
}

/// What a value reads as whose type nobody tells, as a bound of a user's range. No type has this OID in practice, and one that
/// had would be read in the same way: its text is taken, its binary form is not.
pub const NOT_TOLD: u32 = u32::MAX;

/// The text of citext and of ltree and its like behind a version byte, and so on: stands for types of extensions, whose OIDs
/// differ from database to database. 8000 to 9999 are never assigned in a release (transam.h).
pub const LTREE: u32 = 9_901;
/// hstore.
pub const HSTORE: u32 = 9_902;
/// pgvector's vector.
pub const VECTOR: u32 = 9_903;
/// pgvector's halfvec.
pub const HALFVEC: u32 = 9_904;
/// pgvector's sparsevec.
pub const SPARSEVEC: u32 = 9_905;
/// Arrays of PostGIS's geometry and geography, whose text has colons between its elements. Of the elements nothing is known.
pub const GEOMETRY_ARRAY: u32 = 9_906;

/// How types of extensions are read, which are known by their names alone.
const EXTENSIONS: &[(&str, u32)] = &[
    ("citext", TEXT),
    ("ltree", LTREE),
    ("lquery", LTREE),
    ("ltxtquery", LTREE),
    ("hstore", HSTORE),
    ("vector", VECTOR),
    ("halfvec", HALFVEC),
    ("sparsevec", SPARSEVEC),
    ("_geometry", GEOMETRY_ARRAY),
    ("_geography", GEOMETRY_ARRAY),
];

/// The name of one of PostgreSQL's own types, or of one of an extension that is known by its name.
pub fn label(oid: u32) -> Option<&'static str> {
    let extension = || EXTENSIONS.iter().find(|known| known.1 == oid).map(|known| known.0);
    name(oid).or_else(extension)
}

/// Whether PostgreSQL itself assigned the OID by hand; those above are made by initdb (domains of information_schema)
/// or by users, and the stream describes them with a Type message (FirstGenbkiObjectId, send_relation_and_attrs).
/// 0 stands for a type that the caller does not know.
#[inline]
pub(super) fn is_built_in(oid: u32) -> bool {
    (1..10_000).contains(&oid)
}
