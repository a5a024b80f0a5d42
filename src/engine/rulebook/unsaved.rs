//! Texts that replace files while a person edits them. Empty for everything but an editor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Texts by the path of the file that they replace. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct UnsavedTexts(Arc<BTreeMap<PathBuf, Arc<str>>>);

impl FromIterator<(PathBuf, Arc<str>)> for UnsavedTexts {
    fn from_iter<I: IntoIterator<Item = (PathBuf, Arc<str>)>>(texts: I) -> Self {
        Self(Arc::new(texts.into_iter().collect()))
    }
}

impl UnsavedTexts {
    /// The text of a file, without a byte order mark.
    pub fn get(&self, path: &Path) -> Option<&str> {
        let text = self.0.get(path)?;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The files below a folder, in order.
    pub fn below<'t>(&'t self, folder: &'t Path) -> impl Iterator<Item = &'t Path> {
        let paths = self.0.keys().map(PathBuf::as_path);
        paths.filter(move |path| path.starts_with(folder))
    }
}
