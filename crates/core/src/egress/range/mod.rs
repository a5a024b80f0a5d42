//! The special range of an address that is not public, such as loopback, private or cloud metadata.
//! [`reached`] unwraps IPv6 addresses that embed an IPv4 address.

#[cfg(test)]
mod tests;

use ::core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses outside of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressRange {
    Loopback,
    Private,
    LinkLocal,
    /// The metadata service of a cloud, which has the machine's credentials.
    Metadata,
    CarrierNat,
    Unspecified,
    Broadcast,
    Multicast,
    Documentation,
    Benchmarking,
    UniqueLocal,
    SiteLocal,
    Discard,
    /// Addresses of a local NAT64 translator, which can reach any internal address.
    LocalTranslation,
    /// Reserved for protocols or future use.
    Reserved,
}

use crate::egress::range::AddressRange::{
    Benchmarking, Broadcast, CarrierNat, Discard, Documentation, LinkLocal, LocalTranslation,
    Loopback, Metadata, Multicast, Private, Reserved, SiteLocal, UniqueLocal, Unspecified,
};

impl AddressRange {
    /// The range as in "`127.0.0.1` is …".
    pub fn describe(self) -> &'static str {
        match self {
            Loopback => "a loopback address",
            Private => "a private address",
            LinkLocal => "a link-local address",
            Metadata => "a cloud metadata service",
            CarrierNat => "a carrier-grade NAT address",
            Unspecified => "an unspecified address",
            Broadcast => "the broadcast address",
            Multicast => "a multicast address",
            Documentation => "a documentation address",
            Benchmarking => "a benchmarking address",
            UniqueLocal => "a unique local address",
            SiteLocal => "a site-local address",
            Discard => "a discard address",
            LocalTranslation => "a local NAT64 address",
            Reserved => "a reserved address",
        }
    }
}

/// Narrower ranges come before wider ones, because the first match counts.
const V4: [(Ipv4Addr, u32, AddressRange); 24] = [
    (Ipv4Addr::new(169, 254, 169, 254), 32, Metadata),
    // Credentials of containers and virtual machines, some outside of the link-local range.
    (Ipv4Addr::new(169, 254, 170, 2), 32, Metadata),
    (Ipv4Addr::new(169, 254, 170, 23), 32, Metadata),
    (Ipv4Addr::new(169, 254, 0, 23), 32, Metadata),
    (Ipv4Addr::new(169, 254, 42, 42), 32, Metadata),
    (Ipv4Addr::new(100, 100, 100, 200), 32, Metadata),
    (Ipv4Addr::new(168, 63, 129, 16), 32, Metadata),
    (Ipv4Addr::new(192, 0, 0, 192), 32, Metadata),
    (Ipv4Addr::new(0, 0, 0, 0), 8, Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, CarrierNat),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Documentation),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Benchmarking),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Documentation),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Multicast),
    (Ipv4Addr::new(255, 255, 255, 255), 32, Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Reserved),
];

const V6: [(Ipv6Addr, u32, AddressRange); 22] = [
    (v6(0, 0, 0, 0), 128, Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Loopback),
    (
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        128,
        Metadata,
    ),
    (
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
        128,
        Metadata,
    ),
    (
        Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
        128,
        Metadata,
    ),
    (
        Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
        128,
        Metadata,
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
        128,
        Metadata,
    ),
    (
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        128,
        Metadata,
    ),
    (v6(0x64, 0xff9b, 1, 0), 48, LocalTranslation),
    (v6(0x100, 0, 0, 0), 64, Discard),
    (v6(0x100, 0, 0, 1), 64, Discard),
    (v6(0x2001, 2, 0, 0), 48, Benchmarking),
    (v6(0x2001, 0xdb8, 0, 0), 32, Documentation),
    (v6(0x2001, 0, 0, 0), 23, Reserved),
    (v6(0x3fff, 0, 0, 0), 20, Documentation),
    (v6(0xfc00, 0, 0, 0), 7, UniqueLocal),
    (v6(0xfe80, 0, 0, 0), 10, LinkLocal),
    (v6(0xfec0, 0, 0, 0), 10, SiteLocal),
    (v6(0xff00, 0, 0, 0), 8, Multicast),
    // Of the rest only 2000::/3 is allocated.
    (v6(0, 0, 0, 0), 3, Reserved),
    (v6(0x4000, 0, 0, 0), 2, Reserved),
    (v6(0x8000, 0, 0, 0), 1, Reserved),
];

const fn v6(a: u16, b: u16, c: u16, d: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// The range of an address itself, without unwrapping. `None` for a public address.
pub fn range(address: IpAddr) -> Option<AddressRange> {
    match address {
        IpAddr::V4(address) => {
            let within = |(first, length, _): &&(Ipv4Addr, u32, AddressRange)| {
                (address.to_bits() ^ first.to_bits()) >> (32 - length) == 0
            };
            V4.iter().find(within).map(|(_, _, range)| *range)
        }
        IpAddr::V6(address) => {
            let within = |(first, length, _): &&(Ipv6Addr, u32, AddressRange)| {
                (address.to_bits() ^ first.to_bits()) >> (128 - length) == 0
            };
            V6.iter().find(within).map(|(_, _, range)| *range)
        }
    }
}

/// The addresses that a connection to an address reaches: the embedded IPv4 addresses if there are any,
/// else the address itself. An ISATAP address, in any network, can reach both.
pub fn reached(address: IpAddr) -> Vec<IpAddr> {
    if let IpAddr::V6(v6) = address
        && let [_, _, _, _, 0 | 0x200, 0x5efe, high, low] = v6.segments()
    {
        return vec![address, IpAddr::V4(v4(high, low))];
    }
    let embedded = match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(address) => embedded(address),
    };
    match embedded.is_empty() {
        true => vec![address],
        false => embedded.into_iter().map(IpAddr::V4).collect(),
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    match address.segments() {
        // The unspecified address and loopback embed nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // IPv4-compatible, IPv4-mapped, IPv4-translated, and the well-known NAT64 prefix.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => vec![v4(high, low)],
        [0x2002, high, low, ..] => vec![v4(high, low)],
        // Teredo: the server, and the client with inverted bits.
        [0x2001, 0, server, of, _, _, high, low] => vec![v4(server, of), v4(!high, !low)],
        _ => Vec::new(),
    }
}
