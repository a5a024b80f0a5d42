//! Finds the triggers of an export: pages of the API, requirements of apps, and Terraform resources.

use serde_json::{Map, Value};

use crate::convert::conversion::Omission;
use crate::convert::triggers::terraform;

/// What a document says about further triggers that it does not contain.
#[derive(Debug, PartialEq, Eq)]
pub struct MissingTriggers {
    /// As text: "it has 3 of 140 triggers".
    pub found: String,
}

/// Whether the document is one page of several.
pub fn missing(document: &Value, found: usize) -> Option<MissingTriggers> {
    let page = document.as_object()?;
    let count = page.get("count").and_then(Value::as_u64);
    let linked = |key: &str| page.get(key).filter(|next| !next.is_null());
    let cursor = document.pointer("/meta/has_more").and_then(Value::as_bool);
    let next = linked("next_page").is_some() || cursor == Some(true);
    let other = next || linked("previous_page").is_some();
    let found = match count {
        Some(count) if count > found as u64 => format!("it has {found} of {count} triggers"),
        _ if other => format!("it is one page of several, with {found} triggers"),
        _ => return None,
    };
    Some(MissingTriggers { found })
}

/// The triggers of an export.
#[derive(Default)]
pub struct Triggers<'v> {
    pub read: Vec<Trigger<'v>>,
    /// Items that are not valid triggers.
    pub invalid: Vec<Omission>,
}

/// A trigger and its location in the export.
pub struct Trigger<'v> {
    pub body: &'v Map<String, Value>,
    pub at: String,
}

/// The triggers of a document: an export, a page of the API, one trigger, or a list; `None` if there are none.
pub fn find(document: &Value) -> Option<Triggers<'_>> {
    match document {
        Value::Object(_) if is_trigger(document) => Some(one(document, "")),
        Value::Object(map) => match (map.get("triggers"), map.get("trigger")) {
            (Some(Value::Array(items)), _) if items.is_empty() || items.iter().any(is_like_one) => {
                Some(many(items, "triggers"))
            }
            // The requirements of an app: triggers by key.
            (Some(Value::Object(keyed)), _) if keyed.values().any(is_like_one) => {
                Some(by_key(keyed, "triggers"))
            }
            (_, Some(trigger)) if is_like_one(trigger) => Some(one(trigger, "trigger")),
            _ => match map.get(terraform::RESOURCE) {
                Some(Value::Object(keyed)) => Some(by_key(keyed, terraform::RESOURCE)),
                Some(_) | None => None,
            },
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

fn by_key<'v>(items: &'v Map<String, Value>, at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    for (key, item) in items {
        triggers.add(item, format!("{at}.{key}"));
    }
    triggers
}

fn is_trigger(value: &Value) -> bool {
    let listed = |key: &str| value.get(key).is_some_and(Value::is_array);
    let conditions = value.get("conditions").is_some_and(Value::is_object);
    (conditions || listed("all") || listed("any")) && value.get("actions").is_some()
}

/// Whether the value is meant as a trigger, where triggers are expected.
fn is_like_one(value: &Value) -> bool {
    let keys = ["title", "conditions", "actions"];
    keys.iter().any(|key| value.get(key).is_some())
}

/// Why the mapping is not a valid trigger.
fn problem(body: &Map<String, Value>) -> Option<String> {
    let lists = match body.get("conditions") {
        Some(Value::Object(lists)) => lists,
        Some(other) => {
            return Some(format!(
                "`conditions` must be a mapping of `all` and `any`, found {}",
                brief(other)
            ));
        }
        None => body,
    };
    let listed = ["all", "any"].map(|key| lists.get(key).filter(|list| !list.is_null()));
    if !body.contains_key("conditions") && listed == [None, None] {
        return Some("missing `conditions`".into());
    }
    if let Some(other) = listed.into_iter().flatten().find(|list| !list.is_array()) {
        return Some(format!(
            "`all` and `any` must be lists of conditions, found {}",
            brief(other)
        ));
    }
    match body.get("actions") {
        Some(Value::Array(_)) => None,
        Some(other) => Some(format!("`actions` must be a list, found {}", brief(other))),
        None => Some("missing `actions`".into()),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Object(_) => "a mapping".into(),
        Value::Array(_) => "a list".into(),
        Value::String(_) => "text".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

impl<'v> Triggers<'v> {
    /// The number of items that were found, valid or not.
    pub fn len(&self) -> usize {
        self.read.len() + self.invalid.len()
    }

    fn add(&mut self, item: &'v Value, at: String) {
        let Some(body) = item.as_object() else {
            let why = format!("expected a mapping, found {}", brief(item));
            return self
                .invalid
                .push(Omission::new("an item among the triggers", why, at));
        };
        let location = match at.as_str() {
            "" => "the whole file".to_owned(),
            at => at.to_owned(),
        };
        let trigger = Trigger { body, at };
        match problem(body) {
            None => self.read.push(trigger),
            Some(why) => self
                .invalid
                .push(Omission::new(trigger.describe(), why, location)),
        }
    }
}

impl Trigger<'_> {
    pub fn title(&self) -> &str {
        let title = self.body.get("title").or(self.body.get("raw_title"));
        title.and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// The trigger as text for lists.
    pub fn describe(&self) -> String {
        match self.title() {
            "" => "a trigger without a title".into(),
            title => format!("the trigger \"{title}\""),
        }
    }

    pub fn location(&self, rest: &str) -> String {
        match self.at.as_str() {
            "" => rest.to_owned(),
            at => format!("{at}.{rest}"),
        }
    }
}
