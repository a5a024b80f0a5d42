//! The variables of some conditions, and the conditions as formulas over their cells.

use serde_json::{Value, json};

use crate::analysis::Unproven;
use crate::analysis::cell_set::CellSet;
use crate::analysis::domain::{Domain, DomainParts};
use crate::analysis::elements::ListTest;
use crate::analysis::event_types::TypeDomain;
use crate::analysis::field_types::FieldTypeCache;
use crate::analysis::formula::Formula;
use crate::analysis::subject::Subject;
use crate::analysis::texts::TextCache;
use crate::event::catalogue::Catalogue;
use crate::language::condition::proof::EVENT;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::order::OrderComparison;
use crate::language::operator::{Operator, Verdict};
use crate::path::scope::Scope;
use crate::path::{Path, PathKind, Resolved, Root};

/// The variables of conditions that are compared with each other.
#[derive(Debug)]
pub struct Problem {
    pub types: TypeDomain,
    pub fields: Vec<Field>,
    /// The tests whose verdict is not decided.
    pub free: Vec<FreeTest>,
}

/// One field with the numbers of its variables.
#[derive(Debug)]
pub struct Field {
    pub domain: Domain,
    /// The variable of its cells. Those of its elements follow.
    pub variable: usize,
    /// Whether tests that are not decided read it, or fields around or inside of it are tested.
    pub is_entangled: bool,
}

