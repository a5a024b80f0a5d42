//! Tests of the warning about rules that trigger themselves, with rules that only seem to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::compile::rule_set;
use crate::config;
use crate::diagnostic::{FileId, Files};

const CONFIG: &str = "connections: { desk: { base_url: https://desk.example, actor_id: 900 }, chat: { base_url: https://chat.example } }";

/// The warnings about a rule of one type that puts a ticket.
fn warnings(event_type: &str, more: &str, ticket: &str) -> Vec<String> {
    let put = "method: PUT, connection: desk, path: '/tickets/{{ ticket.id }}'";
    step(
        event_type,
        more,
        &format!("{put}, json: {{ ticket: {ticket} }}"),
    )
}

fn step(event_type: &str, more: &str, http: &str) -> Vec<String> {
    rule(&format!(
        "name: r\nevent_source: support\nevent_type: ticket.{event_type}\n{more}\nflow: [{{ http: {{ {http} }} }}]\n"
    ))
}

fn of_flow(steps: &str) -> Vec<String> {
    rule(&format!(
        "name: r\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{steps}]\n"
    ))
}

fn rule(text: &str) -> Vec<String> {
    let diagnostics = &mut Diagnostics::default();
    let config = config::parse(FileId::default(), CONFIG, &BTreeMap::new(), diagnostics);
    let mut files = Files::default();
    let file = files.add("r.yaml", text);
    rule_set::rule_set(&Arc::new(files), &[file], &config, diagnostics);
    assert!(!diagnostics.has_errors(), "{text}: {diagnostics:?}");
    let all = diagnostics.sorted().into_iter();
    let all = all.filter(|diagnostic| diagnostic.code == Code::StartsItself);
    all.map(|diagnostic| diagnostic.message).collect()
}

#[test]
fn a_rule_that_triggers_itself_is_reported() {
    for (event_type, when, ticket) in [
        ("StatusChanged", "", "{ status: open }"),
        (
            "StatusChanged",
            "when: { current: [open, solved] }",
            "{ status: open }",
        ),
        (
            "StatusChanged",
            "when: { ticket.status: open, ticket.priority: high }",
            "{ status: open }",
        ),
        (
            "StatusChanged",
            "when: { previous: new }",
            "{ status: '{{ previous }}' }",
        ),
        (
            "PriorityChanged",
            "when: { any: [{ current: low }, { current: high }] }",
            "{ priority: high }",
        ),
        (
            "CommentAdded",
            "when: { comment.is_public: false }",
            "{ comment: { public: false, body: noted } }",
        ),
        (
            "TagsChanged",
            "when: { tags_added: { has: [vip, seen] } }",
            "{ additional_tags: [seen] }",
        ),
        (
            "StatusChanged",
            "when: { ticket.tags: { has: vip } }",
            "{ status: open, additional_tags: [done] }",
        ),
        (
            "*",
            "when: { event.type: ticket.StatusChanged }",
            "{ status: open }",
        ),
        (
            "AgentAssignmentChanged",
            "",
            "{ assignee_id: '{{ previous }}' }",
        ),
    ] {
        assert_eq!(
            warnings(event_type, when, ticket).len(),
            1,
            "{event_type} {when} {ticket}"
        );
    }
}

