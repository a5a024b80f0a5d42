//! Decides whether a request may be sent to a host at an address, and explains a denial.
//! Does not resolve names: the caller checks the address that it connects to.

pub mod policy;
pub(crate) mod range;
#[cfg(test)]
mod tests;

use ::core::fmt;
use ::core::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

pub use crate::egress::policy::{EgressAllow, EgressPolicy, EgressProxy};
use crate::egress::range::{AddressRange, range, reached};

/// A denied request target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressDenied {
    pub host: String,
    pub address: IpAddr,
    pub range: AddressRange,
}

/// What is known about a request target before the request is sent, without name resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressForecast {
    /// A name whose addresses are checked when the request is sent.
    Name,
    /// A name that the proxy resolves.
    NameAtProxy,
    /// A public IP address.
    Public,
    /// A target that is not public but allowed.
    Allowed,
    /// The host is not known yet.
    Hidden,
    Refused(EgressDenied),
}

/// The address of most metadata services.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Names of the metadata services of clouds, which have the machine's credentials.
const METADATA_NAMES: [&str; 9] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
    "api.metadata.cloud.ibm.com",
];

impl EgressPolicy {
    /// Checks whether a request for this host may be sent to this address.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), EgressDenied> {
        let host = normalized(host);
        let special = reached(address).into_iter();
        let special = special.filter_map(|inner| Some((inner, range(inner)?)));
        for (inner, range) in special {
            if !self.allows_name(&host, range) && !self.allows_address(address, inner, range) {
                return Err(EgressDenied {
                    host,
                    address,
                    range,
                });
            }
        }
        Ok(())
    }

    /// Checks a host without resolving it: an IP address, or a name that has a fixed address.
    pub fn check_host(&self, host: &Host<&str>) -> Result<(), EgressDenied> {
        let Some((name, address)) = known_address(host) else {
            return Ok(());
        };
        let checked = self.check(&name, address);
        match (host, address) {
            // `localhost` has an IPv4 and an IPv6 address; one allowed address is enough.
            (Host::Domain(_), IpAddr::V4(Ipv4Addr::LOCALHOST)) => {
                let v6 = self.check(&name, IpAddr::V6(::core::net::Ipv6Addr::LOCALHOST));
                checked.or(v6.map_err(|denied| EgressDenied { address, ..denied }))
            }
            _ => checked,
        }
    }

    /// What is known about a URL before anything is sent. `None` if it is not an HTTP URL. Secrets in it
    /// are names in brackets.
    pub fn forecast(&self, url: &str) -> Option<EgressForecast> {
        let (scheme, _) = url.split_once("://")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return None;
        }
        let Ok(url) = Url::parse(url) else {
            return Some(EgressForecast::Hidden);
        };
        let host = url.host()?;
        if let Err(denied) = self.check_host(&host) {
            return Some(EgressForecast::Refused(denied));
        }
        Some(match (known_address(&host), host) {
            (Some((_, address)), _) => match reached(address).into_iter().find_map(range) {
                Some(_) => EgressForecast::Allowed,
                None => EgressForecast::Public,
            },
            (None, Host::Domain(name))
                if self.allows_name(&normalized(name), AddressRange::Private) =>
            {
                EgressForecast::Allowed
            }
            (None, _) if self.proxy.is_some() => EgressForecast::NameAtProxy,
            (None, _) => EgressForecast::Name,
        })
    }

    /// Describes a forecast for a plan.
    pub fn describe(&self, forecast: &EgressForecast) -> String {
        match forecast {
            EgressForecast::Name => "public name, checked when the request is sent".to_owned(),
            EgressForecast::NameAtProxy => "name, resolved by the proxy".to_owned(),
            EgressForecast::Public => "public address".to_owned(),
            EgressForecast::Allowed if self.unconfigured => {
                "this machine, allowed while there is no flowtrigger.yaml".to_owned()
            }
            EgressForecast::Allowed => "not public, allowed by `outgoing`".to_owned(),
            EgressForecast::Hidden => "not known yet, checked when the request is sent".to_owned(),
            EgressForecast::Refused(denied) => format!("denied: {denied}"),
        }
    }

    /// Whether a host is allowed by its name at an address of this range. A metadata service must be named: no
    /// wildcard includes it, and no other name leads to it.
    fn allows_name(&self, host: &str, range: AddressRange) -> bool {
        let is_metadata = is_metadata_name(host);
        self.allow.iter().any(|allowed| match allowed {
            EgressAllow::Network(_) => false,
            EgressAllow::Host(name) => {
                host == name && (is_metadata || range != AddressRange::Metadata)
            }
            EgressAllow::Under(end) => {
                let is_under = host.ends_with(end) && host.len() > end.len();
                is_under && !is_metadata && range != AddressRange::Metadata
            }
        })
    }

    fn allows_address(&self, outer: IpAddr, inner: IpAddr, range: AddressRange) -> bool {
        if range == AddressRange::Loopback && self.unconfigured {
            return true;
        }
        self.allow.iter().any(|allowed| match allowed {
            // An allowed network does not include a metadata service, which has this machine's credentials.
            EgressAllow::Network(network) if range == AddressRange::Metadata => {
                network.prefix_len() == network.max_prefix_len()
                    && [outer, inner].contains(&network.addr())
            }
            EgressAllow::Network(network) => network.contains(&outer) || network.contains(&inner),
            EgressAllow::Host(_) | EgressAllow::Under(_) => false,
        })
    }
}

/// The address of a host that needs no name resolution.
fn known_address(host: &Host<&str>) -> Option<(String, IpAddr)> {
    match host {
        Host::Ipv4(address) => Some((address.to_string(), IpAddr::V4(*address))),
        Host::Ipv6(address) => Some((address.to_string(), IpAddr::V6(*address))),
        Host::Domain(name) => {
            let name = normalized(name);
            let address = match () {
                () if is_within(&name, "localhost") => Ipv4Addr::LOCALHOST,
                () if is_metadata_name(&name) => METADATA,
                () => return None,
            };
            Some((name, IpAddr::V4(address)))
        }
    }
}

/// A single label is found through the search domain, where any machine may have the name.
fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES
        .iter()
        .any(|known| match known.contains('.') {
            true => is_within(name, known),
            false => name == *known,
        })
}

fn is_within(name: &str, domain: &str) -> bool {
    let before = name.strip_suffix(domain);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Normalizes a host name for comparison: lower case, without the final dot.
fn normalized(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    host.strip_suffix('.').unwrap_or(&host).to_owned()
}

impl EgressDenied {
    /// The entry in `outgoing.allow` that would allow it.
    pub fn entry(&self) -> String {
        match self.range {
            AddressRange::Metadata => self.address.to_string(),
            _ => self.host.clone(),
        }
    }

    /// How to allow it.
    pub fn help(&self) -> String {
        format!(
            "to allow it, write `outgoing: {{ allow: [{}] }}` in flowtrigger.yaml",
            quoted(&self.entry())
        )
    }
}

/// Quotes an entry for a YAML list in brackets.
fn quoted(entry: &str) -> String {
    match entry.contains(':') {
        true => format!("'{entry}'"),
        false => entry.to_owned(),
    }
}

impl fmt::Display for EgressDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, address) = (&self.host, self.address);
        let range = self.range.describe();
        match *host == address.to_string() {
            true => write!(f, "`{host}` is {range}"),
            false => write!(f, "`{host}` is at {address}, {range}"),
        }
    }
}

impl ::core::error::Error for EgressDenied {}
