//! The rules and the configuration that a command works with.
//! It refuses to go on with a mistake in either, and tells all of them.

use std::path::Path;

use super::exit::Failure;
use super::global::Global;
use crate::core::rule::synonyms;
use crate::engine::rulebook::Rulebook;

/// The rules at `--rules` and the configuration, without a mistake.
pub fn open(global: &Global) -> Result<Rulebook, Failure> {
    open_at(None, global)
}

/// Like `open`, with a command's own path before `--rules`.
pub fn open_at(rules: Option<&Path>, global: &Global) -> Result<Rulebook, Failure> {
    let reading = global.places(rules).read().accepted();
    reading.map_err(|reading| Failure::invalid(reading.rulebook.files, reading.diagnostics))
}

/// Refuses names that no rule has.
pub fn known_rules(names: &[String], book: &Rulebook) -> Result<(), Failure> {
    let known = || book.rules.rules.iter().map(|rule| rule.name.as_str());
    let Some(unknown) = names.iter().find(|name| known().all(|k| k != *name)) else {
        return Ok(());
    };
    let failure = Failure::usage(format!("no rule is called `{unknown}`"));
    Err(match synonyms::nearest(unknown, known()) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    })
}
