//! Rules, configurations and events made to be expensive. They are rejected or processed under limits of the
//! operating system, far above the normal cost, so that a test fails where more is used.

use std::process::{Command, Stdio};

use flowtrigger_testing::program::{Output, finish};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

use super::setup::{rule, sandbox, urgent};

/// CPU seconds, and KiB of address space. The unoptimised program normally uses a tenth of each.
const BOUNDS: &str = "ulimit -t 20 && ulimit -v 300000 && exec \"$@\"";

/// Runs the program under these limits.
fn bounded(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let program = sandbox.command(arguments);
    let mut shell = Command::new("sh");
    shell.args(["-c", BOUNDS, "sh"]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(sandbox.path(""));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stdin(Stdio::null());
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    Output::new(finish(shell.spawn().expect("a shell")))
}

/// A rule with this condition, written as JSON.
fn when(condition: &Value) -> String {
    let text = rule("r", "- succeed: ok");
    text.replace("{ current: urgent }", &condition.to_string())
}

/// Checks that rule files are rejected with these messages.
fn refused(rules: &[(String, &str)]) {
    for (text, expected) in rules {
        let sandbox = sandbox();
        sandbox.write("rules/r.yaml", text);
        let output = bounded(&sandbox, &["check"]);
        let shown: String = text.chars().take(200).collect();
        assert_eq!(output.code, 3, "{shown}: {output:?}");
        assert!(output.stdout.contains(expected), "{shown}: {output:?}");
    }
}

/// The result of a rule for an event, as one line of JSON.
fn judged(text: &str, event: &Value) -> Value {
    let sandbox = sandbox();
    sandbox.write("rules/r.yaml", text);
    sandbox.write("e.json", event.to_string());
    let output = bounded(&sandbox, &["dry-run", "--format", "json", "e.json"]);
    assert!([0, 1].contains(&output.code), "{output:?}");
    output.json_lines()[0].clone()
}

fn with(key: &str, value: Value) -> Value {
    let mut event = urgent(1);
    event["input"]["ticket_event"][key] = value;
    event
}

/// The limits are in force: a process that allocates too much is killed.
#[test]
fn more_than_the_limits_is_killed() {
    for (kibibytes, expected) in [("300000", false), ("3000000", true)] {
        let bounds = BOUNDS.replace("300000", kibibytes);
        let mut shell = Command::new("sh");
        let dd = ["dd", "if=/dev/zero", "of=/dev/null", "bs=500M", "count=1"];
        shell
            .args(["-c", &bounds, "sh"])
            .args(dd)
            .stderr(Stdio::null());
        assert_eq!(shell.status().expect("a shell").success(), expected);
    }
}

#[test]
fn yaml_that_expands_or_nests_too_far_is_rejected() {
    let doubled = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)
    });
    let merged = (1..40).fold("a0: &a0 { k: v }\n".to_owned(), |text, n| {
        format!(
            "{text}a{n}: &a{n} {{ <<: [*a{}, *a{}], k{n}: v }}\n",
            n - 1,
            n - 1
        )
    });
    refused(&[
        (doubled, "error[syntax]"),
        (merged, "error[syntax]"),
        ("[".repeat(1_000_000), "error[syntax]"),
        ("{a: ".repeat(200_000), "error[syntax]"),
        ("- ".repeat(500_000), "error[syntax]"),
        ("? ".repeat(100_000), "error[syntax]"),
        (format!("a: {}x", "!!str ".repeat(100_000)), "error["),
        (format!("&a {}", "*a ".repeat(100_000)), "error["),
        (when(&nested("any", 5_000)), "error["),
        (when(&nested("none", 5_000)), "error["),
    ]);
}

fn nested(group: &str, depth: usize) -> Value {
    let inner = json!({ "current": "urgent" });
    (0..depth.min(100)).fold(inner, |inner, _| json!({ group: [inner] }))
}

#[test]
fn patterns_that_grow_too_large_are_rejected() {
    let large = "this regular expression is too large when compiled";
    let matches = |pattern: &str| when(&json!({ "ticket.external_id": { "matches": pattern } }));
    refused(&[
        (matches("(a{1,1000}){1,1000}"), large),
        (matches("(a{1,100}){1,100}b"), large),
        (matches("a{1,4000}b"), large),
        (matches("(((((a{9}){9}){9}){9}){9}){9}"), large),
        (matches(r"\w{1,100}\p{L}{1,100}"), large),
        (matches(&"(".repeat(100_000)), "error[bad-regex]"),
        (matches(&"(a|".repeat(10_000)), "error[bad-regex]"),
    ]);
}

