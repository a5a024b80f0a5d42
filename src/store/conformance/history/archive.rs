//! Stored events in the order of their receipt, with and without runs, across the boundaries of pages.

use super::{later, live_rule, of_ticket, submit};
use crate::store::history::{ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedEvents};
use crate::store::{
    ArrivalKind, History, ReplayId, ReplayMark, RevisionId, Store, StoreError, UnmatchedEvent,
};
use flowtrigger_core::run::RunState;

/// Events 0 to 9 at so many seconds; every third one has no run. Two were received at the same time.
async fn ten<S: Store>(store: &S) {
    let rule = live_rule("a");
    for number in 0..10 {
        let event = of_ticket(
            &number.to_string(),
            &(number % 2).to_string(),
            &rule,
            seconds(number),
        );
        match number % 3 {
            0 => {
                let received = event.received;
                let event = UnmatchedEvent::from(event.event);
                store.archive_unmatched(event, RevisionId::default(), received, None);
            }
            _ => drop(submit(store, event).await),
        }
    }
    store.flush().await.unwrap();
}

fn seconds(number: i64) -> i64 {
    number - i64::from(number == 4)
}

fn ids(events: &[ArchivedEvent]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

pub async fn events_are_read_in_the_order_of_their_receipt<S: Store, H: History>(
    (store, history): (S, H),
) {
    ten(&store).await;
    let all = ArchiveFilter::default();
    let whole = history.archive(&all, None, 99).unwrap();
    let mut expected: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    // At the same time, the one with a run was stored first.
    expected.swap(3, 4);
    assert_eq!(ids(&whole), expected);
    for limit in 1..=11 {
        let (mut found, mut after) = (Vec::new(), None::<ArchivePosition>);
        loop {
            let page = history.archive(&all, after, limit).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            after = Some(last.position);
            found.extend(page);
        }
        assert_eq!(found, whole, "pages of {limit}");
    }
}

pub async fn a_page_has_its_texts_and_the_runs_of_its_events<S: Store, H: History>(
    (store, history): (S, H),
) {
    ten(&store).await;
    let page = history.archive(&ArchiveFilter::default(), None, 5).unwrap();
    let texts = history.archived_texts(&page).unwrap();
    let mut read: Vec<String> = texts.iter().map(|text| text.decode().unwrap().id).collect();
    read.sort();
    assert_eq!(read, ["0", "1", "2", "3", "4"]);
    let mut runs = history.original_runs(&page).unwrap();
    runs.sort_by_key(|run| run.id);
    let rows: Vec<_> = runs.iter().map(|run| run.event).collect();
    let with_runs = page.iter().filter(|event| event.matched);
    let mut with_runs: Vec<_> = with_runs.map(|event| event.position.row).collect();
    with_runs.sort();
    assert_eq!(rows, with_runs);
    for run in &runs {
        assert_eq!((run.rule.as_str(), &run.state), ("a", &RunState::Queued));
        assert_eq!(run.attempts, 0);
    }
    assert!(history.archived_texts(&[]).unwrap().is_empty());
    assert!(history.original_runs(&[]).unwrap().is_empty());
}

pub async fn a_filter_narrows_the_archive<S: Store, H: History>((store, history): (S, H)) {
    ten(&store).await;
    let any = ArchiveFilter::default;
    for (filter, expected) in [
        (
            ArchiveFilter {
                since: Some(later(5)),
                until: Some(later(7)),
                ..any()
            },
            &["5", "6"][..],
        ),
        (
            ArchiveFilter {
                scope: ArchivedEvents::Unmatched,
                ..any()
            },
            &["0", "3", "6", "9"],
        ),
        (
            ArchiveFilter {
                key: Some("1".into()),
                since: Some(later(6)),
                ..any()
            },
            &["7", "9"],
        ),
        (
            ArchiveFilter {
                source: Some("other".into()),
                ..any()
            },
            &[],
        ),
        (
            ArchiveFilter {
                endpoint: Some("support".into()),
                until: Some(later(1)),
                ..any()
            },
            &["0"],
        ),
    ] {
        let found = history.archive(&filter, None, 99).unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
    }
}

pub async fn a_replayed_event_has_its_run_from_then_on<S: Store, H: History>(
    (store, history): (S, H),
) {
    ten(&store).await;
    let rule = live_rule("a");
    let unmatched = ArchiveFilter {
        scope: ArchivedEvents::Unmatched,
        ..ArchiveFilter::default()
    };
    let first = history.archive(&unmatched, None, 1).unwrap().remove(0);
    assert_eq!(history.original(&first).unwrap(), None);
    let event = store.stored_event(first.position.row).await.unwrap();
    let mut replay = of_ticket("0", "0", &rule, 100);
    assert_eq!(event.map(|event| event.id.clone()).as_deref(), Some("0"));
    let mark = ReplayMark {
        event: Some(first.position.row),
        replay: Some(ReplayId(7)),
        seen: None,
    };
    replay.occasion = ArrivalKind::Replay(mark);
    let committed = store.commit(replay.clone()).await.unwrap();
    let run = history.runs_of(first.position.row).unwrap().remove(0);
    assert_eq!(
        (run.id, run.replay),
        (committed.runs[0].id, Some(ReplayId(7)))
    );
    assert_eq!(run.state, RunState::Queued);
    let page = history.archive(&ArchiveFilter::default(), None, 99);
    let original = history.original_runs(&page.unwrap()).unwrap();
    assert!(original.iter().all(|original| original.id != run.id));
    assert_eq!(store.commit(replay).await.unwrap().repeated.len(), 1);
    let left = history.archive(&unmatched, None, 99).unwrap();
    assert_eq!(ids(&left), ["0", "3", "6", "9"]);
    assert!(left[0].matched && !left[0].had_runs);
    assert_eq!(history.original(&first).unwrap(), Some(first.position.row));
    // When its sender repeats it, nothing runs twice.
    let again = store.commit(of_ticket("0", "0", &rule, 101)).await.unwrap();
    assert!(again.redelivered);
    let unknown = ReplayMark {
        event: Some(crate::store::history::EventRowId(999)),
        replay: None,
        seen: None,
    };
    let mut unknown_event = of_ticket("x", "0", &rule, 102);
    unknown_event.occasion = ArrivalKind::Replay(unknown);
    assert_eq!(
        store.commit(unknown_event).await,
        Err(StoreError::UnknownEvent)
    );
}
