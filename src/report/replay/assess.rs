//! Decides for one stored event which runs a replay plans: the rules that match now, without those whose earlier run
//! needs no replay. Whatever is left out has a reason.

use std::sync::Arc;

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::replay::scope::{
    DELETED, EarlierStates, EventScope, NONE, ReplayRules, ReplayScope, SelectedRuns,
    SupersededRuns, is_unfinished,
};
use crate::report::replay::targets::{ReplayTarget, RunOfEvent};
use crate::store::history::{ArchivedEvent, HistoryError, RunRow};
use crate::store::{History, ReplayId, SeenRuns, UnfinishedRuns};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

/// What a replay does with one event.
#[derive(Debug, Default)]
pub struct Assessment {
    pub runs: Vec<PlannedReplay>,
    pub left_out: Vec<LeftOut>,
    /// The newest run of the event.
    newest: Option<RunId>,
}

/// A run that a replay plans.
#[derive(Debug, Clone)]
pub struct PlannedReplay {
    pub rule: Arc<Rule>,
    /// The state of the newest earlier run of the same event and rule.
    pub earlier: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub reason: LeftOutReason,
    /// The rule, if it is about one.
    pub rule: Option<String>,
}

/// Why an event, or a run of it, is not replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOutReason {
    Done,
    Started,
    NoMatch,
    Disabled,
    Unfinished,
    OtherState,
    RunsDeleted,
    Redacted,
    EventDeleted,
    Unreadable,
    ReportsOnDead,
}

impl LeftOutReason {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            LeftOutReason::NoMatch => "no_match",
            LeftOutReason::Disabled => "disabled",
            LeftOutReason::Done => "done",
            LeftOutReason::Started => "started",
            LeftOutReason::Unfinished => "unfinished",
            LeftOutReason::OtherState => "other_state",
            LeftOutReason::RunsDeleted => "runs_deleted",
            LeftOutReason::Redacted => "redacted",
            LeftOutReason::EventDeleted => "event_deleted",
            LeftOutReason::Unreadable => "unreadable",
            LeftOutReason::ReportsOnDead => "reports_on_dead_run",
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            LeftOutReason::NoMatch => "no enabled rule matches now",
            LeftOutReason::Disabled => "the rule matches and is disabled",
            LeftOutReason::Done => "the earlier run is done; `--include-done` adds it",
            LeftOutReason::Started => "already started by this replay",
            LeftOutReason::Unfinished => "the earlier run is unfinished and continues",
            LeftOutReason::OtherState => "the earlier run is in another state than `--earlier`",
            LeftOutReason::RunsDeleted => {
                "retention deleted the earlier runs, so whether they were done is unknown; `--include-done` adds them"
            }
            LeftOutReason::Redacted => {
                "fields were redacted (`redact` in flowtrigger.yaml); have the events sent again"
            }
            LeftOutReason::EventDeleted => "retention deleted the event meanwhile",
            LeftOutReason::Unreadable => "the stored event cannot be read by this version",
            LeftOutReason::ReportsOnDead => "the run reports on a dead run; replay that one",
        }
    }
}

/// Assesses events with the rules that a replay would use.
pub struct Assessor<'a> {
    pub history: &'a dyn History,
    pub book: &'a Rulebook,
    pub scope: &'a ReplayScope,
    pub replay: ReplayId,
    pub scratch: MatchScratch,
}

