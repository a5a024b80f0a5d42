//! The login: by a one-time link that `flowtrigger page` prints, or by a secret of `page.secrets`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::{info, warn};

use super::PageState;
use super::access::{COOKIE, cookie, printable};
use super::session::{LoginError, SESSION_TIME, User};
use super::shell::alone;
use crate::source::admin::AdminApi;

/// The token of a login link.
#[derive(Debug, Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    token: String,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    token: String,
    /// The name of a person who signs in with a secret.
    #[serde(default)]
    name: String,
}

/// The form. A link shows a button first: programs that look at links, such as chats, must not use it up.
pub async fn form<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    Query(query): Query<LoginQuery>,
) -> Response {
    let with_secrets = !state.access.secrets.is_empty();
    let main = match query.token.is_empty() {
        true => sign_in(None, with_secrets),
        false => confirm(&query.token),
    };
    alone("Sign in", &main).into_response()
}

pub async fn submit<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    Form(form): Form<LoginForm>,
) -> Response {
    let (access, now) = (&state.access, Instant::now());
    let token = form.token.trim();
    let session = match access.role_of(token) {
        Some(role) => {
            let name = printable(&form.name).unwrap_or_else(|| "unnamed".to_owned());
            info!(user = %name, "signed in on the page");
            Ok(access.sessions.start(User { name, role }, now))
        }
        None => access.sessions.log_in(token, now),
    };
    match session {
        Ok(session) => with_cookie(
            Redirect::to("/").into_response(),
            &session,
            SESSION_TIME.as_secs(),
        ),
        Err(error) => {
            warn!(reason = describe(error), "login on the page failed");
            let main = sign_in(Some(error), !access.secrets.is_empty());
            (StatusCode::FORBIDDEN, alone("Sign in", &main)).into_response()
        }
    }
}

pub async fn log_out<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    headers: HeaderMap,
) -> Response {
    if let Some(token) = cookie(&headers) {
        state.access.sessions.log_out(token);
    }
    with_cookie(Redirect::to("/login").into_response(), "", 0)
}

/// `SameSite=Strict`: no other site can make a browser send it.
fn with_cookie(mut response: Response, value: &str, seconds: u64) -> Response {
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The answer to somebody who is not signed in.
pub fn required(request: &Request) -> Response {
    if request.uri().path().ends_with(".json") {
        let error =
            serde_json::json!({ "error": "sign in first; `flowtrigger page` prints a login link" });
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    }
    let headers = request.headers();
    let followed = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    // The cookie is not sent with a link of another site. One more step within this site sends it.
    if followed && cookie(headers).is_none() {
        let here = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        return again(here);
    }
    Redirect::to("/login").into_response()
}

fn again(here: &str) -> Response {
    let main = html! {
        h1 { "Opening the page" }
        p { "You followed a link of another site. " a href=(here) { "Continue" } }
    };
    let refresh = HeaderValue::from_str(&format!("0; url={here}"));
    let mut response = alone("Opening", &main).into_response();
    if let Ok(refresh) = refresh {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}

fn describe(error: LoginError) -> &'static str {
    match error {
        LoginError::Unknown => "This link or secret is not valid.",
        LoginError::Used => "This link was used before.",
        LoginError::Expired => "This link is too old.",
    }
}

fn sign_in(error: Option<LoginError>, with_secrets: bool) -> Markup {
    html! {
        h1 { "Sign in" }
        @if let Some(error) = error {
            div class="note bad" role="alert" {
                p { b { (describe(error)) } " Each link works once, for 10 minutes." }
            }
        }
        p class="mu" { "Run this where flowtrigger runs, and open the link that it prints:" }
        div class="cmd" {
            pre { "flowtrigger page" }
            button type="button" class="s js-only" data-copy="flowtrigger page" { "Copy" }
        }
        form method="post" action="/login" class="stack" {
            @if with_secrets {
                div {
                    label class="lbl" for="name" { "Your name, which is logged with your commands" }
                    input id="name" name="name" autocomplete="username" required;
                }
            }
            div {
                label class="lbl" for="token" {
                    @if with_secrets { "A secret of the page, or the token of a link" } @else { "Or the token of a link" }
                }
                input id="token" name="token" type="password" autocomplete="off" required aria-describedby="session";
            }
            button class="go" { "Sign in" }
            p class="mu xs" id="session" {
                "The session ends after 12 hours, when you sign out, or when the daemon stops."
            }
        }
    }
}

fn confirm(token: &str) -> Markup {
    html! {
        h1 { "Sign in" }
        form method="post" action="/login" class="stack" {
            input type="hidden" name="token" value=(token);
            button class="go" { "Sign in with this link" }
            p class="mu xs" { "The link works once, for 10 minutes." }
        }
    }
}
