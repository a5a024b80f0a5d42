//! Recognises redeliveries: an id of the sender that is known, or a body without an id that was received within the
//! last ten minutes. Compares the bodies, because some senders name an object and not an event.

use jiff::SignedDuration;
use rusqlite::{OptionalExtension, params};

use super::codec::event::decode_event;
use super::codec::micros;
use super::transaction::WriteTransaction;
use crate::store::history::EventRowId;
use crate::store::sql::{self, SqlDatabase};
use crate::store::{
    ArrivalKind, BodyComparison, Committed, FirstDelivery, IncomingEvent, LoopFindings, StoreError,
};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::request::body_hash;
use flowtrigger_core::path::redact::is_redacted;

/// Equal bodies without an id are one event for this time: longer than a sender repeats a delivery, shorter than
/// the same thing usually takes to happen again.
pub const EQUAL_BODIES_WINDOW: SignedDuration = SignedDuration::from_mins(10);

impl WriteTransaction<'_> {
    /// The row of an event that led to runs before.
    pub fn known(&self, incoming: &IncomingEvent) -> Result<Option<i64>, StoreError> {
        let event = &incoming.event;
        let received = match incoming.occasion {
            ArrivalKind::Delivery => Some(micros(incoming.received)),
            ArrivalKind::Replay(mark) => mark.event.map(|row| self.received(row)).transpose()?,
        };
        let names = (event.endpoint.as_str(), event.id.as_str());
        Ok(find_original(self.connection, names, received)?)
    }

    /// The row of an event that was stored before because runs may wait for its type.
    pub fn known_awaited(&self, incoming: &IncomingEvent) -> Result<Option<i64>, StoreError> {
        let event = &incoming.event;
        let names = (event.endpoint.as_str(), event.id.as_str());
        let received = Some(micros(incoming.received));
        Ok(find_with(self.connection, "awaited = 1", names, received)?)
    }

    /// When the event of a row was received first.
    fn received(&self, EventRowId(row): EventRowId) -> Result<i64, StoreError> {
        let sql = "SELECT received FROM events WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let received = statement.query_row([row], |row| row.get(0)).optional()?;
        received.ok_or(StoreError::UnknownEvent)
    }

    /// Counts a redelivery and returns the runs of the first delivery.
    pub fn redelivered(
        &mut self,
        event: i64,
        incoming: &IncomingEvent,
    ) -> Result<Committed, StoreError> {
        let sql = "SELECT event_id, body FROM events WHERE id = ?1";
        let (id, text): (String, String) = self
            .connection
            .prepare_cached(sql)?
            .query_row([event], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // A row of another version that cannot be read is no reason to reject a repeat.
        let body = match decode_event(&text) {
            Ok(stored) => compare(&stored, &incoming.event),
            Err(_) => BodyComparison::Unknown,
        };
        self.connection
            .prepare_cached(
                "UPDATE events SET redelivered = redelivered + 1, last_received = ?2,
                     differed = differed + ?3 WHERE id = ?1",
            )?
            .execute(params![
                event,
                micros(incoming.received),
                i64::from(body == BodyComparison::Different)
            ])?;
        Ok(Committed {
            redelivered: true,
            first: Some(FirstDelivery { id, body }),
            runs: self.statuses_of(event)?,
            repeated: Vec::new(),
            left_out: Vec::new(),
            loops: LoopFindings::default(),
            awaited: false,
            continued: Vec::new(),
        })
    }
}

/// The row of the event with this endpoint and id that led to runs. For an id that is a hash of the body, also one with
/// an equal body within the window around `received`.
pub fn find_original<D: SqlDatabase>(
    database: &D,
    names: (&str, &str),
    received: Option<i64>,
) -> Result<Option<i64>, D::Error> {
    find_with(database, "matched = 1", names, received)
}

