//! Binds the address of the HTTP server, and says why that is not possible.

use std::fmt;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use flowtrigger_core::config::PageSettings;

/// Why the program does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("invalid address `{address}` of `{option}`: {why}; write it as `{}`", option.example())]
    Address {
        address: String,
        why: String,
        option: ListenOption,
    },
    #[error(
        "cannot listen on `{address}`: other machines can reach it, and these sources accept any sender: {}; set `verify` and `secrets` for each under `sources` in flowtrigger.yaml (if `sources` is present, sources that it does not name are closed), or listen on 127.0.0.1",
        quoted(.unverified)
    )]
    NotLoopback {
        address: SocketAddr,
        unverified: Vec<String>,
    },
    #[error(
        "cannot serve the page on `{address}`: other machines can reach it, and nobody can sign in; add `page.secrets`, or `page.user_header` with `page.trusted_proxies`, in flowtrigger.yaml, or listen on 127.0.0.1"
    )]
    NobodyCanSignIn { address: SocketAddr },
    #[error(
        "failed to listen on `{address}`: the port is in use; stop the program that uses it, or choose another port with `{option}`"
    )]
    AddressInUse {
        address: SocketAddr,
        option: ListenOption,
    },
    #[error("failed to listen on `{address}`: {why}; choose another address with `{option}`")]
    Other {
        address: SocketAddr,
        why: String,
        option: ListenOption,
    },
    #[error("failed to listen on the socket of the service manager: {0}; check its socket unit")]
    Socket(#[source] std::io::Error),
}

/// The option of the command line or the key of the configuration that chooses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenOption {
    Listen,
    Page,
    Metrics,
}

impl fmt::Display for ListenOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ListenOption::Listen => "--listen",
            ListenOption::Page => "--page",
            ListenOption::Metrics => "listen.metrics.address",
        })
    }
}

impl ListenOption {
    fn example(self) -> &'static str {
        match self {
            ListenOption::Listen => "127.0.0.1:8080",
            ListenOption::Page => "127.0.0.1:8081` or `off",
            ListenOption::Metrics => "127.0.0.1:9464",
        }
    }
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
    let found = look_up(address, ListenOption::Listen).await?;
    check_events(&found, unverified)?;
    bind(address, &found, ListenOption::Listen).await
}

/// Listens on a socket that is open already, under the same conditions as [`listen`].
///
/// # Errors
/// If its address is public with unverified sources, or if it cannot be used.
pub fn adopt(
    socket: &std::net::TcpListener,
    unverified: &[String],
) -> Result<TcpListener, ListenError> {
    let address = socket.local_addr().map_err(ListenError::Socket)?;
    check_events(&[address], unverified)?;
    listen_on(socket)
}

/// Listens on a socket that is open already, under the same conditions as [`listen_page`].
///
/// # Errors
/// If its address is public without a way to sign in, or if it cannot be used.
pub fn adopt_page(
    socket: &std::net::TcpListener,
    settings: &PageSettings,
) -> Result<TcpListener, ListenError> {
    let address = socket.local_addr().map_err(ListenError::Socket)?;
    check_page(&[address], settings)?;
    listen_on(socket)
}

fn listen_on(socket: &std::net::TcpListener) -> Result<TcpListener, ListenError> {
    let own = socket.try_clone().map_err(ListenError::Socket)?;
    own.set_nonblocking(true).map_err(ListenError::Socket)?;
    TcpListener::from_std(own).map_err(ListenError::Socket)
}

fn check_events(found: &[SocketAddr], unverified: &[String]) -> Result<(), ListenError> {
    let public = found.iter().find(|address| is_public(**address));
    match (public, unverified.is_empty()) {
        (Some(&address), false) => Err(ListenError::NotLoopback {
            address,
            unverified: unverified.to_vec(),
        }),
        (Some(_), true) | (None, _) => Ok(()),
    }
}

fn check_page(found: &[SocketAddr], settings: &PageSettings) -> Result<(), ListenError> {
    let public = found.iter().find(|address| is_public(**address));
    match public {
        Some(&address) if !settings.has_sign_in() => Err(ListenError::NobodyCanSignIn { address }),
        Some(_) | None => Ok(()),
    }
}

/// Binds the address of the page. Only a loopback address is allowed if `settings` lets nobody sign in.
///
/// # Errors
/// If the address is invalid, public without a way to sign in, in use or otherwise not available.
pub async fn listen_page(
    address: &str,
    settings: &PageSettings,
) -> Result<TcpListener, ListenError> {
    let found = look_up(address, ListenOption::Page).await?;
    check_page(&found, settings)?;
    bind(address, &found, ListenOption::Page).await
}

/// Binds the address of the metrics listener, whose clients are limited by their addresses.
///
/// # Errors
/// If the address is invalid, in use or otherwise not available.
pub async fn listen_metrics(address: &str) -> Result<TcpListener, ListenError> {
    let found = look_up(address, ListenOption::Metrics).await?;
    bind(address, &found, ListenOption::Metrics).await
}

fn invalid(address: &str, why: String, option: ListenOption) -> ListenError {
    ListenError::Address {
        address: address.to_owned(),
        why,
        option,
    }
}

async fn look_up(address: &str, option: ListenOption) -> Result<Vec<SocketAddr>, ListenError> {
    let found = tokio::net::lookup_host(address).await;
    let found = found.map_err(|error| invalid(address, error.to_string(), option))?;
    Ok(found.collect())
}

async fn bind(
    address: &str,
    found: &[SocketAddr],
    option: ListenOption,
) -> Result<TcpListener, ListenError> {
    let Some(&address) = found.first() else {
        return Err(invalid(address, "the name has no address".into(), option));
    };
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::AddressInUse { address, option },
        _ => ListenError::Other {
            address,
            why: error.to_string(),
            option,
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
    #[tokio::test]
    async fn a_page_that_others_can_reach_needs_a_way_to_sign_in() {
        let mut settings = PageSettings::default();
        let error = listen_page("0.0.0.0:0", &settings).await.unwrap_err();
        assert!(error.to_string().contains("nobody can sign in"), "{error}");
        let local = listen_page("127.0.0.1:0", &settings).await.unwrap();
        let address = local.local_addr().unwrap().to_string();
        let taken = listen_page(&address, &settings).await.unwrap_err();
        assert!(taken.to_string().ends_with("with `--page`"), "{taken}");
        settings.secrets = vec!["PAGE_KEY".into()];
        assert!(listen_page("0.0.0.0:0", &settings).await.is_ok());
    }
}
