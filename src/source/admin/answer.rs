//! The route by which a question of a run is answered without its link.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{AdminApi, commander, error_body, error_response, parse_run_id, run_statuses};

/// The answer to a step that waits for one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct AnswerRequest {
    /// The step's name, or its path in the flow.
    pub step: String,
    pub answer: String,
}

pub(super) async fn answer<A: AdminApi>(
    State(admin): State<Arc<A>>,
    Path(run): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let request = match serde_json::from_slice::<AnswerRequest>(&body) {
        Ok(request) => request,
        Err(error) => return error_body(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let by = commander(query.as_deref());
    match parse_run_id(&run) {
        Ok(run) => run_statuses(admin.answer(run, request, by).await),
        Err(error) => error_response(&error),
    }
}
