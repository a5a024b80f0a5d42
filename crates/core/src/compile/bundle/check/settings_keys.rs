//! Warns about keys of settings that a flow reads and that the configuration does not have.
//! Settings that a state may change are not checked.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::bundle::state::{BundleState, Definition, StateKind};
use crate::bundle::{Bundle, BundleFlow};
use crate::compile::bundle::builtin::{LOAD, PATCH};
use crate::compile::bundle::check::path_reads::{PathRead, of_action, of_state};
use crate::compile::bundle::check::possible_documents::written_at;
use crate::compile::bundle::flow::default_result_path;
use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Report};
use crate::document::suggest;
use crate::flow::control::ResultPath;
use crate::language::template::placeholder::placeholders;
use crate::path::{Path, PathKind};

/// The settings under one key of the document.
struct LoadedSettings {
    key: String,
    scope: String,
    settings: Map<String, Value>,
}

pub fn check(bundle: &Bundle, cx: &mut Compiler<'_>) {
    let states = bundle.flows.iter().map(|flow| &flow.definition);
    let mut patches = states.flat_map(Definition::every_state);
    let has_patch = patches.any(|state| state.action().is_some_and(|name| name.text == PATCH));
    if has_patch || !cx.config.whole {
        return;
    }
    for flow in &bundle.flows {
        for loaded in loaded(flow, bundle, cx) {
            check_reads(&loaded, flow, bundle, cx);
        }
    }
}

/// The settings that the states of a flow load, if nothing else is written to the same key.
fn loaded(flow: &BundleFlow, bundle: &Bundle, cx: &Compiler<'_>) -> Vec<LoadedSettings> {
    let states = &flow.definition.states;
    let loading = states.iter().filter_map(|state| {
        let key = result_key(state)?;
        let mut writing = states.iter().filter(|other| writes(other, &key));
        let is_only = writing.next().is_some() && writing.next().is_none();
        let scope = fixed_scope(state).filter(|_| is_only)?;
        let settings = cx.config.settings_of(&bundle.integration, &scope)?;
        Some(LoadedSettings {
            key,
            settings: settings.as_object()?.clone(),
            scope,
        })
    });
    loading.collect()
}

/// The scope that a state loads, if it is the same for every event.
fn fixed_scope(state: &BundleState) -> Option<String> {
    let StateKind::Action {
        name, parameters, ..
    } = &state.does
    else {
        return None;
    };
    let parameters = parameters.as_ref().filter(|_| name.text == LOAD)?;
    let scope = parameters.get("scope")?.scalar_text()?;
    let is_fixed = placeholders(&scope).is_empty() && !scope.starts_with('$');
    (is_fixed && !scope.contains('*')).then_some(scope)
}

/// The key of the document that holds the result of a state.
fn result_key(state: &BundleState) -> Option<String> {
    match written_at(state.result.as_ref(), default_result_path(state)) {
        ResultPath::At(keys) => match keys.as_slice() {
            [only] => Some(only.name.clone()),
            [] | [_, _, ..] => None,
        },
        ResultPath::Nowhere => None,
    }
}

/// Whether a state writes to a key of the document, or below it, or replaces the document.
fn writes(state: &BundleState, key: &str) -> bool {
    match &state.does {
        StateKind::Action { .. } | StateKind::Map { .. } | StateKind::Pass { .. } => {}
        StateKind::Choice { .. }
        | StateKind::Wait { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => return false,
    }
    match written_at(state.result.as_ref(), default_result_path(state)) {
        ResultPath::At(keys) => keys.first().is_none_or(|first| first.name == key),
        ResultPath::Nowhere => false,
    }
}

fn check_reads(loaded: &LoadedSettings, flow: &BundleFlow, bundle: &Bundle, cx: &mut Compiler<'_>) {
    let mut seen = BTreeSet::new();
    for state in &flow.definition.states {
        let sees_document = state
            .input
            .as_ref()
            .and_then(|input| input.path.as_deref())
            .is_none_or(|path| path.trim() == "$");
        for read in reads(state, bundle).iter().filter(|_| sees_document) {
            if let Some(key) = unknown_key(read, loaded)
                && seen.insert(read.at)
            {
                let LoadedSettings {
                    scope, settings, ..
                } = loaded;
                let message = format!(
                    "the scope `{scope}` of `{}` has no key `{key}`",
                    bundle.integration
                );
                let help = match suggest::nearest(&key, settings.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "add it under `integrations: {{ {}: {{ configs: {{ {scope}: … }} }} }}` in flowtrigger.yaml",
                        bundle.integration
                    ),
                };
                cx.warning(Code::UndefinedName, read.at, message, help);
            }
        }
    }
}

/// What a state reads in the document, with the request of an action that gets no parameters.
fn reads(state: &BundleState, bundle: &Bundle) -> Vec<PathRead> {
    let mut reads = of_state(state);
    if let StateKind::Action {
        name,
        parameters: None,
        ..
    } = &state.does
        && let Some(action) = bundle.meant_action(&name.text)
    {
        reads.extend(of_action(action));
    }
    reads
}

/// The key that a path reads in the settings, if they do not have it.
fn unknown_key(read: &PathRead, loaded: &LoadedSettings) -> Option<String> {
    let path = Path::in_document(&read.path).ok()?;
    let PathKind::Plain { keys, .. } = path.route else {
        return None;
    };
    let [first, second, ..] = keys.as_slice() else {
        return None;
    };
    let is_absent = first.name == loaded.key
        && !read.may_be_absent
        && !loaded.settings.contains_key(&second.name);
    is_absent.then(|| second.name.clone())
}
