//! What is exported of a run: its steps, attempts and waits, and nothing that must stay here.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::wait::wait_until;
use serde_json::json;

use super::collector::{
    Collector, event, exporting_to, is_root, metric, named, only, post, rule, sandbox, telling,
};
use super::otlp::ReadSpan;

/// The only child of a span.
fn child<'s>(spans: &'s [ReadSpan], parent: &ReadSpan, name: &str) -> &'s ReadSpan {
    only(spans, |span| span.parent == parent.id && span.name == name)
}

#[test]
fn a_run_is_a_tree_of_steps_and_attempts() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    receiver.next_statuses(&[503]);
    let url = receiver.url("");
    let steps = format!(
        "- name: ask\n  http: {{ url: \"{url}/ask?a=1\" }}\n  retry: {{ attempts: 3, backoff: 10ms }}\n\
         - name: pause\n  wait: 50ms\n\
         - name: each\n  for_each: names\n  as: name\n  flow:\n\
         \x20 - name: tell\n    http: {{ url: \"{url}/tell\", json: {{ name: \"{{{{ name }}}}\" }} }}\n\
         - name: script\n  exec: [\"true\"]\n"
    );
    let config = exporting_to(
        &collector,
        "  resource: { service.name: night-shift, deployment.environment.name: test }\n",
    );
    let sandbox = sandbox(&config, &rule("work", &steps));
    let daemon = DaemonProcess::start(&sandbox);
    let mut sent = event("e");
    sent["names"] = json!(["ada", "bo"]);
    post(&daemon, "", &sent);
    let spans = collector.wait_for_runs(1);
    let root = only(&spans, is_root);
    assert_eq!(root.name, "run work");
    assert_eq!((root.kind, root.parent.as_str()), (5, ""));
    assert!(root.number("flowtrigger.run.id").is_some());
    assert_eq!(root.text("flowtrigger.run.state"), "done");
    assert_eq!(root.text("flowtrigger.rule"), "work");
    assert_eq!(root.text("flowtrigger.event.id"), "e");
    assert_eq!(root.failure, None);
    assert_eq!(root.resource["service.name"], "night-shift");
    assert_eq!(root.resource["deployment.environment.name"], "test");
    child(&spans, root, "queued");
    let ask = child(&spans, root, "ask");
    assert_eq!(ask.failure, None, "its last attempt succeeded");
    let attempts: Vec<&ReadSpan> = spans.iter().filter(|span| span.parent == ask.id).collect();
    let [failed, succeeded] = attempts[..] else {
        panic!("{attempts:?}");
    };
    for attempt in [failed, succeeded] {
        assert_eq!((attempt.name.as_str(), attempt.kind), ("GET", 3));
        assert_eq!(attempt.text("http.request.method"), "GET");
        assert_eq!(attempt.text("url.full"), format!("{url}/ask?a=1"));
        assert_eq!(attempt.text("server.address"), "127.0.0.1");
        assert_eq!(
            attempt.number("server.port"),
            Some(i64::from(receiver.port))
        );
    }
    assert_eq!(failed.number("http.response.status_code"), Some(503));
    assert_eq!(failed.text("error.type"), "503");
    assert!(failed.failure.as_ref().unwrap().contains("503"));
    assert_eq!(succeeded.number("http.response.status_code"), Some(200));
    assert_eq!(succeeded.number("http.request.resend_count"), Some(1));
    assert_eq!(succeeded.failure, None);
    let pause = child(&spans, root, "pause");
    assert_eq!(pause.text("flowtrigger.step.action"), "wait");
    assert!(pause.end - pause.start >= 40_000_000, "{pause:?}");
    let each = child(&spans, root, "each");
    let items: Vec<&ReadSpan> = spans.iter().filter(|span| span.parent == each.id).collect();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!(item.name, "each[]");
        let tell = child(&spans, item, "tell");
        let attempt = child(&spans, tell, "POST");
        assert_eq!(attempt.text("url.full"), format!("{url}/tell"));
    }
    let script = child(&spans, root, "script");
    child(&spans, script, "command");
    for span in &spans {
        assert_eq!(span.trace, root.trace);
        assert!(span.start >= root.start && span.end <= root.end, "{span:?}");
    }
    wait_until("the run is counted", || {
        metric(&daemon, "flowtrigger_traces_exported_total") == Some(1.0)
    });
    daemon.stop();
}

