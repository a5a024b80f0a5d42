//! The scanner that writes the tape in one pass over the bytes.
//! Strict in structure, escapes, numbers and duplicate keys.
//! Returns `None` for all input that is not certainly valid; the parser then decides and explains.

use crate::event::json::tape::key_cache::{KeyCache, KeyNumber, KeyPosition};
use crate::event::json::tape::key_hash::{hash_of, hash_within};
use crate::event::json::tape::keys::{OtherKey, TapeKeys};
use crate::event::json::tape::open_containers::{
    ContainerKind, MAX_DEPTH, NO_HASHES, OpenContainers, ReadKeys,
};
use crate::event::json::tape::path_numbers::{PathNumber, PathNumbers};
use crate::event::json::tape::run::{after_plain, same};
use crate::event::json::tape::token::{ScannedValue, after_space, scalar, visible};
use crate::event::json::tape::{EntryAtPath, EntryKind, Tape, TapeEntry};
use crate::number::RESERVED_KEY;

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
        text: tape.text,
        places: &mut tape.places,
        other_keys: &mut tape.other_keys,
        hashes: &mut tape.hashes,
        containers: &mut tape.containers,
        cache: &mut tape.keys,
        paths: &mut tape.paths,
    };
    tape.count = scan.read()?;
    // Values without a path were noted here.
    tape.places[PathNumber::NONE.index()] = EntryAtPath::default();
    Some(())
}

/// Methods take and return what is left of the text, so that most bytes cost one bounds check.
struct Scanner<'a> {
    bytes: &'a [u8],
    /// The entries after those of this text are of earlier texts.
    entries: &'a mut Vec<TapeEntry>,
    /// The number of this text.
    text: u32,
    places: &'a mut Vec<EntryAtPath>,
    other_keys: &'a mut Vec<OtherKey>,
    /// The hashes of the keys of open objects with a new key.
    hashes: &'a mut Vec<u32>,
    containers: &'a mut OpenContainers,
    cache: &'a mut KeyCache,
    paths: &'a mut PathNumbers,
}

/// A key that was not expected.
struct ReadKey<'a> {
    /// The text after its colon.
    rest: &'a [u8],
    path: PathNumber,
    keys: ReadKeys,
}

impl<'a> Scanner<'a> {
    /// The positions fit into `u32`, because the length of the text does.
    #[inline(always)]
    fn position(&self, rest: &[u8]) -> u32 {
        (self.bytes.len() - rest.len()) as u32
    }

    /// Reads a text as a whole. Returns the number of its entries.
    fn read(&mut self) -> Option<usize> {
        let rest = visible(self.bytes)?;
        let (byte, after) = rest.split_first()?;
        let (rest, count) = match byte {
            b'{' | b'[' => self.read_container(rest)?,
            byte => {
                let value = scalar(*byte, rest, after)?;
                self.push(0, KeyNumber::NONE, PathNumber::ROOT, &value);
                (value.rest, 1)
            }
        };
        visible(rest).is_none().then_some(count)
    }

