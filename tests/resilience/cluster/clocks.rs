//! Daemons whose clocks differ by days: what depends on time depends on the clock of the database alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowtrigger::engine::{Clock, EngineOptions, ReloadablePerformer, SystemClock};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::{PostgresSettings, PostgresStore, StoreSettings};
use flowtrigger_testing::postgres::{Postgres, server};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{TestDaemon, daemon_on_store, event, telling};
use flowtrigger_testing::wait::wait_until;
use jiff::{SignedDuration, Timestamp};

const TICKETS: u64 = 3;
const EVENTS: u64 = 8;
/// One of so many requests fails.
const FAILURES: usize = 5;

/// The clock of the machine, wrong by some time.
#[derive(Debug)]
struct WrongClock {
    machine: SystemClock,
    by: SignedDuration,
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        self.machine.now() + self.by
    }

    fn elapsed(&self) -> Duration {
        self.machine.elapsed()
    }

    fn sleep(&self, time: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.machine.sleep(time)
    }
}

async fn daemon(
    url: &str,
    rules: &str,
    hours: i64,
) -> TestDaemon<PostgresStore, ReloadablePerformer> {
    let settings = PostgresSettings::for_url(url);
    let (store, _) = PostgresStore::connect(&settings, StoreSettings::default())
        .await
        .unwrap();
    let options = EngineOptions {
        clock: Arc::new(WrongClock {
            machine: SystemClock::default(),
            by: SignedDuration::from_hours(hours),
        }),
        ..EngineOptions::default()
    };
    daemon_on_store(store, rules, options, HttpLimits::default()).await
}

/// The number of runs by rule and state.
fn counts(server: &Postgres, url: &str) -> String {
    let sql = "SELECT q.rule, r.state, count(*) FROM runs r JOIN queues q ON q.id = r.queue GROUP BY 1, 2 ORDER BY 1, 2";
    server.psql(url, sql)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_with_wrong_clocks_keep_windows_and_retries() {
    let Some(server) = server() else { return };
    let url = server.database();
    let receiver = Receiver::responding(|_, before| {
        let fails = before % FAILURES == FAILURES - 1;
        flowtrigger_testing::receiver::Response::status(if fails { 503 } else { 200 })
    });
    let retry = "  retry: { attempts: 50, backoff: 20ms, max_delay: 100ms }\n";
    let rules = [
        telling("tell", receiver.address, retry),
        telling(
            "window",
            receiver.address,
            &format!("{retry}dedupe: {{ per: ticket.id, for: 1h }}\n"),
        ),
        telling(
            "quiet",
            receiver.address,
            &format!("{retry}debounce: {{ per: ticket.id, quiet: 300ms }}\n"),
        ),
    ]
    .join("---\n");
    let daemons = [
        daemon(&url, &rules, 24).await,
        daemon(&url, &rules, -24).await,
        daemon(&url, &rules, 0).await,
    ];
    for number in 0..EVENTS {
        for ticket in 1..=TICKETS {
            let chosen = usize::try_from(number + ticket).unwrap() % daemons.len();
            let event = event(ticket, &format!("{ticket}-{number:03}"));
            daemons[chosen].accepted(&event).await;
        }
    }
    let unfinished = "SELECT count(*) FROM live_runs WHERE state <> 'held'";
    tokio::task::block_in_place(|| {
        wait_until("all runs end", || server.psql(&url, unfinished) == "0");
    });
    let (all, once) = (TICKETS * EVENTS, TICKETS);
    let rest = all - once;
    let counted = counts(&server, &url);
    let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
    for line in counted.lines() {
        let (what, count) = line.rsplit_once('|').unwrap();
        lines.insert(what, count.parse().unwrap());
    }
    assert_eq!(lines.get("tell|done"), Some(&all), "{counted}");
    assert_eq!(lines.get("window|done"), Some(&once), "{counted}");
    assert_eq!(lines.get("window|suppressed"), Some(&rest), "{counted}");
    // How many windows there are depends on the speed of the machine.
    let quiet = lines.get("quiet|done").copied().unwrap_or(0);
    assert!((once..=all).contains(&quiet), "{counted}");
    let mut latest: BTreeMap<String, String> = BTreeMap::new();
    for got in receiver.received().iter().filter(|got| got.path == "/tell") {
        let subject = got.json()["subject"].as_str().unwrap().to_owned();
        let (ticket, _) = subject.split_once('-').unwrap();
        let before = latest.insert(ticket.to_owned(), subject.clone());
        assert!(before.is_none_or(|before| before <= subject), "{subject}");
    }
}
