//! Generates rules: one event type and one to four predicates each, most with a selective predicate.
//! A smaller list is the start of a larger one. The distribution is chosen so that 29 of 100,000 rules match
//! an event on average.

use serde_json::Value;

use super::event::drawn;
use super::event_type::{self, EventType, Own};
use super::hard;
use super::random::Random;
use super::vocabulary as words;
use crate::rule::{Condition, Predicate, Rule, Test};

/// The kind of rules.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rules that every engine supports, if ranges and patterns are checked afterwards.
    Plain,
    /// A third of the rules are nested or negated, or have substrings or unanchored patterns.
    Hard,
}

pub fn rules(seed: u64, count: usize, kind: Kind, only: Option<&'static EventType>) -> Vec<Rule> {
    (0..count)
        .map(|number| {
            let mut random = Random::new(!seed, number);
            let event_type = only.unwrap_or_else(|| event_type::draw(&mut random));
            let when = match kind {
                Kind::Hard if number % 3 == 0 => hard::condition(event_type, &mut random),
                Kind::Hard | Kind::Plain => flat(event_type, &mut random),
            };
            Rule { event_type, when }
        })
        .collect()
}

fn flat(event_type: &EventType, random: &mut Random) -> Condition {
    let count = random.weighted(&[(1, 20), (2, 35), (3, 30), (4, 15)]);
    let mut all: Vec<Predicate> = Vec::with_capacity(count);
    while all.len() < count {
        // A single predicate is rarely broad; next to a narrow one, most are.
        let predicate = match all.len() {
            0 if random.percent(93) => narrow(random),
            _ if random.percent(30) => own(event_type.own, random).unwrap_or_else(|| broad(random)),
            _ => broad(random),
        };
        // A mapping cannot have duplicate keys.
        if all.iter().all(|other| other.path != predicate.path) {
            all.push(predicate);
        }
    }
    Condition::All(all.into_iter().map(Condition::Is).collect())
}

/// A predicate that holds for one event in a hundred, or in ten thousand.
pub fn narrow(random: &mut Random) -> Predicate {
    let ids = |draw: fn(&mut Random) -> i64, random: &mut Random| {
        Test::OneOf(
            (0..random.between(2, 8))
                .map(|_| draw(random).into())
                .collect(),
        )
    };
    let (path, test) = match random.below(100) {
        0..22 => ("ticket.organization_id", is(words::organization(random))),
        22..30 => ("ticket.organization_id", ids(words::organization, random)),
        30..38 => ("ticket.assignee_id", is(words::agent(random))),
        38..44 => ("ticket.requester_id", ids(words::requester, random)),
        44..66 => ("ticket.tags", Test::Has(tags(random))),
        66..76 => ("ticket.id", between(random)),
        76..84 => ("ticket.external_id", Test::StartsWith(start(random))),
        84..92 => ("ticket.external_id", Test::matches(&pattern(random))),
        _ => ("ticket.group_id", is(words::group(random))),
    };
    Predicate::new(path, test)
}

/// A predicate that holds for one event in two, or in twenty.
pub fn broad(random: &mut Random) -> Predicate {
    let (path, test) = match random.below(100) {
        0..20 => ("ticket.priority", word(words::PRIORITIES, random)),
        20..38 => ("ticket.status", word(words::STATUSES, random)),
        38..50 => ("ticket.via.channel", word(words::CHANNELS, random)),
        50..58 => ("ticket.type", word(words::TICKET_TYPES, random)),
        58..68 => ("ticket.brand_id", is(words::brand(random))),
        68..76 => ("ticket.form_id", is(words::form(random))),
        76..84 => ("ticket.id", Test::AtLeast(random.between(100_000, 900_000))),
        84..88 => ("ticket.id", Test::Below(random.between(100_000, 900_000))),
        88..93 => ("meta.sequence.total", Test::AtLeast(random.between(2, 4))),
        93..96 => ("meta.sequence.position", Test::Below(random.between(2, 3))),
        _ => ("ticket.external_id", Test::Exists),
    };
    Predicate::new(path, test)
}

/// A predicate on a field of the type, if it has one.
pub fn own(own: Own, random: &mut Random) -> Option<Predicate> {
    let (path, test) = match own {
        Own::Ids(pool) if random.percent(70) => ("current", is(drawn(pool, random))),
        Own::Ids(pool) => {
            let ids = (0..3).map(|_| drawn(pool, random).into()).collect();
            ("previous", Test::OneOf(ids))
        }
        Own::Priority => (either(random), word(words::PRIORITIES, random)),
        Own::Status => (either(random), word(words::STATUSES, random)),
        Own::TicketType => (either(random), word(words::TICKET_TYPES, random)),
        Own::Text if random.percent(50) => ("current", opener(random)),
        Own::Text => {
            let pattern = format!("^(Re|Fwd): {}", random.pick(words::WORDS));
            ("current", Test::matches(&pattern))
        }
        Own::ExternalId => ("current", Test::StartsWith(start(random))),
        Own::Tags => ("tags_added", Test::Has(tags(random))),
        Own::Comment if random.percent(60) => ("comment.is_public", is(random.percent(50))),
        Own::Comment => ("comment.body", opener(random)),
        Own::CustomField => {
            let index = random.skewed(words::FIELDS.len(), 2);
            ("custom_field.id", is(words::field(index)))
        }
        Own::Time
        | Own::People
        | Own::CommentId
        | Own::Attachment
        | Own::AttachmentId
        | Own::Merge
        | Own::Nothing => return None,
    };
    Some(Predicate::new(path, test))
}

fn is(value: impl Into<Value>) -> Test {
    Test::Is(value.into())
}

fn either(random: &mut Random) -> &'static str {
    random.pick::<&str>(&["previous", "current"])
}

/// A test for one or two of the words.
fn word(from: &[(&str, usize)], random: &mut Random) -> Test {
    let first = random.pick(from).0;
    let second = random.pick(from).0;
    if first == second || random.percent(60) {
        return is(first);
    }
    Test::OneOf(vec![first.into(), second.into()])
}

fn tags(random: &mut Random) -> Vec<String> {
    let count = if random.percent(75) { 1 } else { 3 };
    (0..count).map(|_| words::tag(random)).collect()
}

fn between(random: &mut Random) -> Test {
    let low = random.between(1, 990_000);
    Test::Between(low, low + random.between(50, 4_000))
}

/// The beginning of an external id.
fn start(random: &mut Random) -> String {
    if random.percent(60) {
        return format!("HL-{:03}", random.below(1_000));
    }
    format!("ORD-2026-{:02}", random.below(100))
}

fn pattern(random: &mut Random) -> String {
    let (one, two) = (random.below(1_000), random.below(1_000));
    if random.percent(60) {
        return format!("^HL-({one:03}|{two:03})");
    }
    format!("^ORD-2026-{:02}[0-4]", one / 10)
}

fn opener(random: &mut Random) -> Test {
    let (opener, word) = (random.pick(words::OPENERS), random.pick(words::WORDS));
    Test::StartsWith(format!("{opener} {word}"))
}
