//! The HTML of the deliveries: the filter, the table, and the links to other pages of it.

use maud::{Markup, html};

use super::{DeliveriesPage, PATH, ShownFilter, sources};
use crate::page::answer::{day_and_time, time};
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::store::history::{DeliveryCount, DeliveryRow, DeliveryTotals};
use crate::store::{DeliveredEvents, DeliveryKind, DeliveryOutcome};

/// Characters of a reason that are shown.
const DETAIL_CHARS: usize = 300;
/// Characters of an id that are shown.
const ID_CHARS: usize = 40;
/// The answers that the filter offers.
const ANSWERS: [&str; 10] = [
    "accepted", "rejected", "400", "401", "403", "404", "413", "415", "429", "503",
];

impl DeliveriesPage {
    /// The main part of the page.
    pub(super) fn main(&self) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Deliveries" }
                    p { "What senders posted, and what they were answered. A rejected sender learns the status alone; the reason is listed here." }
                }
                button type="button" class="js-only push" aria-pressed=(if self.newest.is_none() { "true" } else { "false" }) data-live=(self.live) data-into="new" data-noun="request" { "Live" }
            }
            (self.form())
            a id="new" class="new box" href=(self.newest.as_deref().unwrap_or(PATH)) hidden {}
            @if self.rows.is_empty() {
                div class="note plain" { p { (self.nothing()) } }
            } @else {
                (self.table())
                (self.pager())
            }
            @if !self.last_hour.is_empty() { (sources::section(&self.last_hour)) }
        }
    }

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
                        input id="text" name="text" value=(text) placeholder="reason, address";
                    }
                    div {
                        label for="since" { "From, in UTC" }
                        input id="since" name="since" value=(since) placeholder="-1h";
                    }
                    div {
                        label for="until" { "Until, in UTC" }
                        input id="until" name="until" value=(until) placeholder="now";
                    }
                    div class="row" {
                        button class="go" { "Filter" }
                        @if self.is_filtered() { a class="btn" href=(PATH) { "Clear" } }
                    }
                }
            }
        }
    }

    fn is_filtered(&self) -> bool {
        let ShownFilter {
            source,
            answer,
            text,
            since,
            until,
        } = &self.filter;
        let values = [source, answer, text, since, until];
        values.iter().any(|value| !value.is_empty())
    }

    /// Whether the filter or the database has nothing. A ticket is no part of a request.
    fn nothing(&self) -> Markup {
        let text = self.filter.text.as_str();
        match self.is_filtered() || self.newest.is_some() {
            true => html! {
                "No request fits this filter. "
                @if !text.is_empty() { "For a ticket or an event, " a href=(link::query("/find", &[("q", text)])) { "use Find" } ". " }
                a href=(PATH) { "Show all" }
            },
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
                    tbody { @for row in &self.rows { (self.row(row)) } }
                }
            }
        }
    }

    fn pager(&self) -> Markup {
        let DeliveryTotals { accepted, rejected } = &self.totals;
        let shown = self.rows.len() as u64;
        html! {
            nav class="pager" aria-label="Pages" {
                span {
                    (grouped(shown)) " of " (grouped(accepted.all() + rejected.all())) ": "
                    (requests(rejected, "rejected")) ", " (requests(accepted, "accepted"))
                }
                div class="row push" {
                    @if let Some(newest) = &self.newest { a class="btn" href=(newest) { "Newest" } }
                    @if let Some(older) = &self.older { a class="btn" href=(older) rel="next" { "Older" } }
                }
            }
        }
    }

    fn row(&self, row: &DeliveryRow) -> Markup {
        let delivery = &row.delivery;
        let pill = match delivery.kind() {
            DeliveryKind::Accepted => "st ok",
            DeliveryKind::Rejected => "st refused",
        };
        html! {
            tr id={ "r" (delivery.id.0) } {
                td class="nw" data-l="received" { (day_and_time(delivery.received)) }
                th scope="row" { @if let Some(endpoint) = &delivery.endpoint { (text(endpoint)) } @else { span class="mu" { "unknown" } } }
                td class="nw wide" { @if let Some(peer) = delivery.peer { span class="m xs nw" { (peer) } } }
                td { span class=(pill) { (delivery.status) } }
                td class="nw" { @if let DeliveryOutcome::Accepted(events) = &delivery.outcome { (grouped(events.count)) " " (noun(events.count)) } }
                td class="w" {
                    @match &delivery.outcome {
                        DeliveryOutcome::Accepted(events) => (self.accepted(events)),
                        DeliveryOutcome::Rejected { detail, .. } => {
                            (reason(detail))
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
                td class="r nw wide" { @if let Some(size) = delivery.size { (bytes(size)) } }
            }
        }
    }

    /// The first event, and what became of all.
    fn accepted(&self, events: &DeliveredEvents) -> Markup {
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
            @match self.events.get(&events.first) {
                Some(event) => {
                    a class="id" href=(link::event(event.row)) { @if let Some(key) = &event.key { "#" (short(key, ID_CHARS)) " " } }
                    a href=(link::event(event.row)) { code class="ty" { (text(&event.event_type)) } }
                }
                None => a class="m" href=(link::query("/find", &[("q", &events.first)])) { (short(&events.first, ID_CHARS)) },
            }
            @if events.count > 1 { " and more" }
            ", " (outcome)
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

/// Why a request was rejected, as a sentence.
fn reason(detail: &str) -> Markup {
    match detail.chars().count() > DETAIL_CHARS {
        true => short(detail, DETAIL_CHARS),
        false => prose(detail),
    }
}

fn noun(count: u64) -> &'static str {
    match count {
        1 => "event",
        _ => "events",
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
    use std::collections::HashMap;

    use super::*;
    use crate::page::answer::PageView;
    use crate::page::deliveries::SourceActivity;
    use crate::page::session::PageUser;
    use crate::page::session::{Role, SignIn};
    use crate::store::conformance::history::deliveries::{accepted, rejected};

    fn page(rows: Vec<DeliveryRow>) -> DeliveriesPage {
        DeliveriesPage {
            filter: ShownFilter::default(),
            sources: vec!["desk".into()],
            events: HashMap::new(),
            last_hour: vec![SourceActivity {
                name: "desk".into(),
                accepted: 7,
                rejected: 2,
                last: None,
            }],
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
            "2 of 1,237: 1,237 rejected, 1,234 of them only counted",
            "href=\"/deliveries?source=desk&amp;status=rejected&amp;since=-1h\">2</a>",
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
        assert!(html.contains("href=\"/deliveries\">Clear</a>"));
        assert!(html.contains("<option value=\"gone\" selected>"), "{html}");
    }

    #[test]
    fn sizes_are_short() {
        for (size, shown) in [(0, "0 B"), (1_100, "1.1 kB"), (1_468_006, "1.5 MB")] {
            assert_eq!(bytes(size), shown);
        }
    }
}
