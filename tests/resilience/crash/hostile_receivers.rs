//! Receivers that hang, reset, or answer byte by byte: the run ends as its step says, in words that name
//! what happened, and work for others goes on beside it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use flowtrigger::core::run::{Line, Outcome};
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;

use super::desk::{event, request_rule, runs_of, sandbox};

/// A receiver of the worst kind: whatever is done with each connection.
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

/// Takes everything and says nothing, until the other side gives up.
fn hangs(mut stream: TcpStream) {
    drop(std::io::copy(&mut stream, &mut std::io::sink()));
}

/// Closes with the request unread, which resets the connection.
fn resets(stream: TcpStream) {
    drop(stream.peek(&mut [0]));
}

/// Says that it will say more, and hangs up.
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

/// Each byte comes soon, and there is no last one.
fn without_end(mut stream: TcpStream) {
    drop(stream.read(&mut [0; 4096]));
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n"));
    while stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The end of a run against such a receiver, and the reasons of its failed tries.
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
    let tries = run.log.iter().filter_map(Line::attempt);
    let failures = tries.filter_map(|attempt| match &attempt.outcome {
        Outcome::Succeeded { .. } => None,
        Outcome::Failed { message, .. } => Some(message.clone()),
    });
    (run.state.word(), failures.collect())
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
fn one_that_hangs_is_given_up_in_time() {
    dies(hangs, "200ms", "200ms");
}

#[test]
fn one_that_resets_is_tried_again_and_given_up() {
    dies(resets, "60s", "reset");
}

#[test]
fn one_that_breaks_off_is_tried_again_and_given_up() {
    dies(breaks_off, "60s", "");
}

#[test]
fn one_that_answers_byte_by_byte_is_heard_out() {
    let (state, failures) = end(byte_by_byte, "60s");
    assert_eq!((state, failures), ("done", Vec::new()));
}

#[test]
fn one_that_never_ends_its_answer_is_given_up_in_time() {
    dies(without_end, "300ms", "300ms");
}
