//! The bounded buffer in front of the table of exchanges, and the table itself. Nothing waits for it: an exchange
//! that does not fit is counted as lost, and those in the buffer are written with the next tick.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{OptionalExtension, params};

use super::codec::exchange::encode_exchange;
use super::codec::{duration_micros, micros};
use super::transaction::WriteTransaction;
use super::writer_state::Gauge;
use crate::store::StoreError;
use flowtrigger_core::run::exchange::{AttemptEnd, RecordedExchange, SentTo};

/// Bytes in the buffer. With a tick every half second this is about 1,000 exchanges per second of the default size.
const BUFFER_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of an exchange beside its content.
const ROW_BYTES: usize = 200;

#[derive(Debug, Default)]
pub struct ExchangeBuffer {
    inner: Mutex<BufferedExchanges>,
    pub written: Gauge,
    pub lost: Gauge,
}

#[derive(Debug, Default)]
struct BufferedExchanges {
    rows: Vec<ExchangeRow>,
    bytes: usize,
}

/// An exchange as it is written: serialised by the task that recorded it, not by the writer.
#[derive(Debug)]
pub struct ExchangeRow {
    pub run: i64,
    pub step: String,
    pub attempt: u32,
    pub started: i64,
    pub target: Option<SentTo>,
    pub origin: Option<String>,
    pub end: Option<AttemptEnd>,
    pub content: Option<String>,
}

impl ExchangeBuffer {
    pub fn put(&self, recorded: RecordedExchange) {
        let row = ExchangeRow {
            run: i64::try_from(recorded.run.0).unwrap_or(i64::MAX),
            step: recorded.step,
            attempt: recorded.attempt,
            started: micros(recorded.started),
            origin: recorded.target.as_ref().and_then(SentTo::origin),
            target: recorded.target,
            end: recorded.end,
            content: recorded.exchange.as_ref().map(encode_exchange),
        };
        let bytes = row.bytes();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.bytes + bytes > BUFFER_BYTES {
            drop(inner);
            return self.lost.add(1);
        }
        inner.bytes += bytes;
        inner.rows.push(row);
    }

    pub fn take(&self) -> Vec<ExchangeRow> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes = 0;
        std::mem::take(&mut inner.rows)
    }
}

impl ExchangeRow {
    fn bytes(&self) -> usize {
        let url = self.target.as_ref().map_or(0, |target| target.url.len());
        ROW_BYTES + url + self.content_size()
    }

    pub fn content_size(&self) -> usize {
        self.content.as_ref().map_or(0, String::len)
    }
}

impl WriteTransaction<'_> {
    /// Writes the buffered exchanges as rows. Those of a run that has been deleted are dropped.
    pub fn write_exchanges(&mut self) -> Result<(), StoreError> {
        let rows = Arc::clone(&self.state.exchanges).take();
        // They count as written once the commit has succeeded, and as lost if it fails.
        self.state.buffered.exchanges += rows.len() as u64;
        for row in rows {
            let url = row.target.as_ref().map(|target| self.url_row(&target.url));
            let receiver = row.origin.as_ref().map(|origin| self.receiver_row(origin));
            let size = i64::try_from(row.content_size()).unwrap_or(i64::MAX);
            self.connection
                .prepare_cached(
                    "INSERT INTO exchanges (run, step, attempt, started, method, url, size, content,
                         receiver, took, failed, status)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
                     WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
                )?
                .execute(params![
                    row.run,
                    row.step,
                    row.attempt,
                    row.started,
                    row.target.as_ref().map(|target| target.method.as_str()),
                    url.transpose()?,
                    size,
                    row.content,
                    receiver.transpose()?,
                    row.end.map(|end| duration_micros(end.took)),
                    row.end.map(|end| !end.succeeded),
                    row.end.and_then(|end| end.status),
                ])?;
        }
        Ok(())
    }

    /// The row of a URL, inserted with its trigrams if it is new.
    fn url_row(&self, url: &str) -> Result<i64, StoreError> {
        let sql = "SELECT id FROM request_urls WHERE url = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let known: Option<i64> = statement.query_row([url], |row| row.get(0)).optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.connection
            .prepare_cached("INSERT INTO request_urls (url) VALUES (?1)")?
            .execute([url])?;
        let id = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("INSERT INTO request_url_trigrams (rowid, url) VALUES (?1, ?2)")?
            .execute(params![id, url])?;
        Ok(id)
    }

    /// The row of a scheme, host and port, inserted if it is new.
    fn receiver_row(&self, origin: &str) -> Result<i64, StoreError> {
        let sql = "SELECT id FROM receivers WHERE origin = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let known: Option<i64> = statement.query_row([origin], |row| row.get(0)).optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.connection
            .prepare_cached("INSERT INTO receivers (origin) VALUES (?1)")?
            .execute([origin])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Deletes the receivers that no exchange has any more.
    pub fn delete_unused_receivers(&self) -> Result<(), StoreError> {
        let sql = "DELETE FROM receivers
            WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE receiver = receivers.id)";
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Deletes the exchanges of a run, and the URLs that no other exchange has.
    pub fn delete_exchanges(&self, run: i64) -> Result<(), StoreError> {
        let urls: Vec<i64> = {
            let sql = "DELETE FROM exchanges WHERE run = ?1 RETURNING url";
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([run], |row| row.get::<_, Option<i64>>(0))?;
            let urls: Vec<Option<i64>> = rows.collect::<Result<_, _>>()?;
            urls.into_iter().flatten().collect()
        };
        for url in urls {
            let sql = "DELETE FROM request_urls WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM exchanges WHERE url = ?1)";
            if self.connection.prepare_cached(sql)?.execute([url])? > 0 {
                let sql = "DELETE FROM request_url_trigrams WHERE rowid = ?1";
                self.connection.prepare_cached(sql)?.execute([url])?;
            }
        }
        Ok(())
    }
}
