//! Random rules on few paths with few values of every type and every operator, so that they often match.
//! Some of them do not load: a test takes those that do.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::values::{DATES, number, one_of, scalar, some_text};

/// Paths that a rule may test.
const FIELDS: &[&str] = &[
    "f.a",
    "f.b",
    "f.c",
    "f.list",
    "f.list.0",
    "f.a.deep",
    "f.o.k",
    "f.nowhere",
    "account_id",
    "event.time",
    "event.key",
    "$.raw.f.a",
    "$.raw.x",
    "$.input.ticket_event.f.list[1]",
    "$['input']['ticket_event']['f']['b']",
    "$.input.ticket_event",
];

/// Paths that may lead to many values.
const QUERIES: &[&str] = &[
    "$.input.ticket_event.f.list[*]",
    "$..a",
    "$.input.ticket_event.f.list[?@ == 'vip']",
    "$.input.ticket_event.f[*].k",
];

const VARIABLES: &[&str] = &[
    "vars.word",
    "vars.number",
    "vars.words",
    "vars.date",
    "vars.nothing",
];

/// The part of a configuration that rules with `during` need.
pub const SCHEDULES: &str = "schedules:
  office: { zone: Europe/Berlin, hours: { mon-fri: 09:00-18:00 }, holidays: [2026-03-06] }
  night: { zone: UTC, hours: { daily: 22:00-06:00 } }
";

const PATTERNS: &[&str] = &[
    "vip",
    "^vip",
    "vip$",
    "^vip$",
    "(?i)vip",
    "a+b",
    "^(low|high)",
    "e?m?ea",
    r"\d",
    r"^\d+\.0$",
    ".",
    "a*",
    "ß|ss",
    r"\bvip\b",
    "(?m)^vip",
    "^.*emea",
    "(a|b)(a|b)",
    "[^a]",
    "k",
    "σ",
    "ΣΑ",
];

const TIMES: &[&str] = &[
    "2026-03-01",
    "2026-03-01T10:00:00.0007Z",
    "-1h",
    "+1d",
    "2026-03-08T11:00:00Z",
];

const ORDER_OPERATORS: &[&str] = &["lt", "lte", "gt", "gte"];

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => select(FIELDS), 2 => select(QUERIES), 1 => select(VARIABLES)]
}

/// An operand: a value, a variable of its kind or another field.
fn operand(plain: BoxedStrategy<Value>, variable: &'static str) -> BoxedStrategy<Value> {
    let other = prop_oneof![2 => select(FIELDS), 1 => select(QUERIES)];
    let path = prop_oneof![1 => other.boxed(), 1 => Just(variable).boxed()];
    let path = path.prop_map(|path| json!({ "path": path }));
    prop_oneof![9 => plain, 2 => path].boxed()
}

/// One operand, or a list of them.
fn any_of(plain: BoxedStrategy<Value>, variable: &'static str) -> BoxedStrategy<Value> {
    let list = vec(operand(plain.clone(), variable), 1..4).prop_map(Value::from);
    prop_oneof![3 => operand(plain, variable), 1 => list].boxed()
}

/// Values that have an order.
fn ordered() -> BoxedStrategy<Value> {
    prop_oneof![3 => number().boxed(), 2 => some_text(), 1 => one_of(DATES)].boxed()
}

/// The two ends of a range.
fn ends() -> BoxedStrategy<Value> {
    let numbers = vec(number(), 2).prop_map(|mut ends| {
        ends.sort_by(|a, b| {
            a.as_f64()
                .unwrap_or(0.0)
                .total_cmp(&b.as_f64().unwrap_or(0.0))
        });
        json!(ends)
    });
    let dates = subsequence(DATES, 2).prop_map(|ends| json!(ends));
    let words = select(vec![
        json!(["a", "vip"]),
        json!(["0", "10"]),
        json!([1, "10"]),
    ]);
    let path = select(FIELDS).prop_map(|path| json!({ "path": path }));
    let mixed = (path, number()).prop_map(|(path, number)| json!([number, path]));
    prop_oneof![4 => numbers, 2 => dates, 1 => words, 1 => mixed].boxed()
}

