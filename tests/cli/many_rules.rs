//! `check` on hundreds of rules: how many mistakes it prints, and how much memory it reports.

use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;

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

fn check(text: &str, arguments: &[&str]) -> Output {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(text);
    sandbox.run(&[&["check", "rules/rules.yaml"], arguments].concat())
}

#[test]
fn text_output_is_limited_to_a_hundred_mistakes_and_json_has_all() {
    let warned = rule(0).replace("ticket.id }}", "ticket.subject }}");
    let broken = (1..131).map(|number| rule(number).replace("flow:", "folw:"));
    let text: Vec<String> = std::iter::once(warned).chain(broken).collect();
    let text = text.join("---\n");
    let output = check(&text, &[]);
    let said = &output.stdout;
    assert_eq!(said.matches("error[unknown-key]").count(), 100, "{said}");
    assert_eq!(said.matches("warning[").count(), 0, "{said}");
    let end = "31 more, not shown; `flowtrigger check --format json` prints all of them\n\n\
               130 errors, 1 warning in 1 file\n";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(output.code, 3);
    let json = check(&text, &["--format", "json"]).stdout;
    let all: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(all["diagnostics"].as_array().map(Vec::len), Some(131));
}

#[cfg(target_os = "linux")]
#[test]
fn check_prints_the_memory_of_a_rule_from_many_rules_on() {
    let few = check(&many(9), &[]).stdout;
    assert_eq!(few, "9 rules in 1 file, no errors\n");
    let output = check(&many(1_000), &[]);
    let said = &output.stdout;
    let start = "1,000 rules in 1 file, no errors; ";
    let size = said
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(" kB of memory a rule\n"));
    let size: f64 = size
        .and_then(|size| size.parse().ok())
        .unwrap_or_else(|| panic!("{said}"));
    assert!(size > 0.1 && size < 1_000.0, "{said}");
    assert_eq!(output.code, 0);
}
