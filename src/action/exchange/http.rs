//! Records a request from its rendered call, in which secrets are names, and the response from what arrived.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::Url;
use reqwest::header::HeaderMap;

use super::ExchangeRecorder;
use super::clean::{ReceivedBytes, TextCleaner, TextEnd, lossy};
use crate::action::http::request::{AGENT, content_type};
use crate::action::secret::SecretStore;
use flowtrigger_core::flow::call::{Auth, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::path::redact::REDACTED;
use flowtrigger_core::run::answer_link::hide_tokens;
use flowtrigger_core::run::exchange::{
    CapturedBody, ConnectionUse, Exchange, ExchangeHeader, ExchangePart, ExchangeText,
    ExchangeTiming, FollowedRedirect, HttpAnswer, HttpExchange, RequestChanges, TextBudget,
};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum RequestKind {
    Server,
    Outbox,
}

impl ExchangeRecorder {
    /// Records the request before it is sent. `size` is the size of its body with the values of its secrets.
    pub(in crate::action) fn request(
        &self,
        call: &HttpCall,
        kind: RequestKind,
        idempotency_key: &str,
        (secrets, size): (&SecretStore, Option<u64>),
    ) {
        let Some(limit) = self.limit() else { return };
        let cleaner = TextCleaner {
            secrets,
            mask: &self.mask,
        };
        let mut request = KeptRequest {
            cleaner,
            budget: TextBudget::new(limit),
            redacted: false,
        };
        let url = request.text(sent_url(ExchangeText::from_rendered(&call.url)));
        let (mut headers, mut body) = (Vec::new(), None);
        if self.keeps_content() {
            headers = request.headers(call, kind, idempotency_key);
            body = call.body.as_ref().map(|body| request.body(body, size));
        }
        let changes = request.changes();
        self.start(Exchange::Http(Box::new(HttpExchange {
            method: call.method.clone(),
            url,
            headers,
            body,
            response: None,
            redirects: Vec::new(),
            address: None,
            connection: ConnectionUse::None,
            timing: ExchangeTiming::default(),
            changes,
        })));
    }

    /// Records the head of a response.
    pub(in crate::action) fn response(
        &self,
        status: u16,
        headers: &HeaderMap,
        address: Option<std::net::SocketAddr>,
        secrets: &SecretStore,
    ) {
        if !self.keeps_content() {
            return;
        }
        let mut budget = TextBudget::new(self.limit().unwrap_or_default());
        let cleaner = TextCleaner {
            secrets,
            mask: &self.mask,
        };
        let mut kept = Vec::new();
        for (name, value) in headers {
            let text = ExchangeText::plain(cleaner.text(&lossy(value.as_bytes())));
            let name = budget.take(ExchangeText::plain(name.as_str())).to_string();
            let value = budget.take(text);
            if budget.was_cut() {
                break;
            }
            kept.push(ExchangeHeader { name, value });
        }
        self.change_http(|http, elapsed| {
            http.timing.first_byte = Some(elapsed);
            http.address = address.map(|address| address.to_string());
            http.response = Some(HttpAnswer {
                status,
                headers: kept,
                headers_cut: budget.was_cut(),
                body: None,
            });
        });
    }

    /// Records the body of the response whose head was recorded last.
    pub(in crate::action) fn response_body(
        &self,
        bytes: &[u8],
        missing_of: Option<u64>,
        secrets: &SecretStore,
    ) {
        if !self.keeps_content() {
            return;
        }
        let cleaner = TextCleaner {
            secrets,
            mask: &self.mask,
        };
        let received = ReceivedBytes {
            bytes,
            end: match missing_of {
                Some(_) => TextEnd::Missing,
                None => TextEnd::Whole,
            },
            size: missing_of.unwrap_or(bytes.len() as u64),
        };
        let used = self.response_head_size();
        let limit = self.limit().unwrap_or_default().saturating_sub(used);
        let body = cleaner.body(&received, &mut TextBudget::new(limit));
        self.change_http(|http, _| {
            if let Some(response) = &mut http.response {
                response.body = Some(body);
            }
        });
    }

    /// The response was a redirect that is followed.
    pub(in crate::action) fn redirected(&self, status: u16, url: &str) {
        let url = hide_tokens(&self.mask.text(url)).into_owned();
        self.connection.set(Default::default());
        self.change_http(|http, _| {
            (http.response, http.address) = (None, None);
            http.redirects.push(FollowedRedirect { status, url });
        });
    }

    fn response_head_size(&self) -> usize {
        let parts = self.parts();
        let Some(Exchange::Http(http)) = &parts.exchange else {
            return 0;
        };
        let headers = http.response.iter().flat_map(|response| &response.headers);
        headers
            .map(|header| header.name.len() + header.value.to_string().len())
            .sum()
    }

    fn change_http(&self, change: impl FnOnce(&mut HttpExchange, std::time::Duration)) {
        let mut parts = self.parts();
        let elapsed = parts.began.map(|began| began.elapsed());
        if let Some(Exchange::Http(http)) = &mut parts.exchange {
            change(http, elapsed.unwrap_or_default());
        }
    }
}

/// The request as it is kept, with what is left of its budget.
struct KeptRequest<'c> {
    cleaner: TextCleaner<'c>,
    budget: TextBudget,
    redacted: bool,
}