impl Assessor<'_> {
    pub fn assess(&mut self, target: &ReplayTarget) -> Result<Assessment, CommandError> {
        let Some(head) = target.event() else {
            return Ok(Assessment::without_run(LeftOutReason::EventDeleted));
        };
        let event = match self.history.event(head.position.row) {
            Ok(Some(record)) => record.event,
            Ok(None) => return Ok(Assessment::without_run(LeftOutReason::EventDeleted)),
            Err(HistoryError::Unreadable(_)) => {
                return Ok(Assessment::without_run(LeftOutReason::Unreadable));
            }
            Err(error @ (HistoryError::Timeout | HistoryError::Failed(_))) => {
                return Err(error.into());
            }
        };
        if is_redacted(&event) {
            return self.assess_redacted(head, &event);
        }
        match (target, self.scope) {
            (ReplayTarget::Run(run), ReplayScope::Runs(selected)) => {
                self.assess_run(run, &event, selected)
            }
            (_, ReplayScope::Archive(scope)) => self.assess_event(head, &event, scope),
            (_, ReplayScope::Runs(_)) => Ok(Assessment::default()),
        }
    }

    /// The run was selected whatever its state is.
    fn assess_run(
        &mut self,
        run: &RunOfEvent,
        event: &Event,
        selected: &SelectedRuns,
    ) -> Result<Assessment, CommandError> {
        if run.run.tells_of.is_some() {
            return Ok(Assessment::without_run(LeftOutReason::ReportsOnDead));
        }
        let is_selected = |rule: &Rule| match selected.rules {
            ReplayRules::ItsRule => rule.name == run.run.rule,
            ReplayRules::EveryRule => true,
        };
        let mut assessment = Assessment::default();
        let rules = self.matching(event, &is_selected, &mut assessment)?;
        let runs = match rules.is_empty() {
            true => Vec::new(),
            false => self.history.runs_of(run.event.position.row)?,
        };
        assessment.newest = runs.iter().map(|run| run.id).max();
        for rule in rules {
            if self.is_started(&runs, &rule) {
                assessment.leave_out(LeftOutReason::Started, &rule);
                continue;
            }
            let newest = newest(&runs, &rule);
            let is_newer = newest.is_some_and(|newest| newest.id > run.run.id);
            let earlier = match rule.name == run.run.rule && !is_newer {
                true => run.run.state.as_str(),
                false => newest.map_or(NONE, |run| run.state.as_str()),
            };
            let states = EarlierStates::WithoutResult;
            match selected.superseded {
                SupersededRuns::LeaveOut if is_newer && !states.admit(earlier) => {
                    assessment.leave_out(reason(earlier, &states), &rule);
                }
                SupersededRuns::LeaveOut | SupersededRuns::Include => {
                    assessment.runs.push(PlannedReplay { rule, earlier });
                }
            }
        }
        Ok(assessment.or_no_match())
    }

    fn assess_event(
        &mut self,
        head: &ArchivedEvent,
        event: &Event,
        scope: &EventScope,
    ) -> Result<Assessment, CommandError> {
        let is_selected = |rule: &Rule| scope.rules.is_empty() || scope.rules.contains(&rule.name);
        let mut assessment = Assessment::default();
        let rules = self.matching(event, &is_selected, &mut assessment)?;
        if rules.is_empty() {
            return Ok(assessment.or_no_match());
        }
        let original = self.history.original(head)?;
        let runs = match original {
            Some(row) => self.history.runs_of(row)?,
            None => Vec::new(),
        };
        assessment.newest = runs.iter().map(|run| run.id).max();
        for rule in rules {
            if self.is_started(&runs, &rule) {
                assessment.leave_out(LeftOutReason::Started, &rule);
                continue;
            }
            let earlier = match newest_state(&runs, &rule) {
                NONE if head.had_runs => DELETED,
                state => state,
            };
            match scope.earlier.admit(earlier) {
                true => assessment.runs.push(PlannedReplay { rule, earlier }),
                false => assessment.leave_out(reason(earlier, &scope.earlier), &rule),
            }
        }
        Ok(assessment)
    }

    /// An event with redacted fields cannot be replayed. That is worth a word only if a selected rule listens to it
    /// and its runs are not done.
    fn assess_redacted(
        &mut self,
        head: &ArchivedEvent,
        event: &Event,
    ) -> Result<Assessment, CommandError> {
        let redacted = Assessment::without_run(LeftOutReason::Redacted);
        let ReplayScope::Archive(scope) = self.scope else {
            return Ok(redacted);
        };
        let evaluation = self.book.rules.evaluate_event(event, &mut self.scratch);
        let is_selected = |rule: &Rule| scope.rules.is_empty() || scope.rules.contains(&rule.name);
        let listening = evaluation.subscribed().into_iter();
        let listening: Vec<&Arc<Rule>> = listening.filter(|rule| is_selected(rule)).collect();
        if listening.is_empty() {
            return Ok(Assessment::without_run(LeftOutReason::NoMatch));
        }
        let runs = match self.history.original(head)? {
            Some(row) => self.history.runs_of(row)?,
            None => Vec::new(),
        };
        let mut done = Assessment::default();
        for rule in listening {
            match newest_state(&runs, rule) {
                NONE => {}
                "done" if !scope.earlier.admit("done") => {
                    done.leave_out(LeftOutReason::Done, rule);
                }
                _ => return Ok(redacted),
            }
        }
        Ok(match done.left_out.is_empty() {
            true => redacted,
            false => done,
        })
    }

    /// Whether this replay has started a run of the rule for the event.
    fn is_started(&self, runs: &[RunRow], rule: &Rule) -> bool {
        let mut of_rule = runs.iter().filter(|run| run.rule == rule.name);
        of_rule.any(|run| run.replay == Some(self.replay) && run.tells_of.is_none())
    }

    /// The selected rules that match now. Disabled ones whose condition holds are left out.
    fn matching(
        &mut self,
        event: &Event,
        is_selected: &dyn Fn(&Rule) -> bool,
        assessment: &mut Assessment,
    ) -> Result<Vec<Arc<Rule>>, CommandError> {
        let evaluation = self.book.rules.evaluate_event(event, &mut self.scratch);
        let disabled = evaluation.subscribed().into_iter();
        for rule in disabled.filter(|rule| rule.mode == Mode::Disabled && is_selected(rule)) {
            if evaluation.explain(rule)?.truth == Truth::True {
                assessment.left_out.push(LeftOut {
                    reason: LeftOutReason::Disabled,
                    rule: Some(rule.name.clone()),
                });
            }
        }
        let matched = evaluation.matched().filter(|rule| is_selected(rule));
        Ok(matched.map(Arc::clone).collect())
    }
}

