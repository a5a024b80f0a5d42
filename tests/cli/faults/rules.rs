//! Rule files that are missing, broken or hostile; rules without their secrets or tests.

use std::os::unix::fs::symlink;

use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::Value;

use super::setup;
use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, urgent};

/// Checks that every command that needs rules rejects them with the same message.
fn refused(sandbox: &Sandbox, rules: &str, parts: &[&str]) {
    sandbox.write("e.json", urgent(1).to_string());
    sandbox.run(&["check", rules]).expect_stdout(3, parts);
    for command in [
        &["run", "--rules", rules, "e.json"][..],
        &["dry-run", "--rules", rules, "e.json"],
        &["test", rules],
        &["daemon", "--rules", rules, "--listen", "127.0.0.1:0"],
    ] {
        sandbox.run(command).expect_stderr(3, parts);
    }
    assert!(!sandbox.path("data").exists(), "something was done");
}

fn checked(sandbox: &Sandbox) -> Vec<Value> {
    let output = sandbox.run(&["check", "--format", "json"]);
    let found: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let found = found["diagnostics"].as_array().cloned();
    found.unwrap_or_else(|| panic!("{output:?}"))
}

/// `code file:line:column` of every diagnostic.
fn places(sandbox: &Sandbox) -> Vec<String> {
    let found = checked(sandbox);
    let places = found.iter().map(|d| {
        let text = |key: &str| d[key].as_str().unwrap().to_owned();
        format!(
            "{} {}:{}:{}",
            text("code"),
            text("file"),
            d["line"],
            d["column"]
        )
    });
    places.collect()
}

#[test]
fn an_empty_rule_folder_is_an_error() {
    let sandbox = sandbox();
    refused(
        &sandbox,
        "nowhere",
        &["`nowhere` does not exist", "name another path"],
    );
    refused(
        &sandbox,
        "rules",
        &["`rules` contains no rule file", ".yaml"],
    );
}

#[test]
fn a_file_without_rules_is_a_warning() {
    let sandbox = sandbox();
    sandbox.write("rules/empty.yaml", "# to be written\n");
    sandbox.write("rules/good.yaml", rule("good", NOTE));
    let output = sandbox.run(&["check"]);
    output.expect_stdout(
        0,
        &[
            "warning[no-rules]: `rules/empty.yaml` contains no rule",
            "help: ",
        ],
    );
    output.expect_stdout(0, &["1 rule in 2 files, no errors, 1 warning"]);
    let output = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
    output.expect_stderr(
        0,
        &["warning[no-rules]: `rules/empty.yaml` contains no rule"],
    );
}

#[test]
fn a_file_that_is_not_utf8_names_the_byte() {
    let sandbox = sandbox();
    sandbox.write("rules/latin.yaml", b"name: caf\xe9\n");
    sandbox.write("rules/good.yaml", rule("good", NOTE));
    let parts = [
        "`rules/latin.yaml` is not UTF-8 at byte 9",
        "rules/latin.yaml:1:10",
        "save it as UTF-8",
    ];
    refused(&sandbox, "rules", &parts);
}

#[test]
fn an_unreadable_path_is_named() {
    let sandbox = sandbox();
    sandbox.write("rules/good.yaml", rule("good", NOTE));
    symlink("/nowhere/at/all", sandbox.path("rules/gone.yaml")).unwrap();
    refused(
        &sandbox,
        "rules",
        &["`rules/gone.yaml` does not exist", "help: "],
    );
    let sandbox = setup::sandbox();
    symlink("loop.yaml", sandbox.path("rules/loop.yaml")).unwrap();
    symlink("..", sandbox.path("rules/round")).unwrap();
    refused(&sandbox, "rules", &["rules/loop.yaml"]);
}

#[test]
fn a_folder_named_like_a_rule_file_is_read_as_a_folder() {
    let sandbox = sandbox();
    sandbox.write("rules/team.yaml/good.yaml", rule("good", NOTE));
    sandbox
        .run(&["check"])
        .expect_stdout(0, &["1 rule in 1 file, no errors"]);
}

#[test]
fn yaml_bombs_are_rejected_with_their_position() {
    let sandbox = sandbox();
    sandbox.write("rules/aliases.yaml", aliases());
    sandbox.write("rules/deep.yaml", "[".repeat(1_000_000));
    sandbox.write("rules/maps.yaml", "a: {".repeat(100_000));
    let regex = |text: &str| {
        rule("r", NOTE).replace(
            "current: urgent",
            &format!("ticket.external_id: {{ matches: '{text}' }}"),
        )
    };
    sandbox.write("rules/regex.yaml", regex("(a{1000}){1000}"));
    sandbox.write("rules/unclosed.yaml", regex("((("));
    let found = places(&sandbox);
    for expected in [
        "syntax rules/aliases.yaml:",
        "syntax rules/deep.yaml:1:",
        "syntax rules/maps.yaml:1:",
        "bad-regex rules/regex.yaml:4:40",
        "bad-regex rules/unclosed.yaml:4:40",
    ] {
        assert!(
            found.iter().any(|f| f.starts_with(expected)),
            "{expected}: {found:?}"
        );
    }
    refused(
        &sandbox,
        "rules",
        &["aliases of aliases multiply", "too large when compiled"],
    );
}

