//! Lowers the YAML under `when` to a condition: groups, fields, operators, with negation pushed down.
//! Reports empty conditions, unknown operators and keys in the wrong position.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::language::condition::group_context::GroupContext;
use crate::language::condition::incomplete::{Incomplete, Lowered, combined};
use crate::language::condition::other_tools::{comparison_in_text, group_of_other_tools};
use crate::language::condition::{Condition, Predicate, element};
use crate::language::operator;
use crate::language::operator::cache::OperatorKey;
use crate::language::operator::{CaseSensitivity, OperandContext, Operator, OperatorSpec};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// Lowers a mapping: every key must hold.
pub fn mapping(node: &Node, context: &GroupContext, names: &mut NameResolver<'_>) -> Lowered {
    let Some(entries) = entries(node, names) else {
        return Err(Incomplete::nothing());
    };
    let of_element = |entry: &&Entry| {
        names.in_scope.element.element().is_some() && element::is_operator(&entry.key)
    };
    let (element, fields): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(of_element);
    let mut parts: Vec<Lowered> = Vec::with_capacity(entries.len());
    if !element.is_empty() {
        let element: Vec<Entry> = element.into_iter().cloned().collect();
        let path = Arc::new(Path::element());
        parts.push(lower_operators(&path, node, &element, context, names));
    }
    for entry in fields {
        parts.push(lower_entry(entry, context, names));
    }
    combined(parts, |parts| context.all(parts))
}

/// Returns the entries of a condition, or None after reporting that it has none.
fn entries<'n>(node: &'n Node, names: &mut NameResolver<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Yaml::Map(entries) if !entries.is_empty() => Some(entries),
        Yaml::Map(_) => {
            let help = "name a field and its test, or leave the key out";
            names.reject_value(node.at, "an empty condition tests nothing", help)
        }
        Yaml::List(_) => {
            let message = "a condition takes a mapping, found a list";
            let help = "write `all:` or `any:` above the list";
            names.reject(Code::WrongType, node.at, message, help)
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("a condition takes a mapping, found {}", node.kind());
            let help = "write `field: value`, for example `current: urgent`";
            names.reject(Code::WrongType, node.at, message, help)
        }
    }
}

fn lower_entry(entry: &Entry, context: &GroupContext, names: &mut NameResolver<'_>) -> Lowered {
    match entry.key.as_str() {
        "all" | "any" | "none" => lower_group(entry, context, names),
        "any_of" => element::lower(entry, context, names).ok_or_else(Incomplete::nothing),
        "not" => {
            let help = "write `not` under a field: `current: { not: solved }`; \
                        to negate several tests write `none:` with a list";
            names.error(
                Code::UnknownKey,
                entry.key_at,
                "`not` is not allowed here",
                help,
            );
            Err(Incomplete::nothing())
        }
        key => match group_of_other_tools(entry) {
            Some(meant) => {
                let message = format!("`{key}` is not a group of conditions");
                let help = format!("write `{meant}:` with a list of conditions");
                names.error(Code::UnknownKey, entry.key_at, message, &help);
                let meant = Entry {
                    key: meant.to_owned(),
                    ..entry.clone()
                };
                let parts = match meant.value.as_list() {
                    Some(_) => lower_group(&meant, context, names),
                    None => return Err(Incomplete::nothing()),
                };
                Err(parts.map_or_else(|parts| parts, Incomplete))
            }
            None => lower_field(entry, context, names),
        },
    }
}

fn lower_group(entry: &Entry, context: &GroupContext, names: &mut NameResolver<'_>) -> Lowered {
    let key = entry.key.as_str();
    let Some(items) = group_items(entry, names) else {
        return Err(Incomplete::nothing());
    };
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        parts.push(mapping(item, &context.child(key, index), names));
    }
    combined(parts, |parts| match key {
        "all" => context.all(parts),
        "any" => context.any(parts),
        _ => context.negated().any(parts),
    })
}

fn group_items<'n>(entry: &'n Entry, names: &mut NameResolver<'_>) -> Option<&'n [Node]> {
    let key = entry.key.as_str();
    let Some(items) = entry.value.as_list() else {
        let message = format!(
            "`{key}` takes a list of conditions, found {}",
            entry.value.kind()
        );
        let help = "start each condition with `- `";
        return names.reject(Code::WrongType, entry.value.at, message, help);
    };
    if items.is_empty() {
        let message = format!("`{key}` has no condition");
        return names.reject_value(entry.value.at, message, "add one, or leave the key out");
    }
    Some(items)
}

fn lower_field(entry: &Entry, context: &GroupContext, names: &mut NameResolver<'_>) -> Lowered {
    if let Some(help) = misplaced_operator(entry) {
        let message = format!("`{}` is an operator, not a field", entry.key);
        names.error(Code::UnknownField, entry.key_at, message, &help);
        return Err(Incomplete::nothing());
    }
    match names.shared_path(&entry.key, entry.key_at) {
        Some(path) => lower_test(&path, &entry.value, context, names),
        None => {
            // The test of an unknown field is checked too, as far as it does not depend on the field's type.
            let unknown = Arc::new(Path::unknown(&entry.key));
            let _ = lower_test(&unknown, &entry.value, context, names);
            Err(Incomplete::nothing())
        }
    }
}

