//! The tape: a flat list of JSON tokens, written in one pass over the bytes without building values.
//! Accepts less than the parser ([`super::parse`]): the scan returns `None` for whatever the parser would
//! reject, repair or warn about, and for some rare input. The parser then decides.

pub(crate) mod scan;
#[cfg(test)]
mod tests;

pub(super) use crate::event::json::tape::scan::hash;

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

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
    /// The hashes of the keys of all open objects.
    hashes: Vec<u32>,
}

/// A scanned text with its tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeDocument<'a> {
    text: &'a str,
    entries: &'a [TapeEntry],
}

/// One value on a tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeValue<'a> {
    of: &'a TapeDocument<'a>,
    at: u32,
}

/// A key for lookups, with its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedKey {
    pub name: Box<str>,
    pub hash: u32,
}

/// A value, or the key before it.
#[derive(Debug, Clone, Copy)]
pub struct TapeEntry {
    mark: EntryKind,
    /// Whether the text has escapes.
    escaped: bool,
    /// The byte range in the text; for a string, without the quotes.
    start: u32,
    end: u32,
    /// For a value, the index of the entry after its content; for a key, its hash.
    link: u32,
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
    Key,
}

impl Tape {
    /// Scans one JSON text. `None` if the parser must decide.
    pub fn scan<'a>(&'a mut self, bytes: &'a [u8]) -> Option<TapeDocument<'a>> {
        let text = std::str::from_utf8(bytes).ok()?;
        // Frees the memory of an exceptionally large text.
        if self.entries.capacity() > MAX_KEPT_ENTRIES && bytes.len() < MAX_KEPT_ENTRIES {
            self.entries = Vec::new();
        }
        scan::scan(bytes, &mut self.entries, &mut self.hashes)?;
        Some(TapeDocument {
            text,
            entries: &self.entries,
        })
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

    #[inline]
    fn slice(&self, entry: &TapeEntry) -> &'a str {
        let span = entry.start as usize..entry.end as usize;
        self.text
            .get(span)
            .expect("an entry spans a part of the text")
    }
}

impl HashedKey {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            hash: hash(name.as_bytes(), 0, name.len()),
        }
    }
}

impl<'a> TapeValue<'a> {
    #[inline]
    pub fn number_on_tape(self) -> u32 {
        self.at
    }

    #[inline]
    pub fn kind(self) -> JsonKind {
        match self.entry().mark {
            EntryKind::Null => JsonKind::Null,
            EntryKind::True | EntryKind::False => JsonKind::Bool,
            EntryKind::Integer | EntryKind::Decimal => JsonKind::Number,
            EntryKind::Text | EntryKind::Key => JsonKind::Text,
            EntryKind::List => JsonKind::List,
            EntryKind::Object => JsonKind::Object,
        }
    }

    /// The value under a key of an object.
    #[inline]
    pub fn get(self, name: &str) -> Option<TapeValue<'a>> {
        let matches = |key: &TapeEntry| key.length() == name.len() && self.of.slice(key) == name;
        let mut entries = self.entries();
        entries.find(|(key, _)| matches(key)).map(|(_, item)| item)
    }

    /// The value under a key, with the hash of the name already computed.
    #[inline]
    pub fn find(self, name: &str, hash: u32) -> Option<TapeValue<'a>> {
        let mut entries = self.entries();
        let found = entries.find(|(key, _)| key.link == hash && self.of.slice(key) == name);
        found.map(|(_, item)| item)
    }

    /// The entries of an object: hash, name and value.
    #[inline]
    pub fn keys(self) -> impl Iterator<Item = (u32, &'a str, TapeValue<'a>)> {
        self.entries()
            .map(move |(key, item)| (key.link, self.of.slice(key), item))
    }

    #[inline]
    pub fn elements(self) -> impl Iterator<Item = TapeValue<'a>> {
        let (mut at, end) = match self.entry().mark {
            EntryKind::List => (self.at + 1, self.entry().link),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            let item = (at < end).then(|| self.of.item(at))?;
            at = item.entry().link;
            Some(item)
        })
    }

    pub fn bool(self) -> Option<bool> {
        match self.entry().mark {
            EntryKind::True => Some(true),
            EntryKind::False => Some(false),
            _ => None,
        }
    }

    #[inline]
    pub fn text(self) -> Option<Cow<'a, str>> {
        let entry = self.entry();
        if entry.mark != EntryKind::Text {
            return None;
        }
        Some(self.of.unescaped(entry))
    }

    pub fn number(self) -> Option<Number> {
        let entry = self.entry();
        let text = self.of.slice(entry);
        match entry.mark {
            EntryKind::Integer => match text.parse::<u64>() {
                Ok(number) => Some(number.into()),
                Err(_) => text.parse::<i64>().ok().map(Number::from),
            },
            // serde_json as in the parser, so that both read the same number.
            EntryKind::Decimal => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    /// The nearest double of a number.
    #[inline]
    pub fn double(self) -> Option<f64> {
        match self.entry().mark {
            EntryKind::Integer | EntryKind::Decimal => {
                Some(nearest_double(self.of.slice(self.entry())))
            }
            _ => None,
        }
    }

    /// Builds the value.
    pub fn value(self) -> Value {
        match self.entry().mark {
            EntryKind::Null => Value::Null,
            EntryKind::True => Value::Bool(true),
            EntryKind::False => Value::Bool(false),
            EntryKind::Integer | EntryKind::Decimal => {
                self.number().map_or(Value::Null, Value::Number)
            }
            EntryKind::Text | EntryKind::Key => {
                Value::String(self.of.unescaped(self.entry()).into_owned())
            }
            EntryKind::List => self.elements().map(TapeValue::value).collect(),
            EntryKind::Object => {
                let entries = self
                    .keys()
                    .map(|(_, key, item)| (key.to_owned(), item.value()));
                Value::Object(entries.collect::<Map<String, Value>>())
            }
        }
    }

    #[inline]
    fn entry(self) -> &'a TapeEntry {
        &self.of.entries[self.at as usize]
    }

    #[inline]
    fn entries(self) -> impl Iterator<Item = (&'a TapeEntry, TapeValue<'a>)> {
        let (mut at, end) = match self.entry().mark {
            EntryKind::Object => (self.at + 1, self.entry().link),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            let key = (at < end).then(|| &self.of.entries[at as usize])?;
            let item = self.of.item(at + 1);
            at = item.entry().link;
            Some((key, item))
        })
    }
}

impl TapeEntry {
    fn length(&self) -> usize {
        (self.end - self.start) as usize
    }
}

impl<'a> TapeDocument<'a> {
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
