//! The web page: what happened, why nothing did, and the commands that bring it back. It reads through the trait
//! [`History`](crate::store::History), and acts through the same commands as the command line.

mod access;
pub mod answer;
mod answer_question;
mod asset;
mod backtest;
pub mod chart;
mod confirm;
mod counts;
mod deliveries;
mod event;
mod events;
mod failed_logins;
mod find;
mod guard;
pub mod icon;
mod live;
mod local_path;
mod login;
mod login_link;
mod login_page;
mod open;
mod overview;
pub mod page_error;
pub mod page_request;
pub mod part;
mod pause;
mod problems;
mod reader;
mod revisions;
mod rule;
mod rule_tests;
mod rules;
mod run;
mod runs;
mod session;
mod shell;
pub mod text;
mod try_out;
mod written;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use crate::engine::{PageRoutes, Rulebook};
use crate::source::admin::AdminApi;
use crate::source::http::Peer;
use crate::store::Minute;
use flowtrigger_core::config::PageSettings;

use access::{Access, RequestOrigin};
use backtest::jobs::BacktestJobs;
use confirm::registry::CommandRegistry;
use counts::SideBarCounts;
use failed_logins::FailedLogins;
use live::LiveStreams;
use overview::OverviewCache;
use reader::HistoryReader;
use revisions::CompiledRevisions;
use rule_tests::RuleTestCache;

pub use login_link::{LoginLink, LoginRequest};
pub use open::open;
pub use session::Role;

/// The largest form, such as a command for many runs.
const MAX_FORM: usize = 64 * 1024;
/// The largest form before the login.
const MAX_LOGIN_FORM: usize = 4 * 1024;

/// What all pages share.
pub struct PageState<A> {
    /// Executes commands.
    pub admin: Arc<A>,
    pub history: HistoryReader,
    /// The rules in force.
    pub rulebook: Box<dyn Fn() -> Arc<Rulebook> + Send + Sync>,
    /// What was counted so far in the minute with a number.
    pub current_minute: Box<dyn Fn(i64) -> Minute + Send + Sync>,
    pub access: Access,
    pub settings: PageSettings,
    /// Where the page is served besides the administrative socket.
    pub address: Option<SocketAddr>,
    pub live: LiveStreams,
    pub failed_logins: FailedLogins,
    pub counts: SideBarCounts,
    pub rule_tests: RuleTestCache,
    pub revisions: CompiledRevisions,
    pub overview: OverviewCache,
    /// The commands that were given on the page.
    pub commands: CommandRegistry,
    /// The backtests that were started on the page.
    pub backtests: BacktestJobs,
    /// The data folder, with the files of unfinished replays.
    pub data: PathBuf,
}

/// Every page, for users that are signed in. A page is one line: its path, and the function that reads its data.
fn pages<A: AdminApi>() -> Router<Arc<PageState<A>>> {
    Router::new()
        .route("/rules", answer::page(rules::load))
        .route("/rules/{name}", answer::page(rule::load))
        .route(
            try_out::PATH,
            answer::page(try_out::load)
                .merge(answer::form(try_out::submit))
                .layer(DefaultBodyLimit::max(try_out::MAX_FORM)),
        )
        .route(
            "/backtests",
            answer::command(backtest::begin).layer(DefaultBodyLimit::max(try_out::MAX_FORM)),
        )
        .route("/backtests/{id}", answer::page(backtest::load))
        .route("/backtests/{id}/cancel", answer::command(backtest::cancel))
        .route("/events", answer::page(events::load))
        .route("/events/{row}", answer::page(event::load))
        .route("/live/events", get(events::live))
        .route("/find", answer::question(find::load))
        .route(overview::PATH, answer::page(overview::load))
        .route("/overview", answer::page(overview::load))
        .route(problems::PATH, answer::page(problems::load))
        .route("/deliveries", answer::page(deliveries::load))
        .route(
            "/confirm",
            answer::page(confirm::load).merge(answer::command(confirm::execute)),
        )
        .route(
            "/confirm/pause",
            answer::page(pause::ask_pause).merge(answer::command(pause::pause)),
        )
        .route(
            "/confirm/answer",
            answer::page(answer_question::load).merge(answer::command(answer_question::submit)),
        )
        .route(
            "/confirm/resume",
            answer::page(pause::ask_resume).merge(answer::command(pause::resume)),
        )
        .route("/commands", answer::page(confirm::load_commands))
        .route("/commands/{id}", answer::page(confirm::load_command))
        .route(
            "/commands/{id}/stop",
            answer::command(confirm::stop_command),
        )
        .route("/runs", answer::page(runs::load))
        .route("/live/runs", get(runs::live))
        .route("/runs/{id}", answer::page(run::load))
        .route(
            "/runs/{id}/attempts/{number}",
            answer::page(run::load_attempt),
        )
        .route("/live/deliveries", get(deliveries::live))
}

/// The routes of the page on the administrative socket and on the network.
pub fn routes<A: AdminApi>(state: &Arc<PageState<A>>) -> PageRoutes {
    let on_socket = login_link::routes().merge(guarded_routes(state));
    PageRoutes {
        socket: answered(state, on_socket.layer(middleware::map_request(from_socket))),
        network: answered(
            state,
            guarded_routes(state).layer(middleware::map_request(from_network)),
        ),
    }
}

fn guarded_routes<A: AdminApi>(state: &Arc<PageState<A>>) -> Router<Arc<PageState<A>>> {
    let signed_in = pages()
        .fallback(answer::not_found::<A>)
        .layer(middleware::from_fn_with_state(
            Arc::clone(state),
            require_user::<A>,
        ))
        .layer(DefaultBodyLimit::max(MAX_FORM));
    let login = Router::new()
        .route("/login", get(login::form::<A>).post(login::submit::<A>))
        .route("/logout", get(login::stay).post(login::log_out::<A>))
        .layer(DefaultBodyLimit::max(MAX_LOGIN_FORM));
    signed_in.merge(login).merge(asset::routes())
}

/// Guards every route, and selects the form of the answer before the route: layers of a router run after that.
fn answered<A: AdminApi>(state: &Arc<PageState<A>>, routes: Router<Arc<PageState<A>>>) -> Router {
    let hosts: Arc<[String]> = state.settings.hosts.clone().into();
    Router::new()
        .fallback_service(routes.with_state(Arc::clone(state)))
        .layer(middleware::map_request(async |request: Request| {
            answer::select_representation(request)
        }))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            guard::guard(Arc::clone(&hosts), request, next)
        }))
}

async fn from_socket(mut request: Request) -> Request {
    request.extensions_mut().insert(RequestOrigin::Socket);
    request
}

/// A request without an address is of nobody.
async fn from_network(mut request: Request) -> Request {
    if let Some(ConnectInfo(Peer(address))) = request.extensions().get::<ConnectInfo<Peer>>() {
        let origin = RequestOrigin::Network(*address);
        request.extensions_mut().insert(origin);
    }
    request
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
