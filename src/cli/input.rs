//! Reads events from files and standard input: one, an array, or a line each, in any known shape.
//! A bad one is told with its place and loses none of the others.

mod lines;
pub mod parcel;

use std::collections::VecDeque;
use std::path::PathBuf;

use serde_json::Value;

use crate::cli::exit::Failure;
use crate::core::config::{Config, Reads};
use crate::core::event::Event;
use crate::core::event::decode::{DECODERS, NotAnEvent, decode, decode_described};
use crate::core::event::json::{ParsedJson, Refused, accept, accept_many};
use crate::core::event::user_described::Description;
use crate::engine::sources;
use lines::{Lines, Part};

const WHAT_IS_READ: &str = "an input is one JSON event, an array of them, or one a line";
const A_SAMPLE: &str = "`flowtrigger events TYPE --sample` prints a sound event to compare with";

/// One event of the input, or why it is none.
pub struct Input {
    /// `file:line`, or the file alone where it cannot be read.
    pub place: String,
    pub event: Result<Event, Bad>,
}

/// Why something is no event, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    pub message: String,
    pub help: Option<String>,
}

/// The events of files in order, read as they are asked for: a line at a time where each is an event
/// of its own, so that an input may be long, or never end.
pub struct Inputs<'c> {
    files: VecDeque<PathBuf>,
    told: Told<'c>,
    config: &'c Config,
    open: Option<Lines>,
    ready: VecDeque<Input>,
}

/// Opens the files; `-` is standard input. `source` names the entry of the configuration that
/// describes them, where the content does not tell.
pub fn read<'c>(
    files: &[PathBuf],
    source: Option<&'c str>,
    config: &'c Config,
) -> Result<Inputs<'c>, Failure> {
    let told = match source {
        None => Told::ByContent,
        Some(name) => named(name, config)?,
    };
    Ok(Inputs {
        files: files.iter().cloned().collect(),
        told,
        config,
        open: None,
        ready: VecDeque::new(),
    })
}

impl Iterator for Inputs<'_> {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            match &mut self.open {
                Some(lines) => match lines.next() {
                    Some(part) => self.take(part),
                    None => self.open = None,
                },
                None => self.open = Some(Lines::of(self.files.pop_front()?)),
            }
        }
    }
}

impl Inputs<'_> {
    fn take(&mut self, part: Part) {
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
        for item in accept_many(&bytes) {
            let place = format!("{}:{}", part.name, part.above + item.line);
            let accepted = item.outcome.map_err(|refused| Refused {
                line: part.above + refused.line,
                ..refused
            });
            let event = accepted
                .map_err(refused)
                .and_then(|accepted| event(accepted, &self.told, self.config));
            self.ready.push_back(Input { place, event });
        }
    }
}

/// How the source of an event is known.
enum Told<'c> {
    ByContent,
    /// A built-in source: the content tells, and must agree.
    BuiltIn(&'c str),
    Described(&'c Description),
}

/// What is known of events that come under a source's name.
fn named<'c>(name: &'c str, config: &'c Config) -> Result<Told<'c>, Failure> {
    let known = sources(config);
    match config.sources.get(name).map(|entrance| &entrance.reads) {
        Some(Reads::Described(description)) => return Ok(Told::Described(description)),
        Some(Reads::BuiltIn(source)) => return Ok(Told::BuiltIn(source)),
        None => {}
    }
    // A file is read whether or not the daemon takes events of its source.
    let mut decoders = DECODERS.iter();
    if let Some(decoder) = decoders.find(|decoder| decoder.source == name) {
        return Ok(Told::BuiltIn(decoder.source));
    }
    let failure = Failure::usage(format!("no source is called `{name}`"));
    Err(failure.help(format!("the sources are {}", known.join(", "))))
}

/// One event from bytes, as rule tests have it.
pub fn single(bytes: &[u8], config: &Config) -> Result<Event, Bad> {
    let accepted = accept(bytes).map_err(refused)?;
    event(accepted, &Told::ByContent, config)
}

pub fn of_value(value: Value, config: &Config) -> Result<Event, Bad> {
    let repairs = Vec::new();
    event(ParsedJson { value, repairs }, &Told::ByContent, config)
}

fn event(accepted: ParsedJson, told: &Told<'_>, config: &Config) -> Result<Event, Bad> {
    let ParsedJson { value, repairs } = accepted;
    let decoded = match told {
        Told::Described(description) => decode_described(value, description, &config.catalogue),
        Told::BuiltIn(_) => decode(value, &config.catalogue),
        Told::ByContent => decode(value.clone(), &config.catalogue)
            .or_else(|error| by_any_description(value, config).ok_or(error)),
    };
    let mut event = decoded.map_err(bad)?;
    if let Told::BuiltIn(name) = told
        && event.source != **name
    {
        let source = &event.source;
        return Err(Bad {
            message: format!("this is an event of `{source}`, not of `{name}`"),
            help: Some(format!("read it with `--source {source}`, or leave it out")),
        });
    }
    event.warnings.extend(repairs);
    Ok(event)
}

/// An event that one description alone fits.
fn by_any_description(value: Value, config: &Config) -> Option<Event> {
    let catalogue = &config.catalogue;
    let mut fitting = config
        .descriptions()
        .filter_map(|description| decode_described(value.clone(), description, catalogue).ok());
    let event = fitting.next()?;
    fitting.next().is_none().then_some(event)
}

fn refused(refused: Refused) -> Bad {
    Bad {
        message: refused.to_string(),
        help: Some(WHAT_IS_READ.into()),
    }
}

fn bad(error: NotAnEvent) -> Bad {
    Bad {
        message: error.to_string(),
        help: error.help.or_else(|| Some(A_SAMPLE.into())),
    }
}
