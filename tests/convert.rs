//! Conversions, file by file: what the rules are and what is listed as left. `UPDATE_CASES=1` writes the
//! expected rules anew; read them as whoever wrote the original would before you keep them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::convert::{Conversion, Converted, Names, NotConvertible, convert};
use flowtrigger::core::diagnostic::{Code, Diagnostics, Files};
use flowtrigger::core::matching::ruleset::RuleSet;

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
    let set = RuleSet::compile(&files, &[file], &config, &mut diagnostics);
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
    assert_eq!(left.count(), 1);
}

mod in_action {
    //! Converted rules over events: they fire for what their triggers were made for, and send what their
    //! bundle sends, failure by failure.

    use std::hash::{DefaultHasher, Hash, Hasher};

    use flowtrigger::core::event::Event;
    use flowtrigger::core::event::catalogue::Catalogue;
    use flowtrigger::core::event::decode::decode;
    use flowtrigger::core::flow::Subject;
    use flowtrigger::core::flow::call::{Body, Call, HttpCall};
    use flowtrigger::core::flow::rehearse::rehearse;
    use flowtrigger::core::rule::jobspec::Rule;
    use flowtrigger::core::run::Outcome;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    const CONNECTIONS: [(&str, &str); 10] = [
        ("zendesk", "https://acme.zendesk.example"),
        ("desk", "https://acme.zendesk.example"),
        ("acme_chat", "https://chat.acme.example"),
        ("crm_oauth", "https://crm.harborlane.example"),
        ("workspace_chat", "https://chat.harborlane.example"),
        ("chat", "https://chat.harborlane.example"),
        ("crm", "https://crm.harborlane.example"),
        ("pager", "https://pager.harborlane.example"),
        ("audit", "https://audit.harborlane.example"),
        ("csat", "https://csat.harborlane.example"),
    ];

    fn config() -> Config {
        let connections =
            CONNECTIONS.map(|(name, url)| format!("  {name}: {{ base_url: \"{url}\" }}\n"));
        let text = format!(
            "vars:\n  triage: {SETTINGS}\n  ways: {SETTINGS}\nconnections:\n{}",
            connections.concat()
        );
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("flowtrigger.yaml", text.as_str());
        let config = config::parse(file, &text, &BTreeMap::new(), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
        config
    }

    fn rules(name: &str, text: &str, config: &Config) -> RuleSet {
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add(name, text);
        let set = RuleSet::compile(&Arc::new(files), &[file], config, &mut diagnostics);
        let said: Vec<String> = diagnostics
            .sorted()
            .iter()
            .map(|d| format!("{}:{} {}", d.at.line, d.at.column, d.message))
            .collect();
        assert!(!diagnostics.has_errors(), "{name}: {said:#?}\n{text}");
        set
    }

    fn events() -> Vec<(String, Event)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/events/zis");
        let mut events = Vec::new();
        for entry in fs::read_dir(folder).expect("samples") {
            let path = entry.expect("an entry").path();
            let value: Value = serde_json::from_str(&read(&path)).expect("JSON");
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let body = "/input/ticket_event";
            let changes = [
                json!({}),
                json!({"ticket/priority": "urgent", "current": "urgent", "ticket/type": "incident"}),
                json!({"ticket/priority": "high", "ticket/organization_id": null, "current": "high"}),
                json!({"ticket/status": "closed", "ticket/type": "task", "ticket/via/channel": "api"}),
                json!({"tags_added": ["vip", "other", "vip"], "current": "urgent", "ticket/type": null}),
            ];
            for (number, change) in changes.iter().enumerate() {
                let mut value = value.clone();
                for (at, new) in change.as_object().expect("changes") {
                    if let Some(old) = value.pointer_mut(&format!("{body}/{at}")) {
                        *old = new.clone();
                    }
                }
                if let Ok(event) = decode(value, Catalogue::built_in()) {
                    events.push((format!("{name} changed {number}"), event));
                }
            }
        }
        assert!(events.len() > 50, "{}", events.len());
        events
    }

