//! Stores the events of a commit, and compares them with what runs wait for.

use rusqlite::params;

use super::codec::event::encode_event;
use super::codec::micros;
use super::commit::EncodedEvent;
use super::deliveries;
use super::transaction::WriteTransaction;
use crate::store::awaited::AwaitedValue;
use crate::store::{ArrivalKind, Committed, IncomingEvent, RunStatus, StoreError};
use flowtrigger_core::path::redact::redacted;

/// Why an event is stored.
#[derive(Debug, Clone, Copy)]
enum EventUse {
    /// Rules match it.
    Matched,
    /// No rule matches it, and runs may wait for it.
    Awaited,
}

impl EventUse {
    /// The columns `matched` and `awaited`.
    fn columns(self) -> [i64; 2] {
        match self {
            EventUse::Matched => [1, 0],
            EventUse::Awaited => [0, 1],
        }
    }
}

impl WriteTransaction<'_> {
    /// An event without runs is stored only if runs may wait for its type.
    pub fn commit_unmatched(&mut self, encoded: &EncodedEvent) -> Result<Committed, StoreError> {
        let incoming = &encoded.incoming;
        let values = self.awaited_values(incoming);
        let (source, event_type) = (&incoming.event.source, &incoming.event.event_type);
        if incoming.occasion != ArrivalKind::Delivery
            || !self.state.awaited.load().covers(source, event_type)
        {
            return Ok(Committed::default());
        }
        if let Some(event) = self.known_awaited(incoming)? {
            return Ok(Committed {
                awaited: true,
                ..self.redelivered(event, incoming)?
            });
        }
        let event = self.write_awaited_event(encoded)?;
        Ok(Committed {
            awaited: true,
            continued: self.arrive(incoming, event, &values)?,
            ..Committed::default()
        })
    }

    /// Compares an event with what runs wait for, unless it was compared when it came without runs, or is replayed.
    pub fn arrive_first(
        &mut self,
        incoming: &IncomingEvent,
        event: i64,
    ) -> Result<Vec<RunStatus>, StoreError> {
        let values = self.awaited_values(incoming);
        let is_new = incoming.occasion == ArrivalKind::Delivery;
        if values.is_empty() || !is_new || self.known_awaited(incoming)?.is_some() {
            return Ok(Vec::new());
        }
        self.arrive(incoming, event, &values)
    }

    fn awaited_values(&self, incoming: &IncomingEvent) -> Vec<AwaitedValue> {
        self.state.awaited.load().values_of(&incoming.event)
    }

    pub fn write_event(&mut self, encoded: &EncodedEvent) -> Result<i64, StoreError> {
        let row = self.insert_event(&encoded.incoming, &encoded.body, EventUse::Matched)?;
        self.state
            .events
            .put(row, &encoded.incoming.event, encoded.memory);
        Ok(row)
    }

    /// Stores an event that matches no rule and that runs may wait for, without the fields to redact.
    fn write_awaited_event(&mut self, encoded: &EncodedEvent) -> Result<i64, StoreError> {
        let redacted = redacted(&encoded.incoming.event, &self.state.settings.redact);
        let redacted = redacted.map(|event| encode_event(&event));
        let body = redacted.as_ref().unwrap_or(&encoded.body);
        self.state.archived += body.len() as i64;
        self.insert_event(&encoded.incoming, body, EventUse::Awaited)
    }

    fn insert_event(
        &mut self,
        incoming: &IncomingEvent,
        body: &str,
        event_use: EventUse,
    ) -> Result<i64, StoreError> {
        let event = &incoming.event;
        let id = self.state.next_event()?;
        let [matched, awaited] = event_use.columns();
        let sql = "INSERT INTO events (source, type, event_id, key, received, revision, matched, awaited, size, body,
                endpoint, delivery, delivery_index, id)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        self.connection.prepare_cached(sql)?.execute(params![
            event.source,
            event.event_type,
            event.id,
            event.key,
            micros(incoming.received),
            incoming.revision.0 as i64,
            matched,
            awaited,
            body.len() as i64,
            body,
            event.endpoint,
            incoming.delivery.map(|part| deliveries::id(part.delivery)),
            incoming.delivery.and_then(deliveries::index),
            id,
        ])?;
        Ok(self.connection.last_insert_rowid())
    }
}
