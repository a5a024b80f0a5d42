//! The texts of which one stands in whatever a regular expression matches.
//! It gives none where the expression asks for no certain text.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, Look};

use crate::language::operator::CaseSensitivity;
use crate::language::operator::index_condition::{IndexKey, TextFragment, TextPosition};

/// How many forms one letter may have; a class of more is not written out.
const LETTER: usize = 4;

/// How many alternatives are worth looking for: four letters in either case.
const ALTERNATIVES: usize = 16;

/// One of these is true of a text that matches; none where nothing certain is known.
pub fn clues(pattern: &str, case: CaseSensitivity) -> Option<Vec<IndexKey>> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(case == CaseSensitivity::Ignored)
        .build();
    let hir = parser.parse(pattern).ok()?;
    let ends = [ExtractKind::Prefix, ExtractKind::Suffix].map(|kind| literals(&hir, kind));
    let [prefixes, suffixes] = ends;
    let (literals, stand) = match (prefixes, suffixes) {
        (Some(prefixes), Some(suffixes)) if shortest(&suffixes) > shortest(&prefixes) => {
            (suffixes, stand(&hir, ExtractKind::Suffix))
        }
        (Some(prefixes), _) => (prefixes, stand(&hir, ExtractKind::Prefix)),
        (None, Some(suffixes)) => (suffixes, stand(&hir, ExtractKind::Suffix)),
        (None, None) => return None,
    };
    let clue = |bytes: Vec<u8>| {
        let piece = TextFragment {
            bytes: bytes.into(),
            case: CaseSensitivity::Exact,
        };
        IndexKey::Text(stand, piece)
    };
    Some(literals.into_iter().map(clue).collect())
}

/// What every match begins or ends with one of.
fn literals(hir: &Hir, kind: ExtractKind) -> Option<Vec<Vec<u8>>> {
    let mut extractor = Extractor::new();
    extractor
        .kind(kind)
        .limit_class(LETTER)
        .limit_total(ALTERNATIVES);
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

/// Where in the text a match stands with that end of it.
fn stand(hir: &Hir, kind: ExtractKind) -> TextPosition {
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

    fn told(pattern: &str, case: CaseSensitivity) -> Option<Vec<(TextPosition, String)>> {
        let clues = clues(pattern, case)?.into_iter();
        let told = clues.map(|clue| match clue {
            IndexKey::Text(stand, piece) => {
                (stand, String::from_utf8_lossy(&piece.bytes).into_owned())
            }
            other => panic!("{other:?}"),
        });
        Some(told.collect())
    }

    fn one(stand: TextPosition, text: &str) -> Option<Vec<(TextPosition, String)>> {
        Some(vec![(stand, text.to_owned())])
    }

    #[test]
    fn what_a_match_must_contain_is_found() {
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
            let got = told(pattern, CaseSensitivity::Exact);
            if pattern == "(^a)?bc" {
                assert!(
                    got.iter()
                        .flatten()
                        .all(|(stand, _)| *stand == TextPosition::Anywhere)
                );
                continue;
            }
            assert_eq!(got, expected, "{pattern}");
        }
    }

    #[test]
    fn letters_of_either_case_are_looked_for_where_case_is_ignored() {
        let texts = told("vip", CaseSensitivity::Ignored).expect("some");
        assert!(
            texts.contains(&(TextPosition::Anywhere, "ViP".into())),
            "{texts:?}"
        );
        assert_eq!(texts.len(), 8);
        let texts = told("kiosk", CaseSensitivity::Ignored).expect("some");
        // The Kelvin sign is a k.
        assert!(texts.iter().any(|(_, text)| text.starts_with('\u{212a}')));
    }
}
