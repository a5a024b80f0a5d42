//! Proposes keys and values in ZIS bundles.

use lsp_types::CompletionItemKind;

use super::keys::present_keys;
use super::{CompletionSite, Proposal, Proposals, values};
use crate::lsp::cursor::{CursorRole, TreeStep};
use crate::lsp::workspace_root::FileRole;
use flowtrigger_core::bundle::is_bundle;
use flowtrigger_core::bundle::part::{BundlePart, BundleStep};
use flowtrigger_core::flow::vocabulary::http::METHODS;

/// Whether the document at the cursor is a bundle.
pub fn is_in_bundle(site: &CompletionSite<'_>) -> bool {
    let is_rules = site.view.role == FileRole::Rules;
    is_rules && site.document.as_ref().is_some_and(is_bundle)
}

pub fn propose(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let steps = site.cursor.path.iter().map(|step| match step {
        TreeStep::Key(key) => BundleStep::Key(key),
        TreeStep::Item(index) => BundleStep::Item(*index),
    });
    let part = BundlePart::at(site.document.as_ref(), steps);
    if site.cursor.role == CursorRole::KeyOrValue {
        let present = present_keys(site);
        for (key, of) in part.keys() {
            if !present.iter().any(|known| known == key) {
                proposals.key(Proposal::new(key).detail(of));
            }
        }
    }
    let member = CompletionItemKind::ENUM_MEMBER;
    for value in part.values() {
        proposals.value(Proposal::new(value), member);
    }
    match part.value_of() {
        Some("method") => {
            for method in METHODS {
                proposals.value(Proposal::new(method), member);
            }
        }
        Some("connectionName") => {
            for name in site.view.config().connections.keys() {
                let proposal = Proposal::new(name).detail("connection");
                proposals.value(proposal, CompletionItemKind::REFERENCE);
            }
        }
        Some("event_source" | "event_type") => values::propose(site, proposals),
        Some(_) | None => {}
    }
}
