//! Reads a document as a bundle, and reports all syntax mistakes.
//! Resources of other types and unknown keys are errors.

pub(crate) mod states;

use crate::bundle::name::ResourceName;
use crate::bundle::vocabulary::{BUNDLE, JOB_SPEC, KeySet, PROPERTIES, RESOURCE};
use crate::bundle::{
    Bundle, BundleFlow, JobSpec, ResourceKind, SpannedText, TEMPLATE_VERSION, http,
};
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Entry, Node, Yaml};

/// Reads the bundle of a document. None after an error that affects all of it; otherwise invalid
/// resources are left out.
pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Bundle> {
    let entries = map(node, "a bundle", diagnostics)?;
    check_keys(entries, &BUNDLE, diagnostics);
    check_version(node, diagnostics);
    let resources = node.get("resources").and_then(Node::as_map);
    let Some(resources) = resources.filter(|resources| !resources.is_empty()) else {
        let help = "add `resources`: a JobSpec, a Flow and the actions that it calls";
        diagnostics.error(
            Code::MissingKey,
            node.at,
            "this bundle has no `resources`",
            help,
        );
        return None;
    };
    let mut bundle = Bundle {
        at: node.at,
        name: optional(node, "name", diagnostics),
        description: optional(node, "description", diagnostics),
        integration: String::new(),
        job_specs: Vec::new(),
        flows: Vec::new(),
        actions: Vec::new(),
        broken: Vec::new(),
    };
    for resource in resources {
        read_resource(resource, &mut bundle, diagnostics);
    }
    bundle.integration = optional(node, "integration", diagnostics)
        .map(|name| name.text)
        .or_else(|| integration(&bundle))
        .or_else(|| bundle.name.as_ref().map(|name| name.text.clone()))
        .unwrap_or_else(|| "INTEGRATION".into());
    Some(bundle)
}

fn check_version(node: &Node, diagnostics: &mut Diagnostics) {
    let version = node.get("zis_template_version");
    let at = version.map_or(node.at, |version| version.at);
    let message = match version.map(Node::scalar_text) {
        Some(Some(text)) if text == TEMPLATE_VERSION => return,
        Some(Some(text)) => format!("unsupported bundle version `{text}`"),
        Some(None) | None => "this bundle has no `zis_template_version`".into(),
    };
    let help = format!(
        "write `zis_template_version: \"{TEMPLATE_VERSION}\"`; the bundle is read as this version"
    );
    diagnostics.warning(Code::InvalidValue, at, message, help);
}

fn read_resource(entry: &Entry, bundle: &mut Bundle, diagnostics: &mut Diagnostics) {
    let node = &entry.value;
    let Some(entries) = map(node, "a resource", diagnostics) else {
        return;
    };
    check_keys(entries, &RESOURCE, diagnostics);
    let Some(kind) = kind(node, entry, diagnostics) else {
        return;
    };
    let Some(properties) = node.get("properties") else {
        let message = format!("the resource `{}` has no `properties`", entry.key);
        diagnostics.error(
            Code::MissingKey,
            entry.key_at,
            message,
            "add its `name` and what it is",
        );
        return;
    };
    if map(properties, "`properties`", diagnostics).is_none() {
        return;
    }
    let name = read_name(properties, entry, kind, bundle, diagnostics);
    let read =
        match kind {
            ResourceKind::JobSpec => read_job_spec(properties, &name, diagnostics)
                .map(|spec| bundle.job_specs.push(spec)),
            ResourceKind::Flow => {
                read_flow(properties, &name, diagnostics).map(|flow| bundle.flows.push(flow))
            }
            ResourceKind::Action => read_action(properties, &name, diagnostics)
                .map(|action| bundle.actions.push(action)),
        };
    if read.is_none() {
        bundle.broken.push((kind, name.text));
    }
}

