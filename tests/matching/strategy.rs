//! Rules and events that meet often: few paths, few values of every type, every operator on each.
//! What it writes need not load; who uses it takes the rules that do.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Texts that are alike in some way: in letters, as numbers, as times, as words of an order.
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

/// Where a rule may look.
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

/// Fields of the catalogue's types, whose operands are checked.
const KNOWN: &[&str] = &[
    "current",
    "previous",
    "ticket.priority",
    "ticket.status",
    "ticket.tags",
    "ticket.id",
    "ticket.subject",
    "ticket.created_at",
    "ticket.brand_id",
];

/// Where many values may stand.
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

fn text() -> impl Strategy<Value = Value> {
    select(TEXTS).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
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

fn scalar() -> impl Strategy<Value = Value> {
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

fn path() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        12 => select(FIELDS),
        6 => select(KNOWN),
        2 => select(QUERIES),
        1 => select(VARIABLES),
    ]
}

/// What an operator compares with, of a kind that it takes: written out, a variable, another field.
fn operand(plain: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let paths = [FIELDS, KNOWN, VARIABLES, VARIABLES, QUERIES].concat();
    let path = select(paths).prop_map(|path| json!({ "path": path }));
    prop_oneof![9 => plain, 2 => path].boxed()
}

fn any_of(plain: impl Strategy<Value = Value> + Clone + 'static) -> BoxedStrategy<Value> {
    let list = vec(operand(plain.clone()), 1..4).prop_map(Value::from);
    prop_oneof![3 => operand(plain), 1 => list].boxed()
}

fn ordered() -> impl Strategy<Value = Value> + Clone {
    let words = select(["low", "normal", "high", "open", "solved", "2026-03-01"].as_slice());
    let words = words.prop_map(Value::from);
    prop_oneof![3 => number().boxed(), 1 => text().boxed(), 2 => words.boxed()].boxed()
}

fn moment() -> impl Strategy<Value = Value> + Clone {
    const MOMENTS: &[&str] = &[
        "2026-03-01",
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.0007Z",
        "-2h",
        "+1d",
        "2026-03-08T11:00:00Z",
    ];
    select(MOMENTS).prop_map(Value::from).boxed()
}

