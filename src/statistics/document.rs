//! The statistics as other languages write them, and as a page. It must never say of one what the table does not; tests
//! keep the committed text equal to it.

use std::fmt::Write;

use super::{Statistic, TABLE, Unit};
use crate::generated::{file, region, wrapped};

const BEGIN: &str = "generated from src/statistics/table.rs";
const END: &str = "// ---- end of what is generated";

const INTRODUCTION: &str = "# Statistics

This page is generated from `src/statistics/table.rs`. `wal_stream_stats` gives the counters of one stream since it was made,
`wal_stats_prometheus` those of all streams of the process. The names are those of C, Rust and Prometheus. C++ and Go spell them in
their way: `lag_microseconds` is `lag_time` in C++ and `Lag` in Go, both with a type of their own. Each counter is right; together
they may straddle an update.

A metric is named `pgwalstream_…` and has the labels `stream` and `slot`. A position is an LSN, as a number in the metric. A time is
in microseconds since 2000-01-01 00:00:00 UTC, and a Unix time in seconds in the metric.

| statistic | kind | metric | what it tells |
|---|---|---|---|
";

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Gauge | Self::Number => "gauge",
            Self::Lsn => "position",
            Self::Time => "time",
            Self::Micros => "microseconds",
        }
    }

    fn c(self) -> &'static str {
        match self {
            Self::Time => "i64",
            Self::Number => "u32",
            Self::Count | Self::Gauge | Self::Lsn | Self::Micros => "u64",
        }
    }
}

impl Statistic {
    /// Its text with what its type does not tell in a struct of plain numbers.
    fn plain(&self) -> String {
        match self.unit {
            Unit::Time => format!("{} Microseconds since 2000-01-01 00:00:00 UTC.", self.text()),
            Unit::Micros => format!("{} In microseconds.", self.text()),
            Unit::Count | Unit::Gauge | Unit::Number | Unit::Lsn => self.text().to_owned(),
        }
    }

    fn cpp_name(&self) -> String {
        self.name.replace("_microseconds", "_time")
    }

    fn cpp_type(&self) -> &'static str {
        match self.unit {
            Unit::Count | Unit::Gauge => "std::uint64_t",
            Unit::Number => "std::uint32_t",
            Unit::Lsn => "lsn",
            Unit::Time => "std::optional<timestamptz>",
            Unit::Micros => "std::chrono::microseconds",
        }
    }

    fn cpp_from(&self) -> String {
        let raw = format!("raw.{}", self.name);
        match self.unit {
            Unit::Count | Unit::Gauge | Unit::Number => raw,
            Unit::Lsn => format!("lsn({raw})"),
            Unit::Time => format!("detail::moment({raw})"),
            Unit::Micros => format!("std::chrono::microseconds(static_cast<std::int64_t>({raw}))"),
        }
    }

    /// Its name in the words of Go, where an abbreviation is in capitals.
    fn go_raw_name(&self) -> String {
        let word = |word: &str| match word {
            "lsn" | "wal" | "pid" | "id" | "kb" => word.to_uppercase(),
            _ => word[..1].to_uppercase() + &word[1..],
        };
        self.name.split('_').map(word).collect()
    }

    fn go_name(&self) -> String {
        self.go_raw_name().replace("Microseconds", "")
    }

    fn go_type(&self) -> &'static str {
        match self.unit {
            Unit::Count | Unit::Gauge => "uint64",
            Unit::Number => "uint32",
            Unit::Lsn => "LSN",
            Unit::Time => "Timestamp",
            Unit::Micros => "time.Duration",
        }
    }

    fn go_from(&self) -> String {
        let raw = format!("c.{}", self.go_raw_name());
        match self.unit {
            Unit::Count | Unit::Gauge | Unit::Number => raw,
            Unit::Lsn | Unit::Time => format!("{}({raw})", self.go_type()),
            Unit::Micros => format!("time.Duration({raw}) * time.Microsecond"),
        }
    }

    fn go_raw_type(&self) -> &'static str {
        match self.unit {
            Unit::Time => "int64",
            Unit::Number => "uint32",
            Unit::Count | Unit::Gauge | Unit::Lsn | Unit::Micros => "uint64",
        }
    }
}

/// Rows of two columns, the second behind the longest of the first.
fn aligned(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |mut out, (name, rest)| {
        let _ = writeln!(out, "\t{name:width$} {rest}");
        out
    })
}

