//! The filter of the list of events: its fields in the address, the form, and the tabs of outcomes.

use std::str::FromStr;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::store::history::{ArchivePosition, EventFilter, EventRowId, ListedOutcome};

pub const PATH: &str = "/events";

/// Which events are listed.
#[derive(Debug, Clone, Default)]
pub struct EventsFilter {
    pub events: EventFilter,
    /// Only events that a rule nearly matched, beside any that did.
    pub is_nearly: bool,
    pub before: Option<ArchivePosition>,
    /// The number of the last event that is known, of those that are announced.
    pub after: Option<u64>,
    shown: ShownFields,
}

/// The fields as they were written.
#[derive(Debug, Clone, Default)]
struct ShownFields {
    ticket: String,
    event_type: String,
    entry: String,
    rule: String,
    id: String,
    since: String,
    until: String,
    outcome: Option<OutcomeFilter>,
}

/// The outcomes that can be selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeFilter {
    Listed(ListedOutcome),
    Nearly,
}

const OUTCOMES: [OutcomeFilter; 4] = [
    OutcomeFilter::Listed(ListedOutcome::Matched),
    OutcomeFilter::Listed(ListedOutcome::Unmatched),
    OutcomeFilter::Nearly,
    OutcomeFilter::Listed(ListedOutcome::Redelivered),
];

impl OutcomeFilter {
    fn name(self) -> &'static str {
        match self {
            OutcomeFilter::Listed(outcome) => outcome.as_str(),
            OutcomeFilter::Nearly => "nearly",
        }
    }

    fn label(self) -> &'static str {
        match self {
            OutcomeFilter::Listed(ListedOutcome::Matched) => "Matched",
            OutcomeFilter::Listed(ListedOutcome::Unmatched) => "No match",
            OutcomeFilter::Listed(ListedOutcome::Redelivered) => "Redelivered",
            OutcomeFilter::Nearly => "Nearly",
        }
    }
}

impl FromStr for OutcomeFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let outcome = OUTCOMES.into_iter().find(|outcome| outcome.name() == text);
        outcome.ok_or(())
    }
}

/// A place in the list, as a link names it.
pub fn position_text(position: ArchivePosition) -> String {
    let EventRowId(row) = position.row;
    format!("{}-{row}", position.received.as_microsecond())
}

struct Position(ArchivePosition);

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (received, row) = text.split_once('-').ok_or(())?;
        let received = received.parse().map_err(|_| ())?;
        Ok(Position(ArchivePosition {
            received: Timestamp::from_microsecond(received).map_err(|_| ())?,
            row: EventRowId(row.parse().map_err(|_| ())?),
        }))
    }
}

