//! What a request to the link of an answer gets: the state of the question as a page or as JSON, with headers that keep it
//! out of caches, frames and search engines.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::page;
use crate::source::{AskedQuestion, QuestionState};

/// Whether a person or a program reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    Html,
    Json,
}

impl AnswerForm {
    pub fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT);
        let accepted = accepted
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match accepted.contains("application/json") && !accepted.contains("text/html") {
            true => AnswerForm::Json,
            false => AnswerForm::Html,
        }
    }
}

/// Why the reply is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The question was looked at.
    Shown,
    Accepted,
    /// It was answered before.
    Repeated,
    NoSuchAnswer,
    /// Nothing can be answered any more.
    Gone,
    UnknownRun,
    UnknownLink,
    /// The store does not answer.
    Unavailable,
}

impl Notice {
    fn status(self) -> StatusCode {
        match self {
            Notice::Shown | Notice::Accepted => StatusCode::OK,
            Notice::Repeated => StatusCode::CONFLICT,
            Notice::NoSuchAnswer => StatusCode::BAD_REQUEST,
            Notice::Gone => StatusCode::GONE,
            Notice::UnknownRun | Notice::UnknownLink => StatusCode::NOT_FOUND,
            Notice::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is wrong, for programs.
    fn error(self) -> Option<&'static str> {
        match self {
            Notice::Shown | Notice::Accepted => None,
            Notice::Repeated => Some("this question is already answered"),
            Notice::NoSuchAnswer => {
                Some("this is none of the possible answers; send one of `answers`")
            }
            Notice::Gone => Some("this question cannot be answered any more"),
            Notice::UnknownRun => Some("what this link asked is no longer stored"),
            Notice::Unavailable => Some("nothing can be answered just now; try again later"),
            Notice::UnknownLink => {
                Some("this link is not valid; use the whole link as it was sent")
            }
        }
    }
}

pub struct AnswerReply {
    pub notice: Notice,
    pub question: Option<AskedQuestion>,
    /// The answer that the link preselects, or that was sent.
    pub chosen: Option<String>,
}

impl AnswerReply {
    pub fn about(notice: Notice, question: AskedQuestion, chosen: Option<String>) -> Self {
        Self {
            notice,
            question: Some(question),
            chosen,
        }
    }

    pub fn without_question(notice: Notice) -> Self {
        Self {
            notice,
            question: None,
            chosen: None,
        }
    }

    pub fn respond(&self, form: AnswerForm) -> Response {
        let (media, text) = match form {
            AnswerForm::Html => ("text/html; charset=utf-8", page::page(self).into_string()),
            AnswerForm::Json => ("application/json", format!("{}\n", self.json())),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.notice.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        for (name, value) in GUARDS {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let policy = HeaderValue::from_str(&page::content_policy());
        headers.extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
        response
    }

    fn json(&self) -> Value {
        let mut reply = json!({});
        if let Some(question) = &self.question {
            reply["rule"] = question.rule.as_str().into();
            reply["about"] = question.about.as_deref().into();
            reply["step"] = question.step.as_str().into();
            reply["question"] = question.text.as_deref().into();
            reply["answers"] = question.answers.as_slice().into();
            add_state(&mut reply, &question.state);
        }
        if let Some(error) = self.notice.error() {
            reply["error"] = error.into();
        }
        reply
    }
}

fn add_state(reply: &mut Value, state: &QuestionState) {
    let (word, answer, at) = match state {
        QuestionState::Open { until } => {
            reply["until"] = until.map(|until| until.to_string()).into();
            ("open", None, None)
        }
        QuestionState::Answered { answer, at } => ("answered", Some(answer), Some(at)),
        QuestionState::Expired { at } => ("expired", None, Some(at)),
        QuestionState::Over { state } => {
            reply["run_state"] = (*state).into();
            ("over", None, None)
        }
    };
    reply["state"] = word.into();
    if let Some(answer) = answer {
        reply["answer"] = answer.as_str().into();
    }
    if let Some(at) = at {
        reply["at"] = at.to_string().into();
    }
}

/// The link is a capability: it must not leave the browser, be kept, found or framed.
const GUARDS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow, noarchive"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];
