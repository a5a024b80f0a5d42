//! The receivers of requests: what they answered in the last hour, and which runs wait for them.

use maud::{Markup, html};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::page::answer::{day_and_time, time};
use crate::page::chart::{SparkColumn, duration, two_coloured};
use crate::page::part::problem::without_scheme;
use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::time_argument::seconds;
use crate::store::history::{LastAttempt, ReceiverActivity, ReceiverHealth};

/// Characters of an error that are shown.
const ERROR_CHARS: usize = 80;

pub fn section(receivers: &[ReceiverActivity]) -> Markup {
    html! {
        section id="receivers" data-fresh aria-labelledby="h-receivers" {
            div class="bar" {
                h2 id="h-receivers" { "Receivers" }
                p { "what they answered in the last hour" }
            }
            @if receivers.is_empty() {
                div class="note plain" { p { "No request was sent in the last hour, and none waits for an attempt." } }
            } @else {
                (table(receivers))
            }
        }
    }
}

fn table(receivers: &[ReceiverActivity]) -> Markup {
    html! {
        div class="box" {
            table class="hov list" {
                caption class="vh" { "Receivers, what they answered in the last hour, and what waits for them" }
                thead {
                    tr {
                        th scope="col" { "Receiver" }
                        th scope="col" { "State" }
                        th scope="col" { "Last answer" }
                        th scope="col" class="r" { "Succeeded" }
                        th scope="col" class="r" { "Median" }
                        th scope="col" { "Waiting" }
                        th scope="col" class="wide" { "Attempts" }
                    }
                }
                tbody { @for receiver in receivers { (row(receiver)) } }
            }
        }
    }
}

fn row(receiver: &ReceiverActivity) -> Markup {
    html! {
        tr {
            th scope="row" class="w" { span class="id" { (text(without_scheme(&receiver.origin))) } }
            td { (state(receiver)) }
            td class="mu" { @if let Some(last) = &receiver.last { (last_answer(last, receiver)) } }
            td class="r" data-l="succeeded" {
                @if receiver.attempts > 0 {
                    (grouped(receiver.succeeded)) " of " (grouped(receiver.attempts)) @if receiver.is_cut { "+" }
                }
            }
            td class="r" data-l="median" { @if let Some(median) = receiver.median { (duration(median.as_secs_f64())) } }
            td { (waiting(receiver)) }
            td class="wide" { (chart(receiver)) }
        }
    }
}

fn state(receiver: &ReceiverActivity) -> Markup {
    match receiver.health() {
        ReceiverHealth::Failing { .. } => pill("failing", "failing"),
        ReceiverHealth::PartlyFailing => pill("retrying", "partly failing"),
        ReceiverHealth::NoRequest => pill("none", "no request"),
        ReceiverHealth::Well => pill("ok", "ok"),
    }
}

fn last_answer(last: &LastAttempt, receiver: &ReceiverActivity) -> Markup {
    html! {
        @match (last.status, &last.error) {
            (Some(status), _) => (status),
            (None, Some(error)) => (short(error, ERROR_CHARS)),
            (None, None) => "ok",
        }
        @match receiver.failing_since {
            Some(since) => { ", failing since " (day_and_time(since)) }
            None => {
                " at " (time(last.started))
                @if receiver.failed() > 0 { ", " (grouped(receiver.failed())) " failed in the last hour" }
            }
        }
    }
}

/// Dead and retrying runs, as links to them.
fn waiting(receiver: &ReceiverActivity) -> Markup {
    let link = |state: &str, count: u64| {
        html! { a class="link" href=(runs_path(receiver, state)) { (grouped(count)) " " (state) } }
    };
    html! {
        @if receiver.dead > 0 { (link("dead", receiver.dead)) }
        @if receiver.dead > 0 && receiver.retrying > 0 { ", " }
        @if receiver.retrying > 0 { (link("retrying", receiver.retrying)) }
    }
}

fn runs_path(receiver: &ReceiverActivity, state: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("state", state)
        .append_pair("sent_to", &receiver.origin)
        .finish();
    format!("/runs?{query}")
}

fn chart(receiver: &ReceiverActivity) -> Markup {
    let columns = receiver.columns.map(|column| SparkColumn {
        all: column.succeeded + column.failed,
        part: column.failed,
    });
    let failed = receiver.failed();
    let label = format!(
        "{} attempts in the last hour, {} failed",
        grouped(receiver.attempts),
        grouped(failed)
    );
    two_coloured(&columns, "f3", &label)
}

pub fn receiver_json(receiver: &ReceiverActivity) -> Value {
    json!({
        "origin": receiver.origin,
        "attempts": receiver.attempts,
        "succeeded": receiver.succeeded,
        "older_left_out": receiver.is_cut,
        "median_seconds": receiver.median.map(|median| median.as_secs_f64()),
        "last": receiver.last.as_ref().map(|last| json!({
            "started": seconds(last.started),
            "status": last.status,
            "error": last.error,
        })),
        "failing_since": receiver.failing_since.map(seconds),
        "dead": receiver.dead,
        "retrying": receiver.retrying,
        "five_minutes": receiver.columns.map(|column| json!({
            "succeeded": column.succeeded,
            "failed": column.failed,
        })),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_success_does_not_hide_the_failures_before_it() {
        let mut receiver = ReceiverActivity::none("https://crm.example".into());
        for (succeeded, dead, shown) in [
            (35, 12, "partly failing"),
            (35, 0, "partly failing"),
            (69, 1, "partly failing"),
            (69, 0, "ok"),
            (70, 1, "ok"),
        ] {
            (receiver.attempts, receiver.succeeded, receiver.dead) = (70, succeeded, dead);
            let html = state(&receiver).into_string();
            assert!(
                html.contains(&format!(">{shown}<")),
                "{succeeded}, {dead}: {html}"
            );
        }
        receiver.succeeded = 35;
        receiver.last = Some(LastAttempt {
            started: Timestamp::UNIX_EPOCH,
            status: Some(200),
            error: None,
        });
        let html = table(&[receiver]).into_string();
        assert!(
            html.contains("</time>, 35 failed in the last hour"),
            "{html}"
        );
    }

    #[test]
    fn a_failing_receiver_shows_since_when_and_what_waits() {
        let mut failing = ReceiverActivity::none("https://pager.example".into());
        failing.attempts = 1_260;
        failing.failing_since = Some(Timestamp::UNIX_EPOCH);
        failing.last = Some(LastAttempt {
            started: Timestamp::UNIX_EPOCH,
            status: None,
            error: Some("<b>refused".into()),
        });
        failing.dead = 38;
        failing.retrying = 7;
        let mut good = ReceiverActivity::none("http://crm:8080".into());
        good.attempts = 2;
        good.succeeded = 2;
        good.median = Some(Duration::from_millis(38));
        good.last = Some(LastAttempt {
            started: Timestamp::UNIX_EPOCH,
            status: Some(200),
            error: None,
        });
        let html = section(&[failing.clone(), good]).into_string();
        for part in [
            "<span class=\"st failing\">failing</span>",
            "&lt;b&gt;refused</bdi>, failing since",
            "0 of 1,260",
            "href=\"/runs?state=dead&amp;sent_to=https%3A%2F%2Fpager.example\">38 dead</a>, <a",
            "<span class=\"st ok\">ok</span>",
            "200 at <time",
            ">38 ms<",
            "<bdi>http://crm:8080</bdi>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(receiver_json(&failing)["last"]["error"], "<b>refused");
        assert!(section(&[]).into_string().contains("No request was sent"));
    }
}
