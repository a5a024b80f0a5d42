//! The example in `deploy/three-daemons/`: three daemons on a database act as one, and continue when one is killed.

use std::path::Path;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::database;

fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/three-daemons");
    std::fs::read_to_string(path.join(file)).unwrap()
}

fn machine(url: &str) -> Sandbox {
    let sandbox = super::machine(url);
    for file in [
        "flowtrigger.yaml",
        "rules/follow-up.yaml",
        "rules/slow-report.yaml",
    ] {
        sandbox.write(file, example(file));
    }
    sandbox
}

#[test]
fn the_daemons_of_the_example_act_as_one() {
    let Some((_server, url)) = database() else {
        return;
    };
    let machines = [(); 3].map(|()| machine(&url));
    let [first, second, third] = [0, 1, 2].map(|n: usize| DaemonProcess::start(&machines[n]));
    let opened: Value = serde_json::from_str(&example("event.json")).unwrap();
    let accepted = first.accept("desk", &opened);
    assert_eq!(accepted["runs"][0]["rule"], "follow-up", "{accepted}");
    let repeated = second.accept("desk", &opened);
    assert_eq!(repeated["redelivered"], true, "{repeated}");
    assert_eq!(repeated["runs"][0]["id"], accepted["runs"][0]["id"]);
    let mut again = opened.clone();
    again["id"] = json!("e-2");
    let suppressed = third.accept("desk", &again);
    assert_eq!(suppressed["runs"][0]["state"], "suppressed", "{suppressed}");
    let states = || {
        let listed = machines[1].run(&["runs", "list", "--format", "json"]);
        let rows = listed.json_lines();
        rows.iter()
            .map(|row| row["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    wait_until("the first run waits", || {
        states() == ["suppressed", "waiting"]
    });
    first.kill();
    let updated = json!({"id": "e-3", "kind": "ticket.Updated", "ticket": {"id": 7}});
    second.accept("desk", &updated);
    wait_until("the others continue", || {
        states() == ["done", "suppressed", "waiting"]
    });
    second.stop();
    third.stop();
}
