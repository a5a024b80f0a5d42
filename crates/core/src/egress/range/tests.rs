//! Tests of the first and last address of every range, and of the addresses next to them.

use super::*;

fn range_of(address: &str) -> Option<AddressRange> {
    let address: IpAddr = address.parse().unwrap();
    reached(address).into_iter().find_map(range)
}

/// Each range with its first and last address, and the ranges before and after it.
#[test]
fn every_ipv4_range_has_the_right_bounds() {
    for (first, last, expected, before, after) in [
        ("0.0.0.0", "0.255.255.255", Unspecified, None, None),
        ("10.0.0.0", "10.255.255.255", Private, None, None),
        (
            "100.64.0.0",
            "100.100.100.199",
            CarrierNat,
            None,
            Some(Metadata),
        ),
        (
            "100.100.100.200",
            "100.100.100.200",
            Metadata,
            Some(CarrierNat),
            Some(CarrierNat),
        ),
        (
            "100.100.100.201",
            "100.127.255.255",
            CarrierNat,
            Some(Metadata),
            None,
        ),
        ("127.0.0.0", "127.255.255.255", Loopback, None, None),
        ("168.63.129.16", "168.63.129.16", Metadata, None, None),
        (
            "169.254.0.0",
            "169.254.169.253",
            LinkLocal,
            None,
            Some(Metadata),
        ),
        (
            "169.254.169.254",
            "169.254.169.254",
            Metadata,
            Some(LinkLocal),
            Some(LinkLocal),
        ),
        (
            "169.254.170.2",
            "169.254.170.2",
            Metadata,
            Some(LinkLocal),
            Some(LinkLocal),
        ),
        (
            "169.254.170.24",
            "169.254.255.255",
            LinkLocal,
            Some(Metadata),
            None,
        ),
        ("172.16.0.0", "172.31.255.255", Private, None, None),
        ("192.0.0.0", "192.0.0.191", Reserved, None, Some(Metadata)),
        ("192.0.0.193", "192.0.0.255", Reserved, Some(Metadata), None),
        ("192.0.2.0", "192.0.2.255", Documentation, None, None),
        ("192.88.99.0", "192.88.99.255", Reserved, None, None),
        ("192.168.0.0", "192.168.255.255", Private, None, None),
        ("198.18.0.0", "198.19.255.255", Benchmarking, None, None),
        ("198.51.100.0", "198.51.100.255", Documentation, None, None),
        ("203.0.113.0", "203.0.113.255", Documentation, None, None),
        (
            "224.0.0.0",
            "239.255.255.255",
            Multicast,
            None,
            Some(Reserved),
        ),
        (
            "240.0.0.0",
            "255.255.255.254",
            Reserved,
            Some(Multicast),
            Some(Broadcast),
        ),
        (
            "255.255.255.255",
            "255.255.255.255",
            Broadcast,
            Some(Reserved),
            None,
        ),
    ] {
        assert_eq!(range_of(first), Some(expected), "{first}");
        assert_eq!(range_of(last), Some(expected), "{last}");
        let bits = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
        let at = |bits: Option<u32>| bits.map(|bits| Ipv4Addr::from_bits(bits).to_string());
        if let Some(address) = at(bits(first).checked_sub(1)) {
            assert_eq!(range_of(&address), before, "before {first}");
        }
        if let Some(address) = at(bits(last).checked_add(1)) {
            assert_eq!(range_of(&address), after, "after {last}");
        }
    }
}

