//! A short program for the same rules, as a measure of what generality and checks cost. It reads the fields that the
//! sample rules name into a struct, finds the rules of the event's type by one equality of each, and tests the rest.
//! It trusts its input: events have one format, and fields have the types that it expects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use super::{Engine, Input};
use crate::rule::{Predicate, Rule, Test};

pub struct Sketch<'a> {
    by_type: HashMap<&'static str, Bucket<'a>>,
}

/// The rules of one event type.
#[derive(Default)]
struct Bucket<'a> {
    rules: Vec<(u32, Vec<(usize, &'a Test)>)>,
    /// The slots whose values lead to rules.
    slots: Vec<usize>,
    /// By the hash of a slot and a value, positions in `rules`.
    by_value: FxHashMap<u64, Vec<u32>>,
    /// Rules without an equality.
    others: Vec<u32>,
}

/// The paths of the sample rules, those with the most different values first. A slot is a position in this list.
const PATHS: [&str; 21] = [
    "ticket.organization_id",
    "ticket.assignee_id",
    "ticket.requester_id",
    "ticket.tags",
    "tags_added",
    "ticket.group_id",
    "current",
    "previous",
    "custom_field.id",
    "ticket.brand_id",
    "ticket.form_id",
    "ticket.via.channel",
    "ticket.status",
    "ticket.priority",
    "ticket.type",
    "comment.is_public",
    "ticket.id",
    "ticket.external_id",
    "comment.body",
    "meta.sequence.total",
    "meta.sequence.position",
];

impl<'a> Sketch<'a> {
    pub fn build(input: &Input<'a>) -> Result<Self, String> {
        let mut by_type: HashMap<_, Bucket<'a>> = HashMap::new();
        for (number, rule) in (0..).zip(input.rules) {
            let bucket = by_type.entry(rule.event_type.display).or_default();
            bucket.add(number, rule)?;
        }
        Ok(Self { by_type })
    }
}

impl Engine for Sketch<'_> {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        let event: Envelope<'_> = serde_json::from_slice(event).expect("the samples are JSON");
        let event = event.input.ticket_event;
        let Some(bucket) = self.by_type.get(&*event.name) else {
            return;
        };
        let mut test = |position: &u32| {
            let (number, tests) = &bucket.rules[*position as usize];
            if tests
                .iter()
                .all(|(slot, test)| event.field(*slot).meets(test))
            {
                out.push(*number);
            }
        };
        bucket.others.iter().for_each(&mut test);
        for &slot in &bucket.slots {
            event.field(slot).each_hash(slot, |hash| {
                let found = bucket.by_value.get(&hash);
                found.into_iter().flatten().for_each(&mut test);
            });
        }
        out.sort_unstable();
        out.dedup();
    }
}

impl<'a> Bucket<'a> {
    fn add(&mut self, number: u32, rule: &'a Rule) -> Result<(), String> {
        let slot = |predicate: &Predicate| PATHS.iter().position(|path| *path == predicate.path);
        let tests = rule
            .flat()
            .map(|predicate| Some((slot(predicate)?, &predicate.test)));
        let mut tests: Vec<(usize, &Test)> = tests
            .collect::<Option<_>>()
            .ok_or("a rule has another path")?;
        tests.sort_by_key(|(slot, _)| *slot);
        let position = u32::try_from(self.rules.len()).map_err(|error| error.to_string())?;
        match tests
            .iter()
            .find_map(|(slot, test)| Some((*slot, values(test)?)))
        {
            None => self.others.push(position),
            Some((slot, values)) => {
                if !self.slots.contains(&slot) {
                    self.slots.push(slot);
                }
                for value in values {
                    let hash = Field::of(&value).hash(slot);
                    self.by_value.entry(hash).or_default().push(position);
                }
            }
        }
        self.rules.push((number, tests));
        Ok(())
    }
}

/// The values of which a test needs one.
fn values(test: &Test) -> Option<Vec<Value>> {
    match test {
        Test::Is(value) => Some(vec![value.clone()]),
        Test::OneOf(values) => Some(values.clone()),
        Test::Has(texts) => Some(texts.iter().map(|text| text.as_str().into()).collect()),
        _ => None,
    }
}

/// A value at one of the paths.
#[derive(Default)]
enum Field<'a> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Number(i64),
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
}

