//! Answers by link under `/answers/`. GET shows the question and changes nothing, because mail scanners open links; POST
//! answers once. A link that this program has not signed is rejected before anything stored is read.

mod page;
mod reply;

use std::net::IpAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;
use ipnet::IpNet;
use serde::Deserialize;

use super::AppState;
use super::authenticate;
use super::peer::Peer;
use super::response::HttpError;
use super::web_page::{WebPageSign, is_repeated};
use crate::source::{AnswerResult, AnsweringClient, Ingest, QuestionState, SentAnswer};
use flowtrigger_core::run::answer_link::{ANSWERS_PATH, AskedStep};
use reply::{AnswerReply, Notice};

pub use reply::AnswerForm;

/// The largest body of an answer.
const MAX_BODY_BYTES: usize = 4 * 1024;

/// The token of a path under `/answers/`.
pub fn token(path: &str) -> Option<&str> {
    path.strip_prefix(ANSWERS_PATH)?.strip_prefix('/')
}

/// What a request to a link gets. `Err` is counted and listed as a rejected request.
pub async fn answers<I: Ingest>(
    state: &AppState<I>,
    token: &str,
    request: Request,
) -> Result<Response, HttpError> {
    let asked = state.ingest.asked(token);
    let checked = check(&request, asked.is_some());
    if let Err(error) = checked {
        authenticate::drain(request).await;
        return Err(error);
    }
    let Some(asked) = asked else {
        authenticate::drain(request).await;
        return Err(HttpError::UnknownLink);
    };
    match *request.method() {
        Method::POST => receive(state, asked, request).await,
        _ => {
            let form = AnswerForm::of(request.headers());
            let chosen = chosen(request.uri().query().unwrap_or_default().as_bytes());
            show(state, &asked, form, chosen).await
        }
    }
}

/// What a person or program gets whose link is not valid, or who comes while the store is away. `None` for errors that
/// only a program makes.
pub fn error_page(error: &HttpError, form: AnswerForm) -> Option<Response> {
    let notice = match error {
        HttpError::UnknownLink => Notice::UnknownLink,
        HttpError::Ingest(_) => Notice::Unavailable,
        HttpError::NotFound
        | HttpError::Method { .. }
        | HttpError::Media { .. }
        | HttpError::TooLarge { .. }
        | HttpError::TooManyValues { .. }
        | HttpError::Form(_)
        | HttpError::Handshake(_)
        | HttpError::IncompleteBody
        | HttpError::NoBodyMemory
        | HttpError::WebPage(_)
        | HttpError::NotLocal
        | HttpError::NotAllowed
        | HttpError::Unverified { .. } => return None,
    };
    Some(AnswerReply::without_question(notice).respond(form))
}

fn check(request: &Request, is_known: bool) -> Result<(), HttpError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
        return Err(HttpError::Method {
            allowed: "GET, HEAD, POST",
        });
    }
    let headers = request.headers();
    if *request.method() != Method::POST || !is_known {
        return Ok(());
    }
    match sign_of_web_page(headers) {
        Some(sign) => Err(HttpError::WebPage(sign)),
        None => check_media_type(headers),
    }
}

