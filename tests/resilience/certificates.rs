//! Certificates are replaced under load: no request fails, no open connection ends, and every handshake after a
//! replacement presents the new certificate. Broken files change nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flowtrigger::engine::{CertificateLook, ListenerCertificate, TlsListener};
use flowtrigger::source::http::{self, BoundListener, HttpLimits};
use flowtrigger_core::config::tls::ServerTls;
use flowtrigger_testing::certificates::{TestAuthority, TestCertificate};
use flowtrigger_testing::test_daemon::{daemon, event};
use flowtrigger_testing::tls_client::TlsClient;
use flowtrigger_testing::wait::wait_until;
use jiff::Timestamp;
use rustls::ClientConfig;

const RULES: &str = "name: quiet\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- succeed: fine\n";
const CLIENTS: usize = 8;
const REPLACEMENTS: usize = 8;
/// Requests of a connection before the client opens another one.
const REQUESTS: usize = 5;

/// What the clients and the test share.
#[derive(Default)]
struct Load {
    /// All certificates that were ever installed, in their order.
    installed: Mutex<Vec<Vec<u8>>>,
    /// The number of the certificate that handshakes must present at least.
    at_least: AtomicUsize,
    stop: AtomicBool,
    requests: AtomicUsize,
    /// The newest certificate that each client has seen.
    seen: [AtomicUsize; CLIENTS],
}

impl Load {
    fn number_of(&self, der: &[u8]) -> usize {
        let installed = self.installed.lock().unwrap();
        let found = installed.iter().position(|known| known == der);
        found.expect("a certificate that was installed")
    }
}

/// Sends on one connection for the whole test, and on others that it opens again and again.
fn client(number: usize, address: SocketAddr, config: &Arc<ClientConfig>, load: &Load) {
    let connect = || TlsClient::connect(address, config).expect("a handshake");
    let mut lasting = connect();
    let mut sent = 0;
    let mut send = |client: &mut TlsClient, what: &str| {
        sent += 1;
        let body = event(number as u64, &format!("{number}-{sent}")).to_string();
        let response = client.send("POST", "/events/support", &body);
        let response = response.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(response.status(), 200, "{what}: {response:?}");
        load.requests.fetch_add(1, Ordering::Relaxed);
    };
    while !load.stop.load(Ordering::SeqCst) {
        let expected = load.at_least.load(Ordering::SeqCst);
        let mut fresh = connect();
        let presented = load.number_of(&fresh.certificate());
        assert!(presented >= expected, "{presented} instead of {expected}");
        load.seen[number].fetch_max(presented, Ordering::SeqCst);
        for _ in 0..REQUESTS {
            send(&mut fresh, "a new connection");
            send(&mut lasting, "the connection that was opened first");
        }
    }
}

/// The files of the listener, and the load on it.
struct Renewal<'t> {
    folder: &'t Path,
    certificate: ListenerCertificate,
    load: &'t Load,
}

impl Renewal<'_> {
    fn look(&mut self) -> CertificateLook {
        self.certificate.look(Timestamp::now())
    }

    /// Two looks at equal files.
    fn settle(&mut self) -> CertificateLook {
        assert_eq!(self.look(), CertificateLook::Unchanged, "the first look");
        self.look()
    }

    /// As tools write it: the certificate, some time later the key.
    fn replace(&mut self, new: &TestCertificate) {
        let mut installed = self.load.installed.lock().unwrap();
        installed.push(new.der().to_vec());
        let number = installed.len() - 1;
        drop(installed);
        write(self.folder, "desk.pem", &new.certificate);
        assert_eq!(
            self.settle(),
            CertificateLook::Rejected,
            "the key is the old one"
        );
        assert!(self.certificate.status().problem.is_some());
        write(self.folder, "desk.key", &new.key);
        assert_eq!(self.settle(), CertificateLook::Replaced);
        assert_eq!(self.certificate.status().problem, None);
        self.load.at_least.store(number, Ordering::SeqCst);
        wait_until("every client sees the new certificate", || {
            let mut seen = self.load.seen.iter();
            seen.all(|seen| seen.load(Ordering::SeqCst) == number)
        });
    }

    /// Files that cannot be used, several times looked at.
    fn damage(&mut self, old: &TestCertificate) {
        let cut = &old.certificate[..old.certificate.len() / 2];
        write(self.folder, "desk.pem", cut);
        assert_eq!(self.settle(), CertificateLook::Rejected);
        assert_eq!(self.look(), CertificateLook::Unchanged, "reported once");
        std::fs::remove_file(self.folder.join("desk.pem")).unwrap();
        assert_eq!(self.settle(), CertificateLook::Rejected);
        let before = self.load.requests.load(Ordering::Relaxed);
        wait_until("requests are answered with the old certificate", || {
            self.load.requests.load(Ordering::Relaxed) > before + 4 * CLIENTS * REQUESTS
        });
        write(self.folder, "desk.pem", &old.certificate);
        assert_eq!(self.settle(), CertificateLook::Replaced);
    }
}

/// Writes another file and renames it, so that the path has another inode.
fn write(folder: &Path, name: &str, text: &str) {
    let temporary = folder.join("new");
    std::fs::write(&temporary, text).unwrap();
    std::fs::rename(temporary, folder.join(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_under_load_without_a_failed_request() {
    let daemon = daemon(RULES).await;
    let (folder, authority) = (tempfile::tempdir().unwrap(), TestAuthority::new("own"));
    let first = authority.server("0");
    first.write(folder.path(), "desk");
    let files = ServerTls {
        certificate: folder.path().join("desk.pem"),
        key: folder.path().join("desk.key"),
        ..ServerTls::default()
    };
    let certificate = ListenerCertificate::open(TlsListener::Events, &files, Timestamp::now());
    let certificate = certificate.unwrap();
    let tcp = http::listen("127.0.0.1:0", &[]).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = BoundListener {
        tcp,
        tls: Some(certificate.tls()),
    };
    let engine = Arc::new(daemon.engine.clone());
    let limits = HttpLimits::default();
    tokio::spawn(http::serve(
        listener,
        engine,
        limits,
        std::future::pending(),
    ));

    let load = Arc::new(Load::default());
    load.installed.lock().unwrap().push(first.der().to_vec());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            // One configuration for all handshakes of a client, so that it may resume its sessions.
            let (config, load) = (authority.client_config(None), Arc::clone(&load));
            std::thread::spawn(move || client(number, address, &config, &load))
        })
        .collect();
    let path = folder.path().to_owned();
    let of_test = Arc::clone(&load);
    let renewals = tokio::task::spawn_blocking(move || {
        let mut renewal = Renewal {
            folder: &path,
            certificate,
            load: &of_test,
        };
        for number in 1..=REPLACEMENTS {
            let new = authority.server(&number.to_string());
            renewal.replace(&new);
            renewal.damage(&new);
        }
    });
    let renewals = renewals.await;
    load.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().expect("no request failed");
    }
    renewals.expect("all certificates were replaced");
}
