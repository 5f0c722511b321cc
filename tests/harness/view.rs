//! Events, values and relations as the accessors of the C API show them, and copies of them for comparing.

use std::ffi::CString;
use std::fmt::Write;
use std::marker::PhantomData;
use std::{ptr, slice};

use super::abi::{self, wal_bytes, wal_event, wal_relation, wal_value};
use super::stream::{Outcome, call, text};

/// A `wal_event_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Begin = 1,
    Commit = 2,
    Origin = 3,
    Relation = 4,
    Type = 5,
    Insert = 6,
    Update = 7,
    Delete = 8,
    Truncate = 9,
    Message = 10,
    BeginPrepare = 15,
    Prepare = 16,
    CommitPrepared = 17,
    RollbackPrepared = 18,
    Progress = 64,
    Reconnected = 65,
    Snapshot = 66,
}

impl Kind {
    const ALL: [Self; 17] = [
        Self::Begin,
        Self::Commit,
        Self::Origin,
        Self::Relation,
        Self::Type,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Truncate,
        Self::Message,
        Self::BeginPrepare,
        Self::Prepare,
        Self::CommitPrepared,
        Self::RollbackPrepared,
        Self::Progress,
        Self::Reconnected,
        Self::Snapshot,
    ];

    fn of(number: u32) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| *kind as u32 == number)
            .unwrap_or_else(|| panic!("unknown kind {number}"))
    }
}

pub const TRANSACTIONAL: u32 = 1;
pub const OLD_KEY: u32 = 1 << 1;
pub const OLD_FULL: u32 = 1 << 2;
pub const CASCADE: u32 = 1 << 3;
pub const RESTART_IDENTITY: u32 = 1 << 4;
pub const SNAPSHOT: u32 = 1 << 11;

/// One event, borrowed.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    raw: *const wal_event,
    life: PhantomData<&'a wal_event>,
}

/// An event copied out through the accessors.
#[derive(Clone, Debug)]
pub struct Seen {
    pub kind: Kind,
    pub flags: u32,
    pub lsn: u64,
    pub commit_lsn: u64,
    pub ack_lsn: u64,
    pub commit_time: i64,
    pub xid: u32,
    pub sequence: u64,
    pub position: abi::wal_position,
    pub new: Vec<Cell>,
    pub old: Vec<Cell>,
    /// The event in one line, the same for text and binary.
    pub line: String,
}

/// A value copied out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Null,
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Unchanged,
    Absent,
}

impl<'a> Event<'a> {
    /// # Safety
    /// `raw` points at a good event for `'a`.
    pub unsafe fn new(raw: *const wal_event) -> Self {
        Self { raw, life: PhantomData }
    }

    pub fn raw(self) -> *const wal_event {
        self.raw
    }

