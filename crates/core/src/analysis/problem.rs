//! The variables of some conditions, and the conditions as formulas over their cells.

use crate::analysis::Unproven;
use crate::analysis::cell_set::CellSet;
use crate::analysis::domain::{Domain, DomainParts};
use crate::analysis::elements::ListTest;
use crate::analysis::event_types::TypeDomain;
use crate::analysis::field_types::FieldTypeCache;
use crate::analysis::formula::Formula;
use crate::analysis::subject::Subject;
use crate::analysis::tested_fields::{
    FieldTests, FreeTest, PathLocation, add_free, constant, entangle, field_of, fields_inside,
    is_constant, is_decided, is_same_test, location,
};
use crate::analysis::texts::TextCache;
use crate::event::catalogue::Catalogue;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::Verdict;
use crate::path::Path;

/// The variables of conditions that are compared with each other.
#[derive(Debug)]
pub struct DecisionProblem {
    pub types: TypeDomain,
    pub fields: Vec<FieldVariables>,
    /// The tests whose verdict is not decided.
    pub free: Vec<FreeTest>,
}

/// One field with the numbers of its variables.
#[derive(Debug)]
pub struct FieldVariables {
    pub domain: Domain,
    /// The variable of its cells. Those of its elements follow.
    pub variable: usize,
    /// Whether tests that are not decided read it, or fields around or inside of it are tested.
    pub is_entangled: bool,
}

/// The variable of the event types.
pub const TYPES: usize = 0;
/// The cells of a free test.
const FREE_MATCH: usize = 0;
const FREE_NO_MATCH: usize = 1;
const FREE_CELLS: usize = 3;

/// What is kept between problems.
#[derive(Debug, Default)]
pub struct ProblemCache {
    pub texts: TextCache,
    pub types: FieldTypeCache,
}

/// Where the verdict of a predicate comes from.
enum VerdictSource {
    Constant(Verdict),
    Types(usize),
    Field(usize, usize),
    Free(usize),
}

