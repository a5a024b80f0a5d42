//! Translates the conditions of a trigger to a condition on one event type.
//! What only other events of the same update show is listed as an omission.

use serde_json::json;

use crate::convert::clause::Clause;
use crate::convert::conversion::Omission;
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

/// Whether a condition must hold or is an alternative.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum ConditionList {
    All,
    Any,
}

#[derive(Default)]
pub(super) struct ConditionTranslator {
    omitted: Vec<Omission>,
    notes: Vec<String>,
    differs: Option<String>,
}

pub(super) type ReadConditions<'c> = Vec<(&'c TriggerCondition, Meaning)>;

impl ConditionTranslator {
    pub(super) fn differs(&mut self, why: &str) {
        self.differs.get_or_insert_with(|| why.to_owned());
    }

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
    pub(super) fn read<'c>(
        &mut self,
        conditions: &'c [TriggerCondition],
        listed: ConditionList,
    ) -> ReadConditions<'c> {
        let mut read = Vec::new();
        for condition in conditions {
            match condition.meaning() {
                Meaning::Unknown(why) => {
                    self.omit(condition, why);
                    self.differs(match listed {
                        ConditionList::All => "a condition is missing",
                        ConditionList::Any => "an alternative is missing",
                    });
                }
                meaning => read.push((condition, meaning)),
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
            "no condition tests a change, so the rule listens to `ticket.*`, except events that are not updates to a trigger",
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
            Meaning::State(clause, only) => {
                if let Some(formats) = only {
                    self.note(format!(
                        "{}: only {formats} contain it; in events of other formats it is missing, and the rule does not match",
                        condition.describe()
                    ));
                }
                self.actor(clause);
                Some(clause.clone())
            }
            Meaning::Created => Some(self.created(event)),
            Meaning::Updated => Some(self.updated(event)),
            Meaning::Change(change) => self.change(event, condition, change),
            Meaning::Unchanged(change) => self.unchanged(event, condition, change),
            Meaning::OnlyIn(change) => self.only_in(event, condition, change),
            Meaning::Unknown(_) => None,
        }
    }

    fn actor(&mut self, clause: &Clause) {
        let Clause::Test(_, test) = clause else {
            return;
        };
        if test.to_string().contains("actor_id") {
            self.note("`actor_id`: only event webhooks and EventBridge contain it; in a ZIS envelope it is missing, and the rule does not match");
        }
    }

    fn created(&self, event: UpdateEvent) -> Clause {
        match event {
            UpdateEvent::Created => Clause::Always,
            UpdateEvent::Changed { .. } => Clause::Never,
            UpdateEvent::Every => Clause::is_type(CREATED),
        }
    }

    fn updated(&mut self, event: UpdateEvent) -> Clause {
        match event {
            UpdateEvent::Created => Clause::Never,
            UpdateEvent::Changed {
                event_type: COMMENT,
                ..
            } => self.later_than_created(),
            UpdateEvent::Changed { .. } => Clause::Always,
            UpdateEvent::Every => Clause::all([
                Clause::test("event.type", json!({ "not": CREATED })),
                self.later_than_created(),
            ]),
        }
    }

    fn later_than_created(&mut self) -> Clause {
        self.note("the first comment of a new ticket is also an event; the ticket's times tell it apart from later comments");
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
        match (event, &change.created) {
            (UpdateEvent::Every, _) => Some(Clause::all([
                Clause::is_type(change.event_type),
                change.then.clone(),
            ])),
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
        self.differs("a change of the same update is not seen");
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
        if let (UpdateEvent::Created, Some(created)) = (event, &change.created) {
            return Some(created.clone());
        }
        self.omit(condition, format!(
            "each change is a separate event; the rule does not see whether the same update caused a `{}`",
            change.event_type
        ));
        self.differs("a change of the same update is not seen");
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
        self.differs("a condition is missing");
        None
    }

    pub(super) fn finish(mut self, found: Vec<(UpdateEvent, Vec<Clause>)>) -> EventCoverage {
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
            differs: self.differs,
            omitted: self.omitted,
            notes: self.notes,
        }
    }
}
