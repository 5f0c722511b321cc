//! P19: infinity, years before Christ and after 9999, 24:00:00, offsets with seconds: what PostgreSQL can store comes
//! out as the number it is, from text and from binary. The server's send functions say which number that is.

use crate::harness::view::Event;
use crate::harness::{Database, Format, Kind, Next, Options, Server};

/// Columns, and the accessor that reads each.
const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, d date, t time, ts timestamp, tz timestamptz)";

const EDGES: &str = "INSERT INTO t (d, t, ts, tz, id)
    SELECT *, row_number() OVER () FROM (VALUES
    (date 'infinity', time '00:00', timestamp 'infinity', timestamptz 'infinity'),
    ('-infinity', '24:00:00', '-infinity', '-infinity'),
    ('4714-11-24 BC', '23:59:59.999999', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC'),
    ('5874897-12-31', '00:00:00.000001', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
    ('0001-01-01', '12:00', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00'),
    ('0001-12-31 BC', '12:00:00.5', '0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC'),
    ('9999-12-31', '12:00:00.05', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00'),
    ('10000-01-01', '01:02:03', '10000-01-01 00:00:00', '10000-01-01 00:00:00+00'),
    ('1999-12-31', '00:00:01', '1999-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999+00'),
    ('2000-01-01', '00:00:10', '2000-01-01 00:00:00', '2000-01-01 00:00:00+00'),
    ('1900-02-28', '00:10:00', '1900-03-01 00:00:00', '1900-02-28 23:59:59+00'),
    ('2000-02-29', '10:00:00', '2000-02-29 12:00:00', '2000-02-29 12:00:00+00'),
    ('0004-02-29', '23:59:59', '0005-02-29 01:00:00 BC', '0001-02-29 01:00:00+00 BC')
    ) AS it";

/// All over the range, with all numbers of digits.
const RANDOM: &str = "INSERT INTO t
    SELECT g,
           '2000-01-01'::date + (random() * 2147477000 - 2451000)::int,
           make_interval(secs => floor(random() * 86400)) + make_interval(secs => round(random()::numeric, g % 7)::float8),
           '2000-01-01'::timestamp + make_interval(secs => floor(random() * 9.4e12 - 2.1e11)) + make_interval(secs => round(random()::numeric, g % 7)::float8),
           '2000-01-01 00:00:00+00'::timestamptz + make_interval(secs => floor(random() * 9.4e12 - 2.1e11)) + make_interval(secs => round(random()::numeric, g % 7)::float8)
    FROM generate_series(1000, 3000) g";

/// The numbers that the server's send functions give, row by row.
fn expected(db: &mut Database<'_>) -> Vec<(i32, i32, i64, i64, i64)> {
    let number = |column: &str, send: &str, bits: u32| {
        format!("('x' || encode({send}({column}), 'hex'))::bit({bits})")
    };
    let query = format!(
        "SELECT id, {}::int, {}::bigint, {}::bigint, {}::bigint FROM t ORDER BY id",
        number("d", "date_send", 32),
        number("t", "time_send", 64),
        number("ts", "timestamp_send", 64),
        number("tz", "timestamptz_send", 64)
    );
    let rows = db.sql.query(&query, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))).collect()
}

fn read(event: Event<'_>) -> (i32, i32, i64, i64, i64) {
    let shown = |column| String::from_utf8_lossy(event.new_value(column).bytes()).into_owned();
    (
        event.new_value(0).as_int32().unwrap(),
        event.new_value(1).as_date().unwrap_or_else(|failure| panic!("{failure:?}: {}", shown(1))),
        event.new_value(2).as_time().unwrap_or_else(|failure| panic!("{failure:?}: {}", shown(2))),
        event.new_value(3).as_timestamp().unwrap_or_else(|failure| panic!("{failure:?}: {}", shown(3))),
        event.new_value(4).as_timestamptz().unwrap_or_else(|failure| panic!("{failure:?}: {}", shown(4))),
    )
}

fn compare(db: &mut Database<'_>, options: &Options) {
    let expected = expected(db);
    let mut stream = options.open().unwrap();
    let mut rows = Vec::new();
    while rows.len() < expected.len() {
        let Next::Event(event) = stream.next(60_000).unwrap() else { panic!("nothing after {}", rows.len()) };
        if event.kind() == Kind::Insert {
            rows.push(read(event));
        }
    }
    assert_eq!(rows, expected);
    assert_eq!(
        (expected[0].1, expected[0].3, expected[0].4),
        (i32::MAX, i64::MAX, i64::MAX),
        "infinity stays"
    );
    assert_eq!((expected[1].1, expected[1].3, expected[1].4), (i32::MIN, i64::MIN, i64::MIN));
    assert_eq!(expected[1].2, 86_400_000_000, "24:00:00 is not 00:00:00");
}

fn p19_edges_and_two_thousand_random_times(version: u32, format: Format) {
    let mut db = Server::shared(version).database();
    db.run(&format!("{TABLE}; CREATE PUBLICATION pub FOR TABLE t"));
    let slot = db.slot();
    db.run(EDGES);
    db.run(RANDOM);
    let options = Options::stream(&db.conninfo(), &slot, "pub").with("binary", format.option());
    compare(&mut db, &options);
}

on_every_version_and_format! { p19_edges_and_two_thousand_random_times }

/// Whoever sets another zone gets other text, with offsets of seconds before clocks were agreed on; the moment stays
/// the same.
#[test]
fn p19_offsets_with_seconds() {
    for zone in ["Europe/Amsterdam", "Asia/Kolkata", "America/St_Johns", "Africa/Monrovia"] {
        let mut db = Server::shared(18).database();
        db.run(&format!("{TABLE}; CREATE PUBLICATION pub FOR TABLE t"));
        let slot = db.slot();
        db.run(EDGES);
        db.run(RANDOM);
        db.run(
            "INSERT INTO t SELECT 5000 + g, '1900-01-01', '00:00', '1900-01-01',
             '1840-01-01 00:00:00+00'::timestamptz + make_interval(days => g * 61) FROM generate_series(1, 1000) g",
        );
        let conninfo = format!("{} options='-c timezone={zone}'", db.conninfo());
        let options = Options::stream(&conninfo, &slot, "pub");
        compare(&mut db, &options);
    }
}
