//! A rule from its document: which events, when, and what to run. Lowering reports every mistake in it
//! and goes on; only a rule without any becomes one.

use std::sync::Arc;

use serde_json::Value;

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, Position};
use crate::core::event::Event;
use crate::core::event::catalogue::EventType;
use crate::core::flow::lower_flow;
use crate::core::flow::step::Flow;
use crate::core::rule::condition::Condition;
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::path::{Found, Path};
use crate::core::rule::synonyms;
use crate::core::rule::vocabulary::JOBSPEC;
use crate::core::scope::Scope;

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub description: Option<String>,
    /// Where its name stands.
    pub at: Position,
    pub event_source: String,
    pub event_types: Vec<TypePattern>,
    pub mode: Mode,
    pub when: Condition,
    /// The configuration's variables with the rule's own laid over them; an object.
    pub vars: Value,
    pub lane: Lane,
    pub flow: Flow,
    /// The rule's own tests, as written.
    pub tests: Vec<Node>,
}

/// Which types of events a rule listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    Tag(String),
    /// `ticket.*`, kept with its dot: `ticket.`. Empty for `*`.
    Family(String),
}

/// What becomes of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    Disabled,
    Shadow,
    Live,
}

/// Which runs of a rule wait for each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Lane {
    /// Those of the same ticket.
    Key,
    Per(Path),
    None,
}

impl Rule {
    pub fn listens_to(&self, source: &str, event_type: &str) -> bool {
        self.event_source == source && self.event_types.iter().any(|p| p.covers(event_type))
    }

    /// The lane of a run of this rule for an event; None where it waits for no other.
    pub fn lane_of(&self, event: &Event) -> Option<String> {
        match &self.lane {
            Lane::None => None,
            Lane::Key => event.key.clone(),
            Lane::Per(path) => {
                let steps = Value::Null;
                let scope = Scope {
                    event,
                    vars: &self.vars,
                    steps: &steps,
                };
                match path.resolve(&scope) {
                    Found::Absent => None,
                    Found::One(value) => Some(value.to_string()),
                    Found::Many(values) => Some(Value::Array(values).to_string()),
                }
            }
        }
    }
}

impl TypePattern {
    pub fn covers(&self, event_type: &str) -> bool {
        match self {
            TypePattern::Tag(tag) => tag == event_type,
            TypePattern::Family(prefix) => event_type.starts_with(prefix.as_str()),
        }
    }
}

impl Mode {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "live" => Some(Mode::Live),
            "shadow" => Some(Mode::Shadow),
            "disabled" => Some(Mode::Disabled),
            _ => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Mode::Live => "live",
            Mode::Shadow => "shadow",
            Mode::Disabled => "disabled",
        }
    }

    /// The value under `mode`; reported where it is none of the three.
    pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Option<Self> {
        let mode = node.as_text().and_then(Mode::parse);
        if mode.is_none() {
            let message = "`mode` takes live, shadow or disabled";
            let help = "live acts, shadow is judged and recorded but never acts";
            cx.error(Code::InvalidValue, node.at, message, help);
        }
        mode
    }
}

/// Lowers one document of a rule file. None after reporting why it is no rule.
pub fn lower(
    node: &Node,
    folder: &str,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Rule>> {
    if refuse_other_documents(node, diagnostics) {
        return None;
    }
    let before = diagnostics.errors();
    let mut cx = Lowering {
        config,
        fields: Fields::Open,
        vars: config.vars.clone(),
        steps: Vec::new(),
        folder: folder.to_owned(),
        diagnostics,
    };
    let rule = lower_rule(node, &mut cx);
    (cx.diagnostics.errors() == before)
        .then_some(rule?)
        .map(Arc::new)
}

/// Documents that are something else than a rule.
fn refuse_other_documents(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let refused = match &node.value {
        Yaml::Map(entries)
            if entries
                .iter()
                .any(|e| e.key == "zis_template_version" || e.key == "resources") =>
        {
            Diagnostic::error(
                Code::NotBuiltYet,
                node.at,
                "loading ZIS bundles is not built yet",
            )
            .help("move the bundle out of the rules folder; write its JobSpecs as rules")
        }
        Yaml::List(_) => Diagnostic::error(
            Code::WrongType,
            node.at,
            "a rule is a mapping, found a list",
        )
        .help("put each rule into a document of its own, with a line `---` between them"),
        Yaml::Map(_) => return false,
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("a rule is a mapping, found {}", node.kind());
            Diagnostic::error(Code::WrongType, node.at, message)
                .help("start with `name: …`; `flowtrigger schema` lists the keys")
        }
    };
    diagnostics.push(refused);
    true
}