impl<'a> Field<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Field::Bool(*value),
            Value::Number(number) => Field::Number(number.as_i64().unwrap_or_default()),
            Value::String(text) => Field::Text(Cow::Borrowed(text)),
            Value::Null | Value::Array(_) | Value::Object(_) => Field::Null,
        }
    }

    fn hash(&self, slot: usize) -> u64 {
        let mut hash = FxHasher::default();
        hash.write_usize(slot);
        match self {
            Field::Absent | Field::Null | Field::Texts(_) => {}
            Field::Bool(value) => hash.write_u8((*value).into()),
            Field::Number(number) => hash.write_i64(*number),
            Field::Text(text) => hash.write(text.as_bytes()),
        }
        hash.finish()
    }

    /// Calls with the hash of the value, or of each element.
    fn each_hash(&self, slot: usize, mut call: impl FnMut(u64)) {
        match self {
            Field::Texts(texts) => {
                for text in texts {
                    call(Field::Text(Cow::Borrowed(&**text)).hash(slot));
                }
            }
            field => call(field.hash(slot)),
        }
    }

    fn meets(&self, test: &Test) -> bool {
        match (test, self) {
            (Test::Exists, field) => !matches!(field, Field::Absent),
            (_, Field::Absent) => false,
            (Test::Not(test), field) => !field.meets(test),
            (Test::Is(value), field) => field.is(value),
            (Test::OneOf(values), field) => values.iter().any(|value| field.is(value)),
            (Test::Has(wanted), Field::Texts(texts)) => texts
                .iter()
                .any(|text| wanted.iter().any(|wanted| wanted == text)),
            (Test::Below(end), Field::Number(number)) => number < end,
            (Test::AtLeast(start), Field::Number(number)) => number >= start,
            (Test::Between(low, high), Field::Number(number)) => (low..=high).contains(&number),
            (Test::StartsWith(start), Field::Text(text)) => text.starts_with(start.as_str()),
            (Test::Matches(pattern), Field::Text(text)) => pattern.is_match(text),
            (Test::Contains(part), Field::Text(text)) => text.contains(part.as_str()),
            _ => false,
        }
    }

    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Field::Null, Value::Null) => true,
            (Field::Bool(field), Value::Bool(value)) => field == value,
            (Field::Number(field), Value::Number(value)) => value.as_i64() == Some(*field),
            (Field::Text(field), Value::String(value)) => field == value,
            _ => false,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value of a field")
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field<'de>, E> {
        Ok(Field::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Field<'de>, E> {
        Ok(Field::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field<'de>, E> {
        Ok(Field::Number(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Field<'de>, A::Error> {
        let mut texts = Vec::new();
        while let Some(element) = elements.next_element::<Field<'de>>()? {
            if let Field::Text(text) = element {
                texts.push(text);
            }
        }
        Ok(Field::Texts(texts))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(
        self,
        mut entries: A,
    ) -> Result<Field<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Null)
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    input: EnvelopeInput<'a>,
}

#[derive(Deserialize)]
struct EnvelopeInput<'a> {
    #[serde(borrow)]
    ticket_event: TicketEvent<'a>,
}

#[derive(Deserialize)]
struct TicketEvent<'a> {
    #[serde(borrow)]
    meta: Meta<'a>,
    #[serde(rename = "type", borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    ticket: Ticket<'a>,
    #[serde(borrow, default)]
    current: Field<'a>,
    #[serde(borrow, default)]
    previous: Field<'a>,
    #[serde(borrow, default)]
    tags_added: Field<'a>,
    #[serde(borrow, default)]
    comment: Comment<'a>,
    #[serde(borrow, default)]
    custom_field: CustomField<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    sequence: Sequence<'a>,
}

#[derive(Deserialize)]
struct Sequence<'a> {
    #[serde(borrow, default)]
    total: Field<'a>,
    #[serde(borrow, default)]
    position: Field<'a>,
}

#[derive(Deserialize)]
struct Ticket<'a> {
    #[serde(borrow, default)]
    id: Field<'a>,
    #[serde(rename = "type", borrow, default)]
    kind: Field<'a>,
    #[serde(borrow, default)]
    priority: Field<'a>,
    #[serde(borrow, default)]
    status: Field<'a>,
    #[serde(borrow, default)]
    requester_id: Field<'a>,
    #[serde(borrow, default)]
    assignee_id: Field<'a>,
    #[serde(borrow, default)]
    organization_id: Field<'a>,
    #[serde(borrow, default)]
    group_id: Field<'a>,
    #[serde(borrow, default)]
    brand_id: Field<'a>,
    #[serde(borrow, default)]
    form_id: Field<'a>,
    #[serde(borrow, default)]
    external_id: Field<'a>,
    #[serde(borrow, default)]
    tags: Field<'a>,
    #[serde(borrow)]
    via: Via<'a>,
}

#[derive(Deserialize)]
struct Via<'a> {
    #[serde(borrow, default)]
    channel: Field<'a>,
}

#[derive(Deserialize, Default)]
struct Comment<'a> {
    #[serde(borrow, default)]
    body: Field<'a>,
    #[serde(borrow, default)]
    is_public: Field<'a>,
}

#[derive(Deserialize, Default)]
struct CustomField<'a> {
    #[serde(borrow, default)]
    id: Field<'a>,
}

impl<'a> TicketEvent<'a> {
    /// The value at the path with this position in [`PATHS`].
    fn field(&self, slot: usize) -> &Field<'a> {
        let ticket = &self.ticket;
        match slot {
            0 => &ticket.organization_id,
            1 => &ticket.assignee_id,
            2 => &ticket.requester_id,
            3 => &ticket.tags,
            4 => &self.tags_added,
            5 => &ticket.group_id,
            6 => &self.current,
            7 => &self.previous,
            8 => &self.custom_field.id,
            9 => &ticket.brand_id,
            10 => &ticket.form_id,
            11 => &ticket.via.channel,
            12 => &ticket.status,
            13 => &ticket.priority,
            14 => &ticket.kind,
            15 => &self.comment.is_public,
            16 => &ticket.id,
            17 => &ticket.external_id,
            18 => &self.comment.body,
            19 => &self.meta.sequence.total,
            _ => &self.meta.sequence.position,
        }
    }
}
