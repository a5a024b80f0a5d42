//! Administration over a Unix socket that only its owner can open: the routes and their answers.
//! It knows nothing of runs but their numbers: whoever carries orders out implements [`AdminApi`].

mod socket;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use tokio::net::UnixListener;

use super::AcceptedRun;
use super::http::response;

pub use socket::{SocketError, listen};

/// Carries out what a person orders. The engine implements it.
pub trait AdminApi: Send + Sync + 'static {
    fn retry(&self, run: u64) -> impl Future<Output = RunStatuses> + Send;

    fn cancel(&self, run: u64) -> impl Future<Output = RunStatuses> + Send;

    /// With one rule, or with all that match today.
    fn replay(&self, run: u64, rule: Option<String>) -> impl Future<Output = RunStatuses> + Send;

    fn status(&self) -> impl Future<Output = Result<Status, AdminError>> + Send;

    fn metrics(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// The runs that an order was about, and where they stand now.
pub type RunStatuses = Result<Vec<AcceptedRun>, AdminError>;

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminError {
    Unknown(String),
    /// The run does not stand where the order makes sense.
    Conflict(String),
    /// Trying again later will help.
    Unavailable(String),
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    pub version: &'static str,
    pub pid: u32,
    /// When it started.
    pub since: String,
    /// Whether events are taken.
    pub ready: bool,
    pub rules: usize,
    /// How many runs stand in each state.
    pub runs: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_queued_seconds: Option<u64>,
}

/// Serves until `stop` is over, then lets requests under way end.
pub async fn serve<A: AdminApi>(
    listener: UnixListener,
    admin: Arc<A>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes(admin))
        .with_graceful_shutdown(stop)
        .await
}

fn routes<A: AdminApi>(admin: Arc<A>) -> Router {
    Router::new()
        .route("/runs/{id}/retry", post(retry::<A>))
        .route("/runs/{id}/cancel", post(cancel::<A>))
        .route("/runs/{id}/replay", post(replay::<A>))
        .route("/status", get(status::<A>))
        .route("/metrics", get(metrics::<A>))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .with_state(admin)
}

async fn retry<A: AdminApi>(State(admin): State<Arc<A>>, Path(run): Path<String>) -> Response {
    match number(&run) {
        Ok(run) => placed(admin.retry(run).await),
        Err(refused) => refusal(&refused),
    }
}

async fn cancel<A: AdminApi>(State(admin): State<Arc<A>>, Path(run): Path<String>) -> Response {
    match number(&run) {
        Ok(run) => placed(admin.cancel(run).await),
        Err(refused) => refusal(&refused),
    }
}

async fn replay<A: AdminApi>(
    State(admin): State<Arc<A>>,
    Path(run): Path<String>,
    RawQuery(asked): RawQuery,
) -> Response {
    let asked = asked.unwrap_or_default();
    let mut asked = url::form_urlencoded::parse(asked.as_bytes());
    let rule = asked.find(|(name, _)| name == "rule");
    let rule = rule.map(|(_, rule)| rule.into_owned());
    match number(&run) {
        Ok(run) => placed(admin.replay(run, rule).await),
        Err(refused) => refusal(&refused),
    }
}

async fn status<A: AdminApi>(State(admin): State<Arc<A>>) -> Response {
    match admin.status().await {
        Ok(status) => response::body(StatusCode::OK, &json!(status)),
        Err(refused) => refusal(&refused),
    }
}

async fn metrics<A: AdminApi>(State(admin): State<Arc<A>>) -> Response {
    response::metrics(admin.metrics().await)
}

async fn nowhere() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "nothing is here; orders go to `/runs/{id}/retry`, `/runs/{id}/replay` and `/runs/{id}/cancel`, and `/status` and `/metrics` tell how the daemon is",
    )
}

async fn other_method() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "orders take POST, and what is told takes GET",
    )
}

fn number(run: &str) -> Result<u64, AdminError> {
    let none = || AdminError::Unknown(format!("`{run}` is no run; runs have numbers"));
    run.parse().map_err(|_| none())
}

fn placed(answer: RunStatuses) -> Response {
    match answer {
        Ok(runs) => response::body(StatusCode::OK, &json!({ "runs": runs })),
        Err(refused) => refusal(&refused),
    }
}

fn refusal(refused: &AdminError) -> Response {
    match refused {
        AdminError::Unknown(why) => error(StatusCode::NOT_FOUND, why),
        AdminError::Conflict(why) => error(StatusCode::CONFLICT, why),
        AdminError::Unavailable(why) => error(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn error(status: StatusCode, why: &str) -> Response {
    response::body(status, &json!({ "error": why }))
}
