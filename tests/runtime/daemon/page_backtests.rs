//! Backtests on the page: started from a rule and from the page Try, in the background, with counts and samples.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::engine::{EngineOptions, PageParts};
use flowtrigger::page;
use flowtrigger::source::admin;
use flowtrigger::source::http::HttpLimits;
use flowtrigger_testing::data_folder::folder_until_thread_ends;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon_on_store, event, soon, telling};
use flowtrigger_testing::test_store::{empty_location, open_store};
use serde_json::Value;
use tokio::sync::watch;
use url::form_urlencoded;

use super::page_commands::{Shown, get, post};

/// The result of the backtest that an answer leads to.
async fn ended(socket: &Path, answer: &Shown) -> Value {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let path = format!("{}.json", answer.location);
    let wait = async {
        loop {
            let backtest = get(socket, &path).await.json();
            if backtest["in_progress"] == false {
                return backtest;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("the backtest ends", wait).await
}

#[tokio::test]
async fn a_rule_in_force_and_an_edited_one_are_tried_over_the_last_days() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    for ticket in 0..3 {
        let runs = daemon.accepted(&event(ticket, "a")).await;
        daemon.settled(&runs).await;
    }
    let rule = get(&socket, "/rules/tell").await;
    assert!(rule.body.contains("action=\"/backtests\""), "{}", rule.body);
    let begun = post(&socket, "/backtests", "from=tell").await;
    let same = ended(&socket, &begun).await;
    assert_eq!(same["error"], Value::Null, "{same}");
    assert_eq!(
        (&same["edited"], &same["rule"]),
        (&false.into(), &"tell".into())
    );
    assert_eq!(same["result"]["changed"], false, "{same}");
    assert_eq!(same["result"]["rules"][0]["same"], 3, "{same}");
    // The edited rule is posted with the form of Try.
    let form = get(&socket, "/try?rule=tell").await;
    assert!(
        form.body.contains("formaction=\"/backtests\""),
        "{}",
        form.body
    );
    let edited = telling("tell", receiver.address, "")
        .replace("flow:", "when: { ticket.id: { gte: 1 } }\nflow:");
    let fields = form_urlencoded::Serializer::new(String::new())
        .append_pair("rule", &edited)
        .append_pair("from", "tell")
        .finish();
    let begun = post(&socket, "/backtests", &fields).await;
    let changed = ended(&socket, &begun).await;
    let counts = &changed["result"]["rules"][0];
    assert_eq!(
        (&counts["gone"], &counts["same"]),
        (&1.into(), &2.into()),
        "{changed}"
    );
    assert_eq!(changed["edited"], true);
    let shown = get(&socket, &begun.location).await;
    for part in [
        "The edited rule",
        "Runs that are gone",
        "ticket.id gte 1",
        "expect: no match",
    ] {
        assert!(shown.body.contains(part), "{part}: {}", shown.body);
    }
    assert_eq!(receiver.count(), 3, "a backtest sends nothing");
}

#[tokio::test]
async fn a_rule_with_mistakes_and_an_unknown_one_are_rejected() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (_daemon, socket) = daemon_with_page!(folder, receiver);
    let unknown = post(&socket, "/backtests", "from=nothing").await;
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    let mistake = post(&socket, "/backtests", "rule=name%3A+x&from=").await;
    assert_eq!(mistake.status, 400, "{}", mistake.body);
    assert_eq!(get(&socket, "/backtests/7").await.status, 404);
    assert_eq!(post(&socket, "/backtests/7/cancel", "").await.status, 404);
}
