//! A map from the values that rules compare with to posting lists: one map for all columns, where a column has the
//! values of one place. Its keys do not change once built.
//! A lookup of a value that is no key reads one word of the table in most cases; that of a key reads its entry too, and
//! the rest of a text of more than sixteen bytes.

use crate::event::json::tape::JsonKind;
use crate::matching::index::posting::{PostingRange, number};

#[derive(Debug, Default)]
pub struct ValueMap {
    /// A power of two; at least half of the words are empty. The word of a key is at the place that its hash has, or
    /// soon after it: the high bits of the hash, and the number of its entry below them.
    table: Box<[u32]>,
    /// The bits of a word that are the number of an entry. All of them are set in an empty word.
    number_bits: u32,
    entries: Box<[ValueEntry]>,
    /// The texts of more than sixteen bytes, each after its column.
    bytes: Box<[u8]>,
}

/// The number of a column.
pub type ValueColumn = u32;

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKey<'a> {
    Null,
    Bool(bool),
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
    /// The column; for a long text, where that is in `bytes`, followed by the text.
    column: u32,
    span: PostingRange,
}

/// The first sixteen bytes of a text, with zeros after a shorter one, and its length. Other values have one too: that
/// of a short integer has its digits, so that an integer in a document is looked up without being converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueHead {
    low: u64,
    high: u64,
    length: u32,
}

/// In place of the length of a number that is not a short integer.
const NUMBER: u32 = u32::MAX;
/// Added to the length of a short integer.
const INTEGER: u32 = 1 << 31;
/// Added to the length of `null`, `true` and `false`.
const LITERAL: u32 = 1 << 30;
/// In place of the length of a text that is in no rule.
const MAX_LENGTH: u32 = LITERAL - 1;
/// The number of bytes that a short integer has at most. Its nearest double is itself, and no other has its digits.
const SHORT_INTEGER: usize = HEAD - 1;

/// A table up to this length, of which many fit into the processor's cache, has an eighth of its words filled.
const SMALL: usize = 4096;

/// The length of a text that its head contains.
const HEAD: usize = 16;

impl ValueMap {
    /// The same key may be given several times.
    pub fn new(mut keys: Vec<(ValueColumn, MapKey<'_>)>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let length = match keys.len() {
            0 => 0,
            count => (8 * count).min(SMALL).max(2 * count).next_power_of_two(),
        };
        let number_bits = number(length.saturating_sub(1));
        let mut table = vec![number_bits; length].into_boxed_slice();
        let mut entries = Vec::with_capacity(keys.len());
        let mut bytes = Vec::new();
        for (entry, (column, key)) in (0..).zip(keys) {
            let (head, text) = (ValueHead::of_key(key), key.text());
            let hash = head.hash(column, text);
            let mut at = place(hash, length);
            while table[at] & number_bits != number_bits {
                at = place(at as u64 + 1, length);
            }
            table[at] = (high_bits(hash) & !number_bits) | entry;
            let ValueHead { low, high, length } = head;
            let is_long = text.len() > HEAD;
            entries.push(ValueEntry {
                low,
                high,
                length,
                column: if is_long { number(bytes.len()) } else { column },
                span: PostingRange::default(),
            });
            if is_long {
                bytes.extend(column.to_le_bytes());
                bytes.extend_from_slice(text);
            }
        }
        Self {
            table,
            number_bits,
            entries: entries.into(),
            bytes: bytes.into(),
        }
    }

    /// The number and the posting list of a key.
    pub fn find_key(&self, column: ValueColumn, key: MapKey<'_>) -> Option<(u32, PostingRange)> {
        self.find(column, ValueHead::of_key(key), key.text())
    }

    /// The same of a value, with its head. `text` is empty for a value that is not a text.
    #[inline(always)]
    pub fn find(
        &self,
        column: ValueColumn,
        head: ValueHead,
        text: &[u8],
    ) -> Option<(u32, PostingRange)> {
        let hash = head.hash(column, text);
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
                if different == 0
                    && entry.length == head.length
                    && self.has_rest(entry, column, text)
                {
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

    /// Whether an entry is of the column, and has what the head of a long text does not have.
    #[inline]
    fn has_rest(&self, entry: &ValueEntry, column: ValueColumn, text: &[u8]) -> bool {
        if text.len() <= HEAD {
            return entry.column == column;
        }
        let (start, before) = (entry.column as usize, size_of::<ValueColumn>());
        let own = self.bytes.get(start..start + before + text.len());
        own.is_some_and(|own| own[..before] == column.to_le_bytes() && own[before..] == *text)
    }
}

impl<'a> MapKey<'a> {
    fn text(self) -> &'a [u8] {
        match self {
            MapKey::Text(text) => text,
            MapKey::Null | MapKey::Bool(_) | MapKey::Number(_) => &[],
        }
    }
}

impl ValueHead {
    /// The length of the longest value that [`ValueHead::of_short`] takes; an integer has to be shorter.
    pub const SHORT: u32 = HEAD as u32;

    fn of_key(key: MapKey<'_>) -> Self {
        match key {
            MapKey::Null => Self::null(),
            MapKey::Bool(value) => Self::of_bool(value),
            MapKey::Number(bits) => Self::of_number(bits),
            MapKey::Text(text) => Self::of_text(text),
        }
    }

