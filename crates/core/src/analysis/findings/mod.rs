//! What can be proven about all rules of a set: rules that never or always match, predicates without effect, rules
//! that others make superfluous, rules that write different values to one field, and rules that start each other.
//!
//! Rules are not compared pair by pair: the event that proves that a rule can match is looked up in the index, and
//! only the rules that match it too can cover the rule.

mod change_graph;
mod circles;
mod conflicting_writes;
mod effects;
mod predicates;
mod required_values;
mod subsumed;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::analysis::{Analyzer, Satisfiability, Subject, Unproven, Witness};
use crate::config::Config;
use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostic, Files, Span};
use crate::matching::rule_set::RuleSet;
use crate::rule::Rule;

pub use crate::analysis::findings::effects::{ChangedEffect, changed_effects};

/// A proven statement about a rule.
#[derive(Debug, Clone)]
pub struct Finding {
    pub code: Code,
    pub rule: String,
    /// The other rules that it is about.
    pub others: Vec<String>,
    pub at: Span,
    pub message: String,
    pub help: String,
    /// The locations that prove it, beside `at`.
    pub related: Vec<Span>,
    /// The events that prove it.
    pub events: Vec<Witness>,
}

/// A rule about which not everything could be decided.
#[derive(Debug, Clone)]
pub struct Undecided {
    pub rule: String,
    pub at: Span,
    /// What could not be decided: "whether it can match".
    pub question: &'static str,
    pub why: Unproven,
}

/// Everything that was found about the rules of a set.
#[derive(Debug, Clone, Default)]
pub struct ProofReport {
    pub findings: Vec<Finding>,
    pub undecided: Vec<Undecided>,
    /// The rules that were analysed.
    pub rules: usize,
    /// The pairs of rules that were not compared, because they were too many.
    pub not_compared: usize,
}

impl Finding {
    /// The finding as a warning of `check`, with the first event in its message.
    pub fn diagnostic(&self, files: &Files) -> Diagnostic {
        let mut message = self.message.clone();
        let related = self.related.iter();
        let related: Vec<String> = related.map(|at| files.location(*at)).collect();
        if !related.is_empty() {
            message.push_str(&format!(" ({})", related.join(", ")));
        }
        for event in &self.events {
            message.push_str(&format!("; for example {}", event.text()));
        }
        Diagnostic::warning(self.code, self.at, message).help(self.help.clone())
    }

    pub fn to_json(&self, files: &Files) -> Value {
        let location =
            |at: &Span| json!({"file": files.name(at.file), "line": at.line, "column": at.column});
        json!({
            "code": self.code,
            "rule": self.rule,
            "others": self.others,
            "at": location(&self.at),
            "related": self.related.iter().map(location).collect::<Vec<_>>(),
            "message": self.message,
            "help": self.help,
            "events": self.events.iter().map(Witness::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Undecided {
    pub fn to_json(&self) -> Value {
        json!({"rule": self.rule, "question": self.question, "why": self.why.to_string()})
    }
}

/// The rules that are analysed, with what is known about each.
struct Analysed<'r> {
    rules: &'r RuleSet,
    config: &'r Config,
    /// By the number of the rule: an event that it matches.
    events: Vec<Option<Box<Witness>>>,
}

impl Analysed<'_> {
    fn rule(&self, number: usize) -> &Arc<Rule> {
        &self.rules.rules[number]
    }
}

/// Analyses the rules of a set.
pub fn prove(rules: &RuleSet, config: &Config) -> ProofReport {
    let mut analyzer = Analyzer::new(config);
    let mut report = ProofReport::default();
    let mut analysed = Analysed {
        rules,
        config,
        events: Vec::with_capacity(rules.rules.len()),
    };
    for rule in &rules.rules {
        let event = match is_analysed(rule) {
            true => alone(rule, &mut analyzer, &mut report),
            false => None,
        };
        analysed.events.push(event);
    }
    subsumed::find(&analysed, &mut analyzer, &mut report);
    conflicting_writes::find(&analysed, &mut analyzer, &mut report);
    circles::find(&analysed, &mut analyzer, &mut report);
    let location = |finding: &Finding| (finding.at.file, finding.at.start);
    report.findings.sort_by_key(location);
    report
}

/// A sequence has conditions of its own, and a disabled rule matches nothing.
fn is_analysed(rule: &Rule) -> bool {
    rule.sequence.is_none() && rule.mode != Mode::Disabled
}

/// Analyses one rule; returns an event that it matches.
fn alone(
    rule: &Rule,
    analyzer: &mut Analyzer<'_>,
    report: &mut ProofReport,
) -> Option<Box<Witness>> {
    report.rules += 1;
    let subject = Subject::of_rule(rule);
    match analyzer.satisfiable(subject) {
        Satisfiability::Yes(event) => {
            predicates::find(rule, analyzer, report);
            Some(event)
        }
        Satisfiability::No(locations) => {
            report.findings.push(never(rule, &locations));
            None
        }
        Satisfiability::Unknown(why) => {
            report.undecided.push(Undecided {
                rule: rule.name.clone(),
                at: rule.at,
                question: "whether it can match",
                why,
            });
            None
        }
    }
}

fn never(rule: &Rule, locations: &[Span]) -> Finding {
    let (at, related) = match locations.split_last() {
        Some((last, others)) => (*last, others.to_vec()),
        None => (rule.at, Vec::new()),
    };
    let message = match related.len() {
        0 => format!("rule `{}` never matches: no event fulfils this", rule.name),
        _ => format!(
            "rule `{}` never matches: this test and others exclude each other",
            rule.name
        ),
    };
    Finding {
        code: Code::NeverMatches,
        rule: rule.name.clone(),
        others: Vec::new(),
        at,
        message,
        help: "remove one of the conditions, or write alternatives under `any:`".into(),
        related,
        events: Vec::new(),
    }
}
