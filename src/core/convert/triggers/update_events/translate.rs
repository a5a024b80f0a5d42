//! What a condition of a trigger asks of one kind of event.
//! It refuses to answer for other events of the same update: what they alone tell is listed.

use serde_json::json;

use super::{Listening, Way, together};
use crate::core::convert::clause::Clause;
use crate::core::convert::conversion::Left;
use crate::core::convert::triggers::meaning::{
    COMMENT, CREATED, CUSTOM, Change, Condition, Meaning,
};

/// What is no update to a trigger: it does not run then.
const NO_UPDATES: [&str; 5] = [
    "ticket.MarkedAsSpam",
    "ticket.TicketPermanentlyDeleted",
    "ticket.TicketSoftDeleted",
    "ticket.TicketUndeleted",
    "ticket.TicketMerged",
];

/// Whether a condition must hold, or is one of several.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Listed {
    All,
    Any,
}

#[derive(Default)]
pub(super) struct Judge {
    left: Vec<Left>,
    notes: Vec<String>,
    differs: Option<String>,
}

pub(super) type Read<'c> = Vec<(&'c Condition, Meaning)>;

impl Judge {
    pub(super) fn differs(&mut self, why: &str) {
        self.differs.get_or_insert_with(|| why.to_owned());
    }

    fn leave(&mut self, condition: &Condition, why: impl Into<String>) {
        let left = Left::new(condition.words(), why, &condition.at);
        if !self.left.contains(&left) {
            self.left.push(left);
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// What each condition means; those that mean nothing here are listed and left out.
    pub(super) fn read<'c>(&mut self, conditions: &'c [Condition], listed: Listed) -> Read<'c> {
        let mut read = Vec::new();
        for condition in conditions {
            match condition.meaning() {
                Meaning::Unknown(why) => {
                    self.leave(condition, why);
                    self.differs(match listed {
                        Listed::All => "a condition is missing",
                        Listed::Any => "an alternative is missing",
                    });
                }
                meaning => read.push((condition, meaning)),
            }
        }
        read
    }

    pub(super) fn conjuncts(
        &mut self,
        way: Way,
        required: &Read<'_>,
        alternatives: Option<&Read<'_>>,
    ) -> Vec<Clause> {
        let mut clauses = Vec::new();
        for (condition, meaning) in required {
            let clause = self.judge(way, condition, meaning);
            clauses.extend(clause.into_iter().flat_map(Clause::conjuncts));
        }
        if way == Way::Every {
            clauses.extend(self.updates_alone());
        }
        if let Some(alternatives) = alternatives {
            clauses.extend(self.either(way, alternatives).conjuncts());
        }
        clauses
    }

    /// What is left of the alternatives: one that is lost takes none of the others with it. Where all that
    /// could hold are lost, nothing is asked, since the trigger might run.
    fn either(&mut self, way: Way, alternatives: &Read<'_>) -> Clause {
        let judged = alternatives.iter();
        let judged = judged.map(|(condition, meaning)| self.judge(way, condition, meaning));
        let judged: Vec<Option<Clause>> = judged.collect();
        let lost = judged.contains(&None);
        match Clause::any(judged.into_iter().flatten()) {
            Clause::Never if lost => Clause::Always,
            any => any,
        }
    }

    fn updates_alone(&mut self) -> Option<Clause> {
        self.note(
            "no condition asks for a change, so every update of the ticket counts: `ticket.*`, without what is no update to a trigger",
        );
        Some(Clause::test("event.type", json!({ "not": NO_UPDATES })))
    }

    /// What a condition asks of one kind of event; None where it is lost, and listed.
    fn judge(&mut self, way: Way, condition: &Condition, meaning: &Meaning) -> Option<Clause> {
        match meaning {
            Meaning::State(clause, only) => {
                if let Some(shapes) = only {
                    self.note(format!(
                        "{}: only {shapes} carry it; in other shapes of event it is missing, and the rule does not match",
                        condition.words()
                    ));
                }
                self.actor(clause);
                Some(clause.clone())
            }
            Meaning::Created => Some(self.created(way)),
            Meaning::Updated => Some(self.updated(way)),
            Meaning::Change(change) => self.change(way, condition, change),
            Meaning::Unchanged(change) => self.unchanged(way, condition, change),
            Meaning::Beside(change) => self.beside(way, condition, change),
            Meaning::Unknown(_) => None,
        }
    }

