//! What can be done to slots over a connection.

use std::time::{Duration, Instant};

use super::Next;
use super::connection::{Connection, deadline};
use crate::conninfo::nearest_name;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::session::Rows;
use crate::stream::slot_commands::{
    InUse, NewSlot, advance, advanced, alter, copy, drop_slot, explain, read_physical, timeline,
};
use crate::stream::{
    Health, Preflight, SlotKind, SlotRow, health_query, slot_flag, slots_query, validity, validity_query,
};
use crate::sys::pg_micros;

/// Goes on with what a command answered, or returns what it came to instead.
macro_rules! answer {
    ($outcome:expr) => {
        match $outcome {
            Next::Ready(rows) => rows,
            Next::TimedOut => return Ok(Next::TimedOut),
            Next::Interrupted => return Ok(Next::Interrupted),
            Next::Ended => return Ok(Next::Ended),
        }
    };
}
pub(super) use answer;

impl Connection {
    /// Makes a slot. The publications that the options name are looked for first, where pgoutput is to be the plugin: a
    /// slot that is older than its publication never sends it (P17).
    pub fn create_slot(&mut self, new: NewSlot<'_>, timeout: Option<Duration>) -> Result<Next<SlotRow>> {
        let deadline = deadline(timeout);
        let command = new.command(self.version())?;
        if new.plugin == Some("pgoutput") && !self.publications().is_empty() {
            answer!(self.expect_publications(deadline)?);
        }
        if new.flags & slot_flag::USE_SNAPSHOT != 0 {
            answer!(self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", deadline)?);
        }
        let made = match self.create(new.name, &command, deadline) {
            Ok(Next::Ready(rows)) => new.made(&rows.rows)?,
            other => {
                if new.flags & slot_flag::USE_SNAPSHOT != 0 {
                    // What was begun for it is nobody else's business.
                    let _ = self.ask("ROLLBACK", other_deadline());
                }
                return match other {
                    Err(error) => Err(self.refused(explain(error, new.name))),
                    Ok(Next::TimedOut) => Ok(Next::TimedOut),
                    Ok(Next::Ended) => Ok(Next::Ended),
                    Ok(_) => Ok(Next::Interrupted),
                };
            }
        };
        if new.flags & slot_flag::EXPORT_SNAPSHOT != 0 {
            self.hold_snapshot(&made.snapshot_name);
        }
        Ok(Next::Ready(made))
    }

    /// Turns what a slot does on and off.
    pub fn alter_slot(
        &mut self,
        slot: &str,
        on: u32,
        off: u32,
        timeout: Option<Duration>,
    ) -> Result<Next<()>> {
        let command = alter(self.version(), slot, on, off)?;
        answer!(self.on_slot(slot, &command, deadline(timeout))?);
        Ok(Next::Ready(()))
    }

    /// Ends a slot.
    pub fn drop_slot(&mut self, slot: &str, in_use: InUse, timeout: Option<Duration>) -> Result<Next<()>> {
        answer!(self.on_slot(slot, &drop_slot(slot, in_use)?, deadline(timeout))?);
        Ok(Next::Ready(()))
    }

    /// Looks at one slot.
    pub fn read_slot(&mut self, slot: &str, timeout: Option<Duration>) -> Result<Next<SlotRow>> {
        let deadline = deadline(timeout);
        let rows = answer!(self.ask(&slots_query(self.version(), Some(slot)), deadline)?);
        let Some(row) = rows.rows.first() else { return Err(self.missing(slot)) };
        let mut found = SlotRow::read(row);
        if found.kind == SlotKind::WAL_SLOT_KIND_PHYSICAL
            && let Some(command) = read_physical(self.version(), slot)
        {
            found.timeline = timeline(&answer!(self.on_slot(slot, &command, deadline)?).rows);
        }
        Ok(Next::Ready(found))
    }

    /// Looks at all slots of the server.
    pub fn list_slots(&mut self, timeout: Option<Duration>) -> Result<Next<Vec<SlotRow>>> {
        let rows = answer!(self.ask(&slots_query(self.version(), None), deadline(timeout))?);
        Ok(Next::Ready(rows.rows.iter().map(|row| SlotRow::read(row)).collect()))
    }

    /// Moves a slot forward, and gives where it came to.
    pub fn advance_slot(&mut self, slot: &str, to: Lsn, timeout: Option<Duration>) -> Result<Next<u64>> {
        let rows = answer!(self.on_slot(slot, &advance(slot, to), deadline(timeout))?);
        Ok(Next::Ready(advanced(&rows.rows)))
    }

    /// Makes a slot that stands where another one does.
    pub fn copy_slot(
        &mut self,
        source: &str,
        new: NewSlot<'_>,
        timeout: Option<Duration>,
    ) -> Result<Next<SlotRow>> {
        let deadline = deadline(timeout);
        let rows = answer!(self.ask(&slots_query(self.version(), Some(source)), deadline)?);
        let Some(row) = rows.rows.first() else { return Err(self.missing(source)) };
        let command = copy(&SlotRow::read(row), new.name, new.flags, new.plugin)?;
        match self.ask(&command, deadline) {
            Ok(outcome) => drop(answer!(outcome)),
            Err(error) if error.sqlstate() == "55000" => return Err(self.invalid(source, error)),
            Err(error) => return Err(explain(error, new.name)),
        }
        let rows = answer!(self.ask(&slots_query(self.version(), Some(new.name)), deadline)?);
        let row = rows.rows.first().ok_or_else(|| self.missing(new.name))?;
        Ok(Next::Ready(SlotRow::read(row)))
    }

    /// How a slot is doing now, and when that was, in microseconds since 2000.
    pub fn slot_health(&mut self, slot: &str, timeout: Option<Duration>) -> Result<Next<(i64, Health)>> {
        let rows = answer!(self.ask(&health_query(self.version(), slot), deadline(timeout))?);
        let health = Health::read(&rows.rows).ok_or_else(|| self.missing(slot))?;
        Ok(Next::Ready((pg_micros(), health)))
    }

    /// A command about a slot, whose errors name it.
    fn on_slot(&mut self, slot: &str, command: &str, deadline: Option<Instant>) -> Result<Next<Rows>> {
        match self.ask(command, deadline) {
            Err(error) if error.sqlstate() == "55000" => Err(self.invalid(slot, error)),
            Err(error) if error.sqlstate() == "42704" => {
                Err(self.missing(slot).with_detail(error.message()).with_sqlstate(*b"42704"))
            }
            other => other.map_err(|error| explain(error, slot)),
        }
    }

    /// A slot is missing: another may have been meant.
    fn missing(&mut self, slot: &str) -> Error {
        let names = match self.ask(&Preflight::slot_names_query(), other_deadline()) {
            Ok(Next::Ready(found)) => found.rows,
            _ => Vec::new(),
        };
        let near = nearest_name(slot, names.iter().filter_map(|row| row.first()?.as_deref()));
        let meant = near.map(|near| format!("Did you mean \"{near}\"? ")).unwrap_or_default();
        Error::new(Status::WAL_E_SLOT_MISSING, format!("replication slot \"{slot}\" does not exist"))
            .with_hint(format!("{meant}List the slots to see which there are."))
    }

    /// A slot that cannot be used may have been invalidated.
    fn invalid(&mut self, slot: &str, error: Error) -> Error {
        match self.ask(&validity_query(self.version(), slot), other_deadline()) {
            Ok(Next::Ready(found)) => validity(slot, &found.rows).unwrap_or(error),
            _ => error,
        }
    }

    /// A slot that cannot be made may be so because of a setting.
    fn refused(&mut self, error: Error) -> Error {
        if error.sqlstate() != "55000" {
            return error;
        }
        match self.ask("SELECT pg_catalog.current_setting('wal_level')", other_deadline()) {
            Ok(Next::Ready(found)) => match found.rows.first().and_then(|row| row.first()?.as_deref()) {
                Some(level @ ("minimal" | "replica")) => Error::new(
                    Status::WAL_E_WAL_LEVEL,
                    format!("wal_level is \"{level}\", and logical decoding needs \"logical\""),
                )
                .with_detail(error.message())
                .with_sqlstate(*b"55000")
                .with_hint("ALTER SYSTEM SET wal_level = 'logical'; and restart the server."),
                _ => error,
            },
            _ => error,
        }
    }
}

/// The time for what only makes an error better.
fn other_deadline() -> Option<Instant> {
    deadline(Some(Duration::from_secs(5)))
}
