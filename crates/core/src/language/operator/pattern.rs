//! A regular expression of a rule, compiled when it is first used.
//! Most rules of a large set never evaluate their patterns, so compiling them at load would waste time and
//! memory. A pattern that cannot be compiled is still reported at load.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind};

use crate::language::operator::CaseSensitivity;

/// The maximum size of a compiled pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// The maximum number of repeated parts, where nested counts such as `{1,50}` multiply. A value that almost
/// matches keeps all of them active: 2,000 take a tenth of a second per megabyte, 4,000 take minutes.
const MAX_REPEATED_PARTS: u64 = 2_000;
/// A pattern whose NFA is smaller than this, in bytes, certainly compiles within the limit. Building only
/// the NFA takes a tenth of the time of compiling, and it is not kept.
const CHEAP_PATTERN_SIZE: usize = 1 << 15;

/// A regular expression. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<CompiledPattern>);

#[derive(Debug)]
struct CompiledPattern {
    text: String,
    case: CaseSensitivity,
    regex: OnceLock<Regex>,
}

impl Pattern {
    pub fn new(text: &str, case: CaseSensitivity) -> Result<Self, regex::Error> {
        if text.contains('{') && repeated_parts(text) > MAX_REPEATED_PARTS {
            return Err(regex::Error::CompiledTooBig(SIZE_LIMIT));
        }
        let regex = match is_cheap(text, case) {
            true => OnceLock::new(),
            false => OnceLock::from(build(text, case)?),
        };
        Ok(Self(Arc::new(CompiledPattern {
            text: text.to_owned(),
            case,
            regex,
        })))
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn is_match(&self, value: &str) -> bool {
        let CompiledPattern { text, case, regex } = &*self.0;
        let built = || build(text, *case).expect("`new` checked that the pattern compiles");
        regex.get_or_init(built).is_match(value)
    }
}

/// Counts the parts that the counted repetitions of a pattern expand to; 0 if the pattern is invalid.
fn repeated_parts(text: &str) -> u64 {
    fn count(hir: &Hir) -> u64 {
        match hir.kind() {
            HirKind::Repetition(repetition) if repetition.max.is_some_and(|max| max > 1) => {
                expanded_parts(hir)
            }
            kind => kind.subs().iter().map(count).fold(0, u64::saturating_add),
        }
    }
    regex_syntax::parse(text).map_or(0, |hir| count(&hir))
}

fn expanded_parts(hir: &Hir) -> u64 {
    let below = || hir.kind().subs().iter().map(expanded_parts);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(_) | HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            below()
                .fold(0, u64::saturating_add)
                .saturating_mul(times.into())
        }
        HirKind::Capture(_) | HirKind::Concat(_) | HirKind::Alternation(_) => {
            below().fold(0, u64::saturating_add)
        }
    }
}

/// Returns whether a pattern is small enough that it certainly compiles.
fn is_cheap(text: &str, case: CaseSensitivity) -> bool {
    let syntax = syntax::Config::new().case_insensitive(case == CaseSensitivity::Ignored);
    let size = thompson::Config::new()
        .nfa_size_limit(Some(CHEAP_PATTERN_SIZE))
        .shrink(false);
    let mut compiler = thompson::Compiler::new();
    let nfa = compiler.syntax(syntax).configure(size).build(text);
    nfa.is_ok()
}

fn build(text: &str, case: CaseSensitivity) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(case == CaseSensitivity::Ignored)
        .size_limit(SIZE_LIMIT)
        .build()
}

/// Stores each distinct pattern once.
#[derive(Default)]
pub struct PatternCache(HashMap<CaseSensitivity, HashMap<String, Pattern>>);

impl PatternCache {
    pub fn share(&mut self, text: &str, case: CaseSensitivity) -> Result<Pattern, regex::Error> {
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
    fn an_invalid_pattern_is_rejected_at_load() {
        for text in ["^out(age)?$", r"\p{L}{1,40}\d+", "(a{1,40}){1,50}", "[^é]+"] {
            for case in [CaseSensitivity::Exact, CaseSensitivity::Ignored] {
                assert_eq!(
                    Pattern::new(text, case).is_ok(),
                    build(text, case).is_ok(),
                    "{text}"
                );
            }
        }
        assert!(matches!(
            Pattern::new(r"(\w{1,100}){1,100}", CaseSensitivity::Exact),
            Err(regex::Error::CompiledTooBig(_))
        ));
        assert!(matches!(
            Pattern::new("a(", CaseSensitivity::Exact),
            Err(regex::Error::Syntax(_))
        ));
    }

    #[test]
    fn nested_counts_multiply() {
        for (text, parts) in [
            ("a+b*c?", 0),
            ("a{2}", 2),
            ("a{3,}b", 0),
            ("(?:a{3,}b){5}", 20),
            ("(hello ){1,200}", 200),
            ("(a{1,100}){1,100}", 10_000),
            ("((a|b.){1,10}x){0,9}|[a-z]{7}", 9 * 31 + 7),
            ("(((a{1000}){1000}){1000}){1000}", 1_000_000_000_000),
            ("a{", 0),
        ] {
            assert_eq!(repeated_parts(text), parts, "{text}");
        }
        let rejected = Pattern::new("(a{1,100}){1,21}", CaseSensitivity::Exact);
        assert!(matches!(rejected, Err(regex::Error::CompiledTooBig(_))));
        assert!(Pattern::new("(a{1,100}){1,20}", CaseSensitivity::Exact).is_ok());
    }

    #[test]
    fn a_pattern_matches_anywhere_and_respects_case_sensitivity() {
        let exact = Pattern::new("^Out", CaseSensitivity::Exact).unwrap();
        assert!(exact.is_match("Outage") && !exact.is_match("outage"));
        let ignored = Pattern::new("^Out", CaseSensitivity::Ignored).unwrap();
        assert!(ignored.is_match("outage") && !ignored.is_match("an outage"));
        assert_eq!(ignored.as_str(), "^Out");
    }

    #[test]
    fn equal_patterns_are_shared() {
        let mut patterns = PatternCache::default();
        let mut share = |text, case| patterns.share(text, case).unwrap();
        let a = share("a", CaseSensitivity::Exact);
        assert!(Arc::ptr_eq(&a.0, &share("a", CaseSensitivity::Exact).0));
        assert!(!Arc::ptr_eq(&a.0, &share("a", CaseSensitivity::Ignored).0));
    }
}
