//! What a server may say that means harm, beside what floods: each kind of message where it does not belong, cut short, too long, or
//! with counts and lengths that lie.

use super::what_a_server_sends_costs_little_memory::Place::{self, InCopy, Start};
use super::what_a_server_sends_costs_little_memory::{Case, Then, header, message};

/// The kinds of messages of the protocol (PostgreSQL documentation, "Message Formats"), those that only clients send too.
const TAGS: &[u8] = b"RSKNETDCZIGHWdcfvAnst123VpQX";

/// The kinds of messages of logical replication.
const KINDS: &[u8] = b"BCORYIUDTMSEcAbPKrp";

/// Lengths that no message has, or that nobody has memory for.
const LENGTHS: [u32; 5] = [0, 3, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

const MIB: usize = 1 << 20;

/// All that is tried in one place.
pub fn cases(place: Place) -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |what: String, first: Vec<u8>| {
        let what = format!("{place:?}: {what}");
        all.push(Case { what, place, budget: 16, first, then: Then::Cut, expected: &[] });
    };
    for tag in TAGS {
        let name = char::from(*tag);
        add(format!("{name} of nothing"), message(*tag, &[]));
        add(format!("{name} of ones"), message(*tag, &[0xFF; 16]));
    }
    for (tag, length) in b"dSE".iter().flat_map(|tag| LENGTHS.map(|length| (tag, length))) {
        let bytes = [&[*tag], &length.to_be_bytes()[..], &[b'x'; 64]].concat();
        add(format!("{} of the length {length:#x}", char::from(*tag)), bytes);
    }
    add("a byte that is no kind".into(), message(0, b"x"));
    add("letters of another protocol".into(), b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    match place {
        Start => authentication().into_iter().for_each(|(what, bytes)| add(what.into(), bytes)),
        InCopy => replication().into_iter().for_each(|(what, bytes)| add(what, bytes)),
        Place::Settings | Place::Query => (),
    }
    all
}

fn ask(code: u32, more: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], more].concat())
}

fn authentication() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("Kerberos 5", ask(2, &[])),
        ("a password that nobody has", ask(3, &[])),
        ("MD5 with half of its salt", ask(5, b"ab")),
        ("MD5 with too much salt", ask(5, &[0xFF; 64])),
        ("GSSAPI", ask(7, &[])),
        ("GSSAPI that goes on", ask(8, &[0xFF; 64])),
        ("SSPI", ask(9, &[])),
        ("SASL without mechanisms", ask(10, b"\0")),
        ("SASL whose list has no end", ask(10, b"SCRAM-SHA-256\0")),
        ("SASL with many mechanisms", ask(10, &[&b"X\0".repeat(100_000)[..], b"\0"].concat())),
        ("SASL that goes on without having begun", ask(11, b"r=x,s=y,i=4096")),
        ("SASL that ends without having begun", ask(12, b"v=x")),
        ("a method of the future", ask(4242, b"x")),
        ("versions of the protocol that lie", message(b'v', &[&[0, 3, 0, 0][..], &[0xFF; 4]].concat())),
        ("an error without an end", message(b'E', b"SFATAL")),
        ("an error of many fields", message(b'E', &[&b"Mx\0".repeat(100_000)[..], b"\0"].concat())),
    ]
}

/// A piece of COPY with a message of logical replication.
fn xlog(body: &[u8]) -> Vec<u8> {
    message(b'd', &[&b"w"[..], &[0; 24], body].concat())
}

/// Relation `oid` with so many columns of int4, named alike but for the table.
fn relation(oid: u32, columns: u16) -> Vec<u8> {
    let head = [&b"R"[..], &oid.to_be_bytes(), b"s\0t\0d", &columns.to_be_bytes()].concat();
    [head, b"\0a\0\0\0\0\x17\xff\xff\xff\xff".repeat(columns.into())].concat()
}

fn begin() -> Vec<u8> {
    xlog(&[&b"B"[..], &[0; 20]].concat())
}

/// An INSERT into relation 1 of a transaction that is open.
fn insert(row: &[u8]) -> Vec<u8> {
    let insert = [&b"I"[..], &1_u32.to_be_bytes(), b"N", row].concat();
    [begin(), xlog(&relation(1, 1)), xlog(&insert)].concat()
}

