//! A map from numbers and texts to posting lists. Its keys do not change once built.
//! A lookup reads one entry, and the rest of a text of more than sixteen bytes.

use crate::matching::index::posting::{PostingRange, number};

#[derive(Debug, Default)]
pub struct ValueMap {
    /// A power of two; at least half of the entries are empty. A key is at the place that its hash has, or soon
    /// after it.
    entries: Box<[ValueEntry]>,
    /// Bits of the hashes of all keys. Most values of events are no keys, and their bits are not set.
    filter: Box<[u64]>,
    /// The texts of more than sixteen bytes.
    bytes: Box<[u8]>,
    /// The length of the longest text: a longer one is not looked up.
    longest: usize,
}

/// A number or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKey<'a> {
    /// The bits of [`crate::language::operator::index_condition::key_of`].
    Number(u64),
    Text(&'a [u8]),
}

/// Two of them are in one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct ValueEntry {
    /// The number or the first sixteen bytes of a text.
    low: u64,
    high: u64,
    length: u32,
    /// The start of a long text in `bytes`.
    start: u32,
    span: PostingRange,
}

/// The number or the first sixteen bytes of a text, and its length.
#[derive(Debug, Clone, Copy)]
struct Head {
    low: u64,
    high: u64,
    length: u32,
}

/// In place of a length.
const EMPTY: u32 = u32::MAX;
const NUMBER: u32 = u32::MAX - 1;

/// The length of a text that its head contains.
const HEAD: usize = 16;

impl ValueMap {
    /// The same key may be given several times.
    pub fn new(mut keys: Vec<MapKey<'_>>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let empty = ValueEntry {
            low: 0,
            high: 0,
            length: EMPTY,
            start: 0,
            span: PostingRange::default(),
        };
        let length = match keys.len() {
            0 => 0,
            count => (2 * count).next_power_of_two(),
        };
        let mut entries = vec![empty; length];
        let mut filter = vec![0; length.div_ceil(8)];
        let (mut bytes, mut longest) = (Vec::new(), 0);
        for key in keys {
            let head = Head::new(key);
            let hash = head.hash(key);
            let (word, bit) = filter_bit(hash, filter.len());
            filter[word] |= bit;
            let mut at = hash as usize % length;
            while entries[at].length != EMPTY {
                at = (at + 1) % length;
            }
            let start = number(bytes.len());
            if let MapKey::Text(text) = key {
                longest = longest.max(text.len());
                if text.len() > HEAD {
                    bytes.extend_from_slice(text);
                }
            }
            let Head { low, high, length } = head;
            entries[at] = ValueEntry {
                low,
                high,
                length,
                start,
                ..empty
            };
        }
        Self {
            entries: entries.into(),
            filter: filter.into(),
            bytes: bytes.into(),
            longest,
        }
    }

    /// The number of a key.
    #[allow(clippy::cast_possible_truncation)]
    #[inline]
    pub fn find(&self, key: MapKey<'_>) -> Option<u32> {
        let is_longer = match key {
            MapKey::Text(text) => text.len() > self.longest,
            MapKey::Number(_) => false,
        };
        if is_longer || self.entries.is_empty() {
            return None;
        }
        let (head, last) = (Head::new(key), self.entries.len() - 1);
        let hash = head.hash(key);
        let (word, bit) = filter_bit(hash, self.filter.len());
        if self.filter[word] & bit == 0 {
            return None;
        }
        let mut at = hash as usize & last;
        loop {
            let entry = &self.entries[at];
            let same = entry.low == head.low && entry.high == head.high;
            if same && entry.length == head.length && self.has_rest(entry, key) {
                return Some(at as u32);
            }
            if entry.length == EMPTY {
                return None;
            }
            at = (at + 1) & last;
        }
    }

    /// The posting list of a key by its number.
    #[inline]
    pub fn span(&self, number: u32) -> PostingRange {
        let entry = self.entries.get(number as usize);
        entry.map_or_else(PostingRange::default, |entry| entry.span)
    }

    pub fn set(&mut self, number: u32, span: PostingRange) {
        self.entries[number as usize].span = span;
    }

    #[inline]
    fn has_rest(&self, entry: &ValueEntry, key: MapKey<'_>) -> bool {
        match key {
            MapKey::Text(text) if text.len() > HEAD => {
                let start = entry.start as usize;
                self.bytes.get(start..start + text.len()) == Some(text)
            }
            MapKey::Text(_) | MapKey::Number(_) => true,
        }
    }
}

