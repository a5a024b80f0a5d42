//! Other spellings of the constants of a condition, for predicates that ignore case.

use serde_json::Value;

use crate::language::condition::Predicate;
use crate::language::operator::CaseSensitivity;

/// Letters of a text whose case is changed to find another spelling.
const MAX_LETTERS: usize = 6;

/// The constants, and where a predicate ignores case another spelling of each text. All spellings that no constant has
/// lead to the same verdicts.
pub(super) fn with_spellings(mut constants: Vec<Value>, predicates: &[&Predicate]) -> Vec<Value> {
    let ignored = |predicate: &&Predicate| predicate.operator.case() == CaseSensitivity::Ignored;
    if !predicates.iter().any(ignored) {
        return constants;
    }
    let texts = constants.iter().filter_map(Value::as_str);
    let texts: Vec<String> = texts.map(str::to_owned).collect();
    let others = texts.iter().filter_map(|text| other_spelling(text, &texts));
    constants.extend(others.map(Value::String));
    constants
}

/// The text with the case of some letters changed, so that it is none of the texts.
fn other_spelling(text: &str, texts: &[String]) -> Option<String> {
    spellings(text).find(|spelt| !texts.contains(spelt))
}

/// The text with the case of its first letters changed, in every combination but none.
pub fn spellings(text: &str) -> impl Iterator<Item = String> {
    let has_case = |c: char| c.is_lowercase() || c.is_uppercase();
    let letters = text.chars().filter(|c| has_case(*c)).count();
    let spelling = move |mask: usize| {
        let mut letter = 0;
        let mut spelt = String::with_capacity(text.len());
        for c in text.chars() {
            let is_changed = has_case(c) && letter < MAX_LETTERS && mask & (1 << letter) != 0;
            letter += usize::from(has_case(c));
            match (is_changed, c.is_lowercase()) {
                (false, _) => spelt.push(c),
                (true, true) => spelt.extend(c.to_uppercase()),
                (true, false) => spelt.extend(c.to_lowercase()),
            }
        }
        spelt
    };
    (1..1_usize << letters.min(MAX_LETTERS)).map(spelling)
}
