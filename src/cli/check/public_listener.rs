//! Whether the daemon would refuse the address that the configuration gives, as others reach it.
//! It refuses to look a name up: what it leads to is known when the daemon starts.

use std::net::SocketAddr;

use crate::engine::unverified_sources;
use crate::source::http::{ListenError, is_public};
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics};

/// A warning and no error: `--listen` may say otherwise.
pub fn warn(config: &Config, diagnostics: &mut Diagnostics) {
    let address = config.listen.address.as_deref();
    let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
    let unverified = unverified_sources(config);
    let Some(address) = address.filter(|address| is_public(*address) && !unverified.is_empty())
    else {
        return;
    };
    let refused = ListenError::NotLoopback {
        address,
        unverified,
    };
    let warning = Diagnostic::warning(Code::InvalidValue, config.listen.at, refused.to_string());
    diagnostics.push(warning);
}