type Comparison = (&'static str, Value);

/// Operators that compare text and so take `ignore_case`.
fn textual() -> BoxedStrategy<Comparison> {
    let is = any_of(scalar().boxed(), "vars.words").prop_map(|v| ("is", v));
    let lists = select(["has", "has_all"].as_slice());
    let lists = (lists, any_of(scalar().boxed(), "vars.words"));
    let texts = select(["contains", "starts_with", "ends_with"].as_slice());
    let texts = (texts, any_of(some_text(), "vars.word"));
    prop_oneof![4 => is, 3 => lists, 4 => texts, 3 => matches()].boxed()
}

fn matches() -> BoxedStrategy<Comparison> {
    let patterns = vec(select(PATTERNS), 1..3);
    patterns
        .prop_map(|patterns| ("matches", json!(patterns)))
        .boxed()
}

fn comparison() -> BoxedStrategy<Comparison> {
    let sides = any_of(ordered(), "vars.number").boxed();
    prop_oneof![
        5 => textual(),
        3 => (select(ORDER_OPERATORS), sides),
        2 => ends().prop_map(|ends| ("between", ends)),
        2 => (select(["exists", "present"].as_slice()), any::<bool>().prop_map(Value::from)),
        2 => (select(["before", "after"].as_slice()), any_of(one_of(TIMES), "vars.date")),
        2 => during(),
    ]
    .boxed()
}

/// Schedules of [`SCHEDULES`].
fn during() -> BoxedStrategy<Comparison> {
    let schedules = [json!("office"), json!("night"), json!({"not": "office"})];
    let schedules = select(schedules.to_vec());
    schedules.prop_map(|schedule| ("during", schedule)).boxed()
}

/// The test of a field: one or two operators, or a negated one.
fn field_test(comparison: BoxedStrategy<Comparison>) -> BoxedStrategy<Value> {
    let plain = comparison
        .clone()
        .prop_map(|(name, operand)| json!({ name: operand }));
    let two = (comparison.clone(), comparison.clone());
    let two = two.prop_map(|(a, b)| json!({ a.0: a.1, b.0: b.1 }));
    let not = comparison.prop_map(|(name, operand)| json!({ "not": { name: operand } }));
    prop_oneof![3 => plain, 1 => two, 2 => not].boxed()
}

fn test() -> BoxedStrategy<Value> {
    let folded =
        textual().prop_map(|(name, operand)| json!({ name: operand, "ignore_case": true }));
    let not = folded.clone().prop_map(|test| json!({ "not": test }));
    let bare = any_of(scalar().boxed(), "vars.words");
    prop_oneof![6 => field_test(comparison()), 2 => folded, 1 => not, 2 => bare].boxed()
}

/// A field of an unknown type, and its test.
fn open() -> BoxedStrategy<(&'static str, Value)> {
    (path(), test()).boxed()
}

/// One field whose type the catalogue knows, with operands that fit it.
fn known(words: &'static [&'static str]) -> BoxedStrategy<(&'static str, Value)> {
    let ranks = prop_oneof![
        3 => (select(ORDER_OPERATORS), one_of(words)),
        1 => select(ORDER_OPERATORS).prop_map(|side| (side, json!({ "path": "previous" }))),
        1 => subsequence(words, 2).prop_map(|ends| ("between", json!(ends))),
        2 => subsequence(words, 1..3).prop_map(|words| ("is", json!(words))),
        1 => Just(("is", Value::Null)),
    ];
    let ids = prop_oneof![
        2 => (select(ORDER_OPERATORS), number()),
        1 => number().prop_map(|id| ("is", id)),
        1 => select(ORDER_OPERATORS).prop_map(|side| (side, json!({ "path": "vars.number" }))),
    ];
    let texts = select(["contains", "starts_with", "ends_with", "gt", "lte"].as_slice());
    let texts = prop_oneof![2 => (texts, some_text()).boxed(), 1 => matches()];
    let tags = (
        select(["has", "has_all"].as_slice()),
        any_of(some_text(), "vars.words"),
    );
    let times = prop_oneof![
        2 => (select(["before", "after"].as_slice()), one_of(TIMES)),
        1 => (select(ORDER_OPERATORS), one_of(DATES)),
        1 => subsequence(DATES, 2).prop_map(|ends| ("between", json!(ends))),
        1 => during(),
    ];
    prop_oneof![
        3 => (select(["current", "previous"].as_slice()), field_test(ranks.boxed())),
        1 => (Just("ticket.id"), field_test(ids.boxed())),
        1 => (Just("ticket.subject"), field_test(texts.boxed())),
        1 => (Just("ticket.tags"), field_test(tags.boxed())),
        1 => (Just("ticket.created_at"), field_test(times.boxed())),
    ]
    .boxed()
}

