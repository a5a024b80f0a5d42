//! Builds the condition that is written under `when`. Clauses that are always or never true are folded away.

use serde_json::{Map, Value, json};

#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    Always,
    Never,
    /// A field and its test, as written in a rule.
    Test(String, Value),
    All(Vec<Clause>),
    Any(Vec<Clause>),
}

impl Clause {
    pub fn test(path: impl Into<String>, test: impl Into<Value>) -> Self {
        Clause::Test(path.into(), test.into())
    }

    pub fn is_type(event_type: &str) -> Self {
        Clause::test("event.type", event_type)
    }

    pub fn all(clauses: impl IntoIterator<Item = Clause>) -> Self {
        let mut kept: Vec<Clause> = Vec::new();
        for clause in clauses {
            match clause {
                Clause::Always => {}
                Clause::Never => return Clause::Never,
                Clause::All(more) => kept.extend(more),
                other if kept.contains(&other) => {}
                other => kept.push(other),
            }
        }
        let equal: Vec<(String, Value)> = kept.iter().filter_map(Clause::equality).collect();
        for (path, value) in &equal {
            if kept
                .iter()
                .any(|clause| clause.excludes(path, value) == Some(true))
            {
                return Clause::Never;
            }
            kept.retain(|clause| clause.excludes(path, value).is_none());
        }
        match kept.len() {
            0 => Clause::Always,
            1 => kept.remove(0),
            _ => Clause::All(kept),
        }
    }

    /// The field and the value of a comparison with one scalar.
    fn equality(&self) -> Option<(String, Value)> {
        match self {
            Clause::Test(path, value) if !value.is_object() && !value.is_array() => {
                Some((path.clone(), value.clone()))
            }
            Clause::Test(..) | Clause::Always | Clause::Never | Clause::All(_) | Clause::Any(_) => {
                None
            }
        }
    }

    /// Whether the clause excludes this value of a field; `None` if it is not just a list of values that the
    /// field must not have.
    fn excludes(&self, path: &str, value: &Value) -> Option<bool> {
        let Clause::Test(own, Value::Object(test)) = self else {
            return None;
        };
        let excluded = test.get("not").filter(|_| own == path && test.len() == 1)?;
        match excluded {
            Value::Array(values) => Some(values.contains(value)),
            Value::Object(_) => None,
            one => Some(one == value),
        }
    }

    pub fn any(clauses: impl IntoIterator<Item = Clause>) -> Self {
        let mut kept: Vec<Clause> = Vec::new();
        for clause in clauses {
            match clause {
                Clause::Always => return Clause::Always,
                Clause::Never => {}
                Clause::Any(more) => kept.extend(more),
                other if kept.contains(&other) => {}
                other => kept.push(other),
            }
        }
        let mut kept = same_field(kept);
        match kept.len() {
            0 => Clause::Never,
            1 => kept.remove(0),
            _ => Clause::Any(kept),
        }
    }

    /// The clauses that must all hold.
    pub fn conjuncts(self) -> Vec<Clause> {
        match self {
            Clause::Always => Vec::new(),
            Clause::All(clauses) => clauses,
            Clause::Never | Clause::Test(..) | Clause::Any(_) => vec![self],
        }
    }

    /// The mapping under `when`; empty if the clause always holds.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        match self {
            Clause::Always => {}
            // No event has an empty type. This is never written: a rule that never matches is dropped.
            Clause::Never => {
                map.insert("event.type".into(), json!(""));
            }
            Clause::All(clauses) => {
                let mut beside = Vec::new();
                for clause in clauses {
                    add(clause, &mut map, &mut beside);
                }
                if !beside.is_empty() {
                    map.insert("all".into(), Value::Array(beside));
                }
            }
            Clause::Test(..) | Clause::Any(_) => {
                let (key, value) = self.entry();
                map.insert(key, value);
            }
        }
        map
    }

    fn entry(&self) -> (String, Value) {
        match self {
            Clause::Test(path, test) => (path.clone(), test.clone()),
            Clause::Any(clauses) => ("any".into(), list(clauses)),
            Clause::All(clauses) => ("all".into(), list(clauses)),
            Clause::Always | Clause::Never => ("all".into(), json!([self.to_map()])),
        }
    }
}

fn list(clauses: &[Clause]) -> Value {
    let maps = clauses.iter().map(|clause| Value::Object(clause.to_map()));
    maps.collect()
}

/// Adds a clause to a mapping; one whose key is taken goes under `all`.
fn add(clause: &Clause, map: &mut Map<String, Value>, beside: &mut Vec<Value>) {
    let (key, value) = clause.entry();
    let Some(there) = map.get_mut(&key) else {
        map.insert(key, value);
        return;
    };
    if let (Clause::Test(..), Some(joined)) = (clause, join(there, &value)) {
        *there = joined;
        return;
    }
    let single: Map<String, Value> = [(key, value)].into_iter().collect();
    beside.push(Value::Object(single));
}

