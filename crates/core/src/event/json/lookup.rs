//! Dotted paths in documents: looking up a value, and writing one.
//! A path through null or a scalar finds nothing.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::event::format::DECODERS;
use crate::event::json::tape::{PathNumber, PathNumbers, TapeDocument, hash};
use crate::event::json::value_ref::ValueRef;

/// A dotted path in a decoder's table, split at compile time. The empty path is the document itself.
#[derive(Debug)]
pub struct DocumentPath {
    pub text: &'static str,
    steps: [DocumentStep; MAX_STEPS],
    count: usize,
}

/// The maximum number of steps of a path in a table.
const MAX_STEPS: usize = 6;

#[derive(Debug, Clone, Copy)]
struct DocumentStep {
    start: u16,
    end: u16,
    hash: u32,
}

/// A list of paths for a table.
macro_rules! at {
    ($($path:literal),+ $(,)?) => {
        &[$(DocumentPath::new($path)),+]
    };
}
pub(crate) use at;

impl DocumentPath {
    pub const fn new(text: &'static str) -> Self {
        let none = DocumentStep {
            start: 0,
            end: 0,
            hash: 0,
        };
        let (mut steps, mut count, mut start, mut end) = ([none; MAX_STEPS], 0, 0, 0);
        while end < text.len() {
            end += 1;
            if end == text.len() || text.as_bytes()[end] == b'.' {
                let hash = hash(text.as_bytes(), start, end);
                steps[count] = DocumentStep {
                    start: start as u16,
                    end: end as u16,
                    hash,
                };
                (count, start) = (count + 1, end + 1);
            }
        }
        Self { text, steps, count }
    }

    pub fn find<'a>(&self, document: ValueRef<'a>) -> Option<ValueRef<'a>> {
        if let ValueRef::Taped(item) = document
            && let Some(tape) = item.whole()
            && let Some(found) = TABLE_PATHS.find(self, tape)
        {
            return found;
        }
        (0..self.count).try_fold(document, |datum, step| self.step(step, datum))
    }

    #[inline]
    fn step<'a>(&self, number: usize, datum: ValueRef<'a>) -> Option<ValueRef<'a>> {
        datum.step_by(|| self.name(number), self.steps[number].hash)
    }

    #[inline]
    fn name(&self, number: usize) -> &'static str {
        let step = self.steps[number];
        &self.text[step.start.into()..step.end.into()]
    }

    /// The number of leading steps that two paths share. All names in the tables have different hashes.
    #[inline]
    fn common(&self, other: &DocumentPath) -> usize {
        let same = |step: &usize| self.steps[*step].hash == other.steps[*step].hash;
        (0..self.count.min(other.count)).take_while(same).count()
    }
}

/// The paths of all tables with their numbers, which are the same on every tape.
#[derive(Debug)]
pub struct TablePaths {
    pub numbers: PathNumbers,
    /// By the address of a path, each at most once; a path without a place is looked up step by step.
    places: Box<[(usize, PathNumber)]>,
}

/// A power of two, of which paths take a small part.
const PLACES: usize = 4096;

pub static TABLE_PATHS: LazyLock<TablePaths> = LazyLock::new(TablePaths::new);

impl TablePaths {
    fn new() -> Self {
        let mut numbers = PathNumbers::default();
        let mut places = vec![(0, PathNumber::NONE); PLACES];
        for at in DECODERS.iter().flat_map(|decoder| decoder.paths()) {
            let names = || (0..at.count).map(|step| at.name(step));
            // A number may select an element of a list.
            let leads_through_objects = names().all(|name| name.parse::<usize>().is_err());
            if leads_through_objects {
                places[place_of(at)] = (address(at), numbers.of_keys(names()));
            }
        }
        Self {
            numbers,
            places: places.into(),
        }
    }

    /// The value at a path on a tape; `None` for a path that is looked up step by step.
    #[inline(always)]
    fn find<'a>(
        &self,
        at: &DocumentPath,
        tape: &'a TapeDocument<'a>,
    ) -> Option<Option<ValueRef<'a>>> {
        let (known, number) = self.places[place_of(at)];
        if known != address(at) {
            return None;
        }
        let entry = tape.entry_at(number);
        Some(entry.map(|entry| ValueRef::Taped(tape.item(entry))))
    }
}

fn address(at: &DocumentPath) -> usize {
    std::ptr::from_ref(at).addr()
}

#[inline]
fn place_of(at: &DocumentPath) -> usize {
    address(at) / size_of::<DocumentPath>() % PLACES
}

/// A document with a cursor, for looking up many paths. Where a path has no place on the tape, the lookup starts
/// at the common prefix with the previous one.
#[derive(Debug)]
pub struct PathCursor<'a> {
    pub document: ValueRef<'a>,
    /// The tape of which it is the whole document.
    tape: Option<&'a TapeDocument<'a>>,
    paths: &'static TablePaths,
    last: Option<PassedPath<'a>>,
}

#[derive(Debug)]
struct PassedPath<'a> {
    path: &'static DocumentPath,
    /// The value after each step, as far as it exists.
    values: [ValueRef<'a>; MAX_STEPS],
    count: usize,
}

