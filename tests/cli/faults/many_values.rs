//! JSON whose values take far more memory than its text: bodies of senders, and answers of receivers.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response};

use serde_json::{Value, json};

use super::setup::{NOTE, sandbox_with_flow, urgent};

/// A text of small objects, with two values each.
fn objects(count: usize) -> String {
    format!("[{}]", vec!["{\"\":0}"; count].join(","))
}

fn with_objects(ticket: u64, count: usize) -> String {
    let mut event = urgent(ticket);
    event["input"]["ticket_event"]["ticket"]["x"] = json!("HERE");
    event.to_string().replace("\"HERE\"", &objects(count))
}

#[test]
fn a_body_with_too_many_values_is_rejected() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let refused = daemon.post("/events/support", &with_objects(1, 140_000));
    refused.expect_rejected(413, &["more than 65536 JSON values", "fewer events"]);
    assert_eq!(
        daemon
            .post("/events/support", &with_objects(2, 32_000))
            .status(),
        200
    );
    daemon.stop();
}

#[test]
fn bodies_of_many_values_take_bounded_memory() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    for ticket in 1..=20 {
        let body = with_objects(ticket, 32_000);
        assert_eq!(daemon.post("/events/support", &body).status(), 200);
    }
    std::thread::scope(|scope| {
        for ticket in 100..108 {
            let daemon = &daemon;
            scope.spawn(move || {
                let body = with_objects(ticket, 32_000);
                let status = daemon.post("/events/support", &body).status();
                assert!([200, 503].contains(&status), "{status}");
            });
        }
    });
    daemon.wait_until_idle();
    let peak = daemon.peak_memory() >> 20;
    assert!(peak < 700, "{peak} MiB");
    daemon.stop();
}

#[test]
fn an_answer_with_too_many_values_fails_the_step() {
    let answer = |count| {
        let media = "content-type: application/json\r\n";
        Receiver::always(Response::new("200 OK", media, &objects(count)))
    };
    for (count, state) in [(32_000, "done"), (140_000, "dead")] {
        let receiver = answer(count);
        let sandbox = sandbox_with_flow(&format!(
            "- name: ask\n  http: {{ method: GET, url: '{}' }}\n",
            receiver.url("/all")
        ));
        let daemon = DaemonProcess::start(&sandbox);
        assert_eq!(
            daemon
                .post("/events/support", &urgent(1).to_string())
                .status(),
            200
        );
        daemon.wait_until_idle();
        assert_eq!(daemon.count(state), 1, "{}", daemon.log());
        daemon.stop();
        if state == "dead" {
            let shown = sandbox.run(&["runs", "show", "1", "--format", "json"]);
            let shown: Value = shown.json_lines().remove(0);
            let text = shown.to_string();
            assert!(text.contains("more than 65536 JSON values"), "{text}");
            assert!(text.contains("keep: status"), "{text}");
            assert_eq!(receiver.count(), 1);
        }
    }
}
