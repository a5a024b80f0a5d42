//! A second, naive reading of the language, written from its description alone and sharing no code with
//! the evaluator; random conditions on random bodies must mean the same to both.

use flowtrigger::core::matching::evaluate::Truth;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{documents, judge, lower};

/// A condition as an author could write it.
#[derive(Debug, Clone)]
enum Written {
    Field(&'static str, Test),
    All(Vec<Written>),
    Any(Vec<Written>),
    None(Vec<Written>),
}

/// What may stand beside a field.
#[derive(Debug, Clone)]
enum Test {
    Value(Value),
    OneOf(Vec<Value>),
    SameAs(&'static str),
    Not(Box<Test>),
    Operators(Vec<Operator>),
}

#[derive(Debug, Clone)]
enum Operator {
    Lt(i64),
    Gte(i64),
    Between(i64, i64),
    Has(Vec<Value>),
    HasAll(Vec<Value>),
    Contains(&'static str),
    StartsWith(&'static str),
    Exists(bool),
    Present(bool),
    GtField(&'static str),
    Not(Box<Test>),
}

const FIELDS: [&str; 5] = ["a", "b", "o.x", "o.y", "n.z"];
const TEXTS: [&str; 5] = ["a", "ab", "b", "2", "-1.5"];

fn written(test: &Test) -> Value {
    match test {
        Test::Value(value) => value.clone(),
        Test::OneOf(values) => json!(values),
        Test::SameAs(path) => json!({ "path": path }),
        Test::Not(test) => json!({ "not": written(test) }),
        Test::Operators(operators) => operators.iter().map(operator).collect::<Map<_, _>>().into(),
    }
}

fn operator(operator: &Operator) -> (String, Value) {
    let (name, value) = match operator {
        Operator::Lt(n) => ("lt", json!(n)),
        Operator::Gte(n) => ("gte", json!(n)),
        Operator::Between(low, high) => ("between", json!([low, high])),
        Operator::Has(values) => ("has", json!(values)),
        Operator::HasAll(values) => ("has_all", json!(values)),
        Operator::Contains(text) => ("contains", json!(text)),
        Operator::StartsWith(text) => ("starts_with", json!(text)),
        Operator::Exists(wanted) => ("exists", json!(wanted)),
        Operator::Present(wanted) => ("present", json!(wanted)),
        Operator::GtField(path) => ("gt", json!({ "path": path })),
        Operator::Not(test) => ("not", written(test)),
    };
    (name.to_owned(), value)
}

fn condition(written_condition: &Written) -> Value {
    let list = |parts: &[Written]| parts.iter().map(condition).collect::<Value>();
    match written_condition {
        Written::Field(path, test) => json!({ *path: written(test) }),
        Written::All(parts) => json!({ "all": list(parts) }),
        Written::Any(parts) => json!({ "any": list(parts) }),
        Written::None(parts) => json!({ "none": list(parts) }),
    }
}

/// Truth as Kleene has it: none is unknown.
type Kleene = Option<bool>;

fn negate(truth: Kleene) -> Kleene {
    truth.map(|holds| !holds)
}

fn every(truths: &[Kleene]) -> Kleene {
    match truths {
        _ if truths.contains(&Some(false)) => Some(false),
        _ if truths.contains(&None) => None,
        _ => Some(true),
    }
}

fn some(truths: &[Kleene]) -> Kleene {
    negate(every(
        &truths
            .iter()
            .map(|truth| negate(*truth))
            .collect::<Vec<_>>(),
    ))
}

fn reading(written: &Written, body: &Value) -> Kleene {
    let all = |parts: &[Written]| parts.iter().map(|p| reading(p, body)).collect::<Vec<_>>();
    match written {
        Written::Field(path, test) => beside(test, path, body),
        Written::All(parts) => every(&all(parts)),
        Written::Any(parts) => some(&all(parts)),
        Written::None(parts) => negate(some(&all(parts))),
    }
}

fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(body, |value, key| value.as_object()?.get(key))
}

fn beside(test: &Test, path: &str, body: &Value) -> Kleene {
    match test {
        Test::Value(wanted) => Some(same(at(body, path)?, wanted)),
        Test::OneOf(wanted) => {
            let value = at(body, path)?;
            Some(wanted.iter().any(|wanted| same(value, wanted)))
        }
        Test::SameAs(other) => Some(same(at(body, path)?, at(body, other)?)),
        Test::Not(test) => negate(beside(test, path, body)),
        Test::Operators(operators) => every(
            &operators
                .iter()
                .map(|o| holds(o, path, body))
                .collect::<Vec<_>>(),
        ),
    }
}

/// Numbers by what they count, also inside lists: `[2]` is `[2.0]`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}

fn holds(operator: &Operator, path: &str, body: &Value) -> Kleene {
    let value = at(body, path);
    match operator {
        Operator::Exists(wanted) => Some(value.is_some() == *wanted),
        Operator::Present(wanted) => {
            let nothing = value.is_none_or(|v| v.is_null() || *v == json!("") || *v == json!([]));
            Some(nothing != *wanted)
        }
        Operator::Lt(n) => number(value?, |value| value < *n as f64),
        Operator::Gte(n) => number(value?, |value| value >= *n as f64),
        Operator::Between(low, high) => number(value?, |value| {
            value >= *low as f64 && value <= *high as f64
        }),
        Operator::GtField(other) => greater(value?, at(body, other)?),
        Operator::Has(wanted) => list(value?, |items| {
            wanted
                .iter()
                .any(|wanted| items.iter().any(|item| same(item, wanted)))
        }),
        Operator::HasAll(wanted) => list(value?, |items| {
            wanted
                .iter()
                .all(|wanted| items.iter().any(|item| same(item, wanted)))
        }),
        Operator::Contains(part) => text(value?, |text| text.contains(part)),
        Operator::StartsWith(part) => text(value?, |text| text.starts_with(part)),
        Operator::Not(test) => negate(beside(test, path, body)),
    }
}

/// An order against a number: false on null, unknown on what is no number.
fn number(value: &Value, test: impl Fn(f64) -> bool) -> Kleene {
    match value {
        Value::Null => Some(false),
        Value::Number(n) => n.as_f64().map(test),
        Value::String(text) => text.parse::<f64>().ok().map(test),
        _ => None,
    }
}

/// An order against another field: as numbers where both are, else as texts where both are.
fn greater(value: &Value, other: &Value) -> Kleene {
    let read = |value: &Value| match value {
        Value::String(text) => text.parse::<f64>().ok(),
        other => other.as_f64(),
    };
    match (value, other) {
        (Value::Null, _) => Some(false),
        (_, Value::Null) => Some(false),
        (Value::String(a), Value::String(b)) if read(value).is_none() || read(other).is_none() => {
            Some(a > b)
        }
        (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => {
            Some(read(value)? > read(other)?)
        }
        _ => None,
    }
}

fn list(value: &Value, test: impl Fn(&[Value]) -> bool) -> Kleene {
    match value {
        Value::Null => Some(false),
        Value::Array(items) => Some(test(items)),
        _ => None,
    }
}

fn text(value: &Value, test: impl Fn(&str) -> bool) -> Kleene {
    match value {
        Value::Null => Some(false),
        Value::String(text) => Some(test(text)),
        _ => None,
    }
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..4).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(2.0)),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
    ]
}

fn fields() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&FIELDS[..])
}

