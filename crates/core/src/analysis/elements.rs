//! Elements of a list between which the tests of a list differ, and what each test says about them.

use serde_json::{Value, json};

use crate::analysis::numbers::is_plain;
use crate::analysis::spelling::{is_decided, other_spelling};
use crate::analysis::texts::fresh;
use crate::language::condition::proof::EVENT;
use crate::language::operator::equality::compare;
use crate::language::operator::{CaseSensitivity, Operator, Verdict};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// More elements than this are not told apart.
const MAX_ELEMENTS: usize = 96;

/// The elements that tests of one list tell apart.
#[derive(Debug, Default)]
pub struct Elements {
    pub values: Vec<Value>,
    /// Whether every combination of verdicts is that of a combination of these elements.
    pub is_complete: bool,
}

/// What a test says about a list that is not empty.
#[derive(Debug)]
pub enum ListTest {
    /// One element must have the verdict: the verdict on a list of each element alone.
    Any(Vec<Verdict>),
    /// The same for each of several constants.
    All(Vec<Vec<Verdict>>),
}

/// Whether an operator tests the elements of a list.
pub fn tests_elements(operator: &Operator) -> bool {
    match operator {
        Operator::Has(_) | Operator::HasAll(_) => true,
        Operator::AnyOf(any_of) => any_of.compares_elements(),
        Operator::Is(_)
        | Operator::Lt(_)
        | Operator::Lte(_)
        | Operator::Gt(_)
        | Operator::Gte(_)
        | Operator::Between(_)
        | Operator::Contains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_)
        | Operator::Exists(_)
        | Operator::Present(_)
        | Operator::Before(_)
        | Operator::After(_)
        | Operator::During(_) => false,
    }
}

/// Returns the elements that the operators look for, an element of each in another spelling, and others.
pub fn elements(operators: &[Operator]) -> Elements {
    let scope = Scope::new(&EVENT, &Value::Null);
    let mut values: Vec<Value> = Vec::new();
    let mut is_complete = true;
    let of_lists = || operators.iter().filter(|operator| tests_elements(operator));
    for operator in of_lists() {
        for constant in operator.constants(&scope) {
            is_complete &= !constant.is_array() && !constant.is_object();
            // Larger numbers equal others that are written differently.
            is_complete &= constant.as_number().is_none_or(is_plain);
            if !values.contains(&constant) {
                values.push(constant);
            }
        }
    }
    let known: Vec<String> = values
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    if of_lists().any(|operator| operator.case() == CaseSensitivity::Ignored) {
        is_complete &= known.iter().all(|text| is_decided(text));
        let others = known.iter().filter_map(|text| other_spelling(text, &known));
        values.extend(others.map(Value::String).collect::<Vec<_>>());
    }
    values.push(Value::String(fresh(&known)));
    values.push(json!({}));
    is_complete &= values.len() <= MAX_ELEMENTS;
    values.truncate(MAX_ELEMENTS);
    Elements {
        values,
        is_complete,
    }
}

impl ListTest {
    /// The test of an operator that tests elements.
    pub fn new(operator: &Operator, elements: &[Value]) -> Self {
        let scope = Scope::new(&EVENT, &Value::Null);
        if let Operator::HasAll(has_all) = operator {
            let of = |wanted: &Value| -> Vec<Verdict> {
                let verdicts = elements.iter();
                verdicts
                    .map(|element| compare(element, wanted, has_all.case))
                    .collect()
            };
            return Self::All(has_all.operands.literals().map(of).collect());
        }
        let verdict = |element: &Value| {
            let list = Value::Array(vec![element.clone()]);
            operator.evaluate(&Resolved::One(&list), &scope)
        };
        Self::Any(elements.iter().map(verdict).collect())
    }
}
