//! Reads events from files and standard input: one, an array, or a line each, in any known shape.
//! A bad one is told with its place and loses none of the others.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::exit::Failure;
use crate::core::config::Config;
use crate::core::event::Event;
use crate::core::event::decode::{NotAnEvent, decode, decode_described};
use crate::core::event::json::{Accepted, accept, accept_many};
use crate::core::event::user_described::Description;

/// One event of the input, or why it is none.
pub struct Input {
    /// `file:line`.
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
    let description = source.map(|name| described(name, config)).transpose()?;
    let mut inputs = Vec::new();
    for file in files {
        let bytes = bytes(file)?;
        let name = name(file);
        inputs.extend(accept_many(&bytes).into_iter().map(|item| {
            Input {
                place: format!("{name}:{}", item.line),
                event: item
                    .outcome
                    .map_err(|refused| Bad {
                        message: refused.to_string(),
                        help: None,
                    })
                    .and_then(|accepted| event(accepted, description.flatten(), config)),
            }
        }));
    }
    Ok(inputs)
}

fn name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".into(),
        _ => file.display().to_string(),
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|error| {
            Failure::bad_event(format!("failed to read standard input: {error}"))
        })?;
        return Ok(bytes);
    }
    std::fs::read(file).map_err(|error| {
        let failure = Failure::bad_event(format!("failed to read `{}`: {error}", file.display()));
        match (error.kind(), file.is_dir()) {
            (_, true) => failure.help("it is a folder; name the files in it"),
            (std::io::ErrorKind::NotFound, _) => failure.help(
                "`flowtrigger events TYPE --sample` prints an event of any type to start from",
            ),
            _ => failure.help("check who may read it"),
        }
    })
}

/// The description under a source's name; none for the built-in sources, which tell themselves.
fn described<'c>(name: &str, config: &'c Config) -> Result<Option<&'c Description>, Failure> {
    if ["support", "upmind"].contains(&name) {
        return Ok(None);
    }
    match config.sources.get(name) {
        Some(description) => Ok(Some(description)),
        None => {
            let known: Vec<&str> = ["support", "upmind"]
                .into_iter()
                .chain(config.sources.keys().map(String::as_str))
                .collect();
            let failure = Failure::usage(format!("no source is called `{name}`"));
            Err(failure.help(format!("the sources are {}", known.join(", "))))
        }
    }
}

/// One event from bytes, as rule tests have it.
pub fn single(bytes: &[u8], config: &Config) -> Result<Event, Bad> {
    let accepted = accept(bytes).map_err(|refused| Bad {
        message: refused.to_string(),
        help: None,
    })?;
    event(accepted, None, config)
}

pub fn of_value(value: Value, config: &Config) -> Result<Event, Bad> {
    let repairs = Vec::new();
    event(Accepted { value, repairs }, None, config)
}

fn event(
    accepted: Accepted,
    description: Option<&Description>,
    config: &Config,
) -> Result<Event, Bad> {
    let Accepted { value, repairs } = accepted;
    let decoded = match description {
        Some(description) => decode_described(value, description, &config.catalogue),
        None => decode(value.clone(), &config.catalogue)
            .or_else(|error| by_any_description(value, config).ok_or(error)),
    };
    let mut event = decoded.map_err(bad)?;
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

fn bad(error: NotAnEvent) -> Bad {
    Bad {
        message: error.to_string(),
        help: error.help,
    }
}
