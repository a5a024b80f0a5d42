//! `reload`: makes the daemon load rules and configuration again, waits, and prints what changed or what is wrong.

use std::io::Write;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::admin_client::AdminClient;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::{self, counted, number};
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::source::admin::{ReloadResult, RuleChanges};
use flowtrigger_core::diagnostic::{Diagnostics, Files};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger reload
  flowtrigger reload --data /var/lib/flowtrigger
  flowtrigger reload --format json | jq .changed

The daemon loads the rules and the configuration that it was started with, not those of `--rules`. With any
mistake, its previous rules stay in use.
Exit codes: 0 the new rules are in force, 3 they have errors, 5 no daemon runs or it failed.";

/// Make the daemon load rules and configuration again, and show what changed
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The names of rules that one line has at most.
const MAX_NAMES: usize = 20;

/// The result with the mistakes in their files.
struct ReloadAnswer {
    result: ReloadResult,
    files: Files,
    diagnostics: Diagnostics,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let Some(admin) = AdminClient::connect(&global.socket())? else {
        let folder = global.data.display();
        let none = CommandError::runtime(format!("no daemon runs on the data folder `{folder}`"));
        return Err(none.help("start `flowtrigger daemon`, or name its data folder with `--data`"));
    };
    let result = admin.reload().map_err(CommandError::runtime)?;
    let (files, diagnostics) = result.found.clone().open();
    let answer = ReloadAnswer {
        result,
        files,
        diagnostics,
    };
    match args.format {
        Format::Json => writeln!(out, "{:#}", versioned(answer.json()))?,
        Format::Text => answer.text(out)?,
    }
    Ok(match &answer.result.failure {
        None => Exit::Fine,
        Some(failure) if failure.is_of_rules => Exit::Invalid,
        Some(_) => Exit::Runtime,
    })
}

impl ReloadAnswer {
    fn json(&self) -> Value {
        let result = &self.result;
        let changes = &result.changes;
        json!({
            "reloaded": result.failure.is_none(),
            "reason": result.failure.as_ref().map(|failure| &failure.reason),
            "rules": result.rules,
            "revision": result.revision,
            "added": changes.added,
            "changed": changes.changed,
            "removed": changes.removed,
            "configuration_changed": changes.configuration,
            "at_next_start": changes.at_next_start,
            "errors": self.diagnostics.errors(),
            "warnings": self.diagnostics.warnings(),
            "diagnostics": self.diagnostics.to_json(&self.files),
        })
    }

    fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        diagnostics::text(out, &self.files, &self.diagnostics)?;
        let result = &self.result;
        let rules = number(result.rules, "rule");
        let revision = match result.revision {
            Some(revision) => format!(", revision {revision}"),
            None => String::new(),
        };
        match &result.failure {
            None => {
                writeln!(
                    out,
                    "reloaded: {rules}{revision}; {}",
                    summary(&result.changes)
                )?;
                for (what, names) in [
                    ("added", &result.changes.added),
                    ("changed", &result.changes.changed),
                    ("removed", &result.changes.removed),
                ] {
                    if !names.is_empty() {
                        writeln!(out, "  {what}: {}", list(names))?;
                    }
                }
                if !result.changes.at_next_start.is_empty() {
                    let keys = list(&result.changes.at_next_start);
                    writeln!(
                        out,
                        "  restart the daemon: changes of {keys} take effect at the next start"
                    )?;
                }
            }
            Some(failure) => {
                let why = match self.diagnostics.has_errors() {
                    true => counted(&self.diagnostics),
                    false => failure.reason.clone(),
                };
                let why = plain(&why);
                writeln!(
                    out,
                    "not reloaded: {why}; the previous rules stay in use: {rules}{revision}"
                )?;
            }
        }
        Ok(())
    }
}

/// `2 rules added, 1 rule removed, configuration changed`.
fn summary(changes: &RuleChanges) -> String {
    let mut parts = Vec::new();
    for (names, what) in [
        (&changes.added, "added"),
        (&changes.changed, "changed"),
        (&changes.removed, "removed"),
    ] {
        if !names.is_empty() {
            parts.push(format!("{} {what}", number(names.len(), "rule")));
        }
    }
    if changes.configuration {
        parts.push("configuration changed".into());
    }
    match parts.is_empty() {
        true => "nothing changed".into(),
        false => parts.join(", "),
    }
}

fn list(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| plain(name).into_owned())
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::admin::{FoundMistakes, ReloadFailure};

    fn text(result: ReloadResult) -> String {
        let (mut out, written) = Output::captured();
        let answer = ReloadAnswer {
            result,
            files: Files::default(),
            diagnostics: Diagnostics::default(),
        };
        answer.text(&mut out).unwrap();
        out.finish().unwrap();
        written.text()
    }

    #[test]
    fn changes_are_listed_by_name() {
        let result = ReloadResult {
            failure: None,
            rules: 41,
            revision: Some(7),
            changes: RuleChanges {
                added: (1..=22).map(|number| format!("rule-{number}")).collect(),
                changed: vec!["a".into()],
                removed: Vec::new(),
                configuration: true,
                at_next_start: vec!["listen".into()],
            },
            found: FoundMistakes::default(),
        };
        let printed = text(result.clone());
        assert!(
            printed.starts_with(
                "reloaded: 41 rules, revision 7; 22 rules added, 1 rule changed, configuration changed\n  added: rule-1, rule-2,"
            ),
            "{printed}"
        );
        assert!(
            printed.ends_with(
                "rule-20 and 2 more\n  changed: a\n  restart the daemon: changes of listen take effect at the next start\n"
            ),
            "{printed}"
        );
        let unchanged = ReloadResult {
            changes: RuleChanges::default(),
            ..result
        };
        assert_eq!(
            text(unchanged),
            "reloaded: 41 rules, revision 7; nothing changed\n"
        );
    }

    #[test]
    fn a_failure_says_what_stays_in_use() {
        let failed = ReloadResult {
            failure: Some(ReloadFailure {
                reason: "the database is away".into(),
                is_of_rules: false,
            }),
            rules: 1,
            revision: None,
            changes: RuleChanges::default(),
            found: FoundMistakes::default(),
        };
        assert_eq!(
            text(failed),
            "not reloaded: the database is away; the previous rules stay in use: 1 rule\n"
        );
    }
}
