//! Senders that post events over kept connections.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long one load takes.
pub const RUN: Duration = Duration::from_secs(4);

/// One event, with its number in the fields that form its id.
fn body(number: usize) -> String {
    let text = fs::read_to_string("examples/events/zis/priority-changed.json").unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["input"]["ticket_event"]["ticket"]["id"] = number.into();
    value["input"]["ticket_event"]["meta"]["sequence"]["id"] = format!("bench-{number}").into();
    value.to_string()
}

/// A template of the body, split at the two positions of the number.
pub struct Bodies {
    parts: Vec<String>,
}

impl Bodies {
    pub fn new() -> Self {
        let parts = body(987_654_321);
        Self {
            parts: parts.split("987654321").map(str::to_owned).collect(),
        }
    }

    pub fn body(&self, number: usize) -> String {
        self.parts.join(&(1_000_000_000 + number).to_string())
    }
}

/// Posts a body and reads the status of the response; keeps the connection open.
pub fn post(stream: &mut BufReader<TcpStream>, path: &str, body: &str) -> u16 {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    answer(stream)
}

fn answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        let lower = line.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    status
}

/// The 2xx responses of a load.
pub struct Load {
    pub answered: usize,
    pub took: Duration,
    /// The times of all requests.
    pub latencies: Vec<Duration>,
}

impl Load {
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

/// Posts events with a number of senders, each over one connection.
pub fn load(address: &str, path: &'static str, senders: usize, next: &Arc<AtomicUsize>) -> Load {
    let bodies = Arc::new(Bodies::new());
    let began = Instant::now();
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let (address, next) = (address.to_owned(), Arc::clone(next));
            let bodies = Arc::clone(&bodies);
            std::thread::spawn(move || {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut stream = BufReader::new(stream);
                let mut latencies = Vec::new();
                while began.elapsed() < RUN {
                    let body = bodies.body(next.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    if (200..300).contains(&post(&mut stream, path, &body)) {
                        latencies.push(sent.elapsed());
                    }
                }
                latencies
            })
        })
        .collect();
    let threads = threads.into_iter();
    let latencies: Vec<Duration> = threads.flat_map(|thread| thread.join().unwrap()).collect();
    Load {
        answered: latencies.len(),
        took: began.elapsed(),
        latencies,
    }
}
