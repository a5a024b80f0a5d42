//! Every environment variable of the program has an effect, options override it, and an invalid value is an error that names it.

use flowtrigger_core::config::environment::SETTINGS;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::Output;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

const CONFIG: &str = "sources: { desk: { event_type: { path: kind }, id: id } }
vars: { team: one }
connections: { chat: { base_url: 'outbox:chat' } }
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("flowtrigger.yaml", CONFIG);
    sandbox.write(
        "other.yaml",
        CONFIG.replace("outbox:chat", "outbox:configured"),
    );
    let rule = "name: a\nevent_source: desk\nevent_type: x\nflow:\n- http: { connection: chat, path: /, json: { team: '{{ vars.team }}' } }\n";
    sandbox.write_rules(rule);
    sandbox.write("elsewhere/b.yaml", rule.replace("name: a", "name: b"));
    let secret = rule.replace("vars.team", "secret.KEY");
    sandbox.write("secret/c.yaml", secret);
    sandbox.write("event.json", json!({"id": "1", "kind": "x"}).to_string());
    sandbox
}

/// Both outputs of a command under a variable.
fn text(variable: (&str, &str), arguments: &[&str]) -> String {
    let (name, value) = variable;
    let sandbox = sandbox().with_env(&format!("FLOWTRIGGER_{name}"), value);
    let Output { stdout, stderr, .. } = sandbox.run(arguments);
    stdout + &stderr
}

