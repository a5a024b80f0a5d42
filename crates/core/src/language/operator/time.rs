//! Points in time as events and authors write them: RFC 3339, a date alone, or relative to the event.
//! A time without a zone is UTC; anything else is no time.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::diagnostic::{Code, Report};
use crate::document::duration;
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::operator::index_condition::{IndexCondition, IndexKey};
use crate::language::operator::operand::Operand;
use crate::language::operator::relation::OrderRelation;
use crate::language::operator::{OperandContext, OperatorImpl, Verdict, words};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// `before` or `after`: the moments it compares with, and the side of them that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeComparison {
    moments: Vec<TimeOperand>,
    side: OrderRelation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum TimeOperand {
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

/// For finding: coarser than an instant, and in the same order.
#[allow(clippy::cast_precision_loss)]
pub fn milliseconds(at: Timestamp) -> f64 {
    // Exact: no instant is as far as 2^53 milliseconds away.
    at.as_millisecond() as f64
}

impl TimeComparison {
    /// One moment, or a list of which any may hold.
    pub fn parse(
        node: &Node,
        operator: &str,
        side: OrderRelation,
        parsing: &mut OperandContext<'_, '_>,
    ) -> Option<Self> {
        if !parsing.applies(node, operator, is_time, instead) {
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
        let moments = moments.into_iter().collect::<Option<_>>()?;
        Some(Self { moments, side })
    }

    fn holds(&self, at: Timestamp, wanted: Timestamp) -> Verdict {
        Verdict::of(self.side.holds(at.cmp(&wanted)))
    }

    fn compare(&self, at: Timestamp, moment: &TimeOperand, scope: &Scope<'_>) -> Verdict {
        match moment {
            TimeOperand::At(wanted, _) => self.holds(at, *wanted),
            TimeOperand::Relative(span, _) => match counted(*span, scope) {
                Some(wanted) => self.holds(at, wanted),
                None => Verdict::Missing,
            },
            TimeOperand::Of(operand) => operand.judge(scope, |wanted| match read(wanted) {
                Ok(wanted) => self.holds(at, wanted),
                Err(verdict) => verdict,
            }),
        }
    }

    fn narrowing_by(&self, moment: &TimeOperand) -> IndexCondition {
        let at = match moment {
            TimeOperand::At(at, _) => Ok(*at),
            TimeOperand::Of(Operand::Literal(value)) => read(value),
            TimeOperand::Relative(..) | TimeOperand::Of(Operand::Path(_)) => {
                return IndexCondition::standing();
            }
        };
        match at {
            Ok(at) => IndexCondition::within(IndexKey::Instant(
                self.side.up_to_and_with(milliseconds(at)),
            )),
            Err(_) => IndexCondition::never(),
        }
    }

    /// An instant so many seconds from the first moment.
    fn beside(&self, scope: &Scope<'_>, seconds: i64) -> Option<Value> {
        let at = match self.moments.first()? {
            TimeOperand::At(at, _) => *at,
            TimeOperand::Relative(span, _) => counted(*span, scope)?,
            TimeOperand::Of(operand) => instant(operand.value(scope)?.as_str()?)?,
        };
        let at = at.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        Some(Value::String(at.to_string()))
    }
}

impl OperatorImpl for TimeComparison {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        let at = match read(value) {
            Ok(at) => at,
            Err(verdict) => return verdict,
        };
        let verdicts = self.moments.iter().map(|m| self.compare(at, m, scope));
        Verdict::any(verdicts)
    }

    fn operands(&self) -> Vec<&Operand> {
        let operands = self.moments.iter().filter_map(|moment| match moment {
            TimeOperand::At(..) | TimeOperand::Relative(..) => None,
            TimeOperand::Of(operand) => Some(operand),
        });
        operands.collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        let operands = self.moments.iter_mut().filter_map(|moment| match moment {
            TimeOperand::At(..) | TimeOperand::Relative(..) => None,
            TimeOperand::Of(operand) => Some(operand),
        });
        operands.collect()
    }

    fn reads_event(&self) -> bool {
        let mut moments = self.moments.iter();
        moments.any(|moment| match moment {
            TimeOperand::At(..) => false,
            TimeOperand::Relative(..) => true,
            TimeOperand::Of(operand) => operand.is_path(),
        })
    }

    fn narrowings(&self) -> Vec<IndexCondition> {
        let parts = self.moments.iter();
        vec![IndexCondition::any(
            parts.map(|part| self.narrowing_by(part)),
        )]
    }

    fn want(&self, scope: &Scope<'_>) -> String {
        let words = self.moments.iter().map(|moment| match moment {
            TimeOperand::At(_, text) => text.clone(),
            TimeOperand::Relative(_, text) => format!("{text} from the event's time"),
            TimeOperand::Of(operand) => operand.words(scope),
        });
        words.collect::<Vec<_>>().join(" | ")
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let mut moments = self.moments.iter();
        if scope.event.time.is_none() && moments.any(|m| matches!(m, TimeOperand::Relative(..))) {
            return Some("this event carries no time to count from".into());
        }
        match found.values() {
            [Value::Null] | [] => None,
            [Value::String(text)] if instant(text).is_some() => None,
            [value] => Some(format!("{} is no time", words(value))),
            _ => None,
        }
    }

    fn satisfying(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.beside(scope, self.side.inside()).into_iter().collect()
    }

    fn violating(&self, _: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.beside(scope, self.side.outside())
    }
}

/// The instant that a value is; or the verdict on one that is none. Null is neither early nor late.
fn read(value: &Value) -> Result<Timestamp, Verdict> {
    match value {
        Value::String(text) => instant(text).ok_or(Verdict::WrongType),
        Value::Null => Err(Verdict::NoMatch),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Verdict::WrongType)
        }
    }
}

/// Counted from the event's time, where it has one.
fn counted(span: SignedDuration, scope: &Scope<'_>) -> Option<Timestamp> {
    scope.event.time?.checked_add(span).ok()
}

fn is_time(field: &FieldType) -> bool {
    matches!(field, FieldType::Time | FieldType::Date | FieldType::Any)
}

fn instead(_: &FieldType) -> &'static str {
    "only times and dates can be before or after; numbers compare with `lt` and `gt`"
}

fn parse_moment(
    node: &Node,
    operator: &str,
    parsing: &mut OperandContext<'_, '_>,
) -> Option<TimeOperand> {
    let operand = Operand::parse(node, parsing)?;
    let text = match &operand {
        Operand::Path(_) => {
            let sound = operand.fits(node, parsing, |other| {
                is_time(other) || *other == FieldType::Text
            });
            return sound.then_some(TimeOperand::Of(operand));
        }
        Operand::Literal(Value::String(text)) => text,
        Operand::Literal(_) => "",
    };
    let moment =
        relative(text).or_else(|| instant(text).map(|at| TimeOperand::At(at, text.into())));
    if moment.is_none() {
        let message = format!(
            "`{operator}` takes a time, found {}",
            words(&node.to_json())
        );
        let help = "write 2026-03-01, 2026-03-01T09:00:00Z, or -2h to count from the event's time";
        parsing
            .names
            .error(Code::InvalidValue, node.at, message, help);
    }
    moment
}

fn relative(text: &str) -> Option<TimeOperand> {
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
