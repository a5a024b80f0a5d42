//! Resolves host names for the HTTP client and returns only addresses that the egress policy allows, so that
//! the address that is connected is the one that was checked.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::label::RequestLabel;
use crate::action::secret::SecretStore;
use flowtrigger_core::egress::EgressDenied;
use flowtrigger_core::egress::policy::{EgressPolicy, EgressProxy};
use flowtrigger_core::run::call_result::CallFailure;

/// The future addresses of a name.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names to addresses.
pub trait Resolver: fmt::Debug + Send + Sync {
    fn addresses(&self, host: &str) -> Addresses;
}

/// The resolver of this machine.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn addresses(&self, host: &str) -> Addresses {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

#[derive(Debug, Clone)]
pub(super) struct EgressGuard {
    outgoing: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
    /// The hosts of the proxies, which are always allowed.
    proxies: Arc<[String]>,
}

impl EgressGuard {
    pub(super) fn new(outgoing: &EgressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            outgoing: Arc::new(outgoing.clone()),
            resolver,
            proxies: proxies(outgoing.proxy.as_ref()).into(),
        }
    }

    /// Whether the guard's policy is the given one.
    pub(super) fn has_policy(&self, outgoing: &EgressPolicy) -> bool {
        *self.outgoing == *outgoing
    }

    pub(super) fn has_proxy(&self) -> bool {
        self.outgoing.proxy.is_some()
    }

    /// Checks a URL whose host is an IP address: it is not resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), EgressDenied> {
        match url.host() {
            Some(host) => self.outgoing.check_host(&host),
            None => Ok(()),
        }
    }

    fn filter(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, EgressDenied> {
        if self.proxies.iter().any(|proxy| proxy == host) {
            return Ok(found);
        }
        let mut admitted = Vec::with_capacity(found.len());
        let mut denied = None;
        for address in found {
            match self.outgoing.check(host, address.ip()) {
                Ok(()) => admitted.push(address),
                Err(why) => drop(denied.get_or_insert(why)),
            }
        }
        match denied {
            Some(why) if admitted.is_empty() => Err(why),
            Some(_) | None => Ok(admitted),
        }
    }
}

impl Resolve for EgressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = guard.resolver.addresses(&host).await?;
            let admitted = guard.filter(&host, found)?;
            let addresses: Addrs = Box::new(admitted.into_iter());
            Ok(addresses)
        })
    }
}

fn proxies(proxy: Option<&EgressProxy>) -> Vec<String> {
    let urls = match proxy {
        None => Vec::new(),
        Some(EgressProxy::Address(url)) => vec![url.clone()],
        Some(EgressProxy::Environment) => ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()])
            .filter_map(|name| std::env::var(name).ok())
            .collect(),
    };
    urls.iter().filter_map(|url| host(url)).collect()
}

/// The host of a proxy, whose scheme may be missing in the environment.
fn host(url: &str) -> Option<String> {
    let url = match url.contains("://") {
        true => Url::parse(url),
        false => Url::parse(&format!("http://{url}")),
    };
    url.ok()?.host_str().map(str::to_owned)
}

/// The failure of a request that the policy denies. Another attempt would fail too.
pub(super) fn failure(
    denied: &EgressDenied,
    label: &RequestLabel,
    secrets: &SecretStore,
) -> CallFailure {
    if label.hides_its_host() {
        let range = denied.range.describe();
        let failure = label.permanent(format_args!(
            "connection denied: the host is {range}; to allow it, add it to `outgoing.allow` in flowtrigger.yaml"
        ));
        return failure.without_effect();
    }
    let message = format!("{denied}; {}", denied.help());
    let failure = label.permanent(format_args!(
        "connection denied: {}",
        secrets.redact(&message)
    ));
    failure.without_effect()
}

/// The denial that caused an error, if there is one.
pub(super) fn denial<'e>(
    mut causes: impl Iterator<Item = &'e (dyn Error + 'static)>,
) -> Option<&'e EgressDenied> {
    causes.find_map(|cause| cause.downcast_ref::<EgressDenied>())
}
