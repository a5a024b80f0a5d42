//! Points in time as events and authors write them: RFC 3339, a date alone, or relative to the event.
//! A time without a zone is UTC; anything else is no time.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::core::diagnostic::Code;
use crate::core::event::catalogue::FieldType;
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::lowering::duration;
use crate::core::rule::operator::operand::Operand;
use crate::core::rule::operator::{Parsing, Verdict, words};
use crate::core::rule::path::Found;
use crate::core::scope::Scope;

/// What `before` and `after` compare with.
#[derive(Debug, Clone)]
pub enum Moment {
    At(Timestamp, String),
    /// `-2h`: counted from the event's time.
    Relative(SignedDuration, String),
    Of(Operand),
}

/// Reads a time or a date; a date is its first instant in UTC.
pub fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let civil = match text.parse::<DateTime>() {
        Ok(civil) if text.len() > 10 => civil,
        _ => text
            .parse::<Date>()
            .ok()
            .filter(|_| text.len() == 10)?
            .to_datetime(jiff::civil::Time::midnight()),
    };
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

pub fn parse_moments(
    node: &Node,
    operator: &str,
    parsing: &mut Parsing<'_, '_>,
) -> Option<Vec<Moment>> {
    if !parsing.applies(
        node,
        operator,
        is_time,
        |_| "only times and dates can be before or after; numbers compare with `lt` and `gt`",
    ) {
        return None;
    }
    let nodes = match &node.value {
        Yaml::List(items) if !items.is_empty() => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut moments = Vec::with_capacity(nodes.len());
    for node in nodes {
        moments.push(parse_moment(node, operator, parsing));
    }
    moments.into_iter().collect()
}

fn is_time(field: &FieldType) -> bool {
    matches!(field, FieldType::Time | FieldType::Date | FieldType::Any)
}

fn parse_moment(node: &Node, operator: &str, parsing: &mut Parsing<'_, '_>) -> Option<Moment> {
    let operand = Operand::parse(node, parsing)?;
    let text = match &operand {
        Operand::Path(_) => {
            let sound = operand.fits(node, parsing, |other| {
                is_time(other) || *other == FieldType::Text
            });
            return sound.then_some(Moment::Of(operand));
        }
        Operand::Literal(Value::String(text)) => text,
        Operand::Literal(_) => "",
    };
    let moment = relative(text).or_else(|| instant(text).map(|at| Moment::At(at, text.into())));
    if moment.is_none() {
        let message = format!(
            "`{operator}` takes a time, found {}",
            words(&node.to_json())
        );
        let help = "write 2026-03-01, 2026-03-01T09:00:00Z, or -2h to count from the event's time";
        parsing.cx.error(Code::InvalidValue, node.at, message, help);
    }
    moment
}

fn relative(text: &str) -> Option<Moment> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let span = SignedDuration::try_from(duration(rest)?).ok()?;
    Some(Moment::Relative(span * sign, text.to_owned()))
}

/// Judges the value's instant against any of the moments.
pub fn judge(
    value: &Value,
    moments: &[Moment],
    scope: &Scope<'_>,
    holds: fn(Timestamp, Timestamp) -> bool,
) -> Verdict {
    let text = match value {
        Value::String(text) => text,
        Value::Null => return Verdict::NoMatch,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return Verdict::WrongType;
        }
    };
    let Some(at) = instant(text) else {
        return Verdict::WrongType;
    };
    Verdict::any(moments.iter().map(|moment| match moment {
        Moment::At(wanted, _) => Verdict::of(holds(at, *wanted)),
        Moment::Relative(span, _) => match scope.event.time.and_then(|t| t.checked_add(*span).ok())
        {
            Some(wanted) => Verdict::of(holds(at, wanted)),
            None => Verdict::Missing,
        },
        Moment::Of(operand) => operand.judge(scope, |wanted| match wanted {
            Value::Null => Verdict::NoMatch,
            Value::String(text) => {
                instant(text).map_or(Verdict::WrongType, |wanted| Verdict::of(holds(at, wanted)))
            }
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Verdict::WrongType
            }
        }),
    }))
}

pub fn operands(moments: &[Moment]) -> Vec<&Operand> {
    let operands = moments.iter().filter_map(|moment| match moment {
        Moment::At(..) | Moment::Relative(..) => None,
        Moment::Of(operand) => Some(operand),
    });
    operands.collect()
}

pub fn want(moments: &[Moment], scope: &Scope<'_>) -> String {
    let words = moments.iter().map(|moment| match moment {
        Moment::At(_, text) => text.clone(),
        Moment::Relative(_, text) => format!("{text} from the event's time"),
        Moment::Of(operand) => operand.words(scope),
    });
    words.collect::<Vec<_>>().join(" | ")
}

pub fn hint(found: &Found<'_>, moments: &[Moment], scope: &Scope<'_>) -> Option<String> {
    let relative = moments.iter().any(|m| matches!(m, Moment::Relative(..)));
    if relative && scope.event.time.is_none() {
        return Some("this event carries no time to count from".into());
    }
    match found.values() {
        [Value::Null] | [] => None,
        [Value::String(text)] if instant(text).is_some() => None,
        [value] => Some(format!("{} is no time", words(value))),
        _ => None,
    }
}

/// An instant on the wanted side of the first moment.
pub fn beside(moments: &[Moment], scope: &Scope<'_>, seconds: i64) -> Option<Value> {
    let at = match moments.first()? {
        Moment::At(at, _) => *at,
        Moment::Relative(span, _) => scope.event.time?.checked_add(*span).ok()?,
        Moment::Of(operand) => instant(operand.value(scope)?.as_str()?)?,
    };
    let at = at.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    Some(Value::String(at.to_string()))
}

pub fn schema() -> Value {
    json!({"description": "A date, a time, `-2h` counted from the event's time, or { path: … }."})
}
