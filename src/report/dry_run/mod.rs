//! What the rules of now would do with an event: verdicts, gates and plans, without any effect.
//! Uses the same evaluation of the same bytes as the daemon.

pub mod change;
pub mod gate_history;
pub mod unmatched;

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::action::jq;
use crate::engine::Rulebook;
use crate::report::dry_run::gate_history::GateHistorySource;
use crate::report::dry_run::unmatched::UnmatchedSummary;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::escape::plain;
use crate::report::render::{explanation, gates, mode_cap, plan};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::integrations::SimulatedSettings;
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::flow::plan::PlanStep;
use flowtrigger_core::flow::simulate::{Mocks, answer};
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::gate_status;
use flowtrigger_core::matching::gate_status::GateStatus;
use flowtrigger_core::matching::loop_guard_status;
use flowtrigger_core::matching::loop_guard_status::LoopGuardStatus;
use flowtrigger_core::rule::Rule;

/// What the rules would do with one event.
pub struct EventAnswer<'r> {
    evaluation: &'r Evaluation<'r>,
    book: &'r Rulebook,
    pub rules: Vec<RuleAnswer<'r>>,
    /// How many rules were asked for by name.
    named: usize,
}

/// One rule's part of the answer.
pub struct RuleAnswer<'r> {
    pub rule: &'r Rule,
    /// The verdict: a disabled rule never matches, whatever its condition says.
    pub matched: bool,
    pub explanation: Explanation,
    /// `None` if the rule does not match or writes nothing.
    pub loops: Option<LoopGuardStatus>,
    /// Empty if the rule does not match.
    pub gates: Vec<GateStatus<'r>>,
    pub plan: Vec<PlanStep<'r>>,
}

/// Which rules of an answer are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownRules {
    All,
    Matched,
}

impl<'r> EventAnswer<'r> {
    /// Asks the rules with these names, or all that listen.
    pub fn new(
        evaluation: &'r Evaluation<'r>,
        names: &[String],
        (book, mocks): (&'r Rulebook, &Mocks),
        history: &GateHistorySource<'_>,
    ) -> Result<Self, CommandError> {
        let is_selected = |rule: &Rule| names.is_empty() || names.contains(&rule.name);
        let subscribed = evaluation.subscribed().into_iter().map(|rule| &**rule);
        let rules = subscribed
            .filter(|rule| is_selected(rule))
            .map(|rule| RuleAnswer::new(rule, evaluation, history, (mocks, &book.config)))
            .collect::<Result<Vec<RuleAnswer<'_>>, CommandError>>()?;
        Ok(Self {
            evaluation,
            book,
            rules,
            named: names.len(),
        })
    }

    pub fn matched(&self) -> bool {
        self.rules.iter().any(|rule| rule.matched)
    }

    fn shown(&self, shown: ShownRules) -> impl Iterator<Item = &RuleAnswer<'r>> {
        let all = shown == ShownRules::All;
        self.rules.iter().filter(move |rule| all || rule.matched)
    }

    pub fn json(&self, shown: ShownRules) -> Value {
        let (event, book) = (self.evaluation.event(), self.book);
        let files = &book.rules.files;
        let matched = self.rules.iter().filter(|rule| rule.matched);
        let matched: Vec<&str> = matched.map(|rule| rule.rule.name.as_str()).collect();
        let rules = self.shown(shown).map(|answer| {
            let mut rule = explanation::rule_json(answer.rule, &answer.explanation, files);
            rule["gates"] = gates::json(answer.loops.as_ref(), &answer.gates);
            rule["plan"] = plan::json(&answer.plan, &book.config.outgoing, files);
            rule["on_dead"] = plan::on_dead_json(answer.rule, files);
            rule
        });
        json!({
            "event": explanation::event_json(event),
            "matched": matched,
            "rules": rules.collect::<Vec<Value>>(),
            "warnings": event.warnings,
            "mode_limit": mode_cap::sentence(&book.config),
            "read": self.evaluation.read().as_str(),
        })
    }

