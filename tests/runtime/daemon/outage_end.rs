//! How outages end: probes of steps with a `catch`, the rate of runs behind others, late notices, receivers that no run
//! needs, and runs that are left behind.

use flowtrigger::source::admin::AdminApi;
use flowtrigger::store::Store;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::suspension::SuspensionTarget;
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::CONFIG_END;
use jiff::SignedDuration;

use super::durable::Durable;
use super::outage_fixture::{Answer, Fixture, RULES};

#[tokio::test]
async fn a_receiver_whose_steps_all_have_a_catch_is_probed_too() {
    let rules = RULES.replacen(
        "/{{ ticket.id }}\" }\n---",
        "/{{ ticket.id }}\" }\n  catch:\n\
        \x20 - http: { url: \"http://other.test:9/caught/{{ ticket.id }}\" }\n---",
        1,
    );
    let one = Fixture::on(Durable::default(), ManualClock::default(), &rules).await;
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..11).await;
    one.passes("all are handled", async || {
        one.counts().await.get("done") == Some(&20)
    })
    .await;
    assert!(one.is_down().await);
    // Nothing is sent until a probe is due, and no attempt is made in vain.
    let before = one.receivers.requests().len();
    let run = one.accept(11, "unsent").await;
    one.passes("it is handled", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
    assert_eq!(one.receivers.requests().len(), before);
    let record = one.record(&run).await;
    let unsent = record.log.iter().filter_map(|entry| entry.attempt()).next();
    let failure = unsent.unwrap().outcome.as_ref().unwrap_err();
    assert!(
        failure
            .message
            .starts_with("not sent: host `receiver.test:9`, failing since ")
    );
    let caught = record.log.iter().filter_map(|entry| entry.attempt());
    assert_eq!(caught.count(), 2);
    one.receivers.set(Answer::Works);
    one.pass(40).await;
    one.accept(12, "probe").await;
    one.passes("it is sent", async || one.receivers.answered() == [12])
        .await;
    one.passes("the receiver works", async || !one.is_down().await)
        .await;
}

#[tokio::test]
async fn runs_behind_others_in_their_lanes_wait_for_their_turn_too() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..6).await;
    for change in 0..30 {
        for ticket in [7, 8] {
            one.accept(ticket, &change.to_string()).await;
        }
    }
    // Of each lane, the first one waits.
    one.goes_down(Answer::Refuses, 7).await;
    let asked = one.receivers.requests().len();
    one.receivers.set(Answer::Works);
    // Those that arrive now have no others before them.
    one.passes("the receiver works", async || !one.is_down().await)
        .await;
    one.passes("all are done", async || {
        one.counts().await.get("done") == Some(&130)
    })
    .await;
    let requests = one.receivers.requests().split_off(asked);
    assert_eq!(requests.len(), 65);
    let took = requests[64].0.duration_since(requests[0].0);
    assert!(took >= SignedDuration::from_secs(65 / 10 - 2), "{took:?}");
    one.passes("nothing is left of it", async || {
        one.store.suspensions().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_outage_that_is_over_is_not_reported_late() {
    let config = "on_outage: [{ http: { url: 'http://pager.test:9/outage' } }]";
    let rules = format!("{config}{CONFIG_END}{RULES}");
    let one = Fixture::on(Durable::default(), ManualClock::default(), &rules).await;
    let notices = || {
        let requests = one.receivers.all_requests().into_iter();
        requests.filter(|url| url.contains("/outage")).count()
    };
    one.receivers.set(Answer::Refuses);
    one.accept_many(1..11).await;
    one.goes_down(Answer::Refuses, 10).await;
    one.passes("the first outage is reported", async || notices() == 1)
        .await;
    one.receivers.set(Answer::Works);
    one.passes("all are done", async || {
        one.counts().await.get("done") == Some(&21)
    })
    .await;
    // The second one cannot be reported before it is over.
    let pager = SuspensionTarget::Host("pager.test:9".into());
    let by = || Commander::new(Some("ines"), CommandOrigin::CommandLine);
    let paused = AdminApi::pause(&one.daemon.engine, pager.clone(), by()).await;
    assert!(paused.is_ok(), "{:?}", paused.err());
    one.receivers.set(Answer::Refuses);
    one.accept_many(11..21).await;
    one.goes_down(Answer::Refuses, 11).await;
    one.receivers.set(Answer::Works);
    one.passes("all but the notice are done", async || {
        one.counts().await.get("done") == Some(&41)
    })
    .await;
    let resumed = AdminApi::resume(&one.daemon.engine, pager, by()).await;
    assert!(resumed.is_ok(), "{:?}", resumed.err());
    one.passes("the late notice is skipped", async || {
        one.counts().await.get("skipped") == Some(&1)
    })
    .await;
    assert_eq!(notices(), 1);
}

#[tokio::test]
async fn a_receiver_that_no_run_needs_is_forgotten() {
    let one = Fixture::new().await;
    one.receivers.set(Answer::Refuses);
    let runs = one.accept_many(1..8).await;
    one.goes_down(Answer::Refuses, 7).await;
    for run in &runs {
        one.daemon.engine.cancel(run.id).await.unwrap();
    }
    one.passes("none is left", async || {
        let counts = one.counts().await;
        !counts.contains_key("retrying") && !counts.contains_key("running")
    })
    .await;
    one.pass(12 * 60).await;
    one.passes("it is forgotten", async || {
        one.store.suspensions().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_run_that_waits_for_nothing_is_released() {
    let one = Fixture::new().await;
    let run = one.accept(1, "a").await;
    one.passes("it is done", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
    one.receivers.set(Answer::Fails(502));
    let run = one.accept(2, "a").await;
    one.passes("it failed", async || {
        matches!(one.record(&run).await.state, RunState::Retrying { .. })
    })
    .await;
    // As if what it waits for had ended when it was about to wait.
    let state = RunState::Parked {
        on: "host receiver.test:9".into(),
        why: "waits".into(),
    };
    one.store
        .advance(run.id, Vec::new(), Some(state))
        .await
        .unwrap();
    one.receivers.set(Answer::Works);
    one.passes("it is released", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
}
