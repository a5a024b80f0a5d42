//! Shows what a rule would do with an event: its gates, and the plan of its flow with secrets as names.

use maud::{Markup, html};

use crate::page::answer::day_and_time;
use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::dry_run::RuleAnswer;
use crate::report::render::call;
use crate::report::render::diagnostics::number;
use crate::report::render::gates;
use crate::report::render::gates::{GateText, prevented};
use crate::report::render::plan::{describe_branch, describe_guard, describe_lane};
use crate::report::render::wait_for;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::egress::policy::EgressPolicy;
use flowtrigger_core::flow::plan::{PlanBranch, PlanStep, PlanStepKind};
use flowtrigger_core::gate::reading::ClosedGate;
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::Trace;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::gate_status::GateState;
use flowtrigger_core::run::call_result::{CallFailure, Reply};
use flowtrigger_core::run::{Attempt, RunId};

/// Steps that are shown.
const MAX_STEPS: usize = 200;
/// Characters of a value.
const MAX_VALUE: usize = 2_000;

/// The gates and the plan of a rule that matches; nothing for another one. `own` are the runs of the event itself.
pub fn gates_and_plan(
    answer: &RuleAnswer<'_>,
    own: &[RunId],
    outgoing: &EgressPolicy,
    files: &Files,
) -> Markup {
    let gates = gates::texts(answer.loops.as_ref(), &answer.gates);
    html! {
        @if !gates.is_empty() {
            dl class="gate" {
                dt { "Gates" }
                dd {
                    @for gate in &gates {
                        p {
                            b { (gate.gate) } " " (text(&gate.lets_through)) " "
                            span class=[tone(gate.state)] { (words(gate, own)) }
                        }
                    }
                }
            }
        }
        @if !answer.plan.is_empty() {
            @match answer.closed_gate() {
                None => (plan(answer, outgoing, files)),
                Some(gate) => details {
                    summary { b { (prevented(gate)) } span class="mu" { ": what it would do if the gate were open" } }
                    (plan(answer, outgoing, files))
                },
            }
        }
    }
}

/// What the state of a gate means, with the time at which it opens.
fn words(gate: &GateText<'_>, own: &[RunId]) -> Markup {
    let closed = match gate.state {
        GateState::Closed { why } => ClosedGate::read(why),
        GateState::Open
        | GateState::Gathers { .. }
        | GateState::NotConsulted
        | GateState::NeverSuppresses { .. } => ClosedGate::default(),
    };
    let written = match gate.words.rsplit_once("; opens again at ") {
        Some((before, _)) if closed.opens.is_some() => before,
        Some(_) | None => &gate.words,
    };
    html! {
        (text(written))
        @if let Some(RunId(run)) = closed.by.filter(|run| own.contains(run)) { " (run " (run) " is of this same event)" }
        @if let Some(opens) = closed.opens { "; opens again at " (day_and_time(opens)) }
    }
}

fn tone(state: &GateState) -> Option<&'static str> {
    match state {
        GateState::Closed { .. } => Some("red"),
        GateState::Open
        | GateState::Gathers { .. }
        | GateState::NotConsulted
        | GateState::NeverSuppresses { .. } => Some("mu"),
    }
}

fn plan(answer: &RuleAnswer<'_>, outgoing: &EgressPolicy, files: &Files) -> Markup {
    let steps = &answer.plan;
    let mut number_of_step = 0;
    let numbered = steps.iter().map(|planned| {
        let is_new = planned.depth == 0 && !planned.what.continues_previous();
        number_of_step += usize::from(is_new);
        (is_new.then_some(number_of_step), planned)
    });
    let on_dead = answer.rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let on_dead: Vec<&str> = on_dead.map(|step| step.name.as_str()).collect();
    html! {
        div class="plan" {
            p {
                b { "Would do " }
                span class="mu" {
                    (text(&describe_lane(answer.rule)))
                    @match answer.rule.mode {
                        Mode::Live => {},
                        Mode::Shadow | Mode::Disabled => { "; " (answer.rule.mode.as_str()) ", so nothing of this is sent" },
                    }
                }
            }
            @for (number, planned) in numbered.take(MAX_STEPS) {
                p class="more" {
                    @if let Some(number) = number { (number) " " }
                    b class="m" { (text(&planned.step_path)) } " "
                    span class="mu" { (kind(planned)) }
                }
                (step(planned, outgoing, files))
            }
            @if steps.len() > MAX_STEPS { p class="mu more" { "and " (number(steps.len() - MAX_STEPS, "more step")) } }
            @if !on_dead.is_empty() {
                p class="more" { b { "If it dies " } (text(&on_dead.join(", "))) }
            }
        }
    }
}

