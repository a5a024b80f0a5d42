//! Compiles rules and configurations from texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::matching::rule_set::RuleSet;

/// Compiles rule files, given as name and text. Returns the rules that load, and what is wrong with the
/// others.
pub fn compile(files: &[(&str, &str)], config: &Config) -> (RuleSet, Diagnostics) {
    let (mut sources, mut diagnostics) = (Files::default(), Diagnostics::default());
    let ids = files.iter().map(|(name, text)| sources.add(*name, *text));
    let ids: Vec<_> = ids.collect();
    let rules = rule_set::rule_set(&Arc::new(sources), &ids, config, &mut diagnostics);
    (rules, diagnostics)
}

/// Compiles rule files; panics with their texts if there is an error.
#[track_caller]
pub fn load(files: &[(&str, &str)], config: &Config) -> RuleSet {
    let (rules, diagnostics) = compile(files, config);
    let texts = || {
        files
            .iter()
            .map(|(_, text)| *text)
            .collect::<Vec<_>>()
            .join("\n---\n")
    };
    assert!(!diagnostics.has_errors(), "{diagnostics:?}\n{}", texts());
    rules
}

/// Reads a configuration; panics if there is a diagnostic.
#[track_caller]
pub fn config(text: &str) -> Config {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text);
    let config = config::parse(file, text, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
    config
}

/// Compiles the rules of one text, without a configuration; panics if there is an error.
#[track_caller]
pub fn from_text(text: &str) -> RuleSet {
    load(&[("r.yaml", text)], &Config::default())
}