    /// Reads the text's value if it is a container. Returns what follows it, and the number of entries.
    #[inline]
    fn read_container(&mut self, mut rest: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let (mut count, mut depth) = (0, 0);
        let mut kind = ContainerKind::Text;
        let mut keys = ReadKeys {
            last: KeyNumber::ROOT,
            expected: KeyNumber::NONE,
        };
        'entry: loop {
            let (mut key, mut path) = (KeyNumber::NONE, PathNumber::NONE);
            if kind == ContainerKind::Object {
                if let Some(known) = self.cache.recognise(keys.expected, rest) {
                    key = keys.expected;
                    path = known.path();
                    keys = ReadKeys {
                        last: key,
                        expected: known.next(),
                    };
                    rest = rest.get(known.span()..)?;
                } else {
                    let read = self.key(rest, depth, keys, count)?;
                    (rest, path, keys) = (read.rest, read.path, read.keys);
                    key = keys.last;
                }
            } else if kind == ContainerKind::Text {
                path = PathNumber::ROOT;
            }
            rest = loop {
                let (byte, after) = rest.split_first()?;
                let (inner, of_entry) = match byte {
                    b'{' => (ContainerKind::Object, EntryKind::Object),
                    b'[' => (ContainerKind::List, EntryKind::List),
                    b' ' | b'\n' | b'\r' | b'\t' => {
                        rest = after_space(after)?;
                        continue;
                    }
                    byte => {
                        let value = scalar(*byte, rest, after)?;
                        self.push(count, key, path, &value);
                        count += 1;
                        break value.rest;
                    }
                };
                if depth == MAX_DEPTH {
                    return None;
                }
                let value = ScannedValue {
                    kind: of_entry,
                    start: rest,
                    end: rest,
                    rest: after,
                };
                self.push(count, key, path, &value);
                let around = self.containers.at(depth);
                around.keys.last = keys.last;
                around.keys.expected = keys.expected;
                depth += 1;
                // Field by field: a copy of the whole would wait until each of them is written.
                let open = self.containers.at(depth);
                open.kind = inner;
                open.entry = count as u32;
                open.path = path;
                open.hashes = NO_HASHES;
                count += 1;
                keys.expected = match inner {
                    ContainerKind::Object => self.cache.last(kind.first_key(keys.last)),
                    ContainerKind::Text | ContainerKind::List => KeyNumber::NONE,
                };
                kind = inner;
                rest = visible(after)?;
                match rest.first()? {
                    byte if *byte == inner as u8 => break rest,
                    _ => continue 'entry,
                }
            };
            // After a value: the next one, or the ends of containers.
            loop {
                let (byte, after) = rest.split_first()?;
                if *byte == b',' {
                    rest = after;
                    continue 'entry;
                }
                if *byte == kind as u8 {
                    let closed = self.containers.at(depth);
                    self.entries.get_mut(closed.entry as usize)?.end = count as u32;
                    if closed.hashes != NO_HASHES {
                        self.hashes.truncate(closed.hashes as usize);
                    }
                    rest = after;
                    depth -= 1;
                    if depth == 0 {
                        return Some((rest, count));
                    }
                    let open = self.containers.at(depth);
                    kind = open.kind;
                    keys.last = open.keys.last;
                    keys.expected = open.keys.expected;
                } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                    rest = after_space(after)?;
                } else {
                    return None;
                }
            }
        }
    }

    /// Adds an entry with this number.
    #[inline(always)]
    fn push(&mut self, number: usize, key: KeyNumber, path: PathNumber, value: &ScannedValue<'_>) {
        let (start, end) = (self.position(value.start), self.position(value.end));
        if let Some(place) = self.places.get_mut(path.index()) {
            (place.text, place.entry) = (self.text, number as u32);
        }
        let entry = match self.entries.get_mut(number) {
            Some(entry) => entry,
            None => self.grow(number),
        };
        // Field by field: a copy of the whole would wait until each of them is written.
        entry.start = start;
        entry.end = end;
        entry.key = key;
        entry.kind = value.kind;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, number: usize) -> &mut TapeEntry {
        let length = number + number.max(MIN_GROWTH);
        self.entries.resize(length, TapeEntry::default());
        &mut self.entries[number]
    }

    /// Reads a key that was not expected, of the object at a depth.
    #[inline(never)]
    fn key(
        &mut self,
        rest: &'a [u8],
        depth: usize,
        keys: ReadKeys,
        count: usize,
    ) -> Option<ReadKey<'a>> {
        let quoted = visible(rest)?;
        if quoted.len() < rest.len()
            && let Some(known) = self.cache.recognise(keys.expected, quoted)
        {
            return Some(ReadKey {
                rest: quoted.get(known.span()..)?,
                path: known.path(),
                keys: ReadKeys {
                    last: keys.expected,
                    expected: known.next(),
                },
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
        let open = *self.containers.at(depth);
        let is_first = count == open.entry as usize + 1;
        let place = match is_first {
            true => self.around(depth).first_key(keys.last),
            false => KeyPosition::After(keys.last),
        };
        let known = self.cache.find(place, name, hash);
        let mut hashes = open.hashes;
        if known.is_none() {
            if hash == RESERVED_HASH && name == RESERVED_KEY.as_bytes() {
                return None;
            }
            if hashes == NO_HASHES {
                hashes = self.hashes.len() as u32;
                self.containers.at(depth).hashes = hashes;
                self.hash_keys(open.entry, count);
            }
            let seen = &self.hashes[hashes as usize..];
            let has = || self.has(open.entry, count, name);
            if seen.len() == MAX_KEYS || (seen.contains(&hash) && has()) {
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
                self.places.resize(self.paths.end(), EntryAtPath::default());
                (self.cache.add(place, name, hash, path), path)
            }
        };
        if number == KeyNumber::NONE {
            let entry = count as u32;
            self.other_keys.push(OtherKey { entry, start });
        }
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
            path,
            keys: ReadKeys {
                last: number,
                expected,
            },
        })
    }

    /// The kind of the container around the one at a depth.
    fn around(&mut self, depth: usize) -> ContainerKind {
        match depth {
            1 => ContainerKind::Text,
            _ => self.containers.at(depth - 1).kind,
        }
    }

    /// Adds the hashes of an object's keys.
    fn hash_keys(&mut self, object: u32, count: usize) {
        let mut at = object + 1;
        while let Some(entry) = self.entries[..count].get(at as usize) {
            let key = TapeKeys {
                text: self.bytes,
                cached: self.cache,
                others: self.other_keys,
            };
            self.hashes.push(key.hash(at, entry));
            at = entry.next(at);
        }
    }

    fn has(&self, object: u32, count: usize, name: &[u8]) -> bool {
        let keys = TapeKeys {
            text: self.bytes,
            cached: self.cache,
            others: self.other_keys,
        };
        let mut at = object + 1;
        while let Some(entry) = self.entries[..count].get(at as usize) {
            if same(keys.key(at, entry), name) {
                return true;
            }
            at = entry.next(at);
        }
        false
    }
}
