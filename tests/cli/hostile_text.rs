//! Texts from outside never reach a terminal or a log as they are: hostile characters in every place where a text can come
//! from, through every command, as text and as JSON, and in both formats of the log.

use std::net::{TcpListener, TcpStream};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::{Output, finish};
use flowtrigger_testing::receiver::{Receiver, Response};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Clears a screen, sets a title, changes the direction of text, hides letters, and starts a line of its own.
const HOSTILE: &str =
    "h\u{1b}[2J\u{9b}31m\u{1b}]0;t\u{7}\u{202e}\u{2066}\u{200b}\u{7f}\u{8}\u{e0041}\r\nFORGED line";

/// The same without line breaks, for headers and file names.
const ONE_LINE: &str = "h\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\u{7f}FORGED";

fn is_hostile(letter: char) -> bool {
    letter.is_control() && letter != '\n' && letter != '\t'
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    if let Some(at) = text.find(is_hostile) {
        let line = text[..at].lines().count();
        let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        panic!("{what} prints {:?} in {line:?}", text[at..].chars().next());
    }
    let forged = text
        .lines()
        .find(|line| line.trim_start().starts_with("FORGED"));
    assert_eq!(forged, None, "{what}");
}

/// JSON that is also valid YAML: control characters are escaped.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        match letter.is_ascii() && letter != '\u{7f}' {
            true => text.push(letter),
            false => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

/// A rule whose every text is hostile, as JSON, which is YAML.
fn rule(receiver: &Receiver) -> Value {
    let program = "printf '%s' \"$1\" >&2; printf '%s' \"$1\"; exit 3";
    json!({
        "name": "hostile",
        "description": HOSTILE,
        "event_source": "desk",
        "event_type": HOSTILE,
        "vars": {"text": HOSTILE},
        "when": {"subject": {"contains": "FORGED"}},
        "one_at_a_time_per": "id",
        "dedupe": {"per": "subject", "for": "1s"},
        "flow": [
            {"name": "web", "http": {"url": receiver.url("/a?{{ subject }}"), "json": {"t": "{{ subject }}", "v": "{{ vars.text }}"}},
             "retry": {"attempts": 1}, "catch": [{"set": "failed"}]},
            {"name": "command", "exec": {"argv": ["sh", "-c", program, "sh", "{{ subject }}"]}, "catch": [{"set": "failed"}]},
            {"name": "outbox", "http": {"connection": "chat", "path": "/x", "body": "{{ subject }}", "method": "POST"}},
            {"name": "end", "fail": "{{ subject }}"},
        ],
    })
}

fn event(number: u64) -> Value {
    json!({
        "id": format!("{number}{HOSTILE}"), "kind": HOSTILE, "ticket": format!("{number}{HOSTILE}"),
        "subject": format!("{number} {HOSTILE}"), HOSTILE: {"deep": [HOSTILE, {HOSTILE: HOSTILE}]},
    })
}

fn sandbox(receiver: &Receiver) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let config = json!({
        "sources": {"desk": {"event_type": {"path": "kind"}, "id": "id", "key": "ticket"}},
        "connections": {"chat": {"base_url": "outbox:chat"}},
        "outgoing": {"allow": ["127.0.0.1"]},
        "vars": {"note": HOSTILE},
        "page": "off",
    });
    sandbox.write("flowtrigger.yaml", ascii(&config));
    sandbox.write(&format!("rules/{ONE_LINE}.yaml"), ascii(&rule(receiver)));
    sandbox.write("event.json", event(1).to_string());
    sandbox.write(&format!("{ONE_LINE}.json"), event(2).to_string());
    let test =
        json!([{"name": HOSTILE, "event": event(3), "expect": "no match", "because": "subject"}]);
    sandbox.write(&format!("rules/{ONE_LINE}.test.yaml"), ascii(&test));
    let wrong = json!({"name": HOSTILE, HOSTILE: HOSTILE, "event_type": [HOSTILE], "flow": [{HOSTILE: HOSTILE}, {"http": {"url": HOSTILE}}]});
    sandbox.write(&format!("wrong/{ONE_LINE}.yaml"), ascii(&wrong));
    let trigger = json!({"triggers": [{"title": HOSTILE, "conditions": {"all": [{"field": HOSTILE, "operator": HOSTILE, "value": HOSTILE}], "any": []}, "actions": [{"field": HOSTILE, "value": [HOSTILE, HOSTILE]}]}]});
    sandbox.write("trigger.json", trigger.to_string());
    sandbox.write("bad.json", format!("{{\"{ONE_LINE}\": }}"));
    sandbox
}

fn receiver() -> Receiver {
    let headers = format!("x-note: {}\r\n", ONE_LINE.replace(['\u{1b}', '\u{7f}'], ""));
    Receiver::always(Response::new("500 Status", &headers, HOSTILE))
}

/// Runs a command and checks both outputs.
fn check(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let output = sandbox.run(arguments);
    let command = format!("{arguments:?}");
    assert_harmless(&command, &output.stdout);
    assert_harmless(&command, &output.stderr);
    output
}

