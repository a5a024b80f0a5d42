//! The distinct predicates of many rules. Equal predicates are stored once and evaluated once per event.
//! Predicates that read a rule's variables are not shared; those that read nothing else are evaluated here.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::matching::index::BLANK;
use crate::matching::index::posting::number;
use crate::matching::index::condition::Tree;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::rule::Rule;
use crate::language::operator::index_condition::Narrowing;
use crate::language::operator::{Operator, Verdict};
use crate::path::{Key, Path, Root, Route};
use crate::path::scope::Scope;

/// A predicate and the input of its evaluation.
#[derive(Debug)]
pub struct Leaf {
    pub predicate: Arc<Predicate>,
    pub reads: Reads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The value at one path only.
    Slot(u32),
    /// The whole event, with the variables of this rule.
    Whole(u32),
}

/// What is known of a predicate when the index is built.
#[derive(Debug)]
pub struct Facts {
    /// The slot of its path, unless the path is a query.
    pub slot: Option<u32>,
    pub narrowings: Vec<Narrowing>,
}

#[derive(Debug, Default)]
pub struct Leaves<'r> {
    pub leaves: Vec<Leaf>,
    pub facts: Vec<Facts>,
    pub paths: Vec<Path>,
    slots: FxHashMap<(Root, &'r [Key]), u32>,
    known: FxHashMap<Identity<'r>, u32>,
}

/// Predicates with equal keys are the same predicate.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity<'r> {
    place: Place<'r>,
    polarity: Polarity,
    operator: Cow<'r, Operator>,
}

/// What a predicate's path reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place<'r> {
    Slot(u32),
    /// Nodes of the whole event.
    Event(&'r str),
    /// The variables of this rule.
    Rule(u32, &'r str),
}

impl<'r> Leaves<'r> {
    pub fn index_condition(&mut self, number: u32, rule: &'r Rule) -> Tree {
        self.grow(number, rule, &rule.when)
    }

    fn grow(&mut self, number: u32, rule: &'r Rule, condition: &'r Condition) -> Tree {
        let mut parts = |parts: &'r [Condition]| -> Vec<Tree> {
            let parts = parts.iter();
            parts.map(|part| self.grow(number, rule, part)).collect()
        };
        match condition {
            Condition::All(all) => Tree::all(parts(all)),
            Condition::Any(any) => Tree::any(parts(any)),
            Condition::Predicate(predicate) => self.leaf(number, rule, predicate),
        }
    }

    fn leaf(&mut self, number: u32, rule: &'r Rule, predicate: &'r Arc<Predicate>) -> Tree {
        let operator = predicate.operator.settled(&rule.vars);
        let place = self.place(number, &predicate.path);
        if matches!(place, Place::Rule(..)) && !operator.reads_event() {
            return constant(predicate, &rule.vars);
        }
        let identity = Identity {
            place,
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
            return Tree::False;
        }
        Tree::Leaf(leaf)
    }

    fn add(&mut self, rule: u32, predicate: &Arc<Predicate>, identity: Identity<'r>) -> u32 {
        let slot = match identity.place {
            Place::Slot(slot) => Some(slot),
            Place::Event(_) | Place::Rule(..) => None,
        };
        let reads = match slot {
            Some(slot) if !identity.operator.reads_event() => Reads::Slot(slot),
            Some(_) | None => Reads::Whole(rule),
        };
        let predicate = match &identity.operator {
            Cow::Borrowed(_) => Arc::clone(predicate),
            Cow::Owned(settled) => Arc::new(Predicate {
                operator: settled.clone().into(),
                ..predicate.as_ref().clone()
            }),
        };
        self.facts.push(Facts {
            slot,
            narrowings: identity.operator.narrowings(identity.polarity),
        });
        let leaf = number(self.leaves.len());
        self.leaves.push(Leaf { predicate, reads });
        self.known.insert(identity, leaf);
        leaf
    }

    fn place(&mut self, rule: u32, path: &'r Path) -> Place<'r> {
        let (root, keys) = match &path.route {
            Route::Plain { root, keys } => (*root, keys.as_slice()),
            Route::Query(_) => return Place::Event(&path.text),
        };
        match root {
            Root::Body | Root::Envelope | Root::Event | Root::Raw if keys.is_empty() => {
                Place::Event(&path.text)
            }
            Root::Body | Root::Envelope | Root::Event | Root::Raw => {
                let next = number(self.paths.len());
                let slot = *self.slots.entry((root, keys)).or_insert(next);
                if slot == next {
                    self.paths.push(path.clone());
                }
                Place::Slot(slot)
            }
            Root::Vars | Root::Steps | Root::Error | Root::Local | Root::Document => {
                Place::Rule(rule, &path.text)
            }
        }
    }
}

/// Evaluates a predicate on a variable, which is the same for every event.
fn constant(predicate: &Predicate, vars: &Value) -> Tree {
    let scope = Scope::new(&BLANK, vars);
    match predicate.evaluate(&scope) {
        Verdict::Match => Tree::True,
        Verdict::NoMatch | Verdict::Missing | Verdict::WrongType => Tree::False,
    }
}
