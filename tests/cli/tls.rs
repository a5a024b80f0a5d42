//! The program with certificates: a daemon that serves HTTPS, a renewal on disk, `check`, `dry-run`, and files that
//! cannot be used.

use std::net::SocketAddr;
use std::time::Duration;

use flowtrigger_testing::certificates::TestAuthority;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::request;
use flowtrigger_testing::program::{Output, finish};
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::tls_client::TlsClient;
use flowtrigger_testing::tls_receiver::TlsReceiver;
use flowtrigger_testing::wait::wait_until;
use rustix::process::Signal;
use serde_json::{Value, json};

const RULE: &str = "name: tells\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - http: { connection: crm, path: /x }\n";

const CONFIG: &str = "\
listen:
  tls: { certificate: desk.pem, key: desk.key }
  metrics: 127.0.0.1:0
page:
  listen: 127.0.0.1:0
  tls: { certificate: desk.pem, key: desk.key }
connections:
  crm: { base_url: \"https://crm.example\", tls: { ca: ca.pem, certificate: crm.pem, key: crm.key } }
";

/// A folder with a rule, certificates and the configuration that uses them.
fn prepared() -> (Sandbox, TestAuthority) {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger")).with_configured_page();
    let authority = TestAuthority::new("own");
    authority.server("desk").write(sandbox.folder(), "desk");
    authority.client("crm").write(sandbox.folder(), "crm");
    sandbox.write("ca.pem", &authority.pem);
    sandbox.write_rules(RULE);
    sandbox.write("flowtrigger.yaml", CONFIG);
    (sandbox, authority)
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn certificates(daemon: &DaemonProcess) -> Value {
    daemon.admin("GET", "/status").json()["certificates"].clone()
}

#[test]
fn a_daemon_serves_https_and_uses_renewed_certificates() {
    let (sandbox, authority) = prepared();
    let daemon = DaemonProcess::start(&sandbox);
    let events = address(&daemon.address);
    let metrics = daemon.expect_message("serving metrics");
    let metrics = metrics["address"].as_str().expect("an address").to_owned();
    let config = authority.client_config(None);
    let mut client = TlsClient::connect(events, &config).expect("a handshake");
    let before = client.certificate();
    assert_eq!(client.send("GET", "/healthz", "").unwrap().status(), 200);
    assert_eq!(client.send("GET", "/metrics", "").unwrap().status(), 404);

    let event = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Ticket Deleted", "ticket": {"id": 7}}}});
    sandbox.write("event.json", event.to_string());
    let to = format!("https://{events}");
    let mut send = sandbox.command(&["send", "--source", "support", "--to", &to, "event.json"]);
    let sent = send
        .env("SSL_CERT_FILE", "ca.pem")
        .spawn()
        .expect("it starts");
    let sent = Output::new(finish(sent));
    assert_eq!(sent.code, 0, "{sent:?}");

    // The configured address is one of HTTPS.
    let run = |arguments: &[&str], authorities: Option<&str>| {
        let mut command = sandbox.command(arguments);
        command.env("FLOWTRIGGER_LISTEN", events.to_string());
        if let Some(file) = authorities {
            command.env("SSL_CERT_FILE", file);
        }
        Output::new(finish(command.spawn().expect("it starts")))
    };
    let send = ["send", "--source", "support", "event.json"];
    let sent = run(&[&send[..], &["--ca", "ca.pem"]].concat(), None);
    assert_eq!(sent.code, 0, "{sent:?}");
    let curl = format!("curl https://{events}/");
    run(&["sign", "--source", "support", "event.json"], None).expect_stdout(0, &[&curl]);
    let unknown = "the certificate is not trusted: its authority is unknown";
    run(&send, None).expect_stderr(5, &[unknown, "`--ca FILE`", "`SSL_CERT_FILE`"]);
    run(&send, Some("none.pem")).expect_stderr(
        5,
        &[unknown, "`SSL_CERT_FILE` names a file that does not exist"],
    );
    run(&[&send[..], &["--ca", "none.pem"]].concat(), None)
        .expect_stderr(2, &["`--ca`: `none.pem` does not exist"]);

    // The page: the link has the right scheme, and the cookie of the session is for TLS only.
    let page = address(&daemon.page_address());
    let link = sandbox.run(&["page", "--format", "json"]);
    let link: Value = serde_json::from_str(&link.stdout).expect("JSON");
    let url = link["url"].as_str().expect("a link");
    let (base, token) = url.split_once("/login?token=").expect("a token");
    assert_eq!(base, format!("https://{page}"));
    let mut browser = TlsClient::connect(page, &config).expect("a handshake");
    let form = format!("token={token}");
    let headers = "content-type: application/x-www-form-urlencoded\r\norigin: https://test\r\n";
    let login = browser.send_bytes(&request("POST", "/login", headers, form.as_bytes()));
    let login = login.expect("a response");
    let cookie = login.header("set-cookie").expect("a cookie");
    assert!(cookie.ends_with("; Secure"), "{cookie}");

    // A connection may be closed while nothing is sent.
    let scrape = || {
        let connection = flowtrigger_testing::http_wire::Connection::open(&metrics);
        let mut connection = connection.expect("a connection");
        let answer = connection.send("GET", "/metrics", "");
        answer.expect("a response").body
    };
    let text = scrape();
    for listener in ["events", "page"] {
        let name = "flowtrigger_tls_certificate_expiry_timestamp_seconds";
        let line = format!("{name}{{listener=\"{listener}\"}} ");
        assert!(text.contains(&line), "{text}");
        let name = "flowtrigger_tls_certificate_current";
        let line = format!("{name}{{listener=\"{listener}\"}} 1\n");
        assert!(text.contains(&line), "{text}");
    }

    // A renewal is used without a reload, and open connections continue.
    authority.server("renewed").write(sandbox.folder(), "desk");
    wait_until("new handshakes present the new certificate", || {
        let mut fresh = TlsClient::connect(events, &config).expect("a handshake");
        fresh.certificate() != before
    });
    assert_eq!(client.send("GET", "/healthz", "").unwrap().status(), 200);
    assert_eq!(certificates(&daemon)[0]["problem"], Value::Null);
    // A broken one changes nothing but the status.
    sandbox.write("desk.key", "damaged");
    let line = daemon.expect_message("the certificate on disk cannot be used");
    assert_eq!(line["level"], "ERROR");
    wait_until("the status shows the problem", || {
        let found = certificates(&daemon);
        found[0]["problem"]
            .as_str()
            .is_some_and(|problem| problem.starts_with("`desk.key` contains no private key"))
    });
    let rejected = "flowtrigger_tls_certificate_current{listener=\"events\"} 0\n";
    assert!(scrape().contains(rejected), "{}", scrape());
    assert_eq!(client.send("GET", "/healthz", "").unwrap().status(), 200);
    TlsClient::connect(events, &config).expect("a handshake");
    let status = sandbox.run(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(status["daemon"]["certificates"][0]["listener"], "events");
    let parts = [
        "of events: expires at",
        "not renewed: `desk.key` contains no private key",
    ];
    sandbox.run(&["status"]).expect_stdout(0, &parts);
    daemon.stop();
}

/// Tokens are readable on the network without TLS, which the log says.
#[test]
fn tokens_of_a_public_listener_are_encrypted_by_tls() {
    for (tls, is_warned) in [
        ("", true),
        ("  tls: { certificate: desk.pem, key: desk.key }\n", false),
    ] {
        let (sandbox, _) = prepared();
        let sandbox = sandbox.with_env("FLOWTRIGGER_SECRET_KEY", &"k".repeat(40));
        let sources = "sources: { support: { verify: bearer, secrets: KEY } }\nmode: shadow\n";
        let listen = format!("listen:\n  address: 0.0.0.0:0\n{tls}");
        let page = "page: off\nconnections: { crm: { base_url: \"https://crm.example\" } }\n";
        sandbox.write("flowtrigger.yaml", format!("{listen}{sources}{page}"));
        let mut daemon = DaemonProcess::start_with(&sandbox, &[]);
        daemon.signal(Signal::TERM);
        assert_eq!(daemon.wait_for_exit(), Some(0));
        assert_eq!(
            daemon.log().contains("plain HTTP"),
            is_warned,
            "{}",
            daemon.log()
        );
    }
}

#[test]
fn a_daemon_does_not_start_with_files_that_it_cannot_use() {
    let (sandbox, authority) = prepared();
    let start = |part: &str| {
        let output = sandbox.run_daemon();
        output.expect_stderr(3, &[part]);
    };
    sandbox.write("desk.key", authority.client("other").key);
    start(
        "`listen.tls`: the key in `desk.key` does not belong to the first certificate in `desk.pem`",
    );
    std::fs::remove_file(sandbox.path("desk.key")).unwrap();
    start("`listen.tls`: `desk.key` does not exist");
    let encrypted = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    sandbox.write("desk.key", encrypted);
    start("`desk.key` contains an encrypted private key");
    authority.server("desk").write(sandbox.folder(), "desk");
    std::fs::remove_file(sandbox.path("crm.pem")).unwrap();
    start("`connections.crm.tls`: `crm.pem` does not exist");
}

/// A failed reload is not the fault of a certificate, so it has its line with the rules.
#[test]
fn status_marks_what_needs_a_look() {
    for (certificate, expected) in [
        ("expired", "of events: expired at 2"),
        ("future", "of events: not valid before 2"),
    ] {
        let (sandbox, authority) = prepared();
        let server = match certificate {
            "expired" => authority.expired_server("desk"),
            _ => authority.future_server("desk"),
        };
        server.write(sandbox.folder(), "desk");
        sandbox.write("flowtrigger.yaml", format!("{CONFIG}mode: shadow\n"));
        let daemon = DaemonProcess::start(&sandbox);
        daemon.expect_log(|line| line["message"] == "listening" && line["mode"] == "shadow");
        daemon.expect_message("`mode` of the configuration is shadow");
        assert_eq!(daemon.admin("GET", "/status").json()["mode"], "shadow");
        sandbox.write_rules("nam: x\n");
        daemon.signal(Signal::HUP);
        daemon.expect_message("not reloaded");
        let status = sandbox.run(&["status"]);
        status.expect_stdout(0, &[expected, "shadow: no rule sends or executes anything"]);
        let at = |part: &str| status.stdout.find(part).expect("it is there");
        assert!(at("not reloaded at") < at("certificate"), "{status:?}");
        daemon.stop();
    }
}

#[test]
fn check_reports_addresses_that_stop_a_start_or_show_secrets() {
    let (sandbox, _) = prepared();
    let sandbox = sandbox.with_env("FLOWTRIGGER_SECRET_KEY", "short");
    let rest = "connections: { crm: { base_url: 'outbox:crm' } }";
    for (config, code, expected) in [
        (
            "listen: https://0.0.0.0:8443",
            3,
            "`listen` is not an address: `https://0.0.0.0:8443`",
        ),
        (
            "listen: { metrics: '9464' }",
            3,
            "write a host and a port: `127.0.0.1:9464`",
        ),
        (
            "listen: { address: '127.0.0.1:8080', metrics: '0.0.0.0:8080' }",
            3,
            "`listen.metrics` and `listen` have the same port 8080",
        ),
        (
            "page: 127.0.0.1:8080",
            3,
            "`page` and `listen` have the same port 8080",
        ),
        ("page: nein", 3, "`page` is not an address: `nein`"),
        (
            "listen: { metrics: { address: '0.0.0.0:9464' } }",
            0,
            "only this one may read them",
        ),
        (
            "page: { listen: '0.0.0.0:8081', secrets: KEY }",
            0,
            "logins on the page are sent over plain HTTP",
        ),
        (
            "page: { secrets: KEY }",
            0,
            "the secret `KEY` of the page is shorter than 16 characters",
        ),
    ] {
        sandbox.write("flowtrigger.yaml", format!("{rest}\n{config}\n"));
        sandbox
            .run(&["check"])
            .expect_stdout(code, &[expected, "flowtrigger.yaml:2:"]);
    }
}

#[test]
fn a_machine_where_no_live_rule_uses_a_connection_needs_no_files_of_it() {
    let (sandbox, _) = prepared();
    std::fs::remove_file(sandbox.path("crm.pem")).unwrap();
    let sandbox = sandbox.with_env("FLOWTRIGGER_MODE", "shadow");
    DaemonProcess::start(&sandbox).stop();
}

#[test]
fn check_reports_files_that_cannot_be_used() {
    let (sandbox, authority) = prepared();
    sandbox.run(&["check"]).expect_stdout(0, &["no errors\n"]);
    let soon = Duration::from_secs(5 * 24 * 60 * 60 + 60);
    authority
        .server_for("desk", soon)
        .write(sandbox.folder(), "desk");
    sandbox.run(&["check"]).expect_stdout(
        0,
        &[
            "warning",
            "`listen.tls`: a certificate in `desk.pem` expires at",
            "in 5 days; renew it",
            "flowtrigger.yaml:2:8",
            "`page.tls`: a certificate",
        ],
    );
    authority
        .expired_server("desk")
        .write(sandbox.folder(), "desk");
    sandbox.run(&["check"]).expect_stdout(
        3,
        &[
            "error",
            "`listen.tls`: a certificate in `desk.pem` expired at",
        ],
    );
    authority
        .future_server("desk")
        .write(sandbox.folder(), "desk");
    sandbox
        .run(&["check"])
        .expect_stdout(3, &["a certificate in `desk.pem` is not valid before 2"]);
    std::fs::remove_file(sandbox.path("desk.pem")).unwrap();
    std::fs::remove_file(sandbox.path("desk.key")).unwrap();
    sandbox.run(&["check"]).expect_stdout(
        0,
        &[
            "`listen.tls`: `desk.pem` does not exist",
            "`listen.tls`: `desk.key` does not exist",
        ],
    );
    authority.server("desk").write(sandbox.folder(), "desk");
    sandbox.write("crm.key", "damaged");
    sandbox.run(&["check"]).expect_stdout(
        3,
        &[
            "`connections.crm.tls`: `crm.key` contains no private key",
            "flowtrigger.yaml:8:",
        ],
    );
    // The machine on which rules are checked often has no keys.
    std::fs::remove_file(sandbox.path("crm.key")).unwrap();
    sandbox.run(&["check"]).expect_stdout(
        0,
        &["warning", "`connections.crm.tls`: `crm.key` does not exist"],
    );
}

#[test]
fn dry_run_shows_the_files_of_the_connection() {
    let (sandbox, _) = prepared();
    let event = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Ticket Created", "ticket": {"id": 7}}}});
    let plan = sandbox.run_with_input(&["dry-run", "-"], &event.to_string());
    plan.expect_stdout(
        0,
        &["tls: client certificate crm.pem; authorities of ca.pem only"],
    );
    let plan = sandbox.run_with_input(&["dry-run", "--format", "json", "-"], &event.to_string());
    plan.expect_stdout(
        0,
        &["\"client certificate crm.pem; authorities of ca.pem only\""],
    );
}

/// The authority is one of the system's here, so that both servers are trusted with every client.
#[test]
fn a_redirect_to_another_origin_presents_no_client_certificate() {
    let (sandbox, authority) = prepared();
    let server = authority.server("crm");
    let second = TlsReceiver::ok(authority.asking_server(&server));
    let first = TlsReceiver::redirecting(authority.asking_server(&server), &second.url("/other"));
    let base = first.url("");
    sandbox.write(
        "flowtrigger.yaml",
        format!("outgoing: {{ allow: [127.0.0.1] }}\nconnections:\n  crm: {{ base_url: \"{base}\", tls: {{ certificate: crm.pem, key: crm.key }} }}\n"),
    );
    sandbox.write_rules(&RULE.replace("path: /x", "path: /x, method: POST, redirects: 1"));
    let sandbox = sandbox.with_env("SSL_CERT_FILE", "ca.pem");
    let event = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Ticket Created", "ticket": {"id": 7}}}});
    let output = sandbox.run_with_input(&["run", "-"], &event.to_string());
    assert_eq!(output.code, 0, "{output:?}");
    let (first, second) = (first.received(), second.received());
    assert_eq!((first.len(), second.len()), (1, 1), "{output:?}");
    assert!(first[0].certificate.is_some());
    assert!(second[0].certificate.is_none());
}
