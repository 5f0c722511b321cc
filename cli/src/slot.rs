//! `pgwalstream slot`. What destroys asks first, or takes --yes.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write as _};

use pgwalstream::{
    Connection, DropSlot, ErrorCode, NewSlot, Options, Slot as Found, SlotHealth, SlotKind, WalStatus,
};

use crate::args::Slot;
use crate::json::{member, string};
use crate::output::print;
use crate::table::{size, table};
use crate::trouble::{Trouble, note};
use crate::{sql, watch};

pub async fn run(options: Options, command: Slot) -> Result<(), Trouble> {
    if let Slot::Watch(watch) = command {
        return watch::run(&options, watch).await;
    }
    if let Some(shown) = dry(&options, &command).await? {
        return print(shown.as_bytes());
    }
    if let Slot::Drop { names, yes, .. } = &command {
        sure(*yes, &format!("Drop {}? What their consumers have not seen is lost.", names.join(", ")))?;
    }
    if let Slot::Advance { name, lsn, yes, .. } = &command {
        sure(*yes, &format!("Advance {name} to {lsn}? Its consumer never sees what lies between."))?;
    }
    let mut connection = Connection::connect(&options).await?;
    match command {
        Slot::List { json } => print(shown(&look(&mut connection).await?, json, "").as_bytes()),
        Slot::Watch(_) => Ok(()),
        Slot::Create { name, plugin, physical, reserve_wal, two_phase, failover, .. } => {
            let new = if physical {
                NewSlot::physical(name).reserve_wal(reserve_wal)
            } else {
                NewSlot::logical(name).plugin(plugin)
            };
            let made = connection.create_slot(new.two_phase(two_phase).failover(failover)).await?;
            let place = made.consistent_point().map(|lsn| format!(" at {lsn}")).unwrap_or_default();
            note(format_args!("made slot {}{place}", made.name()));
            Ok(())
        }
        Slot::Drop { names, wait, .. } => {
            for name in names {
                connection.drop_slot(&name, if wait { DropSlot::WhenFree } else { DropSlot::IfFree }).await?;
                note(format_args!("dropped slot {name}"));
            }
            Ok(())
        }
        Slot::Alter { name, failover, two_phase, .. } => {
            Ok(connection.alter_slot(name, two_phase, failover).await?)
        }
        Slot::Advance { name, lsn, .. } => {
            let came_to = connection.advance_slot(&name, lsn).await?;
            note(format_args!("slot {name} is at {came_to}"));
            Ok(())
        }
        Slot::Copy { source, name, .. } => {
            let source_slot = connection.slot(&source).await?;
            let new = if source_slot.kind() == SlotKind::Physical {
                NewSlot::physical(&name)
            } else {
                NewSlot::logical(&name)
            };
            let plugin = source_slot.plugin().unwrap_or_default();
            let new = if plugin.is_empty() { new } else { new.plugin(plugin) };
            connection.copy_slot(&source, new).await?;
            note(format_args!("made slot {name}, which stands where {source} does"));
            Ok(())
        }
    }
}

/// What to show instead of doing it, if that is wanted.
async fn dry(options: &Options, command: &Slot) -> Result<Option<String>, Trouble> {
    if let Slot::Alter { failover: None, two_phase: None, .. } = command {
        return Err(Trouble::Usage("slot alter: give --failover or --two-phase".to_owned()));
    }
    Ok(match command {
        Slot::Create { name, physical: true, reserve_wal, dry_run: true, .. } => {
            Some(sql::create_physical(name, *reserve_wal))
        }
        Slot::Create { name, plugin, two_phase, failover, dry_run: true, .. } => {
            Some(sql::create_logical(name, plugin, *two_phase, *failover))
        }
        Slot::Drop { names, dry_run: true, .. } => {
            Some(names.iter().map(|name| sql::drop_slot(name)).collect())
        }
        Slot::Alter { name, failover, two_phase, dry_run: true } => {
            Some(sql::alter_slot(name, *two_phase, *failover))
        }
        Slot::Advance { name, lsn, dry_run: true, .. } => Some(sql::advance_slot(name, *lsn)),
        Slot::Copy { source, name, dry_run: true } => {
            let kind = Connection::connect(options).await?.slot(source).await?.kind();
            Some(sql::copy_slot(source, name, kind))
        }
        _ => None,
    })
}

/// Asks, unless it was said that it need not be asked.
pub fn sure(yes: bool, question: &str) -> Result<(), Trouble> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Trouble::Usage(format!("{question} Give --yes where nobody can be asked.")));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Trouble::other("nothing was done")),
    }
}

/// The slots of a server, each at one moment.
pub type Slots = Vec<(Found, SlotHealth)>;