fn replication() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for kind in KINDS {
        let name = char::from(*kind);
        all.push((format!("kind {name} of nothing"), xlog(&[*kind])));
        all.push((format!("kind {name} of ones"), xlog(&[&[*kind][..], &[0xFF; 64]].concat())));
    }
    let long = |size: usize| vec![b'x'; size];
    let numbers = |count: u32| count.to_be_bytes();
    let more = [
        ("a piece of COPY of nothing", message(b'd', &[])),
        ("half of a keepalive", message(b'd', b"k1234567")),
        ("half of the head of WAL", message(b'd', b"w1234567")),
        ("a piece of no kind", message(b'd', b"?")),
        ("WAL without a message", xlog(&[])),
        ("a relation that promises columns", xlog(&[&b"R\0\0\0\x01s\0t\0d"[..], &[0xFF; 2]].concat())),
        ("a relation of 9 MB", xlog(&[&b"R\0\0\0\x01s\0"[..], &long(9 * MIB), b"\0d\0\0"].concat())),
        ("a type of 1 MB", xlog(&[&b"Y\0\0\x80\x00s\0"[..], &long(MIB), b"\0"].concat())),
        ("an origin of 1 MB", [begin(), xlog(&[&b"O"[..], &[0; 8], &long(MIB), b"\0"].concat())].concat()),
        ("a row of a relation that nobody knows", [begin(), xlog(b"I\0\0\0\x63N\0\0")].concat()),
        ("a row that promises columns", insert(&[0xFF; 2])),
        ("a value of 4 GB", insert(&[&b"\0\x01t"[..], &numbers(u32::MAX)].concat())),
        ("a value of 2 GB", insert(&[&b"\0\x01b"[..], &numbers(0x7FFF_FFFF), b"x"].concat())),
        ("a value of no kind", insert(b"\0\x01?")),
        (
            "TRUNCATE of 4 billion tables",
            [begin(), xlog(&[&b"T"[..], &numbers(u32::MAX), b"\0"].concat())].concat(),
        ),
        (
            "a logical message of 4 GB",
            xlog(&[&b"M\0"[..], &[0; 8], b"p\0", &numbers(u32::MAX), b"x"].concat()),
        ),
        ("BEGIN in BEGIN", [begin(), begin()].concat()),
        ("COMMIT of nothing", xlog(&[&b"C\0"[..], &[0; 24]].concat())),
        ("a block in a block", [block(1), block(2)].concat()),
        ("the end of no block", xlog(b"E")),
        ("every kind of piece", (0..=255).flat_map(|kind| message(b'd', &[kind])).collect()),
        ("every kind of message", (0..=255).flat_map(|kind| xlog(&[kind])).collect()),
    ];
    all.extend(more.map(|(what, bytes)| (what.to_owned(), bytes)));
    all
}

fn block(xid: u32) -> Vec<u8> {
    xlog(&[&b"S"[..], &xid.to_be_bytes(), b"\x01"].concat())
}

/// What is well-formed, and so much that it must be bounded in all. `relations_bytes` is as small as can be: what is remembered
/// beside is bounded by 64 MiB then.
pub fn floods() -> Vec<Case> {
    const REMEMBERED: u64 = 64;
    let each = |count: u32, of: &dyn Fn(u32) -> Vec<u8>| (1..=count).flat_map(of).collect::<Vec<u8>>();
    let text = |number: u32| format!("{number:0>200}\0").into_bytes();
    let wide = |oid| xlog(&relation(oid, 1600));
    let all = [
        ("definitions of 1600 columns", 1_000, each(1_000, &wide)),
        ("definitions that change", 0, {
            let change = |number: u32| {
                let name = text(number);
                xlog(&[&b"R\0\0\0\x01s\0"[..], &name, b"d\0\0"].concat())
            };
            each(20_000, &change)
        }),
        ("transactions that stay open, with definitions", 1_000, {
            each(1_000, &|xid| [block(xid), in_block(xid, &relation(xid, 1600)), xlog(b"E")].concat())
        }),
        ("transactions that stay open", 0, each(20_000, &|xid| [block(xid), xlog(b"E")].concat())),
        ("one definition again and again in a block", 0, {
            let same = |xid| in_block(xid, &relation(1, 1));
            [block(1), each(20_000, &same)].concat()
        }),
        (
            "types",
            0,
            each(20_000, &|oid| {
                xlog(&[&b"Y"[..], &(oid + 20_000).to_be_bytes(), b"s\0", &text(oid)].concat())
            }),
        ),
        ("origins", 0, {
            let one = |number| {
                let origin = xlog(&[&b"O"[..], &[0; 8], &text(number)].concat());
                [begin(), origin, xlog(&[&b"C\0"[..], &[0; 24]].concat())].concat()
            };
            each(20_000, &one)
        }),
        ("prepared transactions", 0, each(20_000, &prepared)),
        ("transactions", 0, each(20_000, &|_| [begin(), xlog(&[&b"C\0"[..], &[0; 24]].concat())].concat())),
    ];
    let case = |(what, heavy, first): (&str, u32, Vec<u8>)| {
        let expected: &[_] = if heavy > 0 { &[pgwalstream::error::Status::WAL_E_NO_MEMORY] } else { &[] };
        Case { what: what.into(), place: InCopy, budget: REMEMBERED + 16, first, then: Then::Cut, expected }
    };
    all.into_iter().map(case).collect()
}

/// A message of a streamed block, which bears an id behind its kind.
fn in_block(xid: u32, message: &[u8]) -> Vec<u8> {
    let (kind, body) = message.split_at(1);
    xlog(&[kind, &xid.to_be_bytes(), body].concat())
}

/// BEGIN PREPARE and PREPARE of one that nobody ever ends.
fn prepared(number: u32) -> Vec<u8> {
    let at = u64::from(number) * 16;
    let body =
        [&at.to_be_bytes()[..], &(at + 8).to_be_bytes(), &[0; 8], &number.to_be_bytes(), b"g\0"].concat();
    [xlog(&[&b"b"[..], &body].concat()), xlog(&[&b"P\0"[..], &body].concat())].concat()
}

#[test]
fn lengths_and_counts_lie_as_they_should() {
    assert_eq!(header(b'd', 0xFFFF_FFFF_usize - 4), [b'd', 0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(relation(1, 2).len(), 1 + 4 + 5 + 2 + 2 * 11);
}
