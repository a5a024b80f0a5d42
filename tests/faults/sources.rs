//! Sources as people set them up, replace secrets, open them to the world and get them wrong.
//! The signatures are made by the test, not by the program.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::serving::Daemon;
use crate::signed::{KEY, OLD, SOURCES, complaint, denied, mac, now, place, post, proof, zendesk};
use crate::support::{NOTE, Place, urgent};

#[test]
fn a_secret_is_replaced_without_losing_an_event() {
    let place = place(
        "sources: { support: { verify: zendesk, secrets: [KEY] } }\nsecrets: { KEY: { file: key }, NEXT: { file: next } }\n",
    );
    place.write("key", OLD);
    place.write("next", KEY);
    let daemon = Daemon::start(&place);
    let sends = |ticket: u64, key: &str| {
        let body = urgent(ticket).to_string();
        let headers = zendesk(key, body.as_bytes(), now());
        post(&daemon, "/events/support", &headers, &body).status
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
            daemon.logs(is);
            std::thread::yield_now();
        }
    };
    assert_eq!((sends(1, OLD), sends(2, KEY)), (200, 401));
    place.write("flowtrigger.yaml", "sources: { support: { verify: zendesk, secrets: [NEXT, KEY] } }\nsecrets: { KEY: { file: key }, NEXT: { file: next } }\n");
    reloaded(1);
    assert_eq!((sends(3, OLD), sends(4, KEY)), (200, 200));
    place.write("flowtrigger.yaml", "sources: { support: { verify: zendesk, secrets: NEXT } }\nsecrets: { NEXT: { file: next } }\n");
    reloaded(2);
    assert_eq!((sends(5, OLD), sends(6, KEY)), (401, 200));
    // A secret that cannot be had any more keeps what was in use.
    std::fs::remove_file(place.path("next")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .contains("secret `NEXT`: the file `next` does not exist")
    });
    assert_eq!((sends(7, OLD), sends(8, KEY)), (401, 200));
}

#[test]
fn two_accounts_have_a_path_and_a_secret_each() {
    let place = place(
        "sources:
  north: { decoder: support, path: /zendesk/north, verify: zendesk, secrets: KEY }
  south: { decoder: support, path: /zendesk/south, verify: zendesk, secrets: OLD }
",
    );
    let daemon = Daemon::start(&place);
    let body = urgent(1).to_string();
    for (path, key, status) in [
        ("/zendesk/north", KEY, 200),
        ("/zendesk/north", OLD, 401),
        ("/zendesk/south", KEY, 401),
        ("/zendesk/south", OLD, 200),
        ("/events/north", KEY, 404),
        ("/events/support", KEY, 404),
    ] {
        let headers = zendesk(key, body.as_bytes(), now());
        assert_eq!(
            post(&daemon, path, &headers, &body).status,
            status,
            "{path}"
        );
    }
    daemon
        .post("/events/support", &body)
        .refuses(404, &["`/zendesk/north`, `/zendesk/south`"]);
    let passed_on = post(
        &daemon,
        "/events/support",
        "x-forwarded-for: 192.0.2.1\r\n",
        &body,
    );
    assert!(!passed_on.body.contains("north"), "{passed_on:?}");
    daemon.logs(|line| line["source"] == "north" && line["verify"] == "zendesk");
}

#[test]
fn the_world_is_let_in_only_where_every_source_asks() {
    for (config, unverified) in [
        ("mode: live\n", "`support`, `upmind`"),
        (
            "sources: { support: {}, upmind: { verify: upmind, secrets: KEY } }\n",
            "`support`",
        ),
        ("sources: { upmind: { verify: none } }\n", "`upmind`"),
    ] {
        let place = place(config);
        for address in ["0.0.0.0:0", "[::]:0"] {
            let said = place.says(&["daemon", "--listen", address]);
            let told = format!("these sources accept any sender: {unverified}; set `verify`");
            said.tells(2, &["cannot listen on `", &told]);
        }
    }
    let place = place("listen: 0.0.0.0:0\nmode: live\n");
    place
        .says(&["check"])
        .prints(0, &["cannot listen on `0.0.0.0:0`", "flowtrigger.yaml:1:9"]);
    place
        .says(&["daemon"])
        .tells(2, &["cannot listen on `0.0.0.0:0`"]);
    place.write(
        "flowtrigger.yaml",
        "sources: { token: { decoder: support, verify: bearer, secrets: KEY } }\n",
    );
    let daemon = Daemon::listening(&place, "0.0.0.0:0");
    daemon.logs(|line| {
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
        .status
    };
    assert_eq!(sends(1), 200);
    place.write(
        "flowtrigger.yaml",
        "sources: { token: { decoder: support } }\n",
    );
    daemon.signal(Signal::HUP);
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .contains("accept any sender: `token`")
    });
    daemon.logs(|line| {
        line["message"]
            .as_str()
            .unwrap_or("")
            .starts_with("not reloaded")
    });
    assert_eq!(daemon.post("/events/token", "{}").status, 401);
    assert_eq!(sends(2), 200);
}

