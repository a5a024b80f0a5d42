//! What browsers of other sites can do to the page: nothing, on the network and through a forwarded socket.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Message;

use super::{PageClient, sandbox, send_to_socket};

#[track_caller]
fn assert_guarded(path: &str, answer: &Message) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{path}: {answer:?}");
    }
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{path}"
    );
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    assert!(answer.header("cache-control").is_some(), "{path}");
    let body = &answer.body;
    assert!(
        !body.contains(" style=") && !body.contains("<script>"),
        "{path}: {body}"
    );
}

#[test]
fn every_answer_has_the_headers_that_keep_foreign_content_out() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    let style = format!("/assets/{}/style.css", env!("CARGO_PKG_VERSION"));
    for (path, status) in [
        ("/deliveries", 200),
        ("/deliveries.json", 200),
        ("/deliveries?status=x", 400),
        ("/deliveries.json?since=yesterday", 400),
        ("/login", 200),
        ("/login?token=guess", 200),
        (style.as_str(), 200),
        ("/assets/mark.svg", 200),
        ("/nowhere", 404),
        ("/nowhere.json", 404),
        ("/logout", 303),
        ("/commands/1/stop", 405),
    ] {
        let answer = browser.get(path, &[]);
        assert_eq!(answer.status(), status, "{path}: {answer:?}");
        assert_guarded(path, &answer);
        let socket = send_to_socket(&daemon, "GET", path, &[("host", "localhost:8081")]);
        assert_eq!(socket.status(), status, "{path}: {socket:?}");
        assert_guarded(path, &socket);
        let foreign = browser.get(path, &[("host", "evil.example")]);
        assert_eq!(foreign.status(), 421, "{path}");
        assert_guarded(path, &foreign);
    }
    daemon.stop();
}

#[test]
fn other_sites_can_neither_post_nor_read() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ],
    ] {
        let answer = browser.post("/logout", headers, "");
        assert_eq!(answer.status(), 403, "{headers:?}");
    }
    let read = browser.get("/deliveries.json", &[("sec-fetch-site", "cross-site")]);
    assert_eq!(read.status(), 403);
    let two = browser.get(
        "/deliveries",
        &[("host", "localhost"), ("host", "localhost")],
    );
    assert_eq!(two.status(), 400);
    assert_eq!(browser.get("/deliveries", &[]).status(), 200);
    daemon.stop();
}

#[test]
fn a_page_cannot_give_commands_through_a_forwarded_socket() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let host = ("host", "127.0.0.1:8081");
    for (path, method) in [
        ("/runs/1/retry", "POST"),
        ("/runs/1/cancel", "POST"),
        ("/runs/1/replay", "POST"),
        ("/replay", "POST"),
        ("/flush", "POST"),
        ("/login-links", "POST"),
        ("/status", "GET"),
        ("/metrics", "GET"),
    ] {
        for headers in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[("host", "evil.example:8081")],
            &[host, ("host", "evil.example")],
        ] {
            let answer = send_to_socket(&daemon, method, path, headers);
            let rejected = [400, 403, 421].contains(&answer.status());
            assert!(rejected, "{path} {headers:?}: {answer:?}");
        }
    }
    // The command line sends no such header.
    let plain = send_to_socket(&daemon, "POST", "/runs/1/retry", &[("host", "flowtrigger")]);
    assert_eq!(plain.status(), 404);
    assert!(
        plain.json()["error"]
            .as_str()
            .is_some_and(|error| error.contains("run 1"))
    );
    daemon.stop();
}

#[test]
fn the_network_has_no_administration_and_the_events_listener_no_page() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    for path in ["/status", "/metrics", "/login-links", "/flush", "/replay"] {
        assert_eq!(browser.get(path, &[]).status(), 404, "{path}");
        assert_eq!(browser.post(path, &[], "").status(), 404, "{path}");
    }
    assert_eq!(browser.post("/runs/1/retry", &[], "").status(), 404);
    for path in [
        "/",
        "/deliveries",
        "/deliveries.json",
        "/login",
        "/assets/mark.svg",
    ] {
        assert_eq!(daemon.get(path).status(), 404, "{path}");
    }
    daemon.stop();
}

#[test]
fn the_socket_needs_no_login_and_keeps_the_name_of_a_session() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let host = ("host", "localhost:8081");
    let page = send_to_socket(&daemon, "GET", "/deliveries", &[host]);
    assert!(page.body.contains("socket, may act"), "{page:?}");
    let browser = PageClient::signed_in(&daemon, &sandbox, &["--name", "ada", "--read"]);
    let cookie = browser.cookie.clone().unwrap();
    let page = send_to_socket(&daemon, "GET", "/deliveries", &[host, ("cookie", &cookie)]);
    assert!(page.body.contains("ada, may read"), "{page:?}");
    daemon.stop();
}
