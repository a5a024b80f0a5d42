//! Numbers the paths of keys, so that the value at a path is found without a search.
//! A path leads through objects only: a value in a list has none.

use rustc_hash::FxHashMap;

use crate::event::json::tape::key_hash::hash_of;

/// The maximum number of paths that are numbered because texts have them.
const MAX_PATHS_OF_TEXTS: usize = 4096;

/// The number of a path. It means the same until the numbering starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathNumber(u32);

#[derive(Debug, Clone, Default)]
pub struct PathNumbers {
    /// The last path with this parent and hash of its last key.
    known: FxHashMap<(PathNumber, u32), PathNumber>,
    /// By number, from the third on.
    paths: Vec<NumberedPath>,
    of_texts: usize,
}

#[derive(Debug, Clone)]
struct NumberedPath {
    /// The last key.
    name: Box<[u8]>,
    /// Another path with the same parent and hash.
    other: PathNumber,
}

impl PathNumber {
    /// Without a number.
    pub const NONE: Self = Self(0);
    /// The outermost value.
    pub const ROOT: Self = Self(1);
    const FIRST: usize = 2;

    #[inline(always)]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl PathNumbers {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// One more than the largest number.
    pub fn end(&self) -> usize {
        self.paths.len() + PathNumber::FIRST
    }

    /// Whether another path of a text would have no number.
    pub fn is_full(&self) -> bool {
        self.of_texts >= MAX_PATHS_OF_TEXTS
    }

    /// The number of the path to a key of an object in a text; `NONE` if there are too many.
    pub fn of_text(&mut self, parent: PathNumber, name: &[u8], hash: u32) -> PathNumber {
        let known = self.find(parent, name, hash);
        if known != PathNumber::NONE || parent == PathNumber::NONE || self.is_full() {
            return known;
        }
        self.of_texts += 1;
        self.add(parent, name, hash)
    }

    /// The number of a path that will be looked up.
    pub fn of_keys<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) -> PathNumber {
        let step = |parent, key: &str| {
            let (name, hash) = (key.as_bytes(), hash_of(key.as_bytes()));
            match self.find(parent, name, hash) {
                PathNumber::NONE => self.add(parent, name, hash),
                known => known,
            }
        };
        keys.into_iter().fold(PathNumber::ROOT, step)
    }

    fn find(&self, parent: PathNumber, name: &[u8], hash: u32) -> PathNumber {
        let last = self.known.get(&(parent, hash));
        let mut number = last.copied().unwrap_or(PathNumber::NONE);
        while number != PathNumber::NONE {
            let path = &self.paths[number.index() - PathNumber::FIRST];
            if *path.name == *name {
                break;
            }
            number = path.other;
        }
        number
    }

    #[allow(clippy::cast_possible_truncation)]
    fn add(&mut self, parent: PathNumber, name: &[u8], hash: u32) -> PathNumber {
        let number = PathNumber(self.end() as u32);
        let other = self.known.insert((parent, hash), number);
        self.paths.push(NumberedPath {
            name: name.into(),
            other: other.unwrap_or(PathNumber::NONE),
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_number() {
        let mut numbers = PathNumbers::default();
        let first = numbers.of_keys(["a", "b"]);
        // The same ends and length, so the same hash.
        let alike = ["prefixed-1-suffixed", "prefixed-2-suffixed"];
        let others: Vec<_> = alike.iter().map(|name| numbers.of_keys([*name])).collect();
        assert_ne!(others[0], others[1]);
        assert_ne!(numbers.of_keys(["b"]), first);
        assert_eq!(numbers.of_keys(["a", "b"]), first);
        assert_eq!(numbers.of_keys([]), PathNumber::ROOT);
        let text = |numbers: &mut PathNumbers, parent, name: &str| {
            numbers.of_text(parent, name.as_bytes(), hash_of(name.as_bytes()))
        };
        let parent = text(&mut numbers, PathNumber::ROOT, "a");
        assert_eq!(text(&mut numbers, parent, "b"), first);
        for (name, number) in alike.iter().zip(others) {
            assert_eq!(text(&mut numbers, PathNumber::ROOT, name), number);
        }
        assert_eq!(text(&mut numbers, PathNumber::NONE, "a"), PathNumber::NONE);
    }

    #[test]
    fn texts_have_a_limited_number_of_paths() {
        let mut numbers = PathNumbers::default();
        let text = |numbers: &mut PathNumbers, name: &str| {
            numbers.of_text(PathNumber::ROOT, name.as_bytes(), hash_of(name.as_bytes()))
        };
        for number in 0..MAX_PATHS_OF_TEXTS {
            assert!(!numbers.is_full());
            assert_ne!(text(&mut numbers, &number.to_string()), PathNumber::NONE);
        }
        assert!(numbers.is_full());
        assert_eq!(text(&mut numbers, "x"), PathNumber::NONE);
        let asked = numbers.of_keys(["x"]);
        assert_eq!(text(&mut numbers, "x"), asked);
        assert_ne!(text(&mut numbers, "0"), PathNumber::NONE);
    }
}
