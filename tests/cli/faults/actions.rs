//! Receivers and commands that do not do what they should, and outboxes that cannot be written.

use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::receiver::{Receiver, dead_port};
use super::support::{NOTE, Place, RUN, Said, finish, is_gone, rule, urgent};

/// The only run of an event, with what was said beside it.
fn run(flow: &str, event: &Value) -> (Value, Said) {
    run_in(&Place::with_flow(flow), event)
}

fn run_in(place: &Place, event: &Value) -> (Value, Said) {
    let said = place.answers(&RUN, &event.to_string());
    let runs = said.lines()[0]["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{said:?}");
    assert_eq!(said.code, i32::from(runs[0]["state"] != "done"), "{said:?}");
    (runs[0].clone(), said)
}

/// A run that gave up, with the reason of its only step that failed.
#[track_caller]
fn dead(flow: &str, attempts: u64, parts: &[&str]) {
    let (run, said) = run(flow, &urgent(1));
    assert_eq!(run["state"], "dead", "{said:?}");
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
/// Long enough that a test that waited for it would not end.
const SLOWLY: &str = "  retry: { attempts: 2, backoff: 10m, max_delay: 10m }\n";

#[test]
fn a_receiver_that_is_not_there() {
    let port = dead_port();
    let address = format!("nothing listens at `127.0.0.1:{port}`");
    dead(
        &http(port, TWICE),
        2,
        &[&address, "start the receiver or correct the `url`"],
    );
}

#[test]
fn a_receiver_that_never_answers() {
    let receiver = Receiver::silent();
    let once = "  timeout: 300ms\n  retry: { attempts: 1 }\n";
    dead(
        &http(receiver.port, once),
        1,
        &["300ms", "127.0.0.1", "`timeout`"],
    );
    assert_eq!(receiver.got().len(), 1);
}

#[test]
fn a_receiver_that_fails_once_gets_the_same_key_again() {
    let receiver = Receiver::answering(&["500 Oops", "200 OK"]);
    let (run, _) = run(&http(receiver.port, TWICE), &urgent(1));
    assert_eq!(run["state"], "done");
    assert_eq!(
        (&run["steps"][0]["attempts"], &run["steps"][0]["error"]),
        (&json!(2), &json!(null))
    );
    let got = receiver.got();
    assert_eq!(got.len(), 2);
    let key = |n: usize| got[n].header("idempotency-key").unwrap();
    assert_eq!(key(0), key(1));
}

#[test]
fn a_longer_retry_after_wins_over_the_schedule() {
    let receiver = Receiver::answering(&["503 Busy\r\nretry-after: 1", "200 OK"]);
    let began = Instant::now();
    let (run, _) = run(&http(receiver.port, TWICE), &urgent(1));
    assert_eq!(
        (&run["state"], &run["steps"][0]["attempts"]),
        (&json!("done"), &json!(2))
    );
    assert!(began.elapsed().as_secs_f64() >= 1.0);
}

#[test]
fn an_answer_that_trying_again_does_not_change_is_final() {
    for (answer, parts) in [
        ("404 Not Found", ["404", "correct"]),
        ("400 Bad Request", ["400", "correct"]),
    ] {
        let receiver = Receiver::answering(&[answer]);
        dead(&http(receiver.port, SLOWLY), 1, &parts[..1]);
        assert_eq!(receiver.got().len(), 1);
    }
}

#[test]
fn a_command_that_is_not_there() {
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
fn a_command_that_floods_its_output_is_cut_and_named() {
    let (run, said) = run(
        "- exec: [sh, -c, 'head -c 30000000 /dev/zero']\n",
        &urgent(1),
    );
    assert_eq!(run["state"], "done");
    assert!(said.stdout.len() < 100_000);
    let flood = "- exec: [sh, -c, 'yes flood | head -c 30000000 >&2; echo the end >&2; exit 3']\n";
    dead(
        flood,
        1,
        &["ended with status 3", "the end", "run it by hand"],
    );
}

#[test]
fn a_command_that_a_signal_ends_and_one_that_may_not_run() {
    dead(
        "- exec: [sh, -c, 'kill -9 $$']\n",
        1,
        &["was ended by signal 9"],
    );
    let place = Place::with_flow("- exec: [./text.sh]\n");
    place.write("rules/text.sh", "echo hi\n");
    let (run, _) = run_in(&place, &urgent(1));
    assert!(
        run["message"]
            .as_str()
            .unwrap()
            .contains("run `chmod +x ./text.sh`"),
        "{run}"
    );
}

#[test]
fn a_template_whose_field_is_not_there_is_told_and_sends_nothing() {
    let receiver = Receiver::fine();
    let flow = format!(
        "- name: tell\n  http: {{ url: 'http://127.0.0.1:{}/x', json: {{ t: '{{{{ ticket.assignee_id }}}}' }} }}\n",
        receiver.port
    );
    let (run, said) = run(&flow, &urgent(1));
    assert_eq!((&run["state"], &run["steps"]), (&json!("dead"), &json!([])));
    said.prints(
        1,
        &[
            "`tell` cannot be rendered",
            "`ticket.assignee_id` is not in this event",
            "default(",
        ],
    );
    assert_eq!(receiver.got().len(), 0);
    let place = Place::with_flow(&flow);
    place
        .answers(&["dry-run", "-"], &urgent(1).to_string())
        .prints(0, &["would end the run as dead", "`ticket.assignee_id`"]);
}

#[test]
fn a_result_that_an_earlier_step_did_not_give_is_told() {
    let (run, said) = run(
        "- name: a\n  exec: [echo, hi]\n- name: b\n  exec: [echo, '{{ steps.a.body.id }}']\n",
        &urgent(1),
    );
    assert_eq!(run["state"], "dead");
    assert_eq!(run["steps"][0]["outcome"], "succeeded");
    said.prints(
        1,
        &[
            "`b` cannot be rendered",
            "`steps.a.body.id`",
            "test it with a guard",
        ],
    );
}

#[test]
fn an_outbox_that_cannot_be_written_is_told_and_holds_up_no_other_rule() {
    let place = Place::with_flow(&format!("{NOTE}{TWICE}"));
    place.write("rules/other.yaml", rule("other", "- exec: ['true']\n"));
    place.write("data/outbox/note.ndjson/x", "");
    let said = place.answers(&RUN, &urgent(1).to_string());
    said.prints(
        1,
        &[
            "the outbox `data/outbox/note.ndjson` cannot be written",
            "check the folder's owner",
        ],
    );
    let states = said.lines()[0]["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["state"].clone())
        .collect::<Vec<_>>();
    assert_eq!(states, ["done", "dead"]);
    let place = Place::with_flow(&format!("{NOTE}{TWICE}"));
    place.write("data", "a file");
    let (run, _) = run_in(&place, &urgent(1));
    assert_eq!(
        (&run["state"], &run["steps"][0]["attempts"]),
        (&json!("dead"), &json!(2))
    );
}

#[test]
fn a_dead_receiver_costs_other_events_nothing() {
    let receiver = Receiver::answering(&["500 Oops", "200 OK"]);
    let place = Place::with_flow(&http(receiver.port, "  retry: { attempts: 1 }\n"));
    let events = format!("{}\n{}\n{}\n", urgent(1), urgent(2), urgent(3));
    let said = place.answers(&RUN, &events);
    assert_eq!(said.code, 1);
    let lines = said.lines();
    let mut states: Vec<&str> = lines
        .iter()
        .map(|l| l["runs"][0]["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["dead", "done", "done"]);
    assert_eq!(receiver.got().len(), 3);
}

#[test]
fn a_signal_ends_the_commands_of_a_run_and_names_what_was_cut_off() {
    let flow = "- shell: |\n    echo $$ > pid\n    sleep 1000 &\n    echo $! > child\n    touch began\n    wait\n";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::with_flow(flow);
        place.write("e.json", urgent(1).to_string());
        let child = place.command(&["run", "e.json"]).spawn().unwrap();
        place.waits_for("rules/began");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let said = Said::of(finish(child));
        said.tells(
            5,
            &[
                "stopped by a signal with 0 events done; 1 run cut off: on-urgent",
                "again",
            ],
        );
        for file in ["rules/pid", "rules/child"] {
            let id = place.read(file).trim().parse().unwrap();
            assert!(is_gone(id), "{file} goes on");
        }
    }
}
