//! The page of events: what senders sent, newest first, and what became of each. A live list announces new events, and
//! never moves.

mod filter;
pub mod listing;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::PageState;
use crate::page::answer::PageView;
use crate::page::events::filter::{EventsFilter, OutcomeLinks, PATH, position_text};
use crate::page::events::listing::{EventListing, Explainer, table};
use crate::page::live::NewRows;
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::prose::prose;
use crate::page::revisions::ListedRules;
use crate::page::session::PageUser;
use crate::page::shell::{PagePosition, Section};
use crate::report::daemon_state::ArchiveState;
use crate::report::deliveries::row::grouped;
use crate::report::render::explanation::cut;
use crate::source::admin::AdminApi;
use crate::store::History;
use crate::store::history::{
    ArchivePosition, CappedCount, EventPage, EventRowId, HistoryError, ListedEvent,
};

/// Events of one page.
const ROWS: usize = 50;
/// Events are counted up to this number.
const MAX_COUNT: usize = 10_000;
/// Events that are looked at for one page of those that nearly matched.
const MAX_SEARCHED: usize = 500;
/// New events that are counted one by one.
const MAX_NEW: usize = 200;

/// One page of events.
pub struct EventsPage {
    filter: EventsFilter,
    /// The entries of `sources`.
    entries: Vec<String>,
    links: OutcomeLinks,
    listed: EventList,
    older: Option<String>,
    /// The first page with this filter.
    newest: String,
    /// Where new events are announced; `None` for a filter that needs evaluations.
    live: Option<String>,
    archive: ArchiveState,
}

/// What a filter selects.
struct EventList {
    rows: Vec<EventListing>,
    count: CappedCount,
    /// The last event that was looked at, if there are more.
    last: Option<ArchivePosition>,
    /// Events that were looked at.
    searched: usize,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<EventsPage, PageError> {
    let filter = EventsFilter::read(&request)?;
    let archive = state.written().await;
    let rulebook = (state.rulebook)();
    let entries = rulebook.config.sources.keys().cloned().collect();
    let (revisions, asked) = (state.revisions.clone(), filter.clone());
    let listed = state.history.read(move |history| {
        let rules = revisions.with(rulebook, history)?;
        EventList::read(&asked, rules, history)
    });
    let listed = listed.await?;
    let first = request.without("before");
    let older = listed.last.map(position_text);
    Ok(EventsPage {
        entries,
        links: OutcomeLinks::new(&request),
        older: older.map(|older| request.link_with(PATH, "before", &older)),
        newest: first.link_with(PATH, "before", ""),
        live: (!filter.is_nearly).then(|| first.link_with("/live/events", "before", "")),
        listed,
        filter,
        archive,
    })
}

impl EventList {
    fn read(
        filter: &EventsFilter,
        rules: ListedRules,
        history: &dyn History,
    ) -> Result<Self, HistoryError> {
        let explainer = Explainer::new(rules, history);
        let count = history.count_events(&filter.events, MAX_COUNT)?;
        let mut list = Self {
            rows: Vec::new(),
            count,
            last: filter.before,
            searched: 0,
        };
        loop {
            let page = EventPage {
                limit: ROWS + 1,
                before: list.last,
            };
            let found = history.event_list(&filter.events, page)?;
            let all = found.len();
            let taken = list.add(found, filter, &explainer)?;
            if taken == all {
                list.last = None;
                return Ok(list);
            }
            let is_over = list.searched >= MAX_SEARCHED || !explainer.has_time();
            if !filter.is_nearly || list.rows.len() >= ROWS || is_over {
                return Ok(list);
            }
        }
    }

    /// Adds events until the page is full or the time is over; returns how many were looked at.
    fn add(
        &mut self,
        found: Vec<ListedEvent>,
        filter: &EventsFilter,
        explainer: &Explainer<'_>,
    ) -> Result<usize, HistoryError> {
        let mut taken = 0;
        for event in found.into_iter().take(ROWS) {
            // Of those that nearly matched, none is left out because there was no time for it.
            let is_full = self.rows.len() >= ROWS || (filter.is_nearly && !explainer.has_time());
            if is_full && taken > 0 {
                break;
            }
            taken += 1;
            self.last = Some(event.position);
            self.searched += 1;
            let row = explainer.explain(event)?;
            if !filter.is_nearly || row.is_near() {
                self.rows.push(row);
            }
        }
        Ok(taken)
    }
}

/// Announces new events that the filter selects.
pub async fn live<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let asked = match PageRequest::of_query(None, &request) {
        Ok(asked) => EventsFilter::read(&asked),
        Err(response) => return *response,
    };
    let filter = match asked {
        Ok(filter) => filter.events,
        Err(error) => return (error.status(), error.html()).into_response(),
    };
    let find = move |history: &dyn History, known: Option<u64>| {
        let limit = if known.is_some() { MAX_NEW } else { 1 };
        let rows = history.event_list(&filter, EventPage::first(limit))?;
        let number = |row: &ListedEvent| {
            let EventRowId(row) = row.position.row;
            u64::try_from(row).unwrap_or_default()
        };
        let newest = rows.iter().map(number).max().unwrap_or_default();
        let known = known.unwrap_or(newest);
        let new = rows.iter().filter(|row| number(row) > known);
        Ok(NewRows {
            newest: newest.max(known),
            count: u64::try_from(new.count()).unwrap_or(u64::MAX),
        })
    };
    let history = state.history.clone();
    state.live.open(history, request.headers(), Arc::new(find))
}

