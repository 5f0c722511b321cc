//! What a stream counts. One table knows every statistic; the counters here, `wal_stats`, the structs of C++ and Go, the
//! metrics and docs/statistics.md are made from it. It must never decide when anything is counted.

#[cfg(test)]
mod document;
mod table;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// All that is known of a statistic.
#[derive(Debug)]
pub struct Statistic {
    /// Its name in C and Rust.
    pub name: &'static str,
    /// What kind of number it is.
    pub unit: Unit,
    /// The metric's name without what all metrics have, or "" where it is no metric.
    pub metric: &'static str,
    text: &'static str,
    of: fn(&Counters) -> i128,
}

/// What kind of number a statistic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// It only ever grows.
    Count,
    /// It goes up and down.
    Gauge,
    /// A gauge of 32 bits.
    Number,
    /// A position.
    Lsn,
    /// A moment: microseconds since 2000-01-01 00:00:00 UTC, or 0.
    Time,
    /// A duration in microseconds.
    Micros,
}

impl Statistic {
    /// What it tells, in one or more sentences.
    pub fn text(&self) -> &'static str {
        self.text.trim_start()
    }

    /// Its first sentence.
    pub fn help(&self) -> &'static str {
        let text = self.text();
        text.find(". ").and_then(|end| text.get(..=end)).unwrap_or(text)
    }

    /// What it is of these.
    pub fn of(&self, counters: &Counters) -> i128 {
        (self.of)(counters)
    }
}

/// Stands in the place of an atomic where a number is computed when somebody asks.
#[derive(Debug, Default)]
struct Derived;

impl Derived {
    fn load(&self, _: Ordering) -> u64 {
        0
    }
}

macro_rules! live {
    (derived $unit:ident) => {
        Derived
    };
    (counted Time) => {
        AtomicI64
    };
    (counted $unit:ident) => {
        AtomicU64
    };
}

macro_rules! plain {
    (Time) => {
        i64
    };
    ($unit:ident) => {
        u64
    };
}

macro_rules! statistics {
    ($($(#[doc = $doc:literal])* $name:ident: $source:ident $unit:ident $metric:literal;)*) => {
        /// The live counters. Written by the engine and by readers of batches, read by anyone at any time.
        #[derive(Debug, Default)]
        #[allow(private_interfaces, reason = "what is derived is nobody's to write")]
        pub struct Counts {
            $($(#[doc = $doc])* pub $name: live!($source $unit),)*
        }

        /// The statistics of a stream at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: plain!($unit),)*
        }

        impl Counts {
            /// The counters now. What is derived is 0, for the caller to fill in.
            pub fn now(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        /// All statistics, in the order of `wal_stats`.
        pub static TABLE: &[Statistic] = &[$(Statistic {
            name: stringify!($name),
            unit: Unit::$unit,
            metric: $metric,
            text: concat!($($doc),*),
            of: |at| i128::from(at.$name),
        }),*];
    };
}

table::rows!(statistics);

impl Counts {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a counter.
    pub fn set(counter: &AtomicU64, n: u64) {
        counter.store(n, Ordering::Relaxed);
    }
}
