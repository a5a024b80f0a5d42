//! The operators of conditions: the shared types and the list of all operators. Each has its own file with
//! parsing, documentation and examples; text, order and time operators share theirs (`text`, `order`, `time`).
//! A comparison that can never hold is reported at load.

pub(crate) mod after;
pub(crate) mod before;
pub(crate) mod between;
pub(crate) mod cache;
pub(crate) mod contains;
pub(crate) mod ends_with;
pub mod equality;
pub(crate) mod exists;
pub(crate) mod gt;
pub(crate) mod gte;
pub(crate) mod has;
pub(crate) mod has_all;
pub(crate) mod index_condition;
pub(crate) mod is;
pub(crate) mod lt;
pub(crate) mod lte;
pub(crate) mod matches;
pub(crate) mod operand;
pub(crate) mod order;
pub(crate) mod pattern;
pub(crate) mod present;
pub(crate) mod relation;
pub(crate) mod required_literals;
pub(crate) mod starts_with;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub mod time;
pub(crate) mod value_kind;

use std::borrow::Cow;

use serde_json::Value;

use crate::diagnostic::{Code, Report};
use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::Polarity;
use crate::language::event_fields::FieldCheck;
use crate::language::operator::index_condition::IndexCondition;
use crate::language::operator::operand::Operand;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::text::TextComparison;
use crate::language::operator::time::TimeComparison;
use crate::language::resolver::NameResolver;
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// The result of evaluating one predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Match,
    NoMatch,
    /// There is no value at the path, or at the operand's path.
    Missing,
    /// The operator cannot compare values of this type.
    WrongType,
}

impl Verdict {
    /// The label that commands print.
    pub fn describe(self) -> &'static str {
        match self {
            Verdict::Match => "match",
            Verdict::NoMatch => "no match",
            Verdict::Missing => "missing",
            Verdict::WrongType => "wrong type",
        }
    }

    /// `Match` if the comparison holds, otherwise `NoMatch`.
    pub fn from_bool(holds: bool) -> Self {
        if holds {
            Verdict::Match
        } else {
            Verdict::NoMatch
        }
    }

    /// Kleene's "any": one match decides; otherwise one unknown verdict makes the result unknown.
    pub fn any(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut result = Verdict::NoMatch;
        for verdict in verdicts {
            match verdict {
                Verdict::Match => return Verdict::Match,
                Verdict::NoMatch => {}
                Verdict::Missing | Verdict::WrongType => result = verdict,
            }
        }
        result
    }

    /// Kleene's "all": one non-match decides; otherwise an unknown verdict makes the result unknown.
    pub fn all(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut result = Verdict::Match;
        for verdict in verdicts {
            match verdict {
                Verdict::NoMatch => return Verdict::NoMatch,
                Verdict::Match => {}
                Verdict::Missing | Verdict::WrongType => result = verdict,
            }
        }
        result
    }
}

/// Whether upper and lower case letters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseSensitivity {
    Exact,
    Ignored,
}

/// A compiled operator with its operand.
pub trait OperatorImpl {
    /// Evaluates one value at the path.
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict;

    /// Evaluates everything that the path resolved to: of several values, one must match.
    fn evaluate(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Verdict {
        match found {
            Resolved::Absent => Verdict::Missing,
            Resolved::One(value) => self.test(value, scope),
            Resolved::Many(values) => Verdict::any(values.iter().map(|v| self.test(v, scope))),
        }
    }

    /// Returns the operands: values and paths.
    fn operands(&self) -> Vec<&Operand> {
        Vec::new()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        Vec::new()
    }

    /// Returns whether the verdict depends on more of the event than the value at the path.
    fn reads_event(&self) -> bool {
        self.operands().into_iter().any(Operand::is_path)
    }

    /// Returns conditions that are each true of every value for which the operator holds.
    fn index_conditions(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::standing()]
    }

