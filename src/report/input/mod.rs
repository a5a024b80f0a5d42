//! Reads events from files and standard input: one, an array, or one per line, in any known format.
//! An invalid event is reported with its location and does not affect the others.

mod described;
mod file;
mod form;
mod items;
pub mod outgoing;
mod request_id;

use std::collections::VecDeque;
use std::path::PathBuf;

use serde_json::Value;

use crate::engine::sources;
use crate::report::error::CommandError;
use crate::report::input::file::{InputPart, InputParts, parts};
use crate::report::input::request_id::RequestId;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::custom::CustomFormat;
use flowtrigger_core::event::format::{
    DECODERS, DecodeError, FormatHint, head, is_recognised, read as read_as,
};
use flowtrigger_core::event::json::lookup::find;
use flowtrigger_core::event::json::parse::{JsonError, ParsedJson, parse};
use flowtrigger_core::event::json::split::{BatchItem, parse_many};
use flowtrigger_core::event::json::tape::Tape;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::event::request_values::REQUEST_KEY;
use flowtrigger_core::matching::evaluation::EventInput;

const INPUT_HELP: &str = "an input is one JSON event, an array of events, or one event per line";
const SAMPLE_HELP: &str = "`flowtrigger events TYPE --sample` prints a valid event to compare with";

/// One event of the input, or the error, with its location.
pub struct Input<'c> {
    /// `file:line` of an event, `file:line:column` of a syntax error, or the file if it cannot be read.
    pub place: String,
    pub event: Result<InputEvent<'c>, ReadEventError>,
}

/// An event as the commands evaluate it.
#[derive(Debug)]
pub enum InputEvent<'c> {
    /// The text of one event in ordinary JSON, not decoded yet.
    Bytes {
        bytes: Vec<u8>,
        format: FormatHint<'c>,
    },
    /// An element of a list, or an event of damaged or unusual text.
    Event(Box<Event>),
}

impl InputEvent<'_> {
    pub fn as_input(&self) -> EventInput<'_> {
        match self {
            InputEvent::Bytes { bytes, format } => EventInput::Bytes {
                bytes,
                format: *format,
            },
            InputEvent::Event(event) => EventInput::Event(event),
        }
    }

    pub fn into_event(self, catalogue: &Catalogue) -> Event {
        match self {
            InputEvent::Bytes { bytes, format } => {
                let mut tape = Tape::default();
                let scanned = tape.scan(&bytes).expect("these bytes were scanned before");
                let head = head(ValueRef::Taped(scanned.root()), format, catalogue);
                head.expect("these bytes were read before").event(catalogue)
            }
            InputEvent::Event(event) => *event,
        }
    }
}

/// Why an input is not an event, with a help line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEventError {
    pub message: String,
    pub help: Option<String>,
}

/// The events of files in order. Input with one event per line is read line by line, so that it may be
/// long or endless.
pub struct Inputs<'c> {
    parts: InputParts,
    selection: SourceSelection<'c>,
    config: &'c Config,
    ready: VecDeque<Input<'c>>,
    tape: Tape,
}

/// Reads the events of the files; `-` is standard input. `source` names the configured source that
/// describes them, if the content does not identify it.
pub fn read<'c>(
    files: &[PathBuf],
    source: Option<&'c str>,
    config: &'c Config,
) -> Result<Inputs<'c>, CommandError> {
    let selection = match source {
        None => SourceSelection::ByContent { listening: None },
        Some(name) => named(name, config)?,
    };
    Ok(Inputs {
        parts: parts(files),
        selection,
        config,
        ready: VecDeque::new(),
        tape: Tape::default(),
    })
}

impl<'c> Iterator for Inputs<'c> {
    type Item = Input<'c>;

    fn next(&mut self) -> Option<Input<'c>> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            let part = self.parts.next()?;
            self.read_part(part);
        }
    }
}

