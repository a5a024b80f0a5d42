//! Converted bundles, loaded beside their bundle: each rule runs the flow that its job spec starts.

use flowtrigger_core::compile::bundle::rule_name;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::convert::conversion::{Conversion, ConvertedRule};
use flowtrigger_core::diagnostic::Code;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_testing::{repository, rules};

use super::converted;

/// Every bundle, and a configuration for it.
const BUNDLES: [(&str, Option<&str>); 5] = [
    ("tests/cases/convert/bundle-beside.yaml", None),
    ("tests/cases/convert/bundle-omitted.yaml", None),
    ("tests/cmd/convert.in/bundle.yaml", None),
    (
        "examples/bundles/small/notify.yaml",
        Some("examples/bundles/flowtrigger.yaml"),
    ),
    (
        "examples/bundles/triage/triage.json",
        Some("examples/bundles/flowtrigger.yaml"),
    ),
];

const CONNECTIONS: &str = "connections:\n  zendesk: { base_url: https://acme.zendesk.example }\n  chat: { base_url: https://chat.acme.example }\n";

fn text(name: &str) -> String {
    repository::read(repository::path(name))
}

fn configuration(file: Option<&str>) -> Config {
    let text = file.map_or_else(|| CONNECTIONS.to_owned(), text);
    rules::config(&text)
}

/// The rules of the files, and the diagnostics of each file except that a rule may start itself.
fn load(sources: &[(&str, &str)], config: &Config) -> (RuleSet, Vec<String>) {
    let (set, diagnostics) = rules::compile(sources, config);
    let messages = diagnostics
        .sorted()
        .into_iter()
        .filter(|diagnostic| diagnostic.code != Code::StartsItself)
        .map(|diagnostic| {
            format!(
                "{}: {}",
                set.files.location(diagnostic.at),
                diagnostic.message
            )
        })
        .collect();
    (set, messages)
}

fn documents(conversion: &Conversion) -> String {
    let texts: Vec<String> = conversion.rules.iter().map(ConvertedRule::text).collect();
    texts.join("---\n")
}

#[test]
fn converted_rules_pass_check_beside_their_bundle() {
    for (name, config) in BUNDLES {
        let (bundle, config) = (text(name), configuration(config));
        let rules = documents(&converted(&bundle));
        let (_, alone) = load(&[(name, &bundle)], &config);
        for rules in [&rules, &rules.replace("# when: { t", "when: { t")] {
            let (set, both) = load(&[(name, &bundle), ("converted.yaml", rules)], &config);
            let new: Vec<&String> = both.iter().filter(|said| !alone.contains(said)).collect();
            assert!(new.is_empty(), "{name}: {new:#?}\n{rules}");
            let loaded = rules.matches("flow_name:").count();
            let shadow = set.rules.iter().filter(|rule| rule.mode == Mode::Shadow);
            assert_eq!(shadow.count(), loaded, "{name}\n{rules}");
        }
    }
}

#[test]
fn a_converted_rule_runs_the_flow_of_its_job_spec_for_the_same_events() {
    let mut compared = 0;
    for (name, config) in BUNDLES {
        let (bundle, config) = (text(name), configuration(config));
        let conversion = converted(&bundle);
        let rules = documents(&conversion);
        let (set, _) = load(&[(name, &bundle), ("converted.yaml", &rules)], &config);
        for converted in &conversion.rules {
            let flow = converted.document["flow_name"].as_str().expect("a name");
            let integration = flow.split(':').nth(1).expect("an integration");
            let spec = converted.from.split('`').nth(1).expect("a job spec");
            let named = |name: &str| set.rules.iter().find(|rule| rule.name == name);
            // A bundle with errors has no rules of its own.
            let Some(original) = named(&rule_name(integration, spec)) else {
                continue;
            };
            let rule = named(&converted.name).expect("the converted rule");
            assert_eq!(format!("{:?}", rule.flow), format!("{:?}", original.flow));
            assert_eq!(rule.event_source, original.event_source);
            let types = |types: &dyn std::fmt::Debug| format!("{types:?}");
            assert_eq!(types(&rule.event_types), types(&original.event_types));
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn the_line_for_the_condition_loads_without_its_comment_sign() {
    let bundle = text("tests/cmd/convert.in/bundle.yaml");
    let rules = documents(&converted(&bundle));
    let config = configuration(None);
    let with_condition = rules.replace("# when:", "when:");
    let sources = [
        ("bundle.yaml", bundle.as_str()),
        ("a.yaml", &with_condition),
    ];
    let (set, said) = load(&sources, &config);
    assert_eq!(said, Vec::<String>::new());
    let rule = set.rules.iter().find(|rule| rule.name == "on-created");
    let condition = format!("{:?}", rule.expect("the rule").when);
    assert!(condition.contains("vip"), "{condition}");
}
