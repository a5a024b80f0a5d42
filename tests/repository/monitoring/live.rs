//! The metrics of two daemons that have had traffic: one with a data folder, and one with a Postgres database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use flowtrigger_testing::certificates::TestAuthority;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::postgres::server;
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::json;

use super::description;

/// The labels of each series, by the name of its samples.
#[derive(Debug, Default)]
pub struct Live {
    series: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    has_shared: bool,
}

pub const SOURCES: &str =
    "sources: { desk: { event_type: { path: kind }, key: ticket_id, id: id } }\n";

/// A sandbox whose rules call a receiver that answers, and one that does not; one rule has a shadow version.
pub fn sandbox(receiver: &Receiver, dead: &str) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger")).with_configured_page();
    let chat = receiver.url("/");
    TestAuthority::new("authority")
        .server("desk")
        .write(sandbox.folder(), "desk");
    sandbox.write(
        "flowtrigger.yaml",
        format!(
            "{SOURCES}outgoing: {{ allow: [127.0.0.0/8] }}\nconnections:\n  chat: {{ base_url: '{chat}' }}\n\
             page: {{ listen: '127.0.0.1:0', tls: {{ certificate: desk.pem, key: desk.key }} }}\n\
             traces: {{ endpoint: 'http://{dead}/' }}\n"
        ),
    );
    sandbox.write_rules(&format!(
        "name: post\nevent_source: desk\nevent_type: good\nflow:\n- http: {{ connection: chat, method: POST, path: /post }}\n\
         ---\nname: page\nevent_source: desk\nevent_type: bad\nflow:\n\
         - http: {{ method: POST, url: 'http://{dead}/page' }}\n  retry: {{ attempts: 1 }}\n\
         ---\nname: once\nevent_source: desk\nevent_type: good\ndedupe: {{ per: ticket_id, for: 1h }}\nflow:\n- succeed: fine\n\
         ---\nname: once\nmode: shadow\nevent_source: desk\nevent_type: good\nflow:\n- succeed: fine\n"
    ));
    sandbox
}

pub fn event(id: &str, kind: &str) -> serde_json::Value {
    json!({"id": id, "kind": kind, "ticket_id": 90_417})
}

/// The metrics of a daemon after events that succeed, fail, match nothing, are repeated and are rejected.
fn metrics_after_traffic(sandbox: &Sandbox) -> String {
    let daemon = DaemonProcess::start(sandbox);
    wait_until("the daemon is ready", || {
        daemon.get("/readyz").status() == 200
    });
    for (id, kind) in [
        ("1", "good"),
        ("2", "good"),
        ("3", "bad"),
        ("4", "neither"),
        ("1", "good"),
    ] {
        daemon.accept("desk", &event(id, kind));
    }
    assert_eq!(daemon.post("/events/desk", "no JSON").status(), 400);
    daemon.wait_until_idle();
    daemon.get("/metrics").body
}

impl Live {
    /// Read once for all tests of this process.
    pub fn of_daemons() -> &'static Self {
        static LIVE: LazyLock<Live> = LazyLock::new(Live::read);
        &LIVE
    }

    fn read() -> Self {
        let receiver = Receiver::ok();
        let dead = format!("127.0.0.1:{}", dead_port());
        let mut live = Self::default();
        live.add(&metrics_after_traffic(&sandbox(&receiver, &dead)));
        if let Some(server) = server() {
            let sandbox = sandbox(&receiver, &dead);
            let sandbox = sandbox.with_env("FLOWTRIGGER_STORE", &server.database());
            live.add(&metrics_after_traffic(&sandbox));
            live.has_shared = true;
        }
        live
    }

    fn add(&mut self, text: &str) {
        assert!(text.ends_with("# EOF\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.strip_suffix("\"}").unwrap_or(labels);
            let pairs = labels
                .split("\",")
                .filter_map(|pair| pair.split_once("=\""));
            let pairs = pairs.map(|(label, value)| (label.to_owned(), value.to_owned()));
            self.series
                .entry(name.to_owned())
                .or_default()
                .push(pairs.collect());
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.series.contains_key(name)
    }

    /// Whether a metric is one of daemons with a shared store, of which none could be started.
    pub fn is_unknown(&self, name: &str) -> bool {
        let row = description(name).unwrap_or_default();
        !self.has_shared && row.contains("with a shared store:")
    }

    /// The labels that all series of a metric have.
    pub fn labels(&self, name: &str) -> BTreeSet<&str> {
        let series = self.series.get(name).into_iter().flatten();
        let labels = series.map(|labels| labels.keys().map(String::as_str).collect());
        labels
            .reduce(|all: BTreeSet<&str>, one| all.intersection(&one).copied().collect())
            .unwrap_or_default()
    }

    pub fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let series = self.series.get(name).into_iter().flatten();
        series
            .filter_map(|labels| Some(labels.get(label)?.as_str()))
            .collect()
    }
}
