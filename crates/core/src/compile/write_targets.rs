//! Finds the requests of a rule that write to a help desk, and the users they act as.
//! Requests that only read, and requests to an outbox file, do not count as writes.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use url::Url;

use crate::compile::compiler::Compiler;
use crate::config::Config;
use crate::config::connection::Connection;
use crate::config::source::EventSource;
use crate::flow::call::{BodyTemplate, HttpTemplate};
use crate::flow::step::{Flow, LocatedStep, Step};
use crate::loop_guard::{LoopGuard, SenderWrite, WriteTarget, WritingFlow};

/// The path of the Zendesk API. Other systems use it too, so that on other hosts the resource decides.
const API: &str = "/api/v2/";
const HOST: &str = ".zendesk.com";
/// The `event_source` of Zendesk.
const ZENDESK: &str = "support";

/// Resources of the API that only help desks have.
const RESOURCES: [&str; 7] = [
    "tickets",
    "requests",
    "imports",
    "deleted_tickets",
    "suspended_tickets",
    "end_users",
    "help_center",
];

/// Returns the data of the loop guard for a rule of an event source. None if the guard is off, or if the rule writes nothing
/// and so cannot cause events.
pub fn guard(
    source: &str,
    flow: Option<&Flow>,
    notices: [Option<&Flow>; 2],
    cx: &mut Compiler<'_>,
) -> Option<Arc<LoopGuard>> {
    let limits = cx.config.loop_guard?;
    // A notice that goes elsewhere causes no events.
    let notifications = notices.into_iter();
    let notifications = notifications.flat_map(|flow| writes(flow, WritingFlow::Notice));
    let notifications = notifications.filter(|write| to_help_desk(write.http, cx.config));
    let writes = writes(flow, WritingFlow::Rule).chain(notifications);
    let writes: Vec<FlowWrite<'_>> = writes.collect();
    if writes.is_empty() {
        return None;
    }
    let mut acts_as: Vec<String> = Vec::new();
    let mut unnamed = false;
    let mut writes_to = WriteTarget::Others;
    let mut sender_writes = Vec::new();
    for FlowWrite { path, http, flow } in writes {
        let (to_help_desk, to_sender) = (
            to_help_desk(http, cx.config),
            to_sender(http, source, cx.config),
        );
        if to_help_desk || to_sender {
            writes_to = WriteTarget::Sender;
        }
        let actor = actor(http, cx.config);
        if to_sender || is_of_help_desk(http, source, cx.config) {
            sender_writes.push(SenderWrite {
                path,
                actor: actor.map(str::to_owned),
                flow,
            });
        }
        match actor {
            Some(actor) => {
                // A comment can be written as another user.
                unnamed |= sets_author(http);
                acts_as.push(actor.to_owned());
            }
            None => unnamed |= to_help_desk,
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
        writes: sender_writes,
    };
    Some(cx.cache.guards.share(guard))
}

/// A request of a flow that can change something at its receiver.
struct FlowWrite<'f> {
    path: String,
    http: &'f HttpTemplate,
    flow: WritingFlow,
}

fn writes(flow: Option<&Flow>, of: WritingFlow) -> impl Iterator<Item = FlowWrite<'_>> {
    let steps = flow.into_iter().flat_map(Flow::steps_with_paths);
    steps.filter_map(move |LocatedStep { path, step }| {
        let http = write(step)?;
        Some(FlowWrite {
            path,
            http,
            flow: of,
        })
    })
}

/// Whether a request goes to the help desk that sends the events of a source: to Zendesk, or as a user of another one.
fn is_of_help_desk(http: &HttpTemplate, source: &str, config: &Config) -> bool {
    match source {
        ZENDESK => to_help_desk(http, config),
        _ => actor(http, config).is_some() && !is_help_desk(http),
    }
}

/// Returns the step's request if it can change something at its receiver.
pub fn write(step: &Step) -> Option<&HttpTemplate> {
    let http = step.action.request()?;
    let reads = matches!(http.method, "GET" | "HEAD" | "OPTIONS");
    let to_a_file = http.url.source().starts_with("outbox:");
    (!reads && !to_a_file).then_some(http)
}

/// Whether a request goes to a help desk: its connection has an `actor_id`, or its address is that of one. The
/// connection of a described source belongs to that system.
pub fn to_help_desk(http: &HttpTemplate, config: &Config) -> bool {
    let described = || {
        let sources = config.sources.values();
        let mut described = sources.filter(|source| source.description().is_some());
        described.any(|of| {
            let connection = connection_of(of, config).map(|of| &of.name);
            connection.is_some() && connection == http.connection.as_ref()
        })
    };
    actor(http, config).is_some() || is_help_desk(http) && !described()
}

/// The connection to the system that sends the events of an entry.
fn connection_of<'c>(of: &EventSource, config: &'c Config) -> Option<&'c Connection> {
    match &of.connection {
        Some(named) => config.connections.get(&named.name),
        None => config
            .connections
            .get(&of.name)
            .or_else(|| config.connections.get(of.source())),
    }
}

/// Whether a request goes to the system that sends the events of a source.
fn to_sender(http: &HttpTemplate, source: &str, config: &Config) -> bool {
    let of_source = config.sources.values().filter(|s| s.source() == source);
    let mut senders = of_source.filter_map(|of| connection_of(of, config));
    senders.any(|sender| is_of_system(http, sender, config))
}

/// Whether a request goes to the system of a connection: through it, or to an address within its. One server can have
/// several systems: the address of another connection belongs to that one.
fn is_of_system(http: &HttpTemplate, system: &Connection, config: &Config) -> bool {
    let connections = &config.connections;
    let through = match &http.connection {
        Some(name) => connections.get(name),
        None => {
            let address = http.url.source();
            let around = connections.values();
            let around = around.filter(|of| contains(&of.base_url, address));
            around.max_by_key(|of| of.base_url.len())
        }
    };
    match through {
        Some(through) => {
            through.name == system.name
                || contains(&through.base_url, &system.base_url)
                || contains(&system.base_url, &through.base_url)
        }
        None => origin(&system.base_url).is_some_and(|of| origin(http.url.source()) == Some(of)),
    }
}

/// Whether an address is below another: on the same server, at its path or deeper.
fn contains(base: &str, address: &str) -> bool {
    let path = |text: &str| {
        let url = Url::parse(text).ok()?;
        let segments = url.path_segments()?.filter(|segment| !segment.is_empty());
        Some(segments.map(str::to_owned).collect::<Vec<String>>())
    };
    let (Some(base_path), Some(path)) = (path(base), path(address)) else {
        return false;
    };
    origin(base).is_some() && origin(base) == origin(address) && path.starts_with(&base_path)
}

/// The scheme, host and port of an address.
fn origin(address: &str) -> Option<url::Origin> {
    let origin = Url::parse(address).ok()?.origin();
    origin.is_tuple().then_some(origin)
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
    host.ends_with(HOST)
        || address
            .split_once(API)
            .is_some_and(|(_, rest)| is_resource(rest))
}

/// Whether the rest of an API path begins with a resource of help desks. An event may name the resource.
fn is_resource(rest: &str) -> bool {
    let resource = rest.split(['/', '?', '#', '.']).next().unwrap_or_default();
    RESOURCES.contains(&resource) || resource.starts_with("{{")
}

fn sets_author(http: &HttpTemplate) -> bool {
    match &http.body {
        Some(BodyTemplate::Json(tree)) => tree.at(&["ticket", "comment", "author_id"]).is_some(),
        Some(BodyTemplate::Form(_) | BodyTemplate::Raw(_)) | None => false,
    }
}
