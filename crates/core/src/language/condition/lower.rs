//! From the YAML under `when` to a condition: groups, fields, operators, and negation pushed down.
//! It refuses what tests nothing, and operators and words that are not ours.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator;
use crate::language::operator::cache::OperatorKey;
use crate::language::operator::{CaseSensitivity, OperandContext, Operator, OperatorSpec};
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// Where in the tree the lowering stands.
#[derive(Debug, Clone)]
pub struct GroupContext {
    group: String,
    polarity: Polarity,
    /// How text is compared here: what `ignore_case` beside or around says.
    case: CaseSensitivity,
}

impl GroupContext {
    pub fn root() -> Self {
        Self {
            group: String::new(),
            polarity: Polarity::Positive,
            case: CaseSensitivity::Exact,
        }
    }

    fn child(&self, key: &str, index: usize) -> Self {
        let dot = if self.group.is_empty() { "" } else { "." };
        Self {
            group: format!("{}{dot}{key}[{index}]", self.group),
            polarity: match key {
                "none" => self.polarity.flip(),
                _ => self.polarity,
            },
            case: self.case,
        }
    }

    fn negated(&self) -> Self {
        Self {
            polarity: self.polarity.flip(),
            ..self.clone()
        }
    }

    /// Parts that must all hold; under a negation one of their negations must.
    fn all(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => all(parts),
            Polarity::Negated => any(parts),
        }
    }

    fn any(&self, parts: Vec<Condition>) -> Condition {
        match self.polarity {
            Polarity::Positive => any(parts),
            Polarity::Negated => all(parts),
        }
    }

    fn group(&self) -> &str {
        match self.group.as_str() {
            "" => "all",
            group => group,
        }
    }
}

fn all(mut parts: Vec<Condition>) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::All(parts),
    }
}

fn any(mut parts: Vec<Condition>) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::Any(parts),
    }
}

/// A mapping: every key must hold.
pub fn mapping(
    node: &Node,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let entries = match &node.value {
        Yaml::Map(entries) if !entries.is_empty() => entries,
        Yaml::Map(_) => {
            let help = "name a field and its test, or leave the key out";
            names.error(
                Code::InvalidValue,
                node.at,
                "an empty condition tests nothing",
                help,
            );
            return None;
        }
        Yaml::List(_) => {
            let message = "a condition takes a mapping, found a list";
            let help = "write `all:` or `any:` above the list";
            names.error(Code::WrongType, node.at, message, help);
            return None;
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("a condition takes a mapping, found {}", node.kind());
            let help = "write `field: value`, for example `current: urgent`";
            names.error(Code::WrongType, node.at, message, help);
            return None;
        }
    };
    let parts: Vec<Option<Condition>> = entries
        .iter()
        .map(|entry| lower_entry(entry, branch, names))
        .collect();
    let parts: Option<Vec<Condition>> = parts.into_iter().collect();
    Some(branch.all(parts?))
}

fn lower_entry(
    entry: &Entry,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    match entry.key.as_str() {
        "all" | "any" | "none" => lower_group(entry, branch, names),
        "not" => {
            let help = "`not` stands beside a field: `current: { not: solved }`; \
                        to negate several tests write `none:` with a list";
            names.error(
                Code::UnknownKey,
                entry.key_at,
                "`not` cannot stand here",
                help,
            );
            None
        }
        _ => lower_field(entry, branch, names),
    }
}

fn lower_group(
    entry: &Entry,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let key = entry.key.as_str();
    let Some(items) = entry.value.as_list() else {
        let message = format!(
            "`{key}` takes a list of conditions, found {}",
            entry.value.kind()
        );
        names.error(
            Code::WrongType,
            entry.value.at,
            message,
            "start each condition with `- `",
        );
        return None;
    };
    if items.is_empty() {
        let message = format!("`{key}` has no condition");
        names.error(
            Code::InvalidValue,
            entry.value.at,
            message,
            "add one, or leave the key out",
        );
        return None;
    }
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        parts.push(mapping(item, &branch.child(key, index), names));
    }
    let parts: Vec<Condition> = parts.into_iter().collect::<Option<_>>()?;
    Some(match key {
        "all" => branch.all(parts),
        "any" => branch.any(parts),
        _ => branch.negated().any(parts),
    })
}

fn lower_field(
    entry: &Entry,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    if let Some(help) = misplaced_operator(entry) {
        let message = format!("`{}` is an operator, not a field", entry.key);
        names.error(Code::UnknownField, entry.key_at, message, &help);
        return None;
    }
    let path = names.shared_path(&entry.key, entry.key_at);
    // The test of a wrong field is judged as far as it does not hang on what the field holds.
    let unknown = || Arc::new(Path::unknown(&entry.key));
    let judged = path.clone().unwrap_or_else(unknown);
    let test = lower_test(&judged, &entry.value, branch, names);
    path.and(test)
}

