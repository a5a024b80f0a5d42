//! Warns about a public listen address with unverified sources, which the daemon would reject.
//! Only IP addresses are checked; a host name is resolved when the daemon starts.

use std::net::SocketAddr;

use crate::engine::unverified_sources;
use crate::source::http::{ListenError, is_public};
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics};

/// A warning, not an error, because `--listen` can override the address.
pub fn warn(config: &Config, diagnostics: &mut Diagnostics) {
    let address = config.listen.address.as_deref();
    let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
    let unverified = unverified_sources(config);
    let Some(address) = address.filter(|address| is_public(*address) && !unverified.is_empty())
    else {
        return;
    };
    let error = ListenError::NotLoopback {
        address,
        unverified,
    };
    let warning = Diagnostic::warning(Code::InvalidValue, config.listen.at, error.to_string());
    diagnostics.push(warning);
}
