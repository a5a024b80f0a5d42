//! Evaluates a parsed JSONPath query by RFC 9535. Numbers compare exactly as in conditions.
//! The library only parses: its own evaluation compares numbers as doubles and applies a nested filter to the
//! wrong nodes.

use std::cmp::Ordering;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Literal, Segment, Selector,
    SingularQuery, SingularQuerySegment, Test, TestFunction,
};
use serde_json::{Number, Value};

use crate::number::{compare_numbers, parse_number};
use crate::path::exact_literals::EXACT_NUMBER;

/// Selects the nodes of a query, in document order of its segments.
pub fn select<'v>(query: &JpQuery, root: &'v Value) -> Vec<&'v Value> {
    QueryEvaluation { root }.segments(&query.segments, root)
}

#[derive(Clone, Copy)]
struct QueryEvaluation<'v> {
    root: &'v Value,
}

/// One side of a comparison.
enum QueryOperand<'v> {
    Nothing,
    Node(&'v Value),
    Computed(Value),
}

impl<'v> QueryOperand<'v> {
    fn of_node(node: Option<&'v Value>) -> Self {
        node.map_or(QueryOperand::Nothing, QueryOperand::Node)
    }

    fn value(&self) -> Option<&Value> {
        match self {
            QueryOperand::Nothing => None,
            QueryOperand::Node(node) => Some(node),
            QueryOperand::Computed(value) => Some(value),
        }
    }
}

