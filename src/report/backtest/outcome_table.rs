//! All outcomes of a backtest: one small record for each event and rule, of which there can be many millions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::report::backtest::comparison::{
    ComparedSide, EventComparison, Knowledge, OutcomeRecord, RuleComparison, ShadowRuns,
};
use crate::report::backtest::outcome::{GATES, MatchOutcome};
use crate::store::history::EventRowId;
use flowtrigger_core::run::RunId;

/// The outcomes in the order in which they were added.
#[derive(Debug, Default)]
pub struct OutcomeTable {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    records: Vec<StoredOutcome>,
    /// The events of the records.
    events: Vec<(EventRowId, Timestamp)>,
    /// The runs of the records.
    runs: Vec<RunId>,
    /// Events that repeat another one, which has their runs.
    repeats: HashMap<EventRowId, EventRowId>,
}

/// A record in 16 bytes.
#[derive(Debug, Clone, Copy)]
struct StoredOutcome {
    rule: u32,
    /// The number of the event in the table.
    event: u32,
    /// The number of the run in the table, from 1; 0 without one.
    run: u32,
    side: ComparedSide,
    knowledge: StoredKnowledge,
}

/// [`Knowledge`] in one byte: a gate is its number in [`GATES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredKnowledge(u8);

impl StoredKnowledge {
    const REDACTED: Self = Self(u8::MAX);
    const RUNS_DELETED: Self = Self(u8::MAX - 1);
    /// The number of the first gate. One more than the known gates stands for any other.
    const GATES_FROM: u8 = 3;

    fn of(knowledge: Knowledge) -> Self {
        match knowledge {
            Knowledge::Known(MatchOutcome::NoMatch) => Self(0),
            Knowledge::Known(MatchOutcome::Run) => Self(1),
            Knowledge::Known(MatchOutcome::ShadowRun) => Self(2),
            Knowledge::Known(MatchOutcome::KeptBack(gate)) => {
                let number = GATES.iter().position(|known| *known == gate);
                let number = number.unwrap_or(GATES.len());
                Self(Self::GATES_FROM + u8::try_from(number).unwrap_or_default())
            }
            Knowledge::Redacted => Self::REDACTED,
            Knowledge::RunsDeleted => Self::RUNS_DELETED,
        }
    }

