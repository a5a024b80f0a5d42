//! Finds the fields that conditions test, and the tests whose verdict the value of one field does not decide.

use serde_json::{Value, json};

use crate::analysis::samples;
use crate::analysis::subject::Subject;
use crate::language::condition::proof::EVENT;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::{Operator, Verdict};
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, Resolved, Root};

/// A test whose verdict is not decided: it counts as possible.
#[derive(Debug)]
pub struct FreeTest {
    pub path: Path,
    pub operator: Operator,
    /// The variables of its rule, if it reads one.
    vars: Option<Value>,
    pub variable: usize,
}

/// The tests of one path, before its domain is built.
pub struct FieldTests {
    pub path: Path,
    pub operators: Vec<Operator>,
    pub extra: Vec<Value>,
    pub is_entangled: bool,
}

/// Where a path leads.
pub enum PathLocation {
    /// A value that is the same for every event of the subject.
    Constant,
    /// The event type.
    Type,
    /// One field of the event.
    Field,
    /// Several values, or values that are not part of the event.
    Many,
}

pub fn location(path: &Path) -> PathLocation {
    let PathKind::Plain { root, keys } = &path.route else {
        return PathLocation::Many;
    };
    let first = keys.first().map(|key| key.name.as_str());
    match (root, first) {
        (Root::Vars, _) | (Root::Event, Some("source")) => PathLocation::Constant,
        (Root::Event, Some("type")) => PathLocation::Type,
        (Root::Body | Root::Envelope | Root::Event | Root::Raw, Some(_)) => PathLocation::Field,
        (
            Root::Body
            | Root::Envelope
            | Root::Event
            | Root::Raw
            | Root::Steps
            | Root::Error
            | Root::Local
            | Root::Document,
            _,
        ) => PathLocation::Many,
    }
}

/// The verdict of an operator on a variable or on the event's source.
pub fn constant(path: &Path, operator: &Operator, subject: &Subject<'_>) -> Verdict {
    let source = json!(subject.source);
    let found = match path.in_variables(subject.vars) {
        Some(value) => Resolved::One(value),
        None if matches!(
            path.route,
            PathKind::Plain {
                root: Root::Event,
                ..
            }
        ) =>
        {
            Resolved::One(&source)
        }
        None => Resolved::Absent,
    };
    operator.evaluate(&found, &Scope::new(&EVENT, subject.vars))
}

/// Whether the verdict on a constant is the same for every event. Times without a zone are read in that of the event.
pub fn is_constant(operator: &Operator) -> bool {
    is_decided(operator) && !operator.reads_times()
}

/// Whether the value at the path alone decides the verdict, and the cells of the operator are known.
pub fn is_decided(operator: &Operator) -> bool {
    let is_of_bundle = |order: &OrderComparison| order.text_order().kind.is_some();
    let is_known = match operator {
        Operator::During(_) => false,
        Operator::AnyOf(any_of) => any_of.compares_elements(),
        Operator::Lt(order) | Operator::Lte(order) | Operator::Gt(order) | Operator::Gte(order) => {
            !is_of_bundle(order)
        }
        Operator::Between(between) => !is_of_bundle(&between.low) && !is_of_bundle(&between.high),
        Operator::Is(_)
        | Operator::Has(_)
        | Operator::HasAll(_)
        | Operator::Contains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_)
        | Operator::Exists(_)
        | Operator::Present(_)
        | Operator::Before(_)
        | Operator::After(_) => true,
    };
    is_known && !operator.reads_event()
}

/// Whether a test has the same verdict as the one of a subject for every event.
pub fn is_same_test(
    test: &FreeTest,
    path: &Path,
    operator: &Operator,
    subject: &Subject<'_>,
) -> bool {
    test.path.route == path.route
        && test.operator == *operator
        && test.vars.as_ref().is_none_or(|vars| vars == subject.vars)
}

fn reads_variables(path: &Path, operator: &Operator) -> bool {
    let of_variables = |path: &Path| {
        matches!(
            path.route,
            PathKind::Plain {
                root: Root::Vars,
                ..
            }
        )
    };
    of_variables(path) || operator.paths().any(of_variables)
}

/// The number of a path's tests; added if it is new.
pub fn field_of(tests: &mut Vec<FieldTests>, path: &Path) -> usize {
    if let Some(known) = tests.iter().position(|of| of.path.route == path.route) {
        return known;
    }
    tests.push(FieldTests {
        path: path.clone(),
        operators: Vec::new(),
        extra: Vec::new(),
        is_entangled: false,
    });
    tests.len() - 1
}

/// Adds a test that is not decided, with values for the fields that it reads.
pub fn add_free(
    free: &mut Vec<FreeTest>,
    tests: &mut Vec<FieldTests>,
    path: &Path,
    operator: &Operator,
    subject: &Subject<'_>,
) {
    let mut known = free.iter();
    if known.any(|known| is_same_test(known, path, operator, subject)) {
        return;
    }
    free.push(FreeTest {
        path: path.clone(),
        operator: operator.clone(),
        vars: reads_variables(path, operator).then(|| subject.vars.clone()),
        variable: 0,
    });
    let values = samples::values(operator);
    for read in std::iter::once(path).chain(operator.paths()) {
        if matches!(location(read), PathLocation::Field) {
            let field = field_of(tests, read);
            tests[field].is_entangled = true;
            tests[field].extra.extend(values.iter().cloned());
        }
    }
}

/// Marks the fields of which one is inside of the other.
pub fn entangle(tests: &mut [FieldTests]) {
    for number in 0..tests.len() {
        let is_related = tests.iter().enumerate().any(|(other, of)| {
            other != number
                && (is_inside(&of.path, &tests[number].path)
                    || is_inside(&tests[number].path, &of.path))
        });
        tests[number].is_entangled |= is_related;
    }
}

/// Whether a path leads into the value at another one.
pub fn is_inside(inner: &Path, outer: &Path) -> bool {
    match (&inner.route, &outer.route) {
        (
            PathKind::Plain { root, keys },
            PathKind::Plain {
                root: other,
                keys: above,
            },
        ) => root == other && keys.len() > above.len() && keys.starts_with(above),
        (PathKind::Query(_), _) | (_, PathKind::Query(_)) => false,
    }
}

/// Whether the subjects test a field inside of the value at a path.
pub fn fields_inside(path: &Path, subjects: &[Subject<'_>]) -> bool {
    let predicates = subjects
        .iter()
        .flat_map(|subject| subject.condition.predicates());
    predicates
        .flat_map(|predicate| predicate.paths().cloned().collect::<Vec<_>>())
        .any(|inner| is_inside(&inner, path))
}
