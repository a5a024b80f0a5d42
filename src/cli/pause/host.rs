//! Warns of a pause of a host that no step names, and says which connections have the host: they are not paused with it.

use crate::engine::{Rulebook, host_target};
use crate::report::render::escape::plain;
use crate::report::suspended::{pause_command, shown};
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::suspension::SuspensionTarget;

/// Connections that are listed.
const MAX_LISTED: usize = 20;

/// What a person who pauses this host must know; nothing for other targets.
pub fn warnings(target: &SuspensionTarget, book: &Rulebook) -> Vec<String> {
    let SuspensionTarget::Host(_) = target else {
        return Vec::new();
    };
    let mut steps = book.rules.rules.iter().flat_map(|rule| rule.steps());
    let mut warnings = Vec::new();
    if !steps.any(|step| goes_to(step, target)) {
        let host = shown(target);
        warnings.push(format!(
            "warning: no step without a connection has {host} in its `url`"
        ));
    }
    let connections = book.config.connections.values();
    let connections: Vec<SuspensionTarget> = connections
        .filter(|connection| host_target(origin(&connection.base_url)).as_ref() == Ok(target))
        .map(|connection| SuspensionTarget::Connection(connection.name.clone()))
        .collect();
    let Some(first) = connections.first() else {
        return warnings;
    };
    let names = connections.iter().take(MAX_LISTED);
    let mut names: Vec<String> = names
        .map(|connection| format!("`{}`", plain(connection.name())))
        .collect();
    if let Some(more @ 1..) = connections.len().checked_sub(MAX_LISTED) {
        names.push(format!("{more} more"));
    }
    warnings.push(format!(
        "warning: requests through a connection continue, and these connections have the host: {}; `{}` pauses the first",
        names.join(", "),
        pause_command(first)
    ));
    warnings
}

/// Whether the request of a step is sent to the host without a connection. What is known only at run time counts.
fn goes_to(step: &Step, target: &SuspensionTarget) -> bool {
    let request = step.action.request();
    let Some(request) = request.filter(|request| request.connection.is_none()) else {
        return false;
    };
    let beginning = request.url.beginning();
    if beginning.starts_with("outbox:") {
        return false;
    }
    let known = host_target(origin(beginning));
    known.is_err() || known.as_ref() == Ok(target)
}

/// `https://api.example.com:8443` of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..host + end])
}
