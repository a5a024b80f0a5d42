//! `runs retry`, `replay` and `cancel` with a daemon's socket at the other end, and without one.
//! The socket here is a stand-in that notes what it is asked.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as Segments, State as Desk};
use axum::http::StatusCode;
use axum::routing::post;
use flowtrigger::core::run::State;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use crate::fixture::{Data, RULES, priority};
use crate::program::flowtrigger;

const DAY: &str = "2026-01-07T09:02:00Z";

type Asked = Arc<Mutex<Vec<String>>>;

/// Answers as the daemon does; run 2 is in no state for any order.
async fn answer(
    Desk(asked): Desk<Asked>,
    Segments((id, order)): Segments<(u64, String)>,
) -> (StatusCode, String) {
    asked.lock().unwrap().push(format!("{order} {id}"));
    let (status, body) = match id {
        2 => (
            StatusCode::CONFLICT,
            json!({"error": "run 2 is done, and only dead, held and cancelled runs can be retried"}),
        ),
        id => (
            StatusCode::OK,
            json!({"runs": [{"id": id, "rule": "page-urgent", "state": "queued"}]}),
        ),
    };
    (status, body.to_string())
}

fn daemon(folder: &Path) -> (tokio::runtime::Runtime, Asked) {
    let asked = Asked::default();
    let routes = Router::new()
        .route("/runs/{id}/{order}", post(answer))
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
    let edition = data.edition(&[("rules/page.yaml", RULES)], "", DAY);
    let dead = State::Dead {
        why: "answered 404".into(),
    };
    for (ticket, state) in [
        (1, &dead),
        (2, &State::Done),
        (3, &dead),
        (4, &State::Queued),
    ] {
        let event = data.event(&priority(ticket, "urgent", DAY), DAY, &edition, 0);
        data.run(event, &edition, "page-urgent", state, &[]);
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
        json!({"id": 4, "rule": "page-urgent", "state": "queued", "of": 4})
    );
    assert_eq!(asked(&desk), ["replay 4"]);
}

#[test]
fn a_refusal_is_told_and_keeps_no_other_run_from_its_order() {
    let data = folder();
    let (_daemon, desk) = daemon(data.folder());
    let said = flowtrigger(data.folder(), &["runs", "retry", "2", "3"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.out,
        "  run 3  queued  page-urgent\n1 run retried, 1 refused\n"
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
    order(&["replay", "--all", "--state", "dead", "--error", "404"]);
    assert_eq!(asked(&desk), ["replay 1", "replay 3"]);
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
        (said.code, said.err.contains("do not go together")) == (2, true),
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
