//! The requests of a database: as a list, as totals, and the one that delivered an event.

use super::runs::number;
use super::terms::FilterTerms;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{
    DeliveryCount, DeliveryFilter, DeliveryMatch, DeliveryRow, DeliveryTotals, EventDeliveryRow,
    EventRowId, HistoryError,
};
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::deliveries::accepted_column;
use crate::store::{DeliveredEvents, Delivery, DeliveryId, DeliveryKind, DeliveryOutcome};

const COLUMNS: &str = "d.id, d.received, d.source, d.endpoint, d.method, d.path, d.peer, d.status, d.size,
    d.accepted, d.reason, d.detail, d.events, d.matched, d.redelivered, d.first_event, d.omitted, d.omitted_until, d.differed";
/// How many columns that are.
const WIDTH: usize = 19;

/// The terms of a filter.
fn conditions(filter: &DeliveryFilter) -> FilterTerms<'_> {
    let mut terms = FilterTerms::default();
    terms.add_some("(d.endpoint = ? OR d.source = ?)", filter.source.as_deref());
    let kind = filter.kind.map(accepted_column);
    terms.add_some("d.accepted = ?", kind);
    terms.add_some("d.status = ?", filter.status.map(i64::from));
    terms.add_some(
        "(d.received >= ? OR d.omitted_until >= ?)",
        filter.since.map(micros),
    );
    terms.add_some("d.received < ?", filter.until.map(micros));
    let before = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    terms.add_some("d.id < ?", filter.before.map(before));
    terms.add_some(
        "instr(lower(d.path || ' ' || coalesce(d.peer, '') || ' ' || d.reason || ' ' || d.detail || ' ' || coalesce(d.first_event, '')), ?) > 0",
        filter.text.as_ref().map(|text| text.to_lowercase()),
    );
    if !filter.reasons.is_empty() {
        let reasons = filter.reasons.iter();
        let reasons = reasons.map(|reason| terms.parameter(reason.as_str()));
        let reasons: Vec<String> = reasons.collect();
        terms.add_plain(format!("d.reason IN ({})", reasons.join(", ")));
    }
    terms
}

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, HistoryError> {
        let mut terms = conditions(filter);
        let limit = terms.parameter(i64::try_from(limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries d {} ORDER BY d.id DESC LIMIT {limit}",
            terms.clause()
        );
        self.database.rows(&sql, &terms.values(), delivery)
    }

    pub(super) fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<DeliveryTotals, HistoryError> {
        let mut terms = conditions(filter);
        let since = terms.parameter(filter.since.map(micros));
        let until = terms.parameter(filter.until.map(micros));
        let sql = format!(
            "SELECT d.accepted, count(*), CAST(sum(d.omitted) AS BIGINT), min(d.received),
                 CAST(sum(CASE WHEN d.received < {since} OR d.omitted_until >= {until} THEN d.omitted ELSE 0 END) AS BIGINT)
             FROM deliveries d {} GROUP BY d.accepted",
            terms.clause()
        );
        let counts = self.database.rows(&sql, &terms.values(), |row| {
            let count = DeliveryCount {
                listed: number(row.get(1)?),
                omitted: number(row.get(2)?),
                oldest: row.get::<Option<i64>>(3)?.map(time),
                perhaps_outside: number(row.get(4)?),
            };
            Ok((kind(row.get(0)?), count))
        })?;
        let mut totals = DeliveryTotals::default();
        for (kind, count) in counts {
            match kind {
                DeliveryKind::Accepted => totals.accepted = count,
                DeliveryKind::Rejected => totals.rejected = count,
            }
        }
        Ok(totals)
    }

    pub(super) fn find_delivery_of(
        &self,
        EventRowId(event): EventRowId,
    ) -> Result<Option<EventDeliveryRow>, HistoryError> {
        // The second statement finds the row with which a request was counted: its period, which is short, has the
        // time of the event. The third finds it for an event that was handled at the same time as the first request of
        // the period, and received a moment before.
        for (source, order, of_request) in [
            (
                "d.id = e.delivery AND d.received = e.received",
                "d.id DESC",
                DeliveryMatch::Listed as fn(_) -> _,
            ),
            (
                "d.accepted = 1 AND d.endpoint = e.endpoint AND e.delivery IS NOT NULL AND d.omitted_until >= e.received
                     AND d.received BETWEEN e.received - 60000000 AND e.received",
                "d.received DESC",
                DeliveryMatch::Counted,
            ),
            (
                "d.accepted = 1 AND d.endpoint = e.endpoint AND e.delivery IS NOT NULL AND d.omitted > 0
                     AND d.received BETWEEN e.received AND e.received + 1000000",
                "d.received",
                DeliveryMatch::Counted,
            ),
        ] {
            let sql = format!(
                "SELECT {COLUMNS}, e.delivery_index FROM events e JOIN deliveries d ON {source}
                 WHERE e.id = ?1 ORDER BY {order} LIMIT 1"
            );
            let found = self.database.first(&sql, params![event], |row| {
                Ok(EventDeliveryRow {
                    index: row.get::<Option<i64>>(WIDTH)?.map(number),
                    request: of_request(delivery(row)?),
                })
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

fn kind(accepted: i64) -> DeliveryKind {
    match accepted {
        0 => DeliveryKind::Rejected,
        _ => DeliveryKind::Accepted,
    }
}

fn delivery(row: &SqlRow<'_>) -> rusqlite::Result<DeliveryRow> {
    let peer: Option<String> = row.get(6)?;
    let text = |column: usize| row.get::<Option<String>>(column);
    let count = |column: usize| {
        let count = row.get::<Option<i64>>(column)?;
        Ok::<_, rusqlite::Error>(number(count.unwrap_or_default()))
    };
    let outcome = match kind(row.get(9)?) {
        DeliveryKind::Accepted => DeliveryOutcome::Accepted(DeliveredEvents {
            count: count(12)?,
            matched: count(13)?,
            redelivered: count(14)?,
            differed: count(18)?,
            first: text(15)?.unwrap_or_default(),
        }),
        DeliveryKind::Rejected => DeliveryOutcome::Rejected {
            reason: row.get(10)?,
            detail: row.get(11)?,
        },
    };
    Ok(DeliveryRow {
        delivery: Delivery {
            id: DeliveryId(number(row.get(0)?)),
            received: time(row.get(1)?),
            source: text(2)?.map(Into::into),
            endpoint: text(3)?.map(Into::into),
            method: row.get(4)?,
            path: row.get(5)?,
            peer: peer.and_then(|peer| peer.parse().ok()),
            status: row.get(7)?,
            size: row.get::<Option<i64>>(8)?.map(number),
            outcome,
        },
        omitted: number(row.get(16)?),
        omitted_until: row.get::<Option<i64>>(17)?.map(time),
    })
}
