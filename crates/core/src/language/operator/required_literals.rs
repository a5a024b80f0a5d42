//! Extracts the literals of which every match of a regular expression contains one.
//! Returns `None` if the expression requires no particular text.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::language::operator::CaseSensitivity;
use crate::language::operator::index_condition::{
    IndexCondition, IndexKey, TextFragment, TextPosition,
};

/// The maximum number of characters in a class that is expanded to alternatives.
const MAX_CLASS_CHARACTERS: usize = 4;

/// The maximum number of alternatives: four letters in upper and lower case.
const MAX_ALTERNATIVES: usize = 16;

/// The literals of a pattern.
struct Literals {
    texts: Vec<Vec<u8>>,
    /// Whether each is a whole match, apart from an anchor.
    exact: bool,
}

/// Returns keys of which one is true for every text that matches. They are exact if the pattern says no more.
pub fn index_condition(pattern: &str, case: CaseSensitivity) -> Option<IndexCondition> {
    let mut parser = ParserBuilder::new()
        .case_insensitive(case == CaseSensitivity::Ignored)
        .build();
    let hir = parser.parse(pattern).ok()?;
    let ends = [ExtractKind::Prefix, ExtractKind::Suffix].map(|kind| literals(&hir, kind));
    let [prefixes, suffixes] = ends;
    let (literals, position) = match (prefixes, suffixes) {
        (Some(prefixes), Some(suffixes)) => {
            let positions =
                [ExtractKind::Prefix, ExtractKind::Suffix].map(|kind| position(&hir, kind));
            // Of two that are as long, one at an end of the text occurs less often.
            let rank = |texts: &Literals, position| {
                (shortest(&texts.texts), position != TextPosition::Anywhere)
            };
            match rank(&suffixes, positions[1]) > rank(&prefixes, positions[0]) {
                true => (suffixes, positions[1]),
                false => (prefixes, positions[0]),
            }
        }
        (Some(prefixes), None) => (prefixes, position(&hir, ExtractKind::Prefix)),
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
    Some(IndexCondition {
        exact: literals.exact && is_anchored_as(&hir, position),
        clues: literals.texts.into_iter().map(key).collect(),
    })
}

/// Whether a pattern has no anchor but that of the position, at its outer end.
fn is_anchored_as(hir: &Hir, position: TextPosition) -> bool {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let rest = match (position, parts) {
        (TextPosition::Anywhere, parts) => Some(parts),
        (TextPosition::Start, [anchor, rest @ ..]) => is(anchor, Look::Start).then_some(rest),
        (TextPosition::End, [rest @ .., anchor]) => is(anchor, Look::End).then_some(rest),
        (TextPosition::Start | TextPosition::End, []) => None,
    };
    rest.is_some_and(|rest| {
        rest.iter()
            .all(|part| part.properties().look_set().is_empty())
    })
}

fn is(hir: &Hir, look: Look) -> bool {
    matches!(hir.kind(), HirKind::Look(found) if *found == look)
}

/// Returns the literals of which every match has one as its prefix or suffix.
fn literals(hir: &Hir, kind: ExtractKind) -> Option<Literals> {
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
    let exact = found.is_exact();
    useful.then_some(Literals { texts, exact })
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
    use proptest::prelude::*;

    use super::*;
    use crate::language::operator::pattern::Pattern;

    fn extracted(pattern: &str, case: CaseSensitivity) -> Option<Vec<(TextPosition, String)>> {
        let keys = index_condition(pattern, case)?.clues.into_iter();
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
    fn a_pattern_of_literals_alone_needs_no_further_test() {
        for (pattern, exact) in [
            ("^HL-(1|23)", true),
            ("^HL-[0-3]", true),
            ("(a|b)c", true),
            ("(EUR|USD)$", true),
            ("(EUR|USD) *[0-9]*km$", false),
            ("^HL-[0-9]+", false),
            ("^HL-[0-9]", false),
            ("^a$", false),
            ("^a^b", false),
            ("(?m)^a", false),
            (r"\ba", false),
            (r"a\b", false),
            ("(^a|b)", false),
            ("a.*b", false),
        ] {
            let found = index_condition(pattern, CaseSensitivity::Exact);
            assert_eq!(found.is_some_and(|found| found.exact), exact, "{pattern}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn exact_keys_hold_as_the_pattern_does(
            pattern in "\\^?(\\(a\\|b\\)|\\(ab\\|b?\\)|[ab]|\\[ab\\]|k|\\^|\\$|\\(\\^a\\|b\\)){1,4}\\$?",
            texts in proptest::collection::vec("[abkK^$\u{212a}]{0,5}", 8),
            ignored in any::<bool>(),
        ) {
            let case = if ignored { CaseSensitivity::Ignored } else { CaseSensitivity::Exact };
            let found = index_condition(&pattern, case).filter(|found| found.exact);
            for text in texts {
                let Some(found) = &found else { break };
                let holds = found.clues.iter().any(|key| match key {
                    IndexKey::Text(position, piece) => {
                        position.holds(&text, std::str::from_utf8(&piece.bytes).unwrap())
                    }
                    other => panic!("{other:?}"),
                });
                let matches = Pattern::new(&pattern, case).unwrap().is_match(&text);
                prop_assert_eq!(holds, matches, "{} in {}", pattern, text);
            }
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
