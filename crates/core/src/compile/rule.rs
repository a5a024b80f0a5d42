//! Lowers one document to a rule.
//! Lowering continues after a mistake, so that all are reported; a document with a mistake gives no rule.

use std::mem::take;
use std::sync::Arc;

use serde_json::Value;

use crate::compile::cache::CompileCache;
use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::{lower_source, lower_types};
use crate::compile::every;
use crate::compile::flow::action::STEP;
use crate::compile::flow::named_flows::NamedFlows;
use crate::compile::flow::on_dead::lower_on_dead;
use crate::compile::flow::wait_for;
use crate::compile::gates;
use crate::compile::self_trigger;
use crate::compile::sequence::absent::absence;
use crate::compile::sequence::lower_sequence;
use crate::compile::steps_to_run::lower_steps_to_run;
use crate::compile::write_targets;
use crate::config::Config;
use crate::config::mode::Mode;
use crate::config::variables;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};
use crate::event::type_pattern::TypePattern;
use crate::language::condition::Condition;
use crate::language::event_fields::EventFields;
use crate::language::names::{Local, LocalType};
use crate::language::resolver::NameResolver;
use crate::rule::test;
use crate::rule::version::RuleVersion;
use crate::rule::vocabulary::JOBSPEC;
use crate::rule::{Lane, Rule};

/// Lowers one document of a rule file. Returns None after reporting its mistakes.
pub fn lower(
    node: &Node,
    folder: &str,
    version: RuleVersion,
    config: &Config,
    flows: &NamedFlows,
    cache: &mut CompileCache,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Rule>> {
    if reject_other_documents(node, diagnostics) {
        return None;
    }
    let before = diagnostics.errors();
    let mut cx = Compiler {
        folder: folder.to_owned(),
        named_flows: flows,
        ..Compiler::new(config, EventFields::Open, diagnostics).with_cache(take(cache))
    };
    let rule = lower_rule(node, version, &mut cx);
    let valid = cx.diagnostics().errors() == before;
    if !valid {
        check_tests_of_invalid_rule(node, &mut cx.names);
    }
    *cache = cx.into_cache();
    rule.filter(|_| valid).map(Arc::new)
}

/// Reports mistakes in the tests of an invalid rule. Those of a valid rule are checked when they are read.
fn check_tests_of_invalid_rule(node: &Node, names: &mut NameResolver<'_>) {
    let tests = node.get("tests").and_then(Node::as_list);
    for test in tests.unwrap_or_default() {
        test::lower(test, names);
    }
}

/// Reports a document that is not a rule. Returns whether it did.
fn reject_other_documents(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let error = match &node.value {
        Yaml::Map(entries) if is_event(entries) => {
            Diagnostic::error(Code::WrongType, node.at, "this is an event, not a rule")
                .help("pass it to `run` or `dry-run` as an event file; `--rules` takes rule files")
        }
        Yaml::Map(entries) if wraps_rules(entries) => {
            let wrapper = entries.iter().find(|entry| is_wrapper(entry));
            let wrapper = wrapper.or(entries.first());
            let at = wrapper.map_or(node.at, |entry| entry.key_at);
            let key = wrapper.map_or("rules", |entry| entry.key.as_str());
            let found = match wrapper.map(|entry| &entry.value.value) {
                Some(Yaml::List(_)) | None => "a list of rules".to_owned(),
                Some(Yaml::Map(rule)) if is_one_rule(rule) => format!("a rule under `{key}`"),
                Some(Yaml::Map(_)) => format!("a mapping of rules under `{key}`"),
                Some(Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_)) => {
                    format!("the key `{key}`")
                }
            };
            Diagnostic::error(Code::WrongType, at, format!("a document is one rule, found {found}"))
                .help("remove the first line and write each rule as a document of its own, not indented, with a line `---` between them; the name of a rule is its key `name`")
        }
        Yaml::Map(entries) if contains_flows(entries) => Diagnostic::error(
            Code::WrongType,
            node.at,
            "this document has named flows under `flow`, so it is not a rule",
        )
        .help("replace `flow:` by `flows:`, and write `flow:` with its steps under each name"),
        Yaml::List(_) => Diagnostic::error(
            Code::WrongType,
            node.at,
            "expected a rule as a mapping, found a list",
        )
        .help("write each rule as a separate document, with a line `---` between them"),
        Yaml::Map(_) => return false,
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("expected a rule as a mapping, found {}", node.kind());
            Diagnostic::error(Code::WrongType, node.at, message)
                .help("start with `name: …`; `flowtrigger schema` lists the keys")
        }
    };
    diagnostics.push(error);
    true
}

/// Whether the keys are those of an event in one of the known formats.
fn is_event(entries: &[Entry]) -> bool {
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    has("input") || has("webhook_event_id") || (has("detail") && !has("flow"))
}

/// Whether a key is what other tools write above their rules.
fn is_wrapper(entry: &Entry) -> bool {
    ["rules", "rule"].contains(&entry.key.as_str())
}

