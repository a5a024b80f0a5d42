//! A listener with a certificate: requests over TLS, clients that speak something else, and the metrics listener.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use flowtrigger::engine::{ListenerCertificate, ReloadablePerformer, TlsListener};
use flowtrigger::source::http::{self, BoundListener, HttpLimits, MetricsAccess};
use flowtrigger::store::AnyStore;
use flowtrigger_core::config::tls::ServerTls;
use flowtrigger_testing::certificates::TestAuthority;
use flowtrigger_testing::http_wire::{Connection, request};
use flowtrigger_testing::test_daemon::{TestDaemon, answered, client, daemon, event};
use flowtrigger_testing::tls_client::TlsClient;
use flowtrigger_testing::wait::wait_until;
use jiff::Timestamp;

const QUIET: &str = "name: quiet\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- succeed: fine\n";

/// A daemon with a second listener, which has a certificate.
struct TlsDaemon {
    daemon: TestDaemon<AnyStore, ReloadablePerformer>,
    authority: TestAuthority,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

async fn tls_daemon(limits: HttpLimits) -> TlsDaemon {
    let daemon = daemon(QUIET).await;
    let (folder, authority) = (tempfile::tempdir().unwrap(), TestAuthority::new("own"));
    authority.server("desk").write(folder.path(), "desk");
    let files = ServerTls {
        certificate: folder.path().join("desk.pem"),
        key: folder.path().join("desk.key"),
        ..ServerTls::default()
    };
    let certificate = ListenerCertificate::open(TlsListener::Events, &files, Timestamp::now());
    let tcp = http::listen("127.0.0.1:0", &[]).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = BoundListener {
        tcp,
        tls: Some(certificate.unwrap().tls()),
    };
    let engine = Arc::new(daemon.engine.clone());
    tokio::spawn(http::serve(
        listener,
        engine,
        limits,
        std::future::pending(),
    ));
    TlsDaemon {
        daemon,
        authority,
        address,
        _folder: folder,
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act).await.unwrap()
}

#[tokio::test]
async fn events_are_accepted_over_tls() {
    let served = tls_daemon(HttpLimits::default()).await;
    let (address, config) = (served.address, served.authority.client_config(None));
    let mut offering = rustls::ClientConfig::clone(&config);
    offering.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let offering = Arc::new(offering);
    blocking(move || {
        let mut plain = TlsClient::connect(address, &config).unwrap();
        assert_eq!(plain.protocol(), None);
        let mut client = TlsClient::connect(address, &offering).unwrap();
        assert_eq!(client.protocol().as_deref(), Some("http/1.1"));
        let mut clients = [plain, client];
        for (client, change) in [(0, "a"), (1, "b"), (0, "c")] {
            let client = &mut clients[client];
            let body = event(1, change).to_string();
            let response = client.send("POST", "/events/support", &body).unwrap();
            assert_eq!(response.status(), 200, "{response:?}");
            assert_eq!(response.json()["runs"][0]["rule"], "quiet");
        }
        // A body of many records.
        let mut large = event(1, "d");
        large["padding"] = "x".repeat(300_000).into();
        let body = large.to_string();
        let response = clients[1].send("POST", "/events/support", &body).unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
    })
    .await;
}

#[tokio::test]
async fn plain_http_on_a_port_with_tls_gets_an_answer_that_says_why() {
    let served = tls_daemon(HttpLimits::default()).await;
    let address = served.address;
    let answer = blocking(move || {
        let mut connection = Connection::open(&address.to_string()).unwrap();
        let body = event(1, "a").to_string();
        let media = "content-type: application/json\r\n";
        let answer =
            connection.send_bytes(&request("POST", "/events/support", media, body.as_bytes()));
        let answer = answer.unwrap();
        let end = connection.read();
        assert!(matches!(end, Ok(None) | Err(_)), "the connection is closed");
        answer
    })
    .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        answer.body,
        "this port requires TLS; use `https://` in the address\n"
    );
    let garbage = blocking(move || {
        let mut connection = Connection::open(&address.to_string()).unwrap();
        connection.send_bytes(b"\x00\x01\x02\r\n\r\n").unwrap()
    })
    .await;
    assert_eq!(garbage.status(), 400);
    let metrics = answered(served.daemon.request("GET", "/metrics")).await;
    let metrics = metrics.body.to_string();
    for reason in ["plain_http", "not_http"] {
        let count = format!("reason=\\\"{reason}\\\"}} 1");
        assert!(metrics.contains(&count), "{reason}: {metrics}");
    }
    assert!(!metrics.contains("flowtrigger_events_total{"), "{metrics}");
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_holds_no_place_for_longer_than_a_request() {
    let limits = HttpLimits {
        connections: 1,
        request: Duration::from_millis(200),
        ..HttpLimits::default()
    };
    let served = tls_daemon(limits).await;
    let (address, config) = (served.address, served.authority.client_config(None));
    blocking(move || {
        // Nothing; the start of a handshake; one whose rest never arrives.
        for start in [&b""[..], &b"\x16"[..], &b"\x16\x03\x01\x02\x00\x01\x00"[..]] {
            let mut silent = TcpStream::connect(address).unwrap();
            silent.write_all(start).unwrap();
            let mut end = Vec::new();
            let ended = silent.read_to_end(&mut end);
            assert!(ended.is_err() || end.is_empty(), "{start:?}: {end:?}");
        }
        // The only place is free again; on a slow machine a handshake may need several attempts.
        wait_until("a client with TLS is served", || {
            let Ok(mut client) = TlsClient::connect(address, &config) else {
                return false;
            };
            let answer = client.send("GET", "/healthz", "");
            answer.is_ok_and(|answer| answer.status() == 200)
        });
    })
    .await;
}

#[tokio::test]
async fn other_versions_and_protocols_are_rejected_in_the_handshake() {
    const PROTOCOL_VERSION: u8 = 70;
    let served = tls_daemon(HttpLimits::default()).await;
    let (address, config) = (served.address, served.authority.client_config(None));
    let mut only_http_2 = rustls::ClientConfig::clone(&config);
    only_http_2.alpn_protocols = vec![b"h2".to_vec()];
    let only_http_2 = Arc::new(only_http_2);
    blocking(move || {
        let error = TlsClient::connect(address, &only_http_2).err();
        let error = error.expect("an error").to_string();
        assert!(error.contains("NoApplicationProtocol"), "{error}");
        // TLS 1.1 with one cipher suite and one signature algorithm.
        let hello = [
            &[0x03, 0x02][..],
            &[7; 32],
            &[0, 0, 2, 0xc0, 0x13, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 1],
        ]
        .concat();
        let length = u8::try_from(hello.len()).unwrap();
        let head = [0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
        let mut old = TcpStream::connect(address).unwrap();
        old.write_all(&[&head[..], &hello].concat()).unwrap();
        let mut alert = Vec::new();
        old.read_to_end(&mut alert).unwrap();
        assert_eq!((alert[0], alert[6]), (0x15, PROTOCOL_VERSION), "{alert:?}");
    })
    .await;
}

#[tokio::test]
async fn a_metrics_listener_answers_allowed_addresses_and_replaces_metrics_with_the_events() {
    let served = daemon(QUIET).await;
    let engine = Arc::new(served.engine.clone());
    let listen = async |allow: &str| {
        let listener = http::listen_metrics("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let access = MetricsAccess {
            allow: vec![allow.parse().unwrap()],
            hosts: Vec::new(),
        };
        let (engine, limits) = (Arc::clone(&engine), HttpLimits::default());
        let stop = std::future::pending();
        tokio::spawn(http::serve_metrics(listener, engine, access, limits, stop));
        address
    };
    let get = async |address: SocketAddr, path: &str| {
        answered(client().get(format!("http://{address}{path}"))).await
    };
    let open = listen("127.0.0.0/8").await;
    let metrics = get(open, "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.to_string().contains("flowtrigger_runs"));
    assert_eq!(get(open, "/healthz").await.status, 200);
    assert_eq!(get(open, "/readyz").await.status, 200);
    let events = answered(client().post(format!("http://{open}/events/support"))).await;
    assert_eq!(events.status, 404);
    let written = answered(client().post(format!("http://{open}/metrics"))).await;
    assert_eq!(written.status, 405);

    let closed = listen("192.0.2.0/24").await;
    for path in ["/metrics", "/healthz", "/readyz"] {
        let rejected = get(closed, path).await;
        assert_eq!(rejected.status, 403, "{path}");
        assert!(rejected.error().contains("`listen.metrics.allow`"));
    }
    let counted = get(open, "/metrics").await.body.to_string();
    assert!(
        counted.contains("reason=\\\"not_allowed\\\"} 3"),
        "{counted}"
    );

    // With a listener of their own, metrics are no longer served with the events.
    assert_eq!(
        answered(served.request("GET", "/metrics")).await.status,
        200
    );
    let listener = http::listen("127.0.0.1:0", &[]).await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = HttpLimits {
        has_metrics_listener: true,
        ..HttpLimits::default()
    };
    tokio::spawn(http::serve(
        listener,
        engine,
        limits,
        std::future::pending(),
    ));
    assert_eq!(get(address, "/metrics").await.status, 404);
    assert_eq!(get(address, "/healthz").await.status, 200);
}
