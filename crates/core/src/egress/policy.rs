//! The egress policy: what requests may reach although it is not public, and the proxy they go through.

use ipnet::IpNet;

/// The egress policy, from `outgoing` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    pub allow: Vec<EgressAllow>,
    pub proxy: Option<EgressProxy>,
    /// There is no configuration yet: this machine itself may be reached.
    pub unconfigured: bool,
}

/// What may be reached although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressAllow {
    Network(IpNet),
    /// A host by its name, in lower case, whatever address it has.
    Host(String),
    /// Every host whose name ends so: `.internal`, from `*.internal`.
    Under(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EgressProxy {
    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    Environment,
    Address(String),
}
