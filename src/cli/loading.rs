//! Reads rules and configuration for a command.
//! Stands in until the engine's rulebook lands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, Files, Position};
use crate::core::matching::ruleset::RuleSet;

pub struct Loaded {
    pub rules: RuleSet,
    pub config: Config,
    pub diagnostics: Diagnostics,
}

pub fn load(rules: &Path, _config: &Path) -> Loaded {
    let mut files = Files::default();
    let mut diagnostics = Diagnostics::default();
    let mut paths = BTreeSet::new();
    if let Err(error) = find(rules, &mut paths) {
        let file = files.add(rules.display().to_string(), "");
        let at = Position { file, ..Position::default() };
        let message = format!("cannot read `{}`: {error}", rules.display());
        diagnostics.push(
            Diagnostic::error(Code::Unreadable, at, message)
                .help("create the folder, or name another with `--rules PATH`"),
        );
    }
    let ids: Vec<_> = paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            files.add(path.display().to_string(), text)
        })
        .collect();
    let config = Config::default();
    let files = Arc::new(files);
    let rules = RuleSet::compile(&files, &ids, &config, &mut diagnostics);
    Loaded {
        rules,
        config,
        diagnostics,
    }
}

fn find(path: &Path, found: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        found.insert(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if path.is_dir() || (name.ends_with(".yaml") && !name.ends_with(".test.yaml")) {
            find(&path, found)?;
        }
    }
    Ok(())
}
