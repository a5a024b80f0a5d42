//! A receiver that fails for an hour, on a clock that the test sets: which runs continue and which die.
//! The engine runs in this process; store, requests and receiver are real.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowtrigger::engine;
use flowtrigger::engine::{
    Clock, ConfigFile, Engine, ReloadablePerformer, RulebookPaths, read_event,
};
use flowtrigger::store::{RunRecord, SqliteStore, Store, StoreSettings};
use flowtrigger_core::run::{LogEntry, RunId, RunState};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::TIMEOUT;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::desk::{CONFIG, event, request_rule, sandbox};

struct EngineWithRun {
    engine: Engine<SqliteStore, ReloadablePerformer>,
    clock: ManualClock,
    run: RunId,
    _sandbox: Sandbox,
}

/// An engine with one event.
async fn engine_with_run(rule: &str) -> EngineWithRun {
    let sandbox = sandbox(rule);
    // Attempts are made when they are due, however many have failed.
    let without_breaker = CONFIG.replacen("allow:", "breaker: off, allow:", 1);
    sandbox.write("flowtrigger.yaml", without_breaker);
    let places = RulebookPaths {
        config: ConfigFile::Named(sandbox.path("flowtrigger.yaml")),
        ..RulebookPaths::new(sandbox.path("rules"))
    };
    let reading = places.read();
    assert!(!reading.diagnostics.has_errors(), "{reading:?}");
    let made = read_event(
        event("a", 1, "made"),
        reading.rulebook.config.sources.get("desk"),
        &reading.rulebook.config,
    );
    let (store, _) =
        SqliteStore::open(&sandbox.path("flowtrigger.db"), StoreSettings::default()).unwrap();
    let performer = engine::performer(&reading.rulebook, &sandbox.path("outbox")).unwrap();
    let clock = ManualClock::starting_at(Timestamp::now());
    let engine = Engine::open(store, performer, reading.rulebook, clock.options()).await;
    let engine = engine.unwrap();
    let submitted = engine.submit(vec![made.unwrap()]).await.unwrap();
    EngineWithRun {
        run: submitted[0].committed.runs[0].id,
        engine,
        clock,
        _sandbox: sandbox,
    }
}

impl EngineWithRun {
    async fn record(&self) -> RunRecord {
        self.engine.store().run(self.run).await.unwrap().unwrap()
    }

    /// Waits until the run waits for another time than before, or is over.
    async fn next_state(&self, before: &RunState) -> RunState {
        let changed = async {
            for round in 1_u32.. {
                let state = self.record().await.state;
                let is_active = matches!(state, RunState::Queued | RunState::Running);
                if !is_active && state != *before {
                    return state;
                }
                // A task that read the clock just before it moved must see it move again, in the end by as
                // much as it may have started to wait for.
                let more = if round % 500 == 0 { 600_000 } else { 1 };
                self.clock.advance(Duration::from_millis(more));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            unreachable!("the loop ends with the timeout")
        };
        tokio::time::timeout(TIMEOUT, changed)
            .await
            .expect("the run continues")
    }

    /// Lets time pass from attempt to attempt until the run is over; calls `recover` once `when` has passed.
    /// Returns the waiting time after each attempt, in seconds.
    async fn attempt_until_over(
        &self,
        when: SignedDuration,
        recover: impl Fn(),
    ) -> (RunRecord, Vec<f64>) {
        let start = self.clock.now();
        let (mut state, mut waits) = (RunState::Queued, Vec::new());
        loop {
            state = self.next_state(&state).await;
            let record = self.record().await;
            let RunState::Retrying { until } = state else {
                return (record, waits);
            };
            let last = record
                .log
                .iter()
                .filter_map(LogEntry::attempt)
                .next_back()
                .unwrap();
            let ended = last.started + last.took;
            waits.push(until.duration_since(ended).as_secs_f64());
            if until.duration_since(start) >= when {
                recover();
            }
            let wait = until.duration_since(self.clock.now());
            self.clock
                .advance(Duration::try_from(wait).unwrap_or_default());
        }
    }
}

/// No attempt started too early.
#[track_caller]
fn expect_no_early_attempt(record: &RunRecord, waits: &[f64]) {
    let attempts: Vec<_> = record.log.iter().filter_map(LogEntry::attempt).collect();
    assert_eq!(attempts.len(), waits.len() + 1);
    for (pair, wait) in attempts.windows(2).zip(waits) {
        let waited = pair[1].started.duration_since(pair[0].started);
        assert!(
            waited.as_secs_f64() >= wait - 0.001,
            "{waited:?}, not {wait} s"
        );
    }
}

/// Each wait is that of the schedule, within the jitter.
#[track_caller]
fn expect_schedule(waits: &[f64], schedule: impl Iterator<Item = f64>) {
    for (number, (wait, planned)) in waits.iter().zip(schedule).enumerate() {
        let range = planned * 0.799..=planned * 1.201;
        assert!(
            range.contains(wait),
            "wait {number}: {wait} s, not about {planned} s"
        );
    }
}

fn doubling(most: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |number| 2f64.powi(number).min(most))
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_dies_after_its_last_attempt_and_on_dead_runs() {
    let receiver = Receiver::with_status(|got| if got.path == "/gave-up" { 200 } else { 409 });
    let port = receiver.port;
    let told = format!(
        "on_dead:\n- http: {{ url: 'http://127.0.0.1:{port}/gave-up', json: {{ rule: '{{{{ error.rule }}}}', attempts: '{{{{ error.attempts }}}}', why: '{{{{ error.message }}}}', id: '{{{{ id }}}}' }} }}\n"
    );
    let rule = request_rule("tell", "made", port, "");
    let running = engine_with_run(&format!("{rule}{told}")).await;
    let (record, waits) = running.attempt_until_over(HOUR, || {}).await;
    assert_eq!(record.state.as_str(), "dead");
    expect_no_early_attempt(&record, &waits);
    assert_eq!(waits.len(), 4, "five attempts by default after a conflict");
    expect_schedule(&waits, doubling(300.0));
    let got = tokio::task::spawn_blocking(move || receiver.wait_for(6))
        .await
        .unwrap();
    let keys: Vec<&str> = got[..5].iter().map(|got| got.key.as_str()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let told = got[5].json();
    assert_eq!((&told["rule"], &told["id"]), (&json!("tell"), &json!("a")));
    assert_eq!(told["attempts"], 5);
    assert!(told["why"].as_str().unwrap().contains("409"), "{told}");
    assert_ne!(got[5].key, keys[0]);
    running.engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_enough_attempts_succeeds_when_the_receiver_recovers() {
    let well = Arc::new(AtomicBool::new(false));
    let recovers = Arc::clone(&well);
    let receiver = Receiver::with_status(move |_| match well.load(Ordering::Relaxed) {
        true => 200,
        false => 500,
    });
    let patient = "  retry: { attempts: 100, backoff: 1s, max_delay: 5m }\n";
    let running = engine_with_run(&request_rule("tell", "made", receiver.port, patient)).await;
    let recover = || recovers.store(true, Ordering::Relaxed);
    let (record, waits) = running.attempt_until_over(HOUR, recover).await;
    assert_eq!(record.state, RunState::Done);
    expect_no_early_attempt(&record, &waits);
    expect_schedule(&waits, doubling(300.0));
    // 511 s for the first nine waits, then five minutes each.
    assert!((16..=24).contains(&waits.len()), "{waits:?}");
    assert_eq!(receiver.count(), waits.len() + 1);
    running.engine.drain().await;
}
