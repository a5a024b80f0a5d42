//! Sources: setting them up, replacing secrets, opening them to the network, and common mistakes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sender::{hmac_sha256, now, zendesk_headers};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::setup::{NOTE, sandbox_with_flow, urgent};
use super::signed::{KEY, OLD, SOURCES, complaint, denied, post, prepared, proof};

#[test]
fn a_secret_is_replaced_without_losing_an_event() {
    let sandbox = prepared(
        "sources: { support: { verify: zendesk, secrets: [KEY] } }\nsecrets: { KEY: { file: key }, NEXT: { file: next } }\n",
    );
    sandbox.write("key", OLD);
    sandbox.write("next", KEY);
    let daemon = DaemonProcess::start(&sandbox);
    let sends = |ticket: u64, key: &str| {
        let body = urgent(ticket).to_string();
        let headers = zendesk_headers(key, body.as_bytes(), now());
        post(&daemon, "/events/support", &headers, &body).status()
    };
    let reloaded = |count: usize| {
        daemon.signal(Signal::HUP);
        let is = |line: &Value| line["message"] == "reloaded";
        while daemon
            .log()
            .lines()
            .filter(|l| is(&serde_json::from_str(l).unwrap()))
            .count()
            < count
        {
            daemon.expect_log(is);
            std::thread::yield_now();
        }
    };
    assert_eq!((sends(1, OLD), sends(2, KEY)), (200, 401));
    sandbox.write("flowtrigger.yaml", "sources: { support: { verify: zendesk, secrets: [NEXT, KEY] } }\nsecrets: { KEY: { file: key }, NEXT: { file: next } }\n");
    reloaded(1);
    assert_eq!((sends(3, OLD), sends(4, KEY)), (200, 200));
    sandbox.write("flowtrigger.yaml", "sources: { support: { verify: zendesk, secrets: NEXT } }\nsecrets: { NEXT: { file: next } }\n");
    reloaded(2);
    assert_eq!((sends(5, OLD), sends(6, KEY)), (401, 200));
    // If a secret can no longer be read, the one in use stays.
    std::fs::remove_file(sandbox.path("next")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .contains("secret `NEXT`: the file `next` does not exist")
    });
    assert_eq!((sends(7, OLD), sends(8, KEY)), (401, 200));
}

#[test]
fn two_accounts_have_their_own_path_and_secret() {
    let sandbox = prepared(
        "sources:
  north: { decoder: support, path: /zendesk/north, verify: zendesk, secrets: KEY }
  south: { decoder: support, path: /zendesk/south, verify: zendesk, secrets: OLD }
",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let body = urgent(1).to_string();
    for (path, key, status) in [
        ("/zendesk/north", KEY, 200),
        ("/zendesk/north", OLD, 401),
        ("/zendesk/south", KEY, 401),
        ("/zendesk/south", OLD, 200),
        ("/events/north", KEY, 404),
        ("/events/support", KEY, 404),
    ] {
        let headers = zendesk_headers(key, body.as_bytes(), now());
        assert_eq!(
            post(&daemon, path, &headers, &body).status(),
            status,
            "{path}"
        );
    }
    let unknown = daemon.post("/events/support", &body);
    unknown.expect_rejected(404, &["unknown source"]);
    assert!(!unknown.body.contains("north"), "{unknown:?}");
    daemon.expect_log(|line| line["source"] == "north" && line["verify"] == "zendesk");
}

#[test]
fn a_public_listener_requires_verification_of_every_source() {
    for (config, unverified) in [
        ("mode: live\n", "`support`, `upmind`"),
        (
            "sources: { support: {}, upmind: { verify: upmind, secrets: KEY } }\n",
            "`support`",
        ),
        ("sources: { upmind: { verify: none } }\n", "`upmind`"),
    ] {
        let sandbox = prepared(config);
        for address in ["0.0.0.0:0", "[::]:0"] {
            let output = sandbox.run(&["daemon", "--listen", address]);
            let told = format!("these sources accept any sender: {unverified}; set `verify`");
            output.expect_stderr(2, &["cannot listen on `", &told]);
        }
    }
    let sandbox = prepared("listen: 0.0.0.0:0\nmode: live\n");
    sandbox
        .run(&["check"])
        .expect_stdout(3, &["cannot listen on `0.0.0.0:0`", "flowtrigger.yaml:1:9"]);
    sandbox
        .run(&["daemon"])
        .expect_stderr(2, &["cannot listen on `0.0.0.0:0`"]);
    sandbox.write(
        "flowtrigger.yaml",
        "sources: { token: { decoder: support, verify: bearer, secrets: KEY } }\n",
    );
    let daemon = DaemonProcess::start_with(&sandbox, &["--listen", "0.0.0.0:0"]);
    daemon.expect_log(|line| {
        line["sources"] == "token"
            && line["message"]
                .as_str()
                .unwrap_or("")
                .contains("plain HTTP")
    });
    let sends = |ticket: u64| {
        let body = urgent(ticket).to_string();
        post(
            &daemon,
            "/events/token",
            &proof("/events/token", body.as_bytes()),
            &body,
        )
        .status()
    };
    assert_eq!(sends(1), 200);
    sandbox.write(
        "flowtrigger.yaml",
        "sources: { token: { decoder: support } }\n",
    );
    daemon.signal(Signal::HUP);
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .contains("accept any sender: `token`")
    });
    daemon.expect_log(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("not reloaded")
    });
    assert_eq!(daemon.post("/events/token", "{}").status(), 401);
    assert_eq!(sends(2), 200);
}

