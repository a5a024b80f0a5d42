//! Overrides the configuration with environment variables: mode, `vars`, settings of connections, store.
//! Invalid values are errors; unknown variables with the prefix `FLOWTRIGGER_` are warnings.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::config::mode::Mode;
use crate::config::{Config, address, connection, listen, page, public_url, store, traces};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Span};
use crate::document::suggest::{for_environment, nearest};
use crate::secret::SecretSource;

const PREFIX: &str = "FLOWTRIGGER_";

/// The settings after the prefix; those that end in `_` are followed by a name.
pub const SETTINGS: [&str; 14] = [
    "MODE",
    "VARS_",
    "CONNECTIONS_",
    "SECRET_",
    "RULES",
    "CONFIG",
    "DATA",
    "LISTEN",
    "PUBLIC_URL",
    "PAGE",
    "NO_WATCH",
    "STORE",
    "LOG",
    "LOG_FORMAT",
];

/// The values of a variable that turns something on or off.
const SWITCH_VALUES: [&str; 13] = [
    "", "1", "true", "t", "yes", "y", "on", "0", "false", "f", "no", "n", "off",
];

/// Variables that flowtrigger sets for commands, which may start flowtrigger again.
pub const COMMAND_VARIABLES: [&str; 5] = [
    "EVENT_TYPE",
    "EVENT_ID",
    "EVENT_SOURCE",
    "KEY",
    "IDEMPOTENCY_KEY",
];

/// Applies `FLOWTRIGGER_MODE`, `FLOWTRIGGER_VARS_NAME`, `FLOWTRIGGER_CONNECTIONS_NAME_BASE_URL` and
/// `…_ACTOR_ID`, `FLOWTRIGGER_STORE`, `FLOWTRIGGER_LISTEN` and `FLOWTRIGGER_PAGE`; checks `FLOWTRIGGER_NO_WATCH`.
pub fn overlay(
    environment: &BTreeMap<String, String>,
    config: &mut Config,
    diagnostics: &mut Diagnostics,
) {
    let at = Span {
        file: FileId::ENVIRONMENT,
        ..Span::default()
    };
    traces::overlay(environment, config, at, diagnostics);
    for (variable, value) in environment {
        let Some(setting) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if !is_known(variable, setting, config) {
            diagnostics.push(unknown(variable, setting, at));
        } else if let Err(message) = set(setting, value, at, config) {
            let message = format!("the environment variable `{variable}` {message}");
            diagnostics.push(Diagnostic::error(Code::InvalidValue, at, message));
        }
    }
}

/// Returns the variables that override the configuration. Others, such as secrets, are never stored.
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
        || COMMAND_VARIABLES.contains(&setting)
        || secrets.any(|source| matches!(source, SecretSource::Env(name) if name == variable))
}

/// A warning, not an error: another program may use the variable.
fn unknown(variable: &str, setting: &str, at: Span) -> Diagnostic {
    let message = format!("unknown environment variable `{variable}`");
    if let Some(help) = for_environment(setting) {
        return Diagnostic::warning(Code::UnknownKey, at, message).help(help);
    }
    let head = setting.split('_').next().unwrap_or_default();
    let known = SETTINGS.iter().map(|known| known.trim_end_matches('_'));
    let near = nearest(head, known).and_then(|near| {
        let whole = SETTINGS.iter().find(|s| s.trim_end_matches('_') == near)?;
        Some(with_name(whole))
    });
    let help = match near {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None => format!(
            "unset or rename it; the known variables are {}",
            SETTINGS
                .map(|setting| format!("`{PREFIX}{}`", with_name(setting)))
                .join(", ")
        ),
    };
    Diagnostic::warning(Code::UnknownKey, at, message).help(help)
}

/// A setting as it is shown: `VARS_…` is followed by a name.
fn with_name(setting: &str) -> String {
    match setting.ends_with('_') {
        true => format!("{setting}…"),
        false => setting.to_owned(),
    }
}

