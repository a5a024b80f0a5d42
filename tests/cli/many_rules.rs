//! `check` on hundreds of rules: how many mistakes it prints, and what it says about memory.

use std::fs;
use std::process::Command;

fn rule(number: usize) -> String {
    format!(
        "name: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when:\n  current: urgent\n  ticket.organization_id: {number}\nflow:\n  - http:\n      \
         url: \"https://a.example/{{{{ ticket.id }}}}\"\n      json: {{ text: \"team {}\" }}\n",
        number % 7
    )
}

fn many(count: usize) -> String {
    let rules: Vec<String> = (0..count).map(rule).collect();
    rules.join("---\n")
}

/// What `check` prints, and the code it ends with.
fn check(text: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.yaml"), text).expect("a rule file");
    let output = Command::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .args(["check", "rules.yaml"])
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("FLOWTRIGGER_CONFIG")
        .output()
        .expect("the program starts");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    (said, output.status.code())
}

#[test]
fn as_many_mistakes_as_a_person_can_read_are_printed_and_programs_get_all() {
    let warned = rule(0).replace("ticket.id }}", "ticket.subject }}");
    let broken = (1..131).map(|number| rule(number).replace("flow:", "folw:"));
    let text: Vec<String> = std::iter::once(warned).chain(broken).collect();
    let text = text.join("---\n");
    let (said, code) = check(&text, &[]);
    assert_eq!(said.matches("error[unknown-key]").count(), 100, "{said}");
    assert_eq!(said.matches("warning[").count(), 0, "{said}");
    let end = "31 more, not shown; `flowtrigger check --format json` tells all of them\n\n\
               130 errors, 1 warning in 1 file\n";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(code, Some(3));
    let (json, _) = check(&text, &["--format", "json"]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&json).expect("JSON");
    assert_eq!(all.len(), 131);
}

#[cfg(target_os = "linux")]
#[test]
fn check_says_what_a_rule_takes_of_memory_once_that_says_something() {
    let (few, _) = check(&many(9), &[]);
    assert_eq!(few, "9 rules in 1 file, no errors\n");
    let (said, code) = check(&many(1_000), &[]);
    let start = "1,000 rules in 1 file, no errors; ";
    let size = said
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(" kB of memory a rule\n"));
    let size: f64 = size
        .and_then(|size| size.parse().ok())
        .unwrap_or_else(|| panic!("{said}"));
    assert!(size > 0.1 && size < 1_000.0, "{said}");
    assert_eq!(code, Some(0));
}
