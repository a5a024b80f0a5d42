//! Checks the addresses of the listeners: public ones with senders or people that nobody checks, and addresses that two of
//! them would use. Only IP addresses are checked; a host name is resolved when the daemon starts.

use std::net::SocketAddr;

use crate::engine::{DEFAULT_ADDRESS, sends_logins_in_clear, unverified_sources};
use crate::source::http::{ListenError, is_public};
use flowtrigger_core::config::{Config, PageAddress};
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Reports what would stop a daemon with the addresses of the configuration and the environment. Its options
/// `--listen` and `--page` can name others.
pub fn check(config: &Config, diagnostics: &mut Diagnostics) {
    let events = config.listen.address.as_deref().unwrap_or(DEFAULT_ADDRESS);
    let events: Option<SocketAddr> = events.parse().ok();
    let unverified = unverified_sources(config);
    if let Some(address) = events.filter(|at| is_public(*at) && !unverified.is_empty()) {
        let error = ListenError::NotLoopback {
            address,
            unverified,
        };
        let (at, message) = (config.listen.at, error.to_string());
        diagnostics.push(Diagnostic::error(Code::InvalidValue, at, message));
    }
    let page: Option<SocketAddr> = match &config.page.listen {
        PageAddress::At(address) => address.parse().ok(),
        PageAddress::Default | PageAddress::Off => None,
    };
    if page.is_some_and(|page| sends_logins_in_clear(&config.page, page)) {
        let message = "logins on the page are sent over plain HTTP";
        let help =
            "set `page.tls`, or put a TLS proxy in front and name it under `page.trusted_proxies`";
        let warning = Diagnostic::warning(Code::InvalidValue, config.page.at, message);
        diagnostics.push(warning.help(help));
    }
    let metrics = config.listen.metrics.as_ref();
    let metrics: Option<SocketAddr> = metrics.and_then(|own| own.address.parse().ok());
    let (listen_at, page_at) = (config.listen.at, config.page.at);
    for (one, other, at, keys) in [
        (metrics, events, listen_at, "`listen.metrics` and `listen`"),
        (page, events, page_at, "`page` and `listen`"),
        (page, metrics, page_at, "`page` and `listen.metrics`"),
    ] {
        report_shared(one, other, at, keys, diagnostics);
    }
}

/// Port 0 takes any free port.
fn report_shared(
    one: Option<SocketAddr>,
    other: Option<SocketAddr>,
    at: Span,
    keys: &str,
    diagnostics: &mut Diagnostics,
) {
    let (Some(one), Some(other)) = (one, other) else {
        return;
    };
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    if one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip()) {
        let message = format!("{keys} have the same port {}", one.port());
        let error = Diagnostic::error(Code::InvalidValue, at, message);
        diagnostics.push(error.help("choose another port for one of them"));
    }
}
