//! What a command would do, computed and not executed: the runs by rule and state, what each rule sends next, and for a
//! replay the summary that `replay --dry-run` prints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::request::{CommandRequest, CommandScope, EarlierResults, earlier};
use super::selection::{ConfirmedSet, SelectedForCommand, select};
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
use crate::report::run::command::RunCommand;
use crate::report::run::next_call::{NextCall, key_of_step};
use crate::store::history::{EventRowId, RunRow};
use crate::store::{History, ReplayId};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::plan::PlanStepKind;
use flowtrigger_core::matching::find::MatchScratch;

/// Rules whose next request is shown.
const MAX_SAMPLES: usize = 12;
/// Events that a replay from the page looks at, and for how long.
const MAX_EVENTS: usize = 50_000;
const MAX_TIME: Duration = Duration::from_secs(10);

/// What a command would do.
pub struct Consequences {
    pub request: CommandRequest,
    pub set: ConfirmedSet,
    pub effect: CommandEffect,
}

pub enum CommandEffect {
    Runs(RunsEffect),
    Replay(Box<ReplayEffect>),
}

/// A retry or a cancel.
#[derive(Default)]
pub struct RunsEffect {
    pub selected: SelectedForCommand,
    pub rules: Vec<RuleEffect>,
    pub failing: Vec<FailingReceiver>,
}

/// What happens to the runs of one rule.
pub struct RuleEffect {
    pub rule: String,
    pub states: BTreeMap<&'static str, usize>,
    /// What the first of them does next.
    pub sample: Option<NextStepOfRun>,
}

pub struct NextStepOfRun {
    pub run: u64,
    pub next: NextCall,
    /// The idempotency key of the first call.
    pub key: Option<String>,
}

/// A receiver whose last attempts failed.
pub struct FailingReceiver {
    pub origin: String,
    pub since: Timestamp,
    pub error: Option<String>,
}

pub struct ReplayEffect {
    pub file: ReplayFile,
    pub summary: ReplaySummary,
    pub rules: CurrentRules,
    pub first: Vec<FirstCalls>,
    json: Value,
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

impl Consequences {
    /// Reads what a command would do now.
    pub fn of(
        mut request: CommandRequest,
        history: &dyn History,
        book: Arc<Rulebook>,
        now: Timestamp,
    ) -> Result<Self, CommandError> {
        let selected = select(history, request.command, &request.scope)?;
        if let (CommandScope::Matching { newest, .. }, Some(selected)) =
            (&mut request.scope, &selected)
        {
            *newest = selected.newest;
        }
        match (request.command, selected) {
            (RunCommand::Retry | RunCommand::Cancel, selected) => {
                let selected = selected.unwrap_or_default();
                Ok(Self {
                    set: ConfirmedSet::of(&selected.runs),
                    effect: CommandEffect::Runs(runs_effect(
                        request.command,
                        selected,
                        history,
                        now,
                    )?),
                    request,
                })
            }
            (RunCommand::Replay(rules), selected) => {
                let scope = match selected {
                    Some(selected) => runs_scope(&request, rules, &selected.runs),
                    None => event_scope(&request, history)?,
                };
                let effect = replay_effect(scope, history, book, now)?;
                Ok(Self {
                    set: ConfirmedSet::new(effect.summary.runs, &effect.summary.digest),
                    effect: CommandEffect::Replay(Box::new(effect)),
                    request,
                })
            }
        }
    }

    /// Runs that were held because a command may have done its work.
    pub fn held(&self) -> usize {
        let RunsEffect { rules, .. } = match &self.effect {
            CommandEffect::Runs(runs) if self.request.command == RunCommand::Retry => runs,
            CommandEffect::Runs(_) | CommandEffect::Replay(_) => return 0,
        };
        let held = rules.iter().filter_map(|rule| rule.states.get("held"));
        held.sum()
    }