    pub fn text(&self, shown: ShownRules, out: &mut Output) -> io::Result<()> {
        let (event, book) = (self.evaluation.event(), self.book);
        let files = &book.rules.files;
        explanation::event(out, event)?;
        for answer in self.shown(shown) {
            explanation::rule(out, answer.rule, &answer.explanation, files)?;
            gates::text(out, answer.loops.as_ref(), &answer.gates)?;
            if let Some(gate) = answer.closed_gate().filter(|_| !answer.plan.is_empty()) {
                let prevented = gates::prevented(gate);
                writeln!(out, "  {prevented}; with an open gate it would do this:")?;
            }
            plan::text(
                out,
                &answer.plan,
                answer.rule,
                (&book.config.outgoing, files),
            )?;
        }
        if !self.matched() {
            writeln!(out, "\n{}", self.unmatched(shown))?;
        }
        if let Some(limit) = mode_cap::sentence(&book.config) {
            writeln!(out, "\n{}", plain(&limit))?;
        }
        Ok(())
    }

    /// Why no rule matched, in one sentence.
    pub fn unmatched(&self, shown: ShownRules) -> UnmatchedSummary<'_> {
        let event = self.evaluation.event();
        let holds = self.rules.iter().filter(|rule| rule.holds());
        UnmatchedSummary {
            source: &event.source,
            event_type: &event.event_type,
            named: self.named,
            judged: self.rules.len(),
            listening: self.evaluation.subscribed().len(),
            rules: self.book.rules.rules.len(),
            disabled: holds.map(|rule| rule.rule.name.as_str()).collect(),
            explained: shown == ShownRules::All,
        }
    }
}

impl<'r> RuleAnswer<'r> {
    /// The gate that keeps the rule from acting, although it matches.
    pub fn closed_gate(&self) -> Option<&'static str> {
        gates::closed_gate(self.loops.as_ref(), &self.gates)
    }

    fn new(
        rule: &'r Rule,
        evaluation: &'r Evaluation<'_>,
        history: &GateHistorySource<'_>,
        known: (&Mocks, &Config),
    ) -> Result<Self, CommandError> {
        let event = evaluation.event();
        let explanation = evaluation.explain(rule)?;
        let (loops, gates, plan) = match explanation.truth {
            Truth::True => (
                loop_guard_status::loop_guard_status(rule, event, |ask| {
                    history.consult_loops(rule, ask)
                }),
                gate_status::gate_status(rule, event, history.now(), |asks| {
                    history.consult(rule, asks)
                }),
                plan_flow(rule, evaluation, known),
            ),
            Truth::False | Truth::Unknown => (None, Vec::new(), Vec::new()),
        };
        Ok(Self {
            rule,
            matched: evaluation.matches(rule),
            explanation,
            loops,
            gates,
            plan,
        })
    }

    /// Whether the condition holds, also of a disabled rule.
    fn holds(&self) -> bool {
        self.explanation.truth == Truth::True
    }
}

/// Plans the flow of a rule for an event, with known replies.
pub fn plan_flow<'r>(
    rule: &'r Rule,
    evaluation: &'r Evaluation<'_>,
    (mocks, config): (&Mocks, &Config),
) -> Vec<PlanStep<'r>> {
    let now = evaluation.event().time.unwrap_or_else(Timestamp::now);
    let mut settings = SimulatedSettings::new(config);
    evaluation.plan(rule, now, &mut |task| {
        let given = answer(mocks, task, now).or_else(|| jq::outcome(&task.call));
        given.or_else(|| settings.outcome(&task.call))
    })
}

/// Checks that every name is the name of a rule.
pub fn known_rules(names: &[String], book: &Rulebook) -> Result<(), CommandError> {
    let rules = &book.rules.rules;
    let Some(unknown) = names
        .iter()
        .find(|name| !rules.iter().any(|rule| rule.name == **name))
    else {
        return Ok(());
    };
    let failure = CommandError::usage(format!("no rule is called `{unknown}`"));
    Err(
        match nearest(unknown, rules.iter().map(|rule| rule.name.as_str())) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        },
    )
}
