//! Conditions on values that events do not contain: steps fetch the record, and a guard tests the value.

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::placeholder::desk_value::custom_field;
use crate::convert::placeholder::record::DeskRecord;

/// The name of the step whose result has the values that are not at a path of a record.
pub const FIELDS: &str = "fields";

/// For which events a value can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchScope {
    EveryEvent,
    NewTickets,
    Comments,
}

/// A value that a template finds in a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputedField {
    pub name: String,
    pub template: String,
}

/// A condition on a value of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedTest {
    pub scope: FetchScope,
    pub record: DeskRecord,
    pub computed: Option<ComputedField>,
    pub clause: Clause,
}

impl FetchedTest {
    /// A test of the value at a path of the record.
    pub fn at(record: DeskRecord, path: &str, test: impl Into<Value>) -> Self {
        let path = format!("{}.{path}", record.body());
        Self {
            scope: FetchScope::EveryEvent,
            record,
            computed: None,
            clause: Clause::test(path, test),
        }
    }

    /// A test of a custom field of the ticket.
    pub fn custom_field(id: u64, test: impl FnOnce(&str) -> Clause) -> Self {
        let record = DeskRecord::Ticket;
        let fields = format!("{}.ticket.custom_fields", record.body());
        let value = custom_field(&fields, id);
        let name = format!("field_{id}");
        Self {
            scope: FetchScope::EveryEvent,
            record,
            clause: test(&path_of(&name)),
            computed: Some(ComputedField {
                template: format!("{{{{ {value} | default(none) }}}}"),
                name,
            }),
        }
    }

    /// A test of the role of the person who made a new ticket.
    pub fn role_of_submitter(roles: Value) -> Self {
        Self {
            scope: FetchScope::NewTickets,
            ..Self::at(DeskRecord::Submitter, "user.role", roles)
        }
    }

    /// A test of the channel of a comment.
    pub fn comment_channel(test: Value) -> Self {
        let record = DeskRecord::Comments;
        let name = "channel".to_owned();
        let template = format!(
            "{{{{ {}.comments | selectattr('id', 'eq', comment.id) | map(attribute='via') | map(attribute='channel') | first | default(none) }}}}",
            record.body()
        );
        Self {
            scope: FetchScope::Comments,
            record,
            clause: Clause::test(path_of(&name), test),
            computed: Some(ComputedField { name, template }),
        }
    }
}

fn path_of(name: &str) -> String {
    format!("steps.{FIELDS}.{name}")
}

/// A guard in the flow, with what it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowGuard {
    pub clause: Clause,
    pub tests: Vec<FetchedTest>,
}

/// The steps that fetch what the guards read, and the guard.
pub fn guard_steps(guards: &[FlowGuard], fetch: impl Fn(DeskRecord) -> Value) -> Vec<Value> {
    if guards.is_empty() {
        return Vec::new();
    }
    let tests = || guards.iter().flat_map(|guard| &guard.tests);
    let mut records: Vec<DeskRecord> = tests().map(|test| test.record).collect();
    records.sort();
    records.dedup();
    let mut steps: Vec<Value> = records.into_iter().map(fetch).collect();
    let computed = tests().filter_map(|test| test.computed.as_ref());
    let fields: serde_json::Map<String, Value> = computed
        .map(|field| (field.name.clone(), json!(field.template)))
        .collect();
    if !fields.is_empty() {
        steps.push(json!({"name": FIELDS, "set": fields}));
    }
    let clauses = guards.iter().map(|guard| guard.clause.clone());
    let when = Clause::all(clauses).to_map();
    steps.push(json!({"when": when}));
    steps
}
