//! numeric as text is lossless: NaN, both infinities, the longest numbers that PostgreSQL has, any scale: what the
//! stream gives is what the server prints, digit for digit.

use crate::harness::{Cell, Kind, Options, Server};

/// Numbers, as SQL expressions.
fn numbers(version: u32) -> Vec<String> {
    let mut all: Vec<String> = [
        "'NaN'", "'Infinity'", "'-Infinity'", "0", "-0.000", "0.00000000000000000001", "1e-16383", "-1e131071",
        "12345678901234567890123456789012345678901234567890.12345678901234567890123456789012345678901234567890",
        "9999.9999", "10000", "0.0001", "1.50", "79228162514264337593543950336", "170141183460469231731687303715884105728",
    ]
    .map(String::from)
    .into();
    // 131072 digits before the point and 16383 behind it: the most there can be.
    all.push("(repeat('9', 131072) || '.' || repeat('7', 16383))::numeric".into());
    all.push("('-0.' || repeat('1', 16383))::numeric".into());
    if version >= 15 {
        // A negative scale.
        all.push("123456::numeric(3, -3)".into());
    }
    all
}

fn p20_text_is_what_the_server_prints(version: u32) {
    let mut db = Server::shared(version).database();
    db.run("CREATE TABLE t (id int PRIMARY KEY, n numeric, p numeric(20, 5)); CREATE PUBLICATION pub FOR TABLE t");
    let slot = db.slot();
    let numbers = numbers(version);
    for (id, number) in numbers.iter().enumerate() {
        db.run(&format!("INSERT INTO t VALUES ({id}, {number}, CASE WHEN {id} < 6 AND {id} NOT IN (1, 2) THEN {number}::numeric END)"));
    }
    let mut stream = Options::stream(&db.conninfo(), &slot, "pub").open().unwrap();
    let events = stream.read_transactions(numbers.len());
    let relation = events.iter().find(|it| it.kind == Kind::Relation).unwrap();
    let typmod = (20 << 16 | 5) + 4;
    assert!(relation.line.contains(&format!("n:1700 p:1700/{typmod}")), "{}", relation.line);
    let rows: Vec<_> = events.iter().filter(|it| it.kind == Kind::Insert).collect();
    assert_eq!(rows.len(), numbers.len());
    let mut longest = 0;
    for (id, row) in rows.iter().enumerate() {
        for (at, column) in [(1, "n"), (2, "p")] {
            let printed = db.text(&format!("SELECT {column}::text FROM t WHERE id = {id}"));
            match &row.new[at] {
                Cell::Text(text) => {
                    assert!(*text == printed.as_bytes(), "{column} of {} differs", numbers[id]);
                    longest = longest.max(text.len());
                }
                Cell::Null => assert_eq!(printed, "", "{column} of {}", numbers[id]),
                other => panic!("{other:?} for {}", numbers[id]),
            }
        }
        // And back: the server reads the same number.
        if let Cell::Text(text) = &row.new[1] {
            let text = std::str::from_utf8(text).unwrap();
            assert_eq!(
                db.text(&format!("SELECT n = '{text}' FROM t WHERE id = {id}")),
                "t",
                "{}",
                numbers[id]
            );
        }
    }
    assert_eq!(longest, 131_072 + 1 + 16_383);
    let text = |id: usize| rows[id].new[1].clone();
    assert_eq!([text(0), text(1), text(2)], ["NaN", "Infinity", "-Infinity"].map(|it| Cell::Text(it.into())));
}

on_every_version! { p20_text_is_what_the_server_prints }
