//! Lowers `event_source` and `event_type` to patterns of event types.
//! Reports unknown sources and types with the one that was probably meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::compile::compiler::Compiler;
use crate::compile::unlisted_type::{self, UnlistedType, UnlistedTypes};
use crate::config::Config;
use crate::diagnostic::{Code, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Node, Yaml};
use crate::event::catalogue::event_type::EventType;
use crate::event::format::clock::CLOCK;
use crate::event::format::custom::ValueLocation;
use crate::event::format::type_name::ResolvedType;
use crate::event::type_pattern::TypePattern;
use crate::language::event_fields::{EventFields, EventTypes};

pub fn lower_source(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    let source = cx.text(node, "event_source")?;
    if source == CLOCK {
        let message = "`clock` is the source of ticks, which only their own rule gets";
        let help = "write `every: { cron: \"0 9 * * mon-fri\" }` instead of `event_source` and `event_type`";
        cx.invalid(node.at, message, help);
        return Some(source);
    }
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
        .filter(|source| *source != CLOCK)
        .chain(described)
        .map(str::to_owned)
        .collect();
    known.sort();
    known.dedup();
    known
}

/// Lowers the types that a rule names, checked against its source, or against every source if that is
/// unknown. Types that a help desk may send are accepted with a warning if they are not in the catalogue.
pub fn lower_types(
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    lower_listed(node, source, UnlistedTypes::Accepted, cx)
}

/// Lowers the type of a job spec. Types that are not in the catalogue are errors.
pub fn lower_listed_types(
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    lower_listed(node, source, UnlistedTypes::Rejected, cx)
}

fn lower_listed(
    node: &Node,
    source: Option<&str>,
    unlisted: UnlistedTypes,
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
    let warnings = cx.diagnostics().warnings();
    let patterns: Arc<[TypePattern]> = lower_each(nodes, source, unlisted, cx)?.into();
    // Each rule with an unlisted type gets its own warning.
    if let Some(key) = key.filter(|_| cx.diagnostics().warnings() == warnings) {
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
    unlisted: UnlistedTypes,
    cx: &mut Compiler<'_>,
) -> Option<Vec<TypePattern>> {
    let (mut patterns, mut types, mut open) = (Vec::new(), Vec::new(), false);
    let mut unknown = Vec::new();
    for node in nodes {
        let text = cx.text(node, "event_type");
        match text
            .as_deref()
            .and_then(|text| lower_type(text, node, source, unlisted, cx))
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
    unlisted: UnlistedTypes,
    cx: &mut Compiler<'_>,
) -> Option<(TypePattern, Option<Vec<EventType>>)> {
    let Some(source) = source else {
        return lower_type_of_any(text, node, cx);
    };
    match resolve_once(text, source, cx) {
        Ok((pattern, types)) => Some((pattern, Some(types))),
        Err(found) => match undeclared(text, source, cx.config) {
            None => Some((open_pattern(text), None)),
            Some(None) if found.may_exist && unlisted == UnlistedTypes::Accepted => {
                Some(unlisted_type::accept(text, node, source, cx))
            }
            Some(known) => {
                let message = format!("source `{source}` has no event type `{text}`");
                let help = known.unwrap_or(found.help);
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
        for place in &described.event_type.0 {
            match place {
                ValueLocation::Path(_) => return None,
                ValueLocation::Constant(constant) if open_pattern(text).covers(constant) => {
                    return None;
                }
                ValueLocation::Constant(constant) => constants.push(format!("`{constant}`")),
            }
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

/// As `resolve_type`, with what is known of an unknown type cached: generated rules often repeat it.
fn resolve_once(
    text: &str,
    source: &str,
    cx: &mut Compiler<'_>,
) -> Result<(TypePattern, Vec<EventType>), UnlistedType> {
    let key = (source.to_owned(), text.to_owned());
    if let Some(unlisted) = cx.cache.unknown_types.get(&key) {
        return Err(unlisted.clone());
    }
    let resolved = resolve_type(text, source, cx.config);
    if let Err(unlisted) = &resolved {
        cx.cache.unknown_types.insert(key, unlisted.clone());
    }
    resolved
}

/// Returns the pattern for a text and the known types it covers, or the help for an unknown type.
fn resolve_type(
    text: &str,
    source: &str,
    config: &Config,
) -> Result<(TypePattern, Vec<EventType>), UnlistedType> {
    let catalogue = &config.catalogue;
    if let Some(prefix) = text.strip_suffix('*') {
        let types: Vec<EventType> = catalogue
            .matching(source, text)
            .into_iter()
            .cloned()
            .collect();
        if types.is_empty() || !(prefix.is_empty() || prefix.ends_with('.')) {
            return Err(UnlistedType::mistake(family_help(prefix, source, config)));
        }
        return Ok((TypePattern::Family(prefix.to_owned()), types));
    }
    let known = |known: &EventType| (TypePattern::Name(known.name.clone()), vec![known.clone()]);
    // As the help desk writes it: no other type can be meant.
    let sent = match source {
        "support" if unlisted_type::is_webhook(text) => {
            catalogue.by_webhook(ResolvedType::webhook_name(text))
        }
        _ => catalogue.by_code(source, text),
    };
    if let Some(named) = catalogue.by_name(source, text).or(sent) {
        return Ok(known(named));
    }
    match catalogue.displayed(source, text).as_slice() {
        [one] => return Ok(known(one)),
        [] => {}
        several => {
            let tags: Vec<_> = several.iter().map(|t| format!("`{}`", t.name)).collect();
            return Err(UnlistedType::mistake(format!(
                "several types have this display name; write one of {}",
                tags.join(", ")
            )));
        }
    }
    let plain = text.strip_prefix("ticket.").unwrap_or(text);
    let synonym = suggest::for_event_type(plain).filter(|_| source == "support");
    let synonym = ticket_updated_help(source, text).or(synonym.map(str::to_owned));
    if let Some(help) = synonym {
        return Err(UnlistedType::mistake(help));
    }
    let other = catalogue.by_webhook(text);
    if other.is_none()
        && let Some(elsewhere) = catalogue.types().find(|t| t.names().any(|n| n == text))
    {
        return Err(UnlistedType::mistake(format!(
            "it is a type of `event_source: {}`",
            elsewhere.source
        )));
    }
    let near = other.or_else(|| catalogue.nearest(source, text));
    let help = match near {
        Some(near) => format!("did you mean `{}`?", near.name),
        None => NO_TYPE.into(),
    };
    Err(match other {
        Some(_) => UnlistedType::mistake(help),
        None => UnlistedType::of(text, source, help, catalogue),
    })
}
