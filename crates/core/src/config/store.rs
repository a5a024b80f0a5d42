//! Reads `store` of the configuration: where events and runs are kept, and which rules daemons use.
//! A password in the configuration is an error; one in the environment is never part of the [`Config`].

use serde_json::{Value, json};

use crate::config::Config;
use crate::config::postgres_url::PostgresUrl;
use crate::config::verification::lower_secret_name;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::document::{Node, Yaml};

/// The environment variable that overrides the address of the store.
pub const STORE_VARIABLE: &str = "FLOWTRIGGER_STORE";

/// Where events and runs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreAddress {
    /// In a file of the data folder.
    #[default]
    DataFolder,
    Postgres(PostgresAddress),
}

/// A database that several daemons can share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    /// Without a password.
    pub url: String,
    pub password: Option<StorePassword>,
    /// The span of the URL, or of the environment.
    pub at: Span,
}

/// Where the password of the database is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePassword {
    /// A secret, by its name.
    Secret(String),
    /// The URL in [`STORE_VARIABLE`].
    Environment,
}

/// Which rules a daemon uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DaemonRules {
    /// Those of its own folder.
    #[default]
    Folder,
    /// Those that `flowtrigger push` stored in the database last.
    Pushed,
}

/// What the configuration says of the store besides its address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreOptions {
    pub rules: DaemonRules,
    /// The span of `rules`.
    pub rules_at: Span,
    /// Whether an error was reported, so that the address is not known.
    pub is_invalid: bool,
    /// The name of the secret with the password, which also belongs to a URL of the environment without a password.
    pub password: Option<String>,
    /// The span of `password`.
    pub password_at: Span,
}

pub const STORE: Vocabulary = Vocabulary {
    name: "`store`",
    words: words! {
        "postgres" text =>
            "The database that several daemons share: `postgres://USER@HOST:5432/DATABASE?sslmode=verify-full`, without the password. `FLOWTRIGGER_STORE` overrides it. `sslmode` is `verify-full`, `require` or `disable`; `sslrootcert=FILE` names a certificate authority, `prepared_statements=off` is for poolers in transaction mode. Default: a file of the data folder.";
        "password" text =>
            "The name of the secret with the password of the database. Default: no password.";
        "rules" rules_schema =>
            "The rules that daemons use: `folder`, those of `--rules`; or `pushed`, those that `flowtrigger push` stored last. Default: `folder`.";
    },
};

fn rules_schema() -> Value {
    json!({"enum": ["folder", "pushed"]})
}

pub fn schema() -> Value {
    STORE.schema(&[])
}

const AS_SECRET: &str = "remove it from the URL, write `password: STORE_PASSWORD` beside `postgres`, and put the value into the environment variable FLOWTRIGGER_SECRET_STORE_PASSWORD or the source of that name under `secrets`";

/// Reads the mapping. What is invalid is reported and left out.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> (StoreAddress, StoreOptions) {
    let before = diagnostics.errors();
    let (address, mut options) = lower_keys(node, diagnostics);
    options.is_invalid = diagnostics.errors() != before;
    (address, options)
}

fn lower_keys(node: &Node, diagnostics: &mut Diagnostics) -> (StoreAddress, StoreOptions) {
    let (mut address, mut options) = <(StoreAddress, StoreOptions)>::default();
    if let Yaml::Text(text) = &node.value {
        let message = "`store` takes a mapping, found text";
        let help = "write `store: { postgres: \"postgres://USER@HOST:5432/DATABASE\" }`; the folder of a file is the option `--data`";
        diagnostics.error(code_for(text), node.at, message, help);
        return (address, options);
    }
    if diagnostics.entries(node, &STORE).is_none() {
        return (address, options);
    }
    if let Some(node) = node.get("password") {
        options.password_at = node.at;
        options.password = lower_password(node, diagnostics);
    }
    if let Some(node) = node.get("postgres")
        && let Some(found) = lower_postgres(node, options.password.clone(), diagnostics)
    {
        address = StoreAddress::Postgres(found);
    }
    if let Some(node) = node.get("rules") {
        options.rules_at = node.at;
        options.rules = lower_rules(node, diagnostics).unwrap_or_default();
    }
    (address, options)
}

