//! Lowers `flow: NAME` of a step, `flow_name: NAME` of a rule, and the named flows.
//! A named flow is lowered for the event types of each rule that runs it. Reports recursion and unknown
//! variables.

use std::collections::BTreeSet;
use std::mem::{replace, take};
use std::sync::Arc;

use serde_json::json;

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::ActionSpec;
use crate::compile::flow::cache::{CachedFlow, FlowInputs};
use crate::compile::flow::call_stack::FlowStack;
use crate::compile::flow::catch::lower_catch;
use crate::compile::flow::named_flows::{NamedFlow, NamedFlowBody, NamedFlows};
use crate::compile::flow::{lower_steps, no_secret};
use crate::config::variables;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::{anything, mapping, words};
use crate::document::{Entry, Node, Yaml};
use crate::flow::control::FlowCall;
use crate::flow::step::{Action, Flow};
use crate::flow::vocabulary::FLOW;
use crate::language::names::{Local, LocalType, Names, StepOutput};
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::rule::version::IncludedDocument;

pub const ACTION: ActionSpec = ActionSpec {
    output: |_| StepOutput::Inner,
    required: |key| {
        json!({
            "required": [key],
            "properties": {"flow": {"type": "string"}, "for_each": false},
        })
    },
    ..ActionSpec::new(
        words! {
            "flow" anything => "Runs the flow with this name. Beside `for_each`: the steps for each item.";
            "vars" mapping => "Values for the `vars` of a named flow; they override its own.";
        },
        |name, step, cx| lower(name, step, cx).map(|named| Action::Flow(Box::new(named))),
    )
};

/// Lowers `flow: NAME` with the `vars` beside it.
fn lower(name: &Node, step: &Node, cx: &mut Compiler<'_>) -> Option<FlowCall> {
    let named = find(name, "flow", cx);
    let arguments = match step.get("vars") {
        Some(vars) => lower_arguments(vars, named, &mut cx.names).map(Some),
        None => Some(None),
    };
    let named = named?;
    let parameters = step.get("vars").and_then(Node::as_map).unwrap_or_default();
    let parameters = parameters.iter().map(|entry| entry.key.clone()).collect();
    let base = cx.stack.vars.clone();
    let base = base.unwrap_or_else(|| Arc::clone(&cx.names.in_scope.vars));
    let vars = named.vars_over(&base);
    let inputs = FlowInputs {
        base,
        vars: Arc::clone(&vars),
        parameters,
        locals: event_locals(&cx.names),
        source: cx.source.clone(),
    };
    let flow = lower_called(named, inputs, name.at, cx);
    Some(FlowCall {
        name: Arc::clone(&named.name),
        flow: flow?,
        vars,
        given: arguments?,
    })
}

/// Returns the local `events`, which is visible in named flows too.
fn event_locals(names: &NameResolver<'_>) -> Vec<Local> {
    let locals = names.in_scope.locals.iter();
    locals
        .filter(|local| local.holds == LocalType::Events)
        .cloned()
        .collect()
}

/// Lowers the flow under `flow_name` as the rule's own flow. Its variables are already among the rule's.
pub fn lower_flow_name(name: &Node, cx: &mut Compiler<'_>) -> Option<Flow> {
    let named = find(name, "flow_name", cx)?;
    cx.stack.include(&named.part);
    let inputs = FlowInputs {
        base: Arc::clone(&cx.names.in_scope.vars),
        vars: Arc::clone(&cx.names.in_scope.vars),
        parameters: BTreeSet::new(),
        locals: cx.names.in_scope.locals.clone(),
        source: cx.source.clone(),
    };
    let flow = match &named.body {
        NamedFlowBody::Compiled(flow) => {
            cx.cache.flows.mark_used(&named.name);
            Some(Arc::clone(flow))
        }
        NamedFlowBody::Steps(body) => lower_isolated(named, inputs, cx, |cx| lower_body(body, cx)),
    };
    flow.map(Arc::unwrap_or_clone)
}

/// Checks a flow that no rule runs, as if it ran for events of any type.
pub fn lower_unused(named: &NamedFlow, cx: &mut Compiler<'_>) {
    let NamedFlowBody::Steps(body) = &named.body else {
        return;
    };
    // Variables that are null are set by the caller.
    let parameters = named
        .vars()
        .iter()
        .filter(|entry| entry.value.value == Yaml::Null);
    let inputs = FlowInputs {
        base: Arc::clone(&cx.names.in_scope.vars),
        vars: named.vars_over(&cx.names.in_scope.vars),
        parameters: parameters.map(|entry| entry.key.clone()).collect(),
        locals: Vec::new(),
        source: None,
    };
    lower_isolated(named, inputs, cx, |cx| lower_body(body, cx));
}

