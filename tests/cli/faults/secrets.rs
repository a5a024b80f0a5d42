//! Secrets arrive where they are sent and are found nowhere else, in no encoding.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::sandbox::Sandbox;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;

use super::setup::{sandbox_with_flow, urgent};

/// Contains what encodings change: a space, a quote, a slash, a plus and a letter beyond ASCII.
const CANARY: &str = "c4nary / \"é\"+key&1";
const PASSWORD: &str = "pa55word/of?the=bot";

const CONFIG: &str = "outgoing: { allow: [127.0.0.1] }
connections:
  desk:
    base_url: http://127.0.0.1:PORT/base
    auth: { basic: { username: bot, password: '{{ secret.PASSWORD }}' } }
  paper:
    base_url: outbox:paper
    auth: { bearer: '{{ secret.CANARY }}' }
";

const FLOW: &str = "- name: url
  http: { method: POST, connection: desk, path: '/p/{{ secret.CANARY }}', query: { q: '{{ secret.CANARY }}' } }
  retry: { attempts: 1 }
- name: body
  http: { url: 'http://127.0.0.1:PORT/j', headers: { X-Key: 'k {{ secret.PASSWORD }}' }, json: { deep: ['a {{ secret.CANARY }} b'] } }
- name: form
  http: { url: 'http://127.0.0.1:PORT/f', form: { field: '{{ secret.CANARY }}' } }
- name: call
  exec: { argv: [sh, -c, 'printf %s \"$CANARY\" > ../got; echo \"$CANARY\"; echo \"$CANARY\" >&2'], env: { CANARY: '{{ secret.CANARY }}' } }
- name: paper
  http: { connection: paper, path: '/x', headers: { X-Two: '{{ secret.PASSWORD }}' }, json: { seen: '{{ steps.call.stdout }}', own: '{{ secret.CANARY }}' } }
- name: fails
  exec: { argv: [sh, -c, 'echo \"bad key $CANARY\" >&2; exit 1'], env: { CANARY: '{{ secret.CANARY }}' } }
";

fn prepared(port: u16) -> Sandbox {
    let port = port.to_string();
    let sandbox = sandbox_with_flow(&FLOW.replace("PORT", &port));
    sandbox.write("flowtrigger.yaml", CONFIG.replace("PORT", &port));
    sandbox
        .with_env("FLOWTRIGGER_SECRET_CANARY", CANARY)
        .with_env("FLOWTRIGGER_SECRET_PASSWORD", PASSWORD)
}

/// Every encoding of a secret.
fn traces() -> Vec<String> {
    let mut traces = vec!["c4nary".to_owned(), "pa55word".to_owned()];
    for secret in [CANARY, PASSWORD] {
        traces.push(utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string());
        traces.push(secret.escape_default().to_string());
        let with_user = format!("bot:{secret}");
        for text in [secret, &with_user] {
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE] {
                traces.push(engine.encode(text));
            }
        }
    }
    traces
}

#[track_caller]
fn clean(what: &str, text: &str) {
    for trace in traces() {
        assert!(!text.contains(&trace), "`{trace}` in {what}: {text}");
    }
}

/// All files below a folder except the one that the command of the rule writes.
fn clean_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => clean_files(&path),
            false if path.ends_with("got") => {}
            false => clean(
                &path.display().to_string(),
                &fs::read_to_string(&path).unwrap(),
            ),
        }
    }
}