fn lower_postgres(
    node: &Node,
    password: Option<String>,
    diagnostics: &mut Diagnostics,
) -> Option<PostgresAddress> {
    let text = diagnostics.text(node, "postgres")?;
    match PostgresUrl::parse(&text) {
        Err(error) => diagnostics.reject(code_for(&text), node.at, error.problem, &error.help),
        Ok(PostgresUrl {
            password: Some(_), ..
        }) => {
            let message = "the URL of the store contains the password";
            diagnostics.reject(Code::SecretInFile, node.at, message, AS_SECRET)
        }
        Ok(PostgresUrl {
            url,
            password: None,
        }) => Some(PostgresAddress {
            url,
            password: password.map(StorePassword::Secret),
            at: node.at,
        }),
    }
}

/// The code of an error in a text that should be a URL. The line is not shown if it may contain a password.
fn code_for(text: &str) -> Code {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let login = rest.rsplit_once('@').map_or("", |(login, _)| login);
    match login.contains(':') || text.contains("password") {
        true => Code::SecretInFile,
        false => Code::InvalidValue,
    }
}

fn lower_password(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    if let Yaml::Map(_) = &node.value {
        let message = "`password` takes the name of a secret, found a mapping";
        let help = "write `password: STORE_PASSWORD`, and its source under `secrets`: `STORE_PASSWORD: { file: PATH }`";
        return diagnostics.reject_value(node.at, message, help);
    }
    lower_secret_name(node, "password", "STORE_PASSWORD", diagnostics)
}

fn lower_rules(node: &Node, diagnostics: &mut Diagnostics) -> Option<DaemonRules> {
    match diagnostics.text(node, "rules")?.as_str() {
        "folder" => Some(DaemonRules::Folder),
        "pushed" => Some(DaemonRules::Pushed),
        other => {
            let message = format!("unknown value `{other}` of `rules`");
            let help = "write `folder` or `pushed`; the path of the folder is the option `--rules`";
            diagnostics.reject_value(node.at, message, help)
        }
    }
}

/// Overrides the address with that of [`STORE_VARIABLE`], or says why it is invalid.
pub(super) fn overlay(value: &str, at: Span, config: &mut Config) -> Result<(), String> {
    if value.trim().is_empty() {
        config.store_options.is_invalid = true;
        return Err("is empty; set it to `postgres://USER@HOST:5432/DATABASE`, or unset it".into());
    }
    let found = PostgresUrl::parse(value);
    let PostgresUrl { url, password } = found.map_err(|error| {
        config.store_options.is_invalid = true;
        format!("is invalid: {}; {}", error.problem, error.help)
    })?;
    let password = match password {
        Some(_) => Some(StorePassword::Environment),
        None => config
            .store_options
            .password
            .clone()
            .map(StorePassword::Secret),
    };
    config.store = StoreAddress::Postgres(PostgresAddress { url, password, at });
    Ok(())
}

