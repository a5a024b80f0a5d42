//! Warns about actions that no state calls, and checks what does not depend on a call: the request and the
//! paths into the event.

use crate::bundle::http::HttpAction;
use crate::bundle::{Bundle, ResourceKind};
use crate::compile::bundle::action;
use crate::compile::bundle::check::event_reads;
use crate::compile::bundle::check::path_reads::of_action;
use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Report};
use crate::path::{Path, PathKind};

/// Checks the actions that no state calls, or seems to mean by a misspelt name.
pub fn check(bundle: &Bundle, cx: &mut Compiler<'_>) {
    let flows = bundle.flows.iter();
    let states: Vec<_> = flows
        .flat_map(|flow| flow.definition.every_state())
        .filter_map(|state| bundle.meant_action(&state.action()?.text))
        .collect();
    for unused in &bundle.actions {
        if states.iter().all(|called| called.name != unused.name) {
            check_unused(unused, bundle, cx);
        }
    }
}

fn check_unused(unused: &HttpAction, bundle: &Bundle, cx: &mut Compiler<'_>) {
    let invalid_flow = bundle
        .broken
        .iter()
        .any(|(kind, _)| *kind == ResourceKind::Flow);
    let invalid_state = bundle
        .flows
        .iter()
        .any(|flow| !flow.definition.broken.is_empty());
    if !invalid_flow && !invalid_state {
        let message = format!("unused action `{}`", unused.name.text);
        let help = "call it, or remove it";
        cx.warning(Code::UnusedAction, unused.name.at, message, help);
    }
    action::check_without_call(unused, bundle, cx);
    for read in of_action(unused) {
        let Ok(Path {
            route: PathKind::Plain { keys, .. },
            ..
        }) = Path::in_document(&read.path)
        else {
            continue;
        };
        let route: Vec<String> = keys.into_iter().map(|key| key.name).collect();
        event_reads::check(&read, &route, &[], &mut cx.names);
    }
}