fn is_one_rule(entries: &[Entry]) -> bool {
    entries
        .iter()
        .any(|entry| JOBSPEC.get(&entry.key).is_some())
}

/// Whether a document is a list of rules under one key: `rules: [ … ]`.
fn wraps_rules(entries: &[Entry]) -> bool {
    let is_rule = |node: &Node| {
        ["event_type", "event_source", "every", "flow", "when"]
            .iter()
            .any(|key| node.get(key).is_some())
    };
    let is_of_wrapper = |entry: &Entry| is_wrapper(entry) || entry.key == "version";
    if entries.iter().any(is_wrapper) && entries.iter().all(is_of_wrapper) {
        return true;
    }
    let [only] = entries else {
        return false;
    };
    let rules = only.value.as_list().unwrap_or_default();
    JOBSPEC.get(&only.key).is_none() && rules.iter().any(is_rule)
}

/// Whether a document has named flows under `flow`, and no key that only a rule has:
/// `flow: { NAME: { flow: [ … ] } }`, or the steps directly under the name.
fn contains_flows(entries: &[Entry]) -> bool {
    let rule_keys = ["name", "event_source", "event_type", "every"];
    let is_rule_key = |entry: &Entry| rule_keys.contains(&&*entry.key);
    let flow = entries.iter().find(|entry| entry.key == "flow");
    let named = flow
        .and_then(|flow| flow.value.as_map())
        .unwrap_or_default();
    let has_steps = |entry: &Entry| {
        let value = &entry.value;
        STEP.get(&entry.key).is_none() && (value.as_map().is_some() || value.as_list().is_some())
    };
    !entries.iter().any(is_rule_key) && named.iter().any(has_steps)
}

fn lower_rule(node: &Node, version: RuleVersion, cx: &mut Compiler<'_>) -> Option<Rule> {
    cx.entries(node, &JOBSPEC)?;
    lower_vars(node, cx);
    let name =
        required(node, "name", cx.diagnostics()).and_then(|(n, _)| lower_name(n, cx.diagnostics()));
    let every = every::lower(node, cx);
    let mut sequence = None;
    let (source, event_types) = match (node.get("every"), node.get("sequence")) {
        (Some(every), _) => every::ticks(every, cx),
        (None, Some(steps)) => {
            let source = lower_event_source(node, cx);
            sequence = lower_sequence(steps, node, source.as_deref(), cx);
            let types = sequence
                .as_ref()
                .map(|sequence| Arc::clone(&sequence.types));
            (source, types)
        }
        (None, None) => lower_event_pattern(node, cx),
    };
    cx.source.clone_from(&source);
    let mode = match node.get("mode") {
        Some(mode) => Mode::lower(mode, cx.diagnostics()),
        None => Some(Mode::Live),
    };
    let when = match node.get("when") {
        Some(when) => Condition::lower(when, &mut cx.names),
        None => Some(Condition::always()),
    };
    let when = match (node.get("every"), &name) {
        (Some(every), Some(name)) => every::of_rule(name, every, when, cx),
        (Some(_), None) | (None, _) => when,
    };
    let lane = match node.get("one_at_a_time_per") {
        Some(lane) => lower_lane(lane, &mut cx.names),
        None if node.get("every").is_some() => Some(Lane::Rule),
        None => Some(Lane::Key),
    };
    let gates = gates::lower(node, cx);
    if let (Some(Some(every)), Some(gates)) = (&every, &gates) {
        every::check_during(node, every, gates, cx);
    }
    let (when, gates, steps) = match sequence {
        Some(sequence) => (
            when.map(|when| both(when, sequence.when)),
            gates.map(|gates| gates.into_iter().chain([sequence.gate]).collect()),
            Some(sequence.steps),
        ),
        None => (when, gates, None),
    };
    if gates::keeps_all(node) {
        let (name, holds) = ("events".to_owned(), LocalType::Events);
        cx.names.in_scope.locals.push(Local { name, holds });
    }
    cx.names.in_scope.held.extend(when.clone());
    let absent = node.get("sequence").and_then(absence);
    let flow = lower_steps_to_run(node, absent.unwrap_or_default(), cx);
    cx.names.in_scope.held.clear();
    cx.names.in_scope.locals.clear();
    let on_dead = match node.get("on_dead") {
        Some(on_dead) => lower_on_dead(on_dead, cx),
        None => Some(cx.cache.default_on_dead.clone()),
    };
    let on_dead_flow = on_dead.as_ref().and_then(Option::as_deref);
    let sender = source.as_deref().unwrap_or_default();
    let on_outage = cx.cache.on_outage.clone();
    let notices = [on_dead_flow, on_outage.as_deref()];
    let guard = match node.get("every") {
        // What it does causes none of its ticks.
        Some(_) => None,
        None => write_targets::guard(sender, flow.as_ref(), notices, cx),
    };
    let awaits_events = flow.as_ref().is_some_and(|flow| {
        wait_for::check_number_of_events(flow, cx);
        flow.waits_for()
            .iter()
            .any(|wait| !wait.wait.events().is_empty())
    });
    let has_tests = check_tests(node, cx.diagnostics());
    if let Some(description) = node.get("description") {
        cx.text(description, "description");
    }
    let rule = Rule {
        at: node.get("name").map_or(node.at, |name| name.at),
        name: name?,
        event_source: source?,
        event_types: event_types?,
        every: every?.map(Arc::new),
        mode: mode?.min(cx.config.mode),
        when: when?,
        vars: Arc::clone(&cx.names.in_scope.vars),
        lane: lane?,
        guard,
        gates: gates?,
        sequence: steps,
        flow: flow?,
        on_dead: on_dead?,
        on_outage,
        version: version.with(take(&mut cx.stack.parts)),
        has_tests,
        awaits_events,
        counterpart: None,
    };
    self_trigger::warn(&rule, cx.config, cx.diagnostics());
    Some(rule)
}