#[test]
fn every_variable_has_an_effect() {
    let dry_run = &["dry-run", "event.json"][..];
    let cases: [(&str, &str, &str, &[&str], &str); 12] = [
        ("MODE", "MODE", "shadow", &["check"], "shadow"),
        ("VARS_", "VARS_TEAM", "two", dry_run, r#"{"team":"two"}"#),
        (
            "CONNECTIONS_",
            "CONNECTIONS_CHAT_BASE_URL",
            "outbox:other",
            dry_run,
            "POST outbox:other",
        ),
        ("RULES", "RULES", "elsewhere", dry_run, "MATCH  b"),
        (
            "CONFIG",
            "CONFIG",
            "other.yaml",
            dry_run,
            "POST outbox:configured",
        ),
        (
            "DATA",
            "DATA",
            "kept",
            &["runs", "list"],
            "kept/flowtrigger.db",
        ),
        (
            "LISTEN",
            "LISTEN",
            "127.0.0.1:9",
            &["send", "event.json"],
            "127.0.0.1:9",
        ),
        (
            "PUBLIC_URL",
            "PUBLIC_URL",
            "hooks.example.com",
            &["check"],
            "is not a URL",
        ),
        (
            "STORE",
            "STORE",
            "mysql://db/x",
            &["runs", "list"],
            "unknown scheme `mysql`",
        ),
        ("LOG", "LOG", "info", &["run", "event.json"], "INFO attempt"),
        (
            "SECRET_",
            "SECRET_KEY",
            "",
            &["check", "secret"],
            "unset-secret",
        ),
        ("PAGE", "PAGE", "nonsense", &["daemon"], "nonsense"),
    ];
    for (_, variable, value, arguments, expected) in cases {
        let with = text((variable, value), arguments);
        assert!(
            with.contains(expected),
            "FLOWTRIGGER_{variable}={value}: {with}"
        );
    }
    let without = text(("SECRET_KEY", "set"), &["check", "secret"]);
    assert!(!without.contains("unset-secret"), "{without}");
    // The format of the log has its own test below; `--no-watch` is tested with the daemon.
    let covered = cases.map(|(setting, ..)| setting);
    for setting in SETTINGS
        .into_iter()
        .filter(|setting| !["LOG_FORMAT", "NO_WATCH"].contains(setting))
    {
        assert!(covered.contains(&setting), "no case for {setting}");
    }
}

#[test]
fn log_lines_have_their_fixed_keys_in_the_format_of_the_variable() {
    let sandbox = sandbox()
        .with_env("FLOWTRIGGER_LOG", "info")
        .with_env("FLOWTRIGGER_LOG_FORMAT", "json");
    let output = sandbox.run(&["run", "event.json"]);
    let lines: Vec<Value> = output
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let attempt = lines.iter().find(|line| line["message"] == "attempt");
    let attempt = attempt.expect("a line of an attempt");
    for key in [
        "timestamp",
        "level",
        "run",
        "rule",
        "step",
        "number",
        "took_ms",
        "outcome",
    ] {
        assert!(!attempt[key].is_null(), "{key}: {attempt}");
    }
    let run = lines
        .iter()
        .find(|line| line["message"] == "run" && line["state"] == "done");
    assert_eq!(run.expect("a line of the run")["event"], "1");
    // Options override the variables.
    assert_eq!(
        sandbox.run(&["--log", "off", "run", "event.json"]).stderr,
        ""
    );
    let text = sandbox.run(&["--log-format", "text", "run", "event.json"]);
    assert!(text.stderr.contains(" INFO attempt "), "{text:?}");
}

#[test]
fn an_invalid_value_of_a_log_variable_is_an_error() {
    for (name, value, expected) in [
        (
            "FLOWTRIGGER_LOG",
            "inof",
            "off, error, warn, info, debug, trace",
        ),
        ("FLOWTRIGGER_LOG", "flowtrigger=loud", "off, error, warn"),
        ("FLOWTRIGGER_LOG_FORMAT", "xml", "text, json"),
        ("FLOWTRIGGER_LOG_FORMAT", "JSON", "text, json"),
    ] {
        let sandbox = sandbox().with_env(name, value);
        let message = format!("invalid value `{value}` of the variable `{name}`");
        for arguments in [&["check"][..], &["daemon"]] {
            sandbox
                .run(arguments)
                .expect_stderr(2, &[&message, expected, "or unset it"]);
        }
        let overridden = ["--log", "warn", "--log-format", "text", "check"];
        assert_eq!(sandbox.run(&overridden).code, 0);
    }
    for name in ["FLOWTRIGGER_LOG", "FLOWTRIGGER_LOG_FORMAT"] {
        assert_eq!(sandbox().with_env(name, "").run(&["check"]).code, 0);
    }
    let wrong = sandbox().run(&["--log", "inof", "check"]);
    wrong.expect_stderr(
        2,
        &["invalid value 'inof' for '--log <LEVEL>'", "off, error"],
    );
}

#[test]
fn an_invalid_value_of_any_variable_names_it() {
    for (name, value, reason) in [
        ("FLOWTRIGGER_LISTEN", "8080", "is not an address: `8080`"),
        ("FLOWTRIGGER_LISTEN", "", "write a host and a port"),
        (
            "FLOWTRIGGER_PUBLIC_URL",
            "ftp://hooks",
            "neither with `https://`",
        ),
        ("FLOWTRIGGER_PAGE", "nein", "or `off`"),
        ("FLOWTRIGGER_PAGE", "0.0.0.0:0", "nobody can sign in"),
        ("FLOWTRIGGER_NO_WATCH", "maybe", "takes 1 or 0"),
    ] {
        let sandbox = sandbox().with_env(name, value);
        let message = format!("the environment variable `{name}` ");
        sandbox
            .run(&["check"])
            .expect_stdout(3, &[&message, reason, "1 error in the environment"]);
        sandbox
            .run(&["daemon"])
            .expect_stderr(3, &[&message, reason]);
    }
    for name in [
        "FLOWTRIGGER_RULES",
        "FLOWTRIGGER_CONFIG",
        "FLOWTRIGGER_DATA",
    ] {
        let message = format!("the environment variable `{name}` is empty");
        let sandbox = sandbox().with_env(name, "");
        sandbox
            .run(&["check"])
            .expect_stderr(2, &[&message, "set it to a path, or unset it"]);
    }
}

#[test]
fn a_failed_start_is_logged_in_the_format_of_the_log() {
    let lines = |sandbox: &Sandbox, code: i32| -> Vec<Value> {
        let output = sandbox.run(&["daemon", "--log-format", "json"]);
        assert_eq!(output.code, code, "{output:?}");
        let lines = output.stderr.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    };
    let sandbox = sandbox().with_env("FLOWTRIGGER_LISTEN", "8080");
    let mistakes = lines(&sandbox, 3);
    assert_eq!(
        (&mistakes[0]["level"], &mistakes[0]["at"]),
        (&json!("ERROR"), &json!("environment"))
    );
    sandbox.write("file", "");
    let sandbox = sandbox
        .with_env("FLOWTRIGGER_LISTEN", "127.0.0.1:0")
        .with_env("FLOWTRIGGER_DATA", "file");
    let failed = lines(&sandbox, 2);
    let message = failed.last().expect("a line")["message"].to_string();
    assert!(
        message.contains("failed to use the data folder"),
        "{message}"
    );
    let silent = sandbox.run(&["daemon", "--log-format", "json", "--log", "off"]);
    silent.expect_stderr(2, &["error: failed to use the data folder"]);
}

#[test]
fn the_log_of_a_daemon_follows_the_variables() {
    let sandbox = sandbox()
        .with_env("FLOWTRIGGER_LOG", "debug")
        .with_env("FLOWTRIGGER_LISTEN", "127.0.0.1:0")
        .with_env("FLOWTRIGGER_PAGE", "127.0.0.1:0");
    let daemon = DaemonProcess::start_with(&sandbox, &[]);
    daemon.accept("desk", &json!({"id": "2", "kind": "other"}));
    daemon.expect_message("event matched no rule");
    assert!(daemon.page_address().starts_with("127.0.0.1:"));
    daemon.stop();
}
