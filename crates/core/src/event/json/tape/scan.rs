//! The scanner that writes the tape in one pass over the bytes.
//! Strict in structure, escapes, numbers and duplicate keys.
//! Returns `None` for all input that is not certainly valid; the parser then decides and explains.

use crate::event::json::tape::key_cache::{KeyCache, KeyNumber, KeyPosition};
use crate::event::json::tape::key_hash::{hash_of, hash_within};
use crate::event::json::tape::path_numbers::{PathNumber, PathNumbers};
use crate::event::json::tape::run::{after_plain, same};
use crate::event::json::tape::token::{escaped_end, number};
use crate::event::json::tape::{EntryKind, PathPlace, Tape, TapeEntry, key_of};
use crate::number::RESERVED_KEY;

/// The maximum nesting depth, as in the parser.
const MAX_DEPTH: usize = 127;
/// The maximum number of keys of one object, because each new one is compared with all before it.
const MAX_KEYS: usize = 256;
/// The number of entries by which a tape grows at least.
const MIN_GROWTH: usize = 64;

/// The parser rejects the key with this hash.
const RESERVED_HASH: u32 = hash_of(RESERVED_KEY.as_bytes());

pub fn scan(bytes: &[u8], tape: &mut Tape) -> Option<()> {
    tape.begin();
    u32::try_from(bytes.len()).ok()?;
    let mut scan = Scanner {
        bytes,
        entries: &mut tape.entries,
        count: 0,
        text: tape.text,
        places: &mut tape.places,
        hashes: &mut tape.hashes,
        containers: &mut tape.containers,
        cache: &mut tape.keys,
        paths: &mut tape.paths,
    };
    scan.read()?;
    tape.count = scan.count;
    // Values without a path were noted here.
    tape.places[PathNumber::NONE.index()] = PathPlace::default();
    Some(())
}

/// Methods take and return what is left of the text, so that most bytes cost one bounds check.
struct Scanner<'a> {
    bytes: &'a [u8],
    /// Those from `count` on are of earlier texts.
    entries: &'a mut Vec<TapeEntry>,
    count: usize,
    /// The number of this text.
    text: u32,
    places: &'a mut Vec<PathPlace>,
    /// The hashes of the keys of open objects with a new key.
    hashes: &'a mut Vec<u32>,
    /// The containers around the open one.
    containers: &'a mut Vec<OpenContainer>,
    cache: &'a mut KeyCache,
    paths: &'a mut PathNumbers,
}

/// A container whose end was not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenContainer {
    kind: ContainerKind,
    /// The index of its entry.
    entry: u32,
    /// The path of an object.
    path: PathNumber,
    /// The index of the hash of its first key, once a key is new; else `NO_HASHES`.
    hashes: u32,
    /// The key that was read last; before the first one and in a list, the key of the container.
    key: KeyNumber,
    /// The key that is expected next.
    expected: KeyNumber,
}

/// With the byte that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum ContainerKind {
    List = b']' as u32,
    Object = b'}' as u32,
}

const NO_HASHES: u32 = u32::MAX;

/// A value that has no content of its own.
struct Scalar<'a> {
    kind: EntryKind,
    start: &'a [u8],
    end: &'a [u8],
    /// The text after it.
    rest: &'a [u8],
}

/// A key that was not expected.
struct ReadKey<'a> {
    /// The text after its colon.
    rest: &'a [u8],
    start: u32,
    path: PathNumber,
    number: KeyNumber,
    expected: KeyNumber,
    hashes: u32,
}

impl OpenContainer {
    /// The place of the first key of an object in this container.
    #[inline(always)]
    fn first_key(&self) -> KeyPosition {
        match self.kind {
            ContainerKind::List => KeyPosition::InList(self.key),
            ContainerKind::Object => KeyPosition::Within(self.key),
        }
    }
}

/// What is left of a text from the next byte on that is not white space.
#[inline(always)]
fn visible(rest: &[u8]) -> Option<&[u8]> {
    match rest.first()? {
        0..=b' ' => after_space(rest),
        _ => Some(rest),
    }
}

#[inline(never)]
fn after_space(mut rest: &[u8]) -> Option<&[u8]> {
    while let [b' ' | b'\n' | b'\r' | b'\t', after @ ..] = rest {
        rest = after;
    }
    (!rest.is_empty()).then_some(rest)
}

#[inline(always)]
fn literal<'a, const N: usize>(rest: &'a [u8], word: &[u8; N]) -> Option<&'a [u8]> {
    let (start, after) = rest.split_first_chunk::<N>()?;
    (start == word).then_some(after)
}

