//! Why a page cannot be shown, as HTML and as JSON, with the status of the answer.

use axum::http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::page_request::PageRequest;
use super::part::prose::prose;
use super::reader::HistoryReadError;
use crate::report::error::{CommandError, ErrorMessage};
use crate::source::admin::AdminError;
use crate::store::history::HistoryError;

/// Why there is no page.
#[derive(Debug)]
pub struct PageError {
    kind: PageErrorKind,
    message: String,
    help: Option<String>,
    /// The parameter that is not valid.
    parameter: Option<String>,
    /// The form to correct it.
    correction: Option<Markup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageErrorKind {
    /// Nothing is at the address.
    NotFound,
    /// A parameter or a field has a value that the page cannot use.
    Invalid,
    /// The user may only read.
    Forbidden,
    /// A command does not apply to what it was given for.
    Conflict,
    /// The question takes too long, or the daemon is stopping.
    Unavailable,
    Failed,
}

impl PageError {
    fn new(kind: PageErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
            parameter: None,
            correction: None,
        }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(PageErrorKind::NotFound, message)
    }

    /// A value of the query or of a form.
    pub fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        Self {
            parameter: Some(name.to_owned()),
            ..Self::new(PageErrorKind::Invalid, format!("`{name}`: {problem}"))
        }
    }

    /// Adds a form with the parameter that is not valid, which keeps the others.
    pub fn of_question(mut self, path: &str, asked: &PageRequest) -> Self {
        self.correction = self
            .parameter
            .as_deref()
            .map(|name| correction(path, name, asked));
        self
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(PageErrorKind::Invalid, message)
    }

    pub fn forbidden() -> Self {
        let error = Self::new(PageErrorKind::Forbidden, "you may read, and not act");
        error.help("sign in with a link of `flowtrigger page`, without `--read`")
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(PageErrorKind::Conflict, message)
    }

    /// Adds what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn explained(kind: PageErrorKind, error: ErrorMessage) -> Self {
        Self {
            kind,
            message: error.message,
            help: error.help,
            parameter: None,
            correction: None,
        }
    }

    pub fn status(&self) -> StatusCode {
        match self.kind {
            PageErrorKind::NotFound => StatusCode::NOT_FOUND,
            PageErrorKind::Invalid => StatusCode::BAD_REQUEST,
            PageErrorKind::Forbidden => StatusCode::FORBIDDEN,
            PageErrorKind::Conflict => StatusCode::CONFLICT,
            PageErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            PageErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn title(&self) -> &'static str {
        match self.kind {
            PageErrorKind::NotFound => "Not found",
            PageErrorKind::Invalid => "Not a valid question",
            PageErrorKind::Forbidden => "Not allowed",
            PageErrorKind::Conflict => "Not done",
            PageErrorKind::Unavailable => "No answer now",
            PageErrorKind::Failed => "Failed",
        }
    }

    pub fn json(&self) -> Value {
        json!({ "error": self.message, "help": self.help })
    }

    pub fn html(&self) -> Markup {
        html! {
            div class="head" { div { h1 { (self.title()) } } }
            div class="note bad" role="alert" {
                p {
                    (prose(&self.message))
                    @if let Some(help) = &self.help { br; span class="mu" { (prose(help)) } }
                }
            }
            @if let Some(correction) = &self.correction { (correction) }
        }
    }
}

/// The field with the value that is not valid, and a link without it.
fn correction(path: &str, name: &str, asked: &PageRequest) -> Markup {
    html! {
        form class="filter" method="get" action=(path) aria-label="Correct it" {
            div class="fields" {
                @for (other, value) in asked.written().filter(|(other, _)| *other != name) {
                    input type="hidden" name=(other) value=(value);
                }
                div {
                    label for="wrong" { (name) }
                    input id="wrong" name=(name) value=(asked.text(name).unwrap_or_default()) aria-invalid="true";
                }
                div class="row" {
                    button class="go" { "Show" }
                    a class="btn" href=(asked.link_with(path, name, "")) { "Without this" }
                }
            }
        }
    }
}

impl From<HistoryReadError> for PageError {
    fn from(error: HistoryReadError) -> Self {
        let kind = match &error {
            HistoryReadError::History(HistoryError::Timeout) | HistoryReadError::Open(_) => {
                PageErrorKind::Unavailable
            }
            HistoryReadError::History(HistoryError::Failed(_) | HistoryError::Unreadable(_))
            | HistoryReadError::Ended => PageErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<AdminError> for PageError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound(why) => Self::new(PageErrorKind::NotFound, why),
            AdminError::Conflict(why) | AdminError::Unprocessable(why) => {
                Self::new(PageErrorKind::Conflict, why)
            }
            AdminError::Unavailable(why) => Self::new(PageErrorKind::Unavailable, why),
        }
    }
}

impl From<CommandError> for PageError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Usage(error) => Self::explained(PageErrorKind::Invalid, error),
            CommandError::Nothing(error) => Self::explained(PageErrorKind::NotFound, error),
            CommandError::Unset(error) | CommandError::Runtime(error) => {
                Self::explained(PageErrorKind::Failed, error)
            }
            CommandError::Invalid(_) | CommandError::Output(_) => {
                Self::new(PageErrorKind::Failed, error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_status_and_escapes_what_it_repeats() {
        let error = PageError::parameter("status", "`<b>` is no status").help("write 400");
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            error.json(),
            json!({"error": "`status`: `<b>` is no status", "help": "write 400"})
        );
        let html = error.html().into_string();
        assert!(html.contains("&lt;b&gt;"), "{html}");
        assert!(html.contains("write 400"), "{html}");
    }

    #[test]
    fn a_parameter_can_be_corrected_and_the_others_stay() {
        let asked = PageRequest::of_text("ticket=7&since=%3Csoon%3E");
        let error = PageError::parameter("since", "it is not a time");
        let html = error.of_question("/events", &asked).html().into_string();
        for part in [
            "<code><bdi>since</bdi></code>",
            "<input type=\"hidden\" name=\"ticket\" value=\"7\">",
            "value=\"&lt;soon&gt;\" aria-invalid=\"true\"",
            "href=\"/events?ticket=7\"",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn errors_of_commands_and_reads_keep_their_meaning() {
        let missing = PageError::from(CommandError::nothing("no run 7").help("see `runs`"));
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(missing.json()["help"], "see `runs`");
        for (error, status) in [
            (
                PageError::from(HistoryReadError::History(HistoryError::Timeout)),
                503,
            ),
            (PageError::from(HistoryReadError::Ended), 500),
            (PageError::from(AdminError::Conflict("done".into())), 409),
            (PageError::forbidden(), 403),
        ] {
            assert_eq!(error.status().as_u16(), status, "{error:?}");
        }
    }
}
