//! A rule beside its shadow version: the runs, `why`, `runs`, the metrics and the page say for which events only one of them
//! starts a run.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

const RULES: &str = "name: notify
event_source: support
event_type: ticket.PriorityChanged
when: { current: [urgent, high] }
flow: [{ succeed: told }]
---
name: notify
mode: shadow
event_source: support
event_type: ticket.PriorityChanged
when: { current: [urgent, low] }
dedupe: { per: ticket.id, for: 1h }
flow: [{ succeed: told differently }]
";

fn changed(ticket: u64, current: &str, number: u64) -> Value {
    let meta = json!({"sequence": {"id": number.to_string(), "position": 1, "total": 1}});
    json!({"input": {"ticket_event": {"type": "Priority Changed", "previous": "normal", "current": current,
        "ticket": {"id": ticket}, "meta": meta}}})
}

/// The JSON that a command prints in one line each.
fn lines(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    let output = sandbox.run(&[arguments, &["--format", "json"]].concat());
    assert!(output.code <= 1, "{output:?}");
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The rules and keys of the runs of a list.
fn listed(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let runs = lines(sandbox, &[&["runs", "list"], arguments].concat());
    let shown = |run: &Value| format!("{} {}", run["rule"].as_str().unwrap(), run["event"]["key"]);
    runs.iter().map(shown).collect()
}

#[test]
fn the_difference_between_a_rule_and_its_shadow_version_is_seen_everywhere() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(RULES);
    let daemon = DaemonProcess::start(&sandbox);
    // Both, only the rule, only the shadow version, neither, and one that only the gate of the shadow version stops.
    for (ticket, current, number) in [
        (1, "urgent", 1),
        (2, "high", 2),
        (3, "low", 3),
        (4, "normal", 4),
        (1, "urgent", 5),
    ] {
        daemon.accept("support", &changed(ticket, current, number));
    }
    daemon.wait_until_idle();
    let differing = ["notify \"1\"", "notify@shadow \"3\"", "notify \"2\""];
    assert_eq!(listed(&sandbox, &["--shadow-differs"]), differing);
    assert_eq!(
        listed(&sandbox, &["--shadow-differs", "--rule", "notify@shadow"]),
        ["notify@shadow \"3\""]
    );
    let found = lines(&sandbox, &["why", "notify"]).remove(0);
    let compared = &found["shadow_comparison"];
    assert_eq!(compared["same"], 1, "{compared}");
    assert_eq!(compared["only_rule"]["count"], 2, "{compared}");
    assert_eq!(compared["only_shadow"]["count"], 1, "{compared}");
    let text = sandbox.run(&["why", "notify@shadow"]).stdout;
    let sentence = "both start a run for 1 event; only `notify` for 2 events; only `notify@shadow` for 1 event";
    assert!(text.contains(sentence), "{text}");
    assert_eq!(metrics(&daemon), [1, 2, 1]);
    assert_runs_tell(&sandbox, &daemon);
    daemon.stop();
}

/// The counts of comparisons: the same, only the rule, only the shadow version.
fn metrics(daemon: &DaemonProcess) -> [u64; 3] {
    ["same", "only_rule", "only_shadow"].map(|result| {
        let name =
            format!("flowtrigger_shadow_comparisons_total{{rule=\"notify\",result=\"{result}\"}}");
        daemon.metric(&name) as u64
    })
}

