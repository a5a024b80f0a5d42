//! A receiver on this machine that gives the answers it is told to give, in turn, and keeps what came.
//! It refuses to be a server: a connection carries one request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::support::PATIENCE;

pub struct Receiver {
    pub port: u16,
    got: Arc<Mutex<Vec<Got>>>,
}

#[derive(Debug, Clone)]
pub struct Got {
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

impl Receiver {
    /// Each answer is the end of a status line with headers; the last one holds from then on.
    pub fn answering(answers: &[&str]) -> Self {
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        Self::serving(move |stream, count| {
            let answer = answers[count.min(answers.len()) - 1].trim_end();
            let text =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            drop(stream.write_all(text.as_bytes()));
        })
    }

    pub fn fine() -> Self {
        Self::answering(&["200 OK"])
    }

    /// Gives back all that it gets, as text and in a header; a path with `fail` fails.
    pub fn echoing() -> Self {
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let seen = Arc::clone(&got);
        Self::serving_into(got, move |stream, count| {
            let request = seen.lock().unwrap()[count - 1].clone();
            let first = request.head.lines().next().unwrap_or_default().to_owned();
            let status = match first.contains("fail") {
                true => "500 Oops",
                false => "200 OK",
            };
            let credentials = request.header("authorization").unwrap_or_default();
            let body = format!("{}\n\n{}", request.head, request.body);
            let text = format!(
                "HTTP/1.1 {status}\r\nx-echo: {credentials}\r\nx-first: {first}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(text.as_bytes()));
        })
    }

    /// Takes requests and says nothing.
    pub fn silent() -> Self {
        let held = Mutex::new(Vec::new());
        Self::serving(move |stream, _| held.lock().unwrap().push(stream.try_clone().unwrap()))
    }

    fn serving(answer: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::serving_into(Arc::default(), answer)
    }

    fn serving_into(
        got: Arc<Mutex<Vec<Got>>>,
        answer: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::clone(&got);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if let Some(request) = request(&mut stream) {
                    let count = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request);
                        seen.len()
                    };
                    answer(&mut stream, count);
                }
            }
        });
        Self { port, got }
    }

    /// Waits until as many requests came.
    pub fn waits_for(&self, count: usize) {
        let began = std::time::Instant::now();
        while self.got().len() < count {
            assert!(began.elapsed() < PATIENCE, "only {:?} came", self.got());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn request(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (head, body) = (head.to_owned(), body.to_owned());
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or_default() {
                return Some(Got { head, body });
            }
        }
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            Ok(0) | Err(_) => return None,
        }
    }
}

/// A port that nobody listens on: it was ours a moment ago.
pub fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
