//! A collector on this machine, and daemons that export to it.

use std::collections::BTreeSet;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::otlp::{ReadSpan, read};

/// The path of traces.
const PATH: &str = "/v1/traces";

pub struct Collector(pub Receiver);

impl Collector {
    /// Accepts everything.
    pub fn accepting() -> Self {
        Self::answering(Response::new(
            "200 OK",
            "content-type: application/json\r\n",
            "{}",
        ))
    }

    pub fn answering(response: Response) -> Self {
        Self(Receiver::always(response))
    }

    /// The spans of each request that was answered with 200, which must be valid.
    #[track_caller]
    pub fn exports(&self) -> Vec<Vec<ReadSpan>> {
        let received = self.0.received();
        let accepted = received.iter().filter(|request| request.status == 200);
        let exports = accepted.map(|request| {
            assert_eq!(request.path, PATH);
            assert_eq!(request.header("content-type"), Some("application/json"));
            read(&request.body).unwrap_or_else(|error| panic!("{error}: {}", request.body))
        });
        exports.collect()
    }

    #[track_caller]
    pub fn spans(&self) -> Vec<ReadSpan> {
        self.exports().into_iter().flatten().collect()
    }

    /// Waits until the runs of so many rules and events are exported, and returns all spans.
    #[track_caller]
    pub fn wait_for_runs(&self, count: usize) -> Vec<ReadSpan> {
        wait_until("the runs are exported", || {
            let spans = self.spans();
            let runs = spans.iter().filter(|span| is_root(span));
            let runs: BTreeSet<&str> = runs.map(|span| span.id.as_str()).collect();
            runs.len() >= count
        });
        self.spans()
    }
}

pub fn is_root(span: &ReadSpan) -> bool {
    span.attributes.contains_key("flowtrigger.run.id")
}

/// The only span that passes.
#[track_caller]
pub fn only(spans: &[ReadSpan], passes: impl Fn(&ReadSpan) -> bool) -> &ReadSpan {
    let mut found = spans.iter().filter(|span| passes(span));
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        _ => panic!("not one span: {spans:?}"),
    }
}

/// The only span with a name.
#[track_caller]
pub fn named<'s>(spans: &'s [ReadSpan], name: &str) -> &'s ReadSpan {
    only(spans, |span| span.name == name)
}

/// The configuration: a source whose events have an id, requests to this machine, and more.
pub fn config(more: &str) -> String {
    format!(
        "outgoing: {{ allow: [127.0.0.1] }}\nsources: {{ desk: {{ event_type: {{ path: kind }}, id: id, key: ticket }} }}\n{more}"
    )
}

/// Where traces go.
pub fn exporting_to(collector: &Collector, more: &str) -> String {
    config(&format!(
        "traces:\n  endpoint: http://{}\n{more}",
        collector.0.address
    ))
}

pub fn sandbox(config: &str, rules: &str) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("flowtrigger.yaml", config);
    sandbox.write_rules(rules);
    sandbox
}

/// A rule with these steps.
pub fn rule(name: &str, steps: &str) -> String {
    format!("name: {name}\nevent_source: desk\nevent_type: open\nflow:\n{steps}")
}

/// A rule with one request, which is attempted twice.
pub fn telling(receiver: &Receiver) -> String {
    let url = receiver.url("/tell");
    rule(
        "tell",
        &format!(
            "- name: tell\n  http: {{ url: \"{url}\", json: {{ id: \"{{{{ id }}}}\" }} }}\n  retry: {{ attempts: 2, backoff: 10ms }}\n"
        ),
    )
}

pub fn event(id: &str) -> Value {
    json!({"kind": "open", "id": id, "ticket": id})
}

/// Posts an event with these header lines.
#[track_caller]
pub fn post(daemon: &DaemonProcess, headers: &str, event: &Value) -> Message {
    let headers = format!("content-type: application/json\r\n{headers}");
    let body = event.to_string();
    let response = daemon.request("POST", "/events/desk", &headers, body.as_bytes());
    assert_eq!(response.status(), 200, "{response:?}");
    response
}

/// The value of a metric.
pub fn metric(daemon: &DaemonProcess, name: &str) -> Option<f64> {
    let text = daemon.get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok())
}
