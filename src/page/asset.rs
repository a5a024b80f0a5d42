//! The style sheet, the script and the icon, which are part of the program.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::shell::{MARK, SCRIPT, STYLE};

static STYLE_TEXT: LazyLock<String> = LazyLock::new(|| compact(include_str!("assets/style.css")));
static SCRIPT_TEXT: LazyLock<String> = LazyLock::new(|| compact(include_str!("assets/app.js")));
const MARK_TEXT: &str = include_str!("assets/mark.svg");

/// Their paths contain the version, so that a browser may keep them.
const KEEP: &str = "public, max-age=31536000, immutable";
const KEEP_SHORT: &str = "public, max-age=3600";

/// Assets need no sign-in: the login page uses them.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(STYLE, get(async || asset("text/css", KEEP, &STYLE_TEXT)))
        .route(
            SCRIPT,
            get(async || asset("text/javascript", KEEP, &SCRIPT_TEXT)),
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

/// Leaves out indentation, empty lines and lines of comments. A text of several lines in a script would be changed.
fn compact(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("//") && !is_remark(line));
    kept.collect::<Vec<_>>().join("\n")
}

/// Whether a line of a style sheet is a comment and nothing else.
fn is_remark(line: &str) -> bool {
    line.starts_with("/*") && line.find("*/") == Some(line.len() - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_for_those_who_read_the_source() {
        let text = "/* one */\na { b: c } /* two */\n\n  // three\n  d();\n/* x */ e {}\n";
        assert_eq!(compact(text), "a { b: c } /* two */\nd();\n/* x */ e {}");
    }

    #[test]
    fn style_and_script_are_small() {
        assert!(STYLE_TEXT.len() + SCRIPT_TEXT.len() <= 40_000);
    }
}
