//! Redaction: fields are there while a run may need them, and removed with the last one.

use std::sync::Arc;

use serde_json::json;

use super::{arrival, claimed, live_rule, now, submit, to};
use crate::store::{IncomingEvent, Revision, Store, StoreError, StoreSettings};
use flowtrigger_core::config;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::gate::DebounceKeep;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::redact::{REDACTED, is_redacted};
use flowtrigger_core::run::{RunId, RunState};

const SAID: &str = "a customer's own words";

/// A store that redacts comments.
async fn adopted<S: Store>(store: S, redact: &[&str]) -> S {
    let paths = redact.iter().map(|path| Path::parse(path).unwrap());
    let revision = Revision {
        files: Vec::new(),
        config: Arc::new(config::ConfigSource::default()),
        settings: StoreSettings {
            redact: paths.collect(),
            ..StoreSettings::default()
        },
        awaited: Vec::new(),
    };
    store.set_revision(revision).await.unwrap();
    store
}

/// An event with a comment, and a run of each rule in its own lane.
fn said(rules: &[&str]) -> IncomingEvent {
    let mut arrival = arrival("said", &live_rule(rules[0]));
    let mut event = (*arrival.event).clone();
    event.body = json!({ "comment": { "body": SAID, "public": true } });
    event.raw = json!({ "detail": { "text": SAID } }).into();
    arrival.event = Arc::new(event);
    let planned = arrival.planned.remove(0);
    for name in rules {
        let mut planned = planned.clone();
        planned.rule = live_rule(name);
        arrival.planned.push(planned);
    }
    arrival
}

async fn is_whole<S: Store>(store: &S, run: RunId) -> bool {
    let event = store.run(run).await.unwrap().unwrap().event;
    let text = format!("{event:?}");
    assert_eq!(text.contains(SAID), !is_redacted(&event), "{text}");
    assert_eq!(event.body["comment"]["public"], true);
    if is_redacted(&event) {
        assert_eq!(event.body["comment"]["body"], REDACTED);
        assert!(event.id.starts_with("said"));
    }
    !is_redacted(&event)
}

pub async fn fields_are_removed_with_the_last_run_that_may_need_them<S: Store>(store: S) {
    let store = adopted(store, &["comment.body"]).await;
    let runs = store.commit(said(&["a", "b", "c"])).await.unwrap().runs;
    let [a, b, c] = [runs[0].id, runs[1].id, runs[2].id];
    assert_eq!(claimed(&store, now()).await.len(), 3);
    to(&store, a, RunState::Done).await;
    to(&store, b, RunState::Dead { why: "x".into() }).await;
    to(&store, c, RunState::Held { why: "x".into() }).await;
    assert!(
        is_whole(&store, a).await,
        "a dead run and a held one may be retried"
    );
    store.cancel(c).await.unwrap();
    store.retry(b, now()).await.unwrap();
    assert_eq!(claimed(&store, now()).await, [b]);
    assert!(is_whole(&store, b).await);
    to(&store, b, RunState::Skipped { why: "x".into() }).await;
    for run in [a, b, c] {
        assert!(!is_whole(&store, run).await, "{run:?}");
    }
    let again = store.commit(said(&["a"])).await.unwrap();
    assert!(again.redelivered);
    assert!(!is_whole(&store, a).await);
}

pub async fn events_of_a_window_are_redacted_with_the_run_that_reads_them<S: Store>(store: S) {
    let store = adopted(store, &["comment.body"]).await;
    let mut ids = Vec::new();
    for id in ["said", "said again"] {
        let mut gathered = said(&["a"]);
        Arc::make_mut(&mut gathered.event).id = id.into();
        gathered.planned[0].rule = super::debounce::rule(DebounceKeep::All);
        gathered.planned[0].asks = vec![super::debounce::debounce(DebounceKeep::All)];
        ids.push(submit(&store, gathered).await);
    }
    let [first, acts] = [ids[0], ids[1]];
    let run = store
        .claim(super::up_to(9, super::later(60)))
        .await
        .unwrap();
    assert_eq!(run[0].id, acts);
    assert!(run[0].events.iter().all(|event| !is_redacted(event)));
    assert!(
        is_whole(&store, first).await,
        "it is over, and its event is read yet"
    );
    to(&store, acts, RunState::Dead { why: "x".into() }).await;
    assert!(is_whole(&store, first).await);
    store.retry(acts, super::later(61)).await.unwrap();
    store.cancel(acts).await.unwrap();
    let record = store.run(acts).await.unwrap().unwrap();
    assert!(record.events.iter().all(|event| is_redacted(event)));
    assert!(!is_whole(&store, first).await);
    let rejected = store.retry(acts, now()).await;
    assert_eq!(rejected, Err(StoreError::Redacted(acts.0)));
}

pub async fn a_run_with_a_redacted_event_cannot_be_retried<S: Store>(store: S) {
    let store = adopted(store, &["comment.body"]).await;
    let run = submit(&store, said(&["a"])).await;
    store.cancel(run).await.unwrap();
    assert!(!is_whole(&store, run).await);
    let rejected = store.retry(run, now()).await;
    assert_eq!(rejected, Err(StoreError::Redacted(run.0)));
    assert_eq!(store.counts().await.unwrap()["cancelled"], 1);
}

pub async fn an_event_without_unfinished_runs_is_redacted_at_once<S: Store>(store: S) {
    let store = adopted(store, &["comment.body"]).await;
    let mut arrival = said(&["a"]);
    arrival.planned[0].mode = Mode::Shadow;
    let run = submit(&store, arrival).await;
    assert!(!is_whole(&store, run).await);
}

pub async fn without_redact_everything_is_kept<S: Store>(store: S) {
    let store = adopted(store, &["comment.author", "ticket.subject"]).await;
    let run = submit(&store, said(&["a"])).await;
    claimed(&store, now()).await;
    to(&store, run, RunState::Done).await;
    assert!(is_whole(&store, run).await);
}
