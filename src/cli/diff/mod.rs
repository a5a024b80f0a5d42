//! `diff`: compares two versions of rules: which events each rule matches before and after, and what it does.

mod changed_part;
mod git;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::diff::git::GitPath;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::{ConfigFile, Rulebook, RulebookPaths};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use flowtrigger_core::analysis::comparison::{RuleDifference, compare};

/// The name of the configuration beside the rules.
const CONFIG: &str = "flowtrigger.yaml";

const AFTER_HELP: &str = "\
Examples:
  flowtrigger diff main:rules rules                   what the working tree changes
  flowtrigger diff HEAD~1:rules HEAD:rules
  flowtrigger diff old/rules new/rules --format json | jq -r '.rules[] | \"\\(.change) \\(.rule)\"'

`wider` and `narrower` come with an event that only one version matches. Exit codes: 0 nothing changed,
1 something changed, 3 invalid rules or configuration.";

/// Compare two versions of rules: which events they match, and what they do.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, one rule file, or `REV:PATH` of a git revision.
    #[arg(value_name = "OLD")]
    old: String,
    /// The version to compare with it.
    #[arg(value_name = "NEW")]
    new: String,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Where a version of rules is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RuleLocation {
    Files(PathBuf),
    Git(GitPath),
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let before = read(&args.old, global)?;
    let after = read(&args.new, global)?;
    let configs = [&before.config, &after.config];
    let differences = compare(&before.rules, &after.rules, configs);
    let is_same_config = before.config.source.text == after.config.source.text;
    match args.format {
        Format::Text => text::print(out, &differences, [&before, &after], is_same_config)?,
        Format::Json => {
            let answer = json(&differences, [&before, &after], is_same_config);
            writeln!(out, "{answer:#}")?;
        }
    }
    let is_unchanged = differences.iter().all(RuleDifference::is_unchanged);
    Ok(match is_unchanged && is_same_config {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

fn json(differences: &[RuleDifference], books: [&Rulebook; 2], is_same_config: bool) -> Value {
    let files = books.map(|book| &*book.files);
    let changed = differences.iter().filter(|of| !of.is_unchanged()).count();
    versioned(json!({
        "changed": changed,
        "unchanged": differences.len() - changed,
        "configuration_changed": !is_same_config,
        "rules": differences.iter().map(|of| of.to_json(files)).collect::<Vec<_>>(),
    }))
}

/// A path that exists is one of files, also if it contains a colon.
fn location(text: &str, global: &GlobalOptions) -> RuleLocation {
    match text.split_once(':') {
        Some((revision, path)) if !Path::new(text).exists() && !revision.is_empty() => {
            let path = match path {
                "" => global.rules.clone(),
                path => PathBuf::from(path),
            };
            RuleLocation::Git(GitPath {
                revision: revision.to_owned(),
                path,
            })
        }
        Some(_) | None => RuleLocation::Files(PathBuf::from(text)),
    }
}

fn read(text: &str, global: &GlobalOptions) -> Result<Rulebook, CommandError> {
    let loaded = match location(text, global) {
        RuleLocation::Files(path) if !path.exists() && is_revision(text) => {
            let message = format!("`{text}` is a revision of git, and no file or folder");
            let rules = global.rules.display();
            let help = format!("name the path of the rules in it: `{text}:{rules}`");
            return Err(CommandError::usage(message).help(help));
        }
        RuleLocation::Files(path) => paths_of(&path, global).read(),
        RuleLocation::Git(of) => {
            let name = global.config.as_deref().and_then(Path::file_name);
            let name = name.map_or(CONFIG.into(), |name| name.to_string_lossy());
            let texts = of.read(&name)?;
            global.rulebook_paths(None).read_texts(&texts)
        }
    };
    loaded
        .accepted()
        .map_err(|loaded| CommandError::invalid(loaded.rulebook.files, loaded.diagnostics))
}

fn is_revision(text: &str) -> bool {
    let of = GitPath {
        revision: text.to_owned(),
        path: PathBuf::new(),
    };
    of.is_known()
}

/// The configuration is that beside the rules, if there is one and no other is named.
fn paths_of(path: &Path, global: &GlobalOptions) -> RulebookPaths {
    let mut paths = global.rulebook_paths(Some(path));
    let beside = path.parent().map(|folder| folder.join(CONFIG));
    if let Some(beside) = beside.filter(|beside| beside.exists() && global.config.is_none()) {
        paths.config = ConfigFile::Named(beside);
    }
    paths
}
