//! Converted triggers match the updates that their triggers were written for.

use std::sync::Arc;

use flowtrigger_core::convert::conversion::ConvertedRule;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::rule::Rule;
use flowtrigger_testing::{repository, rules};
use serde_json::json;

use super::samples::changed;
use super::{configuration, converted};

#[test]
fn a_converted_trigger_fires_for_the_updates_that_it_was_made_for() {
    let both = |case: &str| {
        let file = repository::path("tests/cases/convert").join(format!("{case}.json"));
        let conversion = converted(&repository::read(file));
        let texts: Vec<String> = conversion.rules.iter().map(ConvertedRule::text).collect();
        let text = texts.join("---\n");
        rules::load(&[("converted.yaml", &text)], &configuration(&conversion))
    };
    let sets = [
        "changes",
        "states",
        "comments",
        "custom-fields",
        "alternatives",
    ]
    .map(|case| (case, both(case)));
    let later = "2026-03-09T09:00:00Z";
    let comment = |public: bool, staff: bool, body: &str| json!({"comment.is_public": public, "comment.author.is_staff": staff, "comment.body": body, "ticket.updated_at": later});
    for (case, rule, sample, changes, expected) in [
        (
            "changes",
            "solved-tell-the-crm",
            "status-changed",
            json!({"current": "solved", "previous": "pending", "ticket.priority": null}),
            true,
        ),
        (
            "changes",
            "solved-tell-the-crm",
            "status-changed",
            json!({"current": "solved", "previous": "open"}),
            false,
        ),
        (
            "changes",
            "solved-tell-the-crm",
            "status-changed",
            json!({"current": "solved", "previous": "pending", "ticket.priority": "low"}),
            false,
        ),
        (
            "changes",
            "solved-tell-the-crm",
            "ticket-created",
            json!({"ticket.status": "solved"}),
            false,
        ),
        (
            "changes",
            "urgent-also-when-new",
            "priority-changed",
            json!({"current": "urgent"}),
            true,
        ),
        (
            "changes",
            "urgent-also-when-new",
            "priority-changed",
            json!({"current": "high", "ticket.priority": "urgent"}),
            false,
        ),
        (
            "changes",
            "urgent-also-when-new",
            "ticket-created",
            json!({"ticket.priority": "urgent"}),
            true,
        ),
        (
            "changes",
            "urgent-also-when-new",
            "status-changed",
            json!({"ticket.priority": "urgent"}),
            false,
        ),
        (
            "changes",
            "any-of-several-changes",
            "agent-assignment-changed",
            json!({"previous": null, "ticket.brand_id": 31}),
            true,
        ),
        (
            "changes",
            "any-of-several-changes",
            "agent-assignment-changed",
            json!({"previous": 7, "ticket.brand_id": 31}),
            false,
        ),
        (
            "changes",
            "any-of-several-changes",
            "group-assignment-changed",
            json!({"current": 2290250, "ticket.brand_id": 31}),
            true,
        ),
        (
            "changes",
            "any-of-several-changes",
            "group-assignment-changed",
            json!({"current": 1, "ticket.group_id": 1, "ticket.brand_id": 31}),
            false,
        ),
        (
            "changes",
            "any-of-several-changes",
            "status-changed",
            json!({"ticket.brand_id": 32}),
            false,
        ),
        (
            "changes",
            "form-and-brand",
            "brand-changed",
            json!({"previous": 31}),
            true,
        ),
        (
            "changes",
            "form-and-brand",
            "brand-changed",
            json!({"previous": 30}),
            false,
        ),
        (
            "changes",
            "form-and-brand",
            "ticket-form-changed",
            json!({"current": 89}),
            true,
        ),
        (
            "changes",
            "form-and-brand",
            "ticket-form-changed",
            json!({"current": 90}),
            false,
        ),
        (
            "changes",
            "not-changed-to-not-changed-from",
            "status-changed",
            json!({"current": "open", "previous": "pending"}),
            true,
        ),
        (
            "changes",
            "not-changed-to-not-changed-from",
            "status-changed",
            json!({"current": "closed", "previous": "pending"}),
            false,
        ),
        (
            "changes",
            "not-changed-to-not-changed-from",
            "status-changed",
            json!({"current": "open", "previous": "new"}),
            false,
        ),
        (
            "states",
            "changes-or-states",
            "tags-changed",
            json!({"ticket.tags": ["watched"], "ticket.organization_id": null, "ticket.updated_at": later}),
            true,
        ),
        (
            "states",
            "changes-or-states",
            "tags-changed",
            json!({"ticket.tags": ["watched"], "ticket.organization_id": 7, "ticket.updated_at": later}),
            false,
        ),
        (
            "states",
            "changes-or-states",
            "priority-changed",
            json!({"ticket.tags": ["watched"], "ticket.organization_id": null, "ticket.updated_at": later}),
            false,
        ),
        (
            "states",
            "new-or-not",
            "ticket-soft-deleted",
            json!({}),
            false,
        ),
        ("states", "new-or-not", "subject-changed", json!({}), true),
        (
            "comments",
            "customer-replied",
            "comment-added",
            comment(true, false, "A REFUND, please"),
            true,
        ),
        (
            "comments",
            "customer-replied",
            "comment-added",
            comment(true, false, "it was refunded"),
            false,
        ),
        (
            "comments",
            "customer-replied",
            "comment-added",
            comment(true, true, "refund"),
            false,
        ),
        (
            "comments",
            "customer-replied",
            "comment-added",
            comment(false, false, "refund"),
            false,
        ),
        (
            "comments",
            "any-note-also-the-first",
            "comment-added",
            comment(false, true, "x"),
            true,
        ),
        (
            "custom-fields",
            "refund-amount-set",
            "custom-field-changed-text",
            json!({"custom_field.id": 4420, "current": "219.00"}),
            true,
        ),
        (
            "custom-fields",
            "refund-amount-set",
            "custom-field-changed-text",
            json!({"custom_field.id": 4420, "current": "99.99"}),
            false,
        ),
        (
            "custom-fields",
            "refund-amount-set",
            "custom-field-changed-text",
            json!({"custom_field.id": 9, "current": "219.00"}),
            false,
        ),
        (
            "custom-fields",
            "checkbox-ticked",
            "custom-field-changed-text",
            json!({"custom_field.id": 77, "current": true}),
            true,
        ),
        (
            "custom-fields",
            "checkbox-ticked",
            "custom-field-changed-text",
            json!({"custom_field.id": 77, "current": false}),
            false,
        ),
        (
            "alternatives",
            "group-or-customer-when-new",
            "ticket-created",
            json!({"ticket.group_id": 2290114}),
            true,
        ),
    ] {
        let (_, set) = sets.iter().find(|(name, _)| *name == case).expect("a case");
        let named = |found: &Arc<Rule>| found.name == rule;
        assert!(set.rules.iter().any(named), "no rule {rule}");
        let event = changed(sample, changes.clone());
        let mut scratch = MatchScratch::default();
        let fires = set
            .evaluate_event(&event, &mut scratch)
            .matched()
            .any(named);
        assert_eq!(fires, expected, "{rule}: {sample} with {changes}");
    }
}
