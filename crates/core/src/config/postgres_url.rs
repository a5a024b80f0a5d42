//! Checks and takes apart the URL of a Postgres database: `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`.
//! Errors never repeat the URL, which may contain a password.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::document::suggest::nearest;

/// A valid URL without its password, and the password that was in it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub url: String,
    pub password: Option<String>,
}

/// Without the password.
impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUrl")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct PostgresUrlError {
    pub problem: String,
    /// What to write.
    pub help: String,
}

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

const SSL_MODES: [&str; 3] = ["disable", "require", "verify-full"];

/// The parameters after `?`.
const PARAMETERS: [&str; 9] = [
    "sslmode",
    "sslrootcert",
    "host",
    "port",
    "user",
    "dbname",
    "application_name",
    "connect_timeout",
    "prepared_statements",
];

const RESERVED: &str = "write such characters of a user or password in percent-encoding: `%40` for `@`, `%3A` for `:`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`, `%25` for `%`";

const EXAMPLE: &str = "write `postgres://USER@HOST:5432/DATABASE`";

/// The parts of a URL as they are written.
struct UrlParts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    /// Host and port; empty for a socket.
    hosts: &'a str,
    database: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl PostgresUrl {
    /// Parses a URL, with or without a password.
    pub fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let parts = UrlParts::split(text)?;
        parts.check()?;
        let in_query = parts.parameter("password");
        let password = parts.password.or(in_query).filter(|text| !text.is_empty());
        Ok(Self {
            url: parts.without_password(),
            password: password.map(decoded),
        })
    }
}

/// Percent-decoding; the text is known to be valid.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn error(problem: impl Into<String>, help: impl Into<String>) -> PostgresUrlError {
    PostgresUrlError {
        problem: problem.into(),
        help: help.into(),
    }
}

impl<'a> UrlParts<'a> {
    fn split(text: &'a str) -> Result<Self, PostgresUrlError> {
        let is_written = |c: char| c.is_ascii_graphic();
        if !text.chars().all(is_written) {
            let help = "write other characters in percent-encoding: `%20` is a space";
            return Err(error("the URL has spaces or letters outside ASCII", help));
        }
        let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme));
        let Some(scheme) = scheme else {
            return Err(match text.split_once("://") {
                Some((other, _)) if other.len() <= 20 => {
                    error(format!("unknown scheme `{other}` of the store"), EXAMPLE)
                }
                Some(_) | None => error("the address of the store is not a URL", EXAMPLE),
            });
        };
        let (head, query) = split_once(&text[scheme.len()..], '?');
        let (authority, database) = split_once(head, '/');
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':')) {
            None => (None, None),
            Some(None) => (login, None),
            Some(Some((user, password))) => (Some(user), Some(password)),
        };
        let parameters = query.split('&').filter(|part| !part.is_empty());
        Ok(Self {
            scheme,
            user,
            password,
            hosts,
            database,
            parameters: parameters.map(|part| split_once(part, '=')).collect(),
        })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(found, _)| *found == name);
        found.map(|(_, value)| *value)
    }

    fn check(&self) -> Result<(), PostgresUrlError> {
        self.check_encoding()?;
        self.check_ports()?;
        for (name, _) in &self.parameters {
            if *name != "password" && !PARAMETERS.contains(name) {
                let help = match nearest(name, PARAMETERS.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the parameters are: {}", PARAMETERS.join(", ")),
                };
                return Err(error(
                    format!("unknown parameter `{name}` in the URL of the store"),
                    help,
                ));
            }
        }
        if self.database.is_empty() && self.parameter("dbname").is_none_or(str::is_empty) {
            let help = format!("{EXAMPLE} with the name of the database");
            return Err(error("missing name of the database", help));
        }
        if self.database.contains('/') {
            return Err(error("the name of the database has a `/`", EXAMPLE));
        }
        if self.hosts.is_empty() && self.parameter("host").is_none_or(str::is_empty) {
            let help = format!(
                "{EXAMPLE}; for a Unix socket `postgres:///DATABASE?host=/run/postgresql&user=USER`"
            );
            return Err(error("missing host of the database", help));
        }
        self.check_tls()?;
        self.check_prepared()?;
        // What the client of the database reads.
        match Url::parse(&self.without_password()) {
            Ok(_) => Ok(()),
            Err(problem) => Err(error(format!("the URL is invalid: {problem}"), EXAMPLE)),
        }
    }

    /// Poolers that give each transaction another connection need `off`.
    fn check_prepared(&self) -> Result<(), PostgresUrlError> {
        match self.parameter("prepared_statements") {
            None | Some("on" | "off") => Ok(()),
            Some(other) => Err(error(
                format!("unknown `prepared_statements` `{other}`"),
                "the values are: on, off; `off` is for poolers in transaction mode",
            )),
        }
    }

    /// Every part in percent-encoding must be complete and UTF-8.
    fn check_encoding(&self) -> Result<(), PostgresUrlError> {
        let values = self.parameters.iter().map(|(_, value)| *value);
        let parts = [
            self.user,
            self.password,
            Some(self.hosts),
            Some(self.database),
        ];
        for part in parts.into_iter().flatten().chain(values) {
            let mut escapes = part.match_indices('%');
            let complete = |at: usize| {
                let digits = part.get(at + 1..at + 3);
                digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            };
            let is_valid = escapes.all(|(at, _)| complete(at))
                && percent_decode_str(part).decode_utf8().is_ok();
            if !is_valid {
                let help = "`%` begins two hexadecimal digits; write `%25` for the character itself, also in a password";
                return Err(error("the URL has an invalid percent-encoding", help));
            }
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), PostgresUrlError> {
        let after_host = self.hosts.split(',').filter_map(|host| {
            let rest = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
            rest.rsplit_once(':').map(|(_, port)| port)
        });
        let in_query = self.parameter("port").into_iter();
        let mut ports = after_host.chain(in_query.flat_map(|ports| ports.split(',')));
        match ports.find(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            None => Ok(()),
            Some(_) if self.is_login_cut() => Err(error(
                "the user or password has a `/` or `?`, so the URL cannot be read",
                RESERVED,
            )),
            Some(_) => Err(error(
                "the port of the store is not a number from 1 to 65535",
                "the port is 5432 if none is written; reserved characters of a user or password are written in percent-encoding, such as `%2F` for `/`",
            )),
        }
    }

    /// Whether the `@` after the login is found behind what was read as the host.
    fn is_login_cut(&self) -> bool {
        let has_at = |(name, value): &(&str, &str)| name.contains('@') || value.contains('@');
        self.user.is_none() && (self.database.contains('@') || self.parameters.iter().any(has_at))
    }

    fn check_tls(&self) -> Result<(), PostgresUrlError> {
        let Some(mode) = self.parameter("sslmode") else {
            return Ok(());
        };
        if SSL_MODES.contains(&mode) {
            let help = "write `sslmode=verify-full`, or remove `sslrootcert`";
            return match mode == "verify-full" || self.parameter("sslrootcert").is_none() {
                true => Ok(()),
                false => Err(error(
                    format!("`sslrootcert` has no effect with `sslmode={mode}`"),
                    help,
                )),
            };
        }
        let help = match mode {
            "allow" | "prefer" => {
                "write `sslmode=verify-full`; `disable` and `require` are the other values: a connection that may fall back to plain text protects nothing".to_owned()
            }
            "verify-ca" => {
                "write `sslmode=verify-full`, which checks the name of the server too".to_owned()
            }
            _ => format!("the values are: {}", SSL_MODES.join(", ")),
        };
        Err(error(format!("unknown `sslmode` `{mode}`"), help))
    }

    fn without_password(&self) -> String {
        let mut url = self.scheme.to_owned();
        if let Some(user) = self.user {
            url.push_str(user);
            url.push('@');
        }
        url.push_str(self.hosts);
        url.push('/');
        url.push_str(self.database);
        let kept = self
            .parameters
            .iter()
            .filter(|(name, _)| *name != "password");
        for (index, (name, value)) in kept.enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        }
        url
    }
}

