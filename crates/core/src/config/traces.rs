//! Reads `traces` of the configuration: the collector that gets a trace of each run, and what is sent of it.
//! The address may also come from the variables of OpenTelemetry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::config::Config;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, duration, text, words};
use crate::document::{Entry, Node};
use crate::event::EMPTY_EVENT;
use crate::event::trace_context::{TraceId, TraceParent};
use crate::language::rendered_text::RenderedText;
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, RenderError, Template};
use crate::path::scope::Scope;

/// The variables of OpenTelemetry that are read: the whole address, and the one to which the path is added.
pub const ENDPOINT_VARIABLES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The path of traces, where an address has none.
const PATH: &str = "v1/traces";

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where traces of runs are sent, and what is sent.
#[derive(Debug, Clone)]
pub struct TraceExport {
    pub at: Span,
    /// `None` if neither the configuration nor the environment has it: nothing is sent then.
    pub endpoint: Option<Url>,
    pub headers: Vec<(String, Template)>,
    /// The part of the traces that begin here and are sent, from 0 to 1.
    pub sample: f64,
    pub timeout: Duration,
    /// Attributes of the resource besides those that the program sets.
    pub resource: BTreeMap<String, String>,
}

pub const TRACES: Vocabulary = Vocabulary {
    name: "`traces`",
    words: words! {
        "endpoint" text =>
            "The address of the collector for OTLP over HTTP with JSON: `https://collector.example:4318`. Without a path it is `/v1/traces`. Default: the variable `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, or `OTEL_EXPORTER_OTLP_ENDPOINT` with the path `/v1/traces` added.";
        "headers" texts => "Headers of every request, such as `Authorization: \"Bearer {{ secret.OTLP_TOKEN }}\"`.";
        "sample" part =>
            "The part of the traces that is sent, from 0 to 1. If the delivery names a trace, its sender decides. Default: 1.";
        "timeout" duration => "The maximum duration of a request. Default: 10s.";
        "resource" texts =>
            "Attributes that describe this installation, such as `deployment.environment.name: production`. `service.name` is `flowtrigger` unless it is here.";
    },
};

fn texts() -> Value {
    json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
}

fn part() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

pub fn schema() -> Value {
    TRACES.schema(&[])
}

/// Reads the mapping; `None` after an error was reported.
pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<TraceExport> {
    names.entries(node, &TRACES)?;
    let endpoint = node.get("endpoint").map(|node| lower_endpoint(node, names));
    let mut headers = Vec::new();
    for header in section(node, "headers", names) {
        let value = Template::lower(&header.value, &header.key, Escape::None, names);
        headers.push(value.map(|value| (header.key.clone(), value)));
    }
    let mut resource = BTreeMap::new();
    for attribute in section(node, "resource", names) {
        if let Some(text) = names.text(&attribute.value, &attribute.key) {
            resource.insert(attribute.key.clone(), text);
        }
    }
    let sample = node.get("sample").map(|node| lower_part(node, names));
    let timeout = node.get("timeout");
    let timeout = timeout.map(|node| names.duration(node, "timeout"));
    Some(TraceExport {
        at: node.at,
        endpoint: endpoint.map_or(Some(None), |endpoint| endpoint.map(Some))?,
        headers: headers.into_iter().collect::<Option<_>>()?,
        sample: sample.unwrap_or(Some(1.0))?,
        timeout: timeout.unwrap_or(Some(DEFAULT_TIMEOUT))?,
        resource,
    })
}

fn section<'n>(node: &'n Node, key: &str, names: &mut NameResolver<'_>) -> &'n [Entry] {
    match node.get(key) {
        None => &[],
        Some(section) => section.as_map().unwrap_or_else(|| {
            names.wrong_type(section, key, "a mapping of names to texts");
            &[]
        }),
    }
}

fn lower_part(node: &Node, names: &mut NameResolver<'_>) -> Option<f64> {
    let part = node.to_json().as_f64();
    let part = part.filter(|part| (0.0..=1.0).contains(part));
    if part.is_none() {
        let message = "`sample` takes a number from 0 to 1";
        names.invalid(node.at, message, "write 0.1 to send every tenth trace");
    }
    part
}

fn lower_endpoint(node: &Node, names: &mut NameResolver<'_>) -> Option<Url> {
    let text = names.text(node, "endpoint")?;
    match endpoint(&text) {
        Ok(url) => Some(url),
        Err(reason) => {
            let message = format!("`endpoint` is not the address of a collector: {reason}");
            let help = "write https://host:4318, and credentials under `headers`";
            names.reject_value(node.at, message, help)
        }
    }
}

/// The address that a text names, with the path of traces if it has none.
fn endpoint(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme `{}` is not supported", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains credentials".to_owned());
    }
    if url.path() == "/" {
        url.set_path(PATH);
    }
    Ok(url)
}

/// The address below another one.
fn below(text: &str) -> Result<Url, String> {
    let mut url = endpoint(text)?;
    let path = url.path().trim_end_matches('/');
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}/{PATH}"));
    }
    Ok(url)
}

