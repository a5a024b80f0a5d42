//! The page of an event: which rules listened with their predicates, what came near, gates and runs, and the event itself.
//! Its JSON is that of `flowtrigger why`.

mod aside;
mod document;
mod rules;

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;

use crate::page::PageState;
use crate::page::answer::PageView;
use crate::page::event::aside::{TicketEvents, aside};
use crate::page::event::document::{EventShape, document};
use crate::page::event::rules::{RulesNow, happened, rules};
use crate::page::events::listing::{broken, subject};
use crate::page::icon::Icon;
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::reader::HistoryReadError;
use crate::page::session::{PageUser, Role};
use crate::page::shell::{PagePosition, Section};
use crate::page::text::short;
use crate::report::daemon_state::ArchiveState;
use crate::report::error::CommandError;
use crate::report::render::explanation::cut;
use crate::report::why::evaluated::{EvaluatedEvent, RevisionCache, reevaluate};
use crate::report::why::export::{Export, Exported, export};
use crate::report::why::find::find;
use crate::report::why::report::{self, Question};
use crate::source::admin::AdminApi;
use crate::store::History;
use crate::store::history::{EventRow, EventRowId};
use flowtrigger_core::path::redact;

/// The longest text that a button copies.
const MAX_COPIED: usize = 64 * 1024;

/// An event, evaluated with the rules of its time.
pub struct EventDetail {
    evaluated: EvaluatedEvent,
    shape: EventShape,
    received: Exported,
    /// Its test; `None` if no rule listened.
    test: Option<Exported>,
    ticket: TicketEvents,
    now: RulesNow,
    /// How many stored events have its id.
    found: usize,
    /// Whether a rule has its id as a name.
    is_rule: bool,
    archive: ArchiveState,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<EventDetail, PageError> {
    let row = request.path_number("row", "event")?;
    let row = EventRowId(i64::try_from(row).unwrap_or(i64::MAX));
    let shape = EventShape::read(&request)?;
    let archive = state.written().await;
    let (rulebook, revisions) = ((state.rulebook)(), state.revisions.clone());
    let read = state.history.read(move |history| {
        let Some(record) = history.event(row)? else {
            return Ok::<_, HistoryReadError>(None);
        };
        let rules = revisions.with(Arc::clone(&rulebook), history)?;
        let ticket = TicketEvents::read(&record, rules, history)?;
        let in_force = history.latest_revision()?.map(|revision| revision.id);
        let is_rule = rulebook.rules.rule(&record.head.id).is_some()
            || history.rules_with_runs()?.contains(&record.head.id);
        Ok(Some(
            revisions
                .explain(|cache| evaluate(&record.head, cache, history))
                .map(|evaluated| (evaluated, ticket, RulesNow { in_force, rulebook }, is_rule)),
        ))
    });
    let Some(read) = read.await? else {
        return Err(gone(row));
    };
    let (evaluated, ticket, now, is_rule) = read?;
    let Evaluated {
        event: Some(evaluated),
        received: Some(received),
        test,
        found,
    } = evaluated
    else {
        return Err(gone(row));
    };
    Ok(EventDetail {
        evaluated,
        shape,
        received,
        test,
        ticket,
        now,
        found,
        is_rule,
        archive,
    })
}

fn gone(EventRowId(row): EventRowId) -> PageError {
    let error = PageError::not_found(format!("there is no event `{row}`, or no longer"));
    error.help("retention deletes old events; search for its ticket or its id")
}

/// What the reports say of an event; empty if it was deleted meanwhile.
struct Evaluated {
    event: Option<EvaluatedEvent>,
    received: Option<Exported>,
    test: Option<Exported>,
    found: usize,
}

fn evaluate(
    head: &EventRow,
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<Evaluated, CommandError> {
    let event = reevaluate(head, &[], revisions, history)?;
    let (mut received, mut test) = (None, None);
    if let Some(event) = &event {
        received = Some(export(Export::AsReceived, event, history)?);
        test = match export(Export::Test, event, history) {
            Ok(exported) => Some(exported),
            Err(CommandError::Nothing(_)) => None,
            Err(error) => return Err(error),
        };
    }
    Ok(Evaluated {
        event,
        received,
        test,
        found: find(&head.id, None, None, history)?.len(),
    })
}

impl PageView for EventDetail {
    fn title(&self) -> String {
        let head = self.head();
        let name = head.key.as_deref().unwrap_or(&head.id);
        cut(&format!("{name} {}", head.event_type))
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Events)
    }

    fn json(&self) -> Value {
        let question = Question {
            rules: &[],
            types: std::slice::from_ref(&self.head().event_type),
            found: self.found,
            nearest: None,
            rejected: None,
            archive: &self.archive,
            is_rule: self.is_rule,
        };
        report::json(&self.evaluated, &question)
    }

    fn html(&self, user: &PageUser) -> Markup {
        html! {
            (self.crumbs())
            (self.head_line(user))
            (self.notes())
            div class="two" {
                div {
                    section aria-labelledby="h-say" {
                        h2 id="h-say" class="vh" { "What happened" }
                        (happened(&self.evaluated))
                    }
                    (rules(&self.evaluated, &self.now))
                    (document(&self.evaluated, self.shape, &self.received))
                    (self.test())
                }
                (aside(&self.evaluated, &self.ticket))
            }
        }
    }
}

impl EventDetail {
    fn head(&self) -> &EventRow {
        &self.evaluated.arrived.head
    }

