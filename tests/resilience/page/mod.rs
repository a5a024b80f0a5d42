//! The web page of a daemon: who may open it, what it rejects, and that it never delays or endangers the rest.

mod attack;
mod event_names;
mod events;
mod guard;
mod login;
mod rules;
mod serving;

use std::os::unix::net::UnixStream;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::http_wire::{Connection, Message};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::Value;

use crate::crash::desk::{self, configure};

/// A sandbox with one rule that never acts, and these lines of configuration.
fn sandbox(configuration: &str) -> Sandbox {
    let rule = "name: quiet\nevent_source: desk\nevent_type: made\nflow:\n- succeed: fine\n";
    let sandbox = desk::sandbox(rule);
    configure(&sandbox, configuration);
    sandbox
}

/// Somebody who opens the page of a daemon.
struct PageClient {
    address: String,
    /// The value of the cookie header.
    cookie: Option<String>,
}

impl PageClient {
    fn new(daemon: &DaemonProcess) -> Self {
        Self {
            address: daemon.page_address(),
            cookie: None,
        }
    }

    /// Somebody who has signed in with a link.
    #[track_caller]
    fn signed_in(daemon: &DaemonProcess, sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut browser = Self::new(daemon);
        let token = token(&login_link(sandbox, arguments));
        let answer = browser.post("/login", &[], &format!("token={token}"));
        assert_eq!(answer.status(), 303, "{answer:?}");
        browser.keep_cookie(&answer);
        browser
    }

    #[track_caller]
    fn keep_cookie(&mut self, answer: &Message) {
        let cookie = answer.header("set-cookie").expect("a cookie");
        self.cookie = cookie.split(';').next().map(str::to_owned);
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Message {
        self.send("GET", path, headers, "")
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Message {
        self.send("POST", path, headers, form)
    }

    /// Sends `host` unless `headers` have one.
    #[track_caller]
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Message {
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "host") {
            headers.push(("host", &self.address));
        }
        if let Some(cookie) = &self.cookie {
            headers.push(("cookie", cookie));
        }
        let mut connection = Connection::open(&self.address).expect("the page is served");
        let answer = connection.send_bytes(&request(method, path, &headers, form));
        answer.expect("an answer")
    }
}

/// Sends a request over the admin socket, as a forwarded port does.
#[track_caller]
fn send_to_socket(
    daemon: &DaemonProcess,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Message {
    let stream = UnixStream::connect(daemon.socket()).expect("the socket is open");
    let mut connection = Connection::new(stream);
    let answer = connection.send_bytes(&request(method, path, headers, ""));
    answer.expect("an answer")
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if method == "POST" {
        let media = "application/x-www-form-urlencoded";
        let length = form.len();
        head.push_str(&format!(
            "content-type: {media}\r\ncontent-length: {length}\r\n"
        ));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}\r\n{form}").into_bytes()
}

/// What `flowtrigger page` prints.
#[track_caller]
fn login_link(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let output = sandbox.run(&[&["page", "--format", "json"], arguments].concat());
    assert_eq!(output.code, 0, "{output:?}");
    output.json_lines()[0].clone()
}

#[track_caller]
fn token(link: &Value) -> String {
    let url = link["url"].as_str().expect("an address");
    let (_, token) = url.split_once("token=").expect("a token");
    token.to_owned()
}
