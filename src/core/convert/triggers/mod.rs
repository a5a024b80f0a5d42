//! A Zendesk triggers export, trigger by trigger, as rules that listen to the events behind it.
//! It refuses to make a rule that has nothing to run, and to let one act that
//! differs from its trigger.

mod action;
mod field;
mod meaning;
mod text_match;
mod update_events;

use serde_json::{Map, Value, json};

use crate::core::convert::conversion::{Conversion, Converted, Left};
use crate::core::convert::names::Names;
use action::Steps;
use meaning::Condition;
use update_events::Listening;

/// The triggers of an export.
#[derive(Default)]
pub struct Triggers<'v> {
    read: Vec<Trigger<'v>>,
    /// Those that are not as triggers are.
    odd: Vec<Left>,
}

/// A trigger and its place in the export.
struct Trigger<'v> {
    body: &'v Map<String, Value>,
    at: String,
}

/// The triggers of a document: an export, a page of the API, one trigger, or a list of them.
pub fn of(document: &Value) -> Option<Triggers<'_>> {
    match document {
        Value::Object(_) if is_trigger(document) => Some(one(document, "")),
        Value::Object(map) => match (map.get("triggers"), map.get("trigger")) {
            (Some(Value::Array(items)), _) if items.is_empty() || items.iter().any(is_like_one) => {
                Some(many(items, "triggers"))
            }
            (_, Some(trigger)) if is_like_one(trigger) => Some(one(trigger, "trigger")),
            _ => None,
        },
        Value::Array(items) if items.iter().any(is_trigger) => Some(many(items, "")),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            None
        }
    }
}

fn one<'v>(item: &'v Value, at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    triggers.add(item, at.to_owned());
    triggers
}

fn many<'v>(items: &'v [Value], at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    for (number, item) in items.iter().enumerate() {
        triggers.add(item, format!("{at}[{number}]"));
    }
    triggers
}

fn is_trigger(value: &Value) -> bool {
    let listed = |key: &str| value.get(key).is_some_and(Value::is_array);
    let conditions = value.get("conditions").is_some_and(Value::is_object);
    (conditions || listed("all") || listed("any")) && value.get("actions").is_some()
}

/// Whether it was meant to be one, where triggers are expected.
fn is_like_one(value: &Value) -> bool {
    let keys = ["title", "conditions", "actions"];
    keys.iter().any(|key| value.get(key).is_some())
}

