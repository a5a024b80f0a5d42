//! Binds the address of the HTTP server, and says why that is not possible.

use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Why the program does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("invalid address `{address}`: {why}; write it as `127.0.0.1:8080`")]
    Address { address: String, why: String },
    #[error(
        "cannot listen on `{address}`: other machines can reach it, and these sources accept any sender: {}; set `verify` and `secrets` for each under `sources` in flowtrigger.yaml (if `sources` is present, sources that it does not name are closed), or listen on 127.0.0.1",
        quoted(.unverified)
    )]
    NotLoopback {
        address: SocketAddr,
        unverified: Vec<String>,
    },
    #[error(
        "failed to listen on `{address}`: the port is in use; stop the program that uses it, or choose another port with `--listen`"
    )]
    AddressInUse { address: SocketAddr },
    #[error("failed to listen on `{address}`: {why}; choose another address with `--listen`")]
    Other { address: SocketAddr, why: String },
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Whether other machines can reach an address.
pub fn is_public(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Binds the address. Only a loopback address is allowed if any source accepts unverified senders.
///
/// # Errors
/// If the address is invalid, public with unverified sources, in use or otherwise not available.
pub async fn listen(address: &str, unverified: &[String]) -> Result<TcpListener, ListenError> {
    let invalid = |why: String| ListenError::Address {
        address: address.to_owned(),
        why,
    };
    let found = tokio::net::lookup_host(address).await;
    let found: Vec<SocketAddr> = found.map_err(|e| invalid(e.to_string()))?.collect();
    let public = found.iter().find(|address| is_public(**address));
    if let (Some(&address), false) = (public, unverified.is_empty()) {
        let unverified = unverified.to_vec();
        return Err(ListenError::NotLoopback {
            address,
            unverified,
        });
    }
    let Some(&address) = found.first() else {
        return Err(invalid("the name has no address".into()));
    };
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::AddressInUse { address },
        _ => ListenError::Other {
            address,
            why: error.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unverified_sources_need_loopback() {
        let message = |error: ListenError| error.to_string();
        let unverified = ["support".to_owned()];
        for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
            let public = message(listen(address, &unverified).await.unwrap_err());
            assert!(public.starts_with("cannot listen on `"), "{public}");
            assert!(
                public.contains("accept any sender: `support`; set"),
                "{public}"
            );
        }
        assert!(listen("0.0.0.0:0", &[]).await.is_ok());
        let invalid = message(listen("nonsense", &unverified).await.unwrap_err());
        assert!(
            invalid.ends_with("write it as `127.0.0.1:8080`"),
            "{invalid}"
        );
        let first = listen("127.0.0.1:0", &unverified)
            .await
            .expect("a free port");
        let address = first.local_addr().unwrap().to_string();
        let taken = message(listen(&address, &[]).await.unwrap_err());
        assert!(taken.contains("the port is in use"), "{taken}");
        assert!(taken.contains(&address), "{taken}");
    }
}