impl PageView for EventsPage {
    fn title(&self) -> String {
        match &self.filter.events.key {
            Some(key) => format!("Events of {}", cut(key)),
            None => "Events".to_owned(),
        }
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Events)
    }

    fn json(&self) -> Value {
        json!({
            "events": self.listed.rows.iter().map(EventListing::json).collect::<Vec<_>>(),
            "count": self.listed.count.count,
            "count_is_capped": self.listed.count.is_capped,
            "older": self.older,
            "archive_behind": self.archive.behind(),
        })
    }

    fn html(&self, _: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Events" }
                    p { "Everything that senders sent, and what became of it." }
                }
                @if let Some(live) = &self.live {
                    button type="button" class="js-only push" aria-pressed=(if self.filter.before.is_none() { "true" } else { "false" }) data-live=(live) data-into="new" data-noun="event" { "Live" }
                }
            }
            @if let Some(note) = self.archive.note() { div class="note" { p { (prose(&note)) } } }
            (self.filter.form(&self.entries))
            (self.filter.tabs(&self.links, &self.count()))
            a id="new" class="new box" href=(self.newest) hidden {}
            @if self.listed.rows.is_empty() {
                div class="note plain" { p { (self.nothing()) } }
            } @else {
                div class="box" { (table("Events, newest first", &self.listed.rows)) }
            }
            (self.pager())
        }
    }
}

impl EventsPage {
    /// How many events the filter selects; of those that nearly matched, how many this page has.
    fn count(&self) -> String {
        let CappedCount { count, is_capped } = self.listed.count;
        match (self.filter.is_nearly, is_capped) {
            (true, _) => String::new(),
            (false, true) => format!("{}+", grouped(count)),
            (false, false) => grouped(count),
        }
    }

    fn nothing(&self) -> Markup {
        html! {
            @if self.filter.is_nearly && self.older.is_some() {
                "None of these events nearly matched a rule. Older ones may."
            } @else if self.filter.is_set() || self.filter.before.is_some() {
                "No event fits this filter. " a href=(PATH) { "Show all" }
                ", or see the " a href="/deliveries" { "requests of senders" } ", also the rejected ones."
            } @else {
                "No event has been received yet. " code { "flowtrigger send" } " posts a sample."
            }
        }
    }

    fn pager(&self) -> Markup {
        let shown = grouped(self.listed.rows.len() as u64);
        html! {
            nav class="pager" aria-label="Pages" {
                span {
                    @if self.filter.is_nearly {
                        (shown) " of " (grouped(self.listed.searched as u64)) " events that matched nothing"
                    } @else if !self.listed.rows.is_empty() {
                        (shown) " of " (self.count())
                    }
                }
                div class="row push" {
                    @if self.filter.before.is_some() { a class="btn" href=(self.newest) { "Newest" } }
                    @if let Some(older) = &self.older { a class="btn" href=(older) rel="next" { "Older" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::events::listing::tests::listed;
    use crate::page::session::{Role, SignIn};

    fn page(query: &str, rows: Vec<ListedEvent>) -> EventsPage {
        let request = PageRequest::of_text(query);
        let rows = rows.into_iter();
        EventsPage {
            filter: EventsFilter::read(&request).unwrap(),
            entries: vec!["desk".into()],
            links: OutcomeLinks::new(&request),
            listed: EventList {
                rows: rows
                    .map(|event| EventListing { event, why: None })
                    .collect(),
                count: CappedCount::new(12_345, MAX_COUNT),
                last: None,
                searched: 70,
            },
            older: Some("/events?before=1-2".into()),
            newest: "/events".into(),
            live: Some("/live/events".into()),
            archive: ArchiveState::Current,
        }
    }

    fn html(page: &EventsPage) -> String {
        let user = PageUser {
            name: "ada".into(),
            role: Role::Read,
            sign_in: SignIn::Session,
        };
        page.html(&user).into_string()
    }

    #[test]
    fn the_rows_are_the_same_in_both_forms() {
        let page = page("", vec![listed(31, Some("90417")), listed(30, None)]);
        let html = html(&page);
        for part in [
            "/events/31",
            "/events/30",
            "10,000+",
            "rel=\"next\"",
            "2 of 10,000+",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(page.json()["events"].as_array().map(Vec::len), Some(2));
        assert_eq!(page.json()["count_is_capped"], true);
    }

    #[test]
    fn an_empty_list_says_why() {
        assert!(html(&page("", Vec::new())).contains("No event has been received yet"));
        assert!(html(&page("ticket=1", Vec::new())).contains("No event fits this filter"));
        let nearly = html(&page("outcome=nearly", Vec::new()));
        assert!(nearly.contains("Older ones may"), "{nearly}");
        assert!(nearly.contains("0 of 70 events"), "{nearly}");
    }
}
