//! Stored events as a list, newest first. Each filter reads one or more ranges of an index in the order of receipt, and
//! a page is merged from them, so that it costs the same however many events there are.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::runs::number;
use super::terms::FilterTerms;
use super::{HistoryDatabase, SqlHistory};
use crate::store::history::{
    ArchivePosition, CappedCount, EventFilter, EventPage, EventRowId, EventRun, HistoryError,
    ListedEvent, ListedOutcome, MAX_LISTED_RUNS,
};
use crate::store::sql::{SqlRow, SqlValue, params};
use crate::store::sqlite::codec::{micros, time};
use flowtrigger_core::run::RunId;

/// Types of a family that are looked at.
const MAX_TYPES: i64 = 500;
/// A rule with more runs than these is frequent: its events are found among the newest ones.
const MANY_RUNS: i64 = 5_000;

const COLUMNS: &str = "id, received, source, endpoint, type, event_id, key, matched, redelivered,
    last_received, had_runs";
const RUNS: &str = "SELECT r.id, q.rule, r.state FROM runs r JOIN queues q ON q.id = r.queue
    WHERE r.event = ?1 ORDER BY r.id LIMIT ?2";
/// The types of a family, each found with one look-up.
pub const TYPES: &str = "WITH RECURSIVE found (type) AS (
        SELECT min(type) FROM events WHERE type >= ?1
        UNION ALL SELECT (SELECT min(type) FROM events WHERE type > found.type)
            FROM found WHERE found.type < ?2)
    SELECT type FROM found WHERE type < ?2 LIMIT ?3";

/// A range of an index.
#[derive(Debug, Clone)]
pub struct EventRange<'f> {
    index: Option<&'static str>,
    terms: FilterTerms<'f>,
}

/// A rule as the filter needs it.
enum FilterRule {
    /// All of its events are few enough to be sorted.
    Rare(i64),
    Frequent {
        queue: i64,
        /// When its last run was planned: no event of it was received later.
        last: i64,
    },
}

/// The filter without its end if the page begins earlier: with both, SQLite would search from the end for each page.
pub(in crate::store) fn filter_of_page(filter: &EventFilter, page: EventPage) -> EventFilter {
    let is_needed = |until: &Timestamp| page.before.is_none_or(|at| at.received >= *until);
    EventFilter {
        until: filter.until.filter(is_needed),
        ..filter.clone()
    }
}

impl<D: HistoryDatabase> SqlHistory<D> {
    pub(super) fn list_events(
        &self,
        filter: &EventFilter,
        page: EventPage,
    ) -> Result<Vec<ListedEvent>, HistoryError> {
        let filter = filter_of_page(filter, page);
        let mut events = Vec::new();
        for range in self.ranges(&filter)? {
            let (sql, values) = range.list_query(page);
            events.extend(self.database.rows(&sql, &values, read)?);
        }
        events.sort_by_key(|event| Reverse(event.position));
        events.truncate(page.limit);
        for event in &mut events {
            self.add_runs(event)?;
        }
        Ok(events)
    }

    pub(super) fn count_listed_events(
        &self,
        filter: &EventFilter,
        cap: usize,
    ) -> Result<CappedCount, HistoryError> {
        let mut count = 0;
        for range in self.ranges(filter)? {
            let (sql, values) = range.count_query(cap);
            let found = self.database.first(&sql, &values, |row| row.get(0))?;
            count += found.map_or(0, number);
            if count > cap as u64 {
                break;
            }
        }
        Ok(CappedCount::new(count, cap))
    }

    fn add_runs(&self, event: &mut ListedEvent) -> Result<(), HistoryError> {
        if !event.matched {
            return Ok(());
        }
        let limit = MAX_LISTED_RUNS as i64 + 1;
        event.runs = self
            .database
            .rows(RUNS, params![event.position.row.0, limit], |row| {
                Ok(EventRun {
                    id: RunId(number(row.get(0)?)),
                    rule: row.get(1)?,
                    state: row.get(2)?,
                })
            })?;
        event.has_more_runs = event.runs.len() > MAX_LISTED_RUNS;
        event.runs.truncate(MAX_LISTED_RUNS);
        Ok(())
    }

