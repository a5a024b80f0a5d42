//! Tests of contradictions and of comparisons that always hold.

use serde_json::json;

use crate::diagnostic::{Diagnostics, FileId, Severity};
use crate::document;
use crate::event::catalogue::Catalogue;
use crate::language::condition::Condition;
use crate::language::event_fields::{EventFields, EventTypes};
use crate::language::resolver::NameResolver;

/// The messages for a valid condition on `ticket.PriorityChanged`, errors before warnings.
fn messages(when: &str) -> Vec<String> {
    let (condition, messages) = lowered(when);
    assert!(condition.is_some(), "{when}: {messages:?}");
    messages
}

/// The messages for a condition with mistakes.
fn reported(when: &str) -> Vec<String> {
    let (condition, messages) = lowered(when);
    assert!(condition.is_none(), "{when}: {messages:?}");
    messages
}

fn lowered(when: &str) -> (Option<Condition>, Vec<String>) {
    let mut diagnostics = Diagnostics::default();
    let nodes = document::read(FileId::default(), when, &mut diagnostics);
    let catalogue = Catalogue::built_in();
    let known = catalogue
        .by_name("support", "ticket.PriorityChanged")
        .cloned();
    let types: EventTypes = known.into_iter().collect();
    let fields = EventFields::Of(types);
    let vars = json!({"limit": 5}).into();
    let mut names = NameResolver::new(catalogue, vars, fields, &mut diagnostics);
    let condition = Condition::lower(&nodes[0], &mut names);
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let messages = diagnostics
        .iter()
        .map(|d| format!("{}: {}", word(d.severity), d.message));
    (condition, messages.collect())
}

#[test]
fn contradictions_are_errors_with_both_places() {
    for (when, message) in [
        (
            "{ ticket.status: { is: solved, not: solved } }",
            "error: `ticket.status` can never fulfil both `not is \"solved\"` and `is \"solved\"` (line 1, column 24)",
        ),
        (
            "{ current: { gt: { path: current } } }",
            "error: `current` can never fulfil `gt current`",
        ),
        (
            "{ none: [{ ticket.status: { gte: new } }] }",
            "error: `ticket.status` can never fulfil `not gte \"new\"`",
        ),
        (
            "{ ticket.subject: { is: foo, matches: '^bar' } }",
            "error: `ticket.subject` can never fulfil both `matches /^bar/` and `is \"foo\"` (line 1, column 25)",
        ),
        (
            "{ previous: { gt: urgent } }",
            "error: `previous` can never fulfil `gt \"urgent\"`",
        ),
        (
            "{ ticket.status: { gt: open, lt: pending } }",
            "error: `ticket.status` can never fulfil both `lt \"pending\"` and `gt \"open\"` (line 1, column 24)",
        ),
        (
            "{ ticket.created_at: { after: -2h, before: -4h } }",
            "error: `ticket.created_at` can never fulfil both `before -4h from the event's time` and `after -2h from the event's time` (line 1, column 31)",
        ),
    ] {
        assert_eq!(messages(when), [message], "{when}");
    }
}

