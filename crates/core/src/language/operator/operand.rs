//! What a predicate compares with: values that the author wrote, or other fields' values.
//! It refuses templates, and mappings that are no path.

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::{CaseSensitivity, OperandContext, Verdict, find, words};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operand {
    Literal(Value),
    /// `{ path: previous }`: whatever stands there when the event comes.
    Path(Path),
}

impl Operand {
    pub fn parse(node: &Node, parsing: &mut OperandContext<'_, '_>) -> Option<Self> {
        match &node.value {
            Yaml::Map(entries) if is_path(entries) => {
                let target = &entries[0].value;
                let text = parsing.names.text(target, "path")?;
                parsing.names.path(&text, target.at).map(Operand::Path)
            }
            Yaml::Map(entries) if entries.iter().any(|entry| is_test(&entry.key)) => {
                let message = "operators do not stand inside of a value or a list";
                let help = "write them beside the field, `current: { not: solved, gt: low }`; \
                            for alternatives write `any:` above the fields";
                parsing
                    .names
                    .error(Code::InvalidValue, node.at, message, help);
                None
            }
            Yaml::Text(text) if text.contains("{{") => {
                let message = format!("`{text}` is a template, which a condition does not render");
                let help = "compare with another field as { path: ticket.id }, with a variable \
                            as { path: vars.NAME }";
                parsing
                    .names
                    .error(Code::InvalidValue, node.at, message, help);
                None
            }
            Yaml::Null
            | Yaml::Bool(_)
            | Yaml::Number(_)
            | Yaml::Text(_)
            | Yaml::List(_)
            | Yaml::Map(_) => Some(Operand::Literal(node.to_json())),
        }
    }

    /// The value that it is for every event: one that is written out, or a variable.
    pub fn constant(&self, parsing: &OperandContext<'_, '_>) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(path) => path.in_variables(&parsing.names.in_scope.vars).cloned(),
        }
    }

    pub fn is_path(&self) -> bool {
        match self {
            Operand::Literal(_) => false,
            Operand::Path(_) => true,
        }
    }

    /// What equals it.
    pub fn narrowing(
        &self,
        case: CaseSensitivity,
        clue: fn(EqualityKey) -> IndexKey,
    ) -> IndexCondition {
        let Operand::Literal(value) = self else {
            return IndexCondition::standing();
        };
        let (point, exact) = EqualityKey::of(value, case);
        IndexCondition {
            clues: vec![clue(point)],
            exact,
        }
    }

    /// The types of the field that it is, as far as they are known.
    fn types(&self, parsing: &OperandContext<'_, '_>) -> Vec<FieldType> {
        let Operand::Path(path) = self else {
            return Vec::new();
        };
        match parsing.names.types_at(path) {
            FieldCheck::Known(types) => types,
            FieldCheck::Open | FieldCheck::Unknown { .. } => Vec::new(),
        }
    }

    /// Refuses a field as operand where none of its types can be compared with.
    pub fn fits(
        &self,
        node: &Node,
        parsing: &mut OperandContext<'_, '_>,
        fits: impl Fn(&FieldType) -> bool,
    ) -> bool {
        let (types, Operand::Path(other)) = (self.types(parsing), self) else {
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
            "`{}` never compares with `{}`, which is {}",
            parsing.path.text,
            other.text,
            first.words()
        );
        let help = "name a field of the same kind, or write the value";
        parsing.never_holds(node, message, help);
        false
    }

    /// Judges with what the operand stands for; an operand without a value is missing.
    pub fn judge(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        match self {
            Operand::Literal(value) => test(value),
            Operand::Path(path) => match path.resolve(scope) {
                Resolved::Absent => Verdict::Missing,
                Resolved::One(value) => test(value),
                Resolved::Many(values) => Verdict::any(values.iter().map(test)),
            },
        }
    }

    pub fn words(&self, scope: &Scope<'_>) -> String {
        match (self, self.value(scope)) {
            (Operand::Literal(value), _) => words(value),
            (Operand::Path(path), Some(value)) => format!("{} ({})", path.text, words(&value)),
            (Operand::Path(path), None) => format!("{} (absent)", path.text),
        }
    }

    /// The value itself, if there is one.
    pub fn value(&self, scope: &Scope<'_>) -> Option<Value> {
        match self {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(path) => path.resolve(scope).values().first().cloned(),
        }
    }
}

/// Any of several operands; a single one where the author wrote no list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operands(pub Vec<Operand>);

