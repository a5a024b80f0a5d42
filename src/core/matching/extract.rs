//! The values at the paths that rules read, taken from a scanned document without building the event: for
//! each shape and type the decoder's table is turned around once, from where a path leads to where its
//! value comes from. What only the built event can say is left to it.

mod trie;

use serde_json::Value;

use crate::core::event::Event;
use crate::core::event::catalogue::{EventType, FieldType};
use crate::core::event::datum::Datum;
use crate::core::event::decoder::{Decoder, Place, When};
use crate::core::event::head::Head;
use crate::core::event::leaf::Leaf;
use crate::core::event::tape::{Item, Kind, Scanned};
use crate::core::rule::path::{Found, Key, Path, Root, Route};
use crate::core::scope::Scope;
use trie::{Spot, Spots, Trie};

/// Where the paths of an index stand in documents of one shape and type.
#[derive(Debug)]
pub struct Extraction {
    trie: Trie,
    origins: Vec<Origin>,
}

/// Where the value of one path comes from.
#[derive(Debug)]
enum Origin {
    Nowhere,
    /// One place of the document, as it is.
    Spot(Spot),
    /// From the particular to the general: the first that is there has it.
    Sources(Vec<Source>),
    About(About),
    /// Put together from several places, so that it has to be built.
    Event(Path),
}

/// One line of a decoder's table, seen from a path at or below the place that it fills.
#[derive(Debug)]
struct Source {
    /// The first of these that is there.
    from: Vec<Spot>,
    leaf: Leaf,
    field_type: Option<FieldType>,
    /// Whether anything but an object is passed over, as it is for the whole body.
    object: bool,
    /// From the place to the path.
    rest: Vec<Key>,
}

/// What is told above the event, and not in its body.
#[derive(Debug, Clone, Copy)]
enum About {
    Source,
    Type,
    Id,
    Key,
    Time,
    /// What `type` reads in the body.
    Display,
}

/// Room for the values of one event.
#[derive(Debug, Default)]
pub struct Room {
    spots: Spots,
    states: Vec<State>,
}

#[derive(Debug)]
enum State {
    Absent,
    /// The number of an entry of the tape.
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
    /// For a shape, or none for what a configuration describes.
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
            // It leads to no single place; such predicates are judged with the event.
            Route::Query(_) => Origin::Nowhere,
        });
        let origins = origins.collect();
        Self { trie, origins }
    }

    /// Takes the values. `event` builds the event where a path needs it.
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
    /// The value at the path of this number.
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

/// The places at or above a path, the last one first, since it overrides those before it.
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
    // Of a single place that is taken as it is, the path's own is all that counts.
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

/// Whether other places write into the value, or could make an object of a list that the path leads
/// through.
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

#[cfg(test)]
mod tests;
