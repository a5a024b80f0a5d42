//! Reads events for sending: the bytes of each, and the source that accepts it.
//! If several sources accept an event, `--source` must name one.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::sources;
use crate::report::error::CommandError;
use crate::report::input::file::{InputPart, InputParts, file_name, open, parts, read_error};
use crate::report::input::form;
use crate::report::input::{ReadEventError, SourceSelection, event, invalid_json, location};
use crate::source::signature::timed_body;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::sender_method::SenderMethod;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::json::parse::ParsedJson;
use flowtrigger_core::event::json::split::parse_many;
use flowtrigger_core::event::request_values;

/// One event, ready to be posted.
pub struct OutgoingEvent<'c> {
    pub source: &'c EventSource,
    pub method: SenderMethod,
    pub body: Vec<u8>,
    /// Whether the body has other bytes than the input.
    pub is_rewritten: bool,
    /// Headers and values of the query that the event was received with, from its `$request`.
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
}

impl<'c> OutgoingEvent<'c> {
    /// A body as it is, but for `$request`, which becomes a part of the request again.
    fn new(source: &'c EventSource, body: Vec<u8>) -> Result<Self, ReadEventError> {
        let mut event = Self {
            source,
            method: source.method_to_send(),
            body,
            is_rewritten: false,
            headers: Vec::new(),
            query: Vec::new(),
        };
        if !has_request_key(&event.body) {
            return Ok(event);
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&event.body) else {
            return Ok(event);
        };
        if let Some(request) = request_values::taken_from(&mut value) {
            event.headers = texts(request.get(request_values::HEADERS));
            event.query = texts(request.get(request_values::QUERY));
            if let Some(method) = request.get(request_values::METHOD) {
                event.method = sent_method(method)?;
            }
            let media = event.header("content-type");
            let is_form = media.is_some_and(form::is_url_encoded);
            event.body = match is_form {
                true => form::url_encoded(&value).into_bytes(),
                false => value.to_string().into_bytes(),
            };
            event.is_rewritten = true;
        }
        Ok(event)
    }

    /// With the time of signing in the body, if its sender writes it there.
    pub fn timed(mut self, at: Timestamp) -> Self {
        let verification = self.source.verification.as_ref();
        let timed =
            verification.and_then(|verification| timed_body(&verification.scheme, &self.body, at));
        if let Some(body) = timed {
            self.body = body;
            self.is_rewritten = true;
        }
        self
    }

    /// The value of a header of the sample; the name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

fn sent_method(value: &Value) -> Result<SenderMethod, ReadEventError> {
    let known = value.as_str().and_then(SenderMethod::named);
    known.ok_or_else(|| {
        let names = SenderMethod::ALL.map(SenderMethod::as_str).join(", ");
        ReadEventError {
            message: format!("`$request.method` is {value}, and senders use {names}"),
            help: Some("write one of them, or leave it out for the method of the source".into()),
        }
    })
}

/// Whether the text may have the key; a body without it is sent as it is.
fn has_request_key(body: &[u8]) -> bool {
    let key = request_values::REQUEST_KEY.as_bytes();
    body.windows(key.len()).any(|part| part == key)
}

fn texts(values: Option<&Value>) -> Vec<(String, String)> {
    let values = values.and_then(Value::as_object).into_iter().flatten();
    let values =
        values.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    values.collect()
}

/// One event of the input, or the error, with its location.
pub struct OutgoingInput<'c> {
    pub place: String,
    pub event: Result<OutgoingEvent<'c>, ReadEventError>,
}

/// Finds the source of an event: the named one, or the one that accepts it.
#[derive(Clone, Copy)]
pub struct SourceRouter<'c> {
    config: &'c Config,
    named: Option<&'c EventSource>,
}

/// The events of files in order. Files are read only as far as the iterator advances.
pub struct OutgoingEvents<'c> {
    router: SourceRouter<'c>,
    parts: InputParts,
    ready: VecDeque<OutgoingInput<'c>>,
}

