//! Conversions, file by file: the expected rules and omissions. `UPDATE_CASES=1` writes the expected files.

mod bundles;
mod samples;
mod triggers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::convert::{Conversion, ConvertError, ConvertedRule, NameAllocator, convert};
use flowtrigger::core::diagnostic::{Code, Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;
use flowtrigger::core::matching::ruleset_compile;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/convert");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_none_or(|ending| ending != "expected"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn converted(text: &str) -> Conversion {
    convert(text, &mut NameAllocator::default(), &Config::default())
        .unwrap_or_else(|refused| panic!("{refused}"))
}

/// The rules, and what is part of none.
fn shown(conversion: &Conversion) -> String {
    let texts: Vec<String> = conversion.rules.iter().map(ConvertedRule::text).collect();
    let omitted = conversion
        .omitted
        .iter()
        .map(|omitted| format!("# part of no rule: {}\n", omitted.line()));
    texts.join("---\n") + &omitted.collect::<String>()
}

/// A configuration with everything that the rules need.
fn configuration(conversion: &Conversion) -> Config {
    let wanted = conversion.rules.iter().flat_map(|rule| &rule.configure);
    let names: BTreeSet<&str> = wanted
        .map(|line| {
            let (name, _) = line.split_once(": ").expect("a name first");
            name.strip_prefix("vars.").expect("a variable")
        })
        .collect();
    let vars: String = names
        .iter()
        .map(|name| format!("  {name}: https://hook.example/a\n"))
        .collect();
    let text = match vars.as_str() {
        "" => String::new(),
        vars => format!("vars:\n{vars}"),
    };
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text.as_str());
    let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text}{:?}", diagnostics.sorted());
    config
}

/// The rules of a text that loads.
fn rules(name: &str, text: &str, config: &Config) -> RuleSet {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add(name, text);
    let set = ruleset_compile::rule_set(&Arc::new(files), &[file], config, &mut diagnostics);
    let said: Vec<String> = diagnostics
        .sorted()
        .iter()
        .map(|d| format!("{}:{} {}", d.at.line, d.at.column, d.message))
        .collect();
    assert!(!diagnostics.has_errors(), "{name}: {said:#?}\n{text}");
    set
}

/// The diagnostics of `check` for the rules together.
fn said(conversion: &Conversion) -> Vec<String> {
    if conversion.rules.is_empty() {
        return Vec::new();
    }
    let config = configuration(conversion);
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let texts: Vec<String> = conversion.rules.iter().map(ConvertedRule::text).collect();
    let file = files.add("rules/converted.yaml", texts.join("---\n"));
    let files = Arc::new(files);
    let set = ruleset_compile::rule_set(&files, &[file], &config, &mut diagnostics);
    let said: Vec<String> = diagnostics
        .sorted()
        .into_iter()
        // A rule that may start itself does so in the original too.
        .filter(|d| d.code != Code::StartsItself)
        .map(|d| {
            format!(
                "{}: {}: {} ({:?})",
                files.place(d.at),
                d.code,
                d.message,
                d.help
            )
        })
        .collect();
    if said.is_empty() {
        assert_eq!(set.rules.len(), conversion.rules.len());
    }
    said
}

#[test]
fn every_conversion_is_as_expected() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 6, "only {} cases were found", cases.len());
    for path in cases {
        let shown = shown(&converted(&read(&path)));
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &shown).expect("a writable case");
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if shown.is_empty() || shown != wanted {
            wrong.push(format!(
                "{}\n--- expected\n{wanted}--- is\n{shown}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_converted_trigger_passes_check() {
    let is_bundle = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    for path in cases().into_iter().filter(|path| !is_bundle(path)) {
        let said = said(&converted(&read(&path)));
        assert_eq!(said, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn input_without_triggers_is_rejected_with_help() {
    let refused =
        |text: &str| match convert(text, &mut NameAllocator::default(), &Config::default()) {
            Err(refused) => (refused.to_string(), refused.help().to_owned()),
            Ok(conversion) => panic!("{text}: {conversion:?}"),
        };
    for text in [
        "",
        "{",
        "[]",
        "7",
        "{}",
        "{\"macros\": []}",
        "{\"triggers\": [{}]}",
        "[{\"a\": 1}]",
    ] {
        let (message, help) = refused(text);
        assert!(!message.is_empty() && !help.is_empty(), "{text}");
    }
    let (message, _) = refused("{\"automations\": []}");
    assert!(message.contains("run on a schedule"), "{message}");
    assert!(matches!(
        convert("nothing", &mut NameAllocator::default(), &Config::default()),
        Err(ConvertError::NotJson(_) | ConvertError::Other { .. })
    ));
}

fn program(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_folder_gets_a_file_for_each_rule_and_none_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/convert/changes.json");
    let case = case.to_str().expect("UTF-8");
    let (code, listed, told) = program(&["convert", case, "--out", "rules"], folder.path());
    assert_eq!(code, Some(1), "{told}");
    let files: Vec<&str> = listed.lines().collect();
    let rules = converted(&read(Path::new(case))).rules;
    assert_eq!(files.len(), rules.len());
    for (file, rule) in files.iter().zip(&rules) {
        assert_eq!(read(&folder.path().join(file)), rule.text());
    }
    let missing = folder.path().join("rules/NOT-CONVERTED.txt");
    let (conversion, recorded) = (converted(&read(Path::new(case))), read(&missing));
    assert_eq!(recorded.lines().count(), conversion.all_omitted().count());
    for omitted in conversion.all_omitted() {
        assert!(recorded.contains(&omitted.line()), "{recorded}");
    }
    let (last, others) = files.split_last().expect("files");
    for file in others {
        fs::remove_file(folder.path().join(file)).expect("a file");
    }
    fs::write(folder.path().join(last), "kept").expect("a file");
    let (code, listed, told) = program(&["convert", case, "--out", "rules"], folder.path());
    assert_eq!((code, listed.as_str()), (Some(2), ""));
    assert!(told.contains("already exists"), "{told}");
    assert_eq!(read(&folder.path().join(last)), "kept");
    let files = fs::read_dir(folder.path().join("rules")).expect("a folder");
    assert_eq!(files.count(), 2);
    assert_eq!(read(&missing), recorded);
}

#[test]
fn variables_of_the_configuration_are_not_listed_as_missing() {
    let text = |config: &str| {
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("flowtrigger.yaml", config);
        let config = config::parse(file, config, &BTreeMap::new(), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/convert/payloads.json");
        let mut conversion = convert(&read(&case), &mut NameAllocator::default(), &config)
            .unwrap_or_else(|refused| panic!("{refused}"));
        conversion.rules.remove(0).configure
    };
    assert_eq!(text("mode: live").len(), 1);
    let set = text("vars: { webhook_01hx: 'https://hook.example' }");
    assert_eq!(set, Vec::<String>::new());
}
