//! What is asked of the server before streaming, and what the answers mean. Each thing that is not as it must be
//! gets an error that names the fix.

use super::continuation::{Identity, Purpose, Resume, Role};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, OriginFilter, Progress, SlotCreate, Streaming, TwoPhase};

use super::publications::missing_publication;
use super::slot_commands::NewSlot;
use super::slot_row::{WalKept, invalidated, reason_column, slot_flag, wal_kept};
use super::sql::{EQ, is_one_of, quote_command_literal, quote_identifier, quote_literal};
use super::synchronous::is_synchronous;
use super::tuning::DecodingMemory;

/// The oldest version that sends what this library reads.
const OLDEST: u32 = 140_000;

/// When a server was started, in microseconds since 1970: `extra_float_digits` has no say in how a whole number is written.
pub const STARTED: &str = "(pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8";

/// How many other names are looked at for the one that was meant.
const OTHERS: usize = 1000;

/// The plugin whose messages are decoded.
pub(super) const PGOUTPUT: &str = "pgoutput";

/// A row of a query's result, text or NULL.
pub type Row = [Option<String>];

/// The questions of one stream.
#[derive(Debug)]
pub struct Preflight<'a> {
    config: &'a Config,
    version: u32,
    purpose: Purpose,
}

/// What the server said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `wal_sender_timeout` in milliseconds, 0 where it is off.
    pub wal_sender_timeout: u64,
    /// The database that the connection is in.
    pub database: String,
    /// The walsender's process id.
    pub backend_pid: u32,
    /// Whether `tcp_user_timeout` is set on the server's side, which kills a client that stops reading.
    pub tcp_user_timeout: u64,
    /// What the walsender may decode in.
    pub memory: DecodingMemory,
    /// Whether it is a standby.
    pub role: Role,
    /// When it was started: see `Identity::started`.
    pub started: u64,
    /// Whether the server's commits wait for this stream.
    pub standby: Standby,
}

/// What a stream is to the commits of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standby {
    /// They go on without it.
    #[default]
    Asynchronous,
    /// They may wait until it has acknowledged them (`synchronous_standby_names`).
    Synchronous,
}

/// What was found of the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is there and fits.
    Ready(Slot),
    /// It must be created with this command.
    Create(String),
}

/// The slot as the server describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Where the slot stands: streaming goes on from here.
    pub confirmed_flush: Lsn,
    /// Whether it sends prepared transactions at PREPARE TRANSACTION.
    pub two_phase: bool,
    /// Whether the WAL it needs is there.
    pub kept: WalKept,
}

impl<'a> Preflight<'a> {
    /// Questions to a server of `version` (as `server_version_num`). Too old a server is an error.
    pub fn new(config: &'a Config, version: u32, purpose: Purpose) -> Result<Self> {
        if version < OLDEST {
            return Err(Error::new(
                Status::WAL_E_SERVER_VERSION,
                format!("the server is PostgreSQL {}, which is older than 14", version / 10_000),
            )
            .with_hint("PostgreSQL 14 is the oldest version whose changes this library reads."));
        }
        let it = Self { config, version, purpose };
        it.features()?;
        Ok(it)
    }

