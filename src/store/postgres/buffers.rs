//! Writes what was buffered: unmatched events, requests of senders, and exchanges of attempts.
//!
//! Rows that could not be written are kept for the next tick, which takes nothing from their buffer until they are written. So
//! there are never more of them than a buffer holds. Their ids are drawn once: rows whose commit had no answer are not stored twice.

use std::collections::BTreeSet;

use super::cell::{Cell, Cells, DELIVERIES, EVENTS};
use super::error::PostgresError;
use super::executor::Executor;
use super::schema::{day_of, ensure_days};
use super::session::{Param, Pipeline, PostgresSession};
use crate::store::StoreError;
use crate::store::sqlite::codec::{duration_micros, micros};
use crate::store::sqlite::deliveries;
use crate::store::sqlite::delivery_buffer::{CountedDeliveries, DeliveryBatch};
use crate::store::sqlite::exchanges::ExchangeRow;
use flowtrigger_core::run::exchange::SentTo;

/// A power failure of the server may lose the last moment of what nothing waits for.
/// The thread that writes them also renews the lease, so it must not wait long for others.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '5s'";

/// Rows that were taken from their buffers and are not written yet.
#[derive(Debug, Default)]
pub struct UnwrittenRows {
    events: Vec<Cells>,
    exchanges: Vec<ExchangeRow>,
    /// Ids of `exchanges`, when they are drawn.
    exchange_ids: Vec<i64>,
    deliveries: Vec<Cells>,
    counted: Vec<CountedDeliveries>,
}

#[derive(Debug, Clone, Copy)]
enum BufferedKind {
    Events,
    Exchanges,
    Deliveries,
}

impl Executor {
    /// Writes all buffers. What the server rejects is lost, and counted; what else fails is kept.
    pub async fn write_buffers(&mut self) -> Result<(), StoreError> {
        let mut failed = Ok(());
        for kind in [
            BufferedKind::Events,
            BufferedKind::Exchanges,
            BufferedKind::Deliveries,
        ] {
            let written = match kind {
                BufferedKind::Events => self.write_unmatched().await,
                BufferedKind::Exchanges => self.write_exchanges().await,
                BufferedKind::Deliveries => self.write_deliveries().await,
            };
            let Err(error) = written else { continue };
            self.connector.roll_back(&error).await;
            self.workspace.clear().map_err(StoreError::from)?;
            if error.is_rejected() {
                self.lose(kind);
            }
            failed = Err(error.into());
        }
        failed
    }

    /// Drops rows that would be rejected again.
    fn lose(&mut self, kind: BufferedKind) {
        let rows = &mut self.unwritten;
        match kind {
            BufferedKind::Events => {
                let lost = std::mem::take(&mut rows.events).len();
                self.shared.archive.lost.add(lost as u64);
            }
            BufferedKind::Exchanges => {
                let lost = std::mem::take(&mut rows.exchanges).len();
                rows.exchange_ids.clear();
                self.shared.exchanges.lost.add(lost as u64);
            }
            BufferedKind::Deliveries => {
                let lost = std::mem::take(&mut rows.deliveries).len();
                rows.counted.clear();
                self.shared.deliveries.lost.add(lost as u64);
            }
        }
    }

    async fn write_unmatched(&mut self) -> Result<(), PostgresError> {
        if self.unwritten.events.is_empty() {
            self.take_unmatched()?;
        }
        let count = self.unwritten.events.len() as u64;
        if count == 0 {
            return Ok(());
        }
        self.insert_unmatched().await?;
        self.unwritten.events.clear();
        self.shared.archive.written.add(count);
        Ok(())
    }

    pub fn take_unmatched(&mut self) -> Result<(), PostgresError> {
        let mut result = Ok(());
        self.workspace.execute(|transaction| {
            transaction.state.buffered.events = 0;
            result = transaction.write_archive_buffer();
            Ok(())
        })?;
        result.map_err(|error| PostgresError::Failed(error.to_string()))?;
        let mut rows = self.workspace.changes(&EVENTS)?.inserted;
        self.workspace.clear()?;
        for row in &mut rows {
            // The id is drawn from the database.
            row[0] = Cell::Null;
        }
        self.unwritten.events = rows;
        Ok(())
    }

