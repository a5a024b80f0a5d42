//! An engine behind a real port, and a receiver that its actions reach.
//! A receiver can be told what to answer, and to hold its answers back.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use flowtrigger::engine::{self, ConfigFile, Engine, Hands, Options, Perform, Places};
use flowtrigger::source::http::{self, HttpLimits};
use flowtrigger::store::{MemoryStore, Placed, Record, Store};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// Far beyond what anything takes; a test that reaches it has failed.
const NEVER: Duration = Duration::from_secs(60);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(NEVER, future).await;
    done.unwrap_or_else(|_| panic!("this never happened: {what}"))
}

pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One request that a receiver got.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub key: String,
    pub body: String,
}

/// A server that notes what it gets.
pub struct Receiver {
    pub address: SocketAddr,
    desk: Arc<Desk>,
}

struct Desk {
    got: watch::Sender<Vec<Got>>,
    /// Answers to give before 200.
    statuses: Mutex<VecDeque<u16>>,
    /// One permit lets one held request go.
    gate: Semaphore,
    held: Mutex<Option<String>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let desk = Arc::new(Desk {
            got: watch::Sender::new(Vec::new()),
            statuses: Mutex::default(),
            gate: Semaphore::new(0),
            held: Mutex::default(),
        });
        let routes = Router::new().fallback(note).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, desk }
    }

    pub fn answers(&self, statuses: &[u16]) {
        self.desk.statuses.lock().unwrap().extend(statuses);
    }

    /// Requests whose body holds this are noted, and answered after `release`.
    pub fn holds(&self, text: &str) {
        *self.desk.held.lock().unwrap() = Some(text.to_owned());
    }

    pub fn release(&self, count: usize) {
        self.desk.gate.add_permits(count);
    }

    pub fn got(&self) -> Vec<Got> {
        self.desk.got.borrow().clone()
    }

    pub async fn gets(&self, count: usize) -> Vec<Got> {
        let mut got = self.desk.got.subscribe();
        let got = got.wait_for(|got| got.len() >= count);
        soon("the receiver gets its requests", got)
            .await
            .unwrap()
            .clone()
    }
}

async fn note(
    State(desk): State<Arc<Desk>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let key = headers.get("idempotency-key");
    let got = Got {
        path: uri.path().to_owned(),
        key: key.map_or("", |key| key.to_str().unwrap()).to_owned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let held = desk.held.lock().unwrap().clone();
    let holds = held.is_some_and(|text| got.body.contains(&text));
    desk.got.send_modify(|all| all.push(got));
    if holds {
        desk.gate.acquire().await.unwrap().forget();
    }
    let status = desk.statuses.lock().unwrap().pop_front();
    StatusCode::from_u16(status.unwrap_or(200)).unwrap()
}

/// An engine behind a port, with a folder for its rules.
pub struct House<S, P> {
    pub engine: Engine<S, P>,
    pub places: Places,
    _folder: tempfile::TempDir,
    address: SocketAddr,
    client: reqwest::Client,
}

/// What a sender is answered.
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

pub async fn house(rules: &str) -> House<MemoryStore, Hands> {
    house_with(rules, Options::default(), HttpLimits::default()).await
}

pub async fn house_with(
    rules: &str,
    options: Options,
    limits: HttpLimits,
) -> House<MemoryStore, Hands> {
    house_on(MemoryStore::default(), rules, options, limits).await
}

/// A house whose store the test brings.
pub async fn house_on<S: Store>(
    store: S,
    rules: &str,
    options: Options,
    limits: HttpLimits,
) -> House<S, Hands> {
    client();
    let (folder, places) = places(rules);
    let rulebook = read(&places);
    let hands = engine::hands(&rulebook, &folder.path().join("outbox")).unwrap();
    let engine = Engine::open(store, hands, rulebook, options).await;
    open(engine.unwrap(), places, folder, limits).await
}

/// A house whose store and hands the test brings.
pub async fn house_of<S: Store, P: Perform>(rules: &str, store: S, perform: P) -> House<S, P> {
    house_that(rules, store, perform, Options::default()).await
}

pub async fn house_that<S: Store, P: Perform>(
    rules: &str,
    store: S,
    perform: P,
    options: Options,
) -> House<S, P> {
    let (folder, places) = places(rules);
    let engine = Engine::start(store, perform, read(&places), options);
    open(engine, places, folder, HttpLimits::default()).await
}

fn read(places: &Places) -> engine::Rulebook {
    let reading = places.read();
    assert!(
        !reading.diagnostics.has_errors(),
        "{:?}",
        reading.diagnostics
    );
    reading.rulebook
}

fn places(rules: &str) -> (tempfile::TempDir, Places) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("rules.yaml"), rules).unwrap();
    let places = Places {
        config: ConfigFile::IfThere(folder.path().join("flowtrigger.yaml")),
        ..Places::new(path)
    };
    (folder, places)
}

async fn open<S: Store, P: Perform>(
    engine: Engine<S, P>,
    places: Places,
    folder: tempfile::TempDir,
    limits: HttpLimits,
) -> House<S, P> {
    let listener = http::listen("127.0.0.1:0", &[]).await.unwrap();
    let address = listener.local_addr().unwrap();
    let ingest = Arc::new(engine.clone());
    tokio::spawn(http::serve(
        listener,
        ingest,
        limits,
        std::future::pending(),
    ));
    House {
        engine,
        places,
        _folder: folder,
        address,
        client: client(),
    }
}

impl<S: Store, P: Perform> House<S, P> {
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
    pub async fn accepted(&self, event: &Value) -> Vec<Placed> {
        let answered = self.post(event).await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        let id = answered.body["event"].as_str().unwrap();
        let records = self.engine.store().runs_of("support", id).await.unwrap();
        records.iter().map(placed).collect()
    }

    pub async fn settled(&self, runs: &[Placed]) -> Vec<Record> {
        let settled = self.engine.settled(runs);
        soon("the runs come to their end", settled).await.unwrap()
    }

    pub fn rules_file(&self) -> PathBuf {
        self.places.rules.join("rules.yaml")
    }
}

fn placed(record: &Record) -> Placed {
    Placed {
        id: record.id,
        rule: record.rule.name.as_str().into(),
        state: record.state.clone(),
    }
}

/// Waits until something holds; it must not take time to come, only turns.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
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

/// A rule that tells the receiver of every change.
pub fn telling(name: &str, receiver: SocketAddr, more: &str) -> String {
    format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
         - name: tell\n  http:\n    url: http://{receiver}/{name}\n    json: {{ subject: \"{{{{ current }}}}\" }}\n{more}"
    )
}
