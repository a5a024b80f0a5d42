//! Goes from a name to its definition, and to everything that uses it.

use lsp_types::{Location, Position, ReferenceContext};

use super::file_uri;
use super::file_view::{FileView, SearchedFile};
use super::position::IndexedText;
use super::symbol::{Occurrence, occurrences_in, symbol_at};

/// Where the name at a position is defined.
pub fn definitions(view: &FileView<'_>, position: Position) -> Vec<Location> {
    let offset = view.indexed().offset(position);
    let Some(here) = symbol_at(view, offset) else {
        return Vec::new();
    };
    let mut found = of_symbol(view, &here);
    found.retain(|(_, found)| found.defines);
    // A definition in the same document hides others of the name.
    let is_near = |(file, found): &(SearchedFile, Occurrence)| {
        file.path == view.path && found.document == here.document
    };
    if found.iter().any(is_near) {
        found.retain(is_near);
    }
    locations(view, &found)
}

/// Everything that uses the name at a position.
pub fn references(
    view: &FileView<'_>,
    position: Position,
    context: ReferenceContext,
) -> Vec<Location> {
    let offset = view.indexed().offset(position);
    let Some(here) = symbol_at(view, offset) else {
        return Vec::new();
    };
    let mut found = of_symbol(view, &here);
    found.retain(|(_, found)| context.include_declaration || !found.defines);
    locations(view, &found)
}

/// All occurrences of the symbol.
fn of_symbol(view: &FileView<'_>, here: &Occurrence) -> Vec<(SearchedFile, Occurrence)> {
    let mut all = Vec::new();
    for file in view.files() {
        let is_here = file.path == view.path;
        if here.symbol.kind.is_local() && !is_here {
            continue;
        }
        let is_same = |found: &Occurrence| {
            let is_known = !found.symbol.kind.is_local() || found.document == here.document;
            found.symbol == here.symbol && is_known
        };
        let found = occurrences_in(&file, |text| text.contains(&here.symbol.name));
        for found in found.into_iter().filter(is_same) {
            let file = SearchedFile {
                path: file.path.clone(),
                role: file.role,
                text: file.text.clone(),
            };
            all.push((file, found));
        }
    }
    all.sort_by(|(a, at_a), (b, at_b)| (&a.path, at_a.at.start).cmp(&(&b.path, at_b.at.start)));
    all.dedup_by(|(a, at_a), (b, at_b)| a.path == b.path && at_a.at == at_b.at);
    all
}

fn locations(view: &FileView<'_>, found: &[(SearchedFile, Occurrence)]) -> Vec<Location> {
    let located = found.iter().filter_map(|(file, found)| {
        let text = IndexedText::new(&file.text, view.unit);
        let uri = file_uri::uri(&file.path)?;
        Some(Location::new(uri, text.range(found.at.start, found.at.end)))
    });
    located.collect()
}
