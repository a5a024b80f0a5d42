//! What a replay would do: the summary that `replay --dry-run` prints, and the calls of the first runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::request::{CommandRequest, CommandScope, EarlierResults, earlier};
use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::replay::assess::Assessor;
use crate::report::replay::current_rules::{CurrentRules, RulesOrigin, first_plan};
use crate::report::replay::rate::ReplayRate;
use crate::report::replay::report::ReplayReport;
use crate::report::replay::scope::{
    EventScope, ReplayRules, ReplayScope, SelectedRuns, SupersededRuns,
};
use crate::report::replay::state_file::{ReplayFile, ReplayProgress};
use crate::report::replay::summary::ReplaySummary;
use crate::store::history::{EventRowId, RunRow};
use crate::store::{History, ReplayId, RevisionId};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::plan::PlanStepKind;
use flowtrigger_core::matching::find::MatchScratch;

/// Events that a replay from the page looks at, and for how long.
const MAX_EVENTS: usize = 50_000;
const MAX_TIME: Duration = Duration::from_secs(10);

/// A replay before it begins.
pub struct ReplayEffect {
    pub file: ReplayFile,
    pub summary: ReplaySummary,
    pub rules: CurrentRules,
    pub first: Vec<FirstCalls>,
    /// As `replay --dry-run --format json` prints it.
    pub json: Value,
}

/// What one of the first runs would send.
pub struct FirstCalls {
    pub rule: String,
    pub event: EventRowId,
    pub subject: String,
    pub calls: Vec<PlannedCall>,
    /// Steps that are not calls, or that depend on earlier results.
    pub others: usize,
}

pub struct PlannedCall {
    pub step: String,
    pub call: Call,
}

pub fn runs_scope(request: &CommandRequest, rules: ReplayRules, runs: &[RunRow]) -> ReplayScope {
    ReplayScope::Runs(SelectedRuns {
        runs: runs.iter().map(|run| run.id.0).collect(),
        rules,
        superseded: match (request.is_bulk(), request.results) {
            (true, EarlierResults::LeaveOut) => SupersededRuns::LeaveOut,
            (false, _) | (true, EarlierResults::Include) => SupersededRuns::Include,
        },
    })
}

pub fn event_scope(
    request: &CommandRequest,
    history: &dyn History,
) -> Result<ReplayScope, CommandError> {
    match &request.scope {
        CommandScope::Period(scope) => Ok(ReplayScope::Archive((**scope).clone())),
        CommandScope::Event { row, rule } => {
            let record = history.event(*row)?.ok_or_else(|| {
                let error = CommandError::nothing(format!("no event {} is stored", row.0));
                error.help("old events are deleted")
            })?;
            let received = record.head.received;
            let until = received.checked_add(Duration::from_millis(1));
            Ok(ReplayScope::Archive(EventScope {
                since: Some(received),
                until: until.unwrap_or(received),
                rules: rule.iter().cloned().collect(),
                ticket: None,
                source: None,
                endpoint: None,
                unmatched: false,
                earlier: earlier(request.results),
                row: Some(row.0),
            }))
        }
        CommandScope::Runs(_) | CommandScope::Matching { .. } => {
            Err(CommandError::usage("a replay of runs selects runs"))
        }
    }
}

impl ReplayEffect {
    /// Reads what a replay would do now.
    pub fn of(
        scope: ReplayScope,
        history: &dyn History,
        in_force: (Arc<Rulebook>, Option<RevisionId>),
        now: Timestamp,
    ) -> Result<Self, CommandError> {
        let rules = current_rules(history, in_force, now)?;
        let id = ReplayId::starting_at(now);
        let mut file = ReplayFile::new(id, now, "on the page".to_owned(), scope);
        let scope = file.scope.clone();
        let mut assessor = Assessor {
            history,
            book: &rules.book,
            scope: &scope,
            replay: id,
            scratch: MatchScratch::default(),
        };
        let began = Instant::now();
        let summary =
            ReplaySummary::survey(&mut assessor, &ReplayProgress::default(), &mut |summary| {
                match summary.events > MAX_EVENTS || began.elapsed() > MAX_TIME {
                    true => Err(CommandError::usage(format!(
                        "these are more events than the page looks at: the first {} took {} s",
                        summary.events,
                        began.elapsed().as_secs()
                    ))
                    .help("choose a shorter time, or use `flowtrigger replay`")),
                    false => Ok(()),
                }
            })?;
        file.total = summary.events;
        let rate = ReplayRate::default();
        file.rate = Some(rate.to_string());
        let report = ReplayReport {
            file: &file,
            summary: &summary,
            rules: &rules,
            rate,
            history,
        };
        let json = report.json()?;
        let first = first_calls(&summary, &rules, history)?;
        Ok(Self {
            file,
            summary,
            rules,
            first,
            json,
        })
    }
}

/// The rules that the daemon has loaded.
fn current_rules(
    history: &dyn History,
    (book, revision): (Arc<Rulebook>, Option<RevisionId>),
    now: Timestamp,
) -> Result<CurrentRules, CommandError> {
    let stored = match revision {
        Some(revision) => Some(revision),
        None => history.latest_revision()?.map(|latest| latest.id),
    };
    let revision = stored.ok_or_else(|| {
        let error = CommandError::runtime("the rules of the daemon are not stored");
        error.help("restart the daemon, and repeat the command")
    })?;
    Ok(CurrentRules {
        origin: RulesOrigin::Daemon {
            revision,
            since: history.in_force_since(revision, now)?,
        },
        book,
        files_differ: false,
    })
}

fn first_calls(
    summary: &ReplaySummary,
    rules: &CurrentRules,
    history: &dyn History,
) -> Result<Vec<FirstCalls>, CommandError> {
    let book = &rules.book;
    let mut scratch = MatchScratch::default();
    let mut all = Vec::new();
    for first in &summary.first {
        let row = first.event.position.row;
        let Some(record) = history.event(row)? else {
            continue;
        };
        let evaluation = book.rules.evaluate_event(&record.event, &mut scratch);
        let steps = first_plan(&first.rule, &evaluation, &book.config);
        let all_steps = steps.len();
        let calls: Vec<PlannedCall> = steps
            .into_iter()
            .filter_map(|step| match step.what {
                PlanStepKind::Call(call, _) => Some(PlannedCall {
                    step: step.step_path,
                    call: *call,
                }),
                PlanStepKind::Guard { .. }
                | PlanStepKind::Choice { .. }
                | PlanStepKind::Undecided(_)
                | PlanStepKind::Set(_)
                | PlanStepKind::Items(_)
                | PlanStepKind::More
                | PlanStepKind::Wait { .. }
                | PlanStepKind::WaitFor { .. }
                | PlanStepKind::Otherwise
                | PlanStepKind::Decided(_)
                | PlanStepKind::Enters(_)
                | PlanStepKind::Caught(_)
                | PlanStepKind::End(_)
                | PlanStepKind::Later
                | PlanStepKind::Fails(_)
                | PlanStepKind::Stops(_) => None,
            })
            .collect();
        let event = &first.event;
        let key = event.key.as_ref().map(|key| format!("#{key}"));
        all.push(FirstCalls {
            rule: first.rule.name.clone(),
            event: row,
            subject: key.unwrap_or_else(|| event.id.clone()),
            others: all_steps - calls.len(),
            calls,
        });
    }
    Ok(all)
}
