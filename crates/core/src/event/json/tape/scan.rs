//! The scanner that writes the tape in one pass over the bytes.
//! Strict in structure, escapes, numbers and duplicate keys.
//! Returns `None` for all input that is not certainly valid; the parser then decides and explains.

use std::ops::Range;

use crate::event::json::tape::{EntryKind, TapeEntry};
use crate::number::RESERVED_KEY;

/// The maximum nesting depth, as in the parser.
const MAX_DEPTH: usize = 127;
/// The maximum number of keys of one object, because each is compared with all before it.
const MAX_KEYS: usize = 256;
/// The number of digits with which every integer fits into 64 bits.
const MAX_DIGITS: usize = 18;
/// The maximum length of a decimal number.
const MAX_DECIMAL_BYTES: usize = 40;

/// The parser rejects the key with this hash.
const RESERVED_HASH: u32 = hash(RESERVED_KEY.as_bytes(), 0, RESERVED_KEY.len());

pub fn scan(bytes: &[u8], entries: &mut Vec<TapeEntry>, hashes: &mut Vec<u32>) -> Option<()> {
    entries.clear();
    hashes.clear();
    u32::try_from(bytes.len()).ok()?;
    let mut scan = Scanner {
        bytes,
        entries,
        hashes,
    };
    let (_, at) = scan.visible(0)?;
    let end = scan.value(at, 0)?;
    match scan.visible(end) {
        None => Some(()),
        Some(_) => None,
    }
}

/// A hash of a key's first and last eight bytes and length. Different keys can have the same hash.
pub const fn hash(bytes: &[u8], start: usize, end: usize) -> u32 {
    let len = end - start;
    if len < 8 {
        return mix(word(bytes, start, end), 0, len);
    }
    mix(
        word(bytes, start, start + 8),
        word(bytes, end - 8, end),
        len,
    )
}

/// Up to eight bytes as one number.
const fn word(bytes: &[u8], start: usize, end: usize) -> u64 {
    let (mut word, mut at) = (0, end);
    while at > start {
        at -= 1;
        word = word << 8 | bytes[at] as u64;
    }
    word
}

