//! Loads the secrets that live rules use. Rules that never act need none.

use crate::action::secret::{MissingSecret, SecretStore};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::flow::step::Step;

use super::Rulebook;

/// Reads the secrets of the rules, or returns all that are missing.
pub fn load(rulebook: &Rulebook) -> Result<SecretStore, Vec<MissingSecret>> {
    let names = names(rulebook);
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

/// The names of the secrets of live rules and of sources, sorted: without them a daemon does not use the rules.
pub fn needed(rulebook: &Rulebook) -> Vec<&str> {
    let mut names = names(rulebook);
    let sources = rulebook.config.sources.values();
    let verifications = sources.filter_map(|source| source.verification.as_ref());
    names.extend(
        verifications
            .flat_map(|verification| &verification.secrets)
            .map(String::as_str),
    );
    names.sort_unstable();
    names.dedup();
    names
}
