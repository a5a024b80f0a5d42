//! The socket of a service manager, which keeps every message that a daemon sends to it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flowtrigger_testing::wait::wait_until;

/// Receives messages until it is dropped.
pub struct Notifications {
    messages: Arc<Mutex<Vec<String>>>,
}

impl Notifications {
    /// Listens on a new socket at this path.
    pub fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&messages);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer)
                && let Some(kept) = kept.upgrade()
            {
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                kept.lock().unwrap().push(message);
            }
        });
        Self { messages }
    }

    /// Waits for a message that contains all of these texts, after so many messages; returns the number of messages up to it.
    #[track_caller]
    pub fn expect(&self, after: usize, texts: &[&str]) -> usize {
        let mut found = None;
        wait_until(&format!("{texts:?}"), || {
            let messages = self.messages.lock().unwrap();
            let contains = |message: &String| texts.iter().all(|text| message.contains(text));
            let position = messages.iter().skip(after).position(contains);
            found = position.map(|position| after + position + 1);
            found.is_some()
        });
        found.unwrap()
    }

    /// The number of messages so far with this text.
    pub fn count(&self, text: &str) -> usize {
        let messages = self.messages.lock().unwrap();
        messages
            .iter()
            .filter(|message| message.contains(text))
            .count()
    }
}
