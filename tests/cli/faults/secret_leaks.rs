//! One daemon uses every kind of secret with receivers and a command that send everything back. Then all files,
//! logs, responses and output are searched for every encoding of every secret. Controls: the secrets were
//! sent, and the search finds a planted one.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::{Receiver, Response, dead_port};
use flowtrigger_testing::sandbox::Sandbox;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;
use serde_json::Value;

use super::setup::{sandbox, urgent};

/// One secret for each use; each value has a space, a quote, a slash, a plus and a letter beyond ASCII.
const NAMES: [&str; 11] = [
    "BEARER", "BASIC", "PATH", "QUERY", "HEADER", "JSON", "FORM", "ARGV", "FILED", "SIGNS", "ASKS",
];

fn value(name: &str) -> String {
    format!("{name}kana \"rie\"/+é{}vogel", name.to_lowercase())
}

const CONFIG: &str = "outgoing: { allow: [127.0.0.1] }
connections:
  bearer: { base_url: 'http://127.0.0.1:PORT', auth: { bearer: '{{ secret.BEARER }}' } }
  basic: { base_url: 'http://127.0.0.1:PORT', auth: { basic: { username: bot, password: '{{ secret.BASIC }}' } } }
  dead: { base_url: 'http://127.0.0.1:DEAD', auth: { bearer: '{{ secret.BEARER }}' } }
sources:
  support: {}
  signed: { decoder: support, verify: zendesk, secrets: SIGNS }
  asked: { decoder: support, verify: { basic: { username: bot } }, secrets: ASKS }
secrets:
  FILED: { file: filed }
";

const ON_DEAD: &str = "on_dead:
- http: { connection: bearer, path: '/dead', json: { why: '{{ error.message }}', key: '{{ secret.JSON }}' } }
";

/// Each step gets its own rule, so that one dead run hides no other.
fn steps() -> Vec<String> {
    let http = |rest: &str| format!("http: {{ {rest} }}\n  retry: {{ attempts: 1 }}");
    let shell = |script: &str| {
        format!(
            "exec: {{ argv: [sh, -c, '{script}', sh, '{{{{ secret.ARGV }}}}'], env: {{ CANARY: '{{{{ secret.FILED }}}}' }} }}\n  retry: {{ attempts: 1 }}"
        )
    };
    vec![
        http(
            "connection: bearer, path: '/b/{{ secret.PATH }}', query: { q: '{{ secret.QUERY }}' }, json: { deep: ['a {{ secret.JSON }} b'] }",
        ),
        http(
            "connection: basic, path: /f, headers: { X-Key: 'k {{ secret.HEADER }}' }, form: { field: '{{ secret.FORM }}' }",
        ),
        http("connection: basic, path: /fail, json: { key: '{{ secret.JSON }}' }"),
        http("connection: dead, path: '/x/{{ secret.PATH }}', json: { key: '{{ secret.JSON }}' }"),
        http("url: 'outbox:paper/{{ secret.PATH }}', json: { key: '{{ secret.JSON }}' }"),
        shell("env; echo \"$1\"; env >&2; echo \"$1\" >&2"),
        shell(
            "env >&2; echo \"$1\" >&2; printf %s \"$1\" | od -An -tx1 | tr -d \" \\n\" >&2; exit 3",
        ),
        // Truncates the output in the middle of a secret.
        shell(
            "head -c 65530 /dev/zero | tr \"\\\\0\" x; printf %s \"$1\"; printf %s \"$1\" >&2; head -c 65500 /dev/zero | tr \"\\\\0\" y >&2",
        ),
    ]
}

fn prepared(port: u16) -> Sandbox {
    let mut sandbox = sandbox();
    let rules = steps().into_iter().enumerate().map(|(n, step)| {
        format!(
            "name: r{n}\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n- name: call\n  {step}\n- http: {{ connection: bearer, path: /again, json: {{ seen: '{{{{ steps.call }}}}' }} }}\n  retry: {{ attempts: 1 }}\n"
        )
    });
    sandbox.write("rules/rules.yaml", rules.collect::<Vec<_>>().join("---\n"));
    let config = format!("{CONFIG}{ON_DEAD}");
    let config = config.replace("PORT", &port.to_string());
    sandbox.write(
        "flowtrigger.yaml",
        config.replace("DEAD", &dead_port().to_string()),
    );
    sandbox.write("filed", value("FILED"));
    for name in NAMES.iter().filter(|name| **name != "FILED") {
        sandbox = sandbox.with_env(&format!("FLOWTRIGGER_SECRET_{name}"), &value(name));
    }
    sandbox.with_env("RUST_LOG", "trace")
}

