//! Finds the folder that a file belongs to: the nearest one above it with a `flowtrigger.yaml` or a rules folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::engine::{ConfigFile, RulebookPaths, UnsavedTexts};

const CONFIG: &str = "flowtrigger.yaml";

/// Where rules, configuration and data are, from the root of a workspace or as absolute paths.
#[derive(Debug, Clone)]
pub struct WorkspaceLayout {
    pub rules: PathBuf,
    /// The default is `flowtrigger.yaml`, if it exists.
    pub config: Option<PathBuf>,
    pub data: PathBuf,
    /// The environment variables that override the configuration.
    pub environment: BTreeMap<String, String>,
}

/// What a file of a workspace contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    Config,
    /// Rules, named flows or a ZIS bundle.
    Rules,
    Tests,
}

/// The absolute paths of one workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkspacePaths {
    pub root: PathBuf,
    pub rules: PathBuf,
    pub config: PathBuf,
    pub data: PathBuf,
}

impl WorkspacePaths {
    /// The workspace of a file; `None` if no folder above it looks like one.
    pub fn of(file: &Path, layout: &WorkspaceLayout) -> Option<Self> {
        let mut folders = file.ancestors().skip(1);
        let root = folders.find(|folder| {
            let config = folder.join(layout.config.as_deref().unwrap_or(Path::new(CONFIG)));
            let rules = folder.join(&layout.rules);
            config.is_file() || config == file || rules.is_dir() || file.starts_with(&rules)
        })?;
        Some(Self::at(root, layout))
    }

    fn at(root: &Path, layout: &WorkspaceLayout) -> Self {
        let rules = root.join(&layout.rules);
        let config = root.join(layout.config.as_deref().unwrap_or(Path::new(CONFIG)));
        Self {
            // A configuration beside the rules.
            rules: match !rules.exists() && config.is_file() {
                true => root.to_owned(),
                false => rules,
            },
            config,
            data: root.join(&layout.data),
            root: root.to_owned(),
        }
    }

    /// What a file contains; `None` if the workspace does not read it.
    pub fn role(&self, file: &Path) -> Option<FileRole> {
        if file == self.config {
            return Some(FileRole::Config);
        }
        let name = file.file_name()?.to_str()?;
        let ending = [".yaml", ".yml", ".json"];
        let stem = ending.iter().find_map(|ending| name.strip_suffix(ending))?;
        let is_hidden = |part: &std::ffi::OsStr| part.to_string_lossy().starts_with('.');
        let below = file.strip_prefix(&self.rules).ok()?;
        if stem == "flowtrigger" || below.iter().any(is_hidden) {
            return None;
        }
        Some(match stem.ends_with(".test") {
            true => FileRole::Tests,
            false => FileRole::Rules,
        })
    }

    /// The paths to load, with the texts of an editor.
    pub fn rulebook(&self, layout: &WorkspaceLayout, unsaved: UnsavedTexts) -> RulebookPaths {
        RulebookPaths {
            config: match layout.config {
                Some(_) => ConfigFile::Named(self.config.clone()),
                None => ConfigFile::IfThere(self.config.clone()),
            },
            environment: layout.environment.clone(),
            unsaved,
            ..RulebookPaths::new(&self.rules)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> WorkspaceLayout {
        WorkspaceLayout {
            rules: "rules".into(),
            config: None,
            data: "data".into(),
            environment: BTreeMap::new(),
        }
    }

    fn role(root: &Path, file: &str) -> Option<FileRole> {
        let file = root.join(file);
        WorkspacePaths::of(&file, &layout())?.role(&file)
    }

    #[test]
    fn files_have_the_role_that_their_path_gives() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(role(root, "docs/compose.yaml"), None);
        std::fs::create_dir_all(root.join("rules/team")).unwrap();
        assert_eq!(role(root, "docs/compose.yaml"), None);
        assert_eq!(role(root, "flowtrigger.yaml"), Some(FileRole::Config));
        assert_eq!(role(root, "rules/team/a.yaml"), Some(FileRole::Rules));
        assert_eq!(role(root, "rules/bundle.json"), Some(FileRole::Rules));
        assert_eq!(role(root, "rules/a.test.yml"), Some(FileRole::Tests));
        assert_eq!(role(root, "rules/.a.yaml"), None);
        assert_eq!(role(root, "rules/readme.md"), None);
    }

    #[test]
    fn rules_beside_their_configuration_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("flowtrigger.yaml"), "").unwrap();
        assert_eq!(role(root, "a.yaml"), Some(FileRole::Rules));
        assert_eq!(role(root, "flowtrigger.yaml"), Some(FileRole::Config));
    }
}
