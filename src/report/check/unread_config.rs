//! Names a configuration above the rules that was not read, because it is not in the current folder.

use std::path::{Path, PathBuf};

use crate::engine::{ConfigFile, RulebookPaths};
use crate::report::render::shell;
use flowtrigger_core::run::exchange::ExchangeText;

/// The default folder of rules. A folder with one is a project of its own, with or without a configuration.
const RULES: &str = "rules";

/// A configuration above the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadConfig {
    /// Its path from the current folder.
    pub path: PathBuf,
    /// Its folder, in the same way.
    folder: PathBuf,
    /// The rules from there.
    rules: PathBuf,
}

impl UnreadConfig {
    /// The configuration of the project in which the rules are, if no configuration was read.
    pub fn find(paths: &RulebookPaths) -> Option<Self> {
        let ConfigFile::IfThere(default) = &paths.config else {
            return None;
        };
        let current = std::env::current_dir().and_then(|current| current.canonicalize());
        Self::above(&paths.rules, default, &current.ok()?)
    }

    fn above(rules: &Path, default: &Path, current: &Path) -> Option<Self> {
        if current.join(default).exists() {
            return None;
        }
        let rules = current.join(rules).canonicalize().ok()?;
        let name = default.file_name()?;
        let mut folders = rules.ancestors().skip(1);
        let is_project =
            |folder: &&Path| folder.join(name).is_file() || folder.join(RULES).is_dir();
        let folder = folders.find(is_project)?;
        if !folder.join(name).is_file() {
            return None;
        }
        let shown = from(current, folder);
        Some(Self {
            path: match shown == Path::new(".") {
                true => name.into(),
                false => shown.join(name),
            },
            folder: shown,
            rules: rules.strip_prefix(folder).ok()?.to_owned(),
        })
    }

    /// What was not read, and how it is.
    pub fn sentence(&self) -> String {
        let argument = |path: &Path| shell::argument(&ExchangeText::plain(path.to_string_lossy()));
        format!(
            "`{}` was not read, because it is not in the current folder: add `--config {}`, or execute `flowtrigger check {}` in `{}`",
            self.path.display(),
            argument(&self.path),
            argument(&self.rules),
            self.folder.display()
        )
    }
}

/// A folder as a path from another one; both are absolute.
fn from(current: &Path, folder: &Path) -> PathBuf {
    if let Ok(below) = folder.strip_prefix(current) {
        return below.to_owned();
    }
    match current.strip_prefix(folder) {
        Ok(rest) => rest.components().map(|_| "..").collect(),
        Err(_) => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_configuration_above_the_rules_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("a path");
        fs::create_dir_all(root.join("desk/rules/team")).expect("folders");
        fs::create_dir_all(root.join("other")).expect("a folder");
        fs::create_dir_all(root.join("desk/nested/rules")).expect("folders");
        fs::write(root.join("desk/flowtrigger.yaml"), "").expect("a file");
        fs::write(root.join("desk/rules/a.yaml"), "").expect("a file");
        let found = |current: &str, rules: &str| {
            let default = Path::new("flowtrigger.yaml");
            let found = UnreadConfig::above(Path::new(rules), default, &root.join(current))?;
            let shown = |path: &Path| path.to_string_lossy().into_owned();
            Some([
                shown(&found.path),
                shown(&found.folder),
                shown(&found.rules),
            ])
        };
        let up = ["../flowtrigger.yaml", "..", "rules"].map(str::to_owned);
        assert_eq!(found("desk/rules", "."), Some(up));
        let file = ["../../flowtrigger.yaml", "../..", "rules/a.yaml"].map(str::to_owned);
        assert_eq!(found("desk/rules/team", "../a.yaml"), Some(file));
        let below = ["desk/flowtrigger.yaml", "desk", "rules"].map(str::to_owned);
        assert_eq!(found("", "desk/rules"), Some(below));
        let beside = root.join("desk").to_string_lossy().into_owned();
        let beside = [
            format!("{beside}/flowtrigger.yaml"),
            beside,
            "rules".to_owned(),
        ];
        assert_eq!(found("other", "../desk/rules"), Some(beside));
        assert_eq!(found("desk", "rules"), None);
        assert_eq!(found("other", "../missing"), None);
        assert_eq!(found("desk/nested", "rules"), None);
        assert_eq!(found("desk/nested/rules", "."), None);
    }
}