#[test]
fn a_secret_that_is_not_set_is_told_before_anybody_comes() {
    let place = Place::with_flow(NOTE);
    place.write(
        "flowtrigger.yaml",
        "sources:\n  support: { verify: zendesk, secrets: [GONE] }\n",
    );
    let variable = "FLOWTRIGGER_SECRET_GONE";
    place
        .says(&["daemon", "--listen", "127.0.0.1:0"])
        .tells(3, &["secret `GONE`", variable]);
    place.says(&["check"]).prints(
        0,
        &[
            "warning[unset-secret]: the secret `GONE` cannot be had",
            variable,
            "flowtrigger.yaml:2:22",
        ],
    );
    let run = place.answers(&["run", "-"], &urgent(1).to_string());
    assert_eq!(run.code, 0, "a file needs no signature: {run:?}");
    let base64 = Place::with_flow(NOTE).set(variable, "c4nary, no base64");
    base64.write(
        "flowtrigger.yaml",
        "sources:\n  pay: { decoder: support, verify: standard_webhooks, secrets: GONE }\n",
    );
    for said in [
        base64.says(&["daemon", "--listen", "127.0.0.1:0"]),
        base64.says(&["check"]),
    ] {
        let told = format!("{}{}", said.stdout, said.stderr);
        assert!(
            told.contains("is not base64, which this scheme requires"),
            "{told}"
        );
        assert!(!told.contains("c4nary"), "{told}");
    }
}

#[test]
fn the_test_of_a_webhook_that_is_not_saved_is_told_as_such() {
    let public = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
    let sound = place("sources: { support: { verify: zendesk, secrets: KEY } }\n");
    let body = urgent(1).to_string();
    let headers = zendesk(public, body.as_bytes(), now());
    let daemon = Daemon::start(&sound);
    denied(&post(&daemon, "/events/support", &headers, &body));
    let line = complaint(&daemon, "sender_test_secret");
    assert!(
        line["help"].as_str().unwrap().contains("not saved yet"),
        "{line}"
    );
    let public = Place::with_flow(NOTE).set("FLOWTRIGGER_SECRET_KEY", public);
    public.write(
        "flowtrigger.yaml",
        "sources: { support: { verify: zendesk, secrets: KEY } }\n",
    );
    public
        .says(&["check"])
        .prints(0, &["published secret for testing webhooks"]);
    let daemon = Daemon::start(&public);
    daemon.logs(|line| {
        line["level"] == "WARN"
            && line["message"]
                .as_str()
                .unwrap_or("")
                .contains("published secret for testing")
    });
    denied(&post(&daemon, "/events/support", &headers, &body));
}

#[test]
fn the_log_says_how_to_mend_what_people_get_wrong() {
    let place = place(SOURCES);
    let daemon = Daemon::start(&place);
    let body = urgent(1).to_string();
    let changed = format!("{body}\r\n");
    let headers = zendesk(KEY, body.as_bytes(), now());
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
    let base64 = STANDARD.encode(mac(KEY.as_bytes(), &[body.as_bytes()]));
    denied(&post(
        &daemon,
        "/events/hex",
        &format!("x-webhook-signature: {base64}\r\n"),
        &body,
    ));
    let line = daemon.logs(|line| line["source"] == "hex" && line["check"] == "sender_malformed");
    assert!(
        line["help"].as_str().unwrap().contains("sha256 in base64"),
        "{line}"
    );
    denied(&post(&daemon, "/events/hex", "", &body));
    let line = daemon.logs(|line| line["source"] == "hex" && line["check"] == "sender_unsigned");
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
        place.write(
            "flowtrigger.yaml",
            format!("sources: {{ support: {{ verify: zendesk, secrets: ['{pasted}'] }} }}\n"),
        );
        let said = place.says(&["check"]);
        said.prints(3, &["never the value", "FLOWTRIGGER_SECRET_ZENDESK_KEY"]);
        assert!(!said.stdout.contains(pasted), "{said:?}");
    }
}
