//! The commands that make, change and end slots, in the syntax of each version.
//!
//! What a version cannot do must be an error that names the version that can, before anything is sent.

use super::preflight::cell;
use super::slot_row::{SlotKind, SlotRow, slot_flag};
use super::sql::{plain_or_quoted, quote_identifier, quote_literal};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::slot_name;

/// What a new slot shall be.
#[derive(Clone, Copy, Debug)]
pub struct NewSlot<'a> {
    /// Its name.
    pub name: &'a str,
    /// The output plugin; `None` makes a physical slot.
    pub plugin: Option<&'a str>,
    /// `slot_flag`.
    pub flags: u32,
}

const LOGICAL_FLAGS: u32 = slot_flag::TEMPORARY
    | slot_flag::TWO_PHASE
    | slot_flag::FAILOVER
    | slot_flag::EXPORT_SNAPSHOT
    | slot_flag::USE_SNAPSHOT;

const PHYSICAL_FLAGS: u32 = slot_flag::TEMPORARY | slot_flag::RESERVE_WAL;

const SNAPSHOT_FLAGS: u32 = slot_flag::EXPORT_SNAPSHOT | slot_flag::USE_SNAPSHOT;

impl NewSlot<'_> {
    /// CREATE_REPLICATION_SLOT for a server of `version`.
    pub fn command(&self, version: u32) -> Result<String> {
        self.check()?;
        needs(version, self.has(slot_flag::TWO_PHASE), 15, "creating a slot with two_phase")?;
        needs(version, self.has(slot_flag::FAILOVER), 17, "a slot with failover")?;
        let name = quote_identifier(self.name);
        let temporary = if self.has(slot_flag::TEMPORARY) { " TEMPORARY" } else { "" };
        let kind = self
            .plugin
            .map_or_else(|| " PHYSICAL".to_owned(), |plugin| format!(" LOGICAL {}", plain_or_quoted(plugin)));
        let options = if version >= 150_000 { self.list() } else { self.keywords() };
        Ok(format!("CREATE_REPLICATION_SLOT {name}{temporary}{kind}{options}"))
    }

    /// 15 took the options into a list.
    fn list(&self) -> String {
        let mut all = Vec::new();
        if self.plugin.is_some() {
            all.push(match self.flags & SNAPSHOT_FLAGS {
                slot_flag::EXPORT_SNAPSHOT => "SNAPSHOT 'export'",
                slot_flag::USE_SNAPSHOT => "SNAPSHOT 'use'",
                _ => "SNAPSHOT 'nothing'",
            });
        }
        let more = [
            (slot_flag::TWO_PHASE, "TWO_PHASE"),
            (slot_flag::FAILOVER, "FAILOVER"),
            (slot_flag::RESERVE_WAL, "RESERVE_WAL"),
        ];
        all.extend(more.into_iter().filter(|(flag, _)| self.has(*flag)).map(|(_, word)| word));
        if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
    }

    /// 14 knows bare keywords only.
    fn keywords(&self) -> String {
        let snapshot = match (self.plugin, self.flags & SNAPSHOT_FLAGS) {
            (None, _) if self.has(slot_flag::RESERVE_WAL) => " RESERVE_WAL",
            (None, _) => "",
            (Some(_), slot_flag::EXPORT_SNAPSHOT) => " EXPORT_SNAPSHOT",
            (Some(_), slot_flag::USE_SNAPSHOT) => " USE_SNAPSHOT",
            (Some(_), _) => " NOEXPORT_SNAPSHOT",
        };
        snapshot.to_owned()
    }

    fn check(&self) -> Result<()> {
        check_name(self.name)?;
        if self.plugin.is_some_and(|plugin| plugin.is_empty() || plugin.contains('"')) {
            return Err(invalid("this is not the name of an output plugin"));
        }
        let takes = if self.plugin.is_some() { LOGICAL_FLAGS } else { PHYSICAL_FLAGS };
        refuse_other_flags(
            self.flags,
            takes,
            if self.plugin.is_some() { "a logical slot" } else { "a physical slot" },
        )?;
        if self.flags & SNAPSHOT_FLAGS == SNAPSHOT_FLAGS {
            return Err(invalid("a snapshot is exported or used, not both"));
        }
        if self.has(slot_flag::TEMPORARY) && self.has(slot_flag::FAILOVER) {
            return Err(invalid("a temporary slot cannot fail over"));
        }
        Ok(())
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Understands the answer to the command.
    pub fn made(&self, rows: &[Vec<Option<String>>]) -> Result<SlotRow> {
        let row = rows.first().ok_or_else(|| {
            Error::new(Status::WAL_E_PROTOCOL, "the server made a slot and did not say which")
        })?;
        let kind = match self.plugin {
            Some(_) => SlotKind::WAL_SLOT_KIND_LOGICAL,
            None => SlotKind::WAL_SLOT_KIND_PHYSICAL,
        };
        Ok(SlotRow {
            name: cell(row, 0).to_owned(),
            kind,
            plugin: cell(row, 3).to_owned(),
            flags: self.flags & !(SNAPSHOT_FLAGS | slot_flag::RESERVE_WAL),
            consistent_point: cell(row, 1).parse::<Lsn>().unwrap_or_default().0,
            snapshot_name: cell(row, 2).to_owned(),
            ..SlotRow::default()
        })
    }
}

