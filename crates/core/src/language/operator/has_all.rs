//! The operator `has_all`: the list contains all operands, in any order.
//! Reports fields that are not lists.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::equality::{compare, equal};
use crate::language::operator::has::{element_hint, elements, list_or_empty, parse_elements};
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::{
    CaseSensitivity, Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict,
    examples,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HasAll {
    pub operands: Operands,
    pub case: CaseSensitivity,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "has_all",
    summary: "The list contains all of these values, in any order.",
    compares_text: true,
    parse,
    schema: || json!({"description": "A list of values that must all be in the field's list."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "ticket.tags", "{ has_all: [vip, emea] }", r#"["emea", "x", "vip"]"# => Match;
    "ticket.tags", "{ has_all: [vip, emea] }", r#"["emea"]"# => NoMatch;
    "ticket.tags", "{ has_all: [VIP], ignore_case: true }", r#"["vip"]"# => Match;
    "ticket.tags", "{ has_all: [vip] }", "null" => NoMatch;
    "field", "{ has_all: [vip] }", "7" => WrongType;
    "field", "{ not: { has_all: [vip] } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let operands = parse_elements(node, SPEC.name, context)?;
    let case = context.case;
    Some(Operator::HasAll(HasAll { operands, case }))
}

impl OperatorImpl for HasAll {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        elements(value, |items| {
            self.operands.all(scope, |expected| {
                Verdict::any(items.iter().map(|item| compare(item, expected, self.case)))
            })
        })
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    /// Returns one condition for each expected element, and the condition that the value is a list. The
    /// latter is exact if no element is expected.
    fn index_conditions(&self) -> Vec<IndexCondition> {
        let list = IndexCondition {
            exact: self.operands.0.is_empty(),
            ..IndexCondition::within(IndexKey::Equal(EqualityKey::List))
        };
        let expected = self.operands.0.iter().filter(|operand| !operand.is_path());
        let mut conditions: Vec<_> = expected
            .map(|operand| operand.index_condition(self.case, IndexKey::Element))
            .collect();
        for condition in &mut conditions {
            condition.exact &= self.operands.0.len() == 1;
        }
        conditions.push(list);
        conditions
    }

    fn case(&self) -> CaseSensitivity {
        self.case
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        self.operands.describe(" & ", scope)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let items = list_or_empty(found);
        let lacking: Vec<Value> = self
            .operands
            .values(scope)
            .filter(|expected| !items.iter().any(|item| equal(item, expected, self.case)))
            .collect();
        element_hint(found, &lacking).or_else(|| {
            let names: Vec<_> = lacking
                .iter()
                .map(crate::language::operator::format_value)
                .collect();
            (!names.is_empty()).then(|| format!("lacks {}", names.join(", ")))
        })
    }

    fn satisfying_values(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        let mut items = list_or_empty(found);
        for expected in self.operands.values(scope) {
            if !items.iter().any(|item| equal(item, &expected, self.case)) {
                items.push(expected);
            }
        }
        vec![Value::Array(items)]
    }
}
