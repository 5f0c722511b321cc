//! The bits of `wal_event.flags`. One table; the macros of C, the enum of C++ and the constants of Go are made from it. It
//! must never give a bit a second meaning.

macro_rules! flags {
    ($($(#[doc = $doc:literal])* $name:ident = $bit:literal;)*) => {
        $($(#[doc = $doc])* pub const $name: u32 = 1 << $bit;)*

        #[cfg(test)]
        const TABLE: &[(&str, u32, &str)] = &[$((stringify!($name), $name, concat!($($doc),*))),*];
    };
}

// A new row comes at the end, with the next bit.
flags! {
    /// MESSAGE: it belongs to the transaction around it. Without it the message stands alone.
    TRANSACTIONAL = 0;
    /// UPDATE, DELETE: the old row holds the columns of the replica identity only; the others are ABSENT. So it is, too,
    /// where a partition's own replica identity is less than that of the table it is published as.
    OLD_KEY = 1;
    /// UPDATE, DELETE: the old row is whole (REPLICA IDENTITY FULL).
    OLD_FULL = 2;
    /// TRUNCATE: CASCADE was given.
    CASCADE = 3;
    /// TRUNCATE: RESTART IDENTITY was given.
    RESTART_IDENTITY = 4;
    /// Everything between STREAM_START and STREAM_STOP: NOT COMMITTED, and it may never be.
    STREAMED = 5;
    /// STREAM_START: the first block of its transaction.
    FIRST_SEGMENT = 6;
    /// STREAM_ABORT: nothing was rolled back, and what came of the transaction is to be dropped. The stream ends at option
    /// stop_lsn before anybody knows what becomes of it, or the connection was lost and it comes again from its beginning.
    DISCARDED = 7;
    /// RECONNECTED: the server is a promoted standby that lacks what was delivered beyond the switchpoint. Only with option
    /// failover_policy "rewind".
    REWOUND = 8;
    /// COMMIT_PREPARED, ROLLBACK_PREPARED: this stream did not give the PREPARE that it ends. It was given and acknowledged in
    /// an earlier life of the program, lies before the slot or start_lsn, or changed nothing. A decoder without a connection
    /// never sets it. Since 0.2.0.
    UNKNOWN_PREPARE = 9;
    /// MESSAGE, and BEGIN and COMMIT (or BEGIN_PREPARE and PREPARE) of its transaction: a savepoint of the transaction was
    /// rolled back, and the server does not say whether this message was part of it. If it was, the sequence of what follows in
    /// the transaction is higher than it would be without streaming. Only with options streaming "assembled", messages and
    /// on_ambiguous "flag". Since 0.2.0.
    AMBIGUOUS = 10;
    /// INSERT: a row that was there before the changes begin, with option snapshot "initial". It belongs to no transaction:
    /// `relation`, wal_event_snapshot_item() and `sequence` identify it. Since 0.2.0.
    SNAPSHOT = 11;
}

#[cfg(test)]
mod tests {
    use super::TABLE;
    use crate::generated::{camel, region, wrapped};

    /// The text as a comment of C on one line, or on several.
    fn comment(text: &str, indent: &str) -> String {
        let short = format!("{indent}/** {} */\n", text.trim());
        let lines = wrapped(text, &format!("{indent} * "), 110);
        if short.chars().count() <= 111 { short } else { format!("{indent}/**\n{lines}{indent} */\n") }
    }

    #[test]
    fn each_flag_has_a_bit_of_its_own() {
        for (number, (name, bit, text)) in TABLE.iter().enumerate() {
            assert_eq!(*bit, 1 << number, "{name}");
            assert!(text.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn documents_and_the_macros_of_c_have_the_same_flags() {
        let row = |(name, bit, text): &(&str, u32, &str)| {
            format!("{}#define WAL_EVENT_FLAG_{name} UINT32_C({bit})\n", comment(text, ""))
        };
        let wanted = format!(" * @{{\n */\n{}", TABLE.iter().map(row).collect::<String>());
        region("src/capi/prologue.h", " * @name Bits of wal_event.flags", "/** @} */", &wanted);
    }

    #[test]
    fn documents_and_the_enum_of_cpp_have_the_same_flags() {
        let row = |(name, _, text): &(&str, u32, &str)| {
            format!("{}    {} = WAL_EVENT_FLAG_{name},\n", comment(text, "    "), name.to_lowercase())
        };
        let nothing = "    /** Nothing. */\n    none = 0,\n";
        let wanted = format!("{nothing}{}", TABLE.iter().map(row).collect::<String>());
        region("bindings/cpp/pgwalstream/status.hpp", "enum class event_flags :", "};", &wanted);
    }

    #[test]
    fn documents_and_the_constants_of_go_have_the_same_flags() {
        let row = |(of, bit, text): &(&str, u32, &str)| {
            format!("{}\tFlag{} Flags = {bit}\n", wrapped(text, "\t// ", 114), camel(of))
        };
        let wanted = format!("const (\n{}", TABLE.iter().map(row).collect::<String>());
        region("bindings/go/event.go", "// The bits of an event's Flags", ")", &wanted);
    }
}
