//! Converts an export of Zendesk triggers, one rule per trigger.
//! A trigger that neither notifies a webhook or target nor changes the ticket becomes no rule; a rule that
//! omits a part of its trigger has `mode: shadow`.

pub(crate) mod action;
pub(crate) mod content;
pub(crate) mod export;
pub(crate) mod fetched;
pub(crate) mod field;
pub(crate) mod meaning;
pub(crate) mod own_change;
pub(crate) mod tag_change;
pub(crate) mod terraform;
pub(crate) mod text_match;
pub(crate) mod ticket_change;
pub(crate) mod update_events;

use serde_json::{Map, Value, json};

use crate::convert::conversion::{Conversion, ConvertedRule, Omission};
use crate::convert::names::NameAllocator;
use crate::convert::triggers::action::TriggerSteps;
use crate::convert::triggers::export::{Trigger, Triggers};
use crate::convert::triggers::meaning::TriggerCondition;
use crate::convert::triggers::update_events::EventCoverage;

/// One rule for each trigger that notifies a webhook or target, or changes the ticket.
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

impl Trigger<'_> {
    /// What the resource of a trigger in Terraform has that no rule can have.
    fn resource_omissions(&self) -> Vec<Omission> {
        let omission = |key: &str, why: &str| {
            let has = self.body.get(key).is_some_and(|value| !value.is_null());
            has.then(|| Omission::new(format!("`{key}`"), why, self.location(key)))
        };
        let several = "the Terraform resource is several triggers; the rule is one of them";
        let mut omitted: Vec<Omission> = ["count", "for_each", "dynamic"]
            .iter()
            .filter_map(|key| omission(key, several))
            .collect();
        if self.body.get("active").is_some_and(Value::is_string) {
            omitted.extend(omission("active", terraform::REFERS));
        }
        omitted
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
                Some("no action of it could become a step, so a rule would have nothing to run")
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
            omitted.extend(coverage.omitted);
            omitted.extend(steps.omitted);
            return Err(omitted);
        }
        let name = names.allocate(self.title(), default);
        let mut omitted = self.resource_omissions();
        omitted.extend(coverage.omitted.iter().cloned());
        omitted.extend(steps.omitted.iter().cloned());
        let mode = match (self.is_active(), omitted.is_empty()) {
            (false, _) => Some("disabled"),
            (true, false) => Some("shadow"),
            (true, true) => None,
        };
        let document = self.document(&name, &coverage, &steps, mode);
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