fn aliases() -> String {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let above = vec![format!("*a{}", n - 1); 10].join(",");
        text.push_str(&format!("a{n}: &a{n} [{above}]\n"));
    }
    text
}

#[test]
fn all_mistakes_of_all_files_are_reported() {
    let sandbox = sandbox();
    sandbox.write(
        "rules/a.yaml",
        format!(
            "{}---\nname: [\n",
            rule("a", NOTE).replace("current:", "curent:")
        ),
    );
    sandbox.write(
        "rules/b.yaml",
        rule("a", NOTE).replace("PriorityChanged", "PriorityChangd"),
    );
    sandbox.write("rules/c.yaml", rule("c", "- exec: [echo, '{{ nope }}']\n- shell: echo {{ current }}\n- http: { url: {{ current }} }"));
    let found = checked(&sandbox);
    for expected in ["did you mean `current`?", "ticket.PriorityChanged", "nope"] {
        let told = |d: &Value| d["message"].to_string() + &d["help"].to_string();
        assert!(
            found.iter().any(|d| told(d).contains(expected)),
            "{expected}: {found:#?}"
        );
    }
    for file in ["rules/a.yaml", "rules/b.yaml", "rules/c.yaml"] {
        assert!(
            found.iter().any(|d| d["file"] == file),
            "{file}: {found:#?}"
        );
    }
    for d in &found {
        let mut keys: Vec<&str> = d.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                "code", "column", "file", "help", "line", "message", "severity"
            ]
        );
        assert!(
            d["line"].as_u64().unwrap() > 0 && d["column"].as_u64().unwrap() > 0,
            "{d}"
        );
        assert!(["error", "warning"].contains(&d["severity"].as_str().unwrap()));
    }
}

#[test]
fn an_unset_secret_is_a_warning_in_check_and_an_error_in_run() {
    let flow =
        "- http: { url: 'http://127.0.0.1:9/x', headers: { X-Key: '{{ secret.DESK_KEY }}' } }";
    for (sandbox, why) in [
        (
            sandbox_with_flow(flow),
            "`FLOWTRIGGER_SECRET_DESK_KEY` is not set",
        ),
        (
            sandbox_with_flow(flow).with_env("FLOWTRIGGER_SECRET_DESK_KEY", ""),
            "`FLOWTRIGGER_SECRET_DESK_KEY` is empty",
        ),
    ] {
        sandbox.write("e.json", urgent(1).to_string());
        sandbox
            .run(&["check"])
            .expect_stdout(0, &["warning[unset-secret]", "`DESK_KEY`", why]);
        sandbox
            .run(&["run", "e.json"])
            .expect_stderr(3, &["`DESK_KEY`", why, "set it"]);
        let daemon = ["daemon", "--listen", "127.0.0.1:0"];
        sandbox
            .run(&daemon)
            .expect_stderr(3, &["`DESK_KEY`", why, "set it"]);
        sandbox
            .run(&["dry-run", "e.json"])
            .expect_stdout(0, &["[secret DESK_KEY]"]);
    }
    let sandbox = sandbox_with_flow(flow);
    sandbox.write(
        "flowtrigger.yaml",
        "secrets: { DESK_KEY: { file: keys/desk } }\n",
    );
    sandbox.write("e.json", urgent(1).to_string());
    sandbox
        .run(&["run", "e.json"])
        .expect_stderr(3, &["`DESK_KEY`", "keys/desk"]);
}

#[test]
fn testing_without_tests_fails() {
    let sandbox = sandbox_with_flow(NOTE);
    for format in ["text", "json", "junit"] {
        let output = sandbox.run(&["test", "--format", format]);
        output.expect_stderr(
            1,
            &[
                "no test in `rules`",
                "write NAME.test.yaml beside NAME.yaml",
            ],
        );
    }
    sandbox.write(
        "rules/rules.test.yaml",
        "- name: any\n  event: { sample: ticket.PriorityChanged }\n  expect: no match\n",
    );
    let output: Output = sandbox.run(&["test", "--only", "nope"]);
    if output.code != 3 {
        output.expect_stderr(1, &["no test has `nope`", "--only"]);
    }
}
