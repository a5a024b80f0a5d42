//! Interprets one condition of a trigger: a state that every event of the ticket contains, or a change that is
//! an event of its own.

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::triggers::fetched::FetchedTest;
use crate::convert::triggers::field;
use crate::convert::triggers::field::{Attribute, AttributeKind, TriggerField};
use crate::convert::triggers::terraform;
use crate::convert::triggers::text_match;

pub const COMMENT: &str = "ticket.CommentAdded";
pub const CREATED: &str = "ticket.TicketCreated";
pub const CUSTOM: &str = "ticket.CustomFieldChanged";
pub const TAGS: &str = "ticket.TagsChanged";

/// The operators that conditions of triggers can have.
const OPERATORS: [&str; 24] = [
    "is",
    "is_not",
    "less_than",
    "greater_than",
    "less_than_equal",
    "greater_than_equal",
    "includes",
    "not_includes",
    "changed",
    "not_changed",
    "changed_to",
    "changed_from",
    "value",
    "value_previous",
    "not_value",
    "not_value_previous",
    "present",
    "not_present",
    "is_present",
    "is_not_present",
    "within_previous_n_days",
    "requester_can_see_comment",
    "not_relevant",
    "not_requester_can_see_comment",
];

/// A condition as written in the trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerCondition {
    pub field: String,
    pub operator: String,
    pub value: Value,
    pub at: String,
    /// A part of it refers to another resource of a Terraform file.
    is_reference: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// Every event of the ticket contains it.
    State(Clause),
    /// A record of the help desk contains it.
    Fetched(FetchedTest),
    Change(FieldChange),
    /// Something did not change in the update.
    Unchanged(FieldChange),
    /// Only events of one type contain it; for others, a record may.
    OnlyIn(FieldChange, Option<FetchedTest>),
    /// The ticket is new.
    Created,
    /// The ticket is not new.
    Updated,
    /// Events do not contain it.
    Unknown(String),
}

/// A change that is an event of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    pub event_type: &'static str,
    /// The id of the custom field that changes.
    pub custom: Option<u64>,
    /// The condition on that event.
    pub then: Clause,
    /// The same condition on a new ticket; `None` if a new ticket cannot meet it.
    pub created: Option<Clause>,
    /// What other events of the same update contain of it.
    pub after: Clause,
}

impl TriggerCondition {
    pub fn new(item: &Value, at: String) -> Self {
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default();
        // A provider of Terraform writes a list under `values`.
        let value = item.get("value").or(item.get("values"));
        let operator = match text("operator") {
            "" => "is",
            operator => operator,
        };
        Self {
            field: text("field").to_owned(),
            operator: operator.to_owned(),
            value: value.cloned().unwrap_or(Value::Null),
            at,
            is_reference: terraform::refers(item, item),
        }
    }

    /// The condition as text for lists.
    pub fn describe(&self) -> String {
        let (field, operator) = (&self.field, &self.operator);
        match &self.value {
            Value::Null => format!("`{field} {operator}`"),
            Value::String(text) if text.is_empty() => format!("`{field} {operator} \"\"`"),
            Value::String(text) => format!("`{field} {operator} {text}`"),
            other => format!("`{field} {operator} {other}`"),
        }
    }

    pub fn meaning(&self) -> Meaning {
        if self.is_reference {
            return Meaning::Unknown(terraform::REFERS.into());
        }
        let meaning = match field::find(&self.field) {
            TriggerField::Attribute(attribute) => self.of_attribute(attribute),
            TriggerField::Tags => self.of_tags(),
            TriggerField::Custom(id) => self.of_custom(id),
            TriggerField::UpdateType => self.of_update_type(),
            TriggerField::CommentIsPublic => self.of_comment(),
            TriggerField::TicketIsPublic => self.of_privacy(),
            TriggerField::Recipient => self.of_recipient(),
            TriggerField::Count(name) => self.of_count(name),
            TriggerField::Text(text) => self.of_text(text),
            TriggerField::Channel => self.of_channel(),
            TriggerField::UpdateChannel => self.of_update_channel(),
            TriggerField::Role => self.of_role(),
            TriggerField::NotInEvents(why) => return Meaning::Unknown(why.into()),
            TriggerField::Misspelt(meant) => {
                let why = format!("triggers have no such field; did you mean `{meant}`?");
                return Meaning::Unknown(why);
            }
        };
        meaning.unwrap_or_else(|| Meaning::Unknown(self.unsupported()))
    }

