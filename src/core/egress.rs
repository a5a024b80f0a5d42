//! Whether a request may go to a host at an address, and in words why not.
//! It refuses to look a name up: whoever connects asks about the very address it connects to.

mod policy;
pub mod range;

use ::core::fmt;
use ::core::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

pub use policy::{Allowed, Outgoing, Proxy};
use range::{Range, range, reached};

/// Why a request may not go where it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub host: String,
    pub address: IpAddr,
    pub range: Range,
}

/// What can be told of a request before it is sent, without looking a name up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foresight {
    /// A name whose addresses are checked when it is sent.
    Name,
    /// A name that the proxy looks up.
    NameAtProxy,
    /// A public address that is written out.
    Public,
    /// Not public, and allowed.
    Allowed,
    /// A host that is not known yet.
    Hidden,
    Refused(Refused),
}

/// Names that stand for an address wherever they are looked up.
const NAMES: [(&str, Ipv4Addr); 2] = [
    ("localhost", Ipv4Addr::LOCALHOST),
    (
        "metadata.google.internal",
        Ipv4Addr::new(169, 254, 169, 254),
    ),
];

impl Outgoing {
    /// Whether a request for this host may be sent to this address.
    pub fn admits(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let host = plain(host);
        if self.names(&host) {
            return Ok(());
        }
        let special = reached(address).into_iter();
        let special = special.filter_map(|inner| Some((inner, range(inner)?)));
        for (inner, range) in special {
            if !self.reaches(address, inner, range) {
                return Err(Refused {
                    host,
                    address,
                    range,
                });
            }
        }
        Ok(())
    }

    /// Whether a host may be reached as far as its own text says: written as an address, or by a name
    /// that means this machine everywhere.
    pub fn admits_host(&self, host: &Host<&str>) -> Result<(), Refused> {
        let Some((name, address)) = told(host) else {
            return Ok(());
        };
        let admitted = self.admits(&name, address);
        match (host, address) {
            // This machine has two loopback addresses.
            (Host::Domain(_), IpAddr::V4(Ipv4Addr::LOCALHOST)) => {
                let sixth = self.admits(&name, IpAddr::V6(::core::net::Ipv6Addr::LOCALHOST));
                admitted.or(sixth.map_err(|refused| Refused { address, ..refused }))
            }
            _ => admitted,
        }
    }

    /// What can be told of an address before anything is sent; None for what is no HTTP address.
    /// Secrets in it are still names in brackets.
    pub fn foresee(&self, url: &str) -> Option<Foresight> {
        let (scheme, _) = url.split_once("://")?;
        if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            return None;
        }
        let Ok(url) = Url::parse(url) else {
            return Some(Foresight::Hidden);
        };
        let host = url.host()?;
        if let Err(refused) = self.admits_host(&host) {
            return Some(Foresight::Refused(refused));
        }
        Some(match (told(&host), host) {
            (Some((_, address)), _) => match reached(address).into_iter().find_map(range) {
                Some(_) => Foresight::Allowed,
                None => Foresight::Public,
            },
            (None, Host::Domain(name)) if self.names(&plain(name)) => Foresight::Allowed,
            (None, _) if self.proxy.is_some() => Foresight::NameAtProxy,
            (None, _) => Foresight::Name,
        })
    }

    /// What is seen, in words that a plan can show.
    pub fn words(&self, seen: &Foresight) -> String {
        match seen {
            Foresight::Name => "public name, checked when it is sent".to_owned(),
            Foresight::NameAtProxy => "a name, looked up by the proxy".to_owned(),
            Foresight::Public => "public address".to_owned(),
            Foresight::Allowed if self.unconfigured => {
                "this machine, allowed as long as there is no flowtrigger.yaml".to_owned()
            }
            Foresight::Allowed => "not public, allowed by `outgoing`".to_owned(),
            Foresight::Hidden => "not known yet, checked when it is sent".to_owned(),
            Foresight::Refused(refused) => format!("refused: {refused}"),
        }
    }

    /// Whether a host is allowed by its name, whatever address it has.
    fn names(&self, host: &str) -> bool {
        self.allow.iter().any(|allowed| match allowed {
            Allowed::Network(_) => false,
            Allowed::Host(name) => host == name,
            Allowed::Under(end) => host.ends_with(end) && host.len() > end.len(),
        })
    }

    fn reaches(&self, outer: IpAddr, inner: IpAddr, range: Range) -> bool {
        if range == Range::Loopback && self.unconfigured {
            return true;
        }
        self.allow.iter().any(|allowed| match allowed {
            // Whoever allows a network means its machines, not the credentials of this one.
            Allowed::Network(network) if range == Range::Metadata => {
                network.prefix_len() == network.max_prefix_len()
                    && [outer, inner].contains(&network.addr())
            }
            Allowed::Network(network) => network.contains(&outer) || network.contains(&inner),
            Allowed::Host(_) | Allowed::Under(_) => false,
        })
    }
}

/// What a host says of its address itself.
fn told(host: &Host<&str>) -> Option<(String, IpAddr)> {
    match host {
        Host::Ipv4(address) => Some((address.to_string(), IpAddr::V4(*address))),
        Host::Ipv6(address) => Some((address.to_string(), IpAddr::V6(*address))),
        Host::Domain(name) => {
            let name = plain(name);
            let means = |(known, _): &&(&str, Ipv4Addr)| {
                let before = name.strip_suffix(known);
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            };
            let (_, address) = NAMES.iter().find(means)?;
            Some((name, IpAddr::V4(*address)))
        }
    }
}

/// A name as names are compared: in lower case, and without the dot of the root.
fn plain(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    host.strip_suffix('.').unwrap_or(&host).to_owned()
}

impl Refused {
    /// What stands under `outgoing.allow` to let it through.
    pub fn entry(&self) -> String {
        match self.range {
            Range::Metadata => self.address.to_string(),
            _ => self.host.clone(),
        }
    }

    /// What to do, where it is meant.
    pub fn help(&self) -> String {
        format!(
            "if it is meant, write `outgoing: {{ allow: [{}] }}` in flowtrigger.yaml",
            quoted(&self.entry())
        )
    }
}

/// An entry as YAML takes it within brackets.
fn quoted(entry: &str) -> String {
    match entry.contains(':') {
        true => format!("'{entry}'"),
        false => entry.to_owned(),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, address) = (&self.host, self.address);
        let words = self.range.words();
        match *host == address.to_string() {
            true => write!(f, "`{host}` is {words}"),
            false => write!(f, "`{host}` is at {address}, {words}"),
        }
    }
}

impl ::core::error::Error for Refused {}

#[cfg(test)]
mod tests;
