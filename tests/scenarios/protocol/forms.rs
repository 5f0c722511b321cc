//! The forms in which one and the same WAL can be asked for.

use crate::harness::{Database, Options, server};

/// One way to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub proto_version: &'static str,
    pub streaming: &'static str,
    pub two_phase: bool,
    pub binary: bool,
}

/// The form that everything is compared with.
pub const PLAIN: Form = Form { proto_version: "1", streaming: "off", two_phase: false, binary: false };

impl Form {
    /// All forms of all versions, also those that some server lacks.
    pub fn all() -> impl Iterator<Item = Form> {
        let of = |proto_version| {
            ["off", "on", "parallel"].into_iter().flat_map(move |streaming| {
                [(false, false), (false, true), (true, false), (true, true)]
                    .into_iter()
                    .map(move |(two_phase, binary)| Form { proto_version, streaming, two_phase, binary })
            })
        };
        ["1", "2", "3", "4", "auto"].into_iter().flat_map(of)
    }

    /// The protocol version that it needs.
    pub fn needs(self) -> u32 {
        match (self.streaming, self.two_phase) {
            ("parallel", _) => 4,
            (_, true) => 3,
            ("on" | "assembled", _) => 2,
            _ => 1,
        }
    }

    /// The protocol version that it asks for.
    pub fn asks(self) -> u32 {
        self.proto_version.parse().unwrap_or(self.needs())
    }

    /// The options. Streaming is made as frequent as the server can.
    pub fn options(self, db: &Database<'_>, slot: &str) -> Options {
        let forced = match (self.streaming, db.server.version) {
            ("off", _) => "",
            (_, 14 | 15) => " options='-c logical_decoding_work_mem=64kB'",
            _ => " options='-c debug_logical_replication_streaming=immediate'",
        };
        self.options_with(db, slot, forced)
    }

    /// The options, with streaming as usual: beyond 64 kB.
    pub fn options_beyond_64kb(self, db: &Database<'_>, slot: &str) -> Options {
        self.options_with(db, slot, " options='-c logical_decoding_work_mem=64kB'")
    }

    fn options_with(self, db: &Database<'_>, slot: &str, more: &str) -> Options {
        let on = |wanted| if wanted { "on" } else { "off" };
        Options::stream(&format!("{}{more}", db.conninfo()), slot, "pub")
            .with("messages", "on")
            .with("binary", on(self.binary))
            .with("proto_version", self.proto_version)
            .with("streaming", self.streaming)
            .with("two_phase", on(self.two_phase))
    }
}

/// The highest protocol version of a server.
pub fn highest(version: u32) -> u32 {
    match version {
        14 => 2,
        15 => 3,
        _ => 4,
    }
}

/// A slot over the same WAL as another.
pub fn copy_of(db: &mut Database<'_>, slot: &str) -> String {
    let name = server::unique("copy");
    db.run(&format!("SELECT pg_copy_logical_replication_slot('{slot}', '{name}')"));
    name
}

/// Drops a slot that is no longer used.
pub fn drop_slot(db: &mut Database<'_>, slot: &str) {
    db.released(slot);
    db.run(&format!("SELECT pg_drop_replication_slot('{slot}')"));
}
