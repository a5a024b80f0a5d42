//! Compares times, for `before` and `after`, and parses times of events and rules.
//! A time is written as RFC 3339, as a date, or relative to the event. A time without a zone is UTC.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::diagnostic::Report;
use crate::document::duration;
use crate::document::{Node, Yaml};
use crate::event::Event;
use crate::event::catalogue::field_type::FieldType;
use crate::event::time::{read_calendar_time, time_of_value};
use crate::language::operator::index_condition::{IndexCondition, IndexKey, Interval};
use crate::language::operator::operand::Operand;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{OperandContext, OperatorImpl, Verdict, format_value, one_or_list};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// `before` or `after`: the operands, and the required relation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeComparison {
    moments: Vec<TimeOperand>,
    relation: OrderRelation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum TimeOperand {
    At(Timestamp, String),
    /// `-2h`: relative to the event's time.
    Relative(SignedDuration, String),
    Path(Operand),
}

/// Parses a time that is written as a date or a date and a time; one without a zone is UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    read_calendar_time(text, &TimeZone::UTC)
}

/// Converts an instant for the rule index. The result is less precise, but has the same order.
#[allow(clippy::cast_precision_loss)]
pub fn milliseconds(at: Timestamp) -> f64 {
    // Exact, because no timestamp reaches 2^53 milliseconds.
    at.as_millisecond() as f64
}

/// Returns the condition of a time with this relation to `at`. A value without a zone may be in any zone.
pub fn within_any_zone(relation: OrderRelation, at: Timestamp) -> IndexCondition {
    let interval = relation.closed_interval(milliseconds(at));
    let interval = Interval {
        low: interval.low - MAX_ZONE,
        high: interval.high + MAX_ZONE,
    };
    IndexCondition::within(IndexKey::Instant(interval))
}

/// No zone is further from UTC than this, in milliseconds.
const MAX_ZONE: f64 = 26.0 * 3_600_000.0;

impl TimeComparison {
    /// Parses one time, or a list of which one must hold.
    pub fn parse(
        node: &Node,
        operator: &str,
        relation: OrderRelation,
        context: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !context.applies(node, operator, is_time, instead) {
            return None;
        }
        let nodes = match &node.value {
            Yaml::List(items) if !items.is_empty() => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut moments = Vec::with_capacity(nodes.len());
        for node in nodes {
            moments.push(parse_operand(node, operator, context));
        }
        let moments = moments.into_iter().collect::<Option<_>>()?;
        Some(Self { moments, relation })
    }

    fn holds(&self, at: Timestamp, expected: Timestamp) -> Verdict {
        Verdict::from_bool(self.relation.holds(at.cmp(&expected)))
    }

    fn compare(&self, at: Timestamp, moment: &TimeOperand, scope: &Scope<'_>) -> Verdict {
        match moment {
            TimeOperand::At(expected, _) => self.holds(at, *expected),
            TimeOperand::Relative(span, _) => match relative_to_event(*span, scope) {
                Some(expected) => self.holds(at, expected),
                None => Verdict::Missing,
            },
            TimeOperand::Path(operand) => {
                let source = operand.time_source(scope);
                operand.evaluate(scope, |expected| match parse_value(expected, source) {
                    Ok(expected) => self.holds(at, expected),
                    Err(verdict) => verdict,
                })
            }
        }
    }

    fn index_condition(&self, moment: &TimeOperand) -> IndexCondition {
        let at = match moment {
            TimeOperand::At(at, _) => Ok(*at),
            TimeOperand::Path(Operand::Literal(value)) => {
                time_of_value(value).ok_or(Verdict::WrongType)
            }
            TimeOperand::Relative(..) | TimeOperand::Path(Operand::Path(_)) => {
                return IndexCondition::exists();
            }
        };
        match at {
            Ok(at) => within_any_zone(self.relation, at),
            Err(_) => IndexCondition::never(),
        }
    }

    /// Returns the time that is `seconds` after the first operand.
    fn offset_from_operand(&self, scope: &Scope<'_>, seconds: i64) -> Option<Value> {
        let at = match self.moments.first()? {
            TimeOperand::At(at, _) => *at,
            TimeOperand::Relative(span, _) => relative_to_event(*span, scope)?,
            TimeOperand::Path(operand) => scope.event.read_time(&operand.value(scope)?)?,
        };
        let at = at.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        Some(Value::String(at.to_string()))
    }
}

impl OperatorImpl for TimeComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let at = match parse_value(value, Some(scope.event)) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let verdicts = self.moments.iter().map(|m| self.compare(at, m, scope));
        Verdict::any(verdicts)
    }

    fn operands(&self) -> Vec<&Operand> {
        let operands = self.moments.iter().filter_map(|moment| match moment {
            TimeOperand::At(..) | TimeOperand::Relative(..) => None,
            TimeOperand::Path(operand) => Some(operand),
        });
        operands.collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        let operands = self.moments.iter_mut().filter_map(|moment| match moment {
            TimeOperand::At(..) | TimeOperand::Relative(..) => None,
            TimeOperand::Path(operand) => Some(operand),
        });
        operands.collect()
    }

    fn constants(&self, scope: &Scope<'_>) -> Vec<Value> {
        let times = self.moments.iter().filter_map(|moment| match moment {
            TimeOperand::At(at, _) => Some(*at),
            TimeOperand::Relative(span, _) => relative_to_event(*span, scope),
            TimeOperand::Path(operand) => match operand {
                Operand::Literal(value) => time_of_value(value),
                Operand::Path(_) => None,
            },
        });
        times.map(|at| Value::String(at.to_string())).collect()
    }

    fn reads_event(&self) -> bool {
        let mut moments = self.moments.iter();
        moments.any(|moment| match moment {
            TimeOperand::At(..) => false,
            TimeOperand::Relative(..) => true,
            TimeOperand::Path(operand) => operand.is_path(),
        })
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        let parts = self.moments.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.index_condition(part)),
        )]
    }

    fn operand_json(&self, scope: &Scope<'_>) -> Value {
        let moments = self.moments.iter().map(|moment| match moment {
            TimeOperand::At(_, text) | TimeOperand::Relative(_, text) => text.as_str().into(),
            TimeOperand::Path(operand) => operand.to_json(scope),
        });
        one_or_list(moments.collect())
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        let words = self.moments.iter().map(|moment| match moment {
            TimeOperand::At(_, text) => text.clone(),
            TimeOperand::Relative(_, text) => format!("{text} from the event's time"),
            TimeOperand::Path(operand) => operand.describe(scope),
        });
        words.collect::<Vec<_>>().join(" | ")
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let mut moments = self.moments.iter();
        if scope.event.time.is_none() && moments.any(|m| matches!(m, TimeOperand::Relative(..))) {
            return Some("this event has no time to count from".into());
        }
        match found.values() {
            [Value::Null] | [] => None,
            [value] if time_of_value(value).is_some() => None,
            [value] => Some(format!("{} is not a time", format_value(value))),
            _ => None,
        }
    }

    fn satisfying_values(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        let value = self.offset_from_operand(scope, self.relation.satisfying_offset());
        value.into_iter().collect()
    }

    fn violating_value(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.offset_from_operand(scope, self.relation.violating_offset())
    }
}

