//! From the tree of a document to a bundle: the head and its resources, every mistake of form told.
//! It refuses resources of other kinds, and keys that mean nothing.

mod states;

use crate::core::bundle::keys::{BUNDLE, JOB_SPEC, Keys, PROPERTIES, RESOURCE, foreign};
use crate::core::bundle::{Bundle, Flow, FullName, JobSpec, Kind, TEMPLATE_VERSION, Word, http};
use crate::core::diagnostic::{Code, Diagnostic, Position};
use crate::core::rule::document::{Entry, Node, Yaml};
use crate::core::rule::lowering::Lowering;
use crate::core::rule::synonyms;

/// The bundle of a document. None after reporting why it is none; a bundle may still lack what had
/// mistakes.
pub fn read(node: &Node, cx: &mut Lowering<'_>) -> Option<Bundle> {
    let entries = map(node, "a bundle", cx)?;
    check_keys(entries, &BUNDLE, cx);
    check_version(node, cx);
    let resources = node.get("resources").and_then(Node::as_map);
    let Some(resources) = resources.filter(|resources| !resources.is_empty()) else {
        let help = "add `resources`: a JobSpec, a Flow and the actions that it calls";
        cx.error(
            Code::MissingKey,
            node.at,
            "this bundle has no `resources`",
            help,
        );
        return None;
    };
    let mut bundle = Bundle {
        at: node.at,
        name: optional(node, "name", cx),
        description: optional(node, "description", cx),
        integration: String::new(),
        job_specs: Vec::new(),
        flows: Vec::new(),
        actions: Vec::new(),
        broken: Vec::new(),
    };
    for resource in resources {
        read_resource(resource, &mut bundle, cx);
    }
    bundle.integration = optional(node, "integration", cx)
        .map(|word| word.text)
        .or_else(|| integration(&bundle))
        .or_else(|| bundle.name.as_ref().map(|name| name.text.clone()))
        .unwrap_or_else(|| "INTEGRATION".into());
    Some(bundle)
}

fn check_version(node: &Node, cx: &mut Lowering<'_>) {
    let version = node.get("zis_template_version");
    let at = version.map_or(node.at, |version| version.at);
    let message = match version.map(Node::scalar_text) {
        Some(Some(text)) if text == TEMPLATE_VERSION => return,
        Some(Some(text)) => format!("ZIS takes no bundle of version `{text}`"),
        Some(None) | None => "this bundle says no `zis_template_version`".into(),
    };
    let help = format!("write `zis_template_version: \"{TEMPLATE_VERSION}\"`; it is read as that");
    let warning = Diagnostic::warning(Code::InvalidValue, at, message);
    cx.diagnostics.push(warning.help(help));
}

fn read_resource(entry: &Entry, bundle: &mut Bundle, cx: &mut Lowering<'_>) {
    let node = &entry.value;
    let Some(entries) = map(node, "a resource", cx) else {
        return;
    };
    check_keys(entries, &RESOURCE, cx);
    let Some(kind) = kind(node, entry, cx) else {
        return;
    };
    let Some(properties) = node.get("properties") else {
        let message = format!("the resource `{}` has no `properties`", entry.key);
        cx.error(
            Code::MissingKey,
            entry.key_at,
            message,
            "add its `name` and what it is",
        );
        return;
    };
    if map(properties, "`properties`", cx).is_none() {
        return;
    }
    let name = read_name(properties, entry, kind, bundle, cx);
    let read = match kind {
        Kind::JobSpec => {
            read_job_spec(properties, &name, cx).map(|spec| bundle.job_specs.push(spec))
        }
        Kind::Flow => read_flow(properties, &name, cx).map(|flow| bundle.flows.push(flow)),
        Kind::Action => {
            read_action(properties, &name, cx).map(|action| bundle.actions.push(action))
        }
    };
    if read.is_none() {
        bundle.broken.push((kind, name.text));
    }
}

fn kind(node: &Node, entry: &Entry, cx: &mut Lowering<'_>) -> Option<Kind> {
    let Some(found) = node.get("type") else {
        let message = format!("the resource `{}` has no `type`", entry.key);
        let help = "add `type`: ZIS::JobSpec, ZIS::Flow or ZIS::Action::Http";
        cx.error(Code::MissingKey, entry.key_at, message, help);
        return None;
    };
    let text = cx.text(found, "type")?;
    if text.starts_with("ZIS::Connection") {
        leave_connection(&text, found.at, cx);
        return None;
    }
    let kind = Kind::parse(&text);
    if kind.is_none() {
        let words = [Kind::JobSpec, Kind::Flow, Kind::Action].map(Kind::word);
        let help = match synonyms::nearest(&text, words.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a bundle has {}", words.join(", ")),
        };
        let message = format!("no resource is of type `{text}`");
        cx.error(Code::InvalidValue, found.at, message, &help);
    }
    kind
}

/// How to sign in is no part of a bundle here.
fn leave_connection(text: &str, at: Position, cx: &mut Lowering<'_>) {
    let message = format!("a resource of type `{text}` is not read");
    let help = "connections are made in flowtrigger.yaml, under `connections`; the resource may stay, for ZIS";
    let warning = Diagnostic::warning(Code::InvalidValue, at, message);
    cx.diagnostics.push(warning.help(help));
}