fn operators() -> impl Strategy<Value = Operator> {
    let several = || prop::collection::vec(scalars(), 1..3);
    let part = || proptest::sample::select(&["a", "b", "ab", "2"][..]);
    prop_oneof![
        (-2_i64..4).prop_map(Operator::Lt),
        (-2_i64..4).prop_map(Operator::Gte),
        (-2_i64..2, 0_i64..3).prop_map(|(low, more)| Operator::Between(low, low + more)),
        several().prop_map(Operator::Has),
        several().prop_map(Operator::HasAll),
        part().prop_map(Operator::Contains),
        part().prop_map(Operator::StartsWith),
        any::<bool>().prop_map(Operator::Exists),
        any::<bool>().prop_map(Operator::Present),
        fields().prop_map(Operator::GtField),
        scalars().prop_map(|value| Operator::Not(Box::new(Test::Value(value)))),
    ]
}

fn tests() -> impl Strategy<Value = Test> {
    let leaf = prop_oneof![
        scalars().prop_map(Test::Value),
        prop::collection::vec(scalars(), 1..4).prop_map(Test::OneOf),
        fields().prop_map(Test::SameAs),
        prop::collection::vec(operators(), 1..3).prop_map(|mut operators| {
            let mut seen = Vec::new();
            operators.retain(|o| {
                let name = operator(o).0;
                let new = !seen.contains(&name);
                seen.push(name);
                new
            });
            Test::Operators(operators)
        }),
    ];
    leaf.prop_recursive(2, 4, 1, |inner| {
        inner.prop_map(|test| Test::Not(Box::new(test)))
    })
}

fn conditions() -> impl Strategy<Value = Written> {
    let leaf = (fields(), tests()).prop_map(|(path, test)| Written::Field(path, test));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts().prop_map(Written::All),
            parts().prop_map(Written::Any),
            parts().prop_map(Written::None),
        ]
    })
}

/// A body where any field may be there or not, and the way to it blocked by something else.
fn bodies() -> impl Strategy<Value = Value> {
    let value = || prop_oneof![3 => scalars(), 1 => prop::collection::vec(scalars(), 0..3).prop_map(Value::from)];
    let field = || prop::option::weighted(0.8, value());
    (field(), field(), field(), field(), field()).prop_map(|(a, b, x, y, n)| {
        let mut body = Map::new();
        let mut o = Map::new();
        for (map_is_o, key, value) in [
            (false, "a", a),
            (false, "b", b),
            (true, "x", x),
            (true, "y", y),
            (false, "n", n),
        ] {
            if let Some(value) = value {
                let map = if map_is_o { &mut o } else { &mut body };
                map.insert(key.to_owned(), value);
            }
        }
        body.insert("o".to_owned(), Value::Object(o));
        Value::Object(body)
    })
}

fn kleene(truth: Truth) -> Kleene {
    match truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn explained_evaluated_and_read_naively_is_the_same(
        written in conditions(),
        bodies in prop::collection::vec(bodies(), 1..4),
    ) {
        let text = condition(&written).to_string();
        let node = documents("random", &text).remove(0);
        let lowered = lower(&node);
        for body in bodies {
            let (truth, _) = judge(&lowered, &body);
            prop_assert_eq!(kleene(truth), reading(&written, &body), "{} on {}", text, body);
        }
    }
}