#[inline]
const fn mix(head: u64, tail: u64, len: usize) -> u32 {
    let mixed =
        (head ^ tail.rotate_left(23) ^ ((len as u64) << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// Each method takes the start position and returns the end position, so that the position stays in a
/// register.
struct Scanner<'a> {
    bytes: &'a [u8],
    entries: &'a mut Vec<TapeEntry>,
    hashes: &'a mut Vec<u32>,
}

/// The keys of an object so far.
struct ObjectKeys {
    object: usize,
    /// The index of the first key's hash.
    first: usize,
    /// One bit per hash, to recognise most new keys without comparing.
    bits: u64,
}

impl Scanner<'_> {
    /// The next byte that is not white space, and its position.
    #[inline]
    fn visible(&self, mut at: usize) -> Option<(u8, usize)> {
        loop {
            let byte = *self.bytes.get(at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some((byte, at));
            }
            at += 1;
        }
    }

    #[inline]
    fn value(&mut self, at: usize, depth: usize) -> Option<usize> {
        match *self.bytes.get(at)? {
            b'"' => {
                let (end, escaped) = self.text(at)?;
                self.push(EntryKind::Text, at + 1, end, escaped);
                Some(end + 1)
            }
            b'-' | b'0'..=b'9' => self.number(at),
            b'n' => self.word(at, b"null", EntryKind::Null),
            b't' => self.word(at, b"true", EntryKind::True),
            b'f' => self.word(at, b"false", EntryKind::False),
            b'{' => self.object(at, depth),
            b'[' => self.list(at, depth),
            _ => None,
        }
    }

    /// The positions fit into `u32`, because the length of the text does.
    #[inline]
    fn push(&mut self, mark: EntryKind, start: usize, end: usize, escaped: bool) {
        let link = self.entries.len() as u32 + 1;
        self.entries.push(TapeEntry {
            mark,
            escaped,
            start: start as u32,
            end: end as u32,
            link,
        });
    }

    fn object(&mut self, start: usize, depth: usize) -> Option<usize> {
        let mut keys = ObjectKeys {
            object: self.open(EntryKind::Object, start, depth)?,
            first: self.hashes.len(),
            bits: 0,
        };
        let (mut byte, mut at) = self.visible(start + 1)?;
        if byte == b'}' {
            return self.close(keys.object, at);
        }
        loop {
            if byte != b'"' {
                return None;
            }
            at = self.key(at, &mut keys)?;
            (byte, at) = self.visible(at)?;
            if byte != b':' {
                return None;
            }
            (_, at) = self.visible(at + 1)?;
            at = self.value(at, depth + 1)?;
            (byte, at) = self.visible(at)?;
            if byte != b',' {
                break;
            }
            (byte, at) = self.visible(at + 1)?;
        }
        if byte != b'}' {
            return None;
        }
        self.hashes.truncate(keys.first);
        self.close(keys.object, at)
    }

    fn list(&mut self, start: usize, depth: usize) -> Option<usize> {
        let list = self.open(EntryKind::List, start, depth)?;
        let (mut byte, mut at) = self.visible(start + 1)?;
        if byte == b']' {
            return self.close(list, at);
        }
        loop {
            at = self.value(at, depth + 1)?;
            (byte, at) = self.visible(at)?;
            match byte {
                b',' => (_, at) = self.visible(at + 1)?,
                b']' => return self.close(list, at),
                _ => return None,
            }
        }
    }

    fn open(&mut self, mark: EntryKind, at: usize, depth: usize) -> Option<usize> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.push(mark, at, at, false);
        Some(self.entries.len() - 1)
    }

    fn close(&mut self, open: usize, at: usize) -> Option<usize> {
        let next = self.entries.len() as u32;
        let entry = self.entries.get_mut(open)?;
        (entry.end, entry.link) = (at as u32 + 1, next);
        Some(at + 1)
    }

    #[inline]
    fn key(&mut self, at: usize, keys: &mut ObjectKeys) -> Option<usize> {
        let (end, escaped) = self.text(at)?;
        if escaped {
            return None;
        }
        let hash = self.hash(at + 1, end);
        if hash == RESERVED_HASH && &self.bytes[at + 1..end] == RESERVED_KEY.as_bytes() {
            return None;
        }
        let bit = 1 << (hash % 64);
        if keys.bits & bit != 0 && self.repeats(hash, at + 1..end, keys) {
            return None;
        }
        keys.bits |= bit;
        if self.hashes.len() - keys.first == MAX_KEYS {
            return None;
        }
        self.hashes.push(hash);
        self.entries.push(TapeEntry {
            mark: EntryKind::Key,
            escaped: false,
            start: at as u32 + 1,
            end: end as u32,
            link: hash,
        });
        Some(end + 1)
    }

    /// The same as [`hash`] of the key, but faster if more bytes follow it.
    #[inline]
    fn hash(&self, start: usize, end: usize) -> u32 {
        let len = end - start;
        let chunk = |at: usize| {
            let chunk = self
                .bytes
                .get(at..)
                .and_then(|rest| rest.first_chunk::<8>());
            chunk.map(|chunk| u64::from_le_bytes(*chunk))
        };
        match (len < 8, chunk(start)) {
            (true, Some(head)) => mix(head & ((1 << (8 * len)) - 1), 0, len),
            (false, Some(head)) => mix(head, chunk(end - 8).expect("eight bytes are there"), len),
            (_, None) => hash(self.bytes, start, end),
        }
    }

    /// Whether the open object already has the key.
    #[inline(never)]
    fn repeats(&self, hash: u32, key: Range<usize>, keys: &ObjectKeys) -> bool {
        let before = &self.hashes[keys.first..];
        before.contains(&hash) && self.has(keys.object, &self.bytes[key])
    }

    fn has(&self, object: usize, name: &[u8]) -> bool {
        let mut at = object + 1;
        while let (Some(key), Some(value)) = (self.entries.get(at), self.entries.get(at + 1)) {
            if self.bytes.get(key.start as usize..key.end as usize) == Some(name) {
                return true;
            }
            at = value.link as usize;
        }
        false
    }

    /// The position of the quote that ends a string, and whether the string has escapes.
    #[inline]
    fn text(&self, start: usize) -> Option<(usize, bool)> {
        let at = plain(self.bytes, start + 1);
        match *self.bytes.get(at)? {
            b'"' => Some((at, false)),
            b'\\' => Some((self.escaped(at)?, true)),
            _ => None,
        }
    }

    /// The rest of a string from its first escape.
    #[inline(never)]
    fn escaped(&self, mut at: usize) -> Option<usize> {
        loop {
            match *self.bytes.get(at)? {
                b'"' => return Some(at),
                b'\\' => at = plain(self.bytes, self.escape(at)?),
                _ => return None,
            }
        }
    }

    /// The position after an escape.
    fn escape(&self, at: usize) -> Option<usize> {
        match *self.bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
            b'u' => match self.code_unit(at)? {
                // The parser repairs a lone surrogate.
                0xDC00..=0xDFFF => None,
                0xD800..=0xDBFF => match self.code_unit(at + 6)? {
                    0xDC00..=0xDFFF => Some(at + 12),
                    _ => None,
                },
                _ => Some(at + 6),
            },
            _ => None,
        }
    }

    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(unit * 16 + digit)
        })
    }

    fn word(&mut self, at: usize, word: &[u8], mark: EntryKind) -> Option<usize> {
        let end = at + word.len();
        if self.bytes.get(at..end)? != word {
            return None;
        }
        self.push(mark, at, end, false);
        Some(end)
    }

    fn number(&mut self, start: usize) -> Option<usize> {
        let negative = self.bytes.get(start) == Some(&b'-');
        let digits = start + usize::from(negative);
        let at = self.digits(digits)?;
        let (whole, leading) = (at - digits, self.bytes.get(digits) == Some(&b'0'));
        if whole > MAX_DIGITS || (leading && (whole > 1 || negative)) {
            return None;
        }
        match self.bytes.get(at) {
            Some(b'.') => self.decimal(start, at + 1),
            // An exponent can exceed the range.
            Some(b'e' | b'E') => None,
            _ => {
                self.push(EntryKind::Integer, start, at, false);
                Some(at)
            }
        }
    }

    fn decimal(&mut self, start: usize, at: usize) -> Option<usize> {
        let end = self.digits(at)?;
        let power = matches!(self.bytes.get(end), Some(b'e' | b'E'));
        if power || end - start > MAX_DECIMAL_BYTES {
            return None;
        }
        self.push(EntryKind::Decimal, start, end, false);
        Some(end)
    }

    /// The position after one or more digits.
    #[inline]
    fn digits(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > start).then_some(at)
    }
}

/// The position of the next quote, backslash or control character, searched eight bytes at a time.
#[inline]
pub(in crate::event::json) fn plain(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let special = special(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..=0x1F) {
            break;
        }
        at += 1;
    }
    at
}

/// The high bit of each byte that ends plain text. Exact for the lowest such byte only.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGH
}
