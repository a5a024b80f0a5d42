//! Which hosts and addresses a request may go to, in every spelling.

use super::*;

fn allowing(entries: &[&str]) -> Outgoing {
    let allow = entries.iter().map(|entry| match entry.strip_prefix('*') {
        Some(end) => Allowed::Under(end.to_owned()),
        None => match entry.parse::<ipnet::IpNet>() {
            Ok(network) => Allowed::Network(network),
            Err(_) => match entry.parse::<IpAddr>() {
                Ok(address) => Allowed::Network(address.into()),
                Err(_) => Allowed::Host((*entry).to_owned()),
            },
        },
    });
    Outgoing {
        allow: allow.collect(),
        ..Outgoing::default()
    }
}

fn admits(outgoing: &Outgoing, host: &str, address: &str) -> bool {
    outgoing.admits(host, address.parse().unwrap()).is_ok()
}

#[test]
fn what_is_not_public_is_refused_unless_network_host_or_ending_is_allowed() {
    for (entries, host, address, wanted) in [
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
        // A network does not open what lies in it by accident.
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
            admits(&outgoing, host, address),
            wanted,
            "{entries:?} {host} {address}"
        );
    }
}

#[test]
fn without_a_configuration_this_machine_alone_may_be_reached() {
    let outgoing = Outgoing {
        unconfigured: true,
        ..Outgoing::default()
    };
    for (address, wanted) in [
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false),
        ("169.254.169.254", false),
        ("0.0.0.0", false),
    ] {
        assert_eq!(admits(&outgoing, "h", address), wanted, "{address}");
    }
}

#[test]
fn an_address_in_any_spelling_and_a_name_of_this_machine_are_seen_before_sending() {
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
        let seen = Outgoing::default().foresee(&format!("http://{host}/x"));
        let Some(Foresight::Refused(refused)) = seen else {
            panic!("{host}: {seen:?}");
        };
        assert_eq!(refused.range, Range::Loopback, "{host}");
    }
}

#[test]
fn what_is_known_before_sending_is_told() {
    let seen = |entries: &[&str], url: &str| allowing(entries).foresee(url);
    assert_eq!(seen(&[], "https://a.example/x"), Some(Foresight::Name));
    assert_eq!(seen(&[], "https://1.1.1.1/x"), Some(Foresight::Public));
    assert_eq!(
        seen(&["127.0.0.0/8"], "http://localhost/"),
        Some(Foresight::Allowed)
    );
    assert_eq!(
        seen(&["::1"], "http://localhost/"),
        Some(Foresight::Allowed)
    );
    assert_eq!(
        seen(&["localhost"], "http://localhost:1/"),
        Some(Foresight::Allowed)
    );
    assert_eq!(
        seen(&["crm.internal"], "http://crm.internal/"),
        Some(Foresight::Allowed)
    );
    assert_eq!(
        seen(&[], "https://[secret HOST]/x"),
        Some(Foresight::Hidden)
    );
    assert_eq!(seen(&[], "outbox:pager/x"), None);
    assert_eq!(seen(&[], "notlocalhost://x"), None);
    assert_eq!(seen(&[], "http://notlocalhost/"), Some(Foresight::Name));
    let google = seen(&[], "http://metadata.google.internal/x");
    let Some(Foresight::Refused(refused)) = google else {
        panic!("{google:?}");
    };
    assert_eq!(refused.entry(), "169.254.169.254");
    let proxied = Outgoing {
        proxy: Some(crate::core::egress::Proxy::Environment),
        ..Outgoing::default()
    };
    assert_eq!(
        proxied.foresee("https://a.example/"),
        Some(Foresight::NameAtProxy)
    );
    assert!(matches!(
        proxied.foresee("https://10.0.0.1/"),
        Some(Foresight::Refused(_))
    ));
}

#[test]
fn a_refusal_names_host_address_range_and_what_to_write() {
    let refused = |host: &str, address: &str| {
        let address = address.parse().unwrap();
        Outgoing::default().admits(host, address).unwrap_err()
    };
    let by_name = refused("crm.internal", "10.1.2.3");
    assert_eq!(
        by_name.to_string(),
        "`crm.internal` is at 10.1.2.3, a private address"
    );
    assert_eq!(
        by_name.help(),
        "if it is meant, write `outgoing: { allow: [crm.internal] }` in flowtrigger.yaml"
    );
    let literal = refused("::1", "::1");
    assert_eq!(literal.to_string(), "`::1` is a loopback address");
    assert!(
        literal.help().contains("allow: ['::1']"),
        "{}",
        literal.help()
    );
    assert_eq!(
        refused("x.example", "169.254.169.254").entry(),
        "169.254.169.254"
    );
}
