//! Lowers `event_source` and `event_type` to patterns of event types.
//! Reports unknown sources and types with the one that was probably meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::config::Config;
use crate::diagnostic::{Code, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Node, Yaml};
use crate::event::catalogue::event_type::EventType;
use crate::event::format::custom::TypeRule;
use crate::language::event_fields::{EventFields, EventTypes};
use crate::rule::event_pattern::TypePattern;

pub fn lower_source(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    let source = cx.text(node, "event_source")?;
    if cx.cache.sources.contains(&source) {
        return Some(source);
    }
    let known = known_sources(cx.config);
    if known.contains(&source) {
        cx.cache.sources.insert(source.clone());
        return Some(source);
    }
    let message = format!("unknown source `{source}`");
    match suggest::for_source(&source, known.iter().map(String::as_str)) {
        Some(help) => cx.invalid(node.at, message, &help),
        None => {
            let known = known.join(", ");
            let help = format!(
                "known sources: {known}; define your own under `sources` in flowtrigger.yaml"
            );
            cx.names
                .not_configured(Code::InvalidValue, node.at, message, &help);
        }
    }
    None
}

/// Returns every `event_source` that an event can have, sorted.
fn known_sources(config: &Config) -> Vec<String> {
    let described = config.descriptions().map(|d| d.source.as_str());
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

/// Lowers the types that a rule names, checked against its source, or against every source if that is
/// unknown.
pub fn lower_types(
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    let nodes = match &node.value {
        Yaml::List(items) if items.is_empty() => {
            let help = "name at least one type, or `ticket.*` for all of a family";
            return cx.reject_value(node.at, "`event_type` is an empty list", help);
        }
        Yaml::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let key = shared_key(nodes, source);
    if let Some(known) = key.as_ref().and_then(|key| cx.cache.patterns.get(key)) {
        let (patterns, fields) = known.clone();
        cx.names.fields = fields;
        return Some(patterns);
    }
    let patterns: Arc<[TypePattern]> = lower_each(nodes, source, cx)?.into();
    if let Some(key) = key {
        let known = (patterns.clone(), cx.names.fields.clone());
        cx.cache.patterns.insert(key, known);
    }
    Some(patterns)
}

/// Returns the cache key: many rules of a set name the same source and types.
fn shared_key(nodes: &[Node], source: Option<&str>) -> Option<Vec<String>> {
    let types = nodes.iter().map(Node::as_text);
    let texts = std::iter::once(source).chain(types);
    texts.map(|text| text.map(str::to_owned)).collect()
}

fn lower_each(
    nodes: &[Node],
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Vec<TypePattern>> {
    let (mut patterns, mut types, mut open) = (Vec::new(), Vec::new(), false);
    let mut unknown = Vec::new();
    for node in nodes {
        let text = cx.text(node, "event_type");
        match text
            .as_deref()
            .and_then(|text| lower_type(text, node, source, cx))
        {
            Some((pattern, Some(more))) => {
                patterns.push(pattern);
                types.extend(more);
            }
            Some((pattern, None)) => {
                patterns.push(pattern);
                open = true;
            }
            None => unknown.extend(text),
        }
    }
    cx.names.fields = match (open, unknown.is_empty()) {
        (true, _) => EventFields::Open,
        (false, true) => EventFields::Of(types.into_iter().collect()),
        (false, false) => assumed_fields(types, &unknown, source, cx),
    };
    (patterns.len() == nodes.len()).then_some(patterns)
}

/// Returns the fields of a rule with unknown types: what no type of their families has is a mistake in any
/// case. The intended type may have any field if its family is not known either.
fn assumed_fields(
    mut types: Vec<EventType>,
    unknown: &[String],
    source: Option<&str>,
    cx: &Compiler<'_>,
) -> EventFields {
    let catalogue = &cx.config.catalogue;
    let mut families = BTreeSet::new();
    for text in unknown {
        let family = text.split('.').next().unwrap_or_default();
        let pattern = format!("{family}.*");
        let known = source.map(|source| catalogue.matching(source, &pattern));
        match known.filter(|known| !known.is_empty()) {
            Some(known) => types.extend(known.into_iter().cloned()),
            None => return EventFields::Open,
        }
        families.insert(pattern);
    }
    let families = Vec::from_iter(families).join(", ");
    EventFields::Of(EventTypes::assumed(types, families))
}

/// Lowers one type or family. Returns it with the known types it covers, or with None if events of any
/// type are possible. The outer None follows after an error.
fn lower_type(
    text: &str,
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<(TypePattern, Option<Vec<EventType>>)> {
    let Some(source) = source else {
        return lower_type_of_any(text, node, cx);
    };
    match resolve_once(text, source, cx) {
        Ok((pattern, types)) => Some((pattern, Some(types))),
        Err(help) => match undeclared(text, source, cx.config) {
            None => Some((open_pattern(text), None)),
            Some(known) => {
                let message = format!("source `{source}` has no event type `{text}`");
                let help = known.unwrap_or(help);
                cx.reject(Code::UnknownEventType, node.at, message, &help)
            }
        },
    }
}

/// Lowers a type without a known source: the first source that has the type decides.
fn lower_type_of_any(
    text: &str,
    node: &Node,
    cx: &mut Compiler<'_>,
) -> Option<(TypePattern, Option<Vec<EventType>>)> {
    let known = known_sources(cx.config);
    let mut resolved = known
        .iter()
        .map(|source| resolve_type(text, source, cx.config));
    if let Some((pattern, types)) = resolved.find_map(Result::ok) {
        return Some((pattern, Some(types)));
    }
    let near = known
        .iter()
        .find_map(|source| cx.config.catalogue.nearest(source, text));
    let declared = |source: &String| undeclared(text, source, cx.config).is_none();
    if near.is_none() && known.iter().any(declared) {
        return Some((open_pattern(text), None));
    }
    let message = format!("no source has an event type `{text}`");
    match near.map(|near| format!("did you mean `{}`?", near.name)) {
        Some(help) => cx.error(Code::UnknownEventType, node.at, message, &help),
        None => cx
            .names
            .not_configured(Code::UnknownEventType, node.at, message, NO_TYPE),
    }
    None
}

/// Returns the pattern for a type that is not in the catalogue.
fn open_pattern(text: &str) -> TypePattern {
    match text.strip_suffix('*') {
        Some(prefix) => TypePattern::Family(prefix.to_owned()),
        None => TypePattern::Name(text.to_owned()),
    }
}

/// Returns Some if no source that the configuration describes under this name can send the type, with
/// the help to show. The inner None leaves the help to the catalogue.
fn undeclared(text: &str, source: &str, config: &Config) -> Option<Option<String>> {
    let mut constants = Vec::new();
    for described in config.descriptions().filter(|d| d.source == source) {
        match &described.event_type {
            TypeRule::Path(_) => return None,
            TypeRule::Constant(constant) if open_pattern(text).covers(constant) => return None,
            TypeRule::Constant(constant) => constants.push(format!("`{constant}`")),
        }
    }
    Some((!constants.is_empty()).then(|| {
        let constants = constants.join(", ");
        format!("according to flowtrigger.yaml, its event types are {constants}")
    }))
}

const NO_TYPE: &str =
    "`flowtrigger events` lists them; add your own under `event_types` in flowtrigger.yaml";

/// Returns the help for a family that the source does not have, or that lacks its dot.
fn family_help(prefix: &str, source: &str, config: &Config) -> String {
    let known = config.catalogue.matching(source, "*").into_iter();
    let families: BTreeSet<&str> = known.map(EventType::family).collect();
    let head = prefix.split('.').next().unwrap_or_default();
    match suggest::nearest(head, families.iter().copied()) {
        Some(near) if near == head => format!("a family is written with its dot: `{near}.*`"),
        Some(near) => format!("did you mean `{near}.*`?"),
        None if families.is_empty() => NO_TYPE.into(),
        None => {
            let families: Vec<_> = families.iter().map(|f| format!("`{f}.*`")).collect();
            format!("its families are {}", families.join(", "))
        }
    }
}

/// Returns the help for a "ticket updated" type, which other help desks have and Zendesk does not.
fn ticket_updated_help(source: &str, text: &str) -> Option<String> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let names = [
        "ticketupdated",
        "ticketticketupdated",
        "ticketchanged",
        "ticketticketchanged",
    ];
    let meant = names.contains(&plain.to_lowercase().as_str());
    (source == "support" && meant).then(|| {
        "each change has a type of its own: `ticket.StatusChanged`, `ticket.TagsChanged` …; `ticket.*` is all of them".into()
    })
}

/// As `resolve_type`, with the help for an unknown type cached: generated rules often repeat it.
fn resolve_once(
    text: &str,
    source: &str,
    cx: &mut Compiler<'_>,
) -> Result<(TypePattern, Vec<EventType>), String> {
    let key = (source.to_owned(), text.to_owned());
    if let Some(help) = cx.cache.unknown_types.get(&key) {
        return Err(help.clone());
    }
    let resolved = resolve_type(text, source, cx.config);
    if let Err(help) = &resolved {
        cx.cache.unknown_types.insert(key, help.clone());
    }
    resolved
}

/// Returns the pattern for a text and the known types it covers, or the help for an unknown type.
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
            return Err(family_help(prefix, source, config));
        }
        return Ok((TypePattern::Family(prefix.to_owned()), types));
    }
    if let Some(known) = catalogue.by_name(source, text) {
        return Ok((TypePattern::Name(known.name.clone()), vec![known.clone()]));
    }
    match catalogue.displayed(source, text).as_slice() {
        [one] => return Ok((TypePattern::Name(one.name.clone()), vec![(*one).clone()])),
        [] => {}
        several => {
            let tags: Vec<_> = several.iter().map(|t| format!("`{}`", t.name)).collect();
            return Err(format!(
                "several types have this display name; write one of {}",
                tags.join(", ")
            ));
        }
    }
    if let Some(help) = ticket_updated_help(source, text) {
        return Err(help);
    }
    let plain = text.strip_prefix("ticket.").unwrap_or(text);
    if let Some(help) = suggest::for_event_type(plain).filter(|_| source == "support") {
        return Err(help.into());
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
        Some(near) => format!("did you mean `{}`?", near.name),
        None => NO_TYPE.into(),
    })
}