/// A text, number or literal from its first byte on.
#[inline(always)]
fn scalar<'a>(byte: u8, rest: &'a [u8], after: &'a [u8]) -> Option<Scalar<'a>> {
    if byte == b'"' {
        let end = after_plain(after);
        let (kind, end) = match end.first()? {
            b'"' => (EntryKind::Text, end),
            b'\\' => (EntryKind::EscapedText, escaped_end(end)?),
            _ => return None,
        };
        return Some(Scalar {
            kind,
            start: after,
            end,
            rest: end.get(1..)?,
        });
    }
    let (kind, end) = match byte {
        b'-' | b'0'..=b'9' => number(byte, rest, after)?,
        b'n' => (EntryKind::Null, literal(rest, b"null")?),
        b't' => (EntryKind::True, literal(rest, b"true")?),
        b'f' => (EntryKind::False, literal(rest, b"false")?),
        _ => return None,
    };
    Some(Scalar {
        kind,
        start: rest,
        end,
        rest: end,
    })
}

impl<'a> Scanner<'a> {
    /// The positions fit into `u32`, because the length of the text does.
    #[inline(always)]
    fn position(&self, rest: &[u8]) -> u32 {
        (self.bytes.len() - rest.len()) as u32
    }

    /// Reads a text as a whole.
    fn read(&mut self) -> Option<()> {
        self.containers.clear();
        let rest = visible(self.bytes)?;
        let (byte, after) = rest.split_first()?;
        let kind = match byte {
            b'{' => ContainerKind::Object,
            b'[' => ContainerKind::List,
            byte => return self.read_scalar(*byte, rest, after),
        };
        let open = OpenContainer {
            kind,
            entry: 0,
            path: PathNumber::ROOT,
            hashes: NO_HASHES,
            key: KeyNumber::ROOT,
            expected: self.cache.last(KeyPosition::Within(KeyNumber::ROOT)),
        };
        let entry = match kind {
            ContainerKind::Object => EntryKind::Object,
            ContainerKind::List => EntryKind::List,
        };
        self.push(0, KeyNumber::ROOT, PathNumber::ROOT, entry, rest, rest);
        let inside = visible(after)?;
        let rest = match inside.split_first()? {
            (byte, after) if u32::from(*byte) == kind as u32 => {
                self.close(0)?;
                after
            }
            _ => self.read_content(inside, open)?,
        };
        visible(rest).is_none().then_some(())
    }

    #[inline(never)]
    fn read_scalar(&mut self, byte: u8, rest: &'a [u8], after: &'a [u8]) -> Option<()> {
        let value = scalar(byte, rest, after)?;
        let (start, end) = (value.start, value.end);
        self.push(0, KeyNumber::ROOT, PathNumber::ROOT, value.kind, start, end);
        visible(value.rest).is_none().then_some(())
    }

