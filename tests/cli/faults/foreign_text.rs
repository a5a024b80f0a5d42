//! Texts from outside with line breaks and unseen characters: each stays on its line, so that it cannot pass for
//! output of the program.

use serde_json::json;

use super::setup::{NOTE, sandbox_with_flow};

/// What an attacker would like to see as a line of its own.
const FORGED: &str = "MATCH  forged-rule";

fn assert_no_forged_line(text: &str) {
    let is_forged = |line: &&str| line.trim_start_matches(['+', '-', ' ']).starts_with(FORGED);
    assert_eq!(text.lines().find(is_forged), None, "{text}");
    assert!(text.contains(FORGED), "{text}");
}

const CONFIG: &str = "sources:\n  am:\n    event_type: { path: kind }\n    id: id\n";

fn rule(flow: &str) -> String {
    format!("name: r\nevent_source: am\nevent_type: x\nflow:\n  - {flow}\n")
}

#[test]
fn a_type_with_a_line_break_prints_no_line_of_its_own() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("flowtrigger.yaml", CONFIG);
    let event = json!({"id": "1", "kind": format!("x\n{FORGED}")});
    sandbox.write("event.json", event.to_string());
    let output = sandbox.run(&["dry-run", "--source", "am", "event.json"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert_no_forged_line(&output.stdout);
}

#[test]
fn a_message_or_a_body_with_line_breaks_stays_on_its_line() {
    for flow in [
        "fail: \"bad {{ t }}\"",
        "succeed: \"good {{ t }}\"",
        "http: { url: 'https://a.example/', method: POST, body: \"{{ t }}\" }",
    ] {
        let sandbox = sandbox_with_flow(NOTE);
        sandbox.write("flowtrigger.yaml", CONFIG);
        let test = format!(
            "tests:\n  - name: t\n    event: {{ id: '1', kind: x, t: \"a\\n{FORGED}\" }}\n    expect: match\n    ends: skipped\n"
        );
        sandbox.write("rules/r.yaml", rule(flow) + &test);
        let event =
            json!({"id": "1", "kind": "x", "t": format!("a\n{FORGED}\u{200b}\r\n{FORGED}")});
        sandbox.write("event.json", event.to_string());
        let output = sandbox.run(&["dry-run", "event.json"]);
        assert_no_forged_line(&output.stdout);
        assert!(!output.stdout.contains('\u{200b}'), "{output:?}");
        if flow.starts_with("fail") {
            for format in ["text", "junit"] {
                let output = sandbox.run(&["test", "--format", format]);
                assert_eq!(output.code, 1, "{output:?}");
                assert_no_forged_line(&output.stdout);
            }
        }
    }
}

#[test]
fn a_file_name_with_a_line_break_stays_on_its_line() {
    let sandbox = sandbox_with_flow(NOTE);
    let name = format!("a\n{FORGED}.json");
    sandbox.write(&name, "{");
    let output = sandbox.run(&["dry-run", &name]);
    assert_eq!(output.code, 4, "{output:?}");
    assert_no_forged_line(&output.stderr);
    let rules = format!("rules/a\n{FORGED}.yaml");
    sandbox.write(&rules, "name: q\nflo: []\n");
    let output = sandbox.run(&["check"]);
    assert_no_forged_line(&(output.stdout + &output.stderr));
}
