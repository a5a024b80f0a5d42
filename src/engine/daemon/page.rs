//! Serves the web page beside the events: on the admin socket always, and on an address of its own. The page itself is
//! made by the caller of the daemon.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};

use super::DaemonOptions;
use crate::action::secret::{MissingSecret, SecretStore};
use crate::engine::handle::Engine;
use crate::engine::{EngineError, Perform};
use crate::source::http::{self, HttpLimits, ListenError};
use crate::store::History;
use crate::store::Store;
use crate::store::history::HistoryOpenError;
use flowtrigger_core::config::page::DEFAULT_PAGE_ADDRESS;
use flowtrigger_core::config::{Config, PageAddress, PageSettings};

/// The largest body of the page: an event and a rule to try.
const MAX_BODY: usize = 1024 * 1024;

/// Opens the read side of the store.
pub type OpenHistory = Box<dyn Fn() -> Result<Box<dyn History>, HistoryOpenError> + Send + Sync>;

/// What a page is made from.
pub struct PageParts<S: Store, P: Perform> {
    pub engine: Engine<S, P>,
    pub history: OpenHistory,
    /// Where the page is served besides the admin socket.
    pub address: Option<SocketAddr>,
    /// Becomes `true` when the daemon stops serving: streams must end.
    pub closing: watch::Receiver<bool>,
    /// The data folder.
    pub data: PathBuf,
}

/// The routes of a page.
pub struct PageRoutes {
    /// Without a login: the socket checks the process at its other end.
    pub socket: Router,
    /// Requests have their `Peer` as `ConnectInfo`.
    pub network: Router,
}

/// Listens on the address of the page. If the default address is not free, the page is served on the socket alone.
pub(super) async fn listen(
    daemon: &DaemonOptions,
    config: &Config,
) -> Result<Option<TcpListener>, EngineError> {
    let settings: &PageSettings = &config.page;
    if let Some(socket) = &daemon.sockets.page {
        return Ok(Some(http::adopt_page(socket, settings)?));
    }
    match daemon.page.as_ref().unwrap_or(&settings.listen) {
        PageAddress::Off => Ok(None),
        PageAddress::At(address) => Ok(Some(http::listen_page(address, settings).await?)),
        PageAddress::Default => match http::listen_page(DEFAULT_PAGE_ADDRESS, settings).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error @ (ListenError::AddressInUse { .. } | ListenError::Other { .. })) => {
                warn!(
                    help = "choose another address with `--page` or `page` in flowtrigger.yaml, or `off`",
                    "the page is available on the admin socket only: {error}"
                );
                Ok(None)
            }
            Err(error) => Err(error.into()),
        },
    }
}

/// The limits of the page: those of the events, with its own names, proxies and bodies.
pub(super) fn limits(of_events: &HttpLimits, settings: &PageSettings) -> HttpLimits {
    HttpLimits {
        body: MAX_BODY,
        trusted_proxies: settings.trusted_proxies.clone(),
        hosts: settings.hosts.clone(),
        ..of_events.clone()
    }
}

pub(super) fn log_address(address: Option<SocketAddr>, settings: &PageSettings) {
    let Some(address) = address else {
        return;
    };
    info!(%address, "serving the page");
    if sends_logins_in_clear(settings, address) {
        warn!(
            help = "set `page.tls`, or put a TLS proxy in front and name it under `page.trusted_proxies`",
            "logins on the page are sent over plain HTTP"
        );
    }
}

/// Whether people on other machines send their secrets without TLS. A trusted proxy is taken to have it.
pub fn sends_logins_in_clear(settings: &PageSettings, address: SocketAddr) -> bool {
    let has_secrets = !settings.secrets.is_empty() || !settings.read_secrets.is_empty();
    let is_encrypted = settings.tls.is_some() || !settings.trusted_proxies.is_empty();
    http::is_public(address) && has_secrets && !is_encrypted
}

/// The secrets with which people sign in that have no value.
pub(super) fn missing_secrets(config: &Config) -> Vec<MissingSecret> {
    let names = config.page.secrets.iter().chain(&config.page.read_secrets);
    SecretStore::load(&config.secrets, names.map(String::as_str)).1
}
