//! Administration over a Unix socket: the routes for commands on runs, pauses, status and metrics.
//! The engine implements [`AdminApi`].

mod answer;
mod certificate_status;
mod peer;
mod reload;
mod socket;
mod status;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::UnixListener;

use super::AcceptedRun;
use super::http::{WebPageSign, response};

use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::suspension::{PauseOutcome, SuspensionTarget};
use peer::CheckedListener;

pub use answer::AnswerRequest;
pub use certificate_status::CertificateStatus;
pub use reload::{FoundMistakes, ReloadFailure, ReloadResult, RuleChanges};
pub use socket::{SocketError, listen};
pub use status::{FailedReload, HeldPermits, PushedRules, Status};

/// The query parameter with the name of the system user that runs the command line.
pub const COMMANDER: &str = "by";

/// Executes commands. Implemented by the engine.
pub trait AdminApi: Send + Sync + 'static {
    fn retry(&self, run: u64, by: Commander) -> impl Future<Output = RunStatuses> + Send;

    fn cancel(&self, run: u64, by: Commander) -> impl Future<Output = RunStatuses> + Send;

    /// Answers a step that waits for an answer.
    fn answer(
        &self,
        run: u64,
        request: AnswerRequest,
        by: Commander,
    ) -> impl Future<Output = RunStatuses> + Send;

    /// Replays with one rule, or with all rules that match now.
    fn replay(
        &self,
        run: u64,
        rule: Option<String>,
        by: Commander,
    ) -> impl Future<Output = RunStatuses> + Send;

    /// Replays a stored event as a part of a replay of many.
    fn replay_event(
        &self,
        request: ReplayRequest,
        by: Commander,
    ) -> impl Future<Output = Result<ReplayedEvent, AdminError>> + Send;

    /// Pauses a rule, a receiver or everything. The commander has the note.
    fn pause(
        &self,
        target: SuspensionTarget,
        by: Commander,
    ) -> impl Future<Output = Result<PauseAnswer, AdminError>> + Send;

    /// Ends a pause.
    fn resume(
        &self,
        target: SuspensionTarget,
        by: Commander,
    ) -> impl Future<Output = Result<PauseAnswer, AdminError>> + Send;

    /// Loads rules and configuration again, and waits for the result.
    fn reload(
        &self,
        by: Commander,
    ) -> impl Future<Output = Result<ReloadResult, AdminError>> + Send;

    fn status(&self) -> impl Future<Output = Result<Status, AdminError>> + Send;

    /// Writes what was received to the database, so that readers of it see everything.
    fn flush(&self) -> impl Future<Output = Result<(), AdminError>> + Send;

    fn metrics(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// The affected runs with their new states.
pub type RunStatuses = Result<Vec<AcceptedRun>, AdminError>;

/// A stored event to replay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ReplayRequest {
    /// The row of the event.
    pub event: i64,
    /// The id of the replay: it starts at most one run of each event and rule.
    pub replay: String,
    /// The revision whose rules are meant; a daemon with another one rejects the request.
    pub revision: u64,
    /// The rules to plan, of those that match.
    pub rules: Vec<String>,
    /// The runs of the event that the replay took into account. Without it, runs are planned whatever others there are.
    #[serde(default)]
    pub seen: Option<SeenRunsOfEvent>,
}

/// The runs of an event that a replay took into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct SeenRunsOfEvent {
    /// The newest one; null if there was none.
    pub newest: Option<u64>,
    /// Whether runs are planned beside unfinished ones.
    pub beside_unfinished: bool,
}

/// The result for one replayed event.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReplayedEvent {
    pub runs: Vec<AcceptedRun>,
    /// Runs that the same replay has started before.
    pub repeated: Vec<AcceptedRun>,
    /// Runs of other commands, in place of new ones.
    pub left_out: Vec<AcceptedRun>,
}

/// What to pause or resume, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct PauseRequest {
    /// `everything`, `rule NAME`, `connection NAME` or `host NAME:PORT`.
    pub target: String,
    #[serde(default)]
    pub note: String,
}

/// What a pause, or its end, has changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct PauseAnswer {
    /// As it is stored: a host with its port.
    pub target: String,
    /// `None` after the end of a pause.
    pub outcome: Option<PauseOutcome>,
}

/// Why a command was not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminError {
    /// The run does not exist.
    NotFound(String),
    /// The command does not apply to the run's state.
    Conflict(String),
    /// The event can never be replayed.
    Unprocessable(String),
    /// A later attempt can succeed.
    Unavailable(String),
}

/// Serves until `stop` completes, then waits for the requests in progress. `others` has all other paths: the page.
pub async fn serve<A: AdminApi>(
    listener: UnixListener,
    admin: Arc<A>,
    others: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = routes(admin).fallback_service(others);
    axum::serve(CheckedListener::new(listener)?, routes)
        .with_graceful_shutdown(stop)
        .await
}

fn routes<A: AdminApi>(admin: Arc<A>) -> Router {
    Router::new()
        .route("/runs/{id}/retry", post(retry::<A>))
        .route("/runs/{id}/cancel", post(cancel::<A>))
        .route("/runs/{id}/answer", post(answer::answer::<A>))
        .route("/runs/{id}/replay", post(replay::<A>))
        .route("/replay", post(replay_event::<A>))
        .route("/pause", post(pause::<A>))
        .route("/resume", post(resume::<A>))
        .route("/flush", post(flush::<A>))
        .route("/reload", post(reload::<A>))
        .route("/status", get(status::<A>))
        .route("/metrics", get(metrics::<A>))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(reject_web_pages))
        .with_state(admin)
}

