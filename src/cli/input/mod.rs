//! Reads events from files and standard input: one, an array, or a line each, in any known shape.
//! A bad one is told with its place and loses none of the others.

mod file;
pub mod outgoing;

use std::collections::VecDeque;
use std::path::PathBuf;

use serde_json::Value;

use crate::cli::exit::CommandError;
use crate::cli::input::file::{InputFile, InputPart};
use crate::engine::sources;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::SourceFormat;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::custom::CustomFormat;
use flowtrigger_core::event::format::{DECODERS, DecodeError, FormatHint, head, read as read_as};
use flowtrigger_core::event::json::parse::{JsonError, ParsedJson, accept};
use flowtrigger_core::event::json::split::accept_many;
use flowtrigger_core::event::json::tape::Tape;
use flowtrigger_core::event::json::value_ref::ValueRef;
use flowtrigger_core::matching::evaluation::EventInput;

const WHAT_IS_READ: &str = "an input is one JSON event, an array of events, or one event per line";
const A_SAMPLE: &str = "`flowtrigger events TYPE --sample` prints a valid event to compare with";

/// One event of the input, or why it is none.
pub struct Input<'c> {
    /// `file:line`, or the file alone where it cannot be read.
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

/// Why something is no event, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEventError {
    pub message: String,
    pub help: Option<String>,
}

/// The events of files in order, read as they are asked for: a line at a time where each is an event
/// of its own, so that an input may be long, or never end.
pub struct Inputs<'c> {
    files: VecDeque<PathBuf>,
    selection: SourceSelection<'c>,
    config: &'c Config,
    open: Option<InputFile>,
    ready: VecDeque<Input<'c>>,
    tape: Tape,
}

/// Opens the files; `-` is standard input. `source` names the entry of the configuration that
/// describes them, where the content does not tell.
pub fn read<'c>(
    files: &[PathBuf],
    source: Option<&'c str>,
    config: &'c Config,
) -> Result<Inputs<'c>, CommandError> {
    let selection = match source {
        None => SourceSelection::ByContent,
        Some(name) => named(name, config)?,
    };
    Ok(Inputs {
        files: files.iter().cloned().collect(),
        selection,
        config,
        open: None,
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
            match &mut self.open {
                Some(lines) => match lines.next() {
                    Some(part) => self.take(part),
                    None => self.open = None,
                },
                None => self.open = Some(InputFile::of(self.files.pop_front()?)),
            }
        }
    }
}

impl Inputs<'_> {
    fn take(&mut self, part: InputPart) {
        let bytes = match part.bytes {
            Ok(bytes) => bytes,
            Err(bad) => {
                self.ready.push_back(Input {
                    place: part.name,
                    event: Err(bad),
                });
                return;
            }
        };
        if let Some(format) = sound_format(&bytes, &self.selection, self.config, &mut self.tape) {
            let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace());
            let line = part.above + 1 + blanks.filter(|byte| **byte == b'\n').count();
            self.ready.push_back(Input {
                place: format!("{}:{line}", part.name),
                event: Ok(InputEvent::Bytes { bytes, format }),
            });
            return;
        }
        for item in accept_many(&bytes) {
            let place = format!("{}:{}", part.name, part.above + item.line);
            let accepted = item.outcome.map_err(|refused| JsonError {
                line: part.above + refused.line,
                ..refused
            });
            let event = accepted
                .map_err(refused)
                .and_then(|accepted| event(accepted, &self.selection, self.config))
                .map(|event| InputEvent::Event(Box::new(event)));
            self.ready.push_back(Input { place, event });
        }
    }
}

/// How the source of an event is known.
enum SourceSelection<'c> {
    ByContent,
    /// A built-in source: the content tells, and must agree.
    BuiltIn(&'c str),
    Described(&'c CustomFormat),
}

/// What is known of events that come under a source's name.
fn named<'c>(name: &'c str, config: &'c Config) -> Result<SourceSelection<'c>, CommandError> {
    let known = sources(config);
    match config.sources.get(name).map(|entrance| &entrance.reads) {
        Some(SourceFormat::Custom(description)) => {
            return Ok(SourceSelection::Described(description));
        }
        Some(SourceFormat::BuiltIn(source)) => return Ok(SourceSelection::BuiltIn(source)),
        None => {}
    }
    // A file is read whether or not the daemon takes events of its source.
    let mut decoders = DECODERS.iter();
    if let Some(decoder) = decoders.find(|decoder| decoder.source == name) {
        return Ok(SourceSelection::BuiltIn(decoder.source));
    }
    let failure = CommandError::usage(format!("no source is called `{name}`"));
    Err(failure.help(format!("the sources are {}", known.join(", "))))
}

/// One event from bytes, as rule tests have it.
pub fn single(bytes: Vec<u8>, config: &Config) -> Result<InputEvent<'_>, ReadEventError> {
    let selection = SourceSelection::ByContent;
    if let Some(format) = sound_format(&bytes, &selection, config, &mut Tape::default()) {
        return Ok(InputEvent::Bytes { bytes, format });
    }
    let accepted = accept(&bytes).map_err(refused)?;
    let event = event(accepted, &selection, config)?;
    Ok(InputEvent::Event(Box::new(event)))
}

pub fn of_value(value: Value, config: &Config) -> Result<Event, ReadEventError> {
    let repairs = Vec::new();
    event(
        ParsedJson { value, repairs },
        &SourceSelection::ByContent,
        config,
    )
}

fn event(
    accepted: ParsedJson,
    selection: &SourceSelection<'_>,
    config: &Config,
) -> Result<Event, ReadEventError> {
    let ParsedJson { value, repairs } = accepted;
    let format = format_of(ValueRef::Built(&value), selection, config)?;
    let mut event = read_as(value, format, &config.catalogue).map_err(bad)?;
    event.warnings.extend(repairs);
    Ok(event)
}

/// The format of bytes that are one event in ordinary JSON. None where they have to be parsed in full.
fn sound_format<'c>(
    bytes: &[u8],
    selection: &SourceSelection<'c>,
    config: &'c Config,
    tape: &mut Tape,
) -> Option<FormatHint<'c>> {
    let scanned = tape.scan(bytes)?;
    format_of(ValueRef::Taped(scanned.root()), selection, config).ok()
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
            head(document, format, catalogue).map_err(bad)?;
            Ok(format)
        }
        SourceSelection::BuiltIn(name) => {
            let source = head(document, FormatHint::Detect, catalogue)
                .map_err(bad)?
                .source;
            match source == *name {
                true => Ok(FormatHint::Detect),
                false => Err(ReadEventError {
                    message: format!("this is an event of `{source}`, not of `{name}`"),
                    help: Some(format!("read it with `--source {source}`, or leave it out")),
                }),
            }
        }
        SourceSelection::ByContent => match head(document, FormatHint::Detect, catalogue) {
            Ok(_) => Ok(FormatHint::Detect),
            Err(error) => {
                let mut fitting = config
                    .descriptions()
                    .map(FormatHint::Custom)
                    .filter(|format| head(document, *format, catalogue).is_ok());
                match (fitting.next(), fitting.next()) {
                    (Some(only), None) => Ok(only),
                    (Some(_) | None, _) => Err(bad(error)),
                }
            }
        },
    }
}

fn refused(refused: JsonError) -> ReadEventError {
    ReadEventError {
        message: refused.to_string(),
        help: Some(WHAT_IS_READ.into()),
    }
}

fn bad(error: DecodeError) -> ReadEventError {
    ReadEventError {
        message: error.to_string(),
        help: error.help.or_else(|| Some(A_SAMPLE.into())),
    }
}