/// Reports settings that have no effect without a database.
pub(super) fn check(config: &Config, diagnostics: &mut Diagnostics) {
    let options = &config.store_options;
    if config.store == StoreAddress::DataFolder && options.rules == DaemonRules::Pushed {
        let message = "`rules: pushed` needs a database, which daemons share";
        let help =
            "add `postgres: \"postgres://USER@HOST:5432/DATABASE\"`, or set FLOWTRIGGER_STORE";
        diagnostics.invalid(options.rules_at, message, help);
    }
    if config.store == StoreAddress::DataFolder && options.password.is_some() && !options.is_invalid
    {
        let message = "`password` without `postgres` has no effect";
        let help = "add `postgres: \"postgres://USER@HOST:5432/DATABASE\"`, set FLOWTRIGGER_STORE, or remove `password`";
        diagnostics.invalid(options.password_at, message, help);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{applied, parse};
    use crate::diagnostic::FileId;

    fn read(text: &str, variable: Option<&str>) -> (Config, Vec<(Code, String)>) {
        let mut diagnostics = Diagnostics::default();
        let variable = variable.map(|value| (STORE_VARIABLE.to_owned(), value.to_owned()));
        let environment: BTreeMap<String, String> = variable.into_iter().collect();
        let config = parse(FileId::default(), text, &environment, &mut diagnostics);
        let found = diagnostics.sorted().into_iter();
        let found = found.map(|found| {
            let help = found.help.clone().unwrap_or_default();
            (found.code, format!("{} | {help}", found.message))
        });
        (config, found.collect())
    }

    fn address(text: &str, variable: Option<&str>) -> PostgresAddress {
        let (config, errors) = read(text, variable);
        assert_eq!(errors, [], "{text}");
        match config.store {
            StoreAddress::Postgres(address) => address,
            StoreAddress::DataFolder => panic!("{text}: no address"),
        }
    }

    #[test]
    fn without_the_key_the_store_is_in_the_data_folder() {
        let (config, errors) = read("{}", None);
        assert_eq!((config.store, errors.len()), (StoreAddress::DataFolder, 0));
        assert_eq!(config.store_options.rules, DaemonRules::Folder);
    }

    #[test]
    fn the_password_is_a_secret_by_name() {
        let text =
            "store: { postgres: 'postgres://flow@db/desk', password: DB_PASSWORD, rules: pushed }";
        let found = address(text, None);
        assert_eq!(found.url, "postgres://flow@db/desk");
        let secret = StorePassword::Secret("DB_PASSWORD".into());
        assert_eq!(found.password, Some(secret));
        assert_eq!(read(text, None).0.store_options.rules, DaemonRules::Pushed);
    }

    #[test]
    fn the_environment_overrides_the_address() {
        let file = "store: { postgres: 'postgres://flow@db/desk', password: DB_PASSWORD }";
        let found = address(file, Some("postgres://ops:geheim@other/desk"));
        assert_eq!(found.url, "postgres://ops@other/desk");
        assert_eq!(found.password, Some(StorePassword::Environment));
        let found = address(file, Some("postgres://ops@other/desk"));
        let secret = StorePassword::Secret("DB_PASSWORD".into());
        assert_eq!(found.password, Some(secret));
        let found = address(
            "store: { rules: pushed }",
            Some("postgres://ops@other/desk"),
        );
        assert_eq!(found.password, None);
    }

    #[test]
    fn the_environment_is_neither_stored_nor_shown() {
        let value = "postgres://ops:geheim@other/desk";
        let environment = BTreeMap::from([(STORE_VARIABLE.to_owned(), value.to_owned())]);
        assert!(applied(&environment).is_empty());
        let (config, _) = read("{}", Some(value));
        assert!(!format!("{config:?}").contains("geheim"));
        let (_, errors) = read("{}", Some("postgres://ops:geheim@other"));
        assert!(
            errors[0].1.contains("missing name of the database"),
            "{errors:?}"
        );
        assert!(errors[0].1.contains(STORE_VARIABLE), "{errors:?}");
        assert!(!format!("{errors:?}").contains("geheim"), "{errors:?}");
    }

    #[test]
    fn an_empty_variable_is_an_error() {
        let (config, errors) = read("{}", Some(""));
        assert!(config.store_options.is_invalid);
        assert!(errors[0].1.contains("is empty"), "{errors:?}");
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, code, part) in [
            (
                "{ postgres: 'postgres://flow:geheim@db/desk' }",
                Code::SecretInFile,
                "FLOWTRIGGER_SECRET_STORE_PASSWORD",
            ),
            (
                "{ postgres: 'postgres://db/desk?password=geheim' }",
                Code::SecretInFile,
                "`password: STORE_PASSWORD`",
            ),
            (
                "'postgres://flow:geheim@db/desk'",
                Code::SecretInFile,
                "{ postgres:",
            ),
            (
                "{ postgres: 'mysql://db/desk' }",
                Code::InvalidValue,
                "unknown scheme `mysql`",
            ),
            (
                "{ postgres: 'postgres://db/desk', password: 'p w' }",
                Code::SecretInFile,
                "never the value",
            ),
            (
                "{ postgres: 'postgres://db/desk', password: { env: X } }",
                Code::InvalidValue,
                "under `secrets`",
            ),
            (
                "{ postgres: 'postgres://db/desk', rules: folders }",
                Code::InvalidValue,
                "`folder` or `pushed`",
            ),
            (
                "{ postgre: 'postgres://db/desk' }",
                Code::UnknownKey,
                "`postgres`",
            ),
            (
                "{ url: 'postgres://db/desk' }",
                Code::UnknownKey,
                "`postgres:",
            ),
            ("{ rules: pushed }", Code::InvalidValue, "needs a database"),
            (
                "{ password: DB_PASSWORD }",
                Code::InvalidValue,
                "without `postgres`",
            ),
            (
                "{ postgres: 'postgres://flow@db' }",
                Code::InvalidValue,
                "missing name of the database",
            ),
            ("data/flowtrigger.db", Code::InvalidValue, "{ postgres:"),
        ] {
            let (_, errors) = read(&format!("store: {text}"), None);
            let [(found, message)] = errors.as_slice() else {
                panic!("{text}: {errors:?}");
            };
            assert_eq!(*found, code, "{text}: {message}");
            assert!(message.contains(part), "{text}: {message}");
            assert!(!message.contains("geheim"), "{message}");
        }
    }
}
