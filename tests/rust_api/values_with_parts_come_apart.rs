//! Arrays, ranges, composites and hstore become collections of the program, the same from text and from binary, on the oldest and
//! the newest server; and a reader that is used again goes through them one level at a time.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use serde::Deserialize;

use crate::harness::{Format, Server};
use crate::table::{one_thread, within};
use pgwalstream::{Claim, ErrorCode, Event, EventKind, Nested, Options, Range, Shape, Stream};

const TABLE: &str = "
    CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('able', 'so so'); CREATE TYPE pair AS (a int, b text);
    CREATE TABLE t (ints int[], matrix int[], words text[], moods mood[], span int4range, since tstzrange, spans int4multirange,
        pairs pair[], tags hstore, way path, nothing int[], none int[], docs jsonb[], blobs bytea[]);
    CREATE PUBLICATION pub FOR TABLE t";

const INSERT: &str = "INSERT INTO t VALUES ('[5:7]={1,NULL,3}', '{{1,2,3},{4,5,6}}', ARRAY['a', '', 'NULL', E'q\"u\\\\o, {x}'],
    '{able,so so}', '[1,10]', '(,infinity]', '{[1,2),[5,6)}', ARRAY[ROW(1, 'x'), ROW(NULL, '(y)')]::pair[], 'a=>1, b=>NULL',
    '((1,2),(3,4))', NULL, '{}', ARRAY['{\"k\": [1, null]}'::jsonb], ARRAY['\\x00ff'::bytea])";

fn row(version: u32, format: Format) -> Event {
    row_of(version, format, TABLE, INSERT)
}

fn row_of(version: u32, format: Format, table: &str, insert: &str) -> Event {
    let mut db = Server::shared(version).database();
    db.run(table);
    let slot = db.slot();
    db.run(insert);
    let options = Options::new().conninfo(db.conninfo()).slot(&slot).publication("pub");
    let options = options.binary(format == Format::Binary);
    one_thread().block_on(async {
        let mut stream = within(Stream::connect(&options)).await.unwrap();
        loop {
            let event = within(stream.next_event()).await.unwrap().unwrap();
            if event.kind() == EventKind::Insert {
                return event;
            }
        }
    })
}

