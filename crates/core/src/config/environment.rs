//! What the environment sets over `flowtrigger.yaml`: the mode, variables, addresses of connections.
//! It refuses values that make no sense, and passes no variable of its prefix over in silence.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::mode::Mode;
use crate::config::{Config, connection};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::document::suggest::nearest;
use crate::secret::SecretSource;

const PREFIX: &str = "FLOWTRIGGER_";

/// What may follow the prefix; a name follows those that end in `_`.
const SETTINGS: [&str; 8] = [
    "MODE",
    "VARS_",
    "CONNECTIONS_",
    "SECRET_",
    "RULES",
    "CONFIG",
    "DATA",
    "LISTEN",
];

/// What commands are given, and pass on to this program where they start it.
const GIVEN: [&str; 5] = [
    "EVENT_TYPE",
    "EVENT_ID",
    "EVENT_SOURCE",
    "KEY",
    "IDEMPOTENCY_KEY",
];

/// `FLOWTRIGGER_MODE`, `FLOWTRIGGER_VARS_NAME`, `FLOWTRIGGER_CONNECTIONS_NAME_BASE_URL` and
/// `…_ACTOR_ID`.
pub fn overlay(
    environment: &BTreeMap<String, String>,
    config: &mut Config,
    at: Span,
    diagnostics: &mut Diagnostics,
) {
    for (variable, value) in environment {
        let Some(setting) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if !is_known(variable, setting, config) {
            diagnostics.push(unknown(variable, setting, at));
        } else if let Err(message) = set(setting, value, config) {
            let message = format!("the environment variable `{variable}` {message}");
            diagnostics.push(Diagnostic::error(Code::InvalidValue, at, message));
        }
    }
}

/// Those of the variables that set something here; no other, and no secret's, is ever kept.
pub fn applied(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let sets = |variable: &str| {
        let setting = variable.strip_prefix(PREFIX).unwrap_or_default();
        setting == "MODE" || setting.starts_with("VARS_") || setting.starts_with("CONNECTIONS_")
    };
    let applied = environment.iter().filter(|(variable, _)| sets(variable));
    applied
        .map(|(variable, value)| (variable.clone(), value.clone()))
        .collect()
}

fn is_known(variable: &str, setting: &str, config: &Config) -> bool {
    let by_name = |known: &str| match known.ends_with('_') {
        true => setting.starts_with(known),
        false => setting == known,
    };
    let mut secrets = config.secrets.values();
    SETTINGS.into_iter().any(by_name)
        || GIVEN.contains(&setting)
        || secrets.any(|place| matches!(place, SecretSource::Env(name) if name == variable))
}

/// A warning and no error: who runs this program may set such variables for reasons of their own.
fn unknown(variable: &str, setting: &str, at: Span) -> Diagnostic {
    let message = format!("nothing reads the environment variable `{variable}`");
    let head = setting.split('_').next().unwrap_or_default();
    let known = SETTINGS.iter().map(|known| known.trim_end_matches('_'));
    let near = nearest(head, known).and_then(|near| {
        let whole = SETTINGS.iter().find(|s| s.trim_end_matches('_') == near)?;
        Some(whole.replace('_', "_…"))
    });
    let help = match near {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None => format!(
            "unset it, or call it otherwise; read are {}",
            SETTINGS
                .map(|s| format!("`{PREFIX}{}`", s.replace('_', "_…")))
                .join(", ")
        ),
    };
    Diagnostic::warning(Code::UnknownKey, at, message).help(help)
}

fn set(setting: &str, value: &str, config: &mut Config) -> Result<(), String> {
    if setting == "MODE" {
        config.mode = Mode::parse(value).ok_or("takes live, shadow or disabled")?;
    } else if let Some(name) = setting.strip_prefix("VARS_") {
        check_text(value)?;
        let variable = &mut Arc::make_mut(&mut config.vars)[name.to_lowercase()];
        *variable = typed(value, variable)?;
    } else if let Some(rest) = setting.strip_prefix("CONNECTIONS_") {
        set_connection(rest, value, config)?;
    }
    Ok(())
}

/// Another help desk has another address, and another user that we act as.
fn set_connection(setting: &str, value: &str, config: &mut Config) -> Result<(), String> {
    let address = setting.strip_suffix("_BASE_URL");
    let name = address
        .or_else(|| setting.strip_suffix("_ACTOR_ID"))
        .ok_or("can set a connection's BASE_URL or ACTOR_ID only")?;
    match address {
        Some(_) => connection::check_base_url(value)
            .map_err(|reason| format!("is no base URL: {reason}"))?,
        None => check_actor(value)?,
    }
    let mut connections = config.connections.values_mut();
    let connection = connections
        .find(|c| c.name.replace('-', "_").eq_ignore_ascii_case(name))
        .ok_or("names a connection that flowtrigger.yaml does not have")?;
    match address {
        Some(_) => connection.base_url = value.to_owned(),
        None => connection.actor_id = Some(value.trim().to_owned()),
    }
    Ok(())
}

fn check_actor(value: &str) -> Result<(), String> {
    check_text(value)?;
    match value.trim().is_empty() {
        true => Err("is empty; set it to the id of a user".into()),
        false => Ok(()),
    }
}

