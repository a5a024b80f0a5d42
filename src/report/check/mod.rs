//! Loads rules, configuration and tests, and reports everything that is wrong with them: what `check` prints and an
//! editor shows.

mod listeners;
mod tls_files;
pub mod unread_config;
mod unset_secrets;

use jiff::Timestamp;

use crate::engine::{LoadedRulebook, ProgressFn, RulebookPaths};
use crate::report::rule_test::suite::{MissingRulePolicy, gather};
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::Diagnostics;

/// Loads rules, configuration and the tests of valid rules. Checks the secrets only if there are no errors.
pub fn read(paths: &RulebookPaths, on_progress: ProgressFn<'_>) -> LoadedRulebook {
    let mut loaded = paths.load_with_progress(on_progress);
    let missing = match loaded.diagnostics.has_errors() {
        true => MissingRulePolicy::Skipped,
        false => MissingRulePolicy::Reported,
    };
    let suite = gather(&loaded.rulebook, missing);
    loaded.rulebook.files = suite.files.into();
    loaded.diagnostics.extend(suite.diagnostics);
    check_config(&loaded.rulebook.config, &mut loaded.diagnostics);
    if missing == MissingRulePolicy::Reported {
        unset_secrets::warn(&loaded.rulebook, &mut loaded.diagnostics);
    }
    loaded
}

/// Checks what a configuration says of this machine: addresses and TLS files.
pub fn check_config(config: &Config, diagnostics: &mut Diagnostics) {
    listeners::check(config, diagnostics);
    tls_files::check(config, Timestamp::now(), diagnostics);
}
