//! Tests of which hosts and addresses are allowed, in every notation.

use super::*;

fn allowing(entries: &[&str]) -> EgressPolicy {
    let allow = entries.iter().map(|entry| match entry.strip_prefix('*') {
        Some(end) => EgressAllow::Under(end.to_owned()),
        None => match entry.parse::<ipnet::IpNet>() {
            Ok(network) => EgressAllow::Network(network),
            Err(_) => match entry.parse::<IpAddr>() {
                Ok(address) => EgressAllow::Network(address.into()),
                Err(_) => EgressAllow::Host((*entry).to_owned()),
            },
        },
    });
    EgressPolicy {
        allow: allow.collect(),
        ..EgressPolicy::default()
    }
}

fn allows(outgoing: &EgressPolicy, host: &str, address: &str) -> bool {
    outgoing.check(host, address.parse().unwrap()).is_ok()
}

#[test]
fn only_public_and_allowed_addresses_are_reachable() {
    for (entries, host, address, expected) in [
        (&[][..], "a.example", "1.1.1.1", true),
        (&[], "a.example", "10.1.2.3", false),
        (&["10.0.0.0/8"], "a.example", "10.1.2.3", true),
        (&["10.0.0.0/8"], "a.example", "11.1.2.3", true),
        (&["10.0.0.0/8"], "a.example", "192.168.0.1", false),
        (&["10.0.0.0/8"], "10.1.2.3", "::ffff:10.1.2.3", true),
        (&["127.0.0.1"], "::1", "::1", false),
        (&["::1"], "::1", "::1", true),
        (&["crm.internal"], "crm.internal", "10.1.2.3", true),
        (&["crm.internal"], "CRM.internal.", "10.1.2.3", true),
        (&["crm.internal"], "a.crm.internal", "10.1.2.3", false),
        (&["crm.internal"], "xcrm.internal", "10.1.2.3", false),
        (&["*.internal"], "crm.internal", "10.1.2.3", true),
        (&["*.internal"], "a.crm.internal", "10.1.2.3", true),
        (&["*.internal"], "internal", "10.1.2.3", false),
        (&["*.internal"], "crm.internal.example", "10.1.2.3", false),
        // A metadata service must be named.
        (
            &["*.internal"],
            "metadata.google.internal",
            "169.254.169.254",
            false,
        ),
        (
            &["*.internal"],
            "METADATA.google.internal.",
            "10.1.2.3",
            false,
        ),
        (
            &["*.internal"],
            "instance-data.ec2.internal",
            "169.254.169.254",
            false,
        ),
        (&["*.internal"], "crm.internal", "169.254.169.254", false),
        (&["*.internal"], "crm.internal", "fd00:ec2::23", false),
        (&["crm.internal"], "crm.internal", "169.254.169.254", false),
        (
            &["metadata.google.internal"],
            "metadata.google.internal",
            "169.254.169.254",
            true,
        ),
        (
            &["*.internal", "169.254.169.254"],
            "metadata.google.internal",
            "169.254.169.254",
            true,
        ),
        (&["fd00::/8"], "a.example", "fd00:42::42", false),
        (&["fd00::/8"], "a.example", "fd00:ec2::1", true),
        (&["169.254.0.0/16"], "a.example", "169.254.42.42", false),
        (&["169.254.0.0/16"], "a.example", "169.254.0.23", false),
        // ISATAP
        (&[], "a.example", "2606:4700::5efe:10.1.2.3", false),
        (&[], "a.example", "2606:4700::200:5efe:127.0.0.1", false),
        (&[], "a.example", "2606:4700::5efe:1.1.1.1", true),
        (&["10.0.0.0/8"], "a.example", "fe80::5efe:10.1.2.3", false),
        // An allowed network does not include the metadata services in it.
        (&["0.0.0.0/0"], "a.example", "169.254.169.254", false),
        (&["169.254.0.0/16"], "a.example", "169.254.169.254", false),
        (&["169.254.169.254"], "a.example", "169.254.169.254", true),
        (
            &["169.254.169.254"],
            "a.example",
            "::ffff:169.254.169.254",
            true,
        ),
    ] {
        let outgoing = allowing(entries);
        assert_eq!(
            allows(&outgoing, host, address),
            expected,
            "{entries:?} {host} {address}"
        );
    }
}

