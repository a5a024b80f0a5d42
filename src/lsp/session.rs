//! One session with a client: its open texts, its workspaces, and the order in which messages are handled.
//! A panic while a message is handled is logged, and the session continues.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request};
use lsp_types::notification::{
    DidChangeConfiguration, DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument,
    DidOpenTextDocument, DidSaveTextDocument, Exit, Notification as NotificationMethod,
};
use lsp_types::request::{Request as RequestMethod, Shutdown};
use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    InitializeParams, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::capabilities;
use super::client::Client;
use super::file_uri;
use super::file_view::FileView;
use super::full_check::{CheckedWorkspace, FullCheck};
use super::inlay_hint::{ActivitySearch, FoundActivity};
use super::open_document::OpenDocument;
use super::position::{IndexedText, PositionUnit};
use super::published;
use super::queue::{Incoming, Queue};
use super::request;
use super::schema_walk::LanguageSchemas;
use super::settings::Settings;
use super::workspace::EditorWorkspace;
use super::workspace_root::{WorkspaceLayout, WorkspacePaths};
use crate::engine::UnsavedTexts;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The client asked for it, in the order of the protocol.
    Exit,
    /// The client ended without `shutdown`, or closed the connection.
    Abandoned,
}

pub struct EditorSession {
    client: Client,
    queue: Queue,
    results: Sender<Incoming>,
    unit: PositionUnit,
    layout: WorkspaceLayout,
    schemas: LanguageSchemas,
    settings: Settings,
    watches_files: bool,
    refreshes_hints: bool,
    open: BTreeMap<PathBuf, OpenDocument>,
    /// The texts of `open`, for checks.
    unsaved: UnsavedTexts,
    workspaces: BTreeMap<WorkspacePaths, EditorWorkspace>,
    activity: BTreeMap<WorkspacePaths, FoundActivity>,
    /// The workspaces whose data folders are being searched.
    searching: BTreeSet<WorkspacePaths>,
    /// Open files whose text changed since they were checked.
    changed: BTreeSet<PathBuf>,
    is_shut_down: bool,
}

impl EditorSession {
    pub fn new(
        connection: Connection,
        parameters: &InitializeParams,
        layout: WorkspaceLayout,
        schemas: LanguageSchemas,
    ) -> Self {
        let (results, received) = channel();
        let Connection { sender, receiver } = connection;
        let incoming = results.clone();
        // Ends with the connection, or with the session.
        thread::spawn(move || {
            for message in receiver {
                if incoming.send(Incoming::Client(message)).is_err() {
                    return;
                }
            }
            let _ = incoming.send(Incoming::Closed);
        });
        Self {
            client: Client::new(move |message| {
                // The client is gone; the session ends with its next message.
                let _ = sender.send(message);
            }),
            queue: Queue::new(received),
            results,
            unit: capabilities::position_unit(parameters),
            layout,
            schemas,
            settings: Settings::read(parameters.initialization_options.as_ref()),
            watches_files: capabilities::watches_files(parameters),
            refreshes_hints: capabilities::refreshes_hints(parameters),
            open: BTreeMap::new(),
            unsaved: UnsavedTexts::default(),
            workspaces: BTreeMap::new(),
            activity: BTreeMap::new(),
            searching: BTreeSet::new(),
            changed: BTreeSet::new(),
            is_shut_down: false,
        }
    }

    /// Handles messages until the session ends.
    pub fn run(mut self) -> SessionEnd {
        if self.watches_files {
            self.client.watch_files();
        }
        loop {
            if self.queue.is_empty() {
                self.guarded("a check", Self::check_changed);
            }
            let incoming = self.queue.next();
            self.answer_cancelled();
            match incoming {
                Incoming::Closed => return SessionEnd::Abandoned,
                Incoming::Client(Message::Notification(notification))
                    if notification.method == Exit::METHOD =>
                {
                    return match self.is_shut_down {
                        true => SessionEnd::Exit,
                        false => SessionEnd::Abandoned,
                    };
                }
                Incoming::Client(Message::Notification(notification)) => {
                    let method = notification.method.clone();
                    self.guarded(&method, |session| session.notified(notification));
                }
                Incoming::Client(Message::Request(request)) => self.requested(request),
                // The client's answers to requests of the server need no action.
                Incoming::Client(Message::Response(_)) => {}
                Incoming::Checked(paths, checked) => {
                    self.guarded("a result", |session| session.checked(&paths, checked));
                }
                Incoming::Activity(paths, found) => {
                    self.searching.remove(&paths);
                    self.activity.insert(paths, found);
                    self.refresh_hints();
                }
            }
        }
    }

