//! Finds the rule files under a path, in a stable order. Hidden files and files that do not end in `.yaml`,
//! `.yml` or `.json` are skipped.

use std::collections::BTreeSet;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::report;
use flowtrigger_core::diagnostic::{Code, Diagnostics, Files};

#[derive(Debug, Default)]
pub struct RuleFiles {
    pub rules: Vec<PathBuf>,
    pub tests: Vec<PathBuf>,
    pub errors: Vec<RuleFolderError>,
}

/// A folder that is missing, cannot be read, or has no rule files.
#[derive(Debug)]
pub enum RuleFolderError {
    Missing(PathBuf),
    Unreadable(PathBuf, io::Error),
    Empty(PathBuf),
}

impl RuleFiles {
    /// Adds files of an editor that are not saved yet, in the order in which they are found when they are.
    pub fn add_unsaved<'p>(&mut self, paths: impl Iterator<Item = &'p Path>) {
        let found = self.rules.iter().chain(&self.tests);
        let known: BTreeSet<PathBuf> = found.cloned().collect();
        let mut is_changed = false;
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !known.contains(path) && !name.starts_with('.') {
                sort_in(path.to_owned(), self);
                is_changed = true;
            }
        }
        if is_changed {
            self.rules.sort();
            self.tests.sort();
        }
        if !self.rules.is_empty() {
            self.errors.retain(|error| match error {
                RuleFolderError::Unreadable(..) => true,
                RuleFolderError::Missing(_) | RuleFolderError::Empty(_) => false,
            });
        }
    }
}

/// The rule files at a path: the file itself, or all files below a folder.
pub fn find(path: &Path) -> RuleFiles {
    if !path.is_dir() {
        return find_one(path);
    }
    let mut found = RuleFiles::default();
    walk(path, &mut BTreeSet::new(), &mut found);
    if found.rules.is_empty() && found.errors.is_empty() {
        found.errors.push(RuleFolderError::Empty(path.to_owned()));
    }
    found
}

/// One rule file and its test files. For the path of a test file, it is the rule file beside it.
fn find_one(path: &Path) -> RuleFiles {
    let mut found = RuleFiles::default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem(&name).unwrap_or(&name);
    let stem = stem.strip_suffix(".test").unwrap_or(stem);
    let beside = |ending: &str| path.with_file_name(format!("{stem}{ending}"));
    let there = |paths: Vec<PathBuf>| paths.into_iter().filter(|path| path.is_file());
    let rules = there(vec![beside(".yaml"), beside(".yml"), beside(".json")]).next();
    let tests: Vec<PathBuf> = there(vec![beside(".test.yaml"), beside(".test.yml")]).collect();
    match (path.exists(), rules) {
        (false, _) => found.errors.push(RuleFolderError::Missing(path.to_owned())),
        (true, Some(rule)) if tests.iter().any(|test| test == path) => found.rules.push(rule),
        (true, _) => found.rules.push(path.to_owned()),
    }
    found.tests = tests
        .into_iter()
        .filter(|test| !found.rules.contains(test))
        .collect();
    found
}

/// `entered` prevents endless loops through symbolic links.
fn walk(folder: &Path, entered: &mut BTreeSet<PathBuf>, found: &mut RuleFiles) {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    if !entered.insert(real) {
        return;
    }
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let error = RuleFolderError::Unreadable(folder.to_owned(), error);
            found.errors.push(error);
            return;
        }
    };
    for (path, kind) in entries {
        let is_folder = match kind.is_symlink() {
            true => path.is_dir(),
            false => kind.is_dir(),
        };
        match is_folder {
            true => walk(&path, entered, found),
            false => sort_in(path, found),
        }
    }
}

/// The entries of a folder with their types, which the folder itself knows: a file costs no system call.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push((entry.path(), entry.file_type()?));
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}

/// Whether a file in a rules folder is one of rules, by its name and those of its folders.
pub fn is_rule_file(path: &Path) -> bool {
    let is_hidden = |part: &std::ffi::OsStr| part.to_string_lossy().starts_with('.');
    let mut found = RuleFiles::default();
    sort_in(path.to_owned(), &mut found);
    !found.rules.is_empty()
        && !path
            .iter()
            .any(|part| part != "." && part != ".." && is_hidden(part))
}

fn sort_in(path: PathBuf, found: &mut RuleFiles) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match stem(&name) {
        None => {}
        // The configuration, if it is in the rules folder.
        Some("flowtrigger") => {}
        Some(stem) if stem.ends_with(".test") => found.tests.push(path),
        Some(_) => found.rules.push(path),
    }
}

fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".yaml")
        .or_else(|| name.strip_suffix(".yml"))
        .or_else(|| name.strip_suffix(".json"))
}

impl RuleFolderError {
    pub fn report(&self, files: &mut Files, diagnostics: &mut Diagnostics) {
        let (path, code, message, help) = match self {
            RuleFolderError::Missing(path) => (
                path,
                Code::Unreadable,
                format!("`{}` does not exist", path.display()),
                "create it and add a rule file, or name another path",
            ),
            RuleFolderError::Unreadable(path, error) => (
                path,
                Code::Unreadable,
                format!("failed to read the folder `{}`: {error}", path.display()),
                "give the user that runs flowtrigger permission to list it",
            ),
            RuleFolderError::Empty(path) => (
                path,
                Code::NoRules,
                format!("`{}` contains no rule file", path.display()),
                "rule files end in `.yaml` or `.yml`, ZIS bundles also in `.json`",
            ),
        };
        report(path, message, help, code, files, diagnostics);
    }
}