    /// Reads the content of the outermost container, which is not empty. Returns what follows it.
    fn read_content(&mut self, mut rest: &'a [u8], mut open: OpenContainer) -> Option<&'a [u8]> {
        'entry: loop {
            let (mut key_start, mut path) = (0, PathNumber::NONE);
            if open.kind == ContainerKind::Object {
                if let Some(known) = self.cache.recognise(open.expected, rest) {
                    key_start = self.position(rest) + 1;
                    path = known.path();
                    (open.key, open.expected) = (open.expected, known.next());
                    rest = rest.get(known.span()..)?;
                } else {
                    let read = self.key(rest, &{ open })?;
                    (rest, key_start, path) = (read.rest, read.start, read.path);
                    (open.key, open.expected) = (read.number, read.expected);
                    open.hashes = read.hashes;
                }
            }
            rest = loop {
                let (byte, after) = rest.split_first()?;
                let (kind, of_entry) = match byte {
                    b'{' => (ContainerKind::Object, EntryKind::Object),
                    b'[' => (ContainerKind::List, EntryKind::List),
                    b' ' | b'\n' | b'\r' | b'\t' => {
                        rest = after_space(after)?;
                        continue;
                    }
                    byte => {
                        let value = scalar(*byte, rest, after)?;
                        let (start, end) = (value.start, value.end);
                        self.push(key_start, open.key, path, value.kind, start, end);
                        break value.rest;
                    }
                };
                if self.containers.len() == MAX_DEPTH - 1 {
                    return None;
                }
                let number = self.push(key_start, open.key, path, of_entry, rest, rest);
                let inside = visible(after)?;
                if u32::from(inside[0]) == kind as u32 {
                    self.close(number)?;
                    break &inside[1..];
                }
                let expected = match kind {
                    ContainerKind::Object => self.cache.last(open.first_key()),
                    ContainerKind::List => KeyNumber::NONE,
                };
                self.containers.push(open);
                open = OpenContainer {
                    kind,
                    entry: number,
                    path,
                    hashes: NO_HASHES,
                    key: open.key,
                    expected,
                };
                rest = inside;
                continue 'entry;
            };
            // After a value: the next one, or the ends of containers.
            loop {
                let (byte, after) = rest.split_first()?;
                if *byte == b',' {
                    rest = after;
                    continue 'entry;
                }
                if u32::from(*byte) == open.kind as u32 {
                    self.close(open.entry)?;
                    if open.hashes != NO_HASHES {
                        self.hashes.truncate(open.hashes as usize);
                    }
                    open = match self.containers.pop() {
                        Some(around) => around,
                        None => return Some(after),
                    };
                    rest = after;
                } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                    rest = after_space(after)?;
                } else {
                    return None;
                }
            }
        }
    }

    /// Adds an entry from the bytes between two rests of the text. Returns its number.
    #[inline(always)]
    fn push(
        &mut self,
        key_start: u32,
        key: KeyNumber,
        path: PathNumber,
        kind: EntryKind,
        start: &[u8],
        end: &[u8],
    ) -> u32 {
        let number = self.count as u32;
        if let Some(place) = self.places.get_mut(path.index()) {
            (place.text, place.entry) = (self.text, number);
        }
        let (start, end) = (self.position(start), self.position(end));
        if self.count == self.entries.len() {
            self.grow();
        }
        if let Some(entry) = self.entries.get_mut(self.count) {
            // Field by field: a copy of the whole would wait until each of them is written.
            entry.key_start = key_start;
            entry.start = start;
            entry.end = end;
            entry.key = key;
            entry.kind = kind;
        }
        self.count += 1;
        number
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let more = self.count.max(MIN_GROWTH);
        self.entries.resize(self.count + more, TapeEntry::default());
    }

    /// Notes the entry after the content of a container.
    #[inline(always)]
    fn close(&mut self, container: u32) -> Option<()> {
        self.entries.get_mut(container as usize)?.end = self.count as u32;
        Some(())
    }

    /// Reads a key that was not expected.
    #[inline(never)]
    fn key(&mut self, rest: &'a [u8], open: &OpenContainer) -> Option<ReadKey<'a>> {
        let quoted = visible(rest)?;
        if quoted.len() < rest.len()
            && let Some(known) = self.cache.recognise(open.expected, quoted)
        {
            return Some(ReadKey {
                rest: quoted.get(known.span()..)?,
                start: self.position(quoted) + 1,
                path: known.path(),
                expected: known.next(),
                number: open.expected,
                hashes: open.hashes,
            });
        }
        let (b'"', after) = quoted.split_first()? else {
            return None;
        };
        let end = after_plain(after);
        // A key with an escape is rare.
        let (b'"', colon) = end.split_first()? else {
            return None;
        };
        let start = self.position(after);
        let name = &after[..after.len() - end.len()];
        let hash = hash_within(self.bytes, start as usize, start as usize + name.len());
        let is_first = self.count == open.entry as usize + 1;
        let place = match is_first {
            true => self.first_key(),
            false => KeyPosition::After(open.key),
        };
        let known = self.cache.find(place, name, hash);
        let mut hashes = open.hashes;
        if known.is_none() {
            if hash == RESERVED_HASH && name == RESERVED_KEY.as_bytes() {
                return None;
            }
            let first = self.hashes_of_keys(open);
            hashes = first;
            let seen = &self.hashes[first as usize..];
            if seen.len() == MAX_KEYS || (seen.contains(&hash) && self.has(open.entry, name)) {
                return None;
            }
        }
        if hashes != NO_HASHES {
            self.hashes.push(hash);
        }
        let (number, path) = match known {
            Some(known) => known,
            None => {
                let path = self.paths.of_text(open.path, name, hash);
                self.places.resize(self.paths.end(), PathPlace::default());
                (self.cache.add(place, name, hash, path), path)
            }
        };
        let (b':', rest) = visible(colon)?.split_first()? else {
            return None;
        };
        // Once a key is new, each one after it is compared with all before it.
        let expected = match hashes {
            NO_HASHES => self.cache.last(KeyPosition::After(number)),
            _ => KeyNumber::NONE,
        };
        Some(ReadKey {
            rest,
            start,
            path,
            expected,
            number,
            hashes,
        })
    }

    /// The index of the hash of an object's first key. Adds those of the keys before the first new one.
    fn hashes_of_keys(&mut self, open: &OpenContainer) -> u32 {
        if open.hashes != NO_HASHES {
            return open.hashes;
        }
        let first = self.hashes.len() as u32;
        let mut at = open.entry + 1;
        while let Some(entry) = self.entries[..self.count].get(at as usize) {
            let hash = match self.cache.get(entry.key) {
                Some(known) => known.hash(),
                None => hash_of(key_of(self.bytes, entry, self.cache)),
            };
            self.hashes.push(hash);
            at = entry.next(at);
        }
        first
    }

    /// The place of the first key of the open object.
    fn first_key(&self) -> KeyPosition {
        let around = self.containers.last();
        around.map_or(
            KeyPosition::Within(KeyNumber::ROOT),
            OpenContainer::first_key,
        )
    }

    fn has(&self, object: u32, name: &[u8]) -> bool {
        let mut at = object + 1;
        while let Some(entry) = self.entries[..self.count].get(at as usize) {
            if same(key_of(self.bytes, entry, self.cache), name) {
                return true;
            }
            at = entry.next(at);
        }
        false
    }
}
