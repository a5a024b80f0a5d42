//! What a command would do, computed and not executed: the runs by rule and state, and what each rule sends next.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::replay_effect::{ReplayEffect, event_scope, runs_scope};
use super::request::{CommandRequest, CommandScope};
use super::selection::{ConfirmedSet, SelectedForCommand, select};
use crate::engine::Rulebook;
use crate::page::run::timeline::unfinished_command;
use crate::report::error::CommandError;
use crate::report::run::command::RunCommand;
use crate::report::run::next_call::{NextCall, key_of_step};
use crate::store::history::RunRow;
use crate::store::{History, RevisionId};
use flowtrigger_core::flow::call::Call;

/// Rules whose next request is shown.
const MAX_SAMPLES: usize = 12;

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
    /// Whether the command of that call was started before and has no result.
    pub is_repeated: bool,
}

/// A receiver whose last attempts failed.
pub struct FailingReceiver {
    pub origin: String,
    pub since: Timestamp,
    /// Rules of which the first run sends to it next.
    pub rules: usize,
    /// Of the first such run, or else of its last attempt.
    pub error: Option<String>,
}

impl Consequences {
    /// Reads what a command would do now.
    pub fn of(
        mut request: CommandRequest,
        history: &dyn History,
        in_force: (Arc<Rulebook>, Option<RevisionId>),
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
                let effect = ReplayEffect::of(scope, history, in_force, now)?;
                Ok(Self {
                    set: ConfirmedSet::new(effect.summary.runs, &effect.summary.digest),
                    effect: CommandEffect::Replay(Box::new(effect)),
                    request,
                })
            }
        }
    }

    /// Runs that were held because their work may be done already: by a command, or since a backup.
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
                    is_repeated: unfinished_command(&detail).is_some(),
                    next,
                    key,
                }
            });
        }
    }
    let failing = failing(&rules, &selected.runs, history, now)?;
    Ok(RunsEffect {
        rules,
        failing,
        selected,
    })
}

/// The receivers of the next requests that have failed lately.
fn failing(
    rules: &[RuleEffect],
    runs: &[RunRow],
    history: &dyn History,
    now: Timestamp,
) -> Result<Vec<FailingReceiver>, CommandError> {
    let samples = rules.iter().filter_map(|rule| rule.sample.as_ref());
    let calls = samples.flat_map(|sample| sample.next.calls());
    let mut calls = calls.filter_map(|call| origin(&call.call));
    if calls.next().is_none() {
        return Ok(Vec::new());
    }
    let receivers = history.receivers(now)?.into_iter();
    let failing = receivers.filter_map(|receiver| {
        let since = receiver.failing_since?;
        let samples = rules.iter().filter_map(|rule| rule.sample.as_ref());
        let sends = |sample: &&NextStepOfRun| {
            let mut calls = sample.next.calls().iter();
            calls.any(|call| origin(&call.call).as_ref() == Some(&receiver.origin))
        };
        let senders: Vec<u64> = samples.filter(sends).map(|sample| sample.run).collect();
        let first = runs.iter().find(|run| senders.contains(&run.id.0));
        let error = first.and_then(|run| run.error.clone());
        (!senders.is_empty()).then_some(FailingReceiver {
            since,
            rules: senders.len(),
            error: error.or(receiver.last.and_then(|last| last.error)),
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