fn kind(node: &Node, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<ResourceKind> {
    let Some(found) = node.get("type") else {
        let message = format!("the resource `{}` has no `type`", entry.key);
        let help = "add `type`: ZIS::JobSpec, ZIS::Flow or ZIS::Action::Http";
        diagnostics.error(Code::MissingKey, entry.key_at, message, help);
        return None;
    };
    let text = diagnostics.text(found, "type")?;
    if text.starts_with("ZIS::Connection") {
        warn_about_connection(&text, found.at, diagnostics);
        return None;
    }
    let kind = ResourceKind::parse(&text);
    if kind.is_none() {
        let types = ResourceKind::ALL.map(ResourceKind::as_str);
        let help = match suggest::nearest(&text, types.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("a bundle has {}", types.join(", ")),
        };
        let message = format!("unknown resource type `{text}`");
        diagnostics.error(Code::InvalidValue, found.at, message, &help);
    }
    kind
}

/// Warns about a connection resource: credentials are configured in flowtrigger.yaml.
fn warn_about_connection(text: &str, at: Span, diagnostics: &mut Diagnostics) {
    let message = format!("resources of type `{text}` are ignored");
    let help =
        "define connections in flowtrigger.yaml, under `connections`; ZIS still needs the resource";
    diagnostics.warning(Code::InvalidValue, at, message, help);
}

/// Reads the resource's name, or uses its key if it has none. Reports duplicate names of one kind.
fn read_name(
    properties: &Node,
    entry: &Entry,
    kind: ResourceKind,
    bundle: &Bundle,
    diagnostics: &mut Diagnostics,
) -> SpannedText {
    let key = || SpannedText {
        text: entry.key.clone(),
        at: entry.key_at,
    };
    let Some(name) = properties.get("name") else {
        let message = format!("the {} `{}` has no `name`", kind.as_str(), entry.key);
        let help = "add `name`; references use that name, not the resource's key";
        diagnostics.error(Code::MissingKey, properties.at, message, help);
        return key();
    };
    let Some(name) = non_empty_text(name, "name", diagnostics) else {
        return key();
    };
    let mut others: Vec<&SpannedText> = match kind {
        ResourceKind::JobSpec => bundle.job_specs.iter().map(|spec| &spec.name).collect(),
        ResourceKind::Flow => bundle.flows.iter().map(|flow| &flow.name).collect(),
        ResourceKind::Action => bundle.actions.iter().map(|action| &action.name).collect(),
    };
    others.retain(|other| other.text == name.text);
    if let Some(first) = others.first() {
        let message = format!("duplicate {} name `{}`", kind.as_str(), name.text);
        let help = format!(
            "the first one is on line {}; choose another name",
            first.at.line
        );
        diagnostics.error(Code::DuplicateName, name.at, message, &help);
    }
    name
}

fn read_job_spec(
    node: &Node,
    name: &SpannedText,
    diagnostics: &mut Diagnostics,
) -> Option<JobSpec> {
    let entries = node.as_map().unwrap_or_default();
    check_keys(entries, &JOB_SPEC, diagnostics);
    let flow_name = required(node, "flow_name", "zis:INTEGRATION:flow:NAME", diagnostics);
    let event_source = required(node, "event_source", "support", diagnostics);
    let event_type = required(node, "event_type", "ticket.TicketCreated", diagnostics);
    Some(JobSpec {
        name: name.clone(),
        event_source: event_source?.clone(),
        event_type: event_type?.clone(),
        flow_name: non_empty_text(flow_name?, "flow_name", diagnostics)?,
    })
}

fn read_flow(node: &Node, name: &SpannedText, diagnostics: &mut Diagnostics) -> Option<BundleFlow> {
    let definition = read_definition(node, diagnostics)?;
    Some(BundleFlow {
        name: name.clone(),
        definition: states::read(definition, diagnostics)?,
    })
}

fn read_action(
    node: &Node,
    name: &SpannedText,
    diagnostics: &mut Diagnostics,
) -> Option<http::HttpAction> {
    let definition = read_definition(node, diagnostics)?;
    http::read(definition, name, diagnostics)
}

fn read_definition<'n>(node: &'n Node, diagnostics: &mut Diagnostics) -> Option<&'n Node> {
    let entries = node.as_map().unwrap_or_default();
    check_keys(entries, &PROPERTIES, diagnostics);
    let found = node.get("definition");
    if found.is_none() {
        let help = "add `definition`: the states of a flow, the request of an action";
        diagnostics.error(
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
    diagnostics: &mut Diagnostics,
) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        let message = format!("this job spec has no `{key}`");
        let help = format!("add `{key}`, for example `{example}`");
        diagnostics.error(Code::MissingKey, node.at, message, &help);
    }
    found
}

/// Returns the integration that most names contain.
fn integration(bundle: &Bundle) -> Option<String> {
    let flows = bundle.job_specs.iter().map(|spec| &spec.flow_name);
    let states = bundle
        .flows
        .iter()
        .flat_map(|flow| flow.definition.every_state());
    let actions = states.filter_map(|state| state.action());
    let names = flows
        .chain(actions)
        .filter_map(|name| ResourceName::parse(&name.text));
    let owners: Vec<&str> = names
        .filter(|name| !name.is_common())
        .map(|name| name.owner)
        .collect();
    let count = |owner: &str| owners.iter().filter(|other| **other == owner).count();
    // On a tie, the first one.
    let most = owners.iter().rev().max_by_key(|owner| count(owner))?;
    Some((*most).to_owned())
}

/// Returns the entries of a mapping. Reports any other value.
pub fn map<'n>(node: &'n Node, name: &str, diagnostics: &mut Diagnostics) -> Option<&'n [Entry]> {
    let entries = node.as_map();
    if entries.is_none() {
        let message = format!("{name} takes a mapping, found {}", node.kind());
        diagnostics.error(
            Code::WrongType,
            node.at,
            message,
            "write its keys between `{` and `}`",
        );
    }
    entries
}

/// Returns a text that is not empty. Reports any other value.
pub fn non_empty_text(
    node: &Node,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<SpannedText> {
    let text = diagnostics.text(node, key)?;
    if text.trim().is_empty() {
        let message = format!("`{key}` is empty");
        diagnostics.error(
            Code::InvalidValue,
            node.at,
            message,
            "write it, or leave the key out",
        );
        return None;
    }
    Some(SpannedText { text, at: node.at })
}

/// Returns a text, or None if the key is absent, null or empty.
pub fn optional(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<SpannedText> {
    let found = node.get(key)?;
    match &found.value {
        Yaml::Null => None,
        Yaml::Text(text) if text.is_empty() => None,
        _ => non_empty_text(found, key, diagnostics),
    }
}

/// Reports unknown keys of a mapping. The suffix `.$` of a key is ignored.
pub fn check_keys(entries: &[Entry], keys: &KeySet, diagnostics: &mut Diagnostics) {
    for entry in entries {
        let key = entry.key.as_str();
        let plain = key.strip_suffix(".$").unwrap_or(key);
        if keys.words.contains(&plain) {
            continue;
        }
        let message = format!("unknown key `{key}` in {}", keys.name);
        let help = match suggest::for_bundle_key(plain) {
            Some(help) => help.to_owned(),
            None => match suggest::nearest(plain, keys.words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are: {}", keys.words.join(", ")),
            },
        };
        diagnostics.error(Code::UnknownKey, entry.key_at, message, &help);
    }
}
