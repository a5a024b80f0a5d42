//! A regular expression of a rule: its text, and what runs it, built when the first value comes, since
//! most of many thousand rules never see one. It refuses when it is loaded whatever could not be built.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use crate::core::rule::operator::Case;

/// What a pattern may grow to when compiled.
const SIZE_LIMIT: usize = 1 << 20;
/// Up to this size, a small part of the limit, the first step of building says enough. It takes a
/// tenth of the time of all steps, and of their memory nothing stays.
const SURE: usize = 1 << 15;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Built>);

#[derive(Debug)]
struct Built {
    text: String,
    case: Case,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub fn new(text: &str, case: Case) -> Result<Self, regex::Error> {
        let regex = match is_sure(text, case) {
            true => OnceLock::new(),
            false => OnceLock::from(Some(build(text, case)?)),
        };
        Ok(Self(Arc::new(Built {
            text: text.to_owned(),
            case,
            regex,
        })))
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn is_match(&self, value: &str) -> bool {
        let Built { text, case, regex } = &*self.0;
        let regex = regex.get_or_init(|| build(text, *case).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(value))
    }
}

/// Whether a pattern can be built without building it.
fn is_sure(text: &str, case: Case) -> bool {
    let syntax = syntax::Config::new().case_insensitive(case == Case::Ignored);
    let size = thompson::Config::new()
        .nfa_size_limit(Some(SURE))
        .shrink(false);
    let mut compiler = thompson::Compiler::new();
    let first = compiler.syntax(syntax).configure(size).build(text);
    first.is_ok()
}

fn build(text: &str, case: Case) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(case == Case::Ignored)
        .size_limit(SIZE_LIMIT)
        .build()
}

/// Patterns that are written alike, each kept once.
#[derive(Default)]
pub struct Patterns(HashMap<Case, HashMap<String, Pattern>>);

impl Patterns {
    pub fn share(&mut self, text: &str, case: Case) -> Result<Pattern, regex::Error> {
        let known = self.0.entry(case).or_default();
        if let Some(pattern) = known.get(text) {
            return Ok(pattern.clone());
        }
        let pattern = Pattern::new(text, case)?;
        known.insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_refused_when_it_is_loaded_or_never() {
        for text in [
            "^out(age)?$",
            r"\p{L}{1,40}\d+",
            "(a{1,100}){1,200}",
            "[^é]+",
        ] {
            for case in [Case::Exact, Case::Ignored] {
                assert_eq!(
                    Pattern::new(text, case).is_ok(),
                    build(text, case).is_ok(),
                    "{text}"
                );
            }
        }
        assert!(matches!(
            Pattern::new(r"(\w{1,100}){1,100}", Case::Exact),
            Err(regex::Error::CompiledTooBig(_))
        ));
        assert!(matches!(
            Pattern::new("a(", Case::Exact),
            Err(regex::Error::Syntax(_))
        ));
    }

    #[test]
    fn a_pattern_matches_anywhere_and_as_to_case() {
        let exact = Pattern::new("^Out", Case::Exact).unwrap();
        assert!(exact.is_match("Outage") && !exact.is_match("outage"));
        let ignored = Pattern::new("^Out", Case::Ignored).unwrap();
        assert!(ignored.is_match("outage") && !ignored.is_match("an outage"));
        assert_eq!(ignored.as_str(), "^Out");
    }

    #[test]
    fn patterns_that_are_written_alike_are_one() {
        let mut patterns = Patterns::default();
        let mut share = |text, case| patterns.share(text, case).unwrap();
        let a = share("a", Case::Exact);
        assert!(Arc::ptr_eq(&a.0, &share("a", Case::Exact).0));
        assert!(!Arc::ptr_eq(&a.0, &share("a", Case::Ignored).0));
    }
}
