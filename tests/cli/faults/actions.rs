//! Receivers and commands that fail, and outboxes that cannot be written.

use std::time::Instant;

use flowtrigger_testing::program::{Output, finish, has_ended};
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::setup::{NOTE, RUN, rule, sandbox_with_flow, urgent};

/// The only run of an event, with the whole output.
fn run(flow: &str, event: &Value) -> (Value, Output) {
    run_in(&sandbox_with_flow(flow), event)
}

fn run_in(sandbox: &Sandbox, event: &Value) -> (Value, Output) {
    let output = sandbox.run_with_input(&RUN, &event.to_string());
    let runs = output.json_lines()[0]["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{output:?}");
    assert_eq!(
        output.code,
        i32::from(runs[0]["state"] != "done"),
        "{output:?}"
    );
    (runs[0].clone(), output)
}

/// Checks that a run dies after these attempts, with these parts in the error of its step.
#[track_caller]
fn dead(flow: &str, attempts: u64, parts: &[&str]) {
    let (run, output) = run(flow, &urgent(1));
    assert_eq!(run["state"], "dead", "{output:?}");
    let step = &run["steps"][0];
    assert_eq!(
        (&step["attempts"], &step["outcome"]),
        (&json!(attempts), &json!("failed"))
    );
    let error = step["error"].as_str().unwrap();
    for part in parts {
        assert!(error.contains(part), "no `{part}` in {error}");
    }
}

fn http(port: u16, more: &str) -> String {
    format!(
        "- name: tell\n  http: {{ url: 'http://127.0.0.1:{port}/x', json: {{ t: '{{{{ ticket.id }}}}' }} }}\n{more}"
    )
}

const TWICE: &str = "  retry: { attempts: 2, backoff: 10ms }\n";
/// So long that a test that waits for it would not end.
const SLOWLY: &str = "  retry: { attempts: 2, backoff: 10m, max_delay: 10m }\n";

#[test]
fn nothing_listens_at_the_receiver() {
    let port = dead_port();
    let address = format!("nothing listens at `127.0.0.1:{port}`");
    dead(
        &http(port, TWICE),
        2,
        &[&address, "start the receiver or correct the `url`"],
    );
}

#[test]
fn a_receiver_that_never_responds() {
    let receiver = Receiver::silent();
    let once = "  timeout: 300ms\n  retry: { attempts: 1 }\n";
    dead(
        &http(receiver.port, once),
        1,
        &["300ms", "127.0.0.1", "`timeout`"],
    );
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_retry_sends_the_same_idempotency_key() {
    let receiver = Receiver::in_turn(&["500 Oops", "200 OK"]);
    let (run, _) = run(&http(receiver.port, TWICE), &urgent(1));
    assert_eq!(run["state"], "done");
    assert_eq!(
        (&run["steps"][0]["attempts"], &run["steps"][0]["error"]),
        (&json!(2), &json!(null))
    );
    let got = receiver.received();
    assert_eq!(got.len(), 2);
    let key = |n: usize| got[n].header("idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
}

#[test]
fn a_longer_retry_after_overrides_the_schedule() {
    let receiver = Receiver::in_turn(&["503 Busy\r\nretry-after: 1", "200 OK"]);
    let began = Instant::now();
    let (run, _) = run(&http(receiver.port, TWICE), &urgent(1));
    assert_eq!(
        (&run["state"], &run["steps"][0]["attempts"]),
        (&json!("done"), &json!(2))
    );
    assert!(began.elapsed().as_secs_f64() >= 1.0);
}

/// A sandbox whose receiver is attempted quickly again in an outage.
fn with_quick_outages(receiver: &Receiver) -> Sandbox {
    let sandbox = sandbox_with_flow(&http(receiver.port, ""));
    let config =
        "outgoing: { allow: [127.0.0.1], retry: { for: 1m, backoff: 10ms, max_delay: 10ms } }\n";
    sandbox.write("flowtrigger.yaml", config);
    sandbox
}

#[test]
fn an_outage_ends_a_run_after_five_attempts() {
    let receiver = Receiver::with_status(|_| 503);
    let (run, output) = run_in(&with_quick_outages(&receiver), &urgent(1));
    assert_eq!(run["state"], "dead", "{output:?}");
    assert_eq!(
        (&run["steps"][0]["attempts"], receiver.count()),
        (&json!(5), 5)
    );
}

#[test]
fn wait_makes_further_attempts_in_an_outage() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[503; 8]);
    let sandbox = with_quick_outages(&receiver);
    let arguments = ["run", "--wait", "--format", "json", "-"];
    let output = sandbox.run_with_input(&arguments, &urgent(1).to_string());
    let run = &output.json_lines()[0]["runs"][0];
    assert_eq!(
        (&run["state"], &run["steps"][0]["attempts"]),
        (&json!("done"), &json!(9)),
        "{output:?}"
    );
}

#[test]
fn a_permanent_status_is_not_retried() {
    for (answer, parts) in [
        ("404 Not Found", ["404", "correct"]),
        ("400 Bad Request", ["400", "correct"]),
    ] {
        let receiver = Receiver::in_turn(&[answer]);
        dead(&http(receiver.port, SLOWLY), 1, &parts[..1]);
        assert_eq!(receiver.received().len(), 1);
    }
}

#[test]
fn a_missing_command_is_reported() {
    dead(
        "- exec: [./gone.sh]\n",
        1,
        &["the command `./gone.sh` was not found", "correct the path"],
    );
    dead(
        "- exec: [no-such-program]\n",
        1,
        &[
            "the command `no-such-program` was not found on PATH",
            "install it",
        ],
    );
}