/// A test whose verdict is not decided: it counts as possible.
#[derive(Debug)]
pub struct FreeTest {
    pub path: Path,
    pub operator: Operator,
    pub variable: usize,
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
enum Source {
    Constant(Verdict),
    Types(usize),
    Field(usize, usize),
    Free(usize),
}

/// The tests of one path, before its domain is built.
struct FieldTests {
    path: Path,
    operators: Vec<Operator>,
    extra: Vec<Value>,
    is_entangled: bool,
}

impl Problem {
    pub fn new(subjects: &[Subject<'_>], catalogue: &Catalogue, cache: &mut ProblemCache) -> Self {
        let mut types = TypeDomain::default();
        let mut tests: Vec<FieldTests> = Vec::new();
        let mut free: Vec<FreeTest> = Vec::new();
        for subject in subjects {
            for predicate in subject.condition.predicates() {
                let operator = predicate.operator.settled(subject.vars);
                let path = &predicate.path;
                match location(path) {
                    PathLocation::Constant => {}
                    PathLocation::Type if is_decided(&operator) => types.add_test(&operator),
                    PathLocation::Field if is_decided(&operator) => {
                        let field = field_of(&mut tests, path);
                        if !tests[field].operators.contains(&operator) {
                            tests[field].operators.push(operator.into_owned());
                        }
                    }
                    PathLocation::Type | PathLocation::Field | PathLocation::Many => {
                        add_free(&mut free, &mut tests, path, &operator);
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
            fields.push(Field {
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
            Source::Constant(verdict) if fits(verdict) => Formula::TRUE,
            Source::Constant(_) => Formula::FALSE,
            Source::Types(test) => Formula::In(TYPES, self.types.cells_where(test, fits)),
            Source::Field(field, test) => self.field_verdict(field, test, needed, wanted),
            Source::Free(free) => self.free_verdict(free, needed, wanted),
        }
    }

    /// The formula that a test of a field has a verdict, or has another one.
    fn field_verdict(&self, field: usize, test: usize, needed: Verdict, wanted: Wanted) -> Formula {
        let Field {
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
        let is_open = |field: &&Field| {
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

    fn field_at(&self, path: &Path) -> Option<&Field> {
        let mut fields = self.fields.iter();
        fields.find(|field| field.domain.path.route == path.route)
    }

    fn source(&self, predicate: &Predicate, subject: &Subject<'_>) -> Source {
        let operator = predicate.operator.settled(subject.vars);
        let path = &predicate.path;
        match location(path) {
            PathLocation::Constant => {
                return Source::Constant(constant(path, &operator, subject));
            }
            PathLocation::Type => {
                if let Some(test) = self.types.test(&operator) {
                    return Source::Types(test);
                }
            }
            PathLocation::Field => {
                let fields = self.fields.iter();
                let found = fields.enumerate().find_map(|(number, field)| {
                    let is_same = field.domain.path.route == path.route;
                    let mut operators = field.domain.operators.iter();
                    let test = operators.position(|known| is_same && *known == *operator)?;
                    Some(Source::Field(number, test))
                });
                if let Some(found) = found {
                    return found;
                }
            }
            PathLocation::Many => {}
        }
        let mut free = self.free.iter();
        let number = free.position(|test| is_same_test(test, path, &operator));
        Source::Free(number.unwrap_or_default())
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

/// Where a path leads.
enum PathLocation {
    /// A value that is the same for every event of the subject.
    Constant,
    /// The event type.
    Type,
    /// One field of the event.
    Field,
    /// Several values, or values that are not part of the event.
    Many,
}

fn location(path: &Path) -> PathLocation {
    let PathKind::Plain { root, keys } = &path.route else {
        return PathLocation::Many;
    };
    let first = keys.first().map(|key| key.name.as_str());
    match (root, first) {
        (Root::Vars, _) | (Root::Event, Some("source")) => PathLocation::Constant,
        (Root::Event, Some("type")) => PathLocation::Type,
        (Root::Body | Root::Envelope | Root::Event | Root::Raw, Some(_)) => PathLocation::Field,
        (
            Root::Body
            | Root::Envelope
            | Root::Event
            | Root::Raw
            | Root::Steps
            | Root::Error
            | Root::Local
            | Root::Document,
            _,
        ) => PathLocation::Many,
    }
}

/// The verdict of an operator on a variable or on the event's source.
fn constant(path: &Path, operator: &Operator, subject: &Subject<'_>) -> Verdict {
    let source = json!(subject.source);
    let found = match path.in_variables(subject.vars) {
        Some(value) => Resolved::One(value),
        None if matches!(
            path.route,
            PathKind::Plain {
                root: Root::Event,
                ..
            }
        ) =>
        {
            Resolved::One(&source)
        }
        None => Resolved::Absent,
    };
    operator.evaluate(&found, &Scope::new(&EVENT, subject.vars))
}

/// Whether the value at the path alone decides the verdict, and the cells of the operator are known.
fn is_decided(operator: &Operator) -> bool {
    let is_of_bundle = |order: &OrderComparison| order.text_order().kind.is_some();
    let is_known = match operator {
        Operator::During(_) => false,
        Operator::AnyOf(any_of) => any_of.compares_elements(),
        Operator::Lt(order) | Operator::Lte(order) | Operator::Gt(order) | Operator::Gte(order) => {
            !is_of_bundle(order)
        }
        Operator::Between(between) => !is_of_bundle(&between.low) && !is_of_bundle(&between.high),
        Operator::Is(_)
        | Operator::Has(_)
        | Operator::HasAll(_)
        | Operator::Contains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_)
        | Operator::Exists(_)
        | Operator::Present(_)
        | Operator::Before(_)
        | Operator::After(_) => true,
    };
    is_known && !operator.reads_event()
}

fn is_same_test(test: &FreeTest, path: &Path, operator: &Operator) -> bool {
    test.path.route == path.route && test.operator == *operator
}

/// The number of a path's tests; added if it is new.
fn field_of(tests: &mut Vec<FieldTests>, path: &Path) -> usize {
    if let Some(known) = tests.iter().position(|of| of.path.route == path.route) {
        return known;
    }
    tests.push(FieldTests {
        path: path.clone(),
        operators: Vec::new(),
        extra: Vec::new(),
        is_entangled: false,
    });
    tests.len() - 1
}

/// Adds a test that is not decided, with values for the fields that it reads.
fn add_free(
    free: &mut Vec<FreeTest>,
    tests: &mut Vec<FieldTests>,
    path: &Path,
    operator: &Operator,
) {
    if free.iter().any(|known| is_same_test(known, path, operator)) {
        return;
    }
    free.push(FreeTest {
        path: path.clone(),
        operator: operator.clone(),
        variable: 0,
    });
    let values = crate::analysis::samples::values(operator);
    for read in std::iter::once(path).chain(operator.paths()) {
        if matches!(location(read), PathLocation::Field) {
            let field = field_of(tests, read);
            tests[field].is_entangled = true;
            tests[field].extra.extend(values.iter().cloned());
        }
    }
}

/// Marks the fields of which one is inside of the other.
fn entangle(tests: &mut [FieldTests]) {
    for number in 0..tests.len() {
        let is_related = tests.iter().enumerate().any(|(other, of)| {
            other != number
                && (is_inside(&of.path, &tests[number].path)
                    || is_inside(&tests[number].path, &of.path))
        });
        tests[number].is_entangled |= is_related;
    }
}

/// Whether a path leads into the value at another one.
pub fn is_inside(inner: &Path, outer: &Path) -> bool {
    match (&inner.route, &outer.route) {
        (
            PathKind::Plain { root, keys },
            PathKind::Plain {
                root: other,
                keys: above,
            },
        ) => root == other && keys.len() > above.len() && keys.starts_with(above),
        (PathKind::Query(_), _) | (_, PathKind::Query(_)) => false,
    }
}

/// Whether the subjects test a field inside of the value at a path.
fn fields_inside(path: &Path, subjects: &[Subject<'_>]) -> bool {
    let predicates = subjects
        .iter()
        .flat_map(|subject| subject.condition.predicates());
    predicates
        .flat_map(|predicate| predicate.paths().cloned().collect::<Vec<_>>())
        .any(|inner| is_inside(&inner, path))
}