impl KeptRequest<'_> {
    fn text(&mut self, mut text: ExchangeText) -> ExchangeText {
        self.redacted |= self.cleaner.sent(&mut text);
        self.budget.take(text)
    }

    fn changes(&self) -> RequestChanges {
        RequestChanges {
            cut: self.budget.was_cut(),
            redacted: self.redacted,
        }
    }

    /// The headers of the step, then those that the program adds where the step sets none.
    fn headers(
        &mut self,
        call: &HttpCall,
        kind: RequestKind,
        idempotency_key: &str,
    ) -> Vec<ExchangeHeader> {
        let mut headers: Vec<(String, ExchangeText)> = call
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), self.whole_or_parts(value)))
            .collect();
        let mut default = |name: &str, value: ExchangeText| {
            let is_set = headers
                .iter()
                .any(|(set, _)| set.eq_ignore_ascii_case(name));
            if !is_set {
                headers.push((name.to_owned(), value));
            }
        };
        match &call.auth {
            Some(Auth::Bearer(token)) => default("Authorization", bearer(token)),
            Some(Auth::Basic { username, password }) => {
                default("Authorization", basic(username, password));
            }
            Some(Auth::Header { name, value }) => default(name, ExchangeText::from_rendered(value)),
            None => {}
        }
        default("Idempotency-Key", ExchangeText::plain(idempotency_key));
        match kind {
            RequestKind::Server => default("User-Agent", ExchangeText::plain(AGENT)),
            RequestKind::Outbox => {}
        }
        if let Some(body) = &call.body {
            default("Content-Type", ExchangeText::plain(content_type(body)));
        }
        headers
            .into_iter()
            .map(|(name, value)| ExchangeHeader {
                name: self.text(ExchangeText::plain(name)).to_string(),
                value: self.text(value),
            })
            .collect()
    }

    fn body(&mut self, body: &RequestBody, size: Option<u64>) -> CapturedBody {
        let mut text = match body {
            RequestBody::Json(tree) => {
                let masked = self.cleaner.mask.tree(tree);
                self.redacted |= masked.is_some();
                ExchangeText::from_json(masked.as_ref().unwrap_or(tree))
            }
            RequestBody::Form(fields) => {
                let fields: Vec<(String, RenderedText)> = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.masked(value)))
                    .collect();
                ExchangeText::from_form(&fields)
            }
            RequestBody::Raw(text) => {
                // A text that was built as JSON.
                let masked = self.cleaner.mask.json(text.to_string().as_bytes());
                match masked.filter(|_| text.secrets().next().is_none()) {
                    Some(masked) => {
                        self.redacted = true;
                        ExchangeText::plain(masked)
                    }
                    None => ExchangeText::from_rendered(text),
                }
            }
        };
        self.redacted |= self.cleaner.sent(&mut text);
        let size = size.unwrap_or(text.to_string().len() as u64);
        self.budget.take_body(text, size)
    }

    fn whole_or_parts(&mut self, text: &RenderedText) -> ExchangeText {
        ExchangeText::from_rendered(&self.masked(text))
    }

    /// The text, or the mark if it is a redacted value as a whole.
    fn masked(&mut self, text: &RenderedText) -> RenderedText {
        match self.cleaner.mask.is_whole(text) {
            true => {
                self.redacted = true;
                RenderedText::plain(REDACTED)
            }
            false => text.clone(),
        }
    }
}

/// The address as it is sent: with escapes for what an address cannot contain.
fn sent_url(mut url: ExchangeText) -> ExchangeText {
    if !url.has_secrets() {
        let parsed = Url::parse(&url.to_string());
        let is_sent = |parsed: &Url| matches!(parsed.scheme(), "http" | "https");
        return match parsed.ok().filter(is_sent) {
            Some(parsed) => ExchangeText::plain(parsed.as_str()),
            None => url,
        };
    }
    let mut before_path = true;
    for part in &mut url.0 {
        let ExchangePart::Text(text) = part else {
            continue;
        };
        let path = match before_path {
            true => path_start(text),
            false => 0,
        };
        before_path = path == text.len();
        let escaped = utf8_percent_encode(&text[path..], NOT_IN_URL);
        *text = format!("{}{escaped}", &text[..path]);
    }
    url
}

/// Where the path or the query starts: the host has other rules.
fn path_start(text: &str) -> usize {
    let host = text.find("://").map_or(0, |at| at + 3);
    let found = text[host..].find(['/', '?']);
    found.map_or(text.len(), |at| host + at)
}

/// What a parser of URLs encodes in a path or a query.
const NOT_IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}');

fn bearer(token: &RenderedText) -> ExchangeText {
    let mut text = ExchangeText::plain("Bearer ");
    text.0.extend(ExchangeText::from_rendered(token).0);
    text
}

fn basic(username: &RenderedText, password: &RenderedText) -> ExchangeText {
    let mut credentials = ExchangeText::from_rendered(username);
    credentials.push(":");
    credentials
        .0
        .extend(ExchangeText::from_rendered(password).0);
    ExchangeText(vec![
        ExchangePart::Text("Basic ".into()),
        ExchangePart::Base64 {
            base64: credentials.0,
        },
    ])
}
