//! The address of a Postgres store, and how a connection to it is made: TLS, time limits, statements.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use url::Url;

use super::error::PostgresOpenError;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Sent data that the server does not acknowledge for this time ends the connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(6);

/// Where the database is and how to reach it. The password never appears in its `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    pub url: String,
    pub password: Option<String>,
}

/// How the identity of the server is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// No TLS: a Unix socket, the same machine, or `sslmode=disable`.
    Off,
    /// Encrypted, and the server is not verified: `sslmode=require`.
    Unverified,
    /// The certificate is checked against the system's authorities, or those of `sslrootcert`.
    Verified { authorities: Option<PathBuf> },
}

/// How statements are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementMode {
    /// Prepared once for each connection.
    Prepared,
    /// Parsed each time: for poolers that give each transaction another connection.
    Unnamed,
}

/// What a connection needs.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    pub config: tokio_postgres::Config,
    pub tls: Tls,
    pub mode: StatementMode,
    /// Host and port, for messages.
    pub server: String,
}

impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSettings").finish_non_exhaustive()
    }
}

impl PostgresSettings {
    /// The settings for a URL; a password in it is used.
    pub fn for_url(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password: None,
        }
    }

    /// # Errors
    /// If the URL is invalid, or names a setting that is not known.
    pub fn connection(&self) -> Result<ConnectionSettings, PostgresOpenError> {
        let invalid = |why: &str| PostgresOpenError::Address(why.to_owned());
        let mut url = Url::parse(&self.url).map_err(|error| invalid(&error.to_string()))?;
        let options: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let (mut mode, mut sslmode, mut authorities) = (StatementMode::Prepared, None, None);
        let mut others = Vec::new();
        for (name, value) in options {
            match name.as_str() {
                "sslmode" => sslmode = Some(value),
                "sslrootcert" => authorities = Some(PathBuf::from(value)),
                "prepared_statements" => {
                    mode = match value.as_str() {
                        "on" => StatementMode::Prepared,
                        "off" => StatementMode::Unnamed,
                        _ => return Err(invalid("`prepared_statements` is `on` or `off`")),
                    }
                }
                _ => others.push((name, value)),
            }
        }
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        let mut config = tokio_postgres::Config::from_str(url.as_str())
            .map_err(|error| invalid(&super::error::plain(&error)))?;
        if let Some(password) = &self.password {
            config.password(password);
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(invalid("the name of the database is missing"));
        }
        if config.get_application_name().is_none() {
            config.application_name("flowtrigger");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .keepalives_idle(UNACKNOWLEDGED);
        let tls = match sslmode.as_deref() {
            Some("disable" | "require") if authorities.is_some() => {
                return Err(invalid(
                    "`sslrootcert` has an effect only with `sslmode=verify-full`",
                ));
            }
            Some("disable") => Tls::Off,
            Some("require") => Tls::Unverified,
            Some("verify-full") => Tls::Verified { authorities },
            None if is_local(&config) && authorities.is_none() => Tls::Off,
            None => Tls::Verified { authorities },
            Some(_) => {
                return Err(invalid(
                    "`sslmode` is `disable`, `require` or `verify-full`",
                ));
            }
        };
        config.ssl_mode(match tls {
            Tls::Off => SslMode::Disable,
            Tls::Unverified | Tls::Verified { .. } => SslMode::Require,
        });
        let server = server(&config);
        Ok(ConnectionSettings {
            config,
            tls,
            mode,
            server,
        })
    }
}

impl ConnectionSettings {
    pub fn user(&self) -> String {
        self.config.get_user().unwrap_or_default().to_owned()
    }

    pub fn database(&self) -> String {
        self.config.get_dbname().unwrap_or_default().to_owned()
    }
}

/// Whether the connection stays on this machine.
fn is_local(config: &tokio_postgres::Config) -> bool {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    };
    config.get_hosts().iter().all(local)
}

fn server(config: &tokio_postgres::Config) -> String {
    let host = config.get_hosts().first().map(|host| match host {
        Host::Unix(path) => path.display().to_string(),
        Host::Tcp(name) => name.clone(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{}:{port}", host.unwrap_or_else(|| "localhost".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Tls {
        PostgresSettings::for_url(url).connection().unwrap().tls
    }

    #[test]
    fn the_server_is_verified_unless_it_is_on_this_machine() {
        let verified = Tls::Verified { authorities: None };
        assert_eq!(tls("postgres://a@db.example:5432/x"), verified);
        assert_eq!(tls("postgres://a@127.0.0.1/x"), Tls::Off);
        assert_eq!(
            tls("postgres://a@127.0.0.1/x?sslrootcert=/etc/ca.pem"),
            Tls::Verified {
                authorities: Some("/etc/ca.pem".into())
            }
        );
        assert_eq!(
            tls("postgres://a@localhost/x?sslmode=verify-full"),
            verified
        );
        assert_eq!(
            tls("postgres://a@db.example/x?sslmode=require"),
            Tls::Unverified
        );
        assert_eq!(
            tls("postgres://a@db.example/x?sslrootcert=/etc/ca.pem"),
            Tls::Verified {
                authorities: Some("/etc/ca.pem".into())
            }
        );
    }

    #[test]
    fn an_invalid_address_is_named() {
        for (url, why) in [
            ("postgres://a@h/x?sslmode=prefer", "`sslmode` is"),
            ("postgres://a@h/x?sslmodus=disable", "sslmodus"),
            (
                "postgres://a@h/x?sslmode=disable&sslrootcert=/ca.pem",
                "`sslrootcert`",
            ),
            ("postgres://a@h/", "name of the database"),
            (
                "postgres://a@h/x?prepared_statements=no",
                "`prepared_statements`",
            ),
        ] {
            let error = PostgresSettings::for_url(url).connection().unwrap_err();
            assert!(error.to_string().contains(why), "{url}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = PostgresSettings::for_url("postgres://a:secret@h/x");
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
