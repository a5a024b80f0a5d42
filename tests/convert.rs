//! Conversions, file by file: what the rules are and what is listed as left. `UPDATE_CASES=1` writes the
//! expected rules anew; read them as whoever wrote the original would before you keep them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::convert::{Conversion, Converted, Names, NotConvertible, convert};
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/convert");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.extension().is_some_and(|ending| ending == "expected"))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn converted(text: &str) -> Conversion {
    convert(text, &mut Names::default()).unwrap_or_else(|refused| panic!("{refused}"))
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
            Some(("vars", name)) => vars += &format!("  {name}: https://hook.example/a\n"),
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

/// What `check` says of the rules together.
fn said(conversion: &Conversion) -> Vec<String> {
    let config = configuration(conversion);
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
    let file = files.add("rules/converted.yaml", texts.join("---\n"));
    let files = Arc::new(files);
    let set = RuleSet::compile(&files, &[file], &config, &mut diagnostics);
    let said: Vec<String> = diagnostics
        .sorted()
        .into_iter()
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
fn every_conversion_passes_check() {
    for path in cases() {
        let said = said(&converted(&read(&path)));
        assert_eq!(said, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn what_is_no_trigger_is_refused_with_a_word() {
    let refused = |text: &str| match convert(text, &mut Names::default()) {
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
        convert("nothing", &mut Names::default()),
        Err(NotConvertible::NotJson(_) | NotConvertible::Other { .. })
    ));
}
