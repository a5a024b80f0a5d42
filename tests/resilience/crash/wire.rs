//! HTTP by hand, over connections that stay open: enough to ask and to answer, and to see a connection
//! break in the middle. It refuses everything but bodies whose length is told.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::turn::PATIENCE;

/// A request or an answer.
#[derive(Debug, Clone)]
pub struct Message {
    pub head: String,
    pub body: String,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Of an answer.
    pub fn status(&self) -> u16 {
        let word = self.head.split(' ').nth(1);
        word.and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("no answer: {self:?}"))
    }

    /// Of a request.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// When a sender is to come back, in seconds.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let seconds = self
            .header("retry-after")
            .unwrap_or_else(|| panic!("{self:?}"));
        seconds.parse().unwrap()
    }
}

/// One end of a connection, with what was read ahead.
pub struct Wire<S> {
    stream: S,
    ahead: Vec<u8>,
}

impl Wire<TcpStream> {
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }
}

impl<S: Read + Write> Wire<S> {
    pub fn new(stream: S) -> Self {
        let ahead = Vec::new();
        Self { stream, ahead }
    }

    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<Message> {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(text.as_bytes())?;
        self.read()?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    pub fn answer(&mut self, status: u16) -> io::Result<()> {
        let text = format!("HTTP/1.1 {status} So\r\ncontent-length: 2\r\n\r\n{{}}");
        self.stream.write_all(text.as_bytes())
    }

    /// The next message; none where the other side is done.
    pub fn read(&mut self) -> io::Result<Option<Message>> {
        let mut buffer = [0; 16_384];
        loop {
            if let Some(message) = self.whole() {
                return Ok(Some(message));
            }
            match self.stream.read(&mut buffer)? {
                0 => return Ok(None),
                count => self.ahead.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn whole(&mut self) -> Option<Message> {
        let end = self.ahead.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
        let mut message = Message {
            head,
            body: String::new(),
        };
        let length = message.header("content-length");
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let after = end + 4 + length;
        if self.ahead.len() < after {
            return None;
        }
        message.body = String::from_utf8_lossy(&self.ahead[end + 4..after]).into_owned();
        self.ahead.drain(..after);
        Some(message)
    }
}