/// Takes the address from the variables of OpenTelemetry if `traces` has none.
pub fn overlay(
    environment: &BTreeMap<String, String>,
    config: &mut Config,
    at: Span,
    diagnostics: &mut Diagnostics,
) {
    let Some(traces) = &mut config.traces else {
        return;
    };
    if traces.endpoint.is_some() {
        return;
    }
    let [whole, base] = ENDPOINT_VARIABLES;
    let set = |name: &str| environment.get(name).filter(|text| !text.trim().is_empty());
    let found = set(whole).map(|text| (whole, endpoint(text)));
    let found = found.or_else(|| set(base).map(|text| (base, below(text))));
    match found {
        Some((_, Ok(url))) => traces.endpoint = Some(url),
        Some((name, Err(reason))) => {
            let message = format!(
                "the environment variable `{name}` is not the address of a collector: {reason}"
            );
            diagnostics.push(Diagnostic::error(Code::InvalidValue, at, message));
        }
        None => {
            let message = "`traces` has no `endpoint`: no trace is sent";
            let help = "add `endpoint: https://host:4318`, or set OTEL_EXPORTER_OTLP_ENDPOINT where the daemon runs";
            let missing = Diagnostic::warning(Code::MissingKey, traces.at, message);
            diagnostics.push(missing.help(help));
        }
    }
}

impl TraceExport {
    /// Whether a trace is sent. If the delivery names one, its sender decides.
    pub fn samples(&self, trace: TraceId, parent: Option<TraceParent>) -> bool {
        match parent {
            Some(parent) => parent.is_sampled(),
            None => trace.is_sampled(self.sample),
        }
    }

    /// The headers, in which secrets are names.
    pub fn render_headers(&self, vars: &Value) -> Result<Vec<(String, RenderedText)>, RenderError> {
        let scope = Scope::new(&EMPTY_EVENT, vars);
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| Ok((name.clone(), value.render(&scope)?)))
            .collect()
    }

    /// The names of the secrets in its headers.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().flat_map(|(_, value)| value.secrets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::diagnostic::Files;

    fn read(text: &str, environment: &[(&str, &str)]) -> (Option<TraceExport>, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let file = Files::default().add("flowtrigger.yaml", text);
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = parse(file, text, &environment, &mut diagnostics);
        let messages = diagnostics.iter().map(|found| found.message.clone());
        (config.traces, messages.collect())
    }

    fn endpoint_of(text: &str, environment: &[(&str, &str)]) -> String {
        let (traces, messages) = read(text, environment);
        assert_eq!(messages, [""; 0], "{text}");
        traces.unwrap().endpoint.unwrap().to_string()
    }

    #[test]
    fn an_address_without_a_path_gets_the_one_of_traces() {
        for (text, address) in [
            ("https://c.example:4318", "https://c.example:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://c.example/otlp/x", "https://c.example/otlp/x"),
        ] {
            let text = format!("traces: {{ endpoint: \"{text}\" }}");
            assert_eq!(endpoint_of(&text, &[]), address);
        }
    }

    #[test]
    fn the_variables_of_opentelemetry_are_the_default() {
        let [whole, base] = ENDPOINT_VARIABLES;
        let both = [(whole, "http://a.example/x"), (base, "http://b.example/y/")];
        assert_eq!(endpoint_of("traces: {}", &both), "http://a.example/x");
        assert_eq!(
            endpoint_of("traces: {}", &both[1..]),
            "http://b.example/y/v1/traces"
        );
        assert_eq!(
            endpoint_of("traces: {}", &[(base, "http://b.example:4318")]),
            "http://b.example:4318/v1/traces"
        );
        assert_eq!(
            endpoint_of("traces: { endpoint: \"http://c.example/z\" }", &both),
            "http://c.example/z"
        );
        let (none, messages) = read("mode: live", &both);
        assert!(none.is_none() && messages.is_empty());
        let (_, messages) = read("traces: {}", &[(base, "localhost")]);
        assert_eq!(
            messages,
            [
                "the environment variable `OTEL_EXPORTER_OTLP_ENDPOINT` is not the address of a collector: relative URL without a base"
            ]
        );
    }

    #[test]
    fn mistakes_are_reported() {
        for (text, message) in [
            ("traces: {}", "`traces` has no `endpoint`: no trace is sent"),
            (
                "traces: { endpoint: \"grpc://c.example\" }",
                "`endpoint` is not the address of a collector: the scheme `grpc` is not supported",
            ),
            (
                "traces: { endpoint: \"https://me:mine@c.example\" }",
                "`endpoint` is not the address of a collector: it contains credentials",
            ),
            (
                "traces: { endpoint: \"https://c.example\", sample: 2 }",
                "`sample` takes a number from 0 to 1",
            ),
            (
                "traces: { endpoint: \"https://c.example\", headers: [a] }",
                "`headers` takes a mapping of names to texts, found a list",
            ),
            (
                "traces: { endpoint: \"https://c.example\", samples: 1 }",
                "unknown key `samples` in `traces`",
            ),
        ] {
            assert_eq!(read(text, &[]).1, [message], "{text}");
        }
    }

    #[test]
    fn the_sender_of_a_trace_decides_whether_it_is_sent() {
        let text = "traces: { endpoint: \"https://c.example\", sample: 0 }";
        let traces = read(text, &[]).0.unwrap();
        let parse = |text: &str| TraceParent::parse(text).unwrap();
        let sampled = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let unsampled = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        assert!(traces.samples(sampled.trace, Some(sampled)));
        assert!(!traces.samples(sampled.trace, Some(unsampled)));
        assert!(!traces.samples(sampled.trace, None));
    }
}