/// The value in the type of the one that it replaces; text where that is text, or not there.
fn typed(value: &str, replaced: &Value) -> Result<Value, String> {
    let (kind, reads): (_, fn(&Value) -> bool) = match replaced {
        Value::Null | Value::String(_) => return Ok(Value::from(value)),
        Value::Bool(_) => ("true or false", Value::is_boolean),
        Value::Number(_) => ("a number", Value::is_number),
        Value::Array(_) => (
            "a list; write it as JSON, such as `[\"a\", 1]`",
            Value::is_array,
        ),
        Value::Object(_) => (
            "a mapping; write it as JSON, such as `{\"a\": 1}`",
            Value::is_object,
        ),
    };
    let read = serde_json::from_str(value).ok().filter(reads);
    read.ok_or_else(|| format!("replaces a variable that is {kind}, found `{value}`"))
}

/// Bytes that are no text come as U+FFFD; nobody means that character.
fn check_text(value: &str) -> Result<(), String> {
    match value.contains(char::REPLACEMENT_CHARACTER) {
        true => Err("is not UTF-8; set it to text".into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variable: &str, config: &mut Config) -> Vec<Diagnostic> {
        let mut diagnostics = Diagnostics::default();
        let environment = BTreeMap::from([(variable.to_owned(), "x".to_owned())]);
        overlay(&environment, config, Span::default(), &mut diagnostics);
        diagnostics.sorted()
    }

    #[test]
    fn what_nothing_reads_is_told_with_the_nearest_that_is_read() {
        let mut config = Config::default();
        for (variable, near) in [
            ("FLOWTRIGGER_MODES", "`FLOWTRIGGER_MODE`"),
            ("FLOWTRIGGER_VAR_DESK", "`FLOWTRIGGER_VARS_…`"),
            ("FLOWTRIGGER_SECRETS_X", "`FLOWTRIGGER_SECRET_…`"),
            ("FLOWTRIGGER_PORT", "read are `FLOWTRIGGER_MODE`"),
        ] {
            let help = said(variable, &mut config)[0].help.clone();
            assert!(
                help.as_ref().is_some_and(|help| help.contains(near)),
                "{help:?}"
            );
        }
        for known in [
            "FLOWTRIGGER_RULES",
            "FLOWTRIGGER_SECRET_A",
            "FLOWTRIGGER_KEY",
        ] {
            assert_eq!(said(known, &mut config), [], "{known}");
        }
    }

    #[test]
    fn a_variable_keeps_the_type_of_the_one_that_it_replaces() {
        let written = serde_json::json!({
            "most": 3, "open": true, "groups": [1], "by": {"a": 1}, "team": "one", "none": null
        });
        for (name, value, wanted) in [
            ("MOST", "4.5", Some(serde_json::json!(4.5))),
            ("MOST", "four", None),
            ("MOST", "", None),
            ("OPEN", "false", Some(serde_json::json!(false))),
            ("OPEN", "no", None),
            ("GROUPS", r#"["a", 2]"#, Some(serde_json::json!(["a", 2]))),
            ("GROUPS", "a, 2", None),
            ("BY", r#"{"b": 2}"#, Some(serde_json::json!({"b": 2}))),
            ("BY", "[]", None),
            ("TEAM", "7", Some(serde_json::json!("7"))),
            ("NONE", "7", Some(serde_json::json!("7"))),
            ("NEW", "7", Some(serde_json::json!("7"))),
        ] {
            let mut config = Config {
                vars: Arc::new(written.clone()),
                ..Config::default()
            };
            let mut diagnostics = Diagnostics::default();
            let variable = format!("FLOWTRIGGER_VARS_{name}");
            let environment = BTreeMap::from([(variable.clone(), value.to_owned())]);
            overlay(&environment, &mut config, Span::default(), &mut diagnostics);
            match wanted {
                Some(wanted) => assert_eq!(config.vars[name.to_lowercase()], wanted),
                None => {
                    let said = diagnostics.sorted();
                    assert!(said[0].message.contains(&variable), "{said:?}");
                    let key = name.to_lowercase();
                    assert_eq!(config.vars[&key], written[&key], "{value}");
                }
            }
        }
    }

    #[test]
    fn a_connection_takes_its_address_and_its_actor_from_here() {
        let text = "connections: { front-desk: { base_url: https://a.example, actor_id: 7 } }";
        let variable = |key: &str, value: &str| {
            let key = format!("FLOWTRIGGER_CONNECTIONS_FRONT_DESK_{key}");
            BTreeMap::from([(key, value.to_owned())])
        };
        let parse = |environment| {
            let mut diagnostics = Diagnostics::default();
            let file = crate::diagnostic::FileId::default();
            let config = crate::config::parse(file, text, &environment, &mut diagnostics);
            (
                config.connections["front-desk"].clone(),
                diagnostics.errors(),
            )
        };
        let (desk, _) = parse(variable("BASE_URL", "https://b.example"));
        assert_eq!(
            (desk.base_url.as_str(), desk.actor_id.as_deref()),
            ("https://b.example", Some("7"))
        );
        let (desk, _) = parse(variable("ACTOR_ID", "900"));
        assert_eq!(
            (desk.base_url.as_str(), desk.actor_id.as_deref()),
            ("https://a.example", Some("900"))
        );
        assert_eq!(parse(variable("ACTOR_ID", " ")).1, 1);
        assert_eq!(parse(variable("TIMEOUT", "1s")).1, 1);
    }

    #[test]
    fn a_variable_that_a_secret_names_is_read() {
        let mut config = Config::default();
        let place = SecretSource::Env("FLOWTRIGGER_PAGER".into());
        config.secrets.insert("PAGER".into(), place);
        assert_eq!(said("FLOWTRIGGER_PAGER", &mut config), []);
    }
}