impl Operands {
    /// A scalar, a path, or a list of them, each checked by `check`.
    pub fn parse(
        node: &Node,
        parsing: &mut OperandContext<'_, '_>,
        check: fn(&Node, &Operand, &mut OperandContext<'_, '_>) -> bool,
    ) -> Option<Self> {
        let nodes = match &node.value {
            Yaml::List(items) if items.is_empty() => {
                let help = "name at least one value; a list means any of";
                parsing.never_holds(node, "an empty list holds for nothing".into(), help);
                return None;
            }
            Yaml::List(items) => items.as_slice(),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
                std::slice::from_ref(node)
            }
        };
        let mut operands = Vec::with_capacity(nodes.len());
        for item in nodes {
            for operand in spread(item, parsing) {
                operands.push(operand.filter(|operand| check(item, operand, parsing)));
            }
        }
        operands.into_iter().collect::<Option<Vec<_>>>().map(Self)
    }

    pub fn any(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        Verdict::any(self.0.iter().map(|operand| operand.judge(scope, &test)))
    }

    pub fn all(&self, scope: &Scope<'_>, test: impl Fn(&Value) -> Verdict) -> Verdict {
        Verdict::all(self.0.iter().map(|operand| operand.judge(scope, &test)))
    }

    /// What equals one of them.
    pub fn narrowing(
        &self,
        case: CaseSensitivity,
        clue: fn(EqualityKey) -> IndexKey,
    ) -> IndexCondition {
        let operands = self.0.iter();
        IndexCondition::any(operands.map(|operand| operand.narrowing(case, clue)))
    }

    pub fn words(&self, between: &str, scope: &Scope<'_>) -> String {
        let words: Vec<_> = self.0.iter().map(|operand| operand.words(scope)).collect();
        match words.is_empty() {
            true => "nothing".into(),
            false => words.join(between),
        }
    }

    pub fn values<'s>(&'s self, scope: &'s Scope<'_>) -> impl Iterator<Item = Value> + 's {
        self.0.iter().filter_map(|operand| operand.value(scope))
    }
}

/// The operands that one item stands for: a variable that holds a list stands for any of its
/// elements, as if the list were written out. None in place of an item that is no operand.
fn spread(item: &Node, parsing: &mut OperandContext<'_, '_>) -> Vec<Option<Operand>> {
    let operand = Operand::parse(item, parsing);
    let Some(Operand::Path(path)) = &operand else {
        return vec![operand];
    };
    let Some(Value::Array(elements)) = path.in_variables(&parsing.names.in_scope.vars) else {
        return vec![operand];
    };
    let literals: Vec<_> = elements
        .iter()
        .cloned()
        .map(|e| Some(Operand::Literal(e)))
        .collect();
    if literals.is_empty() {
        let message = format!(
            "`{}` is an empty list, so this holds for nothing",
            path.text
        );
        let warning = Diagnostic::warning(Code::NeverHolds, item.at, message);
        let help = "nothing matches until the variable has an element";
        parsing.names.diagnostics.push(warning.help(help));
    }
    literals
}

/// Whether a mapping is `{ path: … }`.
pub fn is_path(entries: &[Entry]) -> bool {
    matches!(entries, [entry] if entry.key == "path")
}

/// Whether a key is what tests a field, and never part of a value.
fn is_test(key: &str) -> bool {
    matches!(key, "not" | "ignore_case") || find(key).is_some()
}

/// The operand of `exists` and `present`.
pub fn boolean(node: &Node, operator: &str, parsing: &mut OperandContext<'_, '_>) -> Option<bool> {
    match node.value {
        Yaml::Bool(wanted) => Some(wanted),
        Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => {
            parsing.names.wrong_type(node, operator, "true or false");
            None
        }
    }
}

/// An operand that must be text or a path.
pub fn text_only(node: &Node, operand: &Operand, parsing: &mut OperandContext<'_, '_>) -> bool {
    match operand.constant(parsing) {
        Some(Value::String(text)) if text.is_empty() => {
            let help = "every text has it; to test for any text write `present: true`";
            parsing.never_holds(node, "an empty text tests nothing".into(), help);
            false
        }
        Some(Value::String(_)) => true,
        None => operand.fits(node, parsing, FieldType::is_text),
        Some(other) => {
            let message = format!("takes text, found {}", words(&other));
            let help = format!(
                "to compare with the text write \"{}\"",
                words(&other).replace('"', "'")
            );
            parsing
                .names
                .error(Code::WrongType, node.at, message, &help);
            false
        }
    }
}
