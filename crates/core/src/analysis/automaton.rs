//! Decides which tests of a text can hold together: the product of their automata. Each set of tests that some text
//! fulfils is found, with a shortest such text.

use std::collections::VecDeque;

use regex_automata::MatchKind;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, dfa};
use regex_syntax::hir::{Dot, Hir, Look, Repetition};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::spelling::{Following, any_case};
use crate::language::operator::CaseSensitivity;

/// A product with more states than this is not searched.
pub const MAX_STATES: usize = 10_000;
/// The same as memory, in bytes, because the states are counted only once they are built.
const MAX_SIZE: usize = 4 << 20;

/// A test of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TestedText {
    pub kind: TextTestKind,
    pub text: String,
    pub case: CaseSensitivity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextTestKind {
    Equals,
    Contains,
    StartsWith,
    EndsWith,
    /// A regular expression.
    Matches,
}

/// The texts that differ in the tests that they fulfil.
#[derive(Debug, Clone, Default)]
pub struct TextClasses {
    pub examples: Vec<String>,
    /// Whether there is an example of every class.
    pub is_complete: bool,
}

/// Returns one text of each class. Not complete if the product has too many states, or a pattern tests the limits of
/// words that are not ASCII.
pub fn classes(tests: &[TestedText]) -> TextClasses {
    let Some(product) = build(tests) else {
        return TextClasses::default();
    };
    AutomatonSearch::new(&product).run()
}

fn build(tests: &[TestedText]) -> Option<dense::DFA<Vec<u32>>> {
    // Without this expression, the product would accept bytes that are no text.
    let mut expressions = vec![whole(vec![anything()])];
    for test in tests {
        expressions.push(expression(test)?);
    }
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().nfa_size_limit(Some(MAX_SIZE)))
        .build_many_from_hir(&expressions)
        .ok()?;
    let config = dfa::dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(StartKind::Anchored)
        .unicode_word_boundary(true)
        .dfa_size_limit(Some(MAX_SIZE))
        .determinize_size_limit(Some(MAX_SIZE));
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .ok()
}

/// The expression of the whole texts that fulfil a test.
fn expression(test: &TestedText) -> Option<Hir> {
    let literal = |following| match test.case {
        CaseSensitivity::Exact => Hir::literal(test.text.as_bytes()),
        CaseSensitivity::Ignored => any_case(&test.text, following),
    };
    Some(match test.kind {
        TextTestKind::Equals => whole(vec![literal(Following::Nothing)]),
        TextTestKind::StartsWith => whole(vec![literal(Following::Anything), anything()]),
        TextTestKind::EndsWith => whole(vec![anything(), literal(Following::Nothing)]),
        TextTestKind::Contains => whole(vec![anything(), literal(Following::Anything), anything()]),
        TextTestKind::Matches => {
            let pattern = regex_syntax::ParserBuilder::new()
                .case_insensitive(test.case == CaseSensitivity::Ignored)
                .build()
                .parse(&test.text)
                .ok()?;
            whole(vec![anything(), pattern, anything()])
        }
    })
}

fn whole(parts: Vec<Hir>) -> Hir {
    let mut all = vec![Hir::look(Look::Start)];
    all.extend(parts);
    all.push(Hir::look(Look::End));
    Hir::concat(all)
}

fn anything() -> Hir {
    Hir::repetition(Repetition {
        min: 0,
        max: None,
        greedy: true,
        sub: Box::new(Hir::dot(Dot::AnyChar)),
    })
}

/// Visits the states of the product, nearest first.
struct AutomatonSearch<'p> {
    product: &'p dense::DFA<Vec<u32>>,
    /// One byte of every class of bytes, readable ones first.
    bytes: Vec<u8>,
    /// The state before each visited state, with the byte between them.
    before: FxHashMap<StateID, Option<(StateID, u8)>>,
    found: FxHashSet<Vec<usize>>,
    classes: TextClasses,
}

