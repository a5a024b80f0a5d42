//! Runs as a list: filtered, the newest first, page by page.
//! It picks the rows before it looks at anything that belongs to them, so that a page costs a page.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Row, params_from_iter};

use super::{Journal, ReadError};
use crate::core::loop_guard::Lineage;
use crate::core::run::{RunId, State};
use crate::store::sqlite::codec::{self, micros, time};

/// Which runs; what is not said takes any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    pub ids: Vec<RunId>,
    pub rule: Option<String>,
    /// Words of states; none takes all.
    pub states: Vec<String>,
    /// The key of the event: the ticket.
    pub key: Option<String>,
    /// The event's id.
    pub event: Option<String>,
    /// When it was planned: from this moment on, and before that one.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Part of why it stands where it does, or of what one of its tries failed with; letters count
    /// alike in both cases.
    pub error: Option<String>,
    /// The event by its row.
    pub row: Option<i64>,
}

/// Which part of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    /// Only runs older than this one.
    pub before: Option<RunId>,
}

/// A run in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: RunId,
    pub rule: String,
    pub state: State,
    pub planned: Timestamp,
    /// When its state changed last.
    pub changed: Timestamp,
    pub source: String,
    pub event_type: String,
    pub event: String,
    pub key: Option<String>,
    pub attempts: u64,
    /// What the last failed try said.
    pub error: Option<String>,
    /// It tells of this run's death.
    pub tells_of: Option<RunId>,
    pub lineage: Lineage,
}

impl Filter {
    /// Whether it takes every run there is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn conditions(&self) -> (Vec<String>, Vec<Sql>) {
        let (mut terms, mut values) = (Vec::new(), Vec::new());
        let mut term = |sql: &str, value: Sql| {
            values.push(value);
            terms.push(sql.replace('?', &format!("?{}", values.len())));
        };
        if let Some(rule) = &self.rule {
            term(
                "r.queue IN (SELECT id FROM queues WHERE rule = ?)",
                rule.clone().into(),
            );
        }
        if let Some(key) = &self.key {
            term(
                "r.event IN (SELECT id FROM events WHERE key = ?)",
                key.clone().into(),
            );
        }
        if let Some(event) = &self.event {
            term(
                "r.event IN (SELECT id FROM events WHERE event_id = ?)",
                event.clone().into(),
            );
        }
        if let Some(row) = self.row {
            term("r.event = ?", row.into());
        }
        if let Some(since) = self.since {
            term("r.planned >= ?", micros(since).into());
        }
        if let Some(until) = self.until {
            term("r.planned < ?", micros(until).into());
        }
        if let Some(error) = &self.error {
            term(ERROR, error.clone().into());
        }
        if !self.states.is_empty() {
            let words = serde_json::to_string(&self.states).expect("words are JSON");
            term("r.state IN (SELECT value FROM json_each(?))", words.into());
        }
        if !self.ids.is_empty() {
            let ids: Vec<u64> = self.ids.iter().map(|id| id.0).collect();
            let ids = serde_json::to_string(&ids).expect("numbers are JSON");
            term("r.id IN (SELECT value FROM json_each(?))", ids.into());
        }
        (terms, values)
    }
}

const ERROR: &str = "(instr(lower(r.why), lower(?)) > 0 OR EXISTS (
    SELECT 1 FROM lines WHERE run = r.id AND outcome = 'failed'
        AND instr(lower(json_extract(detail, '$.message')), lower(?)) > 0))";

const COLUMNS: &str = "r.id, q.rule, r.state, r.why, r.gate, r.due, r.planned, r.changed,
    e.source, e.type, e.event_id, e.key,
    r.attempts, r.failed, json_extract(r.error, '$.run'), r.depth, r.cause";

impl Journal {
    /// The newest first.
    pub fn runs(&self, filter: &Filter, page: Page) -> Result<Vec<RunRow>, ReadError> {
        let (mut terms, mut values) = filter.conditions();
        if let Some(before) = page.before {
            values.push(row(before).into());
            terms.push(format!("r.id < ?{}", values.len()));
        }
        values.push(i64::try_from(page.limit).unwrap_or(i64::MAX).into());
        let limit = values.len();
        let terms = match terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", terms.join(" AND ")),
        };
        let sql = format!(
            "WITH picked AS MATERIALIZED
                (SELECT r.id FROM runs r {terms} ORDER BY r.id DESC LIMIT ?{limit})
             SELECT {COLUMNS} FROM picked JOIN runs r ON r.id = picked.id
                JOIN queues q ON q.id = r.queue JOIN events e ON e.id = r.event
             ORDER BY r.id DESC"
        );
        let rows = self.rows(&sql, params_from_iter(values), read)?;
        rows.into_iter().collect()
    }

    /// What led to a run, the nearest first, at most so many; shorter where retention took the rest.
    pub fn chain(&self, lineage: Lineage, most: usize) -> Result<Vec<RunRow>, ReadError> {
        let mut chain: Vec<RunRow> = Vec::new();
        let mut cause = lineage.cause;
        while let Some(run) = cause.filter(|_| chain.len() < most) {
            let filter = Filter {
                ids: vec![run],
                ..Filter::default()
            };
            let page = Page {
                limit: 1,
                before: None,
            };
            let Some(row) = self.runs(&filter, page)?.pop() else {
                break;
            };
            // A cause is always older, whatever a damaged row says.
            cause = row.lineage.cause.filter(|cause| *cause < run);
            chain.push(row);
        }
        Ok(chain)
    }

    /// The names of rules that ever had a run.
    pub fn rules_with_runs(&self) -> Result<Vec<String>, ReadError> {
        self.rows("SELECT rule FROM queues ORDER BY rule", [], |row| {
            row.get(0)
        })
    }

    /// How many there are of each state's word.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.rows(
            "SELECT state, count(*) FROM runs GROUP BY state",
            [],
            |row| Ok((row.get(0)?, number(row.get(1)?))),
        )
    }
}

/// The number of a row.
pub(super) fn row(run: RunId) -> i64 {
    i64::try_from(run.0).unwrap_or(i64::MAX)
}

pub(super) fn number(row: i64) -> u64 {
    row.unsigned_abs()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<RunRow, ReadError>> {
    let word: String = row.get(2)?;
    let state = match codec::state(&word, row.get(3)?, row.get(4)?, row.get(5)?) {
        Ok(state) => state,
        Err(unreadable) => return Ok(Err(unreadable.into())),
    };
    Ok(Ok(RunRow {
        id: RunId(number(row.get(0)?)),
        rule: row.get(1)?,
        state,
        planned: time(row.get(6)?),
        changed: time(row.get(7)?),
        source: row.get(8)?,
        event_type: row.get(9)?,
        event: row.get(10)?,
        key: row.get(11)?,
        attempts: number(row.get(12)?),
        error: row.get(13)?,
        tells_of: row.get::<_, Option<i64>>(14)?.map(|run| RunId(number(run))),
        lineage: codec::lineage(row.get(15)?, row.get(16)?),
    }))
}
