//! The operator `between`: the value is between two operands, or equal to one of them.
//! Reports a list that has not exactly two ends, and ends without any value between them.

use serde_json::{Value, json};

use crate::diagnostic::Report;
use crate::document::decode::Decode;
use crate::document::{Node, Yaml};
use crate::language::operator::index_condition::{IndexCondition, IndexKey};
use crate::language::operator::operand::Operand;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::text_order::TimeZones;
use crate::language::operator::{
    Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict, examples,
};
use crate::path::Resolved;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Between {
    pub low: Box<OrderComparison>,
    pub high: Box<OrderComparison>,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "between",
    summary: "The value is between two others, or equal to one of them.",
    compares_text: false,
    parse,
    schema: || json!({"type": "array", "minItems": 2, "maxItems": 2}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "current", "{ between: [normal, high] }", r#""high""# => Match;
    "current", "{ between: [normal, high] }", r#""urgent""# => NoMatch;
    "field", "{ between: [1, 10] }", "1" => Match;
    "field", "{ between: [1, 10] }", r#""10.0""# => Match;
    "field", "{ between: [1, 10] }", "10.5" => NoMatch;
    "field", "{ between: [2026-03-01, 2026-03-31] }", r#""2026-03-08""# => Match;
    "field", "{ between: [1, 10] }", "null" => NoMatch;
    "field", "{ not: { between: [1, 10] } }", r#""ten""# => WrongType;
    "field", "{ not: { between: [1, 10] } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let Yaml::List(ends) = &node.value else {
        return context
            .names
            .reject_type(node, SPEC.name, "a list of two ends");
    };
    let [low, high] = ends.as_slice() else {
        let message = format!("`between` takes two ends, found {}", ends.len());
        let help = "write `between: [LOW, HIGH]`; for any of several values write the list alone";
        return context.names.reject_value(node.at, message, help);
    };
    let low = parse_end(low, OrderRelation::GreaterOrEqual, context);
    let high = parse_end(high, OrderRelation::LessOrEqual, context);
    let between = Between {
        low: Box::new(low?),
        high: Box::new(high?),
    };
    if between.is_empty() {
        let help = "the lower end comes first";
        if !context.never_holds(node, "no value is between these ends".into(), help) {
            return None;
        }
    }
    Some(Operator::Between(between))
}

fn parse_end(
    node: &Node,
    relation: OrderRelation,
    context: &mut OperandContext<'_, '_>,
) -> Option<OrderComparison> {
    if node.as_list().is_some() {
        return context
            .names
            .reject_type(node, "between", "a single value at each end");
    }
    OrderComparison::parse(node, SPEC.name, relation, context)
}

impl Between {
    /// Returns whether the ends are known and no value is between them.
    fn is_empty(&self) -> bool {
        match (
            self.low.operands.0.as_slice(),
            self.high.operands.0.as_slice(),
        ) {
            ([Operand::Literal(low)], [Operand::Literal(high)]) => {
                self.high.compare(low, high, TimeZones::UTC) != Verdict::Match
            }
            ([_], [_]) => false,
            // An end must be one value, not a variable whose value is a list.
            _ => true,
        }
    }
}

impl OperatorImpl for Between {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let ends = [self.low.test(value, scope), self.high.test(value, scope)];
        Verdict::all(ends.into_iter())
    }

    fn operands(&self) -> Vec<&Operand> {
        let (low, high) = (&self.low.operands.0, &self.high.operands.0);
        low.iter().chain(high).collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        let (low, high) = (&mut self.low.operands.0, &mut self.high.operands.0);
        low.iter_mut().chain(high).collect()
    }

    /// Returns one interval if both ends are numbers or both are times, otherwise one condition for each end.
    fn index_conditions(&self) -> Vec<IndexCondition> {
        let ends = [self.low.index_conditions(), self.high.index_conditions()].concat();
        let [low, high] = ends.as_slice() else {
            return ends;
        };
        let exact = low.exact && high.exact;
        let key = match (low.clues.as_slice(), high.clues.as_slice()) {
            ([IndexKey::Number(low)], [IndexKey::Number(high)]) => {
                IndexKey::Number(low.meet(*high))
            }
            ([IndexKey::Instant(low)], [IndexKey::Instant(high)]) => {
                IndexKey::Instant(low.meet(*high))
            }
            _ => {
                let either = ends.into_iter();
                return either
                    .map(|end| IndexCondition {
                        exact: false,
                        ..end
                    })
                    .collect();
            }
        };
        vec![IndexCondition {
            clues: vec![key],
            exact,
        }]
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        format!(
            "{} to {}",
            self.low.expected(scope),
            self.high.expected(scope)
        )
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.low
            .hint(found, scope)
            .or_else(|| self.high.hint(found, scope))
    }

    fn satisfying_values(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.low.operands.values(scope).take(1).collect()
    }

    fn violating_value(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.high.violating_value(found, scope)
    }
}
