//! What every page answers with: a value with its data, which gives its HTML and its JSON. An error has both forms too.

use std::sync::Arc;

use axum::extract::{RawPathParams, Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use maud::{Markup, html};
use serde_json::Value;

use super::PageState;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::session::PageUser;
use super::shell::{self, PagePosition};
use crate::report::render::document::versioned;
use crate::source::admin::AdminApi;

/// The form of an answer. `.json` at the end of the path selects JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    Html,
    Json,
}

/// A page with its data.
pub trait PageView: Send + Sync {
    fn title(&self) -> String;

    /// Which part of the navigation it belongs to.
    fn position(&self) -> PagePosition;

    /// The data as a document; its version is added.
    fn json(&self) -> Value;

    /// Another status than that of success, for what was asked of the page.
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// The main part of the page. `user` decides which commands it offers.
    fn html(&self, user: &PageUser) -> Markup;
}

/// What a command answers with.
pub enum CommandAnswer<P> {
    Page(P),
    /// The path of the page that shows the result. Nothing is repeated if that page is loaded again.
    SeeOther(String),
}

/// The route of a page. `load` reads its data.
pub fn page<A, P, L, R>(load: L) -> MethodRouter<Arc<PageState<A>>>
where
    A: AdminApi,
    P: PageView + 'static,
    L: Fn(Arc<PageState<A>>, PageRequest) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<P, PageError>> + Send + 'static,
{
    get(
        async move |State(state): State<Arc<PageState<A>>>,
                    path: Result<
            RawPathParams,
            axum::extract::rejection::RawPathParamsRejection,
        >,
                    request: Request| {
            let form = representation(&request);
            let path_of_page = request.uri().path().to_owned();
            let read = match PageRequest::of_query(path.ok(), &request) {
                Ok(read) => read,
                Err(response) => return *response,
            };
            let (user, asked) = (read.user.clone(), read.clone());
            let loaded = load(Arc::clone(&state), read).await;
            let loaded = loaded.map_err(|error| error.of_question(&path_of_page, &asked));
            respond(&state, user, form, loaded).await
        },
    )
}

/// The route of a question whose answer is a page of its own, or another page.
pub fn question<A, P, L, R>(load: L) -> MethodRouter<Arc<PageState<A>>>
where
    A: AdminApi,
    P: PageView + 'static,
    L: Fn(Arc<PageState<A>>, PageRequest) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<CommandAnswer<P>, PageError>> + Send + 'static,
{
    get(
        async move |State(state): State<Arc<PageState<A>>>, request: Request| {
            let form = representation(&request);
            let path_of_page = request.uri().path().to_owned();
            let read = match PageRequest::of_query(None, &request) {
                Ok(read) => read,
                Err(response) => return *response,
            };
            let (user, asked) = (read.user.clone(), read.clone());
            match load(Arc::clone(&state), read).await {
                Ok(CommandAnswer::SeeOther(path)) => {
                    Redirect::to(&path_in(form, &path)).into_response()
                }
                Ok(CommandAnswer::Page(page)) => respond(&state, user, form, Ok(page)).await,
                Err(error) => {
                    let error = error.of_question(&path_of_page, &asked);
                    respond::<A, P>(&state, user, form, Err(error)).await
                }
            }
        },
    )
}

/// The path of a page in a form.
fn path_in(form: Representation, path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    match form {
        Representation::Html => path.to_owned(),
        Representation::Json => format!("{}.json{}", &path[..end], &path[end..]),
    }
}

/// The route of a form without an effect, which everybody may send. It is posted because its fields are long.
pub fn form<A, P, L, R>(load: L) -> MethodRouter<Arc<PageState<A>>>
where
    A: AdminApi,
    P: PageView + 'static,
    L: Fn(Arc<PageState<A>>, PageRequest) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<P, PageError>> + Send + 'static,
{
    post(
        async move |State(state): State<Arc<PageState<A>>>,
                    path: Result<
            RawPathParams,
            axum::extract::rejection::RawPathParamsRejection,
        >,
                    request: Request| {
            let form = representation(&request);
            let read = match PageRequest::of_form(path.ok(), request).await {
                Ok(read) => read,
                Err(response) => return *response,
            };
            let user = read.user.clone();
            let loaded = load(Arc::clone(&state), read).await;
            respond(&state, user, form, loaded).await
        },
    )
}

/// The route of a command: only users that may act execute it. `execute` reads the fields of the form.
pub fn command<A, P, L, R>(execute: L) -> MethodRouter<Arc<PageState<A>>>
where
    A: AdminApi,
    P: PageView + 'static,
    L: Fn(Arc<PageState<A>>, PageRequest) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<CommandAnswer<P>, PageError>> + Send + 'static,
{
    post(
        async move |State(state): State<Arc<PageState<A>>>,
                    path: Result<
            RawPathParams,
            axum::extract::rejection::RawPathParamsRejection,
        >,
                    request: Request| {
            let form = representation(&request);
            let read = match PageRequest::of_form(path.ok(), request).await {
                Ok(read) => read,
                Err(response) => return *response,
            };
            let user = read.user.clone();
            if let Err(error) = user.require_act() {
                return respond::<A, P>(&state, user, form, Err(error)).await;
            }
            match execute(Arc::clone(&state), read).await {
                Ok(CommandAnswer::SeeOther(path)) => Redirect::to(&path).into_response(),
                Ok(CommandAnswer::Page(page)) => respond(&state, user, form, Ok(page)).await,
                Err(error) => respond::<A, P>(&state, user, form, Err(error)).await,
            }
        },
    )
}

