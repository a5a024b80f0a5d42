//! Extracts the values at the paths of an index from a scanned document, without decoding the event. For each
//! format and type, the decoder's table is inverted once: from a path of the event to its place in the
//! document. A path that several places fill is read from the decoded event.

#[cfg(test)]
mod tests;
pub mod trie;

use serde_json::Value;

use crate::event::Event;
use crate::event::catalogue::event_type::EventType;
use crate::event::catalogue::field_type::FieldType;
use crate::event::json::value_ref::Datum;
use crate::event::format::decoder::{Decoder, Place, When};
use crate::event::header::Head;
use crate::event::format::transform::Leaf;
use crate::event::json::tape::{Item, Kind, Scanned};
use crate::path::{Found, Key, Path, Root, Route};
use crate::path::scope::Scope;
use crate::matching::extract::trie::{Spot, Spots, Trie};

/// The origins of an index's paths in documents of one format and type.
#[derive(Debug)]
pub struct Extraction {
    trie: Trie,
    origins: Vec<Origin>,
}

/// The origin of one path's value.
#[derive(Debug)]
enum Origin {
    Nowhere,
    /// One place of the document, unchanged.
    Spot(Spot),
    /// Several lines of the table, the most specific first; the first that is present has the value.
    Sources(Vec<Source>),
    About(About),
    /// Composed from several places, so that the event has to be decoded.
    Event(Path),
}

/// One line of a decoder's table, for a path at or below the place that the line fills.
#[derive(Debug)]
struct Source {
    /// Alternatives; the first that is present is used.
    from: Vec<Spot>,
    leaf: Leaf,
    field_type: Option<FieldType>,
    /// Whether only an object counts, as for the whole body.
    object: bool,
    /// The rest of the path below the place.
    rest: Vec<Key>,
}

/// A field of the event's header.
#[derive(Debug, Clone, Copy)]
enum About {
    Source,
    Type,
    Id,
    Key,
    Time,
    /// The display name, which `type` reads in the body.
    Display,
}

/// Buffers for the values of one event.
#[derive(Debug, Default)]
pub struct Room {
    spots: Spots,
    states: Vec<State>,
}

#[derive(Debug)]
enum State {
    Absent,
    /// The number of a tape entry.
    Taped(u32),
    Built(Value),
}

/// The values at the paths of an index, for one event.
#[derive(Debug, Clone, Copy)]
pub struct Extracted<'a> {
    scanned: &'a Scanned<'a>,
    states: &'a [State],
}

impl Extraction {
    /// For a built-in format, or None for one that the configuration describes.
    pub fn new(paths: &[Path], shape: Option<&Decoder>, known: Option<&EventType>) -> Self {
        let mut trie = Trie::default();
        let origins = paths.iter().map(|path| match &path.route {
            Route::Plain { root, keys } => match root {
                Root::Body => body(path, keys, shape, known, &mut trie),
                Root::Envelope => envelope(path, keys, shape, &mut trie),
                Root::Raw => Origin::Spot(trie.spot(keys)),
                Root::Event => about(path, keys),
                Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                    Origin::Nowhere
                }
            },
            // A query has no single place; its predicates read the decoded event.
            Route::Query(_) => Origin::Nowhere,
        });
        let origins = origins.collect();
        Self { trie, origins }
    }

    /// Extracts the values. `event` decodes the event if a path needs it.
    pub fn take<'a>(
        &self,
        scanned: &'a Scanned<'a>,
        head: &Head<'_>,
        event: &mut impl FnMut() -> &'a Event,
        room: &'a mut Room,
    ) -> Extracted<'a> {
        self.trie.walk(scanned.root(), &mut room.spots);
        room.states.clear();
        for origin in &self.origins {
            room.states.push(match origin {
                Origin::Nowhere => State::Absent,
                Origin::Spot(spot) => room.spots.get(*spot).map_or(State::Absent, State::Taped),
                Origin::Sources(sources) => first(sources, scanned, &room.spots),
                Origin::About(about) => about.state(head),
                Origin::Event(path) => built(path, event()),
            });
        }
        Extracted {
            scanned,
            states: &room.states,
        }
    }
}

impl<'a> Extracted<'a> {
    /// The value at the path with this number.
    pub fn get(&self, number: usize) -> Option<Datum<'a>> {
        match &self.states[number] {
            State::Absent => None,
            State::Taped(entry) => Some(Datum::Taped(self.scanned.item(*entry))),
            State::Built(value) => Some(Datum::Built(value)),
        }
    }
}

fn body(
    path: &Path,
    keys: &[Key],
    shape: Option<&Decoder>,
    known: Option<&EventType>,
    trie: &mut Trie,
) -> Origin {
    let Some(decoder) = shape else {
        return Origin::Spot(trie.spot(keys));
    };
    match keys {
        [key] if key.name == "type" => return Origin::About(About::Display),
        [key, ..] if key.name == "type" => return Origin::Nowhere,
        _ => {}
    }
    let owned = |place: &&Place| match place.when {
        When::Always => true,
        When::Own => known.is_some_and(|known| known.owns(place.to)),
    };
    let places: Vec<&Place> = decoder.body.iter().filter(owned).collect();
    turned(path, keys, &places, known, trie)
}

