//! The egress policy: non-public destinations that requests may reach, and the proxy for requests.

use ipnet::IpNet;

/// The egress policy, from `outgoing` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    pub allow: Vec<EgressAllow>,
    pub proxy: Option<EgressProxy>,
    /// Whether there is no configuration file; if so, requests may reach this machine.
    pub unconfigured: bool,
}

/// A destination that is allowed although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressAllow {
    Network(IpNet),
    /// A host name in lower case, with any address.
    Host(String),
    /// Every host name with this suffix: `.internal`, from `*.internal`.
    Under(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressProxy {
    /// The proxy of `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.
    Environment,
    Address(String),
}
