//! One file of a workspace, with everything that answers about it need.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use super::inlay_hint::FoundActivity;
use super::open_document::OpenDocument;
use super::position::{IndexedText, PositionUnit};
use super::schema_walk::LanguageSchemas;
use super::workspace::EditorWorkspace;
use super::workspace_root::{FileRole, WorkspaceLayout};
use flowtrigger_core::config::Config;

static NO_CONFIG: LazyLock<Config> = LazyLock::new(Config::default);

/// A file with its text and its workspace.
pub struct FileView<'s> {
    pub path: PathBuf,
    pub role: FileRole,
    pub text: Arc<str>,
    pub unit: PositionUnit,
    pub workspace: &'s EditorWorkspace,
    pub open: &'s BTreeMap<PathBuf, OpenDocument>,
    pub schemas: &'s LanguageSchemas,
    pub layout: &'s WorkspaceLayout,
    pub activity: Option<&'s FoundActivity>,
}

/// A file that a search reads.
pub struct SearchedFile {
    pub path: PathBuf,
    pub role: FileRole,
    pub text: Arc<str>,
}

impl FileView<'_> {
    pub fn indexed(&self) -> IndexedText<'_> {
        IndexedText::new(&self.text, self.unit)
    }

    /// The configuration that was loaded last.
    pub fn config(&self) -> &Config {
        let loaded = self.workspace.loaded.as_ref();
        loaded.map_or(&NO_CONFIG, |loaded| &loaded.rulebook.config)
    }

    /// All files of the workspace, with the texts that the client has.
    pub fn files(&self) -> Vec<SearchedFile> {
        let paths = &self.workspace.paths;
        let searched = |path: PathBuf, text: &Arc<str>| {
            Some(SearchedFile {
                role: paths.role(&path)?,
                path,
                text: Arc::clone(text),
            })
        };
        let open = self.open.iter();
        let open = open.filter_map(|(path, open)| searched(path.clone(), &open.text));
        let mut found: Vec<SearchedFile> = open.collect();
        let Some(loaded) = &self.workspace.loaded else {
            return found;
        };
        let files = &loaded.rulebook.files;
        for file in files.ids().filter_map(|id| files.get(id)) {
            let path = PathBuf::from(&*file.name);
            if !self.open.contains_key(&path) {
                found.extend(searched(path, &file.text));
            }
        }
        found
    }
}
