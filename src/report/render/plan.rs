//! Formats a plan as text and as JSON: steps in order, conditions with values, rendered calls.
//! What depends on the result of an earlier step is marked as such.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::call::{self, cut_line};
use crate::report::render::color::{Paint, Tone};
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::explanation::{lines, trace_json};
use crate::report::render::wait_for;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::egress::policy::EgressPolicy;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::plan::{PlanBranch, PlanStep, PlanStepKind};
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::rule::{Lane, Rule};
use flowtrigger_core::run::Attempt;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};

/// Where a reader of a plan can add `--mock`.
#[derive(Debug, Clone, Copy)]
pub enum MockCommand<'a> {
    /// To the command that prints the plan.
    ThisOne,
    /// To this `dry-run`, which reads the event from standard input.
    DryRun(&'a str),
}

/// Steps before another one whose results are not known, and how to simulate them.
struct UnknownResults<'a> {
    steps: Vec<&'a str>,
    /// Steps that wait: an option simulates no event and no answer.
    waits: Vec<&'a str>,
    command: MockCommand<'a>,
}

pub fn text(
    out: &mut Output,
    plan: &[PlanStep<'_>],
    rule: &Rule,
    sources: (&EgressPolicy, &Files),
) -> io::Result<()> {
    text_with(out, plan, rule, MockCommand::ThisOne, sources)
}

pub fn text_with(
    out: &mut Output,
    plan: &[PlanStep<'_>],
    rule: &Rule,
    command: MockCommand<'_>,
    (outgoing, files): (&EgressPolicy, &Files),
) -> io::Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let paint = Paint::new(out);
    writeln!(
        out,
        "  {}  {}; {}",
        paint.tone(Tone::Bold, "plan"),
        describe_effect(rule),
        describe_lane(rule)
    )?;
    let mut number = 0;
    let mut unknown = UnknownResults {
        steps: Vec::new(),
        waits: Vec::new(),
        command,
    };
    for planned in plan {
        number += usize::from(planned.depth == 0 && !planned.what.continues_previous());
        let heading = match planned.depth {
            0 => format!("{number} {}", planned.step_path),
            _ => planned.step_path.clone(),
        };
        let heading = paint.tone(Tone::Bold, &plain(&heading)).to_string();
        out.indented(2 * planned.depth, |out| {
            write!(out, "    {heading}  ")?;
            step(out, planned, &unknown, (outgoing, files))
        })?;
        if is_unknown(planned) && !unknown.steps.contains(&planned.step.name.as_str()) {
            unknown.steps.push(&planned.step.name);
        }
        if matches!(planned.what, PlanStepKind::WaitFor { .. }) {
            unknown.waits.push(&planned.step.name);
        }
    }
    on_dead(out, rule, files)
}

/// Which runs of a rule wait for each other.
pub fn describe_lane(rule: &Rule) -> String {
    match &rule.lane {
        Lane::Key if rule.is_about_tickets() => "one run at a time for each ticket".to_owned(),
        Lane::Key => "one run at a time for each key of an event".to_owned(),
        Lane::Rule => "one run at a time".to_owned(),
        Lane::Per(path) => format!("one run at a time for each {}", path.text),
        Lane::None => "runs do not wait for each other".to_owned(),
    }
}

/// What making a plan of a rule did.
fn describe_effect(rule: &Rule) -> &'static str {
    match rule.mode {
        Mode::Live => "nothing was sent",
        Mode::Shadow | Mode::Disabled => "nothing would be sent",
    }
}

/// Lists the steps under `on_dead` by name. What they would send depends on the error.
fn on_dead(out: &mut Output, rule: &Rule, files: &Files) -> io::Result<()> {
    let Some(first) = rule.on_dead.as_ref().and_then(|flow| flow.steps.first()) else {
        return Ok(());
    };
    let steps = rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
    let paint = Paint::new(out);
    writeln!(
        out,
        "    {}  {}  {}",
        paint.tone(Tone::Bold, "if it dies"),
        names.join(", "),
        paint.tone(Tone::Dim, &files.location(first.at))
    )
}

/// The steps under `on_dead` as JSON, without their calls.
pub fn on_dead_json(rule: &Rule, files: &Files) -> Value {
    let steps = rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let step = |step: &Step| {
        json!({
            "step": step.name,
            "kind": step.action.kind(),
            "at": files.location(step.at),
        })
    };
    steps.map(step).collect()
}

