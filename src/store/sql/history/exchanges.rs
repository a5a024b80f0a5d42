//! The exchanges of a run, and the condition that finds runs by a part of a URL that they sent to.

use std::time::Duration;

use super::runs::{number, row};
use super::terms::FilterTerms;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::HistoryError;
use crate::store::sql::dialect::Dialect;
use crate::store::sql::{SqlRow, params};
use crate::store::sqlite::codec::exchange::decode_exchange;
use crate::store::sqlite::codec::time;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::exchange::{AttemptEnd, RecordedExchange, SentTo};

/// The letters of one entry of the index.
const TRIGRAM: usize = 3;
/// Trigrams of a text that are looked up. Candidates are compared with the whole text.
const MAX_TRIGRAMS: usize = 64;
/// The newest URLs that are compared with a text that is too short for the index.
const MAX_SCANNED_URLS: i64 = 100_000;
/// The newest exchanges with a part of a URL whose runs are looked at, where they are read before the runs.
const MAX_SENDING_RUNS: i64 = 100_000;
/// Exchanges of a run that are read.
const MAX_ROWS: usize = 10_000;

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn exchanges_of(&self, run: RunId) -> Result<Vec<RecordedExchange>, HistoryError> {
        let sql = format!(
            "SELECT step, attempt, started, method, request_urls.url, content,
                 took, failed, exchanges.status
             FROM exchanges LEFT JOIN request_urls ON request_urls.id = exchanges.url
             WHERE run = ?1 ORDER BY started, exchanges.id LIMIT {MAX_ROWS}"
        );
        let rows = self
            .database
            .rows(&sql, params![row(run)], |found| read(run, found))?;
        rows.into_iter().collect()
    }
}

fn read(run: RunId, row: &SqlRow<'_>) -> rusqlite::Result<Result<RecordedExchange, HistoryError>> {
    let (method, url): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
    let content: Option<String> = row.get(5)?;
    let exchange = match content.as_deref().map(decode_exchange).transpose() {
        Ok(exchange) => exchange,
        Err(unreadable) => return Ok(Err(unreadable.into())),
    };
    Ok(Ok(RecordedExchange {
        run,
        step: row.get(0)?,
        attempt: row.get(1)?,
        started: time(row.get(2)?),
        target: method.zip(url).map(|(method, url)| SentTo { method, url }),
        end: end(row)?,
        exchange,
    }))
}

/// `None` for an attempt that was stopped, and for one of an earlier version.
fn end(row: &SqlRow<'_>) -> rusqlite::Result<Option<AttemptEnd>> {
    let (took, failed): (Option<i64>, Option<bool>) = (row.get(6)?, row.get(7)?);
    let status = row.get(8)?;
    Ok(took.zip(failed).map(|(took, failed)| AttemptEnd {
        took: Duration::from_micros(number(took)),
        succeeded: !failed,
        status,
    }))
}

/// Adds the term of a filter by a part of a URL. Case does not matter.
pub(in crate::store) fn sent_to<'f>(text: &'f str, dialect: Dialect, terms: &mut FilterTerms<'f>) {
    let trigrams = match dialect {
        Dialect::Sqlite => trigrams(text),
        Dialect::Postgres => None,
    };
    let text_number = terms.parameter(text);
    let compared = format!("instr(lower(url), lower({text_number})) > 0");
    let urls = match (trigrams, dialect) {
        (Some(query), _) => {
            let query = terms.parameter(query);
            format!(
                "SELECT id FROM request_urls WHERE id IN (SELECT rowid FROM request_url_trigrams
                     WHERE request_url_trigrams MATCH {query}) AND {compared}"
            )
        }
        (None, Dialect::Sqlite) => format!(
            "SELECT id FROM request_urls WHERE id > (SELECT max(id) FROM request_urls) - {MAX_SCANNED_URLS}
                 AND {compared}"
        ),
        // Without the index of three letters, all are compared.
        (None, Dialect::Postgres) => format!("SELECT id FROM request_urls WHERE {compared}"),
    };
    let newest = match dialect {
        Dialect::Sqlite => String::new(),
        Dialect::Postgres => format!(" ORDER BY run DESC LIMIT {MAX_SENDING_RUNS}"),
    };
    terms.add_plain(format!(
        "r.id IN (SELECT run FROM exchanges WHERE url IN ({urls}){newest})"
    ));
}

/// The query for the rows that have all trigrams of a text; `None` if it has none.
fn trigrams(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let quoted = |trigram: &[char]| {
        let text: String = trigram.iter().collect();
        format!("\"{}\"", text.replace('"', "\"\""))
    };
    let trigrams: Vec<String> = letters
        .windows(TRIGRAM)
        .take(MAX_TRIGRAMS)
        .map(quoted)
        .collect();
    (!trigrams.is_empty()).then(|| trigrams.join(" AND "))
}