/// What the resource is called, by its key where it does not say; reported where another of its kind is
/// called the same.
fn read_name(
    properties: &Node,
    entry: &Entry,
    kind: Kind,
    bundle: &Bundle,
    cx: &mut Lowering<'_>,
) -> Word {
    let key = || Word {
        text: entry.key.clone(),
        at: entry.key_at,
    };
    let Some(name) = properties.get("name") else {
        let message = format!("the {} `{}` has no `name`", kind.word(), entry.key);
        let help = "add `name`; it is by that name that others find it, not by the resource's key";
        cx.error(Code::MissingKey, properties.at, message, help);
        return key();
    };
    let Some(name) = word(name, "name", cx) else {
        return key();
    };
    let mut taken: Vec<&Word> = match kind {
        Kind::JobSpec => bundle.job_specs.iter().map(|spec| &spec.name).collect(),
        Kind::Flow => bundle.flows.iter().map(|flow| &flow.name).collect(),
        Kind::Action => bundle.actions.iter().map(|action| &action.name).collect(),
    };
    taken.retain(|other| other.text == name.text);
    if let Some(first) = taken.first() {
        let message = format!("another {} is called `{}`", kind.word(), name.text);
        let help = format!(
            "it stands on line {}; give each a name of its own",
            first.at.line
        );
        cx.error(Code::DuplicateName, name.at, message, &help);
    }
    name
}

fn read_job_spec(node: &Node, name: &Word, cx: &mut Lowering<'_>) -> Option<JobSpec> {
    let entries = node.as_map().unwrap_or_default();
    check_keys(entries, &JOB_SPEC, cx);
    let flow_name = required(node, "flow_name", "zis:INTEGRATION:flow:NAME", cx);
    let event_source = required(node, "event_source", "support", cx);
    let event_type = required(node, "event_type", "ticket.TicketCreated", cx);
    Some(JobSpec {
        name: name.clone(),
        event_source: event_source?.clone(),
        event_type: event_type?.clone(),
        flow_name: word(flow_name?, "flow_name", cx)?,
    })
}

fn read_flow(node: &Node, name: &Word, cx: &mut Lowering<'_>) -> Option<Flow> {
    let definition = read_definition(node, cx)?;
    Some(Flow {
        name: name.clone(),
        definition: states::read(definition, cx)?,
    })
}

fn read_action(node: &Node, name: &Word, cx: &mut Lowering<'_>) -> Option<http::HttpAction> {
    let definition = read_definition(node, cx)?;
    http::read(definition, name, cx)
}

fn read_definition<'n>(node: &'n Node, cx: &mut Lowering<'_>) -> Option<&'n Node> {
    let entries = node.as_map().unwrap_or_default();
    check_keys(entries, &PROPERTIES, cx);
    let found = node.get("definition");
    if found.is_none() {
        let help = "add `definition`: the states of a flow, the request of an action";
        cx.error(
            Code::MissingKey,
            node.at,
            "these properties have no `definition`",
            help,
        );
    }
    found
}

fn required<'n>(
    node: &'n Node,
    key: &str,
    example: &str,
    cx: &mut Lowering<'_>,
) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        let message = format!("this job spec has no `{key}`");
        let help = format!("add `{key}`, for example `{example}`");
        cx.error(Code::MissingKey, node.at, message, &help);
    }
    found
}

/// The integration that most names say.
fn integration(bundle: &Bundle) -> Option<String> {
    let flows = bundle.job_specs.iter().map(|spec| &spec.flow_name);
    let states = bundle
        .flows
        .iter()
        .flat_map(|flow| flow.definition.every_state());
    let actions = states.filter_map(|state| state.action());
    let names = flows
        .chain(actions)
        .filter_map(|word| FullName::parse(&word.text));
    let owners: Vec<&str> = names
        .filter(|name| !name.is_common())
        .map(|name| name.owner)
        .collect();
    let count = |owner: &str| owners.iter().filter(|other| **other == owner).count();
    // The first of those that stand most often.
    let most = owners.iter().rev().max_by_key(|owner| count(owner))?;
    Some((*most).to_owned())
}

/// The entries of a mapping; reported where it is something else.
pub fn map<'n>(node: &'n Node, name: &str, cx: &mut Lowering<'_>) -> Option<&'n [Entry]> {
    let entries = node.as_map();
    if entries.is_none() {
        let message = format!("{name} takes a mapping, found {}", node.kind());
        cx.error(
            Code::WrongType,
            node.at,
            message,
            "write its keys between `{` and `}`",
        );
    }
    entries
}

/// A text that is not empty.
pub fn word(node: &Node, key: &str, cx: &mut Lowering<'_>) -> Option<Word> {
    let text = cx.text(node, key)?;
    if text.trim().is_empty() {
        let message = format!("`{key}` is empty");
        cx.error(
            Code::InvalidValue,
            node.at,
            message,
            "write it, or leave the key out",
        );
        return None;
    }
    Some(Word { text, at: node.at })
}

pub fn optional(node: &Node, key: &str, cx: &mut Lowering<'_>) -> Option<Word> {
    let found = node.get(key)?;
    match &found.value {
        Yaml::Null => None,
        Yaml::Text(text) if text.is_empty() => None,
        _ => word(found, key, cx),
    }
}

/// Reports the keys that a mapping cannot have; those that end in `.$` stand for the key before it.
pub fn check_keys(entries: &[Entry], keys: &Keys, cx: &mut Lowering<'_>) {
    for entry in entries {
        let key = entry.key.as_str();
        let plain = key.strip_suffix(".$").unwrap_or(key);
        if keys.words.contains(&plain) {
            continue;
        }
        let message = format!("unknown key `{key}` in {}", keys.name);
        let help = match foreign(plain) {
            Some(help) => help.to_owned(),
            None => match synonyms::nearest(plain, keys.words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are: {}", keys.words.join(", ")),
            },
        };
        cx.error(Code::UnknownKey, entry.key_at, message, &help);
    }
}
