//! A web page in the browser of somebody on this machine: it can reach the listener, and must not become a sender.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;

use super::setup::{NOTE, sandbox_with_flow, urgent};

/// The status of a request with these header lines instead of the usual ones.
fn status(daemon: &DaemonProcess, request: &str, headers: &str, body: &str) -> u16 {
    let mut connection = Connection::open(&daemon.address).unwrap();
    let length = body.len();
    let bytes = format!(
        "{request} HTTP/1.1\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    connection.send_bytes(bytes.as_bytes()).unwrap().status()
}

#[test]
fn a_page_of_another_site_can_neither_post_nor_read() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    let event = urgent(1).to_string();
    let post = |headers: &str| status(&daemon, "POST /events/support", headers, &event);
    let read = |headers: &str| status(&daemon, "GET /metrics", headers, "");
    let own = format!("host: {}\r\n", daemon.address);
    let origin = |origin: &str| format!("{own}origin: {origin}\r\n");
    assert_eq!(post(&origin("https://evil.example")), 403);
    assert_eq!(post(&origin("null")), 403);
    assert_eq!(post(&format!("{own}sec-fetch-site: cross-site\r\n")), 403);
    assert_eq!(post("host: evil.example\r\n"), 421);
    assert_eq!(read("host: evil.example\r\n"), 421);
    assert_eq!(read(&origin("https://evil.example")), 403);
    // Only one of each header can be right.
    let repeated = format!(
        "{own}origin: http://{}\r\norigin: https://evil.example\r\n",
        daemon.address
    );
    assert_eq!((post(&repeated), read(&repeated)), (400, 400));
    for hosts in [
        format!("{own}host: evil.example\r\n"),
        format!("host: evil.example\r\n{own}"),
    ] {
        assert_eq!((post(&hosts), read(&hosts)), (400, 400), "{hosts}");
    }
    daemon.expect_log(|line| line["reason"] == "repeated_header");
    let types = format!("{own}content-type: application/json\r\n");
    assert_eq!(post(&types), 200);
    assert_eq!(post(&format!("{types}content-type: text/plain\r\n")), 415);
    // A page may send these types without asking first, so its origin decides.
    for media in ["text/plain", "application/x-www-form-urlencoded"] {
        let foreign = origin("https://evil.example");
        assert_eq!(post(&format!("{foreign}content-type: {media}\r\n")), 403);
    }
    assert_eq!(post(&format!("{own}content-type: text/plain\r\n")), 200);
    // Without a type the body is read as JSON.
    assert_eq!((post(&own), read(&own)), (200, 200));
    assert_eq!(read("host: localhost\r\n"), 200);
    daemon.stop();
}

#[test]
fn a_configured_name_is_known() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write(
        "flowtrigger.yaml",
        "listen: { hosts: [Hooks.example.com] }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let event = urgent(1).to_string();
    let post = |headers: &str| status(&daemon, "POST /events/support", headers, &event);
    assert_eq!(post("host: hooks.example.com\r\n"), 200);
    assert_eq!(post("host: other.example.com\r\n"), 421);
    daemon.stop();
}

#[test]
fn an_unknown_path_names_no_other() {
    let sandbox = sandbox_with_flow(NOTE);
    sandbox.write(
        "flowtrigger.yaml",
        "sources: { support: { path: /hooks/s3cret, verify: none } }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    for path in ["/events", "/events/nope", "/else"] {
        let answer = daemon.post(path, &urgent(1).to_string());
        answer.expect_rejected(404, &[]);
        assert!(!answer.body.contains("s3cret"), "{answer:?}");
    }
    daemon.stop();
}

#[test]
fn a_trusted_proxy_does_not_read_the_metrics() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(daemon.get("/metrics").status(), 200);
    daemon.stop();
    sandbox.write(
        "flowtrigger.yaml",
        "listen: { trusted_proxies: [127.0.0.1] }\n",
    );
    let daemon = DaemonProcess::start(&sandbox);
    let rejected = daemon.get("/metrics");
    assert_eq!(rejected.status(), 403);
    // Prometheus cannot read a Unix socket.
    let help = "set `listen.metrics` in flowtrigger.yaml and read the metrics there";
    assert!(rejected.body.contains(help), "{}", rejected.body);
    daemon.stop();
}
