//! The tape: a flat list of JSON tokens, written in one pass over the bytes without building values.
//! Accepts less than the parser ([`super::parse`]): the scan returns `None` for whatever the parser would
//! reject, repair or warn about, and for some rare input. The parser then decides.

mod key_cache;
mod key_hash;
mod path_numbers;
pub(in crate::event) mod run;
mod scan;
#[cfg(test)]
mod tests;
mod token;

pub use crate::event::json::tape::key_hash::HashedKey;
pub(super) use crate::event::json::tape::key_hash::hash;
pub use crate::event::json::tape::path_numbers::{PathNumber, PathNumbers};

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::event::json::lookup::TABLE_PATHS;
use crate::event::json::tape::key_cache::KeyCache;
use crate::event::json::tape::run::same;
use crate::event::json::tape::token::integer;
use crate::number::nearest_double;

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
    entries: Vec<TapeEntry>,
    /// The hashes of the keys of open objects with a new key.
    hashes: Vec<u32>,
    keys: KeyCache,
    paths: PathNumbers,
    /// By path, the index of the last entry that was there. The entry of this text, if it has the path.
    places: Vec<u32>,
    numbering: u64,
}

/// A scanned text with its tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeDocument<'a> {
    text: &'a str,
    entries: &'a [TapeEntry],
    places: &'a [u32],
    numbering: u64,
}

/// One value on a tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeValue<'a> {
    of: &'a TapeDocument<'a>,
    at: u32,
}

/// A value with its key. The order keeps the fields of the key apart: if two of them were neighbours here and in the
/// scanner, the compiler would copy them with one wide load, which has to wait for the two writes before it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct TapeEntry {
    /// The key of an entry of an object; without the quotes.
    key_start: u32,
    /// The byte range in the text; for a string, without the quotes.
    start: u32,
    /// The hash of the key.
    hash: u32,
    end: u32,
    path: PathNumber,
    /// The index of the entry after the content.
    link: u32,
    key_length: u16,
    kind: EntryKind,
    /// Whether the text has escapes.
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Null,
    True,
    False,
    Integer,
    Decimal,
    Text,
    List,
    Object,
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
            entries: &self.entries,
            places: &self.places,
            numbering: self.numbering,
        })
    }

    /// Prepares for the next text. What is remembered of earlier texts is limited: it starts again.
    fn begin(&mut self) {
        self.entries.clear();
        self.hashes.clear();
        if self.keys.is_full() || self.paths.is_full() {
            self.keys.clear();
            self.paths = PathNumbers::default();
            self.places.clear();
            self.numbering += 1;
        }
        self.number_table_paths();
        self.places.resize(self.paths.end(), 0);
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
        let at = *self.places.get(path.index())?;
        let entry = self.entries.get(at as usize)?;
        (entry.path == path).then_some(at)
    }

    #[inline]
    fn slice(&self, entry: &TapeEntry) -> &'a str {
        let span = entry.start as usize..entry.end as usize;
        self.text
            .get(span)
            .expect("an entry spans a part of the text")
    }
}

impl<'a> TapeValue<'a> {
    #[inline]
    pub fn number_on_tape(self) -> u32 {
        self.at
    }

    #[inline]
    pub fn kind(self) -> JsonKind {
        match self.entry().kind {
            EntryKind::Null => JsonKind::Null,
            EntryKind::True | EntryKind::False => JsonKind::Bool,
            EntryKind::Integer | EntryKind::Decimal => JsonKind::Number,
            EntryKind::Text => JsonKind::Text,
            EntryKind::List => JsonKind::List,
            EntryKind::Object => JsonKind::Object,
        }
    }

