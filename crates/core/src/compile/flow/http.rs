//! Lowers `http` of a step: URL, headers, query, body and expected status.
//! Reports a URL whose host an event could choose, and more than one body.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::{
    ActionSpec, AfterCrash, CallDefaults, CallKeys, Synonym, attempt_output,
};
use crate::compile::flow::headers::{inherit, lower_headers};
use crate::compile::flow::request_url;
use crate::config::connection::Connection;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::{Node, Yaml};
use crate::flow::call::{BodyTemplate, ExpectedStatus, HttpTemplate};
use crate::flow::limits::MAX_REDIRECTS;
use crate::flow::step::Action;
use crate::flow::vocabulary::http::{ACTION, HTTP, METHODS};
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{Escape, Template};
use crate::run::retry::RetryPolicy;
use crate::run::step_retry::StepRetry;

/// The default timeout of one attempt.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl CallKeys for HttpTemplate {
    const ACTIONS: &'static [ActionSpec] = &[ActionSpec {
        output: |keep| attempt_output(keep, &["status", "headers", "body", "truncated"]),
        call: Some(CallDefaults {
            retry,
            timeout,
            after_crash: AfterCrash::Repeats(
                "a request always runs again after a crash, with the same `Idempotency-Key`; remove it here",
            ),
        }),
        inner: Some(&HTTP),
        synonyms: &[Synonym {
            keys: &[
                "webhook", "request", "post", "get", "put", "patch", "delete", "curl", "call",
            ],
            help: "write `http: { method: …, url: … }`",
        }],
        ..ActionSpec::new(&[ACTION], |node, _, cx| lower(node, cx).map(Action::from))
    }];
}

fn lower(node: &Node, cx: &mut Compiler<'_>) -> Option<HttpTemplate> {
    if node.as_text().is_some() {
        let message = "`http` takes a mapping, found text";
        return cx.reject(
            Code::WrongType,
            node.at,
            message,
            "write `http: { url: \"https://…\" }`",
        );
    }
    cx.entries(node, &HTTP)?;
    let meant = suggest::meant(node, &HTTP);
    let is_misspelt = meant.is_some();
    let node = meant.as_ref().unwrap_or(node);
    let connection = lower_connection(node, cx);
    // What is wrong with the combination of keys follows from the misspelt one.
    let url = match is_misspelt && !request_url::is_complete(node) {
        true => None,
        false => request_url::lower(node, connection.as_ref(), &mut cx.names),
    };
    let body = lower_body(node, &mut cx.names);
    let method = lower_method(node, cx.diagnostics());
    let headers = lower_headers(node, &mut cx.names);
    let query = lower_query(node, &mut cx.names);
    let expect = lower_expect(node, cx.diagnostics());
    let redirects = lower_redirects(node, cx.diagnostics());
    let body = body?;
    let connection = connection?;
    let mut headers = headers?;
    if let Some(connection) = connection {
        inherit(&mut headers, &connection.headers);
    }
    Some(HttpTemplate {
        method: method?.unwrap_or(if body.is_some() { "POST" } else { "GET" }),
        url: url?,
        connection: connection.map(|connection| connection.name.clone()),
        tls: connection.and_then(|connection| connection.tls.clone()),
        query: query?,
        headers,
        body,
        auth: connection.and_then(|connection| connection.auth.clone()),
        expect: expect?,
        redirects: redirects?,
    })
}

/// Returns the default retries: those of the connection in an outage, and 5 attempts after other failures.
fn retry(node: &Node, cx: &Compiler<'_>) -> StepRetry {
    let connection = node.get("connection").and_then(Node::as_text);
    StepRetry {
        policy: RetryPolicy::of_requests(),
        outages: Some(cx.config.outage_retry(connection)),
        waits: true,
    }
}

/// Returns the default timeout of one attempt: that of the connection, or 10s.
fn timeout(node: &Node, cx: &Compiler<'_>) -> Duration {
    let name = node.get("connection").and_then(Node::as_text);
    let connection = name.and_then(|name| cx.config.connections.get(name));
    connection
        .and_then(|connection| connection.timeout)
        .unwrap_or(DEFAULT_TIMEOUT)
}

/// Lowers `connection`. The outer None follows after reporting an unknown one.
fn lower_connection<'c>(node: &Node, cx: &mut Compiler<'c>) -> Option<Option<&'c Connection>> {
    let Some(node) = node.get("connection") else {
        return Some(None);
    };
    let name = cx.text(node, "connection")?;
    let connections = &cx.config.connections;
    if let Some(connection) = connections.get(&name) {
        return Some(Some(connection));
    }
    let help = match suggest::nearest(&name, connections.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "define it under `connections` in flowtrigger.yaml, or write `url`".into(),
    };
    let message = format!("unknown connection `{name}`");
    cx.names
        .not_configured(Code::UnknownConnection, node.at, message, &help);
    None
}

/// Lowers `method`. The outer None follows after reporting an unknown one.
fn lower_method(node: &Node, diagnostics: &mut Diagnostics) -> Option<Option<&'static str>> {
    let Some(node) = node.get("method") else {
        return Some(None);
    };
    let method = diagnostics.text(node, "method")?;
    let known = METHODS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(&method));
    if known.is_none() {
        let message = format!("unknown HTTP method `{method}`");
        diagnostics.invalid(
            node.at,
            message,
            &format!("use one of {}", METHODS.join(", ")),
        );
    }
    known.map(Some)
}

