//! Lowers the group `any_of`, which tests the elements of a list.

use crate::document::Entry;
use crate::language::condition::lower::GroupContext;
use crate::language::condition::{Condition, lower};
use crate::language::operator;
use crate::language::operator::any_of;
use crate::language::resolver::NameResolver;

/// Whether a key tests a value, and is no field.
pub fn is_operator(key: &str) -> bool {
    matches!(key, "not" | "ignore_case")
        || (key != any_of::SPEC.name && operator::find(key).is_some())
}

/// Lowers `any_of: { in: PATH, when: { … } }`.
pub fn lower(
    entry: &Entry,
    context: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let group = any_of::group(&entry.value, names)?;
    let path = names.shared_path(&group.path, group.list.at)?;
    lower::predicate(&path, any_of::SPEC.name, group.when, context, names)
}
