//! Compares what became of each event at each rule before and after, and counts the differences of each rule.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::report::backtest::outcome::MatchOutcome;
use crate::store::history::EventRowId;
use flowtrigger_core::run::RunId;

/// What an outcome is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparedSide {
    /// What ran, or the rules that are compared with.
    Before,
    /// The rules of the backtest.
    After,
}

/// Whether an outcome can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    Known(MatchOutcome),
    /// The rule reads a redacted field.
    Redacted,
    /// Retention deleted the runs of the event.
    RunsDeleted,
}

/// What became of one event at one rule on one side.
#[derive(Debug, Clone, Copy)]
pub struct OutcomeRecord {
    pub rule: u32,
    pub row: EventRowId,
    pub received: Timestamp,
    pub side: ComparedSide,
    pub knowledge: Knowledge,
    /// The run that exists.
    pub run: Option<RunId>,
}

/// All outcomes of a backtest.
#[derive(Debug, Default)]
pub struct OutcomeTable {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    records: Vec<OutcomeRecord>,
    /// Events that repeat another one, which has their runs.
    repeats: HashMap<EventRowId, EventRowId>,
}

/// One event at one rule, on both sides.
#[derive(Debug, Clone, Copy)]
pub struct EventComparison {
    pub row: EventRowId,
    pub received: Timestamp,
    pub before: MatchOutcome,
    pub after: MatchOutcome,
    /// The run that exists.
    pub run: Option<RunId>,
}

/// The runs of one rule on both sides.
#[derive(Debug, Clone, Default)]
pub struct RuleComparison {
    pub name: String,
    pub before: u64,
    pub after: u64,
    pub new: u64,
    pub gone: u64,
    pub same: u64,
    /// Matches that gates stopped, by gate.
    pub kept_back: BTreeMap<&'static str, u64>,
    pub kept_back_before: BTreeMap<&'static str, u64>,
    /// Events of which nothing is claimed, because the rule reads a redacted field.
    pub redacted: u64,
    /// Events of which nothing is claimed, because their runs were deleted.
    pub runs_deleted: u64,
    /// The newest new and gone runs, the newest first.
    pub new_events: Vec<EventComparison>,
    pub gone_events: Vec<EventComparison>,
}

/// Whether a run of a rule in shadow counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShadowRuns {
    /// The rule of the backtest is in shadow: what would run is compared.
    Count,
    Ignore,
}

impl OutcomeTable {
    /// The number of a rule's name.
    pub fn rule(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// Adds an outcome, and returns its number.
    pub fn add(&mut self, record: OutcomeRecord) -> usize {
        self.records.push(record);
        self.records.len() - 1
    }

    /// Sets an outcome that was decided later.
    pub fn decide(&mut self, number: usize, outcome: MatchOutcome) {
        self.records[number].knowledge = Knowledge::Known(outcome);
    }

    /// An event is the same as another one.
    pub fn repeat(&mut self, row: EventRowId, first: EventRowId) {
        self.repeats.insert(row, first);
    }

    /// Compares both sides of every rule, in the order of the names. `samples` is how many events of each kind are kept,
    /// `shadow` says how runs in shadow of a rule count, and `is_revived` whether a person started a run that the loop
    /// guard had stopped.
    pub fn compare<E>(
        mut self,
        samples: usize,
        shadow: &dyn Fn(&str) -> ShadowRuns,
        is_revived: &mut dyn FnMut(RunId) -> Result<bool, E>,
    ) -> Result<Vec<RuleComparison>, E> {
        for record in &mut self.records {
            if let Some(first) = self.repeats.get(&record.row) {
                record.row = *first;
            }
        }
        let order = |record: &OutcomeRecord| (record.rule, record.row, record.side);
        self.records.sort_by_key(order);
        let mut rules: BTreeMap<&str, RuleComparison> = BTreeMap::new();
        for group in self
            .records
            .chunk_by(|a, b| (a.rule, a.row) == (b.rule, b.row))
        {
            let name = &*self.names[group[0].rule as usize];
            let rule = rules.entry(name).or_insert_with(|| RuleComparison {
                name: name.to_owned(),
                ..RuleComparison::default()
            });
            match EventComparison::of(group) {
                Err(Knowledge::RunsDeleted) => rule.runs_deleted += 1,
                Err(Knowledge::Redacted | Knowledge::Known(_)) => rule.redacted += 1,
                Ok(mut event) => {
                    if let (MatchOutcome::KeptBack("loop_guard"), MatchOutcome::Run, Some(run)) =
                        (event.after, event.before, event.run)
                        && is_revived(run)?
                    {
                        event.after = MatchOutcome::Run;
                    }
                    rule.count(event, shadow(name));
                }
            }
        }
        let mut rules: Vec<RuleComparison> = rules.into_values().collect();
        for rule in &mut rules {
            for events in [&mut rule.new_events, &mut rule.gone_events] {
                events.sort_by_key(|event| std::cmp::Reverse((event.received, event.row)));
                events.truncate(samples);
            }
        }
        Ok(rules)
    }

    /// The stored events of which some outcome is not known.
    pub fn unknown_events(&self) -> (usize, usize) {
        let of = |knowledge: Knowledge| {
            let unknown = self.records.iter();
            let unknown = unknown.filter(|record| record.knowledge == knowledge);
            let rows: HashSet<EventRowId> = unknown.map(|record| record.row).collect();
            rows.len()
        };
        (of(Knowledge::Redacted), of(Knowledge::RunsDeleted))
    }
}

impl EventComparison {
    /// Both sides of one event at one rule; why they cannot be compared if one of them is unknown.
    fn of(group: &[OutcomeRecord]) -> Result<Self, Knowledge> {
        let mut both = Self {
            row: group[0].row,
            received: group[0].received,
            before: MatchOutcome::NoMatch,
            after: MatchOutcome::NoMatch,
            run: None,
        };
        for record in group {
            let outcome = match record.knowledge {
                Knowledge::Known(outcome) => outcome,
                unknown @ (Knowledge::Redacted | Knowledge::RunsDeleted) => return Err(unknown),
            };
            match record.side {
                ComparedSide::Before => both.before = outcome,
                ComparedSide::After => both.after = outcome,
            }
            both.run = both.run.or(record.run);
        }
        Ok(both)
    }
}

impl RuleComparison {
    fn count(&mut self, event: EventComparison, shadow: ShadowRuns) {
        if let Some(gate) = event.before.gate() {
            *self.kept_back_before.entry(gate).or_default() += 1;
        }
        if let Some(gate) = event.after.gate() {
            *self.kept_back.entry(gate).or_default() += 1;
        }
        let is_shadow = |outcome| outcome == MatchOutcome::ShadowRun;
        let before = event.before == MatchOutcome::Run
            || is_shadow(event.before) && shadow == ShadowRuns::Count;
        let after = match event.before {
            // It no longer acts.
            MatchOutcome::Run => event.after == MatchOutcome::Run,
            MatchOutcome::NoMatch | MatchOutcome::ShadowRun | MatchOutcome::KeptBack(_) => {
                event.after == MatchOutcome::Run || is_shadow(event.after)
            }
        };
        self.before += u64::from(before);
        self.after += u64::from(after);
        match (before, after) {
            (true, true) => self.same += 1,
            (true, false) => {
                self.gone += 1;
                self.gone_events.push(event);
            }
            (false, true) => {
                self.new += 1;
                self.new_events.push(event);
            }
            (false, false) => {}
        }
    }

