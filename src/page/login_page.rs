//! The pages of the login: the form, the button of a login link, and the step after a link of another site.

use std::time::Duration;

use axum::http::StatusCode;
use maud::{Markup, html};

use super::access::SignInSecret;
use super::session::LoginError;

/// Why somebody is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    Token(LoginError),
    /// A secret came without a name, under which commands are logged.
    NoName,
    /// The address had too many failures.
    TooMany {
        wait: Duration,
    },
}

impl LoginFailure {
    pub fn status(self) -> StatusCode {
        match self {
            LoginFailure::Token(_) => StatusCode::FORBIDDEN,
            LoginFailure::NoName => StatusCode::BAD_REQUEST,
            LoginFailure::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// For the log.
    pub fn code(self) -> &'static str {
        match self {
            LoginFailure::Token(LoginError::Unknown) => "unknown",
            LoginFailure::Token(LoginError::Used) => "used",
            LoginFailure::Token(LoginError::Expired) => "expired",
            LoginFailure::NoName => "no_name",
            LoginFailure::TooMany { .. } => "too_many",
        }
    }

    fn describe(self) -> String {
        match self {
            LoginFailure::Token(LoginError::Unknown) => {
                "This link or secret is not valid.".to_owned()
            }
            LoginFailure::Token(LoginError::Used) => "This link was used before.".to_owned(),
            LoginFailure::Token(LoginError::Expired) => "This link is too old.".to_owned(),
            LoginFailure::NoName => "Your name is missing.".to_owned(),
            LoginFailure::TooMany { wait } => format!(
                "Too many failed logins from your address. Wait {} minutes, or use a login link.",
                wait.as_secs().div_ceil(60)
            ),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            LoginFailure::Token(_) => "Each link works once, for 10 minutes.",
            LoginFailure::NoName => "It is logged with your commands.",
            LoginFailure::TooMany { .. } => "",
        }
    }
}

/// The form. `next` is the page to open afterwards.
pub fn sign_in(failure: Option<LoginFailure>, next: &str, secrets: &[SignInSecret]) -> Markup {
    html! {
        h1 { "Sign in" }
        @if let Some(failure) = failure {
            div class="note bad" role="alert" {
                p { b { (failure.describe()) } " " (failure.advice()) }
            }
        }
        p class="mu" { "Run this where flowtrigger runs, and open the link that it prints:" }
        div class="cmd" {
            pre { "flowtrigger page" }
            button type="button" class="s js-only" data-copy="flowtrigger page" { "Copy" }
        }
        form method="post" action="/login" class="stack" {
            input type="hidden" name="next" value=(next);
            @if !secrets.is_empty() {
                div {
                    label class="lbl" for="name" { "Your name, needed with a secret: it is logged with your commands" }
                    input id="name" name="name" autocomplete="username" maxlength="100";
                }
            }
            div {
                label class="lbl" for="token" {
                    @if secrets.is_empty() { "Or the token of a link" } @else { "A secret of the page, or the token of a link" }
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

/// The button of a login link.
pub fn confirm(token: &str, next: &str) -> Markup {
    html! {
        h1 { "Sign in" }
        form method="post" action="/login" class="stack" {
            input type="hidden" name="token" value=(token);
            input type="hidden" name="next" value=(next);
            button class="go" { "Sign in with this link" }
            p class="mu xs" { "The link works once, for 10 minutes." }
        }
    }
}

/// The step after a link of another site. `here` is a path of this site.
pub fn opening(here: &str) -> Markup {
    html! {
        h1 { "Opening the page" }
        p { "You followed a link of another site. " a href=(here) { "Continue" } }
    }
}
