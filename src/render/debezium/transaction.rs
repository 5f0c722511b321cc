//! Messages of where transactions begin and end, with the counts of their changes. It must never tell an end whose changes were
//! not all told.

use super::super::messages::Messages;
use super::super::out::Out;
use super::super::settings::{Schemas, Settings, Transactions};
use super::super::text;
use super::counts::Counts;
use super::source::Clock;
use super::{State, schema, table};
use crate::batch::Event;
use crate::error::Result;

/// `742:24023128`: the second number is the event's own position, or the end of the transaction, as Debezium has it.
pub(super) fn id(event: &Event, out: &mut Out) {
    out.number(event.xid.into());
    out.byte(b':');
    out.number(if event.ack_lsn == 0 { event.lsn } else { event.ack_lsn });
}

impl State {
    /// Where a transaction begins.
    pub(super) fn write_begin(
        &mut self,
        event: &Event,
        settings: &Settings,
        messages: &mut Messages,
    ) -> Result<()> {
        self.write_transaction(event, settings, messages, |_, out| {
            out.put(b"\"BEGIN\",\"id\":\"");
            id(event, out);
            out.put(b"\",\"event_count\":null,\"data_collections\":null");
        })
    }

    /// Where it ends.
    pub(super) fn write_end(
        &mut self,
        event: &Event,
        settings: &Settings,
        messages: &mut Messages,
    ) -> Result<()> {
        self.write_transaction(event, settings, messages, |counts, out| {
            out.put(b"\"END\",\"id\":\"");
            id(event, out);
            out.put(b"\",\"event_count\":");
            out.number(counts.total());
            out.put(b",\"data_collections\":[");
            for (at, (name, count)) in counts.tables().enumerate() {
                out.put(if at == 0 { b"{\"data_collection\":" } else { b",{\"data_collection\":" });
                text::string(name, settings, out);
                out.put(b",\"event_count\":");
                out.number(count);
                out.byte(b'}');
            }
            out.byte(b']');
        })
    }

    /// A message of it, where transactions are told.
    fn write_transaction(
        &mut self,
        event: &Event,
        settings: &Settings,
        messages: &mut Messages,
        write: impl FnOnce(&Counts, &mut Out),
    ) -> Result<()> {
        if settings.transactions == Transactions::Skip {
            return Ok(());
        }
        let with = settings.schemas == Schemas::With;
        let (out, keys) = (&mut messages.out, &mut messages.keys);
        if with {
            out.pieces([b"{\"schema\":", schema::TRANSACTION, b",\"payload\":"]);
            keys.pieces([b"{\"schema\":", schema::TRANSACTION_KEY, b",\"payload\":"]);
        }
        out.put(b"{\"status\":");
        write(&self.counts, out);
        out.put(b",\"ts_ms\":");
        Clock::millis(event.commit_time, out);
        out.put(if with { b"}}" } else { b"}" });
        keys.put(b"{\"id\":\"");
        id(event, keys);
        keys.put(if with { b"\"}}" } else { b"\"}" });
        let topic = &mut self.transaction_topic;
        if topic.bytes().is_empty() {
            table::topic(settings, &[b"transaction"], topic);
        }
        messages.end(Some(topic.bytes()))
    }
}
