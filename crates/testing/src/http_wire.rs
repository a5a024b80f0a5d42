//! HTTP/1.1 messages and connections written by hand, so that a test can send what no client library
//! sends and sees a connection break. Reads bodies by `content-length`, or up to the end of the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::program::assert_no_panic;
use crate::wait::TIMEOUT;

/// A request or a response.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub head: String,
    pub body: String,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The status of a response.
    #[track_caller]
    pub fn status(&self) -> u16 {
        let word = self.head.split(' ').nth(1);
        word.and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("not a response: {self:?}"))
    }

    /// The path of a request.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The seconds of `retry-after`.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let seconds = self.header("retry-after");
        let seconds = seconds.unwrap_or_else(|| panic!("no retry-after: {self:?}"));
        seconds.parse().expect("seconds")
    }

    /// Checks the status of a rejected event and that the response contains each part.
    #[track_caller]
    pub fn expect_rejected(&self, status: u16, parts: &[&str]) -> &Self {
        assert_eq!(self.status(), status, "{self:?}");
        assert_no_panic(&self.body);
        assert_eq!(self.json()["accepted"], false, "{self:?}");
        for part in parts {
            assert!(self.body.contains(part), "no `{part}` in {self:?}");
        }
        self
    }
}

/// A request with these header lines. Adds `host` and `content-length`.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// One end of a connection, with the bytes that were read ahead.
pub struct Connection<S> {
    stream: S,
    ahead: Vec<u8>,
}

impl Connection<TcpStream> {
    pub fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    pub fn new(stream: S) -> Self {
        let ahead = Vec::new();
        Self { stream, ahead }
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Sends a JSON request and reads the response; the connection stays open.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Message> {
        let media = "content-type: application/json\r\n";
        let bytes = request(method, path, media, body.as_bytes());
        self.stream.write_all(&bytes)?;
        self.read()?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Sends bytes and reads one response. A server may respond and close before it has read all of them.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<Message> {
        drop(self.stream.write_all(bytes));
        self.read()?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// The next message; `None` at the end of the connection.
    pub fn read(&mut self) -> io::Result<Option<Message>> {
        let mut buffer = [0; 16_384];
        loop {
            if let Some(message) = self.take_message(End::Open) {
                return Ok(Some(message));
            }
            match self.stream.read(&mut buffer)? {
                0 => return Ok(self.take_message(End::Closed)),
                count => self.ahead.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn take_message(&mut self, end: End) -> Option<Message> {
        let head = self.ahead.windows(4).position(|four| four == b"\r\n\r\n")?;
        let mut message = Message {
            head: String::from_utf8_lossy(&self.ahead[..head]).into_owned(),
            body: String::new(),
        };
        let start = head + 4;
        let length = message
            .header("content-length")
            .map(|length| length.parse());
        let is_response = message.head.starts_with("HTTP/");
        let length = match (length, end) {
            (Some(length), _) => length.expect("content-length is a number"),
            // Without a length, the body of a response ends with the connection.
            (None, End::Open) if is_response && !has_no_body(&message) => return None,
            (None, End::Closed) if is_response => self.ahead.len() - start,
            (None, _) => 0,
        };
        if self.ahead.len() < start + length {
            return None;
        }
        let body = &self.ahead[start..start + length];
        message.body = String::from_utf8_lossy(body).into_owned();
        self.ahead.drain(..start + length);
        Some(message)
    }
}

/// Whether more bytes may arrive.
#[derive(Clone, Copy)]
enum End {
    Open,
    Closed,
}

fn has_no_body(response: &Message) -> bool {
    [100, 204, 304].contains(&response.status())
}
