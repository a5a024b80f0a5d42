//! Lowers the tests of a choice to conditions with the operators of rules.
//! A comparison reads only values of its own kind: no numbers in a text, no order of priorities.

use std::sync::Arc;

use serde_json::Value;

use crate::bundle::SpannedText;
use crate::bundle::choice::{ChoiceTest, Comparison, ComparisonOperand, Relation};
use crate::compile::bundle::flow::path;
use crate::diagnostic::{Diagnostics, Span};
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::exists::Exists;
use crate::language::operator::is::{ContainerComparison, Is};
use crate::language::operator::operand;
use crate::language::operator::operand::Operands;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::value_kind::ValueKind;
use crate::language::operator::{CaseSensitivity, Operator};
use crate::language::resolver::NameResolver;

pub fn lower(test: &ChoiceTest, names: &mut NameResolver<'_>) -> Option<Condition> {
    let context = TestContext {
        group: "all".into(),
        polarity: Polarity::Positive,
    };
    context.lower(test, names)
}

/// The position in the tree. Negation is pushed down to the comparisons.
#[derive(Clone)]
struct TestContext {
    group: String,
    polarity: Polarity,
}

impl TestContext {
    fn lower(&self, test: &ChoiceTest, names: &mut NameResolver<'_>) -> Option<Condition> {
        match test {
            ChoiceTest::And(parts) => Some(self.all(self.parts(parts, "and", names)?)),
            ChoiceTest::Or(parts) => Some(self.any(self.parts(parts, "or", names)?)),
            ChoiceTest::Not(part) => {
                let negated = TestContext {
                    polarity: self.polarity.flip(),
                    ..self.clone()
                };
                negated.lower(part, names)
            }
            ChoiceTest::One {
                variable,
                comparison,
                at,
            } => self.comparison(variable, comparison, *at, names),
        }
    }

    fn parts(
        &self,
        parts: &[ChoiceTest],
        key: &str,
        names: &mut NameResolver<'_>,
    ) -> Option<Vec<Condition>> {
        let parts: Vec<Option<Condition>> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let group = match self.group.as_str() {
                    "all" => format!("{key}[{index}]"),
                    group => format!("{group}.{key}[{index}]"),
                };
                let polarity = self.polarity;
                TestContext { group, polarity }.lower(part, names)
            })
            .collect();
        parts.into_iter().collect()
    }

    fn all(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => Condition::All(parts),
            Polarity::Negated => Condition::Any(parts),
        }
    }

    fn any(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => Condition::Any(parts),
            Polarity::Negated => Condition::All(parts),
        }
    }

    fn comparison(
        &self,
        variable: &SpannedText,
        comparison: &Comparison,
        at: Span,
        names: &mut NameResolver<'_>,
    ) -> Option<Condition> {
        let path = path(&variable.text, variable.at, names.diagnostics);
        let operators = operators(comparison, at, names.diagnostics);
        let path = Arc::new(path?);
        let predicates = operators?.into_iter().map(|(operator, expected)| {
            let polarity = match expected {
                Polarity::Positive => self.polarity,
                Polarity::Negated => self.polarity.flip(),
            };
            Condition::Predicate(Arc::new(Predicate {
                path: Arc::clone(&path),
                operator: Arc::new(operator),
                polarity,
                group: names.interner.words.share(self.group.as_str()),
                at,
            }))
        });
        let mut predicates: Vec<Condition> = predicates.collect();
        Some(match predicates.len() {
            1 => predicates.remove(0),
            _ => self.all(predicates),
        })
    }
}

/// Returns the operators of a comparison, each with whether it must hold or must not.
fn operators(
    comparison: &Comparison,
    at: Span,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(Operator, Polarity)>> {
    let one = |operator| Some(vec![(operator, Polarity::Positive)]);
    match comparison {
        Comparison::Text(relation, operand) => one(related(
            ValueKind::Text,
            *relation,
            lower_operand(operand, at, diagnostics)?,
        )),
        Comparison::Number(relation, operand) => one(related(
            ValueKind::Number,
            *relation,
            lower_operand(operand, at, diagnostics)?,
        )),
        Comparison::Time(Relation::Equals, operand) => {
            // The same time can be written in several ways.
            let operand = lower_operand(operand, at, diagnostics)?;
            let relations = [Relation::LessOrEqual, Relation::GreaterOrEqual];
            let operators =
                relations.map(|relation| related(ValueKind::Time, relation, operand.clone()));
            Some(
                operators
                    .map(|operator| (operator, Polarity::Positive))
                    .into(),
            )
        }
        Comparison::Time(relation, operand) => one(related(
            ValueKind::Time,
            *relation,
            lower_operand(operand, at, diagnostics)?,
        )),
        Comparison::Boolean(operand) => one(equals(lower_operand(operand, at, diagnostics)?)),
        Comparison::IsPresent(wanted) => one(Operator::Exists(Exists { wanted: *wanted })),
        Comparison::IsNull(wanted) => {
            let polarity = match wanted {
                true => Polarity::Positive,
                false => Polarity::Negated,
            };
            Some(vec![(
                equals(operand::Operand::Literal(Value::Null)),
                polarity,
            )])
        }
    }
}

fn related(kind: ValueKind, relation: Relation, operand: operand::Operand) -> Operator {
    let ordered = |order| OrderComparison::of_kind(kind, order, operand.clone());
    match relation {
        Relation::Equals => equals(operand),
        Relation::Less => Operator::Lt(ordered(OrderRelation::Less)),
        Relation::LessOrEqual => Operator::Lte(ordered(OrderRelation::LessOrEqual)),
        Relation::Greater => Operator::Gt(ordered(OrderRelation::Greater)),
        Relation::GreaterOrEqual => Operator::Gte(ordered(OrderRelation::GreaterOrEqual)),
    }
}

fn equals(operand: operand::Operand) -> Operator {
    Operator::Is(Is {
        operands: Operands(vec![operand]),
        case: CaseSensitivity::Exact,
        containers: ContainerComparison::Unequal,
    })
}

fn lower_operand(
    operand: &ComparisonOperand,
    at: Span,
    diagnostics: &mut Diagnostics,
) -> Option<operand::Operand> {
    match operand {
        ComparisonOperand::Value(value) => Some(operand::Operand::Literal(value.clone())),
        ComparisonOperand::Path(text) => {
            path(text, at, diagnostics).map(|path| operand::Operand::Path(Box::new(path)))
        }
    }
}
