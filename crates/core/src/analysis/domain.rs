//! The cells of one field: sets of values on which every test of the field has the same verdict.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::analysis::cell_set::CellSet;
use crate::analysis::comparands::comparands;
use crate::analysis::elements::{Elements, ListTest, elements, tests_elements};
use crate::analysis::numbers::numbers;
use crate::analysis::texts::{TextCache, fresh, texts};
use crate::event::catalogue::FieldType;
use crate::language::condition::candidates::fits;
use crate::language::condition::proof::EVENT;
use crate::language::operator::order::OrderComparison;
use crate::language::operator::{Operator, Verdict};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// The cells of one field.
#[derive(Debug)]
pub struct Domain {
    pub path: Path,
    /// The tests of the field whose verdict its value alone decides.
    pub operators: Vec<Operator>,
    pub cells: Vec<DomainCell>,
    /// The elements of which the lists of the cell `list` consist.
    pub elements: Vec<Value>,
    pub list: Option<usize>,
    pub tests: Vec<Option<ListTest>>,
}

/// Values with the same verdicts.
#[derive(Debug)]
pub struct DomainCell {
    pub verdicts: Vec<CellVerdict>,
    /// Some of the values, the most natural ones first; `None` is an absent field. Empty if no value is known.
    pub values: Vec<Option<Value>>,
    /// How natural its best value is: 0 is best.
    pub rank: u8,
}

/// The verdict of a test on the values of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellVerdict {
    Known(Verdict),
    /// Decided by the elements of the list.
    OfElements,
    /// Not decided.
    Open,
}

/// What a domain is built from.
pub struct DomainParts<'d> {
    pub path: Path,
    pub operators: Vec<Operator>,
    /// The types that the catalogue knows for the field.
    pub types: &'d [FieldType],
    /// Further values, among which the tests that are not decided can differ.
    pub extra: Vec<Value>,
    /// How many values of each cell are kept.
    pub kept: usize,
    /// Whether other tests read fields inside of the value.
    pub is_outer: bool,
}

/// The kinds of values of which not all cells are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenKind {
    Text,
    Number,
    List,
}

/// The cells that remain for open kinds.
const RESERVED: usize = 4;

impl Domain {
    pub fn new(parts: DomainParts<'_>, cache: &mut TextCache) -> Self {
        let comparands = comparands(&parts.operators);
        let numbers = numbers(&parts.operators, &comparands);
        let texts = texts(&parts.operators, &comparands, &numbers, cache);
        let has_list_tests = parts.operators.iter().any(tests_elements);
        let elements = match has_list_tests {
            true => elements(&parts.operators),
            false => Elements {
                values: Vec::new(),
                is_complete: true,
            },
        };
        let compares_containers = parts.operators.iter().any(compares_containers);
        let mut open = Vec::new();
        if !texts.is_complete {
            open.push(OpenKind::Text);
        }
        if !numbers.is_complete {
            open.push(OpenKind::Number);
        }
        if !elements.is_complete || compares_containers {
            open.push(OpenKind::List);
        }
        // These come first, so that they have a cell if there are too many others.
        let mut values = vec![json!(null), json!(true), json!(false), json!([]), json!({})];
        if !has_list_tests {
            values.push(json!([fresh(&[])]));
        }
        values.extend(texts.values);
        values.extend(ranks(&parts.operators));
        values.extend(closed_set_values(parts.types));
        values.extend(numbers.values);
        values.extend(containers(&parts.operators));
        values.extend(parts.extra.iter().cloned());
        let mut cells = CellTable::new(&parts);
        cells.add(None);
        for value in values {
            cells.add(Some(value));
        }
        if cells.cells.len() > CellSet::CAPACITY - RESERVED {
            cells.cells.truncate(CellSet::CAPACITY - RESERVED);
            open = vec![OpenKind::Text, OpenKind::Number, OpenKind::List];
        }
        let list = has_list_tests.then(|| cells.add_lists());
        open.iter().for_each(|kind| cells.add_open(*kind));
        let tests = parts.operators.iter().map(|operator| {
            tests_elements(operator).then(|| ListTest::new(operator, &elements.values))
        });
        Self {
            tests: tests.collect(),
            cells: cells.finished(parts.kept),
            path: parts.path,
            operators: parts.operators,
            elements: elements.values,
            list,
        }
    }

    /// The cell of an absent field.
    pub const ABSENT: usize = 0;

    /// The cells on which a test can have a verdict that fulfils `wanted`.
    pub fn cells_where(&self, operator: usize, wanted: impl Fn(Verdict) -> bool) -> CellSet {
        let mut set = CellSet::EMPTY;
        for (number, cell) in self.cells.iter().enumerate() {
            let can = match cell.verdicts[operator] {
                CellVerdict::Known(verdict) => wanted(verdict),
                CellVerdict::Open => true,
                CellVerdict::OfElements => false,
            };
            if can {
                set.insert(number);
            }
        }
        set
    }
}

/// Whether values are compared with a list or an object.
fn compares_containers(operator: &Operator) -> bool {
    containers(std::slice::from_ref(operator)).next().is_some()
}

fn containers(operators: &[Operator]) -> impl Iterator<Item = Value> {
    let compared = operators.iter().filter_map(|operator| match operator {
        Operator::Is(is) => Some(is.operands.literals()),
        _ => None,
    });
    let compared = compared.flatten();
    compared
        .filter(|value| value.is_array() || value.is_object())
        .cloned()
}

/// The words that have a rank in the orders of the operators.
fn ranks(operators: &[Operator]) -> Vec<Value> {
    let of = |order: &OrderComparison| order.text_order().ranks.concat();
    let words = operators.iter().flat_map(|operator| match operator {
        Operator::Lt(order) | Operator::Lte(order) | Operator::Gt(order) | Operator::Gte(order) => {
            of(order)
        }
        Operator::Between(between) => of(&between.low),
        _ => Vec::new(),
    });
    words.map(Value::from).collect()
}

