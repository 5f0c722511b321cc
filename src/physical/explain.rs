//! What the errors of a walsender mean that sends WAL: what is gone for good, and what passes. It must never match a text, which
//! the server may translate.

use super::Place;
use crate::error::{Error, Status};

/// An error of START_REPLICATION or of the stream that it began, for a stream that stands at `place`.
pub fn explain(error: Error, slot: &str, place: Place) -> Error {
    match error.sqlstate() {
        "58P01" => Error::new(Status::WAL_E_GAP, format!("the server has removed the WAL from {place} on"))
            .with_sqlstate(*b"58P01")
            .with_detail(error.message().to_owned())
            .with_hint(
                "What lies between is gone on this server: look for it in another archive, or begin anew from a base backup. A slot keeps the WAL of a stream that is away.",
            ),
        "42704" => Error::new(Status::WAL_E_SLOT_MISSING, format!("replication slot \"{slot}\" does not exist"))
            .with_sqlstate(*b"42704")
            .with_hint("Set slot_create to \"if_missing\", or make it: SELECT pg_create_physical_replication_slot(…, true)."),
        // 14 knows no other reason than that it is logical, and says no more; who raised it is our word.
        "55000" if error.detail().is_empty() || error.detail().starts_with("raised by") => {
            Error::new(Status::WAL_E_SLOT_MISMATCH, format!("replication slot \"{slot}\" does not serve a physical stream"))
                .with_sqlstate(*b"55000")
                .with_detail(error.message().to_owned())
                .with_hint("Name a physical slot, or leave slot out.")
        }
        "55000" => Error::new(Status::WAL_E_SLOT_INVALIDATED, format!("replication slot \"{slot}\" was invalidated"))
            .with_sqlstate(*b"55000")
            .with_detail(format!("{}\n{}", error.message(), error.detail()))
            .with_hint("Drop it and make another. What it kept may be gone: a stream that is told so ends with WAL_E_GAP."),
        "0A000" if !slot.is_empty() => Error::new(Status::WAL_E_SLOT_MISMATCH, format!("replication slot \"{slot}\" is logical"))
            .with_sqlstate(*b"0A000")
            .with_detail(error.message().to_owned())
            .with_hint("Name a physical slot, or leave slot out."),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsn::Lsn;

    #[test]
    fn ph2_a_segment_that_is_gone_is_a_gap_and_never_tried_again() {
        let server = Error::new(
            Status::WAL_E_SERVER,
            "requested WAL segment 000000010000000000000001 has already been removed",
        );
        let place = Place { timeline: 1, lsn: Lsn(0x100_0000) };
        let gap = explain(server.clone().with_sqlstate(*b"58P01"), "s", place);
        assert!(gap.status() == Status::WAL_E_GAP && !gap.is_retriable());
        assert!(
            gap.message().contains("0/1000000 on timeline 1")
                && gap.detail().contains("already been removed")
        );
        for (state, detail, status) in [
            (*b"42704", "", Status::WAL_E_SLOT_MISSING),
            (*b"55000", "raised by StartReplication", Status::WAL_E_SLOT_MISMATCH),
            (*b"55000", "wal_removed", Status::WAL_E_SLOT_INVALIDATED),
            (*b"0A000", "", Status::WAL_E_SLOT_MISMATCH),
            (*b"XX000", "", Status::WAL_E_SERVER),
        ] {
            let error = explain(server.clone().with_sqlstate(state).with_detail(detail), "s", place);
            assert_eq!(error.status(), status, "{error:?}");
            assert_eq!(error.sqlstate().as_bytes(), state);
        }
        let other = explain(server.with_sqlstate(*b"0A000"), "", place);
        assert_eq!(other.status(), Status::WAL_E_SERVER, "of no slot it says nothing");
    }
}
