//! The plan of a shadow run: what it would have sent, computed from the stored rule and event as `dry-run` does.

use std::io::{self, Write};

use serde_json::Value;

use crate::action::jq;
use crate::report::output::Output;
use crate::report::render::plan::{self, MockCommand};
use crate::report::render::suggested_command;
use crate::store::history::RunDetail;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::plan::PlanStep;
use flowtrigger_core::gate::debounce::locals;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::answer_link::AnswerLinks;

/// Why the plan differs from what was evaluated.
const REDACTED_NOTE: &str =
    "fields of its event were redacted since: the plan has `[redacted]` instead of their values";

pub fn text(out: &mut Output, detail: &RunDetail) -> io::Result<()> {
    let Some(rule) = rule(detail) else {
        return Ok(());
    };
    if is_redacted(&detail.arrived.event) {
        writeln!(out, "  {REDACTED_NOTE}")?;
    }
    let config = detail.rule.version.config().compile();
    let command = format!(
        "{} | flowtrigger dry-run --rule {}",
        suggested_command::why(&detail.row.event, "--event"),
        suggested_command::argument(&rule.name)
    );
    planned(detail, rule, &config, |steps| {
        let sources = (&config.outgoing, &*detail.rule.files);
        plan::text_with(out, steps, rule, MockCommand::DryRun(&command), sources)
    })
}

/// The plan as in `dry-run --format json`; null for a run that is not a shadow run, or whose rule is not valid any
/// more.
pub fn json(detail: &RunDetail) -> Value {
    let Some(rule) = rule(detail) else {
        return Value::Null;
    };
    let config = detail.rule.version.config().compile();
    planned(detail, rule, &config, |steps| {
        plan::json(steps, &config.outgoing, &detail.rule.files)
    })
}

/// Uses the planned steps of a shadow run; `None` for any other run.
pub fn with_steps<T>(detail: &RunDetail, show: impl FnOnce(&[PlanStep<'_>]) -> T) -> Option<T> {
    let rule = rule(detail)?;
    let config = detail.rule.version.config().compile();
    Some(planned(detail, rule, &config, show))
}

fn rule(detail: &RunDetail) -> Option<&Rule> {
    let is_shadow = matches!(detail.row.state, RunState::Shadow);
    let rule = detail.rule.rule.as_ref().ok()?;
    is_shadow.then_some(&**rule)
}

fn planned<T>(
    detail: &RunDetail,
    rule: &Rule,
    config: &Config,
    show: impl FnOnce(&[PlanStep<'_>]) -> T,
) -> T {
    let event = &detail.arrived.event;
    let names = match rule.reads_events() {
        true => locals([&**event]),
        false => Value::Null,
    };
    let input = RunInput {
        event,
        vars: &rule.vars,
        error: &detail.error,
        locals: &names,
        seed: "",
        links: AnswerLinks::Hidden,
    };
    let now = event.time.unwrap_or(detail.row.planned);
    let mut settings = SimulatedSettings::new(config);
    let steps = flowtrigger_core::flow::plan::plan(&rule.flow, &input, now, &mut |task| {
        jq::outcome(&task.call).or_else(|| settings.outcome(&task.call))
    });
    show(&steps)
}