    /// The ranges that together have the events of a filter, none of them twice.
    pub(in crate::store) fn ranges<'f>(
        &self,
        filter: &'f EventFilter,
    ) -> Result<Vec<EventRange<'f>>, HistoryError> {
        let Some(terms) = self.common_terms(filter)? else {
            return Ok(Vec::new());
        };
        if let Some(id) = &filter.id {
            return Ok(vec![EventRange::of(
                "events_by_id",
                &terms,
                "event_id",
                id.as_str(),
            )]);
        }
        if let Some(key) = &filter.key {
            return Ok(vec![EventRange::of(
                "events_by_key",
                &terms,
                "key",
                key.as_str(),
            )]);
        }
        if terms.is_rare {
            return Ok(vec![EventRange {
                index: None,
                terms: terms.terms,
            }]);
        }
        if let Some(name) = &filter.event_type {
            let mut ranges = Vec::new();
            for name in self.types_of(name)? {
                let range = EventRange::of("events_by_type", &terms, "type", name);
                ranges.extend(range.by_match(terms.matched));
            }
            return Ok(ranges);
        }
        if let Some(endpoint) = &filter.endpoint {
            let range = EventRange::of("events_by_endpoint", &terms, "endpoint", endpoint.as_str());
            return Ok(range.by_match(terms.matched));
        }
        if filter.outcome == Some(ListedOutcome::Redelivered) {
            return Ok(vec![EventRange {
                index: Some("events_redelivered"),
                terms: terms.terms,
            }]);
        }
        let both = [0, 1].into_iter().map(|matched| EventRange {
            index: Some(["events_unmatched", "events_matched"][matched]),
            terms: terms.terms.clone(),
        });
        let wanted = both.zip([0, 1]).filter_map(|(range, matched)| {
            let fits = terms.matched.is_none_or(|only| only == matched);
            fits.then(|| range.with_match(matched))
        });
        Ok(wanted.collect())
    }

    /// The terms of every range; `None` if no event can fulfil them.
    fn common_terms<'f>(
        &self,
        filter: &'f EventFilter,
    ) -> Result<Option<CommonTerms<'f>>, HistoryError> {
        let mut terms = FilterTerms::default();
        terms.add_some("received >= ?", filter.since.map(micros));
        terms.add_some("received < ?", filter.until.map(micros));
        terms.add_some("endpoint = ?", filter.endpoint.as_deref());
        terms.add_some("key = ?", filter.key.as_deref());
        if let Some(name) = &filter.event_type {
            match family(name) {
                Some((first, end)) => {
                    terms.add("type >= ?", first);
                    terms.add("type < ?", end);
                }
                None => terms.add("type = ?", name.as_str()),
            }
        }
        let mut matched = None;
        match filter.outcome {
            Some(ListedOutcome::Matched) => {
                matched = Some(1);
                terms.add_plain("matched = 1");
            }
            Some(ListedOutcome::Unmatched) => {
                matched = Some(0);
                terms.add_plain("matched = 0 AND had_runs = 0");
            }
            Some(ListedOutcome::Redelivered) => terms.add_plain("redelivered > 0"),
            None => {}
        }
        let mut is_rare = false;
        if let Some(rule) = &filter.rule {
            if matched == Some(0) {
                return Ok(None);
            }
            matched = Some(1);
            match self.filter_rule(rule)? {
                None => return Ok(None),
                Some(FilterRule::Rare(queue)) => {
                    is_rare = true;
                    terms.add("id IN (SELECT event FROM runs WHERE queue = ?)", queue);
                }
                Some(FilterRule::Frequent { queue, last }) => {
                    terms.add("received <= ?", last);
                    terms.add(
                        "EXISTS (SELECT 1 FROM runs INDEXED BY runs_by_event
                             WHERE event = events.id AND queue = ?)",
                        queue,
                    );
                }
            }
        }
        Ok(Some(CommonTerms {
            terms,
            matched,
            is_rare,
        }))
    }

    fn filter_rule(&self, rule: &str) -> Result<Option<FilterRule>, HistoryError> {
        let sql = "SELECT id FROM queues WHERE rule = ?1";
        let Some(queue) = self
            .database
            .first(sql, params![rule], |row| row.get::<i64>(0))?
        else {
            return Ok(None);
        };
        let sql = "SELECT count(*) FROM (SELECT 1 FROM runs WHERE queue = ?1 LIMIT ?2) newest";
        let runs = self
            .database
            .first(sql, params![queue, MANY_RUNS], |row| row.get::<i64>(0))?;
        if runs.unwrap_or_default() < MANY_RUNS {
            return Ok(Some(FilterRule::Rare(queue)));
        }
        let last = self.last_planned(queue)?.unwrap_or(i64::MAX);
        Ok(Some(FilterRule::Frequent { queue, last }))
    }

    /// The name itself, or the names of the family.
    fn types_of(&self, name: &str) -> Result<Vec<String>, HistoryError> {
        let Some((first, end)) = family(name) else {
            return Ok(vec![name.to_owned()]);
        };
        self.database
            .rows(TYPES, params![first, end, MAX_TYPES], |row| row.get(0))
    }
}