#[test]
fn every_kind_of_contradiction_is_found() {
    for when in [
        "{ ticket.id: { gt: 1, lt: 2 } }",
        "{ ticket.id: { gt: 10 }, any: [{ ticket.id: 7 }, { ticket.id: { lt: 5 }, current: low }] }",
        "{ ticket.id: { gt: 10 }, all: [{ ticket.id: { lt: 5 } }] }",
        "{ ticket.id: { gt: { path: vars.limit } }, body.ticket.id: 3 }",
        "{ all: [{ ticket.status: new }, { all: [{ ticket.status: open }] }] }",
        "{ ticket.status: new, any: [{ ticket.status: open }, { ticket.status: pending }] }",
        "{ any: [{ previous: low }, { ticket.status: { is: new, not: [new, open] } }] }",
        "{ current: { is: [low, normal], not: { not: [high, urgent] } } }",
        "{ none: [{ ticket.status: { not: open } }, { ticket.status: open }] }",
        "{ ticket.tags: { has: vip, not: { has: [vip, gold] } } }",
        "{ ticket.tags: { has_all: [a, b], not: { has: b } } }",
        "{ ticket.subject: { starts_with: A, not: { contains: a, ignore_case: true } } }",
        "{ ticket.subject: { starts_with: ab, ends_with: c, is: abd } }",
        "{ ticket.subject: { present: false, contains: a } }",
        "{ ticket.subject: { exists: false, not: x } }",
        "{ ticket.subject: { exists: false, present: true } }",
        "{ ticket.created_at: { after: 2026-03-01, before: 2026-02-01 } }",
        "{ ticket.created_at: { between: [2026-01-01, 2026-02-01], after: 2026-02-01 } }",
        "{ current: { path: previous }, any: [{ current: { not: { path: previous } } }] }",
        "{ ticket.subject: { matches: '^a', not: { matches: '^a' } } }",
        "{ ticket.subject: { matches: '^a', is: [b, c] } }",
        "{ ticket.subject: { matches: '^a', exists: false } }",
        "{ ticket.id: { lt: { path: ticket.id } } }",
        "{ ticket.id: { not: { path: ticket.id } } }",
        "{ ticket.id: { not: { path: body.ticket.id } } }",
        "{ ticket.tags: { any_of: { is: vip, not: vip } } }",
        "{ '$..tags[*]': { is: vip, not: vip } }",
        "{ ticket.tags: { any_of: { is: x }, not: { has: x } } }",
        "{ ticket.tags: { not: { any_of: { not: x } }, has: y } }",
        "{ ticket.is_public: { not: [true, false] } }",
        "{ previous: urgent, current: { gt: { path: previous } } }",
        "{ current: low, any: [{ previous: { lt: { path: current } } }, { current: high }] }",
        "{ previous: { lt: { path: current } }, current: { lt: { path: previous } } }",
        "{ ticket.created_at: { lt: { path: ticket.updated_at } }, ticket.updated_at: { lte: { path: ticket.created_at } } }",
        "{ ticket.subject: { path: ticket.description }, ticket.description: { not: { path: ticket.subject } } }",
    ] {
        let found = messages(when);
        assert!(
            found.iter().any(|message| message.starts_with("error")),
            "{when}: {found:?}"
        );
    }
}

#[test]
fn what_can_happen_is_no_contradiction() {
    for when in [
        "{ ticket.tags: { any_of: { not: x }, has: x } }",
        "{ ticket.tags: { any_of: { is: X, ignore_case: true }, not: { has: X } } }",
        "{ ticket.is_public: { not: true } }",
        "{ previous: high, current: { gt: { path: previous } } }",
        "{ previous: { lte: { path: current } }, current: { lte: { path: previous } } }",
        "{ any: [{ previous: { lt: { path: current } } }, { current: { lt: { path: previous } } }] }",
        "{ ticket.created_at: { lte: { path: ticket.updated_at }, not: { path: ticket.updated_at } }, ticket.updated_at: { lte: { path: ticket.created_at } } }",
        "{ ticket.id: { lt: { path: ticket.requester_id }, gt: 5 }, ticket.requester_id: { lt: 7 } }",
        "{ ticket.id: { gt: 1, lt: 3 } }",
        "{ ticket.subject: { matches: '^a', is: [ab, c] } }",
        "{ ticket.subject: { matches: '^F', is: foo, ignore_case: true } }",
        "{ ticket.subject: { matches: '^Fo$', is: [FO, fo], ignore_case: true } }",
        "{ ticket.subject: { matches: '^a', not: ab } }",
        "{ none: [{ ticket.priority: { gte: low } }] }",
        "{ previous: { gt: { path: current } } }",
        "{ ticket.tags: { any_of: { starts_with: vip, not: vip_test } } }",
        "{ ticket.status: { gte: open, lte: pending } }",
        "{ ticket.status: { not: [solved, closed] } }",
        "{ ticket.tags: { has: vip, not: { has: [internal, test] } } }",
        "{ ticket.subject: { starts_with: ab, ends_with: b, contains: x } }",
        "{ ticket.subject: { gt: a, lt: b, matches: x } }",
        "{ ticket.created_at: { after: -4h, before: -2h } }",
        "{ ticket.created_at: { after: -2h, before: 2026-01-01 } }",
        "{ current: { path: previous }, previous: { not: low } }",
        "{ any: [{ current: low }, { current: high }] }",
        "{ '$..tags[*]': { is: vip, not: gold } }",
        "{ ticket.subject: { is: VIP, ignore_case: true }, all: [{ ticket.subject: { not: VIP } }] }",
    ] {
        assert_eq!(messages(when), [""; 0], "{when}");
    }
}