fn they_become_collections(version: u32, format: Format) {
    let event = row(version, format);
    let row = event.new_row().unwrap();
    let get = |name| row.get(name).unwrap();
    assert_eq!(get("ints").to::<Vec<Option<i32>>>().unwrap(), [Some(1), None, Some(3)]);
    assert_eq!(get("ints").to::<Vec<i32>>().unwrap_err().code(), ErrorCode::NoValue);
    assert_eq!(get("matrix").to::<Vec<Vec<i64>>>().unwrap(), [[1, 2, 3], [4, 5, 6]]);
    assert_eq!(get("matrix").to::<Vec<i64>>().unwrap_err().code(), ErrorCode::Type);
    assert_eq!(get("none").to::<Vec<Vec<i64>>>().unwrap(), Vec::<Vec<i64>>::new());
    assert_eq!(get("words").to::<Vec<String>>().unwrap(), ["a", "", "NULL", "q\"u\\o, {x}"]);
    assert_eq!(get("moods").to::<Vec<String>>().unwrap(), ["able", "so so"]);
    let span = |from, to| Range::Bounds(Bound::Included(from), Bound::Excluded(to));
    assert_eq!(get("span").to::<Range<i32>>().unwrap(), span(1, 11));
    assert_eq!(get("spans").to::<Vec<Range<i32>>>().unwrap(), [span(1, 2), span(5, 6)]);
    let since = get("since").to::<Range<String>>().unwrap();
    assert_eq!(since, Range::Bounds(Bound::Unbounded, Bound::Included("infinity".into())));
    let pairs = get("pairs").to::<Vec<(Option<i32>, String)>>().unwrap();
    assert_eq!(pairs, [(Some(1), "x".into()), (None, "(y)".into())]);
    let refused = get("pairs").to::<Vec<(i32,)>>().unwrap_err();
    assert!(refused.message().contains("2 fields, 1 are asked for"), "{refused:?}");
    let tags = [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)];
    assert_eq!(get("tags").to::<HashMap<String, Option<String>>>().unwrap(), HashMap::from(tags.clone()));
    assert_eq!(get("tags").to::<BTreeMap<String, Option<String>>>().unwrap(), BTreeMap::from(tags));
    assert_eq!(get("nothing").to::<Option<Vec<i32>>>().unwrap(), None);
    assert_eq!(get("nothing").to::<Vec<i32>>().unwrap_err().code(), ErrorCode::NoValue);
    let refused = get("words").to::<Vec<i32>>().unwrap_err();
    assert!(refused.message().contains("text[], item \"element\" (text)"), "{refused:?}");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Pair {
    a: Option<i32>,
    b: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Mood {
    Able,
    #[serde(rename = "so so")]
    SoSo,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Parts {
    ints: Vec<Option<i32>>,
    matrix: Vec<Vec<i64>>,
    words: Vec<String>,
    moods: Vec<Mood>,
    spans: Vec<String>,
    pairs: Vec<Pair>,
    tags: BTreeMap<String, Option<String>>,
    nothing: Option<Vec<i32>>,
    none: Vec<Vec<i32>>,
    docs: Vec<serde_json::Value>,
    blobs: Vec<Vec<u8>>,
}

fn serde_has_them_too(version: u32, format: Format) {
    let event = row(version, format);
    let parts: Parts = event.deserialize_new().unwrap();
    let expected = Parts {
        ints: vec![Some(1), None, Some(3)],
        matrix: vec![vec![1, 2, 3], vec![4, 5, 6]],
        words: ["a", "", "NULL", "q\"u\\o, {x}"].map(str::to_owned).to_vec(),
        moods: vec![Mood::Able, Mood::SoSo],
        spans: ["[1,2)", "[5,6)"].map(str::to_owned).to_vec(),
        pairs: vec![Pair { a: Some(1), b: "x".into() }, Pair { a: None, b: "(y)".into() }],
        tags: BTreeMap::from([("a".into(), Some("1".into())), ("b".into(), None)]),
        nothing: None,
        none: vec![],
        docs: vec![serde_json::json!({"k": [1, null]})],
        blobs: vec![vec![0, 255]],
    };
    assert_eq!(parts, expected);
    let get = |name| event.new_row().unwrap().get(name).unwrap();
    assert_eq!(get("pairs").deserialize::<Vec<(Option<i32>, String)>>().unwrap()[1], (None, "(y)".into()));
    assert_eq!(get("matrix").deserialize::<[[i32; 3]; 2]>().unwrap(), [[1, 2, 3], [4, 5, 6]]);
    let refused = get("matrix").deserialize::<Vec<i32>>().unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Type);
    let refused = get("words").deserialize::<Vec<i32>>().unwrap_err();
    assert!(refused.message().contains("text[], item \"element\" (text)"), "{refused:?}");
    assert_eq!(get("pairs").deserialize::<Vec<(i32,)>>().unwrap_err().code(), ErrorCode::Type);
    assert_eq!(get("nothing").deserialize::<Vec<i32>>().unwrap_err().code(), ErrorCode::NoValue);
}

fn a_reader_goes_through_them(version: u32, format: Format) {
    let event = row(version, format);
    let row = event.new_row().unwrap();
    let get = |name| row.get(name).unwrap();
    let (mut outer, mut inner) = (Nested::new(), Nested::new());
    let items = outer.read(get("ints")).unwrap();
    assert_eq!((items.shape(), items.dimensions().len()), (Some(Shape::Array), 1));
    assert_eq!((items.dimensions()[0].size, items.dimensions()[0].lower), (3, 5));
    let sum: i64 = items.iter().filter(|item| !item.is_null()).map(|item| item.as_i64().unwrap()).sum();
    assert_eq!(sum, 4);
    assert_eq!(items.get(0).unwrap().column().data_type().sql_name(), Some("integer"));
    // The stream only names the type: the program says what it is.
    assert_eq!(outer.read(get("pairs")).unwrap_err().code(), ErrorCode::Type);
    let items = outer.read_as(get("pairs"), Shape::Array).unwrap();
    let fields = inner.read_as(items.get(1).unwrap(), Shape::Composite).unwrap();
    assert!(fields.get(0).unwrap().is_null());
    assert_eq!(fields.get(1).unwrap().as_str().unwrap(), "(y)");
    assert!(outer.read(get("way")).unwrap().is_closed());
    let refused = outer.read_as(get("words"), Shape::Composite).unwrap_err();
    assert!(refused.message().contains("table public.t, column \"words\" (text[])"), "{refused:?}");
}

const NO_LISTS: &str = "
    CREATE EXTENSION hstore; CREATE TYPE sparsevec AS ENUM ('{1:1.5,3:2}/5'); CREATE TYPE vector AS (a int, b text);
    CREATE TYPE reals AS RANGE (subtype = float8); CREATE DOMAIN frame AS box;
    CREATE TABLE t (span int4range, nothing numrange, tags hstore, lexemes tsvector, ring circle, sparse sparsevec, pair vector,
        reals reals, frames frame[]);
    CREATE PUBLICATION pub FOR TABLE t";

const NO_LISTS_INSERT: &str =
    "INSERT INTO t VALUES ('[1,10]', 'empty', 'a=>1', 'a:1 b', '<(1,2),3>', '{1:1.5,3:2}/5', (1, 'x'),
    '[1.5,2]', '{(1,1),(0,0);(2,2),(0,0)}')";