/// Parses a value as a time; returns the verdict if it is not a time. Null never matches.
fn parse_value(value: &Value, source: Option<&Event>) -> Result<Timestamp, Verdict> {
    let at = match source {
        _ if value.is_null() => return Err(Verdict::NoMatch),
        Some(event) => event.read_time(value),
        None => time_of_value(value),
    };
    at.ok_or(Verdict::WrongType)
}

/// Adds a duration to the event's time; `None` if the event has no time.
fn relative_to_event(span: SignedDuration, scope: &Scope<'_>) -> Option<Timestamp> {
    scope.event.time?.checked_add(span).ok()
}

fn is_time(field: &FieldType) -> bool {
    matches!(field, FieldType::Time | FieldType::Date | FieldType::Any)
}

fn instead(_: &FieldType) -> &'static str {
    "only times and dates can be before or after; numbers compare with `lt` and `gt`"
}

fn parse_operand(
    node: &Node,
    operator: &str,
    context: &mut OperandContext<'_, '_>,
) -> Option<TimeOperand> {
    let operand = Operand::parse(node, context)?;
    let value = match &operand {
        Operand::Path(_) => {
            let fits = operand.fits(node, context, |other| {
                is_time(other) || *other == FieldType::Text
            });
            return fits.then_some(TimeOperand::Path(operand));
        }
        Operand::Literal(value) => value,
    };
    let relative = value.as_str().and_then(parse_relative);
    let absolute = || time_of_value(value).map(|at| TimeOperand::At(at, written(value)));
    let moment = relative.or_else(absolute);
    if moment.is_none() {
        let message = format!(
            "`{operator}` takes a time, found {}",
            format_value(&node.to_json())
        );
        let help = "write 2026-03-01, 2026-03-01T09:00:00Z, or -2h to count from the event's time";
        context.names.invalid(node.at, message, help);
    }
    moment
}

fn written(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn parse_relative(text: &str) -> Option<TimeOperand> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let span = SignedDuration::try_from(duration::parse(rest)?).ok()?;
    Some(TimeOperand::Relative(span * sign, text.to_owned()))
}

pub fn schema() -> Value {
    json!({"description": "A date, a time, `-2h` counted from the event's time, or { path: … }."})
}
