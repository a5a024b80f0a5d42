//! Writes what was buffered: unmatched events, requests of senders, and exchanges of attempts.

use std::collections::BTreeSet;

use super::cell::{Cell, Cells, DELIVERIES, EVENTS};
use super::error::PostgresError;
use super::executor::Executor;
use super::schema::{day_of, ensure_days};
use super::session::{Param, Pipeline, PostgresSession};
use crate::store::StoreError;
use crate::store::sqlite::codec::{duration_micros, micros};
use crate::store::sqlite::deliveries;
use crate::store::sqlite::delivery_buffer::DeliveryBatch;
use crate::store::sqlite::exchanges::ExchangeRow;
use flowtrigger_core::run::exchange::SentTo;

/// A power failure of the server may lose the last moment of what nothing waits for.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";

impl Executor {
    /// Writes all buffers. What cannot be written is lost, and counted.
    pub async fn write_buffers(&mut self) -> Result<(), StoreError> {
        let written = [
            self.write_unmatched().await,
            self.write_exchanges().await,
            self.write_deliveries().await,
        ];
        for result in written {
            if let Err(error) = result {
                self.connector.roll_back(&error).await;
                self.workspace.clear().map_err(StoreError::from)?;
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn write_unmatched(&mut self) -> Result<(), PostgresError> {
        let mut result = Ok(());
        self.workspace.execute(|transaction| {
            transaction.state.archiving = 0;
            result = transaction.write_archive_buffer();
            Ok(())
        })?;
        result.map_err(|error| PostgresError::Failed(error.to_string()))?;
        let rows = self.workspace.changes(&EVENTS)?.inserted;
        self.workspace.clear()?;
        if rows.is_empty() {
            return Ok(());
        }
        let count = rows.len() as u64;
        let stored = self.insert_unmatched(rows).await;
        match &stored {
            Ok(()) => self.shared.archive.written.add(count),
            Err(_) => self.shared.archive.lost.add(count),
        }
        stored
    }

    async fn insert_unmatched(&mut self, mut rows: Vec<Cells>) -> Result<(), PostgresError> {
        let received = EVENTS.index("received");
        let day = |row: &Cells| day_of(row[received].int().unwrap_or_default());
        let days: Vec<i64> = rows.iter().map(day).collect();
        let distinct: BTreeSet<i64> = days.iter().copied().collect();
        let session = self.connector.session().await?;
        ensure_days(session, &distinct.into_iter().collect::<Vec<_>>()).await?;
        let draw = "SELECT nextval('event_ids') FROM generate_series(1, $1)";
        let ids = session
            .query(draw, vec![Param::int(rows.len() as i64)])
            .await?;
        for (row, id) in rows.iter_mut().zip(&ids) {
            row[0] = Cell::Int(id.try_get(0)?);
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
            "INSERT INTO unmatched_events ({columns}) SELECT {columns} FROM unnest({}) AS new({}, day)",
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
        let DeliveryBatch { new, counted } = self.shared.deliveries.take();
        if new.is_empty() && counted.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        self.workspace.execute(|transaction| {
            result = new
                .iter()
                .try_for_each(|delivery| transaction.insert_delivery(delivery));
            Ok(())
        })?;
        result.map_err(|error| PostgresError::Failed(error.to_string()))?;
        let rows = self.workspace.take_all(&DELIVERIES)?;
        let session = self.connector.session().await?;
        let mut write = Pipeline::default();
        write.plain(BEGIN);
        if !rows.is_empty() {
            let rows: Vec<&Cells> = rows.iter().collect();
            let params = Param::columns(&DELIVERIES, &rows);
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
        Ok(())
    }

    async fn write_exchanges(&mut self) -> Result<(), PostgresError> {
        let rows = self.shared.exchanges.take();
        if rows.is_empty() {
            return Ok(());
        }
        let count = rows.len() as u64;
        let session = self.connector.session().await?;
        let stored = insert_exchanges(session, &rows).await;
        match &stored {
            Ok(()) => self.shared.exchanges.written.add(count),
            Err(_) => self.shared.exchanges.lost.add(count),
        }
        stored
    }
}

async fn insert_exchanges(
    session: &PostgresSession,
    rows: &[ExchangeRow],
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
        "INSERT INTO request_urls (url) SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING",
        vec![Param::texts(urls)],
    );
    write.query(
        "INSERT INTO receivers (origin) SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING",
        vec![Param::texts(origins)],
    );
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    write.query(
        "INSERT INTO exchanges (run, step, attempt, started, method, url, size, content, receiver, took, failed, status, day)
         SELECT new.run, new.step, new.attempt, new.started, new.method,
             (SELECT id FROM request_urls WHERE md5(url) = md5(new.url) AND url = new.url),
             new.size, new.content, (SELECT id FROM receivers WHERE origin = new.origin),
             new.took, new.failed, new.status, new.day
         FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[],
             $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
             AS new(run, step, attempt, started, method, url, size, content, origin, took, failed, status, day)",
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
        ],
    );
    write.plain("COMMIT");
    session.run(&write).await?;
    Ok(())
}
