//! Slips in flowtrigger.yaml, in the environment over it and in the options.

use std::net::TcpListener;

use crate::support::{NOTE, Place, urgent};

#[test]
fn a_slip_in_the_configuration_is_told_at_its_place() {
    let cases = [
        ("mod: live", "flowtrigger.yaml:1:1", "did you mean `mode`?"),
        (
            "mode: liv",
            "flowtrigger.yaml:1:7",
            "`mode` takes live, shadow or disabled",
        ),
        (
            "vars: 3",
            "flowtrigger.yaml:1:7",
            "`vars` takes a mapping, found a number",
        ),
        ("x: [", "flowtrigger.yaml:1:4", "not valid YAML"),
        (
            "- 1",
            "flowtrigger.yaml:1:1",
            "flowtrigger.yaml takes a mapping",
        ),
        (
            "connections: { desk: { base_url: nope } }",
            "flowtrigger.yaml:1:34",
            "write https://host/path",
        ),
        (
            "connections: { desk: {} }",
            "flowtrigger.yaml:1:16",
            "has no `base_url`",
        ),
        (
            "connections: null",
            "flowtrigger.yaml:1:14",
            "a mapping of names",
        ),
        (
            "sources: { desk: { event_type: } }",
            "flowtrigger.yaml:1:",
            "event_type",
        ),
    ];
    for (text, at, told) in cases {
        let place = Place::with_flow(NOTE);
        place.write("flowtrigger.yaml", text);
        place.says(&["check"]).prints(3, &[at, told]);
        let said = place.answers(&["run", "-"], &urgent(1).to_string());
        said.tells(3, &[at, told]);
    }
}

#[test]
fn a_secret_that_stands_in_the_configuration_is_not_repeated() {
    let place = Place::with_flow(NOTE);
    place.write("flowtrigger.yaml", "secrets:\n  DESK_KEY: c4nary-pasted\n");
    for arguments in [
        &["check"][..],
        &["check", "--format", "json"],
        &["run", "-"],
    ] {
        let said = place.says(arguments);
        assert_eq!(said.code, 3);
        let all = said.stdout + &said.stderr;
        assert!(
            all.contains("DESK_KEY") && all.contains("the value itself never stands here"),
            "{all}"
        );
        assert!(!all.contains("c4nary"), "{all}");
    }
}

#[test]
fn a_configuration_that_was_named_must_be_there() {
    let place = Place::with_flow(NOTE);
    place.write("folder/x", "");
    place.write("latin.yaml", b"vars: { a: \xe9 }\n");
    for (name, told) in [
        ("absent.yaml", "`absent.yaml` does not exist"),
        ("folder", "failed to read `folder`"),
        ("latin.yaml", "`latin.yaml` is not UTF-8 at byte 11"),
    ] {
        place
            .says(&["check", "--config", name])
            .prints(3, &[told, "help: "]);
    }
}