#[test]
fn without_a_configuration_only_loopback_is_allowed() {
    let outgoing = EgressPolicy {
        unconfigured: true,
        ..EgressPolicy::default()
    };
    for (address, expected) in [
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false),
        ("169.254.169.254", false),
        ("0.0.0.0", false),
    ] {
        assert_eq!(allows(&outgoing, "h", address), expected, "{address}");
    }
}

#[test]
fn loopback_is_recognised_in_every_notation() {
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:0:0:1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.b.localhost.",
        "%6c%6f%63alhost",
        "①②⑦.0.0.1",
        "user:word@127.0.0.1:80",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ] {
        let forecast = EgressPolicy::default().forecast(&format!("http://{host}/x"));
        let Some(EgressForecast::Refused(denied)) = forecast else {
            panic!("{host}: {forecast:?}");
        };
        assert_eq!(denied.range, AddressRange::Loopback, "{host}");
    }
}

#[test]
fn a_forecast_needs_no_name_resolution() {
    let forecast = |entries: &[&str], url: &str| allowing(entries).forecast(url);
    assert_eq!(
        forecast(&[], "https://a.example/x"),
        Some(EgressForecast::Name)
    );
    assert_eq!(
        forecast(&[], "https://1.1.1.1/x"),
        Some(EgressForecast::Public)
    );
    assert_eq!(
        forecast(&["127.0.0.0/8"], "http://localhost/"),
        Some(EgressForecast::Allowed)
    );
    assert_eq!(
        forecast(&["::1"], "http://localhost/"),
        Some(EgressForecast::Allowed)
    );
    assert_eq!(
        forecast(&["localhost"], "http://localhost:1/"),
        Some(EgressForecast::Allowed)
    );
    assert_eq!(
        forecast(&["crm.internal"], "http://crm.internal/"),
        Some(EgressForecast::Allowed)
    );
    assert_eq!(
        forecast(&[], "https://[secret HOST]/x"),
        Some(EgressForecast::Hidden)
    );
    assert_eq!(forecast(&[], "outbox:pager/x"), None);
    assert_eq!(forecast(&[], "notlocalhost://x"), None);
    assert_eq!(
        forecast(&[], "http://notlocalhost/"),
        Some(EgressForecast::Name)
    );
    let google = forecast(&[], "http://metadata.google.internal/x");
    let Some(EgressForecast::Refused(denied)) = google else {
        panic!("{google:?}");
    };
    assert_eq!(denied.entry(), "169.254.169.254");
    let proxied = EgressPolicy {
        proxy: Some(crate::egress::policy::EgressProxy::Environment),
        ..EgressPolicy::default()
    };
    assert_eq!(
        proxied.forecast("https://a.example/"),
        Some(EgressForecast::NameAtProxy)
    );
    assert!(matches!(
        proxied.forecast("https://10.0.0.1/"),
        Some(EgressForecast::Refused(_))
    ));
}

#[test]
fn a_denial_names_host_address_range_and_how_to_allow_it() {
    let deny = |host: &str, address: &str| {
        let address = address.parse().unwrap();
        EgressPolicy::default().check(host, address).unwrap_err()
    };
    let by_name = deny("crm.internal", "10.1.2.3");
    assert_eq!(
        by_name.to_string(),
        "`crm.internal` is at 10.1.2.3, a private address"
    );
    assert_eq!(
        by_name.help(),
        "to allow it, write `outgoing: { allow: [crm.internal] }` in flowtrigger.yaml"
    );
    let literal = deny("::1", "::1");
    assert_eq!(literal.to_string(), "`::1` is a loopback address");
    assert!(
        literal.help().contains("allow: ['::1']"),
        "{}",
        literal.help()
    );
    assert_eq!(
        deny("x.example", "169.254.169.254").entry(),
        "169.254.169.254"
    );
}
