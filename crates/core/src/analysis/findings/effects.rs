//! Compares what two rules do, without their conditions: mode, gates, lane, variables, steps and named flows.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostics;
use crate::document;
use crate::rule::Rule;

/// The keys that say when a rule matches, or that only describe it.
const NOT_EFFECTS: [&str; 7] = [
    "name",
    "description",
    "when",
    "event_source",
    "event_type",
    "tests",
    "sequence",
];

/// A key whose value differs between two versions of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedEffect {
    /// `flow`, `dedupe`, or the name of a step: `flow.page`.
    pub key: String,
    /// As written; `None` if the key is not there.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Returns the effects of a rule as written. `None` for a rule of a bundle, whose effects are not a mapping of keys.
pub fn effects(rule: &Rule) -> Option<Map<String, Value>> {
    if rule.version.is_of_bundle() {
        return None;
    }
    let mut keys = written(rule);
    for key in NOT_EFFECTS {
        keys.shift_remove(key);
    }
    for (number, part) in rule.version.parts().iter().enumerate() {
        // The file may have another name in another version.
        let name = format!("named flows {}", number + 1);
        let text = part.text.trim().trim_start_matches("---").trim();
        keys.insert(name, Value::from(text));
    }
    Some(keys)
}

fn written(rule: &Rule) -> Map<String, Value> {
    let ignored = &mut Diagnostics::default();
    let document = document::read_chunk(rule.at.file, &rule.version.chunk(), ignored);
    match document.map(|node| node.to_json()) {
        Some(Value::Object(keys)) => keys,
        Some(_) | None => Map::new(),
    }
}

/// The effects of rules as texts, which are equal if the rules do the same.
#[derive(Debug, Default)]
pub struct EffectTexts(FxHashMap<usize, Option<Arc<str>>>);

impl EffectTexts {
    /// Whether two rules of a set do the same with an event that both match. False if that is not known: of a
    /// bundle, or if a template can read the name of its rule.
    pub fn is_equal(&mut self, [first, second]: [(usize, &Rule); 2]) -> bool {
        let (a, b) = (self.of(first), self.of(second));
        a.is_some() && a == b
    }

    fn of(&mut self, (number, rule): (usize, &Rule)) -> Option<Arc<str>> {
        let known = self.0.entry(number).or_insert_with(|| {
            let text = Value::Object(effects(rule)?).to_string();
            let reads_name = text.contains("rule.") || text.contains("run.");
            (!reads_name).then(|| text.into())
        });
        known.clone()
    }
}

impl ChangedEffect {
    pub fn to_json(&self) -> Value {
        json!({"key": self.key, "before": self.before, "after": self.after})
    }
}

/// Returns the keys whose values differ, and of a flow the steps.
pub fn changed_effects(before: &Rule, after: &Rule) -> Vec<ChangedEffect> {
    let (Some(old), Some(new)) = (effects(before), effects(after)) else {
        let is_same = before.version.document().trim() == after.version.document().trim();
        let changed = (!is_same).then(|| ChangedEffect {
            key: "bundle".into(),
            before: None,
            after: None,
        });
        return changed.into_iter().collect();
    };
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut changed = Vec::new();
    for key in keys {
        match (old.get(key), new.get(key)) {
            (a, b) if a == b => {}
            (Some(Value::Array(a)), Some(Value::Array(b))) if key == "flow" => {
                changed.extend(changed_steps(a, b));
            }
            (a, b) => changed.push(ChangedEffect {
                key: key.clone(),
                before: a.cloned(),
                after: b.cloned(),
            }),
        }
    }
    changed
}

/// Compares steps by their names, or by their numbers if they have none.
fn changed_steps(before: &[Value], after: &[Value]) -> Vec<ChangedEffect> {
    let named = |steps: &[Value]| -> Vec<(String, Value)> {
        let numbered = steps.iter().enumerate();
        let named = numbered.map(|(number, step)| {
            let name = step.get("name").and_then(Value::as_str);
            let name = name.map_or_else(|| (number + 1).to_string(), str::to_owned);
            (format!("flow.{name}"), step.clone())
        });
        named.collect()
    };
    let (old, new) = (named(before), named(after));
    let find = |steps: &[(String, Value)], key: &String| {
        let mut steps = steps.iter();
        let found = steps.find(|(name, _)| name == key);
        found.map(|(_, step)| step.clone())
    };
    let mut changed = Vec::new();
    for (key, step) in &old {
        let other = find(&new, key);
        if other.as_ref() != Some(step) {
            changed.push(ChangedEffect {
                key: key.clone(),
                before: Some(step.clone()),
                after: other,
            });
        }
    }
    let added = new.iter().filter(|(key, _)| find(&old, key).is_none());
    changed.extend(added.map(|(key, step)| ChangedEffect {
        key: key.clone(),
        before: None,
        after: Some(step.clone()),
    }));
    let order = |steps: &[(String, Value)], others: &[(String, Value)]| -> Vec<String> {
        let common = steps.iter().filter(|(key, _)| find(others, key).is_some());
        common.map(|(key, _)| key.clone()).collect()
    };
    let (first, second) = (order(&old, &new), order(&new, &old));
    if first != second {
        changed.push(ChangedEffect {
            key: "flow order".into(),
            before: Some(first.into()),
            after: Some(second.into()),
        });
    }
    changed
}
