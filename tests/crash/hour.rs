//! A receiver that answers 500 for an hour, by a clock that the test moves: who keeps trying, who gives
//! up, and who hears of it. The engine runs in here; store, requests and receiver are real.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowtrigger::core::run::{Line, RunId, State};
use flowtrigger::engine::{
    self, Clock, ConfigFile, Engine, EngineOptions, ReloadablePerformer, RulebookPaths, read_event,
};
use flowtrigger::store::{Record, Settings, SqliteStore, Store};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::watch;

use crate::place::{Place, event, telling};
use crate::receiver::Receiver;
use crate::turn::PATIENCE;

/// A clock that a test moves.
#[derive(Debug, Clone)]
struct Moved(Arc<watch::Sender<(Timestamp, Duration)>>);

impl Moved {
    fn new() -> Self {
        let start = (Timestamp::now(), Duration::ZERO);
        Self(Arc::new(watch::Sender::new(start)))
    }

    fn passes(&self, time: Duration) {
        self.0.send_modify(|(wall, steady)| {
            *wall += time;
            *steady += time;
        });
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        self.0.borrow().0
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().1
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = self.elapsed() + time;
        let mut clock = self.0.subscribe();
        Box::pin(async move {
            drop(clock.wait_for(|(_, steady)| *steady >= until).await);
        })
    }
}

struct House {
    engine: Engine<SqliteStore, ReloadablePerformer>,
    clock: Moved,
    run: RunId,
    _place: Place,
}

/// An engine with one event.
async fn house(rule: &str) -> House {
    let place = Place::new(rule);
    let places = RulebookPaths {
        config: ConfigFile::Named(place.path("flowtrigger.yaml")),
        ..RulebookPaths::new(place.path("rules"))
    };
    let reading = places.read();
    assert!(!reading.diagnostics.has_errors(), "{reading:?}");
    let made = read_event(
        event("a", 1, "made"),
        Some("desk"),
        &reading.rulebook.config,
    );
    let (store, _) = SqliteStore::open(&place.path("flowtrigger.db"), Settings::default()).unwrap();
    let hands = engine::performer(&reading.rulebook, &place.path("outbox")).unwrap();
    let clock = Moved::new();
    let options = EngineOptions {
        clock: Arc::new(clock.clone()),
        ..EngineOptions::default()
    };
    let engine = Engine::open(store, hands, reading.rulebook, options).await;
    let engine = engine.unwrap();
    let submitted = engine.submit(vec![made.unwrap()]).await.unwrap();
    House {
        run: submitted[0].committed.runs[0].id,
        engine,
        clock,
        _place: place,
    }
}

impl House {
    async fn record(&self) -> Record {
        self.engine.store().run(self.run).await.unwrap().unwrap()
    }

    /// Waits until the run waits for another time than before, or is over.
    async fn stands(&self, before: &State) -> State {
        let changed = async {
            for look in 1_u32.. {
                let state = self.record().await.state;
                let moves = matches!(state, State::Queued | State::Running);
                if !moves && state != *before {
                    return state;
                }
                // Whoever looked at the clock just before it was moved must see it move again: at last by
                // as much as they may have begun to wait for.
                let more = if look % 500 == 0 { 600_000 } else { 1 };
                self.clock.passes(Duration::from_millis(more));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            unreachable!("it is looked at for ever")
        };
        tokio::time::timeout(PATIENCE, changed)
            .await
            .expect("the run moves on")
    }

    /// Lets time pass from try to try until the run is over, and past `when` does something. Gives how
    /// long the run was told to wait after each try, in seconds.
    async fn passes(&self, when: SignedDuration, recover: impl Fn()) -> (Record, Vec<f64>) {
        let start = self.clock.now();
        let (mut state, mut waits) = (State::Queued, Vec::new());
        loop {
            state = self.stands(&state).await;
            let record = self.record().await;
            let State::Retrying { until } = state else {
                return (record, waits);
            };
            let last = record
                .log
                .iter()
                .filter_map(Line::attempt)
                .next_back()
                .unwrap();
            let ended = last.started + last.took;
            waits.push(until.duration_since(ended).as_secs_f64());
            if until.duration_since(start) >= when {
                recover();
            }
            let wait = until.duration_since(self.clock.now());
            self.clock
                .passes(Duration::try_from(wait).unwrap_or_default());
        }
    }
}

/// No try came before its time.
#[track_caller]
fn comes_in_time(record: &Record, waits: &[f64]) {
    let tries: Vec<_> = record.log.iter().filter_map(Line::attempt).collect();
    assert_eq!(tries.len(), waits.len() + 1);
    for (pair, wait) in tries.windows(2).zip(waits) {
        let waited = pair[1].started.duration_since(pair[0].started);
        assert!(
            waited.as_secs_f64() >= wait - 0.001,
            "{waited:?}, not {wait} s"
        );
    }
}

/// Each wait is the schedule's, give or take its jitter.
#[track_caller]
fn follows(waits: &[f64], schedule: impl Iterator<Item = f64>) {
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
async fn whoever_gives_up_does_so_at_the_last_try_and_somebody_hears_of_it() {
    let receiver = Receiver::answering(|got| if got.path == "/gave-up" { 200 } else { 500 });
    let port = receiver.port;
    let told = format!(
        "on_dead:\n- http: {{ url: 'http://127.0.0.1:{port}/gave-up', json: {{ rule: '{{{{ error.rule }}}}', attempts: '{{{{ error.attempts }}}}', why: '{{{{ error.message }}}}', id: '{{{{ id }}}}' }} }}\n"
    );
    let rule = telling("tell", "made", port, "");
    let house = house(&format!("{rule}{told}")).await;
    let (record, waits) = house.passes(HOUR, || {}).await;
    assert_eq!(record.state.word(), "dead");
    comes_in_time(&record, &waits);
    assert_eq!(waits.len(), 4, "five tries unless the rule says otherwise");
    follows(&waits, doubling(300.0));
    let got = tokio::task::spawn_blocking(move || receiver.gets(6))
        .await
        .unwrap();
    let keys: Vec<&str> = got[..5].iter().map(|got| got.key.as_str()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let told = &got[5].body;
    assert_eq!((&told["rule"], &told["id"]), (&json!("tell"), &json!("a")));
    assert_eq!(told["attempts"], 5);
    assert!(told["why"].as_str().unwrap().contains("500"), "{told}");
    assert_ne!(got[5].key, keys[0]);
    house.engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_patient_gets_through_when_the_hour_is_over() {
    let well = Arc::new(AtomicBool::new(false));
    let recovers = Arc::clone(&well);
    let receiver = Receiver::answering(move |_| match well.load(Ordering::Relaxed) {
        true => 200,
        false => 500,
    });
    let patient = "  retry: { attempts: 100, backoff: 1s, max_delay: 5m }\n";
    let house = house(&telling("tell", "made", receiver.port, patient)).await;
    let recover = || recovers.store(true, Ordering::Relaxed);
    let (record, waits) = house.passes(HOUR, recover).await;
    assert_eq!(record.state, State::Done);
    comes_in_time(&record, &waits);
    follows(&waits, doubling(300.0));
    // 511 s for the first nine waits, then five minutes each.
    assert!((16..=24).contains(&waits.len()), "{waits:?}");
    assert_eq!(receiver.count(), waits.len() + 1);
    house.engine.drain().await;
}
