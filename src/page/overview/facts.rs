//! The health of the daemon in six facts.

use maud::{Markup, html};

use super::data::OverviewData;
use crate::page::answer::{day_and_time, time};
use crate::page::chart::duration;
use crate::page::text::text;
use crate::report::deliveries::row::grouped;
use crate::report::render::size::size;
use flowtrigger_core::config::Config;
use flowtrigger_core::gate::format_duration;

pub fn section(data: &OverviewData, config: &Config) -> Markup {
    html! {
        section id="facts" data-fresh aria-labelledby="h-health" {
            h2 id="h-health" class="vh" { "Health" }
            dl class="facts" {
                (daemon(data))
                (rules(data))
                (last_event(data))
                (queue(data))
                (disk(data, config))
                (lost(data))
            }
        }
    }
}

fn daemon(data: &OverviewData) -> Markup {
    html! {
        div {
            dt { "Daemon" }
            dd {
                @match &data.status.reason {
                    None => { span class="dot" {} "Ready" }
                    Some(_) => { span class="dot off" {} "Not ready" }
                }
                small {
                    @if let Some(why) = &data.status.reason { (text(why)) ", " }
                    "since " (day_and_time(data.status.since))
                }
            }
        }
    }
}

fn rules(data: &OverviewData) -> Markup {
    html! {
        div {
            dt { "Rules" }
            dd {
                a href="/rules" { "Revision " (data.status.revision) }
                small {
                    (grouped(data.status.rules as u64)) @if data.status.rules == 1 { " rule" } @else { " rules" }
                    ", loaded " (time(data.status.loaded))
                }
            }
        }
    }
}

fn last_event(data: &OverviewData) -> Markup {
    html! {
        div {
            dt { "Last event" }
            dd {
                @match &data.last_event {
                    Some(last) => {
                        a href={ "/events/" (last.row.0) } { (age(data, last.received)) " ago" }
                    }
                    None => "none stored"
                }
                small {
                    @match data.last_minute {
                        Some(count) => { (grouped(count)) " in the last minute" }
                        None => "no minute counted yet"
                    }
                }
            }
        }
    }
}

fn age(data: &OverviewData, at: jiff::Timestamp) -> String {
    match data.at.duration_since(at).as_secs_f64() {
        seconds if seconds < 1.0 => "under 1 s".to_owned(),
        seconds => duration(seconds.round()),
    }
}

fn queue(data: &OverviewData) -> Markup {
    let runs = |state: &str| data.status.runs.get(state).copied().unwrap_or_default();
    html! {
        div {
            dt { "Oldest queued run" }
            dd {
                @match data.status.oldest_queued_seconds {
                    None => "none",
                    Some(0) => "under 1 s",
                    Some(seconds) => (duration(seconds as f64)),
                }
                small {
                    (grouped(runs("queued"))) " queued, " (grouped(runs("running"))) " of " (data.status.places) " places"
                }
            }
        }
    }
}

fn disk(data: &OverviewData, config: &Config) -> Markup {
    let retention = &config.retention;
    html! {
        div {
            dt { "Disk" }
            dd {
                (size(data.status.disk_bytes))
                small {
                    "runs kept " (format_duration(retention.keep_for)) ", up to " (size(retention.at_most))
                }
            }
        }
    }
}

fn lost(data: &OverviewData) -> Markup {
    let (events, exchanges) = (data.status.lost_events, data.status.lost_exchanges);
    html! {
        div {
            dt { "Not archived" }
            dd {
                (grouped(events + exchanges))
                small {
                    @match events + exchanges {
                        0 => "events and exchanges lost since the start",
                        _ => { (grouped(events)) " events, " (grouped(exchanges)) " exchanges lost since the start" }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::data;
    use super::*;

    #[test]
    fn facts_say_what_is_wrong() {
        let mut data = data();
        let config = Config::default();
        let html = section(&data, &config).into_string();
        for part in [
            "Ready<small>since",
            "Revision 12</a><small>17 rules, loaded",
            "href=\"/events/9\">2 s ago",
            "43 in the last minute",
            "under 1 s<small>3 queued, 9 of 16 places",
            "412 MB<small>runs kept 7d, up to 1 GB",
            "0<small>events and exchanges lost",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        data.status.reason = Some("the disk is <full>".into());
        data.status.lost_events = 1_200;
        data.last_event = None;
        data.status.oldest_queued_seconds = None;
        let html = section(&data, &config).into_string();
        for part in [
            "Not ready<small><bdi>the disk is &lt;full&gt;</bdi>, since",
            "none stored",
            "1,200<small>1,200 events, 0 exchanges lost",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
