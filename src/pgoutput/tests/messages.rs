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
