//! `runs retry`, `replay` and `cancel` with a daemon's socket at the other end, and without one.
//! The socket here is a stand-in that records its requests.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as Segments, RawQuery, State as Desk};
use axum::http::StatusCode;
use axum::routing::post;
use flowtrigger_core::run::RunState;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::fixture::{Data, RULES, priority};
use super::program::flowtrigger;

const DAY: &str = "2026-01-07T09:02:00Z";

type Asked = Arc<Mutex<Vec<String>>>;

/// Answers as the daemon does; run 2 is in no state for any order.
async fn answer(
    Desk(asked): Desk<Asked>,
    Segments((id, order)): Segments<(u64, String)>,
    RawQuery(query): RawQuery,
) -> (StatusCode, String) {
    let query = query.unwrap_or_default();
    assert!(query.contains("by="), "the command names no user: {query}");
    let other = query.split('&').filter(|pair| !pair.starts_with("by="));
    let query: String = other.map(|pair| format!(" {pair}")).collect();
    asked.lock().unwrap().push(format!("{order} {id}{query}"));
    let (status, body) = match id {
        2 => (
            StatusCode::CONFLICT,
            json!({"error": "run 2 is done, and only dead, held and cancelled runs can be retried"}),
        ),
        5 => (StatusCode::OK, json!({"runs": []})),
        id => (
            StatusCode::OK,
            json!({"runs": [{"id": id, "rule": "page-urgent", "state": "queued"}]}),
        ),
    };
    (status, body.to_string())
}

/// Records the event and the rules.
async fn answer_replay(Desk(asked): Desk<Asked>, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap();
    let (event, rules) = (&request["event"], &request["rules"]);
    asked
        .lock()
        .unwrap()
        .push(format!("replay event {event} {rules}"));
    let body = json!({"runs": [{"id": 9, "rule": "page-urgent", "state": "queued"}], "repeated": [], "left_out": []});
    (StatusCode::OK, body.to_string())
}

fn daemon(folder: &Path) -> (tokio::runtime::Runtime, Asked) {
    let asked = Asked::default();
    let routes = Router::new()
        .route("/runs/{id}/{order}", post(answer))
        .route("/replay", post(answer_replay))
        .route("/flush", post(async || "{}"))
        .with_state(Arc::clone(&asked));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener =
        runtime.block_on(async { UnixListener::bind(folder.join("flowtrigger.sock")).unwrap() });
    runtime.spawn(async move { axum::serve(listener, routes).await });
    (runtime, asked)
}

/// Runs 1 and 3 are dead, 2 is done, 4 is queued.
fn folder() -> Data {
    let data = Data::new();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", DAY);
    let dead = RunState::Dead {
        why: "answered 404".into(),
    };
    for (ticket, state) in [
        (1, &dead),
        (2, &RunState::Done),
        (3, &dead),
        (4, &RunState::Queued),
    ] {
        let event = data.event(&priority(ticket, "urgent", DAY), DAY, &revision, 0);
        data.run(event, &revision, "page-urgent", state, &[]);
    }
    data
}

fn asked(of: &Asked) -> Vec<String> {
    std::mem::take(&mut of.lock().unwrap())
}

#[test]
fn orders_go_to_the_daemon_run_by_run() {
    let data = folder();
    let (_daemon, desk) = daemon(data.folder());
    let said = flowtrigger(data.folder(), &["runs", "retry", "3", "1"]);
    assert_eq!(
        said.out,
        "  run 3  queued  page-urgent\n  run 1  queued  page-urgent\n2 runs retried\n"
    );
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(asked(&desk), ["retry 3", "retry 1"]);
    let said = flowtrigger(data.folder(), &["runs", "replay", "4", "--format", "json"]);
    let answer: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        answer,
        json!({"version": 1, "id": 4, "rule": "page-urgent", "state": "queued", "of": 4})
    );
    assert_eq!(asked(&desk), ["replay 4 rule=page-urgent"]);
    flowtrigger(data.folder(), &["runs", "replay", "4", "--every-rule"]);
    assert_eq!(asked(&desk), ["replay 4"]);
}

