//! The constants of a field with which its values are compared by order: numbers, times, ranks and texts.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::event::time::unix_time;
use crate::language::condition::proof::EVENT;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::time::TimeComparison;
use crate::language::operator::time::instant;
use crate::language::operator::value_kind::number;
use crate::language::operator::{Operator, OperatorImpl};
use crate::path::scope::Scope;

/// A constant of an order or time operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparand {
    Number(Number),
    /// A number in quotes.
    NumberText(Number),
    Time(Timestamp),
    /// A word with a rank in a field of which every value has one.
    Rank,
    /// A word with a rank in a field that can have other texts.
    RankAmongTexts,
    Text(String),
    /// Null, a list or an object: nothing has an order relative to it.
    Unordered,
}

impl Comparand {
    /// The number that it is, also in quotes.
    pub fn number(&self) -> Option<Number> {
        match self {
            Comparand::Number(number) | Comparand::NumberText(number) => Some(number.clone()),
            Comparand::Time(_)
            | Comparand::Rank
            | Comparand::RankAmongTexts
            | Comparand::Text(_)
            | Comparand::Unordered => None,
        }
    }

    /// The time that it is.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Comparand::Time(time) => Some(*time),
            Comparand::Number(_)
            | Comparand::NumberText(_)
            | Comparand::Rank
            | Comparand::RankAmongTexts
            | Comparand::Text(_)
            | Comparand::Unordered => None,
        }
    }

    /// The time as which it compares with a text that is one.
    pub fn time_for_texts(&self) -> Option<Timestamp> {
        match self {
            Comparand::Number(number) => unix_time(number),
            Comparand::Time(time) => Some(*time),
            Comparand::NumberText(_)
            | Comparand::Rank
            | Comparand::RankAmongTexts
            | Comparand::Text(_)
            | Comparand::Unordered => None,
        }
    }
}

/// Returns the constants of all order and time operators.
pub fn comparands(operators: &[Operator]) -> Vec<Comparand> {
    operators.iter().flat_map(of_operator).collect()
}

fn of_operator(operator: &Operator) -> Vec<Comparand> {
    match operator {
        Operator::Lt(order) | Operator::Lte(order) | Operator::Gt(order) | Operator::Gte(order) => {
            of_order(order)
        }
        Operator::Between(between) => {
            let mut both = of_order(&between.low);
            both.extend(of_order(&between.high));
            both
        }
        Operator::Before(time) | Operator::After(time) => {
            let constants = time_constants(time);
            constants.into_iter().map(Comparand::Time).collect()
        }
        Operator::Is(_)
        | Operator::Has(_)
        | Operator::HasAll(_)
        | Operator::AnyOf(_)
        | Operator::Contains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_)
        | Operator::Exists(_)
        | Operator::Present(_)
        | Operator::During(_) => Vec::new(),
    }
}

fn time_constants(time: &TimeComparison) -> Vec<Timestamp> {
    let scope = Scope::new(&EVENT, &Value::Null);
    let constants = time.constants(&scope).into_iter();
    constants
        .filter_map(|value| instant(value.as_str()?))
        .collect()
}

fn of_order(order: &OrderComparison) -> Vec<Comparand> {
    let literals = order.operands.literals();
    literals.map(|value| of_value(value, order)).collect()
}

fn of_value(value: &Value, order: &OrderComparison) -> Comparand {
    let text_order = order.text_order();
    match value {
        Value::Number(number) => Comparand::Number(number.clone()),
        Value::String(_) if text_order.ranked_only => Comparand::Rank,
        Value::String(text) if text_order.rank(text).is_some() => Comparand::RankAmongTexts,
        Value::String(_) if !text_order.ranks.is_empty() => Comparand::RankAmongTexts,
        Value::String(text) => match (instant(text), number(text)) {
            (Some(time), _) => Comparand::Time(time),
            (None, Some(number)) => Comparand::NumberText(number),
            (None, None) => Comparand::Text(text.clone()),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Comparand::Unordered,
    }
}