impl<'c> SourceRouter<'c> {
    pub fn new(source: Option<&str>, config: &'c Config) -> Result<Self, CommandError> {
        let Some(name) = source else {
            let named = None;
            return Ok(Self { config, named });
        };
        match config.sources.get(name) {
            Some(named) => Ok(Self {
                config,
                named: Some(named),
            }),
            None => {
                let known = sources(config).join(", ");
                let failure = CommandError::usage(format!("no source is called `{name}`"));
                Err(failure.help(format!("the sources are {known}")))
            }
        }
    }

    pub fn events(self, files: &[PathBuf]) -> OutgoingEvents<'c> {
        OutgoingEvents {
            router: self,
            parts: parts(files),
            ready: VecDeque::new(),
        }
    }

    /// Reads a whole file, unchanged, as one request body. The error names the file.
    pub fn whole_file(self, file: &Path) -> Result<OutgoingEvent<'c>, ReadEventError> {
        self.read_file(file).map_err(|error| ReadEventError {
            message: format!("{}: {}", file_name(file), error.message),
            ..error
        })
    }

    fn read_file(self, file: &Path) -> Result<OutgoingEvent<'c>, ReadEventError> {
        let mut body = Vec::new();
        let read = open(file)?.read_to_end(&mut body);
        read.map_err(|error| read_error(&error))?;
        if let Some(source) = self.named {
            return OutgoingEvent::new(source, body);
        }
        let mut items = parse_many(&body);
        match (items.pop(), items.len()) {
            (Some(item), 0) => {
                let parsed = item.outcome;
                let parsed = parsed.map_err(|error| invalid_json(error.to_string()))?;
                self.outgoing(parsed, body)
            }
            _ => Err(ReadEventError {
                message: "several events, but only one request is signed".into(),
                help: Some(
                    "`flowtrigger send` sends each; or name the source with `--source` to sign all of it as one body".into(),
                ),
            }),
        }
    }

    fn outgoing(
        self,
        parsed: ParsedJson,
        body: Vec<u8>,
    ) -> Result<OutgoingEvent<'c>, ReadEventError> {
        let source = match self.named {
            Some(source) => source,
            None => self.accepting_source(
                &event(
                    parsed,
                    &SourceSelection::ByContent { listening: None },
                    self.config,
                )?
                .source,
            )?,
        };
        OutgoingEvent::new(source, body)
    }

    /// The one configured source that accepts the events of a built-in source.
    fn accepting_source(self, source: &str) -> Result<&'c EventSource, ReadEventError> {
        let sources = self.config.sources.values();
        let accepting: Vec<&EventSource> = sources.filter(|s| s.source() == source).collect();
        let (message, help) = match accepting.as_slice() {
            [one] => return Ok(one),
            [] => (
                format!("no source accepts events of `{source}`"),
                format!("add `{source}: {{}}` under `sources` in the configuration"),
            ),
            several => {
                let names: Vec<&str> = several.iter().map(|e| e.name.as_str()).collect();
                let names = names.join(", ");
                (
                    format!("several sources accept events of `{source}`: {names}"),
                    "name one of them with `--source NAME`".into(),
                )
            }
        };
        Err(ReadEventError {
            message,
            help: Some(help),
        })
    }
}

impl<'c> Iterator for OutgoingEvents<'c> {
    type Item = OutgoingInput<'c>;

    fn next(&mut self) -> Option<OutgoingInput<'c>> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            let part = self.parts.next()?;
            self.read_part(part);
        }
    }
}

impl OutgoingEvents<'_> {
    fn read_part(&mut self, part: InputPart) {
        let bytes = match part.bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                self.ready.push_back(OutgoingInput {
                    place: part.name,
                    event: Err(error),
                });
                return;
            }
        };
        let items = parse_many(&bytes);
        // A single event is sent unchanged; an element of a list is serialized again.
        let single = items.len() == 1 && !bytes.trim_ascii_start().starts_with(b"[");
        for item in items {
            let place = location(&part.name, part.above, &item);
            let parsed = item.outcome.map_err(|error| invalid_json(error.reason));
            let event = parsed.and_then(|parsed| {
                let body = match single {
                    true => bytes.clone(),
                    false => parsed.value.to_string().into_bytes(),
                };
                self.router.outgoing(parsed, body)
            });
            self.ready.push_back(OutgoingInput { place, event });
        }
    }
}
