//! Extracts the values at the paths of an index from a scanned document, without decoding the event. For each
//! format and type, the decoder's table is inverted once: from a path of the event to its place in the
//! document. A path that several places fill is read from the decoded event.

mod header_field;
mod path_maps;
#[cfg(test)]
mod tests;
pub(crate) mod trie;

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::event::Event;
use crate::event::catalogue::event_type::EventType;
use crate::event::catalogue::field_type::FieldType;
use crate::event::format::decoder::{AppliesTo, Decoder, FieldMapping};
use crate::event::format::transform::Transform;
use crate::event::header::EventHeader;
use crate::event::json::tape::{JsonKind, PathNumber, Tape, TapeDocument, TapeValue};
use crate::event::json::value_ref::ValueRef;
use crate::matching::extract::header_field::HeaderField;
use crate::matching::extract::path_maps::{ExtractorNumber, PathMaps, WantedPaths};
use crate::matching::extract::trie::{Trie, TrieSlot, TrieValues};
use crate::matching::index::posting::number;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, PathSegment, Resolved, Root};

/// The origins of an index's paths in documents of one format and type.
#[derive(Debug)]
pub struct Extractor {
    number: ExtractorNumber,
    trie: Trie,
    /// By slot: the place of a value that is in the document unchanged.
    spots: Box<[Option<TrieSlot>]>,
    /// The other values that a document can have, with their slots in ascending order.
    computed: Box<[(usize, ComputedValue)]>,
}

/// The origin of one path's value.
#[derive(Debug)]
enum ValueOrigin {
    Nowhere,
    /// One place of the document, unchanged.
    Spot(TrieSlot),
    Computed(ComputedValue),
}

/// A value that needs more than a place.
#[derive(Debug)]
enum ComputedValue {
    /// Several lines of the table, the most specific first; the first that is present has the value.
    Sources(Vec<FieldSource>),
    About(HeaderField),
    /// Composed from several mappings, so that the event has to be decoded.
    Event(Path),
}

/// One line of a decoder's table, for a path at or below the place that the line fills.
#[derive(Debug)]
struct FieldSource {
    /// Alternatives; the first that is present is used.
    from: Vec<TrieSlot>,
    leaf: Transform,
    field_type: Option<FieldType>,
    /// Whether only an object counts, as for the whole body.
    object: bool,
    /// The rest of the path below the place.
    rest: Vec<PathSegment>,
}

/// Buffers for the values of one event.
#[derive(Debug, Default)]
pub struct ExtractBuffers {
    maps: PathMaps,
    wanted: Vec<WantedPaths>,
    spots: TrieValues,
    states: Vec<ExtractState>,
    built: Vec<Value>,
}

#[derive(Debug, Clone, Copy)]
enum ExtractState {
    Absent,
    /// The number of a tape entry.
    Taped(u32),
    /// The number of a value that was built.
    Built(u32),
}

/// The values at the paths of an index, for one event.
#[derive(Debug, Clone, Copy)]
pub struct ExtractedValues<'a> {
    scanned: &'a TapeDocument<'a>,
    /// By slot: the path of a value that is in the document unchanged. Such a value is looked up when it is read. Empty
    /// if the tape has no numbers for these paths.
    paths: &'a [PathNumber],
    /// By slot: the other values. A slot after the last one is absent.
    states: &'a [ExtractState],
    built: &'a [Value],
    zone: Option<&'a TimeZone>,
}

impl ExtractBuffers {
    /// Prepares for the next text of a tape, which must be the same for all texts.
    pub fn prepare(&mut self, tape: &mut Tape) {
        self.maps.prepare(&mut self.wanted, tape);
    }
}

