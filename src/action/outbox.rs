//! A stand-in for a receiver: `outbox:NAME/…` writes the request as one JSON line to a file of that name.
//! It refuses to send anything, to write a secret, and names that could lead out of its folder.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Options;
use super::http::request::content_type;
use crate::core::flow::call::{Auth, Body, HttpCall, Keep};
use crate::core::rule::rendered_text::Text;
use crate::core::run::{CallFailure, Reply};

/// What an outbox answers: accepted, and nobody knows what will become of it.
const STATUS: u16 = 202;

pub(super) struct Outbox {
    name: String,
}

impl Outbox {
    /// The outbox that the call goes to, if it goes to one.
    pub(super) fn of(call: &HttpCall) -> Option<Self> {
        let url = call.url.to_string();
        let rest = url.strip_prefix("outbox:")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Some(Self {
            name: rest[..end].to_owned(),
        })
    }

    /// Appends the request. `expect` is for the real receiver and does not count here.
    pub(super) async fn append(
        &self,
        call: &HttpCall,
        idempotency_key: &str,
        options: &Options,
    ) -> Result<Reply, CallFailure> {
        self.check()?;
        let folder = options.outbox.clone();
        let path = folder.join(format!("{}.ndjson", self.name));
        let shown = path.display().to_string();
        let line = format!("{}\n", line(call, idempotency_key));
        let written = tokio::task::spawn_blocking(move || write(&folder, &path, &line)).await;
        match written.unwrap_or_else(|panicked| Err(io::Error::other(panicked))) {
            Ok(()) => Ok(reply(call.keep, &shown)),
            Err(error) => Err(CallFailure::passing(format!(
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
        Err(CallFailure::lasting(format!(
            "`{}` is no name for an outbox; use at most 64 of a-z, 0-9, `_` and `-` after `outbox:`",
            self.name.escape_debug()
        )))
    }
}

fn reply(keep: Keep, path: &str) -> Reply {
    let value = match keep {
        Keep::Body => json!({ "status": STATUS, "headers": {}, "body": { "outbox": path } }),
        Keep::Status => json!({ "status": STATUS }),
        Keep::None => json!({}),
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

/// The headers that the call itself asks for; names in lower case, the author's own first.
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

fn body(body: &Body) -> Value {
    match body {
        Body::Json(tree) => tree.redacted(),
        Body::Form(fields) => form(fields).into(),
        Body::Raw(text) => text.to_string().into(),
    }
}

fn form(fields: &[(String, Text)]) -> Map<String, Value> {
    let mut form = Map::new();
    for (name, text) in fields {
        add(&mut form, name, text.to_string().into());
    }
    form
}

/// What stands under one name more than once becomes a list.
fn add(map: &mut Map<String, Value>, name: &str, value: Value) {
    match map.get_mut(name) {
        None => drop(map.insert(name.to_owned(), value)),
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// One write at the end of the file, so that lines of several writers never mix. What customers
/// wrote stands in it: nobody else on the machine reads it.
fn write(folder: &Path, path: &Path, line: &str) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(path)?;
    match file.write(line.as_bytes())? {
        written if written == line.len() => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::WriteZero,
            "only a part of the line was written",
        )),
    }
}