impl Inputs<'_> {
    fn read_part(&mut self, part: InputPart) {
        let bytes = match part.bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                self.ready.push_back(Input {
                    place: part.name,
                    event: Err(error),
                });
                return;
            }
        };
        if let Some(format) = detect_format(&bytes, &self.selection, self.config, &mut self.tape) {
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace());
            let line = part.above + 1 + blanks.filter(|byte| **byte == b'\n').count();
            self.ready.push_back(Input {
                place: format!("{}:{line}", part.name),
                event: Ok(InputEvent::Bytes { bytes, format }),
            });
            return;
        }
        for item in parse_many(&bytes) {
            let place = location(&part.name, part.above, &item);
            match item.outcome {
                Ok(parsed) => {
                    let events = items::events(parsed, &self.selection, self.config);
                    self.ready.extend(events.into_iter().map(|event| Input {
                        place: place.clone(),
                        event: event.map(|event| InputEvent::Event(Box::new(event))),
                    }));
                }
                Err(error) => self.ready.push_back(Input {
                    place,
                    event: Err(invalid_json(error.reason)),
                }),
            }
        }
    }
}

/// How the source of an event is found.
enum SourceSelection<'c> {
    ByContent {
        /// The `event_source` of the rule that the event is for.
        listening: Option<&'c str>,
    },
    /// An entry that a built-in decoder reads; the content must be of this source.
    BuiltIn {
        entry: &'c str,
        source: &'c str,
    },
    Described(&'c CustomFormat),
}

/// Looks up a source by name.
fn named<'c>(name: &'c str, config: &'c Config) -> Result<SourceSelection<'c>, CommandError> {
    let known = sources(config);
    match config.sources.get(name).map(|source| &source.reads) {
        Some(SourceFormat::Custom(description)) => {
            return Ok(SourceSelection::Described(description));
        }
        Some(SourceFormat::BuiltIn(source)) => {
            return Ok(SourceSelection::BuiltIn {
                entry: name,
                source,
            });
        }
        None => {}
    }
    // Built-in sources are known even if the configuration does not list them.
    let mut decoders = DECODERS.iter();
    if let Some(decoder) = decoders.find(|decoder| decoder.source == name) {
        return Ok(SourceSelection::BuiltIn {
            entry: name,
            source: decoder.source,
        });
    }
    let failure = CommandError::usage(format!("no source is called `{name}`"));
    Err(failure.help(format!("the sources are {}", known.join(", "))))
}

/// Reads one event from bytes, for the test of a rule that listens to a source.
pub fn single<'c>(
    bytes: Vec<u8>,
    listening: &'c str,
    config: &'c Config,
) -> Result<InputEvent<'c>, ReadEventError> {
    let selection = SourceSelection::ByContent {
        listening: Some(listening),
    };
    one(bytes, &selection, config)
}

/// Reads one event from a text that a person wrote. `source` names the configured source that describes it; else its
/// content does, and `listening` is the source that the rule listens to.
pub fn written<'c>(
    text: &str,
    source: Option<&'c str>,
    listening: Option<&'c str>,
    config: &'c Config,
) -> Result<InputEvent<'c>, ReadEventError> {
    let selection = match source {
        None => SourceSelection::ByContent { listening },
        Some(name) => named(name, config).map_err(|error| ReadEventError {
            message: error.to_string(),
            help: None,
        })?,
    };
    one(text.as_bytes().to_vec(), &selection, config)
}

fn one<'c>(
    bytes: Vec<u8>,
    selection: &SourceSelection<'c>,
    config: &'c Config,
) -> Result<InputEvent<'c>, ReadEventError> {
    if let Some(format) = detect_format(&bytes, selection, config, &mut Tape::default()) {
        return Ok(InputEvent::Bytes { bytes, format });
    }
    let parsed = parse(&bytes).map_err(|error| invalid_json(error.to_string()))?;
    let event = items::only_event(parsed, selection, config)?;
    Ok(InputEvent::Event(Box::new(event)))
}

