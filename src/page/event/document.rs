//! An event as a tree of JSON: as rules read it, with the values that predicates read marked, or as it was received.

use std::str::FromStr;

use maud::{Markup, html};
use serde_json::Value;

use crate::page::event::rules::card;
use crate::page::icon::Icon;
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::json_tree::{JsonMark, JsonMarks, json_tree};
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::rule_card::Nearness;
use crate::page::text::short;
use crate::report::why::evaluated::{EvaluatedEvent, EvaluatedRule};
use crate::report::why::export::Exported;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::path::Resolved;
use flowtrigger_core::path::scope::Scope;

/// The longest text that a button copies.
const MAX_COPIED: usize = 64 * 1024;

/// The form in which an event is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventShape {
    AsRulesRead,
    AsReceived,
}

impl FromStr for EventShape {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "rules" => Ok(EventShape::AsRulesRead),
            "received" => Ok(EventShape::AsReceived),
            _ => Err(()),
        }
    }
}

impl EventShape {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let shape = request.parse("shape", "write `rules` or `received`")?;
        Ok(shape.unwrap_or(EventShape::AsRulesRead))
    }
}

/// The section with the event.
pub fn document(evaluated: &EvaluatedEvent, shape: EventShape, received: &Exported) -> Markup {
    let text = received.text.trim_end();
    let address = link::event(evaluated.arrived.head.row);
    html! {
        section aria-labelledby="h-raw" {
            div class="bar" {
                @match shape {
                    EventShape::AsRulesRead => {
                        h2 id="h-raw" { "Event as rules read it" }
                        p { "values that predicates read are marked" }
                    }
                    EventShape::AsReceived => h2 id="h-raw" { "Event as received" },
                }
                span class="push row" {
                    @match shape {
                        EventShape::AsRulesRead => a class="link" href={ (address) "?shape=received#h-raw" } { "As received" },
                        EventShape::AsReceived => a class="link" href={ (address) "?shape=rules#h-raw" } { "As rules read it" },
                    }
                    button type="button" class="s js-only" data-fold="raw" { "Unfold all" }
                    @if text.len() <= MAX_COPIED {
                        button type="button" class="s js-only" data-copy=(text) { (Icon::Copy.render()) "Copy as received" }
                    }
                }
            }
            @for note in &received.notes { p class="mu" { (prose(note)) } }
            div class="box json" id="raw" tabindex="0" role="region" aria-label="Event as JSON" {
                @match shape {
                    EventShape::AsRulesRead => (as_rules_read(evaluated)),
                    EventShape::AsReceived => (as_received(text)),
                }
            }
        }
    }
}

fn as_received(text: &str) -> Markup {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => json_tree(&value, &JsonMarks::default()),
        Err(_) => short(text, MAX_COPIED),
    }
}

/// The body, whose fields paths begin with, then the envelope.
fn as_rules_read(evaluated: &EvaluatedEvent) -> Markup {
    let event = &evaluated.arrived.event;
    let marks = marks(evaluated);
    let has_envelope = event.envelope.as_object().is_some_and(|e| !e.is_empty());
    html! {
        (json_tree(&event.body, &marks))
        @if has_envelope {
            p class="c" { "envelope" }
            (json_tree(&event.envelope, &marks))
        }
    }
}

/// What the predicates of the rules that matched, or came near, read; of all rules if none did.
fn marks(evaluated: &EvaluatedEvent) -> JsonMarks<'_> {
    let mut marks = JsonMarks::default();
    let is_far = |rule: &&EvaluatedRule| card(rule, evaluated).nearness() == Nearness::Far;
    let has_near = !evaluated.rules.iter().all(|rule| is_far(&rule));
    let rules = evaluated.rules.iter();
    for evaluated_rule in rules.filter(|rule| !has_near || !is_far(rule)) {
        let rule = &evaluated_rule.rule;
        let scope = Scope::new(&evaluated.arrived.event, &rule.vars);
        let lines = &evaluated_rule.explanation.trace.lines;
        for (predicate, line) in rule.when.predicates().into_iter().zip(lines) {
            if let Resolved::One(value) = predicate.path.resolve(&scope) {
                marks.add(
                    value,
                    match line.verdict {
                        Verdict::Match => JsonMark::Holds,
                        Verdict::NoMatch | Verdict::Missing | Verdict::WrongType => JsonMark::Fails,
                    },
                );
            }
        }
    }
    marks
}
