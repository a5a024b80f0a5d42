//! Mistakes in `flowtrigger.yaml`, in environment variables and in options.

use std::net::TcpListener;

use flowtrigger_testing::program::{Output, finish};

use super::setup::{NOTE, sandbox, sandbox_with_flow, urgent};

#[test]
fn a_configuration_mistake_is_reported_with_its_position() {
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
        let sandbox = sandbox_with_flow(NOTE);
        sandbox.write("flowtrigger.yaml", text);
        sandbox.run(&["check"]).expect_stdout(3, &[at, told]);
        let output = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
        output.expect_stderr(3, &[at, told]);
    }
}

#[test]
fn a_secret_in_the_configuration_is_not_printed() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("flowtrigger.yaml", "secrets:\n  DESK_KEY: c4nary-pasted\n");
    for arguments in [
        &["check"][..],
        &["check", "--format", "json"],
        &["run", "-"],
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, 3);
        let all = output.stdout + &output.stderr;
        assert!(
            all.contains("DESK_KEY") && all.contains("never write the value itself"),
            "{all}"
        );
        assert!(!all.contains("c4nary"), "{all}");
    }
}

#[test]
fn a_named_configuration_must_exist() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write("folder/x", "");
    sandbox.write("latin.yaml", b"vars: { a: \xe9 }\n");
    for (name, told) in [
        ("absent.yaml", "`absent.yaml` does not exist"),
        ("folder", "failed to read `folder`"),
        ("latin.yaml", "`latin.yaml` is not UTF-8 at byte 11"),
    ] {
        sandbox
            .run(&["check", "--config", name])
            .expect_stdout(3, &[told, "help: "]);
    }
}

#[test]
fn a_broken_configuration_is_reported_once_and_rules_are_still_checked() {
    let sandbox = sandbox();
    let rule = "name: a\nevent_source: bell\nevent_type: rang\nwhen: { x: { path: vars.floor } }\nflow:\n  - http: { connection: desk, path: /x }\n  - http: { url: '{{ vars.base }}/x' }\n  - http: { url: https://x.example, metod: GET }\n";
    sandbox.write("rules/a.yaml", rule);
    for config in [
        "vars: { floor: 1",
        "connections: { desk: { base_url: nope } }",
        "- 1",
    ] {
        sandbox.write("flowtrigger.yaml", config);
        let output = sandbox.run(&["check", "--format", "json"]);
        let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let found: Vec<&str> = found["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d["file"].as_str().unwrap())
            .collect();
        assert_eq!(
            found,
            ["flowtrigger.yaml", "rules/a.yaml"],
            "{config}: {output:?}"
        );
        assert!(
            output.stdout.contains("did you mean `method`?"),
            "{output:?}"
        );
    }
    // With a valid configuration every missing name is reported.
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let output = sandbox.run(&["check"]);
    output.expect_stdout(
        3,
        &[
            "unknown source `bell`",
            "`floor`",
            "connection `desk`",
            "`vars.base`",
        ],
    );
}

#[test]
fn the_environment_overrides_the_configuration() {
    let sandbox = sandbox_with_flow("- http: { connection: front-desk, path: '/{{ vars.team }}' }");
    sandbox.write(
        "flowtrigger.yaml",
        "vars: { team: one }\nconnections: { front-desk: { base_url: 'outbox:a' } }\n",
    );
    let sandbox = sandbox
        .with_env("FLOWTRIGGER_VARS_TEAM", "two")
        .with_env("FLOWTRIGGER_CONNECTIONS_FRONT_DESK_BASE_URL", "outbox:b");
    sandbox
        .run_with_input(&["run", "-"], &urgent(1).to_string())
        .expect_stdout(0, &["1 run, 0 dead"]);
    assert_eq!(sandbox.read("data/outbox/a.ndjson"), "");
    assert!(sandbox.read("data/outbox/b.ndjson").contains("/two"));
    let sandbox = sandbox.with_env("FLOWTRIGGER_MODE", "shadow");
    sandbox
        .run_with_input(&["run", "-"], &urgent(2).to_string())
        .expect_stdout(0, &["shadow"]);
    assert_eq!(sandbox.read("data/outbox/b.ndjson").lines().count(), 1);
    let limit = "the variable `FLOWTRIGGER_MODE=shadow` keeps every rule in shadow mode";
    sandbox.run(&["check"]).expect_stdout(0, &[limit]);
    let dry = sandbox.run_with_input(&["dry-run", "-"], &urgent(3).to_string());
    dry.expect_stdout(0, &[limit]);
    let check = sandbox.run(&["check", "--format", "json"]).stdout;
    let check: serde_json::Value = serde_json::from_str(&check).expect("JSON");
    assert_eq!(check["mode_limit"], limit);
}

#[test]
fn an_environment_mistake_names_the_variable() {
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
            "is not a base URL",
        ),
    ] {
        let sandbox = sandbox_with_flow(NOTE).with_env(name, value);
        sandbox.run(&["check"]).expect_stdout(3, &[name, told]);
    }
    for (name, near) in [
        ("FLOWTRIGGER_MODES", "FLOWTRIGGER_MODE"),
        ("FLOWTRIGGER_SECRETS_DESK", "FLOWTRIGGER_SECRET_"),
        ("FLOWTRIGGER_VAR_TEAM", "FLOWTRIGGER_VARS_"),
    ] {
        let sandbox = sandbox_with_flow(NOTE).with_env(name, "shadow");
        let near = format!("did you mean `{near}");
        sandbox
            .run(&["check"])
            .expect_stdout(0, &["warning", name, &near]);
        let output = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
        output.expect_stderr(0, &["warning", name]);
    }
    let sandbox = sandbox_with_flow(NOTE).with_env("FLOWTRIGGER_SERVICE_PORT", "1");
    sandbox
        .run(&["check"])
        .expect_stdout(0, &["warning", "FLOWTRIGGER_SERVICE_PORT"]);
}

