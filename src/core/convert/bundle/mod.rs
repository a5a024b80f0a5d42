//! A ZIS bundle as rules: one for each job spec, with the flow that it starts as steps; a flow that several
//! start under `flows:`.
//! It refuses to convert a flow in part: one that has no counterpart somewhere stays in its bundle.

mod connections;
mod filled;
mod graph;
mod request;
mod scene;
mod steps;
mod test;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::core::bundle::state::Does;
use crate::core::bundle::{self, Bundle, Flow, FullName, JobSpec};
use crate::core::config::Config;
use crate::core::convert::clause::Clause;
use crate::core::convert::converted::{Conversion, Converted, Left};
use crate::core::convert::naming::Names;
use crate::core::diagnostic::{Diagnostics, FileId, Severity};
use crate::core::event::body_key;
use crate::core::rule::document::{self, Node};
use connections::Connections;
use scene::Scene;
use steps::{Filters, Obstacle, Steps, Whole};

/// The documents of a text in which there is a bundle.
pub struct Documents {
    pub bundles: Vec<Node>,
    /// What stands beside the bundles.
    pub left: Vec<Left>,
}

/// None where no bundle is among the documents.
pub fn of(text: &str) -> Option<Documents> {
    let mut mistakes = Diagnostics::default();
    let documents = document::read(FileId::default(), text, &mut mistakes);
    let (bundles, others): (Vec<Node>, Vec<Node>) =
        documents.into_iter().partition(bundle::is_bundle);
    if bundles.is_empty() {
        return None;
    }
    let mut left: Vec<Left> = others.iter().map(beside).collect();
    let mistakes = mistakes.sorted().into_iter();
    let mistakes = mistakes.filter(|mistake| mistake.severity == Severity::Error);
    left.extend(mistakes.map(|mistake| {
        let at = format!("line {}", mistake.at.line);
        Left::new("a mistake in the file", mistake.message, at)
    }));
    Some(Documents { bundles, left })
}

fn beside(document: &Node) -> Left {
    let at = format!("line {}", document.at.line);
    let is_rule = ["flow", "flow_name", "flows"]
        .iter()
        .any(|key| document.get(key).is_some());
    let name = document.get("name").and_then(Node::scalar_text);
    match (is_rule, name) {
        (true, Some(name)) => Left::new(
            format!("the rule `{name}`"),
            "a rule already, left where it is",
            at,
        ),
        (true, None) => Left::new(
            "a document beside the bundle",
            "a rule or a flow already, left where it is",
            at,
        ),
        (false, _) => Left::new(
            "a document beside the bundle",
            "it is neither a bundle nor a rule",
            at,
        ),
    }
}

pub fn convert(node: &Node, names: &mut Names, config: &Config) -> Conversion {
    let mut conversion = Conversion::default();
    let mut diagnostics = Diagnostics::default();
    let read = bundle::read(node, &mut diagnostics);
    for mistake in diagnostics.sorted() {
        if mistake.severity == Severity::Error {
            let at = format!("line {}", mistake.at.line);
            conversion
                .left
                .push(Left::new("a mistake in the bundle", mistake.message, at));
        }
    }
    if let Some(bundle) = read {
        Conversions::new(&bundle, config).all(names, &mut conversion);
    }
    conversion
}

struct Conversions<'b> {
    bundle: &'b Bundle,
    config: &'b Config,
    patched: BTreeSet<String>,
}

impl<'b> Conversions<'b> {
    fn new(bundle: &'b Bundle, config: &'b Config) -> Self {
        Self {
            bundle,
            config,
            patched: patched(bundle),
        }
    }

    fn all(&self, names: &mut Names, conversion: &mut Conversion) {
        for flow in &self.bundle.flows {
            let starts = self.bundle.job_specs.iter();
            let starts: Vec<&JobSpec> = starts
                .filter(|spec| FullName::short(&spec.flow_name.text) == flow.name.text)
                .collect();
            match starts.as_slice() {
                [] => conversion.left.push(Left::new(
                    format!("the flow `{}`", flow.name.text),
                    "no job spec starts it",
                    format!("line {}", flow.name.at.line),
                )),
                [one] => self.single(one, flow, names, conversion),
                many => self.shared(many, flow, names, conversion),
            }
        }
        for spec in &self.bundle.job_specs {
            if self.bundle.flow(&spec.flow_name.text).is_none() {
                conversion.left.push(Left::new(
                    format!("the job spec `{}`", spec.name.text),
                    format!(
                        "there is no flow `{}`, or it has mistakes",
                        spec.flow_name.text
                    ),
                    format!("line {}", spec.flow_name.at.line),
                ));
            }
        }
    }

