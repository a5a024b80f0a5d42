//! One event of a list: what became of it, in a row and as JSON. Of an event that matched nothing, the rule that came
//! nearest is named, with a square for each predicate.

use std::time::{Duration, Instant};

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::answer::{day_and_time, time};
use crate::page::part::link;
use crate::page::part::rule_card::{anchor, holding, squares};
use crate::page::part::state::pill;
use crate::page::revisions::ListedRules;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::why::closest::{ClosestRule, WhyUnmatched};
use crate::store::History;
use crate::store::history::{EventRun, HistoryError, ListedEvent};
use flowtrigger_core::language::condition::Polarity;

/// The time for the explanations of one list. Rows that are left say that they were not looked at.
pub const MAX_EXPLAINING: Duration = Duration::from_millis(250);
/// Characters of a ticket, an id or a value in a row.
const MAX_CHARS: usize = 60;

/// An event, and why it matched nothing.
pub struct EventListing {
    pub event: ListedEvent,
    pub near: NearRules,
}

/// What is known of the rules that did not match an event.
#[derive(Debug, Clone, PartialEq)]
pub enum NearRules {
    /// Why it matched nothing.
    Why(WhyUnmatched),
    /// The rule that nearly matched beside those that did.
    Beside(Box<ClosestRule>),
    /// None that a list names.
    Nothing,
    /// The time was over, or its rules are too large for a list.
    NotLookedAt,
}

/// Explains the events of a list until the time is over.
pub struct Explainer<'h> {
    rules: ListedRules,
    history: &'h dyn History,
    ends: Instant,
}

impl<'h> Explainer<'h> {
    pub fn new(rules: ListedRules, history: &'h dyn History, time: Duration) -> Self {
        Self {
            rules,
            history,
            ends: Instant::now() + time,
        }
    }

    pub fn has_time(&self) -> bool {
        Instant::now() < self.ends
    }

    /// The event, without a look at its rules if the time is over.
    pub fn explain(&self, event: ListedEvent) -> Result<EventListing, HistoryError> {
        let near = match self.has_time() {
            true => self.near(&event)?,
            false => NearRules::NotLookedAt,
        };
        Ok(EventListing { event, near })
    }

    fn near(&self, event: &ListedEvent) -> Result<NearRules, HistoryError> {
        let Some(record) = self.history.event(event.position.row)? else {
            return Ok(NearRules::Nothing);
        };
        let Some(rules) = self.rules.of(record.head.revision, self.history)? else {
            return Ok(NearRules::NotLookedAt);
        };
        if event.matched || event.had_runs {
            let matched: Vec<&str> = event.runs.iter().map(|run| run.rule.as_str()).collect();
            let beside = ClosestRule::beside(rules.set(), &record.event, &matched);
            return Ok(beside.map_or(NearRules::Nothing, NearRules::Beside));
        }
        let why = WhyUnmatched::find(rules.set(), &record.event);
        Ok(why.map_or(NearRules::Nothing, NearRules::Why))
    }
}

impl EventListing {
    pub fn is_near(&self) -> bool {
        match &self.near {
            NearRules::Why(why) => why.is_near(),
            NearRules::Beside(_) => true,
            NearRules::Nothing | NearRules::NotLookedAt => false,
        }
    }

