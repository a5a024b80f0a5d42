//! The export survives a daemon that is killed, and a collector that is down, busy or rejects.

use std::collections::BTreeSet;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::wait::wait_until;

use super::collector::{Collector, event, exporting_to, is_root, metric, post, sandbox, telling};
use super::otlp::{ReadSpan, read};

fn ids(spans: &[ReadSpan]) -> BTreeSet<(String, String)> {
    let ids = spans
        .iter()
        .map(|span| (span.trace.clone(), span.id.clone()));
    ids.collect()
}

#[test]
fn a_daemon_that_is_killed_before_the_answer_exports_the_same_again() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    collector.0.hold("");
    for number in 0..5 {
        post(&daemon, "", &event(&format!("e{number}")));
    }
    daemon.wait_until_idle();
    collector.0.wait_until_held();
    daemon.kill();
    collector.0.release_all();
    let before = collector.0.received().len();
    let daemon = DaemonProcess::start(&sandbox);
    let after = || collector.exports()[before..].concat();
    wait_until("all runs are exported after the start", || {
        let spans = after();
        let runs = spans.iter().filter(|span| is_root(span));
        let runs: BTreeSet<&str> = runs.map(|span| span.text("flowtrigger.event.id")).collect();
        runs.len() == 5
    });
    let again = ids(&after());
    for span in collector.exports()[..before].iter().flatten() {
        let id = (span.trace.clone(), span.id.clone());
        assert!(again.contains(&id), "{span:?} is missing in {again:?}");
    }
    daemon.stop();
}

#[test]
fn a_daemon_that_is_killed_before_the_export_exports_after_its_start() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("e"));
    receiver.wait_for(1);
    daemon.wait_until_idle();
    daemon.kill();
    let daemon = DaemonProcess::start(&sandbox);
    let spans = collector.wait_for_runs(1);
    assert!(spans.iter().any(is_root));
    daemon.stop();
}

#[test]
fn traces_wait_for_a_collector_that_is_down() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    // The collector and a proxy before it, each busy in its way.
    collector.0.next_statuses(&[503, 429]);
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("e"));
    daemon.expect_message("traces could not be exported");
    collector.wait_for_runs(1);
    daemon.expect_message("traces are exported again");
    assert_eq!(
        metric(&daemon, "flowtrigger_trace_export_failures_total"),
        Some(2.0)
    );
    let received = collector.0.received();
    assert_eq!(received.len(), 3);
    let bodies: Vec<_> = received
        .iter()
        .map(|request| ids(&read(&request.body).unwrap()))
        .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    wait_until("nothing waits", || {
        metric(&daemon, "flowtrigger_trace_lag_seconds") == Some(0.0)
    });
    daemon.stop();
}

#[test]
fn runs_go_on_while_nothing_listens_at_the_address() {
    let receiver = Receiver::ok();
    let collector = Collector::accepting();
    let config = exporting_to(&collector, "");
    drop(collector);
    let sandbox = sandbox(&config, &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("a"));
    daemon.expect_message("traces could not be exported");
    post(&daemon, "", &event("b"));
    receiver.wait_for(2);
    wait_until("the lag shows", || {
        metric(&daemon, "flowtrigger_trace_lag_seconds") > Some(2.0)
    });
    daemon.stop();
}

#[test]
fn what_the_collector_rejects_is_counted_and_not_sent_again() {
    let receiver = Receiver::ok();
    let partial = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let collector = Collector::answering(Response::new("200 OK", "", partial));
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("e"));
    let line = daemon.expect_message("the collector of traces rejected spans");
    assert_eq!(
        (&line["spans"], &line["reason"]),
        (&2.into(), &"too old".into())
    );
    let rejected = "flowtrigger_trace_spans_rejected_total";
    assert_eq!(metric(&daemon, rejected), Some(2.0));
    collector.0.next_statuses(&[400]);
    post(&daemon, "", &event("f"));
    daemon.expect_message("the collector of traces rejected them");
    let dropped = "flowtrigger_traces_dropped_total{reason=\"rejected\"}";
    assert_eq!(metric(&daemon, dropped), Some(1.0));
    post(&daemon, "", &event("g"));
    daemon.expect_logs(2, |line| {
        line["message"] == "the collector of traces rejected spans"
    });
    assert_eq!(collector.0.received().len(), 3, "each once");
    daemon.stop();
}
