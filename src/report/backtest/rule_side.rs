//! One set of rules of a backtest: which rules match a stored event, and what their gates have to know of it.

use std::sync::Arc;

use crate::report::backtest::plain_gates::has_plain_gates;
use crate::report::backtest::redacted_fields::reads_redacted_field;
use crate::store::PlannedRun;
use crate::store::history::{ArchivedEvent, ArchivedText};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::simulate::{Mocks, simulate};
use flowtrigger_core::gate::GateKind;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::redact::{is_redacted, redacted_paths};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::answer_link::AnswerLinks;
use serde_json::Value;

/// A set of rules, prepared for many events.
#[derive(Debug)]
pub struct RuleSide<'b> {
    pub rules: &'b RuleSet,
    /// By the numbers of the rules: what is simulated of a rule with gates or a loop guard; `None` for one whose runs
    /// follow from its condition alone.
    simulated: Vec<Option<SimulatedRule>>,
}

#[derive(Debug)]
struct SimulatedRule {
    /// It reports no dead run.
    rule: Arc<Rule>,
    /// Whether a guard of its flow may end a run that then no longer counts for `dedupe`.
    may_skip: bool,
    /// Whether no store is needed to decide.
    is_plain: bool,
}

/// The rules of a set that match an event.
#[derive(Debug, Default)]
pub struct SideMatches {
    /// The numbers of those whose match is a run.
    pub plain: Vec<u32>,
    /// Those whose gates decide.
    pub gated: Vec<GatedMatch>,
    /// Those that read a redacted field: whether they match is unknown.
    pub unknown: Vec<u32>,
    /// What the gates' store keeps of the event; `None` if no match needs the store.
    pub event: Option<Arc<Event>>,
}

/// A match whose gates decide.
#[derive(Debug)]
pub struct GatedMatch {
    pub number: u32,
    pub planned: PlannedRun,
    /// Whether a guard at the start of the flow ends the run.
    pub is_skipped: bool,
    /// Whether its gates are decided without a store.
    pub is_plain: bool,
}

impl<'b> RuleSide<'b> {
    pub fn new(rules: &'b RuleSet) -> Self {
        let simulated = rules.rules.iter().map(|rule| {
            let is_guarded = rule.guard.is_some() && rule.mode == Mode::Live;
            let is_simulated = is_guarded || !rule.gates.is_empty();
            is_simulated.then(|| SimulatedRule::new(rule))
        });
        Self {
            simulated: simulated.collect(),
            rules,
        }
    }

