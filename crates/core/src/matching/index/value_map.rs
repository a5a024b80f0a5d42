//! A map from numbers and texts to posting lists. Its keys do not change once built.
//! A lookup of a value that is no key reads one word of the table in most cases; that of a key reads its entry too, and
//! the rest of a text of more than sixteen bytes.

use crate::matching::index::posting::{PostingRange, number};

#[derive(Debug, Default)]
pub struct ValueMap {
    /// A power of two; at least half of the words are empty. The word of a key is at the place that its hash has, or
    /// soon after it: the high bits of the hash, and the number of its entry below them.
    table: Box<[u32]>,
    /// The bits of a word that are the number of an entry. All of them are set in an empty word.
    number_bits: u32,
    entries: Box<[ValueEntry]>,
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

/// The first sixteen bytes of a text, with zeros after a shorter one, and its length. A number has one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextHead {
    low: u64,
    high: u64,
    length: u32,
}

/// In place of a length.
const NUMBER: u32 = u32::MAX;

/// The length of a text that its head contains.
const HEAD: usize = 16;

impl ValueMap {
    /// The same key may be given several times.
    pub fn new(mut keys: Vec<MapKey<'_>>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let length = match keys.len() {
            0 => 0,
            count => (2 * count).next_power_of_two(),
        };
        let number_bits = number(length.saturating_sub(1));
        let mut table = vec![number_bits; length].into_boxed_slice();
        let mut entries = Vec::with_capacity(keys.len());
        let (mut bytes, mut longest) = (Vec::new(), 0);
        for (entry, key) in (0..).zip(keys) {
            let (head, rest) = match key {
                MapKey::Number(bits) => (TextHead::of_number(bits), &[][..]),
                MapKey::Text(text) => (TextHead::new(text), text.get(HEAD..).unwrap_or_default()),
            };
            let hash = head.hash(rest);
            let mut at = place(hash, length);
            while table[at] & number_bits != number_bits {
                at = place(at as u64 + 1, length);
            }
            table[at] = (high_bits(hash) & !number_bits) | entry;
            let start = number(bytes.len());
            if let MapKey::Text(text) = key {
                longest = longest.max(text.len());
                if text.len() > HEAD {
                    bytes.extend_from_slice(text);
                }
            }
            let TextHead { low, high, length } = head;
            entries.push(ValueEntry {
                low,
                high,
                length,
                start,
                span: PostingRange::default(),
            });
        }
        Self {
            table,
            number_bits,
            entries: entries.into(),
            bytes: bytes.into(),
            longest,
        }
    }

    /// The number of a key.
    pub fn find(&self, key: MapKey<'_>) -> Option<u32> {
        let found = match key {
            MapKey::Number(bits) => self.find_number(bits),
            MapKey::Text(text) => self.find_text(text, TextHead::new(text)),
        };
        found.map(|(number, _)| number)
    }

    /// The number and the posting list of a number.
    #[inline(always)]
    pub fn find_number(&self, bits: u64) -> Option<(u32, PostingRange)> {
        let head = TextHead::of_number(bits);
        self.probe(head, head.hash(&[]), &[])
    }

    /// The number and the posting list of a text, with its head.
    #[inline(always)]
    pub fn find_text(&self, text: &[u8], head: TextHead) -> Option<(u32, PostingRange)> {
        if text.len() > self.longest {
            return None;
        }
        let rest = text.get(HEAD..).unwrap_or_default();
        self.probe(head, head.hash(rest), text)
    }

    #[inline(always)]
    fn probe(&self, head: TextHead, hash: u64, text: &[u8]) -> Option<(u32, PostingRange)> {
        let (number_bits, sought) = (self.number_bits, high_bits(hash) & !self.number_bits);
        let mut at = place(hash, self.table.len());
        loop {
            let word = *self.table.get(at)?;
            let number = word & number_bits;
            if number == number_bits {
                return None;
            }
            if word & !number_bits == sought {
                let entry = self.entries.get(number as usize)?;
                let different = (entry.low ^ head.low) | (entry.high ^ head.high);
                if different == 0 && entry.length == head.length && self.has_rest(entry, text) {
                    return Some((number, entry.span));
                }
            }
            at = place(at as u64 + 1, self.table.len());
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
    fn has_rest(&self, entry: &ValueEntry, text: &[u8]) -> bool {
        if text.len() <= HEAD {
            return true;
        }
        let start = entry.start as usize;
        self.bytes.get(start..start + text.len()) == Some(text)
    }
}

impl TextHead {
    #[inline]
    pub fn new(text: &[u8]) -> Self {
        let (low, high) = first_bytes(text);
        Self {
            low,
            high,
            length: head_length(text.len()),
        }
    }

    /// The head of a text that these bytes start with. Needs no branch for each length.
    #[inline(always)]
    pub fn of_start(bytes: &[u8], length: usize) -> Self {
        let Some(chunk) = bytes.first_chunk::<HEAD>() else {
            return Self::new(bytes.get(..length).unwrap_or(bytes));
        };
        let (low, high) = chunk.split_at(HEAD / 2);
        let word = |half: &[u8]| u64::from_le_bytes(*half.first_chunk().expect("eight bytes"));
        Self {
            low: word(low) & low_bytes(length),
            high: word(high) & low_bytes(length.saturating_sub(HEAD / 2)),
            length: head_length(length),
        }
    }

    fn of_number(bits: u64) -> Self {
        Self {
            low: bits,
            high: 0,
            length: NUMBER,
        }
    }

    /// `rest` is the text after the head.
    #[inline]
    fn hash(self, rest: &[u8]) -> u64 {
        let mut hash = fold(self.low ^ u64::from(self.length), self.high ^ SEEDS[0]);
        for chunk in rest.chunks(HEAD) {
            let (low, high) = first_bytes(chunk);
            hash = fold(hash ^ low, high ^ SEEDS[0]);
        }
        fold(hash, SEEDS[1])
    }
}

/// A longer text than that is in no rule.
#[inline]
fn head_length(length: usize) -> u32 {
    u32::try_from(length).map_or(NUMBER - 1, |length| length.min(NUMBER - 1))
}

/// A mask of so many low bytes; of all from eight on.
#[inline]
fn low_bytes(count: usize) -> u64 {
    match count {
        0 => 0,
        _ => u64::MAX >> (64 - 8 * count.min(8)),
    }
}

/// The place of a hash in a table of this length, which is a power of two.
#[allow(clippy::cast_possible_truncation)]
#[inline]
fn place(hash: u64, length: usize) -> usize {
    hash as usize & length.wrapping_sub(1)
}

/// The part of a hash that does not choose the place.
#[inline]
fn high_bits(hash: u64) -> u32 {
    (hash >> 32) as u32
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
            let part = &text[..length];
            assert_eq!(TextHead::of_start(&text, length), TextHead::new(part));
            assert_eq!(TextHead::of_start(part, length), TextHead::new(part));
            let (low, high) = first_bytes(part);
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
