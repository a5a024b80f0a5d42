//! Logs what a start or a reload found: recovered runs, warnings and errors of the rules.

use std::net::SocketAddr;

use tracing::{error, info, warn};

use crate::engine::rulebook::policy;
use crate::engine::{LoadedRulebook, Rulebook};
use crate::store::{RecoveryReport, short_digest};
use flowtrigger_core::diagnostic::{Diagnostic, Severity};

pub(super) fn recovered(recovered: &RecoveryReport) {
    let runs = recovered.suspects.len();
    if runs > 0 {
        warn!(
            runs,
            "runs were executing when the program was killed; they continue one at a time"
        );
    }
    for run in &recovered.quarantined {
        error!(
            run = run.0,
            "the program was killed three times while only this run was executing; it is held"
        );
    }
}

pub(super) fn start(rulebook: &Rulebook, bytes_per_rule: Option<u64>, address: SocketAddr) {
    let rules = rulebook.rules.rules.len();
    let pushed = rulebook.pushed().map(|pushed| short_digest(&pushed.digest));
    info!(rules, pushed, bytes_per_rule, %address, "listening");
    policy::log_policy(&rulebook.config);
}

pub(super) fn warnings(reading: &LoadedRulebook) {
    let mut warnings = reading.diagnostics.sorted();
    warnings.retain(|found| found.severity == Severity::Warning);
    for warning in warnings.iter().take(MAX_LOGGED) {
        let at = reading.rulebook.files.location(warning.at);
        warn!(%at, help = warning.help, "{}", warning.message);
    }
    if let Some(more) = more_than_logged(&warnings) {
        warn!("{more} more warnings; `flowtrigger check --format json` lists all");
    }
}

/// More diagnostics than this are counted, not logged.
const MAX_LOGGED: usize = 100;

fn more_than_logged(found: &[Diagnostic]) -> Option<usize> {
    let more = found.len().saturating_sub(MAX_LOGGED);
    (more > 0).then_some(more)
}

pub(super) fn errors(reading: &LoadedRulebook) {
    let mut mistakes = reading.diagnostics.sorted();
    mistakes.retain(|found| found.severity == Severity::Error);
    for mistake in mistakes.iter().take(MAX_LOGGED) {
        let at = reading.rulebook.files.location(mistake.at);
        error!(%at, help = mistake.help, "{}", mistake.message);
    }
    if let Some(more) = more_than_logged(&mistakes) {
        error!("{more} more errors; `flowtrigger check --format json` lists all");
    }
}
