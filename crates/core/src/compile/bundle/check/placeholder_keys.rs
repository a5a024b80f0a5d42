//! Warns about placeholders under parameters whose key does not end in `.$`: ZIS does not fill them in.

use crate::bundle::state::{BundleState, StateKind};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::{Node, Yaml};
use crate::language::template::placeholder::placeholders;

pub fn check(state: &BundleState, diagnostics: &mut Diagnostics) {
    match &state.does {
        StateKind::Action { parameters, .. } | StateKind::Pass { parameters, .. } => {
            if let Some(parameters) = parameters {
                check_value("Parameters", parameters, diagnostics);
            }
        }
        StateKind::Choice { .. }
        | StateKind::Map { .. }
        | StateKind::Wait { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => {}
    }
}

fn check_value(key: &str, node: &Node, diagnostics: &mut Diagnostics) {
    match &node.value {
        Yaml::Text(text) if !placeholders(text).is_empty() => {
            let message = format!("placeholder in `{key}`, whose key does not end in `.$`");
            let help =
                format!("it is filled in here, but ZIS sends it as text; name the key `{key}.$`");
            diagnostics.warning(Code::BadTemplate, node.at, message, help);
        }
        Yaml::List(items) => items
            .iter()
            .for_each(|item| check_value(key, item, diagnostics)),
        Yaml::Map(entries) => {
            for entry in entries.iter().filter(|entry| !entry.key.ends_with(".$")) {
                check_value(&entry.key, &entry.value, diagnostics);
            }
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {}
    }
}
