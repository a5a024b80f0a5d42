//! Checks the values of `vars`, which are constants: a template in one would be sent as it is written.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report};
use crate::document::{Entry, Node, Yaml};

/// Reports secrets in variables, which would be sent as the text `{{ secret.NAME }}`, and warns about other
/// templates. Stored rules are not checked again.
pub fn check(entries: &[Entry], diagnostics: &mut Diagnostics) {
    if diagnostics.is_of_stored_rules() {
        return;
    }
    for entry in entries {
        check_value(&entry.key, &entry.value, diagnostics);
    }
}

fn check_value(name: &str, node: &Node, diagnostics: &mut Diagnostics) {
    match &node.value {
        Yaml::Text(text) => check_text(name, text, node, diagnostics),
        Yaml::List(items) => {
            for item in items {
                check_value(name, item, diagnostics);
            }
        }
        Yaml::Map(entries) => {
            for entry in entries {
                check_value(name, &entry.value, diagnostics);
            }
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

fn check_text(name: &str, text: &str, node: &Node, diagnostics: &mut Diagnostics) {
    let message = format!("the variable `{name}` is not a template, and is sent as it is written");
    match secret(text) {
        Some(secret) => {
            let help = format!("write `{{{{ secret.{secret} }}}}` in the step, where it is needed");
            diagnostics.error(Code::BadTemplate, node.at, message, &help);
        }
        None if text.contains("{{") => {
            let help = "write the template in the step; if the receiver is meant to get the braces, ignore this";
            diagnostics.push(Diagnostic::warning(Code::BadTemplate, node.at, message).help(help));
        }
        None => {}
    }
}

/// The name of the secret that the text seems to read.
fn secret(text: &str) -> Option<&str> {
    text.split("{{").skip(1).find_map(|expression| {
        let name = expression.trim_start().strip_prefix("secret.")?;
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
        Some(&name[..end.unwrap_or(name.len())])
    })
}
