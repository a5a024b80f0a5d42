//! What is wrong with a bundle that has the right form: names that lead nowhere, states that nothing
//! reaches, paths to what is never there, limits that ZIS has. It mends nothing.

pub mod document;
pub mod parameters;
pub mod path_reads;
pub mod reachability;
pub mod settings;
pub mod termination;
pub mod unsatisfiable;

use crate::bundle::name::ResourceName;
use crate::bundle::state::{Definition, StateKind};
use crate::bundle::{Bundle, BundleFlow, ResourceKind, SpannedText};
use crate::compile::bundle::{JobSpecTrigger, nowhere, told};
use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::language::resolver::NameResolver;

/// The limits of ZIS, which are none here.
const LONGEST_NAME: usize = 50;
const LONGEST_FLOW_NAME: usize = 100;
const LONGEST_ACTION: usize = 20;
const LONGEST_TIME: u64 = 100;

/// What the bundle's names lead to, and how long they are.
pub fn names(bundle: &Bundle, triggers: &[JobSpecTrigger<'_>], cx: &mut Compiler<'_>) {
    for trigger in triggers {
        check_flow_name(&trigger.spec.flow_name, bundle, cx.diagnostics());
        let what = "name of a job spec";
        limit(&trigger.spec.name, LONGEST_NAME, what, cx.diagnostics());
    }
    for flow in &bundle.flows {
        limit(&flow.name, LONGEST_NAME, "name of a flow", cx.diagnostics());
    }
    for action in &bundle.actions {
        limit(
            &action.name,
            LONGEST_ACTION,
            "name of an action",
            cx.diagnostics(),
        );
        warn_of_uncalled(&action.name, bundle, cx.diagnostics());
    }
    for (number, trigger) in triggers.iter().enumerate() {
        warn_of_twins(trigger, &triggers[..number], cx.diagnostics());
    }
    settings::check(bundle, cx);
}

/// All that can be wrong within one flow.
pub fn flow(flow: &BundleFlow, bundle: &Bundle, names: &mut NameResolver<'_>) {
    reachability::check(&flow.definition, "the flow", names.diagnostics);
    for state in flow.definition.every_state() {
        if let StateKind::Action {
            name, parameters, ..
        } = &state.does
        {
            check_action_name(name, bundle, names.diagnostics);
            if let Some(action) = bundle.action(&name.text) {
                parameters::check(action, name, parameters.as_ref(), names.diagnostics);
            }
        }
    }
    warn_of_time(&flow.definition, names.diagnostics);
    document::check(&flow.definition, document::InitialDocument::Event, names);
}

fn check_flow_name(word: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    limit(word, LONGEST_FLOW_NAME, "`flow_name`", diagnostics);
    let flows: Vec<&str> = bundle
        .flows
        .iter()
        .map(|flow| flow.name.text.as_str())
        .collect();
    match ResourceName::parse(&word.text) {
        Some(full) if full.kind == "flow" => {
            let known = flows.contains(&full.name) || told(bundle, ResourceKind::Flow, full.name);
            match known {
                true => other_owner(full.owner, word, bundle, diagnostics),
                false => nowhere(word.at, "flow", full.name, &flows, diagnostics),
            }
        }
        Some(_) | None => {
            let short = ResourceName::short(&word.text);
            let message = format!("`{}` is no whole name of a flow", word.text);
            let help = format!("write `zis:{}:flow:{short}`", bundle.integration);
            diagnostics.error(Code::InvalidValue, word.at, message, &help);
        }
    }
}

fn check_action_name(word: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    let actions: Vec<&str> = bundle
        .actions
        .iter()
        .map(|action| action.name.text.as_str())
        .collect();
    match ResourceName::parse(&word.text) {
        // What ZIS brings is judged where it is lowered.
        Some(full) if full.is_common() => {}
        Some(full) if full.kind == "action" => {
            let known =
                actions.contains(&full.name) || told(bundle, ResourceKind::Action, full.name);
            match known {
                true => other_owner(full.owner, word, bundle, diagnostics),
                false => nowhere(word.at, "action", full.name, &actions, diagnostics),
            }
        }
        Some(_) | None => {
            let short = ResourceName::short(&word.text);
            let message = format!("`{}` is no whole name of an action", word.text);
            let help = format!("write `zis:{}:action:{short}`", bundle.integration);
            diagnostics.error(Code::InvalidValue, word.at, message, &help);
        }
    }
}

/// A name of another integration is found here by its last part, and nowhere on ZIS.
fn other_owner(owner: &str, word: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    if owner == bundle.integration {
        return;
    }
    let message = format!("`{owner}` is not the integration of this bundle");
    let help = format!("the others say `{}`", bundle.integration);
    diagnostics.warning(Code::InvalidValue, word.at, message, help);
}

fn limit(word: &SpannedText, most: usize, what: &str, diagnostics: &mut Diagnostics) {
    let length = word.text.chars().count();
    if length > most {
        let message = format!("this {what} has {length} characters");
        let help = format!("ZIS takes {most}; here it works as it is");
        diagnostics.warning(Code::InvalidValue, word.at, message, help);
    }
}

fn warn_of_uncalled(name: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    let states = bundle
        .flows
        .iter()
        .flat_map(|flow| flow.definition.every_state());
    let mut calls = states.filter_map(|state| state.action());
    let broken = bundle
        .flows
        .iter()
        .any(|flow| !flow.definition.broken.is_empty());
    let called = calls.any(|call| ResourceName::short(&call.text) == name.text);
    if !called
        && !broken
        && bundle
            .broken
            .iter()
            .all(|(kind, _)| *kind != ResourceKind::Flow)
    {
        let message = format!("no state calls the action `{}`", name.text);
        diagnostics.warning(
            Code::UnusedAction,
            name.at,
            message,
            "take it out, or call it",
        );
    }
}

/// Two job specs for one type: each of them starts its flow.
fn warn_of_twins(
    trigger: &JobSpecTrigger<'_>,
    before: &[JobSpecTrigger<'_>],
    diagnostics: &mut Diagnostics,
) {
    let same = |other: &&JobSpecTrigger<'_>| {
        other.types.is_some() && other.types == trigger.types && other.source == trigger.source
    };
    let Some(first) = before.iter().find(same) else {
        return;
    };
    let name = &first.spec.name;
    let message = format!("`{}` listens to the same events", name.text);
    let help = match first.spec.flow_name.text == trigger.spec.flow_name.text {
        true => format!(
            "it stands on line {}, and the flow runs twice; take one out",
            name.at.line
        ),
        false => format!(
            "it stands on line {}; both flows run, at the same time",
            name.at.line
        ),
    };
    diagnostics.warning(
        Code::DuplicateName,
        trigger.spec.event_type.at,
        message,
        help,
    );
}

fn warn_of_time(definition: &Definition, diagnostics: &mut Diagnostics) {
    let waits = definition
        .every_state()
        .into_iter()
        .filter_map(|state| match &state.does {
            StateKind::Wait { seconds, at } => Some((*seconds, *at)),
            StateKind::Action { .. }
            | StateKind::Choice { .. }
            | StateKind::Map { .. }
            | StateKind::Pass { .. }
            | StateKind::Succeed { .. }
            | StateKind::Fail { .. } => None,
        });
    let mut total = 0_u64;
    for (seconds, at) in waits {
        total = total.saturating_add(seconds);
        if total > LONGEST_TIME {
            let message = format!("the waits up to here take {total} seconds");
            let help =
                format!("ZIS ends a flow after {LONGEST_TIME}; here it waits as long as it says");
            diagnostics.warning(Code::InvalidValue, at, message, help);
            return;
        }
    }
}
