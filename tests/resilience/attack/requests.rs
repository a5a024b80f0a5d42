//! Requests that a daemon must reject, as bytes, with the response that they must get.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flowtrigger_testing::http_wire::Connection;
use flowtrigger_testing::sender::{post, signed_post};
use flowtrigger_testing::wait::TIMEOUT;

use super::signatures::{KEY, TOKEN, wrong_signatures};

/// The response that an attack must get.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    /// This status.
    Status(u16),
    /// Any status but 2xx, or a closed connection.
    Rejected,
}

pub struct Attack {
    pub name: String,
    pub bytes: Vec<u8>,
    pub expected: Expected,
}

fn attack(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: Expected) -> Attack {
    Attack {
        name: name.into(),
        bytes: bytes.into(),
        expected,
    }
}

/// The attacks that are one request each. Signed ones show that a valid signature does not switch off other
/// checks.
pub fn requests(body: &str) -> Vec<Attack> {
    let mut all = Vec::new();
    for (name, bytes) in wrong_signatures("/events/desk", body) {
        all.push(attack(name, bytes, Expected::Status(401)));
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
        let bytes = post("/events/crm", &headers, body);
        all.push(attack(name, bytes, Expected::Status(401)));
    }
    all.extend(heads(body));
    all.extend(bodies(body));
    all.extend(paths());
    all
}

fn heads(body: &str) -> Vec<Attack> {
    let many = "x: a\r\n".repeat(2_000);
    let with = |line: &str, status| {
        let plain = String::from_utf8(signed_post("/events/desk", KEY, body)).unwrap();
        let bytes = plain.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1);
        attack(line.to_owned(), bytes, status)
    };
    vec![
        attack(
            "2,000 headers",
            format!("POST /events/desk HTTP/1.1\r\n{many}\r\n"),
            Expected::Status(431),
        ),
        attack(
            "a header of 1 MB",
            format!(
                "POST /events/desk HTTP/1.1\r\nx: {}\r\n\r\n",
                "a".repeat(1 << 20)
            ),
            Expected::Rejected,
        ),
        attack(
            "no HTTP",
            vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, b'\r', b'\n'],
            Expected::Rejected,
        ),
        with("content-encoding: gzip", Expected::Status(415)),
        with("content-encoding: br", Expected::Status(415)),
        with("content-length: 1", Expected::Rejected),
        with("transfer-encoding: chunked", Expected::Rejected),
        with("transfer-encoding: xchunked", Expected::Rejected),
    ]
}

fn bodies(body: &str) -> Vec<Attack> {
    let signed = |name: &str, body: &str, status| {
        attack(name, signed_post("/events/desk", KEY, body), status)
    };
    let media = |name: &str, media: &str, body: &str, status| {
        let plain = String::from_utf8(signed_post("/events/desk", KEY, body)).unwrap();
        let bytes = plain.replace("application/json", media);
        let name = format!("{name} as `{media}`");
        attack(name, bytes, Expected::Status(status))
    };
    let (form, parts) = (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    );
    let nested =
        "--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n--y--\r\n--x--\r\n";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let numbers = r#"{"kind": "x", "id": 1e999, "ticket": 1}"#;
    vec![
        signed(
            "signed, 2 MB",
            &format!("\"{}\"", "a".repeat(2 << 20)),
            Expected::Status(413),
        ),
        signed(
            "signed, 100,000 brackets deep",
            &deep,
            Expected::Status(413),
        ),
        signed(
            "signed, a key twice",
            r#"{"kind": "x", "kind": "y", "id": "1"}"#,
            Expected::Status(400),
        ),
        signed(
            "signed, a number out of range",
            numbers,
            Expected::Status(200),
        ),
        signed(
            "signed, cut off",
            &body[..body.len() - 1],
            Expected::Status(400),
        ),
        signed("signed, nothing", "", Expected::Status(400)),
        signed(
            "signed, 2,000 events at once",
            &format!("[{}{body}]", format!("{body},").repeat(1_999)),
            Expected::Status(400),
        ),
        media("the event", parts, body, 400),
        media("the event", form, body, 415),
        media("the event", "application/xml", body, 415),
        media("half an event", "text/plain", &body[..body.len() - 1], 400),
        media("10,000 fields", form, &"a=1&".repeat(10_000), 400),
        media("a payload that is no JSON", form, "payload=%7Bx", 400),
        media("parts in a part", parts, nested, 400),
    ]
}

/// Paths that take no events.
fn paths() -> Vec<Attack> {
    let get = |path: &str, more: &str, status| {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: desk\r\n{more}\r\n");
        attack(
            format!("GET {path} {}", more.trim()),
            bytes,
            Expected::Status(status),
        )
    };
    let post_to = |path: &str| {
        attack(
            format!("POST {path}"),
            post(path, &[], "{}"),
            Expected::Status(404),
        )
    };
    vec![
        get("/metrics", "x-forwarded-for: 203.0.113.9\r\n", 403),
        get("/events/desk", "", 405),
        get("/events/desk?validationToken=%3Cb%3E", "", 405),
        get("/", "", 404),
        get("/../../etc/passwd", "", 404),
        get("/events/%2e%2e/%2e%2e/flowtrigger.yaml", "", 404),
        post_to("/runs/1/retry"),
        get("/answers/fta_AAAA", "", 404),
        get("/answers/", "", 404),
        post_to("/answers/fta_AAAA"),
        post_to("/answers"),
        post_to("/status"),
        post_to("/events/nobody"),
        post_to("/events/support"),
    ]
}

/// The status of the response; `None` if the daemon closes the connection without one.
pub fn send(address: &str, bytes: &[u8]) -> Option<u16> {
    let mut connection = Connection::open(address).unwrap();
    let response = connection.send_bytes(bytes);
    response.ok().map(|response| response.status())
}

/// Sends an endless body, up to `limit` bytes; returns how many were sent, and the status of the response.
pub fn send_endless(address: &str, head: &str, limit: usize) -> (usize, Option<u16>) {
    let mut connection = Connection::open(address).unwrap();
    let stream = connection.stream();
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'a'; 64 * 1024];
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
    let mut sent = 0;
    while sent < limit && stream.write_all(&chunk).is_ok() {
        sent += piece.len();
    }
    let response = connection.read().ok().flatten();
    (sent, response.map(|response| response.status()))
}

/// Opens connections that send a few bytes and then nothing; returns how long the last one was kept open.
pub fn send_slowly(address: &str, count: usize) -> Duration {
    let began = Instant::now();
    let streams: Vec<TcpStream> = (0..count)
        .map(|index| {
            let mut stream = TcpStream::connect(address).unwrap();
            let texts = [
                "",
                "POST",
                "POST /events/desk HTTP/1.1\r\ncontent-length: 10\r\n\r\n{",
            ];
            let _ = stream.write_all(texts[index % texts.len()].as_bytes());
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
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

/// Sends requests without reading the responses until the daemon closes the connection; returns how many.
pub fn send_without_reading(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50);
    let mut sent = 0;
    while sent < 1_000_000 && stream.write_all(requests.as_bytes()).is_ok() {
        sent += 50;
    }
    sent
}
