//! Proposes values: event types, names that are defined elsewhere, paths, and values of a closed set.

use lsp_types::CompletionItemKind;

use super::keys::field_proposal;
use super::{CompletionSite, Proposal, Proposals, names};
use crate::lsp::cursor::{CursorRole, TreeStep};
use crate::lsp::workspace_root::FileRole;
use flowtrigger_core::event::catalogue::event_type::EventType;
use flowtrigger_core::event::catalogue::field_type::FieldType;
use flowtrigger_core::language::operator::SPECS;

/// The keys of conditions that are no field.
const GROUPS: [&str; 5] = ["all", "any", "none", "not", "any_of"];

pub fn propose(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let keys = site.cursor.keys();
    let last_is_item = matches!(site.cursor.path.last(), Some(TreeStep::Item(_)));
    let (parent, last) = match keys.as_slice() {
        [] => return,
        [last] => ("", *last),
        [.., parent, last] => (*parent, *last),
    };
    // A key on a line of its own is being written, unless a list is.
    let is_value = site.cursor.role == CursorRole::Value || last_is_item;
    if is_value {
        named(site, parent, last, proposals);
    }
    let is_test = site.schema.is("test_of_field");
    if is_test || is_value && keys.contains(&"when") {
        of_field(site, proposals);
    }
    // The schema lists the event types of every source.
    if is_value && last != "event_type" {
        for value in site.schema.values() {
            proposals.value(Proposal::new(value), CompletionItemKind::ENUM_MEMBER);
        }
    }
}

/// Proposes what a key names.
fn named(site: &CompletionSite<'_>, parent: &str, last: &str, proposals: &mut Proposals) {
    let config = site.view.config();
    let reference = CompletionItemKind::REFERENCE;
    match (parent, last) {
        (_, "event_source") => {
            let sources = config.sources.keys().map(String::as_str);
            for source in sources.chain(config.catalogue.sources()) {
                proposals.value(Proposal::new(source).detail("source"), reference);
            }
        }
        (_, "event_type") => event_types(site, proposals),
        (_, "connection") => {
            for name in config.connections.keys() {
                proposals.value(Proposal::new(name).detail("connection"), reference);
            }
        }
        (_, "flow_name") => flows(site, proposals),
        (_, "flow") if site.cursor.path.len() > 1 => flows(site, proposals),
        (_, "during") | ("during", "not") => {
            for name in config.schedules.keys() {
                proposals.value(Proposal::new(name).detail("schedule"), reference);
            }
        }
        (_, "rule") if site.view.role == FileRole::Tests => {
            let loaded = site.view.workspace.loaded.iter();
            for rule in loaded.flat_map(|loaded| loaded.rulebook.rules.rules.iter()) {
                proposals.value(Proposal::new(&rule.name).detail("rule"), reference);
            }
        }
        ("http", "path") => {}
        (_, "path" | "per" | "one_at_a_time_per" | "for_each" | "in" | "because") => {
            paths(site, proposals);
        }
        _ => {}
    }
}

fn flows(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    for name in names::flows(site.view) {
        let proposal = Proposal::new(name).detail("flow");
        proposals.value(proposal, CompletionItemKind::FUNCTION);
    }
}

/// Proposes paths of fields, variables and results of steps.
fn paths(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let samples = site.event.samples(site.view);
    for field in site.event.fields() {
        proposals.value(field_proposal(&field, &samples), CompletionItemKind::FIELD);
    }
    for name in names::variables(site) {
        let proposal = Proposal::new(format!("vars.{name}")).detail("variable");
        proposals.value(proposal, CompletionItemKind::VARIABLE);
    }
    for name in site.document.as_ref().map(names::steps).unwrap_or_default() {
        let proposal = Proposal::new(format!("steps.{name}")).detail("result of a step");
        proposals.value(proposal, CompletionItemKind::VARIABLE);
    }
}

/// Proposes the event types of the document's source, and their families.
fn event_types(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let catalogue = &site.view.config().catalogue;
    let source = source(site);
    let is_of_source = |known: &&EventType| {
        source
            .as_deref()
            .is_none_or(|source| known.source == source)
    };
    let mut families: Vec<String> = Vec::new();
    for known in catalogue.types().filter(is_of_source) {
        let family = format!("{}.*", known.family());
        if !families.contains(&family) {
            families.push(family);
        }
        let proposal = Proposal::new(&known.name)
            .detail(known.display.clone().unwrap_or_default())
            .documentation(&known.summary);
        proposals.value(proposal, CompletionItemKind::EVENT);
    }
    for family in families {
        let proposal = Proposal::new(family).detail("every type of the family");
        proposals.value(proposal, CompletionItemKind::EVENT);
    }
}

/// The source that the document names.
fn source(site: &CompletionSite<'_>) -> Option<String> {
    if let Some(document) = &site.document {
        let around = site
            .cursor
            .path
            .split_last()
            .map_or(&[][..], |(_, path)| path);
        let around = crate::lsp::cursor::node_at(document, around);
        let own = around.and_then(|around| around.get("event_source"));
        let source = own.or_else(|| document.get("event_source"))?;
        return source.scalar_text();
    }
    let text = &site.view.text[site.cursor.document.clone()];
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("event_source:"))?;
    Some(line.trim().to_owned())
}

/// Proposes the values of the tested field, if its type has a closed set of them.
fn of_field(site: &CompletionSite<'_>, proposals: &mut Proposals) {
    let keys = site.cursor.keys();
    let mut fields = keys.iter().rev();
    let Some(path) = fields.find(|key| !GROUPS.contains(key) && !is_operand(key)) else {
        return;
    };
    let Some(field) = site.event.field(path) else {
        return;
    };
    let values = field.field_type.values().unwrap_or_default();
    for value in values {
        let proposal = Proposal::new(*value).detail(field.field_type.name());
        proposals.value(proposal, CompletionItemKind::ENUM_MEMBER);
    }
    if field.field_type == FieldType::Boolean {
        for value in ["true", "false"] {
            proposals.value(Proposal::new(value), CompletionItemKind::ENUM_MEMBER);
        }
    }
}

fn is_operand(key: &str) -> bool {
    SPECS.iter().any(|spec| spec.name == key)
}