/// The condition of a rule with a sequence: its own, and that the event matches a step.
fn both(when: Condition, step: Condition) -> Condition {
    match when {
        Condition::All(mut parts) => {
            parts.push(step);
            Condition::All(parts)
        }
        Condition::Any(_) | Condition::Predicate(_) => Condition::All(vec![when, step]),
    }
}

fn lower_event_source(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    required(node, "event_source", cx.diagnostics()).and_then(|(n, _)| lower_source(n, cx))
}

/// Lowers `event_source` and `event_type`.
fn lower_event_pattern(
    node: &Node,
    cx: &mut Compiler<'_>,
) -> (Option<String>, Option<Arc<[TypePattern]>>) {
    let source = lower_event_source(node, cx);
    let event_types = required(node, "event_type", cx.diagnostics())
        .and_then(|(types, _)| lower_types(types, source.as_deref(), cx));
    (source, event_types)
}

pub fn required<'n>(
    node: &'n Node,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<(&'n Node, Span)> {
    let found = node.get(key).map(|value| (value, value.at));
    if found.is_none() && !is_suggested(node, key) {
        let message = format!("this rule has no `{key}`");
        let help = match key {
            "name" => "add `name: what-it-does`; output, logs and commands show it",
            "event_source" => "add `event_source: support` for Zendesk, `upmind` for Upmind",
            "event_type" => {
                "add `event_type: ticket.PriorityChanged`; `flowtrigger events` lists them"
            }
            _ => "add `flow:` with a list of steps, or `flow_name:` with the name of a flow",
        };
        diagnostics.error(Code::MissingKey, node.at, message, help);
    }
    found
}

/// Whether the help for an unknown key of the rule already suggests this one.
fn is_suggested(node: &Node, key: &str) -> bool {
    let suggestions = [format!("`{key}:`"), format!("`{key}`?")];
    let unknown = |entry: &&Entry| JOBSPEC.get(&entry.key).is_none();
    let mut others = node.as_map().into_iter().flatten().filter(unknown);
    others.any(|other| {
        let help = suggest::for_key(&other.key, &JOBSPEC).unwrap_or_default();
        suggestions
            .iter()
            .any(|suggestion| help.contains(suggestion))
    })
}

fn lower_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let name = diagnostics.text(node, "name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || !name.chars().all(plain) || name.len() > 100 {
        let message = format!("invalid rule name `{name}`");
        let help = "use letters, digits, `.`, `_` and `-`, at most 100; write anything else in `description`";
        return diagnostics.reject_value(node.at, message, help);
    }
    Some(name)
}

/// Sets the variables: those of the configuration, overridden by those of the flow under `flow_name`, then
/// by the rule's own.
fn lower_vars(rule: &Node, cx: &mut Compiler<'_>) {
    let named = rule.get("flow_name").and_then(Node::as_text);
    if let Some(named) = named.and_then(|name| cx.named_flows.get(name)) {
        cx.names.in_scope.vars = named.vars_over(&cx.names.in_scope.vars);
    }
    let Some(node) = rule.get("vars") else {
        return;
    };
    let Yaml::Map(entries) = &node.value else {
        cx.wrong_type(node, "vars", "a mapping");
        return;
    };
    variables::check(entries, cx.diagnostics());
    let mut vars = cx
        .names
        .in_scope
        .vars
        .as_object()
        .cloned()
        .unwrap_or_default();
    for entry in entries {
        vars.insert(entry.key.clone(), entry.value.to_json());
    }
    cx.names.in_scope.vars = Arc::new(Value::Object(vars));
}

fn lower_lane(node: &Node, names: &mut NameResolver<'_>) -> Option<Lane> {
    let text = names.text(node, "one_at_a_time_per")?;
    match text.as_str() {
        "none" => Some(Lane::None),
        path => names.shared_path(path, node.at).map(Lane::Per),
    }
}

/// Whether the rule has tests. Reports an error if `tests` is not a list.
fn check_tests(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let Some(tests) = node.get("tests") else {
        return false;
    };
    match &tests.value {
        Yaml::List(items) => !items.is_empty(),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => {
            diagnostics.wrong_type(tests, "tests", "a list of tests");
            false
        }
    }
}