/// The characters that are encoded in a path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'+');

/// The encodings of a secret.
fn forms(secret: &str) -> Vec<String> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let in_path = utf8_percent_encode(secret, IN_PATH).to_string();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = Value::from(secret).to_string();
    let (first, second) = secret.split_at(secret.find('/').expect("a slash"));
    let mut forms = vec![
        secret.to_owned(),
        // Either half, as a truncated text would show it.
        first.to_owned(),
        second.to_owned(),
        percent.to_lowercase(),
        percent,
        in_path.to_lowercase(),
        in_path,
        form.to_lowercase(),
        form,
        hex.to_uppercase(),
        hex,
        json[1..json.len() - 1].to_owned(),
        secret.escape_default().to_string(),
        secret.to_lowercase(),
    ];
    for before in 0..3usize {
        let text = [vec![b'-'; before], secret.as_bytes().to_vec()].concat();
        let own = (before * 8).div_ceil(6)..text.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&text)[own.clone()].to_owned());
        }
    }
    forms
}

/// The secrets that are in some bytes, with their encodings.
fn found(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let all = NAMES.iter().flat_map(|name| {
        let forms = forms(&value(name)).into_iter();
        forms
            .filter(|form| text.contains(form.as_str()))
            .map(move |form| format!("{name} as `{form}`"))
    });
    all.collect()
}

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    let found = found(bytes);
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.chars().take(4_000).collect();
    assert!(found.is_empty(), "in {what}: {found:?}\n{shown}");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found),
            // A socket cannot be read.
            false if path.extension().is_some_and(|end| end == "sock") => {}
            false => found.push(path),
        }
    }
}

fn clean_folder(sandbox: &Sandbox) {
    let mut all = Vec::new();
    files(&sandbox.path("data"), &mut all);
    assert!(
        all.iter().any(|path| path.ends_with("flowtrigger.db")),
        "{all:?}"
    );
    for path in all {
        if let Ok(bytes) = fs::read(&path) {
            clean(&path.display().to_string(), &bytes);
        }
    }
}

/// Checks every command that reads stored data or shows what would be sent.
fn clean_commands(sandbox: &Sandbox) {
    sandbox.write("e.json", urgent(1).to_string());
    let mut commands: Vec<Vec<String>> = [
        "why 1",
        "why 1 --format json",
        "runs list",
        "runs list --format json",
        "check",
        "check --format json",
        "dry-run --explain e.json",
        "dry-run --explain --format json e.json",
    ]
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .into();
    for run in 1..=steps().len() {
        for rest in [
            &[][..],
            &["--format", "json"],
            &["--attempt", "1"],
            &["--attempt", "2"],
            &["--attempt", "1", "--curl"],
            &["--attempt", "2", "--curl"],
        ] {
            let show = ["runs", "show", &run.to_string()]
                .map(str::to_owned)
                .to_vec();
            commands.push(
                show.into_iter()
                    .chain(rest.iter().map(|&word| word.to_owned()))
                    .collect(),
            );
        }
    }
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let output = sandbox.run(&words);
        assert!([0, 1].contains(&output.code), "{words:?}: {output:?}");
        // An attempt that failed before it sent anything, or that went to an outbox, cannot be repeated.
        let is_rejected = output.code == 1 && output.stderr.contains("attempt");
        assert!(!output.stdout.is_empty() || is_rejected, "{words:?}");
        clean(
            &format!("{words:?}"),
            format!("{}{}", output.stdout, output.stderr).as_bytes(),
        );
    }
}

/// A control: exchanges with secrets by name are stored and shown.
fn exchanges_are_kept(sandbox: &Sandbox) {
    let shown: String = (1..=steps().len())
        .map(|run| {
            sandbox
                .run(&["runs", "show", &run.to_string(), "--format", "json"])
                .stdout
        })
        .collect();
    for name in NAMES
        .iter()
        .filter(|name| !["SIGNS", "ASKS"].contains(name))
    {
        assert!(
            shown.contains(&format!("[secret {name}]")),
            "{name}: {shown}"
        );
    }
    let commands: String = (1..=3)
        .map(|run| {
            sandbox
                .run(&["runs", "show", &run.to_string(), "--attempt", "1", "--curl"])
                .stdout
        })
        .collect();
    for name in ["BEARER", "BASIC", "PATH", "QUERY", "JSON", "FORM", "HEADER"] {
        let variable = format!("$FLOWTRIGGER_SECRET_{name}");
        assert!(commands.contains(&variable), "{name}: {commands}");
    }
}

