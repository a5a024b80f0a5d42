//! Turns the help of problems into changes of the text. A change is offered only if it removes its problem.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, TextEdit, WorkspaceEdit,
};

use super::file_view::FileView;
use super::position::IndexedText;
use super::published;
use super::quick_check::{self, ChangedFile};
use super::symbol::range;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Severity};

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TextChange {
    replaced: Range<usize>,
    text: String,
}

/// The changes for the problems in a range.
pub fn actions(view: &FileView<'_>, parameters: &CodeActionParams) -> Vec<CodeActionOrCommand> {
    let Some(shown) = view.workspace.shown.get(&view.path) else {
        return Vec::new();
    };
    if shown.text != view.text {
        return Vec::new();
    }
    let indexed = view.indexed();
    let mut actions = Vec::new();
    for found in &shown.found {
        let at = indexed.range_of(found.at);
        let is_near = at.start.line <= parameters.range.end.line
            && at.end.line >= parameters.range.start.line;
        if !is_near {
            continue;
        }
        let changes = changes(found, &view.text);
        let works = changes
            .into_iter()
            .find(|change| removes(view, found, change));
        if let Some(change) = works {
            actions.push(action(view, parameters, found, &change, &indexed));
        }
    }
    actions
}

fn action(
    view: &FileView<'_>,
    parameters: &CodeActionParams,
    found: &Diagnostic,
    change: &TextChange,
    indexed: &IndexedText<'_>,
) -> CodeActionOrCommand {
    let range = indexed.range(change.replaced.start, change.replaced.end);
    let edit = TextEdit::new(range, change.text.clone());
    let uri = parameters.text_document.uri.clone();
    // The address is not changed while it is a key.
    #[allow(clippy::mutable_key_type)]
    let changes = HashMap::from([(uri, vec![edit])]);
    let replaced = &view.text[change.replaced.clone()];
    let title = match replaced.is_empty() {
        true => format!("Insert `{}`", change.text.trim()),
        false => format!("Replace `{replaced}` by `{}`", change.text),
    };
    CodeActionOrCommand::CodeAction(CodeAction {
        title,
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![published::shown(
            found,
            indexed,
            &view.workspace.paths.root,
        )]),
        edit: Some(WorkspaceEdit::new(changes)),
        is_preferred: Some(true),
        ..CodeAction::default()
    })
}

/// Whether a change removes a problem, and adds no error.
fn removes(view: &FileView<'_>, found: &Diagnostic, change: &TextChange) -> bool {
    let Some(loaded) = &view.workspace.loaded else {
        return false;
    };
    let Some(shown) = view.workspace.shown.get(&view.path) else {
        return false;
    };
    let mut text = view.text.to_string();
    text.replace_range(change.replaced.clone(), &change.text);
    let text: Arc<str> = text.into();
    let changed = ChangedFile {
        path: &view.path,
        role: view.role,
        text: &text,
        before: &shown.text,
        shown: &shown.found,
    };
    let unsaved = view
        .open
        .iter()
        .map(|(path, open)| match *path == view.path {
            true => (path.clone(), Arc::clone(&text)),
            false => (path.clone(), Arc::clone(&open.text)),
        });
    let paths = view
        .workspace
        .paths
        .rulebook(view.layout, unsaved.collect());
    let now = quick_check::check(&changed, &paths, loaded, &view.workspace.flow_files);
    let is_same = |other: &&Diagnostic| other.message == found.message && other.at == found.at;
    let errors = |all: &[Diagnostic]| {
        let errors = all.iter().filter(|found| found.severity == Severity::Error);
        errors.count()
    };
    let is_fewer = match found.severity {
        Severity::Error => errors(&now) < errors(&shown.found),
        Severity::Warning => errors(&now) <= errors(&shown.found),
    };
    is_fewer && !now.iter().any(|other| is_same(&other))
}

/// The changes that the help of a problem may mean.
fn changes(found: &Diagnostic, text: &str) -> Vec<TextChange> {
    let Some(help) = &found.help else {
        return Vec::new();
    };
    if found.code == Code::UnquotedTemplate {
        return quotes(found, text).into_iter().collect();
    }
    let Some(meant) = found.suggestion() else {
        return insertions(help, found, text);
    };
    let at = range(found.at);
    let written = text.get(at.clone()).unwrap_or_default();
    let line_end = text[at.start.min(text.len())..].find('\n');
    let line_end = line_end.map_or(text.len(), |end| at.start + end);
    let mut changes = Vec::new();
    for word in backquoted(&found.message) {
        // In what the problem points to, else behind it on its line.
        for within in [at.clone(), at.start..line_end] {
            let start = within.start;
            let slice = text.get(within).unwrap_or_default();
            for (index, _) in slice.match_indices(word) {
                let change = TextChange {
                    replaced: start + index..start + index + word.len(),
                    text: meant.to_owned(),
                };
                if !changes.contains(&change) {
                    changes.push(change);
                }
            }
        }
    }
    if !written.is_empty() && !written.contains(['"', '\'', '\n']) {
        changes.push(TextChange {
            replaced: at,
            text: meant.to_owned(),
        });
    }
    changes.truncate(8);
    changes
}

/// Puts quotes around the value with an unquoted template.
fn quotes(found: &Diagnostic, text: &str) -> Option<TextChange> {
    let at = (found.at.start as usize).min(text.len());
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[line_start..].split('\n').next().unwrap_or_default();
    // The value begins behind the last colon or dash before the template.
    let before = &text[line_start..at];
    let start = [": ", "- "]
        .iter()
        .filter_map(|mark| before.rfind(mark))
        .max();
    let start = line_start + start.map_or(before.len(), |start| start + 2);
    let end = line_start + line.trim_end().len();
    let value = text.get(start..end)?;
    let value = match value.find("}}") {
        // A mapping on one line ends behind the template.
        Some(close) if before.contains('{') => &value[..close + 2],
        Some(_) | None => value,
    };
    let quote = match value.contains('"') {
        true => '\'',
        false => '"',
    };
    (!value.is_empty() && !value.contains(quote)).then(|| TextChange {
        replaced: start..start + value.len(),
        text: format!("{quote}{value}{quote}"),
    })
}

/// Adds a key that a rule lacks: the help begins with "add `KEY: VALUE`".
fn insertions(help: &str, found: &Diagnostic, text: &str) -> Vec<TextChange> {
    let added = help
        .strip_prefix("add `")
        .and_then(|rest| rest.split('`').next());
    let added = added.filter(|added| added.contains(": ") && found.code == Code::MissingKey);
    let start = found.at.start as usize;
    let Some(added) = added.filter(|_| text.get(start..).is_some() && found.at.column == 1) else {
        return Vec::new();
    };
    vec![TextChange {
        replaced: start..start,
        text: format!("{added}\n"),
    }]
}

fn backquoted(message: &str) -> impl Iterator<Item = &str> {
    let words = message.split('`').skip(1).step_by(2);
    words.filter(|word| !word.is_empty())
}
