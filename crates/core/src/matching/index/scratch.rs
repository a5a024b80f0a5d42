//! Buffers of a lookup, reused from one event to the next. They grow to the size of the largest index and are
//! never cleared: every entry has the stamp of the event that it belongs to.

use serde_json::Value;

use crate::event::json::tape::JsonKind;
use crate::event::json::value_ref::ValueRef;
use crate::matching::index::fast_check::ValueDigest;
use crate::matching::index::posting::PostingRange;
use crate::matching::index::value_table::ValueNumber;

/// One per thread, shared by all indexes.
#[derive(Debug, Default)]
pub struct IndexScratch {
    pub(super) spans: Vec<PostingRange>,
    pub(super) verdicts: Verdicts,
    pub(super) rooms: ValueCache,
    pub(super) digests: Digests,
    pub(super) buffers: Buffers,
}

/// For text lookups.
#[derive(Debug, Default)]
pub struct Buffers {
    pub folded: String,
    pub reversed: Vec<u8>,
    pub seen: VisitedSet,
}

/// The numbers that were inserted since `begin`.
#[derive(Debug, Default)]
pub struct VisitedSet {
    stamps: Vec<u32>,
    now: u32,
}

/// The result of each predicate for this event.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// Twice the event's stamp, plus one if the predicate holds.
    stamps: Vec<u32>,
    event: u32,
}

/// The values that were built for this event, by slot.
#[derive(Debug, Default)]
pub(super) struct ValueCache {
    rooms: Vec<CachedValue>,
    event: u32,
}

/// The digest of each slot for this event.
#[derive(Debug, Default)]
pub(super) struct Digests {
    digests: Vec<(u32, ValueDigest)>,
    /// The numbers of the elements of all slots.
    elements: Vec<ValueNumber>,
    event: u32,
}

/// Keeps the memory of a text and a list while other values replace them.
#[derive(Debug)]
struct CachedValue {
    event: u32,
    kind: JsonKind,
    text: Value,
    list: Value,
    other: Value,
}

impl IndexScratch {
    pub(super) fn begin(&mut self, predicates: usize, slots: usize) {
        self.spans.clear();
        self.verdicts.begin(predicates);
        self.rooms.begin(slots);
        self.digests.begin(slots);
    }
}

impl VisitedSet {
    pub fn begin(&mut self, length: usize) {
        if self.stamps.len() < length {
            self.stamps.resize(length, 0);
        }
        self.now = next(self.now, u32::MAX, || self.stamps.fill(0));
    }

    /// Returns whether the number is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let stamp = &mut self.stamps[number as usize];
        let first = *stamp != self.now;
        *stamp = self.now;
        first
    }
}

impl Verdicts {
    fn begin(&mut self, length: usize) {
        if self.stamps.len() < length {
            self.stamps.resize(length, 0);
        }
        self.event = next(self.event, u32::MAX / 2, || self.stamps.fill(0));
    }

    #[inline]
    pub fn get(&self, predicate: u32) -> Option<bool> {
        let stamp = self.stamps[predicate as usize];
        (stamp / 2 == self.event).then_some(stamp % 2 == 1)
    }

    pub fn set(&mut self, predicate: u32, holds: bool) {
        self.stamps[predicate as usize] = self.event * 2 + u32::from(holds);
    }
}

impl ValueCache {
    fn begin(&mut self, length: usize) {
        if self.rooms.len() < length {
            self.rooms.resize_with(length, CachedValue::default);
        }
        let rooms = &mut self.rooms;
        self.event = next(self.event, u32::MAX, || {
            rooms.iter_mut().for_each(|room| room.event = 0);
        });
    }

    /// The value of a slot; built on the first call.
    pub fn value<'v>(&'v mut self, slot: usize, datum: ValueRef<'v>) -> &'v Value {
        let built = match datum {
            ValueRef::Built(value) => return value,
            ValueRef::Taped(_) => datum,
        };
        let room = &mut self.rooms[slot];
        if room.event != self.event {
            room.event = self.event;
            room.fill(built);
        }
        room.value()
    }
}

impl Digests {
    fn begin(&mut self, length: usize) {
        if self.digests.len() < length {
            self.digests.resize(length, (0, ValueDigest::ABSENT));
        }
        self.elements.clear();
        let digests = &mut self.digests;
        self.event = next(self.event, u32::MAX, || {
            digests.iter_mut().for_each(|(event, _)| *event = 0);
        });
    }

