//! What each step of a run sent first, for its test: from the exchange that the run stored, if it is complete, or else as
//! the rule renders it.

use std::cell::RefCell;

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::report::rule_test::sent_call::path;
use crate::report::rule_test::step_names::FlowSteps;
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::decide::StepCall;
use flowtrigger_core::run::exchange::{
    BodyContent, CapturedBody, Exchange, ExchangeText, HttpExchange, RecordedExchange,
};

/// Steps of a run of which a test says what they send.
const MAX_STEPS: usize = 50;
/// What a test says of a call: keys that the author of a rule writes.
const CALL_KEYS: [&str; 8] = [
    "method", "url", "query", "json", "form", "body", "argv", "stdin",
];

/// The calls of a run.
pub struct SentCalls<'a> {
    pub calls: &'a [StepCall],
    /// Those that the run stored.
    pub exchanges: &'a [RecordedExchange],
    pub config: &'a Config,
    /// The steps that sent something else than the rule renders now.
    pub different: RefCell<Vec<String>>,
}

impl SentCalls<'_> {
    /// The notes on the steps that sent something else.
    pub fn described_differences(&self) -> Vec<String> {
        let different = self.different.take().into_iter();
        let notes = different.map(|step| {
            format!(
                "`{step}` sent something else than the rule renders now; the test expects what it sent"
            )
        });
        notes.collect()
    }

    /// What each step sends first, by its name, or by its path if steps share the name.
    pub fn by_step(&self, steps: &FlowSteps<'_>) -> Map<String, Value> {
        let sends = |call: &&StepCall| {
            let mut named = steps.named(&call.step).into_iter();
            named.any(|step| step.action.sends())
        };
        let mut sent = Map::new();
        for call in self.calls.iter().filter(sends) {
            let is_shared = self
                .calls
                .iter()
                .any(|other| other.name == call.name && other.step != call.step);
            let key = if is_shared { &call.step } else { &call.name };
            if sent.len() < MAX_STEPS && !sent.contains_key(key) {
                sent.insert(key.clone(), self.expected(call));
            }
        }
        sent
    }

    fn expected(&self, call: &StepCall) -> Value {
        let mut written = call.call.to_json();
        if let Some(entries) = written.as_object_mut() {
            entries.retain(|key, value| CALL_KEYS.contains(&key.as_str()) && *value != "");
            if let Some(http) = self.complete(call)
                && correct(entries, http)
            {
                self.different.borrow_mut().push(call.name.clone());
            }
            match path(&call.call, self.config) {
                // As the rule writes it, whatever the address of the connection is.
                Some(path) => {
                    entries.shift_remove("url");
                    entries.insert("path".into(), path.into());
                }
                None => {
                    entries.shift_remove("query");
                }
            }
            if entries.get("query").is_some_and(is_empty) {
                entries.shift_remove("query");
            }
        }
        written
    }

    /// The stored request of the first attempt, after the last retry by a person, if nothing of it is missing.
    fn complete(&self, call: &StepCall) -> Option<&HttpExchange> {
        let mut exchanges = self.exchanges.iter().rev();
        let first = exchanges.find(|found| found.step == call.step && found.attempt == 1)?;
        match first.exchange.as_ref()? {
            Exchange::Http(http) => {
                let is_whole = !http.changes.cut && !http.changes.redacted;
                (is_whole && !has_secrets(http)).then_some(&**http)
            }
            Exchange::Command(_) => None,
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.is_null()
}

/// A secret has another form in an exchange than in a test.
fn has_secrets(http: &HttpExchange) -> bool {
    http.url.has_secrets() || text(http.body.as_ref()).is_some_and(ExchangeText::has_secrets)
}

fn text(body: Option<&CapturedBody>) -> Option<&ExchangeText> {
    match &body?.content {
        BodyContent::Text(text) => Some(text),
        BodyContent::Base64(_) => None,
    }
}

/// Replaces what the run sent otherwise. Returns whether there was something.
fn correct(entries: &mut Map<String, Value>, http: &HttpExchange) -> bool {
    let mut sent = vec![("method", Value::from(http.method.as_str()))];
    if let Some(body) = text(http.body.as_ref()).map(ToString::to_string) {
        let json = serde_json::from_str(&body).ok();
        match (entries.contains_key("json"), entries.contains_key("form")) {
            (true, _) => sent.extend(json.map(|json| ("json", json))),
            (false, true) => sent.push(("form", form(&body))),
            (false, false) => sent.push(("body", body.into())),
        }
    }
    sent.retain(|(key, _)| entries.contains_key(*key));
    let mut is_different = false;
    for (key, value) in sent {
        if entries.get(key) != Some(&value) {
            is_different = true;
            entries.insert(key.into(), value);
        }
    }
    is_different
}

fn form(body: &str) -> Value {
    let fields = form_urlencoded::parse(body.as_bytes()).into_owned();
    let fields: Map<String, Value> = fields.map(|(name, value)| (name, value.into())).collect();
    fields.into()
}