    /// The same questions for another purpose.
    pub fn on(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// What an old server lacks would be refused by it too, but in words that name no version.
    fn features(&self) -> Result<()> {
        let config = self.config;
        // The newest first, so that the version that is named can do all of it.
        let since = [
            ("streaming=parallel", config.streaming == Streaming::Parallel, 16),
            ("origin=none", config.origin == OriginFilter::None, 16),
            ("proto_version=4", config.proto_version >= 4, 16),
            ("two_phase=on", config.two_phase != TwoPhase::Off, 15),
            ("proto_version=3", config.proto_version == 3, 15),
        ];
        let lacking = since.into_iter().find(|(_, wanted, since)| *wanted && self.version < since * 10_000);
        lacking.map_or(Ok(()), |(what, _, since)| {
            let server = self.version / 10_000;
            Err(Error::new(
                Status::WAL_E_SERVER_VERSION,
                format!("{what} needs PostgreSQL {since}, and the server is {server}"),
            )
            .with_hint(format!("PostgreSQL {since} and later can. Leave the option out for this server.")))
        })
    }

    /// Turns off what would end the session, of which older versions know nothing: between commands, or while it
    /// decodes a large transaction.
    pub fn lasting_query(&self) -> String {
        let off = |name: &str| format!("pg_catalog.set_config('{name}', '0', false)");
        let since_17 = (self.version >= 170_000).then(|| off("transaction_timeout"));
        let all: Vec<String> = [off("idle_session_timeout")].into_iter().chain(since_17).collect();
        format!("SELECT {}", all.join(", "))
    }

    /// Asks the server about itself.
    pub fn server_query(&self) -> String {
        format!(
            "SELECT pg_catalog.current_setting('wal_level'), pg_catalog.current_database(), pg_catalog.pg_backend_pid(), \
             (SELECT setting FROM pg_catalog.pg_settings WHERE name {EQ} 'wal_sender_timeout'), \
             (SELECT setting FROM pg_catalog.pg_settings WHERE name {EQ} 'tcp_user_timeout'), {}, \
             pg_catalog.pg_is_in_recovery(), {STARTED}, \
             pg_catalog.current_setting('synchronous_standby_names'), pg_catalog.current_setting('application_name')",
            DecodingMemory::columns()
        )
    }

    /// Understands the answer to `server_query`.
    pub fn server(&self, rows: &[Vec<Option<String>>]) -> Result<Server> {
        let row = rows.first().ok_or_else(|| unexpected("the settings"))?;
        let role = if cell(row, 8) == "t" { Role::Standby } else { Role::Primary };
        self.expect_role(role)?;
        let wal_level = cell(row, 0);
        // From 19 on, logical decoding is possible at wal_level replica.
        if wal_level != "logical" && self.version < 190_000 {
            return Err(Error::new(
                Status::WAL_E_WAL_LEVEL,
                format!("wal_level is \"{wal_level}\", and logical decoding needs \"logical\""),
            )
            .with_hint("ALTER SYSTEM SET wal_level = 'logical'; and restart the server."));
        }
        let number = |at| cell(row, at).parse().unwrap_or(0);
        Ok(Server {
            database: cell(row, 1).to_owned(),
            backend_pid: cell(row, 2).parse().unwrap_or(0),
            wal_sender_timeout: number(3),
            tcp_user_timeout: number(4),
            memory: DecodingMemory::read(cell(row, 5), cell(row, 6), cell(row, 7)),
            role,
            started: cell(row, 9).parse().unwrap_or(0),
            standby: match role == Role::Primary && is_synchronous(cell(row, 10), cell(row, 11)) {
                true => Standby::Synchronous,
                false => Standby::Asynchronous,
            },
        })
    }

    /// Whatever a standby lacks, a stream of its primary does not end for it: it may be promoted, or the address lead back
    /// to the primary.
    fn expect_role(&self, role: Role) -> Result<()> {
        match self.purpose {
            Purpose::Again(Resume { before, .. })
                if before.role == Role::Primary && role == Role::Standby =>
            {
                Err(Error::new(
                    Status::WAL_E_NOT_READY,
                    "the server is a standby, and the stream came from a primary",
                )
                .with_hint("Name all servers in host, and set target_session_attrs to primary."))
            }
            _ => Ok(()),
        }
    }

    /// The server throws away what it has yet to write up to the start, and would have it confirmed. `slot` is where the
    /// slot stands, once that is known. A standby comes to where a stream of its own history was before.
    pub fn reaches(&self, identity: &Identity, slot: Option<Lsn>) -> Result<()> {
        // What a program has from an earlier life may lie beyond where streaming begins: in a transaction, and while a prepared
        // one is kept. What takes its place on a server that was put back would be taken for it.
        let had = match self.purpose {
            Purpose::First => self.config.resume_after.map_or(Lsn(0), |position| position.reach()),
            Purpose::Again(_) => Lsn(0),
        };
        let (start, end) = (self.start().max(had), identity.end);
        let of_slot = slot.unwrap_or_default();
        let waits = identity.role == Role::Standby && (self.purpose != Purpose::First || start <= end);
        if start.max(of_slot) <= end || waits {
            return Ok(());
        }
        let (what, hint) = if start > end && self.purpose == Purpose::First {
            let hint = "Look where it comes from: is it another server's position, or older than a restore? Without it the stream starts where the slot stands.";
            (format!("{} lies", self.wanted()), hint)
        } else if start > end {
            let hint = "The server has lost WAL that it had sent, as by a restore: copy the tables again.";
            (format!("{start}, which was acknowledged, lies"), hint)
        } else {
            let hint =
                "A consumer confirmed what was never written: make the slot anew and copy the tables again.";
            (format!("the position {of_slot} of replication slot \"{}\" lies", self.config.slot), hint)
        };
        let message = format!(
            "{what} beyond the end of the server's WAL, {end}: what is committed until there would be passed over"
        );
        let error = Error::new(Status::WAL_E_GAP, message).with_hint(hint);
        Err(error.with_retriable(identity.role == Role::Standby))
    }

    /// Asks for the publications: first those that are wanted, then others, for who mistyped.
    pub fn publication_query(&self) -> String {
        let wanted = is_one_of("pubname", &self.config.publications);
        let most = self.config.publications.len() + OTHERS;
        format!("SELECT pubname FROM pg_catalog.pg_publication ORDER BY {wanted} DESC, 1 LIMIT {most}")
    }

    /// Understands the answer to `publication_query`.
    pub fn publications(&self, rows: &[Vec<Option<String>>], server: &Server) -> Result<()> {
        let missing = self
            .config
            .publications
            .iter()
            .find(|name| !rows.iter().any(|row| cell(row, 0) == name.as_str()));
        missing.map_or(Ok(()), |name| {
            Err(Error::new(
                Status::WAL_E_PUBLICATION_MISSING,
                format!("publication \"{name}\" does not exist in database \"{}\"", server.database),
            )
            .with_hint(missing_publication(name, rows.iter().map(|row| cell(row, 0)))))
        })
    }

    /// Asks for the slots of the database, for who mistyped.
    pub fn slot_names_query() -> String {
        format!(
            "SELECT slot_name FROM pg_catalog.pg_replication_slots \
             WHERE database {EQ} pg_catalog.current_database() ORDER BY 1 LIMIT {OTHERS}"
        )
    }

    /// Asks for the slot's row.
    pub fn slot_query(&self) -> String {
        let reason = reason_column(self.version);
        let synced = match self.version >= 170_000 {
            true => "synced AND pg_catalog.pg_is_in_recovery()",
            false => "NULL",
        };
        format!(
            "SELECT plugin, slot_type, database, temporary, active_pid, confirmed_flush_lsn, wal_status, {reason}, two_phase, {synced} \
             FROM pg_catalog.pg_replication_slots WHERE slot_name {EQ} {}",
            quote_literal(&self.config.slot)
        )
    }

    /// Understands the answer to `slot_query`.
    pub fn slot(&self, rows: &[Vec<Option<String>>], server: &Server) -> Result<Finding> {
        // A slot that is gone while the stream runs is not made anew: what it held back is lost.
        let create = match self.purpose {
            Purpose::First => self.config.slot_create,
            Purpose::Again(_) => SlotCreate::Never,
        };
        match (rows.first(), create) {
            (Some(row), SlotCreate::Temporary) => Err(self.mismatch(
                format!("exists already{}", if cell(row, 3) == "t" { "" } else { " and is not temporary" }),
                "Choose another name for the temporary slot, or set slot_create to \"never\" to stream from this one.",
            )),
            (Some(row), _) => self.existing(row, server).and_then(|slot| self.without_gap(slot)).map(Finding::Ready),
            (None, SlotCreate::Never) => Err(Error::new(
                Status::WAL_E_SLOT_MISSING,
                format!("replication slot \"{}\" does not exist", self.config.slot),
            )
            .with_hint(format!(
                "SELECT pg_create_logical_replication_slot('{}', '{}'); in database \"{}\", or set slot_create to \"if_missing\".",
                self.config.slot, self.config.plugin, server.database
            ))),
            (None, SlotCreate::IfMissing) => self.create_command(0).map(Finding::Create),
            (None, SlotCreate::Temporary) => {
                self.create_command(slot_flag::TEMPORARY).map(Finding::Create)
            },
        }
    }

    /// Nobody but this stream may move its slot: the server starts at the slot's position, whatever is asked for (P12).
    fn without_gap(&self, slot: Slot) -> Result<Slot> {
        let Purpose::Again(Resume { confirmed, .. }) = self.purpose else { return Ok(slot) };
        if slot.confirmed_flush <= confirmed {
            return Ok(slot);
        }
        Err(Error::new(
            Status::WAL_E_GAP,
            format!(
                "replication slot \"{}\" stands at {}, and this stream has confirmed no more than {confirmed}: what lies between is not sent any more",
                self.config.slot, slot.confirmed_flush
            ),
        )
        .with_hint("Another consumer used the slot, or it was advanced or made anew: copy the tables again."))
    }

    /// Whether the program wants to start before the slot, which has moved on: the server starts where the slot stands.
    /// Where nothing but the program's acknowledgements moves the slot, something is wrong then. `None`: the slot is yet
    /// to be made, and will begin later than anything that was stored.
    pub fn starts_late(&self, slot: Option<Lsn>) -> Result<bool> {
        let start = self.config.start_lsn;
        let is_late = start != Lsn(0) && slot.is_none_or(|slot| start < slot);
        if self.purpose != Purpose::First || !is_late {
            return Ok(false);
        }
        if self.config.progress == Progress::Auto || self.config.slot_adopt {
            return Ok(true);
        }
        let name = &self.config.slot;
        let (where_, hint) = match slot {
            Some(slot) => (
                format!("the position {slot} of replication slot \"{name}\""),
                "If the slot ran with progress=auto before, it went on by itself: set slot_adopt to \"on\" for this one start. Else somebody confirmed what this program had not stored: copy the tables again.",
            ),
            None => (
                format!("whatever replication slot \"{name}\" can send, which does not exist"),
                "The slot that held it back is gone: copy the tables again, and start without a position.",
            ),
        };
        let message =
            format!("{} lies before {where_}: what lies between is not sent any more", self.wanted());
        Err(Error::new(Status::WAL_E_GAP, message).with_hint(hint))
    }

    /// Where the program wants to start, as it said so.
    fn wanted(&self) -> String {
        match self.config.resume_after {
            Some(position) => format!("the position {position} to resume after"),
            None => format!("start_lsn {}", self.config.start_lsn),
        }
    }

    /// Where streaming begins.
    pub fn start(&self) -> Lsn {
        self.purpose.start(self.config.start_lsn)
    }

    /// The command that starts the stream (PostgreSQL documentation, "Streaming Replication Protocol").
    pub fn start_command(&self) -> String {
        let mut options =
            if self.config.plugin == PGOUTPUT { self.pgoutput_options() } else { String::new() };
        for (name, value) in &self.config.plugin_options {
            let separator = if options.is_empty() { "" } else { ", " };
            let (name, value) = (quote_identifier(name), quote_command_literal(value));
            options.push_str(&format!("{separator}{name} {value}"));
        }
        let options = if options.is_empty() { options } else { format!(" ({options})") };
        let slot = quote_identifier(&self.config.slot);
        format!("START_REPLICATION SLOT {slot} LOGICAL {}{options}", self.start())
    }

    fn pgoutput_options(&self) -> String {
        let names: Vec<String> = self.config.publications.iter().map(|name| quote_identifier(name)).collect();
        let mut options = format!(
            "proto_version '{}', publication_names {}",
            self.config.proto_version,
            quote_command_literal(&names.join(","))
        );
        if self.config.binary {
            options.push_str(", binary 'true'");
        }
        if self.config.messages {
            options.push_str(", messages 'true'");
        }
        match self.config.streaming {
            Streaming::Off => {}
            Streaming::On => options.push_str(", streaming 'on'"),
            // What it adds is of no use to who sees nothing of a rollback; it is there to be tried with proto_version.
            Streaming::Assembled if self.config.proto_version >= 4 => {
                options.push_str(", streaming 'parallel'");
            }
            Streaming::Assembled => options.push_str(", streaming 'on'"),
            Streaming::Parallel => options.push_str(", streaming 'parallel'"),
        }
        if self.config.two_phase != TwoPhase::Off {
            options.push_str(", two_phase 'on'");
        }
        if self.config.origin == OriginFilter::None {
            options.push_str(", origin 'none'");
        }
        options
    }

    /// Puts the fix into an error that creating the slot or starting the stream met.
    pub fn explain(&self, error: Error) -> Error {
        match error.sqlstate() {
            "42704" => publication_error(&error),
            "53400" => {
                let hint =
                    "Raise max_replication_slots, or drop a slot that nothing uses (pg_replication_slots).";
                error.with_hint(hint)
            }
            "55006" => {
                let hint = "Another connection streams from this slot: stop it, or wait until the server notices that it is gone.";
                error.with_hint(hint)
            }
            _ => error,
        }
    }

    fn existing(&self, row: &Row, server: &Server) -> Result<Slot> {
        let recreate = "Use another slot name, or drop this one with pg_drop_replication_slot() and create it for the plugin that is wanted.";
        if cell(row, 1) != "logical" {
            return Err(self.mismatch(format!("is a {} slot, not a logical one", cell(row, 1)), recreate));
        }
        if cell(row, 0) != self.config.plugin {
            return Err(self.mismatch(
                format!("was made for the output plugin {}, not {}", cell(row, 0), self.config.plugin),
                recreate,
            ));
        }
        if cell(row, 2) != server.database {
            let what = format!(
                "belongs to database \"{}\", and this connection is to \"{}\"",
                cell(row, 2),
                server.database
            );
            return Err(self.mismatch(what, "Connect to the slot's database: set dbname in conninfo."));
        }
        if let Some(error) = invalidated(&self.config.slot, cell(row, 6), cell(row, 7)) {
            return Err(error);
        }
        if cell(row, 9) == "t" {
            return Err(Error::new(
                Status::WAL_E_NOT_READY,
                format!("replication slot \"{}\" is a copy on a standby, which cannot be used before it is promoted", self.config.slot),
            )
            .with_hint("Name all servers in host, and set target_session_attrs to primary."));
        }
        if !cell(row, 4).is_empty() {
            return Err(Error::new(
                Status::WAL_E_SLOT_ACTIVE,
                format!("replication slot \"{}\" is in use by the server process {}", self.config.slot, cell(row, 4)),
            )
            .with_hint("Stop the other consumer, or wait: after a lost connection the server may need wal_sender_timeout to notice."));
        }
        Ok(Slot {
            confirmed_flush: cell(row, 5).parse().unwrap_or_default(),
            two_phase: cell(row, 8) == "t",
            kept: wal_kept(cell(row, 6)),
        })
    }

    fn mismatch(&self, what: String, hint: &str) -> Error {
        Error::new(Status::WAL_E_SLOT_MISMATCH, format!("replication slot \"{}\" {what}", self.config.slot))
            .with_hint(hint)
    }

    fn create_command(&self, temporary: u32) -> Result<String> {
        let two_phase = if self.config.two_phase != TwoPhase::Off { slot_flag::TWO_PHASE } else { 0 };
        let snapshot = if self.config.wants_snapshot() { slot_flag::EXPORT_SNAPSHOT } else { 0 };
        let flags = temporary | two_phase | snapshot;
        NewSlot { name: &self.config.slot, plugin: Some(&self.config.plugin), flags }.command(self.version)
    }
}

/// Explains SQLSTATE 42704 of a walsender: the publication was not there at the position being decoded (P17).
pub(super) fn publication_error(error: &Error) -> Error {
    Error::new(Status::WAL_E_PUBLICATION_MISSING, error.message())
        .with_sqlstate(*b"42704")
        .with_detail("The server decodes with the catalog as it was at the position being decoded, and the publication did not exist then.")
        .with_hint("Create the publication before the slot. Here: drop the slot and create it anew, or advance it with pg_replication_slot_advance() past the CREATE PUBLICATION; changes before that are lost.")
}

/// A value of a row, "" where it is NULL or not there.
pub(super) fn cell(row: &Row, at: usize) -> &str {
    row.get(at).and_then(Option::as_deref).unwrap_or("")
}

fn unexpected(what: &str) -> Error {
    Error::new(Status::WAL_E_PROTOCOL, format!("the server answered the question for {what} without a row"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::position::Position;

    fn config(pairs: &[(&str, &str)]) -> Config {
        let mut options = Options::new();
        for (key, value) in
            [("conninfo", "host=h user=u dbname=d"), ("slot", "s"), ("publication", "p")].iter().chain(pairs)
        {
            options.set(key, Some(value)).unwrap();
        }
        options.config().unwrap()
    }

    fn row(cells: &[&str]) -> Vec<Vec<Option<String>>> {
        vec![cells.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect()]
    }

    #[test]
    fn names_are_quoted_twice_over() {
        let config = config(&[("publication", r#"plain,"O'Brien ""x""",back"#)]);
        let command = Preflight::new(&config, 180_004, Purpose::First).unwrap().start_command();
        assert_eq!(
            command,
            r#"START_REPLICATION SLOT "s" LOGICAL 0/0 (proto_version '1', publication_names '"plain","O''Brien ""x""","back"')"#
        );
    }

    #[test]
    fn p36_a_server_that_ends_before_what_is_had_is_a_gap() {
        let (system_identifier, timeline, sequence) = (7, 1, 0);
        let inside = config(&[]).numbering().unwrap();
        // While a prepared transaction is kept, and inside a transaction: streaming begins before what is had ends.
        for (commit, end, numbering, reach) in [(200, 120, 0, 201), (200, 0, inside, 201), (100, 200, 0, 200)]
        {
            let (commit_lsn, end_lsn) = (Lsn(commit), Lsn(end));
            let position = Position { system_identifier, timeline, commit_lsn, sequence, end_lsn, numbering };
            let config = config(&[]).resuming(position).unwrap();
            let preflight = Preflight::new(&config, 180_004, Purpose::First).unwrap();
            for role in [Role::Primary, Role::Standby] {
                let at =
                    |end| Identity { system: 7, timeline: 1, end: Lsn(end), role, ..Identity::default() };
                assert_eq!(preflight.reaches(&at(reach), None), Ok(()));
                let error = preflight.reaches(&at(reach - 1), None).unwrap_err();
                assert_eq!(error.status(), Status::WAL_E_GAP);
                assert_eq!(error.is_retriable(), role == Role::Standby, "one that is behind comes to it");
            }
        }
    }

    #[test]
    fn what_a_version_lacks_is_refused_with_the_version_that_can() {
        for (key, value, since) in [
            ("streaming", "parallel", 16),
            ("origin", "none", 16),
            ("two_phase", "on", 15),
            ("proto_version", "4", 16),
            ("proto_version", "3", 15),
            ("proto_version", "2", 14),
            ("streaming", "on", 14),
        ] {
            let config = config(&[(key, value)]);
            for version in 14..19 {
                match Preflight::new(&config, version * 10_000 + 3, Purpose::First) {
                    Ok(_) => assert!(version >= since, "{key}={value} on {version}"),
                    Err(error) => {
                        assert_eq!(error.status(), Status::WAL_E_SERVER_VERSION);
                        assert!(version < since && error.hint().contains(&since.to_string()), "{error:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_feature_is_asked_for_with_the_version_it_needs() {
        let command = |pairs: &[(&str, &str)]| {
            let config = config(pairs);
            let command = Preflight::new(&config, 180_004, Purpose::First).unwrap().start_command();
            let options = command.split_once('(').unwrap().1.replace(r#", publication_names '"p"'"#, "");
            options.trim_end_matches(')').to_owned()
        };
        assert_eq!(command(&[("streaming", "on")]), "proto_version '2', streaming 'on'");
        assert_eq!(command(&[("two_phase", "on")]), "proto_version '3', two_phase 'on'");
        assert_eq!(
            command(&[("streaming", "parallel"), ("origin", "none")]),
            "proto_version '4', streaming 'parallel', origin 'none'"
        );
        assert_eq!(command(&[("origin", "any"), ("proto_version", "3")]), "proto_version '3'");
    }

    #[test]
    fn a_slot_that_does_not_fit_says_why() {
        let config = config(&[]);
        let preflight = Preflight::new(&config, 180_004, Purpose::First).unwrap();
        let server = Server { database: "d".into(), ..Server::default() };
        for (cells, status) in [
            (["pgoutput", "logical", "d", "f", "", "0/10", "reserved", ""], None),
            (["", "physical", "", "f", "", "", "reserved", ""], Some(Status::WAL_E_SLOT_MISMATCH)),
            (
                ["test_decoding", "logical", "d", "f", "", "0/10", "reserved", ""],
                Some(Status::WAL_E_SLOT_MISMATCH),
            ),
            (
                ["pgoutput", "logical", "other", "f", "", "0/10", "reserved", ""],
                Some(Status::WAL_E_SLOT_MISMATCH),
            ),
            (["pgoutput", "logical", "d", "f", "", "0/10", "lost", ""], Some(Status::WAL_E_SLOT_INVALIDATED)),
            (
                ["pgoutput", "logical", "d", "f", "", "0/10", "reserved", "idle_timeout"],
                Some(Status::WAL_E_SLOT_INVALIDATED),
            ),
            (
                ["pgoutput", "logical", "d", "f", "123", "0/10", "reserved", ""],
                Some(Status::WAL_E_SLOT_ACTIVE),
            ),
        ] {
            let found = preflight.slot(&row(&cells), &server);
            assert_eq!(found.as_ref().err().map(Error::status), status, "{cells:?}");
            if let Err(error) = found {
                assert!(!error.hint().is_empty());
            }
        }
    }

    #[test]
    fn a_missing_slot_is_created_only_when_asked() {
        let server = Server::default();
        for (version, create, expected) in [
            (140_000, "if_missing", Some("CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput NOEXPORT_SNAPSHOT")),
            (
                180_000,
                "if_missing",
                Some("CREATE_REPLICATION_SLOT \"s\" LOGICAL pgoutput (SNAPSHOT 'nothing')"),
            ),
            (
                180_000,
                "temporary",
                Some("CREATE_REPLICATION_SLOT \"s\" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')"),
            ),
            (180_000, "never", None),
        ] {
            let config = config(&[("slot_create", create)]);
            let found = Preflight::new(&config, version, Purpose::First).unwrap().slot(&[], &server);
            match expected {
                Some(command) => assert_eq!(found.unwrap(), Finding::Create(command.into())),
                None => assert_eq!(found.unwrap_err().status(), Status::WAL_E_SLOT_MISSING),
            }
        }
    }

    #[test]
    fn an_old_server_is_refused_with_the_version_that_can() {
        let config = config(&[]);
        let error = Preflight::new(&config, 130_012, Purpose::First).unwrap_err();
        assert_eq!(error.status(), Status::WAL_E_SERVER_VERSION);
        assert!(error.hint().contains("14"));
    }
}