impl Assessment {
    fn without_run(reason: LeftOutReason) -> Self {
        Self {
            left_out: vec![LeftOut { reason, rule: None }],
            ..Self::default()
        }
    }

    /// The runs of the event that were taken into account.
    pub fn seen(&self) -> SeenRuns {
        let mut earlier = self.runs.iter().map(|run| run.earlier);
        SeenRuns {
            newest: self.newest,
            unfinished: match earlier.any(is_unfinished) {
                true => UnfinishedRuns::PlanBeside,
                false => UnfinishedRuns::Continue,
            },
        }
    }

    fn leave_out(&mut self, reason: LeftOutReason, rule: &Rule) {
        self.left_out.push(LeftOut {
            reason,
            rule: Some(rule.name.clone()),
        });
    }

    /// An event without a run has at least one reason.
    fn or_no_match(mut self) -> Self {
        if self.runs.is_empty() && self.left_out.is_empty() {
            self = Self::without_run(LeftOutReason::NoMatch);
        }
        self
    }
}

/// The newest run of a rule; runs that report on a dead one do not count.
fn newest<'r>(runs: &'r [RunRow], rule: &Rule) -> Option<&'r RunRow> {
    let of_rule = runs
        .iter()
        .filter(|run| run.rule == rule.name && run.tells_of.is_none());
    of_rule.max_by_key(|run| run.id)
}

fn newest_state(runs: &[RunRow], rule: &Rule) -> &'static str {
    newest(runs, rule).map_or(NONE, |run| run.state.as_str())
}

fn reason(earlier: &str, states: &EarlierStates) -> LeftOutReason {
    match (states, earlier) {
        (EarlierStates::Only(_), _) => LeftOutReason::OtherState,
        (EarlierStates::WithoutResult | EarlierStates::WithDone, "done") => LeftOutReason::Done,
        (EarlierStates::WithoutResult | EarlierStates::WithDone, DELETED) => {
            LeftOutReason::RunsDeleted
        }
        (EarlierStates::WithoutResult | EarlierStates::WithDone, _) => LeftOutReason::Unfinished,
    }
}
