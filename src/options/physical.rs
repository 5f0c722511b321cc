//! The options of a physical stream, checked against each other. It must never ignore an option that means nothing there.

use std::path::PathBuf;

use super::config::{bad, destination, resume_after};
use super::{ArchiveSync, Config, Id, Mode, Options, SlotCreate, table};
use crate::error::Result;
use crate::lsn::Lsn;
use crate::position::Position;

/// One whole message of WAL: a frame's header, a message's, and the 16 pages that a walsender sends at most. So a batch ends where
/// a message does, and nothing is copied.
const BATCH: usize = 5 + 25 + (128 << 10);

/// What belongs to logical decoding.
const LOGICAL: &[Id] = &[
    Id::Publication,
    Id::SlotCreateTimeout,
    Id::Snapshot,
    Id::SnapshotWorkers,
    Id::SnapshotItemSize,
    Id::SnapshotDeadline,
    Id::SnapshotState,
    Id::Messages,
    Id::Binary,
    Id::ProtoVersion,
    Id::Streaming,
    Id::AssembleMemory,
    Id::AssembleDisk,
    Id::SpillDirectory,
    Id::SpillMinFree,
    Id::OnAmbiguous,
    Id::TwoPhase,
    Id::Origin,
    Id::Decode,
    Id::Plugin,
    Id::PluginOptions,
    Id::Progress,
    Id::SlotAdopt,
    Id::OnGap,
    Id::RelationsBytes,
    Id::BatchBoundary,
    Id::LatencyBudget,
    Id::HealthInterval,
    Id::HealthSafeWal,
    Id::CaptureFile,
    Id::CaptureRotate,
    Id::Dedupe,
    Id::ServerTuning,
];

/// What belongs to the bytes of the WAL.
const PHYSICAL: [Id; 2] = [Id::Timeline, Id::ReportApply];

/// What an archive needs beside its stream.
const OF_ARCHIVE: [Id; 2] = [Id::ArchiveDirectory, Id::ArchiveSync];

/// What a stream of WAL needs: no slot, and no publication.
pub(super) fn config(options: &Options) -> Result<Config> {
    refuse(options, &OF_ARCHIVE, "it belongs to an archive")?;
    stream(options)
}

/// What an archive needs: the stream, the directory, and when what is written is made to last.
pub(super) fn archive(options: &Options) -> Result<(Config, PathBuf, ArchiveSync)> {
    let directory = match options.text(Id::ArchiveDirectory) {
        "" => {
            return Err(bad("option archive_directory is not set".to_owned())
                .with_hint("Set option archive_directory."));
        }
        path => PathBuf::from(path),
    };
    refuse(options, &[Id::Ack, Id::ResumeAfter], "an archive sees to it")?;
    let config = Config { mode: Mode::Physical, ..stream(options)? };
    Ok((config, directory, options.choice(Id::ArchiveSync)?))
}

fn refuse(options: &Options, ids: &[Id], why: &str) -> Result<()> {
    match ids.iter().find(|id| options.is_set(**id)) {
        Some(id) => {
            let name = table::spec(*id).name;
            Err(bad(format!("option {name} is set, and {why}")).with_hint(format!("Leave {name} out.")))
        }
        None => Ok(()),
    }
}

fn stream(options: &Options) -> Result<Config> {
    if let Some(id) = LOGICAL.iter().find(|id| options.is_set(**id)) {
        let name = table::spec(*id).name;
        let text = format!("option {name} is set, and mode is \"physical\"");
        let hint = format!("Leave {name} out: it belongs to mode=logical.");
        return Err(bad(text).with_hint(hint));
    }
    let (conninfo, backend) = destination(options)?;
    let slot = options.text(Id::Slot).to_owned();
    let common = Config::common(options)?;
    if slot.is_empty() && common.slot_create != SlotCreate::Never {
        let hint = "Name the slot to make, or leave slot_create out.";
        return Err(bad("slot_create is set, and no slot is named".to_owned()).with_hint(hint));
    }
    let batch_bytes = if options.is_set(Id::BatchBytes) { common.batch_bytes } else { BATCH };
    let it = Config { conninfo, backend, slot, batch_bytes, ..common };
    match resume_after(options)? {
        Some(position) => resuming(&it, position),
        None => Ok(it),
    }
}

/// What belongs to a physical stream.
pub(super) fn refuse_in_logical(options: &Options) -> Result<()> {
    match PHYSICAL.into_iter().chain(OF_ARCHIVE).find(|id| options.is_set(*id)) {
        Some(id) => {
            let name = table::spec(id).name;
            let hint = format!("Leave {name} out, or set mode to \"physical\".");
            Err(bad(format!("option {name} needs mode=physical")).with_hint(hint))
        }
        None => Ok(()),
    }
}