/// What says more than a list of it does, and what nobody tells.
fn a_list_is_nothing_else(version: u32, format: Format) {
    let event = row_of(version, format, NO_LISTS, NO_LISTS_INSERT);
    let row = event.new_row().unwrap();
    let get = |name| row.get(name).unwrap();
    for name in ["span", "nothing", "tags", "lexemes", "ring", "sparse"] {
        let value = get(name);
        assert_eq!(value.to::<Vec<f32>>().unwrap_err().code(), ErrorCode::Type, "{name}");
        assert_eq!(value.to::<Vec<Option<String>>>().unwrap_err().code(), ErrorCode::Type, "{name}");
        assert_eq!(value.deserialize::<Vec<f32>>().unwrap_err().code(), ErrorCode::Type, "{name}");
        assert_eq!(value.deserialize::<Vec<Option<String>>>().unwrap_err().code(), ErrorCode::Type, "{name}");
        assert_eq!(value.deserialize::<(String, String)>().unwrap_err().code(), ErrorCode::Type, "{name}");
    }
    // A composite whose name is that of an extension's type.
    let pair = (1, "x".to_owned());
    assert_eq!(get("pair").to::<(i32, String)>().unwrap(), pair);
    assert_eq!(get("pair").deserialize::<(i32, String)>().unwrap(), pair);
    // Eight bytes are not read as any type of eight bytes.
    assert_eq!(get("reals").to::<Range<i64>>().unwrap_err().code(), ErrorCode::Type);
    assert_eq!(get("reals").to::<Range<f64>>().is_err(), format == Format::Binary);
    let mut nested = Nested::new();
    let bounds = nested.read_claimed(get("reals"), Claim::new(Shape::Range).items(701)).unwrap();
    assert_eq!(bounds.get(0).unwrap().as_f64().unwrap(), 1.5);
    let frames = nested.read_claimed(get("frames"), Claim::new(Shape::Array).delimiter(b';')).unwrap();
    assert_eq!(frames.len(), 2);
    if format == Format::Text {
        assert_eq!(get("frames").to::<Vec<String>>().unwrap_err().code(), ErrorCode::Type);
    }
}

on_every_version_and_format! {
    they_become_collections serde_has_them_too a_reader_goes_through_them a_list_is_nothing_else
}
