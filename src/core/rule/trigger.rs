//! Which events a rule listens to: its source, and tags or families of them.
//! It refuses sources and types that nobody knows, with the one that was meant.

use crate::core::config::Config;
use crate::core::diagnostic::Code;
use crate::core::event::catalogue::EventType;
use crate::core::rule::document::{Node, Yaml};
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::Lowering;
use crate::core::rule::synonyms;

/// Which types of events a rule listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypePattern {
    Tag(String),
    /// `ticket.*`, kept with its dot: `ticket.`. Empty for `*`.
    Family(String),
}

impl TypePattern {
    pub fn covers(&self, event_type: &str) -> bool {
        match self {
            TypePattern::Tag(tag) => tag == event_type,
            TypePattern::Family(prefix) => event_type.starts_with(prefix.as_str()),
        }
    }
}

pub fn lower_source(node: &Node, cx: &mut Lowering<'_>) -> Option<String> {
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

/// The source that has a type of this name.
pub fn meant_source(types: &Node, cx: &Lowering<'_>) -> Option<String> {
    let first = types
        .as_list()
        .and_then(|types| types.first())
        .unwrap_or(types);
    let text = first.as_text()?;
    let mut known = cx.config.catalogue.types();
    known
        .find(|known| known.names().any(|name| name == text))
        .map(|known| known.source.clone())
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

pub fn lower_types(node: &Node, source: &str, cx: &mut Lowering<'_>) -> Option<Vec<TypePattern>> {
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
                "several types have this display name; write one of {}",
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
