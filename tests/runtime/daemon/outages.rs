//! A receiver that is down kills no run: its runs wait, one at a time probes it, and afterwards all continue in order and
//! at a limited rate. Time passes only when a test lets it.

use flowtrigger::store::Store;
use flowtrigger_core::run::RunState;
use flowtrigger_core::suspension::SuspensionTarget;
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{soon, until};
use jiff::SignedDuration;

use super::durable::Durable;
use super::outage_fixture::{Answer, Fixture, RULES, long_run};

/// How many runs the outage of an hour has: 10,000 in the long tests.
fn many() -> u64 {
    long_run().unwrap_or(120)
}

#[tokio::test]
async fn an_hour_without_a_receiver_kills_no_run() {
    let one = Fixture::new().await;
    let runs = many();
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..runs + 1).await;
    one.goes_down(Answer::Refuses, runs).await;
    let before = one.receivers.requests();
    // The runs that found out, and no other.
    assert!(before.len() <= 5 + 8, "{}", before.len());
    one.pass(3_600).await;
    let probes = one.receivers.requests().split_off(before.len());
    // Less than one in 30 s if the machine is slow.
    assert!((2..=120).contains(&probes.len()), "{}", probes.len());
    for pair in probes.windows(2) {
        assert!(
            pair[1].0.duration_since(pair[0].0) >= SignedDuration::from_secs(30),
            "{pair:?}"
        );
    }
    one.passes("no probe is in progress", async || {
        one.parked().await == runs
    })
    .await;
    let counts = one.counts().await;
    assert_eq!(counts.get("dead"), None);
    // The rule whose receiver works was not delayed.
    assert_eq!(counts.get("done"), Some(&runs));
    let asked = one.receivers.requests().len();
    one.receivers.set(Answer::Works);
    one.passes("all are done", async || {
        one.counts().await.get("done") == Some(&(2 * runs))
    })
    .await;
    let requests = one.receivers.requests().split_off(asked);
    assert_eq!(requests.len() as u64, runs);
    // After the probe, the runs continue in order: up to eight of a rule are executed at a time.
    let order = one.receivers.answered().split_off(1);
    for (index, ticket) in order.iter().enumerate() {
        let expected = index as u64 + 1;
        assert!(
            ticket.abs_diff(expected) <= 10,
            "{index}: {ticket} {order:?}"
        );
    }
    let took = requests[requests.len() - 1].0.duration_since(requests[0].0);
    let fastest = SignedDuration::from_secs((runs / 10).saturating_sub(2) as i64);
    assert!(took >= fastest, "{took:?}");
    assert!(!one.is_down().await);
    one.passes("nothing is left of it", async || {
        one.store.suspensions().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_run_that_waits_says_for_what_and_since_when() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Fails(503));
    let runs = one.accept_many(1..7).await;
    one.goes_down(Answer::Fails(503), 6).await;
    let record = one.record(&runs[5]).await;
    let RunState::Parked { on, why } = &record.state else {
        panic!("{:?}", record.state);
    };
    assert_eq!(on, "host receiver.test:9");
    let stored = one.store.suspensions().await.unwrap().remove(0);
    assert_eq!(
        stored.target,
        SuspensionTarget::Host("receiver.test:9".into())
    );
    let outage = stored.suspension.outage.unwrap();
    assert_eq!(outage.message, "answered 503");
    assert_eq!(
        *why,
        format!(
            "waits for host `receiver.test:9`, failing since {:.0}",
            outage.since
        )
    );
}

#[tokio::test]
async fn events_of_a_ticket_stay_in_order() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..6).await;
    for change in ["a", "b", "c"] {
        one.accept(7, change).await;
    }
    one.goes_down(Answer::Refuses, 6).await;
    one.receivers.set(Answer::Works);
    one.passes("all are done", async || {
        one.counts().await.get("done") == Some(&16)
    })
    .await;
    assert_eq!(
        one.receivers
            .answered()
            .iter()
            .filter(|ticket| **ticket == 7)
            .count(),
        3
    );
}

