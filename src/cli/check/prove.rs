//! `check --prove`: what can be proven about the rules, as warnings with an event each, and what could not be decided.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::engine::LoadedRulebook;
use crate::report::output::Output;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::escape::plain;
use flowtrigger_core::analysis::findings::{Finding, ProofReport, prove};
use flowtrigger_core::diagnostic::{Code, Diagnostics};

/// More rules than this are not named that could not be decided.
const MAX_SHOWN: usize = 20;

/// Analyses rules without errors, and adds the findings to the diagnostics. `None` for rules with errors.
pub fn analyse(loaded: &mut LoadedRulebook) -> Option<ProofReport> {
    if loaded.diagnostics.has_errors() {
        return None;
    }
    let rulebook = &loaded.rulebook;
    let mut report = prove(&rulebook.rules, &rulebook.config);
    let is_new = |finding: &Finding| !is_known(finding, &loaded.diagnostics);
    report.findings.retain(is_new);
    let files = &rulebook.files;
    let found = report.findings.iter();
    let found: Vec<_> = found.map(|finding| finding.diagnostic(files)).collect();
    for diagnostic in found {
        loaded.diagnostics.push(diagnostic);
    }
    Some(report)
}

/// Whether loading reports the same predicate.
fn is_known(finding: &Finding, diagnostics: &Diagnostics) -> bool {
    finding.code == Code::WithoutEffect
        && diagnostics
            .iter()
            .any(|found| found.code == Code::AlwaysHolds && found.at == finding.at)
}

/// Prints what was analysed, and what could not be decided.
pub fn print(out: &mut Output, report: &ProofReport) -> io::Result<()> {
    for undecided in report.undecided.iter().take(MAX_SHOWN) {
        let line = format!(
            "not decided: {} (rule `{}`): {}",
            undecided.question, undecided.rule, undecided.why
        );
        writeln!(out, "{}", plain(&line))?;
    }
    let more = report.undecided.len().saturating_sub(MAX_SHOWN);
    if more > 0 {
        writeln!(out, "not decided for {} more", number(more, "rule"))?;
    }
    if report.not_compared > 0 {
        let pairs = grouped(report.not_compared);
        writeln!(out, "{pairs} pairs of rules were too many to compare")?;
    }
    let found = number(report.findings.len(), "finding");
    writeln!(out, "{} analysed, {found}", number(report.rules, "rule"))
}

pub fn json(report: &ProofReport, loaded: &LoadedRulebook) -> Value {
    let files = &loaded.rulebook.files;
    let findings = report.findings.iter();
    json!({
        "rules": report.rules,
        "findings": findings.map(|finding| finding.to_json(files)).collect::<Vec<_>>(),
        "undecided": report.undecided.iter().map(|of| of.to_json()).collect::<Vec<_>>(),
        "not_compared": report.not_compared,
    })
}
