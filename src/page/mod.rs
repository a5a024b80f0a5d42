//! The web page: what happened, why nothing did, and the commands that bring it back. It reads through the trait
//! [`History`](crate::store::History), and acts through the same commands as the command line.

mod access;
mod asset;
mod chart;
mod guard;
mod icon;
mod login;
pub mod part;
mod reader;
mod session;
mod shell;
pub mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::engine::Rulebook;
use crate::source::admin::AdminApi;
use flowtrigger_core::config::PageSettings;

pub use access::{Access, Connection, SignInSecret};
pub use reader::{HistoryReader, ReadError};
pub use session::{LoginError, Role, Sessions, User};

/// What all pages share.
pub struct PageState<A> {
    /// Executes commands.
    pub admin: Arc<A>,
    pub history: HistoryReader,
    /// The rules in force.
    pub rulebook: Box<dyn Fn() -> Arc<Rulebook> + Send + Sync>,
    pub access: Access,
    pub settings: PageSettings,
}

/// The routes of the page. The caller says with an extension of type [`Connection`] where each request comes from.
pub fn routes<A: AdminApi>(state: Arc<PageState<A>>) -> Router {
    let hosts: Arc<[String]> = state.settings.hosts.clone().into();
    let signed_in = Router::new().route_layer(middleware::from_fn_with_state(
        Arc::clone(&state),
        require_user::<A>,
    ));
    Router::new()
        .merge(signed_in)
        .route("/login", get(login::form::<A>).post(login::submit::<A>))
        .route("/logout", post(login::log_out::<A>))
        .merge(asset::routes())
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            guard::guard(Arc::clone(&hosts), request, next)
        }))
        .with_state(state)
}

/// Lets requests of signed-in people through, and shows the others how to sign in.
async fn require_user<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    mut request: Request,
    next: Next,
) -> Response {
    match state.access.user(&request) {
        Some(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        None => login::required(&request),
    }
}