    fn actor(&mut self, clause: &Clause) {
        let Clause::Test(_, test) = clause else {
            return;
        };
        if test.to_string().contains("actor_id") {
            self.note("`actor_id`: only event webhooks and EventBridge carry it; in a ZIS envelope it is missing, and the rule does not match");
        }
    }

    fn created(&self, way: Way) -> Clause {
        match way {
            Way::Created => Clause::Always,
            Way::Changed { .. } => Clause::Never,
            Way::Every => Clause::is_type(CREATED),
        }
    }

    fn updated(&mut self, way: Way) -> Clause {
        match way {
            Way::Created => Clause::Never,
            Way::Changed { tag: COMMENT, .. } => self.later_than_created(),
            Way::Changed { .. } => Clause::Always,
            Way::Every => Clause::all([
                Clause::test("event.type", json!({ "not": CREATED })),
                self.later_than_created(),
            ]),
        }
    }

    fn later_than_created(&mut self) -> Clause {
        self.note("the first comment of a new ticket is an event too; it is told from later ones by the ticket's times");
        let created = json!({"after": {"path": "ticket.created_at"}});
        Clause::test("ticket.updated_at", created)
    }

    fn change(&mut self, way: Way, condition: &Condition, change: &Change) -> Option<Clause> {
        if way.is_of(change) {
            return Some(change.then.clone());
        }
        match (way, &change.created) {
            (Way::Every, _) => Some(Clause::all([
                Clause::is_type(change.tag),
                change.then.clone(),
            ])),
            (Way::Created, Some(created)) => Some(created.clone()),
            (Way::Created, None) if change.tag == COMMENT || change.tag == CUSTOM => {
                self.elsewhere(condition, change)
            }
            (Way::Created, None) => Some(Clause::Never),
            (Way::Changed { .. }, _) => self.elsewhere(condition, change),
        }
    }

    /// A change that another event of the update tells.
    fn elsewhere(&mut self, condition: &Condition, change: &Change) -> Option<Clause> {
        let why = match change.after {
            Clause::Always => {
                "each change is an event of its own, judged alone; that this one is in the same update is not seen"
            }
            _ => {
                "each change is an event of its own, judged alone; that the ticket is so is asked, not that it became so in the same update"
            }
        };
        self.leave(condition, format!("{why} (`{}` tells it)", change.tag));
        self.differs("a change of the same update is not seen");
        Some(change.after.clone()).filter(|after| *after != Clause::Always)
    }

    fn unchanged(&mut self, way: Way, condition: &Condition, change: &Change) -> Option<Clause> {
        if way.is_of(change) {
            return Some(change.then.clone());
        }
        if let (Way::Created, Some(created)) = (way, &change.created) {
            return Some(created.clone());
        }
        self.leave(condition, format!(
            "each change is an event of its own, judged alone; whether the same update brought a `{}` is not seen",
            change.tag
        ));
        self.differs("a change of the same update is not seen");
        match way {
            Way::Every if change.custom.is_none() => Some(Clause::any([
                Clause::test("event.type", json!({ "not": change.tag })),
                change.then.clone(),
            ])),
            Way::Every | Way::Created | Way::Changed { .. } => None,
        }
    }

    fn beside(&mut self, way: Way, condition: &Condition, change: &Change) -> Option<Clause> {
        if way.is_of(change) {
            return Some(change.then.clone());
        }
        self.leave(
            condition,
            format!(
                "only `{}` tells it, and the rule listens to other events",
                change.tag
            ),
        );
        self.differs("a condition is missing");
        None
    }

    pub(super) fn finish(mut self, found: Vec<(Way, Vec<Clause>)>) -> Listening {
        let ways: Vec<Way> = found.iter().map(|(way, _)| *way).collect();
        let several = ways.len() > 1 || ways.contains(&Way::Every);
        if several {
            self.note("an update is several events: `dedupe` keeps it to one run for each (event webhooks that carry no `meta.sequence` may bring more)");
        }
        Listening {
            never: found.is_empty(),
            when: together(found),
            ways,
            several,
            differs: self.differs,
            left: self.left,
            notes: self.notes,
        }
    }
}
