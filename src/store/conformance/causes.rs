//! The causes of events that our own actions may cause: only runs that wrote to the sender.

use std::sync::Arc;

use super::loops::{
    acts, attempt, ends_with, lineage, ours, person, succeeded, with_check, write_as, wrote,
};
use super::{everything, live_rule, to};
use crate::store::Store;
use flowtrigger_core::loop_guard::origin::ActorOrigin;
use flowtrigger_core::loop_guard::{LoopGuard, SenderWrite, WritingFlow};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{CallEffect, CallFailure, RunId, RunState};

/// Commits an event of ours, and one of an unknown actor, of rules that write nothing, and expects their cause.
async fn caused_by<S: Store>(store: &S, seconds: i64, cause: Option<RunId>) {
    for (part, origin) in [("ours", ours()), ("unknown", ActorOrigin::Unknown)] {
        let event = wrote(&format!("{part}-{seconds}"), "901", origin, seconds);
        let next = ends_with(store, event, Vec::new()).await;
        assert_eq!(lineage(store, next.id).await.1, cause, "{part} {seconds}");
    }
}

pub async fn only_an_attempt_to_write_to_the_sender_is_a_cause<S: Store>(store: S) {
    let failed = |effect| {
        Err(CallFailure {
            effect,
            ..CallFailure::transient("reach it")
        })
    };
    let first = acts(&store, wrote("a", "900", person(), 0)).await;
    // Nothing was sent, another step was executed, or another system was written to.
    let log = vec![
        attempt("put", failed(CallEffect::None)),
        attempt("get", succeeded()),
    ];
    ends_with(&store, wrote("b", "900", person(), 1), log).await;
    let chat = with_check(wrote("c", "900", person(), 2), |check| {
        check.guard = Arc::new(LoopGuard {
            writes: Vec::new(),
            ..(*check.guard).clone()
        });
    });
    acts(&store, chat).await;
    caused_by(&store, 3, Some(first.id)).await;
    // The outcome is unknown: no answer came.
    let lost = vec![attempt("put", failed(CallEffect::Possible))];
    let lost = ends_with(&store, wrote("d", "900", person(), 4), lost).await;
    caused_by(&store, 5, Some(lost.id)).await;
    // An item of a list, and a name that is not a pattern.
    let path = "each[3].p*t";
    for (seconds, log) in [(6, "each[3].put"), (8, path)] {
        let listed = with_check(wrote("e", "900", person(), seconds), |check| {
            let path = "each[].p*t".into();
            check.guard = Arc::new(LoopGuard {
                writes: vec![SenderWrite {
                    path,
                    ..write_as("900")
                }],
                ..(*check.guard).clone()
            });
        });
        let listed = ends_with(&store, listed, vec![attempt(log, succeeded())]).await;
        let cause = match log == path {
            true => listed.id,
            false => lost.id,
        };
        caused_by(&store, seconds + 1, Some(cause)).await;
    }
    // It may be writing now.
    let running = store.commit(wrote("f", "900", person(), 10)).await.unwrap();
    store.claim(everything()).await.unwrap();
    caused_by(&store, 11, Some(running.runs[0].id)).await;
}

pub async fn a_run_is_the_cause_of_what_its_on_dead_steps_wrote<S: Store>(store: S) {
    let mut rule = Rule::clone(&live_rule("a"));
    rule.on_dead = Some(Arc::new(rule.flow.clone()));
    let mut event = with_check(wrote("a", "900", person(), 0), |check| {
        check.guard = Arc::new(LoopGuard {
            writes: vec![SenderWrite {
                flow: WritingFlow::Notice,
                ..write_as("900")
            }],
            ..(*check.guard).clone()
        });
    });
    event.planned[0].rule = Arc::new(rule);
    let run = store.commit(event).await.unwrap().runs.remove(0).id;
    store.claim(everything()).await.unwrap();
    let why = "step `put` failed".to_owned();
    to(&store, run, RunState::Dead { why }).await;
    // The run itself wrote nothing.
    let event = wrote("b", "901", ours(), 1);
    let next = store.commit(event).await.unwrap().runs.remove(0);
    assert_eq!(lineage(&store, next.id).await.1, None);
    let claimed = store.claim(everything()).await.unwrap();
    to(&store, next.id, RunState::Done).await;
    let notice = claimed.iter().find(|run| !run.error.is_null());
    let notice = notice.expect("a notice");
    caused_by(&store, 2, Some(run)).await;
    let log = vec![attempt("put", succeeded())];
    let done = Some(RunState::Done);
    store.advance(notice.id, log, done).await.unwrap();
    caused_by(&store, 3, Some(run)).await;
}
