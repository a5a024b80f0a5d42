//! Lowers the built-in actions of ZIS: jq, and access to the settings of an integration.
//! The other built-in actions are errors, with help about what to use instead.

use std::sync::Arc;

use crate::bundle::{Bundle, SpannedText};
use crate::compile::flow::action::{ActionSpec, CallKeys};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::flow::call::JqClock;
use crate::flow::call::{JqInput, JqStep, SettingsAccess};
use crate::flow::jq::check_program;
use crate::flow::step::Action;
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::placeholder::{placeholders, warn_about_literal_path};
use crate::language::template::{Escape, Template};

/// Only bundles access settings.
impl CallKeys for SettingsAccess {
    const ACTIONS: &'static [ActionSpec] = &[];
}

pub const JQ: &str = "zis:common:transform:Jq";
pub const LOAD: &str = "zis:common:action:LoadConfig";
pub const PATCH: &str = "zis:common:action:PatchConfig";
const LINKS: [&str; 4] = [
    "zis:common:action:CreateLink",
    "zis:common:action:LoadLinks",
    "zis:common:action:PatchLink",
    "zis:common:action:DeleteLink",
];

pub fn lower(
    name: &SpannedText,
    parameters: Option<&Node>,
    bundle: &Bundle,
    names: &mut NameResolver<'_>,
) -> Option<Action> {
    match name.text.as_str() {
        JQ => {
            let parameters = required(name, parameters, &["expr", "data"], names.diagnostics)?;
            let (program, input) = (
                lower_program(parameters, names.diagnostics),
                lower_input(parameters, names),
            );
            Some(Action::from(JqStep {
                program: program?,
                input: input?,
                clock: JqClock::RunTime,
            }))
        }
        LOAD => {
            let parameters = required(name, parameters, &["scope"], names.diagnostics)?;
            access(parameters, None, bundle, names.diagnostics)
        }
        PATCH => {
            let parameters = required(name, parameters, &["scope", "config"], names.diagnostics)?;
            let patch = lower_value(parameters, "config", names)?;
            access(parameters, Some(patch), bundle, names.diagnostics)
        }
        other => {
            report_unsupported(other, name, names.diagnostics);
            None
        }
    }
}

/// Whether a built-in action is supported. The result of any other is unknown.
pub fn is_known(name: &str) -> bool {
    [JQ, LOAD, PATCH].contains(&name)
}

fn report_unsupported(other: &str, name: &SpannedText, diagnostics: &mut Diagnostics) {
    if LINKS.contains(&other) {
        let message = format!("`{other}` needs the links of ZIS, which are not supported");
        let help = "store the relation in a scope with `LoadConfig` and `PatchConfig`, or in a ticket field";
        diagnostics.error(Code::NotBuiltYet, name.at, message, help);
        return;
    }
    let known = [JQ, LOAD, PATCH].into_iter().chain(LINKS);
    let help = match suggest::nearest(other, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {JQ}, {LOAD} and {PATCH}"),
    };
    let message = format!("ZIS has no action `{other}`");
    diagnostics.error(Code::UndefinedName, name.at, message, &help);
}

/// Returns the parameters if all required ones are present. Reports missing and unknown ones.
fn required<'n>(
    name: &SpannedText,
    parameters: Option<&'n Node>,
    keys: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<&'n Node> {
    let entries = parameters.and_then(Node::as_map).unwrap_or_default();
    let short = |key: &'n str| key.strip_suffix(".$").unwrap_or(key);
    for entry in entries
        .iter()
        .filter(|entry| !keys.contains(&short(&entry.key)))
    {
        let message = format!("`{}` takes no parameter `{}`", name.text, entry.key);
        let help = match suggest::nearest(short(&entry.key), keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes {}", keys.join(" and ")),
        };
        diagnostics.error(Code::UnknownKey, entry.key_at, message, &help);
    }
    let has = |key: &str| entries.iter().any(|entry| short(&entry.key) == key);
    let missing: Vec<&str> = keys.iter().copied().filter(|key| !has(key)).collect();
    if let Some(first) = missing.first() {
        let message = format!("`{}` has no parameter `{first}`", name.text);
        let help = format!("add `Parameters: {{ {} }}`", keys.join(", "));
        let at = parameters.map_or(name.at, |parameters| parameters.at);
        return diagnostics.reject(Code::MissingKey, at, message, &help);
    }
    parameters
}

/// Returns the value under a key, or under the key with the suffix `.$`, and whether it has the suffix.
fn find<'n>(parameters: &'n Node, key: &str) -> Option<(&'n Node, bool)> {
    let plain = parameters.get(key).map(|node| (node, false));
    plain.or_else(|| Some((parameters.get(&format!("{key}.$"))?, true)))
}

fn lower_value(parameters: &Node, key: &str, names: &mut NameResolver<'_>) -> Option<JsonTemplate> {
    match find(parameters, key)? {
        (node, true) => JsonTemplate::reference(node, &format!("{key}.$"), names.diagnostics),
        (node, false) => {
            warn_about_literal_path(key, node, names.diagnostics);
            JsonTemplate::in_document(node, names)
        }
    }
}

fn lower_text(parameters: &Node, key: &str, diagnostics: &mut Diagnostics) -> Option<Template> {
    let (node, reference) = find(parameters, key)?;
    let text = diagnostics.text(node, key)?;
    if !reference && key != "expr" {
        warn_about_literal_path(key, node, diagnostics);
    }
    let text = match reference && text.starts_with('$') {
        true => format!("{{{{{text}}}}}"),
        false => text,
    };
    Template::in_document("", &text, node, Escape::None, diagnostics)
}

fn lower_program(parameters: &Node, diagnostics: &mut Diagnostics) -> Option<Template> {
    let (node, _) = find(parameters, "expr")?;
    let program = lower_text(parameters, "expr", diagnostics)?;
    if !placeholders(program.source()).is_empty() {
        let message = "an event value becomes part of the jq program and can change what it does";
        let help = "pass the value in `data` and read it in `expr`";
        diagnostics.warning(Code::BadTemplate, node.at, message, help);
        return Some(program);
    }
    check_program(node, program.source(), JqClock::RunTime, diagnostics).then_some(program)
}

/// Lowers the input of the program. A text that contains JSON is parsed.
fn lower_input(parameters: &Node, names: &mut NameResolver<'_>) -> Option<JqInput> {
    if let Some((node, false)) = find(parameters, "data")
        && let Some(text) = node.as_text()
        && placeholders(text).is_empty()
        && let Ok(value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) =
            serde_json::from_str(text)
    {
        return Some(JqInput::Tree(JsonTemplate::Value(Arc::new(value))));
    }
    lower_value(parameters, "data", names).map(JqInput::Tree)
}

fn access(
    parameters: &Node,
    patch: Option<JsonTemplate>,
    bundle: &Bundle,
    diagnostics: &mut Diagnostics,
) -> Option<Action> {
    let scope = lower_text(parameters, "scope", diagnostics)?;
    if patch.is_some() && scope.source().contains('*') {
        let (node, _) = find(parameters, "scope")?;
        let message = "`PatchConfig` changes one scope, which must be named in full";
        return diagnostics.reject_value(node.at, message, "write the scope without `*`");
    }
    Some(Action::from(SettingsAccess {
        integration: bundle.integration.as_str().into(),
        scope,
        patch,
    }))
}