/// What the runs say of the other rule, in the list, in full, in `why` and on the page.
fn assert_runs_tell(sandbox: &Sandbox, daemon: &DaemonProcess) {
    let list = sandbox.run(&["runs", "list"]).stdout;
    for part in [
        "`notify@shadow` did not match",
        "`notify` did not match",
        "`notify@shadow` was suppressed by its gate `dedupe`",
    ] {
        assert!(list.contains(part), "{list}");
    }
    let runs = lines(sandbox, &["runs", "list", "--rule", "notify"]);
    let [suppressed, alone, both] = runs.as_slice() else {
        panic!("{runs:?}");
    };
    let gates = [suppressed, alone, both].map(|run| &run["counterpart"]["suppressed_by"]);
    assert_eq!(gates, [&json!("dedupe"), &Value::Null, &Value::Null]);
    let shown = |run: &Value| {
        sandbox
            .run(&["runs", "show", &run["id"].to_string()])
            .stdout
    };
    let told = shown(suppressed);
    assert!(
        told.contains("which matched this event too")
            && told.contains("suppressed by its gate dedupe"),
        "{told}"
    );
    assert!(
        shown(both).contains("compared with its shadow version `notify@shadow`"),
        "{}",
        shown(both)
    );
    let event = alone["event"]["id"].as_str().unwrap();
    assert!(
        shown(alone).contains(&format!("`flowtrigger why {event} --rule notify@shadow`")),
        "{}",
        shown(alone)
    );
    let why = sandbox.run(&["why", event]).stdout;
    assert!(why.contains("`notify@shadow` did not match"), "{why}");
    for (path, part) in [
        ("/rules/notify", "Compared with its shadow version"),
        ("/rules/notify%40shadow", "Only the shadow version would"),
        ("/runs?shadow=differs", "notify@shadow"),
    ] {
        let html = daemon.admin("GET", path).body;
        assert!(html.contains(part), "{path}: {html}");
    }
}

#[test]
fn a_removed_shadow_version_leaves_the_rule_as_it_was() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(RULES);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &changed(1, "urgent", 1));
    let (rule, _) = RULES.split_once("---\n").unwrap();
    sandbox.write_rules(rule);
    assert_eq!(sandbox.run(&["reload"]).code, 0);
    daemon.accept("support", &changed(2, "urgent", 2));
    daemon.wait_until_idle();
    let found = lines(&sandbox, &["why", "notify"]).remove(0);
    assert_eq!(found["shadow_comparison"], Value::Null);
    let runs = lines(&sandbox, &["runs", "list", "--rule", "notify"]);
    assert_eq!(runs[0]["counterpart"], Value::Null);
    assert_eq!(runs[1]["counterpart"]["matched"], true);
    // The shadow run of then is still explained with its rule.
    let shadow = lines(&sandbox, &["runs", "list", "--rule", "notify@shadow"]);
    let shown = sandbox.run(&["runs", "show", &shadow[0]["id"].to_string()]);
    assert!(
        shown
            .stdout
            .contains("compared with `notify`, which matched this event too"),
        "{shown:?}"
    );
    daemon.stop();
}

/// A test of the shadow version that notices no change of its priorities.
const TESTS: &str = "- { name: an urgent ticket tells, rule: notify@shadow, event: ../urgent.json, expect: match }\n";

#[test]
fn a_shadow_version_has_tests_mutants_and_a_comparison_of_its_own() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(RULES);
    sandbox.write("urgent.json", changed(1, "urgent", 1).to_string());
    sandbox.write("rules/rules.test.yaml", TESTS);
    let mutants = sandbox
        .run(&["test", "--mutants", "--rule", "notify@shadow"])
        .stdout;
    assert!(
        mutants.contains("notify@shadow") && !mutants.contains("bundle"),
        "{mutants}"
    );
    assert!(!mutants.contains(" 0 of 0 "), "{mutants}");
    sandbox.write(
        "next/rules.yaml",
        RULES.replace("told differently", "told twice"),
    );
    let compared = sandbox.run(&["diff", "rules", "next"]).stdout;
    assert!(
        compared.contains("notify@shadow") && compared.contains("told twice"),
        "{compared}"
    );
    let missing = sandbox.run(&["runs", "list", "--shadow-differs"]);
    assert_eq!(missing.code, 2, "{missing:?}");
}

#[test]
fn rules_of_one_name_say_which_of_them_gets_the_mode() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(&RULES.replace("mode: shadow\n", ""));
    let checked = sandbox.run(&["check"]);
    let help = "add `mode: shadow` to the changed one";
    assert!(
        checked.stdout.contains(help) || checked.stderr.contains(help),
        "{checked:?}"
    );
}
