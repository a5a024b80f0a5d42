//! What each source accepted and rejected in the last hour.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::PATH;
use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::text::text;
use crate::report::deliveries::row::grouped;
use crate::store::History;
use crate::store::history::{DeliveryCount, DeliveryFilter, HistoryError};

/// Sources that are counted.
const MAX_SOURCES: usize = 50;
const RECENT: SignedDuration = SignedDuration::from_hours(1);

/// The requests of one source.
#[derive(Debug)]
pub struct SourceActivity {
    pub name: String,
    pub accepted: u64,
    pub rejected: u64,
    /// When the last request was received, however long ago.
    pub last: Option<Timestamp>,
}

impl SourceActivity {
    pub fn read(
        names: &[String],
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Vec<Self>, HistoryError> {
        let of_source = |name: &String| {
            let all = DeliveryFilter {
                source: Some(name.clone()),
                ..DeliveryFilter::default()
            };
            let last = history.deliveries(&all, 1)?.pop();
            let recent = DeliveryFilter {
                since: now.checked_sub(RECENT).ok(),
                ..all
            };
            let totals = history.delivery_totals(&recent)?;
            Ok(Self {
                name: name.clone(),
                accepted: DeliveryCount::all(&totals.accepted),
                rejected: DeliveryCount::all(&totals.rejected),
                last: last.map(|row| row.omitted_until.unwrap_or(row.delivery.received)),
            })
        };
        names.iter().take(MAX_SOURCES).map(of_source).collect()
    }
}

/// The table, with links to the requests of each source.
pub fn section(sources: &[SourceActivity]) -> Markup {
    html! {
        section aria-labelledby="h-sources" {
            div class="bar" {
                h2 id="h-sources" { "Sources" }
                p { "the last hour" }
            }
            div class="box" {
                table class="hov list" {
                    caption class="vh" { "Sources, with their requests of the last hour" }
                    thead {
                        tr {
                            th scope="col" { "Source" }
                            th scope="col" class="r" { "Accepted" }
                            th scope="col" class="r" { "Rejected" }
                            th scope="col" class="r" { "Last request" }
                        }
                    }
                    tbody { @for source in sources { (row(source)) } }
                }
            }
        }
    }
}

fn row(source: &SourceActivity) -> Markup {
    let name = source.name.as_str();
    let rejected = [("source", name), ("status", "rejected"), ("since", "-1h")];
    html! {
        tr {
            th scope="row" class="w" { a class="id" href=(link::query(PATH, &[("source", name)])) { (text(name)) } }
            td class="r" data-l="accepted" { (grouped(source.accepted)) }
            td class="r" data-l="rejected" {
                @match source.rejected {
                    0 => "0",
                    count => a class="link red" href=(link::query(PATH, &rejected)) { (grouped(count)) },
                }
            }
            td class="r" data-l="last" { @match source.last { Some(at) => (day_and_time(at)), None => "none stored" } }
        }
    }
}
