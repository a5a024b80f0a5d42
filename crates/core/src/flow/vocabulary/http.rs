//! Defines the keys under `http`, with their JSON Schema.
//! They are lowered in `compile::flow::http`.

use serde_json::{Value, json};

use crate::document::vocabulary::{Keyword, Vocabulary, anything, keyword, mapping, text, words};
use crate::flow::limits::MAX_REDIRECTS;

/// The key of the action.
pub const ACTION: Keyword = keyword(
    "http",
    "Sends an HTTP request. The result has `status`, `headers` and `body`.",
    http,
);

/// The methods that a request may have.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The keys under `http`.
pub const HTTP: Vocabulary = Vocabulary {
    name: "`http`",
    words: words! {
        "method" method => "The HTTP method. Default: GET, or POST if there is a body.";
        "url" text => "The complete URL. Values are percent-encoded and can never form the host. Beside `connection`: one value that is the whole address, `{{ steps.list.body.next_page }}`; the request fails before it is sent unless the address has the origin of the connection.";
        "connection" text =>
            "A connection of flowtrigger.yaml, which provides the base URL and the credentials. Requires `path`, or a `url` that is one value.";
        "path" path => "The path below the connection's base URL; starts with `/`. Values are percent-encoded; a secret is inserted unchanged.";
        "headers" mapping => "Headers by name.";
        "query" mapping => "Query parameters by name. A list repeats the parameter.";
        "json" anything =>
            "The body as JSON, with templates as values. A value that consists of one `{{ … }}` keeps its type.";
        "form" mapping => "The body as form fields by name.";
        "body" text => "The body as text.";
        "expect" expect =>
            "The statuses that count as success: `200`, `2xx`, `200-299`, or a list of these. Default: `2xx`.";
        "redirects" redirects =>
            "The maximum number of redirects to follow; each one is checked. Default: none. Another origin receives no credentials, no header with a secret and no `Idempotency-Key`.";
    },
};

fn http() -> Value {
    let mut schema = HTTP.schema(&[]);
    schema["oneOf"] = json!([
        {"required": ["url"]},
        {"required": ["connection", "path"]},
    ]);
    schema
}

fn method() -> Value {
    json!({"enum": METHODS})
}

fn path() -> Value {
    json!({"type": "string", "pattern": "^/"})
}

fn redirects() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MAX_REDIRECTS})
}

fn expect() -> Value {
    let one = json!({"oneOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?)$"},
    ]});
    json!({"oneOf": [one, {"type": "array", "minItems": 1, "items": one}]})
}