impl DecisionProblem {
    pub fn new(subjects: &[Subject<'_>], catalogue: &Catalogue, cache: &mut ProblemCache) -> Self {
        let mut types = TypeDomain::default();
        let mut tests: Vec<FieldTests> = Vec::new();
        let mut free: Vec<FreeTest> = Vec::new();
        for subject in subjects {
            for predicate in subject.condition.predicates() {
                let operator = predicate.operator.settled(subject.vars);
                let path = &predicate.path;
                match location(path) {
                    PathLocation::Constant if is_constant(&operator) => {}
                    PathLocation::Type if is_decided(&operator) => types.add_test(&operator),
                    PathLocation::Field if is_decided(&operator) => {
                        let field = field_of(&mut tests, path);
                        if !tests[field].operators.contains(&operator) {
                            tests[field].operators.push(operator.into_owned());
                        }
                    }
                    PathLocation::Constant
                    | PathLocation::Type
                    | PathLocation::Field
                    | PathLocation::Many => {
                        add_free(&mut free, &mut tests, path, &operator, subject);
                    }
                }
            }
        }
        types.build(subjects, catalogue);
        entangle(&mut tests);
        let mut variables = 1;
        let mut fields = Vec::with_capacity(tests.len());
        for of in tests {
            let known = cache.types.of(&of.path, subjects, catalogue);
            let domain = Domain::new(
                DomainParts {
                    is_outer: of.is_entangled && fields_inside(&of.path, subjects),
                    path: of.path,
                    operators: of.operators,
                    types: &known,
                    kept: if of.is_entangled { 24 } else { 2 },
                    extra: of.extra,
                },
                &mut cache.texts,
            );
            let variable = variables;
            variables += 1 + domain.elements.len();
            fields.push(FieldVariables {
                domain,
                variable,
                is_entangled: of.is_entangled,
            });
        }
        for test in &mut free {
            test.variable = variables;
            variables += 1;
        }
        Self {
            types,
            fields,
            free,
        }
    }

    /// All cells of all variables.
    pub fn domains(&self) -> Vec<CellSet> {
        let mut domains = vec![CellSet::first(self.types.names.len())];
        for field in &self.fields {
            domains.push(CellSet::first(field.domain.cells.len()));
            let elements = field.domain.elements.iter();
            domains.extend(elements.map(|_| CellSet::first(2)));
        }
        domains.extend(self.free.iter().map(|_| CellSet::first(FREE_CELLS)));
        domains
    }

    /// The formula that the subject receives the event.
    pub fn receives(&self, subject: &Subject<'_>) -> Formula {
        Formula::In(TYPES, self.types.received_by(subject))
    }

    /// The formula that the subject does not receive the event.
    pub fn does_not_receive(&self, subject: &Subject<'_>) -> Formula {
        Formula::In(TYPES, self.types.not_received_by(subject))
    }

    /// The formula that a condition is true.
    pub fn is_true(&self, condition: &Condition, subject: &Subject<'_>) -> Formula {
        match condition {
            Condition::All(parts) => Formula::every(self.all_true(parts, subject)),
            Condition::Any(parts) => Formula::some(self.all_true(parts, subject)),
            Condition::Predicate(predicate) => self.verdict(predicate, subject, Wanted::Is),
        }
    }

    /// The formula that a condition is false or unknown.
    pub fn is_not_true(&self, condition: &Condition, subject: &Subject<'_>) -> Formula {
        let parts = |parts: &[Condition]| -> Vec<Formula> {
            let parts = parts.iter();
            parts.map(|part| self.is_not_true(part, subject)).collect()
        };
        match condition {
            Condition::All(all) => Formula::some(parts(all)),
            Condition::Any(any) => Formula::every(parts(any)),
            Condition::Predicate(predicate) => self.verdict(predicate, subject, Wanted::IsNot),
        }
    }

    fn all_true(&self, parts: &[Condition], subject: &Subject<'_>) -> Vec<Formula> {
        let parts = parts.iter();
        parts.map(|part| self.is_true(part, subject)).collect()
    }

    fn verdict(&self, predicate: &Predicate, subject: &Subject<'_>, wanted: Wanted) -> Formula {
        let needed = match predicate.polarity {
            Polarity::Positive => Verdict::Match,
            Polarity::Negated => Verdict::NoMatch,
        };
        let fits = |verdict: Verdict| (verdict == needed) == (wanted == Wanted::Is);
        match self.source(predicate, subject) {
            VerdictSource::Constant(verdict) if fits(verdict) => Formula::TRUE,
            VerdictSource::Constant(_) => Formula::FALSE,
            VerdictSource::Types(test) => Formula::In(TYPES, self.types.cells_where(test, fits)),
            VerdictSource::Field(field, test) => self.field_verdict(field, test, needed, wanted),
            VerdictSource::Free(free) => self.free_verdict(free, needed, wanted),
        }
    }

    /// The formula that a test of a field has a verdict, or has another one.
    fn field_verdict(&self, field: usize, test: usize, needed: Verdict, wanted: Wanted) -> Formula {
        let FieldVariables {
            domain, variable, ..
        } = &self.fields[field];
        let fits = |verdict: Verdict| (verdict == needed) == (wanted == Wanted::Is);
        let cells = Formula::In(*variable, domain.cells_where(test, fits));
        let (Some(list), Some(of_elements)) = (domain.list, &domain.tests[test]) else {
            return cells;
        };
        let contains = |element: usize, present: usize| {
            Formula::In(variable + 1 + element, CellSet::one(present))
        };
        let elements = of_elements.formula(needed, wanted, &contains);
        let lists = Formula::In(*variable, CellSet::one(list));
        Formula::some(vec![cells, Formula::every(vec![lists, elements])])
    }

    fn free_verdict(&self, free: usize, needed: Verdict, wanted: Wanted) -> Formula {
        let test = &self.free[free];
        let cell = match needed {
            Verdict::Match => FREE_MATCH,
            Verdict::NoMatch | Verdict::Missing | Verdict::WrongType => FREE_NO_MATCH,
        };
        let mut cells = CellSet::EMPTY;
        for other in 0..FREE_CELLS {
            if (other == cell) == (wanted == Wanted::Is) {
                cells.insert(other);
            }
        }
        let verdict = Formula::In(test.variable, cells);
        let field = self.field_at(&test.path);
        match (wanted, field) {
            // An absent field is missing for every test that is not decided.
            (Wanted::Is, Some(field)) => {
                let mut present = CellSet::first(field.domain.cells.len());
                present = present & CellSet::all_but(Domain::ABSENT);
                Formula::every(vec![verdict, Formula::In(field.variable, present)])
            }
            (Wanted::Is | Wanted::IsNot, _) => verdict,
        }
    }

    /// Why no event is known for the cells of a solution.
    pub fn why_unproven(&self, cells: &[CellSet]) -> Unproven {
        let is_needed = |test: &&FreeTest| cells[test.variable] != CellSet::first(FREE_CELLS);
        if let Some(test) = self.free.iter().find(is_needed) {
            return Unproven::Test {
                path: test.path.text.clone(),
                operator: test.operator.name(),
            };
        }
        let is_open = |field: &&FieldVariables| {
            let mut remaining = cells[field.variable].iter();
            remaining.all(|cell| field.domain.cells[cell].values.is_empty())
        };
        match self.fields.iter().find(is_open) {
            Some(field) => Unproven::Values {
                path: field.domain.path.text.clone(),
            },
            None => Unproven::NoEventBuilt,
        }
    }

    fn field_at(&self, path: &Path) -> Option<&FieldVariables> {
        let mut fields = self.fields.iter();
        fields.find(|field| field.domain.path.route == path.route)
    }

    fn source(&self, predicate: &Predicate, subject: &Subject<'_>) -> VerdictSource {
        let operator = predicate.operator.settled(subject.vars);
        let path = &predicate.path;
        match location(path) {
            PathLocation::Constant if is_constant(&operator) => {
                return VerdictSource::Constant(constant(path, &operator, subject));
            }
            PathLocation::Type => {
                if let Some(test) = self.types.test(&operator) {
                    return VerdictSource::Types(test);
                }
            }
            PathLocation::Field => {
                let fields = self.fields.iter();
                let found = fields.enumerate().find_map(|(number, field)| {
                    let is_same = field.domain.path.route == path.route;
                    let mut operators = field.domain.operators.iter();
                    let test = operators.position(|known| is_same && *known == *operator)?;
                    Some(VerdictSource::Field(number, test))
                });
                if let Some(found) = found {
                    return found;
                }
            }
            PathLocation::Constant | PathLocation::Many => {}
        }
        let mut free = self.free.iter();
        let number = free.position(|test| is_same_test(test, path, &operator, subject));
        VerdictSource::Free(number.unwrap_or_default())
    }
}

/// Whether a predicate must have the verdict that makes it true, or another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Is,
    IsNot,
}

