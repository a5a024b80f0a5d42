//! The page of deliveries: what senders posted and what they were answered, newest first, with the same data as
//! `flowtrigger deliveries`.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::PageState;
use super::answer::{PageView, day_and_time, time};
use super::live::NewRows;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use super::text::{short, text};
use crate::report::deliveries::json::row_json;
use crate::report::deliveries::row::grouped;
use crate::source::admin::AdminApi;
use crate::store::history::{DeliveryCount, DeliveryFilter, DeliveryRow, DeliveryTotals};
use crate::store::{DeliveredEvents, DeliveryKind, DeliveryOutcome, History};

const PATH: &str = "/deliveries";
/// Requests of one page.
const ROWS: usize = 50;
/// New requests that are counted one by one.
const MAX_NEW: usize = 1_000;
/// Characters of a reason that are shown.
const DETAIL_CHARS: usize = 300;
/// The answers that the filter offers.
const ANSWERS: [&str; 8] = [
    "accepted", "rejected", "400", "401", "404", "413", "429", "503",
];

/// One page of requests.
pub struct DeliveriesPage {
    filter: ShownFilter,
    /// The entries of `sources`.
    sources: Vec<String>,
    rows: Vec<DeliveryRow>,
    totals: DeliveryTotals,
    /// The page of older requests, if there are more.
    older: Option<String>,
    /// The first page with this filter, if this is another one.
    newest: Option<String>,
    live: String,
}

/// The filter as it was written, for the form.
#[derive(Debug, Default)]
struct ShownFilter {
    source: String,
    answer: String,
    text: String,
    since: String,
    until: String,
}

/// A status code, or the kind of the answer.
enum AnswerFilter {
    Kind(DeliveryKind),
    Status(u16),
}

impl FromStr for AnswerFilter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "accepted" => Ok(AnswerFilter::Kind(DeliveryKind::Accepted)),
            "rejected" => Ok(AnswerFilter::Kind(DeliveryKind::Rejected)),
            status => match status.parse() {
                Ok(status @ 100..600) => Ok(AnswerFilter::Status(status)),
                Ok(_) | Err(_) => Err(()),
            },
        }
    }
}

fn filter(request: &PageRequest) -> Result<DeliveryFilter, PageError> {
    let expected = "write `accepted`, `rejected` or a status code of HTTP: 400";
    let (kind, status) = match request.parse("status", expected)? {
        None => (None, None),
        Some(AnswerFilter::Kind(kind)) => (Some(kind), None),
        Some(AnswerFilter::Status(status)) => (None, Some(status)),
    };
    let filter = DeliveryFilter {
        source: request.text("source").map(str::to_owned),
        kind,
        status,
        reasons: request
            .texts("reason")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        text: request.text("text").map(str::to_owned),
        since: request.time("since")?,
        until: request.time("until")?,
        before: request.parse("before", "write the number of a request")?,
    };
    match (filter.since, filter.until) {
        (Some(since), Some(until)) if since >= until => {
            let error = PageError::parameter("since", "it is not before `until`");
            Err(error.help("write the earlier time as `since`"))
        }
        (_, _) => Ok(filter),
    }
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<DeliveriesPage, PageError> {
    let filter = filter(&request)?;
    // What was received a moment ago is listed too; without it the list is only a moment behind.
    drop(state.admin.flush().await);
    let asked = filter.clone();
    let read = state.history.read(move |history| {
        let rows = history.deliveries(&asked, ROWS + 1)?;
        // The count does not depend on the page.
        let all = DeliveryFilter {
            before: None,
            ..asked
        };
        Ok::<_, HistoryReadError>((rows, history.delivery_totals(&all)?))
    });
    let (mut rows, totals) = read.await?;
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let last = rows.last().filter(|_| more).map(|row| row.delivery.id.0);
    let shown = |name| request.text(name).unwrap_or_default().to_owned();
    let sources = (state.rulebook)().config.sources.keys().cloned().collect();
    Ok(DeliveriesPage {
        sources,
        rows,
        totals,
        older: last.map(|last| request.link_with(PATH, "before", &last.to_string())),
        newest: filter.before.map(|_| request.link_with(PATH, "before", "")),
        live: request.link_with("/live/deliveries", "before", ""),
        filter: ShownFilter {
            source: shown("source"),
            answer: shown("status"),
            text: shown("text"),
            since: shown("since"),
            until: shown("until"),
        },
    })
}

/// Announces new requests that the filter selects.
pub async fn live<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let asked = match PageRequest::of_query(None, &request) {
        Ok(asked) => filter(&asked),
        Err(response) => return response,
    };
    let filter = match asked {
        Ok(filter) => filter,
        Err(error) => return (error.status(), error.html()).into_response(),
    };
    let find = move |history: &dyn History, known: Option<u64>| {
        let limit = if known.is_some() { MAX_NEW } else { 1 };
        let rows = history.deliveries(&filter, limit)?;
        let newest = rows.first().map_or(0, |row| row.delivery.id.0);
        let known = known.unwrap_or(newest);
        let new = rows.iter().filter(|row| row.delivery.id.0 > known);
        Ok(NewRows {
            newest: newest.max(known),
            count: u64::try_from(new.count()).unwrap_or(u64::MAX),
        })
    };
    let history = state.history.clone();
    state.live.open(history, request.headers(), Arc::new(find))
}