    /// The public struct.
    pub fn fields(self) -> &'a wal_event {
        // SAFETY: good for `'a` by `new`'s contract.
        unsafe { &*self.raw }
    }

    pub fn position(self) -> abi::wal_position {
        // SAFETY: a live event.
        unsafe { abi::wal_event_position(self.raw) }
    }

    pub fn kind(self) -> Kind {
        Kind::of(self.fields().kind)
    }

    pub fn relation(self) -> Relation<'a> {
        // SAFETY: a change's relation lives as long as its batch.
        unsafe { Relation::new(self.fields().relation) }
    }

    pub fn new_value(self, column: u32) -> Value<'a> {
        // SAFETY: a live event.
        self.value(unsafe { abi::wal_event_new_value(self.raw, column) }, column)
    }

    pub fn old_value(self, column: u32) -> Value<'a> {
        // SAFETY: a live event.
        self.value(unsafe { abi::wal_event_old_value(self.raw, column) }, column)
    }

    /// The new value of a column, by name.
    pub fn new_named(self, name: &str) -> Value<'a> {
        let terminated = CString::new(name).unwrap();
        // SAFETY: a live event and a terminated text.
        let value = unsafe { abi::wal_event_new_by_name(self.raw, terminated.as_ptr()) };
        self.value(value, self.relation().column(name))
    }

    fn value(self, raw: *const wal_value, column: u32) -> Value<'a> {
        assert!(!raw.is_null(), "no value for column {column} of {}", self.relation().full_name());
        Value { raw, relation: self.fields().relation, column, life: PhantomData }
    }

    pub fn message_prefix(self) -> &'a [u8] {
        // SAFETY: a live event, whose bytes live as long.
        unsafe { bytes(abi::wal_event_message_prefix(self.raw)) }
    }

    pub fn message_content(self) -> &'a [u8] {
        // SAFETY: as above.
        unsafe { bytes(abi::wal_event_message_content(self.raw)) }
    }

    /// What a SNAPSHOT event tells: its step, the item, and the state to store.
    pub fn snapshot(self) -> (u32, u32, Vec<u8>) {
        // SAFETY: a live event, whose bytes live as long.
        unsafe {
            let step = abi::wal_event_snapshot_step(self.raw);
            let state = bytes(abi::wal_event_snapshot_state(self.raw)).to_vec();
            (step, abi::wal_event_snapshot_item(self.raw), state)
        }
    }

    /// Everything, copied.
    pub fn copy(self) -> Seen {
        let it = self.fields();
        let name = text(abi::wal_event_kind_name(it.kind)).replace('_', "");
        assert_eq!(name, format!("{:?}", self.kind()).to_uppercase());
        assert_eq!(it.reserved, 0, "what is kept for later is 0");
        Seen {
            kind: self.kind(),
            flags: it.flags,
            lsn: it.lsn,
            commit_lsn: it.commit_lsn,
            ack_lsn: it.ack_lsn,
            commit_time: it.commit_time,
            xid: it.xid,
            sequence: it.sequence,
            position: self.position(),
            new: (0..it.n_new).map(|column| self.new_value(column).cell()).collect(),
            old: (0..it.n_old).map(|column| self.old_value(column).cell()).collect(),
            line: self.line(),
        }
    }

    /// The event in one line.
    pub fn line(self) -> String {
        let it = self.fields();
        let mut line = format!("{:?}", self.kind()).to_uppercase();
        match self.kind() {
            Kind::Begin | Kind::Commit | Kind::Progress => {}
            Kind::BeginPrepare | Kind::Prepare | Kind::CommitPrepared | Kind::RollbackPrepared => {
                // SAFETY: a live event, whose bytes live as long.
                let gid = unsafe { bytes(abi::wal_event_gid(self.raw)) };
                write!(line, " {}", String::from_utf8_lossy(gid)).unwrap();
            }
            Kind::Reconnected => {
                // SAFETY: a live event, whose bytes live as long.
                let (attempts, status, message) = unsafe {
                    (
                        abi::wal_event_reconnect_attempts(self.raw),
                        abi::wal_event_reconnect_status(self.raw),
                        bytes(abi::wal_event_reconnect_message(self.raw)),
                    )
                };
                assert!(attempts >= 1 && status < 0 && !message.is_empty());
                write!(line, " {status} {}", String::from_utf8_lossy(message)).unwrap();
            }
            Kind::Snapshot => {
                let (step, item, _) = self.snapshot();
                write!(line, " {step}").unwrap();
                if !it.relation.is_null() {
                    write!(line, " {} {item}", self.relation().full_name()).unwrap();
                }
            }
            Kind::Origin => {
                // SAFETY: a live event, whose bytes live as long.
                let name = unsafe { bytes(abi::wal_event_origin_name(self.raw)) };
                write!(line, " {}", String::from_utf8_lossy(name)).unwrap();
            }
            Kind::Type => {
                // SAFETY: as above.
                let (namespace, name) = unsafe {
                    (
                        bytes(abi::wal_event_type_namespace(self.raw)),
                        bytes(abi::wal_event_type_name(self.raw)),
                    )
                };
                write!(line, " {}.{}", String::from_utf8_lossy(namespace), String::from_utf8_lossy(name))
                    .unwrap();
            }
            Kind::Relation => write!(line, " {}", self.relation().definition()).unwrap(),
            Kind::Insert | Kind::Update | Kind::Delete => {
                write!(line, " {}", self.relation().full_name()).unwrap();
                if it.n_old > 0 {
                    line.push_str(if it.flags & OLD_KEY == 0 { " old" } else { " key" });
                    self.row(&mut line, it.n_old, Self::old_value);
                }
                if it.n_new > 0 {
                    line.push_str(" new");
                    self.row(&mut line, it.n_new, Self::new_value);
                }
            }
            Kind::Truncate => {
                // SAFETY: a live event; the relations live as long.
                for at in 0..unsafe { abi::wal_event_truncate_count(self.raw) } {
                    // SAFETY: as above.
                    let relation = unsafe { Relation::new(abi::wal_event_truncate_relation(self.raw, at)) };
                    write!(line, " {}", relation.full_name()).unwrap();
                }
                line.push_str(if it.flags & CASCADE == 0 { "" } else { " CASCADE" });
                line.push_str(if it.flags & RESTART_IDENTITY == 0 { "" } else { " RESTART IDENTITY" });
            }
            Kind::Message => {
                let alone = if it.flags & TRANSACTIONAL == 0 { "alone " } else { "" };
                let (prefix, content) = (self.message_prefix(), self.message_content());
                write!(
                    line,
                    " {alone}{}: {}",
                    String::from_utf8_lossy(prefix),
                    String::from_utf8_lossy(content)
                )
                .unwrap();
            }
        }
        line
    }

    fn row(self, line: &mut String, count: u32, value: impl Fn(Self, u32) -> Value<'a>) {
        for column in 0..count {
            let name = self.relation().column_name(column);
            write!(line, " {}={}", String::from_utf8_lossy(name), value(self, column).shown()).unwrap();
        }
    }
}

