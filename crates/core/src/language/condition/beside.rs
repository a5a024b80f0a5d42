//! Compares a condition with those that hold or fail before it: of the rule, of guards, of earlier branches.

use crate::language::condition::candidates::verdict;
use crate::language::condition::contradiction::{described, known_types, needed};
use crate::language::condition::proof::{EVENT, FieldPredicates, Proof, fields, reads_same};
use crate::language::condition::relation::{pairs, while_others};
use crate::language::condition::{Condition, Predicate};
use crate::language::operator::Verdict;
use crate::language::operator::any_of::same;
use crate::language::resolver::NameResolver;
use crate::path::scope::Scope;

/// Says why a condition cannot hold where the conditions in scope hold; `None` if it can, or alone cannot.
pub fn why_never(condition: &Condition, names: &NameResolver<'_>) -> Option<String> {
    let held = &names.in_scope.held;
    if held.is_empty() || names.diagnostics.is_of_stored_rules() {
        return None;
    }
    let before = Condition::All(held.clone());
    let whole = Condition::All(vec![before.clone(), condition.clone()]);
    let vars = names.in_scope.vars.clone();
    let scope = Scope::new(&EVENT, &vars);
    for field in fields(&whole) {
        let types = known_types(field.path(), names);
        let Some(proof) = Proof::new(&field, &types, &scope) else {
            continue;
        };
        let can_hold = |part: &Condition, deciding: &[&Predicate]| proof.can_hold(part, deciding);
        if let Some(why) = why(
            &before,
            condition,
            &whole,
            &field.predicates,
            can_hold,
            &scope,
        ) {
            return Some(why);
        }
    }
    let pairs = pairs(&whole, &scope, names);
    pairs.iter().find_map(|pair| {
        let can_hold = |part: &Condition, deciding: &[&Predicate]| pair.can_hold(part, deciding);
        why(&before, condition, &whole, &pair.deciding, can_hold, &scope)
    })
}

fn why<'c>(
    before: &Condition,
    condition: &Condition,
    whole: &'c Condition,
    deciding: &[&'c Predicate],
    can_hold: impl Fn(&Condition, &[&'c Predicate]) -> bool,
    scope: &Scope<'_>,
) -> Option<String> {
    if can_hold(whole, deciding) || !can_hold(before, deciding) || !can_hold(condition, deciding) {
        return None;
    }
    let needed = needed(deciding, |deciding| can_hold(whole, deciding));
    let (last, others) = needed.split_last()?;
    Some(format!(
        "`{}` can never fulfil {} while {}",
        last.path.text,
        described(last, scope),
        while_others(others, scope)
    ))
}

/// Whether the earlier condition holds wherever the later one does.
pub fn covers(earlier: &Condition, later: &Condition, names: &NameResolver<'_>) -> bool {
    let later = conjuncts(later);
    conjuncts(earlier)
        .into_iter()
        .all(|part| later.iter().any(|other| implies(other, part, names)))
}

/// The parts that must all hold.
fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(conjuncts).collect(),
        Condition::Any(_) | Condition::Predicate(_) => vec![condition],
    }
}

fn implies(stronger: &Condition, weaker: &Condition, names: &NameResolver<'_>) -> bool {
    if same(stronger, weaker) {
        return true;
    }
    let (Condition::Predicate(stronger), Condition::Predicate(weaker)) = (stronger, weaker) else {
        return false;
    };
    if !reads_same(&stronger.path, &weaker.path) {
        return false;
    }
    let field = FieldPredicates {
        predicates: vec![&**stronger, &**weaker],
    };
    let types = known_types(field.path(), names);
    let scope = Scope::new(&EVENT, &names.in_scope.vars);
    let Some(proof) = Proof::new(&field, &types, &scope).filter(|proof| proof.unknown.is_empty())
    else {
        return false;
    };
    let holds = |predicate: &Predicate, value| verdict(predicate, value, &scope) == Verdict::Match;
    let mut values = proof.candidates.iter();
    values.all(|value| !holds(stronger, value) || holds(weaker, value))
}