impl<'a> PathCursor<'a> {
    pub fn new(document: ValueRef<'a>) -> Self {
        Self {
            document,
            tape: match document {
                ValueRef::Taped(item) => item.whole(),
                ValueRef::Built(_) => None,
            },
            paths: &TABLE_PATHS,
            last: None,
        }
    }

    #[inline(always)]
    pub fn find(&mut self, at: &'static DocumentPath) -> Option<ValueRef<'a>> {
        if let Some(tape) = self.tape
            && let Some(found) = self.paths.find(at, tape)
        {
            return found;
        }
        self.walk(at)
    }

    #[inline(never)]
    fn walk(&mut self, at: &'static DocumentPath) -> Option<ValueRef<'a>> {
        let document = self.document;
        let common = match &self.last {
            Some(last) => last.path.common(at),
            None => 0,
        };
        let last = self.last.get_or_insert(PassedPath {
            path: at,
            values: [document; MAX_STEPS],
            count: 0,
        });
        if last.count < common {
            // The last path ended within the common prefix, so this one does too.
            return None;
        }
        (last.path, last.count) = (at, common);
        let mut datum = match common {
            0 => document,
            _ => last.values[common - 1],
        };
        while last.count < at.count {
            datum = at.step(last.count, datum)?;
            last.values[last.count] = datum;
            last.count += 1;
        }
        Some(datum)
    }

    /// The first of several paths that exists, with its value.
    pub fn first(
        &mut self,
        paths: &'static [DocumentPath],
    ) -> Option<(&'static str, ValueRef<'a>)> {
        let mut paths = paths.iter();
        paths.find_map(|at| self.find(at).map(|datum| (at.text, datum)))
    }
}

/// The value at a dotted path. The empty path is the document itself; a number selects an element.
pub fn find<'a>(document: ValueRef<'a>, path: &str) -> Option<ValueRef<'a>> {
    let mut steps = path.split('.').filter(|step| !step.is_empty());
    steps.try_fold(document, |datum, step| datum.step(step))
}

/// The first of several paths that exists, with its value.
pub fn first<'a>(
    document: ValueRef<'a>,
    paths: &[DocumentPath],
) -> Option<(&'static str, ValueRef<'a>)> {
    paths
        .iter()
        .find_map(|at| at.find(document).map(|datum| (at.text, datum)))
}

/// Writes a value at a dotted path and creates the objects on it; other values on it are replaced. The
/// empty path replaces the whole object.
pub fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    if path.is_empty() {
        if let Value::Object(whole) = value {
            *object = whole;
        }
        return;
    }
    let Some((step, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let below = object.entry(step).or_insert(Value::Null);
    if !below.is_object() {
        *below = Value::Object(Map::new());
    }
    if let Value::Object(below) = below {
        put(below, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::format::DECODERS;
    use crate::event::json::tape::Tape;

    static PATHS: &[DocumentPath] = at![
        "a.b.1.c", "a.b.1.x", "a.b.1", "", "a.x", "a.x.y", "a.x.y.z", "a.x.z", "a.b.2", "a.b.2.c",
        "a.b.x", "a.b.0.c", "d.e", "d"
    ];

    #[test]
    fn a_path_follows_objects_and_lists() {
        let value = json!({"a": {"b": [null, {"c": 1}]}, "d": "text"});
        let text = value.to_string();
        let mut tape = Tape::default();
        let scanned = tape.scan(text.as_bytes()).unwrap();
        for document in [ValueRef::Built(&value), ValueRef::Taped(scanned.root())] {
            let mut walk = PathCursor::new(document);
            for at in PATHS.iter().chain(PATHS.iter().rev()) {
                let walked = walk.find(at).map(|found| found.value().into_owned());
                let found = at.find(document).map(|found| found.value().into_owned());
                assert_eq!(walked, found, "{}", at.text);
            }
            for at in PATHS {
                let found = at.find(document).map(|found| found.value().into_owned());
                let read = find(document, at.text).map(|found| found.value().into_owned());
                assert_eq!(found, read, "{}", at.text);
            }
            let found = |path| find(document, path).map(|found| found.value().into_owned());
            assert_eq!(found("a.b.1.c"), Some(json!(1)));
            assert_eq!(found(""), Some(value.clone()));
            for absent in ["a.x", "a.b.2", "a.b.x", "a.b.0.c", "d.e"] {
                assert_eq!(found(absent), None, "{absent}");
            }
        }
    }

    #[test]
    fn names_in_the_tables_have_different_hashes() {
        let mut names = std::collections::BTreeMap::new();
        for at in DECODERS.iter().flat_map(|decoder| decoder.paths()) {
            for step in 0..at.count {
                let name = names.entry(at.steps[step].hash).or_insert(at.name(step));
                assert_eq!(*name, at.name(step));
            }
        }
        assert!(names.len() > 50, "{}", names.len());
    }

    #[test]
    fn put_creates_the_objects_on_the_path() {
        let mut object = Map::new();
        put(&mut object, "a.b", json!(1));
        put(&mut object, "a.c", json!(2));
        put(&mut object, "a.b.d", json!(3));
        assert_eq!(Value::Object(object), json!({"a": {"b": {"d": 3}, "c": 2}}));
    }
}
