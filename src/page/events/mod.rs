//! The page of events: what senders sent, newest first, and what became of each. A live list announces new events, and
//! never moves.

mod filter;
pub mod listing;
mod similar;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::PageState;
use crate::page::answer::PageView;
use crate::page::answer::day_and_time;
use crate::page::events::filter::{EventsFilter, OutcomeLinks, PATH, position_text};
use crate::page::events::listing::{EventListing, Explainer, MAX_EXPLAINING, table};
use crate::page::events::similar::{Similar, full_type};
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
    ArchivePosition, CappedCount, EventFilter, EventPage, EventRowId, HistoryError, ListedEvent,
};

/// Events of one page.
const ROWS: usize = 50;
/// Events are counted up to this number.
const MAX_COUNT: usize = 10_000;
/// Events that are looked at for one page of those that nearly matched, and how long.
const MAX_SEARCHED: usize = 20_000;
const MAX_SEARCHING: Duration = Duration::from_millis(700);
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
    /// The highest number of a stored event.
    newest: EventRowId,
    /// The type of the filter with its family.
    event_type: Option<String>,
    /// What may have been meant, if nothing fits.
    similar: Vec<Similar>,
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
    let live = listed.live_link(&filter, &first);
    Ok(EventsPage {
        entries,
        links: OutcomeLinks::new(&request),
        older: older.map(|older| request.link_with(PATH, "before", &older)),
        newest: first.link_with(PATH, "before", ""),
        live,
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
        let explainer = Explainer::new(
            rules,
            history,
            match filter.is_nearly {
                true => MAX_SEARCHING,
                false => MAX_EXPLAINING,
            },
        );
        // The row that was stored last: events without runs are stored later than they are received.
        let newest = history.recent_events(1, Timestamp::MIN)?.pop();
        let mut asked = filter.events.clone();
        asked.event_type = full_type(asked.event_type, history)?;
        let mut list = Self {
            rows: Vec::new(),
            count: history.count_events(&asked, MAX_COUNT)?,
            last: filter.before,
            searched: 0,
            newest: newest.map_or(EventRowId(0), |newest| newest.row),
            event_type: asked.event_type.clone(),
            similar: Vec::new(),
        };
        list.fill(filter, &asked, &explainer, history)?;
        if list.count.count == 0 {
            list.similar = Similar::of(&asked, history)?;
        }
        Ok(list)
    }

    fn fill(
        &mut self,
        filter: &EventsFilter,
        asked: &EventFilter,
        explainer: &Explainer<'_>,
        history: &dyn History,
    ) -> Result<(), HistoryError> {
        loop {
            let page = EventPage {
                limit: ROWS + 1,
                before: self.last,
            };
            let found = history.event_list(asked, page)?;
            let all = found.len();
            let taken = self.add(found, filter, explainer)?;
            if taken == all {
                self.last = None;
                return Ok(());
            }
            let is_over = self.searched >= MAX_SEARCHED || !explainer.has_time();
            if !filter.is_nearly || self.rows.len() >= ROWS || is_over {
                return Ok(());
            }
        }
    }

    /// Where events are announced that are stored after this list was read; `None` for a filter that needs evaluations.
    fn live_link(&self, filter: &EventsFilter, first: &PageRequest) -> Option<String> {
        if filter.is_nearly {
            return None;
        }
        let EventRowId(newest) = self.newest;
        let event_type = self.event_type.as_deref().unwrap_or_default();
        let typed = first.with("type", event_type);
        Some(typed.link_with("/live/events", "after", &newest.to_string()))
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
    let (filter, after) = match asked {
        Ok(filter) => (filter.events, filter.after),
        Err(error) => return (error.status(), error.html()).into_response(),
    };
    let find = move |history: &dyn History, known: Option<u64>| {
        let number = |EventRowId(row)| u64::try_from(row).unwrap_or_default();
        // Read first: what is stored after it is announced the next time.
        let newest = history.recent_events(1, Timestamp::MIN)?.pop();
        let newest = newest.map_or(0, |newest| number(newest.row));
        let Some(known) = known.filter(|known| *known < newest) else {
            return Ok(NewRows { newest, count: 0 });
        };
        let rows = history.event_list(&filter, EventPage::first(MAX_NEW))?;
        let new = rows
            .iter()
            .map(|row| number(row.position.row))
            .filter(|row| *row > known && *row <= newest);
        Ok(NewRows {
            newest,
            count: u64::try_from(new.count()).unwrap_or(u64::MAX),
        })
    };
    let (history, find) = (state.history.clone(), Arc::new(find));
    state
        .live
        .open_after(history, request.headers(), after, find)
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
            } @else if self.filter.is_nearly {
                "No event nearly matched a rule. " a href=(PATH) { "Show all" } "."
            } @else if self.filter.is_set() || self.filter.before.is_some() {
                "No event fits this filter. " a href=(PATH) { "Show all" }
                ", or see the " a href="/deliveries" { "requests of senders" } ", also the rejected ones."
                (similar::html(&self.listed.similar))
            } @else {
                "No event has been received yet. " code { "flowtrigger send" } " posts a sample."
            }
        }
    }

    fn older_label(&self) -> &'static str {
        match self.filter.is_nearly && self.listed.rows.len() < ROWS {
            true => "Look further back",
            false => "Older",
        }
    }

    fn pager(&self) -> Markup {
        let shown = grouped(self.listed.rows.len() as u64);
        html! {
            nav class="pager" aria-label="Pages" {
                span {
                    @if self.filter.is_nearly {
                        (shown) " of " (grouped(self.listed.searched as u64)) " events nearly matched"
                        @if let Some(last) = self.listed.last {
                            "; looked at back to " (day_and_time(last.received))
                        }
                    } @else if !self.listed.rows.is_empty() {
                        (shown) " of " (self.count())
                    }
                }
                div class="row push" {
                    @if self.filter.before.is_some() { a class="btn" href=(self.newest) { "Newest" } }
                    @if let Some(older) = &self.older { a class="btn" href=(older) rel="next" { (self.older_label()) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
