//! Lists the rules, flows, tests and sections of a file.

use lsp_types::{DocumentSymbol, DocumentSymbolResponse, Range, SymbolKind as ShownKind};

use super::file_view::FileView;
use super::position::IndexedText;
use super::symbol::range;
use super::workspace_root::FileRole;
use flowtrigger_core::diagnostic::{Diagnostics, FileId, Span};
use flowtrigger_core::document::{Node, chunks, read_chunk};

pub fn symbols(view: &FileView<'_>) -> DocumentSymbolResponse {
    let indexed = view.indexed();
    let mut found = Vec::new();
    for chunk in chunks(&view.text) {
        let mut ignored = Diagnostics::default();
        let Some(node) = read_chunk(FileId::default(), &chunk, &mut ignored) else {
            continue;
        };
        let start = chunk.range().start;
        let whole = start..start + chunk.text.trim_end().len();
        let whole = indexed.range(whole.start, whole.end);
        match view.role {
            FileRole::Rules => of_document(&node, whole, &indexed, &mut found),
            FileRole::Config => {
                for entry in node.as_map().unwrap_or_default() {
                    let at = entry.key_at;
                    found.push(symbol(&entry.key, ShownKind::NAMESPACE, at, None, &indexed));
                }
            }
            FileRole::Tests => tests(&node, &indexed, &mut found),
        }
    }
    DocumentSymbolResponse::Nested(found)
}

fn of_document(
    node: &Node,
    whole: Range,
    indexed: &IndexedText<'_>,
    found: &mut Vec<DocumentSymbol>,
) {
    for key in ["flows", "resources"] {
        for entry in node.get(key).and_then(Node::as_map).unwrap_or_default() {
            let at = entry.key_at;
            found.push(symbol(&entry.key, ShownKind::FUNCTION, at, None, indexed));
        }
    }
    if let Some((name, at)) = node
        .get("name")
        .and_then(|name| Some((name.scalar_text()?, name.at)))
    {
        let mut rule = symbol(&name, ShownKind::EVENT, at, Some(whole), indexed);
        let mut inner = Vec::new();
        if let Some(own) = node.get("tests") {
            tests(own, indexed, &mut inner);
        }
        rule.children = Some(inner).filter(|inner| !inner.is_empty());
        found.push(rule);
    }
}

fn tests(node: &Node, indexed: &IndexedText<'_>, found: &mut Vec<DocumentSymbol>) {
    for test in node.as_list().unwrap_or_default() {
        if let Some((name, at)) = test
            .get("name")
            .and_then(|name| Some((name.scalar_text()?, name.at)))
        {
            found.push(symbol(&name, ShownKind::METHOD, at, None, indexed));
        }
    }
}

/// The field `deprecated` is deprecated itself, and the structure has no other constructor.
#[allow(deprecated)]
fn symbol(
    name: &str,
    kind: ShownKind,
    at: Span,
    whole: Option<Range>,
    indexed: &IndexedText<'_>,
) -> DocumentSymbol {
    let at = range(at);
    let selection_range = indexed.range(at.start, at.end);
    DocumentSymbol {
        // A client rejects an empty name.
        name: match name.is_empty() {
            true => "(without a name)".to_owned(),
            false => name.to_owned(),
        },
        detail: None,
        kind,
        tags: None,
        deprecated: None,
        range: whole.unwrap_or(selection_range),
        selection_range,
        children: None,
    }
}