/// The same among the events for which a condition is true.
fn find_with<D: SqlDatabase>(
    database: &D,
    condition: &str,
    (endpoint, id): (&str, &str),
    received: Option<i64>,
) -> Result<Option<i64>, D::Error> {
    let sql = format!(
        "SELECT id FROM events INDEXED BY events_by_id
         WHERE event_id = ?2 AND endpoint = ?1 AND {condition}"
    );
    let known = database.first(&sql, sql::params![endpoint, id], |row| row.get(0))?;
    match (known, body_hash(id), received) {
        (Some(known), _, _) => Ok(Some(known)),
        (None, Some(hash), Some(received)) => {
            find_equal_body(database, condition, (endpoint, hash), received)
        }
        (None, _, _) => Ok(None),
    }
}

/// The first event with this hash within the window before a time. A row from the future counts too: the clock may
/// have been set back since.
fn find_equal_body<D: SqlDatabase>(
    database: &D,
    condition: &str,
    (endpoint, hash): (&str, &str),
    received: i64,
) -> Result<Option<i64>, D::Error> {
    let window = i64::try_from(EQUAL_BODIES_WINDOW.as_micros()).unwrap_or(i64::MAX);
    // Ids with this hash are the hash itself, and the hash with `-` and a text behind it.
    let sql = format!(
        "SELECT id FROM events INDEXED BY events_by_id
         WHERE event_id >= ?2 AND event_id < ?3 AND endpoint = ?1 AND {condition}
             AND received > ?4 AND received < ?5
         ORDER BY received LIMIT 1"
    );
    let values = sql::params![
        endpoint,
        hash,
        format!("{hash}."),
        received.saturating_sub(window),
        received.saturating_add(window),
    ];
    database.first(&sql, values, |row| row.get(0))
}

fn compare(stored: &Event, received: &Event) -> BodyComparison {
    match (stored.raw == received.raw, is_redacted(stored)) {
        (true, _) => BodyComparison::Equal,
        (false, true) => BodyComparison::Unknown,
        (false, false) => BodyComparison::Different,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::store::conformance::{arrival, live_rule, now};
    use crate::store::{SqliteStore, Store, StoreSettings};

    fn hashed(hash: &str, unique: &str, received: Timestamp) -> IncomingEvent {
        let id = format!("sha256-{}-{unique}", hash.repeat(64));
        IncomingEvent {
            received,
            ..arrival(&id, &live_rule("a"))
        }
    }

    fn later(seconds: i64) -> Timestamp {
        now() + SignedDuration::from_secs(seconds)
    }

    #[tokio::test]
    async fn equal_bodies_are_one_event_for_ten_minutes_and_then_two_with_their_own_ids() {
        let store = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
        let commit = async |hash, unique, seconds| {
            let event = hashed(hash, unique, later(seconds));
            store.commit(event).await.unwrap()
        };
        assert!(!commit("a", "1", 0).await.redelivered);
        let repeat = commit("a", "2", 599).await;
        assert!(repeat.redelivered);
        let first = repeat.first.unwrap();
        assert!(first.id.ends_with("-1"), "{}", first.id);
        assert_eq!(first.body, BodyComparison::Equal);
        assert!(!commit("b", "3", 599).await.redelivered, "another body");
        let second = commit("a", "4", 601).await;
        assert!(!second.redelivered);
        assert_ne!(second.runs[0].id, repeat.runs[0].id);
        assert!(
            commit("a", "5", 700)
                .await
                .first
                .unwrap()
                .id
                .ends_with("-4")
        );
        // The clock was set back by an hour since.
        assert!(commit("a", "6", 601 - 300).await.redelivered);
    }

    #[tokio::test]
    async fn an_id_of_the_sender_is_known_however_long_ago_and_its_body_is_compared() {
        let store = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
        let with = |body: serde_json::Value, seconds| {
            let mut incoming = arrival("7", &live_rule("a"));
            let mut event = (*incoming.event).clone();
            event.raw = body.into();
            incoming.event = Arc::new(event);
            incoming.received = later(seconds);
            incoming
        };
        store.commit(with(json!({"n": 1}), 0)).await.unwrap();
        for (body, comparison) in [(1, BodyComparison::Equal), (2, BodyComparison::Different)] {
            let repeat = store
                .commit(with(json!({"n": body}), 86_400))
                .await
                .unwrap();
            assert_eq!(repeat.first.unwrap().body, comparison);
        }
    }
}