fn lower_query(node: &Node, names: &mut NameResolver<'_>) -> Option<Vec<(String, Template)>> {
    match node.get("query") {
        Some(query) => {
            let entries = pairs(query, "query", names.diagnostics)?;
            templates(entries, names)
        }
        None => Some(Vec::new()),
    }
}

/// Returns names and values of a mapping. A list repeats its name for each item.
pub(super) fn pairs<'n>(
    node: &'n Node,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(String, &'n Node)>> {
    let Yaml::Map(entries) = &node.value else {
        return diagnostics.reject_type(node, key, "a mapping");
    };
    let pairs = entries.iter().flat_map(|entry| {
        let values = entry
            .value
            .as_list()
            .unwrap_or(std::slice::from_ref(&entry.value));
        values.iter().map(|value| (entry.key.clone(), value))
    });
    Some(pairs.collect())
}

pub(super) fn templates(
    pairs: Vec<(String, &Node)>,
    names: &mut NameResolver<'_>,
) -> Option<Vec<(String, Template)>> {
    let lowered: Vec<Option<(String, Template)>> = pairs
        .into_iter()
        .map(|(name, value)| {
            let template = Template::lower(value, &name, Escape::None, names)?;
            Some((name, template))
        })
        .collect();
    let mut lowered: Vec<_> = lowered.into_iter().collect::<Option<_>>()?;
    // Saves memory: a set can have many thousand rules.
    lowered.shrink_to_fit();
    Some(lowered)
}

/// Lowers the body, if there is one. The outer None follows after an error.
fn lower_body(node: &Node, names: &mut NameResolver<'_>) -> Option<Option<BodyTemplate>> {
    let found: Vec<(&str, &Node)> = ["json", "form", "body"]
        .into_iter()
        .filter_map(|key| Some((key, node.get(key)?)))
        .collect();
    let mut bodies: Vec<Option<BodyTemplate>> = Vec::with_capacity(found.len());
    for (key, node) in &found {
        bodies.push(lower_one_body(key, node, names));
    }
    if let [(first, _), (second, at), ..] = found.as_slice() {
        let message =
            format!("a request must have at most one body, found `{first}` and `{second}`");
        return names.reject_value(at.at, message, "keep one of them");
    }
    match bodies.pop() {
        Some(body) => body.map(Some),
        None => Some(None),
    }
}

fn lower_one_body(key: &str, node: &Node, names: &mut NameResolver<'_>) -> Option<BodyTemplate> {
    match key {
        "json" => JsonTemplate::lower(node, names).map(BodyTemplate::Json),
        "form" => {
            let entries = pairs(node, "form", names.diagnostics)?;
            templates(entries, names).map(BodyTemplate::Form)
        }
        _ => lower_raw(node, names).map(BodyTemplate::Raw),
    }
}

fn lower_raw(node: &Node, names: &mut NameResolver<'_>) -> Option<Template> {
    if matches!(node.value, Yaml::Map(_) | Yaml::List(_)) {
        let message = format!("`body` takes text, found {}", node.kind());
        return names.reject(
            Code::WrongType,
            node.at,
            message,
            "write `json:` or `form:` for structured data",
        );
    }
    Template::lower(node, "body", Escape::None, names)
}

fn lower_expect(node: &Node, diagnostics: &mut Diagnostics) -> Option<ExpectedStatus> {
    let Some(node) = node.get("expect") else {
        return Some(ExpectedStatus::default());
    };
    let items = node.as_list().unwrap_or(std::slice::from_ref(node));
    if items.is_empty() {
        report_invalid_status(node, diagnostics);
        return None;
    }
    let mut ranges = Vec::with_capacity(items.len());
    for item in items {
        let range = parse_statuses(item);
        if range.is_none() {
            report_invalid_status(item, diagnostics);
        }
        ranges.push(range);
    }
    ranges
        .into_iter()
        .collect::<Option<_>>()
        .map(ExpectedStatus)
}

fn lower_redirects(node: &Node, diagnostics: &mut Diagnostics) -> Option<u8> {
    let Some(node) = node.get("redirects") else {
        return Some(0);
    };
    let number = match &node.value {
        Yaml::Number(number) => number.as_u64().and_then(|n| u8::try_from(n).ok()),
        Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
    };
    let number = number.filter(|n| (1..=MAX_REDIRECTS).contains(n));
    if number.is_none() {
        let message = format!("`redirects` takes a number from 1 to {MAX_REDIRECTS}");
        let help = "it is the maximum number of redirects to follow; remove it to follow none";
        diagnostics.invalid(node.at, message, help);
    }
    number
}

fn report_invalid_status(node: &Node, diagnostics: &mut Diagnostics) {
    let help = "write `200`, `2xx`, `200-299`, or a list of these";
    let message = "`expect` takes HTTP statuses";
    diagnostics.invalid(node.at, message, help);
}

fn parse_statuses(node: &Node) -> Option<RangeInclusive<u16>> {
    let text = match &node.value {
        Yaml::Number(number) => number.to_string(),
        Yaml::Text(text) => text.trim().to_lowercase(),
        Yaml::Null | Yaml::Bool(_) | Yaml::List(_) | Yaml::Map(_) => return None,
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = class.parse::<u16>().ok()?.checked_mul(100)?;
        return (100..=500).contains(&first).then(|| first..=first + 99);
    }
    let (low, high) = text.split_once('-').unwrap_or((&text, &text));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    let known = 100..=599_u16;
    (known.contains(&low) && known.contains(&high) && low <= high).then_some(low..=high)
}