#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = sandbox_with_flow(NOTE);
    let latin = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let mut command = sandbox.command(&["check"]);
    let child = command.env("FLOWTRIGGER_VARS_TEAM", latin).spawn().unwrap();
    let output = Output::new(finish(child));
    output.expect_stdout(3, &["`FLOWTRIGGER_VARS_TEAM`", "UTF-8"]);
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    let sandbox = sandbox_with_flow(NOTE);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (address, code, told) in [
        (
            taken.as_str(),
            5,
            "the port is in use; stop the program that uses it, or choose another",
        ),
        ("nonsense", 2, "write it as `127.0.0.1:8080`"),
        ("127.0.0.1:99999", 2, "write it as `127.0.0.1:8080`"),
        (
            "0.0.0.0:0",
            2,
            "accept any sender: `support`, `upmind`; set `verify`",
        ),
    ] {
        let output = sandbox.run(&["daemon", "--listen", address]);
        output.expect_stderr(code, &[address, told]);
    }
}

#[test]
fn unknown_options_are_usage_errors() {
    let sandbox = sandbox_with_flow(NOTE);
    for arguments in [
        &["runn"][..],
        &["run", "--formt", "json", "-"],
        &["run", "--format", "xml", "-"],
        &["check", "--log", "loud"],
        &["dry-run", "--rule", "nope", "-"],
        &[],
    ] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, 2, "{output:?}");
        assert_eq!(output.stdout, "");
    }
    let output = sandbox.run(&["dry-run", "--rule", "on-urgnt", "-"]);
    output.expect_stderr(
        2,
        &["no rule is called `on-urgnt`", "did you mean `on-urgent`?"],
    );
}

#[test]
fn a_configuration_above_the_rules_that_was_not_read_is_named() {
    let sandbox = sandbox_with_flow("- http: { connection: desk, path: /note }");
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { desk: { base_url: 'outbox:desk' } }\n",
    );
    let unread = "`../flowtrigger.yaml` was not read, because it is not in the current folder: \
        add `--config ../flowtrigger.yaml`, or execute `flowtrigger check rules` in `..`";
    let within = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        let output = command
            .current_dir(sandbox.path("rules"))
            .output()
            .expect("it starts");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("UTF-8"),
        )
    };
    let (code, text) = within(&["check", "."]);
    assert_eq!(code, Some(3));
    assert!(
        text.contains("connection `desk`") && text.ends_with(&format!("{unread}\n")),
        "{text}"
    );
    let (_, json) = within(&["check", ".", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["unread_config"], unread);
    let (code, text) = within(&["check", ".", "--config", "../flowtrigger.yaml"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("was not read"), "{text}");
    let output = sandbox.run(&["check"]);
    output.expect_stdout(0, &["1 rule in 1 file"]);
    assert!(!output.stdout.contains("was not read"), "{output:?}");
}
