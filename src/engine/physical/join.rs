//! From nothing to a running stream of WAL: connect, look at the server, its history and the slot, START_REPLICATION.
//!
//! It must never start on a history that does not have what was received.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::connect::{ADDRESS_TIMEOUT, LASTING, pass_on, timely, warn_of_units};
use crate::engine::log::Level;
use crate::engine::shared::Shared;
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;
use crate::options::{Config, FailoverPolicy, SlotCreate};
use crate::physical::{
    self, History, Place, Route, SegmentSize, Server, SlotFound, Switch, explain, first_place, route,
    same_history, unfinished,
};
use crate::session::{AnySession, Replication, Rows, Session, StartupSettings};
use crate::statistics::Counts;
use crate::stream::slot_commands::NewSlot;
use crate::stream::{Identity, is_synchronous, report_interval, slot_flag};

/// Why a connection is made.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The stream begins.
    First,
    /// A connection was lost.
    Again {
        /// The server before.
        before: Identity,
        /// Its history.
        known: History,
        /// The end of what was received.
        place: Place,
        /// Whether the server said that the timeline ended there.
        ended: bool,
    },
}

/// A timeline that is left, and the history file of the next.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) switch: Switch,
    pub(super) history: String,
}

/// Where the slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// There is none, or it keeps nothing that could be lost.
    Free,
    /// It keeps the WAL from here on.
    At(Place),
    /// The server does not say: what it keeps, or kept, could be lost.
    Unknown,
}

impl Stand {
    /// The position, or 0.
    pub(super) fn floor(self) -> u64 {
        self.place().map_or(0, |place| place.lsn.0)
    }

    fn place(self) -> Option<Place> {
        match self {
            Self::At(place) => Some(place),
            Self::Free | Self::Unknown => None,
        }
    }
}

/// A connection in COPY mode.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) session: AnySession,
    pub(super) report_interval: Duration,
    /// Whether the server's commits wait for this stream.
    pub(super) synchronous: bool,
    pub(super) identity: Identity,
    pub(super) size: SegmentSize,
    pub(super) history: History,
    pub(super) stand: Stand,
    /// The timelines that are left before it begins.
    pub(super) switches: Vec<Left>,
    /// Where it was to begin, before timelines that had ended there.
    pub(super) begin: Place,
    /// Where it begins.
    pub(super) start: Place,
    /// Where the history left that of the server before, if more than that was received.
    pub(super) rewound: Option<Lsn>,
    /// The history files of its timeline and of those before it, for an archive.
    pub(super) archived: Arc<[(u32, String)]>,
}

/// Connects, looks at the server and starts the stream, or goes on with it.
pub(super) async fn join(shared: &Shared, deadline: Option<Instant>, purpose: Purpose) -> Result<Joined> {
    let config: &Config = &shared.config;
    let log = |level, text: String| shared.logger.log(level, "connect", || text);
    log(Level::WAL_LOG_DEBUG, format!("connecting to {}", config.conninfo.redacted()));
    let is_first = matches!(purpose, Purpose::First);
    let settings = StartupSettings {
        replication: Replication::Physical,
        server_settings: LASTING.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        address_timeout: (!is_first).then_some(ADDRESS_TIMEOUT),
        ..StartupSettings::default()
    };
    let mut session = AnySession::connect(config.backend, &config.conninfo, &settings, deadline).await?;
    shared.socket.store(session.fd(), Ordering::Release);
    pass_on(shared, &mut session);
    if is_first {
        warn_of_units(shared);
    }
    let (identity, server) = look(config, &mut session).await?;
    let before = match &purpose {
        Purpose::Again { before, .. } => Some(*before),
        Purpose::First => config.resume_after.as_ref().map(Identity::of_position),
    };
    before.map_or(Ok(()), |before| identity.belongs_with(before))?;
    let version = session.server_version();
    Counts::set(&shared.counts.server_version, version.into());
    Counts::set(&shared.counts.backend_pid, session.backend_pid().into());
    let size = SegmentSize::shown(&shown(config, &mut session, "wal_segment_size").await?)?;
    shared.source.admits(identity.system, size)?;
    let patience = shown(config, &mut session, "wal_sender_timeout").await?;
    let names = shown(config, &mut session, "synchronous_standby_names").await?;
    let own = shown(config, &mut session, "application_name").await?;
    let stand = prepare_slot(shared, &mut session, is_first).await?;
    let place = match purpose {
        Purpose::Again { known, place, ended, .. } => {
            same_history(&server, &known, place)?;
            // An archive looks at its records once it is told of the switch, and finds the whole ones that the server lacks.
            let looks = shared.source.wanted().is_some() && config.failover_policy != FailoverPolicy::Rewind;
            if ended || looks { unfinished(&server, place, size) } else { place }
        }
        Purpose::First => {
            let asked = Place { timeline: config.timeline, lsn: config.start_lsn };
            belongs_to_archive(shared, &server, size)?;
            let place = first_place(&server, asked, stand.place());
            // An archive that has nothing begins with a whole segment.
            if config.whole_segments { Place { lsn: size.start_of(place.lsn), ..place } } else { place }
        }
    };
    let (Route { switches, start }, rewound) = find_route(shared, &server, place, size)?;
    let switches = histories(config, &mut session, switches).await?;
    let archived = if is_first && shared.source.wanted().is_some() {
        archived(config, &mut session, &server.history, place.timeline).await?
    } else {
        Arc::default()
    };
    Counts::set(&shared.counts.timeline, start.timeline.into());
    let started = timely(config, session.start_copy(&physical::start(&config.slot, start))).await;
    started.map_err(|error| explain(error, &config.slot, start))?;
    if stand == Stand::Unknown && is_first {
        of_unknown_slot(shared)?;
    }
    pass_on(shared, &mut session);
    log(Level::WAL_LOG_INFO, format!("streaming WAL of PostgreSQL {version} from {start}"));
    Ok(Joined {
        session,
        report_interval: report_interval(
            config.status_interval,
            physical::shown_millis(&patience).unwrap_or(0),
        ),
        synchronous: is_synchronous(&names, &own),
        identity,
        size,
        history: server.history,
        stand,
        switches,
        begin: Place { lsn: rewound.unwrap_or(place.lsn), ..place },
        start,
        rewound,
        archived,
    })
}

