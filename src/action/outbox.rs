//! Writes a request to `outbox:NAME/…` as one JSON line of the file NAME instead of sending it.
//! Secrets are written by name. Names that lead out of the folder are rejected.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::Performer;
use super::exchange::{ExchangeRecorder, RequestKind};
use super::http::request::content_type;
use flowtrigger_core::flow::call::{Auth, HttpCall, KeepOutput, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::run::call_result::{CallFailure, Reply};

/// The status of an outbox: 202 Accepted.
const STATUS: u16 = 202;

pub(super) struct Outbox {
    name: String,
}

impl Outbox {
    /// The outbox of the call; `None` if it goes to a server.
    pub(super) fn from_call(call: &HttpCall) -> Option<Self> {
        let url = call.url.to_string();
        let rest = url.strip_prefix("outbox:")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Some(Self {
            name: rest[..end].to_owned(),
        })
    }

    /// Appends the request. `expect` is for real receivers and is not applied.
    pub(super) async fn append(
        &self,
        call: &HttpCall,
        idempotency_key: &str,
        performer: &Performer,
        recorder: &ExchangeRecorder,
    ) -> Result<Reply, CallFailure> {
        self.check()?;
        let kind = RequestKind::Outbox;
        recorder.request(call, kind, idempotency_key, (&performer.secrets, None));
        let folder = performer.options.outbox.clone();
        let path = folder.join(format!("{}.ndjson", self.name));
        let shown = path.display().to_string();
        let line = format!("{}\n", line(call, idempotency_key));
        let written = tokio::task::spawn_blocking(move || write(&folder, &path, &line)).await;
        match written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
            Ok(()) => {
                recorder.response(STATUS, &HeaderMap::new(), None, &performer.secrets);
                Ok(reply(call.keep, &shown))
            }
            Err(error) => Err(CallFailure::transient(format!(
                "the outbox `{shown}` cannot be written ({error}); check the folder's owner and \
                 the space on its disk"
            ))),
        }
    }

    fn check(&self) -> Result<(), CallFailure> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if !self.name.is_empty() && self.name.len() <= 64 && self.name.chars().all(fits) {
            return Ok(());
        }
        Err(CallFailure::permanent(format!(
            "`{}` is not a valid outbox name; use at most 64 of a-z, 0-9, `_` and `-` after `outbox:`",
            self.name.escape_debug()
        )))
    }
}

fn reply(keep: KeepOutput, path: &str) -> Reply {
    let value = match keep {
        KeepOutput::Body => json!({ "status": STATUS, "headers": {}, "body": { "outbox": path } }),
        KeepOutput::Status => json!({ "status": STATUS }),
        KeepOutput::None => json!({}),
    };
    Reply { value }
}

fn line(call: &HttpCall, idempotency_key: &str) -> Value {
    json!({
        "at": Timestamp::now().to_string(),
        "method": call.method,
        "url": call.url.to_string(),
        "headers": headers(call),
        "body": call.body.as_ref().map(body),
        "idempotency_key": idempotency_key,
    })
}

/// The headers of the call, with names in lower case; those of the step come first.
fn headers(call: &HttpCall) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, text) in &call.headers {
        add(
            &mut headers,
            &name.to_ascii_lowercase(),
            text.to_string().into(),
        );
    }
    let mut default = |name: &str, value: String| {
        headers
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| value.into());
    };
    match &call.auth {
        Some(Auth::Bearer(token)) => default("authorization", format!("Bearer {token}")),
        Some(Auth::Basic { username, .. }) => {
            default(
                "authorization",
                format!("Basic [credentials of {username}]"),
            );
        }
        Some(Auth::Header { name, value }) => default(name, value.to_string()),
        None => {}
    }
    if let Some(body) = &call.body {
        default("content-type", content_type(body).to_owned());
    }
    headers
}

fn body(body: &RequestBody) -> Value {
    match body {
        RequestBody::Json(tree) => tree.redacted(),
        RequestBody::Form(fields) => form(fields).into(),
        RequestBody::Raw(text) => text.to_string().into(),
    }
}

fn form(fields: &[(String, RenderedText)]) -> Map<String, Value> {
    let mut form = Map::new();
    for (name, text) in fields {
        add(&mut form, name, text.to_string().into());
    }
    form
}

/// Repeated names become a list.
fn add(map: &mut Map<String, Value>, name: &str, value: Value) {
    match map.get_mut(name) {
        None => drop(map.insert(name.to_owned(), value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// Appends the line alone, so that lines of several writers never mix, and completely or not at all. A part of a
/// line that a crash left is ended first. Only the owner may read the file: it contains what customers wrote.
fn write(folder: &Path, path: &Path, line: &str) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true).mode(0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if let Some(at) = length.checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    let written = match last {
        [b'\n'] => file.write_all(line.as_bytes()),
        _ => file.write_all(format!("\n{line}").as_bytes()),
    };
    written.inspect_err(|_| {
        // If this fails too, the next line starts after a line end.
        drop(file.set_len(length));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_line_is_never_joined_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ndjson");
        std::fs::write(&path, "{\"a\":1}\n{\"b").unwrap();
        write(folder.path(), &path, "{\"c\":2}\n").unwrap();
        write(folder.path(), &path, "{\"d\":3}\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"a\":1}\n{\"b\n{\"c\":2}\n{\"d\":3}\n");
    }
}