/// The answer for a path that no page has.
pub async fn not_found<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let form = representation(&request);
    let error = PageError::not_found("there is no page at this address")
        .help("the navigation leads to every page");
    match request.extensions().get::<PageUser>() {
        Some(user) => respond::<A, NoPage>(&state, user.clone(), form, Err(error)).await,
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn respond<A: AdminApi, P: PageView>(
    state: &PageState<A>,
    user: PageUser,
    form: Representation,
    loaded: Result<P, PageError>,
) -> Response {
    match (form, loaded) {
        (Representation::Json, Ok(page)) => json(page.status(), &versioned(page.json())),
        (Representation::Json, Err(error)) => json(error.status(), &versioned(error.json())),
        (Representation::Html, Ok(page)) => {
            let frame = state.frame(user).await;
            let main = page.html(&frame.user);
            let body = shell::page(&page.title(), page.position(), &frame, &main);
            (page.status(), body).into_response()
        }
        (Representation::Html, Err(error)) => {
            let frame = state.frame(user).await;
            let body = shell::page(
                error.title(),
                PagePosition::Elsewhere,
                &frame,
                &error.html(),
            );
            (error.status(), body).into_response()
        }
    }
}

/// A JSON document as a response.
pub fn json(status: StatusCode, document: &Value) -> Response {
    let mut response = (status, format!("{document}\n")).into_response();
    let media = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// Takes `.json` from the end of the path, so that both forms have one route.
pub fn select_representation(mut request: Request) -> Request {
    let form = match json_path(&request) {
        Some(uri) => {
            *request.uri_mut() = uri;
            Representation::Json
        }
        None => Representation::Html,
    };
    request.extensions_mut().insert(form);
    request
}

fn json_path(request: &Request) -> Option<Uri> {
    let path = request.uri().path().strip_suffix(".json")?;
    let query = request.uri().query();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let path = match path.strip_suffix('/') {
        Some("") => "/",
        Some(_) | None => path,
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

pub fn representation(request: &Request) -> Representation {
    let form = request.extensions().get::<Representation>();
    form.copied().unwrap_or(Representation::Html)
}

/// The page of a route that has none.
enum NoPage {}

impl PageView for NoPage {
    fn title(&self) -> String {
        match *self {}
    }

    fn position(&self) -> PagePosition {
        match *self {}
    }

    fn json(&self) -> Value {
        match *self {}
    }

    fn html(&self, _: &PageUser) -> Markup {
        match *self {}
    }
}

/// A time in UTC. The script adds the reader's own time.
pub fn time(at: jiff::Timestamp) -> Markup {
    let seconds = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let day = at.strftime("%Y-%m-%d").to_string();
    let clock = at.strftime("%H:%M:%S").to_string();
    html! {
        time datetime=(seconds) title={ (day) " " (clock) " UTC" } { (clock) }
    }
}

/// A time in UTC with its day.
pub fn day_and_time(at: jiff::Timestamp) -> Markup {
    let seconds = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let day = at.strftime("%Y-%m-%d").to_string();
    let clock = at.strftime("%H:%M:%S").to_string();
    html! {
        time datetime=(seconds) title={ (day) " " (clock) " UTC" } { (day) " " (clock) }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Method;

    use super::*;

    #[test]
    fn a_path_that_ends_with_json_selects_it() {
        for (uri, path, form) in [
            ("/runs/81.json", "/runs/81", Representation::Json),
            (
                "/deliveries.json?status=400",
                "/deliveries?status=400",
                Representation::Json,
            ),
            ("/.json", "/", Representation::Json),
            ("/runs/81", "/runs/81", Representation::Html),
            ("/json", "/json", Representation::Html),
            ("/runs?q=a.json", "/runs?q=a.json", Representation::Html),
        ] {
            let request = Request::builder().method(Method::GET).uri(uri);
            let request = select_representation(request.body(Body::empty()).unwrap());
            assert_eq!(request.uri().to_string(), path);
            assert_eq!(representation(&request), form, "{uri}");
        }
    }

    #[test]
    fn another_page_has_the_form_that_was_asked_for() {
        for (path, expected) in [
            ("/events/5#rule-vip", "/events/5.json#rule-vip"),
            ("/events?ticket=7", "/events.json?ticket=7"),
            ("/runs/81", "/runs/81.json"),
        ] {
            assert_eq!(path_in(Representation::Json, path), expected);
            assert_eq!(path_in(Representation::Html, path), path);
        }
    }

    #[test]
    fn times_are_in_utc() {
        let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(
            time(at).into_string(),
            r#"<time datetime="2027-01-15T08:00:00Z" title="2027-01-15 08:00:00 UTC">08:00:00</time>"#
        );
        assert!(
            day_and_time(at)
                .into_string()
                .ends_with(">2027-01-15 08:00:00</time>")
        );
    }
}
