//! Names that one location defines and others use: flows, connections, variables, schedules, rules, steps, secrets.

mod visit;

use std::ops::Range;

use super::file_view::{FileView, SearchedFile};
use flowtrigger_core::diagnostic::{Diagnostics, FileId, Span};
use flowtrigger_core::document::{chunks, read_chunk};

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolKind {
    Flow,
    /// An action of a ZIS bundle.
    BundleAction,
    Connection,
    Variable,
    Schedule,
    Rule,
    Secret,
    Source,
    /// A step, whose name only its own document knows.
    Step,
}

impl SymbolKind {
    /// Whether its names are known only in the document that defines them.
    pub fn is_local(self) -> bool {
        match self {
            SymbolKind::Step => true,
            SymbolKind::Flow
            | SymbolKind::BundleAction
            | SymbolKind::Connection
            | SymbolKind::Variable
            | SymbolKind::Schedule
            | SymbolKind::Rule
            | SymbolKind::Secret
            | SymbolKind::Source => false,
        }
    }
}

/// A kind and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    pub kind: SymbolKind,
    pub name: String,
}

/// A location that defines or uses a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    pub symbol: Symbol,
    /// The byte range in the file.
    pub at: Range<usize>,
    pub defines: bool,
    /// The start of its document.
    pub document: usize,
}

/// All occurrences in the documents of a file that are accepted by their text. The text of the whole file must be
/// accepted too, so that most files are not split.
pub fn occurrences_in(file: &SearchedFile, accepts: impl Fn(&str) -> bool) -> Vec<Occurrence> {
    let mut found = Vec::new();
    if !accepts(&file.text) {
        return found;
    }
    for chunk in chunks(&file.text) {
        if !accepts(chunk.text) {
            continue;
        }
        let mut ignored = Diagnostics::default();
        if let Some(node) = read_chunk(FileId::default(), &chunk, &mut ignored) {
            let document = chunk.range().start;
            visit::visit(&node, &file.text, file.role, document, &mut found);
        }
    }
    found
}

/// The symbol at an offset of a file.
pub fn symbol_at(view: &FileView<'_>, offset: usize) -> Option<Occurrence> {
    let document = chunks(&view.text).find(|chunk| offset <= chunk.range().end)?;
    let file = SearchedFile {
        path: view.path.clone(),
        role: view.role,
        text: view.text.clone(),
    };
    let found = occurrences_in(&file, |text| text.contains(document.text));
    let here = found.into_iter();
    let here = here.filter(|found| found.at.start <= offset && offset <= found.at.end);
    // A name in a template is within a text that may be a name itself.
    here.min_by_key(|found| found.at.len())
}

/// The byte range of a span.
pub fn range(span: Span) -> Range<usize> {
    let start = span.start as usize;
    start..start + span.len as usize
}
