//! Which events a trigger stands behind, and what must hold for each: a trigger judges a whole update of a
//! ticket, a rule one change of it.
//! It refuses to widen or narrow a trigger in silence: what a single change cannot tell is listed.

use serde_json::{Value, json};

use crate::core::convert::clause::Clause;
use crate::core::convert::converted::Left;
use crate::core::convert::triggers::meaning::{
    COMMENT, CREATED, CUSTOM, Change, Condition, Meaning,
};

/// What a rule in a trigger's place listens to.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    ways: Vec<Way>,
    pub when: Clause,
    /// Several events of one update may match, of which one is enough.
    pub several: bool,
    /// Nothing can ever match.
    pub never: bool,
    /// Why the rule matches more than its trigger did.
    pub wider: Option<String>,
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
enum Listed {
    All,
    Any,
}

struct Judge {
    left: Vec<Left>,
    notes: Vec<String>,
    wider: Option<String>,
}

type Read<'c> = Vec<(&'c Condition, Meaning)>;

impl Listening {
    pub fn of(all: &[Condition], any: &[Condition]) -> Self {
        let mut judge = Judge {
            left: Vec::new(),
            notes: Vec::new(),
            wider: None,
        };
        let required = judge.read(all, Listed::All);
        let mut alternatives = judge.read(any, Listed::Any);
        if alternatives.is_empty() && !any.is_empty() {
            judge.wider("none of the alternatives under `any` is left");
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

impl Judge {
    fn wider(&mut self, why: &str) {
        self.wider.get_or_insert_with(|| why.to_owned());
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
    fn read<'c>(&mut self, conditions: &'c [Condition], listed: Listed) -> Read<'c> {
        let mut read = Vec::new();
        for condition in conditions {
            match condition.meaning() {
                Meaning::Unknown(why) => {
                    self.leave(condition, why);
                    if listed == Listed::All {
                        self.wider("a condition is missing");
                    }
                }
                meaning => read.push((condition, meaning)),
            }
        }
        read
    }

    fn conjuncts(
        &mut self,
        way: Way,
        required: &Read<'_>,
        alternatives: Option<&Read<'_>>,
    ) -> Vec<Clause> {
        let mut clauses = Vec::new();
        for (condition, meaning) in required {
            let clause = self.judge(way, condition, meaning);
            clauses.extend(clause.conjuncts());
        }
        if way == Way::Every {
            clauses.extend(self.updates_alone());
        }
        if let Some(alternatives) = alternatives {
            let alternatives = alternatives.iter();
            let any = alternatives.map(|(condition, meaning)| self.judge(way, condition, meaning));
            let any: Vec<Clause> = any.collect();
            clauses.extend(Clause::any(any).conjuncts());
        }
        clauses
    }

    fn updates_alone(&mut self) -> Option<Clause> {
        self.note(
            "no condition asks for a change, so every update of the ticket counts: `ticket.*`, without what is no update to a trigger",
        );
        Some(Clause::test("event.type", json!({ "not": NO_UPDATES })))
    }

    /// What a condition asks of one kind of event.
    fn judge(&mut self, way: Way, condition: &Condition, meaning: &Meaning) -> Clause {
        match meaning {
            Meaning::State(clause, only) => {
                if let Some(shapes) = only {
                    self.note(format!(
                        "{}: only {shapes} carry it; in other shapes of event it is missing, and the rule does not match",
                        condition.words()
                    ));
                }
                self.actor(clause);
                clause.clone()
            }
            Meaning::Created => self.created(way),
            Meaning::Updated => self.updated(way),
            Meaning::Change(change) => self.change(way, condition, change),
            Meaning::Unchanged(change) => self.unchanged(way, condition, change),
            Meaning::Beside(change) => self.beside(way, condition, change),
            Meaning::Unknown(_) => Clause::Always,
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

    fn change(&mut self, way: Way, condition: &Condition, change: &Change) -> Clause {
        if way.is_of(change) {
            return change.then.clone();
        }
        match (way, &change.created) {
            (Way::Every, _) => Clause::all([Clause::is_type(change.tag), change.then.clone()]),
            (Way::Created, Some(created)) => created.clone(),
            (Way::Created, None) if change.tag == COMMENT || change.tag == CUSTOM => {
                self.elsewhere(condition, change)
            }
            (Way::Created, None) => Clause::Never,
            (Way::Changed { .. }, _) => self.elsewhere(condition, change),
        }
    }

    /// A change that another event of the update tells.
    fn elsewhere(&mut self, condition: &Condition, change: &Change) -> Clause {
        let why = match change.after {
            Clause::Always => {
                "each change is an event of its own, judged alone; that this one is in the same update is not seen"
            }
            _ => {
                "each change is an event of its own, judged alone; that the ticket is so is asked, not that it became so in the same update"
            }
        };
        self.leave(condition, format!("{why} (`{}` tells it)", change.tag));
        self.wider("a change of the same update is not seen");
        change.after.clone()
    }

    fn unchanged(&mut self, way: Way, condition: &Condition, change: &Change) -> Clause {
        if way.is_of(change) {
            return change.then.clone();
        }
        if let (Way::Created, Some(created)) = (way, &change.created) {
            return created.clone();
        }
        self.leave(condition, format!(
            "each change is an event of its own, judged alone; whether the same update brought a `{}` is not seen",
            change.tag
        ));
        self.wider("a change of the same update is not seen");
        match way {
            Way::Every if change.custom.is_none() => Clause::any([
                Clause::test("event.type", json!({ "not": change.tag })),
                change.then.clone(),
            ]),
            Way::Every | Way::Created | Way::Changed { .. } => Clause::Always,
        }
    }

    fn beside(&mut self, way: Way, condition: &Condition, change: &Change) -> Clause {
        if way.is_of(change) {
            return change.then.clone();
        }
        self.leave(
            condition,
            format!(
                "only `{}` tells it, and the rule listens to other events",
                change.tag
            ),
        );
        self.wider("a condition is missing");
        Clause::Always
    }

    fn finish(mut self, found: Vec<(Way, Vec<Clause>)>) -> Listening {
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
            wider: self.wider,
            left: self.left,
            notes: self.notes,
        }
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
