//! Converts a ZIS bundle: one rule for each job spec, which runs the job spec's flow by name.
//! The flows stay in the bundle, which runs from the rules folder unchanged. So do the job specs: the rules
//! have `mode: shadow`, since two live rules would run the same flow twice for one event.

use serde_json::{Map, Value, json};

use crate::bundle;
use crate::bundle::name::ResourceName;
use crate::bundle::{Bundle, BundleFlow, JobSpec};
use crate::convert::conversion::{Conversion, ConvertedRule, Omission};
use crate::convert::names::NameAllocator;
use crate::diagnostic::{Diagnostics, FileId, Severity};
use crate::document;
use crate::document::Node;

const CONDITION: &str = "`when`: remove the `#` and write the condition; without it the rule matches every event of its type";

const FLOW: &str = "`flow_name`: the flow stays in the bundle, which must be in the rules folder";

/// The documents of a text that contains a bundle.
pub struct Documents {
    pub bundles: Vec<Node>,
    /// Documents that are not bundles, and syntax errors.
    pub omitted: Vec<Omission>,
}

/// Returns `None` if no document is a bundle.
pub fn documents(text: &str) -> Option<Documents> {
    let mut diagnostics = Diagnostics::default();
    let documents = document::read(FileId::default(), text, &mut diagnostics);
    let (bundles, others): (Vec<Node>, Vec<Node>) =
        documents.into_iter().partition(bundle::is_bundle);
    if bundles.is_empty() {
        return None;
    }
    let mut omitted: Vec<Omission> = others.iter().map(other_document).collect();
    omitted.extend(errors(diagnostics, "an error in the file"));
    Some(Documents { bundles, omitted })
}

fn errors(diagnostics: Diagnostics, what: &'static str) -> impl Iterator<Item = Omission> {
    let diagnostics = diagnostics.sorted().into_iter();
    let errors = diagnostics.filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(move |error| Omission::new(what, error.message, line(error.at.line)))
}

fn line(number: u32) -> String {
    format!("line {number}")
}

fn other_document(document: &Node) -> Omission {
    let is_rule = ["flow", "flow_name", "flows"]
        .iter()
        .any(|key| document.get(key).is_some());
    let name = document.get("name").and_then(Node::scalar_text);
    let (what, why) = match (is_rule, name) {
        (true, Some(name)) => (
            format!("the rule `{name}`"),
            "already a rule; it stays in its file",
        ),
        (true, None) => (
            "a document beside the bundle".into(),
            "already a rule or a flow; it stays in its file",
        ),
        (false, _) => (
            "a document beside the bundle".into(),
            "neither a bundle nor a rule",
        ),
    };
    Omission::new(what, why, line(document.at.line))
}

pub fn convert(node: &Node, names: &mut NameAllocator) -> Conversion {
    let mut conversion = Conversion::default();
    let mut diagnostics = Diagnostics::default();
    let bundle = crate::bundle::read::read(node, &mut diagnostics);
    let errors = errors(diagnostics, "an error in the bundle");
    conversion.omitted.extend(errors);
    let Some(bundle) = bundle else {
        return conversion;
    };
    for spec in &bundle.job_specs {
        match bundle.flow(&spec.flow_name.text) {
            Some(flow) => conversion.rules.push(rule(spec, flow, &bundle, names)),
            None => conversion.omitted.push(Omission::new(
                format!("the job spec `{}`", spec.name.text),
                format!("no flow `{}`, or it has errors", spec.flow_name.text),
                line(spec.flow_name.at.line),
            )),
        }
    }
    let unused = bundle
        .flows
        .iter()
        .filter(|flow| !is_started(flow, &bundle));
    conversion.omitted.extend(unused.map(|flow| {
        let full = bundle.name_of(flow);
        Omission::new(
            format!("the flow `{}`", flow.name.text),
            format!("no job spec starts it; a rule can run it with `flow_name: {full}`"),
            line(flow.name.at.line),
        )
    }));
    conversion
}

fn is_started(flow: &BundleFlow, bundle: &Bundle) -> bool {
    let specs = bundle.job_specs.iter();
    let mut names = specs.map(|spec| ResourceName::short(&spec.flow_name.text));
    names.any(|name| name == flow.name.text)
}

fn rule(
    spec: &JobSpec,
    flow: &BundleFlow,
    bundle: &Bundle,
    names: &mut NameAllocator,
) -> ConvertedRule {
    let name = names.allocate(&spec.name.text, "job-spec");
    let mut rule = Map::new();
    rule.insert("name".into(), json!(name));
    rule.insert("event_source".into(), spec.event_source.to_json());
    rule.insert("event_type".into(), spec.event_type.to_json());
    rule.insert("mode".into(), json!("shadow"));
    rule.insert("flow_name".into(), json!(bundle.name_of(flow)));
    let from = match &bundle.name {
        Some(bundle) => format!(
            "the job spec `{}` of the ZIS bundle \"{}\"",
            spec.name.text, bundle.text
        ),
        None => format!("the job spec `{}` of a ZIS bundle", spec.name.text),
    };
    let shadow = format!(
        "`mode: shadow`: the job spec `{}` of the bundle starts the same flow, and two live rules would run it twice for each event; to use this rule instead, remove the job spec from the bundle, then this line",
        spec.name.text
    );
    ConvertedRule {
        name,
        from,
        document: Value::Object(rule),
        condition: Some(example(spec)),
        omitted: Vec::new(),
        notes: vec![shadow, CONDITION.into(), FLOW.into()],
        configure: Vec::new(),
    }
}

/// A valid condition for events of a ticket; for other events, a placeholder.
fn example(spec: &JobSpec) -> &'static str {
    let text = |node: &Node| node.scalar_text().unwrap_or_default();
    let ticket =
        text(&spec.event_source) == "support" && text(&spec.event_type).starts_with("ticket.");
    match ticket {
        true => "when: { ticket.tags: { has: vip } }",
        false => "when: { … }",
    }
}
