//! One value on a tape: its kind, its content, and the value built from it.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::event::json::tape::run::same;
use crate::event::json::tape::token::integer;
use crate::event::json::tape::{EntryKind, JsonKind, TapeDocument, TapeEntry};
use crate::number::nearest_double;

/// One value on a tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeValue<'a> {
    pub(super) of: &'a TapeDocument<'a>,
    pub(super) at: u32,
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
            EntryKind::Text | EntryKind::EscapedText => JsonKind::Text,
            EntryKind::List => JsonKind::List,
            EntryKind::Object => JsonKind::Object,
        }
    }

    /// The document, if this is its outermost value.
    #[inline]
    pub fn whole(self) -> Option<&'a TapeDocument<'a>> {
        (self.at == 0).then_some(self.of)
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
        let key = self.of.keys.key(self.at, self.entry());
        std::str::from_utf8(key).expect("a key is a part of a text")
    }

    #[inline]
    pub fn key_hash(self) -> u32 {
        self.of.keys.hash(self.at, self.entry())
    }

    #[inline]
    pub fn has_key(self, name: &str) -> bool {
        same(self.of.keys.key(self.at, self.entry()), name.as_bytes())
    }

    #[inline]
    pub fn elements(self) -> impl Iterator<Item = TapeValue<'a>> {
        self.content(EntryKind::List)
    }

    /// The content of a container; nothing for a value of another kind.
    #[inline]
    fn content(self, kind: EntryKind) -> impl Iterator<Item = TapeValue<'a>> {
        let entry = self.entry();
        let end = if entry.kind == kind { entry.end } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = (at < end).then(|| self.of.item(at))?;
            at = item.entry().next(at);
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
        match entry.kind {
            EntryKind::Text | EntryKind::EscapedText => Some(self.of.unescaped(entry)),
            _ => None,
        }
    }

    /// The kind, the bytes from its start on and the length of a literal or a text without escapes, if it has at most
    /// so many bytes, and of an integer, if it has fewer. Has no branch for each kind.
    #[inline(always)]
    pub fn short(self, longest: u32) -> Option<(JsonKind, &'a [u8], usize)> {
        let entry = self.entry();
        let length = entry.end.wrapping_sub(entry.start);
        let longest = longest - u32::from(entry.kind == EntryKind::Integer);
        if entry.kind > EntryKind::Text || length > longest {
            return None;
        }
        let after = self.of.text.as_bytes().get(entry.start as usize..)?;
        Some((self.kind(), after, length as usize))
    }

    /// The bytes of the document from the start of an integer on, and its length.
    #[inline(always)]
    pub fn integer(self) -> Option<(&'a [u8], usize)> {
        let entry = self.entry();
        if entry.kind != EntryKind::Integer {
            return None;
        }
        let after = self.of.text.as_bytes().get(entry.start as usize..);
        Some((after?, (entry.end - entry.start) as usize))
    }

    /// A length that a text has at least. An escape has up to six bytes for one.
    pub fn least_length(self) -> usize {
        let entry = self.entry();
        match entry.kind {
            EntryKind::Text => self.of.slice(entry).len(),
            EntryKind::EscapedText => self.of.slice(entry).len() / 6,
            _ => 0,
        }
    }

    pub fn number(self) -> Option<Number> {
        let entry = self.entry();
        match entry.kind {
            EntryKind::Integer => {
                let text = self.of.slice(entry);
                match text.parse::<u64>() {
                    Ok(number) => Some(number.into()),
                    Err(_) => text.parse::<i64>().ok().map(Number::from),
                }
            }
            // serde_json as in the parser, so that both read the same number.
            EntryKind::Decimal => serde_json::from_str(self.of.slice(entry)).ok(),
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
            EntryKind::Text | EntryKind::EscapedText => {
                Value::String(self.of.unescaped(self.entry()).into_owned())
            }
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
        if entry.kind == EntryKind::Text {
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
