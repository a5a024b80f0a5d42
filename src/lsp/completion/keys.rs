//! Proposes keys: those of the schema, and in conditions the fields of the event and the operators.

use super::{CompletionSite, Proposal, Proposals};
use crate::lsp::cursor::node_at;
use crate::lsp::known_event::{KnownField, rule_of_test, sample_value};
use crate::lsp::workspace_root::FileRole;
use flowtrigger_core::document::Node;

pub fn propose(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let present = present_keys(site);
    let is_new = |name: &str| !present.iter().any(|key| key == name);
    let is_condition = site.schema.is("condition");
    if is_condition || takes_fields(site) {
        fields(site, proposals, &is_new);
    }
    for key in site.schema.keys() {
        if is_new(key.name) {
            proposals.key(Proposal::new(key.name).documentation(key.description));
        }
    }
    if is_condition {
        for name in super::names::variables(site) {
            let path = format!("vars.{name}");
            if is_new(&path) {
                proposals.key(Proposal::new(path).detail("variable"));
            }
        }
    }
    for step in steps_of_test(site) {
        if is_new(&step) {
            proposals.key(Proposal::new(step).detail("step"));
        }
    }
}

/// Proposes the fields of the event.
fn fields(site: &CompletionSite<'_>, proposals: &mut Proposals, is_new: &dyn Fn(&str) -> bool) {
    let samples = site.event.samples(site.view);
    for field in site.event.fields() {
        if is_new(&field.path) {
            proposals.key(field_proposal(&field, &samples));
        }
    }
}

/// A field with its type and a sample value.
pub fn field_proposal(field: &KnownField, samples: &[flowtrigger_core::event::Event]) -> Proposal {
    let mut text = field.field_type.describe();
    if let Some(values) = field.field_type.values() {
        text.push_str(&format!(": `{}`", values.join("`, `")));
    }
    if let Some(only) = &field.only {
        text.push_str(&format!(" ({only} only)"));
    }
    if let Some(value) = sample_value(&field.path, samples) {
        text.push_str(&format!("\n\nExample: `{value}`"));
    }
    Proposal::new(&field.path)
        .detail(field.field_type.name())
        .documentation(text)
}

/// Whether the keys here are fields of an event, outside of a condition.
fn takes_fields(site: &CompletionSite<'_>) -> bool {
    let last = site.cursor.path.last().and_then(|step| step.key());
    last == Some("set") && is_in_test(site)
}

fn is_in_test(site: &CompletionSite<'_>) -> bool {
    site.view.role == FileRole::Tests || site.cursor.keys().first() == Some(&"tests")
}

/// The steps of the tested rule, where a test lists steps by name.
fn steps_of_test(site: &CompletionSite<'_>) -> Vec<String> {
    let last = site.cursor.path.last().and_then(|step| step.key());
    let lists_steps = matches!(last, Some("mock" | "steps" | "attempts"));
    if !lists_steps || !is_in_test(site) {
        return Vec::new();
    }
    let document = site.document.as_ref();
    if site.view.role == FileRole::Rules {
        return document.map(super::names::steps).unwrap_or_default();
    }
    let rule = rule_of_test(site.view, &site.cursor, document);
    let steps = rule.into_iter().flat_map(|rule| rule.steps());
    steps.map(|step| step.name.clone()).collect()
}

/// The keys that the mapping at the cursor has already.
pub fn present_keys(site: &CompletionSite<'_>) -> Vec<String> {
    let document = site.document.as_ref();
    let mapping = document.and_then(|document| node_at(document, &site.cursor.path));
    let entries = mapping.and_then(Node::as_map).unwrap_or_default();
    let written = &site.view.text[site.cursor.token.clone()];
    let keys = entries.iter().map(|entry| entry.key.clone());
    keys.filter(|key| key != written).collect()
}
