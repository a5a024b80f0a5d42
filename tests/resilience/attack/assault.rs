//! Every kind of request that a daemon must refuse, as bytes, with what it must answer.
//! Each is bounded in count and time; all of them go to loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::signing::{TOKEN, request, signed, wrong};
use crate::crash::turn::PATIENCE;

/// What must come of an attack.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    /// This status.
    Status(u16),
    /// Anything but 2xx; being hung up on will do.
    Refused,
}

pub struct Attack {
    pub name: String,
    pub bytes: Vec<u8>,
    pub wanted: Wanted,
}

fn attack(name: impl Into<String>, bytes: impl Into<Vec<u8>>, wanted: Wanted) -> Attack {
    Attack {
        name: name.into(),
        bytes: bytes.into(),
        wanted,
    }
}

/// The attacks that are one request each. `signed` bodies show that a good signature opens no other
/// door.
pub fn requests(body: &str) -> Vec<Attack> {
    let mut all = Vec::new();
    for (name, bytes) in wrong("/events/desk", body) {
        all.push(attack(name, bytes, Wanted::Status(401)));
    }
    for (name, value) in [
        ("no token", None),
        ("`Bearer nothing`", Some("Bearer nothing".to_owned())),
        ("an empty token", Some("Bearer ".to_owned())),
        ("a word alone", Some("Bearer".to_owned())),
        ("half a token", Some(format!("Bearer {}", &TOKEN[..8]))),
        ("more than the token", Some(format!("Bearer {TOKEN}x"))),
        ("the token as basic", Some(format!("Basic {TOKEN}"))),
        ("another token", Some("Bearer 123456".to_owned())),
    ] {
        let headers = value.iter().map(|value| ("authorization", value.as_str()));
        let headers: Vec<_> = headers.collect();
        let bytes = request("/events/crm", &headers, body);
        all.push(attack(name, bytes, Wanted::Status(401)));
    }
    all.extend(heads(body));
    all.extend(bodies(body));
    all.extend(doors());
    all
}

fn heads(body: &str) -> Vec<Attack> {
    let many = "x: a\r\n".repeat(2_000);
    let with = |line: &str, status| {
        let plain = String::from_utf8(signed("/events/desk", body)).unwrap();
        let bytes = plain.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
        attack(line.to_owned(), bytes, status)
    };
    vec![
        attack(
            "2,000 headers",
            format!("POST /events/desk HTTP/1.1\r\n{many}\r\n"),
            Wanted::Status(431),
        ),
        attack(
            "a header of 1 MB",
            format!(
                "POST /events/desk HTTP/1.1\r\nx: {}\r\n\r\n",
                "a".repeat(1 << 20)
            ),
            Wanted::Refused,
        ),
        attack(
            "no HTTP",
            vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\r', b'\n'],
            Wanted::Refused,
        ),
        with("content-encoding: gzip", Wanted::Status(415)),
        with("content-encoding: br", Wanted::Status(415)),
        with("content-length: 1", Wanted::Refused),
        with("transfer-encoding: chunked", Wanted::Refused),
        with("transfer-encoding: xchunked", Wanted::Refused),
    ]
}

fn bodies(body: &str) -> Vec<Attack> {
    let post = |name: &str, body: &str, status| attack(name, signed("/events/desk", body), status);
    let media = |media: &str| {
        let plain = String::from_utf8(signed("/events/desk", body)).unwrap();
        let bytes = plain.replace("application/json", media);
        attack(
            format!("the event as `{media}`"),
            bytes,
            Wanted::Status(415),
        )
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let numbers = r#"{"kind": "x", "id": 1e999, "ticket": 1}"#;
    vec![
        post(
            "signed, 2 MB",
            &format!("\"{}\"", "a".repeat(2 << 20)),
            Wanted::Status(413),
        ),
        post("signed, 100,000 brackets deep", &deep, Wanted::Status(400)),
        post(
            "signed, a key twice",
            r#"{"kind": "x", "kind": "y", "id": "1"}"#,
            Wanted::Status(400),
        ),
        post("signed, a number beyond all", numbers, Wanted::Status(400)),
        post(
            "signed, cut off",
            &body[..body.len() - 1],
            Wanted::Status(400),
        ),
        post("signed, nothing", "", Wanted::Status(400)),
        post(
            "signed, 2,000 events at once",
            &format!("[{}{body}]", format!("{body},").repeat(1_999)),
            Wanted::Status(400),
        ),
        media("multipart/form-data; boundary=x"),
        media("application/x-www-form-urlencoded"),
        media("text/plain"),
    ]
}

/// What is no entrance.
fn doors() -> Vec<Attack> {
    let get = |path: &str, more: &str, status| {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: desk\r\n{more}\r\n");
        attack(
            format!("GET {path} {}", more.trim()),
            bytes,
            Wanted::Status(status),
        )
    };
    let post = |path: &str| {
        attack(
            format!("POST {path}"),
            request(path, &[], "{}"),
            Wanted::Status(404),
        )
    };
    vec![
        get("/metrics", "x-forwarded-for: 203.0.113.9\r\n", 403),
        get("/events/desk", "", 405),
        get("/", "", 404),
        get("/../../etc/passwd", "", 404),
        get("/events/%2e%2e/%2e%2e/flowtrigger.yaml", "", 404),
        post("/runs/1/retry"),
        post("/status"),
        post("/events/nobody"),
        post("/events/support"),
    ]
}

/// The status of the answer; none where the daemon hangs up without one.
pub fn throw(address: &str, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may hang up before it has all of it.
    let _ = stream.write_all(bytes);
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> Option<u16> {
    let (mut said, mut buffer) = (Vec::new(), [0; 4_096]);
    while !said.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
        }
    }
    let line = String::from_utf8_lossy(&said).into_owned();
    line.split(' ').nth(1)?.parse().ok()
}

/// A body without end, up to `most` bytes: how many were taken, and what was answered.
pub fn stream(address: &str, head: &str, most: usize) -> (usize, Option<u16>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'a'; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    let mut sent = 0;
    while sent < most && stream.write_all(&chunk).is_ok() {
        sent += piece.len();
    }
    (sent, answer(&mut stream))
}

/// Connections that each say a little and then nothing: how long the last of them was kept.
pub fn dribble(address: &str, count: usize) -> Duration {
    let began = Instant::now();
    let streams: Vec<TcpStream> = (0..count)
        .map(|index| {
            let mut stream = TcpStream::connect(address).unwrap();
            let said = [
                "",
                "POST",
                "POST /events/desk HTTP/1.1\r\ncontent-length: 10\r\n\r\n{",
            ];
            let _ = stream.write_all(said[index % said.len()].as_bytes());
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
        })
        .collect();
    for mut stream in streams {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    began.elapsed()
}

/// Requests one after the other whose answers nobody reads, until the daemon hangs up.
pub fn never_read(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let asked = "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50);
    let mut sent = 0;
    while sent < 1_000_000 && stream.write_all(asked.as_bytes()).is_ok() {
        sent += 50;
    }
    sent
}
