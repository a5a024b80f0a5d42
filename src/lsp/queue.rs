//! The messages that wait to be handled, in their order. A request that the client cancels is taken out.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

use lsp_server::{Message, RequestId};
use lsp_types::notification::{Cancel, Notification as NotificationMethod};

use super::full_check::CheckedWorkspace;
use super::inlay_hint::FoundActivity;
use super::workspace_root::WorkspacePaths;

/// What the session handles next.
pub enum Incoming {
    Client(Message),
    /// The client closed the connection.
    Closed,
    Checked(WorkspacePaths, CheckedWorkspace),
    Activity(WorkspacePaths, FoundActivity),
}

/// Messages of the client and results of the background.
pub struct Queue {
    received: Receiver<Incoming>,
    waiting: VecDeque<Incoming>,
    /// Cancelled requests that are not answered yet.
    pub cancelled: Vec<RequestId>,
}

impl Queue {
    pub fn new(received: Receiver<Incoming>) -> Self {
        Self {
            received,
            waiting: VecDeque::new(),
            cancelled: Vec::new(),
        }
    }

    /// Takes everything that has arrived. A cancelled request is removed, and listed in `cancelled`.
    pub fn receive(&mut self) {
        while let Ok(incoming) = self.received.try_recv() {
            self.add(incoming);
        }
    }

    /// Whether nothing has arrived that is not handled.
    pub fn is_empty(&mut self) -> bool {
        self.receive();
        self.waiting.is_empty()
    }

    /// The next message; waits for it.
    pub fn next(&mut self) -> Incoming {
        self.receive();
        loop {
            if let Some(incoming) = self.waiting.pop_front() {
                return incoming;
            }
            match self.received.recv() {
                Ok(incoming) => self.add(incoming),
                Err(_) => return Incoming::Closed,
            }
            self.receive();
        }
    }

    fn add(&mut self, incoming: Incoming) {
        if let Incoming::Client(Message::Notification(notification)) = &incoming
            && notification.method == Cancel::METHOD
        {
            self.cancel(&notification.params);
            return;
        }
        self.waiting.push_back(incoming);
    }

    fn cancel(&mut self, parameters: &serde_json::Value) {
        let id = parameters.get("id").cloned().unwrap_or_default();
        let Ok(id) = serde_json::from_value::<RequestId>(id) else {
            return;
        };
        let is_it = |incoming: &Incoming| match incoming {
            Incoming::Client(Message::Request(request)) => request.id == id,
            Incoming::Client(Message::Response(_) | Message::Notification(_))
            | Incoming::Closed
            | Incoming::Checked(..)
            | Incoming::Activity(..) => false,
        };
        let before = self.waiting.len();
        self.waiting.retain(|waiting| !is_it(waiting));
        if self.waiting.len() < before {
            self.cancelled.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_server::{Notification, Request};
    use serde_json::json;
    use std::sync::mpsc::channel;

    fn request(id: i32) -> Incoming {
        let id = RequestId::from(id);
        let method = "textDocument/hover".to_owned();
        Incoming::Client(Request::new(id, method, json!({})).into())
    }

    fn cancel(id: i32) -> Incoming {
        let method = Cancel::METHOD.to_owned();
        Incoming::Client(Notification::new(method, json!({ "id": id })).into())
    }

    fn id(incoming: Incoming) -> Option<RequestId> {
        match incoming {
            Incoming::Client(Message::Request(request)) => Some(request.id),
            Incoming::Client(Message::Response(_) | Message::Notification(_))
            | Incoming::Closed
            | Incoming::Checked(..)
            | Incoming::Activity(..) => None,
        }
    }

    #[test]
    fn a_cancelled_request_that_waits_is_not_handled() {
        let (send, received) = channel();
        let mut queue = Queue::new(received);
        for incoming in [request(1), request(2), cancel(1), cancel(7), request(3)] {
            send.send(incoming).expect("a queue");
        }
        assert_eq!(id(queue.next()), Some(2.into()));
        assert_eq!(id(queue.next()), Some(3.into()));
        assert_eq!(queue.cancelled, [RequestId::from(1)]);
        assert!(queue.is_empty());
        drop(send);
        assert!(matches!(queue.next(), Incoming::Closed));
    }
}
