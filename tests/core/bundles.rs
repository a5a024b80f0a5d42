//! ZIS bundles: the examples load without a diagnostic and give their rules; every mistake in a bundle is
//! reported. `UPDATE_CASES=1` rewrites the expected messages: read them as the bundle's author would.

use std::path::PathBuf;
use std::sync::Arc;

use flowtrigger_core::compile::rule_version::compile_version;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::Diagnostics;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::step::Action;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::language::condition::evaluate::{Truth, evaluate};
use flowtrigger_core::language::condition::trace::{NoTrace, Trace};
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::rule::version::{RuleVersion, StoredRuleVersion};
use flowtrigger_testing::{expected, repository, rules};
use serde_json::{Value, json};

/// The rule files below a folder of the repository.
fn files_below(folder: &str) -> Vec<PathBuf> {
    let mut files = repository::files_below(repository::path(folder));
    files.retain(|path| {
        let name = repository::file_name(path);
        let is_rule = [".json", ".yaml", ".yml"]
            .iter()
            .any(|end| name.ends_with(end));
        is_rule && !name.starts_with("flowtrigger") && !name.ends_with(".test.yaml")
    });
    files
}

fn configuration(path: &str) -> Config {
    rules::config(&repository::read(repository::path(path)))
}

pub fn compile(name: &str, text: &str, config: &Config) -> (RuleSet, Diagnostics) {
    rules::compile(&[(name, text)], config)
}

/// One line for each diagnostic: `code line:column message | help`.
pub fn said(diagnostics: &Diagnostics) -> String {
    let lines = diagnostics.sorted().into_iter().map(|d| {
        let help = d.help.map(|help| format!(" | {help}")).unwrap_or_default();
        let severity = format!("{:?}", d.severity).to_lowercase();
        format!(
            "{severity}[{}] {}:{} {}{help}\n",
            d.code, d.at.line, d.at.column, d.message
        )
    });
    lines.collect()
}

#[test]
fn every_example_loads_without_a_diagnostic() {
    let config = configuration("examples/bundles/flowtrigger.yaml");
    let examples = files_below("examples/bundles");
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let text = repository::read(&path);
        let (set, diagnostics) = compile("b.json", &text, &config);
        assert_eq!(said(&diagnostics), "", "{}", path.display());
        assert!(!set.rules.is_empty(), "{} holds no rule", path.display());
    }
}

#[test]
fn the_large_example_gives_a_rule_for_each_job_spec() {
    let config = configuration("examples/bundles/flowtrigger.yaml");
    let text = repository::read(repository::path("examples/bundles/triage/triage.json"));
    let (set, _) = compile("triage.json", &text, &config);
    let names: Vec<&str> = set.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "harborlane_triage.on_ticket_created",
            "harborlane_triage.on_comment_added",
            "harborlane_triage.on_priority_changed"
        ]
    );
    for rule in &set.rules {
        assert!(rule.flow.all_steps().len() >= 9, "{}", rule.name);
        let first = text
            .lines()
            .nth(rule.at.line as usize - 1)
            .unwrap_or_default();
        assert!(first.contains("\"name\""), "{} is at {first}", rule.name);
    }
}

#[test]
fn a_stored_version_compiles_to_the_same_rule() {
    let config = configuration("examples/bundles/flowtrigger.yaml");
    let text = repository::read(repository::path("examples/bundles/triage/triage.json"));
    let (set, _) = compile("triage.json", &text, &config);
    let mut prints = Vec::new();
    for rule in &set.rules {
        let version = &rule.version;
        let kept = StoredRuleVersion {
            file: "triage.json".into(),
            document: version.document().to_owned(),
            line: version.line,
            picked: version.picked().map(str::to_owned),
            parts: Vec::new(),
        };
        let kept = RuleVersion::kept(kept, Arc::clone(version.config()));
        assert_eq!(kept.fingerprint, version.fingerprint);
        let again = compile_version(&kept, &config).expect("the rule again");
        assert_eq!((&again.name, again.at), (&rule.name, rule.at));
        prints.push(kept.fingerprint);
    }
    prints.dedup();
    assert_eq!(prints.len(), 3, "each rule has a version of its own");
}

