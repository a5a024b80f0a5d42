//! Four wrong edits of rules, and which command notices each of them before it is deployed: `check` (which editors show), `check --prove`,
//! `test --mutants` and `backtest`. Each notices one that the others cannot see.

use std::path::Path;
use std::process::Command;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::repository;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

const SAMPLE: &str = r#"{"input": {"ticket_event": {"type": "Priority Changed", "previous": "normal", "current": "urgent",
    "ticket": {"id": 90417, "tags": ["enterprise"]}}}}"#;

/// The commands, in the order in which people use them.
const COMMANDS: [&[&str]; 4] = [
    &["check", "next"],
    &["check", "--prove", "next"],
    &["test", "next", "--mutants"],
    &["backtest", "next", "--since", "1d"],
];

fn rule(name: &str, current: &str, tag: &str, flow: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: {current}, ticket.tags: {{ has: {tag} }} }}\nflow: [{flow}]\n"
    )
}

/// The tests of such a rule, which notice each change of its condition.
fn tests(name: &str, tag: &str, steps: &str) -> String {
    let test = |title: &str, current: &str, tags: &str, expected: &str| {
        format!(
            "- {{ name: {name} {title}, rule: {name}, event: ../sample.json, set: {{ current: {current}, ticket.tags: [{tags}] }}, {expected} }}\n"
        )
    };
    [
        test("pages", "urgent", tag, &format!("expect: match{steps}")),
        test("waits for urgent", "low", tag, "expect: no match"),
        test("needs the tag", "urgent", "", "expect: no match"),
    ]
    .concat()
}

fn event(current: &str, tag: &str) -> Value {
    let ticket = json!({"id": 7, "tags": [tag]});
    let event = json!({"type": "Priority Changed", "previous": "normal", "current": current, "ticket": ticket});
    json!({"input": {"ticket_event": event}})
}

/// The names of the commands that notice an edit, after a daemon has received an event.
fn noticed(before: &str, received: &Value, after: &str, tests: &str) -> Vec<&'static str> {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("sample.json", SAMPLE);
    sandbox.write_rules(before);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", received);
    daemon.wait_until_idle();
    daemon.stop();
    sandbox.write("next/rules.yaml", after);
    sandbox.write("next/rules.test.yaml", tests);
    let mut noticed = Vec::new();
    for command in COMMANDS {
        let output = sandbox.run(command);
        match (command, output.code) {
            (["check", "next"], 3) => return vec!["check"],
            (_, 0) => {}
            (["check", ..], 1) => noticed.push("prove"),
            ([name, ..], 1) => noticed.push(*name),
            (_, code) => panic!("{command:?}: {code}: {output:?}"),
        }
    }
    noticed
}

#[test]
fn each_command_notices_a_wrong_edit_that_the_others_miss() {
    let paged = "{ succeed: paged }";
    let before = rule("page-vip", "urgent", "enterprise", paged);
    let vip = event("urgent", "enterprise");
    let tested = tests("page-vip", "enterprise", "");
    assert_eq!(
        noticed(&before, &vip, &before, &tested),
        Vec::<&str>::new(),
        "no edit"
    );
    // An operator that does not exist.
    let typo = before.replace("has:", "hass:");
    assert_eq!(noticed(&before, &vip, &typo, &tested), ["check"]);
    // A tag that no ticket has, in the rule and in its tests.
    let tag = rule("page-vip", "urgent", "enterprize", paged);
    let tag_tested = tests("page-vip", "enterprize", "");
    assert_eq!(noticed(&before, &vip, &tag, &tag_tested), ["backtest"]);
    // A priority more, which no test has and no event had yet.
    let wider = rule("page-vip", "[high, urgent]", "enterprise", paged);
    assert_eq!(noticed(&before, &vip, &wider, &tested), ["test"]);
    // A second rule that writes another group for tickets with both tags, of which none came yet.
    let routes = |name: &str, tag: &str, group: u32| {
        let request = format!(
            "{{ name: route, http: {{ method: PUT, url: \"https://desk.zendesk.com/api/v2/tickets/{{{{ ticket.id }}}}.json\", json: {{ ticket: {{ group_id: {group} }} }} }} }}"
        );
        rule(name, "urgent", tag, &request)
    };
    let steps = |group: u32| {
        format!(", steps: {{ route: {{ json: {{ ticket: {{ group_id: {group} }} }} }} }}")
    };
    let before = routes("route-vip", "enterprise", 1);
    let both = format!("{before}---\n{}", routes("route-gold", "gold", 2));
    let both_tested = [
        tests("route-vip", "enterprise", &steps(1)),
        tests("route-gold", "gold", &steps(2)),
    ];
    let other = event("low", "other");
    assert_eq!(
        noticed(&before, &other, &both, &both_tested.concat()),
        ["prove"]
    );
}