    pub async fn insert_unmatched(&mut self) -> Result<(), PostgresError> {
        let rows = &mut self.unwritten.events;
        let received = EVENTS.index("received");
        let day = |row: &Cells| day_of(row[received].int().unwrap_or_default());
        let days: Vec<i64> = rows.iter().map(day).collect();
        let distinct: BTreeSet<i64> = days.iter().copied().collect();
        let session = self.connector.session().await?;
        ensure_days(session, &distinct.into_iter().collect::<Vec<_>>()).await?;
        if rows.iter().any(|row| row[0].int().is_none()) {
            let ids = draw(session, "event_ids", rows.len()).await?;
            for (row, id) in rows.iter_mut().zip(ids) {
                row[0] = Cell::Int(id);
            }
        }
        let rows: Vec<&Cells> = rows.iter().collect();
        let mut params = Param::columns(&EVENTS, &rows);
        params.push(Param::ints(days));
        let places: Vec<String> = params
            .iter()
            .enumerate()
            .map(|(index, param)| format!("${}::{}", index + 1, param.type_name()))
            .collect();
        let columns: Vec<&str> = EVENTS
            .columns
            .iter()
            .map(|column| column.name)
            .filter(|name| *name != "matched")
            .chain(["day"])
            .collect();
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT INTO unmatched_events ({columns}) SELECT {columns} FROM unnest({}) AS new({}, day) ON CONFLICT DO NOTHING",
            places.join(", "),
            EVENTS.list("")
        );
        let mut write = Pipeline::default();
        write.plain(BEGIN);
        write.query(&sql, params);
        write.plain("COMMIT");
        session.run(&write).await?;
        Ok(())
    }

    async fn write_deliveries(&mut self) -> Result<(), PostgresError> {
        if self.unwritten.deliveries.is_empty() && self.unwritten.counted.is_empty() {
            self.take_deliveries()?;
        }
        let UnwrittenRows {
            deliveries: rows,
            counted,
            ..
        } = &mut self.unwritten;
        if rows.is_empty() && counted.is_empty() {
            return Ok(());
        }
        let session = self.connector.session().await?;
        let mut write = Pipeline::default();
        write.plain(BEGIN);
        if !rows.is_empty() {
            let params = Param::columns(&DELIVERIES, &rows.iter().collect::<Vec<_>>());
            let places: Vec<String> = params
                .iter()
                .enumerate()
                .map(|(index, param)| format!("${}::{}", index + 1, param.type_name()))
                .collect();
            let sql = format!(
                "INSERT INTO deliveries ({}) SELECT * FROM unnest({}) ON CONFLICT DO NOTHING",
                DELIVERIES.list(""),
                places.join(", ")
            );
            write.query(&sql, params);
        }
        if !counted.is_empty() {
            write.query(
                "UPDATE deliveries SET omitted = omitted + new.count,
                     omitted_until = greatest(coalesce(omitted_until, new.until), new.until)
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS new(id, count, until)
                 WHERE deliveries.id = new.id",
                vec![
                    Param::ints(counted.iter().map(|with| deliveries::id(with.with))),
                    Param::ints(counted.iter().map(|with| with.count as i64)),
                    Param::ints(counted.iter().map(|with| micros(with.until))),
                ],
            );
        }
        write.plain("COMMIT");
        session.run(&write).await?;
        self.shared.deliveries.written.add(rows.len() as u64);
        rows.clear();
        counted.clear();
        Ok(())
    }

    fn take_deliveries(&mut self) -> Result<(), PostgresError> {
        let DeliveryBatch { new, counted } = self.shared.deliveries.take();
        let mut result = Ok(());
        self.workspace.execute(|transaction| {
            result = new
                .iter()
                .try_for_each(|delivery| transaction.insert_delivery(delivery));
            Ok(())
        })?;
        result.map_err(|error| PostgresError::Failed(error.to_string()))?;
        self.unwritten.deliveries = self.workspace.take_all(&DELIVERIES)?;
        self.unwritten.counted = counted;
        Ok(())
    }

    async fn write_exchanges(&mut self) -> Result<(), PostgresError> {
        let UnwrittenRows {
            exchanges: rows,
            exchange_ids: ids,
            ..
        } = &mut self.unwritten;
        if rows.is_empty() {
            *rows = self.shared.exchanges.take();
        }
        if rows.is_empty() {
            return Ok(());
        }
        let session = self.connector.session().await?;
        if ids.is_empty() {
            *ids = draw(session, "exchanges_id_seq", rows.len()).await?;
        }
        insert_exchanges(session, rows, ids).await?;
        self.shared.exchanges.written.add(rows.len() as u64);
        rows.clear();
        ids.clear();
        Ok(())
    }
}

