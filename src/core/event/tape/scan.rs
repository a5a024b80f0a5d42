//! The one pass over the bytes of a JSON text: strict in structure, escapes, numbers and repeated keys.
//! It refuses to correct or to explain anything: what is not plainly sound is None.

use super::{Entry, Mark};

/// Objects and lists in each other; the door's own bound.
const DEEPEST: usize = 127;
/// Keys of one object, up to which each is compared with all before it.
const MOST_KEYS: usize = 256;
/// Digits that a whole number may have without being rounded, whatever they are.
const DIGITS: usize = 18;
/// Bytes of a decimal that is nothing out of the ordinary.
const LONGEST_DECIMAL: usize = 40;

pub fn scan(bytes: &[u8], entries: &mut Vec<Entry>, hashes: &mut Vec<u32>) -> Option<()> {
    entries.clear();
    hashes.clear();
    u32::try_from(bytes.len()).ok()?;
    let mut scan = Scan {
        bytes,
        at: 0,
        entries,
        hashes,
    };
    scan.visible()?;
    scan.value(0)?;
    match scan.visible() {
        None => Some(()),
        Some(_) => None,
    }
}

/// Tells keys apart most of the time: of the first and last eight bytes and the length.
pub fn hash(key: &[u8]) -> u32 {
    let (head, tail) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (short(key), 0),
    };
    mix(head, tail, key.len())
}

/// Up to seven bytes as one number.
fn short(key: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..key.len()].copy_from_slice(key);
    u64::from_le_bytes(word)
}

fn mix(head: u64, tail: u64, len: usize) -> u32 {
    let mixed =
        (head ^ tail.rotate_left(23) ^ ((len as u64) << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    entries: &'a mut Vec<Entry>,
    hashes: &'a mut Vec<u32>,
}

impl Scan<'_> {
    /// The next byte that is no blank; it stays there.
    #[inline]
    fn visible(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte > b' ' {
                return Some(byte);
            }
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// The value that starts here.
    fn value(&mut self, depth: usize) -> Option<()> {
        match *self.bytes.get(self.at)? {
            b'"' => {
                let (start, escaped) = self.text()?;
                self.push(Mark::Text, start, self.at - 1, escaped);
                Some(())
            }
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Mark::True),
            b'f' => self.word(b"false", Mark::False),
            b'n' => self.word(b"null", Mark::Null),
            _ => None,
        }
    }

    #[inline]
    fn push(&mut self, mark: Mark, start: usize, end: usize, escaped: bool) {
        let link = number(self.entries.len() + 1);
        self.entries.push(Entry {
            mark,
            escaped,
            start: number(start),
            end: number(end),
            link,
        });
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        let (open, first) = (self.open(Mark::Object, depth)?, self.hashes.len());
        if self.visible()? == b'}' {
            return self.close(open);
        }
        loop {
            self.key(open, first)?;
            if self.visible()? != b':' {
                return None;
            }
            self.at += 1;
            self.visible()?;
            self.value(depth + 1)?;
            match self.visible()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
            self.visible()?;
        }
        self.hashes.truncate(first);
        self.close(open)
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let open = self.open(Mark::List, depth)?;
        if self.visible()? == b']' {
            return self.close(open);
        }
        loop {
            self.value(depth + 1)?;
            match self.visible()? {
                b',' => self.at += 1,
                b']' => return self.close(open),
                _ => return None,
            }
            self.visible()?;
        }
    }

    fn open(&mut self, mark: Mark, depth: usize) -> Option<usize> {
        if depth == DEEPEST {
            return None;
        }
        let open = self.entries.len();
        self.push(mark, self.at, self.at, false);
        self.at += 1;
        Some(open)
    }

    fn close(&mut self, open: usize) -> Option<()> {
        self.at += 1;
        let next = number(self.entries.len());
        let entry = self.entries.get_mut(open)?;
        (entry.end, entry.link) = (number(self.at), next);
        Some(())
    }

    fn key(&mut self, object: usize, first: usize) -> Option<()> {
        if *self.bytes.get(self.at)? != b'"' {
            return None;
        }
        let (start, escaped) = self.text()?;
        let end = self.at - 1;
        let key = self.bytes.get(start..end)?;
        let before = self.hashes.get(first..)?;
        if escaped || before.len() == MOST_KEYS {
            return None;
        }
        let hash = self.hash(start, key);
        if before.contains(&hash) && self.has(object, key) {
            return None;
        }
        self.hashes.push(hash);
        self.push(Mark::Key, start, end, false);
        self.entries.last_mut()?.link = hash;
        Some(())
    }

    /// The same as of the key alone, with fewer steps where bytes follow it.
    #[inline]
    fn hash(&self, start: usize, key: &[u8]) -> u32 {
        match self
            .bytes
            .get(start..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            Some(head) if key.len() < 8 => {
                let kept = (1u64 << (8 * key.len())) - 1;
                mix(u64::from_le_bytes(*head) & kept, 0, key.len())
            }
            _ => hash(key),
        }
    }

    /// Whether an object that is still open has a key already.
    #[cold]
    fn has(&self, object: usize, wanted: &[u8]) -> bool {
        let mut at = object + 1;
        while let (Some(key), Some(value)) = (self.entries.get(at), self.entries.get(at + 1)) {
            if self.bytes.get(key.start as usize..key.end as usize) == Some(wanted) {
                return true;
            }
            at = value.link as usize;
        }
        false
    }

    /// Passes a text in quotes: where it starts, and whether it has escapes.
    #[inline]
    fn text(&mut self) -> Option<(usize, bool)> {
        let start = self.at + 1;
        let mut at = plain(self.bytes, start);
        let mut escaped = false;
        loop {
            match *self.bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at = plain(self.bytes, self.escape(at)?);
                }
                _ => return None,
            }
        }
        self.at = at + 1;
        Some((start, escaped))
    }

    /// The place behind an escape.
    fn escape(&self, at: usize) -> Option<usize> {
        match *self.bytes.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
            b'u' => match self.code_unit(at)? {
                // The door repairs half a pair.
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

    fn word(&mut self, word: &[u8], mark: Mark) -> Option<()> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end)? != word {
            return None;
        }
        self.push(mark, self.at, end, false);
        self.at = end;
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let negative = self.bytes.get(start) == Some(&b'-');
        let digits = start + usize::from(negative);
        let mut at = self.digits(digits)?;
        let (whole, leading) = (at - digits, self.bytes.get(digits) == Some(&b'0'));
        if whole > DIGITS || (leading && whole > 1) {
            return None;
        }
        let mut mark = Mark::Integer;
        if self.bytes.get(at) == Some(&b'.') {
            (mark, at) = (Mark::Decimal, self.digits(at + 1)?);
        }
        // A power of ten may lead out of range, and zero below zero is no whole number.
        let odd = matches!(self.bytes.get(at), Some(b'e' | b'E')) || (negative && leading);
        if odd || at - start > LONGEST_DECIMAL {
            return None;
        }
        self.push(mark, start, at, false);
        self.at = at;
        Some(())
    }

    /// The place behind one digit or more.
    #[inline]
    fn digits(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > start).then_some(at)
    }
}

/// The next byte of a text that is a quote, a backslash or a control character, eight at a time.
#[inline]
fn plain(bytes: &[u8], start: usize) -> usize {
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

/// The high bit of each byte that ends plain text; exact up to the lowest one.
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

/// A place in a text, whose length was looked at before.
#[inline]
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
