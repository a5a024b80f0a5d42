//! Remembers keys and their order in the texts scanned before, so that most keys need one comparison.
//! Each key is remembered after the key before it, so that what is known of one includes all keys before it in
//! its object: none repeats another.

use crate::event::json::tape::path_numbers::PathNumber;
use crate::event::json::tape::run::{equal_bytes, same};

/// The memory of a cache is limited; it starts again with the next text when this many keys are remembered.
const MAX_CACHED_KEYS: usize = 4096;
/// The maximum number of keys that are remembered for one place.
const MAX_FOLLOWERS: usize = 24;
/// The bytes of a key with two quotes and a colon.
const TEXT: usize = 32;
const MARKS: usize = 3;

/// The number of a remembered key, or `NONE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyNumber(u16);

/// Where a key was found: after another key, or as the first key of an object.
#[derive(Debug, Clone, Copy)]
pub enum KeyPosition {
    After(KeyNumber),
    /// In the object that another key has.
    Within(KeyNumber),
    /// In an object of the list that another key has.
    InList(KeyNumber),
}

#[derive(Debug)]
pub struct KeyCache {
    keys: Vec<CachedKey>,
    full: bool,
}

/// A remembered key, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub struct CachedKey {
    /// The key between quotes, and a colon.
    text: [u8; TEXT],
    /// One bit for each byte of `text` after that.
    unused: u32,
    /// The length of the key with quotes and colon.
    span: u8,
    hash: u32,
    after: Followers,
    within: Followers,
    in_list: Followers,
    /// The path to the key; none in a list.
    path: PathNumber,
    /// The next key of the same place.
    sibling: KeyNumber,
}

/// The keys of one place.
#[derive(Debug, Clone, Copy)]
struct Followers {
    /// The key that was found there last.
    last: KeyNumber,
    /// All of them; the others are its siblings.
    first: KeyNumber,
}

impl KeyNumber {
    pub const NONE: Self = Self(u16::MAX);
    /// Above the outermost value.
    pub const ROOT: Self = Self(0);
}

impl Followers {
    const NONE: Self = Self {
        last: KeyNumber::NONE,
        first: KeyNumber::NONE,
    };
}

impl Default for KeyCache {
    fn default() -> Self {
        let mut cache = Self {
            keys: Vec::new(),
            full: false,
        };
        cache.clear();
        cache
    }
}

impl KeyCache {
    /// Whether another key could not be remembered.
    pub fn is_full(&self) -> bool {
        self.full
    }

    pub fn clear(&mut self) {
        self.full = false;
        self.keys.clear();
        self.keys.push(CachedKey::new(&[], 0, PathNumber::ROOT));
    }

    /// The key that was found last in a place.
    #[inline]
    pub fn last(&self, place: KeyPosition) -> KeyNumber {
        let (KeyPosition::After(key) | KeyPosition::Within(key) | KeyPosition::InList(key)) = place;
        let Some(key) = self.get(key) else {
            return KeyNumber::NONE;
        };
        match place {
            KeyPosition::After(_) => key.after.last,
            KeyPosition::Within(_) => key.within.last,
            KeyPosition::InList(_) => key.in_list.last,
        }
    }

    #[inline(always)]
    pub fn get(&self, key: KeyNumber) -> Option<&CachedKey> {
        self.keys.get(usize::from(key.0))
    }

    /// A key if the rest of a text starts with it.
    #[inline(always)]
    pub fn recognise(&self, key: KeyNumber, rest: &[u8]) -> Option<&CachedKey> {
        let key = self.get(key)?;
        let starts = match rest.first_chunk::<TEXT>() {
            Some(start) => equal_bytes(start, &key.text) | key.unused == u32::MAX,
            None => key.starts(rest),
        };
        starts.then_some(key)
    }

    /// The number of a key in a place, if it is known there.
    pub fn find(
        &mut self,
        place: KeyPosition,
        name: &[u8],
        hash: u32,
    ) -> Option<(KeyNumber, PathNumber)> {
        let mut next = self.followers(place)?.first;
        while let Some(key) = self.get(next) {
            if key.hash == hash && same(key.name(), name) {
                let path = key.path;
                self.followers(place)?.last = next;
                return Some((next, path));
            }
            next = key.sibling;
        }
        None
    }

    /// Remembers a new key of a place; it repeats none before it. `NONE` if it is too long or there are too many.
    pub fn add(
        &mut self,
        place: KeyPosition,
        name: &[u8],
        hash: u32,
        path: PathNumber,
    ) -> KeyNumber {
        let Some(followers) = self.followers(place).copied() else {
            return KeyNumber::NONE;
        };
        if name.len() > TEXT - MARKS || self.count(followers.first) >= MAX_FOLLOWERS {
            return KeyNumber::NONE;
        }
        if self.keys.len() >= MAX_CACHED_KEYS {
            self.full = true;
            return KeyNumber::NONE;
        }
        let number = KeyNumber(self.keys.len() as u16);
        let mut key = CachedKey::new(name, hash, path);
        key.sibling = followers.first;
        self.keys.push(key);
        if let Some(followers) = self.followers(place) {
            *followers = Followers {
                last: number,
                first: number,
            };
        }
        number
    }

    fn followers(&mut self, place: KeyPosition) -> Option<&mut Followers> {
        let (KeyPosition::After(key) | KeyPosition::Within(key) | KeyPosition::InList(key)) = place;
        let key = self.keys.get_mut(usize::from(key.0))?;
        Some(match place {
            KeyPosition::After(_) => &mut key.after,
            KeyPosition::Within(_) => &mut key.within,
            KeyPosition::InList(_) => &mut key.in_list,
        })
    }

    fn count(&self, first: KeyNumber) -> usize {
        std::iter::successors(self.get(first), |before| self.get(before.sibling)).count()
    }
}

impl CachedKey {
    fn new(name: &[u8], hash: u32, path: PathNumber) -> Self {
        let mut text = [0; TEXT];
        let end = name.len() + 1;
        text[0] = b'"';
        text[1..end].copy_from_slice(name);
        text[end] = b'"';
        text[end + 1] = b':';
        let span = end + 2;
        Self {
            text,
            unused: u32::MAX.checked_shl(span as u32).unwrap_or(0),
            span: span as u8,
            hash,
            after: Followers::NONE,
            within: Followers::NONE,
            in_list: Followers::NONE,
            path,
            sibling: KeyNumber::NONE,
        }
    }

    #[cold]
    #[inline(never)]
    fn starts(&self, rest: &[u8]) -> bool {
        rest.starts_with(&self.text[..self.span()])
    }

    /// The key without quotes.
    #[inline]
    pub fn name(&self) -> &[u8] {
        &self.text[1..=self.length()]
    }

    /// The length of the key.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.span() - MARKS
    }

    /// The length of the key with quotes and colon.
    #[inline(always)]
    pub fn span(&self) -> usize {
        usize::from(self.span)
    }

    #[inline(always)]
    pub fn hash(&self) -> u32 {
        self.hash
    }

    #[inline(always)]
    pub fn path(&self) -> PathNumber {
        self.path
    }

    /// The key that was found last after this one.
    #[inline(always)]
    pub fn next(&self) -> KeyNumber {
        self.after.last
    }
}
