//! Values with parts as the C API takes them apart, and how the server's output functions write them: array_out, record_out,
//! range_out and so on, by the test's own hand. What comes apart and is put together again must be what the server wrote.

use std::marker::PhantomData;
use std::ptr;

use super::abi::{self, wal_nested};
use super::stream::{Outcome, call};
use super::view::{Cell, Value};

/// Type OIDs whose text differs from that of their shape.
const INT2VECTOR: u32 = 22;
const OIDVECTOR: u32 = 30;
const LSEG: u32 = 601;
const PATH: u32 = 602;
const BOX: u32 = 603;
const LINE: u32 = 628;
const CIRCLE: u32 = 718;

/// One level of a value.
pub struct Parts<'a> {
    reader: *mut wal_nested,
    of: u32,
    life: PhantomData<Value<'a>>,
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        // SAFETY: made below, freed once.
        unsafe { abi::wal_nested_free(self.reader) };
    }
}

/// Takes a value apart, as its type says or as `shape` does.
pub fn take_apart(value: Value<'_>, shape: u32) -> Outcome<Parts<'_>> {
    let mut reader = ptr::null_mut();
    let (raw, relation, column) = value.raw();
    // SAFETY: an out-parameter of this frame.
    call(|err| unsafe { abi::wal_nested_new(&raw mut reader, err) })?;
    let mut parts = Parts { reader, of: 0, life: PhantomData };
    // SAFETY: a live reader, a live value and its relation.
    call(|err| unsafe { abi::wal_nested_read(reader, raw, relation, column, shape, err) })?;
    // SAFETY: as above.
    parts.of = unsafe {
        let of = abi::wal_relation_column_type_info(relation, column);
        let base = abi::wal_type_base(of);
        assert_eq!(abi::wal_relation_oid(abi::wal_nested_relation(reader)), abi::wal_type_oid(of));
        abi::wal_type_oid(if base.is_null() { of } else { base })
    };
    Ok(parts)
}

impl Parts<'_> {
    pub fn shape(&self) -> u32 {
        // SAFETY: a live reader.
        unsafe { abi::wal_nested_shape(self.reader) }
    }

    pub fn flags(&self) -> u32 {
        // SAFETY: as above.
        unsafe { abi::wal_nested_flags(self.reader) }
    }

    /// Size and lower bound of each.
    pub fn dimensions(&self) -> Vec<(i32, i32)> {
        let mut count = usize::MAX;
        // SAFETY: as above; so many follow each other.
        let all = unsafe {
            let first = abi::wal_nested_dimensions(self.reader, &raw mut count);
            if first.is_null() { &[] } else { std::slice::from_raw_parts(first, count) }
        };
        all.iter().map(|it| (it.size, it.lower)).collect()
    }

    pub fn items(&self) -> Vec<Value<'_>> {
        let mut count = usize::MAX;
        // SAFETY: as above; the items live as long as the reader is not used again.
        unsafe {
            let first = abi::wal_nested_items(self.reader, &raw mut count);
            let relation = abi::wal_nested_relation(self.reader);
            let item = |at| Value::of(first.add(at), relation, abi::wal_nested_column(self.reader, at));
            (0..count).map(item).collect()
        }
    }

    /// What the output function of the type writes. Each item is taken apart and put together as far as that goes.
    pub fn written(&self) -> Outcome<String> {
        self.written_by(&|_, item| put_together(item, 0))
    }

    /// What the output function of the type writes, where something else knows how the items are written.
    pub fn written_by(&self, text: &dyn Fn(usize, Value<'_>) -> Outcome<String>) -> Outcome<String> {
        let one = |(at, item): (usize, Value<'_>)| match item.cell() {
            Cell::Null => Ok(None),
            _ => text(at, item).map(Some),
        };
        let items: Vec<Option<String>> =
            self.items().into_iter().enumerate().map(one).collect::<Outcome<_>>()?;
        let all = || items.iter().map(|item| item.clone().unwrap()).collect::<Vec<_>>();
        Ok(match (self.shape(), self.of) {
            (1, INT2VECTOR | OIDVECTOR) => all().join(" "),
            (1, _) => self.array(&items),
            (2, _) => {
                let fields: Vec<String> = items
                    .iter()
                    .map(|it| it.as_ref().map_or(String::new(), |it| doubled(it, "(),")))
                    .collect();
                format!("({})", fields.join(","))
            }
            (3, _) => self.range(&items),
            (4, _) => format!("{{{}}}", all().join(",")),
            (5, _) => {
                let pairs: Vec<String> = items
                    .chunks(2)
                    .map(|pair| {
                        let value = pair[1].as_ref().map_or("NULL".into(), |it| backslashed(it));
                        format!("{}=>{value}", backslashed(pair[0].as_ref().unwrap()))
                    })
                    .collect();
                pairs.join(", ")
            }
            (8, PATH) if self.flags() & 32 == 0 => format!("[{}]", all().join(",")),
            (8, LSEG) => format!("[{}]", all().join(",")),
            (8, BOX) => all().join(","),
            (8, LINE) => format!("{{{}}}", all().join(",")),
            (8, CIRCLE) => format!("<{}>", all().join(",")),
            (8, _) => format!("({})", all().join(",")),
            (9, _) => {
                let lexeme = |pair: &[Option<String>]| {
                    let word = pair[0].as_ref().unwrap().replace('\\', "\\\\").replace('\'', "''");
                    format!("'{word}'{}", pair[1].as_ref().map_or(String::new(), |it| format!(":{it}")))
                };
                items.chunks(2).map(lexeme).collect::<Vec<_>>().join(" ")
            }
            (shape, of) => panic!("nobody knows how shape {shape} of type {of} is written"),
        })
    }

    fn array(&self, items: &[Option<String>]) -> String {
        let dimensions = self.dimensions();
        if items.is_empty() {
            assert_eq!(dimensions, []);
            return "{}".into();
        }
        let element = self.items()[0].type_oid();
        let delimiter = if element == BOX { ";" } else { "," };
        let quoted = |item: &Option<String>| match item {
            None => "NULL".to_owned(),
            Some(text) if text.eq_ignore_ascii_case("NULL") => backslashed(text),
            Some(text) if needs_quotes(text, &["{}", delimiter].concat()) => backslashed(text),
            Some(text) => text.clone(),
        };
        let mut level: Vec<String> = items.iter().map(quoted).collect();
        for (size, _) in dimensions.iter().rev() {
            let block = |block: &[String]| format!("{{{}}}", block.join(delimiter));
            assert_eq!(level.len() % *size as usize, 0);
            level = level.chunks(*size as usize).map(block).collect();
        }
        assert_eq!(level.len(), 1);
        let mut bounds = String::new();
        if dimensions.iter().any(|dimension| dimension.1 != 1) {
            for (size, lower) in dimensions {
                bounds += &format!("[{lower}:{}]", lower + size - 1);
            }
            bounds += "=";
        }
        bounds + &level[0]
    }

    fn range(&self, items: &[Option<String>]) -> String {
        let flags = self.flags();
        if flags & 1 != 0 {
            assert_eq!(items, []);
            return "empty".into();
        }
        assert_eq!(
            (items[0].is_none(), items[1].is_none(), items.len()),
            (flags & 8 != 0, flags & 16 != 0, 2)
        );
        let bound = |at: usize| items[at].as_ref().map_or(String::new(), |it| doubled(it, "()[],"));
        let (open, close) = (if flags & 2 != 0 { '[' } else { '(' }, if flags & 4 != 0 { ']' } else { ')' });
        format!("{open}{},{}{close}", bound(0), bound(1))
    }
}

/// The text of a value, by way of its parts as far as it has any; `shape` is what the caller says that it is.
pub fn put_together(value: Value<'_>, shape: u32) -> Outcome<String> {
    match take_apart(value, shape) {
        Ok(parts) => parts.written(),
        // It has none.
        Err(error) if shape == 0 && error.message.contains("read as a value with parts") => value.format(),
        Err(error) => Err(error),
    }
}

fn needs_quotes(text: &str, special: &str) -> bool {
    let is_special = |letter: char| {
        matches!(letter, '"' | '\\' | ' ' | '\t' | '\n' | '\r' | '\u{B}' | '\u{C}')
            || special.contains(letter)
    };
    text.is_empty() || text.contains(is_special)
}

fn backslashed(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn doubled(text: &str, special: &str) -> String {
    if !needs_quotes(text, special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}
