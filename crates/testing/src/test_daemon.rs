//! A daemon in the process of the test: an engine with a rule folder, behind a real HTTP port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use flowtrigger::engine;
use flowtrigger::engine::{
    ConfigFile, Engine, EngineOptions, Perform, ReloadablePerformer, RulebookPaths,
};
use flowtrigger::source::Ingest;
use flowtrigger::source::http;
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::{AnyStore, RunRecord, RunStatus, Store};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::test_store::{empty_store, is_on_postgres};
pub use crate::wait::within_timeout as soon;

/// In the text of the rules: what stands before it is the configuration.
pub const CONFIG_END: &str = "\n# The rules:\n";

pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// An engine behind a port, with a folder for its rules.
pub struct TestDaemon<S, P> {
    pub engine: Engine<S, P>,
    pub paths: RulebookPaths,
    _folder: tempfile::TempDir,
    address: SocketAddr,
    client: reqwest::Client,
}

/// The answer to a sender.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answered {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

pub async fn daemon(rules: &str) -> TestDaemon<AnyStore, ReloadablePerformer> {
    daemon_with(rules, EngineOptions::default(), HttpLimits::default()).await
}

pub async fn daemon_with(
    rules: &str,
    options: EngineOptions,
    limits: HttpLimits,
) -> TestDaemon<AnyStore, ReloadablePerformer> {
    daemon_on_store(empty_store(), rules, options, limits).await
}

/// A daemon with the store of the test.
pub async fn daemon_on_store<S: Store>(
    store: S,
    rules: &str,
    options: EngineOptions,
    limits: HttpLimits,
) -> TestDaemon<S, ReloadablePerformer> {
    client();
    let (folder, paths) = paths(rules);
    let rulebook = read(&paths);
    let performer = engine::performer(&rulebook, &folder.path().join("outbox")).unwrap();
    let engine = Engine::open(store, performer, rulebook, options).await;
    open(engine.unwrap(), paths, folder, limits).await
}

/// A daemon with the store and the performer of the test.
pub async fn daemon_with_performer<S: Store, P: Perform>(
    rules: &str,
    store: S,
    perform: P,
) -> TestDaemon<S, P> {
    daemon_with_performer_and_options(rules, store, perform, EngineOptions::default()).await
}

pub async fn daemon_with_performer_and_options<S: Store, P: Perform>(
    rules: &str,
    store: S,
    perform: P,
    options: EngineOptions,
) -> TestDaemon<S, P> {
    let (folder, paths) = paths(rules);
    let engine = Engine::start(store, perform, read(&paths), options);
    open(engine, paths, folder, HttpLimits::default()).await
}

fn read(paths: &RulebookPaths) -> engine::Rulebook {
    let loaded = paths.read();
    assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
    loaded.rulebook
}

fn paths(rules: &str) -> (tempfile::TempDir, RulebookPaths) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules");
    std::fs::create_dir(&path).unwrap();
    let (config, rules) = match rules.split_once(CONFIG_END) {
        Some((config, rules)) => (Some(config), rules),
        None => (None, rules),
    };
    if let Some(config) = config {
        std::fs::write(folder.path().join("flowtrigger.yaml"), config).unwrap();
    }
    std::fs::write(path.join("rules.yaml"), rules).unwrap();
    let paths = RulebookPaths {
        config: ConfigFile::IfThere(folder.path().join("flowtrigger.yaml")),
        ..RulebookPaths::new(path)
    };
    (folder, paths)
}

async fn open<S: Store, P: Perform>(
    engine: Engine<S, P>,
    paths: RulebookPaths,
    folder: tempfile::TempDir,
    limits: HttpLimits,
) -> TestDaemon<S, P> {
    if engine.store().is_shared() {
        until("the daemon has a lease", || async {
            engine.ready().is_ok()
        })
        .await;
    }
    let listener = http::listen("127.0.0.1:0", &[]).await.unwrap();
    let address = listener.local_addr().unwrap();
    let ingest = Arc::new(engine.clone());
    tokio::spawn(http::serve(
        listener,
        ingest,
        limits,
        std::future::pending(),
    ));
    TestDaemon {
        engine,
        paths,
        _folder: folder,
        address,
        client: client(),
    }
}

impl<S: Store, P: Perform> TestDaemon<S, P> {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, self.url(path))
    }

    pub async fn post(&self, event: &Value) -> Answered {
        let request = self.request("POST", "/events/support");
        let request = request.header("content-type", "application/json");
        answered(request.body(event.to_string())).await
    }

    /// Posts an event that is accepted, and returns its runs as the store has them then.
    pub async fn accepted(&self, event: &Value) -> Vec<RunStatus> {
        let answered = self.post(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let id = answered.body["event"].as_str().unwrap();
        let records = self.engine.store().runs_of("support", id).await.unwrap();
        records.iter().map(placed).collect()
    }

    pub async fn settled(&self, runs: &[RunStatus]) -> Vec<RunRecord> {
        let settled = self.engine.settled(runs);
        soon("the runs come to their end", settled).await.unwrap()
    }

    pub fn rules_file(&self) -> PathBuf {
        self.paths.rules.join("rules.yaml")
    }
}

fn placed(record: &RunRecord) -> RunStatus {
    RunStatus {
        id: record.id,
        rule: record.rule.name.as_str().into(),
        state: record.state.clone(),
    }
}

/// Waits until something holds; with a store in this process, it must not take time to come, only turns.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            match is_on_postgres() {
                true => tokio::time::sleep(Duration::from_millis(2)).await,
                false => tokio::task::yield_now().await,
            }
        }
    };
    soon(what, wait).await;
}

pub async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = soon("the request is answered", request.send())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    Answered {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

/// A change of status of a ticket; `change` makes events of one ticket differ.
pub fn event(ticket: u64, change: &str) -> Value {
    json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Subject Changed",
        "previous": "before",
        "current": change,
        "ticket": {"id": ticket},
        "meta": {"sequence": {"id": change, "position": 1, "total": 1}}
    }}})
}

/// A rule that posts every change to the receiver.
pub fn telling(name: &str, receiver: SocketAddr, more: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
         - name: tell\n  http:\n    url: http://{receiver}/{name}\n    json: {{ subject: \"{{{{ current }}}}\" }}\n{more}"
    )
}