/// ALTER_REPLICATION_SLOT: which of TWO_PHASE and FAILOVER to turn on and which off.
pub fn alter(version: u32, slot: &str, on: u32, off: u32) -> Result<String> {
    check_name(slot)?;
    let can = slot_flag::TWO_PHASE | slot_flag::FAILOVER;
    refuse_other_flags(on | off, can, "altering a slot")?;
    if on & off != 0 || on | off == 0 {
        return Err(invalid("give each flag to be altered once: to be turned on, or off"));
    }
    needs(version, (on | off) & slot_flag::TWO_PHASE != 0, 18, "altering two_phase")?;
    needs(version, true, 17, "altering a slot")?;
    let mut options = Vec::new();
    for (flag, word) in [(slot_flag::TWO_PHASE, "TWO_PHASE"), (slot_flag::FAILOVER, "FAILOVER")] {
        if on & flag != 0 {
            options.push(format!("{word} true"));
        } else if off & flag != 0 {
            options.push(format!("{word} false"));
        }
    }
    Ok(format!("ALTER_REPLICATION_SLOT {} ({})", quote_identifier(slot), options.join(", ")))
}

/// What to do while somebody uses the slot that is to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Give up.
    Refuse,
    /// Wait until it is released.
    Wait,
}

/// DROP_REPLICATION_SLOT.
pub fn drop_slot(slot: &str, in_use: InUse) -> Result<String> {
    check_name(slot)?;
    let wait = if in_use == InUse::Wait { " WAIT" } else { "" };
    Ok(format!("DROP_REPLICATION_SLOT {}{wait}", quote_identifier(slot)))
}

/// READ_REPLICATION_SLOT, the only one to tell a physical slot's timeline. `None` where the version has no such thing.
pub fn read_physical(version: u32, slot: &str) -> Option<String> {
    (version >= 150_000).then(|| format!("READ_REPLICATION_SLOT {}", quote_identifier(slot)))
}

/// The timeline in the answer to `read_physical`.
pub fn timeline(rows: &[Vec<Option<String>>]) -> u32 {
    rows.first().map_or(0, |row| cell(row, 2).parse().unwrap_or(0))
}

/// Moves a slot forward without reading.
pub fn advance(slot: &str, to: Lsn) -> String {
    format!("SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance({}, '{to}')", quote_literal(slot))
}

/// Where `advance` came to.
pub fn advanced(rows: &[Vec<Option<String>>]) -> u64 {
    rows.first().map_or(0, |row| cell(row, 0).parse::<Lsn>().unwrap_or_default().0)
}

/// Makes a slot that stands where another one does.
pub fn copy(source: &SlotRow, name: &str, flags: u32, plugin: Option<&str>) -> Result<String> {
    check_name(name)?;
    refuse_other_flags(flags, slot_flag::TEMPORARY, "a copied slot")?;
    let temporary = flags & slot_flag::TEMPORARY != 0;
    let (from, to) = (quote_literal(&source.name), quote_literal(name));
    match source.kind {
        SlotKind::WAL_SLOT_KIND_PHYSICAL if plugin.is_some() => {
            Err(invalid("a physical slot has no output plugin"))
        }
        SlotKind::WAL_SLOT_KIND_PHYSICAL => Ok(format!(
            "SELECT slot_name, lsn FROM pg_catalog.pg_copy_physical_replication_slot({from}, {to}, {temporary})"
        )),
        _ => {
            let plugin = quote_literal(plugin.unwrap_or(&source.plugin));
            Ok(format!(
                "SELECT slot_name, lsn FROM pg_catalog.pg_copy_logical_replication_slot({from}, {to}, {temporary}, {plugin})"
            ))
        }
    }
}

/// The error of a slot command, in this library's words where it has some.
pub fn explain(error: Error, slot: &str) -> Error {
    let (status, message, hint) = match error.sqlstate() {
        "42710" => (
            Status::WAL_E_SLOT_EXISTS,
            format!("replication slot \"{slot}\" exists already"),
            "Choose another name, or drop that one.",
        ),
        "42704" => (
            Status::WAL_E_SLOT_MISSING,
            format!("replication slot \"{slot}\" does not exist"),
            "List the slots to see which there are.",
        ),
        "53400" => (
            error.status(),
            error.message().to_owned(),
            "Raise max_replication_slots, or drop a slot that nothing uses (pg_replication_slots).",
        ),
        _ => return error,
    };
    let sqlstate = error.sqlstate().as_bytes().first_chunk::<5>().copied().unwrap_or(*b"XX000");
    Error::new(status, message).with_detail(error.message()).with_hint(hint).with_sqlstate(sqlstate)
}

