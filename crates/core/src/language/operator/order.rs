//! What the ordering operators share: numbers by value, times by instant, priority and status by rank,
//! other text by its letters. It refuses operands without an order; a value of another kind is a
//! mistake and says so.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::Node;
use crate::document::suggest;
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::index_condition::{
    EqualityKey, IndexCondition, IndexKey, is_exact, nearest,
};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::time::{instant, milliseconds};
use crate::language::operator::value_kind::numbers;
use crate::language::operator::value_kind::{ValueKind, number};
use crate::language::operator::{CaseSensitivity, OperandContext, OperatorImpl, Verdict, words};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// The words of a field from low to high.
type Ranks = &'static [&'static str];

/// An ordering operator: its operands, the field's own order where it has one, and the side of the
/// operands that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderComparison {
    pub operands: Operands,
    scale: TextOrder,
    side: OrderRelation,
}

/// How texts are ordered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TextOrder {
    /// The orders of the field's types; each word stands in one of them at most.
    ranks: Vec<Ranks>,
    /// Whether every type of the field has its own order, and other text none.
    closed: bool,
    /// The one kind of value that is compared, in bundles.
    only: Option<ValueKind>,
}

impl TextOrder {
    fn of(types: &[FieldType]) -> Self {
        let mut ranks: Vec<Ranks> = types.iter().filter_map(FieldType::ranks).collect();
        ranks.dedup();
        let closed = !types.is_empty() && types.iter().all(|field| field.ranks().is_some());
        let only = None;
        Self {
            ranks,
            closed,
            only,
        }
    }

    /// The order that a word stands in, and its place there.
    fn rank(&self, word: &str) -> Option<(Ranks, usize)> {
        let find = |ranks: &Ranks| Some((*ranks, rank(word, ranks)?));
        self.ranks.iter().find_map(find)
    }

    fn words(&self) -> String {
        let orders: Vec<_> = self.ranks.iter().map(|ranks| ranks.join(" < ")).collect();
        orders.join(", or ")
    }
}

impl OrderComparison {
    /// One operand, or a list of which any may hold.
    pub fn parse(
        node: &Node,
        operator: &str,
        side: OrderRelation,
        parsing: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !parsing.applies(node, operator, has_order, instead) {
            return None;
        }
        let operands = Operands::parse(node, parsing, check_operand)?;
        let scale = scale(parsing);
        Some(Self {
            operands,
            scale,
            side,
        })
    }

    /// A comparison of values of one kind alone, as they stand.
    pub fn of_kind(kind: ValueKind, side: OrderRelation, operand: Operand) -> Self {
        let mut scale = TextOrder::of(&[]);
        scale.only = Some(kind);
        Self {
            operands: Operands(vec![operand]),
            scale,
            side,
        }
    }

    /// Judges one value against one operand. Null has no place in any order.
    pub fn compare(&self, value: &Value, operand: &Value) -> Verdict {
        if value.is_null() || operand.is_null() {
            return Verdict::NoMatch;
        }
        match order(value, operand, &self.scale) {
            Some(ordering) => Verdict::of(self.side.holds(ordering)),
            None => Verdict::WrongType,
        }
    }

    /// What a value must be to be on the wanted side of an operand.
    fn narrowing_by(&self, operand: &Operand) -> IndexCondition {
        let value = match operand {
            Operand::Literal(value) if self.scale.only.is_none() => value,
            Operand::Literal(_) | Operand::Path(_) => return IndexCondition::standing(),
        };
        match value {
            Value::Number(number) if is_exact(number) => {
                IndexCondition::exactly(IndexKey::Number(self.side.of_number(nearest(number))))
            }
            Value::Number(number) => {
                let side = self.side.up_to_and_with(nearest(number));
                IndexCondition::within(IndexKey::Number(side))
            }
            Value::String(text) => self.narrowing_by_text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                IndexCondition::never()
            }
        }
    }

    fn narrowing_by_text(&self, text: &str) -> IndexCondition {
        if let Some((ranks, wanted)) = self.scale.rank(text) {
            return match self.scale.closed {
                true => self.narrowing_by_rank(ranks, wanted),
                false => IndexCondition::standing(),
            };
        }
        match instant(text) {
            Some(at) if !self.scale.closed && number(text).is_none() => IndexCondition::within(
                IndexKey::Instant(self.side.up_to_and_with(milliseconds(at))),
            ),
            Some(_) | None => IndexCondition::standing(),
        }
    }

    /// The words on the wanted side of one.
    fn narrowing_by_rank(&self, ranks: Ranks, wanted: usize) -> IndexCondition {
        let words = ranks.iter().enumerate();
        let words = words.filter(|(rank, _)| self.side.holds(rank.cmp(&wanted)));
        let clue = |word: &str| {
            IndexKey::Equal(EqualityKey::of(&Value::from(word), CaseSensitivity::Exact).0)
        };
        IndexCondition::any(words.map(|(_, word)| IndexCondition::exactly(clue(word))))
    }

    /// A value so far from the first operand.
    fn beside(&self, scope: &Scope<'_>, step: i64) -> Option<Value> {
        match self.operands.values(scope).next()? {
            Value::Number(number) => Some(match number.as_i64() {
                Some(integer) => Value::from(integer.checked_add(step)?),
                #[allow(clippy::cast_precision_loss)]
                None => Value::from(number.as_f64()? + step as f64),
            }),
            Value::String(text) => {
                let (ranks, rank) = self.scale.rank(&text)?;
                let rank = rank.checked_add_signed(isize::try_from(step).ok()?)?;
                Some(Value::from(*ranks.get(rank)?))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl OperatorImpl for OrderComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        self.operands
            .any(scope, |operand| self.compare(value, operand))
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    fn narrowings(&self) -> Vec<IndexCondition> {
        let parts = self.operands.0.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.narrowing_by(part)),
        )]
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        self.operands.words(" | ", scope)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
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
        order(value, &operand, &self.scale).is_none().then(|| {
            let (value, operand) = (words(value), words(&operand));
            format!("{value} and {operand} have no common order")
        })
    }

    fn satisfying(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.beside(scope, self.side.inside()).into_iter().collect()
    }

    fn violating(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.beside(scope, self.side.outside())
    }
}

