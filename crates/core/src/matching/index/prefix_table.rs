//! Finds which of many texts are a prefix of a given text, in logarithmic time plus the matches. Texts are
//! bytes; for suffixes the caller reverses them.

use crate::matching::index::posting::{Posting, PostingRange, Postings, number};
use crate::matching::index::value_map::first_bytes;

#[derive(Debug, Default)]
pub struct PrefixTable {
    bytes: Box<[u8]>,
    /// Sorted by their bytes.
    pieces: Box<[PrefixEntry]>,
    /// The first bytes of each, in the same order, so that a search rarely compares texts.
    heads: Box<[u128]>,
    longest: usize,
}

#[derive(Debug)]
struct PrefixEntry {
    start: u32,
    end: u32,
    /// The longest other entry that is a prefix of this one.
    within: Option<u32>,
    span: PostingRange,
}

impl PrefixTable {
    pub fn new(mut entries: Vec<(Vec<u8>, Posting)>, postings: &mut Postings) -> Self {
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (mut bytes, mut pieces) = (Vec::new(), Vec::<PrefixEntry>::new());
        let mut longest = 0;
        for same in entries.chunk_by(|(a, _), (b, _)| a == b) {
            let text = same[0].0.as_slice();
            longest = longest.max(text.len());
            let start = number(bytes.len());
            let within = outer(text, &pieces, &bytes);
            bytes.extend_from_slice(text);
            pieces.push(PrefixEntry {
                start,
                end: number(bytes.len()),
                within,
                span: postings.add(same.iter().map(|(_, posting)| *posting)),
            });
        }
        let heads = pieces.iter().map(|piece| head(piece.text(&bytes)));
        Self {
            heads: heads.collect(),
            bytes: bytes.into(),
            pieces: pieces.into(),
            longest,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The length of the longest entry: more of a text is never compared.
    pub fn longest(&self) -> usize {
        self.longest
    }

    pub fn find(&self, text: &[u8], found: &mut Vec<PostingRange>) {
        let text_head = head(text);
        let mut after = self.heads.partition_point(|head| *head < text_head);
        if self.heads.get(after) == Some(&text_head) {
            let same = self.heads[after..].partition_point(|head| *head == text_head);
            let same = &self.pieces[after..after + same];
            after += same.partition_point(|piece| piece.text(&self.bytes) <= text);
        }
        // The last entry that sorts at or before the text shares all of the text's prefixes.
        let mut next = after.checked_sub(1);
        while let Some(at) = next {
            let piece = &self.pieces[at];
            if self.starts(text, text_head, at) {
                found.push(piece.span);
            }
            next = piece.within.map(|at| at as usize);
        }
    }

    /// Whether a text starts with an entry.
    fn starts(&self, text: &[u8], text_head: u128, at: usize) -> bool {
        let piece = &self.pieces[at];
        match (piece.end - piece.start) as usize {
            0 => true,
            length @ 1..=HEAD => {
                let different = text_head ^ self.heads[at];
                text.len() >= length && different >> (8 * (HEAD - length)) == 0
            }
            _ => text.starts_with(piece.text(&self.bytes)),
        }
    }
}

/// The length of a text that its head contains.
const HEAD: usize = 16;

/// The first bytes of a text as a number that is ordered as they are.
fn head(text: &[u8]) -> u128 {
    let (low, high) = first_bytes(text);
    u128::from(low.swap_bytes()) << 64 | u128::from(high.swap_bytes())
}

impl PrefixEntry {
    fn text<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// The longest prefix of a text among the entries that sort before it.
fn outer(text: &[u8], pieces: &[PrefixEntry], bytes: &[u8]) -> Option<u32> {
    let mut next = pieces.len().checked_sub(1);
    while let Some(at) = next {
        if text.starts_with(pieces[at].text(bytes)) {
            return Some(number(at));
        }
        next = pieces[at].within.map(|at| at as usize);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::matching::index::check_program::CheckStart;

    proptest! {
        #[test]
        fn a_text_starts_with_what_is_found_and_with_nothing_else(
            pieces in vec("[ab]{1,4}|a{10,18}[ab\u{0}]{0,3}", 0..12),
            text in "[abc]{0,6}|a{9,20}[abc\u{0}]{0,4}",
        ) {
            let entry = |(rule, piece): (usize, &String)| {
                let rule = u32::try_from(rule).expect("few");
                (piece.clone().into_bytes(), Posting { rule, check: CheckStart::NOTHING })
            };
            let mut postings = Postings::default();
            let affixes = PrefixTable::new(pieces.iter().enumerate().map(entry).collect(), &mut postings);
            let (mut spans, postings) = (Vec::new(), postings.finish().0);
            affixes.find(text.as_bytes(), &mut spans);
            let found = spans.iter().flat_map(|span| span.slice(&postings));
            let mut found: Vec<usize> = found.map(|posting| posting.rule as usize).collect();
            found.sort_unstable();
            let expected: Vec<usize> =
                (0..pieces.len()).filter(|&at| text.starts_with(&pieces[at])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