#[test]
fn every_ipv6_range_has_the_right_bounds() {
    const ONES: &str = "ffff:ffff:ffff:ffff";
    let end = |prefix: &str, groups: usize| {
        let ones = vec!["ffff"; groups].join(":");
        format!("{prefix}:{ones}")
    };
    for (first, last, expected, before, after) in [
        (
            "::".to_owned(),
            "::".to_owned(),
            Unspecified,
            None,
            Some(Loopback),
        ),
        (
            "::1".into(),
            "::1".into(),
            Loopback,
            Some(Unspecified),
            Some(Unspecified),
        ),
        (
            "64:ff9b:1::".into(),
            end("64:ff9b:1", 5),
            LocalTranslation,
            Some(Reserved),
            Some(Reserved),
        ),
        (
            "100::".into(),
            format!("100:0:0:1:{ONES}"),
            Discard,
            Some(Reserved),
            Some(Reserved),
        ),
        (
            "2001:2::".into(),
            end("2001:2:0", 5),
            Benchmarking,
            Some(Reserved),
            Some(Reserved),
        ),
        (
            "2001:10::".into(),
            end("2001:1ff", 6),
            Reserved,
            Some(Reserved),
            None,
        ),
        (
            "2001:db8::".into(),
            end("2001:db8", 6),
            Documentation,
            None,
            None,
        ),
        (
            "3fff::".into(),
            end("3fff:fff", 6),
            Documentation,
            None,
            None,
        ),
        (
            "4000::".into(),
            end("fbff", 7),
            Reserved,
            None,
            Some(UniqueLocal),
        ),
        (
            "fc00::".into(),
            end("fdff", 7),
            UniqueLocal,
            Some(Reserved),
            Some(Reserved),
        ),
        (
            "fd00:ec2::254".into(),
            "fd00:ec2::254".into(),
            Metadata,
            Some(UniqueLocal),
            Some(UniqueLocal),
        ),
        (
            "fd20:ce::254".into(),
            "fd20:ce::254".into(),
            Metadata,
            Some(UniqueLocal),
            Some(UniqueLocal),
        ),
        (
            "fe80::".into(),
            end("febf", 7),
            LinkLocal,
            Some(Reserved),
            Some(SiteLocal),
        ),
        (
            "fec0::".into(),
            end("feff", 7),
            SiteLocal,
            Some(LinkLocal),
            Some(Multicast),
        ),
        (
            "ff00::".into(),
            end("ffff", 7),
            Multicast,
            Some(SiteLocal),
            None,
        ),
    ] {
        assert_eq!(range_of(&first), Some(expected), "{first}");
        assert_eq!(range_of(&last), Some(expected), "{last}");
        let bits = |text: &str| text.parse::<Ipv6Addr>().unwrap().to_bits();
        let at = |bits: Option<u128>| bits.map(|bits| Ipv6Addr::from_bits(bits).to_string());
        if let Some(address) = at(bits(&first).checked_sub(1)) {
            assert_eq!(range_of(&address), before, "before {first}");
        }
        if let Some(address) = at(bits(&last).checked_add(1)) {
            assert_eq!(range_of(&address), after, "after {last}");
        }
    }
}

#[test]
fn an_embedded_ipv4_address_decides() {
    for (address, expected) in [
        ("::ffff:127.0.0.1", Some(Loopback)),
        ("::ffff:10.1.2.3", Some(Private)),
        ("::ffff:169.254.169.254", Some(Metadata)),
        ("::ffff:1.1.1.1", None),
        ("::127.0.0.1", Some(Loopback)),
        ("::1.1.1.1", None),
        ("::ffff:0:192.168.0.1", Some(Private)),
        ("64:ff9b::127.0.0.1", Some(Loopback)),
        ("64:ff9b::8.8.8.8", None),
        ("64:ff9b:1::8.8.8.8", Some(LocalTranslation)),
        ("2002:7f00:1::", Some(Loopback)),
        ("2002:a00:1::1", Some(Private)),
        ("2002:808:808::1", None),
        // A public server before a private client, and the other way round.
        ("2001:0:808:808::f5ff:fffe", Some(Private)),
        ("2001:0:a00:1::f7f7:f7f7", Some(Private)),
        ("2001:0:808:808::f7f7:f7f7", None),
    ] {
        assert_eq!(range_of(address), expected, "{address}");
    }
}

#[test]
fn public_addresses_have_no_range() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "172.15.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860::8888",
        "2000::1",
    ] {
        assert_eq!(range_of(address), None, "{address}");
    }
}