    fn crumbs(&self) -> Markup {
        let key = self.head().key.as_deref();
        html! {
            nav class="crumb" aria-label="Breadcrumb" {
                ol {
                    li { a href="/events" { "Events" } }
                    @if let Some(key) = key {
                        li { a href=(link::query("/events", &[("ticket", key)])) { (subject(key, &self.head().event_type)) } }
                    }
                }
            }
        }
    }

    fn head_line(&self, user: &PageUser) -> Markup {
        let head = self.head();
        let EventRowId(row) = head.row;
        let test = self.test.as_ref().map(|test| &test.text);
        html! {
            div class="head" {
                div {
                    h1 {
                        span {
                            @match &head.key {
                                Some(key) => (subject(key, &head.event_type)),
                                None => (short(&head.id, 100)),
                            }
                        }
                        " " span class="m mu" { (broken(&head.event_type)) }
                    }
                }
                div class="row acts" {
                    @if let Some(test) = test.filter(|test| test.len() <= MAX_COPIED) {
                        button type="button" class="js-only" data-copy=(test) { (Icon::Copy.render()) "Copy as test" }
                    }
                    a class="btn" href={ "/try?event=" (row) } { "Open in Try" }
                    @if user.role == Role::Act {
                        a class="btn go" href={ "/confirm?command=replay&event=" (row) } { "Replay…" }
                    }
                }
            }
        }
    }

    /// What was noticed when the event was received, and what of it is no longer kept.
    fn notes(&self) -> Markup {
        let event = &self.evaluated.arrived.event;
        let redacted = redact::redacted_paths(event);
        html! {
            @for warning in &event.warnings { div class="note" { p { (prose(warning)) } } }
            @if !redacted.is_empty() {
                div class="note plain" {
                    p { "Redacted: " (short(&redacted.join(", "), 500)) ", and the body as received." }
                }
            }
            @if let Some(note) = self.archive.note() { div class="note" { p { (prose(&note)) } } }
        }
    }

    fn test(&self) -> Markup {
        html! {
            @if let Some(Exported { text: test, notes }) = &self.test {
                section aria-labelledby="h-test" {
                    div class="bar" {
                        h2 id="h-test" { "As a test" }
                        p { "it passes with the rules of that time" }
                    }
                    details class="box rule rest" {
                        summary { "The test, for a file of rule tests" }
                        div {
                            @for note in notes { p { (prose(note)) } }
                            pre class="code" tabindex="0" { (short(test, MAX_COPIED)) }
                        }
                    }
                }
            }
        }
    }
}
