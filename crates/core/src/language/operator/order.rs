//! Compares values by order, for `lt`, `lte`, `gt`, `gte` and `between`.
//! Numbers are ordered by value, times by instant, priority and status by rank, other text by its
//! characters. Reports operands without an order; a value of another type is a wrong type.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::Node;
use crate::document::suggest;
use crate::event::catalogue::field_type::FieldType;
use crate::event::time::{time_of_value, unix_time};
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey, is_exact};
use crate::language::operator::operand::{Operand, Operands};
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::text_order::{Ranks, TextOrder, TimeZones, is_orderable, order};
use crate::language::operator::time::{instant, within_any_zone};
use crate::language::operator::value_kind::{ValueKind, number};
use crate::language::operator::{
    CaseSensitivity, OperandContext, OperatorImpl, Verdict, format_value,
};
use crate::number::double;
use crate::path::Resolved;
use crate::path::scope::Scope;

/// An ordering operator: its operands, the order of texts, and the required relation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderComparison {
    pub operands: Operands,
    text_order: TextOrder,
    relation: OrderRelation,
}

impl OrderComparison {
    /// Parses one operand, or a list of which one must hold.
    pub fn parse(
        node: &Node,
        operator: &str,
        relation: OrderRelation,
        context: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !context.applies(node, operator, has_order, instead) {
            return None;
        }
        let operands = Operands::parse(node, context, check_operand)?;
        let text_order = text_order(context);
        Some(Self {
            operands,
            text_order,
            relation,
        })
    }

    /// Returns how it orders texts.
    pub fn text_order(&self) -> &TextOrder {
        &self.text_order
    }

    /// Creates a comparison that compares only values of one kind, without conversion.
    pub fn of_kind(kind: ValueKind, relation: OrderRelation, operand: Operand) -> Self {
        let text_order = TextOrder {
            kind: Some(kind),
            ..TextOrder::new(&[])
        };
        Self {
            operands: Operands(vec![operand]),
            text_order,
            relation,
        }
    }

    /// Compares one value with one operand. Null has no order and never matches.
    pub fn compare(&self, value: &Value, operand: &Value, zones: TimeZones<'_>) -> Verdict {
        if value.is_null() {
            return Verdict::NoMatch;
        }
        if !is_orderable(value) {
            return Verdict::WrongType;
        }
        if operand.is_null() {
            return Verdict::NoMatch;
        }
        match order(value, operand, &self.text_order, zones) {
            Some(ordering) => Verdict::from_bool(self.relation.holds(ordering)),
            None => Verdict::WrongType,
        }
    }

    /// Returns the condition that a value has the required relation to an operand.
    fn index_condition(&self, operand: &Operand) -> IndexCondition {
        let value = match operand {
            Operand::Literal(value) if self.text_order.kind.is_none() => value,
            Operand::Literal(_) | Operand::Path(_) => return IndexCondition::exists(),
        };
        match value {
            // Times that are written as a date are compared with Unix time.
            Value::Number(number) if unix_time(number).is_some() => {
                let near = self.relation.closed_interval(double(number));
                let numbers = IndexCondition::within(IndexKey::Number(near));
                let times = time_of_value(value).map(|at| within_any_zone(self.relation, at));
                IndexCondition::any(std::iter::once(numbers).chain(times))
            }
            Value::Number(number) if is_exact(number) => {
                IndexCondition::exactly(IndexKey::Number(self.relation.interval(double(number))))
            }
            Value::Number(number) => {
                let interval = self.relation.closed_interval(double(number));
                IndexCondition::within(IndexKey::Number(interval))
            }
            Value::String(text) => self.text_index_condition(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                IndexCondition::never()
            }
        }
    }

    fn text_index_condition(&self, text: &str) -> IndexCondition {
        if let Some((ranks, operand)) = self.text_order.rank(text) {
            return match self.text_order.ranked_only {
                true => self.rank_index_condition(ranks, operand),
                false => IndexCondition::exists(),
            };
        }
        match instant(text) {
            Some(at) if !self.text_order.ranked_only && number(text).is_none() => {
                within_any_zone(self.relation, at)
            }
            Some(_) | None => IndexCondition::exists(),
        }
    }

    /// Returns the condition that a value is one of those with the required relation to a rank.
    fn rank_index_condition(&self, ranks: Ranks, operand: usize) -> IndexCondition {
        let values = ranks.iter().enumerate();
        let values = values.filter(|(rank, _)| self.relation.holds(rank.cmp(&operand)));
        let key = |value: &str| {
            IndexKey::Equal(EqualityKey::new(&Value::from(value), CaseSensitivity::Exact).0)
        };
        IndexCondition::any(values.map(|(_, value)| IndexCondition::exactly(key(value))))
    }

