//! Interprets the conditions of a trigger on comments, texts, channels, roles and counts.

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::placeholder::record::DeskRecord;
use crate::convert::triggers::fetched::FetchedTest;
use crate::convert::triggers::field;
use crate::convert::triggers::field::TextField;
use crate::convert::triggers::meaning::{COMMENT, CREATED, FieldChange, Meaning, TriggerCondition};
use crate::convert::triggers::text_match;

impl TriggerCondition {
    pub(super) fn of_comment(&self) -> Option<Meaning> {
        let value = match &self.value {
            Value::Bool(public) => public.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        let public = |public: bool| Clause::test("comment.is_public", public);
        let then = match (self.operator.as_str(), value.as_str()) {
            ("is", "true" | "requester_can_see_comment") => public(true),
            ("is", "false") => public(false),
            ("is", "not_relevant") => Clause::Always,
            _ => return None,
        };
        Some(Meaning::Change(comment(then)))
    }

    pub(super) fn of_privacy(&self) -> Option<Meaning> {
        let public = match (self.operator.as_str(), self.value.as_str()?) {
            ("is", "public") | ("is_not", "private") => true,
            ("is", "private") | ("is_not", "public") => false,
            _ => return None,
        };
        let test = FetchedTest::at(DeskRecord::Ticket, "ticket.is_public", public);
        Some(Meaning::Fetched(test))
    }

    pub(super) fn of_recipient(&self) -> Option<Meaning> {
        let address = self.value.as_str().map(str::trim)?;
        let is = json!({"is": address, "ignore_case": true});
        let test = match self.operator.as_str() {
            "is" => is,
            "is_not" => json!({ "not": is }),
            "present" => json!({"present": true}),
            "not_present" => json!({"present": false}),
            _ => return None,
        };
        let test = FetchedTest::at(DeskRecord::Ticket, "ticket.recipient", test);
        Some(Meaning::Fetched(test))
    }

    pub(super) fn of_count(&self, name: &str) -> Option<Meaning> {
        let number = self.number()?;
        let test = match self.operator.as_str() {
            "is" => number,
            "is_not" => json!({ "not": number }),
            "less_than" => json!({ "lt": number }),
            "less_than_equal" => json!({ "lte": number }),
            "greater_than" => json!({ "gt": number }),
            "greater_than_equal" => json!({ "gte": number }),
            _ => return None,
        };
        let path = format!("ticket_metric.{name}");
        let test = FetchedTest::at(DeskRecord::Metrics, &path, test);
        Some(Meaning::Fetched(test))
    }

    pub(super) fn of_text(&self, text: TextField) -> Option<Meaning> {
        if text_match::has_separators(&self.operator, &self.value) {
            return Some(Meaning::Unknown(text_match::SEPARATORS.into()));
        }
        let test = text_match::test(&self.operator, &self.value)?;
        let fetched = |path: &str| {
            let test = FetchedTest::at(DeskRecord::Ticket, path, test.clone());
            Meaning::Fetched(test)
        };
        Some(match text {
            TextField::Subject => fetched("ticket.subject"),
            TextField::Description => fetched("ticket.description"),
            // An update without a comment does not contain the words either.
            TextField::Comment if self.operator.contains("not") => {
                Meaning::OnlyIn(comment(Clause::test("comment.body", test)), None)
            }
            TextField::Comment => Meaning::Change(comment(Clause::test("comment.body", test))),
        })
    }

    pub(super) fn of_channel(&self) -> Option<Meaning> {
        let clause = Clause::test("ticket.via.channel", self.channel_test()?);
        Some(Meaning::State(clause))
    }

    pub(super) fn of_update_channel(&self) -> Option<Meaning> {
        let test = self.channel_test()?;
        let new = FieldChange {
            event_type: CREATED,
            custom: None,
            then: Clause::test("ticket.via.channel", test.clone()),
            created: None,
            after: Clause::Always,
        };
        let fetched = FetchedTest::comment_channel(test);
        Some(Meaning::OnlyIn(new, Some(fetched)))
    }

    fn channel_test(&self) -> Option<Value> {
        let channels = match &self.value {
            Value::Array(values) => {
                let channels = values.iter().map(field::channel);
                json!(channels.collect::<Option<Vec<_>>>()?)
            }
            one => json!(field::channel(one)?),
        };
        match self.operator.as_str() {
            "is" | "includes" => Some(channels),
            "is_not" | "not_includes" => Some(json!({ "not": channels })),
            _ => None,
        }
    }

    pub(super) fn of_role(&self) -> Option<Meaning> {
        let staff = match (self.operator.as_str(), self.value.as_str()?) {
            ("is", "agent") | ("is_not", "end_user" | "end-user") => true,
            ("is", "end_user" | "end-user") | ("is_not", "agent") => false,
            _ => return None,
        };
        let then = Clause::test("comment.author.is_staff", staff);
        let roles = match staff {
            true => json!(["agent", "admin"]),
            false => json!("end-user"),
        };
        let submitter = FetchedTest::role_of_submitter(roles);
        Some(Meaning::OnlyIn(comment(then), Some(submitter)))
    }
}

fn comment(then: Clause) -> FieldChange {
    FieldChange {
        event_type: COMMENT,
        custom: None,
        then,
        created: None,
        after: Clause::Always,
    }
}