    fn guarded(&mut self, what: &str, handle: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| handle(self))).is_err() {
            tracing::error!(method = what, "failed to handle a message");
        }
    }

    fn answer_cancelled(&mut self) {
        for id in std::mem::take(&mut self.queue.cancelled) {
            let message = "the client cancelled this request";
            self.client.reject(id, ErrorCode::RequestCanceled, message);
        }
    }

    fn requested(&mut self, request: Request) {
        let id = request.id.clone();
        if self.is_shut_down {
            let message = "the session is shut down; only `exit` may follow";
            self.client.reject(id, ErrorCode::InvalidRequest, message);
            return;
        }
        if request.method == Shutdown::METHOD {
            self.is_shut_down = true;
            self.client.answer(id, Value::Null);
            return;
        }
        let method = request.method.clone();
        // An answer depends on the problems of the text that it is about.
        self.guarded("a check", Self::check_changed);
        let answer = catch_unwind(AssertUnwindSafe(|| request::answer(self, request)));
        match answer {
            Ok(Ok(answer)) => self.client.answer(id, answer),
            Ok(Err(error)) => self.client.reject(id, error.code(), error.to_string()),
            Err(_) => {
                let message = format!("`{method}` failed; the log has the reason");
                self.client.reject(id, ErrorCode::InternalError, message);
            }
        }
    }

    fn notified(&mut self, notification: Notification) {
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                let parameters: Option<DidOpenTextDocumentParams> = parameters(notification);
                if let Some(document) = parameters.map(|opened| opened.text_document) {
                    let opened = OpenDocument {
                        text: document.text.into(),
                        version: document.version,
                    };
                    self.edit(&document.uri, |_| Some(opened));
                }
            }
            DidChangeTextDocument::METHOD => {
                let parameters: Option<DidChangeTextDocumentParams> = parameters(notification);
                if let Some(change) = parameters {
                    let unit = self.unit;
                    self.edit(&change.text_document.uri, |document| {
                        let mut document = document?;
                        let version = change.text_document.version;
                        document.apply(version, change.content_changes, unit);
                        Some(document)
                    });
                }
            }
            DidCloseTextDocument::METHOD => {
                let parameters: Option<DidCloseTextDocumentParams> = parameters(notification);
                if let Some(closed) = parameters {
                    self.edit(&closed.text_document.uri, |_| None);
                }
            }
            DidSaveTextDocument::METHOD
            | DidChangeWatchedFiles::METHOD
            | DidChangeConfiguration::METHOD => self.check_all(),
            // What a server does not know, it may ignore.
            _ => {}
        }
    }

    /// Replaces an open text by another, or by none.
    fn edit(&mut self, uri: &Uri, edit: impl FnOnce(Option<OpenDocument>) -> Option<OpenDocument>) {
        let Some(path) = file_uri::path(uri) else {
            return;
        };
        let edited = edit(self.open.remove(&path));
        let is_open = edited.is_some();
        if let Some(edited) = edited {
            self.open.insert(path.clone(), edited);
        }
        let open = self.open.iter();
        let texts = open.map(|(path, open)| (path.clone(), Arc::clone(&open.text)));
        self.unsaved = texts.collect();
        let Some(paths) = WorkspacePaths::of(&path, &self.layout) else {
            return;
        };
        if paths.role(&path).is_none() || !self.ensure_workspace(&paths) {
            return;
        }
        if is_open {
            self.changed.insert(path);
        } else {
            self.changed.remove(&path);
        }
        if let Some(workspace) = self.workspaces.get_mut(&paths) {
            workspace.request_check(&self.layout, &self.unsaved);
        }
    }

    /// Starts the checks of a workspace that is not known yet.
    fn ensure_workspace(&mut self, paths: &WorkspacePaths) -> bool {
        if self.workspaces.contains_key(paths) {
            return true;
        }
        let (results, of) = (self.results.clone(), paths.clone());
        let report = move |checked| {
            // The session has ended.
            let _ = results.send(Incoming::Checked(of.clone(), checked));
        };
        match FullCheck::start(report) {
            Ok(check) => {
                let workspace = EditorWorkspace::new(paths.clone(), check);
                self.workspaces.insert(paths.clone(), workspace);
                true
            }
            Err(error) => {
                tracing::error!(%error, "failed to start the check of a workspace");
                false
            }
        }
    }

    fn check_all(&mut self) {
        for workspace in self.workspaces.values_mut() {
            workspace.request_check(&self.layout, &self.unsaved);
        }
    }

    /// Checks the open files that changed, each for itself.
    fn check_changed(&mut self) {
        for path in std::mem::take(&mut self.changed) {
            let Some(text) = self.open.get(&path).map(|open| Arc::clone(&open.text)) else {
                continue;
            };
            let Some(paths) = WorkspacePaths::of(&path, &self.layout) else {
                continue;
            };
            let Some(workspace) = self.workspaces.get_mut(&paths) else {
                continue;
            };
            if workspace.check_file(&path, &text, &self.layout, &self.unsaved) {
                self.publish(&paths, &path);
            }
        }
    }

    /// Publishes the problems that the check of a workspace changed.
    fn checked(&mut self, paths: &WorkspacePaths, checked: CheckedWorkspace) {
        let Some(workspace) = self.workspaces.get_mut(paths) else {
            return;
        };
        let loaded = Arc::clone(&checked.loaded);
        for path in workspace.take(checked) {
            self.publish(paths, &path);
        }
        if self.settings.inlay_hints && self.searching.insert(paths.clone()) {
            let (results, of) = (self.results.clone(), paths.clone());
            let search = ActivitySearch {
                data: paths.data.clone(),
                files: self.open.keys().cloned().collect(),
                loaded,
            };
            search.start(move |found| {
                // The session has ended.
                let _ = results.send(Incoming::Activity(of, found));
            });
        }
    }

    fn publish(&self, paths: &WorkspacePaths, path: &Path) {
        let (Some(workspace), Some(uri)) = (self.workspaces.get(paths), file_uri::uri(path)) else {
            return;
        };
        let open = self.open.get(path);
        let Some(shown) = workspace.shown.get(path) else {
            // Nothing is wrong in it any more.
            let version = open.map(|open| open.version);
            self.client.publish(uri, Vec::new(), version);
            return;
        };
        let version = open.filter(|open| open.text == shown.text);
        let text = IndexedText::new(&shown.text, self.unit);
        let found = shown.found.iter();
        let found = found.map(|found| published::shown(found, &text, &paths.root));
        let version = version.map(|open| open.version);
        self.client.publish(uri, found.collect(), version);
    }

    fn refresh_hints(&mut self) {
        if self.refreshes_hints {
            self.client.refresh_hints();
        }
    }

    /// A file of a workspace, as requests see it; `None` for any other file.
    pub fn view(&self, uri: &Uri) -> Option<FileView<'_>> {
        let path = file_uri::path(uri)?;
        let paths = WorkspacePaths::of(&path, &self.layout)?;
        let role = paths.role(&path)?;
        let workspace = self.workspaces.get(&paths)?;
        let text = match self.open.get(&path) {
            Some(open) => Arc::clone(&open.text),
            None => workspace.loaded_text(&path)?,
        };
        Some(FileView {
            path,
            role,
            text,
            unit: self.unit,
            workspace,
            open: &self.open,
            schemas: &self.schemas,
            layout: &self.layout,
            activity: self.activity.get(&paths),
        })
    }
}

/// The parameters of a notification; those that cannot be read are logged.
fn parameters<P: DeserializeOwned>(notification: Notification) -> Option<P> {
    match serde_json::from_value(notification.params) {
        Ok(parameters) => Some(parameters),
        Err(error) => {
            let method = notification.method;
            tracing::warn!(%error, method, "invalid parameters of a notification");
            None
        }
    }
}
