//! The rules that listened to an event: a summary in sentences, and a card for each, the nearest miss first.

use std::cmp::Reverse;
use std::sync::Arc;

use maud::{Markup, html};

use crate::engine::Rulebook;
use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::rule_card::{Nearness, RuleCard, RuleSince, anchor};
use crate::page::part::state::run_state;
use crate::page::shell::count;
use crate::page::text::{capital, short, text};
use crate::report::render::gate_line::{GateLine, gate_lines};
use crate::report::render::run::{describe_causation, describe_run};
use crate::report::why::evaluated::{EvaluatedEvent, EvaluatedRule};
use crate::report::why::report::{describe_rules, sentence};
use crate::report::why::verdict::RuleOutcome;
use crate::store::history::{RunDetail, RunRow};
use crate::store::{CommandKind, GivenCommand, RevisionId};
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

/// Rules of one event that have a card.
const MAX_CARDS: usize = 100;
/// Runs of one rule that are listed.
const MAX_RUNS: usize = 20;
/// Rules that the summary names.
const MAX_NAMED: usize = 5;
/// Characters of a value in a sentence.
const MAX_VALUE: usize = 80;

/// What happened, in sentences.
pub fn happened(evaluated: &EvaluatedEvent) -> Markup {
    let event_type = evaluated.arrived.event.event_type.clone();
    let matched: Vec<&EvaluatedRule> = evaluated
        .rules
        .iter()
        .filter(|rule| rule.outcome() == RuleOutcome::Matched)
        .collect();
    let others = evaluated.rules.len() - matched.len();
    html! {
        @match sentence(evaluated, &[], &[event_type]) {
            Some(sentence) => p class="say" { b { (prose(&capital(&sentence))) "." } },
            None => p class="say" {
                b { (count(evaluated.listening, "rule")) " listened; " (matched.len()) " matched." } " "
                @if others > 0 && !matched.is_empty() {
                    @match others { 1 => "The other one did not match. ", n => { "The " (n) " others did not match. " } }
                }
                @for (number, rule) in matched.iter().take(MAX_NAMED).enumerate() {
                    @if number > 0 { " · " }
                    (acted(rule))
                }
                @if matched.len() > MAX_NAMED { " · " (count(matched.len() - MAX_NAMED, "more rule")) " matched" }
            },
        }
        @if let Some(rule) = sorted(evaluated).first().filter(|rule| card(rule, evaluated).nearness() == Nearness::Near) {
            (nearest(rule))
        }
    }
}

/// A rule that matched, with its runs.
fn acted(rule: &EvaluatedRule) -> Markup {
    let name = &rule.rule.name;
    html! {
        a href={ "#" (anchor(name)) } { (text(name)) } " "
        @for (number, run) in rule.runs.iter().take(MAX_RUNS).enumerate() {
            @if number > 0 { " " }
            (run_state(&run.row.state))
        }
        @if rule.runs.is_empty() { "matched, and no run of it is stored" }
    }
}

/// The predicate that kept the nearest rule from matching.
fn nearest(rule: &EvaluatedRule) -> Markup {
    let name = &rule.rule.name;
    let lines = rule.explanation.trace.lines.iter();
    let failing: Vec<_> = lines
        .filter(|line| line.verdict != Verdict::Match)
        .collect();
    html! {
        @if let [line] = failing.as_slice() {
            p class="say" {
                a href={ "#" (anchor(name)) } { (text(name)) }
                " missed by one predicate: it wants "
                code {
                    (short(&line.path, MAX_VALUE)) " "
                    @match line.polarity { Polarity::Positive => {}, Polarity::Negated => "not " }
                    (line.operator) " " (short(&line.want, MAX_VALUE))
                }
                @match &line.got {
                    Some(got) => { ", and got " (short(&got.to_string(), MAX_VALUE)) "." }
                    None => { ", and the field is missing." }
                }
            }
        } @else {
            p class="say" {
                a href={ "#" (anchor(name)) } { (text(name)) } " would match with one change to the event."
            }
        }
    }
}

/// The cards of all rules that listened.
pub fn rules(evaluated: &EvaluatedEvent, now: &RulesNow) -> Markup {
    let sorted = sorted(evaluated);
    let event_type = &evaluated.arrived.event.event_type;
    html! {
        section aria-labelledby="h-rules" {
            div class="bar" {
                h2 id="h-rules" { "Rules that listened" }
                p { (prose(&describe_rules(evaluated))) }
            }
            @for rule in sorted.iter().take(MAX_CARDS) { (now.card(rule, evaluated).html(&below(rule))) }
            @if sorted.is_empty() {
                div class="note plain" { p { "No rule listened to this type of event." } }
            }
            @if sorted.len() > MAX_CARDS {
                p class="more" { (count(sorted.len() - MAX_CARDS, "more rule")) " listened; they are in the JSON of this page." }
            }
            @if !evaluated.others.is_empty() {
                article class="box rule" {
                    header { h3 { "Runs of rules that did not listen at that time: replays with later rules" } }
                    dl class="gate" { @for run in evaluated.others.iter().take(MAX_RUNS) { (run_line(run, &describe_run(&run.row))) } }
                }
            }
            p class="mu more" {
                a href=(link::query("/rules", &[("type", event_type)])) {
                    "Rules that listen to " (short(event_type, MAX_VALUE)) " now"
                }
            }
        }
    }
}

pub fn card<'a>(rule: &'a EvaluatedRule, evaluated: &EvaluatedEvent) -> RuleCard<'a> {
    RuleCard {
        rule: &rule.rule,
        explanation: &rule.explanation,
        files: &rule.files,
        event: Some(evaluated.arrived.head.row),
        since: RuleSince::InForce,
    }
}

