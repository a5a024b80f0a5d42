//! The trace of a delivery, and `traceparent` of requests.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Received, Receiver};

use super::collector::{
    Collector, config, event, exporting_to, is_root, only, post, rule, sandbox, telling,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";

fn trace_parent(request: &Received) -> Option<&str> {
    request.header("traceparent")
}

#[test]
fn the_trace_of_a_delivery_goes_on_through_attempts_to_receivers() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    receiver.next_statuses(&[503]);
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, PARENT, &event("e"));
    let spans = collector.wait_for_runs(1);
    let root = only(&spans, is_root);
    assert_eq!(
        (root.trace.as_str(), root.parent.as_str()),
        (TRACE, "00f067aa0ba902b7")
    );
    assert_eq!(root.flags, 0x301, "its parent is in another program");
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    for (index, request) in received.iter().enumerate() {
        let number = index as i64 + 1;
        let attempt = only(&spans, |span| {
            span.number("flowtrigger.attempt") == Some(number)
        });
        let expected = format!("00-{TRACE}-{}-01", attempt.id);
        assert_eq!(trace_parent(request), Some(expected.as_str()));
    }
    daemon.stop();
}

#[test]
fn events_of_an_array_share_the_trace() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(
        &daemon,
        PARENT,
        &serde_json::json!([event("a"), event("b")]),
    );
    let spans = collector.wait_for_runs(2);
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:?}");
    daemon.stop();
}

#[test]
fn what_is_no_trace_context_is_ignored() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    let twice = format!("{PARENT}{PARENT}");
    let zero = PARENT.replace("00f067aa0ba902b7", "0000000000000000");
    let upper = PARENT.replace("4bf9", "4BF9");
    let headers = ["", &twice, &zero, &upper, "traceparent: what\r\n"];
    for (number, headers) in headers.iter().enumerate() {
        post(&daemon, headers, &event(&format!("e{number}")));
    }
    let spans = collector.wait_for_runs(headers.len());
    let roots: Vec<_> = spans.iter().filter(|span| is_root(span)).collect();
    let mut traces: Vec<&str> = roots.iter().map(|span| span.trace.as_str()).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), headers.len(), "each event has its own");
    assert!(roots.iter().all(|span| span.parent.is_empty()));
    assert!(!traces.contains(&TRACE));
    for request in receiver.received() {
        let parent = trace_parent(&request).unwrap();
        assert!(traces.contains(&&parent[3..35]), "{parent}");
    }
    daemon.stop();
}

#[test]
fn without_an_exporter_the_trace_of_the_delivery_is_passed_on() {
    let receiver = Receiver::ok();
    let own = rule(
        "own",
        &format!(
            "- http: {{ url: \"{}\", headers: {{ TraceParent: mine }}, json: {{ id: own }} }}\n",
            receiver.url("/own")
        ),
    );
    let rules = format!("{}---\n{own}", telling(&receiver));
    let sandbox = sandbox(&config(""), &rules);
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, PARENT, &event("with"));
    receiver.wait_for(2);
    post(&daemon, "", &event("without"));
    let received = receiver.wait_for(4);
    let of = |id: &str| {
        let found = received.iter().find(|request| request.id() == id);
        found.and_then(trace_parent).map(str::to_owned)
    };
    let sent = PARENT.trim_start_matches("traceparent: ").trim_end();
    assert_eq!(of("with").as_deref(), Some(sent));
    assert_eq!(of("without"), None);
    assert_eq!(of("own").as_deref(), Some("mine"), "the step sets it");
    daemon.stop();
}

#[test]
fn the_sender_or_the_configuration_decides_what_is_sampled() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let sandbox = sandbox(
        &exporting_to(&collector, "  sample: 0\n"),
        &telling(&receiver),
    );
    let daemon = DaemonProcess::start(&sandbox);
    let unsampled = PARENT.replace("-01\r", "-00\r");
    post(&daemon, "", &event("own"));
    post(&daemon, &unsampled, &event("unsampled"));
    post(&daemon, PARENT, &event("sampled"));
    let spans = collector.wait_for_runs(1);
    let root = only(&spans, is_root);
    assert_eq!(root.text("flowtrigger.event.id"), "sampled");
    let received = receiver.wait_for(3);
    for request in &received {
        let is_sampled = trace_parent(request).unwrap().ends_with("-01");
        assert_eq!(is_sampled, request.id() == "sampled", "{request:?}");
    }
    daemon.stop();
}

#[test]
fn a_variable_of_opentelemetry_names_the_collector() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let address = format!("http://{}/", collector.0.address);
    let sandbox = sandbox(&config("traces: {}\n"), &telling(&receiver))
        .with_env("OTEL_EXPORTER_OTLP_ENDPOINT", &address);
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("e"));
    collector.wait_for_runs(1);
    daemon.stop();
}
