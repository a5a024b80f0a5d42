//! Fuzzes templates with any text.
//! Rendering stays within its limits, and no event changes the host of a URL.

use std::collections::BTreeSet;

use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::document;
use flowtrigger_core::document::Node;
use flowtrigger_core::language::event_fields::EventFields;
use flowtrigger_core::language::template::json::JsonTemplate;
use flowtrigger_core::language::template::{Escape, Template};
use flowtrigger_core::path::scope::Scope;
use serde_json::json;
use url::Url;

use super::rulebook::{CONFIG, EVENTS, text};

/// Above the limit of a leaf that is one value; JSON writes a NUL with six characters.
const MAX_LEAF: usize = 6 * (5 << 20);
/// Above the limit of one text; secrets are rendered as their names.
const MAX_TEXT: usize = 300 * 1024;

/// A text as `body`, as a URL, and as a leaf of `json:`.
pub fn templates(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let mut diagnostics = Diagnostics::default();
    let Some(node) = node(text, &mut diagnostics) else {
        return;
    };
    let mut names = CONFIG.name_resolver(EventFields::Open, &mut diagnostics);
    let plain = Template::lower(&node, "body", Escape::None, &mut names);
    let url = Template::lower(&node, "url", Escape::Url, &mut names);
    let tree = JsonTemplate::lower(&node, &mut names);
    let mut hosts = BTreeSet::new();
    for scope in scopes() {
        if let Some(Ok(text)) = plain.as_ref().map(|template| template.render(&scope)) {
            assert!(
                text.to_string().len() < MAX_TEXT,
                "{} bytes",
                text.to_string().len()
            );
        }
        if let Some(Ok(text)) = url.as_ref().map(|template| template.render(&scope)) {
            hosts.extend(host(&text.to_string()));
        }
        if let Some(Ok(tree)) = tree.as_ref().map(|tree| tree.render(&scope)) {
            let written = tree.redacted().to_string();
            // A leaf that is one value has at most the size of an event.
            assert!(written.len() < MAX_LEAF, "{} bytes", written.len());
        }
    }
    assert!(hosts.len() < 2, "an event chose the host: {hosts:?}");
}

/// Returns the text as a node of a rule.
fn node(text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let quoted = json!(text).to_string();
    let file = Files::default().add("r.yaml", quoted.as_str());
    let nodes = document::read(file, &quoted, diagnostics);
    nodes
        .into_iter()
        .next()
        .filter(|node| node.as_text().is_some())
}

fn scopes() -> impl Iterator<Item = Scope<'static>> {
    EVENTS
        .iter()
        .step_by(6)
        .map(|(_, _, event)| Scope::new(event, &CONFIG.vars))
}

/// Returns the parts of a URL that determine the server.
fn host(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    Some(format!(
        "{} {} {:?} {:?} {:?}",
        url.scheme(),
        url.username(),
        url.password(),
        url.host_str(),
        url.port()
    ))
}
