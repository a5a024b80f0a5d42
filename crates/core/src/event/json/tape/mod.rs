//! The tape: a flat list of JSON tokens, written in one pass over the bytes without building values.
//! Accepts less than the parser ([`super::parse`]): the scan returns `None` for whatever the parser would
//! reject, repair or warn about, and for some rare input. The parser then decides.

mod key_cache;
mod key_hash;
mod keys;
mod open_containers;
mod path_numbers;
pub(in crate::event) mod run;
mod scan;
#[cfg(test)]
mod tests;
mod token;
mod value;

pub use crate::event::json::tape::key_hash::HashedKey;
pub(super) use crate::event::json::tape::key_hash::hash;
pub use crate::event::json::tape::path_numbers::{PathNumber, PathNumbers};
pub use crate::event::json::tape::value::TapeValue;

use crate::event::json::lookup::TABLE_PATHS;
use crate::event::json::tape::key_cache::{KeyCache, KeyNumber};
use crate::event::json::tape::keys::{OtherKey, TapeKeys};
use crate::event::json::tape::open_containers::OpenContainers;

/// The capacity that a tape keeps between texts: about a megabyte.
const MAX_KEPT_ENTRIES: usize = 1 << 16;

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

/// The buffers of the scanner, reused for every text to avoid allocations.
#[derive(Debug, Default)]
pub struct Tape {
    /// Those after the first `count` are of earlier texts.
    entries: Vec<TapeEntry>,
    count: usize,
    /// The hashes of the keys of open objects with a new key.
    hashes: Vec<u32>,
    containers: Box<OpenContainers>,
    keys: KeyCache,
    /// The keys of this text that are not remembered.
    other_keys: Vec<OtherKey>,
    paths: PathNumbers,
    /// By path.
    places: Vec<EntryAtPath>,
    /// The number of the last text.
    text: u32,
    numbering: u64,
}

/// A scanned text with its tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeDocument<'a> {
    text: &'a str,
    entries: &'a [TapeEntry],
    keys: TapeKeys<'a>,
    places: &'a [EntryAtPath],
    number: u32,
    numbering: u64,
}

/// The last value that was at a path.
#[derive(Debug, Clone, Copy, Default)]
struct EntryAtPath {
    /// The number of the text that it was in; none has 0.
    text: u32,
    entry: u32,
}

/// A value with its key.
#[derive(Debug, Clone, Copy, Default)]
struct TapeEntry {
    /// The start of the value in the text; for a string, without the quote.
    start: u32,
    /// The end of the value in the text; for a container, the index of the entry after its content.
    end: u32,
    /// The key, if it is a remembered one.
    key: KeyNumber,
    kind: EntryKind,
}

/// Those up to `Text` are plain: equal bytes of the same kind of value are equal values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
enum EntryKind {
    #[default]
    Null,
    True,
    False,
    Integer,
    Text,
    EscapedText,
    Decimal,
    List,
    Object,
}

impl TapeEntry {
    /// The index of the entry after this value, which has the index `at`.
    #[inline(always)]
    fn next(&self, at: u32) -> u32 {
        match self.kind {
            EntryKind::List | EntryKind::Object => self.end,
            _ => at + 1,
        }
    }
}

impl Tape {
    /// Scans one JSON text. `None` if the parser must decide.
    pub fn scan<'a>(&'a mut self, bytes: &'a [u8]) -> Option<TapeDocument<'a>> {
        let text = simdutf8::basic::from_utf8(bytes).ok()?;
        // Frees the memory of an exceptionally large text.
        if self.entries.capacity() > MAX_KEPT_ENTRIES && bytes.len() < MAX_KEPT_ENTRIES {
            self.entries = Vec::new();
        }
        scan::scan(bytes, self)?;
        Some(TapeDocument {
            text,
            entries: &self.entries[..self.count],
            keys: TapeKeys {
                text: bytes,
                cached: &self.keys,
                others: &self.other_keys,
            },
            places: &self.places,
            number: self.text,
            numbering: self.numbering,
        })
    }

    /// Prepares for the next text. What is remembered of earlier texts is limited: it starts again.
    fn begin(&mut self) {
        self.count = 0;
        self.other_keys.clear();
        self.hashes.clear();
        if self.keys.is_full() || self.paths.is_full() {
            self.keys.clear();
            self.paths = PathNumbers::default();
            self.places.clear();
            self.numbering += 1;
        }
        self.number_table_paths();
        if self.text == u32::MAX {
            self.places.clear();
            self.text = 0;
        }
        self.text += 1;
        self.places.resize(self.paths.end(), EntryAtPath::default());
    }

    /// The paths of all tables have the first numbers.
    fn number_table_paths(&mut self) {
        if self.paths.is_empty() {
            self.paths = TABLE_PATHS.numbers.clone();
        }
    }

    /// Counts how often the paths were numbered again.
    pub fn numbering(&self) -> u64 {
        self.numbering
    }

    /// The number of a path, for lookups in the texts that are scanned after this.
    pub fn path<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) -> PathNumber {
        self.number_table_paths();
        self.paths.of_keys(keys)
    }
}

impl<'a> TapeDocument<'a> {
    pub fn root(&'a self) -> TapeValue<'a> {
        self.item(0)
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The value of an entry with a number from [`TapeValue::number_on_tape`].
    #[inline]
    pub fn item(&'a self, at: u32) -> TapeValue<'a> {
        TapeValue { of: self, at }
    }

    /// The numbering that path numbers must be of.
    #[inline]
    pub fn numbering(&self) -> u64 {
        self.numbering
    }

    /// The number on the tape of the value at a path that leads through objects only.
    #[inline]
    pub fn entry_at(&self, path: PathNumber) -> Option<u32> {
        let place = self.places.get(path.index())?;
        (place.text == self.number).then_some(place.entry)
    }

    /// The text of an entry that is not a container.
    #[inline]
    fn slice(&self, entry: &TapeEntry) -> &'a str {
        let span = entry.start as usize..entry.end as usize;
        self.text
            .get(span)
            .expect("an entry spans a part of the text")
    }
}
