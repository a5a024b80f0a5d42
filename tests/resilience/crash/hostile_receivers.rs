//! Receivers that hang, reset the connection or respond byte by byte: the run ends as its step says, with the
//! reason, and other runs continue.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use flowtrigger_core::run::LogEntry;
use flowtrigger_core::run::call_result::CallFailure;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;

use super::desk::{event, request_rule, runs_of, sandbox};

/// A receiver that treats each connection in its own way.
fn raw(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads everything and sends nothing until the client closes the connection.
fn hangs(mut stream: TcpStream) {
    drop(std::io::copy(&mut stream, &mut std::io::sink()));
}

/// Closes without reading the request, which resets the connection.
fn resets(stream: TcpStream) {
    drop(stream.peek(&mut [0]));
}

/// Closes before the announced end of the body.
fn breaks_off(mut stream: TcpStream) {
    drop(stream.read(&mut [0; 4096]));
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"slowly\":true}";

fn byte_by_byte(mut stream: TcpStream) {
    drop(stream.read(&mut [0; 4096]));
    stream.set_nodelay(true).unwrap();
    for byte in ANSWER {
        drop(stream.write_all(&[*byte]));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Sends an endless body byte by byte.
fn without_end(mut stream: TcpStream) {
    drop(stream.read(&mut [0; 4096]));
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n"));
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The end of a run with such a receiver, and the reasons of its failed attempts.
fn end(serve: fn(TcpStream), timeout: &str) -> (&'static str, Vec<String>) {
    let (bad, good) = (raw(serve), Receiver::ok());
    let step = format!("  timeout: {timeout}\n  retry: {{ attempts: 2, backoff: 10ms }}\n");
    let rules = [
        request_rule("bad", "made", bad, &step),
        request_rule("good", "other", good.port, ""),
    ];
    let sandbox = sandbox(&rules.join("---\n"));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.accept("desk", &event("a", 1, "made"));
    for ticket in 0..5 {
        daemon.accept("desk", &event(&format!("beside {ticket}"), ticket, "other"));
    }
    good.wait_for(5);
    daemon.wait_until_idle();
    daemon.stop();
    let run = runs_of(&sandbox.store(), "a").remove(0);
    let tries = run.log.iter().filter_map(LogEntry::attempt);
    let failures = tries.filter_map(|attempt| match &attempt.outcome {
        Ok(_) => None,
        Err(CallFailure { message, .. }) => Some(message.clone()),
    });
    (run.state.as_str(), failures.collect())
}

#[track_caller]
fn dies(serve: fn(TcpStream), timeout: &str, word: &str) {
    let (state, failures) = end(serve, timeout);
    assert_eq!((state, failures.len()), ("dead", 2), "{failures:?}");
    for failure in &failures {
        assert!(failure.contains(word), "no `{word}` in `{failure}`");
    }
}

#[test]
fn a_request_to_a_hanging_receiver_times_out() {
    dies(hangs, "200ms", "200ms");
}

#[test]
fn a_reset_connection_is_retried_and_then_fails() {
    dies(resets, "60s", "reset");
}

#[test]
fn an_incomplete_response_is_retried_and_then_fails() {
    dies(breaks_off, "60s", "");
}

#[test]
fn a_slow_response_is_read_to_its_end() {
    let (state, failures) = end(byte_by_byte, "60s");
    assert_eq!((state, failures), ("done", Vec::new()));
}

#[test]
fn an_endless_response_times_out() {
    dies(without_end, "300ms", "300ms");
}
