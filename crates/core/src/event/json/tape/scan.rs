//! The scanner that writes the tape in one pass over the bytes.
//! Strict in structure, escapes, numbers and duplicate keys.
//! Returns `None` for all input that is not certainly valid; the parser then decides and explains.

use crate::event::json::tape::key_cache::{KeyCache, KeyNumber, KeyPosition};
use crate::event::json::tape::key_hash::{hash, hash_within};
use crate::event::json::tape::path_numbers::{PathNumber, PathNumbers};
use crate::event::json::tape::run::{plain, same};
use crate::event::json::tape::token::{escaped_end, number};
use crate::event::json::tape::{EntryKind, Tape, TapeEntry};
use crate::number::RESERVED_KEY;

/// The maximum nesting depth, as in the parser.
const MAX_DEPTH: usize = 127;
/// The maximum number of keys of one object, because each new one is compared with all before it.
const MAX_KEYS: usize = 256;

/// The parser rejects the key with this hash.
const RESERVED_HASH: u32 = hash(RESERVED_KEY.as_bytes(), 0, RESERVED_KEY.len());

pub fn scan(bytes: &[u8], tape: &mut Tape) -> Option<()> {
    tape.begin();
    u32::try_from(bytes.len()).ok()?;
    let mut scan = Scanner {
        bytes,
        entries: &mut tape.entries,
        places: &mut tape.places,
        hashes: &mut tape.hashes,
        cache: &mut tape.keys,
        paths: &mut tape.paths,
    };
    let (byte, at) = scan.visible(0)?;
    let end = scan.value(byte, at, ScannedKey::NONE, 0)?;
    match scan.visible(end) {
        None => Some(()),
        Some(_) => None,
    }
}

/// Each method takes the start position and returns the end position, so that the position stays in a
/// register.
struct Scanner<'a> {
    bytes: &'a [u8],
    entries: &'a mut Vec<TapeEntry>,
    places: &'a mut Vec<u32>,
    /// The hashes of the keys of open objects with a new key.
    hashes: &'a mut Vec<u32>,
    cache: &'a mut KeyCache,
    paths: &'a mut PathNumbers,
}

/// The key of a value; empty for the outermost value and for elements.
#[derive(Debug, Clone, Copy)]
struct ScannedKey {
    start: u32,
    length: u16,
    hash: u32,
    /// The place of the first key of an object under this key.
    within: KeyPosition,
    path: PathNumber,
}

impl ScannedKey {
    const NONE: Self = Self {
        start: 0,
        length: 0,
        hash: 0,
        within: KeyPosition::Within(KeyNumber::ROOT),
        path: PathNumber::ROOT,
    };

    /// The number of the key in the cache.
    #[inline(always)]
    fn number(&self) -> KeyNumber {
        let (KeyPosition::Within(key) | KeyPosition::InList(key) | KeyPosition::After(key)) =
            self.within;
        key
    }

    /// The key of the elements of a list under this key: none.
    fn of_elements(self) -> Self {
        Self {
            within: KeyPosition::InList(self.number()),
            path: PathNumber::NONE,
            ..Self::NONE
        }
    }
}

/// The keys of an object with a new key.
struct SeenKeys {
    object: usize,
    /// The index of the first key's hash.
    first: usize,
    /// One bit per hash, to recognise most new keys without comparing.
    bits: u64,
    complete: bool,
}