/// The script for CI passes unchanged rules, and ends with the first command that notices something.
#[test]
fn the_script_for_ci_runs_all_commands_and_stops_at_the_first_finding() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let before = rule("page-vip", "urgent", "enterprise", "{ succeed: paged }");
    sandbox.write("sample.json", SAMPLE);
    sandbox.write_rules(&before);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &event("urgent", "enterprise"));
    daemon.wait_until_idle();
    daemon.stop();
    let program = Path::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let folder = program.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let script = repository::path("examples/ci/check-rules");
    let checked = |rules: &str, tests: &str| {
        sandbox.write("next/rules.yaml", rules);
        sandbox.write("next/rules.test.yaml", tests);
        let mut command = Command::new(&script);
        command
            .args(["next", "rules"])
            .current_dir(sandbox.folder());
        command.env("PATH", format!("{folder}:{path}"));
        let output = command
            .env("DATA", "data")
            .output()
            .expect("the script runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let printed = printed.lines().filter_map(|line| line.strip_prefix("== "));
        let commands: Vec<String> = printed.map(str::to_owned).collect();
        (output.status.success(), commands.join(" "))
    };
    let tested = tests("page-vip", "enterprise", "");
    let all = "check test diff backtest".to_owned();
    assert_eq!(checked(&before, &tested), (true, all.clone()));
    let tag = rule("page-vip", "urgent", "enterprize", "{ succeed: paged }");
    let tag_tested = tests("page-vip", "enterprize", "");
    assert_eq!(checked(&tag, &tag_tested), (false, all));
    let wider = rule(
        "page-vip",
        "[high, urgent]",
        "enterprise",
        "{ succeed: paged }",
    );
    assert_eq!(checked(&wider, &tested), (false, "check test".into()));
}

/// A mistake in a new rule, which its tests repeat, changes no run: the backtest names the rule.
#[test]
fn a_new_rule_that_no_event_starts_is_named() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let before = rule("page-vip", "urgent", "enterprise", "{ succeed: paged }");
    sandbox.write_rules(&before);
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("support", &event("urgent", "gold"));
    daemon.wait_until_idle();
    daemon.stop();
    let new = rule("page-gold", "urgent", "gould", "{ succeed: paged }");
    sandbox.write("next/rules.yaml", format!("{before}---\n{new}"));
    let output = sandbox.run(&["backtest", "next"]);
    let line = "page-gold  0 runs: a new rule, which no event of this time starts";
    assert!(
        output.code == 0 && output.stdout.contains(line),
        "{output:?}"
    );
    assert!(
        output.stdout.contains("1 rule without runs, as before"),
        "{output:?}"
    );
    let asked = sandbox.run(&[
        "backtest",
        "next",
        "--rule",
        "page-gold",
        "--format",
        "json",
    ]);
    let found: Value = serde_json::from_str(&asked.stdout).expect("JSON");
    assert_eq!(found["rules"][0]["rule"], "page-gold");
    sandbox.write("expected.yaml", "rules:\n  pag-gold: { runs: 3 }\n");
    let misspelt = sandbox.run(&["backtest", "next", "--expect", "expected.yaml"]);
    assert_eq!(misspelt.code, 2, "{misspelt:?}");
    assert!(
        misspelt.stderr.contains("did you mean `page-gold`?"),
        "{misspelt:?}"
    );
}
