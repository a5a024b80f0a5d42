//! Texts between which the tests of a field differ. Tests of parts and patterns are decided by their automata, tests of
//! the order by the constants, and both together by neither.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::analysis::automaton::{TestedText, TextClasses, TextTestKind, classes};
use crate::analysis::comparands::Comparand;
use crate::analysis::numbers::KindValues;
use crate::analysis::spelling::{is_decided, other_spelling};
use crate::event::time::read_calendar_time;
use crate::language::condition::proof::EVENT;
use crate::language::operator::value_kind::number;
use crate::language::operator::{CaseSensitivity, Operator};
use crate::path::scope::Scope;
use rustc_hash::FxHashMap;

/// More combinations of text parts than this are left to the automata.
const MAX_COMBINATIONS: usize = 64;

/// The classes of texts by their tests, which many rules share.
#[derive(Debug, Default)]
pub struct TextCache(FxHashMap<Vec<TestedText>, Arc<TextClasses>>);

impl TextCache {
    fn classes(&mut self, tests: &[TestedText]) -> Arc<TextClasses> {
        if let Some(known) = self.0.get(tests) {
            return Arc::clone(known);
        }
        let found = Arc::new(classes(tests));
        self.0.insert(tests.to_vec(), Arc::clone(&found));
        found
    }
}

/// Returns the texts that the tests tell apart.
pub fn texts(
    operators: &[Operator],
    comparands: &[Comparand],
    numbers: &KindValues,
    cache: &mut TextCache,
) -> KindValues {
    let tests = tests(operators);
    let equal: Vec<String> = tests
        .iter()
        .filter(|test| test.kind == TextTestKind::Equals)
        .map(|test| test.text.clone())
        .collect();
    let mut all = equal.clone();
    all.extend(tests.iter().map(|test| test.text.clone()));
    let mut found = equal.clone();
    let by_parts = by_parts(&tests, &all, cache);
    let by_order = by_order(comparands, numbers, &equal);
    let reads_parts = tests.iter().any(is_of_part);
    let both = reads_parts && !comparands.is_empty();
    found.extend(by_parts.values.iter().filter_map(as_text));
    found.extend(by_order.values.iter().filter_map(as_text));
    found.push(String::new());
    KindValues {
        values: found.into_iter().map(Value::String).collect(),
        is_complete: by_parts.is_complete && by_order.is_complete && !both,
    }
}

fn as_text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Whether a test is more than the equality with one text.
fn is_of_part(test: &TestedText) -> bool {
    test.kind != TextTestKind::Equals || test.case == CaseSensitivity::Ignored
}

fn tests(operators: &[Operator]) -> Vec<TestedText> {
    let scope = Scope::new(&EVENT, &Value::Null);
    let mut tests = Vec::new();
    for operator in operators {
        let kind = match operator {
            Operator::Is(_) => TextTestKind::Equals,
            Operator::Contains(_) => TextTestKind::Contains,
            Operator::StartsWith(_) => TextTestKind::StartsWith,
            Operator::EndsWith(_) => TextTestKind::EndsWith,
            Operator::Matches(matches) => {
                let case = matches.case;
                tests.extend(matches.patterns.iter().map(|pattern| TestedText {
                    kind: TextTestKind::Matches,
                    text: pattern.as_str().to_owned(),
                    case,
                }));
                continue;
            }
            Operator::Lt(_)
            | Operator::Lte(_)
            | Operator::Gt(_)
            | Operator::Gte(_)
            | Operator::Between(_)
            | Operator::Has(_)
            | Operator::HasAll(_)
            | Operator::AnyOf(_)
            | Operator::Exists(_)
            | Operator::Present(_)
            | Operator::Before(_)
            | Operator::After(_)
            | Operator::During(_) => continue,
        };
        let case = operator.case();
        let constants = operator.constants(&scope);
        tests.extend(constants.iter().filter_map(as_text).map(|text| TestedText {
            kind,
            text,
            case,
        }));
    }
    tests.sort_by(|a, b| {
        let key = |test: &TestedText| (test.kind as u8, test.case as u8);
        key(a).cmp(&key(b)).then_with(|| a.text.cmp(&b.text))
    });
    tests.dedup();
    tests
}

