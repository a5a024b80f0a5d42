//! Proves from the values of two fields that are compared with each other whether a condition can hold.
//! Fields with a closed set of values are tried with all of them; of other fields only their relation is known.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Report, Span};
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::candidates::{Candidates, fits};
use crate::language::condition::contradiction::{described, known_types, needed, with_location};
use crate::language::condition::proof::{EVENT, reads_same};
use crate::language::condition::{Condition, Predicate};
use crate::language::operator::{Operator, Verdict};
use crate::language::resolver::NameResolver;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, Resolved};

/// More pairs of fields than this are not tried.
const MAX_PAIRS: usize = 8;

/// Reports what two fields can never fulfil together. Leaves out pairs with a reported comparison.
pub fn check(condition: &Condition, reported: &[Span], names: &mut NameResolver<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    let vars = names.in_scope.vars.clone();
    let scope = Scope::new(&EVENT, &vars);
    for pair in pairs(condition, &scope, names) {
        let known = |predicate: &&Predicate| {
            reported.contains(&predicate.at) || found.contains(&predicate.at)
        };
        if pair.deciding.iter().any(known) || pair.can_hold(condition, &pair.deciding) {
            continue;
        }
        let needed = needed(&pair.deciding, |deciding| {
            pair.can_hold(condition, deciding)
        });
        let Some((last, others)) = needed.split_last().filter(|(_, rest)| !rest.is_empty()) else {
            continue;
        };
        let message = format!(
            "`{}` can never fulfil {} while {}",
            last.path.text,
            described(last, &scope),
            while_others(others, &scope)
        );
        let help = "remove one of them, or write alternatives under `any:`";
        names.error(Code::NeverHolds, last.at, message, help);
        found.push(last.at);
    }
    found
}

/// Describes comparisons that hold: `` `previous` fulfils `is "urgent"` (line 3, column 5) ``.
pub fn while_others(others: &[&Predicate], scope: &Scope<'_>) -> String {
    let fulfils = |other: &&Predicate| {
        format!(
            "`{}` fulfils {}",
            other.path.text,
            with_location(other, scope)
        )
    };
    let others: Vec<String> = others.iter().map(fulfils).collect();
    others.join(" and ")
}

/// Two fields that the condition compares with each other.
pub struct FieldPair<'c, 's> {
    first: &'c Path,
    second: &'c Path,
    first_values: Vec<Option<Value>>,
    second_values: Vec<Option<Value>>,
    /// The comparisons whose verdict is known for two values.
    pub deciding: Vec<&'c Predicate>,
    scope: Scope<'s>,
}

/// Returns the pairs of a condition that two or more comparisons decide.
pub fn pairs<'c, 's>(
    condition: &'c Condition,
    scope: &Scope<'s>,
    names: &NameResolver<'_>,
) -> Vec<FieldPair<'c, 's>> {
    let all = condition.predicates();
    let mut places: Vec<[&Path; 2]> = Vec::new();
    for predicate in &all {
        for other in predicate.operator.paths() {
            let own = &*predicate.path;
            let is_new = !places.iter().any(|[a, b]| {
                (reads_same(a, own) && reads_same(b, other))
                    || (reads_same(b, own) && reads_same(a, other))
            });
            let is_pair = is_plain(own) && is_plain(other) && !reads_same(own, other);
            if is_pair && is_new && other.in_variables(scope.vars).is_none() {
                places.push([own, other]);
            }
        }
    }
    let places = places.into_iter().take(MAX_PAIRS);
    places
        .filter_map(|[first, second]| FieldPair::new(first, second, &all, scope, names))
        .collect()
}

fn is_plain(path: &Path) -> bool {
    matches!(path.route, PathKind::Plain { .. })
}