    /// The digest of a slot and the numbers of the elements of all slots, both to be written for this event.
    #[inline]
    pub fn start(&mut self, slot: u32) -> (&mut ValueDigest, &mut Vec<ValueNumber>) {
        let (event, digest) = &mut self.digests[slot as usize];
        *event = self.event;
        (digest, &mut self.elements)
    }

    /// The digest of a slot and the numbers of the elements of all slots. `write` is called once per event.
    #[inline]
    pub fn get(
        &mut self,
        slot: u32,
        write: impl FnOnce(&mut ValueDigest, &mut Vec<ValueNumber>),
    ) -> (&ValueDigest, &[ValueNumber]) {
        let (event, digest) = &mut self.digests[slot as usize];
        if *event != self.event {
            *event = self.event;
            write(digest, &mut self.elements);
        }
        (digest, &self.elements)
    }
}

impl Default for CachedValue {
    fn default() -> Self {
        Self {
            event: 0,
            kind: JsonKind::Null,
            text: Value::String(String::new()),
            list: Value::Array(Vec::new()),
            other: Value::Null,
        }
    }
}

impl CachedValue {
    fn fill(&mut self, datum: ValueRef<'_>) {
        self.kind = datum.kind();
        let value = match self.kind {
            JsonKind::Text => &mut self.text,
            JsonKind::List => &mut self.list,
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => {
                &mut self.other
            }
        };
        fill(value, datum);
    }

    fn value(&self) -> &Value {
        match self.kind {
            JsonKind::Text => &self.text,
            JsonKind::List => &self.list,
            JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Object => &self.other,
        }
    }
}

/// Replaces a value, and reuses its memory if both are text or lists.
fn fill(value: &mut Value, datum: ValueRef<'_>) {
    match (datum.kind(), &mut *value) {
        (JsonKind::Text, Value::String(text)) => {
            text.clear();
            text.push_str(&datum.text().expect("a text has its text"));
        }
        (JsonKind::List, Value::Array(list)) => {
            let mut length = 0;
            for element in datum.elements() {
                if length == list.len() {
                    list.push(Value::Null);
                }
                fill(&mut list[length], element);
                length += 1;
            }
            list.truncate(length);
        }
        _ => *value = datum.value().into_owned(),
    }
}

/// The next stamp. After the last one it calls `clear` and starts again.
fn next(now: u32, last: u32, clear: impl FnOnce()) -> u32 {
    if now == last {
        clear();
        return 1;
    }
    now + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::json::tape::Tape;

    #[test]
    fn nothing_of_an_event_is_left_in_the_next() {
        let mut verdicts = Verdicts::default();
        for event in [0, 1, u32::MAX / 2 - 1, u32::MAX / 2] {
            verdicts.event = event;
            verdicts.begin(2);
            assert_eq!(verdicts.get(0), None);
            verdicts.set(0, true);
            verdicts.set(1, false);
            assert_eq!(
                (verdicts.get(0), verdicts.get(1)),
                (Some(true), Some(false))
            );
            verdicts.begin(2);
            assert_eq!((verdicts.get(0), verdicts.get(1)), (None, None));
        }
        let mut seen = VisitedSet::default();
        for now in [0, u32::MAX - 1, u32::MAX] {
            seen.now = now;
            seen.begin(1);
            assert!(seen.insert(0));
            assert!(!seen.insert(0));
        }
    }

    #[test]
    fn a_room_holds_the_value_of_the_event_whatever_it_held_before() {
        let values = [
            json!("long text"),
            json!(["a", "b", 1, ["x", "y"]]),
            json!(7),
            json!("x"),
            json!(["c", ["z"], {"k": [1]}]),
            json!(null),
            json!([]),
            json!({"a": [true]}),
        ];
        let (mut rooms, mut tape) = (ValueCache::default(), Tape::default());
        for value in values.iter().chain(&values) {
            let text = value.to_string();
            let scanned = tape.scan(text.as_bytes()).expect("plain JSON");
            rooms.begin(1);
            for _ in 0..2 {
                assert_eq!(rooms.value(0, ValueRef::Taped(scanned.root())), value);
            }
        }
    }
}