impl<'v> QueryEvaluation<'v> {
    fn segments(self, segments: &[Segment], start: &'v Value) -> Vec<&'v Value> {
        segments.iter().fold(vec![start], |nodes, segment| {
            let selected = nodes.into_iter().map(|node| self.segment(segment, node));
            selected.flatten().collect()
        })
    }

    fn segment(self, segment: &Segment, node: &'v Value) -> Vec<&'v Value> {
        match segment {
            Segment::Selector(selector) => self.selector(selector, node),
            Segment::Selectors(selectors) => {
                let selected = selectors
                    .iter()
                    .map(|selector| self.selector(selector, node));
                selected.flatten().collect()
            }
            Segment::Descendant(inner) => {
                let selected = descendants(node)
                    .into_iter()
                    .map(|node| self.segment(inner, node));
                selected.flatten().collect()
            }
        }
    }

    fn selector(self, selector: &Selector, node: &'v Value) -> Vec<&'v Value> {
        match selector {
            Selector::Name(name) => node
                .as_object()
                .and_then(|map| map.get(name))
                .into_iter()
                .collect(),
            Selector::Wildcard => children(node),
            Selector::Index(index) => element(node, *index).into_iter().collect(),
            Selector::Slice(start, end, step) => slice(node, *start, *end, step.unwrap_or(1)),
            Selector::Filter(filter) => {
                let mut nodes = children(node);
                nodes.retain(|node| self.filter(filter, node));
                nodes
            }
        }
    }

    fn filter(self, filter: &Filter, node: &'v Value) -> bool {
        match filter {
            Filter::Or(parts) => parts.iter().any(|part| self.filter(part, node)),
            Filter::And(parts) => parts.iter().all(|part| self.filter(part, node)),
            Filter::Atom(FilterAtom::Filter { expr, not }) => self.filter(expr, node) != *not,
            Filter::Atom(FilterAtom::Test { expr, not }) => self.test(expr, node) != *not,
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.comparison(comparison, node),
        }
    }

    /// Whether a query selects a node.
    fn test(self, test: &Test, node: &'v Value) -> bool {
        match test {
            Test::RelQuery(_) | Test::AbsQuery(_) => !self.nodes(test, node).is_empty(),
            // `well_typed` rejects functions that are not a truth value.
            Test::Function(_) => false,
        }
    }

    fn nodes(self, test: &Test, node: &'v Value) -> Vec<&'v Value> {
        match test {
            Test::RelQuery(segments) => self.segments(segments, node),
            Test::AbsQuery(query) => self.segments(&query.segments, self.root),
            Test::Function(function) => match self.function(function, node) {
                QueryOperand::Node(node) => vec![node],
                QueryOperand::Nothing | QueryOperand::Computed(_) => Vec::new(),
            },
        }
    }

    fn comparison(self, comparison: &Comparison, node: &'v Value) -> bool {
        let (left, right) = comparison.vals();
        let (left, right) = (self.operand(left, node), self.operand(right, node));
        let equal = || equals(left.value(), right.value());
        let ordering = || order(left.value(), right.value());
        match comparison {
            Comparison::Eq(..) => equal(),
            Comparison::Ne(..) => !equal(),
            Comparison::Gt(..) => ordering() == Some(Ordering::Greater),
            Comparison::Lt(..) => ordering() == Some(Ordering::Less),
            Comparison::Gte(..) => ordering() == Some(Ordering::Greater) || equal(),
            Comparison::Lte(..) => ordering() == Some(Ordering::Less) || equal(),
        }
    }

    fn operand(self, side: &Comparable, node: &'v Value) -> QueryOperand<'v> {
        match side {
            Comparable::Literal(literal) => QueryOperand::Computed(value(literal)),
            Comparable::Function(function) => self.function(function, node),
            Comparable::SingularQuery(SingularQuery::Current(segments)) => {
                QueryOperand::of_node(single(segments, node))
            }
            Comparable::SingularQuery(SingularQuery::Root(segments)) => {
                QueryOperand::of_node(single(segments, self.root))
            }
        }
    }

    fn function(self, function: &TestFunction, node: &'v Value) -> QueryOperand<'v> {
        match function {
            TestFunction::Length(argument) => {
                let argument = self.argument(argument, node);
                match argument.value().and_then(length) {
                    Some(length) => QueryOperand::Computed(length.into()),
                    None => QueryOperand::Nothing,
                }
            }
            TestFunction::Count(FnArg::Test(test)) => {
                QueryOperand::Computed(self.nodes(test, node).len().into())
            }
            TestFunction::Value(FnArg::Test(test)) => match self.nodes(test, node).as_slice() {
                [node] => QueryOperand::Node(node),
                _ => QueryOperand::Nothing,
            },
            // `well_typed` and `cost` reject these.
            TestFunction::Count(_)
            | TestFunction::Value(_)
            | TestFunction::Custom(..)
            | TestFunction::Search(..)
            | TestFunction::Match(..) => QueryOperand::Nothing,
        }
    }

    /// The value of an argument: a literal, the node of a singular query, or the result of a function.
    fn argument(self, argument: &FnArg, node: &'v Value) -> QueryOperand<'v> {
        match argument {
            FnArg::Literal(literal) => QueryOperand::Computed(value(literal)),
            FnArg::Test(test) => match &**test {
                Test::Function(function) => self.function(function, node),
                Test::RelQuery(_) | Test::AbsQuery(_) => {
                    QueryOperand::of_node(self.nodes(test, node).first().copied())
                }
            },
            FnArg::Filter(_) => QueryOperand::Nothing,
        }
    }
}

fn children(node: &Value) -> Vec<&Value> {
    match node {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// The node and all nodes below it.
fn descendants(node: &Value) -> Vec<&Value> {
    let below = children(node).into_iter().flat_map(descendants);
    std::iter::once(node).chain(below).collect()
}

fn element(node: &Value, index: i64) -> Option<&Value> {
    let items = node.as_array()?;
    let at = match index < 0 {
        true => i64::try_from(items.len()).ok()?.checked_add(index)?,
        false => index,
    };
    items.get(usize::try_from(at).ok()?)
}

fn slice(node: &Value, start: Option<i64>, end: Option<i64>, step: i64) -> Vec<&Value> {
    let Some(items) = node.as_array() else {
        return Vec::new();
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_start = |index: i64| {
        if index < 0 {
            length.saturating_add(index)
        } else {
            index
        }
    };
    let (mut at, stop) = match step > 0 {
        true => (
            from_start(start.unwrap_or(0)).clamp(0, length),
            from_start(end.unwrap_or(length)).clamp(0, length),
        ),
        false => (
            start.map_or(length - 1, from_start).clamp(-1, length - 1),
            end.map_or(-1, from_start).clamp(-1, length - 1),
        ),
    };
    let mut selected = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        selected.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
        at = at.saturating_add(step);
    }
    selected
}

fn single<'v>(segments: &[SingularQuerySegment], start: &'v Value) -> Option<&'v Value> {
    segments
        .iter()
        .try_fold(start, |node, segment| match segment {
            SingularQuerySegment::Index(index) => element(node, *index),
            SingularQuerySegment::Name(name) => node.as_object()?.get(name),
        })
}

fn value(literal: &Literal) -> Value {
    match literal {
        Literal::Int(number) => (*number).into(),
        Literal::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Literal::String(text) => match text.strip_prefix(EXACT_NUMBER).and_then(parse_number) {
            Some(number) => Value::Number(number),
            None => text.as_str().into(),
        },
        Literal::Bool(value) => (*value).into(),
        Literal::Null => Value::Null,
    }
}

/// The number of characters, elements or members.
fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(map) => Some(map.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn equals(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => equal(a, b),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

fn order(a: Option<&Value>, b: Option<&Value>) -> Option<Ordering> {
    match (a?, b?) {
        (Value::Number(a), Value::Number(b)) => Some(compare_numbers(a, b)),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
