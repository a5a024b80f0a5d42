//! Translates the conditions of a trigger to a condition on one event type.
//! What only other events of the same update show is listed as an omission.

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::conversion::Omission;
use crate::convert::triggers::fetched::FlowGuard;
use crate::convert::triggers::meaning::{
    COMMENT, CREATED, CUSTOM, FieldChange, Meaning, TriggerCondition,
};
use crate::convert::triggers::update_events::{EventCoverage, UpdateEvent, together};

/// Events that are not updates to a trigger: it does not run for them.
const NO_UPDATES: [&str; 5] = [
    "ticket.MarkedAsSpam",
    "ticket.TicketPermanentlyDeleted",
    "ticket.TicketSoftDeleted",
    "ticket.TicketUndeleted",
    "ticket.TicketMerged",
];

/// Which tickets the conditions of a trigger allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TicketAge {
    #[default]
    Any,
    New,
    Existing,
}

#[derive(Default)]
pub(super) struct ConditionTranslator {
    pub(super) age: TicketAge,
    omitted: Vec<Omission>,
    notes: Vec<String>,
}

pub(super) type ReadConditions<'c> = Vec<(&'c TriggerCondition, Meaning)>;

impl ConditionTranslator {
    fn omit(&mut self, condition: &TriggerCondition, why: impl Into<String>) {
        let omitted = Omission::new(condition.describe(), why, &condition.at);
        if !self.omitted.contains(&omitted) {
            self.omitted.push(omitted);
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Interprets the conditions; those without a counterpart are listed as omissions.
    pub(super) fn read<'c>(&mut self, conditions: &'c [TriggerCondition]) -> ReadConditions<'c> {
        let mut read = Vec::new();
        for condition in conditions {
            match condition.meaning() {
                Meaning::Unknown(why) => self.omit(condition, why),
                meaning => {
                    if condition.field == "current_tags" && has_capitals(&condition.value) {
                        self.note("the help desk stores tags in lower case, so the rule tests them in lower case");
                    }
                    read.push((condition, meaning));
                }
            }
        }
        read
    }

    pub(super) fn conjuncts(
        &mut self,
        event: UpdateEvent,
        required: &ReadConditions<'_>,
        alternatives: Option<&ReadConditions<'_>>,
    ) -> Vec<Clause> {
        let mut clauses = Vec::new();
        for (condition, meaning) in required {
            let clause = self.translate(event, condition, meaning);
            clauses.extend(clause.into_iter().flat_map(Clause::conjuncts));
        }
        if event == UpdateEvent::Every {
            clauses.extend(self.updates_alone());
        }
        if let Some(alternatives) = alternatives {
            clauses.extend(self.either(event, alternatives).conjuncts());
        }
        clauses
    }

    /// Any of the alternatives that could be translated. If none could, but one might hold, the clause always
    /// holds: the trigger might run.
    fn either(&mut self, event: UpdateEvent, alternatives: &ReadConditions<'_>) -> Clause {
        let translated = alternatives.iter();
        let translated =
            translated.map(|(condition, meaning)| self.translate(event, condition, meaning));
        let translated: Vec<Option<Clause>> = translated.collect();
        let lost = translated.contains(&None);
        match Clause::any(translated.into_iter().flatten()) {
            Clause::Never if lost => Clause::Always,
            any => any,
        }
    }

    fn updates_alone(&mut self) -> Option<Clause> {
        self.note(
            "the conditions can hold at any update, so the rule listens to `ticket.*`, except events that are not updates to a trigger",
        );
        Some(Clause::test("event.type", json!({ "not": NO_UPDATES })))
    }

    /// Translates a condition for one event type; `None` after listing it as an omission.
    fn translate(
        &mut self,
        event: UpdateEvent,
        condition: &TriggerCondition,
        meaning: &Meaning,
    ) -> Option<Clause> {
        match meaning {
            Meaning::State(clause) => Some(self.state(event, condition, clause)),
            Meaning::Fetched(_) => self.not_fetched(condition),
            Meaning::Created => Some(self.created(event)),
            Meaning::Updated => Some(self.updated(event)),
            Meaning::Change(change) => self.change(event, condition, change),
            Meaning::Unchanged(change) => self.unchanged(event, condition, change),
            Meaning::OnlyIn(change, _) => self.only_in(event, condition, change),
            Meaning::Unknown(_) => None,
        }
    }

    /// A condition on the ticket. The person who made the update has another name in each event.
    fn state(
        &mut self,
        event: UpdateEvent,
        condition: &TriggerCondition,
        clause: &Clause,
    ) -> Clause {
        let Clause::Test(path, test) = clause else {
            return clause.clone();
        };
        let text = test.to_string();
        if !text.contains("\"actor_id\"") {
            return clause.clone();
        }
        let actor = match event {
            UpdateEvent::Created => "ticket.submitter_id",
            UpdateEvent::Changed {
                event_type: COMMENT,
                ..
            } => "comment.author.id",
            UpdateEvent::Changed { .. } | UpdateEvent::Every => {
                self.omit(condition, "only event webhooks and EventBridge contain who made the update (`actor_id`); with these, the rule is complete");
                "actor_id"
            }
        };
        let test = text.replace("\"actor_id\"", &format!("\"{actor}\""));
        match serde_json::from_str::<Value>(&test) {
            Ok(test) => Clause::test(path.clone(), test),
            Err(_) => clause.clone(),
        }
    }

