//! The events of the last day that one predicate alone kept from matching, by predicate, each with an example.

use maud::{Markup, html};

use crate::page::answer::time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::text::{short, text};
use crate::report::render::diagnostics::grouped;
use crate::report::why::rule::facts::RuleHistory;
use crate::report::why::rule::near_misses::{EventSample, NearMissGroup, SeenValue};
use crate::report::why::rule::report::describe_sample;
use crate::store::history::EventRowId;
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::trace::TraceLine;

/// Predicates that are listed.
const MAX_GROUPS: usize = 20;
/// Characters of a value.
const MAX_VALUE: usize = 60;

pub fn section(found: &RuleHistory) -> Markup {
    html! {
        @if let Some(sample) = &found.events {
            section aria-labelledby="h-near" {
                div class="bar" {
                    h2 id="h-near" { "Nearly matched" }
                    p { "one predicate alone stood in the way; evaluated by the rule as it is now" }
                }
                @if sample.near_misses.is_empty() {
                    p class="box pad" { (nothing(sample)) }
                } @else {
                    ul class="box nearlist" {
                        @for near in sample.near_misses.iter().take(MAX_GROUPS) { li { (group(near, &found.name)) } }
                    }
                }
                p class="mu more" { (prose(&describe_sample(sample))) "." }
            }
        }
    }
}

fn nothing(sample: &EventSample) -> &'static str {
    match sample.judged {
        0 => "No event of its types was received in the last 24 hours.",
        _ => "No predicate alone kept an event from matching.",
    }
}

fn group(group: &NearMissGroup, rule: &str) -> Markup {
    let head = &group.example.head;
    let EventRowId(row) = head.row;
    let key = head.key.as_deref().unwrap_or(&head.id);
    let attempt = link::query("/try", &[("event", &row.to_string()), ("rule", rule)]);
    html! {
        b { (grouped(group.events)) }
        span {
            (predicate(&group.predicate)) ", got "
            @for (number, seen) in group.values.iter().enumerate() {
                @if number > 0 { ", " }
                (value(seen))
            }
        }
        span class="row push" {
            span class="mu" { "newest " a class="id" href=(link::event(head.row)) { "#" (short(key, 40)) } " " (time(head.received)) }
            a class="btn s" href=(link::event(head.row)) { "Why" }
            a class="btn s" href=(attempt) { "Try it" }
        }
    }
}

/// What the predicate asks for.
pub fn predicate(line: &TraceLine) -> Markup {
    html! {
        code { (text(&line.path)) } " "
        @match line.polarity { Polarity::Positive => (""), Polarity::Negated => "not " }
        (line.operator) " " (short(&line.want, MAX_VALUE))
    }
}

fn value(seen: &SeenValue) -> Markup {
    html! {
        @match &seen.got {
            Some(value) => code { (short(&value.to_string(), MAX_VALUE)) },
            None => "no value",
        }
        @if seen.events > 1 { span class="mu" { " (" (grouped(seen.events)) " times)" } }
    }
}
