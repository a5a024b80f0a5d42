//! The keys of a scanned text. Most are remembered keys; the others are noted with their places in the text.

use crate::event::json::tape::TapeEntry;
use crate::event::json::tape::key_cache::KeyCache;
use crate::event::json::tape::key_hash::hash_of;
use crate::event::json::tape::run::plain;

/// A key that is not remembered.
#[derive(Debug, Clone, Copy)]
pub struct OtherKey {
    /// The index of the entry that has it.
    pub entry: u32,
    /// The start of the key in the text.
    pub start: u32,
}

/// The keys of a text's entries.
#[derive(Debug, Clone, Copy)]
pub struct TapeKeys<'a> {
    pub text: &'a [u8],
    pub cached: &'a KeyCache,
    /// In the order of their entries.
    pub others: &'a [OtherKey],
}

impl<'a> TapeKeys<'a> {
    /// The key of an entry, given with its index; empty for an entry without a key.
    #[inline]
    pub fn key(self, at: u32, entry: &TapeEntry) -> &'a [u8] {
        match self.cached.get(entry.key) {
            Some(known) => known.name(),
            None => self.other(at),
        }
    }

    #[inline]
    pub fn hash(self, at: u32, entry: &TapeEntry) -> u32 {
        match self.cached.get(entry.key) {
            Some(known) => known.hash(),
            None => hash_of(self.other(at)),
        }
    }

    #[cold]
    fn other(self, at: u32) -> &'a [u8] {
        let found = self.others.binary_search_by_key(&at, |other| other.entry);
        let Some(found) = found.ok().and_then(|found| self.others.get(found)) else {
            return &[];
        };
        let start = found.start as usize;
        &self.text[start..plain(self.text, start)]
    }
}
