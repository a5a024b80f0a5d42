//! The rejected requests of a database, and how far back they are kept.

use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::SqliteHistory;
use super::runs::number;
use crate::store::RejectedDelivery;
use crate::store::history::{DeliveryFilter, DeliveryRange, DeliveryRow, HistoryError};
use crate::store::sqlite::codec::{micros, time};

impl SqliteHistory {
    pub(super) fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, HistoryError> {
        let (mut terms, mut values) = (Vec::new(), Vec::new());
        let mut term = |sql: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                terms.push(sql.replace('?', &format!("?{}", values.len())));
            }
        };
        let micros = |at: jiff::Timestamp| micros(at).into();
        let id = |id: u64| i64::try_from(id).unwrap_or(i64::MAX).into();
        term("source = ?", filter.source.clone().map(Value::from));
        term("reason = ?", filter.reason.clone().map(Value::from));
        term("received >= ?", filter.since.map(micros));
        term("received < ?", filter.until.map(micros));
        term("id < ?", filter.before.map(id));
        let terms = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let sql = format!(
            "SELECT id, received, source, method, path, peer, reason, status, size, detail, omitted
             FROM deliveries {terms} ORDER BY id DESC LIMIT ?{}",
            values.len()
        );
        self.rows(&sql, params_from_iter(values), delivery)
    }

    pub(super) fn find_delivery_range(&self) -> Result<DeliveryRange, HistoryError> {
        let sql = "SELECT count(*), coalesce(sum(omitted), 0), min(received) FROM deliveries";
        let range = self.first(sql, [], |row| {
            Ok(DeliveryRange {
                count: number(row.get(0)?),
                omitted: number(row.get(1)?),
                oldest: row.get::<_, Option<i64>>(2)?.map(time),
            })
        })?;
        Ok(range.unwrap_or_default())
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let peer: Option<String> = row.get(5)?;
    let source: Option<String> = row.get(2)?;
    Ok(DeliveryRow {
        id: number(row.get(0)?),
        delivery: RejectedDelivery {
            received: time(row.get(1)?),
            source: source.map(Into::into),
            method: row.get(3)?,
            path: row.get(4)?,
            peer: peer.and_then(|peer| peer.parse().ok()),
            reason: row.get(6)?,
            status: row.get(7)?,
            size: row.get::<_, Option<i64>>(8)?.map(number),
            detail: row.get(9)?,
        },
        omitted: number(row.get(10)?),
    })
}
