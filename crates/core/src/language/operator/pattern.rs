//! A regular expression of a rule: its text, and what runs it, built when the first value comes, since
//! most of many thousand rules never see one. It refuses when it is loaded whatever could not be built.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind};

use crate::language::operator::CaseSensitivity;

/// What a pattern may grow to when compiled.
const SIZE_LIMIT: usize = 1 << 20;
/// How many pieces counts such as `{1,50}` may come to, within each other multiplied. A value that nearly
/// matches keeps all of them in play: 2,000 cost a tenth of a second for a megabyte, 4,000 cost minutes.
const MOST_PIECES: u64 = 2_000;
/// Up to this size, a small part of the limit, the first step of building says enough. It takes a
/// tenth of the time of all steps, and of their memory nothing stays.
const SURE: usize = 1 << 15;

/// Cheap to clone.
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
        if text.contains('{') && counted(text) > MOST_PIECES {
            return Err(regex::Error::CompiledTooBig(SIZE_LIMIT));
        }
        let regex = match is_sure(text, case) {
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
        let built = || build(text, *case).expect("it was tried when it was loaded");
        regex.get_or_init(built).is_match(value)
    }
}

/// The pieces that the counts of a pattern come to; none where it is no pattern.
fn counted(text: &str) -> u64 {
    fn within(hir: &Hir) -> u64 {
        match hir.kind() {
            HirKind::Repetition(counted) if counted.max.is_some_and(|most| most > 1) => pieces(hir),
            kind => kind.subs().iter().map(within).fold(0, u64::saturating_add),
        }
    }
    regex_syntax::parse(text).map_or(0, |hir| within(&hir))
}

fn pieces(hir: &Hir) -> u64 {
    let below = || hir.kind().subs().iter().map(pieces);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(_) | HirKind::Class(_) => 1,
        HirKind::Repetition(counted) => {
            let times = counted.max.unwrap_or(counted.min).max(1);
            below()
                .fold(0, u64::saturating_add)
                .saturating_mul(times.into())
        }
        HirKind::Capture(_) | HirKind::Concat(_) | HirKind::Alternation(_) => {
            below().fold(0, u64::saturating_add)
        }
    }
}

/// Whether a pattern can be built without building it.
fn is_sure(text: &str, case: CaseSensitivity) -> bool {
    let syntax = syntax::Config::new().case_insensitive(case == CaseSensitivity::Ignored);
    let size = thompson::Config::new()
        .nfa_size_limit(Some(SURE))
        .shrink(false);
    let mut compiler = thompson::Compiler::new();
    let first = compiler.syntax(syntax).configure(size).build(text);
    first.is_ok()
}

fn build(text: &str, case: CaseSensitivity) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .case_insensitive(case == CaseSensitivity::Ignored)
        .size_limit(SIZE_LIMIT)
        .build()
}

/// Patterns that are written alike, each kept once.
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
    fn a_pattern_is_refused_when_it_is_loaded_or_never() {
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
    fn counts_within_counts_come_to_so_many_pieces() {
        for (text, pieces) in [
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
            assert_eq!(counted(text), pieces, "{text}");
        }
        let refused = Pattern::new("(a{1,100}){1,21}", CaseSensitivity::Exact);
        assert!(matches!(refused, Err(regex::Error::CompiledTooBig(_))));
        assert!(Pattern::new("(a{1,100}){1,20}", CaseSensitivity::Exact).is_ok());
    }

    #[test]
    fn a_pattern_matches_anywhere_and_as_to_case() {
        let exact = Pattern::new("^Out", CaseSensitivity::Exact).unwrap();
        assert!(exact.is_match("Outage") && !exact.is_match("outage"));
        let ignored = Pattern::new("^Out", CaseSensitivity::Ignored).unwrap();
        assert!(ignored.is_match("outage") && !ignored.is_match("an outage"));
        assert_eq!(ignored.as_str(), "^Out");
    }

    #[test]
    fn patterns_that_are_written_alike_are_one() {
        let mut patterns = PatternCache::default();
        let mut share = |text, case| patterns.share(text, case).unwrap();
        let a = share("a", CaseSensitivity::Exact);
        assert!(Arc::ptr_eq(&a.0, &share("a", CaseSensitivity::Exact).0));
        assert!(!Arc::ptr_eq(&a.0, &share("a", CaseSensitivity::Ignored).0));
    }
}