/// One value, borrowed, with the column that it belongs to.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    raw: *const wal_value,
    relation: *const wal_relation,
    column: u32,
    life: PhantomData<&'a wal_value>,
}

macro_rules! accessors {
    ($($name:ident $function:ident $type:ty;)*) => { $(
        pub fn $name(self) -> Outcome<$type> {
            let mut out = std::mem::MaybeUninit::<$type>::uninit();
            // SAFETY: a live value and relation, out-parameters of this frame.
            let read = call(|err| unsafe { abi::$function(self.raw, self.relation, self.column, out.as_mut_ptr().cast(), err) });
            // SAFETY: every out-parameter is written on every path.
            let out = unsafe { out.assume_init() };
            read.map(|_| out)
        }
    )* };
}

impl<'a> Value<'a> {
    /// # Safety
    /// All live for `'a`.
    pub unsafe fn of(raw: *const wal_value, relation: *const wal_relation, column: u32) -> Self {
        Self { raw, relation, column, life: PhantomData }
    }

    /// As functions of the C API take it.
    pub fn raw(self) -> (*const wal_value, *const wal_relation, u32) {
        (self.raw, self.relation, self.column)
    }

    accessors! {
        as_bool wal_value_as_bool i32;
        as_int16 wal_value_as_int16 i16;
        as_int32 wal_value_as_int32 i32;
        as_int64 wal_value_as_int64 i64;
        as_uint32 wal_value_as_uint32 u32;
        as_float32 wal_value_as_float32 f32;
        as_float64 wal_value_as_float64 f64;
        as_uuid wal_value_as_uuid [u8; 16];
        as_date wal_value_as_date i32;
        as_time wal_value_as_time i64;
        as_timestamp wal_value_as_timestamp i64;
        as_timestamptz wal_value_as_timestamptz i64;
    }

