//! The comparisons that a predicate can make, one operator a file with its parsing, evaluation,
//! words, documentation and examples. This file holds what they share and the one list of them.
//! An operator refuses at load what can never hold.

pub mod after;
pub mod before;
pub mod between;
pub mod cache;
pub mod contains;
pub mod ends_with;
pub mod equality;
pub mod exists;
pub mod gt;
pub mod gte;
pub mod has;
pub mod has_all;
pub mod index_condition;
pub mod is;
pub mod lt;
pub mod lte;
pub mod matches;
pub mod operand;
pub mod order;
pub mod pattern;
pub mod present;
pub mod relation;
pub mod required_literals;
pub mod starts_with;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;
pub mod value_kind;

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

/// What judging one predicate gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Match,
    NoMatch,
    /// Nothing stands at the path, or at the operand's own path.
    Missing,
    /// The value is of a type that the operator cannot read.
    WrongType,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Match => "match",
            Verdict::NoMatch => "no match",
            Verdict::Missing => "missing",
            Verdict::WrongType => "wrong type",
        }
    }

    pub fn of(holds: bool) -> Self {
        if holds {
            Verdict::Match
        } else {
            Verdict::NoMatch
        }
    }

    /// Kleene's "any": a match settles it, an unknown keeps it open.
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

    /// Kleene's "all".
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

/// Whether letters of different case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseSensitivity {
    Exact,
    Ignored,
}

/// A compiled operator with its operand.
pub trait OperatorImpl {
    /// Judges one value that stands at the path.
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict;

    /// Judges whatever the path led to: of many values one must hold.
    fn judge(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Verdict {
        match found {
            Resolved::Absent => Verdict::Missing,
            Resolved::One(value) => self.test(value, scope),
            Resolved::Many(values) => Verdict::any(values.iter().map(|v| self.test(v, scope))),
        }
    }

    /// What it compares with: values and other fields.
    fn operands(&self) -> Vec<&Operand> {
        Vec::new()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        Vec::new()
    }

    /// Whether its verdict hangs on more of the event than the value at the path.
    fn reads_event(&self) -> bool {
        self.operands().into_iter().any(Operand::is_path)
    }

    /// What a value must be so that it can hold; each alone is enough to go by.
    fn narrowings(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::standing()]
    }

    /// The same of its negation, which what is absent never fulfils, unless the operator asks for that.
    fn narrowings_of_negation(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::standing()]
    }

    /// What was asked for, in words; other fields with the value they have now.
    fn want(&self, scope: &Scope<'_>) -> String;

    /// Why a value failed, where that is not plain to see.
    fn hint(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<String> {
        None
    }

    /// Values for which the operator holds, close to the given one.
    fn satisfying(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Vec<Value> {
        Vec::new()
    }

    /// A value for which the operator does not hold, close to the given one.
    fn violating(&self, _found: &Resolved<'_>, _scope: &Scope<'_>) -> Option<Value> {
        None
    }
}

/// An operator as authors meet it.
pub struct OperatorSpec {
    pub name: &'static str,
    /// One sentence for the reference and for editors.
    pub summary: &'static str,
    /// Whether `ignore_case` may stand beside it.
    pub compares_text: bool,
    pub parse: fn(&Node, &mut OperandContext<'_, '_>) -> Option<Operator>,
    pub schema: fn() -> Value,
    pub examples: &'static [Example],
}

/// One line of an operator's documentation, run as a test.
pub struct Example {
    /// `field` is of no known type; any other is a field of `ticket.PriorityChanged`.
    pub field: &'static str,
    /// What stands beside the field, as YAML.
    pub test: &'static str,
    /// The field's value as JSON; none where it is absent.
    pub value: Option<&'static str>,
    pub verdict: Verdict,
}

pub const fn example(
    field: &'static str,
    test: &'static str,
    value: &'static str,
    verdict: Verdict,
) -> Example {
    Example {
        field,
        test,
        value: Some(value),
        verdict,
    }
}

pub const fn absent(field: &'static str, test: &'static str, verdict: Verdict) -> Example {
    Example {
        field,
        test,
        value: None,
        verdict,
    }
}

/// Writes the enum over all operators: the file that describes each, and the type that judges.
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

            fn compare(&self) -> &dyn OperatorImpl {
                match self {
                    $(Operator::$variant(operator) => operator,)+
                }
            }

            fn compare_mut(&mut self) -> &mut dyn OperatorImpl {
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
    pub fn judge(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Verdict {
        self.compare().judge(found, scope)
    }

    pub fn reads_event(&self) -> bool {
        self.compare().reads_event()
    }

    pub fn narrowings(&self, polarity: Polarity) -> Vec<IndexCondition> {
        match polarity {
            Polarity::Positive => self.compare().narrowings(),
            Polarity::Negated => self.compare().narrowings_of_negation(),
        }
    }

    /// The operator with the values of these variables in their place; it judges alike.
    pub fn settled(&self, vars: &Value) -> Cow<'_, Operator> {
        if !self.paths().any(|path| path.in_variables(vars).is_some()) {
            return Cow::Borrowed(self);
        }
        let mut settled = self.clone();
        for operand in settled.compare_mut().operands_mut() {
            if let Operand::Path(path) = operand
                && let Some(value) = path.in_variables(vars)
            {
                *operand = Operand::Literal(value.clone());
            }
        }
        Cow::Owned(settled)
    }

    /// The fields that it compares with.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let operands = self.compare().operands().into_iter();
        operands.filter_map(|operand| match operand {
            Operand::Literal(_) => None,
            Operand::Path(path) => Some(path),
        })
    }

    pub fn want(&self, scope: &Scope<'_>) -> String {
        self.compare().want(scope)
    }

    pub fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        self.compare().hint(found, scope)
    }

    pub fn satisfying(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Vec<Value> {
        self.compare().satisfying(found, scope)
    }

    pub fn violating(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        self.compare().violating(found, scope)
    }
}

pub fn find(name: &str) -> Option<&'static OperatorSpec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// What an operator may look at while it reads its operand.
pub struct OperandContext<'p, 'a> {
    pub path: &'p Path,
    pub fields: FieldCheck,
    pub case: CaseSensitivity,
    pub names: &'p mut NameResolver<'a>,
}

impl OperandContext<'_, '_> {
    /// The types that the field is known to have; none where anything may stand there.
    pub fn known(&self) -> Option<&[FieldType]> {
        match &self.fields {
            FieldCheck::Known(types) => Some(types),
            FieldCheck::Open | FieldCheck::Unknown { .. } => None,
        }
    }

    /// Refuses an operator that can read none of the field's types; `instead` names the one meant.
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
            first.words()
        );
        let help = instead(first);
        self.names
            .error(Code::OperatorMismatch, node.at, message, help);
        false
    }

    pub fn never_holds(&mut self, node: &Node, message: String, help: &str) {
        self.names.error(Code::NeverHolds, node.at, message, help);
    }
}

/// A value in words: as JSON, cut where it is long.
pub fn words(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
