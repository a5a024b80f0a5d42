//! What the ordering operators share: numbers by value, times by instant, priority and status by rank,
//! other text by its letters. It refuses operands without an order; a value of another kind is a
//! mistake and says so.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::core::diagnostic::{Code, Diagnostic};
use crate::core::event::catalogue::FieldType;
use crate::core::rule::document::Node;
use crate::core::rule::operator::instant::instant;
use crate::core::rule::operator::operand::{Operand, Operands};
use crate::core::rule::operator::{Parsing, Verdict, words};
use crate::core::rule::path::Found;
use crate::core::rule::synonyms;
use crate::core::scope::Scope;

/// The words of a field from low to high.
type Ranks = &'static [&'static str];

/// Operands of an ordering operator, and the field's own order where it has one.
#[derive(Debug, Clone)]
pub struct Ordered {
    pub operands: Operands,
    ranks: Option<Ranks>,
}

impl Ordered {
    /// One operand, or a list of which any may hold.
    pub fn parse(node: &Node, operator: &str, parsing: &mut Parsing<'_, '_>) -> Option<Self> {
        if !parsing.applies(node, operator, has_order, instead) {
            return None;
        }
        let operands = Operands::parse(node, parsing, check_operand)?;
        let ranks = ranks(parsing);
        Some(Self { operands, ranks })
    }

    pub fn test(&self, value: &Value, scope: &Scope<'_>, holds: fn(Ordering) -> bool) -> Verdict {
        self.operands
            .any(scope, |operand| self.compare(value, operand, holds))
    }

    /// Judges one value against one operand. Null has no place in any order.
    pub fn compare(&self, value: &Value, operand: &Value, holds: fn(Ordering) -> bool) -> Verdict {
        if value.is_null() || operand.is_null() {
            return Verdict::NoMatch;
        }
        match order(value, operand, self.ranks) {
            Some(ordering) => Verdict::of(holds(ordering)),
            None => Verdict::WrongType,
        }
    }

    pub fn hint(&self, found: &Found<'_>, scope: &Scope<'_>) -> Option<String> {
        let [value] = found.values() else {
            return None;
        };
        if value.is_null() {
            return Some("null has no place in an order; test for it with `is: null`".into());
        }
        let operand = self.operands.values(scope).next()?;
        if operand.is_null() {
            return Some("the other field is null, which has no place in an order".into());
        }
        order(value, &operand, self.ranks).is_none().then(|| {
            let (value, operand) = (words(value), words(&operand));
            format!("{value} and {operand} have no common order")
        })
    }

    /// A value on the given side of the first operand.
    pub fn beside(&self, scope: &Scope<'_>, step: i64) -> Option<Value> {
        match self.operands.values(scope).next()? {
            Value::Number(number) => Some(match number.as_i64() {
                Some(integer) => Value::from(integer.checked_add(step)?),
                #[allow(clippy::cast_precision_loss)]
                None => Value::from(number.as_f64()? + step as f64),
            }),
            Value::String(text) => {
                let ranks = self.ranks?;
                let rank = ranks.iter().position(|known| *known == text)?;
                let rank = rank.checked_add_signed(isize::try_from(step).ok()?)?;
                Some(Value::from(*ranks.get(rank)?))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// How a value stands to an operand; None where they have no common order. A text is read as a number
/// or a time only against one.
fn order(value: &Value, operand: &Value, ranks: Option<Ranks>) -> Option<Ordering> {
    match (value, operand) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::Number(b)) => numbers(&number(a)?, b),
        (Value::Number(a), Value::String(b)) => numbers(a, &number(b)?),
        (Value::String(a), Value::String(b)) => texts(a, b, ranks),
        _ => None,
    }
}

fn texts(a: &str, b: &str, ranks: Option<Ranks>) -> Option<Ordering> {
    if let Some(ranks) = ranks {
        return Some(rank(a, ranks)?.cmp(&rank(b, ranks)?));
    }
    if let Some(wanted) = instant(b) {
        return Some(instant(a)?.cmp(&wanted));
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return numbers(&a, &b);
    }
    Some(a.cmp(b))
}

fn rank(word: &str, ranks: Ranks) -> Option<usize> {
    ranks.iter().position(|known| *known == word)
}

fn numbers(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

/// A number written as text, in the JSON form: `99.99`, not ` 99`, `1_000` or `0x1f`.
fn number(text: &str) -> Option<Number> {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if !starts || !plain {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    Number::from_f64(text.parse().ok()?)
}

fn has_order(field: &FieldType) -> bool {
    match field {
        FieldType::Id
        | FieldType::Integer
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Time
        | FieldType::Date
        | FieldType::Priority
        | FieldType::Status
        | FieldType::Any => true,
        FieldType::TicketType | FieldType::Boolean | FieldType::List(_) | FieldType::Object => {
            false
        }
    }
}

fn instead(field: &FieldType) -> &'static str {
    match field {
        FieldType::List(_) => "a list has no order; `has: VALUE` looks inside of it",
        _ => "it has no order; compare with `is`",
    }
}

fn ranks(parsing: &Parsing<'_, '_>) -> Option<Ranks> {
    let types = parsing.known()?;
    types.iter().find_map(FieldType::ranks)
}

/// Whether an operand has an order that values of the field share; reports it where not.
fn check_operand(node: &Node, operand: &Operand, parsing: &mut Parsing<'_, '_>) -> bool {
    let Operand::Literal(value) = operand else {
        return true;
    };
    match (value, ranks(parsing)) {
        (Value::String(text), Some(ranks)) if rank(text, ranks).is_none() => {
            let path = &parsing.path.text;
            let message = format!("`{path}` is never ordered against \"{text}\"");
            let help = match synonyms::nearest(&text.to_lowercase(), ranks.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the order is {}", ranks.join(" < ")),
            };
            parsing.never_holds(node, message, &help);
            false
        }
        (Value::Number(_), Some(ranks)) => {
            let message = format!("`{}` is a word, never a number", parsing.path.text);
            parsing.never_holds(
                node,
                message,
                &format!("the order is {}", ranks.join(" < ")),
            );
            false
        }
        (Value::String(text), None) => {
            check_text(node, text, parsing);
            true
        }
        (Value::String(_), Some(_)) | (Value::Number(_), None) => true,
        (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_), _) => {
            let message = format!("{} has no order", words(value));
            let help = "an ordering operator takes a number, a time, text or { path: … }";
            parsing.cx.error(Code::InvalidValue, node.at, message, help);
            false
        }
    }
}

/// `gt: "100"` against a numeric field is probably meant as a number.
fn check_text(node: &Node, text: &str, parsing: &mut Parsing<'_, '_>) {
    if number(text).is_some() {
        let message =
            format!("\"{text}\" in quotes is compared as text with values that are no numbers");
        parsing.cx.diagnostics.push(
            Diagnostic::warning(Code::InvalidValue, node.at, message).help(format!(
                "to compare numbers write it without quotes: {text}"
            )),
        );
    }
}
