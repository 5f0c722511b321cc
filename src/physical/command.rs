//! The commands of a walsender without a database, which knows no SQL: in the syntax of each version, and their answers.
//!
//! It must never ask for what such a connection cannot answer.

use super::Place;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// Asks which system it is, its timeline, and how far it has flushed.
pub const IDENTIFY: &str = "IDENTIFY_SYSTEM";

/// START_REPLICATION of the WAL.
pub fn start(slot: &str, place: Place) -> String {
    let Place { timeline, lsn } = place;
    // A slot's name holds nothing that quotes must be kept from.
    let slot = if slot.is_empty() { String::new() } else { format!("SLOT \"{slot}\" ") };
    format!("START_REPLICATION {slot}PHYSICAL {lsn} TIMELINE {timeline}")
}

/// Asks for a setting.
pub fn show(name: &str) -> String {
    format!("SHOW {name}")
}

/// Milliseconds, as SHOW gives a time: "1min", "0".
pub fn shown_millis(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let units = [("", 1), ("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let factor = units.into_iter().find_map(|(name, factor)| (name == unit).then_some(factor))?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Asks for a slot. `None` where the version has no such command.
pub fn read_slot(version: u32, slot: &str) -> Option<String> {
    (version >= 150_000).then(|| format!("READ_REPLICATION_SLOT \"{slot}\""))
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotFound {
    /// There is none.
    Missing,
    /// It keeps no WAL: nothing was ever reported to it, or what it kept is gone.
    Empty,
    /// It keeps the WAL from a position on, which is on this timeline.
    Keeps(Place),
}

/// Understands the answer to `read_slot`: a missing slot is a row of NULLs.
pub fn slot_found(rows: &[Vec<Option<String>>]) -> Result<SlotFound> {
    let row = rows.first().ok_or_else(|| {
        Error::new(Status::WAL_E_PROTOCOL, "the server does not say whether there is such a slot")
    })?;
    let cell = |at: usize| row.get(at).and_then(Option::as_deref);
    match (cell(0), cell(1)) {
        (None, _) => Ok(SlotFound::Missing),
        (Some(_), None) => Ok(SlotFound::Empty),
        (Some(_), Some(lsn)) => match (lsn.parse::<Lsn>(), cell(2).map_or(Ok(0), str::parse)) {
            (Ok(Lsn(0)), _) => Ok(SlotFound::Empty),
            (Ok(lsn), Ok(timeline)) => Ok(SlotFound::Keeps(Place { timeline, lsn })),
            _ => Err(Error::new(Status::WAL_E_PROTOCOL, "the server does not say where the slot stands")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_as_each_version_takes_them() {
        let place = Place { timeline: 3, lsn: Lsn(0x1_0000_0005) };
        assert_eq!(start("s", place), "START_REPLICATION SLOT \"s\" PHYSICAL 1/5 TIMELINE 3");
        assert_eq!(start("", place), "START_REPLICATION PHYSICAL 1/5 TIMELINE 3");
        assert_eq!(read_slot(149_999, "s"), None);
        assert_eq!(read_slot(150_000, "s").unwrap(), "READ_REPLICATION_SLOT \"s\"");
    }

    #[test]
    fn times_are_read_in_all_units() {
        for (text, millis) in
            [("0", 0), ("150ms", 150), ("5s", 5_000), ("1min", 60_000), ("2h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(shown_millis(text), Some(millis));
        }
        for text in ["", "s", "1y", "-1", "99999999999999999999s"] {
            assert_eq!(shown_millis(text), None, "{text}");
        }
    }

    #[test]
    fn a_slot_is_missing_empty_or_keeps_something() {
        let row = |cells: [Option<&str>; 3]| vec![cells.map(|cell| cell.map(str::to_owned)).to_vec()];
        assert_eq!(slot_found(&row([None, None, None])), Ok(SlotFound::Missing));
        assert_eq!(slot_found(&row([Some("physical"), None, None])), Ok(SlotFound::Empty));
        let place = Place { timeline: 2, lsn: Lsn(0x300_0000) };
        let found = slot_found(&row([Some("physical"), Some("0/3000000"), Some("2")]));
        assert_eq!(found, Ok(SlotFound::Keeps(place)));
        assert!(slot_found(&row([Some("physical"), Some("x"), Some("2")])).is_err());
        assert!(slot_found(&[]).is_err());
    }
}
