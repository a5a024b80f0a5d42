//! Reads events from files and standard input: one, an array, or a line each, in any known shape.
//! A bad one is told with its place and loses none of the others.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::exit::Failure;
use crate::core::config::Config;
use crate::core::event::Event;
use crate::core::event::decode::{NotAnEvent, decode, decode_described};
use crate::core::event::json::{Accepted, Refused, accept, accept_many};
use crate::core::event::user_described::Description;
use crate::engine::sources;

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

/// Reads the files in order; `-` is standard input. `source` names the entry of the configuration that
/// describes them, where the content does not tell.
pub fn read(
    files: &[PathBuf],
    source: Option<&str>,
    config: &Config,
) -> Result<Vec<Input>, Failure> {
    let told = match source {
        None => Told::ByContent,
        Some(name) => named(name, config)?,
    };
    let mut inputs = Vec::new();
    for file in files {
        let name = name(file);
        let bytes = match bytes(file) {
            Ok(bytes) => bytes,
            Err(bad) => {
                let (place, event) = (name, Err(bad));
                inputs.push(Input { place, event });
                continue;
            }
        };
        inputs.extend(accept_many(&bytes).into_iter().map(|item| {
            let accepted = item.outcome.map_err(refused);
            Input {
                place: format!("{name}:{}", item.line),
                event: accepted.and_then(|accepted| event(accepted, &told, config)),
            }
        }));
    }
    Ok(inputs)
}

/// How the source of an event is known.
enum Told<'c> {
    ByContent,
    /// A built-in source: the content tells, and must agree.
    BuiltIn(&'c str),
    Described(&'c Description),
}

fn name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".into(),
        _ => file.display().to_string(),
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, Bad> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        return read.map(|_| bytes).map_err(|error| Bad {
            message: format!("failed to read it: {error}"),
            help: Some("feed it events, or name a file".into()),
        });
    }
    std::fs::read(file).map_err(|error| {
        let help = match (error.kind(), file.is_dir()) {
            (_, true) => "it is a folder; name the files in it",
            (std::io::ErrorKind::NotFound, _) => {
                "`flowtrigger events TYPE --sample` prints an event of any type to start from"
            }
            _ => "check who may read it",
        };
        Bad {
            message: format!("failed to read `{}`: {error}", file.display()),
            help: Some(help.into()),
        }
    })
}

/// What is known of events that come under a source's name.
fn named<'c>(name: &'c str, config: &'c Config) -> Result<Told<'c>, Failure> {
    if let Some(description) = config.sources.get(name) {
        return Ok(Told::Described(description));
    }
    let known = sources(config);
    if known.iter().any(|known| known == name) {
        return Ok(Told::BuiltIn(name));
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
    event(Accepted { value, repairs }, &Told::ByContent, config)
}

fn event(accepted: Accepted, told: &Told<'_>, config: &Config) -> Result<Event, Bad> {
    let Accepted { value, repairs } = accepted;
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
        .sources
        .values()
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
