//! Finds the events by which a rule notices the updates that a trigger runs for, and the condition on each: a
//! trigger sees a whole update of a ticket, a rule one change of it.
//! What a single change does not show is listed as an omission.

pub(crate) mod guards;
pub(crate) mod translate;

use serde_json::{Value, json};

use crate::convert::clause::Clause;
use crate::convert::conversion::Omission;
use crate::convert::triggers::fetched::FlowGuard;
use crate::convert::triggers::meaning::{COMMENT, CREATED, FieldChange, Meaning, TriggerCondition};
use crate::convert::triggers::update_events::translate::{
    ConditionTranslator, ReadConditions, TicketAge,
};

/// The events of a rule that replaces a trigger, and its condition.
#[derive(Debug, Clone, PartialEq)]
pub struct EventCoverage {
    events: Vec<UpdateEvent>,
    pub when: Clause,
    /// Several events of one update may match; the rule must run once.
    pub several: bool,
    /// No event can match.
    pub never: bool,
    /// The conditions that the flow tests, on values that it fetches.
    pub guards: Vec<FlowGuard>,
    pub omitted: Vec<Omission>,
    pub notes: Vec<String>,
}

/// An event type by which a rule may notice an update.
#[derive(Debug, Clone, Copy, PartialEq)]
enum UpdateEvent {
    Created,
    Changed {
        event_type: &'static str,
        custom: Option<u64>,
    },
    /// Any event of the ticket.
    Every,
}

impl EventCoverage {
    pub fn new(all: &[TriggerCondition], any: &[TriggerCondition]) -> Self {
        let mut translator = ConditionTranslator::default();
        let mut required = translator.read(all);
        let mut alternatives = translator.read(any);
        if is_always(&alternatives) {
            alternatives.clear();
        }
        translator.age = age(&required);
        let mut guards: Vec<FlowGuard> = guards::of_alternatives(&required, &mut alternatives)
            .into_iter()
            .collect();
        let events = update_events(&required, &alternatives);
        guards.extend(guards::of_required(&mut required, &events));
        let mut found = Vec::new();
        for event in events.iter().copied() {
            let alternatives = alternatives_for(&alternatives, event, &events);
            let conjuncts = translator.conjuncts(event, &required, alternatives.as_ref());
            if !conjuncts.contains(&Clause::Never) {
                found.push((event, conjuncts));
            }
        }
        translator.finish(found, guards)
    }

    /// The value of `event_type` in the rule.
    pub fn event_type(&self) -> Value {
        match self.event_types().as_slice() {
            [one] => json!(one),
            many => json!(many),
        }
    }

    /// Whether the rule listens to this type only.
    pub fn is_only(&self, event_type: &str) -> bool {
        self.event_types() == [event_type]
    }

    /// The custom field, if every event is a change of it.
    pub fn custom_field(&self) -> Option<u64> {
        match self.events.as_slice() {
            [UpdateEvent::Changed { custom, .. }] => *custom,
            _ => None,
        }
    }

    /// Whether every event that matches has this value.
    pub fn requires(&self, path: &str, value: &Value) -> bool {
        let clauses = self.when.clone().conjuncts();
        clauses.contains(&Clause::test(path, value.clone()))
    }

    /// Whether the rule listens to the change of the field.
    pub fn listens_to(&self, event_type: &str, custom: Option<u64>) -> bool {
        self.events.iter().any(|event| match event {
            UpdateEvent::Created => false,
            UpdateEvent::Changed {
                event_type: known,
                custom: id,
            } => *known == event_type && (id.is_none() || *id == custom),
            UpdateEvent::Every => true,
        })
    }

    fn event_types(&self) -> Vec<&'static str> {
        let mut types: Vec<&'static str> =
            self.events.iter().map(|event| event.event_type()).collect();
        types.dedup();
        types
    }
}

impl UpdateEvent {
    fn event_type(self) -> &'static str {
        match self {
            UpdateEvent::Created => CREATED,
            UpdateEvent::Changed { event_type, .. } => event_type,
            UpdateEvent::Every => "ticket.*",
        }
    }

    fn is_of(self, change: &FieldChange) -> bool {
        match self {
            UpdateEvent::Changed { event_type, custom } => {
                event_type == change.event_type && custom == change.custom
            }
            UpdateEvent::Created => change.event_type == CREATED,
            UpdateEvent::Every => false,
        }
    }
}

/// Which tickets the conditions allow.
fn age(required: &ReadConditions<'_>) -> TicketAge {
    let has = |meaning: &Meaning| required.iter().any(|(_, known)| known == meaning);
    match (has(&Meaning::Created), has(&Meaning::Updated)) {
        (true, _) => TicketAge::New,
        (false, true) => TicketAge::Existing,
        (false, false) => TicketAge::Any,
    }
}

