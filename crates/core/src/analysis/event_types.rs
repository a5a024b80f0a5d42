//! The cells of the event type: the types that the compared conditions tell apart.

use serde_json::Value;

use crate::analysis::cell_set::CellSet;
use crate::analysis::subject::Subject;
use crate::event::catalogue::Catalogue;
use crate::event::type_pattern::TypePattern;
use crate::language::condition::proof::EVENT;
use crate::language::operator::{Operator, Verdict};
use crate::path::Resolved;
use crate::path::scope::Scope;

/// The event types that conditions tell apart.
#[derive(Debug, Default)]
pub struct TypeDomain {
    /// Source and type of each cell.
    pub names: Vec<TypeName>,
    tests: Vec<Operator>,
    /// Whether a test of `event.type` is more than an equality, so that not all types are known.
    is_open: bool,
}

/// An event type of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    pub source: String,
    pub name: String,
    /// Whether it stands for types that are not known.
    is_any: bool,
}

impl TypeDomain {
    /// Adds a test of `event.type`.
    pub fn add_test(&mut self, operator: &Operator) {
        let scope = Scope::new(&EVENT, &Value::Null);
        if !self.tests.contains(operator) {
            let is_equality = match operator {
                Operator::Is(_) => {
                    operator.case() == crate::language::operator::CaseSensitivity::Exact
                }
                Operator::Exists(_) | Operator::Present(_) => true,
                _ => false,
            };
            self.is_open |= !is_equality || operator.constants(&scope).is_empty();
            self.tests.push(operator.clone());
        }
    }

    pub fn test(&self, operator: &Operator) -> Option<usize> {
        self.tests.iter().position(|known| known == operator)
    }

    /// Adds a cell for every type that a subject receives, as far as the subjects tell them apart.
    pub fn build(&mut self, subjects: &[Subject<'_>], catalogue: &Catalogue) {
        let mut seen: Vec<(Vec<bool>, Vec<Verdict>)> = Vec::new();
        let scope = Scope::new(&EVENT, &Value::Null);
        let named = self.tests.iter().flat_map(|test| test.constants(&scope));
        let named: Vec<Value> = named.collect();
        for subject in subjects {
            for name in candidates(subject, &named, catalogue) {
                let received = subjects.iter().map(|s| s.receives(subject.source, &name));
                let key = (received.collect(), self.verdicts(&name));
                if self.names.len() < CellSet::CAPACITY - 1 && !seen.contains(&key) {
                    seen.push(key);
                    self.names.push(TypeName {
                        source: subject.source.to_owned(),
                        name,
                        is_any: false,
                    });
                }
            }
        }
        if self.is_open || self.names.len() == CellSet::CAPACITY - 1 {
            self.names.push(TypeName {
                source: String::new(),
                name: String::new(),
                is_any: true,
            });
        }
    }

    fn verdicts(&self, name: &str) -> Vec<Verdict> {
        let value = Value::from(name);
        let scope = Scope::new(&EVENT, &Value::Null);
        let tests = self.tests.iter();
        tests
            .map(|test| test.evaluate(&Resolved::One(&value), &scope))
            .collect()
    }

    /// The types that a subject receives.
    pub fn received_by(&self, subject: &Subject<'_>) -> CellSet {
        self.cells(|of| subject.receives(&of.source, &of.name))
    }

    /// The types that a subject does not receive.
    pub fn not_received_by(&self, subject: &Subject<'_>) -> CellSet {
        self.cells(|of| !subject.receives(&of.source, &of.name))
    }

    /// The types on which a test can have a verdict that fulfils `wanted`.
    pub fn cells_where(&self, test: usize, wanted: impl Fn(Verdict) -> bool) -> CellSet {
        self.cells(|of| wanted(self.verdicts(&of.name)[test]))
    }

    fn cells(&self, fits: impl Fn(&TypeName) -> bool) -> CellSet {
        let mut cells = CellSet::EMPTY;
        for (number, of) in self.names.iter().enumerate() {
            if of.is_any || fits(of) {
                cells.insert(number);
            }
        }
        cells
    }

    /// The first of the cells whose type is known.
    pub fn first_known(&self, cells: CellSet) -> Option<&TypeName> {
        let mut names = cells.iter().map(|cell| &self.names[cell]);
        names.find(|of| !of.is_any)
    }
}

/// Names of types that the subject receives: its own, those of the catalogue, and one that nobody names.
fn candidates(subject: &Subject<'_>, named: &[Value], catalogue: &Catalogue) -> Vec<String> {
    let mut names = Vec::new();
    for pattern in subject.types {
        let TypePattern::Family(family) = pattern else {
            if let TypePattern::Name(name) = pattern {
                names.push(name.clone());
            }
            continue;
        };
        let known = catalogue.types().filter(|t| t.source == subject.source);
        let known = known.filter(|t| pattern.covers(&t.name));
        names.extend(known.map(|t| t.name.clone()));
        let tested = named.iter().filter_map(Value::as_str);
        let tested = tested.filter(|name| pattern.covers(name));
        names.extend(tested.map(str::to_owned));
        names.push(format!("{family}UnlistedType"));
    }
    names
}