    pub fn as_text(self) -> Outcome<&'a [u8]> {
        let mut out = wal_bytes { data: ptr::null(), len: 0 };
        // SAFETY: a live value and relation, out-parameters of this frame.
        call(|err| unsafe {
            abi::wal_value_as_text(self.raw, self.relation, self.column, &raw mut out, err)
        })?;
        // SAFETY: borrowed from the value.
        Ok(unsafe { bytes(out) })
    }

    pub fn as_bytea(self) -> Outcome<Vec<u8>> {
        let mut needed = usize::MAX;
        // SAFETY: a live value and relation; a buffer of size 0 is not written.
        let asked = call(|err| unsafe {
            abi::wal_value_as_bytea(
                self.raw,
                self.relation,
                self.column,
                ptr::null_mut(),
                0,
                &raw mut needed,
                err,
            )
        });
        if needed == 0 {
            return asked.map(|_| Vec::new());
        }
        let mut buffer = vec![0; needed];
        // SAFETY: as above, with a buffer of the size that is told.
        call(|err| unsafe {
            let (data, size) = (buffer.as_mut_ptr(), buffer.len());
            abi::wal_value_as_bytea(self.raw, self.relation, self.column, data, size, &raw mut needed, err)
        })?;
        assert_eq!(needed, buffer.len());
        Ok(buffer)
    }

    /// The text of the type's output function.
    pub fn format(self) -> Outcome<String> {
        // SAFETY: a live relation.
        let of = unsafe { abi::wal_relation_column_type_info(self.relation, self.column) };
        let mut length = usize::MAX;
        // SAFETY: a live value and type; a buffer of size 0 is not written.
        call(|err| unsafe { abi::wal_value_format(self.raw, of, ptr::null_mut(), 0, &raw mut length, err) })?;
        let mut buffer = vec![b'!'; length + 2];
        // SAFETY: as above, with a buffer that holds the text and its NUL.
        call(|err| unsafe {
            abi::wal_value_format(self.raw, of, buffer.as_mut_ptr().cast(), length + 1, &raw mut length, err)
        })?;
        assert_eq!(buffer.split_off(length), [0, b'!']);
        Ok(String::from_utf8(buffer).expect("UTF-8"))
    }

    /// The bytes as they came.
    pub fn bytes(self) -> &'a [u8] {
        // SAFETY: a live value; `len` bytes follow from `data`, which is NULL only where there are none.
        unsafe {
            let it = &*self.raw;
            assert_eq!(it.reserved, [0; 3]);
            bytes(wal_bytes { data: it.data, len: it.len as usize })
        }
    }

    pub fn cell(self) -> Cell {
        // SAFETY: a live value.
        match unsafe { (*self.raw).kind } {
            0 => Cell::Null,
            1 => Cell::Text(self.bytes().to_vec()),
            2 => Cell::Binary(self.bytes().to_vec()),
            3 => Cell::Unchanged,
            4 => Cell::Absent,
            kind => panic!("unknown kind of value {kind}"),
        }
    }

    pub fn type_oid(self) -> u32 {
        // SAFETY: a live relation.
        unsafe { abi::wal_relation_column_type(self.relation, self.column) }
    }

    /// The value as a reader would write it, the same for text and binary.
    pub fn shown(self) -> String {
        match self.cell() {
            Cell::Null => "NULL".into(),
            Cell::Unchanged => "<unchanged>".into(),
            Cell::Absent => "<absent>".into(),
            Cell::Text(_) | Cell::Binary(_) => match self.type_oid() {
                16 => (self.as_bool().unwrap() == 1).to_string(),
                21 => self.as_int16().unwrap().to_string(),
                23 => self.as_int32().unwrap().to_string(),
                20 => self.as_int64().unwrap().to_string(),
                25 | 1043 | 1042 | 19 => String::from_utf8(self.as_text().unwrap().to_vec()).unwrap(),
                _ => String::from_utf8_lossy(self.bytes()).into_owned(),
            },
        }
    }
}

/// A relation, borrowed.
#[derive(Clone, Copy)]
pub struct Relation<'a> {
    raw: *const wal_relation,
    life: PhantomData<&'a wal_relation>,
}

impl<'a> Relation<'a> {
    /// # Safety
    /// `raw` points at a good relation for `'a`, or is NULL, which panics.
    pub unsafe fn new(raw: *const wal_relation) -> Self {
        assert!(!raw.is_null(), "the event has no relation");
        Self { raw, life: PhantomData }
    }