    /// A sample with some of the event's fields changed.
    fn changed(sample: &str, changes: Value) -> Event {
        let path = format!("examples/events/zis/{sample}.json");
        let mut value: Value =
            serde_json::from_str(&read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)))
                .expect("JSON");
        for (at, new) in changes.as_object().expect("changes") {
            let body = value.pointer_mut("/input/ticket_event").expect("a body");
            let (object, key) = at.rsplit_once('.').unwrap_or(("", at));
            let object = object
                .split('.')
                .filter(|name| !name.is_empty())
                .fold(body, |o, name| &mut o[name]);
            object[key] = new.clone();
        }
        decode(value, Catalogue::built_in()).expect("an event")
    }

    #[test]
    fn a_converted_trigger_fires_for_the_updates_that_it_was_made_for() {
        let both = |case: &str| {
            let conversion = converted(&read(
                &Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(format!("tests/cases/convert/{case}.json")),
            ));
            let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
            rules(
                "converted.yaml",
                &texts.join("---\n"),
                &configuration(&conversion),
            )
        };
        let sets =
            ["changes", "states", "comments", "custom-fields"].map(|case| (case, both(case)));
        let later = "2026-03-09T09:00:00Z";
        let comment = |public: bool, staff: bool, body: &str| json!({"comment.is_public": public, "comment.author.is_staff": staff, "comment.body": body, "ticket.updated_at": later});
        for (case, rule, sample, changes, wanted) in [
            (
                "changes",
                "solved-tell-the-crm",
                "status-changed",
                json!({"current": "solved", "previous": "pending", "ticket.priority": null}),
                true,
            ),
            (
                "changes",
                "solved-tell-the-crm",
                "status-changed",
                json!({"current": "solved", "previous": "open"}),
                false,
            ),
            (
                "changes",
                "solved-tell-the-crm",
                "status-changed",
                json!({"current": "solved", "previous": "pending", "ticket.priority": "low"}),
                false,
            ),
            (
                "changes",
                "solved-tell-the-crm",
                "ticket-created",
                json!({"ticket.status": "solved"}),
                false,
            ),
            (
                "changes",
                "urgent-also-when-new",
                "priority-changed",
                json!({"current": "urgent"}),
                true,
            ),
            (
                "changes",
                "urgent-also-when-new",
                "priority-changed",
                json!({"current": "high", "ticket.priority": "urgent"}),
                false,
            ),
            (
                "changes",
                "urgent-also-when-new",
                "ticket-created",
                json!({"ticket.priority": "urgent"}),
                true,
            ),
            (
                "changes",
                "urgent-also-when-new",
                "status-changed",
                json!({"ticket.priority": "urgent"}),
                false,
            ),
            (
                "changes",
                "any-of-several-changes",
                "agent-assignment-changed",
                json!({"previous": null, "ticket.brand_id": 31}),
                true,
            ),
            (
                "changes",
                "any-of-several-changes",
                "agent-assignment-changed",
                json!({"previous": 7, "ticket.brand_id": 31}),
                false,
            ),
            (
                "changes",
                "any-of-several-changes",
                "group-assignment-changed",
                json!({"current": 2290250, "ticket.brand_id": 31}),
                true,
            ),
            (
                "changes",
                "any-of-several-changes",
                "group-assignment-changed",
                json!({"current": 1, "ticket.group_id": 1, "ticket.brand_id": 31}),
                false,
            ),
            (
                "changes",
                "any-of-several-changes",
                "status-changed",
                json!({"ticket.brand_id": 32}),
                false,
            ),
            (
                "changes",
                "form-and-brand",
                "brand-changed",
                json!({"previous": 31}),
                true,
            ),
            (
                "changes",
                "form-and-brand",
                "brand-changed",
                json!({"previous": 30}),
                false,
            ),
            (
                "changes",
                "form-and-brand",
                "ticket-form-changed",
                json!({"current": 89}),
                true,
            ),
            (
                "changes",
                "form-and-brand",
                "ticket-form-changed",
                json!({"current": 90}),
                false,
            ),
            (
                "changes",
                "not-changed-to-not-changed-from",
                "status-changed",
                json!({"current": "open", "previous": "pending"}),
                true,
            ),
            (
                "changes",
                "not-changed-to-not-changed-from",
                "status-changed",
                json!({"current": "closed", "previous": "pending"}),
                false,
            ),
            (
                "changes",
                "not-changed-to-not-changed-from",
                "status-changed",
                json!({"current": "open", "previous": "new"}),
                false,
            ),
            (
                "states",
                "changes-or-states",
                "tags-changed",
                json!({"ticket.tags": ["watched"], "ticket.organization_id": null, "ticket.updated_at": later}),
                true,
            ),
            (
                "states",
                "changes-or-states",
                "tags-changed",
                json!({"ticket.tags": ["watched"], "ticket.organization_id": 7, "ticket.updated_at": later}),
                false,
            ),
            (
                "states",
                "changes-or-states",
                "priority-changed",
                json!({"ticket.tags": ["watched"], "ticket.organization_id": null, "ticket.updated_at": later}),
                false,
            ),
            (
                "states",
                "new-or-not",
                "ticket-soft-deleted",
                json!({}),
                false,
            ),
            ("states", "new-or-not", "subject-changed", json!({}), true),
            (
                "comments",
                "customer-replied",
                "comment-added",
                comment(true, false, "A REFUND, please"),
                true,
            ),
            (
                "comments",
                "customer-replied",
                "comment-added",
                comment(true, false, "it was refunded"),
                false,
            ),
            (
                "comments",
                "customer-replied",
                "comment-added",
                comment(true, true, "refund"),
                false,
            ),
            (
                "comments",
                "customer-replied",
                "comment-added",
                comment(false, false, "refund"),
                false,
            ),
            (
                "comments",
                "any-note-also-the-first",
                "comment-added",
                comment(false, true, "x"),
                true,
            ),
            (
                "custom-fields",
                "refund-amount-set",
                "custom-field-changed-text",
                json!({"custom_field.id": 4420, "current": "219.00"}),
                true,
            ),
            (
                "custom-fields",
                "refund-amount-set",
                "custom-field-changed-text",
                json!({"custom_field.id": 4420, "current": "99.99"}),
                false,
            ),
            (
                "custom-fields",
                "refund-amount-set",
                "custom-field-changed-text",
                json!({"custom_field.id": 9, "current": "219.00"}),
                false,
            ),
            (
                "custom-fields",
                "checkbox-ticked",
                "custom-field-changed-text",
                json!({"custom_field.id": 77, "current": true}),
                true,
            ),
            (
                "custom-fields",
                "checkbox-ticked",
                "custom-field-changed-text",
                json!({"custom_field.id": 77, "current": false}),
                false,
            ),
        ] {
            let (_, set) = sets.iter().find(|(name, _)| *name == case).expect("a case");
            let named = |found: &Arc<Rule>| found.name == rule;
            assert!(set.rules.iter().any(named), "no rule {rule}");
            let event = changed(sample, changes.clone());
            let fires = set.matches(&event).into_iter().any(named);
            assert_eq!(fires, wanted, "{rule}: {sample} with {changes}");
        }
    }

    /// The same reply to the same call, another in each world.
    fn reply(call: &Call, world: u64) -> Outcome {
        let mut hasher = DefaultHasher::new();
        let told = match call {
            Call::Http(http) => told(http),
            Call::Jq(jq) => format!("{} {}", jq.program, jq.input),
            Call::Exec(_) | Call::Config(_) => String::new(),
        };
        (told, world).hash(&mut hasher);
        let roll = hasher.finish();
        match call {
            Call::Http(_) if world > 0 && roll.is_multiple_of(3) => Outcome::Failed {
                message: "answered 404".into(),
                retryable: false,
                retry_after: None,
                status: Some(404),
            },
            Call::Http(_) => Outcome::Succeeded {
                result: json!({"status": 200, "headers": {}, "body": body(roll)}),
            },
            Call::Jq(_) => Outcome::Succeeded {
                result: json!([{"tag": "vip", "ticket": 1, "comment_id": roll % 7, "ticket_id": 4}, {"tag": "x", "ticket": 2, "comment_id": 8, "ticket_id": 9}]),
            },
            Call::Config(_) => Outcome::Succeeded {
                result: serde_json::to_value(BTreeMap::from([
                    ("channel", json!("#triage")),
                    ("extra_channel", json!("chat")),
                    ("escalation_group", json!(2290250)),
                    ("low_score", json!(3)),
                    ("least", json!(100)),
                    ("greeting", json!("Hello")),
                ]))
                .expect("JSON"),
            },
            Call::Exec(_) => Outcome::Succeeded {
                result: Value::Null,
            },
        }
    }

    /// All of a request that its receiver sees.
    fn told(http: &HttpCall) -> String {
        let body = match &http.body {
            Some(Body::Json(tree)) => tree.redacted().to_string(),
            other => format!("{other:?}"),
        };
        let (method, url, headers) = (&http.method, &http.url, &http.headers);
        format!("{method} {url:?} {headers:?} {body} {:?}", http.connection)
    }

    fn body(roll: u64) -> Value {
        let tier = if roll.is_multiple_of(2) {
            "enterprise"
        } else {
            "basic"
        };
        let mut organization = json!({"name": format!("Acme {}", roll % 5), "size": roll % 300, "organization_fields": {"tier": tier}});
        if roll.is_multiple_of(4) {
            organization["account"] = json!("a1");
        }
        json!({
            "organization": organization,
            "user": {"level": roll % 9},
            "incident": {"id": format!("i{}", roll % 11)},
            "name": "found",
            "accounts": if roll.is_multiple_of(2) { json!([{"id": "a7"}]) } else { json!([]) },
            "ticket": {"satisfaction": {"score": roll % 6}},
            "comments": [],
        })
    }

    /// The requests of a rule for an event.
    fn requests(rule: &Rule, set: &RuleSet, event: &Event, world: u64) -> Vec<String> {
        if !set
            .matches(event)
            .iter()
            .any(|found| found.name == rule.name)
        {
            return Vec::new();
        }
        let subject = Subject {
            event,
            vars: &rule.vars,
            error: &Value::Null,
            locals: &Value::Null,
            seed: "",
        };
        let now = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut runs = |call: &Call| Some(reply(call, world));
        let run = rehearse(&rule.flow, &subject, &BTreeMap::new(), now, &mut runs);
        let calls = run.calls.iter().filter_map(|task| match &task.call {
            Call::Http(http) => Some(told(http)),
            Call::Jq(jq) => Some(format!("jq {} {}", jq.program, jq.input)),
            Call::Exec(_) | Call::Config(_) => None,
        });
        calls.collect()
    }

    #[test]
    fn a_converted_bundle_sends_what_the_bundle_sends() {
        let config = config();
        let events = events();
        let (mut sent, mut compared) = (0, 0);
        for name in [
            "tests/cases/convert/bundle-escalation.json",
            "tests/cases/convert/bundle-ways.yaml",
            "examples/bundles/small/notify.yaml",
            "examples/bundles/triage/triage.json",
        ] {
            let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
            let conversion = converted(&text);
            let texts: Vec<String> = conversion.rules.iter().map(Converted::text).collect();
            let (theirs, ours) = (
                rules(name, &text, &config),
                rules("converted.yaml", &texts.join("---\n"), &config),
            );
            for rule in &ours.rules {
                let named = |other: &&Arc<Rule>| other.name.ends_with(&rule.name.replace('-', "_"));
                let original = theirs.rules.iter().find(named).unwrap_or_else(|| {
                    panic!(
                        "{name}: {}: {:?}",
                        rule.name,
                        theirs.rules.iter().map(|r| &r.name).collect::<Vec<_>>()
                    )
                });
                for (told, event) in &events {
                    for world in 0..6 {
                        let (from, to) = (
                            requests(original, &theirs, event, world),
                            requests(rule, &ours, event, world),
                        );
                        assert_eq!(
                            from,
                            to,
                            "{name}: {}: {told}, world {world}\n{}",
                            rule.name,
                            texts.join("---\n")
                        );
                        sent += from.len();
                        compared += 1;
                    }
                }
            }
        }
        assert!(sent > 500 && compared > 1000, "{sent} {compared}");
    }
}