#[test]
fn a_command_that_never_ends_is_stopped() {
    dead(
        "- exec: [sleep, '1000']\n  timeout: 300ms\n",
        1,
        &["the command `sleep` did not end within 300ms", "`timeout`"],
    );
}

#[test]
fn too_much_output_is_truncated_and_reported() {
    let (run, output) = run(
        "- exec: [sh, -c, 'head -c 30000000 /dev/zero']\n",
        &urgent(1),
    );
    assert_eq!(run["state"], "done");
    assert!(output.stdout.len() < 100_000);
    let flood = "- exec: [sh, -c, 'yes flood | head -c 30000000 >&2; echo the end >&2; exit 3']\n";
    dead(
        flood,
        1,
        &["ended with status 3", "the end", "run it by hand"],
    );
}

#[test]
fn signals_and_missing_permissions_are_reported() {
    dead(
        "- exec: [sh, -c, 'kill -9 $$']\n",
        1,
        &["was ended by signal 9"],
    );
    let sandbox = sandbox_with_flow("- exec: [./text.sh]\n");
    sandbox.write("rules/text.sh", "echo hi\n");
    let (run, _) = run_in(&sandbox, &urgent(1));
    assert!(
        run["message"]
            .as_str()
            .unwrap()
            .contains("run `chmod +x ./text.sh`"),
        "{run}"
    );
}

#[test]
fn a_missing_template_field_is_reported_and_nothing_is_sent() {
    let receiver = Receiver::ok();
    let flow = format!(
        "- name: tell\n  http: {{ url: 'http://127.0.0.1:{}/x', json: {{ t: '{{{{ ticket.assignee_id }}}}' }} }}\n",
        receiver.port
    );
    let (run, output) = run(&flow, &urgent(1));
    assert_eq!((&run["state"], &run["steps"]), (&json!("dead"), &json!([])));
    output.expect_stdout(
        1,
        &[
            "`tell` cannot be rendered",
            "`ticket.assignee_id` is not in this event",
            "default(",
        ],
    );
    assert_eq!(receiver.received().len(), 0);
    let sandbox = sandbox_with_flow(&flow);
    sandbox
        .run_with_input(&["dry-run", "-"], &urgent(1).to_string())
        .expect_stdout(0, &["would end the run as dead", "`ticket.assignee_id`"]);
}

#[test]
fn a_missing_step_result_is_reported() {
    let (run, output) = run(
        "- name: a\n  exec: [echo, hi]\n- name: b\n  exec: [echo, '{{ steps.a.body.id }}']\n",
        &urgent(1),
    );
    assert_eq!(run["state"], "dead");
    assert_eq!(run["steps"][0]["outcome"], "succeeded");
    output.expect_stdout(
        1,
        &[
            "`b` cannot be rendered",
            "`steps.a.body.id`",
            "test it with a guard",
        ],
    );
}

#[test]
fn an_unwritable_outbox_is_reported_and_other_rules_continue() {
    let sandbox = sandbox_with_flow(&format!("{NOTE}{TWICE}"));
    sandbox.write("rules/other.yaml", rule("other", "- exec: ['true']\n"));
    sandbox.write("data/outbox/note.ndjson/x", "");
    let output = sandbox.run_with_input(&RUN, &urgent(1).to_string());
    output.expect_stdout(
        1,
        &[
            "the outbox `data/outbox/note.ndjson` cannot be written",
            "check the folder's owner",
        ],
    );
    let states = output.json_lines()[0]["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["state"].clone())
        .collect::<Vec<_>>();
    assert_eq!(states, ["done", "dead"]);
    let sandbox = sandbox_with_flow(&format!("{NOTE}{TWICE}"));
    sandbox.write("data", "a file");
    let (run, _) = run_in(&sandbox, &urgent(1));
    assert_eq!(
        (&run["state"], &run["steps"][0]["attempts"]),
        (&json!("dead"), &json!(2))
    );
}

#[test]
fn a_failed_request_does_not_affect_other_events() {
    let receiver = Receiver::in_turn(&["500 Oops", "200 OK"]);
    let sandbox = sandbox_with_flow(&http(receiver.port, "  retry: { attempts: 1 }\n"));
    let events = format!("{}\n{}\n{}\n", urgent(1), urgent(2), urgent(3));
    let output = sandbox.run_with_input(&RUN, &events);
    assert_eq!(output.code, 1);
    let lines = output.json_lines();
    let mut states: Vec<&str> = lines
        .iter()
        .map(|l| l["runs"][0]["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["dead", "done", "done"]);
    assert_eq!(receiver.received().len(), 3);
}

#[test]
fn a_signal_ends_commands_and_names_the_interrupted_runs() {
    let flow = "- shell: |\n    echo $$ > pid\n    sleep 1000 &\n    echo $! > child\n    touch began\n    wait\n";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = sandbox_with_flow(flow);
        sandbox.write("e.json", urgent(1).to_string());
        let child = sandbox.command(&["run", "e.json"]).spawn().unwrap();
        sandbox.wait_for_file("rules/began");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = Output::new(finish(child));
        output.expect_stderr(
            5,
            &[
                "stopped by a signal with 0 events done; 1 run interrupted: on-urgent",
                "again",
            ],
        );
        for file in ["rules/pid", "rules/child"] {
            let id = sandbox.read(file).trim().parse().unwrap();
            assert!(has_ended(id), "{file} goes on");
        }
    }
}