    pub fn raw(self) -> *const wal_relation {
        self.raw
    }

    pub fn generation(self) -> u32 {
        // SAFETY: a live relation.
        unsafe { abi::wal_relation_generation(self.raw) }
    }

    /// Schema and name.
    pub fn full_name(self) -> String {
        // SAFETY: a live relation, whose names live as long.
        let (namespace, name) = unsafe {
            (bytes(abi::wal_relation_namespace(self.raw)), bytes(abi::wal_relation_name(self.raw)))
        };
        format!("{}.{}", String::from_utf8_lossy(namespace), String::from_utf8_lossy(name))
    }

    /// The number of a column that exists.
    pub fn column(self, name: &str) -> u32 {
        let terminated = CString::new(name).unwrap();
        // SAFETY: a live relation and a terminated text.
        let at = unsafe { abi::wal_relation_column_index(self.raw, terminated.as_ptr()) };
        u32::try_from(at).unwrap_or_else(|_| panic!("{} has no column {name}", self.full_name()))
    }

    pub fn column_name(self, column: u32) -> &'a [u8] {
        // SAFETY: a live relation.
        unsafe { bytes(abi::wal_relation_column_name(self.raw, column)) }
    }

    /// What made its generation: `COLUMN_TYPE 1<1 b 23/-1`, the place now and before, the name, type and modifier before.
    pub fn changes(self) -> Option<Vec<String>> {
        // SAFETY: a live relation throughout.
        let count = u32::try_from(unsafe { abi::wal_relation_change_count(self.raw) }).ok()?;
        let of = |at| {
            let mut out = std::mem::MaybeUninit::uninit();
            // SAFETY: as above; an out-parameter of this frame, which is written whatever it comes to.
            let change: abi::wal_relation_change = unsafe {
                let read = call(|err| abi::wal_relation_change_at(self.raw, at, out.as_mut_ptr(), err));
                assert!(read.is_ok(), "{read:?}");
                out.assume_init()
            };
            let kind = text(abi::wal_change_kind_name(change.kind));
            // SAFETY: borrowed from the relation.
            let name = String::from_utf8_lossy(unsafe { bytes(change.name_before) });
            let identity = char::from_u32(change.identity_before).filter(|letter| *letter != '\0');
            let identity = identity.map(String::from).unwrap_or_default();
            let (now, before) = (change.column, change.column_before);
            format!("{kind} {now}<{before} {name} {}/{}{identity}", change.type_before, change.typmod_before)
        };
        Some((0..count).map(of).collect())
    }

    /// All that is known of it: `public.t (id:23* v:1043/24) d#1`: the type's OID, `*` for a key column, typmod unless
    /// -1, replica identity and generation.
    pub fn definition(self) -> String {
        // SAFETY: a live relation throughout.
        let (count, identity) = unsafe {
            (abi::wal_relation_column_count(self.raw), abi::wal_relation_replica_identity(self.raw))
        };
        let columns: Vec<String> = (0..count)
            .map(|column| {
                let name = String::from_utf8_lossy(self.column_name(column));
                // SAFETY: as above.
                let (oid, typmod, is_key) = unsafe {
                    (
                        abi::wal_relation_column_type(self.raw, column),
                        abi::wal_relation_column_typmod(self.raw, column),
                        abi::wal_relation_column_is_key(self.raw, column),
                    )
                };
                let typmod = if typmod == -1 { String::new() } else { format!("/{typmod}") };
                format!("{name}:{oid}{typmod}{}", if is_key == 0 { "" } else { "*" })
            })
            .collect();
        format!(
            "{} ({}) {}#{}",
            self.full_name(),
            columns.join(" "),
            identity as u8 as char,
            self.generation()
        )
    }
}

/// What a `wal_bytes` shows.
///
/// # Safety
/// `len` bytes are good for `'a`.
pub unsafe fn bytes<'a>(it: wal_bytes) -> &'a [u8] {
    if it.data.is_null() {
        assert_eq!(it.len, 0);
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(it.data, it.len) }
}
