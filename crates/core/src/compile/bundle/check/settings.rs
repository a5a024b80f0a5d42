//! Whether the scopes that a bundle loads are set anywhere: in the configuration, or by a state of its own.
//! It says nothing of a scope that is known only when the flow runs.

use std::collections::BTreeSet;

use crate::bundle::state::StateKind;
use crate::bundle::{Bundle, SpannedText};
use crate::compile::bundle::builtin::{LOAD, PATCH};
use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Report};
use crate::document::Node;
use crate::language::template::placeholder::placeholders;

/// The scope that a state names.
enum ScopeName {
    Fixed(SpannedText),
    /// It holds what comes with the event.
    Open,
}

pub fn check(bundle: &Bundle, cx: &mut Compiler<'_>) {
    let mut written = BTreeSet::new();
    for scope in scopes(bundle, PATCH) {
        match scope {
            ScopeName::Fixed(scope) => written.insert(scope.text),
            // Any scope may be written by it.
            ScopeName::Open => return,
        };
    }
    for scope in scopes(bundle, LOAD) {
        if let ScopeName::Fixed(scope) = scope
            && !written.contains(&scope.text)
        {
            warn_of_unset(&scope, bundle, cx);
        }
    }
}

fn scopes(bundle: &Bundle, action: &str) -> Vec<ScopeName> {
    let flows = bundle.flows.iter();
    let states = flows.flat_map(|flow| flow.definition.every_state());
    let found = states.filter_map(|state| match &state.does {
        StateKind::Action {
            name, parameters, ..
        } if name.text == action => scope(parameters.as_ref()?),
        StateKind::Action { .. }
        | StateKind::Choice { .. }
        | StateKind::Map { .. }
        | StateKind::Wait { .. }
        | StateKind::Pass { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => None,
    });
    found.collect()
}

fn scope(parameters: &Node) -> Option<ScopeName> {
    if parameters.get("scope.$").is_some() {
        return Some(ScopeName::Open);
    }
    let node = parameters.get("scope")?;
    let text = node.scalar_text()?;
    Some(match placeholders(&text).is_empty() {
        true => ScopeName::Fixed(SpannedText { text, at: node.at }),
        false => ScopeName::Open,
    })
}

fn warn_of_unset(scope: &SpannedText, bundle: &Bundle, cx: &mut Compiler<'_>) {
    let (integration, name) = (&bundle.integration, &scope.text);
    let known = cx.config.settings_of(integration, name).is_some();
    if known || !cx.config.whole || name.contains('*') {
        return;
    }
    let message =
        format!("nothing sets the scope `{name}` of `{integration}`, so it loads as `{{}}`");
    let help = format!(
        "write `integrations: {{ {integration}: {{ configs: {{ {name}: {{ KEY: VALUE }} }} }} }}` in flowtrigger.yaml, or set it by `PatchConfig`"
    );
    cx.warning(Code::UndefinedName, scope.at, message, help);
}