    #[inline]
    pub fn of_text(text: &[u8]) -> Self {
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
            return Self::of_text(bytes.get(..length).unwrap_or(bytes));
        };
        let (low, high) = chunk.split_at(HEAD / 2);
        let word = |half: &[u8]| u64::from_le_bytes(*half.first_chunk().expect("eight bytes"));
        let (low_mask, high_mask) = FIRST_BYTES[length.min(HEAD)];
        Self {
            low: word(low) & low_mask,
            high: word(high) & high_mask,
            length: head_length(length),
        }
    }

    /// The head of a short literal, integer or text that these bytes start with.
    #[inline(always)]
    pub fn of_short(kind: JsonKind, bytes: &[u8], length: usize) -> Self {
        let tag = match kind {
            JsonKind::Null | JsonKind::Bool => LITERAL,
            JsonKind::Number => INTEGER,
            JsonKind::Text | JsonKind::List | JsonKind::Object => 0,
        };
        let head = Self::of_start(bytes, length);
        Self {
            length: head.length | tag,
            ..head
        }
    }

    /// The head of an integer that is written with these bytes and no others, if it is short. The bytes may continue.
    #[inline(always)]
    pub fn of_integer(bytes: &[u8], length: usize) -> Option<Self> {
        let is_short = length <= SHORT_INTEGER;
        is_short.then(|| Self::of_short(JsonKind::Number, bytes, length))
    }

    /// The head of a number, given the bits of its key.
    pub fn of_number(bits: u64) -> Self {
        let double = f64::from_bits(bits);
        // A short integer has 14 digits and a sign, or 15 digits.
        #[allow(clippy::cast_possible_truncation)]
        if double.fract() == 0.0 && double > -1e14 && double < 1e15 {
            let text = (double as i64).to_string();
            let head = Self::of_integer(text.as_bytes(), text.len());
            return head.expect("an integer of this size is short");
        }
        Self {
            low: bits,
            high: 0,
            length: NUMBER,
        }
    }

    pub fn null() -> Self {
        Self::of_short(JsonKind::Null, b"null", 4)
    }

    pub fn of_bool(value: bool) -> Self {
        let text: &[u8] = if value { b"true" } else { b"false" };
        Self::of_short(JsonKind::Bool, text, text.len())
    }

    #[inline]
    fn hash(self, column: ValueColumn, text: &[u8]) -> u64 {
        let tag = u64::from(column) << 32 | u64::from(self.length);
        let mut hash = fold(self.low ^ tag, self.high ^ SEEDS[0]);
        if text.len() > HEAD {
            hash = hash_of_rest(hash, &text[HEAD..]);
        }
        fold(hash, SEEDS[1])
    }
}

#[inline(never)]
fn hash_of_rest(mut hash: u64, rest: &[u8]) -> u64 {
    for chunk in rest.chunks(HEAD) {
        let (low, high) = first_bytes(chunk);
        hash = fold(hash ^ low, high ^ SEEDS[0]);
    }
    hash
}

/// A longer text than that is in no rule.
#[inline]
fn head_length(length: usize) -> u32 {
    u32::try_from(length).map_or(MAX_LENGTH, |length| length.min(MAX_LENGTH))
}

/// Masks of so many first bytes of a head.
const FIRST_BYTES: [(u64, u64); HEAD + 1] = {
    let mut masks = [(0, 0); HEAD + 1];
    let mut count = 1;
    while count <= HEAD {
        let mask = u128::MAX >> (8 * (HEAD - count));
        masks[count] = (mask as u64, (mask >> 64) as u64);
        count += 1;
    }
    masks
};

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
            assert_eq!(ValueHead::of_start(&text, length), ValueHead::of_text(part));
            assert_eq!(ValueHead::of_start(part, length), ValueHead::of_text(part));
            let (low, high) = first_bytes(part);
            assert_eq!(
                [low.to_le_bytes(), high.to_le_bytes()].concat(),
                padded,
                "{length}"
            );
        }
    }

    fn key(kind: u8, text: &str) -> MapKey<'_> {
        match kind {
            0 => MapKey::Null,
            1 => MapKey::Bool(text.is_empty()),
            2 => MapKey::Number((text.len() as f64 / 2.0).to_bits()),
            _ => MapKey::Text(text.as_bytes()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_key_and_no_other_is_found(
            inside in vec((0..3_u32, 0..6_u8, "[ab]{0,3}|[a\u{0}]{14,18}|a{30,36}"), 0..30),
            others in vec((0..3_u32, 0..6_u8, "[ab]{0,3}|[a\u{0}]{14,18}|a{30,36}"), 0..30),
        ) {
            let keys = inside.iter().map(|(column, kind, text)| (*column, key(*kind, text)));
            let keys: Vec<(ValueColumn, MapKey<'_>)> = keys.collect();
            let mut map = ValueMap::new(keys.clone());
            for (start, (column, key)) in (0..).zip(&keys) {
                let found = map.find_key(*column, *key);
                prop_assert!(found.is_some());
                map.set(found.unwrap_or_default().0, PostingRange { start, length: 1 });
            }
            for (column, kind, text) in inside.iter().chain(&others) {
                let key = (*column, key(*kind, text));
                let last = keys.iter().rposition(|known| *known == key);
                let found = map.find_key(key.0, key.1);
                prop_assert_eq!(found.map(|(_, span)| span.start as usize), last);
                if let Some((number, span)) = found {
                    prop_assert_eq!(map.span(number), span);
                }
            }
        }
    }
}