#[test]
fn comparisons_that_always_hold_are_warnings() {
    for when in [
        "{ current: { is: urgent, not: low } }",
        "{ ticket.id: { gt: 5, gte: 3 } }",
        "{ current: [low, normal, high, urgent, null] }",
        "{ any: [{ ticket.status: open }, { ticket.status: { not: open } }] }",
    ] {
        let found = messages(when);
        assert!(
            found.iter().any(|message| message.starts_with("warning")),
            "{when}: {found:?}"
        );
        assert!(
            !found.iter().any(|message| message.starts_with("error")),
            "{when}: {found:?}"
        );
    }
}

#[test]
fn a_mistake_does_not_hide_contradictions_of_other_fields() {
    for when in [
        "{ curent: urgent, ticket.status: { gt: solved, lt: closed } }",
        "{ curent: urgent, current: { gt: { path: current } } }",
        "{ ticket.status: { gt: solved }, all: [{ ticket.status: { lt: closed } }, { curent: low }] }",
        "{ ticket.status: { gt: solved, lt: closed, gtt: open } }",
        "{ ticket.status: { gt: solved, lt: closed }, any: [] }",
        "{ ticket.status: { gt: solved, lt: closed }, or: [{ curent: low }] }",
    ] {
        let found = reported(when);
        let contradictions = found
            .iter()
            .filter(|message| message.contains("can never fulfil"));
        assert_eq!(contradictions.count(), 1, "{when}: {found:?}");
        assert!(found.len() > 1, "{when}: {found:?}");
    }
    // One of several alternatives may be the misspelt one.
    let found = reported("{ any: [{ ticket.status: open }, { curent: low }], ticket.status: new }");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn another_spelling_can_fulfil_what_ignores_case() {
    for when in [
        "{ all: [{ ticket.tags: { has: vip, ignore_case: true } }, { ticket.tags: { not: { has: vip } } }] }",
        "{ all: [{ ticket.external_id: { is: vip, ignore_case: true } }, { ticket.external_id: { not: [vip, VIP, Vip] } }] }",
        "{ all: [{ ticket.external_id: { starts_with: vip, ignore_case: true } }, { ticket.external_id: { not: { starts_with: vip } } }] }",
        "{ all: [{ ticket.external_id: { contains: a1, ignore_case: true } }, { ticket.external_id: { not: { contains: a1 } } }] }",
    ] {
        assert_eq!(messages(when), Vec::<String>::new(), "{when}");
    }
    for when in [
        "{ all: [{ ticket.external_id: { is: vip, ignore_case: true } }, { ticket.external_id: { not: { is: VIP, ignore_case: true } } }] }",
        "{ all: [{ ticket.external_id: { is: '12', ignore_case: true } }, { ticket.external_id: { not: '12' } }] }",
    ] {
        let found = messages(when);
        assert!(found[0].contains("can never fulfil"), "{when}: {found:?}");
    }
}