fn find<'c>(node: &Node, key: &str, cx: &mut Compiler<'c>) -> Option<&'c NamedFlow> {
    let flows = cx.named_flows;
    let name = match &node.value {
        Yaml::List(_) | Yaml::Map(_) => {
            let message = format!("`{key}` takes the name of a flow, found {}", node.kind());
            let help = match key {
                "flow" => {
                    "write nested steps under `choose` or `for_each`, and steps that several rules run under `flows:` in a separate document"
                }
                _ => "write the steps under `flow:`",
            };
            return cx.reject(Code::WrongType, node.at, message, help);
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => cx.text(node, key)?,
    };
    let found = flows.get(&name);
    if found.is_none() {
        let message = format!("unknown flow `{name}`");
        let help = match flows.nearest(&name) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name.starts_with("zis:") => bundle_flow_help(flows),
            None => format!(
                "define it in a separate document, `flows: {{ {name}: {{ flow: [ … ] }} }}`; if it is in another file, load that file too"
            ),
        };
        cx.error(Code::UndefinedName, node.at, message, &help);
    }
    found
}

/// Returns the help for a missing flow of a bundle.
fn bundle_flow_help(flows: &NamedFlows) -> String {
    let help = "add the bundle that defines it to the rules folder";
    let names = flows.iter().map(|named| &*named.name);
    let known: Vec<&str> = names.filter(|name| name.starts_with("zis:")).collect();
    match known.as_slice() {
        [] => format!("{help}; no bundle is loaded"),
        [_, _, _, _, ..] => format!("{help}; the loaded bundles have {} flows", known.len()),
        few => format!("{help}; the loaded bundles have {}", few.join(", ")),
    }
}

fn lower_arguments(
    node: &Node,
    named: Option<&NamedFlow>,
    names: &mut NameResolver<'_>,
) -> Option<JsonTemplate> {
    let Yaml::Map(entries) = &node.value else {
        return names.reject_type(node, "vars", "a mapping");
    };
    let tree = JsonTemplate::lower(node, names);
    let valid = named.is_none_or(|named| check_arguments(entries, named, names.diagnostics));
    let tree = tree.filter(|_| valid)?;
    match tree.secrets().is_empty() {
        true => Some(tree),
        false => no_secret(node, "the variables of a flow are shown", names.diagnostics),
    }
}

/// Whether the flow declares every variable that the caller sets. Reports those that it does not.
fn check_arguments(entries: &[Entry], named: &NamedFlow, diagnostics: &mut Diagnostics) -> bool {
    let known: Vec<&str> = named.vars().iter().map(|entry| &*entry.key).collect();
    let mut valid = true;
    for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
        let message = format!("the flow `{}` has no variable `{}`", named.name, entry.key);
        let help = match (
            suggest::nearest(&entry.key, known.iter().copied()),
            known.as_slice(),
        ) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) if matches!(named.body, NamedFlowBody::Compiled(_)) => {
                "a flow of a bundle reads only its own document; remove `vars`".into()
            }
            (None, []) => format!(
                "declare it in the flow with its default value: `vars: {{ {}: null }}`",
                entry.key
            ),
            (None, known) => format!("it has {}", known.join(", ")),
        };
        diagnostics.error(Code::UndefinedName, entry.key_at, message, &help);
        valid = false;
    }
    valid
}

/// Lowers the flow that a step calls.
fn lower_called(
    named: &NamedFlow,
    inputs: FlowInputs,
    at: Span,
    cx: &mut Compiler<'_>,
) -> Option<Arc<Flow>> {
    cx.stack.include(&named.part);
    let body = match &named.body {
        NamedFlowBody::Compiled(flow) => {
            cx.cache.flows.mark_used(&named.name);
            return Some(Arc::clone(flow));
        }
        NamedFlowBody::Steps(body) => body,
    };
    if let Some(first) = cx.stack.flows.iter().position(|name| *name == named.name) {
        report_recursion(first, at, cx);
        return None;
    }
    cx.within(at, |cx| {
        lower_isolated(named, inputs, cx, |cx| lower_body(body, cx))
    })
}

fn report_recursion(first: usize, at: Span, cx: &mut Compiler<'_>) {
    let mut path: Vec<Arc<str>> = cx.stack.flows[first..].to_vec();
    let mut cycle = path.clone();
    cycle.sort();
    path.push(Arc::clone(&path[0]));
    // Every rule that runs one of these flows has the same cycle.
    if !cx.cache.flows.mark_cycle_reported(cycle) {
        return;
    }
    let message = format!("the flow `{}` runs itself: {}", path[0], path.join(" → "));
    let help = "remove one of these steps; to repeat steps for each item of a list use `for_each`";
    cx.error(Code::RunsItself, at, message, help);
}

