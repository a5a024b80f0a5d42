//! Finds the requests of a rule that write to a help desk, and the users they act as.
//! Requests that only read, and requests to an outbox file, do not count as writes.

use std::sync::Arc;

use url::Url;

use crate::compile::compiler::Compiler;
use crate::config::Config;
use crate::flow::call::{BodyTemplate, HttpTemplate};
use crate::flow::step::{Flow, Step};
use crate::loop_guard::{LoopGuard, WriteTarget};

/// The path of the Zendesk API, on any host.
const API: &str = "/api/v2/";
const HOST: &str = ".zendesk.com";

/// Returns the data of the loop guard for a rule of an event source. None if the guard is off, or if the rule writes nothing
/// and so cannot cause events.
pub fn guard(
    source: &str,
    flow: Option<&Flow>,
    on_dead: Option<&Flow>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<LoopGuard>> {
    let limits = cx.config.loop_guard?;
    // A notification about a dead run that goes elsewhere causes no events.
    let notifications = writes(on_dead).filter(|http| to_help_desk(http, cx.config));
    let writes: Vec<&HttpTemplate> = writes(flow).chain(notifications).collect();
    if writes.is_empty() {
        return None;
    }
    let mut acts_as: Vec<String> = Vec::new();
    let mut unnamed = false;
    let mut writes_to = WriteTarget::Others;
    for http in writes {
        if to_help_desk(http, cx.config) || to_sender(http, source, cx.config) {
            writes_to = WriteTarget::Sender;
        }
        match actor(http, cx.config) {
            Some(actor) => {
                // A comment can be written as another user.
                unnamed |= sets_author(http);
                acts_as.push(actor.to_owned());
            }
            None => unnamed |= is_help_desk(http),
        }
    }
    acts_as.sort();
    acts_as.dedup();
    let guard = LoopGuard {
        limits,
        ours: our_actors(cx.config),
        acts_as,
        unnamed,
        writes_to,
    };
    Some(cx.cache.guards.share(guard))
}

fn writes(flow: Option<&Flow>) -> impl Iterator<Item = &HttpTemplate> {
    let steps = flow.into_iter().flat_map(Flow::all_steps);
    steps.filter_map(write)
}

/// Returns the step's request if it can change something at its receiver.
pub fn write(step: &Step) -> Option<&HttpTemplate> {
    let http = step.action.request()?;
    let reads = matches!(http.method, "GET" | "HEAD" | "OPTIONS");
    let to_a_file = http.url.source().starts_with("outbox:");
    (!reads && !to_a_file).then_some(http)
}

/// Whether a request goes to a help desk: its connection has an `actor_id`, or its address is that of one.
pub fn to_help_desk(http: &HttpTemplate, config: &Config) -> bool {
    actor(http, config).is_some() || is_help_desk(http)
}

/// Whether a request goes to the system that sends the events of a source: through its connection, or to the
/// same server.
fn to_sender(http: &HttpTemplate, source: &str, config: &Config) -> bool {
    let of_source = config.sources.values().filter(|s| s.source() == source);
    let mut senders = of_source.filter_map(|of| match &of.connection {
        Some(named) => config.connections.get(&named.name),
        None => config
            .connections
            .get(&of.name)
            .or_else(|| config.connections.get(of.source())),
    });
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    senders.any(|sender| {
        let same_server = origin(&sender.base_url)
            .is_some_and(|sender| sender.is_tuple() && origin(http.url.source()) == Some(sender));
        http.connection.as_ref() == Some(&sender.name) || same_server
    })
}

/// Returns the user as which a request acts, if its connection names one.
fn actor<'c>(http: &HttpTemplate, config: &'c Config) -> Option<&'c str> {
    let connection = config.connections.get(http.connection.as_ref()?)?;
    connection.actor_id.as_deref()
}

fn our_actors(config: &Config) -> Vec<String> {
    let connections = config.connections.values();
    let mut ours: Vec<String> = connections
        .filter_map(|connection| connection.actor_id.clone())
        .collect();
    ours.sort();
    ours.dedup();
    ours
}

fn is_help_desk(http: &HttpTemplate) -> bool {
    let address = http.url.source();
    // Event values cannot be part of a host, so the host is in the text.
    let host = Url::parse(address).ok();
    let host = host.as_ref().and_then(Url::host_str).unwrap_or_default();
    address.contains(API) || host.ends_with(HOST)
}

fn sets_author(http: &HttpTemplate) -> bool {
    match &http.body {
        Some(BodyTemplate::Json(tree)) => tree.at(&["ticket", "comment", "author_id"]).is_some(),
        Some(BodyTemplate::Form(_) | BodyTemplate::Raw(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compile::rule_set;
    use crate::config;
    use crate::diagnostic::{Diagnostics, FileId, Files};

    const CONFIG: &str = "connections:\n  desk: { base_url: https://desk.example, actor_id: 900 }\n  bare: { base_url: https://acme.zendesk.com }\n  chat: { base_url: https://chat.example }\n  file: { base_url: outbox:desk, actor_id: 7c1e }\n";

    fn guard(config: &str, step: &str) -> Option<Arc<LoopGuard>> {
        let diagnostics = &mut Diagnostics::default();
        let config = config::parse(FileId::default(), config, &BTreeMap::new(), diagnostics);
        let mut files = Files::default();
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{step}]\n"
        );
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
            let diagnostics = &mut Diagnostics::default();
            let config = config::parse(FileId::default(), config, &BTreeMap::new(), diagnostics);
            let mut files = Files::default();
            let text =
                format!("name: r\nevent_source: {source}\nevent_type: order\nflow: [{step}]\n");
            let file = files.add("r.yaml", text);
            let set = rule_set::rule_set(&Arc::new(files), &[file], &config, diagnostics);
            assert!(!diagnostics.has_errors(), "{diagnostics:?}");
            set.rules[0].guard.as_ref().expect("a guard").writes_to
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
}