/// The rules in force, with which the rules of an event are compared.
pub struct RulesNow {
    pub in_force: Option<RevisionId>,
    pub rulebook: Arc<Rulebook>,
}

impl RulesNow {
    fn card<'a>(&self, rule: &'a EvaluatedRule, evaluated: &EvaluatedEvent) -> RuleCard<'a> {
        RuleCard {
            since: self.since(&rule.rule, evaluated.arrived.head.revision),
            ..card(rule, evaluated)
        }
    }

    fn since(&self, rule: &Rule, revision: RevisionId) -> RuleSince {
        if self.in_force.is_none_or(|in_force| in_force == revision) {
            return RuleSince::InForce;
        }
        match self.rulebook.rules.rule(&rule.name) {
            None => RuleSince::Gone(revision),
            Some(now) if now.version.document() == rule.version.document() => {
                RuleSince::Same(revision)
            }
            Some(_) => RuleSince::Changed(revision),
        }
    }
}

/// The nearest miss first, then what matched, then what is far from it.
fn sorted(evaluated: &EvaluatedEvent) -> Vec<&EvaluatedRule> {
    let mut rules: Vec<&EvaluatedRule> = evaluated.rules.iter().collect();
    rules.sort_by_cached_key(|rule| {
        let lines = rule.explanation.trace.lines.iter();
        let holding = lines.filter(|line| line.verdict == Verdict::Match).count();
        let failing = rule.explanation.trace.lines.len() - holding;
        (card(rule, evaluated).nearness(), failing, Reverse(holding))
    });
    rules
}

/// What is known of a rule besides its predicates: warnings, gates and runs.
fn below(rule: &EvaluatedRule) -> Markup {
    let is_later = !rule.matches() && !rule.runs.is_empty();
    let has_no_run = rule.outcome() == RuleOutcome::Matched && rule.runs.is_empty();
    html! {
        @if let Some(contradiction) = rule.contradiction() { div class="missing" { p { (prose(&contradiction)) } } }
        @if rule.outcome() == RuleOutcome::Disabled && rule.runs.is_empty() {
            div { p { "It matches, but is disabled: no run was made. With " code { "mode: shadow" } " a run would be recorded and nothing executed." } }
        }
        @if is_later { div { p { "It did not match when the event was received; later rules did, in a replay:" } } }
        @if !rule.runs.is_empty() || has_no_run {
            dl class="gate" {
                @for run in rule.runs.iter().take(MAX_RUNS) {
                    @for gate in gate_lines(run) { (gate_line(&gate)) }
                    (run_line(run, &of_run(run)))
                    (chain(run))
                }
                @if rule.runs.len() > MAX_RUNS {
                    dt { "Runs" }
                    dd { (count(rule.runs.len() - MAX_RUNS, "more run")) }
                }
                @if has_no_run { dt { "Run" } dd class="mu" { "no run of it is stored" } }
            }
        }
    }
}

fn gate_line(gate: &GateLine) -> Markup {
    html! {
        dt { "Gate" }
        dd {
            b { (gate.gate()) } " " (prose(&gate.details()))
            @if let Some(RunId(by)) = gate.closed_by() { " (" a class="link" href=(link::run(RunId(by))) { "run " (by) } ")" }
        }
    }
}

/// Why a run is in its state, unless the line of a gate says so.
fn of_run(run: &RunDetail) -> String {
    match gate_lines(run).iter().any(GateLine::is_closed) {
        true => String::new(),
        false => describe_run(&run.row),
    }
}

fn run_line(run: &RunDetail, description: &str) -> Markup {
    let row = &run.row;
    html! {
        dt { "Run" }
        dd {
            a class="id" href=(link::run(row.id)) { (row.id.0) } " " (run_state(&row.state))
            (replayed(run))
            span class="mu" {
                @if row.attempts > 0 { " after " (count(usize::try_from(row.attempts).unwrap_or(usize::MAX), "attempt")) }
                ", " (day_and_time(row.changed))
                @if !description.is_empty() { ": " (prose(description)) }
            }
        }
    }
}

/// Who replayed the event, of a run that a replay planned.
fn replayed(run: &RunDetail) -> Markup {
    let made = |made: &&GivenCommand| {
        let runs = made.result.as_ref();
        made.kind == CommandKind::Replay && runs.is_ok_and(|runs| runs.contains(&run.row.id))
    };
    let by = run.commands.iter().find(made);
    html! {
        @if let Some(command) = by {
            ", a replay by " (text(command.by.name.as_deref().unwrap_or("an unknown user")))
        } @else if run.row.replay.is_some() {
            ", a replay"
        }
    }
}

/// The runs that led to one that the loop guard stopped, the nearest first.
fn chain(run: &RunDetail) -> Markup {
    html! {
        @if !run.chain.is_empty() {
            dt { "Chain" }
            dd {
                @if let Some(causation) = describe_causation(&run.row) { (prose(&causation)) }
                ul {
                    @for cause in &run.chain { (cause_line(cause)) }
                    @if let Some(RunId(earlier)) = run.chain.last().and_then(|last| last.lineage.cause) {
                        li { "run " (earlier) ", and earlier runs" }
                    }
                }
            }
        }
    }
}

fn cause_line(cause: &RunRow) -> Markup {
    html! {
        li {
            a class="link" href=(link::run(cause.id)) { "run " (cause.id.0) } " " (run_state(&cause.state))
            " of " a href=(link::rule(&cause.rule)) { (text(&cause.rule)) } ", planned " (day_and_time(cause.planned))
            ", for " a href=(link::event(cause.event_row)) { (short(&cause.event_type, MAX_VALUE)) }
        }
    }
}