/// Whether the result of the step is not known in the plan, and can be simulated.
fn is_unknown(planned: &PlanStep<'_>) -> bool {
    match &planned.what {
        PlanStepKind::Call(_, None) | PlanStepKind::Later => planned.step.action.has_reply(),
        PlanStepKind::Call(_, Some(_))
        | PlanStepKind::Guard { .. }
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
        | PlanStepKind::Fails(_)
        | PlanStepKind::Stops(_) => false,
    }
}

/// `unknown` are the steps before this one whose results are not known.
fn step(
    out: &mut Output,
    planned: &PlanStep<'_>,
    unknown: &UnknownResults<'_>,
    (outgoing, files): (&EgressPolicy, &Files),
) -> io::Result<()> {
    let kind = planned.step.action.kind();
    match &planned.what {
        PlanStepKind::Call(call, simulated) => {
            call::text(out, call, planned.step, outgoing)?;
            let mut simulated = simulated.iter();
            simulated.try_for_each(|attempt| outcome(out, &attempt.outcome))
        }
        PlanStepKind::Guard { truth, trace } => {
            writeln!(out, "{kind}  {}", describe_guard(*truth, planned.depth))?;
            out.indented(5, |out| lines(out, trace, files))
        }
        PlanStepKind::Choice {
            branches: evaluated,
            taken,
        } => {
            writeln!(out, "{kind}  {}", describe_branch(*taken))?;
            out.indented(5, |out| branches(out, evaluated, files))
        }
        PlanStepKind::Undecided(evaluated) => {
            let open = evaluated.len() + 1;
            writeln!(
                out,
                "{kind}  branch {open} reads the result of an earlier step; {}",
                mock_hint(unknown)
            )?;
            out.indented(5, |out| branches(out, evaluated, files))
        }
        PlanStepKind::Set(value) => writeln!(out, "{kind}  {}", cut_line(&value.to_string())),
        PlanStepKind::Items(0) => writeln!(out, "{kind}  the list is empty"),
        PlanStepKind::Items(items) => writeln!(out, "{kind}  {}", number(*items, "item")),
        PlanStepKind::More => writeln!(out, "the same for the remaining items"),
        PlanStepKind::Wait { until } => {
            writeln!(out, "{kind}  until {until:.0}; no other run waits for it")
        }
        PlanStepKind::WaitFor { until, same } => {
            writeln!(out, "{kind}  {}", wait_for::until(*until))?;
            out.indented(5, |out| {
                let lines = wait_for::lines(planned.step, same);
                let mut lines = lines.iter();
                lines.try_for_each(|line| writeln!(out, "    {}", plain(line)))
            })
        }
        PlanStepKind::Otherwise => writeln!(out, "{}", wait_for::OTHERWISE),
        PlanStepKind::Decided(outcome) => {
            writeln!(out, "{kind}  {}", plain(&wait_for::decided(outcome)))
        }
        PlanStepKind::Enters(flow) => writeln!(out, "{kind}  {}", plain(flow)),
        PlanStepKind::Caught(why) => writeln!(out, "caught  {}", plain(why)),
        PlanStepKind::End(message) => {
            let message = message.as_deref().map(cut_line).unwrap_or_default();
            writeln!(out, "{kind}  {message}")
        }
        PlanStepKind::Later => writeln!(
            out,
            "{kind}  reads the result of an earlier step; {}",
            mock_hint(unknown)
        ),
        PlanStepKind::Fails(why) => {
            writeln!(out, "{kind}  would end the run as dead: {}", plain(why))
        }
        PlanStepKind::Stops(why) => writeln!(out, "{kind}  {}", plain(why)),
    }
}

/// The hint for values that only one of these steps has when it is executed.
fn mock_hint(unknown: &UnknownResults<'_>) -> String {
    let option = match unknown.steps.as_slice() {
        [only] => format!("--mock {}=FILE", plain(only)),
        [] | [_, _, ..] => "--mock STEP=FILE".to_owned(),
    };
    let command = match unknown.command {
        MockCommand::ThisOne => option,
        MockCommand::DryRun(command) => format!("{} {option} -", plain(command)),
    };
    let steps = match unknown.steps.as_slice() {
        [] | [_] => String::new(),
        steps => {
            let steps = steps.iter().map(|step| format!("`{}`", plain(step)));
            format!(" for {}", steps.collect::<Vec<_>>().join(" or "))
        }
    };
    let waits = unknown
        .waits
        .iter()
        .map(|step| format!("`{}`", plain(step)));
    let waits = waits.collect::<Vec<_>>().join(" and ");
    match (waits.is_empty(), unknown.steps.is_empty()) {
        (true, _) => format!("simulate it with `{command}`{steps}"),
        (false, true) => format!("a rule test simulates what comes for {waits}"),
        (false, false) => format!(
            "simulate it with `{command}`{steps}; a rule test simulates what comes for {waits}"
        ),
    }
}