#[test]
fn a_dead_run_is_an_error_and_continues_as_a_linked_tree() {
    let (collector, receiver) = (Collector::accepting(), Receiver::ok());
    receiver.next_statuses(&[500, 500]);
    let sandbox = sandbox(&exporting_to(&collector, ""), &telling(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    post(&daemon, "", &event("e"));
    let spans = collector.wait_for_runs(1);
    let dead = only(&spans, is_root);
    assert_eq!(dead.text("flowtrigger.run.state"), "dead");
    assert_eq!(dead.text("error.type"), "dead");
    assert!(dead.failure.as_ref().unwrap().contains("500"), "{dead:?}");
    assert!(named(&spans, "tell").failure.is_some());
    let run = dead.number("flowtrigger.run.id").unwrap().to_string();
    let output = sandbox.run(&["runs", "retry", &run, "--data", "data"]);
    assert_eq!(output.code, 0, "{output:?}");
    let spans = collector.wait_for_runs(2);
    let retried = only(&spans, |span| {
        is_root(span) && span.links == [dead.id.clone()]
    });
    assert_eq!(retried.text("flowtrigger.run.state"), "done");
    assert_eq!(retried.number("flowtrigger.run.retries"), Some(1));
    assert_eq!(retried.trace, dead.trace);
    daemon.stop();
}

/// Values that must not leave in a trace.
const CANARIES: [&str; 4] = ["canary-path", "canary-token", "canary-said", "canary-otlp"];

#[test]
fn no_secret_and_no_redacted_field_is_exported() {
    let collector = Collector::accepting();
    let [path, token, said, otlp] = CANARIES;
    let echo = format!("{{\"got\": \"{path} {token} {said}\"}}");
    let receiver = Receiver::always(Response::new("400 Bad Request", "", &echo));
    let url = receiver.url("");
    let config = exporting_to(
        &collector,
        &format!(
            "  headers: {{ Authorization: \"Bearer {{{{ secret.OTLP }}}}\" }}\nredact: [said]\nconnections: {{ api: {{ base_url: \"{url}\", auth: {{ bearer: \"{{{{ secret.TOKEN }}}}\" }} }} }}\n"
        ),
    );
    let steps = "- name: tell\n  http:\n    connection: api\n    path: \"/{{ secret.PATH }}\"\n    query: { q: \"{{ said }}\" }\n    json: { said: \"{{ said }}\" }\n";
    let items = "- name: each\n  for_each: names\n  as: name\n  flow:\n  - fail: \"{{ said }}\"\n";
    let rules = format!("{}---\n{}", rule("tell", steps), rule("items", items));
    let sandbox = sandbox(&config, &rules)
        .with_env("FLOWTRIGGER_SECRET_PATH", path)
        .with_env("FLOWTRIGGER_SECRET_TOKEN", token)
        .with_env("FLOWTRIGGER_SECRET_OTLP", otlp);
    let daemon = DaemonProcess::start(&sandbox);
    let mut sent = event("e");
    sent["said"] = said.into();
    sent["names"] = json!(["ada"]);
    post(&daemon, "", &sent);
    let spans = collector.wait_for_runs(2);
    assert!(receiver.only().text().contains(said), "it was sent");
    let attempt = named(&spans, "POST");
    assert!(
        attempt.text("url.full").contains("[secret PATH]"),
        "{attempt:?}"
    );
    assert!(attempt.failure.is_some());
    for request in collector.0.received() {
        assert_eq!(request.header("authorization"), Some("Bearer canary-otlp"));
        for canary in CANARIES {
            assert!(!request.body.contains(canary), "{canary}: {}", request.body);
        }
    }
    let log = daemon.log();
    assert!(!log.contains(otlp), "{log}");
    daemon.stop();
}

#[test]
fn a_missing_secret_of_the_collector_prevents_the_start() {
    let collector = Collector::accepting();
    let headers = "  headers: { Authorization: \"Bearer {{ secret.OTLP }}\" }\n";
    let sandbox = sandbox(&exporting_to(&collector, headers), "");
    let output = sandbox.run_daemon();
    assert!(output.stderr.contains("OTLP"), "{output:?}");
    let checked = sandbox.run(&["check"]);
    assert!(checked.stdout.contains("OTLP"), "{checked:?}");
}
