//! Events that led to no run, on their way to the file: put on a shelf at once, filed soon after.
//! It never makes anybody wait: what does not fit on the shelf is lost, and counted.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::params;

use super::codec::micros;
use super::kept_event::{self, event_text, scanned_text};
use super::ledger::{Figure, Ledger};
use crate::core::config::Archived;
use crate::core::event::Brief;
use crate::core::rule::path::Path;
use crate::core::rule::path::redact::redacted;
use crate::store::{EditionId, StoreError, Unmatched};

/// Bytes on the shelf. At half a second between two filings this is some 4,000 events a second.
const ROOM: usize = 2 * 1024 * 1024;

#[derive(Debug, Default)]
pub struct Shelf {
    inner: Mutex<Inner>,
    /// What is not filed.
    redact: Mutex<Arc<[Path]>>,
    pub written: Figure,
    pub lost: Figure,
    /// Bytes of what is filed.
    pub size: Figure,
}

#[derive(Debug, Default)]
struct Inner {
    events: Vec<Shelved>,
    bytes: usize,
}

#[derive(Debug)]
struct Shelved {
    brief: Brief,
    received: Timestamp,
    edition: EditionId,
    body: String,
}

impl Shelf {
    pub fn put(&self, event: &Unmatched, edition: EditionId, received: Timestamp) {
        let (brief, body) = self.written(event);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.bytes + body.len() > ROOM {
            drop(inner);
            return self.lost.add(1);
        }
        inner.bytes += body.len();
        inner.events.push(Shelved {
            brief,
            received,
            edition,
            body,
        });
    }

    /// From now on these fields are filed of no event.
    pub fn redact(&self, paths: &[Path]) {
        *self.redact.lock().unwrap_or_else(PoisonError::into_inner) = paths.into();
    }

    fn written(&self, event: &Unmatched) -> (Brief, String) {
        let redact = self.redact.lock().unwrap_or_else(PoisonError::into_inner);
        let redact = Arc::clone(&redact);
        match event {
            Unmatched::Built(event) => {
                let kept = redacted(event, &redact);
                (Brief::of(event), event_text(kept.as_ref().unwrap_or(event)))
            }
            Unmatched::Scanned { brief, raw } => {
                let text = scanned_text(brief, raw);
                (Brief::clone(brief), without(text, &redact))
            }
        }
    }

    fn take(&self) -> Vec<Shelved> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes = 0;
        std::mem::take(&mut inner.events)
    }
}

/// An event that came as it is is built where something of it may not be kept.
fn without(text: String, redact: &[Path]) -> String {
    if redact.is_empty() {
        return text;
    }
    // One that could not be read back could not be redacted either, and must not be kept.
    let event = kept_event::event(&text).expect("what was just written can be read back");
    redacted(&event, redact).map_or(text, |kept| event_text(&kept))
}

impl Ledger<'_> {
    /// Files what is on the shelf.
    pub fn file_shelf(&mut self) -> Result<(), StoreError> {
        let shelf = std::sync::Arc::clone(&self.memory.shelf);
        let mut events = shelf.take();
        if self.memory.settings.archive.events == Archived::Off {
            events.clear();
        }
        // They count as filed once their commit holds, and as lost where it does not.
        self.memory.filed += events.len() as u64;
        self.memory.retention.filed += events.len() as i64;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO events (source, type, event_id, key, received, edition, matched, size, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
        )?;
        for event in events {
            let size = event.body.len() as i64;
            insert.execute(params![
                event.brief.source,
                event.brief.event_type,
                event.brief.id,
                event.brief.key,
                micros(event.received),
                event.edition.0 as i64,
                size,
                event.body,
            ])?;
            self.memory.archived += size;
        }
        Ok(())
    }
}
