//! The bounded buffer in front of the archive: unmatched events are put into it at once and written to the
//! database with the next tick. Nothing ever waits for it: an event that does not fit is counted as lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::params;

use super::codec::event::{decode_event, encode_event, encode_scanned_event};
use super::codec::micros;
use super::deliveries;
use super::transaction::WriteTransaction;
use super::writer_state::Gauge;
use crate::store::{DeliveryPart, RevisionId, StoreError, UnmatchedEvent};
use flowtrigger_core::config::archive::ArchiveScope;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::redact::redacted;

/// Bytes in the buffer. With a tick every half second this is about 4,000 events per second.
const BUFFER_BYTES: usize = 2 * 1024 * 1024;

#[derive(Debug, Default)]
pub struct ArchiveBuffer {
    inner: Mutex<ArchiveBufferInner>,
    /// Fields that are not archived.
    redact: Mutex<Arc<[Path]>>,
    pub written: Gauge,
    pub lost: Gauge,
    /// Bytes of the archived events.
    pub size: Gauge,
}

#[derive(Debug, Default)]
struct ArchiveBufferInner {
    events: Vec<BufferedEvent>,
    bytes: usize,
}

#[derive(Debug)]
struct BufferedEvent {
    brief: Arc<EventSummary>,
    received: Timestamp,
    revision: RevisionId,
    body: String,
    delivery: Option<DeliveryPart>,
}

impl ArchiveBuffer {
    pub fn put(
        &self,
        event: &UnmatchedEvent,
        revision: RevisionId,
        received: Timestamp,
        delivery: Option<DeliveryPart>,
    ) {
        if let UnmatchedEvent::Scanned { raw, .. } = event
            && self.lock().bytes + raw.len() > BUFFER_BYTES
        {
            // An event of a flood is not encoded only to be dropped.
            return self.lost.add(1);
        }
        let (brief, body) = self.encode(event);
        let mut inner = self.lock();
        if inner.bytes + body.len() > BUFFER_BYTES {
            drop(inner);
            return self.lost.add(1);
        }
        inner.bytes += body.len();
        inner.events.push(BufferedEvent {
            brief,
            received,
            revision,
            body,
            delivery,
        });
    }

    /// These fields are not archived from now on.
    pub fn redact(&self, paths: &[Path]) {
        *self.redact.lock().unwrap_or_else(PoisonError::into_inner) = paths.into();
    }

    fn encode(&self, event: &UnmatchedEvent) -> (Arc<EventSummary>, String) {
        let redact = self.redact.lock().unwrap_or_else(PoisonError::into_inner);
        let redact = Arc::clone(&redact);
        match event {
            UnmatchedEvent::Built(event) => {
                let redacted = redacted(event, &redact);
                let event = redacted.as_ref().unwrap_or(event);
                (EventSummary::from_event(event).into(), encode_event(event))
            }
            UnmatchedEvent::Scanned { brief, raw } => {
                let text = encode_scanned_event(brief, raw);
                (Arc::clone(brief), redact_text(text, &redact))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ArchiveBufferInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<BufferedEvent> {
        let mut inner = self.lock();
        inner.bytes = 0;
        std::mem::take(&mut inner.events)
    }
}

/// Only an event with fields to redact has to be decoded.
fn redact_text(text: String, redact: &[Path]) -> String {
    if redact.is_empty() {
        return text;
    }
    // An event that could not be read back could not be redacted either, and must not be stored.
    let event = decode_event(&text).expect("what was just written can be read back");
    redacted(&event, redact).map_or(text, |redacted| encode_event(&redacted))
}

impl WriteTransaction<'_> {
    /// Writes the buffered events as rows.
    pub fn write_archive_buffer(&mut self) -> Result<(), StoreError> {
        let buffer = Arc::clone(&self.state.archive_buffer);
        let mut events = buffer.take();
        if self.state.settings.archive.events == ArchiveScope::Off {
            events.clear();
        }
        // They count as written once the commit has succeeded, and as lost if it fails.
        self.state.buffered.events += events.len() as u64;
        self.state.retention.archived += events.len() as i64;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO events (source, type, event_id, key, received, revision, matched, size, body, endpoint,
                 delivery, delivery_index)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for event in events {
            let size = event.body.len() as i64;
            insert.execute(params![
                event.brief.source,
                event.brief.event_type,
                event.brief.id,
                event.brief.key,
                micros(event.received),
                event.revision.0 as i64,
                size,
                event.body,
                event.brief.endpoint,
                event.delivery.map(|part| deliveries::id(part.delivery)),
                event.delivery.and_then(deliveries::index),
            ])?;
            self.state.archived += size;
        }
        Ok(())
    }
}