#[tokio::test]
async fn a_request_that_always_fails_does_not_stop_the_others() {
    let one = Fixture::new().await;
    one.receivers.break_ticket(1);
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..9).await;
    one.goes_down(Answer::Refuses, 8).await;
    one.receivers.set(Answer::Works);
    one.passes("all others are done", async || {
        one.receivers.answered().len() == 7
    })
    .await;
    // It has its own attempts, and ends when these are over.
    one.passes("it is the only one left", async || {
        let counts = one.counts().await;
        counts.get("retrying") == Some(&1) && !counts.contains_key("dead")
    })
    .await;
    one.accept(99, "later").await;
    one.passes("a later run is done", async || {
        one.receivers.answered().contains(&99)
    })
    .await;
}

#[tokio::test]
async fn a_flapping_receiver_loses_no_run() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Flaps);
    one.accept_many(1..40).await;
    one.passes("all are done", async || {
        one.counts().await.get("done") == Some(&78)
    })
    .await;
    assert_eq!(one.counts().await.get("dead"), None);
    // It goes down and comes back, several times.
    for round in 0..4_u64 {
        let first = 100 + round * 20;
        one.receivers.set(Answer::Fails(500));
        one.accept_many(first..first + 20).await;
        one.goes_down(Answer::Fails(500), 20).await;
        one.receivers.set(Answer::Works);
        one.passes("all continue", async || {
            one.counts().await.get("done") == Some(&(78 + (round + 1) * 40))
        })
        .await;
    }
    assert_eq!(one.counts().await.get("dead"), None);
}

#[tokio::test]
async fn an_outage_outlives_the_daemon() {
    let (store, clock) = (Durable::default(), ManualClock::default());
    let first = Fixture::on(store.clone(), clock.clone(), RULES).await;
    first.receivers.set(Answer::Refuses);
    first.accept_many(1..11).await;
    first.goes_down(Answer::Refuses, 10).await;
    soon("it stops", first.daemon.engine.drain()).await;
    let second = Fixture::on(store, clock, RULES).await;
    second.receivers.set(Answer::Refuses);
    second.accept(11, "later").await;
    second
        .passes("it waits", async || second.parked().await == 11)
        .await;
    assert!(second.receivers.requests().len() <= 1);
    second.receivers.set(Answer::Works);
    second
        .passes("all are done", async || {
            second.counts().await.get("done") == Some(&22)
        })
        .await;
}

#[tokio::test]
async fn few_failures_are_retried_as_before() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Fails(502));
    let run = one.accept(1, "a").await;
    until("it was tried", || async {
        one.receivers.requests().len() == 1
    })
    .await;
    until("it is retried", || async {
        matches!(one.record(&run).await.state, RunState::Retrying { .. })
    })
    .await;
    assert!(!one.is_down().await);
    one.receivers.set(Answer::Works);
    one.passes("it is done", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
}

#[tokio::test]
async fn a_step_that_may_run_once_is_not_repeated() {
    let rules = RULES.replacen("  http:", "  retry: { attempts: 1 }\n  http:", 1);
    let one = Fixture::on(Durable::default(), ManualClock::default(), &rules).await;
    one.receivers.set(Answer::Fails(503));
    one.accept_many(1..20).await;
    one.passes("the others wait", async || {
        let counts = one.counts().await;
        counts.get("retrying").copied().unwrap_or_default()
            + counts.get("dead").copied().unwrap_or_default()
            == 19
            && one.is_down().await
    })
    .await;
    one.receivers.set(Answer::Works);
    one.passes("those that waited are done", async || {
        !one.counts().await.contains_key("retrying")
    })
    .await;
    let mut asked: Vec<String> = one
        .receivers
        .requests()
        .into_iter()
        .map(|(_, url, _)| url)
        .collect();
    let count = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), count);
}

#[tokio::test]
async fn a_step_with_a_catch_handles_the_outage() {
    let rules = RULES.replacen(
        "/{{ ticket.id }}\" }\n---",
        "/{{ ticket.id }}\" }\n  retry: { attempts: 2, backoff: 1s }\n  catch:\n\
        \x20 - http: { url: \"http://other.test:9/caught/{{ ticket.id }}\" }\n---",
        1,
    );
    let one = Fixture::on(Durable::default(), ManualClock::default(), &rules).await;
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..21).await;
    one.passes("all are handled", async || {
        one.counts().await.get("done") == Some(&40)
    })
    .await;
    // Of those that came after the first failures, nothing was sent.
    assert!(one.is_down().await);
    assert!(one.receivers.requests().len() < 20);
}
