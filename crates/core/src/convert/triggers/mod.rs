//! Converts an export of Zendesk triggers, one rule per trigger.
//! A trigger without a webhook or target becomes no rule; a rule that differs from its trigger has
//! `mode: shadow`.

pub(crate) mod action;
pub(crate) mod field;
pub(crate) mod meaning;
pub(crate) mod text_match;
pub(crate) mod update_events;

use serde_json::{Map, Value, json};

use crate::convert::conversion::{Conversion, ConvertedRule, Omission};
use crate::convert::names::NameAllocator;
use crate::convert::triggers::action::TriggerSteps;
use crate::convert::triggers::meaning::TriggerCondition;
use crate::convert::triggers::update_events::EventCoverage;

/// The triggers of an export.
#[derive(Default)]
pub struct Triggers<'v> {
    read: Vec<Trigger<'v>>,
    /// Items that are not valid triggers.
    invalid: Vec<Omission>,
}

/// A trigger and its location in the export.
struct Trigger<'v> {
    body: &'v Map<String, Value>,
    at: String,
}

/// The triggers of a document: an export, a page of the API, one trigger, or a list; `None` if there are none.
pub fn find(document: &Value) -> Option<Triggers<'_>> {
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

/// One rule for each trigger that notifies a webhook or target.
pub fn convert(triggers: Triggers<'_>, names: &mut NameAllocator) -> Conversion {
    let mut conversion = Conversion {
        omitted: triggers.invalid,
        ..Conversion::default()
    };
    for (number, trigger) in triggers.read.iter().enumerate() {
        let default = match trigger.body.get("id").and_then(Value::as_u64) {
            Some(id) => format!("trigger-{id}"),
            None => format!("trigger-{}", number + 1),
        };
        match trigger.convert(&default, names) {
            Ok(rule) => conversion.rules.push(rule),
            Err(omitted) => conversion.omitted.extend(omitted),
        }
    }
    conversion
}

impl<'v> Triggers<'v> {
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
    fn title(&self) -> &str {
        let title = self.body.get("title").or(self.body.get("raw_title"));
        title.and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// The trigger as text for lists.
    fn describe(&self) -> String {
        match self.title() {
            "" => "a trigger without a title".into(),
            title => format!("the trigger \"{title}\""),
        }
    }

    fn location(&self, rest: &str) -> String {
        match self.at.as_str() {
            "" => rest.to_owned(),
            at => format!("{at}.{rest}"),
        }
    }

    fn conditions(&self, list: &str) -> Vec<TriggerCondition> {
        // A trigger as it is sent to the API has the two lists without `conditions` around them.
        let found = match self.body.get("conditions") {
            Some(both) => both.get(list),
            None => self.body.get(list),
        };
        let items = found.and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        items
            .map(|(number, item)| {
                TriggerCondition::new(item, self.location(&format!("conditions.{list}[{number}]")))
            })
            .collect()
    }

    fn actions(&self) -> Vec<(&Value, String)> {
        let found = self.body.get("actions").and_then(Value::as_array);
        let items = found.into_iter().flatten().enumerate();
        items
            .map(|(number, item)| (item, self.location(&format!("actions[{number}]"))))
            .collect()
    }

    /// Returns the rule, or the omissions if there is none.
    fn convert(
        &self,
        default: &str,
        names: &mut NameAllocator,
    ) -> Result<ConvertedRule, Vec<Omission>> {
        let coverage = EventCoverage::new(&self.conditions("all"), &self.conditions("any"));
        let steps = TriggerSteps::new(&self.actions(), &coverage);
        let reason = match (&steps.list.is_empty(), coverage.never) {
            (true, _) => {
                Some("no action notifies a webhook or target, so a rule would have nothing to run")
            }
            (false, true) => Some("its conditions contradict each other"),
            (false, false) => None,
        };
        if let Some(why) = reason {
            let mut omitted = vec![Omission::new(
                self.describe(),
                why,
                self.location("actions"),
            )];
            omitted.extend(steps.omitted);
            return Err(omitted);
        }
        let name = names.allocate(self.title(), default);
        let same = coverage.differs.is_none() && !steps.gaps;
        let mode = match (self.is_active(), same) {
            (false, _) => Some("disabled"),
            (true, false) => Some("shadow"),
            (true, true) => None,
        };
        let document = self.document(&name, &coverage, &steps, mode);
        let mut omitted = coverage.omitted;
        omitted.extend(steps.omitted);
        let mut notes = coverage.notes;
        notes.extend(steps.notes);
        if mode == Some("shadow") {
            notes.push("`mode: shadow`: the rule is evaluated and recorded but does not act; remove the line after you have checked what is not converted".into());
        }
        Ok(ConvertedRule {
            name,
            from: self.describe(),
            document,
            condition: None,
            omitted,
            notes,
            configure: steps.configure,
        })
    }

    fn document(
        &self,
        name: &str,
        coverage: &EventCoverage,
        steps: &TriggerSteps,
        mode: Option<&str>,
    ) -> Value {
        let mut rule = Map::new();
        rule.insert("name".into(), json!(name));
        if let Some(description) = self.description() {
            rule.insert("description".into(), json!(description));
        }
        rule.insert("event_source".into(), json!("support"));
        rule.insert("event_type".into(), coverage.event_type());
        if let Some(mode) = mode {
            rule.insert("mode".into(), json!(mode));
        }
        let when = coverage.when.to_map();
        if !when.is_empty() {
            rule.insert("when".into(), Value::Object(when));
        }
        if coverage.several {
            let dedupe = json!({"per": "meta.sequence.id", "for": "5m"});
            rule.insert("dedupe".into(), dedupe);
        }
        rule.insert("flow".into(), Value::Array(steps.list.clone()));
        Value::Object(rule)
    }

    fn description(&self) -> Option<String> {
        let description = self.body.get("description").and_then(Value::as_str);
        let description = description.map(str::trim).filter(|text| !text.is_empty());
        let title = Some(self.title()).filter(|title| !title.is_empty());
        match (title, description) {
            (Some(title), Some(text)) if title != text => Some(format!("{title}: {text}")),
            (title, description) => title.or(description).map(str::to_owned),
        }
    }

    fn is_active(&self) -> bool {
        self.body.get("active").and_then(Value::as_bool) != Some(false)
    }
}
