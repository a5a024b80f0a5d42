//! `check`: reports all problems in rules, tests and configuration, each with its location.
//! The other commands load whatever passes it.

mod prove;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::exit::Exit;
use super::progress::ProgressLine;
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::{LoadedRulebook, RulebookPaths};
use crate::report::check;
use crate::report::check::unread_config::UnreadConfig;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::{self, counted, number};
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::mode_cap;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger check
  flowtrigger check rules/escalate-urgent.yaml
  flowtrigger check --prove                           what holds for all events
  flowtrigger check --format json | jq -r '.diagnostics[] | \"\\(.file):\\(.line) \\(.message)\"'

Exit codes: 0 no errors (warnings are allowed), 1 `--prove` found something, 3 there are errors.";

/// Report all problems in rules and configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file. Default: `--rules`.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Also prove what holds for all events: rules that never match, cover each other, conflict or start each other.
    #[arg(long)]
    prove: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let paths = global.rulebook_paths(args.path.as_deref());
    let unread = UnreadConfig::find(&paths).map(|config| config.sentence());
    let mut loaded = read(&paths);
    let proofs = match args.prove {
        true => prove::analyse(&mut loaded),
        false => None,
    };
    match args.format {
        Format::Text => {
            diagnostics::text(out, &loaded.rulebook.files, &loaded.diagnostics)?;
            if let Some(proofs) = &proofs {
                prove::print(out, proofs)?;
            }
            writeln!(out, "{}", summary(&loaded))?;
            if let Some(limit) = mode_cap::sentence(&loaded.rulebook.config) {
                writeln!(out, "{}", plain(&limit))?;
            }
            if let Some(unread) = &unread {
                writeln!(out, "{}", plain(unread))?;
            }
        }
        Format::Json => {
            let mut answer = json(&loaded, unread.as_deref());
            if let Some(proofs) = &proofs {
                answer["proofs"] = prove::json(proofs, &loaded);
            }
            writeln!(out, "{answer:#}")?;
        }
    }
    let has_findings = proofs.is_some_and(|proofs| !proofs.findings.is_empty());
    Ok(match (loaded.diagnostics.has_errors(), has_findings) {
        (true, _) => Exit::Invalid,
        (false, true) => Exit::Negative,
        (false, false) => Exit::Fine,
    })
}

fn read(places: &RulebookPaths) -> LoadedRulebook {
    let mut line = ProgressLine::new();
    check::read(places, &mut |progress| line.update(progress))
}

fn summary(loaded: &LoadedRulebook) -> String {
    let (rulebook, diagnostics) = (&loaded.rulebook, &loaded.diagnostics);
    if diagnostics.has_errors() {
        let named = diagnostics.iter().map(|found| found.at.file);
        let named = named.filter(|file| rulebook.files.get(*file).is_some());
        let place = match named.collect::<BTreeSet<_>>().len() {
            0 => "the environment".to_owned(),
            files => number(files, "file"),
        };
        return format!("{} in {place}", counted(diagnostics));
    }
    let files = number(rulebook.rule_files.len(), "file");
    let rules = number(rulebook.rules.rules.len(), "rule");
    let found = match diagnostics.warnings() {
        0 => "no errors".to_owned(),
        _ => format!("no errors, {}", counted(diagnostics)),
    };
    match loaded.memory_per_rule() {
        None => format!("{rules} in {files}, {found}"),
        Some(bytes) => format!("{rules} in {files}, {found}; {} a rule", memory(bytes)),
    }
}

fn json(loaded: &LoadedRulebook, unread_config: Option<&str>) -> Value {
    let (rulebook, diagnostics) = (&loaded.rulebook, &loaded.diagnostics);
    versioned(json!({
        "rules": rulebook.rules.rules.len(),
        "files": rulebook.rule_files.len(),
        "errors": diagnostics.errors(),
        "warnings": diagnostics.warnings(),
        "mode_limit": mode_cap::sentence(&rulebook.config),
        "unread_config": unread_config,
        "diagnostics": diagnostics.to_json(&rulebook.files),
    }))
}

/// `1.9 kB of memory`.
fn memory(bytes: u64) -> String {
    let tenths = (bytes + 50) / 100;
    format!("{}.{} kB of memory", tenths / 10, tenths % 10)
}