/// A tree of all, any and none over tests of fields.
fn tree(field: BoxedStrategy<(&'static str, Value)>) -> BoxedStrategy<Value> {
    let leaf = vec(field, 1..4).prop_map(|tests| {
        let tests = tests
            .into_iter()
            .map(|(path, test)| (path.to_owned(), test));
        Value::Object(tests.collect::<Map<_, _>>())
    });
    let groups = |inner: BoxedStrategy<Value>| {
        let group = select(["all", "any", "none"].as_slice());
        let group =
            (group, vec(inner.clone(), 1..4)).prop_map(|(key, parts)| json!({ key: parts }));
        let beside = (group.clone(), inner).prop_map(|(mut group, beside)| {
            for (key, value) in beside.as_object().cloned().unwrap_or_default() {
                group[key] = value;
            }
            group
        });
        prop_oneof![group, beside]
    };
    leaf.prop_recursive(3, 8, 3, groups).boxed()
}

/// A rule's document; JSON is YAML. The catalogue knows the fields of the help desk's event types, and none of `shop`.
fn document(field: fn(Kind) -> BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let rules = select(KINDS).prop_flat_map(move |kind| (Just(kind), field(kind), vars()));
    let rules = rules.prop_map(|(kind, when, vars)| {
        let (source, types) = kind.trigger();
        json!({
            "event_source": source,
            "event_type": types,
            "vars": vars,
            "when": when,
            "flow": [{ "succeed": "ok" }],
        })
    });
    rules.boxed()
}

/// The event types of a rule.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Priority,
    Status,
    Either,
    Shop,
}

const KINDS: &[Kind] = &[
    Kind::Priority,
    Kind::Status,
    Kind::Either,
    Kind::Shop,
    Kind::Shop,
    Kind::Shop,
    Kind::Shop,
    Kind::Shop,
];

impl Kind {
    fn trigger(self) -> (&'static str, Value) {
        match self {
            Kind::Priority => ("support", json!("ticket.PriorityChanged")),
            Kind::Status => ("support", json!("ticket.StatusChanged")),
            Kind::Either => (
                "support",
                json!(["ticket.PriorityChanged", "ticket.StatusChanged"]),
            ),
            Kind::Shop => ("shop", json!("order")),
        }
    }

    fn field(self) -> BoxedStrategy<(&'static str, Value)> {
        match self {
            Kind::Priority => known(&["low", "normal", "high", "urgent"]),
            Kind::Status => known(&["new", "open", "pending", "solved"]),
            Kind::Either => known(&["low", "open"]),
            Kind::Shop => open(),
        }
    }
}

/// The variables of a rule.
fn vars() -> impl Strategy<Value = Value> {
    let words = vec(some_text(), 0..3);
    (some_text(), number(), words, one_of(DATES)).prop_map(|(word, number, words, date)| {
        json!({ "word": word, "number": number, "words": words, "date": date, "nothing": null })
    })
}

/// The text of a rule file with whole conditions.
pub fn rules(count: Range<usize>) -> impl Strategy<Value = String> {
    vec(document(|kind| tree(kind.field())), count).prop_map(file)
}

/// The text of a rule file with one test in each rule.
pub fn tests(count: Range<usize>) -> impl Strategy<Value = String> {
    let single = |kind: Kind| {
        kind.field()
            .prop_map(|(path, test)| json!({ path: test }))
            .boxed()
    };
    vec(document(single), count).prop_map(file)
}

fn file(rules: Vec<Value>) -> String {
    let rules = rules.into_iter().enumerate().map(|(number, mut rule)| {
        rule["name"] = json!(format!("r{number}"));
        format!("{rule}\n")
    });
    rules.collect::<Vec<_>>().join("---\n")
}
