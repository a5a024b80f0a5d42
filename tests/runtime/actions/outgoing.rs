//! The egress policy: names that resolve to internal addresses, addresses in every spelling, the allow-list and
//! the proxy. The receiver confirms who connected.

use std::sync::Arc;

use flowtrigger::action::Performer;
use flowtrigger_core::egress::policy::{EgressPolicy, EgressProxy};
use flowtrigger_core::flow::call::HttpCall;
use flowtrigger_core::language::rendered_text::{RenderedText, TextPart};
use flowtrigger_testing::receiver::{Received, Receiver, Response, Then};

use super::lookup::Names;
use super::{allowing, failed, http, perform_http, secret, succeeded, with};

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn sending(outgoing: EgressPolicy, names: &Arc<Names>) -> Performer {
    with(|options| {
        options.outgoing = outgoing;
        options.resolver = Arc::clone(names) as _;
    })
}

/// Two receivers on one port, at 127.0.0.2 and at 127.0.0.1.
async fn two() -> (Receiver, Receiver) {
    let outside = Receiver::listening_on("127.0.0.2:0", Response::raw(FINE, Then::Close));
    let address = format!("127.0.0.1:{}", outside.port);
    let inside = Receiver::listening_on(&address, Response::raw(FINE, Then::Close));
    (outside, inside)
}

#[tokio::test]
async fn dns_rebinding_connects_to_the_checked_address() {
    let (outside, inside) = two().await;
    // 127.0.0.2 is the public host, 127.0.0.1 the one that must not be reached.
    let names = Names::new(&[("desk.example", &[&["127.0.0.2"], &["127.0.0.1"]])]);
    let performer = sending(allowing(&["127.0.0.2"]), &names);
    let call = || http("POST", format!("http://desk.example:{}/x", outside.port));
    succeeded(perform_http(&performer, call()).await);
    assert_eq!(
        names.asked(),
        ["desk.example"],
        "looked up once for one connection"
    );
    assert_eq!((outside.count(), inside.count()), (1, 0));

    let failure = failed(perform_http(&performer, call()).await);
    assert_eq!((outside.count(), inside.count()), (1, 0));
    assert!(!failure.retryable);
    assert_eq!(
        failure.message,
        format!(
            "POST http://desk.example:{}/x: connection denied: `desk.example` is at 127.0.0.1, a \
             loopback address; to allow it, write `outgoing: {{ allow: [desk.example] }}` in \
             flowtrigger.yaml",
            outside.port
        )
    );
}

#[tokio::test]
async fn only_allowed_addresses_of_a_name_are_tried() {
    let (outside, inside) = two().await;
    let names = Names::new(&[("desk.example", &[&["127.0.0.1", "10.0.0.1", "127.0.0.2"]])]);
    let performer = sending(allowing(&["127.0.0.2"]), &names);
    let url = format!("http://desk.example:{}/x", outside.port);
    succeeded(perform_http(&performer, http("GET", url)).await);
    assert_eq!((outside.count(), inside.count()), (1, 0));
}

#[tokio::test]
async fn a_denied_address_is_denied_in_every_spelling() {
    let inside = Receiver::always(Response::raw(FINE, Then::Close));
    let names = Names::new(&[]);
    let performer = sending(EgressPolicy::default(), &names);
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.1",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "localhost",
        "LocalHost.",
        "x.localhost",
        "%6cocalhost",
        "user:word@127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let url = format!("http://{host}:{}/", inside.port);
        let failure = failed(perform_http(&performer, http("GET", url)).await);
        assert!(
            failure.message.contains("connection denied"),
            "{host}: {}",
            failure.message
        );
        assert!(!failure.retryable, "{host}");
    }
    assert_eq!(inside.count(), 0);
    assert_eq!(names.asked(), <[String; 0]>::default());
}