    /// Whether the runs are other ones than before.
    pub fn has_changed(&self) -> bool {
        self.new + self.gone > 0
    }

    /// Matches that gates stopped.
    pub fn all_kept_back(&self) -> u64 {
        self.kept_back.values().sum()
    }

    pub fn all_kept_back_before(&self) -> u64 {
        self.kept_back_before.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: i64, side: ComparedSide, knowledge: Knowledge) -> OutcomeRecord {
        OutcomeRecord {
            rule: 0,
            row: EventRowId(row),
            received: Timestamp::from_second(row).expect("a time"),
            side,
            knowledge,
            run: None,
        }
    }

    fn compared(table: OutcomeTable, samples: usize, shadow: ShadowRuns) -> Vec<RuleComparison> {
        let never = &mut |_| Ok::<bool, ()>(false);
        table
            .compare(samples, &|_| shadow, never)
            .expect("no error")
    }

    #[test]
    fn runs_are_counted_as_new_gone_and_same() {
        use ComparedSide::{After, Before};
        let mut table = OutcomeTable::default();
        table.rule("page");
        let run = Knowledge::Known(MatchOutcome::Run);
        let kept = Knowledge::Known(MatchOutcome::KeptBack("dedupe"));
        for (row, before, after) in [
            (1, Some(run), Some(run)),
            (2, Some(run), None),
            (3, None, Some(run)),
            (4, Some(run), Some(kept)),
            (5, Some(kept), Some(kept)),
            (6, Some(run), Some(Knowledge::Redacted)),
            (7, Some(Knowledge::RunsDeleted), Some(run)),
        ] {
            for (side, knowledge) in [(After, after), (Before, before)] {
                if let Some(knowledge) = knowledge {
                    table.add(record(row, side, knowledge));
                }
            }
        }
        assert_eq!(table.unknown_events(), (1, 1));
        let rules = compared(table, 1, ShadowRuns::Ignore);
        let rule = &rules[0];
        assert_eq!((rule.before, rule.after), (3, 2));
        assert_eq!((rule.new, rule.gone, rule.same), (1, 2, 1));
        assert_eq!((rule.redacted, rule.runs_deleted), (1, 1));
        assert_eq!(rule.kept_back["dedupe"], 2);
        assert_eq!(rule.kept_back_before["dedupe"], 1);
        let rows: Vec<i64> = rule.gone_events.iter().map(|event| event.row.0).collect();
        assert_eq!(rows, [4], "the newest one");
    }

    #[test]
    fn a_repeat_has_the_runs_of_the_first_delivery() {
        let mut table = OutcomeTable::default();
        table.rule("page");
        let run = Knowledge::Known(MatchOutcome::Run);
        table.add(record(1, ComparedSide::After, run));
        table.add(record(2, ComparedSide::Before, run));
        table.repeat(EventRowId(2), EventRowId(1));
        let rule = compared(table, 3, ShadowRuns::Ignore).remove(0);
        assert_eq!((rule.new, rule.gone, rule.same), (0, 0, 1));
    }

    #[test]
    fn a_rule_that_leaves_shadow_starts_to_act() {
        let table = |after| {
            let mut table = OutcomeTable::default();
            table.rule("page");
            let shadow = Knowledge::Known(MatchOutcome::ShadowRun);
            table.add(record(1, ComparedSide::Before, shadow));
            table.add(record(1, ComparedSide::After, Knowledge::Known(after)));
            table
        };
        let live = compared(table(MatchOutcome::Run), 3, ShadowRuns::Ignore).remove(0);
        assert_eq!((live.new, live.same), (1, 0));
        let shadow = compared(table(MatchOutcome::ShadowRun), 3, ShadowRuns::Count).remove(0);
        assert_eq!((shadow.new, shadow.same), (0, 1));
    }
}
