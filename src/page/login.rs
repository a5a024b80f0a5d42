//! The login: by a one-time link that `flowtrigger page` prints, or by a secret of `page.secrets`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Form;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tracing::{info, warn};
use url::form_urlencoded;

use super::PageState;
use super::access::{COOKIE, cookie, printable};
use super::answer::{Representation, json, representation};
use super::local_path::local_path;
use super::login_page::{LoginFailure, confirm, opening, sign_in};
use super::session::{PageUser, SESSION_TIME, SignIn};
use super::shell::alone;
use crate::source::admin::AdminApi;

/// The token of a login link, and the page to open afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    token: String,
    /// The name of a person who signs in with a secret.
    #[serde(default)]
    name: String,
    #[serde(default)]
    next: String,
}

/// The form. A link shows a button first: programs that look at links, such as chats, must not use it up.
pub async fn form<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    query: Result<Query<LoginQuery>, QueryRejection>,
) -> Response {
    let Query(query) = query.unwrap_or_default();
    let next = local_path(&query.next);
    let main = match query.token.is_empty() {
        true => sign_in(None, next, &state.access.secrets),
        false => confirm(&query.token, next),
    };
    alone("Sign in", &main).into_response()
}

pub async fn submit<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let access = &state.access;
    let address = access.sender(&request);
    let security = match access.is_over_tls(&request) {
        true => CookieSecurity::Tls,
        false => CookieSecurity::Plain,
    };
    let form = match Form::<LoginForm>::from_request(request, &()).await {
        Ok(Form(form)) => form,
        Err(rejection) => return rejection.into_response(),
    };
    match state.log_in(&form, address) {
        Ok(session) => {
            let opened = Redirect::to(local_path(&form.next)).into_response();
            with_cookie(opened, &session, SESSION_TIME.as_secs(), security)
        }
        Err(failure) => {
            let main = sign_in(Some(failure), local_path(&form.next), &access.secrets);
            let mut response = (failure.status(), alone("Sign in", &main)).into_response();
            if let LoginFailure::TooMany { wait } = failure {
                let seconds = HeaderValue::from(wait.as_secs().max(1));
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            response
        }
    }
}

impl<A: AdminApi> PageState<A> {
    /// Returns the token of a new session. Login links cannot be guessed, so that they are not limited.
    fn log_in(&self, form: &LoginForm, address: Option<IpAddr>) -> Result<String, LoginFailure> {
        let (access, now) = (&self.access, Instant::now());
        let token = form.token.trim();
        let error = match access.sessions.log_in(token, now) {
            Ok(session) => {
                let user = access.sessions.user(&session, now).map(|user| user.name);
                info!(
                    user,
                    address = address.map(|ip| ip.to_string()),
                    "signed in on the page"
                );
                return Ok(session);
            }
            Err(error) => error,
        };
        if let Some(wait) = address.and_then(|address| self.failed_logins.wait(address, now)) {
            return Err(LoginFailure::TooMany { wait });
        }
        match (access.role_of(token), printable(&form.name)) {
            (Some(role), Some(name)) => {
                info!(user = %name, address = address.map(|ip| ip.to_string()), "signed in on the page");
                let user = PageUser {
                    name,
                    role,
                    sign_in: SignIn::Session,
                };
                Ok(access.sessions.start(user, now))
            }
            (Some(_), None) => Err(LoginFailure::NoName),
            (None, _) => {
                if let Some(address) = address {
                    self.failed_logins.count(address, now);
                    if let Some(wait) = self.failed_logins.wait(address, now) {
                        let wait_seconds = wait.as_secs();
                        warn!(%address, wait_seconds, "too many failed logins on the page; the address has to wait");
                    }
                }
                let failure = LoginFailure::Token(error);
                if let Some(omitted) = self.failed_logins.admit_log_line(now) {
                    let omitted = (omitted > 0).then_some(omitted);
                    let address = address.map(|ip| ip.to_string());
                    warn!(
                        address,
                        reason = failure.code(),
                        omitted,
                        "login on the page failed"
                    );
                }
                Err(failure)
            }
        }
    }
}

/// A link or a reload of the address ends no session: only the button does.
pub async fn stay() -> Redirect {
    Redirect::to("/")
}

pub async fn log_out<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let headers: &HeaderMap = request.headers();
    if let Some(token) = cookie(headers) {
        state.access.sessions.log_out(token);
    }
    let answer = Redirect::to("/login").into_response();
    with_cookie(answer, "", 0, CookieSecurity::Plain)
}

/// Whether the browser may send the cookie over TLS alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CookieSecurity {
    Plain,
    Tls,
}

/// `SameSite=Strict`: no other site can make a browser send it.
fn with_cookie(
    mut response: Response,
    value: &str,
    seconds: u64,
    security: CookieSecurity,
) -> Response {
    let secure = match security {
        CookieSecurity::Plain => "",
        CookieSecurity::Tls => "; Secure",
    };
    let cookie =
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The answer to somebody who is not signed in.
pub fn required(request: &Request) -> Response {
    if representation(request) == Representation::Json {
        let error =
            serde_json::json!({ "error": "sign in first; `flowtrigger page` prints a login link" });
        return json(StatusCode::UNAUTHORIZED, &error);
    }
    let headers = request.headers();
    let here = request.uri().path_and_query();
    let here = local_path(here.map_or("/", |path| path.as_str()));
    let followed = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    // The cookie is not sent with a link of another site. One more step within this site sends it.
    if followed && cookie(headers).is_none() {
        return again(here);
    }
    let next = match here {
        "/" => String::new(),
        here => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            format!("?{}", query.append_pair("next", here).finish())
        }
    };
    Redirect::to(&format!("/login{next}")).into_response()
}

/// `here` is a path of this site.
fn again(here: &str) -> Response {
    let mut response = alone("Opening", &opening(here)).into_response();
    if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={here}")) {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}
