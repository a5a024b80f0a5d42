//! The known event types that only one version of a rule receives.

use serde_json::{Value, json};

use crate::event::catalogue::Catalogue;
use crate::rule::Rule;

/// Names that are written in a text.
const MAX_NAMED: usize = 3;

/// The types of the catalogue that `event_type` covers in one of two versions, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedTypes {
    pub only_before: Vec<String>,
    pub only_after: Vec<String>,
}

impl ChangedTypes {
    pub fn of(before: &Rule, after: &Rule, catalogue: &Catalogue) -> Self {
        Self {
            only_before: only_in(before, after, catalogue),
            only_after: only_in(after, before, catalogue),
        }
    }

    /// One sentence for each version that receives several types which the other one does not. One type alone is that of
    /// the event that shows the difference.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let sides = [
            ("now covers", "more known types", &self.only_after),
            ("no longer covers", "known types", &self.only_before),
        ];
        let sides = sides.into_iter().filter(|(_, _, types)| types.len() > 1);
        sides.map(|(verb, noun, types)| {
            let mut named: Vec<String> = types.iter().take(MAX_NAMED).cloned().collect();
            if types.len() > MAX_NAMED {
                named.push(format!("and {} more", types.len() - MAX_NAMED));
            }
            format!(
                "`event_type` {verb} {} {noun}: {}",
                types.len(),
                named.join(", ")
            )
        })
    }

    pub fn to_json(&self) -> Value {
        json!({"only_before": self.only_before, "only_after": self.only_after})
    }
}

fn only_in(rule: &Rule, other: &Rule, catalogue: &Catalogue) -> Vec<String> {
    let types = catalogue.types().filter(|of| {
        rule.listens_to(&of.source, &of.name) && !other.listens_to(&of.source, &of.name)
    });
    let mut names: Vec<String> = types.map(|of| of.name.clone()).collect();
    names.sort_unstable();
    names
}
