//! Lowers the group `any_of`, which tests the elements of a list.

use crate::diagnostic::{Code, Report};
use crate::document::{Entry, Node};
use crate::language::condition::group_context::GroupContext;
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
    let group = group(&entry.value, names)?;
    let path = names.shared_path(group.path, group.list.at)?;
    lower::predicate(&path, any_of::SPEC.name, group.when, context, names)
}

/// The two keys of the group `any_of`: the list, and the condition of an element.
struct ElementGroup<'n> {
    list: &'n Node,
    when: &'n Node,
    path: &'n str,
}

/// Reads `any_of: { in: PATH, when: { … } }`; `None` after an error was reported.
fn group<'n>(node: &'n Node, report: &mut impl Report) -> Option<ElementGroup<'n>> {
    let help = "write `any_of: { in: ticket.tags, when: { starts_with: vip } }`";
    let Some(entries) = node.as_map() else {
        let message = format!("`any_of` takes `in` and `when`, found {}", node.kind());
        report.error(Code::WrongType, node.at, message, help);
        return None;
    };
    let unknown = entries
        .iter()
        .filter(|entry| !matches!(entry.key.as_str(), "in" | "when"));
    let mut all_known = true;
    for entry in unknown {
        let message = format!("unknown key `{}` of `any_of`", entry.key);
        report.error(Code::UnknownKey, entry.key_at, message, help);
        all_known = false;
    }
    if !all_known {
        return None;
    }
    for key in ["in", "when"] {
        if node.get(key).is_none() {
            report.error(
                Code::MissingKey,
                node.at,
                format!("`any_of` has no `{key}`"),
                help,
            );
            return None;
        }
    }
    let (list, when) = (node.get("in")?, node.get("when")?);
    let Some(path) = list.as_text() else {
        report.error(
            Code::WrongType,
            list.at,
            "`in` takes the path of a list",
            help,
        );
        return None;
    };
    Some(ElementGroup { list, when, path })
}
