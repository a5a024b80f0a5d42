//! A breach of a rule of the architecture.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// Names the breach without a line number: this is what `remaining.txt` holds.
    pub key: String,
    /// Where it is: `path:line`, or a path.
    pub place: String,
}

impl Breach {
    pub fn new(key: impl Into<String>, place: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            place: place.into(),
        }
    }
}

/// Each key with the places where it was found.
pub fn by_key(breaches: Vec<Breach>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Breach { key, place } in breaches {
        found.entry(key).or_default().push(place);
    }
    found
}

/// One breach a line, with up to five of its places.
pub fn describe(found: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    for (key, places) in found {
        let shown = places.iter().take(5).map(String::as_str);
        let _ = writeln!(text, "{key} ({})", shown.collect::<Vec<_>>().join(", "));
    }
    text
}