impl Scanner<'_> {
    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The next byte that is not white space, and its position.
    #[inline(always)]
    fn visible(&self, at: usize) -> Option<(u8, usize)> {
        let byte = self.byte(at)?;
        if byte > b' ' {
            return Some((byte, at));
        }
        self.after_space(at)
    }

    #[inline(never)]
    fn after_space(&self, mut at: usize) -> Option<(u8, usize)> {
        loop {
            let byte = self.byte(at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some((byte, at));
            }
            at += 1;
        }
    }

    /// A value from its first byte on.
    #[inline(always)]
    fn value(&mut self, byte: u8, at: usize, key: ScannedKey, depth: usize) -> Option<usize> {
        match byte {
            b'"' => {
                let end = plain(self.bytes, at + 1);
                match self.byte(end)? {
                    b'"' => {
                        self.push(EntryKind::Text, false, key, at + 1, end);
                        Some(end + 1)
                    }
                    b'\\' => {
                        let end = escaped_end(self.bytes, end)?;
                        self.push(EntryKind::Text, true, key, at + 1, end);
                        Some(end + 1)
                    }
                    _ => None,
                }
            }
            b'-' | b'0'..=b'9' => {
                let (kind, end) = number(self.bytes, byte, at)?;
                self.push(kind, false, key, at, end);
                Some(end)
            }
            b'n' => self.literal(at, b"null", EntryKind::Null, key),
            b't' => self.literal(at, b"true", EntryKind::True, key),
            b'f' => self.literal(at, b"false", EntryKind::False, key),
            b'{' => self.object(at, key, depth),
            b'[' => self.list(at, key, depth),
            _ => None,
        }
    }

    #[inline(always)]
    fn literal<const N: usize>(
        &mut self,
        at: usize,
        word: &[u8; N],
        kind: EntryKind,
        key: ScannedKey,
    ) -> Option<usize> {
        if self.bytes.get(at..)?.first_chunk::<N>()? != word {
            return None;
        }
        self.push(kind, false, key, at, at + N);
        Some(at + N)
    }

    /// The positions fit into `u32`, because the length of the text does.
    #[inline(always)]
    fn push(&mut self, kind: EntryKind, escaped: bool, key: ScannedKey, start: usize, end: usize) {
        let link = self.entries.len() as u32 + 1;
        if let Some(place) = self.places.get_mut(key.path.index()) {
            *place = link - 1;
        }
        self.entries.push(TapeEntry {
            kind,
            escaped,
            key_length: key.length,
            key_start: key.start,
            hash: key.hash,
            start: start as u32,
            end: end as u32,
            link,
            path: key.path,
        });
    }

    fn object(&mut self, start: usize, key: ScannedKey, depth: usize) -> Option<usize> {
        let object = self.open(EntryKind::Object, start, key, depth)?;
        let (mut byte, mut at) = self.visible(start + 1)?;
        if byte == b'}' {
            return self.close(object, at);
        }
        let mut seen = SeenKeys {
            object,
            first: self.hashes.len(),
            bits: 0,
            complete: false,
        };
        let (parent, mut place) = (key.path, key.within);
        let mut expected = self.cache.last(place);
        let mut key = ScannedKey::NONE;
        loop {
            let number;
            match self.cache.recognise(expected, self.bytes, at) {
                Some(known) => {
                    key.start = at as u32 + 1;
                    key.length = known.length as u16;
                    key.hash = known.hash;
                    key.within = KeyPosition::Within(expected);
                    key.path = known.path;
                    number = expected;
                    at += known.span;
                    expected = known.next;
                }
                None => {
                    at = self.key(at, parent, place, &mut seen, &mut key)?;
                    number = key.number();
                    // Once a key is new, each one after it is compared with all before it.
                    expected = match seen.complete {
                        true => KeyNumber::NONE,
                        false => self.cache.last(KeyPosition::After(number)),
                    };
                }
            }
            (byte, at) = self.visible(at)?;
            at = self.value(byte, at, key, depth + 1)?;
            (byte, at) = self.visible(at)?;
            if byte != b',' {
                break;
            }
            (_, at) = self.visible(at + 1)?;
            place = KeyPosition::After(number);
        }
        if byte != b'}' {
            return None;
        }
        if seen.complete {
            self.hashes.truncate(seen.first);
        }
        self.close(object, at)
    }

    /// Reads a key that was not expected. Returns the position after its colon.
    #[inline(never)]
    fn key(
        &mut self,
        at: usize,
        parent: PathNumber,
        place: KeyPosition,
        seen: &mut SeenKeys,
        key: &mut ScannedKey,
    ) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let (start, end) = (at + 1, plain(self.bytes, at + 1));
        // A key with an escape is rare.
        if self.byte(end)? != b'"' {
            return None;
        }
        let (hash, name) = (hash_within(self.bytes, start, end), &self.bytes[start..end]);
        let known = self.cache.find(place, name, hash);
        if known.is_none() {
            if hash == RESERVED_HASH && name == RESERVED_KEY.as_bytes() {
                return None;
            }
            self.complete(seen);
            if self.repeats(hash, name, seen) || self.hashes.len() - seen.first == MAX_KEYS {
                return None;
            }
        }
        if seen.complete {
            seen.bits |= 1 << (hash % 64);
            self.hashes.push(hash);
        }
        let (number, path) = match known {
            Some(known) => known,
            None => {
                let path = self.paths.of_text(parent, name, hash);
                self.places.resize(self.paths.end(), 0);
                (self.cache.add(place, name, hash, path), path)
            }
        };
        key.start = start as u32;
        key.length = u16::try_from(name.len()).ok()?;
        key.hash = hash;
        key.within = KeyPosition::Within(number);
        key.path = path;
        match self.visible(end + 1)? {
            (b':', at) => Some(at + 1),
            _ => None,
        }
    }

    /// Adds the keys before the first new one.
    fn complete(&mut self, seen: &mut SeenKeys) {
        if seen.complete {
            return;
        }
        seen.complete = true;
        let mut at = seen.object + 1;
        while let Some(entry) = self.entries.get(at) {
            seen.bits |= 1 << (entry.hash % 64);
            self.hashes.push(entry.hash);
            at = entry.link as usize;
        }
    }

    /// Whether the open object already has the key.
    fn repeats(&self, hash: u32, name: &[u8], seen: &SeenKeys) -> bool {
        seen.bits & (1 << (hash % 64)) != 0
            && self.hashes[seen.first..].contains(&hash)
            && self.has(seen.object, name)
    }

    fn has(&self, object: usize, name: &[u8]) -> bool {
        let mut at = object + 1;
        while let Some(entry) = self.entries.get(at) {
            let start = entry.key_start as usize;
            let key = self.bytes.get(start..start + usize::from(entry.key_length));
            if key.is_some_and(|key| same(key, name)) {
                return true;
            }
            at = entry.link as usize;
        }
        false
    }

    fn list(&mut self, start: usize, key: ScannedKey, depth: usize) -> Option<usize> {
        let list = self.open(EntryKind::List, start, key, depth)?;
        let (mut byte, mut at) = self.visible(start + 1)?;
        if byte == b']' {
            return self.close(list, at);
        }
        loop {
            at = self.value(byte, at, key.of_elements(), depth + 1)?;
            (byte, at) = self.visible(at)?;
            match byte {
                b',' => (byte, at) = self.visible(at + 1)?,
                b']' => return self.close(list, at),
                _ => return None,
            }
        }
    }

    #[inline(always)]
    fn open(&mut self, kind: EntryKind, at: usize, key: ScannedKey, depth: usize) -> Option<usize> {
        if depth == MAX_DEPTH {
            return None;
        }
        let open = self.entries.len();
        self.push(kind, false, key, at, at);
        Some(open)
    }

    #[inline(always)]
    fn close(&mut self, open: usize, at: usize) -> Option<usize> {
        let next = self.entries.len() as u32;
        let entry = self.entries.get_mut(open)?;
        (entry.end, entry.link) = (at as u32 + 1, next);
        Some(at + 1)
    }
}