/// All slots, and how they are.
pub async fn look(connection: &mut Connection) -> Result<Slots, Trouble> {
    let mut slots = Vec::new();
    for slot in connection.slots().await? {
        match connection.slot_health(slot.name()).await {
            Ok(health) => slots.push((slot, health)),
            // It went between the two questions.
            Err(error) if error.code() == ErrorCode::SlotMissing => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(slots)
}

/// Slots as a table, or as objects that begin with `member`.
pub fn shown(slots: &Slots, json: bool, member: &str) -> String {
    if json {
        return slots.iter().map(|(slot, health)| line(slot, health, member)).collect();
    }
    let rows: Vec<Vec<String>> = slots.iter().map(|(slot, health)| row(slot, health)).collect();
    let heading = [
        "name",
        "kind",
        "plugin",
        "database",
        "active",
        "lag",
        "holds back",
        "safe for",
        "xmin age",
        "state",
    ];
    table(&heading, &rows)
}

/// Slots as numbers in Prometheus's text format. No slot has a name that a label would have to escape.
pub fn numbers(slots: &Slots) -> String {
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, of: &dyn Fn(&Found, &SlotHealth) -> Option<u64>| {
        let _ = writeln!(out, "# HELP pgwalstream_slot_{name} {help}\n# TYPE pgwalstream_slot_{name} gauge");
        for (slot, health) in slots {
            if let Some(number) = of(slot, health) {
                let _ = writeln!(out, "pgwalstream_slot_{name}{{slot=\"{}\"}} {number}", slot.name());
            }
        }
    };
    gauge("lag_bytes", "WAL that the consumer is behind.", &|_, health| Some(health.lag_bytes()));
    gauge("retained_bytes", "WAL that the slot holds back.", &|_, health| Some(health.retained_bytes()));
    gauge(
        "safe_bytes",
        "WAL that may be written before the slot is lost; without a limit there is none.",
        &|_, health| health.safe_wal_size(),
    );
    gauge("xmin_age", "Transactions since the oldest row that the slot keeps from VACUUM.", &|_, health| {
        age(health)
    });
    gauge("active", "Whether a consumer holds the slot.", &|slot, _| Some(u64::from(slot.is_active())));
    gauge("lost", "Whether the slot is of no more use.", &|slot, _| Some(u64::from(is_lost(slot))));
    out
}

/// Whether a slot is of no more use.
pub fn is_lost(slot: &Found) -> bool {
    slot.invalidation().is_some() || slot.wal_status() == WalStatus::Lost
}

/// How a slot is, in a sentence.
fn state(slot: &Found) -> String {
    match (slot.invalidation(), slot.wal_status()) {
        (Some(why), _) => format!(
            "invalidated: {}",
            slot.invalidation_reason().map_or_else(|| format!("{why:?}"), str::to_owned)
        ),
        (None, WalStatus::Unreserved) => "its WAL may be removed at the next checkpoint".to_owned(),
        (None, WalStatus::Lost) => "lost".to_owned(),
        (None, _) => "good".to_owned(),
    }
}

/// The age of the oldest transaction whose rows a slot keeps, in its tables or in the catalogs.
fn age(health: &SlotHealth) -> Option<u64> {
    health.xmin_age().max(health.catalog_xmin_age())
}

fn row(slot: &Found, health: &SlotHealth) -> Vec<String> {
    vec![
        slot.name().to_owned(),
        kind(slot).to_owned(),
        slot.plugin().unwrap_or("-").to_owned(),
        slot.database().unwrap_or("-").to_owned(),
        slot.active_pid().map_or_else(|| "no".to_owned(), |pid| format!("pid {pid}")),
        size(health.lag_bytes()),
        size(health.retained_bytes()),
        health.safe_wal_size().map_or_else(|| "no limit".to_owned(), size),
        age(health).map_or_else(|| "-".to_owned(), |age| age.to_string()),
        state(slot),
    ]
}

fn line(slot: &Found, health: &SlotHealth, first: &str) -> String {
    let mut out = format!("{{{first}\"name\":");
    string(slot.name(), &mut out);
    member("kind", kind(slot), &mut out);
    for (name, text) in [
        ("plugin", slot.plugin()),
        ("database", slot.database()),
        ("invalidation", slot.invalidation_reason()),
    ] {
        if let Some(text) = text {
            member(name, text, &mut out);
        }
    }
    for (name, lsn) in
        [("restart_lsn", slot.restart_lsn()), ("confirmed_flush_lsn", slot.confirmed_flush_lsn())]
    {
        if let Some(lsn) = lsn {
            member(name, &lsn.to_string(), &mut out);
        }
    }
    let pid = slot.active_pid().map_or_else(|| "null".to_owned(), |pid| pid.to_string());
    member("state", &state(slot), &mut out);
    if let Some(since) = slot.inactive_since() {
        member("inactive_since", &humantime::format_rfc3339_millis(since).to_string(), &mut out);
    }
    let age = age(health).map_or_else(|| "null".to_owned(), |age| age.to_string());
    let safe = health.safe_wal_size().map_or_else(|| "null".to_owned(), |size| size.to_string());
    let _ = writeln!(
        out,
        ",\"active_pid\":{pid},\"temporary\":{},\"two_phase\":{},\"failover\":{},\"lag_bytes\":{},\"retained_bytes\":{},\"safe_wal_size\":{safe},\"xmin_age\":{age}}}",
        slot.is_temporary(),
        slot.is_two_phase(),
        slot.is_failover(),
        health.lag_bytes(),
        health.retained_bytes(),
    );
    out
}

fn kind(slot: &Found) -> &'static str {
    match slot.kind() {
        SlotKind::Logical => "logical",
        SlotKind::Physical => "physical",
        _ => "unknown",
    }
}
