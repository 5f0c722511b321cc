//! What a stream does about the memory of all that it remembers: definitions, open transactions, prepared ones.
//! It must never end a stream where another connection would free enough, nor let a server take memory without end.

use std::time::Duration;

use crate::error::{Error, Status};
use crate::options::{Config, SlotCreate};

/// How soon another connection may be given up for its definitions: those that are in use come again each time.
pub(super) const SHED_AGAIN: Duration = Duration::from_secs(60);

/// So many times `relations_bytes`, and in any case so many bytes, are remembered at most where no other connection follows.
const MOST: usize = 4;
const LEAST: usize = 64 << 20;

/// The same where another one may follow: a single transaction may need it, and the next connection would bring it again.
const MOST_OF_RECONNECTING: usize = 16;
const LEAST_OF_RECONNECTING: usize = 1 << 30;

/// So many times `relations_bytes`, and `LEAST` in any case, a moment at which everything is acknowledged is no longer waited
/// for.
const IMPATIENT: usize = 2;

/// How much a stream remembers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    /// What definitions take.
    pub(super) definitions: usize,
    /// What all takes.
    pub(super) all: usize,
}

/// Where the stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// A connection was given up for this less than `SHED_AGAIN` ago.
    pub(super) lately: bool,
    /// Everything received is acknowledged.
    pub(super) settled: bool,
    /// Nothing is begun.
    pub(super) at_rest: bool,
    /// Something was acknowledged since a connection was last given up for this: the next one begins later.
    pub(super) moved: bool,
}

impl Remembered {
    /// The server describes each table once, so that what a connection described is kept as long as it lasts. Where that
    /// is too much another connection begins, best at a moment when it repeats nothing. Gives the reason to end this one.
    pub(super) fn too_much(self, config: &Config, stands: impl FnOnce() -> Standing) -> Option<Error> {
        let Self { definitions, all } = self;
        let budget = config.relations_bytes;
        // A temporary slot would be gone with the connection.
        let may_reconnect = config.reconnect.is_some() && config.slot_create != SlotCreate::Temporary;
        let limit = match may_reconnect {
            true => budget.saturating_mul(MOST_OF_RECONNECTING).max(LEAST_OF_RECONNECTING),
            false => budget.saturating_mul(MOST).max(LEAST),
        };
        if all > limit {
            return Some(remembers_too_much(all, limit, budget));
        }
        if !may_reconnect || all <= budget {
            return None;
        }
        let Standing { lately, settled, at_rest, moved } = stands();
        let impatient = budget.saturating_mul(IMPATIENT).max(LEAST);
        let gives_up = !lately
            && match definitions {
                // Whatever is begun: a connection that breaks costs no more.
                _ if all > limit / 2 && moved => true,
                some if some > impatient && config.dedupe && moved => at_rest,
                some => some > budget && at_rest && settled,
            };
        gives_up.then(|| {
            let text = format!(
                "what is remembered takes {all} bytes, {definitions} of them definitions of tables, and relations_bytes is {budget}"
            );
            Error::new(Status::WAL_E_CONNECTION_LOST, text)
                .with_hint("A new connection forgets those of tables that no change comes of. Raise relations_bytes if all are in use.")
        })
    }
}

fn remembers_too_much(all: usize, limit: usize, budget: usize) -> Error {
    Error::new(
        Status::WAL_E_NO_MEMORY,
        format!("definitions and open transactions take {all} bytes, and at most {limit} with relations_bytes {budget}"),
    )
    .with_hint("Raise relations_bytes if the database has so many tables. Acknowledge what was received, and let reconnect on.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    const KB: usize = 1 << 10;
    const MB: usize = 1 << 20;

    fn config(more: &[(&str, &str)]) -> Config {
        let mut options = Options::new();
        for (key, value) in
            [("conninfo", "host=h user=u dbname=d"), ("slot", "s"), ("publication", "p")].iter().chain(more)
        {
            options.set(key, Some(value)).unwrap();
        }
        options.config().unwrap()
    }

    const BUSY: Standing = Standing { lately: false, settled: false, at_rest: false, moved: true };
    const AT_REST: Standing = Standing { at_rest: true, ..BUSY };
    const SETTLED: Standing = Standing { settled: true, ..AT_REST };

    fn outcome(more: &[(&str, &str)], definitions: usize, stands: Standing) -> Option<Status> {
        let config = config(more);
        let it = Remembered { definitions, all: definitions };
        it.too_much(&config, || stands).map(|error| error.status())
    }

    #[test]
    fn s54_a_stream_that_may_reconnect_does_so_before_it_ends() {
        const LOST: Option<Status> = Some(Status::WAL_E_CONNECTION_LOST);
        const NO_MEMORY: Option<Status> = Some(Status::WAL_E_NO_MEMORY);
        // Beyond the budget once it is settled, and beyond twice as much wherever nothing is begun.
        assert_eq!(outcome(&[], 65 * MB, SETTLED), LOST);
        assert_eq!(outcome(&[], 65 * MB, AT_REST), None);
        assert_eq!(outcome(&[], 129 * MB, AT_REST), LOST);
        assert_eq!(
            outcome(&[], 129 * MB, Standing { moved: false, ..AT_REST }),
            None,
            "the same would come again"
        );
        assert_eq!(outcome(&[("relations_bytes", "64kB")], 63 * MB, AT_REST), None);
        assert_eq!(outcome(&[("dedupe", "off")], 129 * MB, AT_REST), None);
        // One that is never at rest: once it is half of what ends the stream, and where the same would not come again.
        assert_eq!(outcome(&[], 511 * MB, BUSY), None);
        assert_eq!(outcome(&[("dedupe", "off")], 513 * MB, BUSY), LOST);
        assert_eq!(outcome(&[], 513 * MB, Standing { moved: false, ..BUSY }), None);
        // Not again and again.
        assert_eq!(outcome(&[], 1000 * MB, Standing { lately: true, ..SETTLED }), None);
        // A transaction over 90,000 tables goes on, with a small budget too.
        for budget in ["64kB", "64MB"] {
            let more = [("relations_bytes", budget)];
            assert_eq!(outcome(&more, 300 * MB, Standing { moved: false, ..BUSY }), None, "{budget}");
            assert_eq!(outcome(&more, 1025 * MB, SETTLED), NO_MEMORY, "{budget}");
        }
    }

    #[test]
    fn s54_a_stream_that_cannot_reconnect_ends_at_four_times_the_budget_and_says_so() {
        for more in [("reconnect", "off"), ("slot_create", "temporary")] {
            assert_eq!(outcome(&[more], 255 * MB, SETTLED), None);
            assert_eq!(outcome(&[more], 257 * MB, SETTLED), Some(Status::WAL_E_NO_MEMORY));
            let small = [more, ("relations_bytes", "64kB")];
            assert_eq!(outcome(&small, 64 * MB, SETTLED), None);
            let it = Remembered { definitions: KB, all: 65 * MB };
            let error = it.too_much(&config(&small), || SETTLED).unwrap();
            let said = error.message();
            assert!(said.contains("at most 67108864") && said.contains("65536"), "{said}");
        }
    }
}
