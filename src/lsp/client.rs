//! The client's side of the connection: answers, notifications and requests to it.

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{Notification as NotificationMethod, PublishDiagnostics};
use lsp_types::request::{InlayHintRefreshRequest, RegisterCapability, Request as RequestMethod};
use lsp_types::{
    Diagnostic as ShownDiagnostic, DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher,
    GlobPattern, PublishDiagnosticsParams, Registration, RegistrationParams, Uri,
};
use serde_json::Value;

/// The files whose changes a client reports.
const WATCHED: [&str; 2] = ["**/*.{yaml,yml,json}", "**/*.ics"];

/// Sends messages to the client.
pub struct Client {
    send: Box<dyn Fn(Message)>,
    /// The number of requests that were sent.
    sent: i32,
}

impl Client {
    pub fn new(send: impl Fn(Message) + 'static) -> Self {
        Self {
            send: Box::new(send),
            sent: 0,
        }
    }

    pub fn answer(&self, id: RequestId, answer: Value) {
        (self.send)(Response::new_ok(id, answer).into());
    }

    pub fn reject(&self, id: RequestId, code: ErrorCode, message: impl Into<String>) {
        (self.send)(Response::new_err(id, code as i32, message.into()).into());
    }

    pub fn publish(&self, uri: Uri, diagnostics: Vec<ShownDiagnostic>, version: Option<i32>) {
        let parameters = PublishDiagnosticsParams {
            uri,
            diagnostics,
            version,
        };
        let method = PublishDiagnostics::METHOD.to_owned();
        (self.send)(Notification::new(method, parameters).into());
    }

    /// Asks the client to report changes of files.
    pub fn watch_files(&mut self) {
        let watchers = WATCHED.map(|pattern| FileSystemWatcher {
            glob_pattern: GlobPattern::String(pattern.to_owned()),
            kind: None,
        });
        let options = DidChangeWatchedFilesRegistrationOptions {
            watchers: watchers.to_vec(),
        };
        let registration = Registration {
            id: "watched-files".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: serde_json::to_value(options).ok(),
        };
        let parameters = RegistrationParams {
            registrations: vec![registration],
        };
        self.request(RegisterCapability::METHOD, serde_json::to_value(parameters));
    }

    /// Asks the client to ask again for hints.
    pub fn refresh_hints(&mut self) {
        self.request(InlayHintRefreshRequest::METHOD, Ok(Value::Null));
    }

    fn request(&mut self, method: &str, parameters: serde_json::Result<Value>) {
        let Ok(params) = parameters else { return };
        self.sent += 1;
        let request = Request {
            id: RequestId::from(self.sent),
            method: method.to_owned(),
            params,
        };
        (self.send)(request.into());
    }
}