    pub fn json(&self) -> Value {
        let mut value = json!({
            "command": self.request.command.as_str(),
            "runs": self.set.count,
        });
        match &self.effect {
            CommandEffect::Runs(runs) => {
                let rules = runs.rules.iter();
                value["rules"] = rules
                    .map(|rule| {
                        let next = rule.sample.as_ref().and_then(|sample| {
                            let call = sample.next.calls().first()?;
                            Some(json!({"step": call.step, "call": call.call.to_json()}))
                        });
                        json!({"rule": rule.rule, "states": rule.states, "next": next})
                    })
                    .collect();
                let left_out = runs.selected.left_out.iter();
                value["left_out"] = left_out
                    .map(|left| json!({"count": left.count, "why": left.why}))
                    .collect();
            }
            CommandEffect::Replay(replay) => value["replay"] = replay.json.clone(),
        }
        value
    }
}

fn runs_effect(
    command: RunCommand,
    selected: SelectedForCommand,
    history: &dyn History,
    now: Timestamp,
) -> Result<RunsEffect, CommandError> {
    let mut rules: Vec<RuleEffect> = Vec::new();
    let mut first: BTreeMap<&str, &RunRow> = BTreeMap::new();
    for run in &selected.runs {
        first.entry(&run.rule).or_insert(run);
        let known = rules.iter_mut().find(|rule| rule.rule == run.rule);
        let of_rule = match known {
            Some(of_rule) => of_rule,
            None => {
                rules.push(RuleEffect {
                    rule: run.rule.clone(),
                    states: BTreeMap::new(),
                    sample: None,
                });
                rules.last_mut().expect("a rule was added")
            }
        };
        *of_rule.states.entry(run.state.as_str()).or_default() += 1;
    }
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.states.values().sum::<usize>()));
    if command == RunCommand::Retry {
        for rule in rules.iter_mut().take(MAX_SAMPLES) {
            let Some(run) = first.get(rule.rule.as_str()) else {
                continue;
            };
            rule.sample = history.run(run.id)?.map(|detail| {
                let next = NextCall::after_retry(&detail, now);
                let call = next.calls().first();
                let key = call.map(|call| key_of_step(&detail, &call.step));
                NextStepOfRun {
                    run: run.id.0,
                    next,
                    key,
                }
            });
        }
    }
    let failing = failing(&rules, history, now)?;
    Ok(RunsEffect {
        rules,
        failing,
        selected,
    })
}

/// The receivers of the next requests that have failed lately.
fn failing(
    rules: &[RuleEffect],
    history: &dyn History,
    now: Timestamp,
) -> Result<Vec<FailingReceiver>, CommandError> {
    let samples = rules.iter().filter_map(|rule| rule.sample.as_ref());
    let calls = samples.flat_map(|sample| sample.next.calls());
    let mut origins: Vec<String> = calls.filter_map(|call| origin(&call.call)).collect();
    if origins.is_empty() {
        return Ok(Vec::new());
    }
    origins.sort_unstable();
    origins.dedup();
    let receivers = history.receivers(now)?.into_iter();
    let failing = receivers.filter_map(|receiver| {
        let since = receiver.failing_since?;
        origins
            .contains(&receiver.origin)
            .then_some(FailingReceiver {
                since,
                error: receiver.last.and_then(|last| last.error),
                origin: receiver.origin,
            })
    });
    Ok(failing.collect())
}

fn origin(call: &Call) -> Option<String> {
    let Call::Http(http) = call else {
        return None;
    };
    let url = Url::parse(&http.url.to_string()).ok()?;
    Some(url.origin().ascii_serialization())
}

fn runs_scope(request: &CommandRequest, rules: ReplayRules, runs: &[RunRow]) -> ReplayScope {
    ReplayScope::Runs(SelectedRuns {
        runs: runs.iter().map(|run| run.id.0).collect(),
        rules,
        superseded: match (request.is_bulk(), request.results) {
            (true, EarlierResults::LeaveOut) => SupersededRuns::LeaveOut,
            (false, _) | (true, EarlierResults::Include) => SupersededRuns::Include,
        },
    })
}

fn event_scope(
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

fn replay_effect(
    scope: ReplayScope,
    history: &dyn History,
    book: Arc<Rulebook>,
    now: Timestamp,
) -> Result<ReplayEffect, CommandError> {
    let rules = current_rules(history, book, now)?;
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
    Ok(ReplayEffect {
        file,
        summary,
        rules,
        first,
        json,
    })
}

/// The rules that the daemon has loaded.
fn current_rules(
    history: &dyn History,
    book: Arc<Rulebook>,
    now: Timestamp,
) -> Result<CurrentRules, CommandError> {
    let latest = history.latest_revision()?.ok_or_else(|| {
        let error = CommandError::runtime("the rules of the daemon are not stored");
        error.help("restart the daemon, and repeat the command")
    })?;
    Ok(CurrentRules {
        origin: RulesOrigin::Daemon {
            revision: latest.id,
            since: history.in_force_since(latest.id, now)?,
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