impl PageView for DeliveriesPage {
    fn title(&self) -> String {
        "Deliveries".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Deliveries)
    }

    fn json(&self) -> Value {
        let count = |count: &DeliveryCount| {
            json!({
                "listed": count.listed,
                "omitted": count.omitted,
                "perhaps_outside": count.perhaps_outside,
                "oldest": count.oldest.map(|oldest| oldest.to_string()),
            })
        };
        json!({
            "requests": self.rows.iter().map(row_json).collect::<Vec<_>>(),
            "totals": {
                "accepted": count(&self.totals.accepted),
                "rejected": count(&self.totals.rejected),
            },
            "older": self.older,
        })
    }

    fn html(&self, _: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Deliveries" }
                    p { "What senders posted, and what they were answered. A rejected sender learns the status alone; the reason is listed here." }
                }
                button type="button" class="js-only push" aria-pressed="false" data-live=(self.live) data-into="new" data-noun="request" { "Live" }
            }
            (self.form())
            a id="new" class="new box" href=(self.newest.as_deref().unwrap_or(PATH)) hidden {}
            @if self.rows.is_empty() {
                div class="note plain" { p { (self.nothing()) } }
            } @else {
                (self.table())
                (self.pager())
            }
        }
    }
}

impl DeliveriesPage {
    fn form(&self) -> Markup {
        let ShownFilter {
            source,
            answer,
            text,
            since,
            until,
        } = &self.filter;
        let own = |names: &[String]| !source.is_empty() && !names.contains(source);
        let answers = ANSWERS.iter().copied();
        let other =
            Some(answer.as_str()).filter(|answer| !answer.is_empty() && !ANSWERS.contains(answer));
        html! {
            form class="filter" method="get" action=(PATH) aria-label="Filter requests" {
                div class="fields" {
                    div {
                        label for="source" { "Source" }
                        select id="source" name="source" {
                            option value="" { "any" }
                            @for name in &self.sources {
                                option value=(name) selected[name == source] { (name) }
                            }
                            @if own(&self.sources) { option value=(source) selected { (source) } }
                        }
                    }
                    div {
                        label for="status" { "Answer" }
                        select id="status" name="status" {
                            option value="" { "any" }
                            @for name in answers.chain(other) {
                                option value=(name) selected[name == answer] { (name) }
                            }
                        }
                    }
                    div {
                        label for="text" { "Text" }
                        input id="text" name="text" value=(text) placeholder="reason, address, event id";
                    }
                    div {
                        label for="since" { "From, in UTC" }
                        input id="since" name="since" value=(since) placeholder="-1h";
                    }
                    div {
                        label for="until" { "Until, in UTC" }
                        input id="until" name="until" value=(until) placeholder="now";
                    }
                    div { button class="go" { "Filter" } }
                }
            }
        }
    }

    /// Whether the filter or the database has nothing.
    fn nothing(&self) -> Markup {
        let ShownFilter {
            source,
            answer,
            text,
            since,
            until,
        } = &self.filter;
        let is_filtered = [source, answer, text, since, until]
            .iter()
            .any(|value| !value.is_empty());
        match is_filtered || self.newest.is_some() {
            true => html! { "No request fits this filter. " a href=(PATH) { "Show all" } },
            false => {
                html! { "No sender has posted anything yet. " code { "flowtrigger send" } " posts a sample." }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            div class="box" {
                table class="hov list" {
                    caption class="vh" { "Requests, newest first" }
                    thead {
                        tr {
                            th scope="col" { "Received" }
                            th scope="col" { "Source" }
                            th scope="col" class="wide" { "Address" }
                            th scope="col" { "Answer" }
                            th scope="col" { "Events" }
                            th scope="col" { "What it was, or why not" }
                            th scope="col" class="r wide" { "Size" }
                        }
                    }
                    tbody { @for row in &self.rows { (table_row(row)) } }
                }
            }
        }
    }

    fn pager(&self) -> Markup {
        let DeliveryTotals { accepted, rejected } = &self.totals;
        html! {
            nav class="pager" aria-label="Pages" {
                span {
                    (requests(rejected, "rejected")) ", " (requests(accepted, "accepted"))
                    @if self.newest.is_some() { " in all; older ones shown" }
                }
                div class="row push" {
                    @if let Some(newest) = &self.newest { a class="btn" href=(newest) { "Newest" } }
                    @if let Some(older) = &self.older { a class="btn" href=(older) rel="next" { "Older" } }
                }
            }
        }
    }
}

/// `1,237 rejected, 1,234 of them only counted`.
fn requests(count: &DeliveryCount, kind: &str) -> String {
    match count.omitted {
        0 => format!("{} {kind}", grouped(count.all())),
        omitted => format!(
            "{} {kind}, {} of them only counted",
            grouped(count.all()),
            grouped(omitted)
        ),
    }
}

fn table_row(row: &DeliveryRow) -> Markup {
    let delivery = &row.delivery;
    let pill = match delivery.kind() {
        DeliveryKind::Accepted => "st ok",
        DeliveryKind::Rejected => "st refused",
    };
    html! {
        tr {
            td { (day_and_time(delivery.received)) }
            th scope="row" { @if let Some(endpoint) = &delivery.endpoint { (text(endpoint)) } @else { span class="mu" { "unknown" } } }
            td class="wide" { @if let Some(peer) = delivery.peer { span class="m xs" { (peer) } } }
            td { span class=(pill) { (delivery.status) } }
            td class="nw" { @if let DeliveryOutcome::Accepted(events) = &delivery.outcome { (grouped(events.count)) " " (noun(events.count)) } }
            td class="w" {
                @match &delivery.outcome {
                    DeliveryOutcome::Accepted(events) => (accepted(events)),
                    DeliveryOutcome::Rejected { detail, .. } => {
                        (short(detail, DETAIL_CHARS))
                        @if delivery.endpoint.is_none() && !delivery.path.is_empty() {
                            " " span class="m xs mu" { (delivery.method) " " (text(&delivery.path)) }
                        }
                    }
                }
                @if row.omitted > 0 {
                    span class="mu" {
                        "; and " (grouped(row.omitted))
                        @match delivery.kind() {
                            DeliveryKind::Accepted => " more accepted requests",
                            DeliveryKind::Rejected => " more for the same reason",
                        }
                        @if let Some(until) = row.omitted_until { " until " (time(until)) }
                    }
                }
            }
            td class="r wide" { @if let Some(size) = delivery.size { (bytes(size)) } }
        }
    }
}

fn noun(count: u64) -> &'static str {
    match count {
        1 => "event",
        _ => "events",
    }
}