    fn read(self) -> Knowledge {
        match self {
            Self::REDACTED => Knowledge::Redacted,
            Self::RUNS_DELETED => Knowledge::RunsDeleted,
            Self(0) => Knowledge::Known(MatchOutcome::NoMatch),
            Self(1) => Knowledge::Known(MatchOutcome::Run),
            Self(2) => Knowledge::Known(MatchOutcome::ShadowRun),
            Self(number) => {
                let gate = GATES.get(usize::from(number - Self::GATES_FROM));
                Knowledge::Known(MatchOutcome::KeptBack(gate.copied().unwrap_or("gate")))
            }
        }
    }
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
        let event = (record.row, record.received);
        // The outcomes of an event come one after the other.
        if self.events.last() != Some(&event) {
            self.events.push(event);
        }
        self.runs.extend(record.run);
        let run = match record.run {
            Some(_) => small(self.runs.len()),
            None => 0,
        };
        self.records.push(StoredOutcome {
            rule: record.rule,
            event: small(self.events.len() - 1),
            run,
            side: record.side,
            knowledge: StoredKnowledge::of(record.knowledge),
        });
        self.records.len() - 1
    }

    /// Sets an outcome that was decided later.
    pub fn decide(&mut self, number: usize, outcome: MatchOutcome) {
        self.records[number].knowledge = StoredKnowledge::of(Knowledge::Known(outcome));
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
        for (row, _) in &mut self.events {
            if let Some(first) = self.repeats.get(row) {
                *row = *first;
            }
        }
        let mut records = std::mem::take(&mut self.records);
        records.sort_unstable_by_key(|record| {
            (
                record.rule,
                self.row(record),
                record.side,
                record.event,
                record.run,
            )
        });
        let mut rules: BTreeMap<&str, RuleComparison> = BTreeMap::new();
        for of_rule in records.chunk_by(|a, b| a.rule == b.rule) {
            let name = &*self.names[of_rule[0].rule as usize];
            let rule = rules.entry(name).or_insert_with(|| RuleComparison {
                name: name.to_owned(),
                ..RuleComparison::default()
            });
            let acted = |record: &StoredOutcome| {
                let run = StoredKnowledge::of(Knowledge::Known(MatchOutcome::Run));
                record.side == ComparedSide::Before && record.knowledge == run
            };
            let shadow = match of_rule.iter().any(acted) {
                // It no longer acts, whatever it would do.
                true => ShadowRuns::Ignore,
                false => shadow(name),
            };
            for group in of_rule.chunk_by(|a, b| self.row(a) == self.row(b)) {
                match EventComparison::of(group.iter().map(|record| self.read(record))) {
                    Err(Knowledge::RunsDeleted) => rule.runs_deleted += 1,
                    Err(Knowledge::Redacted | Knowledge::Known(_)) => rule.redacted += 1,
                    Ok(mut event) => {
                        if let (MatchOutcome::KeptBack("loop_guard"), MatchOutcome::Run, Some(run)) =
                            (event.after, event.before, event.run)
                            && is_revived(run)?
                        {
                            event.after = MatchOutcome::Run;
                        }
                        rule.count(event, shadow, samples);
                    }
                }
            }
        }
        let mut rules: Vec<RuleComparison> = rules.into_values().collect();
        for rule in &mut rules {
            rule.sort_samples(samples);
        }
        Ok(rules)
    }

    /// The stored events of which some outcome is not known.
    pub fn unknown_events(&self) -> (usize, usize) {
        let of = |knowledge: StoredKnowledge| {
            let unknown = self.records.iter();
            let unknown = unknown.filter(|record| record.knowledge == knowledge);
            let rows: HashSet<EventRowId> = unknown.map(|record| self.row(record)).collect();
            rows.len()
        };
        (
            of(StoredKnowledge::REDACTED),
            of(StoredKnowledge::RUNS_DELETED),
        )
    }

    fn row(&self, record: &StoredOutcome) -> EventRowId {
        self.events[record.event as usize].0
    }

    fn read(&self, record: &StoredOutcome) -> OutcomeRecord {
        let (row, received) = self.events[record.event as usize];
        let run = record.run.checked_sub(1);
        OutcomeRecord {
            rule: record.rule,
            row,
            received,
            side: record.side,
            knowledge: record.knowledge.read(),
            run: run.map(|run| self.runs[run as usize]),
        }
    }
}

/// Numbers of a table fit: it would need 64 GB before.
fn small(number: usize) -> u32 {
    u32::try_from(number).expect("fewer than 4,294,967,296 outcomes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_fits_in_a_byte() {
        let gates = GATES.into_iter().map(MatchOutcome::KeptBack);
        let known = [
            MatchOutcome::NoMatch,
            MatchOutcome::Run,
            MatchOutcome::ShadowRun,
        ];
        let known = known.into_iter().chain(gates).map(Knowledge::Known);
        for knowledge in known.chain([Knowledge::Redacted, Knowledge::RunsDeleted]) {
            assert_eq!(StoredKnowledge::of(knowledge).read(), knowledge);
        }
        assert_eq!(size_of::<StoredOutcome>(), 16);
    }

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
    fn a_rule_that_no_longer_acts_has_no_runs() {
        let mut table = OutcomeTable::default();
        table.rule("page");
        let shadow = Knowledge::Known(MatchOutcome::ShadowRun);
        let run = Knowledge::Known(MatchOutcome::Run);
        table.add(record(1, ComparedSide::Before, run));
        table.add(record(1, ComparedSide::After, shadow));
        table.add(record(2, ComparedSide::After, shadow));
        let rule = compared(table, 3, ShadowRuns::Count).remove(0);
        assert_eq!((rule.after, rule.new, rule.gone, rule.same), (0, 0, 1, 0));
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