impl EventsFilter {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let expected = "write `matched`, `unmatched`, `nearly` or `redelivered`";
        let outcome: Option<OutcomeFilter> = request.parse("outcome", expected)?;
        let expected = "take it from a link of this list";
        let before: Option<Position> = request.parse("before", expected)?;
        let text = |name| request.text(name).map(str::to_owned);
        let shown = |name| request.text(name).unwrap_or_default().to_owned();
        let ticket = request.text("ticket");
        let ticket = ticket.map(|ticket| ticket.trim_start_matches('#').to_owned());
        let events = EventFilter {
            key: ticket.clone(),
            id: text("id"),
            event_type: text("type"),
            endpoint: text("entry"),
            rule: text("rule"),
            outcome: outcome.and_then(|outcome| match outcome {
                OutcomeFilter::Listed(outcome) => Some(outcome),
                OutcomeFilter::Nearly => None,
            }),
            since: request.time("since")?,
            until: request.time("until")?,
        };
        if let (Some(since), Some(until)) = (events.since, events.until)
            && since >= until
        {
            let error = PageError::parameter("since", "it is not before `until`");
            return Err(error.help("write the earlier time as `since`"));
        }
        Ok(Self {
            events,
            is_nearly: outcome == Some(OutcomeFilter::Nearly),
            before: before.map(|Position(position)| position),
            after: request.parse("after", expected)?,
            shown: ShownFields {
                ticket: ticket.unwrap_or_default(),
                event_type: shown("type"),
                entry: shown("entry"),
                rule: shown("rule"),
                id: shown("id"),
                since: shown("since"),
                until: shown("until"),
                outcome,
            },
        })
    }

    /// Whether it leaves anything out.
    pub fn is_set(&self) -> bool {
        self.is_nearly || self.events != EventFilter::default()
    }

    pub fn form(&self, entries: &[String]) -> Markup {
        let shown = &self.shown;
        let entry = &shown.entry;
        html! {
            form class="filter" method="get" action=(PATH) aria-label="Filter events" {
                div class="fields" {
                    div {
                        label for="ticket" { "Ticket" }
                        input id="ticket" name="ticket" value=(shown.ticket);
                    }
                    div {
                        label for="type" { "Type" }
                        input id="type" name="type" value=(shown.event_type) placeholder="ticket.*";
                    }
                    div {
                        label for="entry" { "Source" }
                        select id="entry" name="entry" {
                            option value="" { "any" }
                            @for name in entries {
                                option value=(name) selected[name == entry] { (name) }
                            }
                            @if !entry.is_empty() && !entries.contains(entry) {
                                option value=(entry) selected { (entry) }
                            }
                        }
                    }
                    div {
                        label for="rule" { "Rule that matched" }
                        input id="rule" name="rule" value=(shown.rule);
                    }
                    div {
                        label for="since" { "From, in UTC" }
                        input id="since" name="since" value=(shown.since) placeholder="-1h";
                    }
                    div {
                        label for="until" { "Until, in UTC" }
                        input id="until" name="until" value=(shown.until) placeholder="now";
                    }
                    @if !shown.id.is_empty() {
                        div {
                            label for="id" { "Event id" }
                            input id="id" name="id" value=(shown.id);
                        }
                    }
                    @if let Some(outcome) = shown.outcome {
                        input type="hidden" name="outcome" value=(outcome.name());
                    }
                    div class="row" {
                        button class="go" { "Filter" }
                        @if self.is_set() { a class="btn" href=(PATH) { "Clear" } }
                    }
                }
            }
        }
    }

    /// The outcomes, as links to the same filter. `count` is that of the selected one.
    pub fn tabs(&self, links: &OutcomeLinks, count: &str) -> Markup {
        let current = |outcome| (self.shown.outcome == outcome).then_some("true");
        html! {
            nav class="tabs" aria-label="Outcome" {
                a href=(links.all) aria-current=[current(None)] {
                    "All" @if current(None).is_some() { " " span { (count) } }
                }
                @for (outcome, link) in OUTCOMES.into_iter().zip(&links.outcomes) {
                    a href=(link) aria-current=[current(Some(outcome))] {
                        (outcome.label())
                        @if current(Some(outcome)).is_some() { " " span { (count) } }
                    }
                }
            }
        }
    }
}

/// The addresses of the list with each outcome.
pub struct OutcomeLinks {
    all: String,
    outcomes: Vec<String>,
}

impl OutcomeLinks {
    /// The first page of each list.
    pub fn new(request: &PageRequest) -> Self {
        let first = request.without("before");
        let outcomes = OUTCOMES.iter();
        Self {
            all: first.link_with(PATH, "outcome", ""),
            outcomes: outcomes
                .map(|outcome| first.link_with(PATH, "outcome", outcome.name()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Result<EventsFilter, PageError> {
        EventsFilter::read(&PageRequest::of_text(query))
    }

    #[test]
    fn the_address_holds_the_whole_filter() {
        let read = filter("ticket=%2390417&type=ticket.*&entry=desk&rule=vip&outcome=nearly&id=e")
            .unwrap();
        assert_eq!(
            read.events,
            EventFilter {
                key: Some("90417".into()),
                id: Some("e".into()),
                event_type: Some("ticket.*".into()),
                endpoint: Some("desk".into()),
                rule: Some("vip".into()),
                outcome: None,
                since: None,
                until: None,
            }
        );
        assert!(read.is_nearly && read.is_set());
        assert!(!filter("").unwrap().is_set());
        for query in [
            "outcome=perhaps",
            "since=yesterday",
            "before=7",
            "since=2026-01-02&until=2026-01-01",
        ] {
            assert_eq!(filter(query).unwrap_err().status(), 400, "{query}");
        }
    }

    #[test]
    fn a_position_survives_its_text() {
        let position = ArchivePosition {
            received: "2026-01-07T09:02:00.123456Z".parse().unwrap(),
            row: EventRowId(91),
        };
        let query = format!("before={}", position_text(position));
        assert_eq!(filter(&query).unwrap().before, Some(position));
    }

    #[test]
    fn the_form_keeps_what_was_written_and_escapes_it() {
        let read = filter("ticket=%22%3E%3Cb%3E&entry=gone&outcome=matched").unwrap();
        let html = read.form(&["desk".into()]).into_string();
        assert!(html.contains("value=\"&quot;&gt;&lt;b&gt;\""), "{html}");
        assert!(html.contains("<option value=\"gone\" selected>"), "{html}");
        let links = OutcomeLinks::new(&PageRequest::of_text("ticket=7&before=1-2"));
        let tabs = read.tabs(&links, "12").into_string();
        assert!(
            tabs.contains(
                "<a href=\"/events?ticket=7&amp;outcome=matched\" aria-current=\"true\">Matched <span>12"
            ),
            "{tabs}"
        );
    }
}