#[test]
fn a_rule_that_excludes_its_own_changes_is_not_reported() {
    for (event_type, when, ticket) in [
        (
            "StatusChanged",
            "when: { current: solved }",
            "{ status: open }",
        ),
        (
            "StatusChanged",
            "when: { actor_id: { not: 900 } }",
            "{ status: open }",
        ),
        (
            "StatusChanged",
            "when: { current: open }",
            "{ status: '{{ previous }}' }",
        ),
        (
            "StatusChanged",
            "when: { ticket.tags: { not: { has: done } } }",
            "{ status: open, tags: [done] }",
        ),
        (
            "StatusChanged",
            "when: { ticket.tags: { not: { has: done } } }",
            "{ status: open, additional_tags: [done] }",
        ),
        (
            "StatusChanged",
            "dedupe: { per: ticket.id, for: 1h }",
            "{ status: open }",
        ),
        ("*", "when: { comment.is_public: true }", "{ status: open }"),
        (
            "*",
            "when: { event.type: ticket.PriorityChanged }",
            "{ status: open }",
        ),
        ("StatusChanged", "mode: disabled", "{ status: open }"),
        ("StatusChanged", "", "{ status: '{{ current }}' }"),
        ("StatusChanged", "", "{ priority: high }"),
        (
            "CommentAdded",
            "when: { comment.is_public: true }",
            "{ comment: { public: false, body: noted } }",
        ),
        (
            "CommentAdded",
            "when: { comment.author.is_staff: false }",
            "{ comment: { body: thanks } }",
        ),
        (
            "TagsChanged",
            "when: { tags_added: { has: vip } }",
            "{ additional_tags: [seen] }",
        ),
        (
            "CustomFieldChanged",
            "when: { custom_field.id: 5 }",
            "{ custom_fields: [{ id: 6, value: x }] }",
        ),
    ] {
        assert_eq!(
            warnings(event_type, when, ticket),
            Vec::<String>::new(),
            "{event_type} {when} {ticket}"
        );
    }
}

#[test]
fn only_the_same_ticket_at_a_help_desk_counts() {
    let json = "json: { ticket: { status: open } }";
    for http in [
        format!(
            "method: PUT, connection: desk, path: '/tickets/{{{{ ticket.requester_id }}}}', {json}"
        ),
        format!("method: PUT, connection: chat, path: '/tickets/{{{{ ticket.id }}}}', {json}"),
        "connection: desk, path: '/tickets/{{ ticket.id }}'".to_owned(),
        "method: PUT, connection: desk, path: '/tickets/{{ ticket.id }}', body: '{}'".to_owned(),
    ] {
        assert_eq!(
            step("StatusChanged", "", &http),
            Vec::<String>::new(),
            "{http}"
        );
    }
}

#[test]
fn a_guard_before_the_step_counts_as_the_condition_does() {
    let diagnostics = &mut Diagnostics::default();
    let config = config::parse(FileId::default(), CONFIG, &BTreeMap::new(), diagnostics);
    for (guard, warned) in [
        ("{ current: solved }", 0),
        ("{ steps.look.body.x: 1 }", 0),
        ("{ previous: new }", 1),
    ] {
        let mut files = Files::default();
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.StatusChanged\nflow:\n- {{ name: look, http: {{ connection: desk, path: / }} }}\n- when: {guard}\n- http: {{ method: PUT, connection: desk, path: '/{{{{ ticket.id }}}}', json: {{ ticket: {{ status: open }} }} }}\n"
        );
        let file = files.add("r.yaml", text);
        let found = &mut Diagnostics::default();
        rule_set::rule_set(&Arc::new(files), &[file], &config, found);
        assert_eq!(
            (found.warnings(), found.errors()),
            (warned, 0),
            "{guard}: {found:?}"
        );
    }
}

#[test]
fn a_ticket_for_each_new_ticket_is_reported() {
    let post = "method: POST, connection: desk, path: /api/v2/tickets.json, json: { ticket: { subject: copy } }";
    assert_eq!(step("TicketCreated", "", post).len(), 1);
    // A value that differs between tickets may distinguish them.
    let mail = "when: { ticket.via.channel: email }";
    assert_eq!(step("TicketCreated", mail, post), Vec::<String>::new());
    assert_eq!(step("StatusChanged", "", post), Vec::<String>::new());
}