/// Merges two tests of one field if they share no operator.
fn join(one: &Value, other: &Value) -> Option<Value> {
    if let (Some(one), Some(other)) = (only_not(one), only_not(other)) {
        let both = [many(one), many(other)].concat();
        return Some(json!({ "not": both }));
    }
    let (one, other) = (operators(one), operators(other));
    let both = one.keys().any(|operator| other.contains_key(operator));
    let cased = |map: &Map<String, Value>| map.contains_key("ignore_case");
    if both || cased(&one) || cased(&other) {
        return None;
    }
    Some(one.into_iter().chain(other).collect())
}

/// The value of a test that is only `not: VALUE`.
fn only_not(test: &Value) -> Option<&Value> {
    let map = test.as_object().filter(|map| map.len() == 1)?;
    map.get("not").filter(|not| !not.is_object())
}

fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        single => vec![single.clone()],
    }
}

fn operators(test: &Value) -> Map<String, Value> {
    match test {
        Value::Object(map) if !map.contains_key("path") => map.clone(),
        plain => [("is".to_owned(), plain.clone())].into_iter().collect(),
    }
}

/// Merges alternatives of one field that are plain values into one list.
fn same_field(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut kept: Vec<Clause> = Vec::new();
    for clause in clauses {
        let joined = kept.iter_mut().any(|earlier| widen(earlier, &clause));
        if !joined {
            kept.push(clause);
        }
    }
    kept
}

fn widen(earlier: &mut Clause, clause: &Clause) -> bool {
    let (Clause::Test(path, values), Clause::Test(other, value)) = (earlier, clause) else {
        return false;
    };
    if path != other || values.is_object() || value.is_object() {
        return false;
    }
    *values = [many(values), many(value)].concat().into();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_that_are_always_or_never_true_are_folded_away() {
        let test = || Clause::test("current", "open");
        assert_eq!(Clause::all([Clause::Always, test()]), test());
        assert_eq!(Clause::all([Clause::Never, test()]), Clause::Never);
        assert_eq!(Clause::any([Clause::Never, test()]), test());
        assert_eq!(Clause::any([Clause::Always, test()]), Clause::Always);
        assert_eq!(Clause::any([]), Clause::Never);
    }

    #[test]
    fn excluded_values_are_left_out_beside_a_value() {
        let is = || Clause::test("event.type", "b");
        let not = |values: Value| Clause::test("event.type", json!({"not": values}));
        assert_eq!(Clause::all([not(json!(["a", "c"])), is()]), is());
        assert_eq!(Clause::all([is(), not(json!("a"))]), is());
        assert_eq!(Clause::all([is(), not(json!(["a", "b"]))]), Clause::Never);
        let other = Clause::test("current", json!({"not": ["b"]}));
        let both = Clause::All(vec![is(), other.clone()]);
        assert_eq!(Clause::all([is(), other]), both);
    }

    #[test]
    fn two_tests_of_one_field_are_merged() {
        let tags = |test: Value| Clause::test("ticket.tags", test);
        let map = |clauses: Vec<Clause>| Value::Object(Clause::all(clauses).to_map());
        assert_eq!(
            map(vec![
                tags(json!({"has": ["a"]})),
                tags(json!({"not": {"has": ["b"]}}))
            ]),
            json!({"ticket.tags": {"has": ["a"], "not": {"has": ["b"]}}})
        );
        assert_eq!(
            map(vec![
                tags(json!({"has": ["a"]})),
                tags(json!({"has": ["b"]}))
            ]),
            json!({"ticket.tags": {"has": ["a"]}, "all": [{"ticket.tags": {"has": ["b"]}}]})
        );
        assert_eq!(
            map(vec![tags(json!("x")), tags(json!({"not": "y"}))]),
            json!({"ticket.tags": "x"})
        );
        assert_eq!(
            map(vec![
                tags(json!({"not": "x"})),
                tags(json!({"not": ["y", "z"]}))
            ]),
            json!({"ticket.tags": {"not": ["x", "y", "z"]}})
        );
    }

    #[test]
    fn alternatives_of_one_field_are_a_list() {
        let test = |value: &str| Clause::test("current", value);
        let any = Clause::any([test("open"), test("hold"), Clause::test("previous", "new")]);
        let expected = json!({"any": [{"current": ["open", "hold"]}, {"previous": "new"}]});
        assert_eq!(Value::Object(any.to_map()), expected);
    }
}
