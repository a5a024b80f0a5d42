//! The tree under `when`: fields and their tests, joined by all, any and none.
//! Negation is pushed down to the predicates at load, so that what is judged is what is printed.

pub mod evaluate;
pub mod lower;
pub mod schema;
pub mod trace;

use std::sync::Arc;

use crate::diagnostic::Span;
use crate::document::Node;
use crate::language::condition::lower::GroupContext;
use crate::language::operator::Operator;
use crate::language::resolver::NameResolver;
use crate::path::Path;

pub use crate::language::condition::schema::schema;

#[derive(Debug, Clone)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// Shared with the index.
    Predicate(Arc<Predicate>),
}

/// One comparison: a field, an operator with its operand, and whether it must hold or must not.
#[derive(Debug, Clone)]
pub struct Predicate {
    pub path: Arc<Path>,
    /// One for all rules that test the same.
    pub operator: Arc<Operator>,
    pub polarity: Polarity,
    /// Where in the tree: `all`, `any[1].none[0]`.
    pub group: Arc<str>,
    pub at: Span,
}

impl Predicate {
    /// Every path that it reads: its own and those that it compares with.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.path).chain(self.operator.paths())
    }
}

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

    pub fn word(self) -> &'static str {
        match self {
            Polarity::Positive => "positive",
            Polarity::Negated => "negated",
        }
    }
}

impl Condition {
    /// The condition of a rule without `when`.
    pub fn always() -> Self {
        Condition::All(Vec::new())
    }

    pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        let condition = lower::mapping(node, &GroupContext::root(), names)?;
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

    pub fn predicates(&self) -> Vec<&Predicate> {
        match self {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().flat_map(Condition::predicates).collect()
            }
            Condition::Predicate(predicate) => vec![predicate],
        }
    }
}