/// Reads one event from a JSON value. For a test, `listening` is the source that its rule listens to.
pub fn from_value(
    value: Value,
    listening: Option<&str>,
    config: &Config,
) -> Result<Event, ReadEventError> {
    let repairs = Vec::new();
    let selection = SourceSelection::ByContent { listening };
    items::only_event(ParsedJson { value, repairs }, &selection, config)
}

fn event(
    parsed: ParsedJson,
    selection: &SourceSelection<'_>,
    config: &Config,
) -> Result<Event, ReadEventError> {
    let ParsedJson { mut value, repairs } = parsed;
    request_id::add_to(&mut value, selection, config);
    let format = format_of(ValueRef::Built(&value), selection, config)?;
    let request_id = RequestId::of(ValueRef::Built(&value), format, config);
    let request = request_id.as_ref().map(RequestId::request);
    let format = request.as_ref().map_or(format, FormatHint::Request);
    let mut event = read_as(value, format, &config.catalogue).map_err(not_an_event)?;
    if let Some(entry) = config.sources.get(&event.endpoint) {
        event.warnings.extend(entry.account_warnings(&event));
    }
    event.warnings.extend(repairs);
    Ok(event)
}

/// The format of bytes that are one event in ordinary JSON. `None` if they must be parsed in full.
fn detect_format<'c>(
    bytes: &[u8],
    selection: &SourceSelection<'c>,
    config: &'c Config,
    tape: &mut Tape,
) -> Option<FormatHint<'c>> {
    // Then its account is compared, for which the event is decoded.
    if config.sources.values().any(EventSource::names_an_account) {
        return None;
    }
    let scanned = tape.scan(bytes)?;
    let root = ValueRef::Taped(scanned.root());
    let format = format_of(root, selection, config).ok()?;
    let has_request = find(root, REQUEST_KEY).is_some();
    if has_request
        && config
            .sources
            .values()
            .any(|source| !source.needs.ids.is_empty())
    {
        return None;
    }
    // Then its id is not in the body.
    RequestId::of(root, format, config)
        .is_none()
        .then_some(format)
}

/// The format in which a document is an event of the selected source.
fn format_of<'c>(
    document: ValueRef<'_>,
    selection: &SourceSelection<'c>,
    config: &'c Config,
) -> Result<FormatHint<'c>, ReadEventError> {
    let catalogue = &config.catalogue;
    match selection {
        SourceSelection::Described(description) => {
            let format = FormatHint::Custom(description);
            head(document, format, catalogue).map_err(not_an_event)?;
            Ok(format)
        }
        SourceSelection::BuiltIn {
            entry,
            source: name,
        } => {
            let source = head(document, FormatHint::Detect, catalogue)
                .map_err(not_an_event)?
                .source;
            match source == *name {
                true => Ok(FormatHint::Endpoint(entry)),
                false => Err(ReadEventError {
                    message: format!("this is an event of `{source}`, not of `{name}`"),
                    help: Some(format!("read it with `--source {source}`, or leave it out")),
                }),
            }
        }
        SourceSelection::ByContent { listening } => {
            match head(document, FormatHint::Detect, catalogue) {
                Ok(_) => Ok(FormatHint::Detect),
                // A mistake within a known format.
                Err(error) if is_recognised(document) => Err(not_an_event(error)),
                Err(error) => described::format_of(document, *listening, error, config),
            }
        }
    }
}

/// `file:line` of an event, or `file:line:column` of a syntax error. `above` is the number of lines before.
fn location(file: &str, above: usize, item: &BatchItem) -> String {
    match &item.outcome {
        Ok(_) => format!("{file}:{}", above + item.line),
        Err(JsonError { line, column, .. }) => format!("{file}:{}:{column}", above + line),
    }
}

fn invalid_json(message: String) -> ReadEventError {
    ReadEventError {
        message,
        help: Some(INPUT_HELP.into()),
    }
}

fn not_an_event(error: DecodeError) -> ReadEventError {
    ReadEventError {
        message: error.to_string(),
        help: error.help.or_else(|| Some(SAMPLE_HELP.into())),
    }
}
