//! Makes messages as PostgreSQL does (logicalrep_write_*). It must never share code with what it tests.

/// The commit record's position of the transaction that `begin` begins.
pub const FINAL: u64 = 0x16B_3748;
/// The end of the commit record.
pub const END: u64 = 0x16B_3780;
/// When it commits.
pub const TIME: i64 = 800_000_000_123_456;
/// Its id.
pub const XID: u32 = 750;
/// A relation.
pub const OID: u32 = 16_385;

/// A column of a tuple.
#[derive(Clone, Copy, Debug)]
pub enum Col<'a> {
    Null,
    Unchanged,
    Text(&'a str),
    Binary(&'a [u8]),
}

/// A column of a relation: name, key flag, type and typmod.
pub type Def<'a> = (&'a str, u8, u32, i32);

pub const COLUMNS: &[Def<'static>] = &[("id", 1, 23, -1), ("name", 0, 1043, 24), ("note", 0, 25, -1)];

pub fn begin() -> Vec<u8> {
    begin_at(FINAL)
}

pub fn begin_at(final_lsn: u64) -> Vec<u8> {
    [&b"B"[..], &final_lsn.to_be_bytes(), &TIME.to_be_bytes(), &XID.to_be_bytes()].concat()
}

pub fn commit() -> Vec<u8> {
    commit_at(FINAL, END)
}

pub fn commit_at(lsn: u64, end: u64) -> Vec<u8> {
    [&b"C\0"[..], &lsn.to_be_bytes(), &end.to_be_bytes(), &TIME.to_be_bytes()].concat()
}

pub fn origin(name: &str) -> Vec<u8> {
    [&b"O"[..], &0xABCD_u64.to_be_bytes(), name.as_bytes(), b"\0"].concat()
}

pub fn relation() -> Vec<u8> {
    relation_of(OID, "public", "users", b'd', COLUMNS)
}

pub fn relation_of(oid: u32, namespace: &str, name: &str, identity: u8, columns: &[Def<'_>]) -> Vec<u8> {
    let count = (columns.len() as u16).to_be_bytes();
    let head = [&b"R"[..], &oid.to_be_bytes(), namespace.as_bytes(), b"\0", name.as_bytes(), b"\0"];
    let mut message = [&head.concat()[..], &[identity], &count].concat();
    for (name, key, type_oid, typmod) in columns {
        message.push(*key);
        message.extend([name.as_bytes(), b"\0", &type_oid.to_be_bytes(), &typmod.to_be_bytes()].concat());
    }
    message
}

pub fn type_name(oid: u32, namespace: &str, name: &str) -> Vec<u8> {
    [&b"Y"[..], &oid.to_be_bytes(), namespace.as_bytes(), b"\0", name.as_bytes(), b"\0"].concat()
}

pub fn tuple(part: u8, columns: &[Col<'_>]) -> Vec<u8> {
    let mut bytes = vec![part];
    bytes.extend((columns.len() as u16).to_be_bytes());
    for column in columns {
        let (kind, data) = match column {
            Col::Null => (b'n', None),
            Col::Unchanged => (b'u', None),
            Col::Text(text) => (b't', Some(text.as_bytes())),
            Col::Binary(data) => (b'b', Some(*data)),
        };
        bytes.push(kind);
        if let Some(data) = data {
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(data);
        }
    }
    bytes
}

pub fn change(kind: u8, oid: u32, tuples: &[Vec<u8>]) -> Vec<u8> {
    [&[kind][..], &oid.to_be_bytes(), &tuples.concat()].concat()
}

pub fn insert(columns: &[Col<'_>]) -> Vec<u8> {
    change(b'I', OID, &[tuple(b'N', columns)])
}

pub const ROW: &[Col<'static>] = &[Col::Text("7"), Col::Text("Ada"), Col::Null];
pub const BINARY_ROW: &[Col<'static>] = &[Col::Binary(&[0, 0, 0, 7]), Col::Binary(b"Ada"), Col::Text("")];
pub const KEY: &[Col<'static>] = &[Col::Text("7"), Col::Null, Col::Null];

pub fn truncate(flags: u8, oids: &[u32]) -> Vec<u8> {
    let oids: Vec<u8> = oids.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    [&b"T"[..], &((oids.len() / 4) as u32).to_be_bytes(), &[flags], &oids].concat()
}

pub fn message(transactional: bool, lsn: u64, prefix: &str, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let flags = [u8::from(transactional)];
    [&b"M"[..], &flags, &lsn.to_be_bytes(), prefix.as_bytes(), b"\0", &length, content].concat()
}

pub fn stream_abort(body: usize) -> Vec<u8> {
    [&b"A"[..], &vec![1; body]].concat()
}

/// Every message of version 1, in an order in which each is valid.
pub fn all() -> Vec<Vec<u8>> {
    vec![
        message(false, 0x900, "outside", b"content"),
        begin(),
        origin("node_a"),
        type_name(16_500, "public", "mood"),
        relation(),
        insert(ROW),
        insert(BINARY_ROW),
        change(b'U', OID, &[tuple(b'N', &[Col::Text("7"), Col::Unchanged, Col::Null])]),
        change(b'U', OID, &[tuple(b'K', KEY), tuple(b'N', ROW)]),
        change(b'U', OID, &[tuple(b'O', ROW), tuple(b'N', BINARY_ROW)]),
        change(b'D', OID, &[tuple(b'K', KEY)]),
        change(b'D', OID, &[tuple(b'O', ROW)]),
        truncate(3, &[OID]),
        message(true, 0x901, "inside", b""),
        stream_abort(8),
        stream_abort(24),
        commit(),
    ]
}

/// The transaction that `later` streams, and subtransactions of it.
pub const TOP: u32 = 800;
pub const SUB: u32 = 801;
/// Where it is prepared, and the end of that.
pub const PREPARED: u64 = 0x200_0000;
pub const PREPARED_END: u64 = 0x200_0080;
pub const GID: &str = "order 66";

/// The same message inside a streamed block.
pub fn streamed(subxid: u32, message: Vec<u8>) -> Vec<u8> {
    [&message[..1], &subxid.to_be_bytes(), &message[1..]].concat()
}

pub fn stream_start(xid: u32, is_first: bool) -> Vec<u8> {
    [&b"S"[..], &xid.to_be_bytes(), &[u8::from(is_first)]].concat()
}

pub fn stream_stop() -> Vec<u8> {
    b"E".to_vec()
}

pub fn stream_commit(xid: u32) -> Vec<u8> {
    [&b"c"[..], &xid.to_be_bytes(), &commit()[1..]].concat()
}

pub fn stream_abort_of(xid: u32, subxid: u32, place: Option<(u64, i64)>) -> Vec<u8> {
    let place = place.map_or(vec![], |(lsn, time)| [lsn.to_be_bytes(), time.to_be_bytes()].concat());
    [&b"A"[..], &xid.to_be_bytes(), &subxid.to_be_bytes(), &place].concat()
}

fn prepared(head: &[u8], xid: u32) -> Vec<u8> {
    let positions = [PREPARED.to_be_bytes(), PREPARED_END.to_be_bytes(), TIME.to_be_bytes()].concat();
    [head, &positions, &xid.to_be_bytes(), GID.as_bytes(), b"\0"].concat()
}

pub fn begin_prepare() -> Vec<u8> {
    prepared(b"b", XID)
}

pub fn prepare() -> Vec<u8> {
    prepared(b"P\0", XID)
}

pub fn stream_prepare(xid: u32) -> Vec<u8> {
    prepared(b"p\0", xid)
}

pub fn commit_prepared() -> Vec<u8> {
    [&b"K"[..], &commit()[1..], &XID.to_be_bytes(), GID.as_bytes(), b"\0"].concat()
}

pub fn rollback_prepared() -> Vec<u8> {
    let positions = [PREPARED_END.to_be_bytes(), END.to_be_bytes()].concat();
    let times = [(TIME - 1).to_be_bytes(), TIME.to_be_bytes()].concat();
    [&b"r\0"[..], &positions, &times, &XID.to_be_bytes(), GID.as_bytes(), b"\0"].concat()
}

/// Every message of versions 2 to 4, in an order in which each is valid. It follows nothing.
pub fn later() -> Vec<Vec<u8>> {
    vec![
        stream_start(TOP, true),
        origin("node_a"),
        streamed(TOP, type_name(16_500, "public", "mood")),
        streamed(TOP, relation()),
        streamed(TOP, insert(ROW)),
        stream_stop(),
        begin(),
        relation(),
        insert(BINARY_ROW),
        commit(),
        stream_start(TOP, false),
        streamed(SUB, change(b'U', OID, &[tuple(b'K', KEY), tuple(b'N', ROW)])),
        streamed(SUB, change(b'D', OID, &[tuple(b'O', ROW)])),
        streamed(SUB, truncate(1, &[OID])),
        streamed(TOP, message(true, 0x902, "inside", b"content")),
        stream_stop(),
        stream_abort_of(TOP, SUB, None),
        stream_abort_of(TOP, SUB + 1, Some((0x903, TIME))),
        stream_commit(TOP),
        begin_prepare(),
        insert(ROW),
        prepare(),
        commit_prepared(),
        rollback_prepared(),
        stream_start(TOP, true),
        streamed(TOP, relation()),
        stream_stop(),
        stream_prepare(TOP),
        stream_start(TOP, true),
        stream_stop(),
        stream_abort_of(TOP, TOP, Some((0x904, TIME))),
    ]
}
