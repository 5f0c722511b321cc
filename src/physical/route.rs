//! Where a stream of WAL begins or goes on, on a server whose history it must share: the timelines to go through, or that it
//! has left that history. It must never begin beyond a switchpoint of what was received.

use super::{History, SegmentSize};
use crate::error::{Error, Result, Status};
use crate::lsn::Lsn;

/// A position on a timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The timeline.
    pub timeline: u32,
    /// The position.
    pub lsn: Lsn,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on timeline {}", self.lsn, self.timeline)
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its timelines: the last one is its own.
    pub history: History,
    /// How far it has flushed, or received.
    pub end: Lsn,
    /// Whether it follows another.
    pub is_standby: bool,
}

/// One timeline is left for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The one that is left.
    pub from: u32,
    /// The one that follows.
    pub to: u32,
    /// Where the first ended.
    pub at: Lsn,
}

/// The way from where a stream stands to where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The timelines that are left on it, in their order.
    pub switches: Vec<Switch>,
    /// Where it begins.
    pub start: Place,
}

/// Makes sure that a server's history is the known one, up to the timeline that a stream stands on.
pub fn same_history(server: &Server, known: &History, place: Place) -> Result<()> {
    if server.history.agrees_before(known, place.timeline) {
        return Ok(());
    }
    let text = format!(
        "the server came to timeline {} by another way, and the stream stands at {place}",
        place.timeline
    );
    Err(Error::new(Status::WAL_E_FORK, text)
        .with_hint("Two standbys were promoted apart. Name only one of them, or begin anew on this one."))
}

/// Where the beginning of a record may end that was never finished: behind the end of its timeline, which the server has said is
/// reached. More than a segment is no such beginning.
pub fn unfinished(server: &Server, place: Place, size: SegmentSize) -> Place {
    let before = Lsn(place.lsn.0.saturating_sub(1));
    match server.history.end_of(place.timeline) {
        Some(at) if at < place.lsn && at >= size.start_of(before) => Place { lsn: at, ..place },
        _ => place,
    }
}

/// Where a stream begins that says no place, or none of a timeline.
pub fn first_place(server: &Server, asked: Place, slot: Option<Place>) -> Place {
    let own = server.history.timeline();
    let Place { timeline, lsn } = match (asked.lsn, slot) {
        (Lsn(0), Some(slot)) => Place { timeline: slot.timeline.max(asked.timeline), ..slot },
        (Lsn(0), None) => {
            let end = server.history.end_of(asked.timeline).unwrap_or(server.end);
            Place { timeline: if asked.timeline == 0 { own } else { asked.timeline }, lsn: end }
        }
        _ => asked,
    };
    Place { timeline: if timeline == 0 { server.history.holder(lsn) } else { timeline }, lsn }
}

/// How a stream that stands at `place` goes on. A new timeline is begun where the segment of its switchpoint begins, for that
/// segment is written anew.
pub fn route(server: &Server, place: Place, size: SegmentSize) -> Result<Route> {
    let own = server.history.timeline();
    if place.timeline > own {
        let text = format!("the server is on timeline {own}, and the stream stands at {place}");
        return Err(Error::new(Status::WAL_E_NOT_READY, text).with_hint(
            "It is an old primary, or a standby that is behind: stop it, or let it follow the new primary.",
        ));
    }
    if !server.history.has(place.timeline) {
        let text =
            format!("timeline {} is none of the history of the server, which is on {own}", place.timeline);
        return Err(fork(text));
    }
    let mut route = Route { switches: Vec::new(), start: place };
    while let Some(at) = server.history.end_of(route.start.timeline) {
        let from = route.start.timeline;
        if route.start.lsn > at {
            return Err(beyond(route.start, at));
        }
        if route.start.lsn < at {
            return Ok(route);
        }
        let Some(to) = server.history.after(from) else { break };
        route.switches.push(Switch { from, to, at });
        route.start = Place { timeline: to, lsn: size.start_of(at) };
    }
    reaches(server, route.start)?;
    Ok(route)
}

/// Only on its own timeline a server may be behind.
fn reaches(server: &Server, start: Place) -> Result<()> {
    if start.lsn <= server.end {
        return Ok(());
    }
    let end = server.end;
    if server.is_standby {
        let text = format!("the standby has WAL up to {end}, and the stream stands at {start}");
        return Err(Error::new(Status::WAL_E_NOT_READY, text).with_hint("It is behind: it will come there."));
    }
    Err(fork(format!("the server has WAL up to {end}, and the stream stands at {start}")))
}

/// The stream has WAL beyond the position where the server's history left its timeline.
pub fn beyond(place: Place, at: Lsn) -> Error {
    fork(format!(
        "the server's history left timeline {} at {at}, and the stream stands at {}",
        place.timeline, place.lsn
    ))
}

