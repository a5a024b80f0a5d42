//! Conversions, file by file: the expected rules and omissions. `UPDATE_CASES=1` writes the expected files.

mod bundles;
mod samples;
mod triggers;
mod updates;

use std::collections::BTreeSet;
use std::path::PathBuf;

use flowtrigger_core::config::Config;
use flowtrigger_core::convert::conversion::{Conversion, ConvertedRule};
use flowtrigger_core::convert::names::NameAllocator;
use flowtrigger_core::convert::{ConvertError, convert};
use flowtrigger_core::diagnostic::Code;
use flowtrigger_testing::{expected, repository, rules};

fn cases() -> Vec<PathBuf> {
    let mut files = repository::entries(repository::path("tests/cases/convert"));
    files.retain(|path| path.extension().is_none_or(|ending| ending != "expected"));
    files
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
        .map(|line| line.split_once(": ").expect("a name first").0)
        .collect();
    let of = |start: &str, value: &str| -> String {
        let names = names.iter().filter_map(|name| name.strip_prefix(start));
        let lines: String = names.map(|name| format!("  {name}: {value}\n")).collect();
        match lines.as_str() {
            "" => lines,
            _ => format!("{}:\n{lines}", start.trim_end_matches('.')),
        }
    };
    let text = of("vars.", "https://hook.example/a")
        + &of(
            "connections.",
            "{ base_url: https://desk.zendesk.example, actor_id: 361100 }",
        );
    rules::config(&text)
}

/// The diagnostics of `check` for the rules together.
fn messages(conversion: &Conversion) -> Vec<String> {
    if conversion.rules.is_empty() {
        return Vec::new();
    }
    let config = configuration(conversion);
    let texts: Vec<String> = conversion.rules.iter().map(ConvertedRule::text).collect();
    let text = texts.join("---\n");
    let (set, diagnostics) = rules::compile(&[("rules/converted.yaml", &text)], &config);
    let messages: Vec<String> = diagnostics
        .sorted()
        .into_iter()
        // A rule that may start itself does so in the original too.
        .filter(|d| d.code != Code::StartsItself)
        .map(|d| {
            format!(
                "{}: {}: {} ({:?})",
                set.files.location(d.at),
                d.code,
                d.message,
                d.help
            )
        })
        .collect();
    if messages.is_empty() {
        assert_eq!(set.rules.len(), conversion.rules.len());
    }
    messages
}

#[test]
fn every_conversion_is_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 6, "only {} cases were found", cases.len());
    let differences = cases.iter().filter_map(|path| {
        let shown = shown(&converted(&repository::read(path)));
        assert!(!shown.is_empty(), "{}", path.display());
        expected::difference(&path.with_extension("expected"), &shown)
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_converted_trigger_passes_check() {
    let is_bundle = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
    for path in cases().into_iter().filter(|path| !is_bundle(path)) {
        let messages = messages(&converted(&repository::read(&path)));
        assert_eq!(messages, Vec::<String>::new(), "{}", path.display());
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

#[test]
fn invalid_terraform_is_an_error_with_its_line() {
    let refused = |text: &str| {
        let converted = convert(text, &mut NameAllocator::default(), &Config::default());
        converted.expect_err(text).to_string()
    };
    let resource =
        |title: &str| format!("resource \"zendesk_trigger\" \"a\" {{\n  title = {title}\n}}\n");
    let message = refused(&resource(""));
    assert!(
        message.starts_with("not valid HCL: line 2, column 11: "),
        "{message}"
    );
    // Deep nesting is an error, not the end of the program.
    for title in [
        "[".repeat(100_000),
        "!".repeat(100_000),
        "\"${".repeat(5_000),
    ] {
        let message = refused(&resource(&title));
        assert!(message.starts_with("not valid HCL: line 2"), "{message}");
    }
}

#[test]
fn connections_of_the_configuration_are_not_listed_as_missing() {
    let config =
        rules::config("connections:\n  zendesk: { base_url: https://d.zendesk.example }\n");
    let case = "tests/cases/triggers/assign-mail/export.json";
    let case = repository::read(repository::path(case));
    let configure = |config: &Config| {
        let conversion = convert(&case, &mut NameAllocator::default(), config);
        let rules = conversion
            .unwrap_or_else(|refused| panic!("{refused}"))
            .rules;
        rules.into_iter().flat_map(|rule| rule.configure).count()
    };
    assert_eq!(configure(&Config::default()), 1);
    assert_eq!(configure(&config), 0);
}

#[test]
fn variables_of_the_configuration_are_not_listed_as_missing() {
    let text = |config: &str| {
        let config = rules::config(config);
        let case = repository::read(repository::path("tests/cases/convert/payloads.json"));
        let mut conversion = convert(&case, &mut NameAllocator::default(), &config)
            .unwrap_or_else(|refused| panic!("{refused}"));
        conversion.rules.remove(0).configure
    };
    assert_eq!(text("mode: live").len(), 1);
    let set = text("vars: { webhook_01hx: 'https://hook.example' }");
    assert_eq!(set, Vec::<String>::new());
}
