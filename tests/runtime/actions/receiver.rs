//! A receiver on this machine that gives the bytes it is told to give and remembers what came.
//! It refuses to be a real server: one answer for all, one request a connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Receiver {
    pub address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What the receiver does after its answer.
#[derive(Clone, Copy)]
pub enum Then {
    Close,
    /// Keeps the connection open and says no more.
    Hang,
    /// Says this again and again, with a pause between.
    Repeat(&'static str, Duration),
}

impl Receiver {
    /// Answers with a status line's end (`404 Not Found`), headers and a body.
    pub async fn answering(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        );
        Self::raw(answer, Then::Close).await
    }

    pub async fn raw(answer: impl Into<String>, then: Then) -> Self {
        Self::at("127.0.0.1:0", answer, then).await
    }

    /// Listens at an address of this machine.
    pub async fn at(address: &str, answer: impl Into<String>, then: Then) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(vec![]));
        let (answer, seen) = (answer.into(), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), then, seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The only request that came.
    pub fn request(&self) -> String {
        let requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn port(&self) -> u16 {
        let (_, port) = self.address.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

async fn serve(mut stream: TcpStream, answer: String, then: Then, seen: Arc<Mutex<Vec<String>>>) {
    let mut bytes = vec![];
    while !is_whole(&bytes) {
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    seen.lock()
        .unwrap()
        .push(String::from_utf8_lossy(&bytes).into_owned());
    drop(stream.write_all(answer.as_bytes()).await);
    match then {
        Then::Close => drop(stream.shutdown().await),
        Then::Hang => std::future::pending().await,
        Then::Repeat(words, pause) => {
            while stream.write_all(words.as_bytes()).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return bytes.starts_with(&[0x16]);
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