#[tokio::test]
async fn internal_hosts_are_reached_only_if_allowed() {
    let inside = Receiver::always(Response::raw(FINE, Then::Close));
    let names = Names::new(&[
        ("crm.internal", &[&["127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
    ]);
    let mut reached = 0;
    for (entries, host, expected) in [
        (&[][..], "crm.internal", false),
        (&["127.0.0.0/8"], "crm.internal", true),
        (&["10.0.0.0/8"], "crm.internal", false),
        (&["crm.internal"], "crm.internal", true),
        (&["*.internal"], "crm.internal", true),
        (&["*.example"], "crm.internal", false),
        (&[], "mapped.example", false),
        (&["127.0.0.1"], "mapped.example", true),
        (&["127.0.0.1"], "0x7f.1", true),
        (&["127.0.0.1"], "[::ffff:127.0.0.1]", true),
        (&["::1"], "127.0.0.1", false),
    ] {
        let performer = sending(allowing(entries), &names);
        let url = format!("http://{host}:{}/", inside.port);
        let performed = perform_http(&performer, http("GET", url)).await;
        match expected {
            true => drop(succeeded(performed)),
            false => assert!(
                failed(performed).message.contains("connection denied"),
                "{host}"
            ),
        }
        reached += usize::from(expected);
        assert_eq!(inside.count(), reached, "{entries:?} {host}");
    }
}

#[tokio::test]
async fn a_denied_secret_host_is_not_shown() {
    let performer = with(|options| {
        options.outgoing = EgressPolicy::default();
    });
    let url = RenderedText(vec![
        TextPart::Text("http://".into()),
        secret("INSIDE").0.remove(0),
        TextPart::Text("/x".into()),
    ]);
    let call = HttpCall {
        url,
        ..http("GET", "")
    };
    let failure = failed(perform_http(&performer, call).await);
    assert_eq!(
        failure.message,
        "GET http://[secret INSIDE]/x: connection denied: the host is a private address; to \
         allow it, add it to `outgoing.allow` in flowtrigger.yaml"
    );
}

#[tokio::test]
async fn a_configured_proxy_resolves_names_itself() {
    let proxy = Receiver::always(Response::raw(FINE, Then::Close));
    let names = Names::new(&[("proxy.internal", &[&["127.0.0.1"]])]);
    for host in ["127.0.0.1", "proxy.internal"] {
        let through = EgressPolicy {
            proxy: Some(EgressProxy::Address(format!(
                "http://{host}:{}",
                proxy.port
            ))),
            ..EgressPolicy::default()
        };
        let performer = sending(through, &names);
        succeeded(perform_http(&performer, http("GET", "http://desk.example/x")).await);
        // A literal address is checked too.
        for url in [
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let failure = failed(perform_http(&performer, http("GET", url)).await);
            assert!(
                failure.message.contains("connection denied"),
                "{}",
                failure.message
            );
        }
    }
    assert_eq!(names.asked(), ["proxy.internal"]);
    let seen: Vec<String> = proxy.received().iter().map(Received::text).collect();
    assert_eq!(seen.len(), 2);
    assert!(
        seen[0].starts_with("GET http://desk.example/x HTTP/1.1"),
        "{}",
        seen[0]
    );
}

#[tokio::test]
async fn an_unreachable_proxy_is_reported() {
    let through = EgressPolicy {
        proxy: Some(EgressProxy::Address("http://127.0.0.1:9".into())),
        ..EgressPolicy::default()
    };
    let performer = sending(through, &Names::new(&[]));
    let failure = failed(perform_http(&performer, http("GET", "http://desk.example/x")).await);
    assert!(
        failure
            .message
            .ends_with("the request went through the proxy of `outgoing.proxy`"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_new_policy_applies_to_open_connections() {
    // Keeps the connection open: a body with a length, and no `connection: close`.
    let kept = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::always(Response::raw(kept, Then::Hang));
    let names = Names::new(&[("desk.example", &[&["127.0.0.1"]])]);
    let before = sending(allowing(&["desk.example"]), &names);
    let call = || http("GET", format!("http://desk.example:{}/x", receiver.port));
    succeeded(perform_http(&before, call()).await);
    let secrets = flowtrigger::action::secret::SecretStore::none();
    let after = before
        .renewed(&secrets, &EgressPolicy::default(), None, Vec::new())
        .unwrap();
    let failure = failed(perform_http(&after, call()).await);
    assert!(
        failure.message.contains("connection denied"),
        "{}",
        failure.message
    );
    assert_eq!(receiver.count(), 1);
}
