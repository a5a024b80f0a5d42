//! Compares two sets of rules by name: which events each rule matches before and after, and what it does.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::analysis::changed_types::ChangedTypes;
use crate::analysis::findings::{ChangedEffect, changed_effects};
use crate::analysis::{Analyzer, ConditionRelation, Subject, Unproven, Witness};
use crate::config::Config;
use crate::diagnostic::{Files, Span};
use crate::matching::rule_set::RuleSet;
use crate::rule::Rule;

/// What became of one rule.
#[derive(Debug, Clone)]
pub struct RuleDifference {
    pub name: String,
    /// Where the rule is in the earlier set.
    pub before: Option<Span>,
    /// Where it is in the later set.
    pub after: Option<Span>,
    pub change: RuleChange,
}

/// How a rule differs between two sets.
#[derive(Debug, Clone)]
pub enum RuleChange {
    Added,
    Removed,
    /// It is in both sets.
    Kept {
        matches: ConditionRelation,
        types: ChangedTypes,
        effects: Vec<ChangedEffect>,
    },
}

/// Compares the rules of two sets, in the order of their names.
pub fn compare(before: &RuleSet, after: &RuleSet, configs: [&Config; 2]) -> Vec<RuleDifference> {
    let mut analyzer = Analyzer::new(configs[1]);
    let is_same_config = configs[0].source.fingerprint == configs[1].source.fingerprint;
    let old = by_name(before);
    let new = by_name(after);
    let mut names: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let differences = names.into_iter().map(|name| {
        let (before, after) = (old.get(name).copied(), new.get(name).copied());
        let change = match (before, after) {
            (Some(before), Some(after)) => RuleChange::Kept {
                matches: match is_same_config && is_same_text(before, after) {
                    true => ConditionRelation::Equal,
                    false => relation(before, after, &mut analyzer),
                },
                types: ChangedTypes::of(before, after, &configs[1].catalogue),
                effects: changed_effects(before, after),
            },
            (None, _) => RuleChange::Added,
            (Some(_), None) => RuleChange::Removed,
        };
        RuleDifference {
            name: name.to_owned(),
            before: before.map(|rule| rule.at),
            after: after.map(|rule| rule.at),
            change,
        }
    });
    differences.collect()
}

fn by_name(rules: &RuleSet) -> FxHashMap<&str, &Rule> {
    let rules = rules.rules.iter();
    rules.map(|rule| (rule.name.as_str(), &**rule)).collect()
}

fn is_same_text(before: &Rule, after: &Rule) -> bool {
    before.version.document().trim() == after.version.document().trim()
}

fn relation(before: &Rule, after: &Rule, analyzer: &mut Analyzer<'_>) -> ConditionRelation {
    match (&before.sequence, &after.sequence) {
        (None, None) => analyzer.relation(Subject::of_rule(before), Subject::of_rule(after)),
        (Some(_), _) | (_, Some(_)) => ConditionRelation::Unknown {
            only_before: None,
            only_after: None,
            why: Unproven::Sequence,
        },
    }
}

impl RuleDifference {
    /// Whether the rule is the same in both sets.
    pub fn is_unchanged(&self) -> bool {
        match &self.change {
            RuleChange::Added | RuleChange::Removed => false,
            RuleChange::Kept {
                matches, effects, ..
            } => matches!(matches, ConditionRelation::Equal) && effects.is_empty(),
        }
    }

    /// The one word for the change: `added`, `equal`, `wider`.
    pub fn label(&self) -> &'static str {
        match &self.change {
            RuleChange::Added => "added",
            RuleChange::Removed => "removed",
            RuleChange::Kept { matches, .. } => matches.label(),
        }
    }

    pub fn to_json(&self, files: [&Files; 2]) -> Value {
        let location = |at: Option<Span>, files: &Files| at.map(|at| files.location(at));
        let mut json = json!({
            "rule": self.name,
            "change": self.label(),
            "before": location(self.before, files[0]),
            "after": location(self.after, files[1]),
            "only_before": null,
            "only_after": null,
            "why": null,
            "types": null,
            "effects": [],
        });
        if let RuleChange::Kept {
            matches,
            types,
            effects,
        } = &self.change
        {
            let (only_before, only_after) = matches.events();
            json["only_before"] = only_before.map_or(Value::Null, Witness::to_json);
            json["only_after"] = only_after.map_or(Value::Null, Witness::to_json);
            json["why"] = matches.why().map(|why| why.to_string()).into();
            json["types"] = types.to_json();
            json["effects"] = effects.iter().map(ChangedEffect::to_json).collect();
        }
        json
    }
}

impl ConditionRelation {
    pub fn label(&self) -> &'static str {
        match self {
            ConditionRelation::Equal => "equal",
            ConditionRelation::Wider(_) => "wider",
            ConditionRelation::Narrower(_) => "narrower",
            ConditionRelation::Different { .. } => "different",
            ConditionRelation::Unknown { .. } => "cannot tell",
        }
    }

    /// The events that only the earlier and only the later condition matches, as far as they are known.
    pub fn events(&self) -> (Option<&Witness>, Option<&Witness>) {
        match self {
            ConditionRelation::Equal => (None, None),
            ConditionRelation::Wider(event) => (None, Some(event)),
            ConditionRelation::Narrower(event) => (Some(event), None),
            ConditionRelation::Different {
                only_before,
                only_after,
            } => (Some(only_before), Some(only_after)),
            ConditionRelation::Unknown {
                only_before,
                only_after,
                ..
            } => (only_before.as_deref(), only_after.as_deref()),
        }
    }

    /// Why the relation is not decided.
    pub fn why(&self) -> Option<&Unproven> {
        match self {
            ConditionRelation::Unknown { why, .. } => Some(why),
            ConditionRelation::Equal
            | ConditionRelation::Wider(_)
            | ConditionRelation::Narrower(_)
            | ConditionRelation::Different { .. } => None,
        }
    }
}