impl Extractor {
    /// For a built-in format, or None for one that the configuration describes.
    pub fn new(paths: &[Path], decoder: Option<&Decoder>, known: Option<&EventType>) -> Self {
        let mut trie = Trie::default();
        let origins = paths.iter().map(|path| match &path.route {
            PathKind::Plain { root, keys } => match root {
                Root::Body => body(path, keys, decoder, known, &mut trie),
                Root::Envelope => match decoder {
                    Some(decoder) if is_of_envelope(decoder, keys) => {
                        envelope(path, keys, decoder, &mut trie)
                    }
                    Some(_) | None => body(path, keys, decoder, known, &mut trie),
                },
                Root::Raw => ValueOrigin::Spot(trie.spot(keys)),
                Root::Event => header_field::origin(path, keys),
                Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                    ValueOrigin::Nowhere
                }
            },
            // A query has no single place; its predicates read the decoded event.
            PathKind::Query(_) => ValueOrigin::Nowhere,
        });
        let (mut spots, mut computed) = (Vec::with_capacity(paths.len()), Vec::new());
        for (slot, origin) in origins.enumerate() {
            spots.push(match origin {
                ValueOrigin::Spot(spot) => Some(spot),
                ValueOrigin::Nowhere => None,
                ValueOrigin::Computed(value) => {
                    computed.push((slot, value));
                    None
                }
            });
        }
        // Only distinguishes: what is extracted does not depend on it.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            number: ExtractorNumber(NEXT.fetch_add(1, Ordering::Relaxed)),
            trie,
            spots: spots.into(),
            computed: computed.into(),
        }
    }

    /// Extracts the values. `event` decodes the event if a path needs it.
    pub fn take<'a>(
        &self,
        scanned: &'a TapeDocument<'a>,
        head: &EventHeader<'a>,
        event: &mut impl FnMut() -> &'a Event,
        room: &'a mut ExtractBuffers,
    ) -> ExtractedValues<'a> {
        let ExtractBuffers {
            maps,
            wanted,
            spots,
            states,
            built,
        } = room;
        states.clear();
        built.clear();
        let paths = match maps.get(self.number, scanned) {
            Some(map) => {
                let entry = |spot: TrieSlot| scanned.entry_at(map.spots[spot]);
                self.compute(scanned, head, event, &entry, states, built);
                &*map.slots
            }
            None => {
                self.trie.walk(scanned.root(), spots);
                if let Some(paths) = self.trie.paths() {
                    wanted.push(WantedPaths {
                        extractor: self.number,
                        paths,
                        slots: self.spots.clone(),
                    });
                }
                let state = |spot: &Option<TrieSlot>| match spot.and_then(|spot| spots.get(spot)) {
                    Some(entry) => ExtractState::Taped(entry),
                    None => ExtractState::Absent,
                };
                states.extend(self.spots.iter().map(state));
                let entry = |spot: TrieSlot| spots.get(spot);
                self.compute(scanned, head, event, &entry, states, built);
                &[]
            }
        };
        ExtractedValues {
            scanned,
            paths,
            states,
            built,
            zone: head.time_zone(),
        }
    }

    /// Adds the values that need more than a place. `entry` finds the tape entry at a place.
    #[inline(always)]
    fn compute<'a>(
        &self,
        scanned: &'a TapeDocument<'a>,
        head: &EventHeader<'a>,
        event: &mut impl FnMut() -> &'a Event,
        entry: &impl Fn(TrieSlot) -> Option<u32>,
        states: &mut Vec<ExtractState>,
        built: &mut Vec<Value>,
    ) {
        for (slot, value) in &self.computed {
            let state = match value {
                ComputedValue::Sources(sources) => first(sources, scanned, entry, built),
                ComputedValue::About(about) => keep(about.value(head), built),
                ComputedValue::Event(path) => match resolved(path, event()) {
                    Some(value) => keep(value.clone(), built),
                    None => ExtractState::Absent,
                },
            };
            if states.len() <= *slot {
                states.resize(*slot + 1, ExtractState::Absent);
            }
            states[*slot] = state;
        }
    }
}

impl<'a> ExtractedValues<'a> {
    /// Whether the event's source has a time zone.
    pub fn has_zone(&self) -> bool {
        self.zone.is_some()
    }

    /// The value of a slot.
    #[inline]
    pub fn get(&self, slot: usize) -> Option<ValueRef<'a>> {
        if let Some(path) = self.paths.get(slot)
            && *path != PathNumber::NONE
        {
            let entry = self.scanned.entry_at(*path)?;
            return Some(ValueRef::Taped(self.scanned.item(entry)));
        }
        match self.states.get(slot)? {
            ExtractState::Absent => None,
            ExtractState::Taped(entry) => Some(ValueRef::Taped(self.scanned.item(*entry))),
            ExtractState::Built(number) => Some(ValueRef::Built(&self.built[*number as usize])),
        }
    }
}

fn body(
    path: &Path,
    keys: &[PathSegment],
    decoder: Option<&Decoder>,
    known: Option<&EventType>,
    trie: &mut Trie,
) -> ValueOrigin {
    let Some(decoder) = decoder else {
        return ValueOrigin::Spot(trie.spot(keys));
    };
    match keys {
        // The whole body has the type beside what its lines fill.
        [] => return ValueOrigin::Computed(ComputedValue::Event(path.clone())),
        [key] if key.name == "type" => {
            return ValueOrigin::Computed(ComputedValue::About(HeaderField::Display));
        }
        [key, ..] if key.name == "type" => return ValueOrigin::Nowhere,
        _ => {}
    }
    let owned = |mapping: &&FieldMapping| match mapping.applies_to {
        AppliesTo::Always => true,
        AppliesTo::Own => known.is_some_and(|known| known.owns(mapping.to)),
    };
    let mappings: Vec<&FieldMapping> = decoder.body.iter().filter(owned).collect();
    turned(path, keys, &mappings, known, trie)
}

fn is_of_envelope(decoder: &Decoder, keys: &[PathSegment]) -> bool {
    let first = keys.first();
    first.is_some_and(|key| decoder.has_envelope_field(&key.name))
}

