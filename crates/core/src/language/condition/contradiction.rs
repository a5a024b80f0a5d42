//! Finds conditions that can never hold, and comparisons that always hold, from all comparisons of one field.
//! Comparisons with other fields count as possible, so that nothing is reported that could happen.

use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::candidates::{compares_with, verdict};
use crate::language::condition::proof::{EVENT, FieldPredicates, Proof, fields, is_presence};
use crate::language::condition::{Condition, Polarity, Predicate, relation};
use crate::language::event_fields::FieldCheck;
use crate::language::operator::Verdict;
use crate::language::resolver::NameResolver;
use crate::path::Path;
use crate::path::scope::Scope;

/// Reports contradictions as errors and comparisons that always hold as warnings.
pub fn check(condition: &Condition, names: &mut NameResolver<'_>) {
    if !names.diagnostics.is_of_stored_rules() {
        check_part(condition, names);
    }
}

/// Returns the places of the reported contradictions. A field with one is not checked again further out.
fn check_part(condition: &Condition, names: &mut NameResolver<'_>) -> Vec<Span> {
    let mut reported = Vec::new();
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            let alone = matches!(condition, Condition::Any(_));
            for part in parts {
                if alone || !matches!(part, Condition::Predicate(_)) {
                    reported.extend(check_part(part, names));
                }
            }
        }
        Condition::Predicate(_) => {}
    }
    for field in fields(condition) {
        let known = field
            .predicates
            .iter()
            .any(|predicate| reported.contains(&predicate.at));
        if !known {
            reported.extend(check_field(condition, &field, names));
        }
    }
    let between = relation::check(condition, &reported, names);
    reported.extend(between);
    reported
}

/// Returns the place of a contradiction.
fn check_field(
    condition: &Condition,
    field: &FieldPredicates<'_>,
    names: &mut NameResolver<'_>,
) -> Option<Span> {
    let types = known_types(field.path(), names);
    // One comparison of a field with any value can hold, and can fail.
    let [first, rest @ ..] = field.predicates.as_slice() else {
        return None;
    };
    let has_values = types
        .iter()
        .any(|known| known.values().is_some() || *known == FieldType::Boolean);
    if rest.is_empty() && !has_values && !compares_with(first, &first.path) {
        return None;
    }
    let vars = names.in_scope.vars.clone();
    let scope = Scope::new(&EVENT, &vars);
    let proof = Proof::new(field, &types, &scope)?;
    let all: Vec<&Predicate> = field.predicates.clone();
    if proof.can_hold(condition, &all) {
        warn_if_always(condition, field, &proof, &scope, names);
        return None;
    }
    let needed = needed(&all, |deciding| proof.can_hold(condition, deciding));
    report(&needed, &types, &scope, names);
    needed.last().map(|last| last.at)
}

/// The types of a field; none if they are not known.
pub fn known_types(path: &Path, names: &NameResolver<'_>) -> Vec<FieldType> {
    match names.types_at(path) {
        FieldCheck::Known(types) => types,
        FieldCheck::Open
        | FieldCheck::Unlisted { .. }
        | FieldCheck::Misspelt { .. }
        | FieldCheck::Unknown { .. } => Vec::new(),
    }
}