fn set(setting: &str, value: &str, at: Span, config: &mut Config) -> Result<(), String> {
    if setting == "MODE" {
        config.mode = Mode::parse(value).ok_or("takes live, shadow or disabled")?;
    } else if let Some(name) = setting.strip_prefix("VARS_") {
        check_text(value)?;
        let variable = &mut Arc::make_mut(&mut config.vars)[name.to_lowercase()];
        *variable = typed(value, variable)?;
    } else if let Some(rest) = setting.strip_prefix("CONNECTIONS_") {
        set_connection(rest, value, config)?;
    } else if setting == "STORE" {
        store::overlay(value, at, config)?;
    } else if setting == "LISTEN" {
        if !address::is_address(value) {
            let example = listen::EXAMPLE;
            return Err(format!(
                "is not an address: `{value}`; write a host and a port: `{example}`"
            ));
        }
        (config.listen.address, config.listen.at) = (Some(value.to_owned()), at);
    } else if setting == "PUBLIC_URL" {
        config.listen.public_url = Some(public_url::read(value)?);
    } else if setting == "PAGE" {
        page::overlay(value, at, &mut config.page)?;
    } else if setting == "NO_WATCH" && !SWITCH_VALUES.contains(&value.to_lowercase().as_str()) {
        return Err(format!("takes 1 or 0, found `{value}`"));
    }
    Ok(())
}

/// Sets the address or the actor of a connection; both differ between help desks.
fn set_connection(setting: &str, value: &str, config: &mut Config) -> Result<(), String> {
    let address = setting.strip_suffix("_BASE_URL");
    let name = address
        .or_else(|| setting.strip_suffix("_ACTOR_ID"))
        .ok_or("can set a connection's BASE_URL or ACTOR_ID only")?;
    match address {
        Some(_) => connection::check_base_url(value)
            .map_err(|reason| format!("is not a base URL: {reason}"))?,
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

/// Parses the value as the type of the variable that it replaces; text if that is text, null or absent.
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

/// Bytes that are not UTF-8 arrive as U+FFFD.
fn check_text(value: &str) -> Result<(), String> {
    match value.contains(char::REPLACEMENT_CHARACTER) {
        true => Err("is not UTF-8; set it to text".into()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(variable: &str, config: &mut Config) -> Vec<Diagnostic> {
        let mut diagnostics = Diagnostics::default();
        let environment = BTreeMap::from([(variable.to_owned(), "x".to_owned())]);
        overlay(&environment, config, &mut diagnostics);
        diagnostics.sorted()
    }

    #[test]
    fn an_unknown_variable_is_reported_with_the_nearest_known_one() {
        let mut config = Config::default();
        for (variable, near) in [
            ("FLOWTRIGGER_MODES", "`FLOWTRIGGER_MODE`"),
            ("FLOWTRIGGER_VAR_DESK", "`FLOWTRIGGER_VARS_…`"),
            ("FLOWTRIGGER_SECRETS_X", "`FLOWTRIGGER_SECRET_…`"),
            ("FLOWTRIGGER_PORT", "`FLOWTRIGGER_LISTEN`"),
            ("FLOWTRIGGER_LOG_LEVEL", "`FLOWTRIGGER_LOG`"),
            (
                "FLOWTRIGGER_ZZZ",
                "the known variables are `FLOWTRIGGER_MODE`",
            ),
        ] {
            let found = reported(variable, &mut config);
            assert_eq!(found[0].at.file, FileId::ENVIRONMENT, "{variable}");
            let help = found[0].help.clone();
            assert!(
                help.as_ref().is_some_and(|help| help.contains(near)),
                "{help:?}"
            );
        }
        for known in [
            "FLOWTRIGGER_RULES",
            "FLOWTRIGGER_LOG",
            "FLOWTRIGGER_LOG_FORMAT",
            "FLOWTRIGGER_SECRET_A",
            "FLOWTRIGGER_KEY",
        ] {
            assert_eq!(reported(known, &mut config), [], "{known}");
        }
    }

    #[test]
    fn a_variable_keeps_the_type_of_the_one_that_it_replaces() {
        let written = serde_json::json!({
            "most": 3, "open": true, "groups": [1], "by": {"a": 1}, "team": "one", "none": null
        });
        for (name, value, expected) in [
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
            overlay(&environment, &mut config, &mut diagnostics);
            match expected {
                Some(expected) => assert_eq!(config.vars[name.to_lowercase()], expected),
                None => {
                    let reported = diagnostics.sorted();
                    assert!(reported[0].message.contains(&variable), "{reported:?}");
                    let key = name.to_lowercase();
                    assert_eq!(config.vars[&key], written[&key], "{value}");
                }
            }
        }
    }

    #[test]
    fn address_and_actor_of_a_connection_are_overridden() {
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
    fn the_variable_of_a_secret_is_known() {
        let mut config = Config::default();
        let source = SecretSource::Env("FLOWTRIGGER_PAGER".into());
        config.secrets.insert("PAGER".into(), source);
        assert_eq!(reported("FLOWTRIGGER_PAGER", &mut config), []);
    }
}