#[test]
fn tags_lists_of_tickets_and_requests_are_writes_too() {
    let desk = "connection: desk";
    let own = "'/api/v2/tickets/{{ ticket.id }}";
    for (event_type, when, http, count) in [
        ("TagsChanged", "", format!("method: PUT, path: {own}/tags.json', json: {{ tags: [seen] }}"), 1),
        ("TagsChanged", "", format!("method: PUT, path: {own}/tags', json: {{ tags: [seen] }}"), 1),
        ("TagsChanged", "", format!("method: POST, path: {own}/tags.json', json: {{ tags: [seen] }}"), 1),
        ("TagsChanged", "", format!("method: DELETE, path: {own}/tags.json', json: {{ tags: [seen] }}"), 1),
        (
            "TagsChanged",
            "when: { tags_added: { has: vip } }",
            format!("method: PUT, path: {own}/tags.json', json: {{ tags: [seen] }}"),
            0,
        ),
        (
            "TagsChanged",
            "when: { tags_added: { has: seen } }",
            format!("method: DELETE, path: {own}/tags.json', json: {{ tags: [seen] }}"),
            0,
        ),
        (
            "TagsChanged",
            "when: { ticket.tags: { not: { has: seen } } }",
            format!("method: PUT, path: {own}/tags.json', json: {{ tags: [seen] }}"),
            0,
        ),
        ("StatusChanged", "", format!("method: PUT, path: {own}/tags.json', json: {{ tags: [seen] }}"), 0),
        (
            "StatusChanged",
            "",
            "method: PUT, path: '/api/v2/tickets/update_many.json?ids={{ ticket.id }}', json: { ticket: { status: open } }".into(),
            1,
        ),
        (
            "StatusChanged",
            "",
            "method: PUT, path: /api/v2/tickets/update_many.json, json: { tickets: [{ id: '{{ ticket.id }}', status: open }] }".into(),
            1,
        ),
        (
            "StatusChanged",
            "",
            "method: PUT, path: /api/v2/tickets/update_many.json, json: { tickets: [{ id: 7, status: open }] }".into(),
            0,
        ),
        (
            "CommentAdded",
            "",
            "method: PUT, path: '/api/v2/requests/{{ ticket.id }}.json', json: { request: { comment: { body: noted } } }".into(),
            1,
        ),
        (
            "TicketCreated",
            "",
            "method: POST, path: /api/v2/requests.json, json: { request: { subject: copy } }".into(),
            1,
        ),
    ] {
        let found = step(event_type, when, &format!("{desk}, {http}"));
        assert_eq!(found.len(), count, "{event_type} {when} {http}");
    }
}

#[test]
fn writes_to_the_user_or_organization_of_the_event_are_reported() {
    for (event_type, http, count) in [
        (
            "user.TagsChanged",
            "method: PUT, path: '/api/v2/users/{{ user.id }}/tags.json', json: { tags: [seen] }",
            1,
        ),
        (
            "user.UserRoleChanged",
            "method: PUT, path: '/api/v2/users/{{ user.id }}.json', json: { user: { role: agent } }",
            1,
        ),
        (
            "user.UserRoleChanged",
            "method: PUT, path: '/api/v2/users/{{ user.id }}.json', json: { user: { name: A } }",
            0,
        ),
        (
            "user.TagsChanged",
            "method: PUT, path: '/api/v2/tickets/7/tags.json', json: { tags: [seen] }",
            0,
        ),
        (
            "organization.TagsChanged",
            "method: POST, path: '/api/v2/organizations/{{ organization.id }}/tags.json', json: { tags: [seen] }",
            1,
        ),
    ] {
        let found = rule(&format!(
            "name: r\nevent_source: support\nevent_type: {event_type}\nflow: [{{ http: {{ connection: desk, {http} }} }}]\n"
        ));
        assert_eq!(found.len(), count, "{event_type} {http}");
    }
}

#[test]
fn nested_steps_are_checked_with_the_conditions_around_them() {
    let put = "http: { method: PUT, connection: desk, path: '/tickets/{{ ticket.id }}', json: { ticket: { status: open } } }";
    for (steps, count) in [
        (format!("{{ choose: [{{ flow: [{{ {put} }}] }}] }}"), 1),
        (
            format!("{{ choose: [{{ when: {{ current: open }}, flow: [{{ {put} }}] }}] }}"),
            1,
        ),
        (
            format!("{{ choose: [{{ when: {{ current: solved }}, flow: [{{ {put} }}] }}] }}"),
            0,
        ),
        (
            format!("{{ for_each: ticket.tags, flow: [{{ {put} }}] }}"),
            1,
        ),
        // It is unknown which tag it is.
        (
            format!(
                "{{ for_each: ticket.tags, flow: [{{ when: {{ item: vip }} }}, {{ {put} }}] }}"
            ),
            0,
        ),
        (format!("{{ exec: [page], catch: [{{ {put} }}] }}"), 1),
    ] {
        assert_eq!(of_flow(&steps).len(), count, "{steps}");
    }
}
