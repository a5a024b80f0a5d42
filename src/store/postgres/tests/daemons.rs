//! Several daemons on one database: gates and lanes hold across them, and a daemon that is gone is taken over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flowtrigger_testing::postgres::{Postgres, server};
use futures_util::future::join_all;

use super::{empty, open};
use crate::store::conformance::{arrival, everything, live_rule, now};
use crate::store::postgres::{DatabaseUse, PostgresSettings, PostgresStore};
use crate::store::{
    Advance, ClaimRequest, ClaimedRun, IncomingEvent, PlannedRun, Revision, Store, StoreError,
    StoreSettings,
};
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_core::schedule::ScheduledDuration;

/// Two daemons on one database.
pub struct Pair {
    server: Postgres,
    settings: PostgresSettings,
    one: PostgresStore,
    two: PostgresStore,
}

fn pair() -> Option<Pair> {
    let server = server()?;
    let settings = empty(&server);
    Some(Pair::open(server, settings))
}

impl Pair {
    pub fn open(server: Postgres, settings: PostgresSettings) -> Self {
        Self {
            one: open(&settings),
            two: open(&settings),
            server,
            settings,
        }
    }

    pub fn settings(&self) -> &PostgresSettings {
        &self.settings
    }

    pub fn sql(&self, sql: &str) -> String {
        self.server.psql(&self.settings.url, sql).trim().to_owned()
    }

    /// Lets the lease of a daemon end.
    async fn expire(&self, store: &PostgresStore) {
        let daemon = store.beat().await.unwrap().daemon;
        self.sql(&format!(
            "UPDATE daemons SET lease_until = 0 WHERE id = {daemon}"
        ));
    }
}

fn without_lane(id: &str, rule: &str) -> IncomingEvent {
    let mut event = arrival(id, &live_rule(rule));
    event.planned[0].lane = None;
    event
}

async fn claim_one(store: &PostgresStore) -> Option<ClaimedRun> {
    let one = ClaimRequest {
        limit: 1,
        ..everything()
    };
    store.claim(one).await.unwrap().pop()
}

