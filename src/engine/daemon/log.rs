//! Logs what a start or a reload found: recovered runs, warnings and errors of the rules.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tracing::{error, info, warn};

use crate::engine::rulebook::policy;
use crate::engine::{LoadedRulebook, Rulebook};
use crate::store::history::SuspendedTarget;
use crate::store::{RecoveryReport, StoreLocation, damaged_databases, short_digest};
use flowtrigger_core::config::Mode;
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

/// Databases that were damaged: this one began empty, and the events of the others may not have been executed.
pub(super) fn damaged(location: &StoreLocation) {
    let StoreLocation::File(database) = location else {
        return;
    };
    for file in damaged_databases(database) {
        warn!(file = %file.display(), "a damaged database was set aside, and this one began empty; read what is left with `.recover` of `sqlite3`, then move the file away");
    }
}

pub(super) fn start(rulebook: &Rulebook, bytes_per_rule: Option<u64>, address: SocketAddr) {
    let rules = rulebook.rules.rules.len();
    let pushed = rulebook.pushed().map(|pushed| short_digest(&pushed.digest));
    let tls = rulebook.config.listen.tls.is_some();
    let version = env!("CARGO_PKG_VERSION");
    let mode = rulebook.config.mode;
    info!(version, rules, mode = mode.as_str(), pushed, bytes_per_rule, %address, tls, "listening");
    match mode {
        Mode::Live => {}
        Mode::Shadow => {
            warn!("`mode` of the configuration is shadow: no rule sends or executes anything");
        }
        Mode::Disabled => {
            warn!("`mode` of the configuration is disabled: no rule creates a run");
        }
    }
    policy::log_policy(&rulebook.config);
}

/// What is paused or down at the start, and how many runs wait for it.
pub(super) fn suspended(suspended: &[SuspendedTarget]) {
    for found in suspended {
        let (target, waiting) = (found.target.key(), found.waiting);
        if let Some(pause) = &found.suspension.pause {
            let (since, by, note) = (pause.since, &pause.by, &pause.note);
            warn!(
                target,
                since = format!("{since:.0}"),
                by,
                note,
                waiting,
                "paused: its runs wait until `flowtrigger resume`"
            );
        }
        if let Some(outage) = &found.suspension.outage {
            let (since, error) = (outage.since, &outage.message);
            warn!(
                receiver = target,
                since = format!("{since:.0}"),
                failures = outage.failures,
                error,
                waiting,
                "receiver is down; its runs wait"
            );
        }
    }
}

pub(super) fn metrics_address(listener: Option<&TcpListener>) {
    if let Some(address) = listener.and_then(|listener| listener.local_addr().ok()) {
        info!(%address, "serving metrics");
    }
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