/// How a value stands to an operand; None where they have no common order. A text is read as a number
/// or a time only against one.
fn order(value: &Value, operand: &Value, scale: &TextOrder) -> Option<Ordering> {
    if let Some(kind) = scale.only {
        return kind.order(value, operand);
    }
    match (value, operand) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::Number(b)) => numbers(&number(a)?, b),
        (Value::Number(a), Value::String(b)) => numbers(a, &number(b)?),
        (Value::String(a), Value::String(b)) => texts(a, b, scale),
        _ => None,
    }
}

fn texts(a: &str, b: &str, scale: &TextOrder) -> Option<Ordering> {
    if let Some((ranks, wanted)) = scale.rank(b)
        && let Some(found) = rank(a, ranks)
    {
        return Some(found.cmp(&wanted));
    }
    if scale.closed {
        return None;
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

fn scale(parsing: &OperandContext<'_, '_>) -> TextOrder {
    TextOrder::of(parsing.known().unwrap_or_default())
}

/// Whether an operand has an order that values of the field share; reports it where not.
fn check_operand(node: &Node, operand: &Operand, parsing: &mut OperandContext<'_, '_>) -> bool {
    let types = parsing.known().unwrap_or_default().to_vec();
    let Some(value) = operand.constant(parsing) else {
        return operand.fits(node, parsing, |other| {
            has_order(other) && (types.is_empty() || types.iter().any(|t| share_order(t, other)))
        });
    };
    if !matches!(value, Value::String(_) | Value::Number(_)) {
        let message = format!("{} has no order", words(&value));
        let help = "an ordering operator takes a number, a time, text or { path: … }";
        parsing
            .names
            .error(Code::InvalidValue, node.at, message, help);
        return false;
    }
    if let Some(first) = types.first()
        && !types.iter().any(|field| orders(field, &value))
    {
        report(node, &value, first, parsing);
        return false;
    }
    if let Value::String(text) = &value {
        check_text(node, text, parsing);
    }
    true
}

/// Whether values of a field's type have an order with a constant.
fn orders(field: &FieldType, value: &Value) -> bool {
    let text = value.as_str();
    match field {
        FieldType::Priority | FieldType::Status => {
            text.is_some_and(|text| field.rank(text).is_some())
        }
        FieldType::Id | FieldType::Integer | FieldType::Decimal => {
            text.is_none_or(|text| number(text).is_some())
        }
        FieldType::Time | FieldType::Date => text.is_some_and(|text| instant(text).is_some()),
        FieldType::Text | FieldType::Any => true,
        FieldType::TicketType | FieldType::Boolean | FieldType::List(_) | FieldType::Object => {
            false
        }
    }
}

/// Whether two fields have an order in common. Numbers may come as text.
fn share_order(field: &FieldType, other: &FieldType) -> bool {
    match (field.ranks(), other.ranks()) {
        (Some(ranks), Some(others)) => ranks == others,
        (Some(_), None) | (None, Some(_)) => {
            *field == FieldType::Text || *other == FieldType::Text || field.is_like(other)
        }
        (None, None) => {
            let times = [field, other].map(|t| matches!(t, FieldType::Time | FieldType::Date));
            times[0] == times[1] || field.is_like(other)
        }
    }
}

fn report(node: &Node, value: &Value, field: &FieldType, parsing: &mut OperandContext<'_, '_>) {
    let (path, scale) = (&parsing.path.text, scale(parsing));
    let (message, help) = match (value, scale.closed) {
        (Value::String(text), true) => {
            let words = scale.ranks.iter().copied().flatten().copied();
            let help = match suggest::nearest(&text.to_lowercase(), words) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the order is {}", scale.words()),
            };
            (
                format!("`{path}` is never ordered against \"{text}\""),
                help,
            )
        }
        (_, true) => {
            let message = format!("`{path}` is a word, never a number");
            (message, format!("the order is {}", scale.words()))
        }
        (_, false) => {
            let kind = field.words();
            let message = format!("`{path}` is {kind}, never ordered against {}", words(value));
            (message, format!("compare with {kind}"))
        }
    };
    parsing.never_holds(node, message, &help);
}

/// `gt: "100"` against a numeric field is probably meant as a number.
fn check_text(node: &Node, text: &str, parsing: &mut OperandContext<'_, '_>) {
    if number(text).is_some() {
        let message =
            format!("\"{text}\" in quotes is compared as text with values that are no numbers");
        parsing.names.diagnostics.push(
            Diagnostic::warning(Code::InvalidValue, node.at, message).help(format!(
                "to compare numbers write it without quotes: {text}"
            )),
        );
    }
}

pub fn schema() -> Value {
    json!({"description": "A number, a time, a priority or status, text, or { path: … }."})
}