    /// `matched`, `nearly` or `unmatched`.
    fn outcome(&self) -> &'static str {
        match (self.event.matched || self.event.had_runs, self.is_near()) {
            (true, _) => "matched",
            (false, true) => "nearly",
            (false, false) => "unmatched",
        }
    }

    pub fn json(&self) -> Value {
        let ListedEvent {
            position,
            id,
            key,
            event_type,
            source,
            endpoint,
            redelivered,
            last_received,
            matched: _,
            had_runs,
            runs,
            has_more_runs,
        } = &self.event;
        let closest = match &self.near {
            NearRules::Why(WhyUnmatched::Closest(closest)) | NearRules::Beside(closest) => {
                Some(closest.json())
            }
            NearRules::Why(WhyUnmatched::NoListener)
            | NearRules::Nothing
            | NearRules::NotLookedAt => None,
        };
        let is_unheard = self.near == NearRules::Why(WhyUnmatched::NoListener);
        json!({
            "row": position.row.0,
            "received": position.received.to_string(),
            "id": id,
            "key": key,
            "type": event_type,
            "source": source,
            "endpoint": endpoint,
            "redelivered": redelivered,
            "last_received": last_received.map(|last| last.to_string()),
            "outcome": self.outcome(),
            "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
            "more_runs": has_more_runs,
            "runs_deleted": had_runs,
            "listened": is_unheard.then_some(false),
            "closest": closest,
            "looked_at": self.near != NearRules::NotLookedAt,
        })
    }

    /// The state of its runs, or its outcome, as pills.
    pub fn pill(&self) -> Markup {
        match self.outcome() {
            "matched" if self.is_near() => {
                html! { (pill("matched", "matched")) " " (pill("nearly", "nearly")) }
            }
            "matched" => pill("matched", "matched"),
            "nearly" => pill("nearly", "nearly"),
            _ => pill("none", "no match"),
        }
    }

    /// The row of a table with the columns of [`table`].
    fn row(&self) -> Markup {
        let event = &self.event;
        html! {
            tr {
                td class="nw" data-l="received" { (day_or_time(event)) }
                th scope="row" { a class="id" href=(link::event(event.position.row)) { (name(event)) } }
                td { span class="m ty" { (broken(&event.event_type)) } }
                td class="mu wide" { (short(&event.endpoint, MAX_CHARS)) }
                td { (self.pill()) }
                td class="w" { (self.happened()) (redelivered(event)) }
            }
        }
    }

    /// The runs, or what stood in the way.
    pub fn happened(&self) -> Markup {
        let event = &self.event;
        html! {
            @for run in &event.runs { (run_link(run)) }
            @if event.has_more_runs { a href=(link::event(event.position.row)) { "more runs" } }
            @if event.had_runs && event.runs.is_empty() { "its runs were deleted" }
            @match &self.near {
                NearRules::Why(WhyUnmatched::NoListener) => "no enabled rule listens to this type",
                NearRules::Why(WhyUnmatched::Closest(closest)) => (self.closest(closest)),
                NearRules::Beside(closest) => div { (self.closest(closest)) },
                NearRules::NotLookedAt if self.outcome() == "unmatched" => span class="mu" {
                    "no rule matched; " a class="link" href=(link::event(event.position.row)) { "not looked at" } " how nearly"
                },
                NearRules::Nothing if self.outcome() == "unmatched" => span class="mu" { "no rule matched" },
                NearRules::Nothing | NearRules::NotLookedAt => {},
            }
        }
    }

    fn closest(&self, closest: &ClosestRule) -> Markup {
        let line = &closest.obstacle;
        let place = link::event(self.event.position.row);
        let place = format!("{place}#{}", anchor(&closest.name));
        let not = match line.polarity {
            Polarity::Positive => "",
            Polarity::Negated => "not ",
        };
        html! {
            (squares(&closest.verdicts)) " "
            a href=(place) { (text(&closest.name)) }
            span class="vh" { ", " (holding(&closest.verdicts)) }
            ", " code { (short(&line.path, MAX_CHARS)) } ": want " (not)
            @if line.operator != "is" { (line.operator) " " }
            (short(&line.want, MAX_CHARS))
            @match &line.got {
                Some(got) => { ", got " (short(&got.to_string(), MAX_CHARS)) }
                None => ", which is missing",
            }
        }
    }
}

/// The events as a table.
pub fn table(caption: &str, events: &[EventListing]) -> Markup {
    html! {
        table class="hov list" {
            caption class="vh" { (caption) }
            thead {
                tr {
                    th scope="col" { "Received" }
                    th scope="col" { "Ticket" }
                    th scope="col" { "Type" }
                    th scope="col" class="wide" { "Source" }
                    th scope="col" { "Outcome" }
                    th scope="col" { "Runs, or what stood in the way" }
                }
            }
            tbody { @for event in events { (event.row()) } }
        }
    }
}

fn run_json(run: &EventRun) -> Value {
    json!({ "id": run.id.0, "rule": run.rule, "state": run.state })
}

/// A rule with the state of its run, which it links to.
pub fn run_link(run: &EventRun) -> Markup {
    html! {
        span class="rr" { a href=(link::run(run.id)) { (text(&run.rule)) " " (pill(&run.state, &run.state)) } } " "
    }
}

fn redelivered(event: &ListedEvent) -> Markup {
    html! {
        @if event.redelivered > 0 {
            span class="rr" {
                (pill("again", "redelivered")) span class="mu" {
                    " " (grouped(event.redelivered)) @if event.redelivered == 1 { " time" } @else { " times" }
                    @if let Some(last) = event.last_received { ", last " (time(last)) }
                }
            }
        }
    }
}

/// Events of another day than today are listed with their day.
fn day_or_time(event: &ListedEvent) -> Markup {
    let received = event.position.received;
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    match day(received) == day(jiff::Timestamp::now()) {
        true => time(received),
        false => day_and_time(received),
    }
}

/// What an event is about, or its id.
fn name(event: &ListedEvent) -> Markup {
    match &event.key {
        Some(key) => subject(key, &event.event_type),
        None => short(&event.id, MAX_CHARS),
    }
}

/// What an event is about: `#90417`, and with its kind if it is no ticket, as in `user 740011520145`.
pub fn subject(key: &str, event_type: &str) -> Markup {
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let kind = event_type.split_once('.').map(|(kind, _)| kind);
    html! {
        @match kind.filter(|_| is_number) {
            Some("ticket") => "#",
            Some(kind) => { (short(kind, MAX_CHARS)) " " }
            None => {},
        }
        (short(key, MAX_CHARS))
    }
}

/// A type that can break after its dots.
pub fn broken(event_type: &str) -> Markup {
    html! { @for part in event_type.split_inclusive('.') { (short(part, MAX_CHARS)) wbr; } }
}

#[cfg(test)]
pub mod tests;
