//! The distinct predicates of many rules. Equal predicates are stored once and evaluated once per event.
//! Predicates that read a rule's variables are not shared; those that read nothing else are evaluated here.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::index_condition::IndexCondition;
use crate::language::operator::{Operator, Verdict};
use crate::matching::index::EMPTY_EVENT;
use crate::matching::index::condition::IndexedCondition;
use crate::matching::index::posting::number;
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, PathSegment, Root};
use crate::rule::Rule;

/// A predicate and the input of its evaluation.
#[derive(Debug)]
pub struct IndexedPredicate {
    pub predicate: Arc<Predicate>,
    pub reads: PredicateInput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredicateInput {
    /// The value at one path only.
    Slot(u32),
    /// The whole event, with the variables of this rule.
    Whole(u32),
}

/// What is known of a predicate when the index is built.
#[derive(Debug)]
pub struct PredicateInfo {
    /// The slot of its path, unless the path is a query.
    pub slot: Option<u32>,
    pub narrowings: Vec<IndexCondition>,
}

#[derive(Debug, Default)]
pub struct PredicateTable<'r> {
    pub leaves: Vec<IndexedPredicate>,
    pub facts: Vec<PredicateInfo>,
    pub paths: Vec<Path>,
    slots: FxHashMap<(Root, &'r [PathSegment]), u32>,
    known: FxHashMap<PredicateKey<'r>, u32>,
}

/// Predicates with equal keys are the same predicate.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PredicateKey<'r> {
    target: PredicateTarget<'r>,
    polarity: Polarity,
    operator: IndexedOperator<'r>,
}

/// The operator of a predicate, with the values of variables in place of their paths. Small, because a table of a hundred
/// thousand predicates has one for each.
#[derive(Debug)]
enum IndexedOperator<'r> {
    AsWritten(&'r Operator),
    Settled(Box<Operator>),
}

impl std::ops::Deref for IndexedOperator<'_> {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        match self {
            IndexedOperator::AsWritten(operator) => operator,
            IndexedOperator::Settled(operator) => operator,
        }
    }
}

impl PartialEq for IndexedOperator<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for IndexedOperator<'_> {}

impl Hash for IndexedOperator<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// What a predicate's path reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PredicateTarget<'r> {
    Slot(u32),
    /// Nodes of the whole event.
    Event(&'r str),
    /// The variables of this rule.
    Rule(u32, &'r str),
}

impl<'r> PredicateTable<'r> {
    pub fn index_condition(&mut self, number: u32, rule: &'r Rule) -> IndexedCondition {
        self.grow(number, rule, &rule.when)
    }

    fn grow(&mut self, number: u32, rule: &'r Rule, condition: &'r Condition) -> IndexedCondition {
        let mut parts = |parts: &'r [Condition]| -> Vec<IndexedCondition> {
            let parts = parts.iter();
            parts.map(|part| self.grow(number, rule, part)).collect()
        };
        match condition {
            Condition::All(all) => IndexedCondition::all(parts(all)),
            Condition::Any(any) => IndexedCondition::any(parts(any)),
            Condition::Predicate(predicate) => self.leaf(number, rule, predicate),
        }
    }

    fn leaf(
        &mut self,
        number: u32,
        rule: &'r Rule,
        predicate: &'r Arc<Predicate>,
    ) -> IndexedCondition {
        let operator = match predicate.operator.settled(&rule.vars) {
            Cow::Borrowed(operator) => IndexedOperator::AsWritten(operator),
            Cow::Owned(operator) => IndexedOperator::Settled(Box::new(operator)),
        };
        let target = self.target(number, &predicate.path);
        if matches!(target, PredicateTarget::Rule(..)) && !operator.reads_event() {
            return constant(predicate, &rule.vars);
        }
        let identity = PredicateKey {
            target,
            polarity: predicate.polarity,
            operator,
        };
        let leaf = match self.known.get(&identity) {
            Some(leaf) => *leaf,
            None => self.add(number, predicate, identity),
        };
        let narrowings = &self.facts[leaf as usize].narrowings;
        if narrowings
            .iter()
            .any(|narrowing| narrowing.clues.is_empty())
        {
            return IndexedCondition::False;
        }
        IndexedCondition::Leaf(leaf)
    }

    fn add(&mut self, rule: u32, predicate: &Arc<Predicate>, identity: PredicateKey<'r>) -> u32 {
        let slot = match identity.target {
            PredicateTarget::Slot(slot) => Some(slot),
            PredicateTarget::Event(_) | PredicateTarget::Rule(..) => None,
        };
        let reads = match slot {
            Some(slot) if !identity.operator.reads_event() => PredicateInput::Slot(slot),
            Some(_) | None => PredicateInput::Whole(rule),
        };
        let predicate = match &identity.operator {
            IndexedOperator::AsWritten(_) => Arc::clone(predicate),
            IndexedOperator::Settled(settled) => Arc::new(Predicate {
                operator: Arc::new((**settled).clone()),
                ..predicate.as_ref().clone()
            }),
        };
        self.facts.push(PredicateInfo {
            slot,
            narrowings: identity.operator.narrowings(identity.polarity),
        });
        let leaf = number(self.leaves.len());
        self.leaves.push(IndexedPredicate { predicate, reads });
        self.known.insert(identity, leaf);
        leaf
    }

    fn target(&mut self, rule: u32, path: &'r Path) -> PredicateTarget<'r> {
        let (root, keys) = match &path.route {
            PathKind::Plain { root, keys } => (*root, keys.as_slice()),
            PathKind::Query(_) => return PredicateTarget::Event(&path.text),
        };
        match root {
            Root::Body | Root::Envelope | Root::Event | Root::Raw if keys.is_empty() => {
                PredicateTarget::Event(&path.text)
            }
            Root::Body | Root::Envelope | Root::Event | Root::Raw => {
                let next = number(self.paths.len());
                let slot = *self.slots.entry((root, keys)).or_insert(next);
                if slot == next {
                    self.paths.push(path.clone());
                }
                PredicateTarget::Slot(slot)
            }
            Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                PredicateTarget::Rule(rule, &path.text)
            }
        }
    }
}

/// Evaluates a predicate on a variable, which is the same for every event.
fn constant(predicate: &Predicate, vars: &Value) -> IndexedCondition {
    let scope = Scope::new(&EMPTY_EVENT, vars);
    match predicate.evaluate(&scope) {
        Verdict::Match => IndexedCondition::True,
        Verdict::NoMatch | Verdict::Missing | Verdict::WrongType => IndexedCondition::False,
    }
}