#[test]
fn secrets_are_sent_and_written_nowhere_else() {
    let receiver = Receiver::ok();
    let sandbox = prepared(receiver.port);
    let event = urgent(1).to_string();
    for arguments in [
        &["run", "-"][..],
        &["run", "--format", "json", "-"],
        &["run", "--log", "trace", "-"],
    ] {
        let output = sandbox.run_with_input(arguments, &event);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(
            output.stdout.contains("bad key [secret CANARY]"),
            "{output:?}"
        );
        clean("stdout", &output.stdout);
        clean("stderr", &output.stderr);
    }
    clean_files(&sandbox.path(""));
    let paper = sandbox.read("data/outbox/paper.ndjson");
    assert!(
        paper.contains("[secret CANARY]") && paper.contains("[secret PASSWORD]"),
        "{paper}"
    );
    assert_eq!(sandbox.read("got"), CANARY);
    let got = receiver.received();
    let percent = "c4nary%20%2F%20%22%C3%A9%22%2Bkey%261";
    let in_path = "c4nary%20/%20%22%C3%A9%22+key&1";
    assert!(
        got[0]
            .head
            .starts_with(&format!("POST /base/p/{in_path}?q={percent} ")),
        "{got:?}"
    );
    let basic = STANDARD.encode(format!("bot:{PASSWORD}"));
    assert_eq!(
        got[0].header("authorization"),
        Some(&*format!("Basic {basic}"))
    );
    assert_eq!(got[1].header("x-key"), Some(&*format!("k {PASSWORD}")));
    assert_eq!(got[1].json()["deep"][0], format!("a {CANARY} b"));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(got[2].body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(form, [("field".to_owned(), CANARY.to_owned())]);
}

#[test]
fn dry_run_shows_only_the_names_of_secrets() {
    let sandbox = prepared(9);
    let event = urgent(1).to_string();
    for arguments in [
        &["dry-run", "-"][..],
        &["dry-run", "--explain", "-"],
        &["dry-run", "--explain", "--format", "json", "-"],
        &["check"],
        &["check", "--format", "json"],
    ] {
        let output = sandbox.run_with_input(arguments, &event);
        assert_eq!(output.code, 0, "{output:?}");
        clean("stdout", &output.stdout);
        clean("stderr", &output.stderr);
        let dry = arguments[0] == "dry-run";
        assert_eq!(output.stdout.contains("[secret CANARY]"), dry, "{output:?}");
    }
}

#[test]
fn a_receiver_that_fails_or_repeats_a_secret_puts_it_into_no_log() {
    let echo = format!("500 Oops\r\nx-echo: {PASSWORD}");
    let receiver = Receiver::in_turn(&[&echo]);
    for port in [receiver.port, dead_port()] {
        let sandbox = prepared(port);
        let mut daemon = DaemonProcess::start(&sandbox);
        assert_eq!(
            daemon
                .post("/events/support", &urgent(1).to_string())
                .status(),
            200
        );
        let dead = daemon.expect_log(|line| line["state"] == "dead");
        assert!(
            dead["why"].as_str().unwrap().contains("[secret CANARY]"),
            "{dead}"
        );
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait_for_exit(), Some(0));
        clean("the log", &daemon.log());
    }
}

#[test]
fn a_secret_that_cannot_be_sent_is_named_and_not_shown() {
    let flow = "- http: { url: 'http://127.0.0.1:9/', headers: { X-Key: '{{ secret.CANARY }}' } }\n  retry: { attempts: 1 }";
    let sandbox =
        sandbox_with_flow(flow).with_env("FLOWTRIGGER_SECRET_CANARY", "c4nary\nx-evil: 1");
    let output = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
    assert!([1, 3].contains(&output.code), "{output:?}");
    clean("the output", &format!("{}{}", output.stdout, output.stderr));
    assert!(
        format!("{}{}", output.stdout, output.stderr)
            .contains("the header `x-key` contains a line break"),
        "{output:?}"
    );
}

/// The value is in a file of the folder that systemd names, and nowhere else.
#[test]
fn a_credential_of_the_service_manager_is_a_secret() {
    let receiver = Receiver::with_status(|_| 200);
    let flow = format!(
        "- name: call\n  http: {{ method: POST, url: 'http://127.0.0.1:{}/', headers: {{ X-Key: '{{{{ secret.KEY }}}}' }} }}\n",
        receiver.port
    );
    let sandbox = sandbox_with_flow(&flow);
    let config = |source: &str| {
        let secrets = format!("secrets: {{ KEY: {{ {source} }} }}\n");
        let outgoing = "outgoing: { allow: [127.0.0.1] }\n";
        sandbox.write("flowtrigger.yaml", format!("{outgoing}{secrets}"));
    };
    config("credential: desk-key");
    sandbox.run_daemon().expect_stderr(
        3,
        &["secret `KEY`: the credential `desk-key` is not available: `CREDENTIALS_DIRECTORY` is not set; add `LoadCredential=desk-key:FILE`"],
    );
    sandbox.run(&["check"]).expect_stdout(
        0,
        &[
            "`desk-key` is not available",
            "LoadCredential=desk-key:FILE",
        ],
    );
    sandbox.write("credentials/desk-key", "from systemd\n");
    let folder = sandbox.path("credentials").display().to_string();
    let sandbox = sandbox.with_env("CREDENTIALS_DIRECTORY", &folder);
    let output = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(
        receiver.wait_for(1)[0].header("x-key"),
        Some("from systemd")
    );
}
