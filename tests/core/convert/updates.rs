//! Converted triggers on updates: each folder of `tests/cases/triggers` has an export, the updates for which the
//! trigger fires or does not, and the expected rule and requests. `UPDATE_CASES=1` writes the expected files.

use std::fmt::Write;
use std::path::Path;

use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::flow::call::{Call, RequestBody};
use flowtrigger_core::flow::decide::RunInput;
use flowtrigger_core::flow::simulate::{Mock, Mocks, Simulation, simulate};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::answer_link::AnswerLinks;
use flowtrigger_testing::{expected, repository, rules};
use jiff::Timestamp;
use serde_json::Value;

use super::samples::changed;
use super::{configuration, converted, messages, shown};

/// The folders with cases.
const CASES: &str = "tests/cases/triggers";

/// One update of a ticket.
struct Update {
    event: Event,
    /// Whether a trigger fires, and so whether the rule must send its requests.
    fires: bool,
    /// The replies of the help desk that differ from those of all cases.
    replies: Value,
    description: String,
}

impl Update {
    fn read(given: &Value) -> Self {
        let sample = given["event"].as_str().expect("a sample");
        let empty = Value::Object(serde_json::Map::new());
        let set = given.get("set").unwrap_or(&empty);
        Self {
            event: changed(sample, set.clone()),
            fires: given["fires"].as_bool().expect("whether it fires"),
            replies: given.get("replies").unwrap_or(&empty).clone(),
            description: format!("{sample} {set}"),
        }
    }
}

fn export_of(case: &Path) -> String {
    let names = ["export.json", "export.tf", "export.tf.json"];
    let found = names.iter().map(|name| case.join(name));
    let found = found.into_iter().find(|path| path.exists());
    repository::read(found.expect("an export"))
}

fn updates(case: &Path) -> Vec<Update> {
    let text = repository::read(case.join("updates.json"));
    let given: Vec<Value> = serde_json::from_str(&text).expect("a list of updates");
    given.iter().map(Update::read).collect()
}

/// The replies of the help desk, by step.
fn replies(own: &Value) -> Mocks {
    let text = repository::read(repository::path(&format!("{CASES}/replies.json")));
    let mut all: Value = serde_json::from_str(&text).expect("replies");
    for (step, reply) in own.as_object().expect("replies by step") {
        all[step] = reply.clone();
    }
    let all = all.as_object().expect("replies by step").iter();
    let reply = |body: &Value| Mock::Reply(serde_json::json!({"status": 200, "body": body}));
    all.map(|(step, body)| (step.clone(), vec![reply(body)]))
        .collect()
}

fn matched<'s>(set: &'s RuleSet, event: &Event) -> Vec<&'s Rule> {
    let mut scratch = MatchScratch::default();
    let evaluation = set.evaluate_event(event, &mut scratch);
    let names: Vec<String> = evaluation.matched().map(|rule| rule.name.clone()).collect();
    let rules = set.rules.iter().map(AsRef::as_ref);
    rules.filter(|rule| names.contains(&rule.name)).collect()
}

fn run(rule: &Rule, update: &Update) -> Simulation {
    let subject = RunInput {
        event: &update.event,
        vars: &rule.vars,
        error: &Value::Null,
        locals: &Value::Null,
        seed: "case",
        links: AnswerLinks::Hidden,
    };
    let mocks = replies(&update.replies);
    simulate(
        &rule.flow,
        &subject,
        &mocks,
        Timestamp::UNIX_EPOCH,
        &mut |_| None,
    )
}

fn request(call: &Call) -> String {
    let Call::Http(http) = call else {
        return "not a request".into();
    };
    let body = match &http.body {
        Some(RequestBody::Json(tree)) => format!(" {}", tree.redacted()),
        Some(RequestBody::Form(fields)) => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            fields.collect()
        }
        Some(RequestBody::Raw(text)) => format!(" {text}"),
        None => String::new(),
    };
    format!("{} {}{body}", http.method, http.url)
}