/// The parts before and after the first separator; the second is empty without one.
fn split_once(text: &str, separator: char) -> (&str, &str) {
    text.split_once(separator).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PostgresUrl {
        PostgresUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_password_is_taken_out() {
        let url = parse("postgres://flow:p%40ss:w@db.example:5433/desk?sslmode=require");
        assert_eq!(
            (url.url.as_str(), url.password.as_deref()),
            (
                "postgres://flow@db.example:5433/desk?sslmode=require",
                Some("p@ss:w")
            )
        );
        let url = parse("postgresql:///desk?host=/run/postgresql&password=geheim&user=flow");
        assert_eq!(
            (url.url.as_str(), url.password.as_deref()),
            (
                "postgresql:///desk?host=/run/postgresql&user=flow",
                Some("geheim")
            )
        );
        assert_eq!(parse("postgres://flow:@[::1]:5432/desk").password, None);
        assert!(!format!("{url:?}").contains("geheim"));
    }

    #[test]
    fn errors_name_what_to_write_and_not_the_password() {
        for (text, problem, help) in [
            (
                "mysql://flow:geheim@db/desk",
                "unknown scheme `mysql`",
                "postgres://USER",
            ),
            ("db.example", "not a URL", "postgres://USER"),
            (
                "postgres://flow:geheim@db/",
                "missing name of the database",
                "DATABASE",
            ),
            ("postgres:///desk", "missing host", "?host=/run/postgresql"),
            (
                "postgres://flow:geheim@db:0/desk",
                "not a number from 1",
                "5432",
            ),
            (
                "postgres://flow:ge/heim@db/desk",
                "user or password",
                "percent-encoding",
            ),
            (
                "postgres://flow:geheim%4@db/desk",
                "invalid percent-encoding",
                "%25",
            ),
            (
                "postgres://flow:geheim@db/desk?sslmod=disable",
                "unknown parameter `sslmod`",
                "`sslmode`",
            ),
            (
                "postgres://flow:geheim@db/desk?sslmode=prefer",
                "unknown `sslmode` `prefer`",
                "verify-full",
            ),
            (
                "postgres://flow:geheim@db/desk?sslmode=disable&sslrootcert=/ca.pem",
                "`sslrootcert` has no effect",
                "verify-full",
            ),
            (
                "postgres://flow:ge?heim@db/desk",
                "user or password",
                "`%3F`",
            ),
            (
                "postgres://flow:geheim@db/desk?sslmode=on",
                "unknown `sslmode` `on`",
                "disable, require",
            ),
            (
                "postgres://flow:geheim@db/desk?prepared_statements=no",
                "unknown `prepared_statements`",
                "transaction mode",
            ),
            (
                "postgres://flow:geheim@a:1,b:2/desk",
                "the URL is invalid",
                "HOST:5432",
            ),
            ("postgres://flow:ge heim@db/desk", "spaces", "%20"),
        ] {
            let error = PostgresUrl::parse(text).unwrap_err();
            assert!(error.problem.contains(problem), "{text}: {error}");
            assert!(error.help.contains(help), "{text}: {}", error.help);
            assert!(!format!("{error:?}").contains("heim"), "{error:?}");
        }
    }
}
