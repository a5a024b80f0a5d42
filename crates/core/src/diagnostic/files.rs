//! The files that diagnostics point to, and ranges in them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A range in a file: its start and length. Lines and columns count from 1, columns in characters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Span {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    /// Byte offset in the file's text.
    pub start: u32,
    pub len: u32,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct FileId(pub u32);

impl FileId {
    /// Stands for the environment variables, which have no file.
    pub const ENVIRONMENT: FileId = FileId(u32::MAX);
}

/// The files that spans point into.
#[derive(Debug, Clone, Default)]
pub struct Files {
    files: Vec<File>,
}

#[derive(Debug, Clone)]
pub struct File {
    pub name: Arc<str>,
    pub text: Arc<str>,
}

impl Files {
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    pub fn get(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }

    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..).zip(&self.files).map(|(number, _)| FileId(number))
    }

    pub fn name(&self, id: FileId) -> &str {
        match id {
            FileId::ENVIRONMENT => "environment",
            id => self.get(id).map_or("", |file| &file.name),
        }
    }

    /// `file:line:column`, which editors and terminals can open; `environment` for a variable. Control characters in the file's name are escaped.
    pub fn location(&self, at: Span) -> String {
        let name = self.name(at.file);
        if at.file == FileId::ENVIRONMENT {
            return name.to_owned();
        }
        let (line, column) = (at.line, at.column);
        match name.chars().any(char::is_control) {
            true => format!("{}:{line}:{column}", name.escape_debug()),
            false => format!("{name}:{line}:{column}"),
        }
    }
}
