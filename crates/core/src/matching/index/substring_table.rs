//! Finds which of many texts a given text contains, in one pass. Each is reported once.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use rustc_hash::FxHashMap;

use crate::matching::index::posting::{Posting, PostingRange, Postings, number};
use crate::matching::index::scratch::VisitedSet;

#[derive(Debug, Default)]
pub struct Substrings {
    /// None if there are no texts.
    automaton: Option<AhoCorasick>,
    /// By number of the text.
    spans: Box<[PostingRange]>,
    /// Tested for every text, if the automaton could not be built.
    whenever: PostingRange,
}

impl Substrings {
    pub fn new(entries: Vec<(Vec<u8>, Posting)>, postings: &mut Postings) -> Self {
        let mut numbers: FxHashMap<&[u8], usize> = FxHashMap::default();
        let mut lists: Vec<(&[u8], Vec<Posting>)> = Vec::new();
        for (text, posting) in &entries {
            let at = *numbers.entry(text).or_insert(lists.len());
            if at == lists.len() {
                lists.push((text, Vec::new()));
            }
            lists[at].1.push(*posting);
        }
        if lists.is_empty() {
            return Self::default();
        }
        let texts = lists.iter().map(|(text, _)| *text);
        let built = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(texts);
        match built {
            Ok(automaton) => Self {
                automaton: Some(automaton),
                spans: lists
                    .iter()
                    .map(|(_, list)| postings.add(list.iter().copied()))
                    .collect(),
                whenever: PostingRange::default(),
            },
            Err(_) => Self {
                whenever: postings.add(entries.iter().map(|(_, posting)| *posting)),
                ..Self::default()
            },
        }
    }

    pub fn is_empty(&self) -> bool {
        self.automaton.is_none() && self.whenever.is_empty()
    }

    pub fn find(&self, text: &[u8], seen: &mut VisitedSet, found: &mut Vec<PostingRange>) {
        if !self.whenever.is_empty() {
            found.push(self.whenever);
        }
        let Some(automaton) = &self.automaton else {
            return;
        };
        seen.begin(self.spans.len());
        for hit in automaton.find_overlapping_iter(text) {
            let at = hit.pattern().as_usize();
            if seen.insert(number(at)) {
                found.push(self.spans[at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::index::check_program::CheckStart;

    #[test]
    fn every_text_that_stands_there_is_found_once() {
        let texts = ["aa", "a", "cab", "abra", "x", "a"];
        let entry = |(rule, text): (usize, &&str)| {
            let check = CheckStart::NOTHING;
            (
                text.as_bytes().to_vec(),
                Posting {
                    rule: number(rule),
                    check,
                },
            )
        };
        let mut postings = Postings::default();
        let entries = texts.iter().enumerate().map(entry).collect();
        let substrings = Substrings::new(entries, &mut postings);
        let (mut spans, postings) = (Vec::new(), postings.finish().0);
        let mut seen = VisitedSet::default();
        for _ in 0..2 {
            spans.clear();
            substrings.find(b"abracadabra aaa", &mut seen, &mut spans);
            let found = spans.iter().flat_map(|span| span.slice(&postings));
            let mut found: Vec<u32> = found.map(|posting| posting.rule).collect();
            found.sort_unstable();
            assert_eq!(found, [0, 1, 3, 5]);
        }
    }
}
