//! Conversions, file by file: what the rules are and what is listed as left. `UPDATE_CASES=1` writes the
//! expected rules anew; read them as whoever wrote the original would before you keep them.

mod bundles;
mod samples;
mod triggers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::convert::{Conversion, Converted, Names, NotConvertible, convert};
use flowtrigger::core::diagnostic::{Code, Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;
use flowtrigger::core::matching::ruleset_compile;

/// What a bundle finds as its settings, and the variables that take their place.
const SETTINGS: &str = r##"{ channel: "#triage", extra_channel: chat, escalation_group: 2290250, low_score: 3, least: 100, greeting: Hello }"##;

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
    convert(text, &mut Names::default(), &Config::default())
        .unwrap_or_else(|refused| panic!("{refused}"))
}

/// The rules, and what led to none.
fn shown(conversion: &Conversion) -> String {
    let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
    let left = conversion
        .left
        .iter()
        .map(|left| format!("# no rule: {}\n", left.line()));
    texts.join("---\n") + &left.collect::<String>()
}

/// A configuration with all that the rules ask for.
fn configuration(conversion: &Conversion) -> Config {
    let wanted = conversion.rules.iter().flat_map(|rule| &rule.configure);
    let (mut vars, mut connections) = (String::new(), String::new());
    for line in wanted {
        let (name, _) = line.split_once(": ").expect("a name first");
        match name.split_once('.') {
            Some(("vars", name)) if line.contains("address") => {
                vars += &format!("  {name}: https://hook.example/a\n");
            }
            Some(("vars", name)) => vars += &format!("  {name}: {SETTINGS}\n"),
            Some(("connections", name)) => {
                connections += &format!("  {name}: {{ base_url: https://{name}.example }}\n");
            }
            _ => panic!("{line}"),
        }
    }
    let section = |name: &str, lines: &str| match lines {
        "" => String::new(),
        lines => format!("{name}:\n{lines}"),
    };
    let mut seen = Vec::new();
    let mut once = |text: String| {
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| {
                let new = !seen.contains(&(*line).to_owned());
                seen.push((*line).to_owned());
                new
            })
            .collect();
        kept.join("\n") + "\n"
    };
    let text = once(section("vars", &vars)) + &once(section("connections", &connections));
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

/// What `check` says of the rules together.
fn said(conversion: &Conversion) -> Vec<String> {
    if conversion.rules.is_empty() {
        return Vec::new();
    }
    let config = configuration(conversion);
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
    let file = files.add("rules/converted.yaml", texts.join("---\n"));
    let files = Arc::new(files);
    let set = ruleset_compile::rule_set(&files, &[file], &config, &mut diagnostics);
    let said: Vec<String> = diagnostics
        .sorted()
        .into_iter()
        // That a rule may start itself is for its author to know.
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
        let rules = conversion.rules.iter();
        let rules = rules.filter(|rule| rule.document.get("flows").is_none());
        assert_eq!(set.rules.len(), rules.count());
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
fn every_conversion_passes_check() {
    for path in cases() {
        let said = said(&converted(&read(&path)));
        assert_eq!(said, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn what_is_no_trigger_is_refused_with_a_word() {
    let refused = |text: &str| match convert(text, &mut Names::default(), &Config::default()) {
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
    assert!(message.contains("run by the clock"), "{message}");
    assert!(matches!(
        convert("nothing", &mut Names::default(), &Config::default()),
        Err(NotConvertible::NotJson(_) | NotConvertible::Other { .. })
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
    let missing = folder.path().join("rules/NOT-CARRIED-OVER.txt");
    let (conversion, told_there) = (converted(&read(Path::new(case))), read(&missing));
    assert_eq!(told_there.lines().count(), conversion.all_left().count());
    for left in conversion.all_left() {
        assert!(told_there.contains(&left.line()), "{told_there}");
    }
    let (last, others) = files.split_last().expect("files");
    for file in others {
        fs::remove_file(folder.path().join(file)).expect("a file");
    }
    fs::write(folder.path().join(last), "kept").expect("a file");
    let (code, listed, told) = program(&["convert", case, "--out", "rules"], folder.path());
    assert_eq!((code, listed.as_str()), (Some(2), ""));
    assert!(told.contains("is there already"), "{told}");
    assert_eq!(read(&folder.path().join(last)), "kept");
    let left = fs::read_dir(folder.path().join("rules")).expect("a folder");
    assert_eq!(left.count(), 2);
    assert_eq!(read(&missing), told_there);
}

#[test]
fn what_the_configuration_has_is_not_asked_for_again() {
    let text = |config: &str| {
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("flowtrigger.yaml", config);
        let config = config::parse(file, config, &BTreeMap::new(), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/convert");
        ["bundle-beside.yaml", "payloads.json"].map(|case| {
            let mut conversion = convert(&read(&folder.join(case)), &mut Names::default(), &config)
                .unwrap_or_else(|refused| panic!("{refused}"));
            conversion.rules.remove(0)
        })
    };
    let [bundle, trigger] = text("mode: live");
    assert_eq!((bundle.configure.len(), trigger.configure.len()), (2, 1));
    let [bundle, trigger] = text(
        "vars: { webhook_01hx: 'https://hook.example' }\n\
         connections: { ours: { base_url: 'https://chat.example' }, desk: { base_url: 'https://desk.example' } }\n\
         integrations: { acme_notify: { connections: { chat: ours }, zendesk: desk } }\n",
    );
    assert_eq!(bundle.configure, Vec::<String>::new());
    assert_eq!(trigger.configure, Vec::<String>::new());
    let steps = &bundle.document["flow"];
    assert_eq!(steps[0]["http"]["connection"], "ours");
    assert_eq!(steps[1]["http"]["connection"], "desk");
}
