//! An editor for tests: speaks the Language Server Protocol with the built program on its standard input and output.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::{Value, json};

use crate::program::{self, finish};
use crate::wait::TIMEOUT;

/// A running `flowtrigger lsp` and what it sent.
pub struct Editor {
    child: Option<Child>,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    folder: PathBuf,
    next_id: i64,
    /// The diagnostics of each file, as published last.
    pub published: BTreeMap<String, Value>,
    /// Requests of the server.
    pub requested: VecDeque<Value>,
    versions: BTreeMap<String, i64>,
}

/// The exit code of a server, and its log.
#[derive(Debug)]
pub struct EndedServer {
    pub code: Option<i32>,
    pub log: String,
}

impl Editor {
    /// Starts the server for a folder and initializes it with these capabilities and options.
    pub fn start(program: &Path, folder: &Path, capabilities: &Value, options: &Value) -> Self {
        let mut editor = Self::connect(program, folder);
        let answer = editor.request(
            "initialize",
            json!({
                "processId": null, "rootUri": null,
                "capabilities": capabilities, "initializationOptions": options,
            }),
        );
        assert_eq!(
            answer["result"]["serverInfo"]["name"], "flowtrigger",
            "{answer}"
        );
        editor.notify("initialized", json!({}));
        editor
    }

    /// Starts the server without `initialize`.
    pub fn connect(program: &Path, folder: &Path) -> Self {
        // Links in the path of the temporary folder would change the addresses of files.
        let folder = folder.canonicalize().expect("a folder");
        let mut command = program::command(program, &folder, &["lsp"]);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("a server");
        let (sender, messages) = channel();
        let output = child.stdout.take().expect("an output");
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read_message(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child: Some(child),
            messages,
            folder,
            next_id: 0,
            published: BTreeMap::new(),
            requested: VecDeque::new(),
            versions: BTreeMap::new(),
        }
    }

    pub fn uri(&self, file: &str) -> String {
        format!("file://{}", self.folder.join(file).display())
    }

    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().expect("an open input");
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("a server");
        input.flush().expect("a server");
    }

    pub fn notify(&mut self, method: &str, parameters: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }));
    }

    /// Sends a request and returns its id.
    pub fn ask(&mut self, method: &str, parameters: Value) -> i64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }));
        id
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.ask(method, parameters);
        self.answer(id)
    }

    /// Waits for the answer of a request.
    #[track_caller]
    pub fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.receive();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The result about a position in a file, which is marked by `¦` in its text.
    #[track_caller]
    pub fn at(&mut self, method: &str, file: &str, position: (usize, usize)) -> Value {
        let mut parameters = json!({
            "textDocument": { "uri": self.uri(file) },
            "position": { "line": position.0, "character": position.1 },
        });
        if method == "textDocument/references" {
            parameters["context"] = json!({ "includeDeclaration": true });
        }
        let answer = self.request(method, parameters);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// Waits for the next message, and keeps what was published.
    #[track_caller]
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(TIMEOUT);
        let message = message.expect("a message of the server");
        if message["method"] == "textDocument/publishDiagnostics" {
            let uri = message["params"]["uri"].as_str().expect("an address");
            let found = message["params"]["diagnostics"].clone();
            self.published.insert(uri.to_owned(), found);
        } else if message.get("method").is_some() && message.get("id").is_some() {
            let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": null });
            self.send(&answer);
            self.requested.push_back(message.clone());
        }
        message
    }

    pub fn open(&mut self, file: &str, text: &str) {
        self.versions.insert(file.to_owned(), 1);
        let document = json!({
            "uri": self.uri(file), "languageId": "yaml", "version": 1, "text": text,
        });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces the whole text.
    pub fn change(&mut self, file: &str, text: &str) {
        self.edit(file, &json!({ "text": text }));
    }

    pub fn edit(&mut self, file: &str, change: &Value) {
        let version = self.versions.entry(file.to_owned()).or_insert(1);
        *version += 1;
        let version = *version;
        let document = json!({ "uri": self.uri(file), "version": version });
        let parameters = json!({ "textDocument": document, "contentChanges": [change] });
        self.notify("textDocument/didChange", parameters);
    }

    /// Waits until the published diagnostics of a file fulfil a condition, and returns them.
    #[track_caller]
    pub fn wait_for(&mut self, file: &str, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let uri = self.uri(file);
        loop {
            if let Some(Value::Array(found)) = self.published.get(&uri)
                && holds(found)
            {
                return found.clone();
            }
            self.receive();
        }
    }

    /// Waits for a request of the server that was not waited for before.
    #[track_caller]
    pub fn wait_for_request(&mut self, method: &str) {
        loop {
            if let Some(request) = self.requested.pop_front() {
                if request["method"] == method {
                    return;
                }
            } else {
                self.receive();
            }
        }
    }

    /// Ends the session in the order of the protocol.
    #[track_caller]
    pub fn end(mut self) -> EndedServer {
        let answer = self.request("shutdown", Value::Null);
        assert!(
            answer["result"].is_null() && answer.get("error").is_none(),
            "{answer}"
        );
        self.notify("exit", Value::Null);
        self.ended()
    }

    /// Closes the input and waits for the end of the server.
    pub fn ended(mut self) -> EndedServer {
        drop(self.input.take());
        let output = finish(self.child.take().expect("a server"));
        EndedServer {
            code: output.status.code(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Some(mut child) = self.child.take() {
            // A failed test ends here, and the server may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads one message; `None` at the end.
fn read_message(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