fn table(row: impl Fn(&Statistic) -> (String, String)) -> String {
    aligned(&TABLE.iter().map(row).collect::<Vec<_>>())
}

#[test]
fn documents_have_the_table_of_statistics() {
    let mut page = String::from(INTRODUCTION);
    for it in TABLE {
        let suffix = if it.unit == Unit::Count { "_total" } else { "" };
        let metric = if it.metric.is_empty() { String::new() } else { format!("`{}{suffix}`", it.metric) };
        let _ = writeln!(page, "| `{}` | {} | {metric} | {} |", it.name, it.unit.name(), it.text());
    }
    file("docs/statistics.md", &page);
}

#[test]
fn documents_and_the_struct_of_c_have_the_same_statistics() {
    let mut text = String::from(
        "/// The counters of a stream since it was made. New ones come at the end.\n#[repr(C)]\n\
         #[derive(Clone, Copy, Debug, Default)]\n#[allow(non_camel_case_types)]\npub struct wal_stats {\n",
    );
    for it in TABLE {
        text += &wrapped(&it.plain(), "    /// ", 110);
        let _ = writeln!(text, "    pub {}: {},", it.name, it.unit.c());
    }
    text += "}\n\nimpl From<Counters> for wal_stats {\n    fn from(at: Counters) -> Self {\n        Self {\n";
    for it in TABLE {
        let cast = if it.unit == Unit::Number { " as u32" } else { "" };
        let _ = writeln!(text, "            {name}: at.{name}{cast},", name = it.name);
    }
    text += "        }\n    }\n}\n";
    region("src/capi/stats.rs", BEGIN, END, &text);
}

#[test]
fn documents_and_the_struct_of_cpp_have_the_same_statistics() {
    let mut text = String::from("/** The counters of a stream since it was made. */\nstruct stats {\n");
    for it in TABLE {
        let lines = wrapped(it.text(), "     * ", 110);
        let short = format!("    /** {} */\n", it.text());
        text += &if short.chars().count() <= 111 { short } else { format!("    /**\n{lines}     */\n") };
        let value = match it.unit {
            Unit::Count | Unit::Gauge | Unit::Number => " = 0",
            Unit::Micros => "{0}",
            Unit::Lsn | Unit::Time => "",
        };
        let _ = writeln!(text, "    {} {}{value};", it.cpp_type(), it.cpp_name());
    }
    text += "\n    /** All 0. */\n    stats() = default;\n    /** From those of the C API. */\n    \
             explicit stats(const wal_stats &raw) noexcept {\n";
    for it in TABLE {
        let _ = writeln!(text, "        {} = {};", it.cpp_name(), it.cpp_from());
    }
    text += "    }\n};\n";
    region("bindings/cpp/pgwalstream/stats.hpp", BEGIN, END, &text);
}

#[test]
fn documents_and_the_structs_of_go_have_the_same_statistics() {
    let mut text =
        String::from("// Stats are the counters of a stream since it was made.\ntype Stats struct {\n");
    for it in TABLE {
        text += &wrapped(it.text(), "\t// ", 114);
        let _ = writeln!(text, "\t{} {}", it.go_name(), it.go_type());
    }
    text += "}\n\nfunc statsOf(c capi.Stats) Stats {\n\treturn Stats{\n";
    let inside = table(|it| (format!("{}:", it.go_name()), format!("{},", it.go_from())));
    text += &inside.lines().map(|line| format!("\t{line}\n")).collect::<String>();
    text += "\t}\n}\n\n";
    region("bindings/go/stats.go", BEGIN, END, &format!("\n{text}"));

    let mut text = String::from("// Stats is wal_stats, copied.\ntype Stats struct {\n");
    text += &table(|it| (it.go_raw_name(), it.go_raw_type().to_owned()));
    text += "}\n\nfunc copyStats(c *C.wal_stats) Stats {\n\treturn Stats{\n";
    let inside =
        table(|it| (format!("{}:", it.go_raw_name()), format!("{}(c.{}),", it.go_raw_type(), it.name)));
    text += &inside.lines().map(|line| format!("\t{line}\n")).collect::<String>();
    text += "\t}\n}\n\n";
    region("bindings/go/internal/capi/structs.go", BEGIN, END, &format!("\n{text}"));
}