fn lower_rule(node: &Node, cx: &mut Lowering<'_>) -> Option<Rule> {
    cx.entries(node, &JOBSPEC)?;
    if let Some(vars) = node.get("vars") {
        lower_vars(vars, cx);
    }
    let name = required(node, "name", cx).and_then(|(n, _)| lower_name(n, cx));
    let source = required(node, "event_source", cx).and_then(|(n, _)| lower_source(n, cx));
    let event_types = match (required(node, "event_type", cx), &source) {
        (Some((types, _)), Some(source)) => lower_types(types, source, cx),
        _ => None,
    };
    let mode = match node.get("mode") {
        Some(mode) => Mode::lower(mode, cx),
        None => Some(Mode::Live),
    };
    let when = match node.get("when") {
        Some(when) => Condition::lower(when, cx),
        None => Some(Condition::always()),
    };
    let lane = match node.get("one_at_a_time_per") {
        Some(lane) => lower_lane(lane, cx),
        None => Some(Lane::Key),
    };
    let flow = required(node, "flow", cx).and_then(|(flow, _)| lower_flow(flow, cx));
    let description = node
        .get("description")
        .and_then(|d| cx.text(d, "description"));
    Some(Rule {
        at: node.get("name").map_or(node.at, |name| name.at),
        name: name?,
        description,
        event_source: source?,
        event_types: event_types?,
        mode: mode?.min(cx.config.mode),
        when: when?,
        vars: cx.vars.clone(),
        lane: lane?,
        flow: flow?,
        tests: lower_tests(node, cx),
    })
}

fn required<'n>(node: &'n Node, key: &str, cx: &mut Lowering<'_>) -> Option<(&'n Node, Position)> {
    let found = node.get(key).map(|value| (value, value.at));
    if found.is_none() {
        let message = format!("this rule has no `{key}`");
        let help = match key {
            "name" => "add `name: what-it-does`; it names the rule everywhere",
            "event_source" => "add `event_source: support` for Zendesk, `upmind` for Upmind",
            "event_type" => {
                "add `event_type: ticket.PriorityChanged`; `flowtrigger events` lists them"
            }
            _ => "add `flow:` with a list of steps",
        };
        cx.error(Code::MissingKey, node.at, message, help);
    }
    found
}

fn lower_name(node: &Node, cx: &mut Lowering<'_>) -> Option<String> {
    let name = cx.text(node, "name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts || !name.chars().all(plain) || name.len() > 100 {
        let message = format!("`{name}` is no name for a rule");
        let help =
            "letters, digits, `.`, `_` and `-`, at most 100; the rest belongs into `description`";
        cx.error(Code::InvalidValue, node.at, message, help);
        return None;
    }
    Some(name)
}

fn lower_vars(node: &Node, cx: &mut Lowering<'_>) {
    let Yaml::Map(entries) = &node.value else {
        cx.wrong_type(node, "vars", "a mapping");
        return;
    };
    let mut vars = cx.vars.as_object().cloned().unwrap_or_default();
    for entry in entries {
        vars.insert(entry.key.clone(), entry.value.to_json());
    }
    cx.vars = Value::Object(vars);
}

fn lower_source(node: &Node, cx: &mut Lowering<'_>) -> Option<String> {
    let source = cx.text(node, "event_source")?;
    let known = known_sources(cx.config);
    if known.contains(&source) {
        return Some(source);
    }
    let message = format!("no source is called `{source}`");
    let help =
        synonyms::for_source(&source, known.iter().map(String::as_str)).unwrap_or_else(|| {
            format!(
                "known are {}; describe your own under `sources` in flowtrigger.yaml",
                known.join(", ")
            )
        });
    cx.error(Code::InvalidValue, node.at, message, &help);
    None
}

