//! Reads addresses to listen on: a host and a port. Names are resolved at the start of the daemon.

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;

/// Whether the text is a host and a port, such as `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
pub(super) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let is_host = match bare {
        Some(bare) => bare.parse::<::core::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-._".contains(c))
        }
    };
    is_host && port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// Reads the address of a key; `None` after an error was reported.
pub(super) fn lower(
    node: &Node,
    key: &str,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let address = diagnostics.text(node, key)?;
    if is_address(&address) {
        return Some(address);
    }
    let message = format!("`{key}` is not an address: `{address}`");
    let help = format!("write a host and a port: `{example}`");
    diagnostics.reject_value(node.at, message, &help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for good in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::ffff:0.0.0.0]:0",
            "localhost:80",
            "events_a.example.com:65535",
        ] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "8080",
            ":8080",
            "https://0.0.0.0:8443",
            "0.0.0.0:65536",
            "0.0.0.0:",
            "0.0.0.0:+80",
            "::1:8080",
            "[x]:80",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
