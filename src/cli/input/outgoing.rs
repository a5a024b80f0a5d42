//! Events as a sender posts them: the bytes of each, and the source that takes it in.
//! It refuses to guess between two sources that read the same events.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::exit::CommandError;
use crate::cli::input::file::{InputFile, InputPart, open, unread};
use crate::cli::input::{ReadEventError, SourceSelection, event, refused};
use crate::engine::sources;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::json::split::{BatchItem, accept_many};

/// One event, ready to be posted.
pub struct OutgoingEvent<'c> {
    pub entrance: &'c EventSource,
    pub body: Vec<u8>,
}

/// A parcel, or why it is none, and where that stands.
pub struct OutgoingInput<'c> {
    pub place: String,
    pub parcel: Result<OutgoingEvent<'c>, ReadEventError>,
}

/// Where events go: to the source that was named, or to the one that reads them.
#[derive(Clone, Copy)]
pub struct SourceRouter<'c> {
    config: &'c Config,
    named: Option<&'c EventSource>,
}

/// The parcels of files in order, read as they are asked for.
pub struct OutgoingEvents<'c> {
    address: SourceRouter<'c>,
    files: VecDeque<PathBuf>,
    open: Option<InputFile>,
    ready: VecDeque<OutgoingInput<'c>>,
}

impl<'c> SourceRouter<'c> {
    pub fn new(source: Option<&str>, config: &'c Config) -> Result<Self, CommandError> {
        let Some(name) = source else {
            let named = None;
            return Ok(Self { config, named });
        };
        match config.sources.get(name) {
            Some(entrance) => Ok(Self {
                config,
                named: Some(entrance),
            }),
            None => {
                let known = sources(config).join(", ");
                let failure = CommandError::usage(format!("no source is called `{name}`"));
                Err(failure.help(format!("the sources are {known}")))
            }
        }
    }

    pub fn parcels(self, files: &[PathBuf]) -> OutgoingEvents<'c> {
        OutgoingEvents {
            address: self,
            files: files.iter().cloned().collect(),
            open: None,
            ready: VecDeque::new(),
        }
    }

    /// All of a file as one body, byte by byte.
    pub fn whole(self, file: &Path) -> Result<OutgoingEvent<'c>, ReadEventError> {
        let mut body = Vec::new();
        let name = file.display().to_string();
        let read = open(file)?.read_to_end(&mut body);
        read.map_err(|error| unread(&name, &error))?;
        if let Some(entrance) = self.named {
            return Ok(OutgoingEvent { entrance, body });
        }
        let mut items = accept_many(&body);
        match (items.pop(), items.len()) {
            (Some(item), 0) => self.parcel(item, |_| body),
            _ => Err(ReadEventError {
                message: format!("`{name}` has several events, but only one request is signed"),
                help: Some(
                    "`flowtrigger send` sends each; or name the source with `--source` to sign all of it as one body".into(),
                ),
            }),
        }
    }

    fn parcel(
        self,
        item: BatchItem,
        body: impl FnOnce(&serde_json::Value) -> Vec<u8>,
    ) -> Result<OutgoingEvent<'c>, ReadEventError> {
        let accepted = item.outcome.map_err(refused)?;
        let body = body(&accepted.value);
        let entrance = match self.named {
            Some(entrance) => entrance,
            None => {
                self.taker(&event(accepted, &SourceSelection::ByContent, self.config)?.source)?
            }
        };
        Ok(OutgoingEvent { entrance, body })
    }

    /// The one entrance for the events of a source.
    fn taker(self, source: &str) -> Result<&'c EventSource, ReadEventError> {
        let entrances = self.config.sources.values();
        let takers: Vec<&EventSource> = entrances.filter(|e| e.source() == source).collect();
        let (message, help) = match takers.as_slice() {
            [one] => return Ok(one),
            [] => (
                format!("no source takes events of `{source}`"),
                format!("add `{source}: {{}}` under `sources` in the configuration"),
            ),
            several => {
                let names: Vec<&str> = several.iter().map(|e| e.name.as_str()).collect();
                let names = names.join(", ");
                (
                    format!("several sources take events of `{source}`: {names}"),
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
            if let Some(packed) = self.ready.pop_front() {
                return Some(packed);
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

impl OutgoingEvents<'_> {
    fn take(&mut self, part: InputPart) {
        let bytes = match part.bytes {
            Ok(bytes) => bytes,
            Err(bad) => {
                self.ready.push_back(OutgoingInput {
                    place: part.name,
                    parcel: Err(bad),
                });
                return;
            }
        };
        let items = accept_many(&bytes);
        // What is one event goes out as it stands; what is taken from a list is written anew.
        let alone = items.len() == 1 && !bytes.trim_ascii_start().starts_with(b"[");
        for item in items {
            let place = format!("{}:{}", part.name, part.above + item.line);
            let parcel = self.address.parcel(item, |value| match alone {
                true => bytes.clone(),
                false => value.to_string().into_bytes(),
            });
            self.ready.push_back(OutgoingInput { place, parcel });
        }
    }
}
