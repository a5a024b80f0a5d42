//! Extracts the literals of which every match of a regular expression contains one.
//! Returns `None` if the expression requires no particular text.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, Look};

use crate::language::operator::CaseSensitivity;
use crate::language::operator::index_condition::{IndexKey, TextFragment, TextPosition};

/// The maximum number of characters in a class that is expanded to alternatives.
const MAX_CLASS_CHARACTERS: usize = 4;

/// The maximum number of alternatives: four letters in upper and lower case.
const MAX_ALTERNATIVES: usize = 16;

/// Returns keys of which one is true for every text that matches.
pub fn index_keys(pattern: &str, case: CaseSensitivity) -> Option<Vec<IndexKey>> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(case == CaseSensitivity::Ignored)
        .build();
    let hir = parser.parse(pattern).ok()?;
    let ends = [ExtractKind::Prefix, ExtractKind::Suffix].map(|kind| literals(&hir, kind));
    let [prefixes, suffixes] = ends;
    let (literals, position) = match (prefixes, suffixes) {
        (Some(prefixes), Some(suffixes)) if shortest(&suffixes) > shortest(&prefixes) => {
            (suffixes, position(&hir, ExtractKind::Suffix))
        }
        (Some(prefixes), _) => (prefixes, position(&hir, ExtractKind::Prefix)),
        (None, Some(suffixes)) => (suffixes, position(&hir, ExtractKind::Suffix)),
        (None, None) => return None,
    };
    let key = |bytes: Vec<u8>| {
        let fragment = TextFragment {
            bytes: bytes.into(),
            case: CaseSensitivity::Exact,
        };
        IndexKey::Text(position, fragment)
    };
    Some(literals.into_iter().map(key).collect())
}

/// Returns the literals of which every match has one as its prefix or suffix.
fn literals(hir: &Hir, kind: ExtractKind) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    extractor
        .kind(kind)
        .limit_class(MAX_CLASS_CHARACTERS)
        .limit_total(MAX_ALTERNATIVES);
    let found: Seq = extractor.extract(hir);
    let texts = found.literals()?.iter();
    let mut texts: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).collect();
    texts.sort();
    texts.dedup();
    let useful = !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
    useful.then_some(texts)
}

fn shortest(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or_default()
}

/// Returns where the prefix or suffix of a match occurs in the text.
fn position(hir: &Hir, kind: ExtractKind) -> TextPosition {
    let properties = hir.properties();
    match kind {
        ExtractKind::Prefix if properties.look_set_prefix().contains(Look::Start) => {
            TextPosition::Start
        }
        ExtractKind::Suffix if properties.look_set_suffix().contains(Look::End) => {
            TextPosition::End
        }
        _ => TextPosition::Anywhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(pattern: &str, case: CaseSensitivity) -> Option<Vec<(TextPosition, String)>> {
        let keys = index_keys(pattern, case)?.into_iter();
        let literals = keys.map(|key| match key {
            IndexKey::Text(position, fragment) => (
                position,
                String::from_utf8_lossy(&fragment.bytes).into_owned(),
            ),
            other => panic!("{other:?}"),
        });
        Some(literals.collect())
    }

    fn one(position: TextPosition, text: &str) -> Option<Vec<(TextPosition, String)>> {
        Some(vec![(position, text.to_owned())])
    }

    #[test]
    fn required_literals_are_extracted() {
        for (pattern, expected) in [
            ("^INC-[0-9]{6}", one(TextPosition::Start, "INC-")),
            (r"\border\b.*\d", one(TextPosition::Anywhere, "order")),
            (r"\d+ EUR$", one(TextPosition::End, " EUR")),
            ("(?m)^EU", one(TextPosition::Anywhere, "EU")),
            (".*outage", one(TextPosition::Anywhere, "outage")),
            ("^.*outage", one(TextPosition::Anywhere, "outage")),
            ("(^a)?bc", None),
            (".", None),
            ("a*", None),
        ] {
            let got = extracted(pattern, CaseSensitivity::Exact);
            if pattern == "(^a)?bc" {
                assert!(
                    got.iter()
                        .flatten()
                        .all(|(position, _)| *position == TextPosition::Anywhere)
                );
                continue;
            }
            assert_eq!(got, expected, "{pattern}");
        }
    }

    #[test]
    fn upper_and_lower_case_letters_are_extracted_if_case_is_ignored() {
        let texts = extracted("vip", CaseSensitivity::Ignored).expect("some");
        assert!(
            texts.contains(&(TextPosition::Anywhere, "ViP".into())),
            "{texts:?}"
        );
        assert_eq!(texts.len(), 8);
        let texts = extracted("kiosk", CaseSensitivity::Ignored).expect("some");
        // The lower case of the Kelvin sign is `k`.
        assert!(texts.iter().any(|(_, text)| text.starts_with('\u{212a}')));
    }
}
