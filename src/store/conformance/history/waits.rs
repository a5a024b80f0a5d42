//! What a run waits for, what came for it, and which event continued it, as the read side returns them.

use super::{claimed, later, now};
use crate::store::conformance::awaiting::{begin, comment, created, register};
use crate::store::history::{ArchiveFilter, DecisionKind, RunWaiter};
use crate::store::{History, Store, StoreSettings};
use flowtrigger_core::run::RunId;

async fn waiting_run<S: Store>(store: &S, id: &str) -> RunId {
    let run = store.commit(created(id, 7, now())).await.unwrap().runs[0].id;
    assert_eq!(claimed(store, now()).await, [run]);
    begin(store, run).await;
    run
}

fn waits<H: History>(history: &H, run: RunId) -> Vec<RunWaiter> {
    history.run(run).unwrap().expect("the run").waits
}

pub async fn a_wait_is_read_with_what_came<S: Store, H: History>((store, history): (S, H)) {
    register(&store, StoreSettings::default()).await;
    let run = store.commit(created("run", 7, now())).await.unwrap().runs[0].id;
    let [reply, other] = &*waits(&history, run) else {
        panic!("one for each event of the step");
    };
    assert_eq!(
        (reply.step.as_str(), reply.number, reply.came),
        ("reply", 1, 0)
    );
    assert_eq!(
        (reply.source.as_str(), reply.path.as_str()),
        ("support", "ticket.id")
    );
    assert_eq!(reply.event_types, ["ticket.CommentAdded"]);
    assert_eq!(
        other.event_types,
        ["ticket.CsatRequested", "ticket.StatusChanged"]
    );
    assert_eq!(
        (reply.deadline, reply.closed, reply.decided),
        (None, None, None)
    );
    assert_eq!(claimed(&store, now()).await, [run]);
    begin(&store, run).await;
    for (number, id) in ["a", "b"].into_iter().enumerate() {
        let note = comment(id, 7, false, later(number as i64));
        store.commit(note).await.unwrap();
    }
    let reply = waits(&history, run).remove(0);
    assert_eq!(
        (reply.deadline, reply.came, reply.late),
        (Some(later(3_600)), 2, 0)
    );
    let [failed] = &*reply.failed else {
        panic!("{:?}", reply.failed);
    };
    assert_eq!(failed.path, "comment.is_public");
    // The end of the wait, and an event after it.
    let end = later(3_630);
    assert_eq!(claimed(&store, end).await, [run]);
    store
        .commit(comment("late", 7, true, later(3_700)))
        .await
        .unwrap();
    let reply = waits(&history, run).remove(0);
    assert_eq!(reply.decided, Some(DecisionKind::Expired));
    assert_eq!(
        (reply.came, reply.late, reply.late_at),
        (2, 1, Some(later(3_700)))
    );
    assert!(reply.closed.is_some());
}

pub async fn an_event_names_the_runs_that_it_continued<S: Store, H: History>(
    (store, history): (S, H),
) {
    register(&store, StoreSettings::default()).await;
    let runs = [
        waiting_run(&store, "one").await,
        waiting_run(&store, "two").await,
    ];
    store
        .commit(comment("reply", 7, true, later(5)))
        .await
        .unwrap();
    let stored = history.archive(&ArchiveFilter::default(), None, 9).unwrap();
    let reply = stored.iter().find(|event| event.id == "reply").unwrap();
    assert!(!reply.matched);
    let continued = history.continued_by(reply.position.row).unwrap();
    assert_eq!(continued, runs.map(|run| (run, "reply".to_owned())));
    let run = stored.iter().find(|event| event.id == "one").unwrap();
    assert_eq!(history.continued_by(run.position.row).unwrap(), []);
    for run in runs {
        let reply = waits(&history, run).remove(0);
        assert_eq!(reply.decided, Some(DecisionKind::Arrived));
    }
}
