//! What people write who know other tools, and the help that names what does it here: one row each, with the
//! help of the first diagnostic that has one.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_testing::rules;

/// Messages and help for a rule file.
pub fn for_rule(text: &str) -> String {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("rules/a.yaml", text);
    let config = rules::config(
        "connections: { chat: { base_url: 'outbox:chat' } }\nsources: { support: {}, am: { event_type: t } }\n",
    );
    rule_set::rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
    lines(&diagnostics)
}

fn for_config(text: &str) -> String {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let file = files.add("flowtrigger.yaml", text);
    config::parse(file, text, &BTreeMap::new(), &mut diagnostics);
    lines(&diagnostics)
}

fn lines(diagnostics: &Diagnostics) -> String {
    let lines = diagnostics.sorted().into_iter();
    let lines = lines.map(|d| format!("{} | {}\n", d.message, d.help.unwrap_or_default()));
    lines.collect()
}

/// A rule with a line in place of one of its own keys.
fn rule(change: &str) -> String {
    let key = change.split(':').next().unwrap_or_default();
    let own = [
        "name: a",
        "event_source: support",
        "event_type: ticket.StatusChanged",
        "flow: [ succeed: x ]",
    ];
    let own = own
        .iter()
        .filter(|line| !line.starts_with(&format!("{key}:")));
    let mut lines: Vec<&str> = own.copied().collect();
    lines.push(change);
    lines.join("\n")
}

#[test]
fn rules_under_a_key_are_one_error() {
    let rule = "name: a\n    event_source: support\n    event_type: ticket.StatusChanged\n    flow: [ succeed: x ]\n";
    for text in [
        format!("rules:\n  - {rule}"),
        format!("rules:\n  a:\n    {rule}"),
        format!("version: 1\nrules:\n  - {rule}"),
        format!("rule:\n    {rule}"),
        "rules: []\n".to_owned(),
    ] {
        let lines = for_rule(&text);
        assert_eq!(lines.lines().count(), 1, "{text}: {lines}");
        assert!(lines.contains("a document of its own"), "{text}: {lines}");
    }
}

#[test]
fn paths_of_a_source_are_checked() {
    for (path, help) in [
        ("a..b", "write `a.b`"),
        ("a[0]", "write `a.0`"),
        ("items[*].price", "write `items.0.price`"),
        ("events[0].type", "write `events.0.type`"),
        ("$.raw.x-y", "write `x-y`"),
        ("$['a']", "write `a`"),
    ] {
        for line in [
            format!("event_type: t, key: \"{path}\""),
            format!("event_type: t, id: \"{path}\""),
            format!("event_type: t, time: \"{path}\""),
            format!("event_type: {{ path: \"{path}\" }}"),
            format!("event_type: t, id: {{ path: \"{path}\" }}"),
        ] {
            let lines = for_config(&format!("sources: {{ am: {{ {line} }} }}\n"));
            assert!(lines.contains(help), "{line}: {lines}");
        }
    }
    for path in ["a.0.b", "$.header.id", "x-y", "$.a.b"] {
        let lines = for_config(&format!(
            "sources: {{ am: {{ event_type: t, key: {path} }} }}\n"
        ));
        assert!(!lines.contains("path"), "{path}: {lines}");
    }
}

#[test]
fn schemes_of_other_senders_name_what_can_be_done() {
    for (scheme, help) in [
        ("paddle", "timestamp: { field: ts }"),
        ("clerk", "write `svix`"),
        ("whatsapp", "write `meta`"),
        ("token", "write `bearer`"),
        ("stripes", "did you mean `stripe`?"),
        ("pagerdutty", "did you mean `pagerduty`?"),
        ("mystery", "write one of zendesk, upmind"),
    ] {
        let lines = for_config(&format!(
            "sources: {{ am: {{ event_type: t, verify: {scheme}, secrets: [K] }} }}\n"
        ));
        assert!(lines.contains(help), "{scheme}: {lines}");
    }
}

#[test]
fn words_of_templates_name_what_does_it_here() {
    for (template, help) in [
        (
            "{{ ticket.id | plus: 2 }}",
            "write the operator: `{{ ticket.id + 2 }}`",
        ),
        (
            "{{ event.time | date('YYYY-MM-DD') }}",
            "the pattern has no `%`",
        ),
        ("{{ ticket.subject | wordwrap(20) }}", "does not wrap lines"),
    ] {
        let lines = for_rule(&rule(&format!("flow: [ succeed: \"{template}\" ]")));
        assert!(lines.contains(help), "{template}: {lines}");
    }
}