    /// The value at a path from the outermost value.
    #[inline]
    pub fn at_path(self, path: PathNumber) -> Option<TapeValue<'a>> {
        self.of.entry_at(path).map(|at| self.of.item(at))
    }

    /// The value under a key of an object.
    #[inline]
    pub fn get(self, name: &str) -> Option<TapeValue<'a>> {
        let mut entries = self.entries();
        entries.find(|item| item.has_key(name))
    }

    /// The value under a key, with the hash of the name already computed.
    #[inline]
    pub fn find<'n>(self, name: impl Fn() -> &'n str, hash: u32) -> Option<TapeValue<'a>> {
        let mut entries = self.entries();
        entries.find(|item| item.key_hash() == hash && item.has_key(name()))
    }

    /// The values of an object, each with its key.
    #[inline]
    pub fn entries(self) -> impl Iterator<Item = TapeValue<'a>> {
        self.content(EntryKind::Object)
    }

    /// The key of an entry of an object; empty for other values.
    #[inline]
    pub fn key(self) -> &'a str {
        let entry = self.entry();
        let start = entry.key_start as usize;
        let key = self
            .of
            .text
            .get(start..start + usize::from(entry.key_length));
        key.expect("a key spans a part of the text")
    }

    #[inline]
    pub fn key_hash(self) -> u32 {
        self.entry().hash
    }

    #[inline]
    pub fn has_key(self, name: &str) -> bool {
        let entry = self.entry();
        let start = entry.key_start as usize;
        let key = start..start + usize::from(entry.key_length);
        let key = self.of.text.as_bytes().get(key);
        key.is_some_and(|key| same(key, name.as_bytes()))
    }

    #[inline]
    pub fn elements(self) -> impl Iterator<Item = TapeValue<'a>> {
        self.content(EntryKind::List)
    }

    /// The content of a container; nothing for a value of another kind.
    #[inline]
    fn content(self, kind: EntryKind) -> impl Iterator<Item = TapeValue<'a>> {
        let entry = self.entry();
        let end = if entry.kind == kind { entry.link } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = (at < end).then(|| self.of.item(at))?;
            at = item.entry().link;
            Some(item)
        })
    }

    pub fn bool(self) -> Option<bool> {
        match self.entry().kind {
            EntryKind::True => Some(true),
            EntryKind::False => Some(false),
            _ => None,
        }
    }

    #[inline]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let entry = self.entry();
        if entry.kind != EntryKind::Text {
            return None;
        }
        Some(self.of.unescaped(entry))
    }

    /// A text without escapes, and the bytes of the document from its start on.
    #[inline(always)]
    pub fn unescaped_text(self) -> Option<(&'a str, &'a [u8])> {
        let entry = self.entry();
        if entry.kind != EntryKind::Text || entry.escaped {
            return None;
        }
        let after = self.of.text.as_bytes().get(entry.start as usize..);
        Some((self.of.slice(entry), after.unwrap_or_default()))
    }

    pub fn number(self) -> Option<Number> {
        let entry = self.entry();
        let text = self.of.slice(entry);
        match entry.kind {
            EntryKind::Integer => match text.parse::<u64>() {
                Ok(number) => Some(number.into()),
                Err(_) => text.parse::<i64>().ok().map(Number::from),
            },
            // serde_json as in the parser, so that both read the same number.
            EntryKind::Decimal => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    /// The text of an integer as received, which is also how it is written.
    pub fn integer_text(self) -> Option<&'a str> {
        let entry = self.entry();
        (entry.kind == EntryKind::Integer).then(|| self.of.slice(entry))
    }

    /// Whether the value is an integer without a sign, which fits into 64 bits.
    pub fn is_unsigned(self) -> bool {
        let entry = self.entry();
        entry.kind == EntryKind::Integer && !self.of.slice(entry).starts_with('-')
    }

    /// The nearest double of a number.
    #[inline]
    pub fn double(self) -> Option<f64> {
        let entry = self.entry();
        match entry.kind {
            EntryKind::Integer => Some(self.of.integer(entry)),
            EntryKind::Decimal => Some(nearest_double(self.of.slice(entry))),
            _ => None,
        }
    }

    /// Builds the value.
    pub fn value(self) -> Value {
        match self.entry().kind {
            EntryKind::Null => Value::Null,
            EntryKind::True => Value::Bool(true),
            EntryKind::False => Value::Bool(false),
            EntryKind::Integer | EntryKind::Decimal => {
                self.number().map_or(Value::Null, Value::Number)
            }
            EntryKind::Text => Value::String(self.of.unescaped(self.entry()).into_owned()),
            EntryKind::List => self.elements().map(TapeValue::value).collect(),
            EntryKind::Object => {
                let entries = self.entries();
                let entries = entries.map(|item| (item.key().to_owned(), item.value()));
                Value::Object(entries.collect::<Map<String, Value>>())
            }
        }
    }

    #[inline]
    fn entry(self) -> &'a TapeEntry {
        &self.of.entries[self.at as usize]
    }
}

impl<'a> TapeDocument<'a> {
    /// The nearest double of an integer, which has few enough digits for 64 bits.
    fn integer(&self, entry: &TapeEntry) -> f64 {
        let bytes = self.text.as_bytes();
        let (start, end) = (entry.start as usize, entry.end as usize);
        let negative = bytes[start] == b'-';
        let size = integer(bytes, start + usize::from(negative), end);
        // Conversion rounds to the nearest double, as parsing does.
        #[allow(clippy::cast_precision_loss)]
        let size = size as f64;
        if negative { -size } else { size }
    }

    fn unescaped(&self, entry: &TapeEntry) -> Cow<'a, str> {
        let text = self.slice(entry);
        if !entry.escaped {
            return Cow::Borrowed(text);
        }
        let quoted = self
            .text
            .get(entry.start as usize - 1..entry.end as usize + 1);
        let read = quoted.map(serde_json::from_str);
        let read = read.expect("a text is between quotes");
        Cow::Owned(read.expect("the scan checked the escapes"))
    }
}