/// Lowers a named flow in a context of its own: it reads only the event and variables of its caller.
fn lower_isolated(
    named: &NamedFlow,
    inputs: FlowInputs,
    cx: &mut Compiler<'_>,
    lower: impl FnOnce(&mut Compiler<'_>) -> Option<Flow>,
) -> Option<Arc<Flow>> {
    cx.cache.flows.mark_used(&named.name);
    if let Some(known) = cx.cache.flows.get(named, &inputs, cx) {
        known.parts.iter().for_each(|part| cx.stack.include(part));
        return Some(known.flow);
    }
    let outside = enter(named, &inputs, cx);
    let (flow, clean) = report_each_once(cx, lower);
    let (parts, excused) = leave(outside, cx);
    let flow = Arc::new(flow?);
    if let Some(fields) = cx.names.fields.identity().filter(|_| clean && !excused) {
        let lowered = CachedFlow {
            inputs,
            depth: cx.depth,
            flow: Arc::clone(&flow),
            parts,
        };
        cx.cache.flows.insert(named, fields, lowered);
    }
    Some(flow)
}

/// The context of the steps around a named flow, kept while it is lowered.
struct SavedNames {
    names: Names,
    folder: String,
    stack: FlowStack,
}

fn enter(named: &NamedFlow, inputs: &FlowInputs, cx: &mut Compiler<'_>) -> SavedNames {
    let mut flows = cx.stack.flows.clone();
    flows.push(Arc::clone(&named.name));
    let stack = FlowStack {
        flows,
        parts: Vec::new(),
        vars: Some(Arc::clone(&inputs.base)),
    };
    let names = Names {
        parameters: inputs.parameters.clone(),
        locals: inputs.locals.clone(),
        in_named_flow: true,
        // The tests of event fields in the steps around the flow hold inside too.
        tested_paths: take(&mut cx.names.in_scope.tested_paths),
        ..Names::new(inputs.known())
    };
    SavedNames {
        names: replace(&mut cx.names.in_scope, names),
        folder: replace(&mut cx.folder, named.folder().to_owned()),
        stack: replace(&mut cx.stack, stack),
    }
}

/// Restores the context. Returns the documents of the flows that the named flow runs, and whether a test
/// around it excused a field that may be absent.
fn leave(outside: SavedNames, cx: &mut Compiler<'_>) -> (Vec<IncludedDocument>, bool) {
    let inside = replace(&mut cx.stack, outside.stack);
    inside.parts.iter().for_each(|part| cx.stack.include(part));
    cx.folder = outside.folder;
    let names = replace(&mut cx.names.in_scope, outside.names);
    cx.names.in_scope.tested_paths = names.tested_paths;
    (inside.parts, names.absence_excused)
}

/// Lowers a flow and reports each of its diagnostics once for all rules that run it. The second value is
/// whether there were none.
fn report_each_once<T>(
    cx: &mut Compiler<'_>,
    lower: impl FnOnce(&mut Compiler<'_>) -> Option<T>,
) -> (Option<T>, bool) {
    let before = cx.diagnostics().take();
    let lowered = lower(cx);
    let found = replace(cx.diagnostics(), before);
    let clean = found.is_empty();
    // A nested flow's diagnostics are filtered with those of the outermost flow.
    let outermost = cx.stack.flows.len() == 1;
    for diagnostic in found.iter() {
        if !outermost || cx.cache.flows.mark_reported(diagnostic) {
            cx.diagnostics().push(diagnostic.clone());
        }
    }
    (lowered, clean)
}

/// Lowers the mapping under the flow's name.
fn lower_body(node: &Node, cx: &mut Compiler<'_>) -> Option<Flow> {
    cx.entries(node, &FLOW)?;
    if let Some(description) = node.get("description") {
        cx.text(description, "description");
    }
    let vars = node.get("vars").is_none_or(|vars| {
        let valid = vars.as_map().is_some();
        match vars.as_map() {
            Some(entries) => variables::check(entries, cx.diagnostics()),
            None => cx.wrong_type(vars, "vars", "a mapping"),
        }
        valid
    });
    let flow = match node.get("flow") {
        Some(flow) => lower_steps(flow, "flow", cx),
        None => {
            let help = "add `flow:` with a list of steps";
            cx.reject(Code::MissingKey, node.at, "this flow has no `flow`", help)
        }
    };
    let catch = lower_catch(node, cx);
    let mut flow = flow.filter(|_| vars)?;
    flow.catch = catch?;
    Some(flow)
}