/// Whether the alternatives hold for new and for existing tickets.
fn is_always(alternatives: &ReadConditions<'_>) -> bool {
    let has = |meaning: &Meaning| alternatives.iter().any(|(_, known)| known == meaning);
    has(&Meaning::Created) && has(&Meaning::Updated)
}

/// The alternatives that one event type can meet; a change that has its own event type is left to that.
fn alternatives_for<'c>(
    alternatives: &ReadConditions<'c>,
    event: UpdateEvent,
    events: &[UpdateEvent],
) -> Option<ReadConditions<'c>> {
    if alternatives.is_empty() {
        return None;
    }
    let has_own_event = |meaning: &Meaning| match (meaning, event) {
        (Meaning::Change(change), UpdateEvent::Changed { .. }) => {
            !event.is_of(change) && events.iter().any(|other| other.is_of(change))
        }
        (Meaning::Change(change), UpdateEvent::Created) => {
            change.created.is_none() && events.iter().any(|other| other.is_of(change))
        }
        (Meaning::Created, UpdateEvent::Changed { .. }) => events.contains(&UpdateEvent::Created),
        _ => false,
    };
    let kept = alternatives.iter();
    let kept = kept.filter(|(_, meaning)| !has_own_event(meaning));
    Some(kept.cloned().collect())
}

/// The events by which a rule can notice an update that meets the conditions.
fn update_events(
    required: &ReadConditions<'_>,
    alternatives: &ReadConditions<'_>,
) -> Vec<UpdateEvent> {
    let has = |meaning: &Meaning| required.iter().any(|(_, known)| known == meaning);
    let changes = |list: &ReadConditions<'_>| -> Vec<FieldChange> {
        let changes = list.iter().filter_map(|(_, meaning)| match meaning {
            Meaning::Change(change) => Some(change.clone()),
            _ => None,
        });
        changes.collect()
    };
    let must = changes(required);
    if has(&Meaning::Created) {
        // The first comment of a new ticket is an event of its own.
        let comment = must.iter().find(|change| change.event_type == COMMENT);
        if let Some(comment) = comment {
            return vec![changed(comment)];
        }
        let alternatives = changes(alternatives);
        let comment = alternatives
            .iter()
            .find(|change| change.event_type == COMMENT);
        return with_created(comment.map(changed).into_iter().collect(), true);
    }
    let updated = has(&Meaning::Updated);
    if let Some(anchor) = must.iter().min_by_key(|change| visibility(change)) {
        let created = must.iter().all(|change| change.created.is_some()) && !updated;
        return with_created(vec![changed(anchor)], created);
    }
    let may = changes(alternatives);
    let new = alternatives
        .iter()
        .any(|(_, known)| *known == Meaning::Created);
    let covered = may.len() + usize::from(new);
    if alternatives.is_empty()
        || covered
            < alternatives
                .iter()
                .filter(|(_, m)| *m != Meaning::Created)
                .count()
                + usize::from(new)
    {
        return vec![UpdateEvent::Every];
    }
    let mut events: Vec<UpdateEvent> = Vec::new();
    for event in may.iter().map(changed) {
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let created = may.iter().any(|change| change.created.is_some()) || new;
    with_created(events, created && !updated)
}

fn with_created(mut events: Vec<UpdateEvent>, created: bool) -> Vec<UpdateEvent> {
    if created {
        events.push(UpdateEvent::Created);
    }
    events
}

fn changed(change: &FieldChange) -> UpdateEvent {
    UpdateEvent::Changed {
        event_type: change.event_type,
        custom: change.custom,
    }
}

/// How much other events of the update show of a change. The rule listens to the change that shows least.
fn visibility(change: &FieldChange) -> u8 {
    match (&change.created, &change.after) {
        (None, _) => 0,
        (Some(_), Clause::Always) => 1,
        (Some(_), _) => 2,
    }
}

/// Combines the clauses: those common to all events, then those of each event type.
fn together(found: Vec<(UpdateEvent, Vec<Clause>)>) -> Clause {
    let Some(((_, first), others)) = found.split_first() else {
        return Clause::Never;
    };
    let in_all = |clause: &&Clause| others.iter().all(|(_, clauses)| clauses.contains(clause));
    let common: Vec<Clause> = first.iter().filter(in_all).cloned().collect();
    let of_each: Vec<(UpdateEvent, Clause)> = found
        .iter()
        .map(|(event, clauses)| {
            let own = clauses.iter().filter(|clause| !common.contains(clause));
            (*event, Clause::all(own.cloned()))
        })
        .collect();
    let differ = of_each.iter().any(|(_, clause)| *clause != Clause::Always);
    let by_type = match differ {
        false => Clause::Always,
        true => Clause::any(of_each.into_iter().map(|(event, clause)| {
            let event = match found.len() {
                1 => Clause::Always,
                _ => Clause::is_type(event.event_type()),
            };
            Clause::all([event, clause])
        })),
    };
    Clause::all(common.into_iter().chain([by_type]))
}