#[test]
fn an_unset_secret_is_reported_at_startup() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write(
        "flowtrigger.yaml",
        "sources:\n  support: { verify: zendesk, secrets: [GONE] }\n",
    );
    let variable = "FLOWTRIGGER_SECRET_GONE";
    sandbox
        .run(&["daemon", "--listen", "127.0.0.1:0"])
        .expect_stderr(3, &["secret `GONE`", variable]);
    sandbox.run(&["check"]).expect_stdout(
        0,
        &[
            "warning[unset-secret]: secret `GONE` is not available",
            variable,
            "flowtrigger.yaml:2:22",
        ],
    );
    let run = sandbox.run_with_input(&["run", "-"], &urgent(1).to_string());
    assert_eq!(run.code, 0, "a file needs no signature: {run:?}");
    let base64 = sandbox_with_flow(NOTE).with_env(variable, "c4nary, no base64");
    base64.write(
        "flowtrigger.yaml",
        "sources:\n  pay: { decoder: support, verify: standard_webhooks, secrets: GONE }\n",
    );
    for output in [
        base64.run(&["daemon", "--listen", "127.0.0.1:0"]),
        base64.run(&["check"]),
    ] {
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(
            told.contains("is not base64, which this scheme requires"),
            "{told}"
        );
        assert!(!told.contains("c4nary"), "{told}");
    }
}

#[test]
fn a_test_of_an_unsaved_webhook_is_recognised() {
    let public = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
    let sound = prepared("sources: { support: { verify: zendesk, secrets: KEY } }\n");
    let body = urgent(1).to_string();
    let headers = zendesk_headers(public, body.as_bytes(), now());
    let daemon = DaemonProcess::start(&sound);
    denied(&post(&daemon, "/events/support", &headers, &body));
    let line = complaint(&daemon, "sender_test_secret");
    assert!(
        line["help"].as_str().unwrap().contains("not saved yet"),
        "{line}"
    );
    let public = sandbox_with_flow(NOTE).with_env("FLOWTRIGGER_SECRET_KEY", public);
    public.write(
        "flowtrigger.yaml",
        "sources: { support: { verify: zendesk, secrets: KEY } }\n",
    );
    public
        .run(&["check"])
        .expect_stdout(0, &["published secret for testing webhooks"]);
    let daemon = DaemonProcess::start(&public);
    daemon.expect_log(|line| {
        line["level"] == "WARN"
            && line["message"]
                .as_str()
                .unwrap_or("")
                .contains("published secret for testing")
    });
    denied(&post(&daemon, "/events/support", &headers, &body));
}

#[test]
fn the_log_says_how_to_fix_common_mistakes() {
    let sandbox = prepared(SOURCES);
    let daemon = DaemonProcess::start(&sandbox);
    let body = urgent(1).to_string();
    let changed = format!("{body}\r\n");
    let headers = zendesk_headers(KEY, body.as_bytes(), now());
    denied(&post(&daemon, "/events/support", &headers, &changed));
    let line = complaint(&daemon, "sender_wrong_signature");
    assert!(
        line["help"]
            .as_str()
            .unwrap()
            .contains("without the white space around it"),
        "{line}"
    );
    assert_eq!(
        (&line["source"], &line["address"]),
        (&json!("support"), &json!("127.0.0.1"))
    );
    let base64 = STANDARD.encode(hmac_sha256(KEY.as_bytes(), &[body.as_bytes()]));
    denied(&post(
        &daemon,
        "/events/hex",
        &format!("x-webhook-signature: {base64}\r\n"),
        &body,
    ));
    let line =
        daemon.expect_log(|line| line["source"] == "hex" && line["reason"] == "sender_malformed");
    assert!(
        line["help"].as_str().unwrap().contains("sha256 in base64"),
        "{line}"
    );
    denied(&post(&daemon, "/events/hex", "", &body));
    let line =
        daemon.expect_log(|line| line["source"] == "hex" && line["reason"] == "sender_unsigned");
    assert!(
        line["message"]
            .as_str()
            .unwrap()
            .ends_with("missing header `x-webhook-signature`"),
        "{line}"
    );
    for pasted in [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "4f9d2c7be1a04f9d2c7be1a04f9d2c7b",
        "a-b+c4nary/==",
    ] {
        sandbox.write(
            "flowtrigger.yaml",
            format!("sources: {{ support: {{ verify: zendesk, secrets: ['{pasted}'] }} }}\n"),
        );
        let output = sandbox.run(&["check"]);
        output.expect_stdout(3, &["never the value", "FLOWTRIGGER_SECRET_ZENDESK_KEY"]);
        assert!(!output.stdout.contains(pasted), "{output:?}");
    }
}