/// The same for a program that has the WAL up to a position.
pub(super) fn resuming(config: &Config, position: Position) -> Result<Config> {
    let refuse = |why: &str, hint: &str| {
        Err(bad(format!("cannot resume after the position {position}: {why}")).with_hint(hint))
    };
    if position.end_lsn == Lsn(0) || position.system_identifier == 0 || position.timeline == 0 {
        return refuse(
            "it is none of a physical stream's",
            "Give the position of a WAL event. Without one leave resume_after out.",
        );
    }
    let is_said = config.start_lsn != Lsn(0) || config.timeline != 0;
    if config.resume_after.is_none() && is_said {
        let hint = "Leave start_lsn and timeline out: the position says where to start.";
        return refuse("start_lsn or timeline is set", hint);
    }
    let (start_lsn, timeline) = (position.end_lsn, position.timeline);
    Ok(Config { start_lsn, timeline, resume_after: Some(position), ..config.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn with(pairs: &[(&str, &str)]) -> Result<Config> {
        let mut options = Options::new();
        for (key, value) in [("conninfo", "host=h user=u"), ("mode", "physical")].iter().chain(pairs) {
            options.set(key, Some(value)).unwrap();
        }
        options.config()
    }

    #[test]
    fn a_physical_stream_needs_neither_slot_nor_publication() {
        let config = with(&[]).unwrap();
        assert_eq!((config.mode, config.slot.as_str(), config.batch_bytes), (Mode::Physical, "", BATCH));
        assert_eq!(with(&[("batch_bytes", "1MB")]).unwrap().batch_bytes, 1 << 20);
        assert_eq!(with(&[("timeline", "7")]).unwrap().timeline, 7);
        let error = with(&[("slot_create", "if_missing")]).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
        with(&[("slot_create", "if_missing"), ("slot", "s")]).unwrap();
    }

    #[test]
    fn what_means_nothing_there_is_refused_and_never_ignored() {
        for id in LOGICAL {
            let spec = table::spec(*id);
            let value = if spec.default.is_empty() { "x" } else { spec.default };
            let value = match id {
                Id::PluginOptions => "a=b",
                Id::SnapshotState => "eA==",
                _ => value,
            };
            let error = with(&[(spec.name, value)]).unwrap_err();
            assert!(error.message().contains(spec.name), "{error:?}");
            assert_eq!(error.status(), Status::WAL_E_BAD_OPTION);
        }
        for (name, value) in [("timeline", "1"), ("report_apply", "flush")] {
            let mut options = Options::new();
            let needed = [("conninfo", "host=h user=u"), ("slot", "s"), ("publication", "p"), (name, value)];
            needed.iter().for_each(|(key, value)| options.set(key, Some(value)).unwrap());
            assert!(options.config().unwrap_err().message().contains(name));
        }
    }

    /// What streams of both modes obey.
    const BOTH: &[Id] = &[
        Id::Conninfo,
        Id::Env,
        Id::Backend,
        Id::PasswordTimeout,
        Id::Slot,
        Id::SlotCreate,
        Id::StartLsn,
        Id::ResumeAfter,
        Id::StopLsn,
        Id::Ack,
        Id::StatusInterval,
        Id::QueueBytes,
        Id::BatchEvents,
        Id::BatchBytes,
        Id::CloseTimeout,
        Id::ReplayPace,
        Id::Reconnect,
        Id::ReconnectInitial,
        Id::ReconnectMax,
        Id::ReconnectTimeout,
        Id::ConnectWait,
        Id::FailoverPolicy,
        Id::ReceiveTimeout,
        Id::Mode,
    ];

    #[test]
    fn of_each_option_it_is_known_to_which_mode_it_belongs() {
        for spec in table::TABLE {
            let places = [LOGICAL, &PHYSICAL, &OF_ARCHIVE, BOTH].iter().filter(|ids| ids.contains(&spec.id));
            assert_eq!(places.count(), 1, "{}: put it into LOGICAL or BOTH", spec.name);
        }
    }

    #[test]
    fn a_position_says_where_to_start_and_on_which_timeline() {
        let config = with(&[("resume_after", "7:3:0/0:0:0/5000000")]).unwrap();
        assert_eq!((config.start_lsn, config.timeline), (Lsn(0x0500_0000), 3));
        for pairs in [
            [("resume_after", "7:3:0/0:0:0/5000000"), ("timeline", "3")],
            [("resume_after", "7:3:0/0:0:0/5000000"), ("start_lsn", "0/1")],
            [("resume_after", "7:3:0/10:0:0/0"), ("ack", "auto")],
        ] {
            assert_eq!(with(&pairs).unwrap_err().status(), Status::WAL_E_BAD_OPTION, "{pairs:?}");
        }
    }
}
