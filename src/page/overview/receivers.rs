//! The receivers of requests: what they answered in the last hour, and which runs wait for them.

use maud::{Markup, html};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::data::OverviewData;
use crate::engine::host_target;
use crate::page::answer::{day_and_time, time};
use crate::page::chart::{SparkColumn, duration, two_coloured};
use crate::page::part::problem::without_scheme;
use crate::page::part::state::pill;
use crate::page::part::suspended;
use crate::page::session::{PageUser, Role};
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::suspended::{TESTED_BY_NEXT, continues};
use crate::report::time_argument::seconds;
use crate::store::history::{LastAttempt, ReceiverActivity, ReceiverHealth, SuspendedTarget};
use flowtrigger_core::config::Config;
use flowtrigger_core::suspension::SuspensionTarget;

/// Characters of an error that are shown.
const ERROR_CHARS: usize = 80;

pub fn section(data: &OverviewData, config: &Config, user: &PageUser) -> Markup {
    let receivers = &data.receivers;
    html! {
        section id="receivers" data-fresh aria-labelledby="h-receivers" {
            div class="bar" {
                h2 id="h-receivers" { "Receivers" }
                p { "what they answered in the last hour" }
            }
            @if receivers.is_empty() {
                div class="note plain" { p { "No request was sent in the last hour, and none waits for an attempt." } }
            } @else {
                (table(data, config, user))
            }
        }
    }
}

fn table(data: &OverviewData, config: &Config, user: &PageUser) -> Markup {
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
                        @if user.role == Role::Act { th scope="col" { span class="vh" { "Command" } } }
                    }
                }
                tbody {
                    @for receiver in &data.receivers {
                        @let targets = targets(&receiver.origin, config);
                        (row(receiver, &targets, data, user))
                    }
                }
            }
        }
    }
}

/// What can be suspended at an origin: its connections, or the host if no connection has it.
fn targets(origin: &str, config: &Config) -> Vec<SuspensionTarget> {
    let origin_of = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    let own = origin_of(origin);
    let connections = config.connections.values();
    let connections = connections
        .filter(|connection| own.is_some() && origin_of(&connection.base_url) == own)
        .map(|connection| SuspensionTarget::Connection(connection.name.clone()));
    let mut targets: Vec<SuspensionTarget> = connections.collect();
    if targets.is_empty() {
        targets.extend(host_target(origin));
    }
    targets
}

fn row(
    receiver: &ReceiverActivity,
    targets: &[SuspensionTarget],
    data: &OverviewData,
    user: &PageUser,
) -> Markup {
    let found: Vec<&SuspendedTarget> = targets
        .iter()
        .filter_map(|target| data.suspended_at(target))
        .collect();
    html! {
        tr {
            th scope="row" class="w" { span class="id" { (text(without_scheme(&receiver.origin))) } }
            td { @if found.is_empty() { (state(receiver)) } @else { (suspended_state(&found)) } }
            td class="mu" { @if let Some(last) = &receiver.last { (last_answer(last, receiver)) } }
            td class="r" data-l="succeeded" {
                @if receiver.attempts > 0 {
                    (grouped(receiver.succeeded)) " of " (grouped(receiver.attempts)) @if receiver.is_cut { "+" }
                }
            }
            td class="r" data-l="median" { @if let Some(median) = receiver.median { (duration(median.as_secs_f64())) } }
            td { (waiting(receiver)) }
            td class="wide" { (chart(receiver)) }
            @if user.role == Role::Act {
                td {
                    @for target in targets {
                        (suspended::command(target, data.suspended_at(target), user))
                    }
                }
            }
        }
    }
}

/// The state of a receiver that is paused or down, or whose runs continue.
fn suspended_state(found: &[&SuspendedTarget]) -> Markup {
    html! {
        @for found in found {
            @if let Some(pause) = &found.suspension.pause {
                (pill("held", "paused")) " since " (day_and_time(pause.since)) " "
            }
            @if let Some(outage) = &found.suspension.outage {
                (pill("failing", "down")) " since " (day_and_time(outage.since))
                ", "
                @if found.waiting == 0 { (TESTED_BY_NEXT) } @else { "next probe at " (time(outage.next_probe)) }
                " "
            }
            @if continues(found) { (pill("retrying", "continues")) " " }
            (grouped(found.waiting)) " waiting "
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

    use super::super::tests::data;
    use super::*;
    use crate::page::session::SignIn;
    use flowtrigger_core::suspension::{Outage, Pause, Suspension};

    fn user(role: Role) -> PageUser {
        PageUser {
            name: "ada".into(),
            role,
            sign_in: SignIn::Session,
        }
    }

    fn shown(receivers: Vec<ReceiverActivity>) -> String {
        let data = OverviewData {
            receivers,
            ..data()
        };
        section(&data, &Config::default(), &user(Role::Read)).into_string()
    }

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
        let html = shown(vec![receiver]);
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
        let html = shown(vec![failing.clone(), good]);
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
        assert!(shown(Vec::new()).contains("No request was sent"));
    }

    #[test]
    fn a_receiver_that_is_down_or_paused_says_so() {
        let mut data = data();
        data.receivers = vec![ReceiverActivity::none("https://pager.example".into())];
        let shown = |data: &OverviewData, role: Role| {
            section(data, &Config::default(), &user(role)).into_string()
        };
        let free = shown(&data, Role::Act);
        assert!(
            free.contains("/confirm/pause?target=host+pager.example%3A443"),
            "{free}"
        );
        assert!(!shown(&data, Role::Read).contains("/confirm/pause"));
        data.suspended.push(SuspendedTarget {
            target: SuspensionTarget::Host("pager.example:443".into()),
            suspension: Suspension {
                pause: Some(Pause {
                    since: Timestamp::UNIX_EPOCH,
                    by: "ines".into(),
                    note: String::new(),
                }),
                outage: Some(Outage {
                    since: Timestamp::UNIX_EPOCH,
                    failures: 5,
                    message: "refused".into(),
                    next_probe: Timestamp::UNIX_EPOCH,
                    probe: None,
                    last_probed: None,
                }),
                recovery: None,
            },
            waiting: 1_240,
            oldest: None,
        });
        let both = shown(&data, Role::Act);
        for part in [
            ">paused<",
            ">down<",
            "next probe at",
            "1,240 waiting",
            "/confirm/resume?target=host",
        ] {
            assert!(both.contains(part), "{part}: {both}");
        }
        data.suspended[0].waiting = 0;
        let idle = shown(&data, Role::Act);
        assert!(
            idle.contains("tested by the next run that needs it") && !idle.contains("next probe"),
            "{idle}"
        );
    }
}