/// New ids of a sequence.
async fn draw(
    session: &PostgresSession,
    sequence: &str,
    count: usize,
) -> Result<Vec<i64>, PostgresError> {
    let sql = format!("SELECT nextval('{sequence}') FROM generate_series(1, $1)");
    let rows = session.query(&sql, vec![Param::int(count as i64)]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn insert_exchanges(
    session: &PostgresSession,
    rows: &[ExchangeRow],
    ids: &[i64],
) -> Result<(), PostgresError> {
    let days: Vec<i64> = rows.iter().map(|row| day_of(row.started)).collect();
    let distinct: BTreeSet<i64> = days.iter().copied().collect();
    ensure_days(session, &distinct.into_iter().collect::<Vec<_>>()).await?;
    let url = |row: &ExchangeRow| row.target.as_ref().map(|SentTo { url, .. }| url.clone());
    // Sorted, so that two daemons that insert the same ones wait for each other in one order.
    let urls: BTreeSet<String> = rows.iter().filter_map(url).collect();
    let origins: BTreeSet<String> = rows.iter().filter_map(|row| row.origin.clone()).collect();
    let mut write = Pipeline::default();
    write.plain(BEGIN);
    write.query(
        "INSERT INTO request_urls (url)
         SELECT DISTINCT ON (md5(url)) url FROM unnest($1::text[]) AS new(url) ORDER BY md5(url)
         ON CONFLICT (md5(url)) DO UPDATE SET used = excluded.used
             WHERE request_urls.used < excluded.used - 3600000000",
        vec![Param::texts(urls)],
    );
    write.query(
        "INSERT INTO receivers (origin) SELECT * FROM unnest($1::text[])
         ON CONFLICT (origin) DO UPDATE SET used = excluded.used WHERE receivers.used < excluded.used - 3600000000",
        vec![Param::texts(origins)],
    );
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    write.query(
        "INSERT INTO exchanges (id, run, step, attempt, started, method, url, size, content, receiver, took, failed, status, day)
         SELECT new.id, new.run, new.step, new.attempt, new.started, new.method,
             (SELECT id FROM request_urls WHERE md5(url) = md5(new.url) AND url = new.url),
             new.size, new.content, (SELECT id FROM receivers WHERE origin = new.origin),
             new.took, new.failed, new.status, new.day
         FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[],
             $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
             AS new(run, step, attempt, started, method, url, size, content, origin, took, failed, status, day, id)
         ON CONFLICT DO NOTHING",
        vec![
            Param::ints(rows.iter().map(|row| row.run)),
            Param::texts(rows.iter().map(|row| &row.step)),
            Param::ints(rows.iter().map(|row| i64::from(row.attempt))),
            Param::ints(rows.iter().map(|row| row.started)),
            Param::Texts(
                rows.iter()
                    .map(|row| Some(row.target.as_ref()?.method.clone()))
                    .collect(),
            ),
            Param::Texts(rows.iter().map(url).collect()),
            Param::ints(rows.iter().map(|row| number(row.content_size() as u64))),
            Param::Texts(rows.iter().map(|row| row.content.clone()).collect()),
            Param::Texts(rows.iter().map(|row| row.origin.clone()).collect()),
            Param::Ints(
                rows.iter()
                    .map(|row| Some(duration_micros(row.end?.took)))
                    .collect(),
            ),
            Param::Ints(
                rows.iter()
                    .map(|row| Some(i64::from(!row.end?.succeeded)))
                    .collect(),
            ),
            Param::Ints(
                rows.iter()
                    .map(|row| row.end?.status.map(i64::from))
                    .collect(),
            ),
            Param::ints(days),
            Param::ints(ids.iter().copied()),
        ],
    );
    write.plain("COMMIT");
    session.run(&write).await?;
    Ok(())
}
