//! The operators of conditions: the shared types and the list of all operators. Each has its own file with
//! parsing, documentation and examples; text, order and time operators share theirs (`text`, `order`, `time`).
//! A comparison that can never hold is reported at load.

pub(crate) mod after;
pub(crate) mod any_of;
pub(crate) mod before;
pub(crate) mod between;
pub(crate) mod cache;
pub(crate) mod contains;
pub(crate) mod during;
pub(crate) mod ends_with;
pub mod equality;
pub mod example;
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
pub(crate) mod operand_context;
pub(crate) mod order;
pub(crate) mod pattern;
pub(crate) mod present;
pub(crate) mod relation;
pub(crate) mod required_literals;
pub(crate) mod starts_with;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod text_order;
pub mod time;
pub mod unseen;
pub(crate) mod value_kind;
mod verdict;

use std::borrow::Cow;

use serde_json::Value;

use crate::document::Node;
use crate::language::condition::Polarity;
use crate::language::operator::index_condition::IndexCondition;
use crate::language::operator::operand::Operand;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::text::TextComparison;
use crate::language::operator::time::TimeComparison;
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};
use crate::schedule::ScheduleState;

pub use crate::language::operator::example::Example;
pub(crate) use crate::language::operator::example::examples;
pub use crate::language::operator::operand_context::OperandContext;
pub use crate::language::operator::verdict::Verdict;

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

    /// Returns the values in the rule at which the verdict can change.
    fn constants(&self, _scope: &Scope<'_>) -> Vec<Value> {
        let operands = self.operands().into_iter();
        let literals = operands.filter_map(|operand| match operand {
            Operand::Literal(value) => Some(value.clone()),
            Operand::Path(_) => None,
        });
        literals.collect()
    }

    /// Returns the paths that the operator reads beside its operands, outside of the value.
    fn inner_paths(&self) -> Vec<&Path> {
        Vec::new()
    }

    /// Returns whether the verdict depends on more of the event than the value at the path.
    fn reads_event(&self) -> bool {
        self.operands().into_iter().any(Operand::is_path)
    }

    /// Returns conditions that are each true of every value for which the operator holds.
    fn index_conditions(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::exists()]
    }

    /// Returns the same for the negated operator.
    fn negated_index_conditions(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::exists()]
    }

    /// Describes the expected value; a path with the value that it has in `scope`.
    fn expected(&self, scope: &Scope<'_>) -> String;

    /// Returns the operand as a rule writes it: one value, or a list of several. A path has its value in `scope`.
    fn operand_json(&self, scope: &Scope<'_>) -> Value {
        let operands = self.operands().into_iter();
        one_or_list(operands.map(|operand| operand.to_json(scope)).collect())
    }

    /// Returns whether upper and lower case letters differ.
    fn case(&self) -> CaseSensitivity {
        CaseSensitivity::Exact
    }

    /// Explains why a value did not match, if the value alone does not show it.
    fn hint(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<String> {
        None
    }

    /// Explains what in the value makes the operator hold, if the value alone does not show it.
    fn match_note(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<String> {
        None
    }

    /// Explains the value, whether or not the operator holds.
    fn value_note(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<String> {
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
    AnyOf(any_of: any_of::AnyOf),
    Contains(contains: TextComparison),
    StartsWith(starts_with: TextComparison),
    EndsWith(ends_with: TextComparison),
    Matches(matches: matches::Matches),
    Exists(exists: exists::Exists),
    Present(present: present::Present),
    Before(before: TimeComparison),
    After(after: TimeComparison),
    During(during: during::DuringSchedule),
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

    /// Returns the operator with the value in place of operands that read the path.
    pub fn with_value_at(&self, path: &Path, value: &Value) -> Operator {
        let mut operator = self.clone();
        for operand in operator.inner_mut().operands_mut() {
            if matches!(operand, Operand::Path(read) if read.route == path.route) {
                *operand = Operand::Literal(value.clone());
            }
        }
        operator
    }

    /// Returns the paths among the operands.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let operands = self.inner().operands().into_iter();
        let operands = operands.filter_map(|operand| match operand {
            Operand::Literal(_) => None,
            Operand::Path(path) => Some(&**path),
        });
        operands.chain(self.inner().inner_paths())
    }

    /// Returns whether values without a time zone are read in that of the event's source.
    pub fn reads_times(&self) -> bool {
        matches!(
            self,
            Operator::Lt(_)
                | Operator::Lte(_)
                | Operator::Gt(_)
                | Operator::Gte(_)
                | Operator::Between(_)
                | Operator::Before(_)
                | Operator::After(_)
                | Operator::During(_)
                | Operator::AnyOf(_)
        )
    }

    /// Returns the operands: values and paths.
    pub fn operands(&self) -> Vec<&Operand> {
        self.inner().operands()
    }

    pub fn operands_mut(&mut self) -> Vec<&mut Operand> {
        self.inner_mut().operands_mut()
    }

    /// Returns whether the verdict on a value of this path changes only at the operator's constants.
    pub fn is_decided_by_constants(&self, path: &Path) -> bool {
        let has_condition = match self {
            Operator::Matches(_) | Operator::During(_) => true,
            Operator::AnyOf(any_of) => !any_of.compares_elements(),
            _ => false,
        };
        !has_condition && self.paths().all(|read| read.route == path.route)
    }

    /// Returns the values in the rule at which the verdict can change.
    pub fn constants(&self, scope: &Scope<'_>) -> Vec<Value> {
        self.inner().constants(scope)
    }

    /// Describes the expected value; a path with the value that it has in `scope`.
    pub fn want(&self, scope: &Scope<'_>) -> String {
        self.inner().expected(scope)
    }

    /// Returns the operand as a rule writes it: one value, or a list of several. A path has its value in `scope`.
    pub fn operand_json(&self, scope: &Scope<'_>) -> Value {
        self.inner().operand_json(scope)
    }

    pub fn case(&self) -> CaseSensitivity {
        self.inner().case()
    }

    /// Explains why a value did not match, if the value alone does not show it.
    pub fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.inner().hint(found, scope)
    }

    /// Explains what in the value makes the operator hold, if the value alone does not show it.
    pub fn match_note(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.inner().match_note(found, scope)
    }

    /// Explains the value, whether or not the operator holds.
    pub fn value_note(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.inner().value_note(found, scope)
    }

    /// Returns the state of the schedule with which the value is compared.
    pub fn schedule_state(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<ScheduleState> {
        match self {
            Operator::During(during) => during.state(found, scope),
            _ => None,
        }
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

/// One value alone, or a list of several.
fn one_or_list(mut values: Vec<Value>) -> Value {
    match values.len() {
        1 => values.swap_remove(0),
        _ => Value::Array(values),
    }
}

/// Returns the operator with this name.
pub fn find(name: &str) -> Option<&'static OperatorSpec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// The characters of a value in messages.
pub const MAX_VALUE_CHARS: usize = 80;

/// Formats a value as JSON with unseen characters escaped, truncated to 80 characters.
pub fn format_value(value: &Value) -> String {
    let text = value.to_string();
    let text = unseen::visible(&text);
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