fn envelope(path: &Path, keys: &[PathSegment], decoder: &Decoder, trie: &mut Trie) -> ValueOrigin {
    let mappings: Vec<&FieldMapping> = decoder.envelope.iter().collect();
    turned(path, keys, &mappings, None, trie)
}

/// The lines that fill a path or a place above it, the last one first, since it overrides the lines before it.
fn turned(
    path: &Path,
    keys: &[PathSegment],
    mappings: &[&FieldMapping],
    known: Option<&EventType>,
    trie: &mut Trie,
) -> ValueOrigin {
    if is_composed(keys, mappings) {
        return ValueOrigin::Computed(ComputedValue::Event(path.clone()));
    }
    let sources = mappings.iter().rev().filter_map(|mapping| {
        let rest = keys.get(steps(mapping.to).count()..)?;
        if !starts_with(keys, mapping.to) {
            return None;
        }
        let field = known.map(|known| (known, mapping.to));
        Some((mapping, rest, mapping.transform.field_type(field).cloned()))
    });
    let sources: Vec<_> = sources.collect();
    // For a single unchanged place, only the path's own line counts.
    if let [(mapping, rest, _)] = sources.as_slice()
        && mapping.transform == Transform::AsIs
        && let [from] = mapping.from
    {
        let from: Vec<PathSegment> = steps(from.text).map(PathSegment::new).collect();
        return ValueOrigin::Spot(trie.spot(&[from, rest.to_vec()].concat()));
    }
    let sources = sources.into_iter().map(|(mapping, rest, field_type)| {
        let from = mapping.from.iter();
        FieldSource {
            from: from
                .map(|from| trie.spot(&steps(from.text).map(PathSegment::new).collect::<Vec<_>>()))
                .collect(),
            leaf: mapping.transform,
            field_type,
            object: mapping.to.is_empty(),
            rest: rest.to_vec(),
        }
    });
    ValueOrigin::Computed(ComputedValue::Sources(sources.collect()))
}

/// Whether other lines write into the value, or could turn a list on the path into an object.
fn is_composed(keys: &[PathSegment], mappings: &[&FieldMapping]) -> bool {
    let is_below = |above: &[PathSegment]| {
        let below = |mapping: &&&FieldMapping| {
            let names: Vec<&str> = steps(mapping.to).collect();
            names.len() > above.len() && above.iter().zip(names).all(|(key, name)| key.name == name)
        };
        mappings.iter().any(|mapping| below(&mapping))
    };
    let through = |(at, key): (usize, &PathSegment)| key.index.is_some() && is_below(&keys[..at]);
    is_below(keys) || keys.iter().enumerate().any(through)
}

fn starts_with(keys: &[PathSegment], to: &str) -> bool {
    steps(to).zip(keys).all(|(name, key)| key.name == name)
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|step| !step.is_empty())
}

/// Adds a value that is not on the tape.
fn keep(value: Value, built: &mut Vec<Value>) -> ExtractState {
    built.push(value);
    ExtractState::Built(number(built.len() - 1))
}

fn first(
    sources: &[FieldSource],
    scanned: &TapeDocument<'_>,
    entry: &impl Fn(TrieSlot) -> Option<u32>,
    built: &mut Vec<Value>,
) -> ExtractState {
    for source in sources {
        let mut from = source.from.iter();
        let Some(entry) = from.find_map(|spot| entry(*spot)) else {
            continue;
        };
        let item = scanned.item(entry);
        if !source.object || item.kind() == JsonKind::Object {
            return source.state(item, built);
        }
    }
    ExtractState::Absent
}

impl FieldSource {
    fn state(&self, item: TapeValue<'_>, built: &mut Vec<Value>) -> ExtractState {
        let field_type = self.field_type.as_ref();
        if self
            .leaf
            .leaves_unchanged(ValueRef::Taped(item), field_type)
        {
            let mut rest = self.rest.iter();
            let found = rest.try_fold(item, |item, key| step(item, key));
            return found.map_or(ExtractState::Absent, |item| {
                ExtractState::Taped(item.number_on_tape())
            });
        }
        let value = self.leaf.apply_type(item.value(), field_type);
        let mut rest = self.rest.iter();
        let found = rest.try_fold(&value, |value, key| key.get(value));
        match found {
            None => ExtractState::Absent,
            Some(_) if self.rest.is_empty() => keep(value, built),
            Some(found) => keep(found.clone(), built),
        }
    }
}

fn step<'a>(item: TapeValue<'a>, key: &PathSegment) -> Option<TapeValue<'a>> {
    match item.kind() {
        JsonKind::Object => item.get(&key.name),
        JsonKind::List => item.elements().nth(key.index?),
        JsonKind::Null | JsonKind::Bool | JsonKind::Number | JsonKind::Text => None,
    }
}

fn resolved<'e>(path: &Path, event: &'e Event) -> Option<&'e Value> {
    match path.resolve(&Scope::new(event, &Value::Null)) {
        Resolved::One(value) => Some(value),
        Resolved::Absent | Resolved::Many(_) => None,
    }
}