    /// Returns the value that is `step` units above the first operand.
    fn offset_from_operand(&self, scope: &Scope<'_>, step: i64) -> Option<Value> {
        match self.operands.values(scope).next()? {
            Value::Number(number) => Some(match number.as_i64() {
                Some(integer) => Value::from(integer.checked_add(step)?),
                #[allow(clippy::cast_precision_loss)]
                None => Value::from(number.as_f64()? + step as f64),
            }),
            Value::String(text) => {
                let (ranks, rank) = self.text_order.rank(&text)?;
                let rank = rank.checked_add_signed(isize::try_from(step).ok()?)?;
                Some(Value::from(*ranks.get(rank)?))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl OperatorImpl for OrderComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let verdicts = self.operands.0.iter().map(|operand| {
            let zones = TimeZones {
                value: Some(scope.event),
                operand: operand.time_source(scope),
            };
            operand.evaluate(scope, |other| self.compare(value, other, zones))
        });
        Verdict::any(verdicts)
    }

    fn operands(&self) -> Vec<&Operand> {
        self.operands.0.iter().collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.operands.0.iter_mut().collect()
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        let parts = self.operands.0.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.index_condition(part)),
        )]
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        self.operands.describe(" | ", scope)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let [value] = found.values() else {
            return None;
        };
        if value.is_null() {
            return Some("null has no order; test for it with `is: null`".into());
        }
        let operand = self.operands.values(scope).next()?;
        if operand.is_null() {
            return Some("the other field is null, which has no order".into());
        }
        let common = order(value, &operand, &self.text_order, TimeZones::UTC);
        common.is_none().then(|| {
            let (value, operand) = (format_value(value), format_value(&operand));
            format!("{value} and {operand} have no common order")
        })
    }

    fn satisfying_values(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        let value = self.offset_from_operand(scope, self.relation.satisfying_offset());
        value.into_iter().collect()
    }

    fn violating_value(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.offset_from_operand(scope, self.relation.violating_offset())
    }
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
        FieldType::List(_) => "a list has no order; `any_of: { gt: 1 }` tests its elements",
        _ => "it has no order; compare with `is`",
    }
}

fn text_order(context: &OperandContext<'_, '_>) -> TextOrder {
    TextOrder::new(context.known().unwrap_or_default())
}

/// Checks that an operand can be ordered against the field's values; false after reporting an error.
fn check_operand(node: &Node, operand: &Operand, context: &mut OperandContext<'_, '_>) -> bool {
    let types = context.known().unwrap_or_default().to_vec();
    let Some(value) = operand.constant(context) else {
        return operand.fits(node, context, |other| {
            has_order(other) && (types.is_empty() || types.iter().any(|t| share_order(t, other)))
        });
    };
    if !matches!(value, Value::String(_) | Value::Number(_)) {
        let message = format!("{} has no order", format_value(&value));
        let help = "an ordering operator takes a number, a time, text or { path: … }";
        context.names.invalid(node.at, message, help);
        return false;
    }
    if let Some(first) = types.first()
        && !types.iter().any(|field| is_ordered_against(field, &value))
    {
        return report(node, &value, first, context);
    }
    if let Value::String(text) = &value {
        check_text(node, text, context);
    }
    true
}

/// Returns whether values of a field's type can be ordered against a constant.
fn is_ordered_against(field: &FieldType, value: &Value) -> bool {
    let text = value.as_str();
    match field {
        FieldType::Priority | FieldType::Status => {
            text.is_some_and(|text| field.rank(text).is_some())
        }
        FieldType::Id | FieldType::Integer | FieldType::Decimal => {
            text.is_none_or(|text| number(text).is_some())
        }
        FieldType::Time | FieldType::Date => time_of_value(value).is_some(),
        FieldType::Text | FieldType::Any => true,
        FieldType::TicketType | FieldType::Boolean | FieldType::List(_) | FieldType::Object => {
            false
        }
    }
}

/// Returns whether two fields have a common order. Numbers may be written as text.
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

/// Reports a value that the field never has; false after an error.
fn report(
    node: &Node,
    value: &Value,
    field: &FieldType,
    context: &mut OperandContext<'_, '_>,
) -> bool {
    let (path, text_order) = (&context.path.text, text_order(context));
    let (message, help) = match (value, text_order.ranked_only) {
        (Value::String(text), true) => {
            let values = text_order.ranks.iter().copied().flatten().copied();
            let help = match suggest::nearest(&text.to_lowercase(), values) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the order is {}", text_order.describe()),
            };
            (
                format!("`{path}` is never ordered against \"{text}\""),
                help,
            )
        }
        (_, true) => {
            let message = format!("`{path}` is a word, never a number");
            (message, format!("the order is {}", text_order.describe()))
        }
        (_, false) => {
            let kind = field.describe();
            let value = format_value(value);
            let message = format!("`{path}` is {kind}, never ordered against {value}");
            (message, format!("compare with {kind}"))
        }
    };
    context.never_holds(node, message, &help)
}

/// Warns about a number in quotes: `gt: "100"` is probably meant as a number.
fn check_text(node: &Node, text: &str, context: &mut OperandContext<'_, '_>) {
    if number(text).is_some() {
        let message =
            format!("\"{text}\" in quotes is compared as text with values that are not numbers");
        context.names.diagnostics.push(
            Diagnostic::warning(Code::InvalidValue, node.at, message).help(format!(
                "to compare numbers write it without quotes: {text}"
            )),
        );
    }
}

pub fn schema() -> Value {
    json!({"description": "A number, a time, a priority or status, text, or { path: … }."})
}