impl<'p> AutomatonSearch<'p> {
    fn new(product: &'p dense::DFA<Vec<u32>>) -> Self {
        let readable = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z');
        let all = readable.chain(b' '..=b'~').chain(0..=255);
        let classes = product.byte_classes();
        let mut seen = FxHashSet::default();
        let bytes = all.filter(|byte| seen.insert(classes.get(*byte))).collect();
        Self {
            product,
            bytes,
            before: FxHashMap::default(),
            found: FxHashSet::default(),
            classes: TextClasses {
                examples: Vec::new(),
                is_complete: true,
            },
        }
    }

    fn run(mut self) -> TextClasses {
        let config = start::Config::new().anchored(Anchored::Yes);
        let Ok(first) = self.product.start_state(&config) else {
            return TextClasses::default();
        };
        let mut queue = VecDeque::from([first]);
        self.before.insert(first, None);
        while let Some(state) = queue.pop_front() {
            self.record(state);
            for byte in self.bytes.clone() {
                let next = self.product.next_state(state, byte);
                if self.product.is_quit_state(next) {
                    self.classes.is_complete = false;
                } else if !self.product.is_dead_state(next) && !self.before.contains_key(&next) {
                    self.before.insert(next, Some((state, byte)));
                    queue.push_back(next);
                }
            }
            if self.before.len() > MAX_STATES {
                self.classes.is_complete = false;
                break;
            }
        }
        self.classes
    }

    /// Adds the text that leads to a state, if it is one of a new class.
    fn record(&mut self, state: StateID) {
        let end = self.product.next_eoi_state(state);
        if !self.product.is_match_state(end) {
            return;
        }
        let matches = 0..self.product.match_len(end);
        let mut fulfilled: Vec<usize> = matches
            .map(|index| self.product.match_pattern(end, index).as_usize())
            .collect();
        fulfilled.sort_unstable();
        if fulfilled.first() != Some(&0) || !self.found.insert(fulfilled) {
            return;
        }
        if let Ok(text) = String::from_utf8(self.bytes_to(state)) {
            self.classes.examples.push(text);
        }
    }

    fn bytes_to(&self, mut state: StateID) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(Some((earlier, byte))) = self.before.get(&state) {
            bytes.push(*byte);
            state = *earlier;
        }
        bytes.reverse();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(kind: TextTestKind, text: &str, case: CaseSensitivity) -> TestedText {
        TestedText {
            kind,
            text: text.to_owned(),
            case,
        }
    }

    #[test]
    fn every_class_has_an_example() {
        let tests = [
            test(TextTestKind::Matches, "^vip", CaseSensitivity::Exact),
            test(TextTestKind::EndsWith, "vip", CaseSensitivity::Exact),
            test(TextTestKind::Equals, "vip", CaseSensitivity::Exact),
        ];
        let found = classes(&tests);
        assert!(found.is_complete);
        let mut examples = found.examples;
        examples.sort();
        assert_eq!(examples, ["", "avip", "vip", "vipa", "vipvip"]);
    }

    #[test]
    fn a_pattern_that_no_text_fulfils_has_no_class() {
        let tests = [
            test(TextTestKind::Matches, "^a+$", CaseSensitivity::Exact),
            test(TextTestKind::Contains, "B", CaseSensitivity::Ignored),
        ];
        let found = classes(&tests);
        assert!(found.is_complete);
        assert_eq!(found.examples.len(), 3, "{:?}", found.examples);
    }

    #[test]
    fn limits_of_words_are_decided_for_ascii_alone() {
        let tests = [test(
            TextTestKind::Matches,
            r"\bvip\b",
            CaseSensitivity::Exact,
        )];
        let found = classes(&tests);
        assert!(!found.is_complete);
        assert_eq!(found.examples, ["", "vip"]);
    }

    #[test]
    fn a_product_with_too_many_states_is_not_complete() {
        let tests = [test(
            TextTestKind::Matches,
            "(a|b)*a(a|b){14}c",
            CaseSensitivity::Exact,
        )];
        assert!(!classes(&tests).is_complete);
    }
}