#[test]
fn backtracking_patterns_run_in_linear_time() {
    let text = "a".repeat(1_000_000);
    let mut event = urgent(1);
    event["input"]["ticket_event"]["ticket"]["external_id"] = text.into();
    for pattern in [
        "(a+a+)+b",
        "(a|aa)+$b",
        "(a?){100}a{100}b",
        "^(([a-z])+.)+[A-Z]",
    ] {
        let output = judged(
            &when(&json!({ "ticket.external_id": { "matches": pattern } })),
            &event,
        );
        assert_eq!(output["matched"], json!([]), "{pattern}: {output}");
    }
}

#[test]
fn paths_that_expand_too_far_are_rejected() {
    let path = |path: &str| when(&json!({ path: { "exists": true } }));
    let ways = format!("$.raw{}", "['a','b']".repeat(30));
    refused(&[
        (path("$..a..a..a"), "more than one `..`"),
        (
            path("$.raw[?search(@, '(a{1,1000}){1,1000}')]"),
            "regex function in a filter",
        ),
        (
            path("$.raw[?count(@[?match(@.a, @.b)]) > 1]"),
            "regex function in a filter",
        ),
        (path("$.raw[?@..[?@..[?@..a]]]"), "`..` in a filter"),
        (path("$.raw[?$..*]"), "searches the whole event again"),
        (path(&ways), "more than 64 combinations"),
        (
            path(&format!("$.raw{}", "[?@".repeat(200))),
            "is not JSONPath",
        ),
        (
            path(&format!("$.raw[?{}@.a", "(".repeat(200))),
            "is not JSONPath",
        ),
        (
            path(&format!("$.raw[?{}x", "length(value(".repeat(6))),
            "calls functions within functions",
        ),
    ]);
}

#[test]
fn templates_that_grow_or_never_end_are_rejected_or_stopped() {
    let flow = |text: &str| {
        let step = json!({ "http": { "url": "outbox:x", "json": { "t": text } } });
        rule("r", &format!("- {step}"))
    };
    let doubled = "{% set a = a + a %}".repeat(60);
    refused(&[
        (
            flow(&format!(
                "{{% set a = ticket.via.channel %}}{doubled}{{{{ a }}}}"
            )),
            "more than 64 values",
        ),
        (flow("{{ current * 100000000 }}"), "`*` multiplies numbers"),
        (flow("{{ (1, 2) * 100000000 }}"), "`*` multiplies numbers"),
        (
            flow("{{ '%1000000000d' | format(1) }}"),
            "a width or precision is more than 100",
        ),
        (
            flow(&format!("{{{{ {}1 }}}}", "(".repeat(100_000))),
            "error[bad-template]",
        ),
        (flow(&"{% if true %}".repeat(10_000)), "at most 200"),
    ]);
    for text in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ range(99999999999) | join }}",
        "{{ 2 ** 100000000 }}",
        "{% set a = range(90000) | join('xxxxxxxxxx') %}{{ a | tojson | tojson | b64encode }}",
    ] {
        let output = judged(&flow(text), &urgent(1));
        let plan = &output["rules"][0]["plan"][0];
        assert!(plan["fails"].is_string(), "{text}: {output}");
    }
}

#[test]
fn large_events_are_accepted() {
    let tags: Vec<String> = (0..100_000).map(|n| format!("t{n}")).collect();
    let keys = (0..10_000).map(|n| (format!("prefixed-{n:06}-suffixed"), json!(n)));
    let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
    let rule = when(&json!({ "$..current": "urgent", "$.raw..[?@.id == 1]": { "exists": true } }));
    for (key, value) in [
        ("tags", json!(tags)),
        ("custom", Value::Object(keys.collect())),
        ("deep", deep),
        ("text", json!("\u{0}\"\\".repeat(60_000))),
    ] {
        let output = judged(&rule, &with(key, value));
        assert_eq!(
            output["matched"].as_array().map(Vec::len),
            Some(1),
            "{key}: {output}"
        );
    }
}

#[test]
fn endless_brackets_are_not_an_event() {
    let sandbox = sandbox();
    sandbox.write("rules/r.yaml", when(&json!({ "current": "urgent" })));
    for bytes in [
        "[".repeat(1 << 20),
        "{\"a\":".repeat(1 << 18),
        "[".repeat(1 << 19) + &"]".repeat(1 << 19),
    ] {
        sandbox.write("e.json", bytes);
        let output = bounded(&sandbox, &["dry-run", "e.json"]);
        output.expect_stderr(4, &["127 levels"]);
    }
}

#[test]
fn a_configuration_that_expands_too_far_is_rejected() {
    let sandbox = sandbox();
    sandbox.write("rules/r.yaml", when(&json!({ "current": "urgent" })));
    let doubled = (1..40).fold("vars:\n  a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}  a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)
    });
    for text in [doubled, format!("vars: {}", "[".repeat(1_000_000))] {
        sandbox.write("flowtrigger.yaml", text);
        let output = bounded(&sandbox, &["check"]);
        assert_eq!(output.code, 3, "{output:?}");
        assert!(output.stdout.contains("error[syntax]"), "{output:?}");
    }
}
