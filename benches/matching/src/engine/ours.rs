//! flowtrigger through its public door: YAML as a person writes it, bytes as a help desk sends them.
//! It refuses rules with a mistake, as every command does.

use std::sync::Arc;

use flowtrigger::core::config::Config;
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::event::catalogue::Catalogue;
use flowtrigger::core::event::{decode, json};
use flowtrigger::core::matching::ruleset::RuleSet;

use super::{Engine, Input};
use crate::yaml;

pub struct Ours {
    rules: RuleSet,
    catalogue: &'static Catalogue,
}

impl Ours {
    pub fn build(input: &Input<'_>) -> Result<Self, String> {
        Ok(Self {
            rules: load(input.yaml)?,
            catalogue: Catalogue::built_in(),
        })
    }

    fn find(&self, bytes: &[u8], out: &mut Vec<u32>) {
        let value = json::accept(bytes).expect("the samples are JSON").value;
        let event = decode::decode(value, self.catalogue).expect("the samples are events");
        let matches = self.rules.matches(&event);
        out.extend(matches.iter().filter_map(|rule| yaml::number(&rule.name)));
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
    let rules = RuleSet::compile(&Arc::new(files), &[file], &Config::default(), &mut found);
    match found.sorted().first() {
        Some(diagnostic) => Err(format!("our rules have mistakes: {diagnostic:?}")),
        None => Ok(rules),
    }
}

/// The index alone, over rules that were read and checked.
pub fn index(read: &RuleSet) -> RuleSet {
    RuleSet::index(read.rules.clone(), Arc::clone(&read.files))
}
