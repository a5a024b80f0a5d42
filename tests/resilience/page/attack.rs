//! Requests that would exhaust the daemon through its page: slow and huge heads, large bodies, and many connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::wait::TIMEOUT;

use super::{PageClient, sandbox};
use crate::crash::desk::event;

#[test]
fn slow_and_huge_requests_to_the_page_are_rejected() {
    let sandbox = sandbox("listen: { request: 1s, connections: 150 }\n");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let browser = PageClient::signed_in(&daemon, &sandbox, &[]);
    let began = Instant::now();
    let slow: Vec<TcpStream> = (0..140)
        .map(|number| {
            let mut stream = TcpStream::connect(&browser.address).unwrap();
            let texts = [
                "",
                "GET",
                "POST /login HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nt",
            ];
            drop(stream.write_all(texts[number % texts.len()].as_bytes()));
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream
        })
        .collect();
    // Events have connections of their own.
    daemon.accept("desk", &event("e1", 1, "made"));
    for mut stream in slow {
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );

    let many = "x: a\r\n".repeat(2_000);
    let long = "a".repeat(1 << 20);
    for (head, status) in [
        (
            format!("GET /login HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
            Some(431),
        ),
        (
            format!("GET /login HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
            None,
        ),
        (
            format!("GET /login?next={long} HTTP/1.1\r\nhost: a\r\n\r\n"),
            None,
        ),
        (
            "GET /login HTTP/1.1\r\n\r\n\u{16}\u{3}\u{1}".to_owned(),
            None,
        ),
    ] {
        let mut connection = Connection::open(&browser.address).unwrap();
        let answer = connection
            .send_bytes(head.as_bytes())
            .ok()
            .map(|answer| answer.status());
        match status {
            Some(status) => assert_eq!(answer, Some(status)),
            None => assert!(answer.is_none_or(|status| status == 200 || status >= 400)),
        }
    }
    let form = format!("token={}", "a".repeat(5_000));
    assert_eq!(browser.post("/login", &[], &form).status(), 413);
    assert_eq!(browser.get("/deliveries", &[]).status(), 200);
    let peak = daemon.peak_memory() >> 20;
    assert!(peak < 200, "{peak} MB");
    daemon.stop();
}

#[test]
fn answers_that_nobody_reads_end_their_connection() {
    let sandbox = sandbox("listen: { request: 1s }\n");
    let daemon = DaemonProcess::start_with_page(&sandbox);
    let address = daemon.page_address();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    let requests = "GET /login HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50);
    let mut sent = 0;
    while sent < 1_000_000 && stream.write_all(requests.as_bytes()).is_ok() {
        sent += 50;
    }
    assert!(sent < 1_000_000);
    daemon.stop();
}
