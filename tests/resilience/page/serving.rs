//! Where the page is served, what a list shows, and that an open page does not delay a shutdown.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::wait::TIMEOUT;
use rustix::process::Signal;

use super::{PageClient, request, sandbox, send_to_socket};
use crate::crash::desk::event;

#[test]
fn requests_are_listed_in_both_forms_and_filtered() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    let empty = browser.get("/deliveries", &[]);
    assert!(
        empty.body.contains("No sender has posted anything yet"),
        "{empty:?}"
    );
    daemon.accept("desk", &event("e1", 7, "made"));
    daemon.post("/events/desk", "{\"<b>");
    let all = browser.get("/deliveries.json", &[]).json();
    assert_eq!(all["version"], 1);
    let requests = all["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 2, "{all}");
    assert_eq!(
        (&requests[0]["status"], &requests[1]["first_event"]),
        (&400.into(), &"e1".into())
    );
    let command = sandbox
        .run(&["deliveries", "--format", "json"])
        .json_lines();
    for (on_page, printed) in requests.iter().zip(&command) {
        let mut printed = printed.clone();
        printed.as_object_mut().unwrap().remove("version");
        assert_eq!(on_page, &printed);
    }
    for (query, count) in [
        ("status=400", 1),
        ("status=accepted", 1),
        ("status=rejected&source=desk", 1),
        ("source=support", 0),
        ("text=E1", 1),
        ("text=127.0.0.1", 2),
        ("until=-1h", 0),
        ("since=-1h", 2),
        ("reason=unsound", 1),
    ] {
        let found = browser
            .get(&format!("/deliveries.json?{query}"), &[])
            .json();
        assert_eq!(
            found["requests"].as_array().map(Vec::len),
            Some(count),
            "{query}: {found}"
        );
    }
    let page = browser.get("/deliveries?status=400", &[]);
    assert!(
        page.body.contains("<span class=\"st refused\">400</span>"),
        "{page:?}"
    );
    let wrong = browser.get("/deliveries.json?before=x", &[]).json();
    assert_eq!(wrong["error"], "`before`: `x` is not valid");
    daemon.stop();
}

#[test]
fn older_requests_are_on_the_next_pages() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    for number in 0..60 {
        daemon.accept("desk", &event(&format!("e{number}"), number, "made"));
    }
    let mut seen = Vec::new();
    let mut next = Some("/deliveries".to_owned());
    while let Some(path) = next {
        let json = path.replacen("/deliveries", "/deliveries.json", 1);
        let page = browser.get(&json, &[]).json();
        let requests = page["requests"].as_array().unwrap();
        assert!(requests.len() <= 50);
        seen.extend(requests.iter().map(|row| row["id"].as_u64().unwrap()));
        next = page["older"].as_str().map(str::to_owned);
    }
    let mut expected = seen.clone();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    expected.dedup();
    assert_eq!(seen, expected);
    let listed =
        browser.get("/deliveries.json", &[]).json()["totals"]["accepted"]["listed"].clone();
    assert_eq!(listed, seen.len());
    daemon.stop();
}

#[test]
fn a_page_that_is_off_is_on_the_socket_alone() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start(&sandbox);
    let output = sandbox.run(&["page"]);
    let socket = daemon.socket().canonicalize().unwrap();
    let forward = format!("ssh -L 8081:{} HOST", socket.display());
    output.expect_stdout(1, &[&forward, "http://127.0.0.1:8081"]);
    let page = send_to_socket(&daemon, "GET", "/deliveries", &[("host", "localhost:8081")]);
    assert_eq!(page.status(), 200);
    assert!(
        !daemon.log().contains("serving the page"),
        "{}",
        daemon.log()
    );
    daemon.stop();
}

#[test]
fn the_default_address_may_be_in_use() {
    // Another program may hold the port already.
    let _held = TcpListener::bind("127.0.0.1:8081");
    let sandbox = sandbox("").with_configured_page();
    let daemon = DaemonProcess::start(&sandbox);
    let warned = daemon.expect_message("the page is available on the admin socket only");
    let message = warned["message"].as_str().unwrap();
    assert!(message.contains("the port is in use"), "{warned}");
    daemon.stop();
}

#[test]
fn a_configured_address_that_is_in_use_prevents_the_start() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    let sandbox = sandbox(&format!("page: '{address}'\n")).with_configured_page();
    let output = sandbox.run_daemon();
    output.expect_stderr(5, &[&address.to_string(), "the port is in use", "--page"]);
    let public = sandbox.run(&["daemon", "--listen", "127.0.0.1:0", "--page", "0.0.0.0:0"]);
    public.expect_stderr(2, &["cannot serve the page", "nobody can sign in"]);
}

/// Opens a stream of live updates, and waits for its first bytes.
fn open_stream(browser: &PageClient) -> TcpStream {
    let mut stream = TcpStream::connect(&browser.address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let cookie = browser.cookie.clone().unwrap();
    let headers = [("host", browser.address.as_str()), ("cookie", &cookie)];
    let bytes = request("GET", "/live/deliveries", &headers, "");
    stream.write_all(&bytes).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[test]
fn an_open_stream_announces_new_rows_and_does_not_delay_a_shutdown() {
    let sandbox = sandbox("");
    let mut daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    let mut stream = open_stream(&browser);
    let mut text = String::new();
    let mut buffer = [0; 4096];
    let mut sent = 0;
    while !text.contains("data: ") {
        daemon.post("/events/desk", &format!("not JSON {sent}"));
        sent += 1;
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0 && sent < 100, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait_for_exit(), Some(0), "{}", daemon.log());
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
}

#[test]
fn live_streams_are_limited() {
    let sandbox = sandbox("");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    let streams: Vec<TcpStream> = (0..100).map(|_| open_stream(&browser)).collect();
    assert_eq!(browser.get("/live/deliveries", &[]).status(), 503);
    assert_eq!(browser.get("/deliveries", &[]).status(), 200);
    drop(streams);
    daemon.stop();
}
