//! Tests of the requests that write to a help desk or to the sender of the events.

use std::collections::BTreeMap;

use super::*;
use crate::compile::rule_set;
use crate::config;
use crate::diagnostic::{Diagnostics, FileId, Files};

const CONFIG: &str = "connections:\n  desk: { base_url: https://desk.example, actor_id: 900 }\n  bare: { base_url: https://acme.zendesk.com }\n  chat: { base_url: https://chat.example }\n  file: { base_url: outbox:desk, actor_id: 7c1e }\n";

fn guard(config: &str, step: &str) -> Option<Arc<LoopGuard>> {
    guard_of(config, "support", step)
}

fn guard_of(config: &str, source: &str, steps: &str) -> Option<Arc<LoopGuard>> {
    let diagnostics = &mut Diagnostics::default();
    let config = config::parse(FileId::default(), config, &BTreeMap::new(), diagnostics);
    let mut files = Files::default();
    let event_type = match source {
        "support" => "ticket.StatusChanged",
        _ => "order",
    };
    let text =
        format!("name: r\nevent_source: {source}\nevent_type: {event_type}\nflow: [{steps}]\n");
    let file = files.add("r.yaml", text);
    let set = rule_set::rule_set(&Arc::new(files), &[file], &config, diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    set.rules[0].guard.clone()
}

#[test]
fn the_actors_of_a_rule_are_those_of_its_connections() {
    for (step, acts_as, unnamed) in [
        (
            "{ http: { connection: desk, path: /t, method: PUT } }",
            vec!["900"],
            false,
        ),
        (
            "{ http: { connection: bare, path: /t, method: PUT } }",
            vec![],
            true,
        ),
        (
            "{ http: { url: 'https://help.example/api/v2/tickets/{{ ticket.id }}', method: PUT } }",
            vec![],
            true,
        ),
        (
            "{ http: { connection: chat, path: /t, json: { a: 1 } } }",
            vec![],
            false,
        ),
        (
            "{ http: { connection: desk, path: /t, json: { ticket: { comment: { body: b, author_id: 5 } } } } }",
            vec!["900"],
            true,
        ),
    ] {
        let guard = guard(CONFIG, step).expect("a guard");
        assert_eq!(
            (&guard.acts_as, guard.unnamed),
            (&acts_as.iter().map(|&a| a.to_owned()).collect(), unnamed),
            "{step}"
        );
        assert_eq!(guard.ours, ["7c1e", "900"]);
    }
}

#[test]
fn a_rule_writes_to_its_sender_through_the_connection_of_the_source() {
    let config = "connections:\n  shop: { base_url: https://shop.example/api }\n  other: { base_url: https://other.example }\n  chat: { base_url: https://chat.example }\nsources:\n  shop: { event_type: order, key: shop }\n  mail: { event_type: order, connection: other }\n";
    let target = |source: &str, step: &str| {
        let guard = guard_of(config, source, step);
        guard.expect("a guard").writes_to
    };
    let chat = "{ http: { connection: chat, path: /t, method: POST } }";
    let shop = "{ http: { connection: shop, path: /t, method: POST } }";
    let server = "{ http: { url: 'https://shop.example/other', method: PUT } }";
    let other = "{ http: { connection: other, path: /t, method: PUT } }";
    let desk = "{ http: { url: 'https://acme.zendesk.com/api/v2/tickets/1', method: PUT } }";
    assert_eq!(target("shop", chat), WriteTarget::Others);
    assert_eq!(target("shop", other), WriteTarget::Others);
    assert_eq!(target("mail", shop), WriteTarget::Others);
    for (source, step) in [
        ("shop", shop),
        ("shop", server),
        ("mail", other),
        ("shop", desk),
    ] {
        assert_eq!(target(source, step), WriteTarget::Sender, "{source} {step}");
    }
}

#[test]
fn systems_on_one_server_are_told_apart_by_their_paths_and_foreign_apis_are_no_help_desk() {
    let config = "connections:\n  shop: { base_url: 'https://gate.example/shop' }\n  shop_admin: { base_url: 'https://gate.example/shop/admin' }\n  chat: { base_url: 'https://gate.example/chat' }\n  api: { base_url: 'https://api.example/api/v2' }\nsources:\n  shop: { event_type: order }\n  api: { event_type: order }\n";
    let (to_sender, elsewhere) = (WriteTarget::Sender, WriteTarget::Others);
    for (source, request, target) in [
        ("shop", "connection: shop, path: /t", to_sender),
        ("shop", "connection: shop_admin, path: /t", to_sender),
        ("shop", "connection: chat, path: /t", elsewhere),
        ("shop", "url: 'https://gate.example/shop/t'", to_sender),
        ("shop", "url: 'https://gate.example/chat/t'", elsewhere),
        ("shop", "url: 'https://gate.example/other'", to_sender),
        ("shop", "url: 'https://gate.example:8443/shop'", elsewhere),
        ("shop", "connection: api, path: /orders", elsewhere),
        (
            "shop",
            "url: 'https://other.example/api/v2/users/1'",
            elsewhere,
        ),
        (
            "shop",
            "url: 'https://help.example/api/v2/tickets/1.json'",
            to_sender,
        ),
        // The connection of a described source is that system, whatever its paths are called.
        ("shop", "connection: api, path: /tickets/1", elsewhere),
        ("api", "connection: api, path: /tickets/1", to_sender),
    ] {
        let step = format!("{{ http: {{ {request}, method: PUT }} }}");
        let guard = guard_of(config, source, &step).expect("a guard");
        assert_eq!(guard.writes_to, target, "{source} {step}");
    }
}

#[test]
fn only_steps_that_write_to_the_sender_can_be_a_cause() {
    let put = |name: &str, connection: &str| {
        format!("{{ name: {name}, http: {{ connection: {connection}, path: /t, method: PUT }} }}")
    };
    let (desk, bare, chat) = (put("d", "desk"), put("b", "bare"), put("c", "chat"));
    let steps = format!("{chat}, {desk}, {{ name: each, for_each: ticket.tags, flow: [{bare}] }}");
    let writes = |source: &str, steps: &str| -> Vec<(String, Option<String>)> {
        let guard = guard_of(CONFIG, source, steps).expect("a guard");
        let writes = guard.writes.iter();
        writes
            .map(|write| (write.path.clone(), write.actor.clone()))
            .collect()
    };
    let (d, b) = (
        ("d".to_owned(), Some("900".to_owned())),
        ("each[].b".to_owned(), None),
    );
    assert_eq!(writes("support", &steps), [d, b]);
    assert_eq!(writes("support", &chat), []);
}

#[test]
fn reads_commands_and_outbox_requests_need_no_loop_guard() {
    for step in [
        "{ http: { connection: desk, path: /t } }",
        "{ http: { connection: desk, path: /t, method: HEAD } }",
        "{ http: { connection: file, path: /t, method: PUT } }",
        "{ exec: [/bin/true] }",
        "{ succeed: fine }",
    ] {
        assert_eq!(guard(CONFIG, step), None, "{step}");
    }
    let off = format!("{CONFIG}loop_guard: off\n");
    let step = "{ http: { connection: desk, path: /t, method: PUT } }";
    assert_eq!(guard(&off, step), None);
}
