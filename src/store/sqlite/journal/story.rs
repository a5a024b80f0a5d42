//! All that is known of one run: its event, its rule as it was, its log, and the runs beside it.
//! It compiles the rule that was kept with the run; today's rules do not come into it.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Row;
use serde_json::Value;

use super::runs::{number, row};
use super::{Arrived, Filter, Journal, Page, ReadError, RunRow, Window};
use crate::core::diagnostic::{Diagnostics, Files};
use crate::core::flow::step::Flow;
use crate::core::gate::Ask;
use crate::core::loop_guard::GATE;
use crate::core::rule::jobspec::Rule;
use crate::core::rule::version::Version;
use crate::core::rule::version_compile::compile_version;
use crate::core::run::{Line, RunId};
use crate::store::sqlite::codec::{self, Unreadable, time};
use crate::store::sqlite::config_source;

#[derive(Debug, Clone)]
pub struct RunStory {
    pub row: RunRow,
    pub arrived: Arrived,
    pub rule: KeptRule,
    pub lane: Option<String>,
    pub generation: u32,
    /// `error.…` of a run that tells of another one's death; null of any other.
    pub error: Value,
    /// What its gates were asked, in their order.
    pub asks: Vec<Ask>,
    /// Where it still counts at a gate.
    pub charges: Vec<Charge>,
    /// What its debounce gathered, or had gathered when another run took it up.
    pub window: Option<Window>,
    pub log: Vec<Line>,
    /// What led to it, the nearest first, where the loop guard suppressed it.
    pub chain: Vec<RunRow>,
    /// The run whose end it waits for.
    pub behind: Option<RunId>,
    /// The run that tells of this one's death.
    pub told_by: Option<RunId>,
    /// It was under way when the program ended without a word, and has not been taken up since.
    pub suspect: bool,
    /// How often the program ended while this run alone was under way.
    pub crashes: u32,
}

/// The rule that a run was planned with.
#[derive(Debug, Clone)]
pub struct KeptRule {
    pub version: Version,
    /// Compiled again; or why this program cannot.
    pub rule: Result<Arc<Rule>, Diagnostics>,
    /// The file that the rule's positions point into.
    pub files: Arc<Files>,
}

/// A run counts at a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub gate: String,
    pub value: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl RunStory {
    /// What it runs: the rule's flow, or the one that tells of a death.
    pub fn flow(&self) -> Option<&Flow> {
        let rule = self.rule.rule.as_ref().ok()?;
        Some(crate::store::flow(rule, &self.error))
    }
}

/// Links of a chain that are shown.
const CHAIN: usize = 12;

/// The columns of a run that its line does not have.
struct Rest {
    event: i64,
    rule: i64,
    lane: Option<String>,
    generation: u32,
    error: Option<String>,
    asks: Option<String>,
    ready: Option<i64>,
    suspect: bool,
    crashes: u32,
    queue: i64,
}

const REST: &str = "event, rule, lane, generation, error, asks, ready, suspect, crashes, queue";

impl Journal {
    /// None where there is no such run, or no more.
    pub fn run(&self, run: RunId) -> Result<Option<RunStory>, ReadError> {
        let filter = Filter {
            ids: vec![run],
            ..Filter::default()
        };
        let page = Page {
            limit: 1,
            before: None,
        };
        let Some(line) = self.runs(&filter, page)?.pop() else {
            return Ok(None);
        };
        let sql = format!("SELECT {REST} FROM runs WHERE id = ?1");
        let Some(rest) = self.first(&sql, [row(run)], rest)? else {
            return Ok(None);
        };
        let Some(arrived) = self.event(rest.event)? else {
            return Ok(None);
        };
        Ok(Some(RunStory {
            rule: self.kept_rule(rest.rule)?,
            charges: self.charges(run)?,
            window: self.window_of(run)?,
            log: self.log(run)?,
            chain: self.chain_of(&line)?,
            behind: self.behind(&rest)?,
            told_by: self.told_by(run, rest.event)?,
            asks: codec::asks(rest.asks.as_deref())?,
            error: codec::error(rest.error.as_deref())?,
            row: line,
            arrived,
            lane: rest.lane,
            generation: rest.generation,
            suspect: rest.suspect,
            crashes: rest.crashes,
        }))
    }

    fn chain_of(&self, run: &RunRow) -> Result<Vec<RunRow>, ReadError> {
        match run.state.gate() {
            Some(GATE) => self.chain(run.lineage, CHAIN),
            Some(_) | None => Ok(Vec::new()),
        }
    }

    fn kept_rule(&self, rule: i64) -> Result<KeptRule, ReadError> {
        let found = self.first(codec::KEPT_RULE, [rule], codec::kept_rule)?;
        let (kept, config) = found.ok_or(Unreadable("rule of a run"))?;
        let config = Arc::new(config_source(&self.connection, config)?);
        let version = Version::kept(kept, config);
        let rule = compile_version(&version, &version.config().compile());
        Ok(KeptRule {
            files: Arc::new(version.files()),
            version,
            rule,
        })
    }

    fn log(&self, run: RunId) -> Result<Vec<Line>, ReadError> {
        let sql = "SELECT kind, step, try, at, took, outcome, detail FROM lines
            WHERE run = ?1 ORDER BY number LIMIT 100000";
        self.rows(sql, [row(run)], codec::line)
    }

    fn charges(&self, run: RunId) -> Result<Vec<Charge>, ReadError> {
        let sql =
            "SELECT gate, value, at, until FROM charges WHERE run = ?1 ORDER BY gate LIMIT 100";
        self.rows(sql, [row(run)], |row| {
            Ok(Charge {
                gate: row.get(0)?,
                value: row.get(1)?,
                at: time(row.get(2)?),
                until: time(row.get(3)?),
            })
        })
    }

    fn behind(&self, rest: &Rest) -> Result<Option<RunId>, ReadError> {
        if rest.ready != Some(0) {
            return Ok(None);
        }
        let sql = "SELECT owner FROM lanes WHERE queue = ?1 AND value = ?2";
        let owner = self.first(sql, (rest.queue, &rest.lane), |row| row.get(0))?;
        Ok(owner.map(|run| RunId(number(run))))
    }

    fn told_by(&self, run: RunId, event: i64) -> Result<Option<RunId>, ReadError> {
        let sql = "SELECT id FROM runs WHERE event = ?1 AND json_extract(error, '$.run') = ?2
            ORDER BY id DESC LIMIT 1";
        let found = self.first(sql, (event, row(run)), |row| row.get(0))?;
        Ok(found.map(|run| RunId(number(run))))
    }
}

fn rest(row: &Row<'_>) -> rusqlite::Result<Rest> {
    Ok(Rest {
        event: row.get(0)?,
        rule: row.get(1)?,
        lane: row.get(2)?,
        generation: row.get(3)?,
        error: row.get(4)?,
        asks: row.get(5)?,
        ready: row.get(6)?,
        suspect: row.get(7)?,
        crashes: row.get(8)?,
        queue: row.get(9)?,
    })
}
