//! The condition under `when`: a tree of predicates, combined by `all`, `any` and `none`.
//! Negation is pushed down to the predicates at load, so that an explanation shows what is evaluated.

pub(crate) mod beside;
pub mod candidates;
pub(crate) mod contradiction;
#[cfg(test)]
mod contradiction_tests;
pub(crate) mod element;
pub mod evaluate;
pub(crate) mod group_context;
pub(crate) mod incomplete;
pub(crate) mod lower;
pub(crate) mod other_tools;
pub(crate) mod proof;
pub(crate) mod relation;
pub mod schema;
pub mod spellings;
pub mod trace;

use std::sync::Arc;

use crate::diagnostic::Span;
use crate::document::Node;
use crate::event::catalogue::FieldType;
use crate::language::condition::group_context::GroupContext;
use crate::language::condition::incomplete::{Incomplete, Lowered};
use crate::language::names::ElementScope;
use crate::language::operator::{CaseSensitivity, Operator};
use crate::language::resolver::NameResolver;
use crate::path::Path;

pub use crate::language::condition::schema::schema;

/// A tree of predicates. `none` is lowered to `any` or `all` over negated predicates.
#[derive(Debug, Clone)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// Shared with the index.
    Predicate(Arc<Predicate>),
}

/// One comparison: path, operator with operand, and polarity.
#[derive(Debug, Clone)]
pub struct Predicate {
    pub path: Arc<Path>,
    /// Shared by all rules with the same comparison.
    pub operator: Arc<Operator>,
    pub polarity: Polarity,
    /// The group of the tree that contains it: `all`, `any[1].none[0]`.
    pub group: Arc<str>,
    pub at: Span,
}

impl Predicate {
    /// Returns every path that the predicate reads: its own and those of its operands.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.path).chain(self.operator.paths())
    }
}

/// Whether a predicate must hold or must not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    Positive,
    Negated,
}

impl Polarity {
    pub fn flip(self) -> Self {
        match self {
            Polarity::Positive => Polarity::Negated,
            Polarity::Negated => Polarity::Positive,
        }
    }

    /// The label in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Polarity::Positive => "positive",
            Polarity::Negated => "negated",
        }
    }
}

impl Condition {
    /// Creates the condition of a rule without `when`, which always holds.
    pub fn always() -> Self {
        Condition::All(Vec::new())
    }

    /// Lowers the value of `when`. Its paths then count as tested; `None` after an error was reported,
    /// except for a contradiction, after which the condition can still be evaluated.
    pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        Self::lower_in(node, "", names)
    }

    /// The same for a condition within a group of this name.
    pub fn lower_in(node: &Node, group: &str, names: &mut NameResolver<'_>) -> Option<Self> {
        let context = GroupContext::of(group);
        let condition = proven(lower::mapping(node, &context, names), names)?;
        let tested = condition.predicates().into_iter();
        names
            .in_scope
            .tested_paths
            .extend(tested.filter_map(|predicate| {
                let path = &predicate.path;
                path.dotted()
                    .or_else(|| path.step().map(|_| path.text.clone()))
            }));
        Some(condition)
    }

    /// Lowers the condition of a list's element, whose fields are those of the element.
    pub fn lower_for_element(
        node: &Node,
        element: FieldType,
        case: CaseSensitivity,
        names: &mut NameResolver<'_>,
    ) -> Option<Self> {
        let outer = std::mem::replace(&mut names.in_scope.element, ElementScope::Within(element));
        let condition = lower::mapping(node, &GroupContext::root().with_case(case), names);
        let condition = proven(condition, names);
        names.in_scope.element = outer;
        condition
    }

    /// Returns all predicates, in the order of the rule.
    pub fn predicates(&self) -> Vec<&Predicate> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::predicates).collect()
            }
            Condition::Predicate(predicate) => vec![predicate],
        }
    }
}

/// Reports contradictions, also between the correct parts of a condition with mistakes, which gives `None`.
fn proven(lowered: Lowered, names: &mut NameResolver<'_>) -> Option<Condition> {
    match lowered {
        Ok(condition) => {
            contradiction::check(&condition, names);
            Some(condition)
        }
        Err(Incomplete(parts)) => {
            contradiction::check(&parts, names);
            None
        }
    }
}