impl Head {
    #[inline]
    fn new(key: MapKey<'_>) -> Self {
        match key {
            MapKey::Number(low) => Self {
                low,
                high: 0,
                length: NUMBER,
            },
            MapKey::Text(text) => {
                let (low, high) = first_bytes(text);
                Self {
                    low,
                    high,
                    // A longer text than that is in no rule.
                    length: u32::try_from(text.len())
                        .map_or(NUMBER - 1, |length| length.min(NUMBER - 1)),
                }
            }
        }
    }

    #[inline]
    fn hash(self, key: MapKey<'_>) -> u64 {
        let mut hash = fold(self.low ^ u64::from(self.length), self.high ^ SEEDS[0]);
        if let MapKey::Text(text) = key
            && text.len() > HEAD
        {
            for chunk in text[HEAD..].chunks(HEAD) {
                let (low, high) = first_bytes(chunk);
                hash = fold(hash ^ low, high ^ SEEDS[0]);
            }
        }
        fold(hash, SEEDS[1])
    }
}

/// The bit of a hash in a filter with so many words, a power of two: not the bits that choose the entry.
#[inline]
fn filter_bit(hash: u64, words: usize) -> (usize, u64) {
    let word = (hash >> 32) as usize & words.wrapping_sub(1);
    (word, 1 << (hash >> 58))
}

const SEEDS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xA076_1D64_78BD_642F];

/// Both halves of a product.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The first sixteen bytes of a text as two numbers, with zeros after a shorter one.
#[inline]
pub fn first_bytes(text: &[u8]) -> (u64, u64) {
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let half = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |chunk| u32::from_le_bytes(*chunk)).into();
    match text.len() {
        0..4 => {
            let bytes = text.iter().rev();
            (bytes.fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
        }
        length @ 4..8 => {
            let (first, last): (u64, u64) = (half(text.first_chunk()), half(text.last_chunk()));
            (first | last << (8 * (length - 4)), 0)
        }
        8 => (word(text.first_chunk()), 0),
        length @ 9..HEAD => {
            let last = word(text.last_chunk());
            (word(text.first_chunk()), last >> (8 * (HEAD - length)))
        }
        _ => (word(text.first_chunk()), word(text[8..].first_chunk())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_head_of_a_text_is_its_first_bytes() {
        let text: Vec<u8> = (1..=20).collect();
        for length in 0..=text.len() {
            let mut padded = [0; HEAD];
            let shown = length.min(HEAD);
            padded[..shown].copy_from_slice(&text[..shown]);
            let (low, high) = first_bytes(&text[..length]);
            assert_eq!(
                [low.to_le_bytes(), high.to_le_bytes()].concat(),
                padded,
                "{length}"
            );
        }
    }

    fn key<'a>(numbers: bool, text: &'a str) -> MapKey<'a> {
        match numbers {
            true => MapKey::Number(text.len() as u64),
            false => MapKey::Text(text.as_bytes()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_key_and_no_other_is_found(
            inside in vec((any::<bool>(), "[ab]{0,3}|[a\u{0}]{14,18}|a{30,36}"), 0..30),
            others in vec((any::<bool>(), "[ab]{0,3}|[a\u{0}]{14,18}|a{30,36}"), 0..30),
        ) {
            let keys: Vec<MapKey<'_>> = inside.iter().map(|(numbers, text)| key(*numbers, text)).collect();
            let mut map = ValueMap::new(keys.clone());
            for (start, key) in (0..).zip(&keys) {
                let number = map.find(*key);
                prop_assert!(number.is_some());
                map.set(number.unwrap_or_default(), PostingRange { start, length: 1 });
            }
            for (numbers, text) in inside.iter().chain(&others) {
                let key = key(*numbers, text);
                let last = keys.iter().rposition(|known| *known == key);
                let found = map.find(key).map(|number| map.span(number).start as usize);
                prop_assert_eq!(found, last);
            }
        }
    }
}