impl<'c, 's> FieldPair<'c, 's> {
    fn new(
        first: &'c Path,
        second: &'c Path,
        all: &[&'c Predicate],
        scope: &Scope<'s>,
        names: &NameResolver<'_>,
    ) -> Option<Self> {
        let (first_types, second_types) = (known_types(first, names), known_types(second, names));
        let closed = |types: &[FieldType]| {
            !types.is_empty() && types.iter().all(|known| known.values().is_some())
        };
        let is_closed = closed(&first_types) && closed(&second_types);
        let of_pair = |path: &Path| reads_same(path, first) || reads_same(path, second);
        let decides = |predicate: &&&Predicate| {
            let operator = predicate.operator.settled(scope.vars);
            let known = match &*operator {
                Operator::Matches(_) | Operator::AnyOf(_) | Operator::During(_) => false,
                Operator::Is(_)
                | Operator::Lt(_)
                | Operator::Lte(_)
                | Operator::Gt(_)
                | Operator::Gte(_) => is_closed || operator.operands().iter().all(|o| o.is_path()),
                _ => is_closed,
            };
            known && of_pair(&predicate.path) && operator.paths().all(of_pair)
        };
        let deciding: Vec<&Predicate> = all.iter().filter(decides).copied().collect();
        let values = |path: &Path, types: &[FieldType]| match is_closed {
            true => {
                let own: Vec<&Predicate> = deciding
                    .iter()
                    .copied()
                    .filter(|predicate| reads_same(&predicate.path, path))
                    .collect();
                let candidates = Candidates::of(&own, types, scope)?;
                Some(candidates.iter().map(|value| value.cloned()).collect())
            }
            false => Some(samples(types)),
        };
        let (first_values, second_values) =
            (values(first, &first_types)?, values(second, &second_types)?);
        (deciding.len() > 1).then_some(Self {
            first,
            second,
            first_values,
            second_values,
            deciding,
            scope: *scope,
        })
    }

    /// Whether two values fulfil the condition, as far as these comparisons decide it.
    pub fn can_hold(&self, condition: &Condition, deciding: &[&Predicate]) -> bool {
        let mut firsts = self.first_values.iter();
        firsts.any(|first| {
            let mut seconds = self.second_values.iter();
            seconds.any(|second| {
                let values = [first.as_ref(), second.as_ref()];
                self.holds(condition, deciding, values)
            })
        })
    }

    fn holds(
        &self,
        condition: &Condition,
        deciding: &[&Predicate],
        values: [Option<&Value>; 2],
    ) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.holds(part, deciding, values)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part, deciding, values)),
            Condition::Predicate(predicate) => {
                let mut deciding = deciding.iter();
                let decides = deciding.any(|other| std::ptr::eq(*other, &**predicate));
                !decides || self.verdict(predicate, values) == Verdict::Match
            }
        }
    }

    fn verdict(&self, predicate: &Predicate, [first, second]: [Option<&Value>; 2]) -> Verdict {
        let mut operator = Operator::clone(&predicate.operator);
        for (path, value) in [(self.first, first), (self.second, second)] {
            if let Some(value) = value {
                operator = operator.with_value_at(path, value);
            }
        }
        let own = if reads_same(&predicate.path, self.first) {
            first
        } else {
            second
        };
        let found = own.map_or(Resolved::Absent, Resolved::One);
        let verdict = operator.evaluate(&found, &self.scope);
        predicate.polarity.apply(verdict)
    }
}

/// Values of every kind, of each several in their order, also equal ones in another notation.
fn samples(types: &[FieldType]) -> Vec<Option<Value>> {
    let values = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(1),
        json!(2),
        json!(2.5),
        json!(""),
        json!("1"),
        json!("2"),
        json!("2.0"),
        json!("a"),
        json!("A"),
        json!("b"),
        json!("low"),
        json!("urgent"),
        json!("open"),
        json!("solved"),
        json!("2026-03-01"),
        json!("2026-03-01T00:00:00Z"),
        json!("2026-03-01T01:00:00+01:00"),
        json!("2026-03-02T00:00:00Z"),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({"a": 1}),
    ];
    let values = values.into_iter().filter(|value| fits(value, types));
    std::iter::once(None).chain(values.map(Some)).collect()
}
