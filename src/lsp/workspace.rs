//! One workspace: what was loaded last, and which problems of each file the client shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::full_check::{CheckJob, CheckedWorkspace, FullCheck};
use super::quick_check::{self, ChangedFile};
use super::workspace_root::{WorkspaceLayout, WorkspacePaths};
use crate::engine::{LoadedRulebook, UnsavedTexts};
use flowtrigger_core::diagnostic::{Diagnostic, FileId};

/// A folder with rules and a configuration.
pub struct EditorWorkspace {
    pub paths: WorkspacePaths,
    /// None until it was checked for the first time.
    pub loaded: Option<Arc<LoadedRulebook>>,
    /// The loaded files that may define named flows.
    pub flow_files: Vec<FileId>,
    pub shown: BTreeMap<PathBuf, ShownFile>,
    check: FullCheck,
    generation: u64,
}

/// The problems of a file, and the text that they point into.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownFile {
    pub text: Arc<str>,
    pub found: Vec<Diagnostic>,
}

impl EditorWorkspace {
    pub fn new(paths: WorkspacePaths, check: FullCheck) -> Self {
        Self {
            paths,
            loaded: None,
            flow_files: Vec::new(),
            shown: BTreeMap::new(),
            check,
            generation: 0,
        }
    }

    /// Requests a check of all files.
    pub fn request_check(&mut self, layout: &WorkspaceLayout, unsaved: &UnsavedTexts) {
        let job = CheckJob {
            generation: self.generation,
            paths: self.paths.rulebook(layout, unsaved.clone()),
        };
        self.check.request(job);
        self.generation += 1;
    }

    /// Checks one file now. Returns whether its problems changed.
    pub fn check_file(
        &mut self,
        file: &Path,
        text: &Arc<str>,
        layout: &WorkspaceLayout,
        unsaved: &UnsavedTexts,
    ) -> bool {
        let (Some(loaded), Some(role)) = (&self.loaded, self.paths.role(file)) else {
            return false;
        };
        let former = self.shown.get(file);
        let changed = ChangedFile {
            path: file,
            role,
            text,
            before: former.map_or("", |shown| &*shown.text),
            shown: former.map_or(&[], |shown| &*shown.found),
        };
        let paths = self.paths.rulebook(layout, unsaved.clone());
        let found = quick_check::check(&changed, &paths, loaded, &self.flow_files);
        let shown = ShownFile {
            text: Arc::clone(text),
            found,
        };
        self.shown.insert(file.to_owned(), shown);
        true
    }

    /// Takes the result of a check. Returns the files whose problems changed; none if a newer check is requested.
    pub fn take(&mut self, checked: CheckedWorkspace) -> Vec<PathBuf> {
        let loaded = Arc::clone(&checked.loaded);
        self.loaded = Some(checked.loaded);
        self.flow_files = checked.flow_files;
        if checked.generation + 1 < self.generation {
            return Vec::new();
        }
        let mut shown = found_by_file(&loaded);
        let mut changed = Vec::new();
        for (file, former) in &self.shown {
            if !shown.contains_key(file) && !former.found.is_empty() {
                changed.push(file.clone());
            }
        }
        for (file, now) in &shown {
            let former = self.shown.get(file);
            let is_new = former.map_or(!now.found.is_empty(), |former| former != now);
            if is_new {
                changed.push(file.clone());
            }
        }
        std::mem::swap(&mut self.shown, &mut shown);
        changed
    }

    /// The text of a file as it was loaded.
    pub fn loaded_text(&self, file: &Path) -> Option<Arc<str>> {
        let files = &self.loaded.as_ref()?.rulebook.files;
        let name = file.to_string_lossy();
        let mut ids = files.ids().filter_map(|id| files.get(id));
        ids.find(|file| *file.name == *name)
            .map(|file| Arc::clone(&file.text))
    }
}

/// The problems of each loaded file. Those of environment variables are at the configuration.
fn found_by_file(loaded: &LoadedRulebook) -> BTreeMap<PathBuf, ShownFile> {
    let files = &loaded.rulebook.files;
    let config = &loaded.rulebook.config.source.file;
    let mut shown: BTreeMap<PathBuf, ShownFile> = BTreeMap::new();
    for id in files.ids().filter_map(|id| files.get(id)) {
        // A file that could not be read is listed again, without a text.
        shown
            .entry(PathBuf::from(&*id.name))
            .or_insert_with(|| ShownFile {
                text: Arc::clone(&id.text),
                found: Vec::new(),
            });
    }
    for found in loaded.diagnostics.sorted() {
        let name = match found.at.file {
            FileId::ENVIRONMENT => config,
            id => match files.get(id) {
                Some(file) => &file.name,
                None => config,
            },
        };
        let file = shown.entry(PathBuf::from(&**name));
        file.or_insert_with(|| ShownFile {
            text: Arc::from(""),
            found: Vec::new(),
        })
        .found
        .push(found);
    }
    shown
}