    fn unsupported(&self) -> String {
        let is_channel = ["via_id", "current_via_id"].contains(&self.field.as_str());
        if !OPERATORS.contains(&self.operator.as_str()) {
            return format!("triggers have no operator `{}`", self.operator);
        }
        match &self.value {
            channel if is_channel && ["is", "is_not"].contains(&self.operator.as_str()) => {
                format!(
                    "the name of the channel {} in events is not known here; read it in an event of that channel and write the condition by hand",
                    channel.as_str().map_or(channel.to_string(), str::to_owned)
                )
            }
            Value::Null => format!(
                "the operator `{}` of `{}` has no counterpart here",
                self.operator, self.field
            ),
            _ => "this operator has no counterpart here for this value".into(),
        }
    }

    fn of_attribute(&self, attribute: &'static Attribute) -> Option<Meaning> {
        let Attribute {
            path, event_type, ..
        } = *attribute;
        let operand = || attribute.operand(&self.value);
        let ranked =
            || operand().filter(|o| attribute.holds == AttributeKind::Rank && !o.is_null());
        let state = |test: Value| Some(attribute.state(test));
        // A ticket without a priority is below every priority.
        let below = |test: Value| match attribute.field {
            "priority" => {
                let clauses = [Clause::test(path, test), Clause::test(path, Value::Null)];
                Some(Meaning::State(Clause::any(clauses)))
            }
            _ => state(test),
        };
        let listed = || attribute.operands(&self.value);
        let not = |value: Value| json!({ "not": value });
        let change = |then: Clause, created: Option<Clause>, after: Clause| FieldChange {
            event_type,
            custom: None,
            then,
            created,
            after,
        };
        let is = |path: &str, test: Value| Clause::test(path, test);
        match self.operator.as_str() {
            "is" => state(operand()?),
            "is_not" => state(not(operand()?)),
            "includes" => state(listed()?),
            "not_includes" => state(not(listed()?)),
            "less_than" => below(json!({"lt": ranked()?})),
            "less_than_equal" => below(json!({"lte": ranked()?})),
            "greater_than" => state(json!({"gt": ranked()?})),
            "greater_than_equal" => state(json!({"gte": ranked()?})),
            "present" => state(json!({"present": true})),
            "not_present" => state(json!({"present": false})),
            "changed" => {
                let created = is(path, json!({"present": true}));
                Some(Meaning::Change(change(
                    Clause::Always,
                    Some(created),
                    Clause::Always,
                )))
            }
            "value" | "changed_to" => {
                let now = is(path, operand()?);
                let then = is("current", operand()?);
                Some(Meaning::Change(change(then, Some(now.clone()), now)))
            }
            "value_previous" | "changed_from" => {
                let then = is("previous", operand()?);
                Some(Meaning::Change(change(then, None, Clause::Always)))
            }
            "not_changed" => {
                let created = is(path, json!({"present": false}));
                Some(Meaning::Unchanged(change(
                    Clause::Never,
                    Some(created),
                    Clause::Always,
                )))
            }
            "not_value" | "not_changed_to" => {
                let then = is("current", not(operand()?));
                let created = is(path, not(operand()?));
                Some(Meaning::Unchanged(change(
                    then,
                    Some(created),
                    Clause::Always,
                )))
            }
            "not_value_previous" | "not_changed_from" => {
                let then = is("previous", not(operand()?));
                Some(Meaning::Unchanged(change(
                    then,
                    Some(Clause::Always),
                    Clause::Always,
                )))
            }
            _ => None,
        }
    }

