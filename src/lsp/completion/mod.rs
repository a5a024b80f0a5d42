//! Completes keys, fields, operators, values, names and templates at a cursor.

mod bundle;
mod keys;
mod names;
mod template;
mod values;

use std::collections::BTreeSet;
use std::ops::Range;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, Documentation,
    MarkupContent, MarkupKind, Position, TextEdit,
};

use super::cursor::{Cursor, CursorRole};
use super::file_view::FileView;
use super::known_event::KnownEvent;
use super::schema_walk::SchemaPart;
use flowtrigger_core::document::Node;

/// What a completion is made from.
pub struct CompletionSite<'v> {
    pub view: &'v FileView<'v>,
    pub cursor: Cursor,
    pub document: Option<Node>,
    pub schema: SchemaPart<'v>,
    pub event: KnownEvent<'v>,
}

/// One proposal.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    pub label: String,
    pub detail: String,
    /// In Markdown.
    pub documentation: String,
}

impl Proposal {
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub fn documentation(mut self, text: impl Into<String>) -> Self {
        self.documentation = text.into();
        self
    }
}

/// The proposals of one completion, in order and without duplicates.
pub struct Proposals {
    replaced: Range<usize>,
    /// What follows the cursor.
    after: String,
    is_quoted: bool,
    items: Vec<(Proposal, CompletionItemKind, String)>,
    labels: BTreeSet<String>,
}

impl Proposals {
    fn new(cursor: &Cursor, text: &str) -> Self {
        let after = text[cursor.token.end..].split('\n').next();
        Self {
            replaced: cursor.token.clone(),
            after: after.unwrap_or_default().to_owned(),
            is_quoted: cursor.is_quoted,
            items: Vec::new(),
            labels: BTreeSet::new(),
        }
    }

    /// Proposes a key, with its colon if none follows.
    pub fn key(&mut self, proposal: Proposal) {
        let after = self.after.trim_start_matches(['"', '\'', ' ']);
        let text = match self.is_quoted || after.starts_with(':') {
            true => proposal.label.clone(),
            false => format!("{}: ", proposal.label),
        };
        self.add(proposal, CompletionItemKind::PROPERTY, text);
    }

    /// Proposes a value.
    pub fn value(&mut self, proposal: Proposal, kind: CompletionItemKind) {
        let text = proposal.label.clone();
        self.add(proposal, kind, text);
    }

    /// Proposes a text that replaces only the end of what is written.
    fn replace_from(&mut self, start: usize) {
        self.replaced.start = start;
    }

    fn add(&mut self, proposal: Proposal, kind: CompletionItemKind, text: String) {
        if self.labels.insert(proposal.label.clone()) {
            self.items.push((proposal, kind, text));
        }
    }
}

/// The proposals at a position.
pub fn items(view: &FileView<'_>, position: Position) -> CompletionList {
    let indexed = view.indexed();
    let cursor = Cursor::at(&view.text, indexed.offset(position));
    let mut proposals = Proposals::new(&cursor, &view.text);
    let document = cursor.document_node(&view.text);
    let site = CompletionSite {
        view,
        schema: SchemaPart::at(view.schemas.of(view.role), &cursor.path),
        event: KnownEvent::at(view, &cursor, document.as_ref()),
        document,
        cursor,
    };
    match (&site.cursor.template, site.cursor.role) {
        (Some(template), _) => {
            let name = template::name_at_end(template);
            proposals.replace_from(site.cursor.token.end - name.len());
            template::propose(&site, template, &mut proposals);
        }
        (None, CursorRole::Comment) => {}
        (None, CursorRole::KeyOrValue | CursorRole::Value) if bundle::is_in_bundle(&site) => {
            bundle::propose(&site, &mut proposals);
        }
        (None, CursorRole::Value) => values::propose(&site, &mut proposals),
        (None, CursorRole::KeyOrValue) => {
            keys::propose(&site, &mut proposals);
            values::propose(&site, &mut proposals);
        }
    }
    let range = indexed.range(proposals.replaced.start, proposals.replaced.end);
    let items = proposals.items.into_iter().enumerate();
    let items = items.map(|(index, (proposal, kind, text))| CompletionItem {
        kind: Some(kind),
        detail: Some(proposal.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(proposal.documentation)
            .filter(|text| !text.is_empty())
            .map(|value| {
                Documentation::MarkupContent(MarkupContent {
                    kind: MarkupKind::Markdown,
                    value,
                })
            }),
        sort_text: Some(format!("{index:05}")),
        filter_text: Some(proposal.label.clone()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, text))),
        label: proposal.label,
        ..CompletionItem::default()
    });
    CompletionList {
        is_incomplete: false,
        items: items.collect(),
    }
}