fn fork(text: String) -> Error {
    Error::new(Status::WAL_E_FORK, text).with_hint(
        "What lies between never happened on this server. Option failover_policy=rewind goes on and says so. Or begin anew on this server.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: SegmentSize = SegmentSize::USUAL;

    fn server(timeline: u32, history: &str, end: u64) -> Server {
        let history = History::parse(timeline, history).unwrap();
        Server { history, end: Lsn(end), is_standby: false }
    }

    fn at(timeline: u32, lsn: u64) -> Place {
        Place { timeline, lsn: Lsn(lsn) }
    }

    #[test]
    fn ph7_a_place_is_followed_through_the_timelines_and_never_beyond_a_switchpoint() {
        let server = server(3, "1\t0/3000148\tr\n2\t0/5000000\tr\n", 0x600_0000);
        let plain = |place| Ok(Route { switches: vec![], start: place });
        assert_eq!(route(&server, at(1, 0x100_0000), SIZE), plain(at(1, 0x100_0000)));
        assert_eq!(route(&server, at(3, 0x500_0000), SIZE), plain(at(3, 0x500_0000)));
        let first = Switch { from: 1, to: 2, at: Lsn(0x300_0148) };
        let left = route(&server, at(1, 0x300_0148), SIZE).unwrap();
        assert_eq!(left, Route { switches: vec![first], start: at(2, 0x300_0000) });
        // A switchpoint at the beginning of a segment, which belongs to the next timeline whole.
        let second = Switch { from: 2, to: 3, at: Lsn(0x500_0000) };
        let left = route(&server, at(2, 0x500_0000), SIZE).unwrap();
        assert_eq!(left, Route { switches: vec![second], start: at(3, 0x500_0000) });
        for (place, status) in [
            (at(1, 0x300_0149), Status::WAL_E_FORK),
            (at(4, 0x100_0000), Status::WAL_E_NOT_READY),
            (at(3, 0x600_0001), Status::WAL_E_FORK),
        ] {
            let error = route(&server, place, SIZE).unwrap_err();
            assert_eq!(error.status(), status, "{error:?}");
            assert!(error.message().contains(&place.lsn.to_string()), "{error:?}");
        }
        let skipping = Server { history: History::parse(4, "1\t0/3000148\tr").unwrap(), ..server.clone() };
        assert_eq!(route(&skipping, at(2, 0x100_0000), SIZE).unwrap_err().status(), Status::WAL_E_FORK);
        // A standby will come there.
        let behind = Server { is_standby: true, ..server };
        let error = route(&behind, at(3, 0x600_0001), SIZE).unwrap_err();
        assert!(error.status() == Status::WAL_E_NOT_READY && error.is_retriable());
    }

    #[test]
    fn ph7_only_the_beginning_of_a_record_is_given_up_where_the_timeline_was_said_to_end() {
        let server = server(2, "1\t0/3000148\tr\n", 0x600_0000);
        assert_eq!(unfinished(&server, at(1, 0x300_2000), SIZE), at(1, 0x300_0148));
        assert_eq!(unfinished(&server, at(1, 0x400_0000), SIZE), at(1, 0x300_0148));
        for place in [at(1, 0x300_0148), at(1, 0x300_0100), at(1, 0x400_0001), at(2, 0x300_2000)] {
            assert_eq!(unfinished(&server, place, SIZE), place);
        }
    }

    #[test]
    fn ph7_a_timeline_that_was_come_to_by_another_way_is_a_fork() {
        let server = server(2, "1\t0/3000200\tr\n", 0x600_0000);
        let known = History::parse(2, "1\t0/3000148\tr\n").unwrap();
        let fork = same_history(&server, &known, at(2, 0x500_0000)).unwrap_err();
        assert!(fork.status() == Status::WAL_E_FORK && !fork.is_retriable());
        assert_eq!(same_history(&server, &known, at(1, 0x200_0000)), Ok(()));
    }

    #[test]
    fn two_promotions_at_one_position_are_both_gone_through() {
        let server = server(3, "1\t0/3000148\tr\n2\t0/3000148\tr\n", 0x600_0000);
        let route = route(&server, at(1, 0x300_0148), SIZE).unwrap();
        // Timeline 2 has the segment before its own end: it is sent.
        assert_eq!((route.switches.len(), route.start), (1, at(2, 0x300_0000)));
    }

    #[test]
    fn where_a_stream_begins_by_itself() {
        let server = server(3, "1\t0/3000148\tr\n2\t0/5000000\tr\n", 0x600_0000);
        let none = Place::default();
        assert_eq!(first_place(&server, none, None), at(3, 0x600_0000));
        assert_eq!(first_place(&server, none, Some(at(2, 0x400_0000))), at(2, 0x400_0000));
        assert_eq!(first_place(&server, none, Some(at(0, 0x400_0000))), at(2, 0x400_0000));
        assert_eq!(first_place(&server, at(0, 0x200_0000), Some(at(2, 0x400_0000))), at(1, 0x200_0000));
        assert_eq!(first_place(&server, at(2, 0x200_0000), None), at(2, 0x200_0000));
        assert_eq!(first_place(&server, at(2, 0), None), at(2, 0x500_0000));
    }
}
