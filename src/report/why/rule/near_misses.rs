//! Judges the newest events of a rule's types by the rule, and groups those that one predicate alone kept from matching.
//! Both the search and the judging are bounded, so that the answer takes less than a second on a large store.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::report::error::CommandError;
use crate::store::History;
use crate::store::history::{EventRecord, EventRowId, Page, RunFilter};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::matching::explain::obstacle::{Obstacle, condition_outcome};
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::rule::Rule;

/// The newest stored events, of all types, that are looked through.
pub const MAX_SEARCHED: usize = 20_000;
/// The newest events of the rule's types that are judged.
pub const MAX_JUDGED: usize = 2_000;
/// Different values of a predicate that are kept.
const MAX_VALUES: usize = 5;

/// The newest events of the types that a rule listens to.
pub struct EventSample {
    pub since: Timestamp,
    /// The oldest event that was looked through, if not all since that time were.
    pub searched_back_to: Option<Timestamp>,
    /// Events of its types.
    pub listened: usize,
    /// How many of them were judged by the rule: the newest.
    pub judged: usize,
    pub matched: usize,
    /// One predicate alone was in the way.
    pub missed_by_one: usize,
    /// Fields were redacted, so that they could not be judged.
    pub redacted: usize,
    pub near_misses: Vec<NearMissGroup>,
}

/// Events that one predicate kept from matching.
pub struct NearMissGroup {
    /// The number of the predicate in the rule.
    pub number: usize,
    pub predicate: TraceLine,
    pub events: usize,
    /// The newest of them.
    pub example: EventRecord,
    /// The most frequent values at its path; `None` if there was none.
    pub values: Vec<SeenValue>,
}

/// A value that a predicate read.
pub struct SeenValue {
    pub got: Option<Value>,
    pub events: usize,
}

impl EventSample {
    /// Reads the events of a rule since a time.
    pub fn read(
        rule: &Arc<Rule>,
        since: Timestamp,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        let recent = history.recent_events(MAX_SEARCHED, since)?;
        let is_cut = recent.len() == MAX_SEARCHED;
        let oldest = recent.last().map(|event| event.received);
        // Of all ticks, a rule gets only its own.
        let events = recent.iter().filter(|event| {
            rule.listens_to(&event.source, &event.event_type)
                && (rule.every.is_none() || rule.is_tick(&event.id))
        });
        let rows: Vec<_> = events.map(|event| event.row).collect();
        let mut sample = Self {
            since,
            searched_back_to: oldest.filter(|_| is_cut),
            listened: rows.len(),
            judged: 0,
            matched: 0,
            missed_by_one: 0,
            redacted: 0,
            near_misses: Vec::new(),
        };
        for row in rows.into_iter().take(MAX_JUDGED) {
            // Retention may have deleted it meanwhile.
            let Some(event) = history.event(row)? else {
                continue;
            };
            match is_redacted(&event.event) {
                true => sample.count_redacted(rule, row, history)?,
                false => sample.judge(rule, &event),
            }
        }
        sample.sort();
        Ok(sample)
    }

    /// Of a redacted event, a run alone shows that it matched.
    fn count_redacted(
        &mut self,
        rule: &Rule,
        row: EventRowId,
        history: &dyn History,
    ) -> Result<(), CommandError> {
        let filter = RunFilter {
            row: Some(row),
            rule: Some(rule.name.clone()),
            ..RunFilter::default()
        };
        match history.runs(&filter, Page::first(1))?.is_empty() {
            true => self.redacted += 1,
            false => {
                self.judged += 1;
                self.matched += 1;
            }
        }
        Ok(())
    }

    fn judge(&mut self, rule: &Rule, arrived: &EventRecord) {
        self.judged += 1;
        let outcome = condition_outcome(rule, &arrived.event);
        self.matched += usize::from(outcome.truth == Truth::True);
        self.missed_by_one += usize::from(!outcome.obstacles.is_empty());
        for obstacle in outcome.obstacles {
            self.add(obstacle, arrived);
        }
    }

    fn add(&mut self, obstacle: Obstacle, arrived: &EventRecord) {
        let mut groups = self.near_misses.iter_mut();
        let known = groups.find(|group| group.number == obstacle.number);
        let group = match known {
            Some(group) => group,
            None => {
                self.near_misses.push(NearMissGroup {
                    number: obstacle.number,
                    predicate: obstacle.line.clone(),
                    events: 0,
                    example: arrived.clone(),
                    values: Vec::new(),
                });
                self.near_misses.last_mut().expect("it was just added")
            }
        };
        group.events += 1;
        let got = obstacle.line.got;
        match group.values.iter_mut().find(|seen| seen.got == got) {
            Some(seen) => seen.events += 1,
            None => group.values.push(SeenValue { got, events: 1 }),
        }
    }

    /// The most frequent first.
    fn sort(&mut self) {
        self.near_misses
            .sort_by_key(|group| (usize::MAX - group.events, group.number));
        for group in &mut self.near_misses {
            group.values.sort_by_key(|seen| usize::MAX - seen.events);
            group.values.truncate(MAX_VALUES);
        }
    }
}