    fn not_fetched(&mut self, condition: &TriggerCondition) -> Option<Clause> {
        self.omit(condition, "events do not contain it, and a guard in the flow cannot be an alternative to the change of another field");
        None
    }

    fn created(&mut self, event: UpdateEvent) -> Clause {
        match (event, self.age) {
            (UpdateEvent::Created, _) => Clause::Always,
            // The event is the first comment of a new ticket, or one of its first values.
            (UpdateEvent::Changed { .. }, TicketAge::New | TicketAge::Any) => {
                self.note("the first comment of a new ticket is an event of its own, with the time of the ticket");
                let created = json!({"path": "ticket.created_at"});
                Clause::test("ticket.updated_at", created)
            }
            (UpdateEvent::Changed { .. }, TicketAge::Existing) => Clause::Never,
            (UpdateEvent::Every, _) => Clause::is_type(CREATED),
        }
    }

    fn updated(&mut self, event: UpdateEvent) -> Clause {
        match event {
            UpdateEvent::Created => Clause::Never,
            UpdateEvent::Changed { .. } => self.later_than_created(),
            UpdateEvent::Every => Clause::all([
                Clause::test("event.type", json!({ "not": CREATED })),
                self.later_than_created(),
            ]),
        }
    }

    fn later_than_created(&mut self) -> Clause {
        self.note("the first comment and the first values of a new ticket are also events; the ticket's times tell them apart from later updates");
        let created = json!({"after": {"path": "ticket.created_at"}});
        Clause::test("ticket.updated_at", created)
    }

    fn change(
        &mut self,
        event: UpdateEvent,
        condition: &TriggerCondition,
        change: &FieldChange,
    ) -> Option<Clause> {
        if event.is_of(change) {
            return Some(change.then.clone());
        }
        let then = || Clause::all([Clause::is_type(change.event_type), change.then.clone()]);
        match (event, &change.created) {
            // On a new ticket, a field that has a value has changed.
            (UpdateEvent::Every, Some(created)) if self.age == TicketAge::Any => {
                let new = Clause::all([Clause::is_type(CREATED), created.clone()]);
                Some(Clause::any([then(), new]))
            }
            (UpdateEvent::Every, _) => Some(then()),
            (UpdateEvent::Changed { .. }, Some(created)) if self.age == TicketAge::New => {
                Some(created.clone())
            }
            (UpdateEvent::Created, Some(created)) => Some(created.clone()),
            (UpdateEvent::Created, None)
                if change.event_type == COMMENT || change.event_type == CUSTOM =>
            {
                self.change_elsewhere(condition, change)
            }
            (UpdateEvent::Created, None) => Some(Clause::Never),
            (UpdateEvent::Changed { .. }, _) => self.change_elsewhere(condition, change),
        }
    }

    /// A change that is another event of the same update.
    fn change_elsewhere(
        &mut self,
        condition: &TriggerCondition,
        change: &FieldChange,
    ) -> Option<Clause> {
        let why = match change.after {
            Clause::Always => {
                "each change is a separate event; the rule does not see that this one is in the same update"
            }
            _ => {
                "each change is a separate event; the rule tests the current value, not that it changed in the same update"
            }
        };
        self.omit(
            condition,
            format!("{why} (its event is `{}`)", change.event_type),
        );
        Some(change.after.clone()).filter(|after| *after != Clause::Always)
    }

    fn unchanged(
        &mut self,
        event: UpdateEvent,
        condition: &TriggerCondition,
        change: &FieldChange,
    ) -> Option<Clause> {
        if event.is_of(change) {
            return Some(change.then.clone());
        }
        let new = event == UpdateEvent::Created || self.age == TicketAge::New;
        if let (true, Some(created)) = (new, &change.created) {
            return Some(created.clone());
        }
        self.omit(condition, format!(
            "each change is a separate event; the rule does not see whether the same update caused a `{}`",
            change.event_type
        ));
        match event {
            UpdateEvent::Every if change.custom.is_none() => Some(Clause::any([
                Clause::test("event.type", json!({ "not": change.event_type })),
                change.then.clone(),
            ])),
            UpdateEvent::Every | UpdateEvent::Created | UpdateEvent::Changed { .. } => None,
        }
    }

    fn only_in(
        &mut self,
        event: UpdateEvent,
        condition: &TriggerCondition,
        change: &FieldChange,
    ) -> Option<Clause> {
        if event.is_of(change) {
            return Some(change.then.clone());
        }
        self.omit(
            condition,
            format!(
                "only `{}` contains it, and the rule listens to other events",
                change.event_type
            ),
        );
        None
    }

    pub(super) fn finish(
        mut self,
        found: Vec<(UpdateEvent, Vec<Clause>)>,
        guards: Vec<FlowGuard>,
    ) -> EventCoverage {
        let events: Vec<UpdateEvent> = found.iter().map(|(event, _)| *event).collect();
        let several = events.len() > 1 || events.contains(&UpdateEvent::Every);
        if several {
            self.note("an update is several events: `dedupe` keeps it to one run for each (event webhooks without `meta.sequence` may bring more)");
        }
        EventCoverage {
            never: found.is_empty(),
            when: together(found),
            events,
            several,
            guards,
            omitted: self.omitted,
            notes: self.notes,
        }
    }
}

fn has_capitals(value: &Value) -> bool {
    value.to_string().chars().any(char::is_uppercase)
}