    pub fn rule(&self, number: u32) -> &'b Arc<Rule> {
        &self.rules.rules[number as usize]
    }

    /// Whether a store decides on rules.
    pub fn needs_store(&self) -> bool {
        let mut simulated = self.simulated.iter().flatten();
        simulated.any(|rule| !rule.is_plain)
    }

    /// The rules of which gates decide.
    pub fn simulated_rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.simulated
            .iter()
            .flatten()
            .map(|simulated| &simulated.rule)
    }

    /// Finds the rules that match a stored event; `None` if this version of the program cannot read it.
    pub fn evaluate(
        &self,
        (head, text): (&ArchivedEvent, &ArchivedText),
        scratch: &mut MatchScratch,
    ) -> Option<SideMatches> {
        if let Some(found) = self.evaluate_scanned(head, text, scratch) {
            return Some(found);
        }
        let event = text.decode().ok()?;
        Some(self.evaluate_event(event, scratch))
    }

    /// The fast path for most events: those that were stored as received, and that only match rules without gates. No field
    /// of them was redacted.
    fn evaluate_scanned(
        &self,
        head: &ArchivedEvent,
        text: &ArchivedText,
        scratch: &mut MatchScratch,
    ) -> Option<SideMatches> {
        // A format of the configuration may read the text as another event than then.
        let text = text.as_received()?;
        if self.rules.catalogue().is_extended() {
            return None;
        }
        let format = FormatHint::Endpoint(&head.endpoint);
        let evaluation = self
            .rules
            .evaluate_scanned(text.as_bytes(), format, scratch)?;
        let numbers = evaluation.numbers();
        let is_simulated = |number: &u32| self.simulated[*number as usize].is_some();
        if numbers.iter().any(is_simulated) {
            return None;
        }
        let brief = evaluation.brief();
        let is_same = brief.source == head.source && brief.event_type == head.event_type;
        is_same.then(|| SideMatches {
            plain: numbers.to_vec(),
            ..SideMatches::default()
        })
    }

    /// Finds the rules that match an event.
    pub fn evaluate_event(&self, event: Event, scratch: &mut MatchScratch) -> SideMatches {
        let evaluation = self.rules.evaluate_event(&event, scratch);
        let unknown = match is_redacted(&event) {
            true => self.unknown(&event),
            false => Vec::new(),
        };
        let mut found = SideMatches {
            unknown,
            ..SideMatches::default()
        };
        let mut keeps_event = false;
        for number in evaluation.numbers() {
            if found.unknown.contains(number) {
                continue;
            }
            let Some(simulated) = &self.simulated[*number as usize] else {
                found.plain.push(*number);
                continue;
            };
            keeps_event |= simulated.rule.reads_events();
            found.gated.push(simulated.plan(*number, &event));
        }
        drop(evaluation);
        if found.gated.iter().any(|gated| !gated.is_plain) {
            found.event = Some(Arc::new(match keeps_event {
                true => event,
                false => without_content(event),
            }));
        }
        found
    }

    fn unknown(&self, event: &Event) -> Vec<u32> {
        let redacted = redacted_paths(event);
        let rules = (0_u32..).zip(&self.rules.rules);
        let unknown = rules.filter(|(_, rule)| {
            rule.mode != Mode::Disabled
                && rule.listens_to(&event.source, &event.event_type)
                && reads_redacted_field(rule, &redacted)
        });
        unknown.map(|(number, _)| number).collect()
    }
}

impl SimulatedRule {
    fn new(rule: &Arc<Rule>) -> Self {
        let steps = rule.flow.all_steps();
        let has_guard = steps.iter().any(|step| step.action.guard().is_some());
        let has_dedupe = rule.gates.iter().any(|gate| match gate.kind {
            GateKind::Dedupe => true,
            GateKind::During(_)
            | GateKind::Debounce { .. }
            | GateKind::Throttle { .. }
            | GateKind::Series(_) => false,
        });
        Self {
            may_skip: has_guard && has_dedupe,
            is_plain: has_plain_gates(rule) && (rule.guard.is_none() || rule.mode != Mode::Live),
            rule: Arc::new(Rule {
                on_dead: None,
                on_outage: None,
                ..Rule::clone(rule)
            }),
        }
    }

    fn plan(&self, number: u32, event: &Event) -> GatedMatch {
        let rule = &self.rule;
        GatedMatch {
            number,
            planned: PlannedRun {
                waiters: Vec::new(),
                ..PlannedRun::new(rule, event)
            },
            is_skipped: self.may_skip && is_skipped(rule, event),
            is_plain: self.is_plain,
        }
    }
}

/// Whether a guard of the flow ends the run of an event, if every call succeeds.
fn is_skipped(rule: &Rule, event: &Event) -> bool {
    let Some(now) = event.time else { return false };
    let locals = rule.locals_of(event);
    let subject = RunInput {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &locals,
        seed: "",
        links: AnswerLinks::Test,
    };
    let run = simulate(&rule.flow, &subject, &Mocks::default(), now, &mut |_| None);
    matches!(run.state, RunState::Skipped { .. })
}

/// The event with its names alone: its gates were read before, and the store has many of them in memory.
fn without_content(event: Event) -> Event {
    Event {
        envelope: Value::Null,
        body: Value::Null,
        raw: Value::Null.into(),
        about: Value::Null,
        warnings: Vec::new(),
        trace: None,
        ..event
    }
}
