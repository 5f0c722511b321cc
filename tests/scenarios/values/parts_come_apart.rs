//! Values of users' types and of extensions come apart by what the program says of them, from text and from binary alike, and put
//! together again they are what the server wrote. Nothing is found out from their bytes: without a word they are refused.

use crate::harness::parts::{Parts, put_together, take_apart};
use crate::harness::stream::{Clone, Outcome};
use crate::harness::view::Value;
use crate::harness::{Cell, Format, Kind, Next, Options, Server, Stream};
use pgwalstream::error::Status;

const TYPES: &str = "CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('able', 'so so', 'NULL');
    CREATE TYPE pair AS (a int, b text); CREATE TYPE deep AS (n numeric, list pair[], inner_pair pair, words text[], nothing bool);
    CREATE TYPE floats AS RANGE (subtype = float8); CREATE DOMAIN d_list AS int[]; CREATE DOMAIN d_map AS hstore;
    CREATE DOMAIN d_int AS int";

const ANY: u32 = 0;
const ARRAY: u32 = 1;
const COMPOSITE: u32 = 2;
const RANGE: u32 = 3;
const MULTIRANGE: u32 = 4;

/// Type, value, what the program says of it.
const COLUMNS: [(&str, &str, u32); 22] = [
    ("int", "1", ANY),
    ("mood[]", "ARRAY['able', NULL, 'so so', 'NULL']::mood[]", ARRAY),
    ("mood[]", "'{}'", ARRAY),
    ("pair", "ROW(1, E'x \"y\" \\\\ (z), ')", COMPOSITE),
    ("pair", "ROW(NULL, NULL)", COMPOSITE),
    ("pair", "ROW(NULL, '')", COMPOSITE),
    ("pair[]", "ARRAY[ROW(1, 'a,b'), NULL, ROW(NULL, E'q\"u\\\\o')]::pair[]", ARRAY),
    (
        "deep",
        "ROW(1.50, ARRAY[ROW(1, 'x'), ROW(2, NULL)]::pair[], ROW(3, 'z z'), ARRAY['a', NULL, 'NULL', ''], NULL)",
        COMPOSITE,
    ),
    ("deep[]", "ARRAY[ARRAY[ROW(NULL, '{}', ROW(1, '{\"a\"}'), NULL, true)::deep]]", ARRAY),
    ("floats", "'[-1.5,Infinity]'", RANGE),
    ("floats", "'(,2.5)'", RANGE),
    ("floats", "'empty'", RANGE),
    ("floats_multirange", "'{[1,2),(3,]}'", MULTIRANGE),
    ("floats[]", "ARRAY['[1,2]', 'empty']::floats[]", ARRAY),
    ("d_list", "'[0:1]={1,NULL}'", ANY),
    ("d_int[]", "'{1,2}'", ARRAY),
    ("hstore", "E'a=>1, \"b c\"=>NULL, \"\"=>\"\", \"q\\\\\"u\"=>\"b\\\\\\\\s\"'", ANY),
    ("hstore", "''", ANY),
    ("d_map", "'k=>v'", ANY),
    ("hstore[]", "ARRAY['a=>1'::hstore, NULL]", ARRAY),
    ("pg_catalog.int2vector[]", "ARRAY['1 2'::int2vector, '']", ANY),
    ("box[][][][][][]", "array_fill('(1,1),(0,0)'::box, ARRAY[1,2,1,2,1,2], ARRAY[0,-1,1,1,1,5])", ANY),
];

/// The next change, copied.
fn change(stream: &mut Stream) -> Clone {
    loop {
        match stream.next(60_000).unwrap() {
            Next::Event(event) if event.kind() == Kind::Insert => return Clone::of(event),
            Next::Event(_) => {}
            Next::Nothing(status) => panic!("{status:?}"),
        }
    }
}