fn misplaced_operator(entry: &Entry) -> Option<String> {
    let name = entry.key.as_str();
    operator::find(name)?;
    if name == operator::during::SPEC.name {
        return Some("write `event.time: { during: … }`, or `during: …` beside `when`".to_owned());
    }
    Some(format!(
        "write it under a field: `current: {{ {name}: … }}`"
    ))
}

/// Lowers the test of a field: a scalar (equals), a list (any of), or a mapping of operators.
fn lower_test(
    path: &Arc<Path>,
    node: &Node,
    context: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Lowered {
    let operators = node
        .as_map()
        .filter(|entries| !operator::operand::is_path(entries));
    let Some(entries) = operators else {
        let test = match comparison_in_text(path, node, names) {
            true => None,
            false => predicate(path, "is", node, context, names),
        };
        return test.ok_or_else(Incomplete::nothing);
    };
    lower_operators(path, node, entries, context, names)
}

fn lower_operators(
    path: &Arc<Path>,
    node: &Node,
    entries: &[Entry],
    context: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Lowered {
    let case = read_ignore_case(node, context, names.diagnostics);
    let context = &context.clone().with_case(case.unwrap_or(context.case));
    let mut parts = Vec::new();
    for entry in entries.iter().filter(|entry| entry.key != "ignore_case") {
        parts.push(match entry.key.as_str() {
            "not" => lower_test(path, &entry.value, &context.negated(), names),
            name if operator::find(name).is_some() => {
                let test = predicate(path, name, &entry.value, context, names);
                test.ok_or_else(Incomplete::nothing)
            }
            _ => {
                unknown_operator(path, entry, names.diagnostics);
                Err(Incomplete::nothing())
            }
        });
    }
    if parts.is_empty() && case.is_some() {
        let message = format!("`{}` has no test", path.text);
        let help = "write a value, or an operator and its value";
        names.invalid(node.at, message, help);
        return Err(Incomplete::nothing());
    }
    let whole = combined(parts, |parts| context.all(parts))?;
    match case {
        Some(_) => Ok(whole),
        None => Err(Incomplete(whole)),
    }
}

fn unknown_operator(path: &Path, entry: &Entry, diagnostics: &mut Diagnostics) {
    let message = format!("unknown operator `{}`", entry.key);
    // The path `element` is ours: the rule has only the fields of an element.
    let inside = match path.route == Path::element().route {
        true => format!(
            "write the field of an element, as `{}`, beside the operators",
            entry.key
        ),
        false => format!(
            "for a field inside of `{0}` write `{0}.{1}`",
            path.text, entry.key
        ),
    };
    let names = operator::SPECS
        .iter()
        .map(|spec| spec.name)
        .chain(["not", "ignore_case"]);
    let help = crate::document::suggest::for_operator(&entry.key, names).unwrap_or_else(|| {
        let names: Vec<_> = operator::SPECS.iter().map(|spec| spec.name).collect();
        format!("the operators are {} and not; {inside}", names.join(", "))
    });
    diagnostics.error(Code::UnknownOperator, entry.key_at, message, &help);
}

pub(super) fn predicate(
    path: &Arc<Path>,
    name: &str,
    value: &Node,
    context: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let spec = operator::find(name)?;
    let operator = lower_operator(spec, path, value, context.case, names)?;
    Some(Condition::Predicate(Arc::new(Predicate {
        path: Arc::clone(path),
        operator,
        polarity: context.polarity,
        group: names.interner.words.share(context.group()),
        at: value.at,
    })))
}

/// Lowers an operator with its operand. Returns the cached operator if an earlier rule had the same test
/// and nothing was reported about it.
fn lower_operator(
    spec: &OperatorSpec,
    path: &Path,
    value: &Node,
    case: CaseSensitivity,
    names: &mut NameResolver<'_>,
) -> Option<Arc<Operator>> {
    let key = OperatorKey::new(spec, path, value, case, names);
    if let Some(known) = key
        .as_ref()
        .and_then(|key| names.interner.comparisons.get(key))
    {
        return Some(known);
    }
    let reported = names.diagnostics.count();
    let fields = names.types_at(path);
    let mut context = OperandContext {
        path,
        fields,
        case,
        names,
    };
    let operator = Arc::new((spec.parse)(value, &mut context)?);
    if let Some(key) = key.filter(|_| names.diagnostics.count() == reported) {
        names.interner.comparisons.insert(key, &operator);
    }
    Some(operator)
}

/// Reads the `ignore_case` beside the operators; `None` after reporting one that is not allowed there.
fn read_ignore_case(
    node: &Node,
    context: &GroupContext,
    diagnostics: &mut Diagnostics,
) -> Option<CaseSensitivity> {
    let Some(flag) = node.get("ignore_case") else {
        return Some(context.case);
    };
    let Yaml::Bool(ignore) = flag.value else {
        return diagnostics.reject_type(flag, "ignore_case", "true or false");
    };
    if !compares_text(node) {
        let help = "it applies only to operators that compare text, such as `contains`";
        let message = "`ignore_case` does nothing here";
        return diagnostics.reject(Code::OperatorMismatch, flag.at, message, help);
    }
    Some(if ignore {
        CaseSensitivity::Ignored
    } else {
        CaseSensitivity::Exact
    })
}

fn compares_text(node: &Node) -> bool {
    let Yaml::Map(entries) = &node.value else {
        return true;
    };
    entries.iter().any(|entry| match entry.key.as_str() {
        "ignore_case" => false,
        "not" => compares_text(&entry.value),
        name => operator::find(name).is_none_or(|spec| spec.compares_text),
    })
}
