//! Tests that the schemas are current, accept what loads and reject what does not.
//! An independent validator checks them.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::json;

use super::*;
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
use flowtrigger_core::document::Node;
use flowtrigger_core::language::operator::SPECS;

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new(schema: Value) -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource("flowtrigger.json", schema).unwrap();
        let index = compiler.compile("flowtrigger.json", &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    fn accepts(&self, value: &Value) -> Result<(), String> {
        let valid = self.schemas.validate(value, self.index);
        valid.map_err(|error| format!("{error:#}"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents(text: &str) -> Vec<Value> {
    let mut diagnostics = Diagnostics::default();
    let documents = document::read(FileId::default(), text, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    documents.iter().map(Node::to_json).collect()
}

/// The files of `rules/` with selected names.
fn shipped(select: fn(&str) -> bool) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(root().join("rules")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| select(path.file_name().unwrap().to_str().unwrap()))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn is_rule(name: &str) -> bool {
    name.ends_with(".yaml") && !is_test(name)
}

fn is_test(name: &str) -> bool {
    name.ends_with(".test.yaml")
}

#[test]
fn the_committed_schemas_are_current() {
    for kind in SchemaKind::value_variants() {
        let name = match kind {
            SchemaKind::Rule => "rule",
            SchemaKind::Test => "test",
            SchemaKind::Config => "config",
            SchemaKind::Delivery => "delivery",
            SchemaKind::Replay => "replay",
            SchemaKind::Why => "why",
            SchemaKind::Runs => "runs",
            SchemaKind::Run => "run",
            SchemaKind::Send => "send",
            SchemaKind::Events => "events",
            SchemaKind::Schedule => "schedule",
            SchemaKind::DryRun => "dry-run",
            SchemaKind::Check => "check",
            SchemaKind::Diff => "diff",
            SchemaKind::Status => "status",
            SchemaKind::Pause => "pause",
            SchemaKind::Reload => "reload",
            SchemaKind::Push => "push",
            SchemaKind::Backup => "backup",
            SchemaKind::Restore => "restore",
            SchemaKind::Move => "move",
            SchemaKind::TestResults => "test-results",
            SchemaKind::Backtest => "backtest",
            SchemaKind::ExpectedRuns => "expected-runs",
        };
        let path = root().join(format!("schema/{name}.schema.json"));
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed,
            format!("{:#}\n", kind.schema()),
            "{} is old: `flowtrigger schema --of {name} > schema/{name}.schema.json`",
            path.display()
        );
    }
}

#[test]
fn every_shipped_rule_and_its_tests_are_valid() {
    let rule = Validator::new(SchemaKind::Rule.schema());
    let rules = shipped(is_rule);
    assert!(rules.len() >= 8, "{} rules", rules.len());
    for (path, text) in rules {
        for value in documents(&text) {
            rule.accepts(&value)
                .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
    let test = Validator::new(SchemaKind::Test.schema());
    for (path, text) in shipped(is_test) {
        for value in documents(&text) {
            test.accepts(&value)
                .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
}

#[test]
fn the_shipped_configuration_is_valid() {
    let config = Validator::new(SchemaKind::Config.schema());
    let text = fs::read_to_string(root().join("flowtrigger.yaml")).unwrap();
    for value in documents(&text) {
        config.accepts(&value).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn a_shipped_rule_names_its_schema_first() {
    for (path, text) in shipped(is_rule) {
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = named.map(|schema| path.parent().unwrap().join(schema));
        assert!(
            schema.is_some_and(|s| Path::exists(&s)),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_examples_of_every_operator_are_valid() {
    let rule = Validator::new(SchemaKind::Rule.schema());
    for (spec, example) in SPECS
        .iter()
        .flat_map(|s| s.examples.iter().map(move |e| (s, e)))
    {
        let beside = documents(example.test).remove(0);
        let value = with_when(json!({ example.field: beside }));
        rule.accepts(&value)
            .unwrap_or_else(|why| panic!("{} `{}`: {why}", spec.name, example.test));
    }
}

fn with_when(when: Value) -> Value {
    json!({
        "name": "a", "event_source": "support", "event_type": "ticket.PriorityChanged",
        "when": when, "flow": [{"succeed": null}],
    })
}

#[test]
fn mistakes_that_loading_rejects_are_rejected() {
    let rule = Validator::new(SchemaKind::Rule.schema());
    let good = with_when(json!({"current": "urgent"}));
    assert_eq!(rule.accepts(&good), Ok(()));
    let changed = |key: &str, value: Value| {
        let mut bad = good.clone();
        bad[key] = value;
        bad
    };
    for bad in [
        changed("nmae", json!("x")),
        changed("name", json!("two words")),
        changed("flow", json!([])),
        changed(
            "flow",
            json!([{"http": {"url": "https://a.example"}, "exec": ["a"]}]),
        ),
        changed("flow", json!([{"http": {"path": "/a"}}])),
        changed("mode", json!("on")),
        changed("event_type", json!([])),
        changed("when", json!({"current": {"is_not": "urgent"}})),
        changed("when", json!({"any": {"current": "urgent"}})),
        changed("dedupe", json!({"for": "1h"})),
        changed("dedupe", json!("1h")),
        changed("throttle", json!({"limit": 0, "in": "1h"})),
        changed("during", json!({"is": "office"})),
        changed("throttle", json!({"limit": 1, "in": {"during": "office"}})),
        changed("flow", json!([{"wait": {"during": "office"}}])),
        changed(
            "flow",
            json!([{"wait": {"for": "1h", "until": "event.time"}}]),
        ),
        changed("on_dead", json!({"succeed": null})),
        changed("flow_name", json!("page")),
        changed("flow", json!([{"choose": []}])),
        changed("flow", json!([{"choose": [{"when": {"current": "low"}}]}])),
        changed("flow", json!([{"for_each": "ticket.tags"}])),
        changed("flow", json!([{"for_each": "ticket.tags", "flow": "page"}])),
        changed("flow", json!([{"flow": [{"set": 1}]}])),
        changed("flow", json!([{"wait": {}}])),
        changed("flow", json!([{"wait": 4}])),
        changed("flow", json!([{"set": {"jq": ".", "inputs": 1}}])),
        changed("flow", json!([{"exec": ["a"], "catch": []}])),
        changed("flows", json!({"page": {"flow": [{"set": 1}]}})),
        changed("debounce", json!({"per": "ticket.id"})),
        changed("debounce", json!({"quiet": "1h", "keep": "latest"})),
        changed("tests", json!([{"expect": "match"}])),
    ] {
        assert!(rule.accepts(&bad).is_err(), "{bad}");
    }
    for good in [
        json!([{"choose": [{"when": {"current": "low"}, "flow": [{"set": 1}]}, {"flow": [{"fail": null}]}]}]),
        json!([{"for_each": "ticket.tags", "as": "tag", "concurrency": 4, "on_failure": "continue", "flow": [{"exec": ["a"]}]}]),
        json!([{"wait": "4h"}, {"wait": {"until": "event.time"}}]),
        json!([{"wait": {"for": "4h", "during": {"not": "office"}}}]),
        json!([{"exec": ["a"], "retry": {"attempts": 3, "during": "office"}}]),
        json!([{"set": {"jq": ".ticket.id", "input": {"a": 1}}}, {"set": {"a": 1}}]),
        json!([{"flow": "page", "vars": {"a": 1}, "catch": [{"set": "{{ error.message }}"}]}]),
    ] {
        assert_eq!(
            rule.accepts(&changed("flow", good.clone())),
            Ok(()),
            "{good}"
        );
    }
    let flows = json!({"flows": {"page": {"vars": {"a": null}, "flow": [{"exec": ["a"]}], "catch": [{"set": 1}]}}});
    assert_eq!(rule.accepts(&flows), Ok(()));
    for bad in [json!({"flows": {}}), json!({"flows": {"page": {}}})] {
        assert!(rule.accepts(&bad).is_err(), "{bad}");
    }
    let gated = with_when(json!({"current": "urgent"}));
    let mut gated = gated.as_object().cloned().unwrap();
    for (key, value) in [
        ("dedupe", json!({"per": "ticket.id", "for": "24h"})),
        (
            "debounce",
            json!({"quiet": {"for": "1h", "during": "office"}, "at_most": "4h", "keep": "all"}),
        ),
        ("during", json!({"not": "office"})),
        ("throttle", json!({"limit": 3, "in": "1h"})),
        ("on_dead", json!([])),
    ] {
        gated.insert(key.into(), value);
    }
    assert_eq!(rule.accepts(&gated.into()), Ok(()));
    let config = Validator::new(SchemaKind::Config.schema());
    for good in [
        json!({"outgoing": {"retry": {"for": "8h", "during": "office"}}}),
        json!({"archive": "off", "retention": {"for": "30d"}, "limits": {"runs": 4}}),
        json!({"archive": {"events": "unmatched", "for": "1d", "at_most": "1.5 GB"}}),
        json!({"on_dead": [{"http": {"url": "https://a.example"}}, {"when": {"error.attempts": 1}}]}),
    ] {
        assert_eq!(config.accepts(&good), Ok(()), "{good}");
    }
    for bad in [
        json!({"connections": {"a": {}}}),
        json!({"connections": {"a": {"base_url": "https://a.example", "auth": {}}}}),
        json!({"secrets": {"A": {"value": "x"}}}),
        json!({"event_types": [{"name": "a.B"}]}),
        json!({"mode": "on"}),
        json!({"archive": "on"}),
        json!({"archive": {"at_most": 7}}),
        json!({"retention": "7d"}),
        json!({"limits": {"runs": 0}}),
        json!({"on_dead": [{"https": {}}]}),
    ] {
        assert!(config.accepts(&bad).is_err(), "{bad}");
    }
}

#[test]
fn tests_are_accepted_as_they_are_loaded() {
    let test = Validator::new(SchemaKind::Test.schema());
    let rule = Validator::new(SchemaKind::Rule.schema());
    let both = |one: &Value| {
        let of_file = test.accepts(&json!([one]));
        let mut with_test = with_when(json!({"current": "urgent"}));
        with_test["tests"] = json!([one]);
        assert_eq!(of_file.is_ok(), rule.accepts(&with_test).is_ok(), "{one}");
        of_file
    };
    let run = json!({"event": "a.json", "expect": "match"});
    let of = |key: &str, value: Value| {
        let mut changed = run.clone();
        changed[key] = value;
        changed
    };
    let events = |events: Value| json!({"event": "a.json", "events": events});
    for good in [
        run.clone(),
        of("event", json!({"input": {}})),
        of(
            "steps",
            json!({"page": {"json": {"text": {"contains": "x"}}}, "note": "not sent"}),
        ),
        of(
            "mock",
            json!({"page": [{"fails": "off"}, {"status": 200, "body": [1]}]}),
        ),
        of("attempts", json!({"page": 3})),
        of("guard", json!("vip")),
        of("name", json!(5)),
        json!({"event": "a.json", "expect": "suppressed"}),
        of("now", json!("2026-03-01T09:00:00+01:00")),
        of("mock", json!({"page": {"fails": 3}})),
        events(json!([{"at": "+5m", "expect": "match", "starts": "1.5 h"}])),
        events(json!([{"at": "0s", "expect": "no match", "because": "current"}])),
        json!({"event": "a.json", "expect": "no match", "because": "current"}),
        events(json!([{"at": "0s", "expect": "match", "starts": "5m", "ends": "done"}])),
        json!({"runs": 1, "order": [2, 1], "mock": {}, "events": [
            {"at": "0s", "event": "a.json", "expect": "match"},
            {"at": "1m", "event": {}, "expect": "suppressed", "gate": "dedupe"},
            {"at": "2m", "event": {}, "expect": "held"},
        ]}),
    ] {
        assert_eq!(both(&good), Ok(()), "{good}");
    }
    for bad in [
        json!({"expect": "match"}),
        json!({"event": "a.json"}),
        of("expect", json!("held")),
        of("expects", json!("match")),
        of("because", json!("current")),
        of("steps", json!({"page": "sent"})),
        of("mock", json!({"page": {"code": 200}})),
        of("mock", json!({"page": {"fails": "off", "status": 200}})),
        of("ends", json!("waiting")),
        of("runs", json!(1)),
        of("attempts", json!({"page": 100_000_000_000_u64})),
        of("now", json!("tomorrow")),
        of("now", json!("-1h")),
        of("mock", json!({"page": {"status": "200"}})),
        of("mock", json!({"page": {"headers": ["a"]}})),
        events(json!([{"at": "1..5h", "expect": "match"}])),
        events(json!([{"at": "0s", "expect": "suppressed", "because": "current"}])),
        json!({"event": "a.json", "events": [{"at": "0s", "expect": "match"}], "order": [1]}),
        json!({"event": "a.json", "events": [{"at": "0s", "expect": "match"}], "order": [1, 1]}),
        json!({"event": "a.json", "expect": "match", "guard": "g", "ends": "done"}),
        json!({"event": "a.json", "expect": "no match", "ends": "done"}),
        json!({"event": "a.json", "expect": "match", "events": [{"at": "0s", "expect": "match"}]}),
        events(json!([])),
        events(json!([{"expect": "match"}])),
        events(json!([{"at": "0s"}])),
        events(json!([{"at": "0s", "expect": "match", "gate": "dedupe"}])),
        events(json!([{"at": "0s", "expect": "suppressed", "gate": "lane"}])),
        events(json!([{"at": "0s", "expect": "held", "ends": "dead"}])),
        events(json!([{"at": "soon", "expect": "match"}])),
    ] {
        assert!(both(&bad).is_err(), "{bad}");
    }
}

#[test]
fn the_schema_knows_the_fields_of_each_event_type() {
    let schema = SchemaKind::Rule.schema();
    let text = format!("{schema:#}");
    assert!(text.len() < 300_000, "{} bytes", text.len());
    let fields = event_fields::names(&schema, "ticket.PriorityChanged");
    for field in [
        "current",
        "previous",
        "ticket.tags",
        "ticket.priority",
        "meta.sequence.id",
    ] {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
    assert!(!fields.contains(&"comment.body"), "{fields:?}");
    assert!(event_fields::names(&schema, "ticket.CommentAdded").contains(&"comment.body"));
    assert!(event_fields::names(&schema, "ticket.*").contains(&"ticket.id"));
    // Unknown fields are for `check`, because families and configured types are open.
    let rule = Validator::new(schema);
    let unknown =
        with_when(json!({"any": [{"ticket.color": "red"}], "ticket.tag": {"has": "vip"}}));
    assert_eq!(rule.accepts(&unknown), Ok(()));
}

/// A key that is not described, and one that is left out, are found at every level.
#[test]
fn an_answer_that_differs_from_its_schema_is_rejected() {
    let check = Validator::new(SchemaKind::Check.schema());
    let problem = json!({
        "code": "syntax", "severity": "error", "file": "a.yaml", "line": 1, "column": 2,
        "message": "invalid", "help": null,
    });
    let good = json!({
        "version": 1, "rules": 0, "files": 1, "errors": 1, "warnings": 0, "mode_limit": null, "unread_config": null, "diagnostics": [problem],
    });
    assert_eq!(check.accepts(&good), Ok(()));
    let mut bad = vec![good.clone(); 5];
    bad[0]["other"] = 1.into();
    bad[1]["version"] = 2.into();
    bad[2]["diagnostics"][0]["other"] = 1.into();
    bad[3]["diagnostics"][0]["line"] = "1".into();
    bad[4].as_object_mut().unwrap().remove("rules");
    for bad in bad {
        assert!(check.accepts(&bad).is_err(), "{bad}");
    }
}