#[test]
fn a_replay_that_plans_nothing_is_no_success() {
    let data = folder();
    let revision = data.revision(&[("rules/page.yaml", RULES)], "", DAY);
    let event = data.event(&priority(5, "urgent", DAY), DAY, &revision, 0);
    data.run(event, &revision, "page-urgent", &RunState::Done, &[]);
    let (_daemon, _) = daemon(data.folder());
    let said = flowtrigger(data.folder(), &["runs", "replay", "5"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (1, "0 runs replayed, 1 rejected\n")
    );
    assert!(
        said.err
            .contains("run 5: no enabled rule `page-urgent` matches its event now"),
        "{said:?}"
    );
}

#[test]
fn a_refusal_is_told_and_keeps_no_other_run_from_its_order() {
    let data = folder();
    let (_daemon, desk) = daemon(data.folder());
    let said = flowtrigger(data.folder(), &["runs", "retry", "2", "3"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.out,
        "  run 3  queued  page-urgent\n1 run retried, 1 rejected\n"
    );
    assert!(
        said.err.contains("run 2 is done, and only dead"),
        "{said:?}"
    );
    assert_eq!(asked(&desk), ["retry 2", "retry 3"]);
}

#[test]
fn all_takes_what_the_filters_take_the_oldest_first() {
    let data = folder();
    let (_daemon, desk) = daemon(data.folder());
    let order = |arguments: &[&str]| flowtrigger(data.folder(), &[&["runs"], arguments].concat());
    let said = order(&["retry", "--all", "--rule", "page-urgent", "--dry-run"]);
    assert!(
        said.out.ends_with("\n2 runs to retry; nothing was done\n"),
        "{said:?}"
    );
    assert_eq!(asked(&desk), [] as [&str; 0]);
    order(&["retry", "--all", "--rule", "page-urgent"]);
    assert_eq!(asked(&desk), ["retry 1", "retry 3"]);
    order(&["cancel", "--all", "--ticket", "4"]);
    assert_eq!(asked(&desk), ["cancel 4"]);
    assert_eq!(order(&["cancel", "--all", "--state", "held"]).code, 1);
    order(&[
        "replay", "--all", "--state", "dead", "--error", "404", "--yes",
    ]);
    assert_eq!(
        asked(&desk),
        [
            "replay event 1 [\"page-urgent\"]",
            "replay event 3 [\"page-urgent\"]"
        ]
    );
}

#[test]
fn what_is_not_clearly_meant_is_refused_before_anything_is_done() {
    let data = folder();
    let (_daemon, desk) = daemon(data.folder());
    let order = |arguments: &[&str]| flowtrigger(data.folder(), &[&["runs"], arguments].concat());
    let said = order(&["retry", "--all"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("runs retry --all --state dead"),
        "{said:?}"
    );
    let said = order(&["retry", "1", "--state", "dead"]);
    assert!(
        (said.code, said.err.contains("cannot be combined")) == (2, true),
        "{said:?}"
    );
    let said = order(&["retry", "1", "77"]);
    assert!(
        (said.code, said.err.contains("there is no run 77")) == (1, true),
        "{said:?}"
    );
    assert_eq!(order(&["retry"]).code, 2);
    assert_eq!(asked(&desk), [] as [&str; 0]);
}

fn states(data: &Data) -> Vec<String> {
    let said = flowtrigger(data.folder(), &["runs", "list", "--format", "json"]);
    let state = |line: &str| {
        let run: Value = serde_json::from_str(line).expect("JSON");
        run["state"].as_str().unwrap_or_default().to_owned()
    };
    said.out.lines().rev().map(state).collect()
}

#[test]
fn without_a_daemon_orders_are_carried_out_on_the_folder_itself() {
    let data = folder();
    let said = flowtrigger(data.folder(), &["runs", "retry", "1", "2"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.out,
        "  run 1  queued  page-urgent\n1 run retried, 1 rejected\n"
    );
    assert!(said.err.contains("run 2 is done"), "{said:?}");
    assert_eq!(states(&data), ["queued", "done", "dead", "queued"]);
    let said = flowtrigger(data.folder(), &["runs", "cancel", "1"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (0, "  run 1  cancelled  page-urgent\n1 run cancelled\n")
    );
    assert_eq!(states(&data), ["cancelled", "done", "dead", "queued"]);
}

#[test]
fn a_replay_on_the_folder_plans_with_the_rules_of_today() {
    let data = folder();
    let rules = data.folder().join("page.yaml");
    let today = RULES
        .replace("normal", "low")
        .replace("- name: org", "- name: today");
    std::fs::write(&rules, today).unwrap();
    let rules = rules.to_str().expect("UTF-8");
    let said = flowtrigger(data.folder(), &["runs", "replay", "3", "--rules", rules]);
    assert_eq!(
        said.out, "  run 5  queued  page-urgent\n1 run replayed\n",
        "{said:?}"
    );
    let said = flowtrigger(data.folder(), &["runs", "show", "5", "--format", "json"]);
    let run: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        (&run["generation"], &run["event"]["key"]),
        (&json!(1), &json!("3"))
    );
    std::fs::write(rules, RULES.replace("vip", "gold")).unwrap();
    let said = flowtrigger(data.folder(), &["runs", "replay", "3", "--rules", rules]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("no enabled rule `page-urgent` matches its event now"),
        "{said:?}"
    );
}

#[test]
fn a_folder_that_a_daemon_has_is_left_alone() {
    let data = folder();
    let lock = std::fs::File::create(data.folder().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let said = flowtrigger(data.folder(), &["runs", "retry", "1"]);
    assert_eq!(said.code, 5);
    assert!(
        said.err.contains("another daemon uses the data folder"),
        "{said:?}"
    );
    assert_eq!(states(&data), ["dead", "done", "dead", "queued"]);
}
