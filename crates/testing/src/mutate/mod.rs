//! Mutated sample events: unexpected values, duplicate keys, lost bytes. Most of the texts are still JSON, or
//! nearly.

mod layout;
mod replacements;

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::repository::SAMPLES;
use layout::Layout;
use replacements::{BLANKS, BYTES, INSERTIONS, KEYS, VALUES};

fn sample(at: &Index) -> &'static [u8] {
    &SAMPLES[at.index(SAMPLES.len())]
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Mutation {
    /// Replaces bytes from a position on.
    Bytes(Index, usize, &'static [u8]),
    /// Removes everything from a position on.
    Cut(Index),
    /// Adds bytes before and after.
    Ends(&'static [u8], &'static [u8]),
    /// Replaces a value.
    Value(Index, &'static str),
    /// Exchanges two values.
    Swapped(Index, Index),
    /// Replaces a value by a part of another sample.
    Grafted(Index, Index, Index),
    /// Replaces the rest by that of another sample.
    Spliced(Index, Index, Index),
    /// Removes a key with its value.
    Removed(Index),
    Renamed(Index, &'static str),
    /// Inserts a key a second time, before itself.
    Duplicated(Index, &'static str),
    /// Escapes one letter of a key or a text.
    Escaped(Index, Index),
    /// Inserts into a text or a key.
    Inserted(Index, Index, &'static str),
    /// Inserts white space between all tokens.
    Blanks(&'static str),
    /// Wraps a value in lists.
    Nested(Index, usize),
    /// Inserts long keys that start and end with the same letters.
    SimilarKeys(Index, bool),
    /// Inserts many keys.
    ManyKeys(Index, usize),
    /// Repeats the text in a list.
    List(usize),
}

/// Samples with up to four mutations.
pub fn texts() -> impl Strategy<Value = Vec<u8>> {
    let mutations = vec(mutation(), 0..5);
    (any::<Index>(), mutations).prop_map(|(at, mutations)| {
        let text = sample(&at).to_vec();
        mutations
            .iter()
            .fold(text, |text, mutation| mutation.apply(text))
    })
}

/// Samples with one or two values replaced and nothing else changed.
pub fn changed_values() -> impl Strategy<Value = Vec<u8>> {
    let value = (any::<Index>(), select(VALUES)).prop_map(|(at, new)| Mutation::Value(at, new));
    let graft = (any::<Index>(), any::<Index>(), any::<Index>());
    let graft = graft.prop_map(|(at, sample, part)| Mutation::Grafted(at, sample, part));
    (any::<Index>(), vec(prop_oneof![value, graft], 1..3)).prop_map(|(at, mutations)| {
        let text = sample(&at).to_vec();
        mutations
            .iter()
            .fold(text, |text, mutation| mutation.apply(text))
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let ends = select(vec![
        Mutation::Ends(b"\xef\xbb\xbf", b""),
        Mutation::Ends(b" \n", b"\r\n \t"),
        Mutation::Ends(b"", b"x"),
        Mutation::Ends(b"", b"}"),
        Mutation::Ends(b"", b"\n{\"a\":1}"),
        Mutation::Ends(b"", b"\0"),
        Mutation::Ends(b"{\"a\":", b"}"),
    ]);
    let bytes =
        (at(), 0..4usize, select(BYTES)).prop_map(|(at, n, new)| Mutation::Bytes(at, n, new));
    let of_bytes = prop_oneof![
        4 => bytes,
        1 => at().prop_map(Mutation::Cut),
        2 => ends,
        1 => (at(), at(), at()).prop_map(|(at, other, from)| Mutation::Spliced(at, other, from)),
        1 => (0..3usize).prop_map(Mutation::List),
    ];
    let of_json = prop_oneof![
        10 => (at(), select(VALUES)).prop_map(|(at, new)| Mutation::Value(at, new)),
        2 => (at(), at()).prop_map(|(a, b)| Mutation::Swapped(a, b)),
        4 => (at(), at(), at()).prop_map(|(at, other, from)| Mutation::Grafted(at, other, from)),
        4 => at().prop_map(Mutation::Removed),
        3 => (at(), select(KEYS)).prop_map(|(at, key)| Mutation::Renamed(at, key)),
        2 => (at(), select(VALUES)).prop_map(|(at, new)| Mutation::Duplicated(at, new)),
        2 => (at(), at()).prop_map(|(at, letter)| Mutation::Escaped(at, letter)),
        3 => (at(), at(), select(INSERTIONS)).prop_map(|(at, letter, new)| Mutation::Inserted(at, letter, new)),
        2 => select(BLANKS).prop_map(Mutation::Blanks),
        1 => (at(), select(vec![1, 60, 120, 124, 126, 127, 128, 3_000])).prop_map(|(at, n)| Mutation::Nested(at, n)),
        2 => (at(), any::<bool>()).prop_map(|(at, twice)| Mutation::SimilarKeys(at, twice)),
        1 => (at(), 230..262usize).prop_map(|(at, n)| Mutation::ManyKeys(at, n)),
    ];
    prop_oneof![3 => of_json, 1 => of_bytes]
}

impl Mutation {
    /// Returns the changed text, or the same one where the change is not possible.
    fn apply(&self, text: Vec<u8>) -> Vec<u8> {
        let layout = Layout::new(&text);
        let changed = match self {
            Mutation::Bytes(at, count, new) => {
                let start = at.index(text.len() + 1);
                Some(put(&text, start..(start + count).min(text.len()), new))
            }
            Mutation::Cut(at) => Some(text[..at.index(text.len() + 1)].to_vec()),
            Mutation::Ends(head, tail) => Some([head, text.as_slice(), tail].concat()),
            Mutation::Value(at, new) => {
                pick(&layout.values, at).map(|place| put(&text, place.clone(), new.as_bytes()))
            }
            Mutation::Swapped(a, b) => swapped(&text, &layout, a, b),
            Mutation::Grafted(at, other, from) => grafted(&text, &layout, at, sample(other), from),
            Mutation::Spliced(at, other, from) => spliced(&text, &layout, at, sample(other), from),
            Mutation::Removed(at) => removed(&text, &layout, at),
            Mutation::Renamed(at, name) => pick(&layout.keys, at)
                .map(|key| put(&text, key.clone(), format!("\"{name}\"").as_bytes())),
            Mutation::Duplicated(at, new) => pick(&layout.keys, at).map(|key| {
                let twice = [&text[key.clone()], b":", new.as_bytes(), b","].concat();
                put(&text, key.start..key.start, &twice)
            }),
            Mutation::Escaped(at, letter) => escaped(&text, &layout, at, letter),
            Mutation::Inserted(at, letter, new) => inserted(&text, &layout, at, letter, new),
            Mutation::Blanks(blanks) => Some(with_blanks(&text, &layout, blanks)),
            Mutation::Nested(at, levels) => pick(&layout.values, at).map(|value| {
                let (open, close) = ("[".repeat(*levels), "]".repeat(*levels));
                let deep = [open.as_bytes(), &text[value.clone()], close.as_bytes()].concat();
                put(&text, value.clone(), &deep)
            }),
            Mutation::SimilarKeys(at, twice) => similar_keys(&text, &layout, at, *twice),
            Mutation::ManyKeys(at, count) => pick(&layout.keys, at).map(|key| {
                let keys: String = (0..*count).map(|n| format!("\"key{n}\":{n},")).collect();
                put(&text, key.start..key.start, keys.as_bytes())
            }),
            Mutation::List(count) => Some(
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
    // One of them may contain the other.
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
    let others = Layout::new(other);
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
    let others = Layout::new(other);
    Some(
        [
            &text[..*at.get(&layout.gaps)],
            &other[*from.get(&others.gaps)..],
        ]
        .concat(),
    )
}

/// Removes a key with its value and one comma.
fn removed(text: &[u8], layout: &Layout, at: &Index) -> Option<Vec<u8>> {
    let key = pick(&layout.keys, at)?;
    let value = layout.value_of(key, text)?;
    let rest = text[value.end..].trim_ascii_start();
    if let Some(rest) = rest.strip_prefix(b",") {
        return Some([&text[..key.start], rest].concat());
    }
    let before = text[..key.start].trim_ascii_end();
    Some([before.strip_suffix(b",").unwrap_or(before), rest].concat())
}

/// A position in a key or a text, between the quotes and at the start of a letter.
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

fn inserted(text: &[u8], layout: &Layout, at: &Index, which: &Index, new: &str) -> Option<Vec<u8>> {
    let at = letter(text, layout, at, which)?;
    Some(put(text, at..at, new.as_bytes()))
}

fn with_blanks(text: &[u8], layout: &Layout, blanks: &str) -> Vec<u8> {
    let mut spaced = Vec::new();
    let starts = layout.gaps.iter().zip(layout.gaps.iter().skip(1));
    for (start, end) in starts {
        spaced.extend_from_slice(blanks.as_bytes());
        spaced.extend_from_slice(&text[*start..*end]);
    }
    spaced.extend_from_slice(blanks.as_bytes());
    spaced
}

fn similar_keys(text: &[u8], layout: &Layout, at: &Index, twice: bool) -> Option<Vec<u8>> {
    let key = pick(&layout.keys, at)?;
    let mut keys: String = (0..4)
        .map(|n| format!("\"prefixed-{n}-suffixed\":{n},"))
        .collect();
    if twice {
        keys.push_str("\"prefixed-2-suffixed\":0,");
    }
    Some(put(text, key.start..key.start, keys.as_bytes()))
}
