//! Runs that were running when the process ended without shutdown.

use super::*;

#[tokio::test]
async fn suspects_are_executed_one_at_a_time() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = live_rule("a");
    let mut runs = Vec::new();
    for n in 0..4 {
        let mut arrival = arrival(&n.to_string(), &rule);
        arrival.planned[0].lane = None;
        runs.push(store.commit(arrival).await.unwrap().runs[0].id);
    }
    let three = ClaimRequest {
        limit: 3,
        ..everything()
    };
    assert_eq!(store.claim(three).await.unwrap().len(), 3);
    killed(store);

    let (store, recovered) = folder.open();
    assert_eq!(recovered.suspects, runs[..3]);
    assert_eq!(claimed(&store).await, [runs[0]]);
    assert!(claimed(&store).await.is_empty(), "nothing beside a suspect");
    to(&store, runs[0], RunState::Done).await;
    assert_eq!(claimed(&store).await, [runs[1]]);
    let until = now() + Duration::from_secs(5);
    to(&store, runs[1], RunState::Retrying { until }).await;
    assert_eq!(claimed(&store).await, [runs[2]]);
    to(&store, runs[2], RunState::Done).await;
    assert_eq!(claimed(&store).await, [runs[3]], "and all together again");
}

#[tokio::test]
async fn a_run_that_crashes_the_process_three_times_is_quarantined() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let rule = live_rule("a");
    let bad = store.commit(arrival("bad", &rule)).await.unwrap().runs[0].id;
    let next = store.commit(arrival("next", &rule)).await.unwrap().runs[0].id;
    let mut other = arrival("other", &live_rule("b"));
    other.planned[0].lane = None;
    let other = store.commit(other).await.unwrap().runs[0].id;
    assert_eq!(
        claimed(&store).await.len(),
        2,
        "two under way: nobody is blamed"
    );
    killed(store);
    let mut ends = 0;
    let (store, recovered) = loop {
        let (store, recovered) = folder.open();
        if !recovered.quarantined.is_empty() {
            break (store, recovered);
        }
        ends += 1;
        assert_eq!(claimed(&store).await, [bad]);
        killed(store);
        assert!(ends < 9);
    };
    assert_eq!(
        (ends, recovered.quarantined.as_slice()),
        (3, [bad].as_slice())
    );
    let record = store.run(bad).await.unwrap().unwrap();
    assert!(
        matches!(&record.state, RunState::Held { why } if why.contains("quarantined") && why.contains("runs retry")),
        "{:?}",
        record.state
    );
    assert_eq!(
        claimed(&store).await,
        [other],
        "the other suspect goes on alone"
    );
    to(&store, other, RunState::Done).await;
    assert_eq!(claimed(&store).await, [next], "its lane went to the next");
    store.retry(bad, now()).await.unwrap();
    to(&store, next, RunState::Done).await;
    assert_eq!(claimed(&store).await, [bad]);
}

#[tokio::test]
async fn progress_resets_the_crash_count() {
    let folder = Folder::new();
    let (mut store, _) = folder.open();
    let run = store
        .commit(arrival("1", &live_rule("a")))
        .await
        .unwrap()
        .runs[0]
        .id;
    for round in 0..6 {
        assert_eq!(claimed(&store).await, [run], "{round}");
        if round % 2 == 1 {
            let started = LogEntry::Started {
                step: "s".into(),
                number: round,
                at: now(),
            };
            store.advance(run, vec![started], None).await.unwrap();
        }
        killed(store);
        let (again, recovered) = folder.open();
        assert!(recovered.quarantined.is_empty(), "{round}");
        store = again;
    }
}
