//! The operands of predicates: values in the rule, or paths to other values.
//! Reports templates and operators inside a value, and paths whose type can never match.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::event::Event;
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::{CaseSensitivity, OperandContext, Verdict, find, format_value};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operand {
    Literal(Value),
    /// `{ path: previous }`: the value at this path, resolved for each event.
    Path(Box<Path>),
}

impl Operand {
    pub fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Self> {
        match &node.value {
            Yaml::Map(entries) if is_path(entries) => {
                let target = &entries[0].value;
                let text = context.names.text(target, "path")?;
                let path = context.names.path(&text, target.at)?;
                Some(Operand::Path(Box::new(path)))
            }
            Yaml::Map(entries) if entries.iter().any(|entry| is_test(&entry.key)) => {
                let message = "operators are not allowed inside a value or a list";
                let help = "write them beside the field, `current: { not: solved, gt: low }`; \
                            for alternatives write `any:` above the fields";
                context.names.reject_value(node.at, message, help)
            }
            Yaml::Text(text) if text.contains("{{") => {
                let message = format!("`{text}` is a template, which a condition does not render");
                let help = "compare with another field as { path: ticket.id }, with a variable \
                            as { path: vars.NAME }";
                context.names.reject_value(node.at, message, help)
            }
            Yaml::Null
            | Yaml::Bool(_)
            | Yaml::Number(_)
            | Yaml::Text(_)
            | Yaml::List(_)
            | Yaml::Map(_) => Some(Operand::Literal(node.to_json())),
        }
    }

    /// Returns the value if it is the same for every event: a literal or a variable.
    pub fn constant(&self, context: &OperandContext<'_, '_>) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(path) => path.in_variables(&context.names.in_scope.vars).cloned(),
        }
    }

    pub fn is_path(&self) -> bool {
        match self {
            Operand::Literal(_) => false,
            Operand::Path(_) => true,
        }
    }

    /// Returns the operand as JSON: a literal as it is, a path as `{"path", "value"}`, without `value` if there is none.
    pub fn to_json(&self, scope: &Scope<'_>) -> Value {
        match self {
            Operand::Literal(value) => value.clone(),
            Operand::Path(path) => match path.resolve(scope).to_json() {
                Some(value) => json!({"path": path.text, "value": value}),
                None => json!({"path": path.text}),
            },
        }
    }

    /// Returns the condition that a value equals the operand.
    pub fn index_condition(
        &self,
        case: CaseSensitivity,
        to_index_key: fn(EqualityKey) -> IndexKey,
    ) -> IndexCondition {
        let Operand::Literal(value) = self else {
            return IndexCondition::exists();
        };
        let (key, exact) = EqualityKey::new(value, case);
        IndexCondition {
            clues: vec![to_index_key(key)],
            exact,
        }
    }

    /// Returns the known types of the operand's field; empty for a literal.
    fn types(&self, context: &OperandContext<'_, '_>) -> Vec<FieldType> {
        let Operand::Path(path) = self else {
            return Vec::new();
        };
        match context.names.types_at(path) {
            FieldCheck::Known(types) => types,
            FieldCheck::Open
            | FieldCheck::Unlisted { .. }
            | FieldCheck::Misspelt { .. }
            | FieldCheck::Unknown { .. } => Vec::new(),
        }
    }

    /// Reports an operand field if none of its types fulfils `fits`; false after reporting.
    pub fn fits(
        &self,
        node: &Node,
        context: &mut OperandContext<'_, '_>,
        fits: impl Fn(&FieldType) -> bool,
    ) -> bool {
        let (types, Operand::Path(other)) = (self.types(context), self) else {
            return true;
        };
        let Some(first) = types.first() else {
            return true;
        };
        if types
            .iter()
            .any(|field| *field == FieldType::Any || fits(field))
        {
            return true;
        }
        let message = format!(
            "`{}` cannot be compared with `{}`, which is {}",
            context.path.text,
            other.text,
            first.describe()
        );
        let help = "name a field of the same kind, or write the value";
        context.never_holds(node, message, help)
    }

    /// Evaluates `test` with the operand's value; `Missing` if it has none.
    pub fn evaluate(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        match self {
            Operand::Literal(value) => test(value),
            Operand::Path(path) => match path.resolve(scope) {
                Resolved::Absent => Verdict::Missing,
                Resolved::One(value) => test(value),
                Resolved::Many(values) => Verdict::any(values.iter().map(test)),
            },
        }
    }

    /// Returns the event whose source sets the zone of times without one. Times in the configuration are UTC.
    pub fn time_source<'e>(&self, scope: &Scope<'e>) -> Option<&'e Event> {
        match self {
            Operand::Path(path) if path.in_variables(scope.vars).is_none() => Some(scope.event),
            Operand::Path(_) | Operand::Literal(_) => None,
        }
    }

    /// Describes the operand for explanations.
    pub fn describe(&self, scope: &Scope<'_>) -> String {
        match (self, self.value(scope)) {
            (Operand::Literal(value), _) => format_value(value),
            (Operand::Path(path), Some(value)) => {
                format!("{} ({})", path.text, format_value(&value))
            }
            (Operand::Path(path), None) => format!("{} (absent)", path.text),
        }
    }

    /// Returns the value, if there is one.
    pub fn value(&self, scope: &Scope<'_>) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(path) => path.resolve(scope).values().first().cloned(),
        }
    }
}

