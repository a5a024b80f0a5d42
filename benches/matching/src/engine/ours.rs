//! flowtrigger with its public API: YAML text as written by users, event bytes as sent by a help desk.

use std::sync::Arc;

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;

use super::{Engine, Input};
use crate::yaml;

pub struct Ours {
    rules: RuleSet,
    /// The number of each rule of the set.
    names: Vec<u32>,
    scratch: MatchScratch,
}

impl Ours {
    pub fn build(input: &Input<'_>) -> Result<Self, String> {
        let rules = load(input.yaml)?;
        let names = rules.rules.iter().map(|rule| yaml::number(&rule.name));
        let names: Option<Vec<u32>> = names.collect();
        Ok(Self {
            names: names.ok_or("a rule has no number for a name")?,
            scratch: MatchScratch::default(),
            rules,
        })
    }

    fn find(&mut self, bytes: &[u8], out: &mut Vec<u32>) {
        let evaluation = self
            .rules
            .evaluate_scanned(bytes, FormatHint::Detect, &mut self.scratch)
            .expect("the samples are events in ordinary JSON");
        let names = &self.names;
        out.extend(
            evaluation
                .numbers()
                .iter()
                .map(|number| names[*number as usize]),
        );
    }
}

impl Engine for Ours {
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>) {
        self.find(event, out);
    }
}

/// Reads, checks and indexes one file of rules.
pub fn load(text: &str) -> Result<RuleSet, String> {
    let mut files = Files::default();
    let file = files.add("rules.yaml", text);
    let mut found = Diagnostics::default();
    let rules = rule_set::rule_set(&Arc::new(files), &[file], &Config::default(), &mut found);
    match found.sorted().first() {
        Some(diagnostic) => Err(format!("our rules have mistakes: {diagnostic:?}")),
        None => Ok(rules),
    }
}

/// Builds only the index of compiled rules.
pub fn index(read: &RuleSet) -> RuleSet {
    RuleSet::new(
        read.rules.clone(),
        Arc::clone(&read.files),
        &Config::default(),
    )
}
