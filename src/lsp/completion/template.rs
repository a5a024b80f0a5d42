//! Proposes what a template can read, and the filters behind `|`.

use lsp_types::CompletionItemKind;

use super::keys::field_proposal;
use super::{CompletionSite, Proposal, Proposals, names};
use flowtrigger_core::language::event_fields::COMMON_FIELDS;
use flowtrigger_core::language::template::filter::{FILTERS, TESTS};
use flowtrigger_core::path::{OUTAGE_ERROR_FIELDS, RUN_ERROR_FIELDS, STEP_ERROR_FIELDS};

/// The dotted name at the end of a template.
pub fn name_at_end(template: &str) -> &str {
    let is_name = |c: char| c.is_alphanumeric() || "_.".contains(c);
    let start = template
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_name(*c));
    let start = start.last().map_or(template.len(), |(index, _)| index);
    &template[start..]
}

pub fn propose(site: &CompletionSite<'_>, template: &str, proposals: &mut Proposals) {
    let name = name_at_end(template);
    let before = template[..template.len() - name.len()].trim_end();
    if before.ends_with('|') {
        for filter in FILTERS {
            let proposal = Proposal::new(filter.name).documentation(filter.summary);
            proposals.value(proposal, CompletionItemKind::FUNCTION);
        }
        return;
    }
    if before.ends_with(" is") || before.ends_with(" is not") {
        for test in TESTS {
            proposals.value(Proposal::new(test.name), CompletionItemKind::FUNCTION);
        }
        return;
    }
    let samples = site.event.samples(site.view);
    for field in site.event.fields() {
        proposals.value(field_proposal(&field, &samples), CompletionItemKind::FIELD);
    }
    for field in COMMON_FIELDS {
        let proposal = Proposal::new(field).detail("every event");
        proposals.value(proposal, CompletionItemKind::FIELD);
    }
    for name in names::variables(site) {
        let proposal = Proposal::new(format!("vars.{name}")).detail("variable");
        proposals.value(proposal, CompletionItemKind::VARIABLE);
    }
    for name in site.document.as_ref().map(names::steps).unwrap_or_default() {
        let proposal = Proposal::new(format!("steps.{name}")).detail("result of a step");
        proposals.value(proposal, CompletionItemKind::VARIABLE);
    }
    for name in site.view.config().secrets.keys() {
        // Only the name: the server reads no value of a secret.
        let proposal = Proposal::new(format!("secret.{name}")).detail("secret");
        proposals.value(proposal, CompletionItemKind::CONSTANT);
    }
    for field in error_fields(site) {
        let proposal = Proposal::new(format!("error.{field}")).detail("the failure");
        proposals.value(proposal, CompletionItemKind::FIELD);
    }
}

/// The fields of `error` at the cursor; none outside of the steps that handle failures.
fn error_fields(site: &CompletionSite<'_>) -> &'static [&'static str] {
    let keys = site.cursor.keys();
    let handler = keys.iter().rev().find_map(|key| match *key {
        "catch" => Some(STEP_ERROR_FIELDS),
        "on_dead" => Some(RUN_ERROR_FIELDS),
        "on_outage" => Some(OUTAGE_ERROR_FIELDS),
        _ => None,
    });
    handler.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_at_the_end_of_a_template_is_replaced() {
        assert_eq!(name_at_end(" ticket.su"), "ticket.su");
        assert_eq!(name_at_end(" ticket.id | up"), "up");
        assert_eq!(name_at_end(" f(ä.b"), "ä.b");
        assert_eq!(name_at_end(" x "), "");
    }
}