async fn finish(store: &PostgresStore, run: &ClaimedRun) -> Result<(), StoreError> {
    let done = Advance {
        run: run.id,
        claim: Some(run.claim),
        entries: vec![LogEntry::Revived { at: now() }],
        state: Some(RunState::Done),
    };
    store.advance_all(vec![done]).await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_events_passes_a_gate_whichever_daemon_receives_them() {
    let Some(pair) = pair() else { return };
    check_gate(&pair).await;
}

/// One of events that two daemons commit at the same time passes a gate.
pub async fn check_gate(pair: &Pair) {
    let rule = live_rule("a");
    for round in 0..10 {
        let gated = |number: usize| {
            let mut event = arrival(&format!("{round}/{number}"), &rule);
            event.planned[0].lane = None;
            event.planned[0].asks = vec![GateCheck {
                kind: GateKind::Dedupe,
                window: ScheduledDuration::always(Duration::from_secs(60)),
                value: format!("ticket.id {round}"),
                time: None,
            }];
            event
        };
        let commits = (0..8).map(|number| {
            let store = match number % 2 {
                0 => &pair.one,
                _ => &pair.two,
            };
            store.commit(gated(number))
        });
        let committed = join_all(commits).await;
        let states: Vec<&str> = committed
            .iter()
            .map(|committed| committed.as_ref().unwrap().runs[0].state.as_str())
            .collect();
        let queued = states.iter().filter(|state| **state == "queued").count();
        assert_eq!((queued, states.len()), (1, 8), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_one_value_are_counted_together_whichever_daemon_receives_them() {
    let Some(pair) = pair() else { return };
    let rules = flowtrigger_testing::rules::from_text(
        "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\n\
         count: { per: event.key, at_least: 3, in: 10s }\nflow: [{ succeed: fine }]\n",
    );
    let rule = &rules.rules[0];
    for round in 0..5 {
        let counted = |number: i64| {
            let mut event = arrival(&format!("{round}/{number}"), rule);
            let incoming = Arc::make_mut(&mut event.event);
            incoming.about = serde_json::json!({ "key": format!("{round}") });
            // Four windows of three events, which arrive in no order.
            let second = number % 4 * 10 + number / 4;
            incoming.time = Some(now() + jiff::SignedDuration::from_secs(second));
            event.planned = vec![PlannedRun::new(rule, &event.event)];
            event.planned[0].lane = None;
            event
        };
        let commits = (0..12).rev().map(|number| {
            let store = match number % 2 {
                0 => &pair.one,
                _ => &pair.two,
            };
            store.commit(counted(number))
        });
        let committed = join_all(commits).await;
        let states: Vec<&str> = committed
            .iter()
            .map(|committed| committed.as_ref().unwrap().runs[0].state.as_str())
            .collect();
        let queued = states.iter().filter(|state| **state == "queued").count();
        assert_eq!((queued, states.len()), (4, 12), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redelivery_to_another_daemon_is_a_redelivery() {
    let Some(pair) = pair() else { return };
    let rule = live_rule("a");
    for round in 0..10 {
        let id = format!("e{round}");
        let (one, two) = tokio::join!(
            pair.one.commit(arrival(&id, &rule)),
            pair.two.commit(arrival(&id, &rule))
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.redelivered != two.redelivered);
        assert_eq!(one.runs[0].id, two.runs[0].id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_lane_are_executed_in_their_order_by_any_daemon() {
    let Some(pair) = pair() else { return };
    let rule = live_rule("a");
    let mut expected = Vec::new();
    for number in 0..12 {
        let store = match number % 2 {
            0 => &pair.one,
            _ => &pair.two,
        };
        let committed = store.commit(arrival(&number.to_string(), &rule)).await;
        expected.push(committed.unwrap().runs[0].id);
    }
    for (number, id) in expected.iter().enumerate() {
        let (first, second) = tokio::join!(claim_one(&pair.one), claim_one(&pair.two));
        let claimed: Vec<(ClaimedRun, &PostgresStore)> = [
            first.map(|run| (run, &pair.one)),
            second.map(|run| (run, &pair.two)),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(claimed.len(), 1, "round {number}");
        let (run, store) = &claimed[0];
        assert_eq!(run.id, *id);
        finish(store, run).await.unwrap();
    }
    assert_eq!(pair.sql("SELECT count(*) FROM lanes"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_that_claim_at_the_same_time_share_the_runs() {
    let Some(pair) = pair() else { return };
    for number in 0..40 {
        let event = without_lane(&number.to_string(), &format!("rule-{}", number % 3));
        pair.one.commit(event).await.unwrap();
    }
    let mut seen = HashSet::new();
    loop {
        let limited = ClaimRequest {
            limit: 5,
            ..everything()
        };
        let (one, two) = tokio::join!(pair.one.claim(limited), pair.two.claim(limited));
        let claimed = [one.unwrap(), two.unwrap()].concat();
        if claimed.is_empty() {
            break;
        }
        for run in claimed {
            assert!(seen.insert(run.id), "run {} was claimed twice", run.id.0);
        }
    }
    assert_eq!(seen.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_daemon_writes_after_it_was_taken_over_is_rejected() {
    let Some(pair) = pair() else { return };
    check_fence(&pair).await;
}

/// A daemon is taken over, and what it writes then is rejected.
pub async fn check_fence(pair: &Pair) {
    pair.one.commit(without_lane("1", "a")).await.unwrap();
    let stale = claim_one(&pair.one).await.unwrap();
    assert!(pair.two.take_over().await.unwrap().suspects.is_empty());
    assert!(claim_one(&pair.two).await.is_none(), "the lease holds");
    pair.expire(&pair.one).await;
    assert_eq!(pair.two.take_over().await.unwrap().suspects, [stale.id]);
    assert!(
        claim_one(&pair.one).await.is_none(),
        "without a lease nothing is claimed"
    );
    let current = claim_one(&pair.two).await.unwrap();
    assert_eq!(current.id, stale.id);
    let lost = Err(StoreError::ClaimLost(stale.id.0));
    assert_eq!(finish(&pair.one, &stale).await, lost);
    finish(&pair.two, &current).await.unwrap();
    assert_eq!(finish(&pair.one, &stale).await, lost);
    let record = pair.two.run(stale.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.log.len()), (RunState::Done, 1));
    // It joins again under another id.
    let before = pair.sql("SELECT count(*) FROM daemons WHERE live = 1");
    assert_eq!(
        (before.as_str(), pair.one.beat().await.unwrap().daemons),
        ("1", 2)
    );
    pair.one.commit(without_lane("2", "a")).await.unwrap();
    let run = claim_one(&pair.one).await.unwrap();
    finish(&pair.one, &run).await.unwrap();
}

/// The control of the test before: without the fence, both daemons would execute the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_fence_a_run_would_be_advanced_by_two_daemons() {
    let Some(pair) = pair() else { return };
    pair.one.commit(without_lane("1", "a")).await.unwrap();
    let stale = claim_one(&pair.one).await.unwrap();
    pair.expire(&pair.one).await;
    pair.two.take_over().await.unwrap();
    let current = claim_one(&pair.two).await.unwrap();
    // The fence off: the row has the claim of the daemon that was taken over.
    pair.sql(&format!("UPDATE live_runs SET claim = {}", stale.claim.0));
    assert_eq!(finish(&pair.one, &stale).await, Ok(()));
    assert!(finish(&pair.two, &current).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_leaves_passes_its_runs_on_at_once() {
    let Some(pair) = pair() else { return };
    pair.one.commit(without_lane("1", "a")).await.unwrap();
    let first = claim_one(&pair.one).await.unwrap();
    assert_eq!(pair.two.beat().await.unwrap().daemons, 2);
    let (one, two) = (pair.one, pair.two);
    tokio::task::spawn_blocking(move || drop(one))
        .await
        .unwrap();
    assert_eq!(claim_one(&two).await.map(|run| run.id), Some(first.id));
    let membership = two.beat().await.unwrap();
    assert_eq!((membership.daemons, membership.rank), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_daemons_end_again_and_again_is_executed_alone_and_then_held() {
    let Some(pair) = pair() else { return };
    let events = [without_lane("1", "a"), without_lane("2", "a")];
    pair.one.commit_all(events.to_vec()).await.unwrap();
    let bad = claim_one(&pair.one).await.unwrap().id;
    for _ in 0..2 {
        pair.expire(&pair.one).await;
        pair.two.take_over().await.unwrap();
        pair.one.beat().await.unwrap();
        pair.two.beat().await.unwrap();
        let alone = pair.sql("SELECT id FROM live_runs WHERE suspect = 1");
        let claimed = claim_one(&pair.one).await.unwrap();
        if !alone.is_empty() {
            assert_eq!((claimed.id, alone), (bad, bad.0.to_string()));
        }
    }
    // The second daemon continues with the others meanwhile.
    let other = claim_one(&pair.two).await;
    assert!(other.is_none_or(|run| run.id != bad));
    pair.expire(&pair.one).await;
    let report = pair.two.take_over().await.unwrap();
    assert_eq!(report.quarantined, [bad]);
    let record = pair.two.run(bad).await.unwrap().unwrap();
    let RunState::Held { why } = record.state else {
        panic!("{:?}", record.state);
    };
    assert!(why.contains("quarantined") && why.contains(&format!("retry {}", bad.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_those_of_all_daemons() {
    let Some(pair) = pair() else { return };
    for number in 0..6 {
        let store = match number % 2 {
            0 => &pair.one,
            _ => &pair.two,
        };
        store
            .commit(without_lane(&number.to_string(), "a"))
            .await
            .unwrap();
    }
    let run = claim_one(&pair.two).await.unwrap();
    for store in [&pair.one, &pair.two] {
        let counts = store.counts().await.unwrap();
        assert_eq!((counts["queued"], counts["running"]), (5, 1));
    }
    finish(&pair.two, &run).await.unwrap();
    let counts = pair.one.counts().await.unwrap();
    assert_eq!((counts["queued"], counts["done"], counts.len()), (5, 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_beside_daemons_is_none_of_them() {
    let Some(pair) = pair() else { return };
    pair.one.commit(without_lane("1", "a")).await.unwrap();
    let run = claim_one(&pair.one).await.unwrap();
    let command = PostgresStore::connect_for_command(&pair.settings, Default::default());
    let command = command.await.unwrap();
    assert_eq!(pair.two.beat().await.unwrap().daemons, 2);
    let cancelled = command.cancel(run.id).await.unwrap();
    assert_eq!(cancelled.state, RunState::Cancelled);
    let lost = Err(StoreError::ClaimLost(run.id.0));
    assert_eq!(finish(&pair.one, &run).await, lost);
    command.retry(run.id, now()).await.unwrap();
    assert_eq!(claim_one(&pair.two).await.unwrap().id, run.id);
}

#[test]
fn a_planned_run_has_no_lane_without_a_value() {
    let planned: &PlannedRun = &without_lane("1", "a").planned[0];
    assert_eq!(planned.lane, None);
}

/// While an old transaction lets claims begin behind the runs that were claimed long ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waited_long_in_its_lane_is_claimed_beside_an_old_transaction() {
    let Some(server) = server() else { return };
    let store = open(&empty(&server));
    let old = DatabaseUse {
        oldest_snapshot: Duration::from_secs(60),
        ..DatabaseUse::default()
    };
    let rule = live_rule("a");
    let first = store.commit(arrival("1", &rule)).await.unwrap();
    let second = store.commit(arrival("2", &rule)).await.unwrap();
    let owner = claim_one(&store).await.unwrap();
    assert_eq!(owner.id, first.runs[0].id);
    for number in 0..20 {
        store.shared.set_used(old);
        let event = without_lane(&format!("later {number}"), "a");
        store.commit(event).await.unwrap();
        let later = claim_one(&store).await.unwrap();
        finish(&store, &later).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    finish(&store, &owner).await.unwrap();
    let mut attempts = 0;
    let claimed = loop {
        store.shared.set_used(old);
        attempts += 1;
        if let Some(claimed) = claim_one(&store).await {
            break claimed;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(attempts < 400, "the run is never claimed");
    };
    assert_eq!(claimed.id, second.runs[0].id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_joins_again_keeps_its_revision() {
    let Some(pair) = pair() else { return };
    let revision = Revision {
        files: vec![("a.yaml".into(), "one".into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    };
    let stored = pair.one.set_revision(revision).await.unwrap();
    let before = pair.one.beat().await.unwrap().daemon;
    pair.expire(&pair.one).await;
    pair.two.take_over().await.unwrap();
    let after = pair.one.beat().await.unwrap().daemon;
    assert_ne!(after, before);
    let shown = format!("SELECT revision FROM daemons WHERE id = {after}");
    assert_eq!(pair.sql(&shown), stored.0.to_string());
}
