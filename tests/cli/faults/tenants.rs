//! Two accounts of one help desk behind one daemon: neither sees, suppresses or imitates events of the other.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::Value;

use super::setup::{sandbox, urgent};

const SOURCES: &str = "sources: { support: { verify: none }, north: { decoder: support, verify: none } }\noutgoing: { allow: [127.0.0.1] }\n";

fn accounts(rules: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.write("flowtrigger.yaml", SOURCES);
    sandbox.write_rules(rules);
    sandbox
}

fn rule(name: &str, more: &str, receiver: &Receiver) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\n{more}flow:\n\
         - name: tell\n  http: {{ url: '{}', json: {{ at: '{{{{ event.endpoint }}}}' }} }}\n",
        receiver.url(&format!("/{name}"))
    )
}

fn post(daemon: &DaemonProcess, endpoint: &str, ticket: u64) -> Value {
    let answer = daemon.post(&format!("/events/{endpoint}"), &urgent(ticket).to_string());
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.json()
}

#[test]
fn equal_events_of_two_accounts_are_two_events() {
    let receiver = Receiver::ok();
    let sandbox = accounts(&rule("tell", "", &receiver));
    let daemon = DaemonProcess::start(&sandbox);
    for endpoint in ["support", "north"] {
        let first = post(&daemon, endpoint, 1);
        assert!(first["redelivered"].is_null(), "{endpoint}: {first}");
        assert_eq!(first["runs"].as_array().unwrap().len(), 1);
    }
    for endpoint in ["support", "north"] {
        assert_eq!(
            post(&daemon, endpoint, 1)["redelivered"],
            true,
            "{endpoint}"
        );
    }
    let received = receiver.wait_for(2);
    assert_ne!(received[0].key, received[1].key);
    let bodies: Vec<&str> = received.iter().map(|one| one.body.as_str()).collect();
    assert!(bodies.contains(&"{\"at\":\"north\"}"), "{bodies:?}");
    assert!(bodies.contains(&"{\"at\":\"support\"}"), "{bodies:?}");
    daemon.stop();
}

#[test]
fn gates_count_each_account_alone() {
    for gate in [
        "dedupe: { per: ticket.id, for: 1h }\n",
        "throttle: { per: ticket.id, limit: 1, in: 1h }\n",
    ] {
        let receiver = Receiver::ok();
        let sandbox = accounts(&rule("tell", gate, &receiver));
        let daemon = DaemonProcess::start(&sandbox);
        for endpoint in ["support", "north"] {
            let accepted = post(&daemon, endpoint, 1);
            assert_eq!(
                accepted["runs"][0]["state"], "queued",
                "{endpoint} {accepted}"
            );
        }
        let mut again = urgent(1);
        again["input"]["ticket_event"]["meta"]["sequence"]["id"] = "again".into();
        let again = daemon.post("/events/north", &again.to_string()).json();
        assert_eq!(again["runs"][0]["state"], "suppressed", "{again}");
        daemon.stop();
        let shown = sandbox.run(&["runs", "list", "--state", "suppressed"]);
        shown.expect_stdout(0, &["ticket.id 1 at north"]);
    }
}

#[test]
fn debounce_windows_and_lanes_hold_one_account_each() {
    let receiver = Receiver::ok();
    let debounce = "debounce: { per: ticket.id, quiet: 1h }\n";
    let sandbox = accounts(&rule("tell", debounce, &receiver));
    let daemon = DaemonProcess::start(&sandbox);
    for endpoint in ["support", "north"] {
        post(&daemon, endpoint, 1);
    }
    assert_eq!(daemon.count("debouncing"), 2);
    daemon.stop();

    receiver.hold("");
    let sandbox = accounts(&rule("tell", "", &receiver));
    let daemon = DaemonProcess::start(&sandbox);
    for endpoint in ["support", "north"] {
        post(&daemon, endpoint, 1);
    }
    // Both at the same time, although the ticket number is the same.
    receiver.wait_for(2);
    receiver.release_all();
    daemon.wait_until_idle();
    daemon.stop();
}

#[test]
fn a_rule_can_select_an_account() {
    let receiver = Receiver::ok();
    let rules = [
        rule("north", "when: { event.endpoint: north }\n", &receiver),
        rule("south", "when: { event.endpoint: support }\n", &receiver),
    ];
    let sandbox = accounts(&rules.join("---\n"));
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(post(&daemon, "north", 1)["runs"][0]["rule"], "north");
    assert_eq!(post(&daemon, "support", 1)["runs"][0]["rule"], "south");
    // The same over a list, which is parsed in full.
    let list = format!("[{}]", urgent(2));
    let listed = daemon.post("/events/north", &list).json();
    assert_eq!(listed[0]["runs"][0]["rule"], "north");
    daemon.stop();
    let args = ["dry-run", "--format", "json", "--source", "north", "-"];
    let planned = sandbox.run_event(&args, &urgent(1));
    assert_eq!(planned["matched"], serde_json::json!(["north"]));
    sandbox
        .run(&["why", "1"])
        .expect_stdout(0, &["north", "south"]);
}

#[test]
fn runs_of_one_account_are_selected_by_its_entry() {
    let receiver = Receiver::ok();
    let sandbox = accounts(&rule("tell", "", &receiver));
    let daemon = DaemonProcess::start(&sandbox);
    for endpoint in ["support", "north"] {
        post(&daemon, endpoint, 1);
    }
    daemon.wait_until_idle();
    let of = |endpoint: &str| -> Vec<Value> {
        let args = [
            "runs",
            "list",
            "--ticket",
            "1",
            "--endpoint",
            endpoint,
            "--format",
            "json",
        ];
        let runs = sandbox.run(&args).json_lines();
        runs.into_iter().map(|run| run["id"].clone()).collect()
    };
    assert_eq!(
        (of("support"), of("north")),
        (vec![1.into()], vec![2.into()])
    );
    let replay = [
        "runs",
        "replay",
        "--all",
        "--state",
        "done",
        "--ticket",
        "1",
        "--endpoint",
        "north",
        "--yes",
    ];
    sandbox.run(&replay).expect_stdout(0, &[]);
    daemon.wait_until_idle();
    assert_eq!((of("support").len(), of("north").len()), (1, 2));
    for endpoint in ["support", "north"] {
        let why = ["why", "1", "--endpoint", endpoint, "--format", "json"];
        let events = sandbox.run(&why).json_lines();
        assert_eq!(
            (&events[0]["event"]["endpoint"], &events[0]["found"]),
            (&endpoint.into(), &1.into())
        );
    }
    let none = sandbox.run(&["runs", "list", "--endpoint", "south"]);
    none.expect_stdout(1, &["no such run"]);
    daemon.stop();
}