/// Texts for the tests of whole texts and parts.
fn by_parts(tests: &[TestedText], all: &[String], cache: &mut TextCache) -> KindValues {
    if !tests.iter().any(is_of_part) {
        return KindValues {
            values: vec![Value::String(fresh(all))],
            is_complete: true,
        };
    }
    let is_known = |test: &TestedText| {
        let is_pattern = test.kind == TextTestKind::Matches;
        is_pattern || test.case == CaseSensitivity::Exact || is_decided(&test.text)
    };
    let is_literal = |test: &TestedText| {
        test.kind != TextTestKind::Matches && test.case == CaseSensitivity::Exact
    };
    if tests.iter().all(is_literal)
        && let Some(texts) = combinations(tests, all)
    {
        return KindValues {
            values: texts.into_iter().map(Value::String).collect(),
            is_complete: true,
        };
    }
    let known: Vec<TestedText> = tests
        .iter()
        .filter(|test| is_known(test))
        .cloned()
        .collect();
    let classes = cache.classes(&known);
    let mut values: Vec<Value> = Vec::new();
    for test in tests.iter().filter(|test| !is_known(test)) {
        values.push(Value::from(test.text.as_str()));
        values.extend(other_spelling(&test.text, all).map(Value::String));
    }
    values.extend(
        classes
            .examples
            .iter()
            .map(|text| Value::from(text.as_str())),
    );
    values.push(Value::String(fresh(all)));
    KindValues {
        values,
        is_complete: classes.is_complete && known.len() == tests.len(),
    }
}

/// A text with the parts of each combination of tests of exact parts, separated by a character that no test has.
/// `None` if there are too many.
fn combinations(tests: &[TestedText], all: &[String]) -> Option<Vec<String>> {
    let separator = separator(all)?;
    let parts: Vec<&TestedText> = tests.iter().filter(|test| is_of_part(test)).collect();
    if parts.len() >= usize::BITS as usize || 1 << parts.len() > MAX_COMBINATIONS {
        return None;
    }
    let masks = 0..1_usize << parts.len();
    let text = |mask: usize| {
        let (mut start, mut middle, mut end) = (String::new(), String::new(), String::new());
        let chosen = parts.iter().enumerate();
        for (_, test) in chosen.filter(|(number, _)| mask & (1 << number) != 0) {
            match test.kind {
                TextTestKind::Contains => {
                    middle.push_str(&test.text);
                    middle.push(separator);
                }
                TextTestKind::StartsWith if test.text.len() > start.len() => {
                    start.clone_from(&test.text);
                }
                TextTestKind::EndsWith if test.text.len() > end.len() => {
                    end.clone_from(&test.text);
                }
                TextTestKind::Equals
                | TextTestKind::StartsWith
                | TextTestKind::EndsWith
                | TextTestKind::Matches => {}
            }
        }
        format!("{start}{separator}{middle}{end}")
    };
    Some(masks.map(text).collect())
}

/// A character that is in none of the texts.
fn separator(all: &[String]) -> Option<char> {
    let candidates = ['-', '_', '~', '#', 'x', 'z', '\u{fdd5}'];
    let is_new = |c: &char| !all.iter().any(|text| text.contains(*c));
    candidates.into_iter().find(is_new)
}

/// A text that is none of these in any letter case.
pub fn fresh(all: &[String]) -> String {
    let is_new = |text: &String| !all.iter().any(|known| known.to_lowercase() == *text);
    let numbered = (2..).map(|number| format!("other-{number}"));
    let mut words = std::iter::once("other".to_owned()).chain(numbered);
    words.find(is_new).unwrap_or_default()
}