fn writes(call: &Call) -> bool {
    matches!(call, Call::Http(http) if http.method != "GET")
}

/// What the rules do on the updates; panics where a trigger would do something else.
fn described(case: &Path) -> String {
    let conversion = converted(&export_of(case));
    let texts: Vec<String> = conversion.rules.iter().map(|rule| rule.text()).collect();
    let config = match conversion.rules.is_empty() {
        true => Config::default(),
        false => configuration(&conversion),
    };
    let set = rules::load(&[("converted.yaml", &texts.join("---\n"))], &config);
    let mut text = String::new();
    for update in updates(case) {
        let _ = writeln!(text, "{}", update.description);
        let mut sent = false;
        for rule in matched(&set, &update.event) {
            let run = run(rule, &update);
            let _ = writeln!(text, "  {}: {}", rule.name, run.state.as_str());
            for task in &run.calls {
                let _ = writeln!(text, "    {}: {}", task.step, request(&task.call));
                sent |= writes(&task.call);
            }
        }
        assert_eq!(
            sent,
            update.fires,
            "{}: {}\n{text}",
            case.display(),
            update.description
        );
    }
    text
}

fn cases() -> Vec<std::path::PathBuf> {
    let mut cases = repository::entries(repository::path(CASES));
    cases.retain(|path| path.is_dir());
    cases
}

#[test]
fn a_converted_trigger_does_on_updates_what_the_trigger_does() {
    let cases = cases();
    assert!(cases.len() >= 20, "only {} cases were found", cases.len());
    let differences = cases.iter().filter_map(|case| {
        let rule = shown(&converted(&export_of(case)));
        let rule = expected::difference(&case.join("rules.expected"), &rule);
        let requests = expected::difference(&case.join("requests.expected"), &described(case));
        rule.or(requests)
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_converted_case_passes_check() {
    for case in cases() {
        let conversion = converted(&export_of(&case));
        let found = messages(&conversion);
        assert_eq!(found, Vec::<String>::new(), "{}", case.display());
    }
}

/// An inexact conversion never acts: a rule is live only if it omits nothing.
#[test]
fn a_rule_with_an_omission_is_never_live() {
    let (mut live, mut shadow) = (0, 0);
    let mut files: Vec<String> = cases().iter().map(|case| export_of(case)).collect();
    files.extend(super::cases().iter().map(repository::read));
    for text in files {
        let conversion = converted(&text);
        for rule in &conversion.rules {
            let mode = rule.document.get("mode").and_then(Value::as_str);
            let is_live = mode.is_none();
            assert!(!is_live || rule.omitted.is_empty(), "{}", rule.text());
            live += usize::from(is_live);
            shadow += usize::from(mode == Some("shadow"));
        }
    }
    assert!(live >= 15 && shadow >= 5, "{live} live, {shadow} in shadow");
}

#[test]
fn an_incomplete_export_is_an_error() {
    let trigger = r#"{"title": "a", "conditions": {"all": [], "any": []}, "actions": []}"#;
    for rest in [
        r#""count": 140"#,
        r#""next_page": "https://desk.zendesk.example/api/v2/triggers.json?page=2""#,
        r#""previous_page": "https://desk.zendesk.example/api/v2/triggers.json?page=1""#,
        r#""meta": {"has_more": true}"#,
    ] {
        let text = format!("{{\"triggers\": [{trigger}], {rest}}}");
        let mut names = flowtrigger_core::convert::NameAllocator::default();
        let error = flowtrigger_core::convert::convert(&text, &mut names, &Config::default());
        let error = error.expect_err("an incomplete export").to_string();
        assert!(error.contains("the export is incomplete"), "{error}");
    }
    let whole = format!(
        "{{\"triggers\": [{trigger}], \"count\": 1, \"next_page\": null, \"previous_page\": null, \"meta\": {{\"has_more\": false}}}}"
    );
    assert_eq!(converted(&whole).omitted.len(), 1);
}
