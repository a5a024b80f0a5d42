//! What stands beside an event: when and how it was received, the ticket's other events of the day, and the command that
//! shows the same.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};

use crate::page::answer::{day_and_time, time};
use crate::page::events::listing::{EventListing, Explainer, MAX_EXPLAINING, broken, subject};
use crate::page::icon::Icon;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::state::pill;
use crate::page::revisions::ListedRules;
use crate::page::text::{short, text};
use crate::report::deliveries::row::describe_delivery;
use crate::report::render::run::describe_redelivered;
use crate::report::render::suggested_command;
use crate::report::time_argument::seconds;
use crate::report::why::evaluated::EvaluatedEvent;
use crate::report::why::repeats::UnmatchedRepeats;
use crate::store::History;
use crate::store::history::{
    DeliveryMatch, EventDeliveryRow, EventFilter, EventPage, EventRecord, EventRowId, HistoryError,
};

/// The ticket's events of the day that are listed.
const MAX_EVENTS: usize = 20;
/// Runs whose state is shown for each.
const MAX_STATES: usize = 3;

/// The ticket's events of the day of an event, the newest first.
pub struct TicketEvents {
    ticket: Option<String>,
    event_type: String,
    day: String,
    events: Vec<EventListing>,
}

impl TicketEvents {
    pub fn read(
        record: &EventRecord,
        rules: ListedRules,
        history: &dyn History,
    ) -> Result<Self, HistoryError> {
        let head = &record.head;
        let day = Day::of(head.received);
        let mut events = Vec::new();
        if let Some(key) = &head.key {
            let filter = EventFilter {
                key: Some(key.clone()),
                endpoint: Some(record.event.endpoint.clone()),
                since: day.first,
                until: day.end,
                ..EventFilter::default()
            };
            let explainer = Explainer::new(rules, history, MAX_EXPLAINING);
            for event in history.event_list(&filter, EventPage::first(MAX_EVENTS))? {
                events.push(explainer.explain(event)?);
            }
        }
        Ok(Self {
            ticket: head.key.clone(),
            event_type: head.event_type.clone(),
            day: head.received.strftime("%Y-%m-%d").to_string(),
            events,
        })
    }

    fn html(&self, own: EventRowId) -> Markup {
        let Some(ticket) = &self.ticket else {
            return html! {};
        };
        html! {
            section {
                h2 { (subject(ticket, &self.event_type)) ", " (self.day) " UTC" }
                ul class="stack" { @for event in &self.events { (ticket_event(event, own)) } }
                p class="more" { a href=(link::query("/events", &[("ticket", ticket)])) { "All its events" } }
            }
        }
    }
}

/// A day in UTC.
struct Day {
    first: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Day {
    fn of(at: Timestamp) -> Self {
        let start = at.to_zoned(TimeZone::UTC).start_of_day().ok();
        let first = start.map(|start| start.timestamp());
        Self {
            first,
            end: first.and_then(|first| first.checked_add(24.hours()).ok()),
        }
    }
}

fn ticket_event(listing: &EventListing, own: EventRowId) -> Markup {
    let event = &listing.event;
    let name = event.event_type.rsplit('.').next().unwrap_or_default();
    html! {
        li class="row" {
            (time(event.position.received))
            @if event.position.row == own {
                b aria-current="true" { (short(name, 40)) }
            } @else {
                a href=(link::event(event.position.row)) { (short(name, 40)) }
            }
            @for run in event.runs.iter().take(MAX_STATES) { (pill(&run.state, &run.state)) }
            @if event.runs.is_empty() { (listing.pill()) }
        }
    }
}

pub fn aside(evaluated: &EvaluatedEvent, ticket: &TicketEvents) -> Markup {
    let head = &evaluated.arrived.head;
    let command = suggested_command::why(&head.id, &format!("--at {}", seconds(head.received)));
    html! {
        aside class="aside" aria-label="About this event" {
            section { h2 { "Event" } (facts(evaluated)) }
            (ticket.html(head.row))
            section {
                h2 { "On the command line" }
                div class="cmd" {
                    pre { (short(&command, 500)) }
                    button type="button" class="s js-only" data-copy=(command) { (Icon::Copy.render()) "Copy" }
                }
            }
        }
    }
}

fn facts(evaluated: &EvaluatedEvent) -> Markup {
    let (head, event) = (&evaluated.arrived.head, &evaluated.arrived.event);
    let repeats = evaluated.repeats.as_ref().map(UnmatchedRepeats::describe);
    html! {
        dl class="kv" {
            dt { "Received" }
            dd { (day_and_time(head.received)) }
            @if let Some(at) = event.time { dt { "Event time" } dd { (day_and_time(at)) } }
            dt { "Source" }
            dd {
                (text(&event.source))
                @if event.endpoint != event.source { " at " (text(&event.endpoint)) }
                ", format " (event.format)
            }
            dt { "Type" }
            dd class="m" { (broken(&event.event_type)) }
            @if let Some(again) = describe_redelivered(head) { dt { "Redelivered" } dd { (prose(&again)) } }
            @if let Some(repeats) = repeats { dt { "Repeated" } dd { (prose(&repeats)) } }
            @for (run, step) in &evaluated.continued {
                dt { "Continued" }
                dd { a href=(link::run(*run)) { "run " (run.0) } ", which waited for it in " code { (text(step)) } }
            }
            @for awaited in &evaluated.awaited_by {
                dt { "Awaited" }
                dd { a href=(link::run(awaited.run)) { "run " (awaited.run.0) } ": " (prose(&awaited.why())) }
            }
            @if let Some(delivered) = &evaluated.delivery { dt { "Delivery" } dd { (delivery(delivered)) } }
            dt { "Rules" }
            dd { "revision " (head.revision.0) }
            dt { "Id" }
            dd class="m xs" { (short(&head.id, 300)) }
        }
    }
}

/// The request that delivered the event, which the list of deliveries begins with.
fn delivery(delivered: &EventDeliveryRow) -> Markup {
    let row = match &delivered.request {
        DeliveryMatch::Listed(row) | DeliveryMatch::Counted(row) => row,
    };
    let before = row.delivery.id.0.saturating_add(1).to_string();
    html! {
        a class="link" href={ (link::query("/deliveries", &[("before", &before)])) "#r" (row.delivery.id.0) } {
            (prose(&describe_delivery(delivered)))
        }
    }
}