fn parts_come_apart_and_together(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(TYPES);
    let columns: Vec<String> = COLUMNS.iter().enumerate().map(|(at, it)| format!("c{at} {}", it.0)).collect();
    let values: Vec<&str> = COLUMNS.iter().map(|it| it.1).collect();
    db.run(&format!("CREATE TABLE t ({}); CREATE PUBLICATION pub FOR TABLE t", columns.join(", ")));
    let slot = db.slot();
    db.run(&format!("INSERT INTO t VALUES ({})", values.join(", ")));
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    let mut stream = options.open().unwrap();
    let kept = change(&mut stream);
    let row = kept.event();
    for (at, (sql_type, value, shape)) in COLUMNS.iter().enumerate().skip(1) {
        let expected = db.text(&format!("SELECT format('%s', c{at}) FROM t"));
        let it = row.new_value(at as u32);
        let place = format!("{sql_type} {value}, {format:?}");
        if *shape == ANY {
            assert_eq!(put_together(it, ANY).as_ref(), Ok(&expected), "{place}");
            continue;
        }
        // Nobody says what it is.
        assert_eq!(take_apart(it, ANY).map(drop).unwrap_err().status, Status::WAL_E_TYPE, "{place}");
        let parts = take_apart(it, *shape).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        assert_eq!(parts.shape(), *shape);
        assert_eq!(written(&parts, sql_type), Ok(expected), "{place}");
        // In binary it does not come apart as what it is not. A text may be that of several.
        for other in (1..=9).filter(|other| other != shape && format == Format::Binary) {
            let refused = take_apart(it, other).map(|parts| parts.items().len());
            assert!(
                refused.as_ref().is_err_and(|error| error.status == Status::WAL_E_TYPE),
                "{place} as {other}: {refused:?}"
            );
        }
    }
    the_types_of_items_are_told(row.new_value(7), format);
}

/// The text of parts whose own parts nobody knows either: by what the test knows of the types.
fn written(parts: &Parts<'_>, sql_type: &str) -> Outcome<String> {
    let shape_of = |at: usize| match (sql_type, at) {
        ("pair[]" | "deep[]", _) | ("deep", 2) => COMPOSITE,
        ("deep", 1) => ARRAY,
        ("floats[]", _) | ("floats_multirange", _) => RANGE,
        _ => ANY,
    };
    let inner = |at: usize| match (sql_type, at) {
        ("pair[]", _) | ("deep", 2) => "pair",
        ("deep", 1) => "pair[]",
        ("deep[]", _) => "deep",
        _ => "",
    };
    parts.written_by(&|at, item: Value<'_>| match (item.cell(), shape_of(at), sql_type) {
        // Of a type that nobody tells: the bounds of such a range are not read as what is asked for.
        (Cell::Binary(bytes), ANY, "floats") => {
            assert_eq!(item.as_float64().unwrap_err().status, Status::WAL_E_TYPE);
            assert_eq!(item.as_int64().unwrap_err().status, Status::WAL_E_TYPE);
            let bound = f64::from_be_bytes(bytes.try_into().unwrap());
            Ok(bound.to_string().replace("inf", "Infinity"))
        }
        // An element of a domain's type in binary is not resolved, and so are hstores of an array.
        (Cell::Binary(bytes), ANY, "d_int[]") => {
            assert_eq!(item.as_int32().unwrap_err().status, Status::WAL_E_TYPE);
            Ok(i32::from_be_bytes(bytes.try_into().unwrap()).to_string())
        }
        (Cell::Binary(_), ANY, "hstore[]") | (Cell::Text(_), ANY, "hstore[]") => put_together(item, 5),
        (_, ANY, _) => put_together(item, ANY),
        (_, RANGE, _) => written(&take_apart(item, RANGE)?, "floats"),
        (_, shape, _) => written(&take_apart(item, shape)?, inner(at)),
    })
}

/// In binary a composite tells the types of its fields; in text nobody does.
fn the_types_of_items_are_told(deep: Value<'_>, format: Format) {
    let parts = take_apart(deep, COMPOSITE).unwrap();
    let items = parts.items();
    let oids: Vec<u32> = items.iter().map(|item| item.type_oid()).collect();
    if format == Format::Text {
        assert_eq!(oids, [0; 5]);
        assert_eq!(items[0].as_float64().unwrap(), 1.5);
        return;
    }
    assert_eq!((oids[0], oids[3], oids[4]), (1700, 1009, 16));
    assert!(oids[1] >= 10_000 && oids[2] >= 10_000);
    let refused = items[0].as_int32().unwrap_err();
    assert!(refused.message.contains("item \"f1\" (numeric)"), "{refused:?}");
    let words = take_apart(items[3], ANY).unwrap();
    let cells: Vec<Cell> = words.items().iter().map(|item| item.cell()).collect();
    let text = |text: &str| Cell::Binary(text.as_bytes().to_vec());
    assert_eq!(cells, [text("a"), Cell::Null, text("NULL"), text("")]);
    assert_eq!(words.dimensions(), [(4, 1)]);
}

on_every_version_and_format! { parts_come_apart_and_together }
