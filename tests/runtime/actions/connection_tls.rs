//! TLS files of connections: authorities, client certificates, redirects, a renewal, and files that cannot be used.

use std::path::Path;
use std::sync::Arc;

use flowtrigger::action::Performer;
use flowtrigger::action::http::ConnectionTls;
use flowtrigger::action::secret::SecretStore;
use flowtrigger_core::egress::policy::EgressPolicy;
use flowtrigger_core::flow::call::{ClientIdentity, ClientTls, HttpCall};
use flowtrigger_core::run::call_result::CallEffect;
use flowtrigger_testing::certificates::TestAuthority;
use flowtrigger_testing::tls_receiver::TlsReceiver;

use super::{allowing, failed, http, perform_http, succeeded, with};

struct Files {
    folder: tempfile::TempDir,
    authority: TestAuthority,
}

impl Files {
    /// A folder with `ca.pem`, and the certificate of a client as `crm.pem` and `crm.key`.
    fn new() -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), TestAuthority::new("own"));
        std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        authority.client("crm").write(folder.path(), "crm");
        Self { folder, authority }
    }

    fn ca_only(&self) -> Arc<ClientTls> {
        Arc::new(ClientTls {
            ca: Some(self.folder.path().join("ca.pem")),
            identity: None,
        })
    }

    fn with_certificate(&self) -> Arc<ClientTls> {
        let at = |name: &str| self.folder.path().join(name);
        Arc::new(ClientTls {
            ca: Some(at("ca.pem")),
            identity: Some(ClientIdentity {
                certificate: at("crm.pem"),
                key: at("crm.key"),
            }),
        })
    }
}

fn performer_for(tls: &Arc<ClientTls>) -> Performer {
    with(|options| {
        options.connections = vec![ConnectionTls {
            name: "crm".into(),
            tls: Arc::clone(tls),
        }];
    })
}

fn call(url: String, tls: &Arc<ClientTls>) -> HttpCall {
    HttpCall {
        connection: Some("crm".into()),
        tls: Some(Arc::clone(tls)),
        ..http("POST", url)
    }
}

