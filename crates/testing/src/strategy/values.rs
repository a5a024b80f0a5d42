//! Random values: few of every type, so that rules and events often have the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Texts that are equal in some way: in letters, as numbers, as times, as ranks.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "ba",
    "vip",
    "VIP",
    "vip emea",
    "emea vip",
    "ß",
    "SS",
    "ss",
    "İ",
    "i",
    "σας",
    "ΣΑΣ",
    "ΣΑΣ ",
    "\u{212a}",
    "k",
    "low",
    "normal",
    "high",
    "urgent",
    "Urgent",
    "new",
    "open",
    "solved",
    "deleted",
    "null",
    "true",
    "0",
    "-0",
    "1",
    "1.0",
    " 1",
    "10",
    "1e1",
    "1e999",
    "007",
    "-3",
    "9007199254740993",
    "18446744073709551615",
    "2026-03-01",
    "2026-03-01T00:00:00Z",
    "2026-03-01T10:00:00Z",
    "2026-03-01T10:00:00.0005Z",
    "2026-03-01T11:00:00+01:00",
    "2026-03-08T11:00:00Z",
    "2027-01-01",
    "soon",
    "a\"b\\c",
    "😀",
    "aaaa",
];

pub const DATES: &[&str] = &[
    "2026-03-01",
    "2026-03-01T10:00:00Z",
    "2026-03-08T11:00:00Z",
    "2027-01-01",
];

fn text() -> impl Strategy<Value = Value> {
    // Some are frequent, so that rules match many events.
    prop_oneof![1 => select(TEXTS), 1 => select(&TEXTS[..8])].prop_map(Value::from)
}

pub fn some_text() -> BoxedStrategy<Value> {
    let texts: Vec<&str> = TEXTS
        .iter()
        .copied()
        .filter(|text| !text.is_empty())
        .collect();
    select(texts).prop_map(Value::from).boxed()
}

pub fn one_of(texts: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(texts).prop_map(Value::from).boxed()
}

pub fn number() -> impl Strategy<Value = Value> {
    select(vec![
        json!(0),
        json!(-0.0),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!(-3),
        json!(10),
        json!(10.0),
        json!(35),
        json!(1e300),
        json!(9_007_199_254_740_991_u64),
        json!(9_007_199_254_740_992_u64),
        json!(9_007_199_254_740_993_u64),
        json!(9_007_199_254_740_992.0),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(i64::MAX),
    ])
}

pub fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text(),
        3 => number(),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

/// A value of any type.
pub fn value() -> impl Strategy<Value = Value> {
    let list = vec(scalar(), 0..4).prop_map(Value::from);
    let nested = vec(vec(scalar(), 0..2).prop_map(Value::from), 1..2).prop_map(Value::from);
    let object = scalar().prop_map(|value| json!({ "k": value }));
    prop_oneof![8 => scalar(), 3 => list, 1 => nested, 1 => object]
}