#[test]
fn words_in_a_rule_name_what_does_it_here() {
    for (change, help) in [
        (
            "event_type: ticket.solved",
            "`event_type: ticket.StatusChanged` with `when: { current: solved }`",
        ),
        (
            "event_type: ticket.Reopened",
            "`event_type: ticket.StatusChanged` with `when: { previous: solved }`",
        ),
        (
            "event_type: ticket.urgent",
            "`event_type: ticket.PriorityChanged`",
        ),
        (
            "event_type: ticket.assigned",
            "`event_type: ticket.AgentAssignmentChanged`",
        ),
        (
            "event_type: ticket.replied",
            "`event_type: ticket.CommentAdded`",
        ),
        (
            "event_type: ticket.tagged",
            "`event_type: ticket.TagsChanged`",
        ),
        (
            "event_type: ticket.deleted",
            "`event_type: ticket.TicketSoftDeleted`",
        ),
        (
            "event_type: ticket.updated",
            "each change has a type of its own",
        ),
        (
            "event_type: ticket.created",
            "did you mean `ticket.TicketCreated`?",
        ),
        ("threshold: 3", "write `count: {"),
        ("connections: {}", "it belongs in flowtrigger.yaml"),
        ("listen: 127.0.0.1:1", "it belongs in flowtrigger.yaml"),
        ("retention: { for: 1d }", "it belongs in flowtrigger.yaml"),
        (
            "http: { url: 'https://a.example/' }",
            "put it under `flow:`",
        ),
        ("retry: { attempts: 3 }", "it belongs in a step"),
        ("current: solved", "it belongs under `when:`"),
        ("connection: chat", "it belongs in a step"),
        (
            "flow: [ { url: 'https://a.example/' } ]",
            "put it under `http:`",
        ),
        (
            "flow: [ { succeed: x, dedupe: {} } ]",
            "it belongs in the rule, beside `flow`",
        ),
        (
            "flow: [ { http: { connection: chat, path: /x, timeout: 5s } } ]",
            "write it beside `http`, in the step",
        ),
        (
            "flow: [ { http: { connection: chat, path: /x, auth: {} } } ]",
            "belong to a connection",
        ),
        (
            "when: { ticket.tags: { matches: ^vip } }",
            "`any_of: { starts_with: vip }`",
        ),
        (
            "when: { ticket.tags: { starts_with: vip } }",
            "tests the elements of a list",
        ),
        ("when: { 'ticket.tags[0]': vip }", "write `ticket.tags.0`"),
        (
            "when: { 'ticket.tags[*]': vip }",
            "write JSONPath: `$.input.ticket_event.ticket.tags[*]`",
        ),
        (
            "when: { \"ticket['custom-x']\": vip }",
            "write `ticket.custom-x`",
        ),
        (
            "when: { $.raw.detail-type: x }",
            "unexpected `-` at character 13 | did you mean `$.raw['detail-type']`?",
        ),
        (
            "when: { $.raw.alerts.0.name: x }",
            "did you mean `$.raw.alerts[0].name`?",
        ),
        (
            "when: { '$.raw.alerts[': x }",
            "it ends too early, at character 13",
        ),
        (
            "flow: [ { set: { jq: tostream } } ]",
            "jaq, which runs these programs, has no `tostream`",
        ),
        (
            "flow: [ { set: { jq: 'GROUP_BY(.a)' } } ]",
            "jaq, which runs these programs, has no `GROUP_BY`",
        ),
    ] {
        let text = rule(change);
        let found = for_rule(&text);
        assert!(found.contains(help), "{change}: {found}");
    }
}

#[test]
fn a_list_of_rules_under_one_key_is_one_error() {
    let found = for_rule("rules:\n  - name: a\n    event_type: t\n    flow: []\n  - name: b\n");
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(
        found.contains("remove the first line and write each rule as a document"),
        "{found}"
    );
    for key in ["jobspecs", "triggers", "items"] {
        let found = for_rule(&format!(
            "{key}: [ {{ event_source: support, flow: [] }} ]\n"
        ));
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn words_in_the_configuration_name_what_does_it_here() {
    for (text, help) in [
        ("data: /var/lib/x", "`--data`, or `FLOWTRIGGER_DATA`"),
        ("database: x.db", "the data folder is the option `--data`"),
        ("log: json", "`--log-format json`"),
        ("log_level: debug", "`--log debug`"),
        ("rules: ./rules", "`--rules`, or `FLOWTRIGGER_RULES`"),
        ("port: 80", "write `listen: 127.0.0.1:8321`"),
        ("verify: github", "it belongs to a source"),
        ("base_url: https://a.example", "it belongs to a connection"),
        ("flow: []", "a file of the rules folder"),
        ("dedupe: {}", "it belongs in a rule"),
        ("listen: { port: 80 }", "write `address: 127.0.0.1:8321`"),
        (
            "connections: { a: { url: https://a.example } }",
            "write `base_url: https://…`",
        ),
        (
            "connections: { a: { base_url: 'outbox:a', token: x } }",
            "auth: { bearer:",
        ),
        (
            "connections: { a: { base_url: 'outbox:a', retries: 3 } }",
            "write `retry: { for: 8h }`",
        ),
        (
            "connections: { a: { base_url: 'outbox:a', breaker: { threshold: 3 } } }",
            "write `failures: 5`",
        ),
        (
            "connections: { a: { base_url: 'outbox:a', path: /x } }",
            "it belongs in a step",
        ),
        (
            "sources: { support: { verify: twilio } }",
            "there is no preset for this sender",
        ),
        (
            "sources: { support: { verify: { twilio: {} } } }",
            "there is no preset for this sender",
        ),
        (
            "sources: { support: { verify: jwt } }",
            "only `ed25519` is supported",
        ),
        (
            "sources: { support: { verify: { ed25519: { header: X-A, key: a } } } }",
            "the form of the public key is recognised",
        ),
    ] {
        let found = for_config(text);
        assert!(found.contains(help), "{text}: {found}");
    }
}