/// What keeps a trigger from being read; it would be guessed what it does.
fn oddity(body: &Map<String, Value>) -> Option<String> {
    let lists = match body.get("conditions") {
        Some(Value::Object(lists)) => lists,
        Some(other) => {
            return Some(format!(
                "its `conditions` are {}, and no mapping of `all` and `any`",
                brief(other)
            ));
        }
        None => body,
    };
    let listed = ["all", "any"].map(|key| lists.get(key).filter(|list| !list.is_null()));
    if !body.contains_key("conditions") && listed == [None, None] {
        return Some("it has no `conditions`".into());
    }
    if let Some(odd) = listed.into_iter().flatten().find(|list| !list.is_array()) {
        return Some(format!("one of its lists of conditions is {}", brief(odd)));
    }
    match body.get("actions") {
        Some(Value::Array(_)) => None,
        Some(odd) => Some(format!("its `actions` are {}, and no list", brief(odd))),
        None => Some("it has no `actions`".into()),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Object(_) => "a mapping".into(),
        Value::Array(_) => "a list".into(),
        Value::String(_) => "a text".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

/// One rule for each trigger that notifies somebody.
pub fn convert(triggers: Triggers<'_>, names: &mut Names) -> Conversion {
    let mut conversion = Conversion {
        left: triggers.odd,
        ..Conversion::default()
    };
    for (number, trigger) in triggers.read.iter().enumerate() {
        let otherwise = match trigger.body.get("id").and_then(Value::as_u64) {
            Some(id) => format!("trigger-{id}"),
            None => format!("trigger-{}", number + 1),
        };
        match trigger.convert(&otherwise, names) {
            Ok(rule) => conversion.rules.push(rule),
            Err(left) => conversion.left.extend(left),
        }
    }
    conversion
}

impl<'v> Triggers<'v> {
    fn add(&mut self, item: &'v Value, at: String) {
        let Some(body) = item.as_object() else {
            let why = format!("it is {}, and no mapping", brief(item));
            return self
                .odd
                .push(Left::new("an item among the triggers", why, at));
        };
        let place = match at.as_str() {
            "" => "the whole file".to_owned(),
            at => at.to_owned(),
        };
        let trigger = Trigger { body, at };
        match oddity(body) {
            None => self.read.push(trigger),
            Some(why) => self.odd.push(Left::new(trigger.called(), why, place)),
        }
    }
}

impl Trigger<'_> {
    fn title(&self) -> &str {
        let title = self.body.get("title").or(self.body.get("raw_title"));
        title.and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// What it is called in lists.
    fn called(&self) -> String {
        match self.title() {
            "" => "a trigger without a title".into(),
            title => format!("the trigger \"{title}\""),
        }
    }

    fn place(&self, rest: &str) -> String {
        match self.at.as_str() {
            "" => rest.to_owned(),
            at => format!("{at}.{rest}"),
        }
    }

    fn conditions(&self, list: &str) -> Vec<Condition> {
        // Who writes a trigger through the API gives the two lists without what is around them.
        let found = match self.body.get("conditions") {
            Some(both) => both.get(list),
            None => self.body.get(list),
        };
        let items = found.and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        items
            .map(|(number, item)| {
                Condition::of(item, self.place(&format!("conditions.{list}[{number}]")))
            })
            .collect()
    }

    fn actions(&self) -> Vec<(&Value, String)> {
        let found = self.body.get("actions").and_then(Value::as_array);
        let items = found.into_iter().flatten().enumerate();
        items
            .map(|(number, item)| (item, self.place(&format!("actions[{number}]"))))
            .collect()
    }

    /// The rule; or what was left, where there is none.
    fn convert(&self, otherwise: &str, names: &mut Names) -> Result<Converted, Vec<Left>> {
        let listening = Listening::of(&self.conditions("all"), &self.conditions("any"));
        let steps = Steps::of(&self.actions(), &listening);
        let whole = match (&steps.list.is_empty(), listening.never) {
            (true, _) => Some(
                "no action of it names a webhook or target to notify, so a rule would have nothing to run",
            ),
            (false, true) => Some("its conditions can never hold together"),
            (false, false) => None,
        };
        if let Some(why) = whole {
            let mut left = vec![Left::new(self.called(), why, self.place("actions"))];
            left.extend(steps.left);
            return Err(left);
        }
        let name = names.give(self.title(), otherwise);
        let same = listening.differs.is_none() && !steps.gaps;
        let document = self.document(&name, &listening, &steps, same);
        let mut left = listening.left;
        left.extend(steps.left);
        let mut notes = listening.notes;
        notes.extend(steps.notes);
        if !same && self.is_active() {
            notes.push("`mode: shadow`: it is judged and recorded but does not act, until you have looked at what is missing and take the line out".into());
        }
        Ok(Converted {
            name,
            from: self.called(),
            document,
            condition: None,
            left,
            notes,
            configure: steps.configure,
        })
    }

    fn document(&self, name: &str, listening: &Listening, steps: &Steps, same: bool) -> Value {
        let mut rule = Map::new();
        rule.insert("name".into(), json!(name));
        if let Some(description) = self.description() {
            rule.insert("description".into(), json!(description));
        }
        rule.insert("event_source".into(), json!("support"));
        rule.insert("event_type".into(), listening.event_type());
        match (self.is_active(), same) {
            (false, _) => rule.insert("mode".into(), json!("disabled")),
            (true, false) => rule.insert("mode".into(), json!("shadow")),
            (true, true) => None,
        };
        let when = listening.when.to_map();
        if !when.is_empty() {
            rule.insert("when".into(), Value::Object(when));
        }
        if listening.several {
            let dedupe = json!({"per": "meta.sequence.id", "for": "5m"});
            rule.insert("dedupe".into(), dedupe);
        }
        rule.insert("flow".into(), Value::Array(steps.list.clone()));
        Value::Object(rule)
    }

    fn description(&self) -> Option<String> {
        let told = self.body.get("description").and_then(Value::as_str);
        let told = told.map(str::trim).filter(|told| !told.is_empty());
        let title = Some(self.title()).filter(|title| !title.is_empty());
        match (title, told) {
            (Some(title), Some(told)) if title != told => Some(format!("{title}: {told}")),
            (title, told) => title.or(told).map(str::to_owned),
        }
    }

    fn is_active(&self) -> bool {
        self.body.get("active").and_then(Value::as_bool) != Some(false)
    }
}