/// The first event, and what became of all.
fn accepted(events: &DeliveredEvents) -> Markup {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("q", &events.first)
        .finish();
    let mut parts = Vec::new();
    let mut part = |count: u64, what: &str| match (count, events.count) {
        (0, _) => {}
        (_, 1) => parts.push(what.to_owned()),
        (count, _) => parts.push(format!("{} {what}", grouped(count))),
    };
    part(events.matched, "matched");
    part(events.redelivered, "redelivered");
    part(events.differed, "with another body, for which nothing ran");
    let outcome = match parts.is_empty() {
        true => "no rule matched".to_owned(),
        false => parts.join(", "),
    };
    html! {
        a class="m" href={ "/find?" (query) } { (short(&events.first, 80)) }
        @if events.count > 1 { " and more" }
        ", " (outcome)
    }
}

/// `1.1 kB`.
fn bytes(size: u64) -> String {
    match size {
        ..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        _ => format!("{:.1} MB", size as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::{Role, SignIn};
    use super::*;
    use crate::store::conformance::history::deliveries::{accepted, rejected};

    fn page(rows: Vec<DeliveryRow>) -> DeliveriesPage {
        DeliveriesPage {
            filter: ShownFilter::default(),
            sources: vec!["desk".into()],
            totals: DeliveryTotals {
                rejected: DeliveryCount {
                    listed: 3,
                    omitted: 1_234,
                    ..DeliveryCount::default()
                },
                ..DeliveryTotals::default()
            },
            rows,
            older: Some("/deliveries?before=7".into()),
            newest: None,
            live: "/live/deliveries".into(),
        }
    }

    fn html(page: &DeliveriesPage) -> String {
        let user = PageUser {
            name: "ada".into(),
            role: Role::Read,
            sign_in: SignIn::Session,
        };
        page.html(&user).into_string()
    }

    #[test]
    fn the_rows_are_the_same_in_both_forms() {
        let mut hostile = rejected("desk", 400, "unsound");
        hostile.outcome = DeliveryOutcome::Rejected {
            reason: "unsound".into(),
            detail: "<script>\u{202e}".into(),
        };
        let row = |delivery, omitted| DeliveryRow {
            delivery,
            omitted,
            omitted_until: None,
        };
        let page = page(vec![row(hostile, 2), row(accepted("desk", "e&1"), 0)]);
        let html = html(&page);
        for part in [
            "&lt;script&gt;<span class=\"inv\"",
            "; and 2 more for the same reason",
            "href=\"/find?q=e%261\"",
            "1,237 rejected, 1,234 of them only counted",
            "href=\"/deliveries?before=7\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let json = page.json();
        assert_eq!(json["requests"][0]["detail"], "<script>\u{202e}");
        assert_eq!(json["requests"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["totals"]["rejected"]["omitted"], 1_234);
    }

    #[test]
    fn an_empty_list_says_why() {
        let mut page = page(Vec::new());
        page.older = None;
        assert!(html(&page).contains("No sender has posted anything yet"));
        page.filter.source = "gone".into();
        let html = html(&page);
        assert!(html.contains("No request fits this filter"));
        assert!(html.contains("<option value=\"gone\" selected>"), "{html}");
    }

    #[test]
    fn sizes_are_short() {
        for (size, shown) in [(0, "0 B"), (1_100, "1.1 kB"), (1_468_006, "1.5 MB")] {
            assert_eq!(bytes(size), shown);
        }
    }
}
