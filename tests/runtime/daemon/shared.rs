//! Daemons on one store: a daemon whose lease has ended starts nothing, a worker whose claim has ended stops, limits
//! are shared, and runs of other daemons start soon.

use std::time::Duration;

use flowtrigger::engine::EngineOptions;
use flowtrigger::store::{RecoveryReport, RunRecord, RunStatus, Store};
use flowtrigger_core::run::RunState;
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{
    TestDaemon, daemon_with_performer_and_options, event, soon, until,
};
use flowtrigger_testing::test_store::empty_store_by_callers;
use jiff::SignedDuration;

use super::calls::Calls;
use super::member::Member;

const SECOND: Duration = Duration::from_secs(1);

/// Two requests, one after the other.
const TWO_STEPS: &str = "name: two\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
    - name: one\n  http: { url: \"http://127.0.0.1:9/one\" }\n\
    - name: two\n  http: { url: \"http://127.0.0.1:9/two\" }\n";

struct Fixture {
    daemon: TestDaemon<Member, Calls>,
    member: Member,
    calls: Calls,
    clock: ManualClock,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(Member::default(), EngineOptions::default()).await
    }

    async fn with(member: Member, options: EngineOptions) -> Self {
        let (calls, clock) = (Calls::held(), ManualClock::default());
        let options = EngineOptions {
            clock: clock.options().clock,
            ..options
        };
        let daemon =
            daemon_with_performer_and_options(TWO_STEPS, member.clone(), calls.clone(), options);
        Self {
            daemon: daemon.await,
            member,
            calls,
            clock,
        }
    }

    /// Accepts an event of its own ticket.
    async fn accept(&self, ticket: u64) -> RunStatus {
        let mut runs = self
            .daemon
            .accepted(&event(ticket, &format!("x{ticket}")))
            .await;
        runs.pop().unwrap()
    }

    async fn record(&self, run: &RunStatus) -> RunRecord {
        self.member.other().run(run.id).await.unwrap().unwrap()
    }

    async fn has_started(&self, count: usize) {
        until("calls have started", || async {
            self.calls.started() == count
        })
        .await;
    }

    /// Lets time pass until something holds.
    async fn passes(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                self.clock.advance(Duration::from_millis(100));
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
        };
        soon(what, wait).await;
    }

    async fn ready(&self) -> (u16, String) {
        let answered = self.daemon.request("GET", "/readyz");
        let answered = flowtrigger_testing::test_daemon::answered(answered).await;
        (answered.status, answered.body.to_string())
    }

    async fn metric(&self, name: &str) -> String {
        let answered = self.daemon.request("GET", "/metrics");
        let answered = flowtrigger_testing::test_daemon::answered(answered).await;
        let text = answered.body.as_str().unwrap().to_owned();
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name}: {text}"))
            .trim()
            .to_owned()
    }

    /// No beat arrives, until the lease does not permit a start.
    async fn lose_lease(&self) {
        self.member.set_reachable(false);
        self.passes("the lease is not renewed", async || {
            self.ready().await.0 == 503
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_worker_did_after_its_run_was_taken_over_is_dropped() {
    let one = Fixture::new().await;
    let run = one.accept(1).await;
    one.has_started(1).await;
    let queued = Some(RunState::Held {
        why: "taken over".into(),
    });
    one.member
        .other()
        .advance(run.id, Vec::new(), queued)
        .await
        .unwrap();
    one.calls.release(10);
    until("the worker has stopped", || async {
        one.metric("flowtrigger_claims_lost_total").await == "1"
    })
    .await;
    assert_eq!(one.calls.started(), 1, "no further step");
    let record = one.record(&run).await;
    assert_eq!((record.state.as_str(), record.log.len()), ("held", 0));
}

#[tokio::test]
async fn a_run_that_is_cancelled_through_another_daemon_is_stopped() {
    let one = Fixture::new().await;
    let run = one.accept(1).await;
    one.has_started(1).await;
    one.member.other().cancel(run.id).await.unwrap();
    one.passes("the call is stopped", async || one.calls.over() == 1)
        .await;
    assert_eq!(one.calls.started(), 1);
    assert_eq!(one.record(&run).await.state, RunState::Cancelled);
    assert_eq!(one.metric("flowtrigger_claims_lost_total").await, "0");
}

#[tokio::test]
async fn without_a_beat_no_run_starts() {
    let one = Fixture::new().await;
    assert_eq!(one.ready().await.0, 200);
    one.lose_lease().await;
    let (_, why) = one.ready().await;
    assert!(
        why.contains("lease") && why.contains("connection refused"),
        "{why}"
    );
    let run = one.accept(1).await;
    for _ in 0..50 {
        one.clock.advance(SECOND);
        one.metric("flowtrigger_daemons").await;
    }
    assert_eq!(one.record(&run).await.state, RunState::Queued);
    one.member.set_reachable(true);
    one.passes("the run starts", async || one.calls.started() == 1)
        .await;
    assert_eq!(one.ready().await.0, 200);
}

#[tokio::test]
async fn without_a_beat_a_worker_starts_no_further_step() {
    let one = Fixture::new().await;
    let run = one.accept(1).await;
    one.has_started(1).await;
    one.lose_lease().await;
    one.calls.release(10);
    until("the first step is stored", || async {
        one.record(&run).await.log.len() == 1
    })
    .await;
    for _ in 0..50 {
        one.clock.advance(SECOND);
        one.metric("flowtrigger_daemons").await;
    }
    assert_eq!(one.calls.started(), 1);
    one.member.set_reachable(true);
    one.passes("the run ends", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
    assert_eq!(one.calls.started(), 2);
    assert_eq!(one.metric("flowtrigger_claims_lost_total").await, "0");
}

#[tokio::test]
async fn a_worker_whose_run_was_taken_over_meanwhile_does_not_continue() {
    let one = Fixture::new().await;
    let run = one.accept(1).await;
    one.has_started(1).await;
    one.lose_lease().await;
    one.calls.release(10);
    until("the first step is stored", || async {
        one.record(&run).await.log.len() == 1
    })
    .await;
    let held = Some(RunState::Held {
        why: "taken over".into(),
    });
    one.member
        .other()
        .advance(run.id, Vec::new(), held)
        .await
        .unwrap();
    one.member.set_reachable(true);
    one.passes("the worker has stopped", async || {
        one.metric("flowtrigger_claims_lost_total").await == "1"
    })
    .await;
    assert_eq!(one.calls.started(), 1);
    assert_eq!(one.record(&run).await.log.len(), 1);
}

#[tokio::test]
async fn runs_that_another_daemon_queued_start_at_a_wakeup_or_within_a_second() {
    let store = empty_store_by_callers();
    let one = Fixture::with(Member::of(store.clone()), EngineOptions::default()).await;
    let other = Fixture::with(Member::of(store), EngineOptions::default()).await;
    other.lose_lease().await;
    other.accept(1).await;
    one.member.wake();
    one.has_started(1).await;
    other.accept(2).await;
    one.clock.advance(SECOND);
    one.has_started(2).await;
    assert_eq!(other.calls.started(), 0);
}

#[tokio::test]
async fn runs_of_a_daemon_that_ended_start_when_they_are_taken_over() {
    let one = Fixture::new().await;
    one.lose_lease().await;
    let run = one.accept(1).await;
    one.member.recovers(RecoveryReport {
        suspects: vec![run.id],
        quarantined: Vec::new(),
    });
    one.member.set_reachable(true);
    one.passes("the run starts", async || one.calls.started() == 1)
        .await;
}

#[tokio::test]
async fn daemons_share_the_limits_of_rules_and_hosts() {
    let member = Member::default();
    member.set_membership(2, 1);
    let options = EngineOptions {
        per_rule: 5,
        per_host: 3,
        ..EngineOptions::default()
    };
    let one = Fixture::with(member, options).await;
    for ticket in 0..9 {
        one.accept(ticket).await;
    }
    one.passes(
        "the second of two daemons has the smaller part",
        async || {
            one.member.claimed_per_rule() == 2 && one.metric("flowtrigger_daemons").await == "2"
        },
    )
    .await;
    let running = one.member.counts().await.unwrap()["running"];
    assert!(running <= 2, "{running}");
    assert!(one.calls.started() <= 1, "of 3 requests to one host");
    one.member.set_membership(1, 0);
    one.passes("alone it has all", async || one.calls.started() == 3)
        .await;
    assert_eq!(one.member.claimed_per_rule(), 5);
    one.member.set_membership(3, 2);
    one.passes("three daemons", async || {
        one.metric("flowtrigger_daemons").await == "3"
    })
    .await;
    one.calls.release(2);
    until("two have ended", || async { one.calls.over() == 2 }).await;
    assert_eq!(one.calls.started(), 3, "one is in flight, the share");
    one.calls.release(1);
    one.has_started(4).await;
}

#[tokio::test]
async fn nothing_is_stored_twice_if_an_answer_is_lost() {
    let one = Fixture::new().await;
    let run = one.accept(1).await;
    one.has_started(1).await;
    one.member.lose_answers(2);
    one.calls.release(10);
    one.passes("the answers are lost", async || {
        one.member.answers_to_lose() == 0
    })
    .await;
    one.passes("the run ends", async || {
        one.record(&run).await.state.is_final()
    })
    .await;
    let record = one.record(&run).await;
    assert_eq!((record.state.as_str(), record.log.len()), ("done", 2));
    assert_eq!(one.calls.started(), 2);
    assert_eq!(one.metric("flowtrigger_claims_lost_total").await, "0");
}

#[tokio::test]
async fn the_clock_of_the_store_decides() {
    let one = Fixture::new().await;
    let ahead = SignedDuration::from_hours(5);
    one.member.set_clock(ahead);
    let run = one.accept(1).await;
    let received = one.record(&run).await.received;
    assert_eq!(received, one.member.time(one.daemon_now()));
    one.clock.set_by(SignedDuration::from_hours(-1));
    one.passes("the run starts", async || one.calls.started() == 1)
        .await;
}

impl Fixture {
    fn daemon_now(&self) -> jiff::Timestamp {
        flowtrigger::engine::Clock::now(&self.clock)
    }
}

#[tokio::test]
async fn two_daemons_execute_each_run_once() {
    let store = empty_store_by_callers();
    let one = Fixture::with(Member::of(store.clone()), EngineOptions::default()).await;
    let two = Fixture::with(Member::of(store), EngineOptions::default()).await;
    one.calls.release(1_000);
    two.calls.release(1_000);
    let mut runs = Vec::new();
    for ticket in 0..20 {
        runs.push(one.accept(ticket).await);
        runs.push(two.accept(100 + ticket).await);
        one.member.wake();
        two.member.wake();
    }
    for run in &runs {
        until("each run ends", || async {
            one.record(run).await.state == RunState::Done
        })
        .await;
        assert_eq!(one.record(run).await.log.len(), 2);
    }
    assert_eq!(one.calls.started() + two.calls.started(), 80);
}