#[tokio::test]
async fn an_authority_is_trusted_for_its_connection_alone() {
    let files = Files::new();
    let receiver = TlsReceiver::ok(files.authority.server("crm").server_config());
    let tls = files.ca_only();
    let performer = performer_for(&tls);
    succeeded(perform_http(&performer, call(receiver.url("/a"), &tls)).await);
    // Another request to the same server does not know the authority.
    let failure = failed(perform_http(&performer, http("POST", receiver.url("/b"))).await);
    for part in ["no secure connection", "`tls.ca`"] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    // The authority replaces those of the system: another one is not trusted.
    let other = TestAuthority::new("other");
    let stranger = TlsReceiver::ok(other.server("crm").server_config());
    let failure = failed(perform_http(&performer, call(stranger.url("/c"), &tls)).await);
    assert!(
        failure.message.contains("UnknownIssuer"),
        "{}",
        failure.message
    );
    assert_eq!(
        (receiver.received().len(), stranger.received().len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_client_certificate_is_presented_to_the_server_of_its_connection() {
    let files = Files::new();
    let server = files.authority.server("crm");
    let receiver = TlsReceiver::ok(files.authority.demanding_server(&server));
    let tls = files.with_certificate();
    let performer = performer_for(&tls);
    succeeded(perform_http(&performer, call(receiver.url("/a"), &tls)).await);
    let received = receiver.received();
    assert!(received[0].head.starts_with("POST /a "), "{received:?}");
    assert!(received[0].certificate.is_some());

    let without = files.ca_only();
    let failure =
        failed(perform_http(&performer_for(&without), call(receiver.url("/b"), &without)).await);
    for part in [
        "does not accept our client certificate",
        "`tls.certificate`",
    ] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    assert!(failure.retryable);
    assert_eq!(
        failure.effect,
        CallEffect::None,
        "the server read no request"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_another_origin_presents_no_certificate() {
    let files = Files::new();
    let server = files.authority.server("crm");
    // The second one takes every client, and would see a certificate; its authority is that of the connection.
    let second = TlsReceiver::ok(files.authority.demanding_server(&server));
    let first = TlsReceiver::redirecting(
        files.authority.demanding_server(&server),
        &second.url("/elsewhere"),
    );
    let tls = files.with_certificate();
    let redirected = HttpCall {
        redirects: 2,
        ..call(first.url("/a"), &tls)
    };
    let failure = failed(perform_http(&performer_for(&tls), redirected).await);
    assert!(
        failure.message.contains("no secure connection"),
        "{}",
        failure.message
    );
    assert_eq!((first.received().len(), second.received().len()), (1, 0));
    assert_eq!(second.connections(), 1, "the redirect was followed");
}

#[tokio::test]
async fn a_redirect_to_the_same_origin_presents_it_again() {
    let files = Files::new();
    let server = files.authority.server("crm");
    let receiver = TlsReceiver::redirecting(files.authority.demanding_server(&server), "/next");
    let tls = files.with_certificate();
    let redirected = HttpCall {
        redirects: 1,
        ..call(receiver.url("/a"), &tls)
    };
    failed(perform_http(&performer_for(&tls), redirected).await);
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|request| request.certificate.is_some()));
}

#[tokio::test]
async fn the_egress_policy_holds_for_connections_with_tls_files() {
    let files = Files::new();
    let receiver = TlsReceiver::ok(files.authority.server("crm").server_config());
    let tls = files.ca_only();
    let performer = with(|options| {
        options.outgoing = allowing(&[]);
        options.connections = vec![ConnectionTls {
            name: "crm".into(),
            tls: Arc::clone(&tls),
        }];
    });
    for url in [
        receiver.url("/a"),
        format!("https://localhost:{}/a", receiver.address.port()),
    ] {
        let failure = failed(perform_http(&performer, call(url, &tls)).await);
        assert!(
            failure.message.contains("connection denied"),
            "{}",
            failure.message
        );
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_reload_reads_the_files_again_and_keeps_connections_whose_files_are_the_same() {
    let files = Files::new();
    let server = files.authority.server("crm");
    let receiver = TlsReceiver::ok(files.authority.demanding_server(&server));
    let tls = files.with_certificate();
    let before = performer_for(&tls);
    let renewed = |performer: &Performer| {
        let connection = ConnectionTls {
            name: "crm".into(),
            tls: Arc::clone(&tls),
        };
        let policy: EgressPolicy = allowing(&["127.0.0.1"]);
        performer.renewed(&SecretStore::none(), &policy, None, vec![connection])
    };
    succeeded(perform_http(&before, call(receiver.url("/1"), &tls)).await);
    let same = renewed(&before).unwrap();
    succeeded(perform_http(&same, call(receiver.url("/2"), &tls)).await);
    assert_eq!(receiver.connections(), 1);

    files
        .authority
        .client("new")
        .write(files.folder.path(), "crm");
    let changed = renewed(&same).unwrap();
    succeeded(perform_http(&changed, call(receiver.url("/3"), &tls)).await);
    assert_eq!(receiver.connections(), 2);
    let received = receiver.received();
    assert_eq!(received[0].certificate, received[1].certificate);
    assert_ne!(received[1].certificate, received[2].certificate);

    std::fs::write(files.folder.path().join("crm.key"), "damaged").unwrap();
    let error = renewed(&changed).err().expect("an error").to_string();
    assert!(error.starts_with("`connections.crm.tls`: `"), "{error}");
    assert!(
        error.contains("crm.key` contains no private key"),
        "{error}"
    );
    // The run of an earlier configuration reads the files when it sends.
    let unknown = with(|_| ());
    let failure = failed(perform_http(&unknown, call(receiver.url("/4"), &tls)).await);
    assert!(
        failure.message.contains("`connections.crm.tls`"),
        "{}",
        failure.message
    );
    assert!(failure.retryable);
    files
        .authority
        .client("newer")
        .write(files.folder.path(), "crm");
    succeeded(perform_http(&unknown, call(receiver.url("/5"), &tls)).await);
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_to_do() {
    let files = Files::new();
    let at = |name: &str| files.folder.path().join(name);
    let other = files.authority.client("other");
    other.write(files.folder.path(), "other");
    std::fs::write(at("empty.pem"), "").unwrap();
    let cut = &other.certificate[..other.certificate.len() / 2];
    std::fs::write(at("cut.pem"), cut).unwrap();
    let pair = |certificate: &str, key: &str| ClientTls {
        ca: None,
        identity: Some(ClientIdentity {
            certificate: at(certificate),
            key: at(key),
        }),
    };
    let ca = |path: &Path| ClientTls {
        ca: Some(path.to_owned()),
        identity: None,
    };
    for (tls, part) in [
        (pair("absent.pem", "crm.key"), "absent.pem` does not exist"),
        (
            pair("crm.pem", "other.key"),
            "does not belong to the first certificate in",
        ),
        (
            pair("empty.pem", "crm.key"),
            "empty.pem` contains no certificate",
        ),
        (
            pair("cut.pem", "crm.key"),
            "cut.pem` contains an invalid certificate",
        ),
        (pair("crm.pem", "ca.pem"), "ca.pem` contains no private key"),
        (ca(&at("crm.key")), "crm.key` contains no certificate"),
        (ca(files.folder.path()), "it is no regular file"),
    ] {
        let mut options = flowtrigger::action::PerformerOptions::new("/nowhere/outbox");
        options.connections = vec![ConnectionTls {
            name: "crm".into(),
            tls: Arc::new(tls),
        }];
        let error = Performer::new(SecretStore::none(), options).err();
        let error = error.expect("an error").to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert!(!error.contains("BEGIN PRIVATE KEY-----\n"), "{error}");
    }
}
