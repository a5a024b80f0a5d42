//! Which events a trigger stands behind, and what must hold for each: a trigger judges a whole update of a
//! ticket, a rule one change of it.
//! It refuses to widen or narrow a trigger in silence: what a single change cannot tell is listed.

mod translate;

use serde_json::{Value, json};

use crate::core::convert::clause::Clause;
use crate::core::convert::conversion::Left;
use crate::core::convert::triggers::meaning::{CREATED, Change, Condition, Meaning};
use translate::{Judge, Listed, Read};

/// What a rule in a trigger's place listens to.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    ways: Vec<Way>,
    pub when: Clause,
    /// Several events of one update may match, of which one is enough.
    pub several: bool,
    /// Nothing can ever match.
    pub never: bool,
    /// Why the rule matches other events than its trigger did.
    pub differs: Option<String>,
    pub left: Vec<Left>,
    pub notes: Vec<String>,
}

/// A kind of event by which an update may be noticed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Created,
    Changed {
        tag: &'static str,
        custom: Option<u64>,
    },
    /// Whatever happens to the ticket.
    Every,
}

impl Listening {
    pub fn of(all: &[Condition], any: &[Condition]) -> Self {
        let mut judge = Judge::default();
        let required = judge.read(all, Listed::All);
        let mut alternatives = judge.read(any, Listed::Any);
        if alternatives.is_empty() && !any.is_empty() {
            judge.differs("none of the alternatives under `any` is left");
            alternatives.clear();
        }
        if is_always(&alternatives) {
            alternatives.clear();
        }
        let ways = ways(&required, &alternatives);
        let mut found = Vec::new();
        for way in ways.iter().copied() {
            let alternatives = apart(&alternatives, way, &ways);
            let conjuncts = judge.conjuncts(way, &required, alternatives.as_ref());
            if !conjuncts.contains(&Clause::Never) {
                found.push((way, conjuncts));
            }
        }
        judge.finish(found)
    }

    /// As it is written in a rule.
    pub fn event_type(&self) -> Value {
        match self.tags().as_slice() {
            [one] => json!(one),
            many => json!(many),
        }
    }

    /// Whether every event is of one type.
    pub fn is_only(&self, tag: &str) -> bool {
        self.tags() == [tag]
    }

    /// The custom field that every event is about.
    pub fn custom_field(&self) -> Option<u64> {
        match self.ways.as_slice() {
            [Way::Changed { custom, .. }] => *custom,
            _ => None,
        }
    }

    fn tags(&self) -> Vec<&'static str> {
        let mut tags: Vec<&'static str> = self.ways.iter().map(|way| way.tag()).collect();
        tags.dedup();
        tags
    }
}

impl Way {
    fn tag(self) -> &'static str {
        match self {
            Way::Created => CREATED,
            Way::Changed { tag, .. } => tag,
            Way::Every => "ticket.*",
        }
    }

    fn is_of(self, change: &Change) -> bool {
        match self {
            Way::Changed { tag, custom } => tag == change.tag && custom == change.custom,
            Way::Created | Way::Every => false,
        }
    }
}

/// A new ticket or not: any.
fn is_always(alternatives: &Read<'_>) -> bool {
    let has = |meaning: &Meaning| alternatives.iter().any(|(_, known)| known == meaning);
    has(&Meaning::Created) && has(&Meaning::Updated)
}

/// The alternatives that one kind of event may meet: a change that another kind tells is met by that.
fn apart<'c>(alternatives: &Read<'c>, way: Way, ways: &[Way]) -> Option<Read<'c>> {
    if alternatives.is_empty() {
        return None;
    }
    let told_by_another = |meaning: &Meaning| match (meaning, way) {
        (Meaning::Change(change), Way::Changed { .. }) => {
            !way.is_of(change) && ways.iter().any(|other| other.is_of(change))
        }
        (Meaning::Change(change), Way::Created) => change.created.is_none(),
        _ => false,
    };
    let kept = alternatives.iter();
    let kept = kept.filter(|(_, meaning)| !told_by_another(meaning));
    Some(kept.cloned().collect())
}

/// By which events an update that meets the conditions can be noticed.
fn ways(required: &Read<'_>, alternatives: &Read<'_>) -> Vec<Way> {
    let has = |meaning: &Meaning| required.iter().any(|(_, known)| known == meaning);
    if has(&Meaning::Created) {
        return vec![Way::Created];
    }
    let updated = has(&Meaning::Updated);
    let changes = |list: &Read<'_>| -> Vec<Change> {
        let changes = list.iter().filter_map(|(_, meaning)| match meaning {
            Meaning::Change(change) => Some(change.clone()),
            _ => None,
        });
        changes.collect()
    };
    let must = changes(required);
    if let Some(anchor) = must.iter().min_by_key(|change| unseen(change)) {
        let created = must.iter().all(|change| change.created.is_some()) && !updated;
        return with_created(vec![changed(anchor)], created);
    }
    let may = changes(alternatives);
    let new = alternatives
        .iter()
        .any(|(_, known)| *known == Meaning::Created);
    let told = may.len() + usize::from(new);
    if alternatives.is_empty()
        || told
            < alternatives
                .iter()
                .filter(|(_, m)| *m != Meaning::Created)
                .count()
                + usize::from(new)
    {
        return vec![Way::Every];
    }
    let mut ways: Vec<Way> = Vec::new();
    for way in may.iter().map(changed) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    let created = may.iter().any(|change| change.created.is_some()) || new;
    with_created(ways, created && !updated)
}

fn with_created(mut ways: Vec<Way>, created: bool) -> Vec<Way> {
    if created {
        ways.push(Way::Created);
    }
    ways
}

fn changed(change: &Change) -> Way {
    Way::Changed {
        tag: change.tag,
        custom: change.custom,
    }
}

/// How much of a change other events of the update show; what shows least is listened to.
fn unseen(change: &Change) -> u8 {
    match (&change.created, &change.after) {
        (None, _) => 0,
        (Some(_), Clause::Always) => 1,
        (Some(_), _) => 2,
    }
}

/// What must hold for whichever event, then what must hold for each.
fn together(found: Vec<(Way, Vec<Clause>)>) -> Clause {
    let Some(((_, first), others)) = found.split_first() else {
        return Clause::Never;
    };
    let in_all = |clause: &&Clause| others.iter().all(|(_, clauses)| clauses.contains(clause));
    let common: Vec<Clause> = first.iter().filter(in_all).cloned().collect();
    let of_each: Vec<(Way, Clause)> = found
        .iter()
        .map(|(way, clauses)| {
            let own = clauses.iter().filter(|clause| !common.contains(clause));
            (*way, Clause::all(own.cloned()))
        })
        .collect();
    let differ = of_each.iter().any(|(_, clause)| *clause != Clause::Always);
    let apart = match differ {
        false => Clause::Always,
        true => Clause::any(of_each.into_iter().map(|(way, clause)| {
            let way = match found.len() {
                1 => Clause::Always,
                _ => Clause::is_type(way.tag()),
            };
            Clause::all([way, clause])
        })),
    };
    Clause::all(common.into_iter().chain([apart]))
}