/// The words of the closed sets among the types.
fn closed_set_values(types: &[FieldType]) -> impl Iterator<Item = Value> {
    let words = types.iter().filter_map(FieldType::values).flatten();
    words.map(|word| Value::from(*word))
}

/// Collects values into cells.
struct CellTable<'d> {
    parts: &'d DomainParts<'d>,
    cells: Vec<DomainCell>,
    numbers: FxHashMap<Vec<CellVerdict>, usize>,
    kinds: Vec<&'static str>,
}

impl<'d> CellTable<'d> {
    fn new(parts: &'d DomainParts<'d>) -> Self {
        let constants = parts.operators.iter().flat_map(|operator| {
            let scope = Scope::new(&EVENT, &Value::Null);
            match tests_elements(operator) {
                true => vec!["list"],
                false => operator.constants(&scope).iter().map(kind).collect(),
            }
        });
        let mut kinds: Vec<&'static str> = constants.filter(|kind| *kind != "null").collect();
        if kinds.is_empty() && !parts.operators.is_empty() {
            kinds.push("text");
        }
        Self {
            parts,
            cells: Vec::new(),
            numbers: FxHashMap::default(),
            kinds,
        }
    }

    /// Adds a value to its cell; `None` is an absent field.
    fn add(&mut self, value: Option<Value>) {
        let verdicts = self.verdicts(value.as_ref());
        let rank = self.rank(value.as_ref());
        let is_absent = value.is_none();
        let known = self.numbers.get(&verdicts).copied();
        let known = known.filter(|_| !is_absent);
        match known {
            Some(number) => {
                let cell = &mut self.cells[number];
                if !cell.values.contains(&value) {
                    cell.values.push(value);
                }
            }
            None => {
                if !is_absent {
                    self.numbers.insert(verdicts.clone(), self.cells.len());
                }
                self.cells.push(DomainCell {
                    verdicts,
                    values: vec![value],
                    rank,
                });
            }
        }
    }

    fn verdicts(&self, value: Option<&Value>) -> Vec<CellVerdict> {
        let scope = Scope::new(&EVENT, &Value::Null);
        let found = value.map_or(Resolved::Absent, Resolved::One);
        let operators = self.parts.operators.iter();
        operators
            .map(|operator| CellVerdict::Known(operator.evaluate(&found, &scope)))
            .collect()
    }

    /// Adds the cell of the lists that are not empty.
    fn add_lists(&mut self) -> usize {
        let list = json!([fresh(&[])]);
        let mut verdicts = self.verdicts(Some(&list));
        for (verdict, operator) in verdicts.iter_mut().zip(&self.parts.operators) {
            if tests_elements(operator) {
                *verdict = CellVerdict::OfElements;
            }
        }
        self.cells.push(DomainCell {
            verdicts,
            rank: self.rank(Some(&list)),
            values: vec![Some(list)],
        });
        self.cells.len() - 1
    }

    /// Adds a cell for the values of a kind of which not all cells are known.
    fn add_open(&mut self, kind: OpenKind) {
        let sample = match kind {
            OpenKind::Text => json!(fresh(&[])),
            OpenKind::Number => json!(0.5),
            OpenKind::List => json!([fresh(&[])]),
        };
        let mut verdicts = self.verdicts(Some(&sample));
        for (verdict, operator) in verdicts.iter_mut().zip(&self.parts.operators) {
            if is_sensitive(operator, kind) {
                *verdict = CellVerdict::Open;
            }
        }
        self.cells.push(DomainCell {
            verdicts,
            values: Vec::new(),
            rank: u8::MAX,
        });
    }

    /// How natural a value is: of the type of the field and of the kind of the constants.
    fn rank(&self, value: Option<&Value>) -> u8 {
        let Some(value) = value else {
            return 4;
        };
        let types = self.parts.types;
        match value {
            Value::Object(_) if self.parts.is_outer => 0,
            _ if self.parts.is_outer => 6,
            Value::Null => 3,
            _ if !fits(value, types) => 5,
            Value::String(text) if text.is_empty() || text.chars().any(char::is_control) => 2,
            _ if !types.is_empty() || self.kinds.contains(&kind(value)) => 0,
            _ => 1,
        }
    }

    fn finished(mut self, kept: usize) -> Vec<DomainCell> {
        for number in 0..self.cells.len() {
            let mut values = std::mem::take(&mut self.cells[number].values);
            values.sort_by_key(|value| self.rank(value.as_ref()));
            values.truncate(kept);
            if let Some(best) = values.first() {
                self.cells[number].rank = self.rank(best.as_ref());
            }
            self.cells[number].values = values;
        }
        self.cells
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Whether the verdict of an operator depends on which value of the kind it is.
fn is_sensitive(operator: &Operator, kind: OpenKind) -> bool {
    match operator {
        Operator::Exists(_) => false,
        Operator::Present(_) => kind == OpenKind::List,
        Operator::Has(_) | Operator::HasAll(_) | Operator::AnyOf(_) => kind == OpenKind::List,
        Operator::Contains(_)
        | Operator::StartsWith(_)
        | Operator::EndsWith(_)
        | Operator::Matches(_) => kind == OpenKind::Text,
        Operator::Is(_) => true,
        Operator::Lt(_)
        | Operator::Lte(_)
        | Operator::Gt(_)
        | Operator::Gte(_)
        | Operator::Between(_)
        | Operator::Before(_)
        | Operator::After(_)
        | Operator::During(_) => kind != OpenKind::List,
    }
}