impl ListTest {
    /// The formula that a list of some of the elements has a verdict. `contains(element, 1)` is the formula that
    /// the element is in the list, `contains(element, 0)` that it is not.
    fn formula(
        &self,
        needed: Verdict,
        wanted: Wanted,
        contains: &dyn Fn(usize, usize) -> Formula,
    ) -> Formula {
        let (parts, is_match) = match self {
            ListTest::Any(verdicts) => (vec![verdicts], needed == Verdict::Match),
            ListTest::All(tests) => (tests.iter().collect(), needed == Verdict::Match),
        };
        let holds = wanted == Wanted::Is;
        let formulas = parts.into_iter().map(|verdicts| {
            let relevant = verdicts
                .iter()
                .enumerate()
                .filter(|(_, verdict)| match is_match {
                    true => **verdict == Verdict::Match,
                    false => **verdict != Verdict::NoMatch,
                });
            // A match needs one matching element; no match needs that only elements without a match are there.
            let present = usize::from(is_match == holds);
            let elements = relevant.map(|(element, _)| contains(element, present));
            match present {
                1 => Formula::some(elements.collect()),
                _ => Formula::every(elements.collect()),
            }
        });
        // All constants must match; one without a match decides.
        match is_match == holds {
            true => Formula::every(formulas.collect()),
            false => Formula::some(formulas.collect()),
        }
    }
}