fn settled(daemon: &DaemonProcess, runs: usize) {
    let over = |line: &Value| line["state"] == "dead" || line["state"] == "done";
    daemon.expect_logs(runs, over);
}

/// Sends the secrets of sources, in the right place and in wrong ones.
fn clean_senders(daemon: &DaemonProcess) {
    let body = urgent(1).to_string();
    let basic = |name: &str| STANDARD.encode(format!("bot:{}", value(name)));
    for (path, headers, status) in [
        (
            "/events/asked",
            format!("authorization: Basic {}\r\n", basic("ASKS")),
            200,
        ),
        (
            "/events/asked",
            format!("authorization: Bearer {}\r\n", value("ASKS")),
            401,
        ),
        (
            "/events/asked",
            format!("authorization: Basic {}x\r\n", basic("ASKS")),
            401,
        ),
        (
            "/events/signed",
            format!("authorization: Basic {}\r\n", basic("SIGNS")),
            401,
        ),
        (
            "/events/signed",
            format!("x-zendesk-webhook-signature: {}\r\n", value("SIGNS")),
            401,
        ),
    ] {
        let answer = daemon.request("POST", path, &headers, body.as_bytes());
        assert_eq!(answer.status(), status, "{path} {answer:?}");
        clean(path, format!("{}{}", answer.head, answer.body).as_bytes());
    }
}

/// Sends every request back, as the body and in headers. A path with `fail` fails.
fn echo_receiver() -> Receiver {
    Receiver::responding(|request, _| {
        let first = request.head.lines().next().unwrap_or_default();
        let status = match first.contains("fail") {
            true => "500 Internal Server Error",
            false => "200 OK",
        };
        let credentials = request.header("authorization").unwrap_or_default();
        let headers = format!("x-echo: {credentials}\r\nx-first: {first}\r\n");
        Response::new(status, &headers, &request.text())
    })
}

#[test]
fn no_secret_is_written_logged_answered_or_printed() {
    let receiver = echo_receiver();
    let sandbox = prepared(receiver.port);
    let mut daemon =
        DaemonProcess::start_with(&sandbox, &["--listen", "127.0.0.1:0", "--log", "trace"]);
    let answer = daemon.post("/events/support", &urgent(1).to_string());
    assert_eq!(answer.status(), 200, "{answer:?}");
    clean(
        "an answer",
        format!("{}{}", answer.head, answer.body).as_bytes(),
    );
    settled(&daemon, steps().len());
    clean_senders(&daemon);
    for (method, path, body) in [
        ("POST", "/events/support", "{"),
        ("POST", "/events/nobody", "{}"),
        ("GET", "/metrics", ""),
        ("GET", "/readyz", ""),
        ("PUT", "/events/support", ""),
    ] {
        let answer = daemon.request(method, path, "", body.as_bytes());
        clean(path, format!("{}{}", answer.head, answer.body).as_bytes());
    }
    clean_commands(&sandbox);
    daemon.signal(Signal::HUP);
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .is_some_and(|output| output.contains("reload"))
    });
    clean_folder(&sandbox);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0));
    clean("the log", daemon.log().as_bytes());
    clean_folder(&sandbox);
    clean_commands(&sandbox);
    exchanges_are_kept(&sandbox);
    let sent: String = receiver
        .received()
        .iter()
        .map(|got| format!("{}{}\n", got.head, got.body))
        .collect();
    for name in ["BEARER", "BASIC", "PATH", "QUERY", "HEADER", "JSON", "FORM"] {
        let arrived = found(sent.as_bytes());
        assert!(
            arrived.iter().any(|found| found.starts_with(name)),
            "{name} was not sent: {arrived:?}"
        );
    }
}

/// A control for the search.
#[test]
fn a_planted_secret_is_found() {
    for name in NAMES {
        for form in forms(&value(name)) {
            let text = format!("before{form}after");
            assert!(
                found(text.as_bytes())
                    .iter()
                    .any(|found| found.starts_with(name)),
                "{form}"
            );
        }
    }
    let sandbox = sandbox();
    sandbox.write(
        "data/flowtrigger.db",
        format!("\0\u{1}{}\0", value("FILED")),
    );
    assert!(std::panic::catch_unwind(|| clean_folder(&sandbox)).is_err());
}
