//! Loads the secrets that live rules use. Rules that never act need none.

use crate::action::secret::{MissingSecret, SecretStore};
use flowtrigger_core::config::TraceExport;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::flow::step::Step;

use super::Rulebook;

/// Reads the secrets of the rules, or returns all that are missing.
pub fn load(rulebook: &Rulebook) -> Result<SecretStore, Vec<MissingSecret>> {
    load_named(rulebook, names(rulebook))
}

/// Reads the secrets of the rules and of the exporter of traces, or returns all that are missing.
pub fn load_for_daemon(rulebook: &Rulebook) -> Result<SecretStore, Vec<MissingSecret>> {
    let mut names = names(rulebook);
    names.extend(of_traces(rulebook));
    load_named(rulebook, names)
}

fn of_traces(rulebook: &Rulebook) -> impl Iterator<Item = &str> {
    let export = rulebook.config.traces.iter();
    export.flat_map(TraceExport::secrets)
}

fn load_named(rulebook: &Rulebook, names: Vec<&str>) -> Result<SecretStore, Vec<MissingSecret>> {
    let (secrets, missing) = SecretStore::load(&rulebook.config.secrets, names.into_iter());
    match missing.is_empty() {
        true => Ok(secrets),
        false => Err(missing),
    }
}

/// The names of the secrets that live rules use, sorted.
pub fn names(rulebook: &Rulebook) -> Vec<&str> {
    let live = rulebook.rules.rules.iter();
    let live = live.filter(|rule| rule.mode == Mode::Live);
    let steps = live.flat_map(|rule| rule.steps());
    let mut names: Vec<&str> = steps.flat_map(Step::secrets).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The names of the secrets of live rules, of sources and of the exporter of traces, sorted: without them a daemon does not use the rules.
pub fn needed(rulebook: &Rulebook) -> Vec<&str> {
    let mut names = names(rulebook);
    let sources = rulebook.config.sources.values();
    let verifications = sources.filter_map(|source| source.verification.as_ref());
    names.extend(
        verifications
            .flat_map(|verification| &verification.secrets)
            .map(String::as_str),
    );
    names.extend(of_traces(rulebook));
    names.sort_unstable();
    names.dedup();
    names
}