fn misplaced_operator(entry: &Entry) -> Option<String> {
    let name = entry.key.as_str();
    operator::find(name)?;
    Some(format!(
        "it stands under its field: `current: {{ {name}: … }}`"
    ))
}

/// What may stand beside a field: a scalar (equals), a list (any of), or operators.
fn lower_test(
    path: &Arc<Path>,
    node: &Node,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let Yaml::Map(entries) = &node.value else {
        return predicate(path, "is", node, branch, names);
    };
    if operator::operand::is_path(entries) {
        return predicate(path, "is", node, branch, names);
    }
    lower_operators(path, node, entries, branch, names)
}

fn lower_operators(
    path: &Arc<Path>,
    node: &Node,
    entries: &[Entry],
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let case = case_beside(node, branch, names.diagnostics);
    let branch = &GroupContext {
        case: case.unwrap_or(branch.case),
        ..branch.clone()
    };
    let mut parts = Vec::new();
    for entry in entries.iter().filter(|entry| entry.key != "ignore_case") {
        parts.push(match entry.key.as_str() {
            "not" => lower_test(path, &entry.value, &branch.negated(), names),
            name if operator::find(name).is_some() => {
                predicate(path, name, &entry.value, branch, names)
            }
            _ => {
                unknown_operator(path, entry, names.diagnostics);
                None
            }
        });
    }
    if parts.is_empty() && case.is_some() {
        let message = format!("`{}` is not tested for anything", path.text);
        names.error(
            Code::InvalidValue,
            node.at,
            message,
            "write a value, or an operator and its value",
        );
        return None;
    }
    let parts: Vec<Condition> = parts.into_iter().collect::<Option<_>>()?;
    case.map(|_| branch.all(parts))
}

fn unknown_operator(path: &Path, entry: &Entry, diagnostics: &mut Diagnostics) {
    let message = format!("unknown operator `{}`", entry.key);
    let names = operator::SPECS
        .iter()
        .map(|spec| spec.name)
        .chain(["not", "ignore_case"]);
    let help = crate::document::suggest::for_operator(&entry.key, names).unwrap_or_else(|| {
        let names: Vec<_> = operator::SPECS.iter().map(|spec| spec.name).collect();
        format!(
            "the operators are {} and not; for a field inside of `{}` write `{}.{}`",
            names.join(", "),
            path.text,
            path.text,
            entry.key
        )
    });
    diagnostics.error(Code::UnknownOperator, entry.key_at, message, &help);
}

fn predicate(
    path: &Arc<Path>,
    name: &str,
    value: &Node,
    branch: &GroupContext,
    names: &mut NameResolver<'_>,
) -> Option<Condition> {
    let spec = operator::find(name)?;
    let operator = lower_operator(spec, path, value, branch.case, names)?;
    Some(Condition::Predicate(Arc::new(Predicate {
        path: Arc::clone(path),
        operator,
        polarity: branch.polarity,
        group: names.interner.words.share(branch.group()),
        at: value.at,
    })))
}

/// The operator with its operand; the same one where a rule before tested the same, with nothing to say
/// about it.
fn lower_operator(
    spec: &OperatorSpec,
    path: &Path,
    value: &Node,
    case: CaseSensitivity,
    names: &mut NameResolver<'_>,
) -> Option<Arc<Operator>> {
    let test = OperatorKey::of(spec, path, value, case, names);
    if let Some(known) = test
        .as_ref()
        .and_then(|test| names.interner.comparisons.get(test))
    {
        return Some(known);
    }
    let said = names.diagnostics.count();
    let fields = names.types_at(path);
    let mut parsing = OperandContext {
        path,
        fields,
        case,
        names,
    };
    let operator = Arc::new((spec.parse)(value, &mut parsing)?);
    if let Some(test) = test.filter(|_| names.diagnostics.count() == said) {
        names.interner.comparisons.keep(test, &operator);
    }
    Some(operator)
}

/// What the `ignore_case` beside the operators says; None after reporting one that cannot stand
/// there.
fn case_beside(
    node: &Node,
    branch: &GroupContext,
    diagnostics: &mut Diagnostics,
) -> Option<CaseSensitivity> {
    let Some(said) = node.get("ignore_case") else {
        return Some(branch.case);
    };
    let Yaml::Bool(ignore) = said.value else {
        diagnostics.wrong_type(said, "ignore_case", "true or false");
        return None;
    };
    if !compares_text(node) {
        let help = "it stands beside operators that compare text, such as `contains`";
        let message = "`ignore_case` does nothing here";
        diagnostics.error(Code::OperatorMismatch, said.at, message, help);
        return None;
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
