//! Finds the new rules for which a backtest found no run: a mistake in a new rule changes nothing that a comparison shows.

use std::collections::HashSet;

use crate::engine::Rulebook;
use crate::report::backtest::execute::{BacktestBase, BacktestResult};
use crate::report::error::CommandError;
use crate::store::History;
use crate::store::history::revision::written_names;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::rule::shadow_version::written_name;

/// Names that are searched in whole texts: rules of bundles, and names that are written in an unusual way.
const MAX_SEARCHED: usize = 100;

/// The names of enabled rules without runs that the other side does not have.
pub fn new_without_runs(
    result: &BacktestResult,
    book: &Rulebook,
    base: BacktestBase<'_>,
    history: &dyn History,
) -> Result<Vec<String>, CommandError> {
    let listed: HashSet<&str> = result.rules.iter().map(|rule| rule.name.as_str()).collect();
    let enabled = book.rules.rules.iter();
    let enabled = enabled.filter(|rule| rule.mode != Mode::Disabled);
    let names = enabled.map(|rule| rule.name.as_str());
    let mut quiet: Vec<&str> = names.filter(|name| !listed.contains(name)).collect();
    match base {
        BacktestBase::Rules(other) => {
            let known = other.rules.rules.iter().map(|rule| rule.name.as_str());
            let known: HashSet<&str> = known.collect();
            quiet.retain(|name| !known.contains(name));
        }
        BacktestBase::WhatRan => {
            let in_force = history.latest_revision()?;
            let texts = in_force.map(|revision| history.revision_texts(revision.id));
            let Some(texts) = texts.transpose()?.flatten() else {
                return Ok(Vec::new());
            };
            let written = texts.files.iter().flat_map(|(_, text)| written_names(text));
            let written: HashSet<&str> = written.collect();
            quiet.retain(|name| !written.contains(written_name(name)));
            quiet.truncate(MAX_SEARCHED);
            let is_in_texts = |name: &str| {
                let mut files = texts.files.iter();
                files.any(|(_, text)| text.contains(written_name(name)))
            };
            quiet.retain(|name| !is_in_texts(name));
        }
    }
    Ok(quiet.into_iter().map(str::to_owned).collect())
}
