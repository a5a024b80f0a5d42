//! Mistakes of authors, one file each, and the messages that report them. `UPDATE_CASES=1` rewrites the
//! expected messages: read them as the author of the rule would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_testing::{expected, repository, rules};

/// The configuration for the rules of the cases.
const CONFIG: &str = "
schedules:
  office: { zone: Europe/Berlin, hours: { mon-fri: '09:00-17:00' } }
  monthly: { zone: UTC, hours: { mon: '09:00-09:30' } }
  christmas: { zone: UTC, hours: {}, exceptions: { 2026-12-24: '09:00-12:00' } }
vars: { desk: 'https://desk.example', tier: gold }
connections:
  chat: { base_url: 'outbox:chat' }
  crm: { base_url: 'https://crm.example' }
  desk: { base_url: 'https://desk.example', actor_id: 900 }
  zendesk: { base_url: 'https://acme.zendesk.com' }
";

fn cases() -> Vec<PathBuf> {
    repository::files_ending(repository::path("tests/cases/mistakes"), "yaml")
}

/// One line for each diagnostic: `code line:column message | help`.
fn messages(path: &Path) -> String {
    let (name, text) = (repository::file_name(path), repository::read(path));
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add(format!("rules/{name}"), text.as_str());
    if name.starts_with("config-") {
        let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
        rule_set::rule_set(&Arc::new(files), &[], &config, &mut diagnostics);
    } else {
        let config = rules::config(CONFIG);
        rule_set::rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
    }
    let lines = diagnostics.sorted().into_iter().map(|d| {
        let help = d.help.map(|help| format!(" | {help}")).unwrap_or_default();
        format!(
            "{} {}:{} {}{help}\n",
            d.code, d.at.line, d.at.column, d.message
        )
    });
    lines.collect()
}

#[test]
fn every_mistake_is_reported_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 29, "only {} cases were found", cases.len());
    let differences = cases.iter().filter_map(|path| {
        let messages = messages(path);
        assert!(!messages.is_empty(), "no mistake in {}", path.display());
        expected::difference(&path.with_extension("expected"), &messages)
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_message_follows_the_style() {
    for path in cases() {
        for line in messages(&path).lines() {
            let message = line.splitn(3, ' ').nth(2).unwrap_or_default();
            let first = message.chars().next().unwrap_or('A');
            let message = message.split(" | ").next().unwrap_or_default();
            let is_sentence = first.is_uppercase() && !message.starts_with("YAML");
            let is_fine = !is_sentence && !message.ends_with('.');
            assert!(is_fine, "{}: {line}", path.display());
        }
    }
}
