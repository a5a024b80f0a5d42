//! What an author gets wrong, file by file, and every message that comes of it. `UPDATE_CASES=1` writes
//! the expected messages anew; read them as their author would before you keep them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;

/// What the rules of the cases may use.
const CONFIG: &str = "
vars: { desk: 'https://desk.example', tier: gold }
connections:
  chat: { base_url: 'outbox:chat' }
  crm: { base_url: 'https://crm.example' }
  desk: { base_url: 'https://desk.example', actor_id: 900 }
  zendesk: { base_url: 'https://acme.zendesk.com' }
";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/mistakes");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// One line for each diagnostic: `code line:column message | help`.
fn said(name: &str, text: &str) -> String {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add(format!("rules/{name}"), text);
    if name.starts_with("config-") {
        config::parse(file, text, &BTreeMap::new(), &mut diagnostics);
    } else {
        let config = configuration();
        RuleSet::compile(&Arc::new(files), &[file], &config, &mut diagnostics);
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

fn configuration() -> Config {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", CONFIG);
    let config = config::parse(file, CONFIG, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
    config
}

#[test]
fn every_mistake_is_told_as_expected() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 29, "only {} cases were found", cases.len());
    for path in cases {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let said = said(&name, &fs::read_to_string(&path).expect("a readable case"));
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &said).expect("a writable case");
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if said.is_empty() || said != wanted {
            wrong.push(format!("{name}\n--- expected\n{wanted}--- said\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_message_fits_the_house_style() {
    for path in cases() {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for line in said(&name, &fs::read_to_string(&path).expect("a readable case")).lines() {
            let message = line.splitn(3, ' ').nth(2).unwrap_or_default();
            let first = message.chars().next().unwrap_or('A');
            let told = message.split(" | ").next().unwrap_or_default();
            let is_sentence = first.is_uppercase() && !message.starts_with("YAML");
            assert!(!is_sentence && !told.ends_with('.'), "{name}: {line}");
        }
    }
}
