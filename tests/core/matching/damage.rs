//! The sample events, and what becomes of them on a bad way: values that nobody expects, keys twice, bytes
//! lost. Most of it leaves something that is still JSON, or nearly.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::layout::Layout;
use super::odd::{BLANKS, BYTES, KEYS, ODD, SAMPLES, WITHIN};

fn sample(at: &Index) -> &'static [u8] {
    &SAMPLES[at.index(SAMPLES.len())]
}

/// One thing that happens to a text.
#[derive(Debug, Clone)]
pub enum Damage {
    /// Bytes from a place on give way to others.
    Bytes(Index, usize, &'static [u8]),
    Cut(Index),
    Ends(&'static [u8], &'static [u8]),
    /// Something else in the place of a value.
    Value(Index, &'static str),
    Swapped(Index, Index),
    /// A part of another sample in the place of a value.
    Grafted(Index, Index, Index),
    /// The rest is another sample's.
    Spliced(Index, Index, Index),
    Gone(Index),
    Renamed(Index, &'static str),
    /// A key that is there already, before itself.
    Twice(Index, &'static str),
    /// One letter of a key or a text, by its number.
    Escaped(Index, Index),
    /// Put into a text or a key.
    Within(Index, Index, &'static str),
    Blanks(&'static str),
    Deep(Index, usize),
    /// Long keys of one length that begin and end alike.
    Alike(Index, bool),
    Many(Index, usize),
    /// Some events in a list.
    List(usize),
}

pub fn texts() -> impl Strategy<Value = Vec<u8>> {
    let damages = vec(damage(), 0..5);
    (any::<Index>(), damages).prop_map(|(at, damages)| {
        let text = sample(&at).to_vec();
        damages
            .iter()
            .fold(text, |text, damage| damage.done_to(text))
    })
}

/// A value or two changed, nothing else.
pub fn changed_values() -> impl Strategy<Value = Vec<u8>> {
    let value = (any::<Index>(), select(ODD)).prop_map(|(at, odd)| Damage::Value(at, odd));
    let graft = (any::<Index>(), any::<Index>(), any::<Index>());
    let graft = graft.prop_map(|(at, sample, part)| Damage::Grafted(at, sample, part));
    (any::<Index>(), vec(prop_oneof![value, graft], 1..3)).prop_map(|(at, damages)| {
        let text = sample(&at).to_vec();
        damages
            .iter()
            .fold(text, |text, damage| damage.done_to(text))
    })
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let ends = select(vec![
        Damage::Ends(b"\xef\xbb\xbf", b""),
        Damage::Ends(b" \n", b"\r\n \t"),
        Damage::Ends(b"", b"x"),
        Damage::Ends(b"", b"}"),
        Damage::Ends(b"", b"\n{\"a\":1}"),
        Damage::Ends(b"", b"\0"),
        Damage::Ends(b"{\"a\":", b"}"),
    ]);
    let bytes = (at(), 0..4usize, select(BYTES)).prop_map(|(at, n, new)| Damage::Bytes(at, n, new));
    let rough = prop_oneof![
        4 => bytes,
        1 => at().prop_map(Damage::Cut),
        2 => ends,
        1 => (at(), at(), at()).prop_map(|(at, other, from)| Damage::Spliced(at, other, from)),
        1 => (0..3usize).prop_map(Damage::List),
    ];
    let telling = prop_oneof![
        10 => (at(), select(ODD)).prop_map(|(at, odd)| Damage::Value(at, odd)),
        2 => (at(), at()).prop_map(|(a, b)| Damage::Swapped(a, b)),
        4 => (at(), at(), at()).prop_map(|(at, other, from)| Damage::Grafted(at, other, from)),
        4 => at().prop_map(Damage::Gone),
        3 => (at(), select(KEYS)).prop_map(|(at, key)| Damage::Renamed(at, key)),
        2 => (at(), select(ODD)).prop_map(|(at, odd)| Damage::Twice(at, odd)),
        2 => (at(), at()).prop_map(|(at, letter)| Damage::Escaped(at, letter)),
        3 => (at(), at(), select(WITHIN)).prop_map(|(at, in_it, new)| Damage::Within(at, in_it, new)),
        2 => select(BLANKS).prop_map(Damage::Blanks),
        1 => (at(), select(vec![1, 60, 120, 124, 126, 127, 128, 3_000])).prop_map(|(at, n)| Damage::Deep(at, n)),
        2 => (at(), any::<bool>()).prop_map(|(at, twice)| Damage::Alike(at, twice)),
        1 => (at(), 230..262usize).prop_map(|(at, n)| Damage::Many(at, n)),
    ];
    prop_oneof![3 => telling, 1 => rough]
}

impl Damage {
    /// The text after it. Where there is no place for it, nothing happens.
    pub fn done_to(&self, text: Vec<u8>) -> Vec<u8> {
        let layout = Layout::of(&text);
        let changed = match self {
            Damage::Bytes(at, count, new) => {
                let start = at.index(text.len() + 1);
                Some(put(&text, start..(start + count).min(text.len()), new))
            }
            Damage::Cut(at) => Some(text[..at.index(text.len() + 1)].to_vec()),
            Damage::Ends(head, tail) => Some([head, text.as_slice(), tail].concat()),
            Damage::Value(at, odd) => {
                pick(&layout.values, at).map(|place| put(&text, place.clone(), odd.as_bytes()))
            }
            Damage::Swapped(a, b) => swapped(&text, &layout, a, b),
            Damage::Grafted(at, other, from) => grafted(&text, &layout, at, sample(other), from),
            Damage::Spliced(at, other, from) => spliced(&text, &layout, at, sample(other), from),
            Damage::Gone(at) => gone(&text, &layout, at),
            Damage::Renamed(at, name) => pick(&layout.keys, at)
                .map(|key| put(&text, key.clone(), format!("\"{name}\"").as_bytes())),
            Damage::Twice(at, odd) => pick(&layout.keys, at).map(|key| {
                let twice = [&text[key.clone()], b":", odd.as_bytes(), b","].concat();
                put(&text, key.start..key.start, &twice)
            }),
            Damage::Escaped(at, letter) => escaped(&text, &layout, at, letter),
            Damage::Within(at, letter, new) => within(&text, &layout, at, letter, new),
            Damage::Blanks(blanks) => Some(blank(&text, &layout, blanks)),
            Damage::Deep(at, levels) => pick(&layout.values, at).map(|value| {
                let (open, close) = ("[".repeat(*levels), "]".repeat(*levels));
                let deep = [open.as_bytes(), &text[value.clone()], close.as_bytes()].concat();
                put(&text, value.clone(), &deep)
            }),
            Damage::Alike(at, twice) => alike(&text, &layout, at, *twice),
            Damage::Many(at, count) => pick(&layout.keys, at).map(|key| {
                let keys: String = (0..*count).map(|n| format!("\"key{n}\":{n},")).collect();
                put(&text, key.start..key.start, keys.as_bytes())
            }),
            Damage::List(count) => Some(
                [
                    b"[",
                    vec![text.as_slice(); *count].join(&b',').as_slice(),
                    b"]",
                ]
                .concat(),
            ),
        };
        changed.unwrap_or(text)
    }
}

fn pick<'s>(spans: &'s [Range<usize>], at: &Index) -> Option<&'s Range<usize>> {
    (!spans.is_empty()).then(|| at.get(spans))
}

fn put(text: &[u8], place: Range<usize>, new: &[u8]) -> Vec<u8> {
    [&text[..place.start], new, &text[place.end..]].concat()
}

fn swapped(text: &[u8], layout: &Layout, a: &Index, b: &Index) -> Option<Vec<u8>> {
    let (a, b) = (pick(&layout.values, a)?, pick(&layout.values, b)?);
    let (a, b) = if a.start < b.start { (a, b) } else { (b, a) };
    // One of them may hold the other.
    (a.end <= b.start).then(|| {
        let later = put(text, b.clone(), &text[a.clone()]);
        put(&later, a.clone(), &text[b.clone()])
    })
}

fn grafted(
    text: &[u8],
    layout: &Layout,
    at: &Index,
    other: &[u8],
    from: &Index,
) -> Option<Vec<u8>> {
    let others = Layout::of(other);
    let part = other[pick(&others.values, from)?.clone()].to_vec();
    Some(put(text, pick(&layout.values, at)?.clone(), &part))
}

fn spliced(
    text: &[u8],
    layout: &Layout,
    at: &Index,
    other: &[u8],
    from: &Index,
) -> Option<Vec<u8>> {
    let others = Layout::of(other);
    Some(
        [
            &text[..*at.get(&layout.gaps)],
            &other[*from.get(&others.gaps)..],
        ]
        .concat(),
    )
}

/// A key with its value and the comma behind it, or before it.
fn gone(text: &[u8], layout: &Layout, at: &Index) -> Option<Vec<u8>> {
    let key = pick(&layout.keys, at)?;
    let value = layout.value_of(key, text)?;
    let rest = text[value.end..].trim_ascii_start();
    if let Some(rest) = rest.strip_prefix(b",") {
        return Some([&text[..key.start], rest].concat());
    }
    let before = text[..key.start].trim_ascii_end();
    Some([before.strip_suffix(b",").unwrap_or(before), rest].concat())
}

/// A place in a key or a text that stands behind its first quote and before its last, at a letter.
fn letter(text: &[u8], layout: &Layout, at: &Index, letter: &Index) -> Option<usize> {
    let texts = layout
        .values
        .iter()
        .filter(|value| text[value.start] == b'"');
    let texts: Vec<_> = layout.keys.iter().chain(texts).cloned().collect();
    let span = pick(&texts, at)?;
    let place = span.start + 1 + letter.index(span.len().saturating_sub(1).max(1));
    let is_inside = |place: &usize| text.get(*place).is_some_and(|byte| byte & 0xC0 != 0x80);
    (place..span.end).find(is_inside)
}

fn escaped(text: &[u8], layout: &Layout, at: &Index, which: &Index) -> Option<Vec<u8>> {
    let at = letter(text, layout, at, which)?;
    let byte = text
        .get(at)
        .filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'/')?;
    let escape = match byte {
        b'/' => "\\/".to_owned(),
        byte => format!("\\u{byte:04x}"),
    };
    Some(put(text, at..at + 1, escape.as_bytes()))
}

fn within(text: &[u8], layout: &Layout, at: &Index, which: &Index, new: &str) -> Option<Vec<u8>> {
    let at = letter(text, layout, at, which)?;
    Some(put(text, at..at, new.as_bytes()))
}

fn blank(text: &[u8], layout: &Layout, blanks: &str) -> Vec<u8> {
    let mut spaced = Vec::new();
    let starts = layout.gaps.iter().zip(layout.gaps.iter().skip(1));
    for (start, end) in starts {
        spaced.extend_from_slice(blanks.as_bytes());
        spaced.extend_from_slice(&text[*start..*end]);
    }
    spaced.extend_from_slice(blanks.as_bytes());
    spaced
}

fn alike(text: &[u8], layout: &Layout, at: &Index, twice: bool) -> Option<Vec<u8>> {
    let key = pick(&layout.keys, at)?;
    let mut keys: String = (0..4)
        .map(|n| format!("\"prefixed-{n}-suffixed\":{n},"))
        .collect();
    if twice {
        keys.push_str("\"prefixed-2-suffixed\":0,");
    }
    Some(put(text, key.start..key.start, keys.as_bytes()))
}