/// Which server it is, and its history.
pub(super) async fn look<S: Session>(config: &Config, session: &mut S) -> Result<(Identity, Server)> {
    let identity = Identity::parse(&timely(config, session.query(physical::IDENTIFY)).await?.rows)?;
    let timeline = identity.timeline;
    let history = match timeline {
        1 => History::of_first(1),
        _ => History::parse(timeline, &history(config, session, timeline).await?)?,
    };
    let is_standby = session.parameter("in_hot_standby") == Some("on");
    Ok((identity, Server { history, end: identity.end, is_standby }))
}

/// The history files of the timelines that follow.
pub(super) async fn histories<S: Session>(
    config: &Config,
    session: &mut S,
    switches: Vec<Switch>,
) -> Result<Vec<Left>> {
    let mut all = Vec::new();
    for switch in switches {
        all.push(Left { switch, history: history(config, session, switch.to).await? });
    }
    Ok(all)
}

async fn history<S: Session>(config: &Config, session: &mut S, timeline: u32) -> Result<String> {
    let rows: Rows = timely(config, session.query(&format!("TIMELINE_HISTORY {timeline}"))).await?;
    // A history that says nothing would make a fork of every place.
    rows.get(0, "content").map(str::to_owned).ok_or_else(|| {
        Error::new(Status::WAL_E_PROTOCOL, format!("the server gives no history of timeline {timeline}"))
    })
}

/// Makes sure that a server has what an archive has: the same history, and all of the segment that is fetched again.
fn belongs_to_archive(shared: &Shared, server: &Server, size: SegmentSize) -> Result<()> {
    let Some(wanted) = shared.source.wanted() else { return Ok(()) };
    if let Some(known) = &wanted.history {
        let begun = known.ancestors().last().map_or(Lsn(0), |(_, end)| *end);
        let at = Place { timeline: known.timeline(), lsn: begun };
        if !server.history.has(at.timeline) {
            // An old primary, or one that was promoted apart: also where the archive has nothing of its timeline yet.
            return route(server, at, size).map(drop);
        }
        same_history(server, known, at)?;
    }
    wanted.reached.map_or(Ok(()), |place| find_route(shared, server, place, size).map(drop))
}

/// The history files up to a timeline. Of those before its own a server may have lost some.
async fn archived<S: Session>(
    config: &Config,
    session: &mut S,
    of: &History,
    until: u32,
) -> Result<Arc<[(u32, String)]>> {
    let mut all = Vec::new();
    let ancestors = of.ancestors().iter().map(|(timeline, _)| *timeline);
    for timeline in ancestors.chain([of.timeline()]).filter(|timeline| (2..=until).contains(timeline)) {
        match history(config, session, timeline).await {
            Ok(text) => all.push((timeline, text)),
            Err(error) if timeline < of.timeline() && error.sqlstate() == "58P01" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all.into())
}

async fn shown(config: &Config, session: &mut AnySession, name: &str) -> Result<String> {
    let rows = timely(config, session.query(&physical::show(name))).await?;
    Ok(rows.get(0, name).unwrap_or_default().to_owned())
}

/// The way to where the stream begins. What was received beyond a switchpoint is given up only where that is asked for.
fn find_route(
    shared: &Shared,
    server: &Server,
    place: Place,
    size: SegmentSize,
) -> Result<(Route, Option<Lsn>)> {
    let error = match route(server, place, size) {
        Ok(route) => return Ok((route, None)),
        Err(error) => error,
    };
    let left = server.history.end_of(place.timeline).filter(|at| place.lsn > *at);
    match left {
        Some(at) if shared.config.failover_policy == FailoverPolicy::Rewind => {
            shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
                format!("{}: what lies between is lost on it", error.message())
            });
            Ok((route(server, Place { lsn: at, ..place }, size)?, Some(at)))
        }
        _ => Err(error),
    }
}

