//! The style sheet, the script and the icon, which are part of the program.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::shell::{MARK, SCRIPT, STYLE};

const STYLE_TEXT: &str = include_str!("assets/style.css");
const SCRIPT_TEXT: &str = include_str!("assets/app.js");
const MARK_TEXT: &str = include_str!("assets/mark.svg");

/// Their paths contain the version, so that a browser may keep them.
const KEEP: &str = "public, max-age=31536000, immutable";
const KEEP_SHORT: &str = "public, max-age=3600";

/// Assets need no sign-in: the login page uses them.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(STYLE, get(async || asset("text/css", KEEP, STYLE_TEXT)))
        .route(
            SCRIPT,
            get(async || asset("text/javascript", KEEP, SCRIPT_TEXT)),
        )
        .route(
            MARK,
            get(async || asset("image/svg+xml", KEEP_SHORT, MARK_TEXT)),
        )
}

fn asset(media: &'static str, keep: &'static str, text: &'static str) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, keep)],
        text,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_are_small() {
        assert!(STYLE_TEXT.len() + SCRIPT_TEXT.len() <= 40_000);
    }
}
