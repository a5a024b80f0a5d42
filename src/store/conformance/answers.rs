//! Answers to steps that wait for one: before the step begins, while it waits, twice, too late, and after the run.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{arrival, later, now, submit, to, up_to};
use crate::store::{AnswerOutcome, AnswerState, ClaimedRun, GivenAnswer, Store, StoreError};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

const STEP: &str = "approval";
/// How long the step waits, in seconds.
const TIME: i64 = 3_600;

fn asking() -> Arc<Rule> {
    let text = "name: refund\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - name: approval\n    wait_for: { answer: [approve, reject], within: 1h }\n";
    Arc::clone(&flowtrigger_testing::rules::from_text(text).rules[0])
}

fn given(run: RunId, answer: &str, at: Timestamp) -> GivenAnswer {
    GivenAnswer {
        run,
        step: STEP.into(),
        answer: answer.into(),
        by: json!({"via": "link", "address": "192.0.2.7"}),
        at,
    }
}

async fn answer<S: Store>(store: &S, run: RunId, answer: &str, at: Timestamp) -> AnswerOutcome {
    store.answer(given(run, answer, at)).await.unwrap()
}

/// The entry by which an answer decides the step.
fn answered(answer: &str, at: Timestamp) -> LogEntry {
    LogEntry::Answered {
        step: STEP.into(),
        at,
        answer: answer.into(),
        by: json!({"via": "link", "address": "192.0.2.7"}),
    }
}

fn begun() -> LogEntry {
    LogEntry::Waiting {
        step: STEP.into(),
        at: now(),
        until: later(TIME),
    }
}

fn awaiting() -> RunState {
    RunState::Awaiting {
        step: STEP.into(),
        until: later(TIME),
    }
}

/// The state of a step that was answered.
fn decided(answer: &str, at: Timestamp) -> AnswerState {
    AnswerState::Answered {
        answer: answer.into(),
        at,
        by: json!({"via": "link", "address": "192.0.2.7"}),
    }
}

async fn state<S: Store>(store: &S, run: RunId) -> RunState {
    store.run(run).await.unwrap().unwrap().state
}

async fn claim<S: Store>(store: &S, at: Timestamp) -> Vec<ClaimedRun> {
    store.claim(up_to(100, at)).await.unwrap()
}

/// A run that waits at the step.
async fn waiting<S: Store>(store: &S) -> RunId {
    let run = submit(store, arrival("1", &asking())).await;
    assert_eq!(claim(store, now()).await[0].id, run);
    let begins = store.advance(run, vec![begun()], Some(awaiting()));
    begins.await.unwrap();
    run
}

pub async fn the_first_answer_continues_the_run<S: Store>(store: S) {
    let run = waiting(&store).await;
    assert_eq!(state(&store, run).await, awaiting());
    let open = AnswerState::Open {
        until: Some(later(TIME)),
    };
    let looked = store.answer_state(run, STEP, later(5)).await.unwrap();
    assert_eq!(looked, open);
    let first = answer(&store, run, "approve", later(5)).await;
    assert_eq!(first, AnswerOutcome::Recorded);
    assert_eq!(state(&store, run).await, RunState::Queued);
    let refused = AnswerOutcome::Refused(decided("approve", later(5)));
    assert_eq!(answer(&store, run, "reject", later(6)).await, refused);
    let claimed = claim(&store, later(7)).await;
    assert_eq!(claimed[0].log, [begun(), answered("approve", later(5))]);
    assert_eq!(answer(&store, run, "approve", later(8)).await, refused);
    to(&store, run, RunState::Done).await;
    let looked = store.answer_state(run, STEP, later(2 * TIME)).await;
    assert_eq!(looked.unwrap(), decided("approve", later(5)));
}

pub async fn of_two_answers_at_the_same_time_one_counts<S: Store>(store: S) {
    let run = waiting(&store).await;
    let (one, other) = tokio::join!(
        store.answer(given(run, "approve", later(5))),
        store.answer(given(run, "reject", later(5)))
    );
    let outcomes = [one.unwrap(), other.unwrap()];
    let recorded = outcomes.iter().filter(|o| **o == AnswerOutcome::Recorded);
    assert_eq!(recorded.count(), 1, "{outcomes:?}");
    assert_eq!(claim(&store, later(6)).await[0].log.len(), 2);
}

pub async fn an_answer_before_the_step_is_kept_for_it<S: Store>(store: S) {
    let run = submit(&store, arrival("1", &asking())).await;
    claim(&store, now()).await;
    let looked = store.answer_state(run, STEP, now()).await.unwrap();
    assert_eq!(looked, AnswerState::Open { until: None });
    let early = answer(&store, run, "reject", later(1)).await;
    assert_eq!(early, AnswerOutcome::Recorded);
    assert_eq!(state(&store, run).await, RunState::Running);
    let begins = store.advance(run, vec![begun()], Some(awaiting()));
    begins.await.unwrap();
    assert_eq!(state(&store, run).await, RunState::Queued, "no wait");
    let claimed = claim(&store, later(2)).await;
    assert_eq!(claimed[0].log, [begun(), answered("reject", later(1))]);
}

pub async fn an_answer_after_its_time_is_refused<S: Store>(store: S) {
    let run = waiting(&store).await;
    let expired = AnswerOutcome::Refused(AnswerState::Expired { at: later(TIME) });
    let late = answer(&store, run, "approve", later(TIME + 1)).await;
    assert_eq!(late, expired, "although nothing has claimed the run");
    let claimed = claim(&store, later(TIME + 2)).await;
    let last = claimed[0].log.last();
    assert!(matches!(last, Some(LogEntry::Expired { .. })), "{last:?}");
    let later_still = answer(&store, run, "approve", later(TIME + 3)).await;
    assert_eq!(later_still, expired);
}

pub async fn a_run_that_is_over_takes_no_answer<S: Store>(store: S) {
    let run = waiting(&store).await;
    store.cancel(run).await.unwrap();
    let over = AnswerOutcome::Refused(AnswerState::Over {
        state: RunState::Cancelled,
    });
    assert_eq!(answer(&store, run, "approve", later(5)).await, over);
    store.retry(run, later(6)).await.unwrap();
    let again = answer(&store, run, "approve", later(7)).await;
    assert_eq!(again, AnswerOutcome::Recorded, "it waits again");
    let unknown = store.answer(given(RunId(9_999), "approve", now())).await;
    assert_eq!(unknown, Err(StoreError::UnknownRun(9_999)));
}

pub async fn the_key_of_links_is_made_once<S: Store>(store: S) {
    let (one, other) = tokio::join!(store.answer_key(), store.answer_key());
    let key = one.unwrap();
    assert_eq!(key, other.unwrap());
    assert_eq!(key, store.answer_key().await.unwrap());
}