/// The replication grammar knows no way to write a quote in a name (repl_scanner.l), and no slot has one.
fn check_name(name: &str) -> Result<()> {
    slot_name(name).map_err(|why| {
        Error::new(
            Status::WAL_E_INVALID_ARGUMENT,
            format!("\"{}\" cannot be the name of a slot", name.escape_debug()),
        )
        .with_hint(why)
    })
}

fn needs(version: u32, wanted: bool, since: u32, what: &str) -> Result<()> {
    if !wanted || version >= since * 10_000 {
        return Ok(());
    }
    let server = version / 10_000;
    Err(Error::new(
        Status::WAL_E_SERVER_VERSION,
        format!("{what} needs PostgreSQL {since}, and the server is {server}"),
    )
    .with_hint(format!("PostgreSQL {since} and later can.")))
}

fn refuse_other_flags(flags: u32, takes: u32, what: &str) -> Result<()> {
    match flags & !takes {
        0 => Ok(()),
        other => Err(invalid(&format!("{what} does not take the flags {other:#x}"))),
    }
}

fn invalid(why: &str) -> Error {
    Error::new(Status::WAL_E_INVALID_ARGUMENT, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slot_flag::*;

    fn command(version: u32, plugin: Option<&str>, flags: u32) -> Result<String> {
        let new = NewSlot { name: "s", plugin, flags };
        new.command(version * 10_000 + 1).map(|text| text.replace("CREATE_REPLICATION_SLOT \"s\" ", ""))
    }

    #[test]
    fn each_version_has_its_own_words() {
        let logical = Some("pgoutput");
        for (version, plugin, flags, text) in [
            (14, logical, 0, "LOGICAL pgoutput NOEXPORT_SNAPSHOT"),
            (14, logical, TEMPORARY | EXPORT_SNAPSHOT, "TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT"),
            (14, logical, USE_SNAPSHOT, "LOGICAL pgoutput USE_SNAPSHOT"),
            (14, None, RESERVE_WAL, "PHYSICAL RESERVE_WAL"),
            (14, None, 0, "PHYSICAL"),
            (15, logical, TWO_PHASE, "LOGICAL pgoutput (SNAPSHOT 'nothing', TWO_PHASE)"),
            (15, None, TEMPORARY | RESERVE_WAL, "TEMPORARY PHYSICAL (RESERVE_WAL)"),
            (15, None, 0, "PHYSICAL"),
            (17, logical, FAILOVER | EXPORT_SNAPSHOT, "LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)"),
            (18, Some("My-plugin"), USE_SNAPSHOT, "LOGICAL \"My-plugin\" (SNAPSHOT 'use')"),
        ] {
            assert_eq!(command(version, plugin, flags).unwrap(), text);
        }
    }

    #[test]
    fn what_a_version_cannot_do_names_the_one_that_can() {
        let altered = |version: u32, flag| alter(version * 10_000, "s", flag, 0);
        for (outcome, since) in [
            (command(14, Some("p"), TWO_PHASE), "15"),
            (command(16, Some("p"), FAILOVER), "17"),
            (altered(16, FAILOVER), "17"),
            (altered(17, TWO_PHASE), "18"),
            (altered(14, TWO_PHASE), "18"),
        ] {
            let error = outcome.unwrap_err();
            assert_eq!(error.status(), Status::WAL_E_SERVER_VERSION);
            assert!(error.message().contains(since) && error.hint().contains(since), "{error:?}");
        }
        assert_eq!(
            alter(180_000, "a_b", FAILOVER, TWO_PHASE).unwrap(),
            "ALTER_REPLICATION_SLOT \"a_b\" (TWO_PHASE false, FAILOVER true)"
        );
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        for outcome in [
            command(18, Some("p"), RESERVE_WAL),
            command(18, None, TWO_PHASE),
            command(18, None, EXPORT_SNAPSHOT),
            command(18, Some("p"), EXPORT_SNAPSHOT | USE_SNAPSHOT),
            command(18, Some("p"), TEMPORARY | FAILOVER),
            command(18, Some("p"), ACTIVE),
            alter(180_000, "s", 0, 0),
            alter(180_000, "s", FAILOVER, FAILOVER),
            alter(180_000, "s", TEMPORARY, 0),
            copy(&SlotRow::default(), "t", TWO_PHASE, None),
        ] {
            assert_eq!(outcome.unwrap_err().status(), Status::WAL_E_INVALID_ARGUMENT);
        }
    }
}