/// Every `event_source` that an event can have.
fn known_sources(config: &Config) -> Vec<String> {
    let described = config.sources.values().map(|d| d.source.as_str());
    let mut known: Vec<String> = config
        .catalogue
        .sources()
        .into_iter()
        .chain(described)
        .map(str::to_owned)
        .collect();
    known.sort();
    known.dedup();
    known
}

fn lower_types(node: &Node, source: &str, cx: &mut Lowering<'_>) -> Option<Vec<TypePattern>> {
    let nodes = match &node.value {
        Yaml::List(items) if items.is_empty() => {
            let help = "name at least one type, or `ticket.*` for all of a family";
            cx.error(
                Code::InvalidValue,
                node.at,
                "an empty list of event types",
                help,
            );
            return None;
        }
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let described = cx.config.sources.values().any(|d| d.source == source);
    let (mut patterns, mut types, mut open) = (Vec::new(), Vec::new(), false);
    for node in nodes {
        let text = cx.text(node, "event_type")?;
        match resolve_type(&text, source, cx.config) {
            Ok((pattern, found)) => {
                patterns.push(pattern);
                types.extend(found);
            }
            Err(_) if described => {
                patterns.push(TypePattern::Tag(text));
                open = true;
            }
            Err(help) => {
                let message = format!("source `{source}` has no event type `{text}`");
                cx.error(Code::UnknownEventType, node.at, message, &help);
            }
        }
    }
    cx.fields = match open {
        true => Fields::Open,
        false => Fields::Of(types),
    };
    (patterns.len() == nodes.len()).then_some(patterns)
}

/// The pattern that a text stands for and the known types it covers; or what to write instead.
fn resolve_type(
    text: &str,
    source: &str,
    config: &Config,
) -> Result<(TypePattern, Vec<EventType>), String> {
    let catalogue = &config.catalogue;
    if let Some(prefix) = text.strip_suffix('*') {
        let types: Vec<EventType> = catalogue
            .matching(source, text)
            .into_iter()
            .cloned()
            .collect();
        if types.is_empty() || !(prefix.is_empty() || prefix.ends_with('.')) {
            return Err("a family is written with its dot: `ticket.*`".into());
        }
        return Ok((TypePattern::Family(prefix.to_owned()), types));
    }
    if let Some(known) = catalogue.by_tag(source, text) {
        return Ok((TypePattern::Tag(known.tag.clone()), vec![known.clone()]));
    }
    match catalogue.displayed(source, text).as_slice() {
        [one] => return Ok((TypePattern::Tag(one.tag.clone()), vec![(*one).clone()])),
        [] => {}
        several => {
            let tags: Vec<_> = several.iter().map(|t| format!("`{}`", t.tag)).collect();
            return Err(format!(
                "several types are displayed so; write one of {}",
                tags.join(", ")
            ));
        }
    }
    let webhook = text.strip_prefix("zen:event-type:").unwrap_or(text);
    let other = catalogue
        .by_webhook(webhook)
        .or_else(|| catalogue.by_code(source, text));
    if other.is_none()
        && let Some(elsewhere) = catalogue.types().find(|t| t.names().any(|n| n == text))
    {
        return Err(format!(
            "it is a type of `event_source: {}`",
            elsewhere.source
        ));
    }
    Err(match other.or_else(|| catalogue.nearest(source, text)) {
        Some(near) => format!("did you mean `{}`?", near.tag),
        None => {
            "`flowtrigger events` lists them; add your own under `event_types` in flowtrigger.yaml"
                .into()
        }
    })
}

fn lower_lane(node: &Node, cx: &mut Lowering<'_>) -> Option<Lane> {
    let text = cx.text(node, "one_at_a_time_per")?;
    match text.as_str() {
        "none" => Some(Lane::None),
        path => cx.path(path, node.at).map(Lane::Per),
    }
}

fn lower_tests(node: &Node, cx: &mut Lowering<'_>) -> Vec<Node> {
    let Some(tests) = node.get("tests") else {
        return Vec::new();
    };
    match &tests.value {
        Yaml::List(items) => items.clone(),
        _ => {
            cx.wrong_type(tests, "tests", "a list of tests");
            Vec::new()
        }
    }
}
