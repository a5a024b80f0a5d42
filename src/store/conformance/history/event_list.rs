//! Stored events as a list: every filter, page by page, with their runs.

use std::sync::Arc;

use super::{later, live_rule, now, of_ticket, submit};
use crate::store::history::{
    ArchivePosition, CappedCount, EventFilter, EventPage, ListedEvent, ListedOutcome,
    MAX_LISTED_RUNS,
};
use crate::store::{
    ArrivalKind, History, IncomingEvent, ReplayMark, RevisionId, Store, UnmatchedEvent,
};
use flowtrigger_core::event::Event;

/// Events 0 to 11 at so many seconds, two of them at the same time. Every third one matches no rule, every fourth one
/// is of another type and entry. Number 1 has a run of another rule too, and 4 is redelivered.
async fn twelve<S: Store>(store: &S) {
    let (a, b) = (live_rule("a"), live_rule("b"));
    for number in 0..12 {
        let mut event = of_ticket(
            &number.to_string(),
            &(number % 5).to_string(),
            &a,
            seconds(number),
        );
        if number % 4 == 0 {
            let other: &mut Event = Arc::make_mut(&mut event.event);
            other.event_type = "user.RoleChanged".into();
            other.endpoint = "north".into();
        }
        if number == 1 {
            let more = of_ticket("1", "1", &b, 1).planned;
            event.planned.extend(more);
        }
        match number % 3 {
            0 => {
                let received = event.received;
                let event = UnmatchedEvent::from(Arc::clone(&event.event));
                store.archive_unmatched(event, RevisionId::default(), received, None);
            }
            _ => drop(submit(store, event.clone()).await),
        }
        if number == 4 {
            let again = IncomingEvent {
                received: later(50),
                ..event
            };
            assert!(store.commit(again).await.unwrap().redelivered);
        }
    }
    store.flush().await.unwrap();
}

fn seconds(number: i64) -> i64 {
    number - i64::from(number == 8)
}

fn ids(events: &[ListedEvent]) -> Vec<i64> {
    events
        .iter()
        .map(|event| event.id.parse().unwrap())
        .collect()
}

fn filters() -> Vec<(EventFilter, Vec<i64>)> {
    let any = EventFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let outcome = |outcome| EventFilter {
        outcome: Some(outcome),
        ..any()
    };
    // 8 was stored after 7, with the same time.
    vec![
        (any(), (0..12).rev().collect()),
        (
            outcome(ListedOutcome::Matched),
            vec![11, 10, 8, 7, 5, 4, 2, 1],
        ),
        (outcome(ListedOutcome::Unmatched), vec![9, 6, 3, 0]),
        (outcome(ListedOutcome::Redelivered), vec![4]),
        (
            EventFilter {
                id: text("7"),
                ..any()
            },
            vec![7],
        ),
        (
            EventFilter {
                id: text("77"),
                ..any()
            },
            vec![],
        ),
        (
            EventFilter {
                key: text("1"),
                ..any()
            },
            vec![11, 6, 1],
        ),
        (
            EventFilter {
                key: text("1"),
                ..outcome(ListedOutcome::Unmatched)
            },
            vec![6],
        ),
        (
            EventFilter {
                event_type: text("user.RoleChanged"),
                ..any()
            },
            vec![8, 4, 0],
        ),
        (
            EventFilter {
                event_type: text("user.*"),
                ..any()
            },
            vec![8, 4, 0],
        ),
        (
            EventFilter {
                event_type: text("*"),
                ..outcome(ListedOutcome::Unmatched)
            },
            vec![9, 6, 3, 0],
        ),
        (
            EventFilter {
                event_type: text("use"),
                ..any()
            },
            vec![],
        ),
        (
            EventFilter {
                event_type: text("user.*"),
                ..outcome(ListedOutcome::Redelivered)
            },
            vec![4],
        ),
        (
            EventFilter {
                endpoint: text("north"),
                ..any()
            },
            vec![8, 4, 0],
        ),
        (
            EventFilter {
                endpoint: text("north"),
                event_type: text("ticket.*"),
                ..any()
            },
            vec![],
        ),
        (
            EventFilter {
                endpoint: text("north"),
                ..outcome(ListedOutcome::Matched)
            },
            vec![8, 4],
        ),
        (
            EventFilter {
                rule: text("b"),
                ..any()
            },
            vec![1],
        ),
        (
            EventFilter {
                rule: text("none"),
                ..any()
            },
            vec![],
        ),
        (
            EventFilter {
                rule: text("a"),
                ..outcome(ListedOutcome::Unmatched)
            },
            vec![],
        ),
        (
            EventFilter {
                rule: text("a"),
                event_type: text("user.*"),
                ..any()
            },
            vec![8, 4],
        ),
        (
            EventFilter {
                since: Some(later(3)),
                until: Some(later(7)),
                ..any()
            },
            vec![6, 5, 4, 3],
        ),
        (
            EventFilter {
                since: Some(later(3)),
                key: text("1"),
                ..any()
            },
            vec![11, 6],
        ),
    ]
}

