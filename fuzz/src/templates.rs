//! Templates, for any text: what loads renders within its limits or says why not, and no event forms the
//! host of a URL.

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

use super::house::{CONFIG, EVENTS, text};

/// More than the limit of a leaf that is one value; JSON writes a NUL with six letters.
const LEAF: usize = 6 * (5 << 20);
/// More than the limit of one text; names of secrets stand for their values.
const BOUND: usize = 300 * 1024;

/// A text as it stands in a body, as a URL, and as a leaf of `json:`.
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
                text.to_string().len() < BOUND,
                "{} bytes",
                text.to_string().len()
            );
        }
        if let Some(Ok(text)) = url.as_ref().map(|template| template.render(&scope)) {
            hosts.extend(host(&text.to_string()));
        }
        if let Some(Ok(tree)) = tree.as_ref().map(|tree| tree.render(&scope)) {
            let written = tree.redacted().to_string();
            // A leaf that is one value is that value, which is an event's at most.
            assert!(written.len() < LEAF, "{} bytes", written.len());
        }
    }
    assert!(hosts.len() < 2, "an event chose the host: {hosts:?}");
}

/// The text as a node of a rule.
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

/// Whom a URL leads to.
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