fn written(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> + Clone {
    value.boxed()
}

/// One operator with its operand.
fn comparison() -> impl Strategy<Value = (&'static str, Value)> {
    let is = any_of(written(scalar())).prop_map(|v| ("is", v));
    let list = value().prop_filter("a list beside `is` means any of", |v| !v.is_array());
    let is_object = operand(list).prop_map(|v| ("is", v));
    let sides = (
        select(["lt", "lte", "gt", "gte"].as_slice()),
        any_of(ordered()),
    );
    let between = (operand(ordered()), operand(ordered()))
        .prop_map(|(low, high)| ("between", json!([low, high])));
    let lists = (
        select(["has", "has_all"].as_slice()),
        any_of(written(scalar())),
    );
    let texts = select(["contains", "starts_with", "ends_with"].as_slice());
    let texts = (texts, any_of(written(text())));
    let matches = vec(select(PATTERNS), 1..3).prop_map(|patterns| ("matches", json!(patterns)));
    let flags = (select(["exists", "present"].as_slice()), any::<bool>())
        .prop_map(|(name, wanted)| (name, json!(wanted)));
    let moments = (select(["before", "after"].as_slice()), any_of(moment()));
    prop_oneof![
        4 => is, 1 => is_object, 4 => sides, 3 => between, 3 => lists, 4 => texts, 3 => matches,
        3 => flags, 2 => moments
    ]
}

/// What stands beside a field: one operator or two, perhaps negated, perhaps in any case.
fn test() -> impl Strategy<Value = Value> {
    let plain = comparison().prop_map(|(name, operand)| json!({ name: operand }));
    let folded =
        comparison().prop_map(|(name, operand)| json!({ name: operand, "ignore_case": true }));
    let two = (comparison(), comparison()).prop_map(|(a, b)| json!({ a.0: a.1, b.0: b.1 }));
    let not = comparison().prop_map(|(name, operand)| json!({ "not": { name: operand } }));
    let bare = any_of(written(scalar()));
    prop_oneof![4 => plain, 2 => folded, 2 => two, 2 => not, 2 => bare]
}

/// What stands under `when`.
pub fn condition() -> impl Strategy<Value = Value> {
    let leaf = vec((path(), test()), 1..4).prop_map(|tests| {
        let tests = tests
            .into_iter()
            .map(|(path, test)| (path.to_owned(), test));
        Value::Object(tests.collect::<Map<_, _>>())
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        let group = select(["all", "any", "none"].as_slice());
        let group =
            (group, vec(inner.clone(), 1..4)).prop_map(|(key, parts)| json!({ key: parts }));
        let beside = (group.clone(), inner).prop_map(|(group, beside)| {
            let mut both = group;
            for (key, value) in beside.as_object().cloned().unwrap_or_default() {
                both[key] = value;
            }
            both
        });
        prop_oneof![group, beside]
    })
}

/// A condition of one operator on one field.
pub fn predicate() -> impl Strategy<Value = Value> {
    (select([FIELDS, KNOWN].concat()), test()).prop_map(|(path, test)| json!({ path: test }))
}

/// A rule's document. JSON is YAML.
pub fn rule(name: usize, when: &Value, vars: &Value, types: &Value) -> String {
    let rule = json!({
        "name": format!("r{name}"),
        "event_source": "support",
        "event_type": types,
        "vars": vars,
        "when": when,
        "flow": [{ "succeed": "ok" }],
    });
    format!("{rule}\n")
}

/// The variables of a rule.
pub fn vars() -> impl Strategy<Value = Value> {
    let words = vec(text(), 0..3);
    let date = select(["2026-03-01", "2026-03-08T11:00:00Z", "soon"].as_slice());
    (text(), number(), words, date).prop_map(|(word, number, words, date)| {
        json!({ "word": word, "number": number, "words": words, "date": date, "nothing": null })
    })
}

/// The types of a rule: of some the catalogue knows the fields, of others nothing.
pub fn types() -> impl Strategy<Value = Value> {
    select(vec![
        json!("ticket.PriorityChanged"),
        json!("ticket.StatusChanged"),
        json!(["ticket.PriorityChanged", "ticket.StatusChanged"]),
        json!("ticket.Anything"),
        json!("ticket.Anything"),
        json!("ticket.Anything"),
    ])
}

/// The text of a rule file.
pub fn rules(
    condition: impl Strategy<Value = Value>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    vec((condition, vars(), types()), count).prop_map(|rules| {
        let rules = rules.iter().enumerate();
        let rules = rules.map(|(name, (when, vars, types))| rule(name, when, vars, types));
        rules.collect::<Vec<_>>().join("---\n")
    })
}

/// The normalised parts of an event: body, envelope and body as received.
#[derive(Debug, Clone)]
pub struct Parts {
    pub body: Value,
    pub envelope: Value,
    pub raw: Value,
    pub time: Option<&'static str>,
}

pub fn parts() -> impl Strategy<Value = Parts> {
    let time = select(
        [
            Some("2026-03-08T12:00:00Z"),
            Some("2026-03-01T10:00:00Z"),
            None,
        ]
        .as_slice(),
    );
    (body(), value(), body(), time).prop_map(|(body, account, raw, time)| Parts {
        body,
        envelope: json!({ "account_id": account }),
        raw,
        time,
    })
}

/// A body with some of the fields, each of any value.
pub fn body() -> impl Strategy<Value = Value> {
    let fields = vec(proptest::option::weighted(0.8, value()), 16);
    fields.prop_map(|values| {
        let mut body = json!({});
        let places = [
            "/f/a",
            "/f/b",
            "/f/c",
            "/f/list",
            "/f/o",
            "/f/list",
            "/x",
            "/current",
            "/previous",
            "/ticket/priority",
            "/ticket/status",
            "/ticket/tags",
            "/ticket/id",
            "/ticket/subject",
            "/ticket/created_at",
            "/ticket/brand_id",
        ];
        for (place, value) in places.iter().zip(values) {
            if let Some(value) = value {
                put(&mut body, place, value);
            }
        }
        body
    })
}

fn put(body: &mut Value, place: &str, value: Value) {
    let mut here = body;
    for key in place.trim_start_matches('/').split('/') {
        here = &mut here[key];
    }
    *here = value;
}