/// A browser reaches the socket through a forwarded port, and with it every page that is open in the browser.
async fn reject_web_pages(request: Request, next: Next) -> Response {
    match WebPageSign::find(&request, &[]) {
        None => next.run(request).await,
        Some(_) => error_body(
            StatusCode::FORBIDDEN,
            "a web page of another site, or for another name, sent this request",
        ),
    }
}

/// The answer for other paths where no page is served.
pub fn no_page() -> Router {
    Router::new().fallback(not_found)
}

async fn retry<A: AdminApi>(
    State(admin): State<Arc<A>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match parse_run_id(&run) {
        Ok(run) => run_statuses(admin.retry(run, commander(query.as_deref())).await),
        Err(error) => error_response(&error),
    }
}

async fn cancel<A: AdminApi>(
    State(admin): State<Arc<A>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    match parse_run_id(&run) {
        Ok(run) => run_statuses(admin.cancel(run, commander(query.as_deref())).await),
        Err(error) => error_response(&error),
    }
}

async fn replay<A: AdminApi>(
    State(admin): State<Arc<A>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let rule = query_value(query.as_deref(), "rule");
    let by = commander(query.as_deref());
    match parse_run_id(&run) {
        Ok(run) => run_statuses(admin.replay(run, rule, by).await),
        Err(error) => error_response(&error),
    }
}

async fn replay_event<A: AdminApi>(
    State(admin): State<Arc<A>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let request = match serde_json::from_slice::<ReplayRequest>(&body) {
        Ok(request) => request,
        Err(error) => return error_body(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let by = commander(query.as_deref());
    match admin.replay_event(request, by).await {
        Ok(replayed) => response::body(StatusCode::OK, &json!(replayed)),
        Err(error) => error_response(&error),
    }
}

async fn pause<A: AdminApi>(
    State(admin): State<Arc<A>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    match suspension(query.as_deref(), &body) {
        Ok((target, by)) => pause_answer(admin.pause(target, by).await),
        Err(why) => error_body(StatusCode::BAD_REQUEST, &why),
    }
}

async fn resume<A: AdminApi>(
    State(admin): State<Arc<A>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    match suspension(query.as_deref(), &body) {
        Ok((target, by)) => pause_answer(admin.resume(target, by).await),
        Err(why) => error_body(StatusCode::BAD_REQUEST, &why),
    }
}

/// What a request names, and who sends it with which note.
fn suspension(query: Option<&str>, body: &[u8]) -> Result<(SuspensionTarget, Commander), String> {
    let request: PauseRequest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let target = request.target.parse::<SuspensionTarget>();
    let target = target.map_err(|error| error.to_string())?;
    Ok((target, commander(query).with_note(&request.note)))
}

fn pause_answer(answer: Result<PauseAnswer, AdminError>) -> Response {
    match answer {
        Ok(answer) => response::body(StatusCode::OK, &json!(answer)),
        Err(error) => error_response(&error),
    }
}

async fn reload<A: AdminApi>(State(admin): State<Arc<A>>, RawQuery(query): RawQuery) -> Response {
    match admin.reload(commander(query.as_deref())).await {
        Ok(result) => response::body(StatusCode::OK, &json!(result)),
        Err(error) => error_response(&error),
    }
}

async fn status<A: AdminApi>(State(admin): State<Arc<A>>) -> Response {
    match admin.status().await {
        Ok(status) => response::body(StatusCode::OK, &json!(status)),
        Err(error) => error_response(&error),
    }
}

async fn flush<A: AdminApi>(State(admin): State<Arc<A>>) -> Response {
    match admin.flush().await {
        Ok(()) => response::body(StatusCode::OK, &json!({ "flushed": true })),
        Err(error) => error_response(&error),
    }
}

async fn metrics<A: AdminApi>(State(admin): State<Arc<A>>) -> Response {
    response::metrics(admin.metrics().await)
}

async fn not_found() -> Response {
    error_body(
        StatusCode::NOT_FOUND,
        "not found; send commands to `/runs/{id}/retry`, `/runs/{id}/replay`, `/runs/{id}/cancel`, `/runs/{id}/answer`, `/replay`, `/pause`, `/resume`, `/reload` and `/flush`; read `/status` and `/metrics`",
    )
}

async fn method_not_allowed() -> Response {
    error_body(
        StatusCode::METHOD_NOT_ALLOWED,
        "method not allowed; use POST for commands, GET for status and metrics",
    )
}

/// Who gives a command, by the parameter that the command line sends.
fn commander(query: Option<&str>) -> Commander {
    match query_value(query, COMMANDER) {
        Some(name) => Commander::new(Some(&name), CommandOrigin::CommandLine),
        None => Commander::new(None, CommandOrigin::Socket),
    }
}

fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    let query = query.unwrap_or_default();
    let mut query = url::form_urlencoded::parse(query.as_bytes());
    let found = query.find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

fn parse_run_id(run: &str) -> Result<u64, AdminError> {
    let unknown = || AdminError::NotFound(format!("unknown run `{run}`; a run id is a number"));
    run.parse().map_err(|_| unknown())
}

fn run_statuses(statuses: RunStatuses) -> Response {
    match statuses {
        Ok(runs) => response::body(StatusCode::OK, &json!({ "runs": runs })),
        Err(error) => error_response(&error),
    }
}

fn error_response(error: &AdminError) -> Response {
    match error {
        AdminError::NotFound(why) => error_body(StatusCode::NOT_FOUND, why),
        AdminError::Conflict(why) => error_body(StatusCode::CONFLICT, why),
        AdminError::Unprocessable(why) => error_body(StatusCode::UNPROCESSABLE_ENTITY, why),
        AdminError::Unavailable(why) => error_body(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn error_body(status: StatusCode, why: &str) -> Response {
    response::body(status, &json!({ "error": why }))
}
