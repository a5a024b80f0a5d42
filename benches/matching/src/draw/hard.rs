//! Conditions that a lookup of values cannot decide: nested, negated, substrings, unanchored patterns.
//! They show where flowtrigger is slow; other engines are not measured with them.

use super::event_type::{EventType, Own};
use super::random::Random;
use super::rules::{broad, narrow, own};
use super::vocabulary as words;
use crate::rule::{Condition, Predicate, Test};

pub fn condition(event_type: &EventType, random: &mut Random) -> Condition {
    let mut all = vec![match random.below(4) {
        0 => alternatives(event_type, random),
        1 => Condition::None(vec![is(broad(random)), is(narrow(random))]),
        2 => is(text(event_type.own, random)),
        _ => is(negated(random)),
    }];
    // A negation alone would hold for nearly every event.
    all.push(match random.below(3) {
        0 => is(text(event_type.own, random)),
        1 => alternatives(event_type, random),
        _ => Condition::All(vec![is(narrow(random)), is(broad(random))]),
    });
    Condition::All(all)
}

fn alternatives(event_type: &EventType, random: &mut Random) -> Condition {
    let first = own(event_type.own, random).unwrap_or_else(|| narrow(random));
    let pair = Condition::All(vec![is(first), is(broad(random))]);
    Condition::Any(vec![is(narrow(random)), pair, is(narrow(random))])
}

/// A word anywhere in a text, or digits anywhere in an id.
fn text(own: Own, random: &mut Random) -> Predicate {
    let word = random.pick(words::WORDS);
    match own {
        Own::Comment => Predicate::new("comment.body", anywhere(word, random)),
        Own::Text => Predicate::new("current", anywhere(word, random)),
        Own::Ids(_)
        | Own::Priority
        | Own::Status
        | Own::TicketType
        | Own::ExternalId
        | Own::Time
        | Own::Tags
        | Own::People
        | Own::CommentId
        | Own::Attachment
        | Own::AttachmentId
        | Own::CustomField
        | Own::Merge
        | Own::Nothing => {
            let digits = format!("{:03}", random.below(1_000));
            Predicate::new("ticket.external_id", anywhere(&digits, random))
        }
    }
}

fn anywhere(part: &str, random: &mut Random) -> Test {
    if random.percent(60) {
        return Test::Contains(part.to_owned());
    }
    Test::matches(&format!("{part}([ 0-9]|$)"))
}

fn negated(random: &mut Random) -> Predicate {
    let mut predicate = broad(random);
    // A test of presence has no negation in the rule language.
    if !matches!(predicate.test, Test::Exists) {
        predicate.test = Test::Not(Box::new(predicate.test));
    }
    predicate
}

fn is(predicate: Predicate) -> Condition {
    Condition::Is(predicate)
}
