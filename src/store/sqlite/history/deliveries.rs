//! The requests of a database: as a list, as totals, and the one that delivered an event.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::SqliteHistory;
use super::runs::number;
use crate::store::history::{
    DeliveryCount, DeliveryFilter, DeliveryMatch, DeliveryRow, DeliveryTotals, EventDeliveryRow,
    EventRowId, HistoryError,
};
use crate::store::sqlite::codec::{micros, time};
use crate::store::sqlite::deliveries::accepted_column;
use crate::store::{DeliveredEvents, Delivery, DeliveryId, DeliveryKind, DeliveryOutcome};

const COLUMNS: &str = "d.id, d.received, d.source, d.endpoint, d.method, d.path, d.peer, d.status, d.size,
    d.accepted, d.reason, d.detail, d.events, d.matched, d.redelivered, d.first_event, d.omitted, d.omitted_until, d.differed";
/// How many columns that are.
const WIDTH: usize = 19;

/// The terms of a filter with their parameters.
struct Terms {
    sql: String,
    values: Vec<Value>,
}

impl Terms {
    fn of(filter: &DeliveryFilter) -> Self {
        let (mut terms, mut values) = (Vec::new(), Vec::new());
        let mut term = |sql: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                terms.push(sql.replace('?', &format!("?{}", values.len())));
            }
        };
        let micros = |at: jiff::Timestamp| micros(at).into();
        let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX).into();
        term(
            "(d.endpoint = ? OR d.source = ?)",
            filter.source.clone().map(Value::from),
        );
        term(
            "d.accepted = ?",
            filter.kind.map(|kind| accepted_column(kind).into()),
        );
        term(
            "d.status = ?",
            filter.status.map(|status| i64::from(status).into()),
        );
        term(
            "(d.received >= ? OR d.omitted_until >= ?)",
            filter.since.map(micros),
        );
        term("d.received < ?", filter.until.map(micros));
        term("d.id < ?", filter.before.map(id));
        term(
            "instr(lower(d.path || ' ' || coalesce(d.peer, '') || ' ' || d.reason || ' ' || d.detail || ' ' || coalesce(d.first_event, '')), ?) > 0",
            filter.text.as_ref().map(|text| text.to_lowercase().into()),
        );
        if !filter.reasons.is_empty() {
            let reasons = filter.reasons.iter().map(|reason| {
                values.push(reason.clone().into());
                format!("?{}", values.len())
            });
            let reasons: Vec<String> = reasons.collect();
            terms.push(format!("d.reason IN ({})", reasons.join(", ")));
        }
        let sql = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        Self { sql, values }
    }
}

impl SqliteHistory {
    pub(super) fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, HistoryError> {
        let Terms { sql, mut values } = Terms::of(filter);
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries d {sql} ORDER BY d.id DESC LIMIT ?{}",
            values.len()
        );
        self.rows(&sql, params_from_iter(values), delivery)
    }

    pub(super) fn count_deliveries(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<DeliveryTotals, HistoryError> {
        let Terms { sql, mut values } = Terms::of(filter);
        let end = |at: Option<jiff::Timestamp>| at.map_or(Value::Null, |at| micros(at).into());
        values.extend([end(filter.since), end(filter.until)]);
        let (since, until) = (values.len() - 1, values.len());
        let sql = format!(
            "SELECT d.accepted, count(*), sum(d.omitted), min(d.received),
                 sum(CASE WHEN d.received < ?{since} OR d.omitted_until >= ?{until} THEN d.omitted ELSE 0 END)
             FROM deliveries d {sql} GROUP BY d.accepted"
        );
        let counts = self.rows(&sql, params_from_iter(values), |row| {
            let count = DeliveryCount {
                listed: number(row.get(1)?),
                omitted: number(row.get(2)?),
                oldest: row.get::<_, Option<i64>>(3)?.map(time),
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
            let found = self.first(&sql, [event], |row| {
                Ok(EventDeliveryRow {
                    index: row.get::<_, Option<i64>>(WIDTH)?.map(number),
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

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let peer: Option<String> = row.get(6)?;
    let text = |column: usize| row.get::<_, Option<String>>(column);
    let count = |column: usize| {
        let count = row.get::<_, Option<i64>>(column)?;
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
            size: row.get::<_, Option<i64>>(8)?.map(number),
            outcome,
        },
        omitted: number(row.get(16)?),
        omitted_until: row.get::<_, Option<i64>>(17)?.map(time),
    })
}