/// The operands of a list; one operand if the rule has no list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operands(pub Vec<Operand>);

impl Operands {
    /// Parses a scalar, a path, or a list of them; `check` reports invalid operands.
    pub fn parse(
        node: &Node,
        context: &mut OperandContext<'_, '_>,
        check: fn(&Node, &Operand, &mut OperandContext<'_, '_>) -> bool,
    ) -> Option<Self> {
        let nodes = match &node.value {
            Yaml::List(items) if items.is_empty() => {
                let help = "name at least one value; a list means any of";
                if !context.never_holds(node, "an empty list never matches".into(), help) {
                    return None;
                }
                &[]
            }
            Yaml::List(items) => items.as_slice(),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
                std::slice::from_ref(node)
            }
        };
        let mut operands = Vec::with_capacity(nodes.len());
        for item in nodes {
            for operand in expand(item, context) {
                operands.push(operand.filter(|operand| check(item, operand, context)));
            }
        }
        operands.into_iter().collect::<Option<Vec<_>>>().map(Self)
    }

    /// Evaluates `test` with each operand, of which one must match.
    pub fn any(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        Verdict::any(self.0.iter().map(|operand| operand.evaluate(scope, &test)))
    }

    /// Evaluates `test` with each operand, which must all match.
    pub fn all(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        Verdict::all(self.0.iter().map(|operand| operand.evaluate(scope, &test)))
    }

    /// Returns the condition that a value equals one of the operands.
    pub fn index_condition(
        &self,
        case: CaseSensitivity,
        to_index_key: fn(EqualityKey) -> IndexKey,
    ) -> IndexCondition {
        let operands = self.0.iter();
        IndexCondition::any(operands.map(|operand| operand.index_condition(case, to_index_key)))
    }

    /// Describes the operands for explanations.
    pub fn describe(&self, separator: &str, scope: &Scope<'_>) -> String {
        let operands = self.0.iter();
        let operands: Vec<_> = operands.map(|operand| operand.describe(scope)).collect();
        match operands.is_empty() {
            true => "nothing".into(),
            false => operands.join(separator),
        }
    }

    pub fn values<'s>(&'s self, scope: &'s Scope<'_>) -> impl Iterator<Item = Value> + 's {
        self.0.iter().filter_map(|operand| operand.value(scope))
    }

    /// Returns the values that are written in the rule.
    pub fn literals(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().filter_map(|operand| match operand {
            Operand::Literal(value) => Some(value),
            Operand::Path(_) => None,
        })
    }
}

/// Parses one item of a list. A variable whose value is a list becomes one operand for each element.
/// `None` replaces an item that is invalid.
fn expand(item: &Node, context: &mut OperandContext<'_, '_>) -> Vec<Option<Operand>> {
    let operand = Operand::parse(item, context);
    let Some(Operand::Path(path)) = &operand else {
        return vec![operand];
    };
    let Some(Value::Array(elements)) = path.in_variables(&context.names.in_scope.vars) else {
        return vec![operand];
    };
    let literals: Vec<_> = elements
        .iter()
        .cloned()
        .map(|e| Some(Operand::Literal(e)))
        .collect();
    if literals.is_empty() {
        let message = format!("`{}` is an empty list, so this never matches", path.text);
        let warning = Diagnostic::warning(Code::NeverHolds, item.at, message);
        let help = "nothing matches until the variable has an element";
        context.names.diagnostics.push(warning.help(help));
    }
    literals
}

/// Returns whether a mapping is `{ path: … }`.
pub fn is_path(entries: &[Entry]) -> bool {
    matches!(entries, [entry] if entry.key == "path")
}

/// Returns whether a key is an operator or one of its options, so that it is never part of a value.
fn is_test(key: &str) -> bool {
    matches!(key, "not" | "ignore_case") || find(key).is_some()
}

/// Parses the operand of `exists` and `present`.
pub fn boolean(node: &Node, operator: &str, context: &mut OperandContext<'_, '_>) -> Option<bool> {
    match node.value {
        Yaml::Bool(expected) => Some(expected),
        Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            context.names.reject_type(node, operator, "true or false")
        }
    }
}

/// Checks that an operand is text or a path to text; false after reporting an error.
pub fn text_only(node: &Node, operand: &Operand, context: &mut OperandContext<'_, '_>) -> bool {
    match operand.constant(context) {
        Some(Value::String(text)) if text.is_empty() => {
            let help = "every text contains it; to test for any text write `present: true`";
            context.never_holds(node, "an empty text tests nothing".into(), help)
        }
        Some(Value::String(_)) => true,
        None => operand.fits(node, context, FieldType::is_text),
        Some(other) => {
            let message = format!("takes text, found {}", format_value(&other));
            let help = format!(
                "to compare with the text write \"{}\"",
                format_value(&other).replace('"', "'")
            );
            context
                .names
                .error(Code::WrongType, node.at, message, &help);
            false
        }
    }
}