/// Text and JSON.
fn check_formats(sandbox: &Sandbox, arguments: &[&str]) {
    check(sandbox, arguments);
    check(sandbox, &[arguments, &["--format", "json"]].concat());
}

#[test]
fn commands_without_a_daemon_print_no_hostile_character() {
    let receiver = receiver();
    let sandbox = sandbox(&receiver);
    let named = format!("{ONE_LINE}.json");
    let loud = format!("--{ONE_LINE}");
    let ran = check(&sandbox, &["run", "event.json", &named]);
    check(&sandbox, &["run", "--format", "json", "event.json"]);
    for log in ["text", "json"] {
        let arguments = ["--log", "debug", "--log-format", log, "run", "event.json"];
        let output = check(&sandbox, &arguments);
        assert!(output.stderr.contains("FORGED"), "{output:?}");
    }
    assert!(receiver.count() > 0, "no request was sent: {ran:?}");
    for arguments in [
        &["dry-run", "event.json"][..],
        &["dry-run", "--explain", "event.json"],
        &[
            "dry-run",
            "--set",
            &format!("subject={HOSTILE}"),
            "event.json",
        ],
        &["dry-run", "bad.json"],
        &["dry-run", "--rules", "wrong", "event.json"],
        &["check"],
        &["check", "wrong"],
        &["check", &format!("none-{ONE_LINE}")],
        &["test"],
        &["test", "--coverage"],
        &["events", HOSTILE],
        &["convert", "trigger.json"],
        &["send", "event.json", "--to", "http://127.0.0.1:9"],
        &["why", HOSTILE],
        &["runs", "list", "--data", ONE_LINE],
        &["backup", ONE_LINE],
        &["restore", &named, "--data", ONE_LINE],
        &["status", "--data", ONE_LINE],
    ] {
        check_formats(&sandbox, arguments);
    }
    for arguments in [
        &["test", "--format", "junit"][..],
        &["sign", "event.json"],
        &["init", ONE_LINE],
        &["init", ONE_LINE],
        &["check", &loud],
        &[ONE_LINE],
        &["--log", ONE_LINE, "check"],
        &["--color", "always", "check", "wrong"],
    ] {
        match arguments.first() {
            // Its own colours stay.
            Some(&"--color") => {
                let output = sandbox.run(arguments);
                let text = output.stdout + &output.stderr;
                assert!(
                    !text.contains("\u{1b}[2J") && !text.contains('\u{202e}'),
                    "{text:?}"
                );
            }
            _ => drop(check(&sandbox, arguments)),
        }
    }
    let variable = sandbox.with_env("FLOWTRIGGER_LOG", ONE_LINE);
    check(&variable, &["check"]);
}

/// Its log as it is written, in a format.
fn daemon_log(sandbox: &Sandbox, format: &str, first: u64) -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let options = [
        "--log",
        "debug",
        "--log-format",
        format,
        "--listen",
        &address,
    ];
    let child = sandbox
        .command(&[&["daemon"], &options[..]].concat())
        .spawn();
    let child = child.expect("it starts");
    let id = Pid::from_child(&child);
    wait_until("the daemon listens", || {
        TcpStream::connect(&address).is_ok()
    });
    let url = format!("http://{address}");
    sandbox.write("now.json", event(first).to_string());
    for _ in 0..2 {
        check_formats(sandbox, &["send", "now.json", "--to", &url]);
    }
    check(
        sandbox,
        &["send", "--source", "desk", "bad.json", "--to", &url],
    );
    wait_until("the run ends", || {
        let runs = sandbox.run(&["runs", "list", "--format", "json", "--state", "dead"]);
        !runs.stdout.is_empty()
    });
    kill_process(id, Signal::TERM).expect("the daemon can be stopped");
    let output = finish(child);
    String::from_utf8(output.stderr).expect("a log in UTF-8")
}

#[test]
fn a_daemon_and_the_commands_on_its_data_print_no_hostile_character() {
    let receiver = receiver();
    let sandbox = sandbox(&receiver);
    for (number, format) in [(10, "text"), (11, "json")] {
        let log = daemon_log(&sandbox, format, number);
        assert_harmless(format, &log);
        assert!(log.contains("FORGED"), "{log}");
        if format == "json" {
            for line in log.lines() {
                serde_json::from_str::<Value>(line)
                    .unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }
    let daemon = DaemonProcess::start(&sandbox);
    let id = event(10)["id"].as_str().unwrap().to_owned();
    for arguments in [
        &["runs", "list"][..],
        &["runs", "show", "1"],
        &["runs", "show", "1", "--attempt", "1"],
        &["runs", "retry", "1"],
        &["runs", "cancel", "1"],
        &["why", &id],
        &["why", "hostile"],
        &["deliveries"],
        &["status"],
        &["replay", "--dry-run", "--since", "-1h"],
        &["runs", "replay", "1", "--yes"],
    ] {
        check_formats(&sandbox, arguments);
    }
    daemon.stop();
    check_formats(&sandbox, &["backup", &format!("copy-{ONE_LINE}")]);
}
