//! Warns about scopes that a bundle loads and that neither the configuration nor a state sets.
//! Scopes that are known only when the flow runs are not checked.

use std::collections::BTreeSet;

use crate::bundle::state::StateKind;
use crate::bundle::{Bundle, SpannedText};
use crate::compile::bundle::builtin::{LOAD, PATCH};
use crate::compile::compiler::Compiler;
use crate::config::integrations::{matches_pattern, scope_example};
use crate::diagnostic::{Code, Report};
use crate::document::{Node, suggest};
use crate::language::template::placeholder::placeholders;

/// The scope that a state uses.
enum ScopeName {
    Fixed(SpannedText),
    /// It contains values of the event.
    Dynamic,
}

pub fn check(bundle: &Bundle, cx: &mut Compiler<'_>) {
    let mut written = BTreeSet::new();
    for scope in scopes(bundle, PATCH) {
        match scope {
            ScopeName::Fixed(scope) => written.insert(scope.text),
            // It may set any scope.
            ScopeName::Dynamic => return,
        };
    }
    for scope in scopes(bundle, LOAD) {
        if let ScopeName::Fixed(scope) = scope
            && !written.iter().any(|set| matches_pattern(&scope.text, set))
        {
            warn_about_unset(&scope, bundle, cx);
        }
    }
}

fn scopes(bundle: &Bundle, action: &str) -> Vec<ScopeName> {
    let flows = bundle.flows.iter();
    let states = flows.flat_map(|flow| flow.definition.every_state());
    let found = states.filter_map(|state| {
        let StateKind::Action {
            name, parameters, ..
        } = &state.does
        else {
            return None;
        };
        scope(parameters.as_ref().filter(|_| name.text == action)?)
    });
    found.collect()
}

fn scope(parameters: &Node) -> Option<ScopeName> {
    if parameters.get("scope.$").is_some() {
        return Some(ScopeName::Dynamic);
    }
    let node = parameters.get("scope")?;
    let text = node.scalar_text()?;
    // A path here is reported as literal text.
    Some(
        match placeholders(&text).is_empty() && !text.starts_with('$') {
            true => ScopeName::Fixed(SpannedText { text, at: node.at }),
            false => ScopeName::Dynamic,
        },
    )
}

fn warn_about_unset(scope: &SpannedText, bundle: &Bundle, cx: &mut Compiler<'_>) {
    let (integration, name) = (&bundle.integration, &scope.text);
    let known = cx.config.matching_scope(integration, name, []).is_some();
    if known || !cx.config.whole {
        return;
    }
    let message =
        format!("the scope `{name}` of `{integration}` is never set, so `LoadConfig` fails");
    let message = match name.contains('*') {
        true => format!("no scope of `{integration}` matches `{name}`, so `LoadConfig` fails"),
        false => message,
    };
    let name = scope_example(name);
    let configured = cx.config.integrations.get(integration);
    let mut scopes = configured.into_iter().flat_map(|of| of.configs.keys());
    let near = scopes.find(|known| suggest::is_misspelt(&scope.text, known));
    if let Some(near) = near.filter(|_| !scope.text.contains('*')) {
        let help = format!("did you mean `{near}`?");
        cx.warning(Code::UndefinedName, scope.at, message, help);
        return;
    }
    let help = format!(
        "write `integrations: {{ {integration}: {{ configs: {{ {name}: {{ KEY: VALUE }} }} }} }}` in flowtrigger.yaml, or set it by `PatchConfig`"
    );
    cx.warning(Code::UndefinedName, scope.at, message, help);
}
