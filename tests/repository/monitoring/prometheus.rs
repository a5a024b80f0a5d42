//! A real Prometheus reads the metrics of a daemon, and fires alerts about a receiver that is down and a daemon that is gone.
//! Where it is not installed, these tests say so and do not run.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::wait::wait_until;
use serde_json::Value;

use super::super::docs::{read, root};
use super::live::{event, sandbox};

/// With this variable, a missing Prometheus fails the test.
const REQUIRED: &str = "PROMETHEUS_TESTS_MUST_RUN";

/// Whether `prometheus` and `promtool` are installed.
pub fn has_prometheus() -> bool {
    let starts = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["prometheus", "promtool"].into_iter().all(starts);
    assert!(
        found || std::env::var_os(REQUIRED).is_none(),
        "prometheus is not installed"
    );
    if !found {
        // Not by a macro, whose output the test harness hides.
        let line = "prometheus is not installed: the tests of the alert rules were not run\n";
        drop(std::io::stderr().write_all(line.as_bytes()));
    }
    found
}

struct Prometheus {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Prometheus {
    /// Reads the metrics of one daemon several times per second, with alert rules that fire without a delay.
    fn start(daemon: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = root().join("deploy/prometheus");
        let config = read(source.join("prometheus.yaml"));
        let config = config
            .replace("15s", "200ms")
            .replace("127.0.0.1:8080", daemon);
        assert!(
            config.contains("200ms") && config.contains(daemon),
            "{config}"
        );
        let rules = read(source.join("alerts.yaml"));
        let lines = rules
            .lines()
            .filter(|line| !line.trim_start().starts_with("for: "));
        let rules: Vec<&str> = lines.collect();
        fs::write(folder.path().join("prometheus.yaml"), config).expect("a writable folder");
        fs::write(folder.path().join("alerts.yaml"), rules.join("\n")).expect("a writable folder");
        let address = format!("127.0.0.1:{}", dead_port());
        let log = fs::File::create(folder.path().join("log")).expect("a writable folder");
        let process = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                folder.path().join("prometheus.yaml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    /// The answer to a question of its API; null while it starts.
    fn ask(&self, path: &str) -> Value {
        let answer = Connection::open(&self.address)
            .ok()
            .and_then(|mut connection| {
                // A long answer to HTTP/1.1 would come in chunks.
                let request = format!("GET {path} HTTP/1.0\r\nhost: test\r\n\r\n");
                connection.send_bytes(request.as_bytes()).ok()
            });
        match answer {
            Some(answer) if answer.status() == 200 => answer.json()["data"].clone(),
            Some(_) | None => Value::Null,
        }
    }

    /// The value of a query that selects one series.
    fn value(&self, query: &str) -> Option<String> {
        let answer = self.ask(&format!("/api/v1/query?query={query}"));
        Some(answer["result"][0]["value"][1].as_str()?.to_owned())
    }

    fn firing(&self) -> Vec<Value> {
        let answer = self.ask("/api/v1/alerts");
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts
            .into_iter()
            .filter(|alert| alert["state"] == "firing");
        firing.collect()
    }

    fn wait_for_alert(&self, name: &str) -> Value {
        let mut found = None;
        wait_until(&format!("{name} fires"), || {
            found = self
                .firing()
                .into_iter()
                .find(|alert| alert["labels"]["alertname"] == name);
            found.is_some()
        });
        found.expect("an alert")
    }
}

#[test]
fn prometheus_fires_alerts_about_a_dead_receiver_and_a_dead_daemon() {
    if !has_prometheus() {
        return;
    }
    let receiver = Receiver::ok();
    let dead = format!("127.0.0.1:{}", dead_port());
    let sandbox = sandbox(&receiver, &dead);
    let daemon = DaemonProcess::start(&sandbox);
    let address = daemon.address.clone();
    let prometheus = Prometheus::start(&address);
    wait_until("it reads the metrics", || {
        prometheus.value("flowtrigger_ready").as_deref() == Some("1")
    });
    let is_of_receiver = |alert: &Value| !alert["labels"]["receiver"].is_null();
    assert!(!prometheus.firing().iter().any(is_of_receiver));
    for number in 0..10 {
        daemon.accept("desk", &event(&format!("bad {number}"), "bad"));
    }
    daemon.accept("desk", &event("good", "good"));
    let alert = prometheus.wait_for_alert("FlowtriggerReceiverFailing");
    assert_eq!(alert["labels"]["receiver"], dead, "{alert}");
    assert_eq!(alert["labels"]["job"], "flowtrigger", "{alert}");
    assert_eq!(alert["labels"]["severity"], "warning", "{alert}");
    let summary = format!("every request to {dead} fails");
    assert_eq!(alert["annotations"]["summary"], summary, "{alert}");
    let alert = prometheus.wait_for_alert("FlowtriggerDeadRuns");
    assert_eq!(alert["labels"]["rule"], "page", "{alert}");
    // Five failures in a row open its breaker, and the other runs are parked.
    let alert = prometheus.wait_for_alert("FlowtriggerReceiverDown");
    assert_eq!(alert["labels"]["receiver"], dead, "{alert}");
    assert_eq!(alert["labels"]["severity"], "critical", "{alert}");
    wait_until("runs are parked", || {
        let query = format!("flowtrigger_runs_parked%7Breceiver=%22{dead}%22%7D");
        prometheus.value(&query).is_some_and(|runs| runs != "0")
    });
    // Other alerts may be about this machine, such as a disk that is nearly full.
    for alert in prometheus
        .firing()
        .iter()
        .filter(|alert| is_of_receiver(alert))
    {
        assert_eq!(alert["labels"]["receiver"], dead, "{alert}");
    }
    daemon.kill();
    let alert = prometheus.wait_for_alert("FlowtriggerDown");
    assert_eq!(alert["labels"]["instance"], address, "{alert}");
    assert_eq!(alert["labels"]["severity"], "critical", "{alert}");
}