    fn of_tags(&self) -> Option<Meaning> {
        let tags = field::tags(&self.value);
        let listed = || match tags.as_slice() {
            [] => None,
            [one] => Some(json!(one)),
            many => Some(json!(many)),
        };
        let state = |test: Value| Meaning::State(Clause::test("ticket.tags", test));
        let change = |then: Clause, created: Clause| FieldChange {
            event_type: TAGS,
            custom: None,
            then,
            created: Some(created),
            after: Clause::Always,
        };
        let has = |present: bool| Clause::test("ticket.tags", json!({ "present": present }));
        match self.operator.as_str() {
            "includes" => Some(state(json!({"has": listed()?}))),
            "not_includes" => Some(state(json!({"not": {"has": listed()?}}))),
            "present" => Some(state(json!({"present": true}))),
            "not_present" => Some(state(json!({"present": false}))),
            "changed" => Some(Meaning::Change(change(Clause::Always, has(true)))),
            "not_changed" => Some(Meaning::Unchanged(change(Clause::Never, has(false)))),
            _ => None,
        }
    }

    fn of_custom(&self, id: u64) -> Option<Meaning> {
        let operand = || field::custom_operand(&self.value);
        let change = |test: Clause| FieldChange {
            event_type: CUSTOM,
            custom: Some(id),
            then: Clause::all([Clause::test("custom_field.id", id), test]),
            created: None,
            after: Clause::Always,
        };
        let current = |test: Value| Clause::test("current", test);
        let only_in = |test: Value| {
            let fetched = FetchedTest::custom_field(id, |path| Clause::test(path, test.clone()));
            Some(Meaning::OnlyIn(change(current(test)), Some(fetched)))
        };
        let not = |value: Value| json!({ "not": value });
        let unchanged = |test: Clause| {
            let created = Some(Clause::Always);
            Some(Meaning::Unchanged(FieldChange {
                created,
                ..change(test)
            }))
        };
        match self.operator.as_str() {
            "changed" => Some(Meaning::Change(change(Clause::Always))),
            "value" | "changed_to" => Some(Meaning::Change(change(current(operand()?)))),
            "value_previous" | "changed_from" => Some(Meaning::Change(change(Clause::test(
                "previous",
                operand()?,
            )))),
            "not_changed" => unchanged(Clause::Never),
            "not_value" | "not_changed_to" => unchanged(current(not(operand()?))),
            "not_value_previous" | "not_changed_from" => {
                unchanged(Clause::test("previous", not(operand()?)))
            }
            "is" => only_in(operand()?),
            "is_not" => only_in(not(operand()?)),
            "less_than" => only_in(json!({"lt": self.number()?})),
            "greater_than" => only_in(json!({"gt": self.number()?})),
            "present" => only_in(json!({"present": true})),
            "not_present" => only_in(json!({"present": false})),
            "includes" | "not_includes" | "includes_string" | "not_includes_string" => {
                if text_match::has_separators(&self.operator, &self.value) {
                    return Some(Meaning::Unknown(text_match::SEPARATORS.into()));
                }
                let test = text_match::test(&self.operator, &self.value)?;
                let is_negative = self.operator.starts_with("not_");
                // A field with several options is a list.
                let options = field::tags(&self.value);
                let listed = match is_negative {
                    true => json!({"not": {"has": options}}),
                    false => json!({ "has": options }),
                };
                let both = |path: &str| {
                    // A field without a value contains none of the words.
                    let empty = is_negative.then(|| Clause::test(path, Value::Null));
                    let tests = [
                        Clause::test(path, test.clone()),
                        Clause::test(path, listed.clone()),
                    ];
                    Clause::any(tests.into_iter().chain(empty))
                };
                let then = change(both("current"));
                let fetched = FetchedTest::custom_field(id, both);
                Some(Meaning::OnlyIn(then, Some(fetched)))
            }
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<Value> {
        let text = match &self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let number = serde_json::from_str::<Value>(&text).ok();
        number.filter(Value::is_number)
    }

    fn of_update_type(&self) -> Option<Meaning> {
        let created = match (self.operator.as_str(), self.value.as_str()?) {
            ("is", "Create") | ("is_not", "Change") => true,
            ("is", "Change") | ("is_not", "Create") => false,
            _ => return None,
        };
        Some(if created {
            Meaning::Created
        } else {
            Meaning::Updated
        })
    }
}