/// Leaves out every comparison without which the condition still cannot hold.
pub fn needed<'c>(
    all: &[&'c Predicate],
    can_hold: impl Fn(&[&'c Predicate]) -> bool,
) -> Vec<&'c Predicate> {
    let mut needed = all.to_vec();
    for predicate in all {
        let without: Vec<&Predicate> = needed
            .iter()
            .copied()
            .filter(|other| !std::ptr::eq(*other, *predicate))
            .collect();
        if !can_hold(&without) {
            needed = without;
        }
    }
    needed
}

/// Describes a comparison with its place.
pub fn described(predicate: &Predicate, scope: &Scope<'_>) -> String {
    let not = match predicate.polarity {
        Polarity::Positive => "",
        Polarity::Negated => "not ",
    };
    let (operator, mut want) = (predicate.operator.name(), predicate.operator.want(scope));
    for path in predicate.operator.paths() {
        // There is no event whose value could be shown.
        want = want.replace(&format!("{} (absent)", path.text), &path.text);
    }
    format!("`{not}{operator} {want}`")
}

pub fn with_location(predicate: &Predicate, scope: &Scope<'_>) -> String {
    let at = predicate.at;
    format!(
        "{} (line {}, column {})",
        described(predicate, scope),
        at.line,
        at.column
    )
}

fn report(
    needed: &[&Predicate],
    types: &[FieldType],
    scope: &Scope<'_>,
    names: &mut NameResolver<'_>,
) {
    let Some((last, others)) = needed.split_last() else {
        return;
    };
    let path = &last.path.text;
    let (message, help) = match others {
        [] => {
            let values = types.iter().find_map(FieldType::values).unwrap_or_default();
            let message = format!("`{path}` can never fulfil {}", described(last, scope));
            let help = match compares_with(last, &last.path) {
                true => "it compares the field with itself; name another field".to_owned(),
                false if values.is_empty() => "its values are true, false".to_owned(),
                false => format!("its values are {}", values.join(", ")),
            };
            (message, help)
        }
        others => {
            let others: Vec<String> = others
                .iter()
                .map(|other| with_location(other, scope))
                .collect();
            let both = if others.len() == 1 { "both" } else { "all of" };
            let message = format!(
                "`{path}` can never fulfil {both} {} and {}",
                described(last, scope),
                others.join(" and ")
            );
            (
                message,
                "remove one of them, or write alternatives under `any:`".to_owned(),
            )
        }
    };
    names.error(Code::NeverHolds, last.at, message, &help);
}

/// Warns about comparisons of a group that hold for every value for which the others of the group hold.
fn warn_if_always(
    condition: &Condition,
    field: &FieldPredicates<'_>,
    proof: &Proof<'_>,
    scope: &Scope<'_>,
    names: &mut NameResolver<'_>,
) {
    if !proof.unknown.is_empty() {
        return;
    }
    match condition {
        Condition::All(parts) => {
            let direct: Vec<&Predicate> = parts
                .iter()
                .filter_map(|part| match part {
                    Condition::Predicate(predicate) => Some(&**predicate),
                    Condition::All(_) | Condition::Any(_) => None,
                })
                .filter(|predicate| {
                    field
                        .predicates
                        .iter()
                        .any(|other| std::ptr::eq(*other, *predicate))
                })
                .collect();
            for (number, predicate) in direct
                .iter()
                .enumerate()
                .filter(|(_, predicate)| !is_presence(predicate))
            {
                let others = direct
                    .iter()
                    .enumerate()
                    .filter(|(at, other)| *at != number && !is_presence(other));
                let stronger = others.map(|(_, other)| *other).find(|other| {
                    implies(other, predicate, proof, scope)
                        && !(implies(predicate, other, proof, scope) && is_before(predicate, other))
                });
                if let Some(stronger) = stronger {
                    always(predicate, Some(stronger), scope, names);
                    return;
                }
            }
        }
        Condition::Any(parts) => {
            let whole = parts
                .iter()
                .all(|part| matches!(part, Condition::Predicate(_)))
                && parts.len() == field.predicates.len();
            let mut present = proof.candidates.iter().filter(Option::is_some);
            if whole && present.all(|value| proof.holds(condition, &field.predicates, value, 0)) {
                let last = field.predicates[field.predicates.len() - 1];
                let message = format!(
                    "one of these comparisons of `{}` always holds",
                    last.path.text
                );
                let help = "remove the group, or write `exists: true` if the field must be there";
                names
                    .diagnostics
                    .push(Diagnostic::warning(Code::AlwaysHolds, last.at, message).help(help));
            }
        }
        Condition::Predicate(predicate) => {
            let mut present = proof.candidates.iter().filter(Option::is_some);
            if !is_presence(predicate)
                && present.all(|value| verdict(predicate, value, scope) == Verdict::Match)
            {
                always(predicate, None, scope, names);
            }
        }
    }
}

fn is_before(a: &Predicate, b: &Predicate) -> bool {
    a.at < b.at
}

fn implies(stronger: &Predicate, weaker: &Predicate, proof: &Proof<'_>, scope: &Scope<'_>) -> bool {
    let holds = |predicate: &Predicate, value| verdict(predicate, value, scope) == Verdict::Match;
    let mut values = proof.candidates.iter();
    values.all(|value| !holds(stronger, value) || holds(weaker, value))
}

fn always(
    predicate: &Predicate,
    beside: Option<&Predicate>,
    scope: &Scope<'_>,
    names: &mut NameResolver<'_>,
) {
    let beside = match beside {
        Some(stronger) => format!(" beside {}", with_location(stronger, scope)),
        None => String::new(),
    };
    let message = format!(
        "`{}` always fulfils {}{beside}",
        predicate.path.text,
        described(predicate, scope)
    );
    let diagnostic = Diagnostic::warning(Code::AlwaysHolds, predicate.at, message);
    names
        .diagnostics
        .push(diagnostic.help("remove it, or correct the value"));
}
