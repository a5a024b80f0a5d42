//! Compares debounce windows with the reference model, on random events.

use std::sync::Arc;

use super::debounce::{QUIET, coming, ids, starts};
use super::{later, to};
use crate::store::Store;
use flowtrigger_core::gate::DebounceKeep;
use flowtrigger_core::run::RunState;
use flowtrigger_testing::debounce_model::naive;

/// Random events of three tickets; the store is read now and then, and never exactly when a run is due.
pub async fn windows_match_the_reference_model<S: Store>(store: S) {
    for (round, keep) in [DebounceKeep::First, DebounceKeep::Last, DebounceKeep::All]
        .into_iter()
        .enumerate()
    {
        let (mut second, mut events, mut dice) = (0, Vec::new(), 7_u64);
        let one = coming("", keep, 0);
        let mut started = Vec::new();
        for number in 0..40 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let thrown = dice >> 33;
            second += i64::try_from(thrown % 45).unwrap();
            let about = u8::try_from(thrown % 3).unwrap();
            let mut arrival = one.clone();
            Arc::make_mut(&mut arrival.event).id = format!("{round}-{number}");
            arrival.received = later(second);
            arrival.planned[0].lane = None;
            arrival.planned[0].asks[0].value = format!("ticket.id {about}");
            events.push((second, about));
            store.commit(arrival).await.unwrap();
            if thrown % 7 == 0 {
                started.extend(starts(&store, second).await);
            }
        }
        started.extend(starts(&store, second + QUIET).await);
        let mut acted: Vec<String> = started.iter().map(|run| run.event.id.clone()).collect();
        let expected_windows = naive(&events, QUIET, Some(100), second + QUIET, |_| true);
        let acts = expected_windows.iter().filter_map(|window| match keep {
            DebounceKeep::First => window.events.first(),
            DebounceKeep::Last | DebounceKeep::All => window.events.last(),
        });
        let mut expected: Vec<String> = acts.map(|number| format!("{round}-{number}")).collect();
        acted.sort();
        expected.sort();
        assert_eq!(acted, expected, "{keep:?}");
        for run in started {
            let last = format!("{round}-");
            let read: Vec<usize> = ids(&run.events)
                .iter()
                .map(|id| id.trim_start_matches(&last).parse().unwrap())
                .collect();
            let known = expected_windows.iter().any(|window| window.events == read);
            assert_eq!(known, keep == DebounceKeep::All, "{read:?}");
            to(&store, run.id, RunState::Done).await;
        }
    }
}