/// Whether a page of another site sends the answer. The page of the link itself has no `Origin`, because it sends no
/// referrer; a browser says `null` then.
fn sign_of_web_page(headers: &HeaderMap) -> Option<WebPageSign> {
    let decisive = [header::HOST, header::ORIGIN, FETCH_SITE];
    if decisive
        .iter()
        .any(|name| is_repeated(headers, name.as_str()))
    {
        return Some(WebPageSign::RepeatedHeader);
    }
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(&FETCH_SITE) {
        let is_own = matches!(site, "same-origin" | "none");
        return (!is_own).then_some(WebPageSign::CrossSite);
    }
    let origin = text(&header::ORIGIN).filter(|origin| *origin != "null")?;
    let host = origin.split_once("://").map(|(_, host)| host);
    let is_own = host.is_some() && host == text(&header::HOST);
    (!is_own).then_some(WebPageSign::CrossSite)
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerEncoding {
    Form,
    Json,
}

fn encoding(headers: &HeaderMap) -> Option<AnswerEncoding> {
    let media = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = media.split(';').next().unwrap_or_default().trim();
    match media.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Some(AnswerEncoding::Form),
        "application/json" => Some(AnswerEncoding::Json),
        _ => None,
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), HttpError> {
    match encoding(headers) {
        Some(_) => Ok(()),
        None => Err(HttpError::Media {
            header: "Content-Type",
            expected: "send `answer=…` as `application/x-www-form-urlencoded`, or `{\"answer\": \"…\"}` as `application/json`",
        }),
    }
}

async fn show<I: Ingest>(
    state: &AppState<I>,
    asked: &AskedStep,
    form: AnswerForm,
    chosen: Option<String>,
) -> Result<Response, HttpError> {
    let question = state
        .ingest
        .question(asked)
        .await
        .map_err(HttpError::Ingest)?;
    let reply = match question {
        None => AnswerReply::without_question(Notice::UnknownRun),
        Some(question) => {
            let notice = match question.state {
                QuestionState::Open { .. } | QuestionState::Answered { .. } => Notice::Shown,
                QuestionState::Expired { .. } | QuestionState::Over { .. } => Notice::Gone,
            };
            AnswerReply::about(notice, question, chosen)
        }
    };
    Ok(reply.respond(form))
}

async fn receive<I: Ingest>(
    state: &AppState<I>,
    asked: AskedStep,
    request: Request,
) -> Result<Response, HttpError> {
    let headers = request.headers().clone();
    let peer = request.extensions().get::<ConnectInfo<Peer>>().copied();
    let by = client(peer, &headers, &state.trusted_proxies);
    let body = super::body::read_small(request, MAX_BODY_BYTES).await?;
    let sent = SentAnswer {
        asked,
        answer: sent_answer(&headers, &body).unwrap_or_default(),
        by,
    };
    let answer = sent.answer.clone();
    let result = state.ingest.answer(sent).await.map_err(HttpError::Ingest)?;
    let reply = match result {
        None => AnswerReply::without_question(Notice::UnknownRun),
        Some(AnswerResult::Accepted(question)) => {
            AnswerReply::about(Notice::Accepted, question, None)
        }
        Some(AnswerResult::NoSuchAnswer(question)) => {
            AnswerReply::about(Notice::NoSuchAnswer, question, Some(answer))
        }
        Some(AnswerResult::TooLate(question)) => {
            let notice = match question.state {
                QuestionState::Answered { .. } => Notice::Repeated,
                QuestionState::Open { .. }
                | QuestionState::Expired { .. }
                | QuestionState::Over { .. } => Notice::Gone,
            };
            AnswerReply::about(notice, question, None)
        }
    };
    Ok(reply.respond(AnswerForm::of(&headers)))
}

fn client(
    peer: Option<ConnectInfo<Peer>>,
    headers: &HeaderMap,
    proxies: &[IpNet],
) -> AnsweringClient {
    let address: Option<IpAddr> = peer.map(|ConnectInfo(peer)| peer.sender(headers, proxies));
    let agent = headers.get(header::USER_AGENT);
    AnsweringClient::new(address, agent.and_then(|agent| agent.to_str().ok()))
}

/// `answer` of a query or a form.
fn chosen(form: &[u8]) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(form);
    let (_, answer) = pairs.find(|(name, _)| name == "answer")?;
    Some(answer.into_owned())
}

#[derive(Deserialize)]
struct JsonAnswer {
    answer: String,
}

fn sent_answer(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    match encoding(headers)? {
        AnswerEncoding::Form => chosen(body),
        AnswerEncoding::Json => {
            let sent: JsonAnswer = serde_json::from_slice(body).ok()?;
            Some(sent.answer)
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_page_of_the_link_and_programs_may_answer() {
        for own in [
            &[][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("sec-fetch-site", "none")],
            &[
                ("host", "hooks.example.com"),
                ("origin", "https://hooks.example.com"),
            ],
        ] {
            assert_eq!(sign_of_web_page(&headers(own)), None, "{own:?}");
        }
        for other in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[
                ("host", "hooks.example.com"),
                ("origin", "https://evil.example"),
            ],
        ] {
            let sign = sign_of_web_page(&headers(other));
            assert_eq!(sign, Some(WebPageSign::CrossSite), "{other:?}");
        }
        let twice = headers(&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]);
        assert_eq!(sign_of_web_page(&twice), Some(WebPageSign::RepeatedHeader));
    }

    #[test]
    fn an_answer_is_read_from_a_form_or_from_json() {
        let form = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        let json = headers(&[("content-type", "application/json; charset=utf-8")]);
        let sent = |headers: &HeaderMap, body: &str| sent_answer(headers, body.as_bytes());
        assert_eq!(sent(&form, "answer=let+go").as_deref(), Some("let go"));
        assert_eq!(sent(&form, "other=1"), None);
        assert_eq!(
            sent(&json, r#"{"answer": "approve"}"#).as_deref(),
            Some("approve")
        );
        assert_eq!(sent(&json, r#"{"answer": 1}"#), None);
        assert_eq!(
            sent(&headers(&[("content-type", "text/plain")]), "answer=a"),
            None
        );
    }

    #[test]
    fn only_paths_below_answers_have_a_token() {
        assert_eq!(token("/answers/fta_x"), Some("fta_x"));
        for path in ["/answers", "/answersfta_x", "/events/answers/fta_x"] {
            assert_eq!(token(path), None, "{path}");
        }
    }
}