    fn whole(&self) -> Whole<'b> {
        Whole {
            bundle: self.bundle,
            patched: self.patched.clone(),
            connections: Connections::new(self.config, &self.bundle.integration),
            settings: BTreeSet::new(),
            notes: BTreeSet::new(),
        }
    }

    fn single(&self, spec: &JobSpec, flow: &Flow, names: &mut Names, conversion: &mut Conversion) {
        let mut whole = self.whole();
        let scene = scene_of(spec);
        match steps::steps(&flow.definition, scene, Filters::BeforeRun, &mut whole) {
            Err(obstacle) => conversion.left.push(left_of(flow, &[spec], obstacle)),
            Ok(steps) if steps.list.is_empty() => conversion.left.push(Left::new(
                format!("the flow `{}`", flow.name.text),
                "it does nothing but choose and end",
                format!("line {}", flow.name.at.line),
            )),
            Ok(steps) => {
                let name = names.give(&spec.name.text, "job-spec");
                let mut rule = head(&name, spec);
                let Steps { when, list } = steps;
                let when = Clause::all(when).to_map();
                if !when.is_empty() {
                    rule.insert("when".into(), Value::Object(when));
                }
                rule.insert("flow".into(), Value::Array(list));
                let from = self.from(&format!(
                    "the job spec `{}`, the flow `{}`",
                    spec.name.text, flow.name.text
                ));
                conversion.rules.push(converted(name, from, rule, &whole));
            }
        }
    }

    /// A flow of its own, and a rule for each job spec that starts it.
    fn shared(
        &self,
        specs: &[&JobSpec],
        flow: &Flow,
        names: &mut Names,
        conversion: &mut Conversion,
    ) {
        let mut whole = self.whole();
        let scene = specs
            .first()
            .map_or_else(|| Scene::of_event("ticket_event"), |spec| scene_of(spec));
        let steps = match specs.iter().all(|spec| scene_of(spec) == scene) {
            true => steps::steps(&flow.definition, scene, Filters::InRun, &mut whole),
            false => Err(Obstacle {
                why: "events of different kinds start it, whose bodies have different names".into(),
                state: flow.definition.start_at.text.clone(),
                line: flow.name.at.line,
            }),
        };
        let list = match steps {
            Err(obstacle) => return conversion.left.push(left_of(flow, specs, obstacle)),
            Ok(steps) => steps.list,
        };
        if list.is_empty() {
            let why = "it does nothing but choose and end";
            let at = format!("line {}", flow.name.at.line);
            return conversion.left.push(Left::new(
                format!("the flow `{}`", flow.name.text),
                why,
                at,
            ));
        }
        let name = names.give(&flow.name.text, "flow");
        let flows = json!({ "flows": { name.clone(): { "flow": list } } });
        let from = self.from(&format!("the flow `{}`", flow.name.text));
        let document = flows.as_object().cloned().unwrap_or_default();
        conversion
            .rules
            .push(converted(name.clone(), from, document, &whole));
        for spec in specs {
            let rule_name = names.give(&spec.name.text, "job-spec");
            let mut rule = head(&rule_name, spec);
            rule.insert("flow_name".into(), json!(name));
            let from = self.from(&format!("the job spec `{}`", spec.name.text));
            conversion
                .rules
                .push(converted(rule_name, from, rule, &self.whole()));
        }
    }

    fn from(&self, part: &str) -> String {
        match &self.bundle.name {
            Some(name) => format!("{part} of the ZIS bundle \"{}\"", name.text),
            None => format!("{part} of a ZIS bundle"),
        }
    }
}

fn head(name: &str, spec: &JobSpec) -> Map<String, Value> {
    let mut rule = Map::new();
    rule.insert("name".into(), json!(name));
    rule.insert("event_source".into(), spec.event_source.to_json());
    rule.insert("event_type".into(), spec.event_type.to_json());
    rule
}

fn converted(name: String, from: String, rule: Map<String, Value>, whole: &Whole<'_>) -> Converted {
    let settings = whole.settings.iter().map(|name| {
        format!("vars.{name}: what ZIS keeps as the settings of this scope; they are read from the configuration")
    });
    let document = Value::Object(rule);
    let mut notes: Vec<String> = whole.notes.iter().map(|note| (*note).to_owned()).collect();
    if document.to_string().contains("error.message") {
        notes.push("`error.message` says in other words what `Cause` said".into());
    }
    Converted {
        name,
        from,
        document,
        left: Vec::new(),
        notes,
        configure: whole.connections.to_configure().chain(settings).collect(),
    }
}

fn left_of(flow: &Flow, specs: &[&JobSpec], obstacle: Obstacle) -> Left {
    let specs: Vec<String> = specs
        .iter()
        .map(|spec| format!("`{}`", spec.name.text))
        .collect();
    let what = format!(
        "the flow `{}` of {}, which stays in the bundle",
        flow.name.text,
        specs.join(", ")
    );
    let line = match obstacle.line {
        0 => flow.name.at.line,
        line => line,
    };
    Left::new(
        what,
        obstacle.why,
        format!("state {}, line {line}", obstacle.state),
    )
}

fn scene_of(spec: &JobSpec) -> Scene {
    let text = |node: &Node| node.scalar_text().unwrap_or_default();
    Scene::of_event(body_key(&text(&spec.event_source), &text(&spec.event_type)))
}

/// The scopes of settings that the bundle writes.
fn patched(bundle: &Bundle) -> BTreeSet<String> {
    let states = bundle
        .flows
        .iter()
        .flat_map(|flow| flow.definition.every_state());
    let scopes = states.filter_map(|state| match &state.does {
        Does::Action {
            name, parameters, ..
        } if FullName::short(&name.text) == "PatchConfig" => {
            parameters.as_ref()?.get("scope")?.scalar_text()
        }
        Does::Action { .. }
        | Does::Choice { .. }
        | Does::Map { .. }
        | Does::Wait { .. }
        | Does::Pass { .. }
        | Does::Succeed { .. }
        | Does::Fail { .. } => None,
    });
    scopes.collect()
}