/// Makes sure that the slot is there, if there is to be one, and tells where it stands.
async fn prepare_slot(shared: &Shared, session: &mut AnySession, is_first: bool) -> Result<Stand> {
    let config: &Config = &shared.config;
    if config.slot.is_empty() {
        return Ok(Stand::Free);
    }
    let version = session.server_version();
    let may_make = config.slot_create != SlotCreate::Never;
    let Some(question) = physical::read_slot(version, &config.slot) else {
        // 14 cannot be asked: making it tells whether it was there.
        let is_new = may_make && make_slot(config, session, version, is_first).await?;
        return Ok(if is_new { Stand::Free } else { Stand::Unknown });
    };
    let found = match read_slot(config, session, &question).await? {
        SlotFound::Missing if !may_make => {
            let missing = Error::new(Status::WAL_E_SERVER, "there is no such slot").with_sqlstate(*b"42704");
            return Err(explain(missing, &config.slot, Place::default()));
        }
        SlotFound::Missing => {
            if !is_first {
                shared.logger.log(Level::WAL_LOG_WARN, "reconnect", || {
                    format!("replication slot \"{}\" is gone, and made again", config.slot)
                });
            }
            make_slot(config, session, version, is_first).await?;
            read_slot(config, session, &question).await?
        }
        _ if config.slot_create == SlotCreate::Temporary => return Err(exists(config, is_first)),
        // Before 18 one that was invalidated looks like one that never kept anything, and serves a stream without a word.
        SlotFound::Empty if version < 180_000 => return Ok(Stand::Unknown),
        found => found,
    };
    match found {
        SlotFound::Keeps(place) => Ok(Stand::At(place)),
        SlotFound::Missing | SlotFound::Empty => Ok(Stand::Free),
    }
}

/// The temporary slot's name is taken: by the connection before, of whose end the server has not heard yet, or by somebody's.
fn exists(config: &Config, is_first: bool) -> Error {
    let text = format!("replication slot \"{}\" exists already", config.slot);
    Error::new(Status::WAL_E_SLOT_EXISTS, text)
        .with_sqlstate(*b"42710")
        .with_hint("Choose another name, or drop that one.")
        .with_retriable(!is_first)
}

/// What the slot keeps must not be passed over: the first report would let it go.
fn of_unknown_slot(shared: &Shared) -> Result<()> {
    let config: &Config = &shared.config;
    if config.start_lsn == Lsn(0) {
        let text = format!(
            "the server does not say where replication slot \"{}\" stands, and option start_lsn is not set",
            config.slot
        );
        return Err(Error::new(Status::WAL_E_BAD_OPTION, text)
            .with_detail("PostgreSQL 14 never says it, and 15 to 17 do not where the slot never kept WAL, or was invalidated.")
            .with_hint("Set start_lsn to restart_lsn of pg_replication_slots, or resume_after to what the program has. Where that is NULL what was kept is gone: drop the slot, and make another."));
    }
    shared.logger.log(Level::WAL_LOG_WARN, "connect", || {
        format!(
            "the server does not say where replication slot \"{}\" stands: it may keep no WAL",
            config.slot
        )
    });
    Ok(())
}

async fn read_slot(config: &Config, session: &mut AnySession, question: &str) -> Result<SlotFound> {
    let answer = timely(config, session.query(question)).await;
    let answer = answer.map_err(|error| explain(error, &config.slot, Place::default()))?;
    physical::slot_found(&answer.rows)
}

/// With its WAL reserved at once: else it keeps nothing before the first report (PH3). Tells whether it was made: somebody may have
/// made it since, or a version was not asked.
async fn make_slot(config: &Config, session: &mut AnySession, version: u32, is_first: bool) -> Result<bool> {
    let temporary = if config.slot_create == SlotCreate::Temporary { slot_flag::TEMPORARY } else { 0 };
    let slot = NewSlot { name: &config.slot, plugin: None, flags: slot_flag::RESERVE_WAL | temporary };
    match timely(config, session.query(&slot.command(version)?)).await {
        Ok(_) => Ok(true),
        Err(error) if error.sqlstate() != "42710" => Err(error),
        Err(_) if temporary == 0 => Ok(false),
        Err(_) => Err(exists(config, is_first)),
    }
}