#[test]
fn a_broken_configuration_is_told_once_and_hides_no_mistake_of_a_rule() {
    let place = Place::new();
    let rule = "name: a\nevent_source: bell\nevent_type: rang\nwhen: { x: { path: vars.floor } }\nflow:\n  - http: { connection: desk, path: /x }\n  - http: { url: '{{ vars.base }}/x' }\n  - http: { url: https://x.example, metod: GET }\n";
    place.write("rules/a.yaml", rule);
    for config in [
        "vars: { floor: 1",
        "connections: { desk: { base_url: nope } }",
        "- 1",
    ] {
        place.write("flowtrigger.yaml", config);
        let said = place.says(&["check", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let found: Vec<&str> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["file"].as_str().unwrap())
            .collect();
        assert_eq!(
            found,
            ["flowtrigger.yaml", "rules/a.yaml"],
            "{config}: {said:?}"
        );
        assert!(said.stdout.contains("did you mean `method`?"), "{said:?}");
    }
    // With a sound configuration every name that it lacks is told.
    place.write("flowtrigger.yaml", "mode: live\n");
    let said = place.says(&["check"]);
    said.prints(
        3,
        &[
            "no source is called `bell`",
            "`floor`",
            "called `desk`",
            "`vars.base`",
        ],
    );
}

#[test]
fn the_environment_lies_over_the_configuration() {
    let place = Place::with_flow("- http: { connection: front-desk, path: '/{{ vars.team }}' }");
    place.write(
        "flowtrigger.yaml",
        "vars: { team: one }\nconnections: { front-desk: { base_url: 'outbox:a' } }\n",
    );
    let place = place
        .set("FLOWTRIGGER_VARS_TEAM", "two")
        .set("FLOWTRIGGER_CONNECTIONS_FRONT_DESK_BASE_URL", "outbox:b");
    place
        .answers(&["run", "-"], &urgent(1).to_string())
        .prints(0, &["1 run, 0 dead"]);
    assert_eq!(place.read("data/outbox/a.ndjson"), "");
    assert!(place.read("data/outbox/b.ndjson").contains("/two"));
    let place = place.set("FLOWTRIGGER_MODE", "shadow");
    place
        .answers(&["run", "-"], &urgent(2).to_string())
        .prints(0, &["shadow"]);
    assert_eq!(place.read("data/outbox/b.ndjson").lines().count(), 1);
}

#[test]
fn a_slip_in_the_environment_names_the_variable() {
    for (name, value, told) in [
        ("FLOWTRIGGER_MODE", "off", "takes live, shadow or disabled"),
        (
            "FLOWTRIGGER_CONNECTIONS_DESK_BASE_URL",
            "http://x",
            "names a connection that flowtrigger.yaml does not have",
        ),
        (
            "FLOWTRIGGER_CONNECTIONS_DESK_URL",
            "http://x",
            "BASE_URL or ACTOR_ID only",
        ),
        (
            "FLOWTRIGGER_CONNECTIONS_DESK_BASE_URL",
            "nope",
            "is no base URL",
        ),
    ] {
        let place = Place::with_flow(NOTE).set(name, value);
        place.says(&["check"]).prints(3, &[name, told]);
    }
    for (name, near) in [
        ("FLOWTRIGGER_MODES", "FLOWTRIGGER_MODE"),
        ("FLOWTRIGGER_SECRETS_DESK", "FLOWTRIGGER_SECRET_"),
        ("FLOWTRIGGER_VAR_TEAM", "FLOWTRIGGER_VARS_"),
    ] {
        let place = Place::with_flow(NOTE).set(name, "shadow");
        let near = format!("did you mean `{near}");
        place.says(&["check"]).prints(0, &["warning", name, &near]);
        let said = place.answers(&["run", "-"], &urgent(1).to_string());
        said.tells(0, &["warning", name]);
    }
    let place = Place::with_flow(NOTE).set("FLOWTRIGGER_SERVICE_PORT", "1");
    place
        .says(&["check"])
        .prints(0, &["warning", "FLOWTRIGGER_SERVICE_PORT"]);
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with_flow(NOTE);
    let latin = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let mut command = place.command(&["check"]);
    let child = command.env("FLOWTRIGGER_VARS_TEAM", latin).spawn().unwrap();
    let said = crate::support::Said::of(crate::support::finish(child));
    said.prints(3, &["`FLOWTRIGGER_VARS_TEAM`", "UTF-8"]);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    let place = Place::with_flow(NOTE);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (address, code, told) in [
        (
            taken.as_str(),
            5,
            "the port is taken; stop the program that has it, or choose another",
        ),
        ("nonsense", 2, "write it as `127.0.0.1:8080`"),
        ("127.0.0.1:99999", 2, "write it as `127.0.0.1:8080`"),
        (
            "0.0.0.0:0",
            2,
            "whoever comes: `support`, `upmind`; give each `verify`",
        ),
    ] {
        let said = place.says(&["daemon", "--listen", address]);
        said.tells(code, &[address, told]);
    }
}

#[test]
fn options_that_are_none_are_usage() {
    let place = Place::with_flow(NOTE);
    for arguments in [
        &["runn"][..],
        &["run", "--formt", "json", "-"],
        &["run", "--format", "xml", "-"],
        &["check", "--log", "loud"],
        &["dry-run", "--rule", "nope", "-"],
        &[],
    ] {
        let said = place.says(arguments);
        assert_eq!(said.code, 2, "{said:?}");
        assert_eq!(said.stdout, "");
    }
    let said = place.says(&["dry-run", "--rule", "on-urgnt", "-"]);
    said.tells(
        2,
        &["no rule is called `on-urgnt`", "did you mean `on-urgent`?"],
    );
}