#[test]
fn every_mistake_in_a_bundle_is_reported_as_expected() {
    let config = configuration("tests/cases/bundles/flowtrigger.yaml");
    let cases = files_below("tests/cases/bundles/mistakes");
    assert!(cases.len() >= 10, "only {} cases were found", cases.len());
    let mut wrong = Vec::new();
    for path in cases {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = repository::read(&path);
        let (_, diagnostics) = compile(&name, &text, &config);
        let said = said(&diagnostics);
        assert!(!said.is_empty(), "{name} has no mistake");
        let file = PathBuf::from(format!("{}.expected", path.display()));
        wrong.extend(expected::difference(&file, &said));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A bundle whose action requests an address that its flow computes.
const ADDRESS: &str = r#"
zis_template_version: "2019-10-14"
name: paged
resources:
  job:
    type: ZIS::JobSpec
    properties: { name: job, event_source: support, event_type: ticket.TicketCreated, flow_name: zis:acme_sync:flow:call }
  call:
    type: ZIS::Flow
    properties:
      name: call
      definition:
        StartAt: A
        States:
          A: { Type: Action, ActionName: "zis:acme_sync:action:page", Parameters: { url.$: $.input.ticket_event.ticket.external_id }, ResultPath: $.a, End: true }
  page:
    type: ZIS::Action::Http
    properties: { name: page, definition: { method: GET, url.$: $.url, connectionName: crm } }
"#;

#[test]
fn an_address_of_the_document_must_have_the_origin_of_its_connection() {
    let config = rules::config("connections: { crm: { base_url: 'https://crm.example/v1' } }");
    let (set, diagnostics) = compile("paged.yaml", ADDRESS, &config);
    assert_eq!(said(&diagnostics), "");
    let request = set.rules[0].steps().find_map(|step| step.action.request());
    let url = &request.expect("a request").url;
    let (event, vars) = (event(), json!({}));
    for (address, is_sent) in [
        ("https://crm.example/v2/x?after=a%2Bb", true),
        ("https://evil.example/v2/x", false),
        ("/v2/x", false),
    ] {
        let document = json!({ "url": address });
        let scope = Scope {
            document: &document,
            ..Scope::new(&event, &vars)
        };
        let sent = url.render(&scope).map(|url| url.to_string());
        assert_eq!(sent.is_ok(), is_sent, "{address}: {sent:?}");
        assert!(!is_sent || sent.as_deref() == Ok(address));
    }
}

#[test]
fn a_rule_runs_a_flow_of_a_bundle_and_is_stored_with_it() {
    let config = configuration("examples/bundles/flowtrigger.yaml");
    let text = repository::read(repository::path("examples/bundles/small/notify.yaml"));
    let (set, _) = compile("notify.yaml", &text, &config);
    let names: Vec<&str> = set.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["harborlane_notify.on_created", "notify-urgent"]);
    for rule in &set.rules {
        assert_eq!(rule.flow.steps[0].name, "Post");
        assert!(rule.flow.steps[0].data.is_some(), "{}", rule.name);
    }
    let rule = &set.rules[1];
    assert_eq!(rule.version.parts().len(), 1);
    let again = compile_version(&rule.version, &config).expect("the rule again");
    assert_eq!(again.name, rule.name);
    assert_eq!(again.flow.steps.len(), rule.flow.steps.len());
}

fn event() -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.TicketCreated".into(),
        id: "1".into(),
        key: None,
        time: None,
        envelope: Value::Null,
        body: Value::Null,
        raw: Value::Null.into(),
        about: Value::Null,
        format: "zis",
        warnings: Vec::new(),
        trace: None,
    }
}

/// A bundle whose flow is one choice over the document.
fn bundle_of(choice: &Value) -> String {
    let mut choice = choice.clone();
    choice["Next"] = json!("Yes");
    let states = json!({
        "Start": {"Type": "Action", "ActionName": "zis:common:action:LoadConfig",
                  "Parameters": {"scope": "s"}, "ResultPath": "$", "Next": "Ask"},
        "Ask": {"Type": "Choice", "Choices": [choice], "Default": "No"},
        "Yes": {"Type": "Succeed"},
        "No": {"Type": "Succeed"},
    });
    json!({
        "zis_template_version": "2019-10-14",
        "name": "choices",
        "resources": {
            "job": {"type": "ZIS::JobSpec", "properties": {
                "name": "job", "event_source": "support", "event_type": "ticket.TicketCreated",
                "flow_name": "zis:acme:flow:f"}},
            "f": {"type": "ZIS::Flow", "properties": {
                "name": "f", "definition": {"StartAt": "Start", "States": states}}},
        }
    })
    .to_string()
}

/// A configuration with the scope that `bundle_of` loads.
fn with_scope() -> Config {
    rules::config("integrations: { acme: { configs: { s: {} } } }")
}