    /// Returns the same for the negated operator.
    fn negated_index_conditions(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::standing()]
    }

    /// Describes the expected value; a path with the value that it has in `scope`.
    fn expected(&self, scope: &Scope<'_>) -> String;

    /// Explains why a value did not match, if the value alone does not show it.
    fn hint(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<String> {
        None
    }

    /// Returns values for which the operator holds, close to the given one.
    fn satisfying_values(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Vec<Value> {
        Vec::new()
    }

    /// Returns a value for which the operator does not hold, close to the given one.
    fn violating_value(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<Value> {
        None
    }
}

/// The name, documentation and parser of an operator.
pub struct OperatorSpec {
    pub name: &'static str,
    /// One sentence for the reference and for editors.
    pub summary: &'static str,
    /// Whether `ignore_case` applies to it.
    pub compares_text: bool,
    pub parse: fn(&Node, &mut OperandContext<'_, '_>) -> Option<Operator>,
    pub schema: fn() -> Value,
    pub examples: &'static [Example],
}

/// One example in an operator's documentation; also a test.
pub struct Example {
    /// `field` has an unknown type; other names are fields of `ticket.PriorityChanged`.
    pub field: &'static str,
    /// The test of the field, as YAML.
    pub test: &'static str,
    /// The field's value as JSON; `None` if the field is absent.
    pub value: Option<&'static str>,
    pub verdict: Verdict,
}

/// Makes a table of examples: `field, test, value => verdict;`, where the value can be `absent`.
macro_rules! examples {
    (@value absent) => { None };
    (@value $value:literal) => { Some($value) };
    ($($field:literal, $test:literal, $value:tt => $verdict:ident;)*) => {
        &[$($crate::language::operator::Example {
            field: $field,
            test: $test,
            value: $crate::language::operator::examples!(@value $value),
            verdict: $crate::language::operator::Verdict::$verdict,
        }),*]
    };
}
pub(crate) use examples;

/// Generates the enum of all operators from their modules and their compiled types.
macro_rules! operators {
    ($($variant:ident($module:ident: $payload:ty)),+ $(,)?) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Operator {
            $($variant($payload),)+
        }

        /// Every operator, in the order of the documentation.
        pub const SPECS: &[OperatorSpec] = &[$($module::SPEC),+];

        impl Operator {
            pub fn name(&self) -> &'static str {
                match self {
                    $(Operator::$variant(_) => $module::SPEC.name,)+
                }
            }

            fn inner(&self) -> &dyn OperatorImpl {
                match self {
                    $(Operator::$variant(operator) => operator,)+
                }
            }

            fn inner_mut(&mut self) -> &mut dyn OperatorImpl {
                match self {
                    $(Operator::$variant(operator) => operator,)+
                }
            }
        }
    };
}

operators! {
    Is(is: is::Is),
    Lt(lt: OrderComparison),
    Lte(lte: OrderComparison),
    Gt(gt: OrderComparison),
    Gte(gte: OrderComparison),
    Between(between: between::Between),
    Has(has: has::Has),
    HasAll(has_all: has_all::HasAll),
    Contains(contains: TextComparison),
    StartsWith(starts_with: TextComparison),
    EndsWith(ends_with: TextComparison),
    Matches(matches: matches::Matches),
    Exists(exists: exists::Exists),
    Present(present: present::Present),
    Before(before: TimeComparison),
    After(after: TimeComparison),
}

impl Operator {
    /// Evaluates everything that the path resolved to, without polarity.
    pub fn evaluate(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Verdict {
        self.inner().evaluate(found, scope)
    }

    /// Returns whether the verdict depends on more of the event than the value at the path.
    pub fn reads_event(&self) -> bool {
        self.inner().reads_event()
    }

    /// Returns what must be true of a value for the predicate to hold.
    pub fn narrowings(&self, polarity: Polarity) -> Vec<IndexCondition> {
        match polarity {
            Polarity::Positive => self.inner().index_conditions(),
            Polarity::Negated => self.inner().negated_index_conditions(),
        }
    }

    /// Returns the operator with paths into `vars` replaced by their values; its verdicts are the same.
    pub fn settled(&self, vars: &Value) -> Cow<'_, Operator> {
        if !self.paths().any(|path| path.in_variables(vars).is_some()) {
            return Cow::Borrowed(self);
        }
        let mut settled = self.clone();
        for operand in settled.inner_mut().operands_mut() {
            if let Operand::Path(path) = operand
                && let Some(value) = path.in_variables(vars)
            {
                *operand = Operand::Literal(value.clone());
            }
        }
        Cow::Owned(settled)
    }

    /// Returns the paths among the operands.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let operands = self.inner().operands().into_iter();
        operands.filter_map(|operand| match operand {
            Operand::Literal(_) => None,
            Operand::Path(path) => Some(path),
        })
    }

    /// Describes the expected value; a path with the value that it has in `scope`.
    pub fn want(&self, scope: &Scope<'_>) -> String {
        self.inner().expected(scope)
    }

    /// Explains why a value did not match, if the value alone does not show it.
    pub fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.inner().hint(found, scope)
    }

    /// Returns values for which the operator holds, close to the given one.
    pub fn satisfying(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.inner().satisfying_values(found, scope)
    }

    /// Returns a value for which the operator does not hold, close to the given one.
    pub fn violating(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.inner().violating_value(found, scope)
    }
}

/// Returns the operator with this name.
pub fn find(name: &str) -> Option<&'static OperatorSpec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// The context in which an operator parses its operand.
pub struct OperandContext<'p, 'a> {
    pub path: &'p Path,
    pub fields: FieldCheck,
    pub case: CaseSensitivity,
    pub names: &'p mut NameResolver<'a>,
}

impl OperandContext<'_, '_> {
    /// Returns the known types of the field; `None` if it may have any type.
    pub fn known(&self) -> Option<&[FieldType]> {
        match &self.fields {
            FieldCheck::Known(types) => Some(types),
            FieldCheck::Open | FieldCheck::Unknown { .. } => None,
        }
    }

    /// Reports an operator that supports none of the field's types. `instead` returns the help text.
    pub fn applies(
        &mut self,
        node: &Node,
        operator: &str,
        reads: fn(&FieldType) -> bool,
        instead: fn(&FieldType) -> &'static str,
    ) -> bool {
        let Some(types) = self.known() else {
            return true;
        };
        if types.is_empty() || types.iter().any(reads) {
            return true;
        }
        let (path, first) = (&self.path.text, &types[0]);
        let message = format!(
            "`{operator}` cannot read `{path}`, which is {}",
            first.describe()
        );
        let help = instead(first);
        self.names
            .error(Code::OperatorMismatch, node.at, message, help);
        false
    }

    /// Reports a comparison that can never hold.
    pub fn never_holds(&mut self, node: &Node, message: String, help: &str) {
        self.names.error(Code::NeverHolds, node.at, message, help);
    }
}

/// Formats a value as JSON, truncated to 80 characters.
pub fn format_value(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
