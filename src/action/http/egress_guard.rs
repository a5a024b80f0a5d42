//! The gate that every connection goes through: names are looked up here, and only addresses that may
//! be reached are handed on, so that what is connected is what was checked.
//! It refuses what the configuration does not allow, in words that say what to write there.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::label::Target;
use crate::action::secret::Secrets;
use crate::core::egress::Refused;
use crate::core::egress::{Outgoing, Proxy};
use crate::core::run::CallFailure;

/// The addresses of a name, when they are known.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Whoever knows the addresses of names.
pub trait Lookup: fmt::Debug + Send + Sync {
    fn addresses(&self, host: &str) -> Addresses;
}

/// What this machine's own settings say.
#[derive(Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, host: &str) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guard {
    outgoing: Arc<Outgoing>,
    lookup: Arc<dyn Lookup>,
    /// The hosts of the proxies: reached because they were configured.
    proxies: Arc<[String]>,
}

impl Guard {
    pub(super) fn new(outgoing: &Outgoing, lookup: Arc<dyn Lookup>) -> Self {
        Self {
            outgoing: Arc::new(outgoing.clone()),
            lookup,
            proxies: proxies(outgoing.proxy.as_ref()).into(),
        }
    }

    /// Whether all this guard allows is what is wanted now.
    pub(super) fn is_of(&self, outgoing: &Outgoing) -> bool {
        *self.outgoing == *outgoing
    }

    pub(super) fn has_proxy(&self) -> bool {
        self.outgoing.proxy.is_some()
    }

    /// What can be judged before anything is looked up: an address that is written out never is.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refused> {
        match url.host() {
            Some(host) => self.outgoing.admits_host(&host),
            None => Ok(()),
        }
    }

    fn let_through(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        if self.proxies.iter().any(|proxy| proxy == host) {
            return Ok(found);
        }
        let mut admitted = Vec::with_capacity(found.len());
        let mut refused = None;
        for address in found {
            match self.outgoing.admits(host, address.ip()) {
                Ok(()) => admitted.push(address),
                Err(why) => drop(refused.get_or_insert(why)),
            }
        }
        match refused {
            Some(why) if admitted.is_empty() => Err(why),
            Some(_) | None => Ok(admitted),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = guard.lookup.addresses(&host).await?;
            let admitted = guard.let_through(&host, found)?;
            let addresses: Addrs = Box::new(admitted.into_iter());
            Ok(addresses)
        })
    }
}

fn proxies(proxy: Option<&Proxy>) -> Vec<String> {
    let urls = match proxy {
        None => Vec::new(),
        Some(Proxy::Address(url)) => vec![url.clone()],
        Some(Proxy::Environment) => ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()])
            .filter_map(|name| std::env::var(name).ok())
            .collect(),
    };
    urls.iter().filter_map(|url| host(url)).collect()
}

/// In the environment a proxy may stand without its scheme.
fn host(url: &str) -> Option<String> {
    let url = match url.contains("://") {
        true => Url::parse(url),
        false => Url::parse(&format!("http://{url}")),
    };
    url.ok()?.host_str().map(str::to_owned)
}

/// A refusal as the failure of a request: another try would end the same.
pub(super) fn refusal(refused: &Refused, target: &Target, secrets: &Secrets) -> CallFailure {
    if target.hides_its_host() {
        let words = refused.range.words();
        return target.lasting(format_args!(
            "refused to connect: the host is {words}; if it is meant, allow it under \
             `outgoing.allow` in flowtrigger.yaml"
        ));
    }
    let words = format!("{refused}; {}", refused.help());
    target.lasting(format_args!(
        "refused to connect: {}",
        secrets.redact(&words)
    ))
}

/// The refusal behind an error, if there is one.
pub(super) fn found<'e>(
    mut causes: impl Iterator<Item = &'e (dyn Error + 'static)>,
) -> Option<&'e Refused> {
    causes.find_map(|cause| cause.downcast_ref::<Refused>())
}