/// The condition of a choice.
fn condition(text: &str) -> Condition {
    let (set, diagnostics) = compile("choice.json", text, &with_scope());
    assert_eq!(said(&diagnostics), "", "{text}");
    let steps = &set.rules[0].flow.steps;
    let ask = steps
        .iter()
        .find(|step| step.name == "Ask")
        .expect("the choice");
    let Action::Choose(choose) = &ask.action else {
        panic!("{:?}", ask.action);
    };
    choose.branches[0].when.clone().expect("a condition")
}

/// Whether a condition is true for a document.
fn holds(condition: &Condition, document: &Value) -> bool {
    let (event, vars) = (event(), Value::Null);
    let scope = Scope {
        document,
        ..Scope::new(&event, &vars)
    };
    evaluate(condition, &scope, &mut NoTrace) == Truth::True
}

#[test]
fn every_comparison_holds_for_what_its_cases_say() {
    let mut seen = 0;
    for path in files_below("tests/cases/bundles/choices") {
        let text = repository::read(&path);
        let cases: Value = serde_json::from_str(&text).expect("JSON");
        for case in cases.as_array().expect("a list of cases") {
            let condition = condition(&bundle_of(&case["choice"]));
            for (document, wanted) in ["yes", "no"].into_iter().flat_map(|key| {
                let documents = case[key].as_array().expect("documents").iter();
                documents.map(move |document| (document, key == "yes"))
            }) {
                let found = holds(&condition, document);
                assert_eq!(
                    found,
                    wanted,
                    "{}: {} over {document}",
                    path.display(),
                    case["choice"]
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 100, "only {seen} comparisons");
}

#[test]
fn a_choice_is_explained_without_hints_about_rules() {
    let (event, vars) = (event(), Value::Null);
    for (choice, document) in [
        (
            json!({"Variable": "$.a", "StringEquals": "URGENT"}),
            json!({"a": "urgent"}),
        ),
        (
            json!({"Variable": "$.a", "StringEquals": "x"}),
            json!({"b": "x"}),
        ),
        (
            json!({"Variable": "$.a", "NumericEquals": 1}),
            json!({"a": "1"}),
        ),
    ] {
        let condition = condition(&bundle_of(&choice));
        let scope = Scope {
            document: &document,
            ..Scope::new(&event, &vars)
        };
        let mut trace = Trace::default();
        assert!(evaluate(&condition, &scope, &mut trace) != Truth::True);
        assert_eq!(trace.lines.len(), 1, "{choice}");
        assert_eq!(trace.lines[0].hint, None, "{choice}");
    }
}

#[test]
fn a_json_bundle_is_read_however_it_is_written() {
    let plain = bundle_of(&json!({"Variable": "$.a", "StringEquals": "é \u{1f600} / \" \\ \t"}));
    let value: Value = serde_json::from_str(&plain).unwrap();
    let spaced = serde_json::to_string_pretty(&value).unwrap();
    let tabbed = spaced.replace("  ", "\t");
    let crlf = spaced.replace('\n', "\r\n");
    let escaped = plain
        .replace('é', "\\u00e9")
        .replace('\u{1f600}', "\\ud83d\\ude00")
        .replace(" / ", " \\/ ");
    let marked = format!("\u{feff}{spaced}");
    for text in [&plain, &spaced, &tabbed, &crlf, &escaped, &marked] {
        let document = json!({"a": "é \u{1f600} / \" \\ \t"});
        assert!(holds(&condition(text), &document), "{text}");
    }
}

#[test]
fn a_bundle_of_many_flows_loads() {
    let mut bundle: Value =
        serde_json::from_str(&bundle_of(&json!({"Variable": "$.a", "IsNull": true}))).unwrap();
    let flow = bundle["resources"]["f"].clone();
    let job = bundle["resources"]["job"].clone();
    for number in 0..120 {
        let (mut flow, mut job) = (flow.clone(), job.clone());
        flow["properties"]["name"] = json!(format!("f{number}"));
        job["properties"]["name"] = json!(format!("job{number}"));
        job["properties"]["flow_name"] = json!(format!("zis:acme:flow:f{number}"));
        bundle["resources"][format!("f{number}")] = flow;
        bundle["resources"][format!("job{number}")] = job;
    }
    let text = serde_json::to_string_pretty(&bundle).unwrap();
    assert!(text.len() > 100_000, "{}", text.len());
    let (set, diagnostics) = compile("b.json", &text, &Config::default());
    assert!(!diagnostics.has_errors(), "{}", said(&diagnostics));
    assert_eq!(set.rules.len(), 121);
}
