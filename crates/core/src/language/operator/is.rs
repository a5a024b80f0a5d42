//! The operator `is`: the value equals the operand, or one operand of a list.
//! A value or list without an operator means `is`. Reports a value that the field can never have.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::equality::{check_literal, compare, equal, near_miss};
use crate::language::operator::index_condition::{IndexCondition, IndexKey};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::{
    CaseSensitivity, Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict,
    examples,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Is {
    pub operands: Operands,
    pub case: CaseSensitivity,
    pub containers: ContainerComparison,
}

/// The verdict on a list or object that is compared with a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerComparison {
    WrongType,
    /// They are not equal, as in the comparisons of bundles.
    Unequal,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "is",
    summary: "The value equals this one, or one of a list. A value or list without an operator means the same.",
    compares_text: true,
    parse,
    schema: || json!({"description": "A value, or a list of which one must equal."}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "urgent", r#""urgent""# => Match;
    "current", "[high, urgent]", r#""urgent""# => Match;
    "current", "{ is: null }", "null" => Match;
    "field", "1", "1.0" => Match;
    "field", "1", r#""1""# => NoMatch;
    "current", "{ is: URGENT, ignore_case: true }", r#""urgent""# => Match;
    "field", "{ path: vars.many }", "2" => Match;
    "field", "{ not: vip }", r#"["vip"]"# => WrongType;
    "field", "{ not: 1 }", r#"{"id": 1}"# => WrongType;
    "field", "{ not: null }", r#"["vip"]"# => Match;
    "field", "1", absent => Missing;
    "field", "{ not: 1 }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let operands = Operands::parse(node, context, check_literal)?;
    let case = context.case;
    Some(Operator::Is(Is {
        operands,
        case,
        containers: ContainerComparison::WrongType,
    }))
}

impl OperatorImpl for Is {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        self.operands.any(scope, |operand| match self.containers {
            ContainerComparison::WrongType => compare(value, operand, self.case),
            ContainerComparison::Unequal => Verdict::from_bool(equal(value, operand, self.case)),
        })
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        vec![self.operands.index_condition(self.case, IndexKey::Equal)]
    }

    fn case(&self) -> CaseSensitivity {
        self.case
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        self.operands.describe(" | ", scope)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let expected: Vec<Value> = self.operands.values(scope).collect();
        let pairs = found
            .values()
            .iter()
            .flat_map(|got| expected.iter().map(move |w| (got, w)));
        pairs
            .into_iter()
            .find_map(|(got, expected)| near_miss(got, expected))
    }

    fn satisfying_values(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.operands.values(scope).collect()
    }
}
