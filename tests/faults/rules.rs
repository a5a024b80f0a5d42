//! Rule files that are missing, broken or hostile, and rules whose secrets or tests are not there.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::{NOTE, Place, Said, rule, urgent};

/// What every command that needs rules says of them: all refuse alike.
fn refused(place: &Place, rules: &str, parts: &[&str]) {
    place.write("e.json", urgent(1).to_string());
    place.says(&["check", rules]).prints(3, parts);
    for command in [
        &["run", "--rules", rules, "e.json"][..],
        &["dry-run", "--rules", rules, "e.json"],
        &["test", rules],
        &["daemon", "--rules", rules, "--listen", "127.0.0.1:0"],
    ] {
        place.says(command).tells(3, parts);
    }
    assert!(!place.path("data").exists(), "something was done");
}

fn checked(place: &Place) -> Vec<Value> {
    let said = place.says(&["check", "--format", "json"]);
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"))
}

/// `code file:line:column` of every diagnostic.
fn places(place: &Place) -> Vec<String> {
    let found = checked(place);
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
fn no_rules_are_no_rules_to_start_with() {
    let place = Place::new();
    refused(&place, "nowhere", &["`nowhere` does not exist", "--rules"]);
    refused(&place, "rules", &["`rules` contains no rule file", ".yaml"]);
}

#[test]
fn a_file_without_a_rule_is_a_warning_and_no_silence() {
    let place = Place::new();
    place.write("rules/empty.yaml", "# to be written\n");
    place.write("rules/good.yaml", rule("good", NOTE));
    let said = place.says(&["check"]);
    said.prints(
        0,
        &[
            "warning[empty]: `rules/empty.yaml` contains no rule",
            "help: ",
        ],
    );
    said.prints(0, &["1 rule in 2 files, no errors, 1 warning"]);
    let said = place.answers(&["run", "-"], &urgent(1).to_string());
    said.tells(0, &["warning[empty]: `rules/empty.yaml` contains no rule"]);
}

#[test]
fn what_is_no_text_names_the_byte() {
    let place = Place::new();
    place.write("rules/latin.yaml", b"name: caf\xe9\n");
    place.write("rules/good.yaml", rule("good", NOTE));
    let parts = [
        "`rules/latin.yaml` is not UTF-8 at byte 9",
        "rules/latin.yaml:1:10",
        "save it as UTF-8",
    ];
    refused(&place, "rules", &parts);
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::new();
    place.write("rules/good.yaml", rule("good", NOTE));
    symlink("/nowhere/at/all", place.path("rules/gone.yaml")).unwrap();
    refused(
        &place,
        "rules",
        &["`rules/gone.yaml` does not exist", "help: "],
    );
    let place = Place::new();
    symlink("loop.yaml", place.path("rules/loop.yaml")).unwrap();
    symlink("..", place.path("rules/round")).unwrap();
    refused(&place, "rules", &["rules/loop.yaml"]);
}

#[test]
fn a_folder_that_is_called_like_a_rule_is_read_as_a_folder() {
    let place = Place::new();
    place.write("rules/team.yaml/good.yaml", rule("good", NOTE));
    place
        .says(&["check"])
        .prints(0, &["1 rule in 1 file, no errors"]);
}

#[test]
fn bombs_are_refused_where_they_go_off() {
    let place = Place::new();
    place.write("rules/aliases.yaml", aliases());
    place.write("rules/deep.yaml", "[".repeat(1_000_000));
    place.write("rules/maps.yaml", "a: {".repeat(100_000));
    let regex = |text: &str| {
        rule("r", NOTE).replace(
            "current: urgent",
            &format!("ticket.external_id: {{ matches: '{text}' }}"),
        )
    };
    place.write("rules/regex.yaml", regex("(a{1000}){1000}"));
    place.write("rules/unclosed.yaml", regex("((("));
    let found = places(&place);
    for wanted in [
        "syntax rules/aliases.yaml:",
        "syntax rules/deep.yaml:1:",
        "syntax rules/maps.yaml:1:",
        "bad-regex rules/regex.yaml:4:40",
        "bad-regex rules/unclosed.yaml:4:40",
    ] {
        assert!(
            found.iter().any(|f| f.starts_with(wanted)),
            "{wanted}: {found:?}"
        );
    }
    refused(
        &place,
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
fn every_mistake_of_every_file_is_told_at_once() {
    let place = Place::new();
    place.write(
        "rules/a.yaml",
        format!(
            "{}---\nname: [\n",
            rule("a", NOTE).replace("current:", "curent:")
        ),
    );
    place.write(
        "rules/b.yaml",
        rule("a", NOTE).replace("PriorityChanged", "PriorityChangd"),
    );
    place.write("rules/c.yaml", rule("c", "- exec: [echo, '{{ nope }}']\n- shell: echo {{ current }}\n- http: { url: {{ current }} }"));
    let found = checked(&place);
    for wanted in ["did you mean `current`?", "ticket.PriorityChanged", "nope"] {
        let told = |d: &Value| d["message"].to_string() + &d["help"].to_string();
        assert!(
            found.iter().any(|d| told(d).contains(wanted)),
            "{wanted}: {found:#?}"
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
fn an_unset_secret_warns_in_check_and_stops_what_acts() {
    let flow =
        "- http: { url: 'http://127.0.0.1:9/x', headers: { X-Key: '{{ secret.DESK_KEY }}' } }";
    for (place, why) in [
        (
            Place::with_flow(flow),
            "`FLOWTRIGGER_SECRET_DESK_KEY` is not set",
        ),
        (
            Place::with_flow(flow).set("FLOWTRIGGER_SECRET_DESK_KEY", ""),
            "`FLOWTRIGGER_SECRET_DESK_KEY` is empty",
        ),
    ] {
        place.write("e.json", urgent(1).to_string());
        place
            .says(&["check"])
            .prints(0, &["warning[unset-secret]", "`DESK_KEY`", why]);
        place
            .says(&["run", "e.json"])
            .tells(3, &["`DESK_KEY`", why, "set it"]);
        let daemon = ["daemon", "--listen", "127.0.0.1:0"];
        place.says(&daemon).tells(3, &["`DESK_KEY`", why, "set it"]);
        place
            .says(&["dry-run", "e.json"])
            .prints(0, &["[secret DESK_KEY]"]);
    }
    let place = Place::with_flow(flow);
    place.write(
        "flowtrigger.yaml",
        "secrets: { DESK_KEY: { file: keys/desk } }\n",
    );
    place.write("e.json", urgent(1).to_string());
    place
        .says(&["run", "e.json"])
        .tells(3, &["`DESK_KEY`", "keys/desk"]);
}

#[test]
fn a_run_of_no_tests_fails() {
    let place = Place::with_flow(NOTE);
    for format in ["text", "json", "junit"] {
        let said = place.says(&["test", "--format", format]);
        said.tells(
            1,
            &[
                "no test in `rules`",
                "write NAME.test.yaml beside NAME.yaml",
            ],
        );
    }
    place.write(
        "rules/rules.test.yaml",
        "- name: any\n  event: { sample: ticket.PriorityChanged }\n  expect: no match\n",
    );
    let said: Said = place.says(&["test", "--only", "nope"]);
    if said.code != 3 {
        said.tells(1, &["no test has `nope`", "--only"]);
    }
}
