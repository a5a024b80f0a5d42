//! Checks that what a person names exists: a loaded rule, a configured connection, or a host as it is stored.

use std::fmt;

use url::Url;

use crate::engine::Rulebook;
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::suspension::SuspensionTarget;

/// Names that are listed.
const MAX_LISTED: usize = 20;

/// A name that nothing has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownName {
    #[error("no rule called `{name}` is loaded; {help}")]
    Rule { name: String, help: String },
    #[error("no connection is called `{name}`; {help}")]
    Connection { name: String, help: String },
    #[error("`{0}` is no host; write `NAME:PORT`, such as `api.example.com:443`")]
    Host(String),
}

/// The target as it is stored, or why there is none of this name.
pub fn known_target(
    rulebook: &Rulebook,
    target: SuspensionTarget,
) -> Result<SuspensionTarget, UnknownName> {
    match target {
        SuspensionTarget::Everything => Ok(target),
        SuspensionTarget::Rule(name) => {
            let names = || rulebook.rules.rules.iter().map(|rule| rule.name.as_str());
            match names().any(|known| known == name) {
                true => Ok(SuspensionTarget::Rule(name)),
                false => Err(UnknownName::Rule {
                    help: help(&name, names(), "rules"),
                    name,
                }),
            }
        }
        SuspensionTarget::Connection(name) => {
            let names = || rulebook.config.connections.keys().map(String::as_str);
            match names().any(|known| known == name) {
                true => Ok(SuspensionTarget::Connection(name)),
                false => Err(UnknownName::Connection {
                    help: help(&name, names(), "connections"),
                    name,
                }),
            }
        }
        SuspensionTarget::Host(text) => host_target(&text),
    }
}

/// A host as requests are counted: lower case, with its port. Without a port it is that of https.
pub fn host_target(text: &str) -> Result<SuspensionTarget, UnknownName> {
    let invalid = || UnknownName::Host(text.to_owned());
    let written = text.trim();
    let url = match written.contains("://") {
        true => Url::parse(written),
        false => Url::parse(&format!("https://{written}")),
    };
    let url = url.map_err(|_| invalid())?;
    let is_plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let host = url.host_str().filter(|host| is_plain && !host.is_empty());
    match (host, url.port_or_known_default()) {
        (Some(host), Some(port)) if url.username().is_empty() && url.password().is_none() => {
            Ok(SuspensionTarget::Host(format!("{host}:{port}")))
        }
        _ => Err(invalid()),
    }
}

fn help<'n>(name: &str, known: impl Iterator<Item = &'n str>, what: &str) -> String {
    let mut names: Vec<&str> = known.collect();
    names.sort_unstable();
    let list = NameList(&names);
    match (nearest(name, names.iter().copied()), names.is_empty()) {
        (_, true) => format!("there are no {what}"),
        (Some(near), false) => format!("did you mean `{near}`? The {what} are {list}"),
        (None, false) => format!("the {what} are {list}"),
    }
}

/// The first of many names.
struct NameList<'a>(&'a [&'a str]);

impl fmt::Display for NameList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.0.iter().take(MAX_LISTED).enumerate() {
            match number {
                0 => write!(f, "`{name}`")?,
                _ => write!(f, ", `{name}`")?,
            }
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_written_in_several_ways() {
        for (text, host) in [
            ("api.example.com", "api.example.com:443"),
            ("API.example.com:8443", "api.example.com:8443"),
            ("http://api.example.com", "api.example.com:80"),
            ("https://api.example.com/", "api.example.com:443"),
            ("127.0.0.1:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
        ] {
            let expected = Ok(SuspensionTarget::Host(host.into()));
            assert_eq!(host_target(text), expected, "{text}");
        }
        for text in [
            "",
            " ",
            "a b",
            "api.example.com/path",
            "user@host",
            "host:x",
        ] {
            let error = host_target(text).unwrap_err();
            assert_eq!(error, UnknownName::Host(text.into()));
        }
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        assert_eq!(
            help("page-urgnt", ["tag", "page-urgent"].into_iter(), "rules"),
            "did you mean `page-urgent`? The rules are `page-urgent`, `tag`"
        );
        assert_eq!(
            help("x", [].into_iter(), "connections"),
            "there are no connections"
        );
        let many: Vec<String> = (10..40)
            .map(|number| format!("rule-number-{number}"))
            .collect();
        let listed = help("zzz", many.iter().map(String::as_str), "rules");
        assert!(listed.ends_with("`rule-number-29` and 10 more"), "{listed}");
    }
}