/// The simulated outcome of a call.
fn outcome(out: &mut Output, result: &CallResult) -> io::Result<()> {
    match result {
        Ok(Reply { value: result }) => {
            writeln!(out, "       gives {}", cut_line(&result.to_string()))
        }
        Err(CallFailure { message, .. }) => writeln!(out, "       fails: {}", plain(message)),
    }
}

pub fn describe_guard(truth: Truth, depth: usize) -> &'static str {
    match (truth, depth) {
        (Truth::True, _) => "holds: the run continues",
        (Truth::False | Truth::Unknown, 0) => "does not hold: the run would end here, skipped",
        (Truth::False | Truth::Unknown, _) => {
            "does not hold: the enclosing flow would end here, skipped"
        }
    }
}

pub fn describe_branch(taken: Option<usize>) -> String {
    match taken {
        Some(branch) => format!("takes branch {}", branch + 1),
        None => "no branch holds: the run continues after it".into(),
    }
}

fn branches(out: &mut Output, evaluated: &[PlanBranch], files: &Files) -> io::Result<()> {
    for (number, branch) in evaluated.iter().enumerate() {
        let words = match branch.truth {
            Truth::True => "holds",
            Truth::False | Truth::Unknown => "does not hold",
        };
        let (paint, place) = (Paint::new(out), files.location(branch.at));
        let place = paint.tone(Tone::Dim, &place);
        writeln!(out, "  branch {} {words}  {place}", number + 1)?;
        out.indented(2, |out| lines(out, &branch.trace, files))?;
    }
    Ok(())
}

pub fn json(plan: &[PlanStep<'_>], outgoing: &EgressPolicy, files: &Files) -> Value {
    plan.iter()
        .map(|planned| step_json(planned, outgoing, files))
        .collect()
}

fn step_json(planned: &PlanStep<'_>, outgoing: &EgressPolicy, files: &Files) -> Value {
    let step = planned.step;
    let mut line = json!({
        "step": step.name,
        "place": planned.step_path,
        "kind": step.action.kind(),
        "at": files.location(step.at),
    });
    let details = match &planned.what {
        PlanStepKind::Call(call, simulated) => {
            call_json(call, simulated.as_deref(), step, outgoing)
        }
        PlanStepKind::Guard { truth, trace } => {
            json!({"verdict": truth.label(), "predicates": trace_json(trace, files)})
        }
        PlanStepKind::Choice {
            branches: evaluated,
            taken,
        } => json!({
            "branches": branches_json(evaluated, files),
            "taken": taken.map(|branch| branch + 1),
        }),
        PlanStepKind::Undecided(evaluated) => json!({
            "branches": branches_json(evaluated, files),
            "later": "a branch reads the result of an earlier step",
        }),
        PlanStepKind::Set(value) => json!({"value": value}),
        PlanStepKind::Items(items) => json!({"items": items}),
        PlanStepKind::More => json!({"more": true}),
        PlanStepKind::Wait { until } => json!({"until": until.to_string()}),
        PlanStepKind::WaitFor { until, same } => wait_for::json(planned.step, *until, same),
        PlanStepKind::Otherwise => json!({"otherwise": true}),
        PlanStepKind::Decided(outcome) => wait_for::decided_json(outcome),
        PlanStepKind::Enters(flow) => json!({"flow": flow}),
        PlanStepKind::Caught(why) => json!({"caught": why}),
        PlanStepKind::End(message) => json!({"message": message}),
        PlanStepKind::Later => json!({"later": "reads the result of an earlier step"}),
        PlanStepKind::Fails(why) => json!({"fails": why}),
        PlanStepKind::Stops(why) => json!({"stops": why}),
    };
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), details) {
        line.extend(details);
    }
    line
}

fn call_json(
    call: &Call,
    simulated: Option<&Attempt>,
    step: &Step,
    outgoing: &EgressPolicy,
) -> Value {
    let mut value = call::json_of(call, step, outgoing);
    match simulated.map(|attempt| &attempt.outcome) {
        Some(Ok(Reply { value: result })) => value["gives"] = result.clone(),
        Some(Err(CallFailure { message, .. })) => value["fails"] = message.as_str().into(),
        None => {}
    }
    value
}

fn branches_json(evaluated: &[PlanBranch], files: &Files) -> Value {
    let branch = |branch: &PlanBranch| {
        json!({
            "at": files.location(branch.at),
            "verdict": branch.truth.label(),
            "predicates": trace_json(&branch.trace, files),
        })
    };
    evaluated.iter().map(branch).collect()
}