fn envelope(path: &Path, keys: &[Key], shape: Option<&Decoder>, trie: &mut Trie) -> Origin {
    let places = shape.map(|decoder| decoder.envelope).unwrap_or_default();
    let places: Vec<&Place> = places.iter().collect();
    turned(path, keys, &places, None, trie)
}

/// The lines that fill a path or a place above it, the last one first, since it overrides the lines before it.
fn turned(
    path: &Path,
    keys: &[Key],
    places: &[&Place],
    known: Option<&EventType>,
    trie: &mut Trie,
) -> Origin {
    if is_composed(keys, places) {
        return Origin::Event(path.clone());
    }
    let sources = places.iter().rev().filter_map(|place| {
        let rest = keys.get(steps(place.to).count()..)?;
        if !starts_with(keys, place.to) {
            return None;
        }
        let field = known.map(|known| (known, place.to));
        Some((place, rest, place.leaf.field_type(field).cloned()))
    });
    let sources: Vec<_> = sources.collect();
    // For a single unchanged place, only the path's own line counts.
    if let [(place, rest, _)] = sources.as_slice()
        && place.leaf == Leaf::AsIs
        && let [from] = place.from
    {
        let from: Vec<Key> = steps(from.text).map(Key::new).collect();
        return Origin::Spot(trie.spot(&[from, rest.to_vec()].concat()));
    }
    let sources = sources.into_iter().map(|(place, rest, field_type)| {
        let from = place.from.iter();
        Source {
            from: from
                .map(|from| trie.spot(&steps(from.text).map(Key::new).collect::<Vec<_>>()))
                .collect(),
            leaf: place.leaf,
            field_type,
            object: place.to.is_empty(),
            rest: rest.to_vec(),
        }
    });
    Origin::Sources(sources.collect())
}

/// Whether other lines write into the value, or could turn a list on the path into an object.
fn is_composed(keys: &[Key], places: &[&Place]) -> bool {
    let is_below = |above: &[Key]| {
        let below = |place: &&&Place| {
            let names: Vec<&str> = steps(place.to).collect();
            names.len() > above.len() && above.iter().zip(names).all(|(key, name)| key.name == name)
        };
        places.iter().any(|place| below(&place))
    };
    let through = |(at, key): (usize, &Key)| key.index.is_some() && is_below(&keys[..at]);
    is_below(keys) || keys.iter().enumerate().any(through)
}

fn starts_with(keys: &[Key], to: &str) -> bool {
    steps(to).zip(keys).all(|(name, key)| key.name == name)
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|step| !step.is_empty())
}

fn about(path: &Path, keys: &[Key]) -> Origin {
    let [key] = keys else {
        return match keys {
            [] => Origin::Event(path.clone()),
            _ => Origin::Nowhere,
        };
    };
    match key.name.as_str() {
        "source" => Origin::About(About::Source),
        "type" => Origin::About(About::Type),
        "id" => Origin::About(About::Id),
        "key" => Origin::About(About::Key),
        "time" => Origin::About(About::Time),
        _ => Origin::Nowhere,
    }
}

impl About {
    fn state(self, head: &Head<'_>) -> State {
        State::Built(match self {
            About::Source => head.source.into(),
            About::Type => Value::from(&*head.named.tag),
            About::Display => Value::from(&*head.named.display),
            About::Id => head.id().into(),
            About::Key => head.key().as_deref().into(),
            About::Time => head.time().map(|time| time.to_string()).into(),
        })
    }
}

fn first(sources: &[Source], scanned: &Scanned<'_>, spots: &Spots) -> State {
    for source in sources {
        let mut from = source.from.iter();
        let Some(entry) = from.find_map(|spot| spots.get(*spot)) else {
            continue;
        };
        let item = scanned.item(entry);
        if !source.object || item.kind() == Kind::Object {
            return source.state(item);
        }
    }
    State::Absent
}

impl Source {
    fn state(&self, item: Item<'_>) -> State {
        let field_type = self.field_type.as_ref();
        if self.leaf.leaves_unchanged(Datum::Taped(item), field_type) {
            let mut rest = self.rest.iter();
            let found = rest.try_fold(item, |item, key| step(item, key));
            return found.map_or(State::Absent, |item| State::Taped(item.number_on_tape()));
        }
        let value = self.leaf.apply_type(item.value(), field_type);
        let mut rest = self.rest.iter();
        let found = rest.try_fold(&value, |value, key| key.of(value));
        match found {
            None => State::Absent,
            Some(_) if self.rest.is_empty() => State::Built(value),
            Some(found) => State::Built(found.clone()),
        }
    }
}

fn step<'a>(item: Item<'a>, key: &Key) -> Option<Item<'a>> {
    match item.kind() {
        Kind::Object => item.get(&key.name),
        Kind::List => item.elements().nth(key.index?),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Text => None,
    }
}

fn built(path: &Path, event: &Event) -> State {
    let scope = Scope::new(event, &Value::Null);
    match path.resolve(&scope) {
        Found::One(value) => State::Built(value.clone()),
        Found::Absent | Found::Many(_) => State::Absent,
    }
}

