//! Flows from their first step to their end, without a world: cases in plain files, flows that nobody
//! wrote, and the shipped ones, each cut off anywhere and gone on with.

mod cases;
mod examples;
mod machine;
mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::core::config::Config;
use flowtrigger::core::diagnostic::{Diagnostics, Files, Severity};
use flowtrigger::core::event::Event;
use flowtrigger::core::event::catalogue::Catalogue;
use flowtrigger::core::event::decode::decode;
use flowtrigger::core::event::json::accept;
use flowtrigger::core::matching::ruleset::RuleSet;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Texts with their names, compiled together; panics with what is wrong with them.
#[track_caller]
pub fn compile(texts: &[(String, String)], config: &Config) -> RuleSet {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let ids: Vec<_> = texts
        .iter()
        .map(|(name, text)| files.add(name.as_str(), text.as_str()))
        .collect();
    let files = Arc::new(files);
    let set = RuleSet::compile(&files, &ids, config, &mut diagnostics);
    let wrong = diagnostics.iter().find(|d| d.severity == Severity::Error);
    if let Some(wrong) = wrong {
        let all = texts.iter().map(|(_, text)| text.as_str());
        panic!("{wrong:?}\n{}", all.collect::<Vec<_>>().join("\n---\n"));
    }
    set
}

pub fn event(text: &str) -> Option<Event> {
    let value = accept(text.as_bytes()).ok()?.value;
    decode(value, Catalogue::built_in()).ok()
}

/// A sample event by its name under `examples/events`.
pub fn sample(name: &str) -> Event {
    let path = root().join("examples/events").join(name);
    event(&read(&path)).expect("an event")
}
