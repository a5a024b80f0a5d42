//! The types that the catalogue knows for a field in the events of some conditions. They only choose natural examples.

use rustc_hash::FxHashMap;

use crate::analysis::subject::Subject;
use crate::event::catalogue::{Catalogue, FieldLookup, FieldType};
use crate::event::type_pattern::TypePattern;
use crate::path::Path;

/// The types of fields by pattern and path.
#[derive(Debug, Default)]
pub struct FieldTypeCache(FxHashMap<(TypePattern, String), Vec<FieldType>>);

/// Of a family, this many event types are asked.
const MAX_TYPES: usize = 4;

impl FieldTypeCache {
    /// Returns the types of a field; none if they are not known.
    pub fn of(
        &mut self,
        path: &Path,
        subjects: &[Subject<'_>],
        catalogue: &Catalogue,
    ) -> Vec<FieldType> {
        let Some(dotted) = path.dotted() else {
            return Vec::new();
        };
        let mut types: Vec<FieldType> = Vec::new();
        for subject in subjects {
            for pattern in subject.types {
                let key = (pattern.clone(), format!("{} {dotted}", subject.source));
                let known = self
                    .0
                    .entry(key)
                    .or_insert_with(|| types_of(subject.source, pattern, &dotted, catalogue));
                let new = known.iter().filter(|known| !types.contains(known));
                let new: Vec<FieldType> = new.cloned().collect();
                types.extend(new);
            }
        }
        types
    }
}

fn types_of(
    source: &str,
    pattern: &TypePattern,
    dotted: &str,
    catalogue: &Catalogue,
) -> Vec<FieldType> {
    let matching = catalogue.matching(source, &pattern.text()).into_iter();
    let known = matching
        .take(MAX_TYPES)
        .filter_map(|of| match of.field(dotted) {
            FieldLookup::Known(known) => Some(known.clone()),
            FieldLookup::Open | FieldLookup::Unlisted { .. } | FieldLookup::Unknown { .. } => None,
        });
    let mut types: Vec<FieldType> = Vec::new();
    for known in known {
        if !types.contains(&known) {
            types.push(known);
        }
    }
    types
}
