//! What a replay would do, counted: events by type, runs by rule and by earlier run, what is left out and why. It keeps
//! numbers and a few names, however many events there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::report::error::CommandError;
use crate::report::replay::assess::{Assessment, Assessor, LeftOutReason, PlannedReplay};
use crate::report::replay::state_file::ReplayProgress;
use crate::report::replay::targets::{ReplayTarget, ReplayTargets};
use crate::store::history::ArchivedEvent;
use flowtrigger_core::config::Config;
use flowtrigger_core::rule::Rule;

/// Runs whose requests are shown.
pub const SHOWN: usize = 3;
/// Names of one kind that are counted apart.
const MAX_NAMES: usize = 100;
/// Events that are named for one reason.
const MAX_EXAMPLES: usize = 3;

#[derive(Debug, Default)]
pub struct ReplaySummary {
    pub events: usize,
    /// When the first and the last one were received.
    pub received: Option<(Timestamp, Timestamp)>,
    pub by_type: NameCounts,
    pub runs: usize,
    pub by_rule: BTreeMap<String, RuleRuns>,
    /// By the state of the earlier run.
    pub earlier: BTreeMap<&'static str, usize>,
    pub left_out: BTreeMap<LeftOutReason, LeftOutCount>,
    /// Entries that received events and that are no longer configured.
    pub unknown_entries: NameCounts,
    /// The first runs.
    pub first: Vec<FirstRun>,
    /// A digest of the planned runs, by which two surveys are compared.
    pub digest: RunsDigest,
}

/// The runs of one rule.
#[derive(Debug)]
pub struct RuleRuns {
    pub rule: Arc<Rule>,
    pub runs: usize,
    pub earlier: BTreeMap<&'static str, usize>,
}

/// How often something was left out for one reason.
#[derive(Debug, Default)]
pub struct LeftOutCount {
    /// Events, or runs if rules are named.
    pub count: usize,
    pub rules: NameCounts,
    /// The ids of the first events.
    pub events: Vec<String>,
}

/// A run whose requests are shown.
#[derive(Debug, Clone)]
pub struct FirstRun {
    pub event: ArchivedEvent,
    pub rule: Arc<Rule>,
}

/// A digest of runs in their order.
#[derive(Debug, Clone, Default)]
pub struct RunsDigest(Sha256);

impl RunsDigest {
    /// Adds a run by a number and a name.
    pub fn add(&mut self, number: i64, name: &str) {
        self.0.update(number.to_be_bytes());
        self.0.update((name.len() as u64).to_be_bytes());
        self.0.update(name);
    }

    /// The first 16 hexadecimal digits.
    pub fn text(&self) -> String {
        let digest = self.0.clone().finalize();
        digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Counts by name. Names beyond the limit are counted together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NameCounts {
    pub names: BTreeMap<String, usize>,
    pub others: usize,
}

impl NameCounts {
    pub fn add(&mut self, name: &str) {
        let has_room = self.names.len() < MAX_NAMES;
        match self.names.get_mut(name) {
            Some(count) => *count += 1,
            None if has_room => {
                self.names.insert(name.to_owned(), 1);
            }
            None => self.others += 1,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Called after each event of a survey; an error ends it.
pub type OnSurveyed<'f> = &'f mut dyn FnMut(&ReplaySummary) -> Result<(), CommandError>;

impl ReplaySummary {
    /// Reads everything that is left of a replay.
    pub fn survey(
        assessor: &mut Assessor<'_>,
        progress: &ReplayProgress,
        on_event: OnSurveyed<'_>,
    ) -> Result<Self, CommandError> {
        let mut summary = Self::default();
        let mut targets = ReplayTargets::new(assessor.history, assessor.scope, progress);
        while let Some(target) = targets.read_next()? {
            let assessment = assessor.assess(&target)?;
            summary.add(&target, &assessment, &assessor.book.config);
            on_event(&summary)?;
        }
        Ok(summary)
    }

    pub fn add(&mut self, target: &ReplayTarget, assessment: &Assessment, config: &Config) {
        self.events += 1;
        let event = target.event();
        if let Some(event) = event {
            let at = event.position.received;
            let (first, last) = self.received.unwrap_or((at, at));
            self.received = Some((first.min(at), last.max(at)));
            self.by_type.add(&event.event_type);
            if !config.sources.contains_key(&event.endpoint) {
                self.unknown_entries.add(&event.endpoint);
            }
        }
        for planned in &assessment.runs {
            self.add_run(planned);
            if let Some(event) = event {
                self.digest.add(event.position.row.0, &planned.rule.name);
            }
            if let Some(event) = event.filter(|_| self.first.len() < SHOWN) {
                self.first.push(FirstRun {
                    event: event.clone(),
                    rule: Arc::clone(&planned.rule),
                });
            }
        }
        for left_out in &assessment.left_out {
            let count = self.left_out.entry(left_out.reason).or_default();
            count.count += 1;
            if let Some(rule) = &left_out.rule {
                count.rules.add(rule);
            }
            if let Some(event) = event.filter(|_| count.events.len() < MAX_EXAMPLES) {
                count.events.push(event.id.clone());
            }
        }
    }

    fn add_run(&mut self, planned: &PlannedReplay) {
        self.runs += 1;
        *self.earlier.entry(planned.earlier).or_default() += 1;
        let name = planned.rule.name.clone();
        let of_rule = self.by_rule.entry(name).or_insert_with(|| RuleRuns {
            rule: Arc::clone(&planned.rule),
            runs: 0,
            earlier: BTreeMap::new(),
        });
        of_rule.runs += 1;
        *of_rule.earlier.entry(planned.earlier).or_default() += 1;
    }

    /// The rules whose gates would be checked for a delivery.
    pub fn gated(&self) -> BTreeSet<&str> {
        let rules = self.by_rule.iter();
        let gated = rules.filter(|(_, runs)| !runs.rule.gates.is_empty());
        gated.map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_up_to_a_limit() {
        let mut counts = NameCounts::default();
        for number in 0..MAX_NAMES + 5 {
            counts.add(&number.to_string());
        }
        counts.add("0");
        assert_eq!((counts.names.len(), counts.others), (MAX_NAMES, 5));
        assert_eq!(counts.names["0"], 2);
    }
}
