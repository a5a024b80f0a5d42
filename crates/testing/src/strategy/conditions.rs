//! Conditions as an author could write them, and bodies in which any of their fields may be missing.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A condition as an author could write it.
#[derive(Debug, Clone)]
pub enum Condition {
    Field(&'static str, Test),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    None(Vec<Condition>),
}

/// The test of a field.
#[derive(Debug, Clone)]
pub enum Test {
    Value(Value),
    OneOf(Vec<Value>),
    SameAs(&'static str),
    Not(Box<Test>),
    Operators(Vec<Operator>),
}

#[derive(Debug, Clone)]
pub enum Operator {
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

fn test_json(test: &Test) -> Value {
    match test {
        Test::Value(value) => value.clone(),
        Test::OneOf(values) => json!(values),
        Test::SameAs(path) => json!({ "path": path }),
        Test::Not(test) => json!({ "not": test_json(test) }),
        Test::Operators(operators) => operators
            .iter()
            .map(operator_json)
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn operator_json(operator: &Operator) -> (String, Value) {
    let (name, value) = match operator {
        Operator::Lt(n) => ("lt", json!(n)),
        Operator::Gte(n) => ("gte", json!(n)),
        Operator::Between(low, high) => ("between", json!([low, high])),
        Operator::Has(values) => ("has", json!(values)),
        Operator::HasAll(values) => ("has_all", json!(values)),
        Operator::Contains(text) => ("contains", json!(text)),
        Operator::StartsWith(text) => ("starts_with", json!(text)),
        Operator::Exists(expected) => ("exists", json!(expected)),
        Operator::Present(expected) => ("present", json!(expected)),
        Operator::GtField(path) => ("gt", json!({ "path": path })),
        Operator::Not(test) => ("not", test_json(test)),
    };
    (name.to_owned(), value)
}

pub fn condition_json(condition: &Condition) -> Value {
    let list = |parts: &[Condition]| parts.iter().map(condition_json).collect::<Value>();
    match condition {
        Condition::Field(path, test) => json!({ *path: test_json(test) }),
        Condition::All(parts) => json!({ "all": list(parts) }),
        Condition::Any(parts) => json!({ "any": list(parts) }),
        Condition::None(parts) => json!({ "none": list(parts) }),
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
                let name = operator_json(o).0;
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

pub fn conditions() -> impl Strategy<Value = Condition> {
    let leaf = (fields(), tests()).prop_map(|(path, test)| Condition::Field(path, test));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts().prop_map(Condition::All),
            parts().prop_map(Condition::Any),
            parts().prop_map(Condition::None),
        ]
    })
}

/// A body in which any field may be missing, or a value may take the place of an object.
pub fn bodies() -> impl Strategy<Value = Value> {
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