pub async fn events_are_listed_newest_first_and_filtered<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert_eq!(
        history
            .event_list(&EventFilter::default(), EventPage::first(9))
            .unwrap(),
        []
    );
    twelve(&store).await;
    for (filter, expected) in filters() {
        let whole = history.event_list(&filter, EventPage::first(99)).unwrap();
        assert_eq!(ids(&whole), expected, "{filter:?}");
        let count = |cap| history.count_events(&filter, cap).unwrap();
        let all = CappedCount {
            count: expected.len() as u64,
            is_capped: false,
        };
        assert_eq!(count(99), all, "{filter:?}");
        if expected.len() > 1 {
            let one = CappedCount {
                count: 1,
                is_capped: true,
            };
            assert_eq!(count(1), one, "{filter:?}");
        }
        for limit in [1, 2, 5] {
            let (mut found, mut before) = (Vec::new(), None::<ArchivePosition>);
            loop {
                let page = history
                    .event_list(&filter, EventPage { limit, before })
                    .unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= limit);
                before = Some(last.position);
                found.extend(page);
            }
            assert_eq!(found, whole, "pages of {limit}: {filter:?}");
        }
    }
}

pub async fn a_listed_event_names_its_runs<S: Store, H: History>((store, history): (S, H)) {
    twelve(&store).await;
    let one = |id: &str| {
        let filter = EventFilter {
            id: Some(id.into()),
            ..EventFilter::default()
        };
        history
            .event_list(&filter, EventPage::first(1))
            .unwrap()
            .remove(0)
    };
    let runs = |event: &ListedEvent| -> Vec<String> {
        let runs = event
            .runs
            .iter()
            .map(|run| format!("{} {}", run.rule, run.state));
        runs.collect()
    };
    let first = one("1");
    assert_eq!(runs(&first), ["a queued", "b queued"]);
    assert_eq!(
        (first.key.as_deref(), first.source.as_str()),
        (Some("1"), "support")
    );
    assert_eq!(first.position.received, later(1));
    assert!(first.matched && !first.has_more_runs && !first.had_runs);
    let fourth = one("4");
    assert_eq!(
        (fourth.redelivered, fourth.last_received),
        (1, Some(later(50)))
    );
    assert_eq!(
        (fourth.endpoint.as_str(), fourth.event_type.as_str()),
        ("north", "user.RoleChanged")
    );
    let third = one("3");
    assert!(!third.matched && third.runs.is_empty() && third.redelivered == 0);
    let rule = live_rule("a");
    for _ in 0..MAX_LISTED_RUNS {
        let replay = IncomingEvent {
            occasion: ArrivalKind::Replay(ReplayMark::default()),
            received: now(),
            ..of_ticket("2", "2", &rule, 2)
        };
        submit(&store, replay).await;
    }
    let second = one("2");
    assert_eq!(
        (second.runs.len(), second.has_more_runs),
        (MAX_LISTED_RUNS, true)
    );
}