/// Texts for the tests of the order.
fn by_order(comparands: &[Comparand], numbers: &KindValues, equal: &[String]) -> KindValues {
    let mut values: Vec<String> = Vec::new();
    let mut times: Vec<Timestamp> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for comparand in comparands {
        times.extend(comparand.time_for_texts());
        if let Comparand::Text(text) = comparand {
            words.push(text);
        }
    }
    values.extend(around_texts(&words, equal));
    values.extend(around_times(&times));
    let has_numbers = comparands.iter().any(|c| c.number().is_some());
    if has_numbers {
        let written = numbers.values.iter().filter_map(|value| match value {
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        values.extend(written.flat_map(|text| number_spellings(text, equal)));
    }
    let is_complete = kind_of(comparands).is_some_and(|kind| match kind {
        OrderKind::Ranks | OrderKind::Texts => true,
        OrderKind::Numbers => numbers.is_complete && (times.is_empty() || !reads_zones(equal)),
        OrderKind::Times => !reads_zones(equal),
    });
    KindValues {
        values: values.into_iter().map(Value::String).collect(),
        is_complete: is_complete || comparands.is_empty(),
    }
}

/// The kind of all constants of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OrderKind {
    Numbers,
    Times,
    Ranks,
    Texts,
}

/// The common kind of the constants; `None` if texts are compared in several ways.
fn kind_of(comparands: &[Comparand]) -> Option<OrderKind> {
    let mut kinds = comparands.iter().filter_map(|comparand| match comparand {
        Comparand::Number(_) => Some(Some(OrderKind::Numbers)),
        Comparand::Time(_) => Some(Some(OrderKind::Times)),
        Comparand::Rank => Some(Some(OrderKind::Ranks)),
        Comparand::Text(_) => Some(Some(OrderKind::Texts)),
        Comparand::NumberText(_) | Comparand::RankAmongTexts => Some(None),
        Comparand::Unordered => None,
    });
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

/// Whether one of the texts is a time whose meaning depends on the zone of its source.
fn reads_zones(texts: &[String]) -> bool {
    let (utc, other) = (
        jiff::tz::TimeZone::UTC,
        jiff::tz::TimeZone::fixed(jiff::tz::offset(2)),
    );
    let differs =
        |text: &String| read_calendar_time(text, &utc) != read_calendar_time(text, &other);
    texts.iter().any(differs)
}

/// Each word and the next text in the order.
fn around_texts(words: &[&str], equal: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    if words.is_empty() {
        return texts;
    }
    let constants = words.iter().map(|word| (*word).to_owned());
    for text in constants
        .chain(equal.iter().cloned())
        .chain([String::new()])
    {
        texts.push(format!("{text}\u{0}"));
        texts.push(format!("{text}a"));
        texts.push(text);
    }
    texts
}

/// Each time and its neighbours, in two notations.
fn around_times(times: &[Timestamp]) -> Vec<String> {
    let nearest = SignedDuration::from_nanos(1);
    let second = SignedDuration::from_secs(1);
    let near = times.iter().flat_map(|time| {
        [
            time.checked_sub(second).ok(),
            time.checked_add(second).ok(),
            Some(*time),
            time.checked_sub(nearest).ok(),
            time.checked_add(nearest).ok(),
        ]
    });
    let near = near.flatten().map(|time| time.to_string());
    near.flat_map(|text| {
        let offset = text.strip_suffix('Z').map(|time| format!("{time}+00:00"));
        std::iter::once(text).chain(offset)
    })
    .collect()
}

/// A number as text, and in a notation that no test names.
fn number_spellings(text: String, equal: &[String]) -> Vec<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let zeros = (1..5).map(|count| format!("{sign}{}{digits}", "0".repeat(count)));
    let fractions = (1..5).map(|count| format!("{text}.{}", "0".repeat(count)));
    let is_new = |other: &String| !equal.contains(other) && number(other).is_some();
    let other = zeros.chain(fractions).find(is_new);
    std::iter::once(text.clone()).chain(other).collect()
}