/// What all ranges of a filter have in common.
struct CommonTerms<'f> {
    terms: FilterTerms<'f>,
    /// The only value of the column `matched`.
    matched: Option<usize>,
    /// The events of a rule are few.
    is_rare: bool,
}

impl<'f> EventRange<'f> {
    fn of(
        index: &'static str,
        common: &CommonTerms<'f>,
        column: &str,
        text: impl Into<SqlValue<'f>>,
    ) -> Self {
        let mut terms = common.terms.clone();
        terms.add(&format!("{column} = ?"), text);
        Self {
            index: Some(index),
            terms,
        }
    }

    fn with_match(mut self, matched: usize) -> Self {
        self.terms.add_plain(format!("matched = {matched}"));
        self
    }

    /// The events with runs and those without.
    fn by_match(self, only: Option<usize>) -> Vec<Self> {
        let both = [0, 1].into_iter();
        let wanted = both.filter(|matched| only.is_none_or(|only| only == *matched));
        wanted
            .map(|matched| self.clone().with_match(matched))
            .collect()
    }

    fn table(&self) -> String {
        match self.index {
            Some(index) => format!("events INDEXED BY {index}"),
            None => "events".to_owned(),
        }
    }

    /// The statement of a page and its parameters.
    pub(in crate::store) fn list_query(self, page: EventPage) -> (String, Vec<SqlValue<'f>>) {
        let table = self.table();
        let mut terms = self.terms;
        if let Some(ArchivePosition { received, row }) = page.before {
            let received = terms.parameter(micros(received));
            let row = terms.parameter(row.0);
            terms.add_plain(format!("(received, id) < ({received}, {row})"));
        }
        let limit = terms.parameter(i64::try_from(page.limit).unwrap_or(i64::MAX));
        let sql = format!(
            "SELECT {COLUMNS} FROM {table} {} ORDER BY received DESC, id DESC LIMIT {limit}",
            terms.clause()
        );
        (sql, terms.values())
    }

    /// The statement that counts up to one more than the cap.
    pub(in crate::store) fn count_query(self, cap: usize) -> (String, Vec<SqlValue<'f>>) {
        let table = self.table();
        let mut terms = self.terms;
        let limit = terms.parameter(i64::try_from(cap).unwrap_or(i64::MAX).saturating_add(1));
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} {} LIMIT {limit}) found",
            terms.clause()
        );
        (sql, terms.values())
    }
}

/// The first name of a family such as `ticket.*`, and the first one behind it.
fn family(name: &str) -> Option<(String, String)> {
    let prefix = name.strip_suffix('*')?;
    // No name has a character that is higher.
    Some((prefix.to_owned(), format!("{prefix}{}", char::MAX)))
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<ListedEvent> {
    Ok(ListedEvent {
        position: ArchivePosition {
            received: time(row.get(1)?),
            row: EventRowId(row.get(0)?),
        },
        source: row.get(2)?,
        endpoint: row.get(3)?,
        event_type: row.get(4)?,
        id: row.get(5)?,
        key: row.get(6)?,
        matched: row.get(7)?,
        redelivered: number(row.get(8)?),
        last_received: row.get::<Option<i64>>(9)?.map(time),
        had_runs: row.get(10)?,
        runs: Vec::new(),
        has_more_runs: false,
    })
}