/// The kind of a step, and what it would do, if that is short.
fn kind(planned: &PlanStep<'_>) -> Markup {
    let kind = planned.step.action.kind();
    let words = match &planned.what {
        PlanStepKind::Call(..) => return html! {},
        PlanStepKind::Guard { truth, .. } => describe_guard(*truth, planned.depth).to_owned(),
        PlanStepKind::Choice { taken, .. } => describe_branch(*taken),
        PlanStepKind::Undecided(evaluated) => format!(
            "branch {} reads the result of an earlier step",
            evaluated.len() + 1
        ),
        PlanStepKind::Set(_) => String::new(),
        PlanStepKind::Items(0) => "the list is empty".to_owned(),
        PlanStepKind::Items(items) => number(*items, "item"),
        PlanStepKind::More => return html! { "the same for the remaining items" },
        PlanStepKind::Wait { until } => format!("until {until:.0}; no other run waits for it"),
        PlanStepKind::WaitFor { until, .. } => wait_for::until(*until),
        PlanStepKind::Otherwise => return html! { (wait_for::OTHERWISE) },
        PlanStepKind::Decided(outcome) => wait_for::decided(outcome),
        PlanStepKind::Enters(flow) => flow.clone(),
        PlanStepKind::Caught(why) => return html! { "caught: " (short(why, MAX_VALUE)) },
        PlanStepKind::End(message) => message.clone().unwrap_or_default(),
        PlanStepKind::Later => {
            "reads the result of an earlier step, which is not known before the run".to_owned()
        }
        PlanStepKind::Fails(why) => {
            return html! { (kind) " " span class="red" { "would end the run as dead: " (short(why, MAX_VALUE)) } };
        }
        PlanStepKind::Stops(why) => return html! { (kind) " " (short(why, MAX_VALUE)) },
    };
    html! { (kind) " " (short(&words, MAX_VALUE)) }
}

/// What needs lines of its own.
fn step(planned: &PlanStep<'_>, outgoing: &EgressPolicy, files: &Files) -> Markup {
    match &planned.what {
        PlanStepKind::Call(call, simulated) => {
            let lines = call::lines(call, planned.step, outgoing);
            html! {
                pre class="code" { (text(&lines.join("\n"))) }
                @if let Some(attempt) = simulated { (outcome(attempt)) }
            }
        }
        PlanStepKind::Set(value) => {
            html! { pre class="code" { (short(&value.to_string(), MAX_VALUE)) } }
        }
        PlanStepKind::Guard { trace, .. } => predicates(trace, files),
        PlanStepKind::Choice { branches, .. } | PlanStepKind::Undecided(branches) => {
            html! { @for (branch, number) in branches.iter().zip(1..) { (self::branch(branch, number, files)) } }
        }
        PlanStepKind::WaitFor { same, .. } => {
            let lines = wait_for::lines(planned.step, same);
            html! { pre class="code" { (text(&lines.join("\n"))) } }
        }
        PlanStepKind::Items(_)
        | PlanStepKind::More
        | PlanStepKind::Wait { .. }
        | PlanStepKind::Otherwise
        | PlanStepKind::Decided(_)
        | PlanStepKind::Enters(_)
        | PlanStepKind::Caught(_)
        | PlanStepKind::End(_)
        | PlanStepKind::Later
        | PlanStepKind::Fails(_)
        | PlanStepKind::Stops(_) => html! {},
    }
}

/// What is known of the result of a call.
fn outcome(attempt: &Attempt) -> Markup {
    html! {
        p class="mu" {
            @match &attempt.outcome {
                Ok(Reply { value }) => { "gives " code { (short(&value.to_string(), MAX_VALUE)) } },
                Err(CallFailure { message, .. }) => { "fails: " (short(message, MAX_VALUE)) },
            }
        }
    }
}

fn branch(branch: &PlanBranch, number: usize, files: &Files) -> Markup {
    let words = match branch.truth {
        Truth::True => "holds",
        Truth::False | Truth::Unknown => "does not hold",
    };
    html! {
        p { "Branch " (number) " " (words) " " span class="m xs mu" { (text(&files.location(branch.at))) } }
        (predicates(&branch.trace, files))
    }
}

/// The predicates of a guard or a branch, one per line.
fn predicates(trace: &Trace, files: &Files) -> Markup {
    html! {
        ul class="in1" {
            @for line in &trace.lines {
                li {
                    @match line.verdict {
                        Verdict::Match => span class="vd ok" { "ok" },
                        Verdict::NoMatch => span class="vd fail" { "FAIL" },
                        Verdict::Missing => span class="vd missing" { "MISSING" },
                        Verdict::WrongType => span class="vd missing" { "TYPE" },
                    }
                    " " code { (text(&line.path)) } " "
                    @match line.polarity { Polarity::Positive => (""), Polarity::Negated => "not " }
                    (line.operator) " "
                    code { (short(&line.want, MAX_VALUE)) }
                    @if let Some(got) = &line.got { ", got " code { (short(&got.to_string(), MAX_VALUE)) } }
                    " " span class="m xs mu" { (text(&files.location(line.at))) }
                }
            }
        }
    }
}

/// The pill of a verdict on a rule.
pub fn verdict(truth: Truth) -> Markup {
    match truth {
        Truth::True => pill("ok", "match"),
        Truth::False => pill("none", "no match"),
        Truth::Unknown => pill("none", "missing"),
    }
}
