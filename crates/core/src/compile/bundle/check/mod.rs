//! Checks valid bundles for unknown names, unreachable states, absent paths and the limits of ZIS.

pub(crate) mod accounts;
pub(crate) mod document;
pub(crate) mod event_reads;
pub(crate) mod never_written;
pub(crate) mod parameters;
pub(crate) mod path_reads;
pub(crate) mod placeholder_keys;
pub(crate) mod possible_documents;
pub(crate) mod reachability;
pub(crate) mod replacing_states;
pub(crate) mod settings;
pub(crate) mod settings_keys;
pub(crate) mod shape;
pub(crate) mod termination;
pub(crate) mod unsatisfiable;
pub(crate) mod unused_actions;

use std::collections::BTreeSet;

use crate::bundle::name::ResourceName;
use crate::bundle::state::{Definition, StateKind};
use crate::bundle::{Bundle, BundleFlow, ResourceKind, SpannedText};
use crate::compile::bundle::check::accounts::AccountGaps;
use crate::compile::bundle::check::document::{DocumentCheck, InitialDocument};
use crate::compile::bundle::{JobSpecTrigger, is_reported, report_unknown_name};
use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::language::resolver::NameResolver;

/// The limits of ZIS. Exceeding one is only a warning here.
const MAX_NAME_CHARS: usize = 50;
const MAX_FLOW_NAME_CHARS: usize = 100;
const MAX_ACTION_CHARS: usize = 20;
const MAX_WAIT_SECONDS: u64 = 100;

/// Checks that the bundle's names are known, and their lengths.
pub fn names(bundle: &Bundle, triggers: &[JobSpecTrigger<'_>], cx: &mut Compiler<'_>) {
    for trigger in triggers {
        check_flow_name(&trigger.spec.flow_name, bundle, cx.diagnostics());
        let what = "name of a job spec";
        check_length(&trigger.spec.name, MAX_NAME_CHARS, what, cx.diagnostics());
    }
    for flow in &bundle.flows {
        check_length(
            &flow.name,
            MAX_NAME_CHARS,
            "name of a flow",
            cx.diagnostics(),
        );
    }
    for action in &bundle.actions {
        check_length(
            &action.name,
            MAX_ACTION_CHARS,
            "name of an action",
            cx.diagnostics(),
        );
    }
    for (number, trigger) in triggers.iter().enumerate() {
        warn_about_same_events(trigger, &triggers[..number], cx.diagnostics());
    }
    settings::check(bundle, cx);
    settings_keys::check(bundle, cx);
}

/// Checks one flow. `gaps` are what the events that start it may lack.
pub fn flow(flow: &BundleFlow, bundle: &Bundle, gaps: &AccountGaps, names: &mut NameResolver<'_>) {
    reachability::check(&flow.definition, "the flow", names.diagnostics);
    for state in flow.definition.every_state() {
        placeholder_keys::check(state, names.diagnostics);
        if let StateKind::Action {
            name, parameters, ..
        } = &state.does
        {
            check_action_name(name, bundle, names.diagnostics);
            if let Some(action) = bundle.meant_action(&name.text) {
                parameters::check(action, parameters.as_ref(), names.diagnostics);
            }
        }
    }
    warn_about_long_waits(&flow.definition, names.diagnostics);
    let mut documents = DocumentCheck {
        bundle,
        gaps,
        seen: BTreeSet::new(),
        replaced: Vec::new(),
        names,
    };
    documents.check(&flow.definition, InitialDocument::Event);
}

fn check_flow_name(name: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    check_length(name, MAX_FLOW_NAME_CHARS, "`flow_name`", diagnostics);
    let flows: Vec<&str> = bundle
        .flows
        .iter()
        .map(|flow| flow.name.text.as_str())
        .collect();
    match ResourceName::parse(&name.text) {
        Some(full) if full.kind == "flow" => {
            let known =
                flows.contains(&full.name) || is_reported(bundle, ResourceKind::Flow, full.name);
            match known {
                true => warn_about_other_owner(full.owner, name, bundle, diagnostics),
                false => report_unknown_name(name.at, "flow", full.name, &flows, diagnostics),
            }
        }
        Some(_) | None => {
            let short = ResourceName::short(&name.text);
            let message = format!("`{}` is not a full flow name", name.text);
            let help = format!("write `zis:{}:flow:{short}`", bundle.integration);
            diagnostics.invalid(name.at, message, &help);
        }
    }
}

fn check_action_name(name: &SpannedText, bundle: &Bundle, diagnostics: &mut Diagnostics) {
    let actions: Vec<&str> = bundle
        .actions
        .iter()
        .map(|action| action.name.text.as_str())
        .collect();
    match ResourceName::parse(&name.text) {
        // Built-in actions are checked when they are lowered.
        Some(full) if full.is_common() => {}
        Some(full) if full.kind == "action" => {
            let known = actions.contains(&full.name)
                || is_reported(bundle, ResourceKind::Action, full.name);
            match known {
                true => warn_about_other_owner(full.owner, name, bundle, diagnostics),
                false => report_unknown_name(name.at, "action", full.name, &actions, diagnostics),
            }
        }
        Some(_) | None => {
            let short = ResourceName::short(&name.text);
            let message = format!("`{}` is not a full action name", name.text);
            let help = format!("write `zis:{}:action:{short}`", bundle.integration);
            diagnostics.invalid(name.at, message, &help);
        }
    }
}

/// Warns about a name of another integration: it is found here by its last part, but not on ZIS.
fn warn_about_other_owner(
    owner: &str,
    name: &SpannedText,
    bundle: &Bundle,
    diagnostics: &mut Diagnostics,
) {
    if owner == bundle.integration {
        return;
    }
    let message = format!("`{owner}` is not the integration of this bundle");
    let help = format!("the other names have `{}`", bundle.integration);
    diagnostics.warning(Code::InvalidValue, name.at, message, help);
}

fn check_length(name: &SpannedText, max: usize, what: &str, diagnostics: &mut Diagnostics) {
    let length = name.text.chars().count();
    if length > max {
        let message = format!("this {what} has {length} characters");
        let help = format!("ZIS allows {max}; flowtrigger has no limit");
        diagnostics.warning(Code::InvalidValue, name.at, message, help);
    }
}

/// Warns about job specs for the same type: each starts its flow.
fn warn_about_same_events(
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
            "it is on line {}, and the flow runs twice; remove one of them",
            name.at.line
        ),
        false => format!(
            "it is on line {}; both flows run at the same time",
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

fn warn_about_long_waits(definition: &Definition, diagnostics: &mut Diagnostics) {
    let states = definition.every_state().into_iter();
    let waits = states.filter_map(|state| {
        let StateKind::Wait { seconds, at } = &state.does else {
            return None;
        };
        Some((*seconds, *at))
    });
    let mut total = 0_u64;
    for (seconds, at) in waits {
        total = total.saturating_add(seconds);
        if total > MAX_WAIT_SECONDS {
            let message = format!("the waits up to this state take {total} seconds");
            let help = format!(
                "ZIS ends a flow after {MAX_WAIT_SECONDS} seconds; flowtrigger waits the full time"
            );
            diagnostics.warning(Code::InvalidValue, at, message, help);
            return;
        }
    }
}
