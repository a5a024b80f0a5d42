//! The page before the first event: the daemon's real address, commands that send a sample, and what to do next.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use maud::{Markup, html};

use super::data::OverviewData;
use crate::engine::Rulebook;
use crate::page::answer::{day_and_time, time};
use crate::page::icon::Icon;
use crate::page::part::link;
use crate::page::text::text;
use crate::report::deliveries::row::grouped;
use crate::report::render::size::size;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::catalogue::sample::{SAMPLES, Sample};

/// Seconds between two looks for the first event.
const REFRESH: &str = "3";
/// Names of sources and connections that are listed.
const MAX_NAMES: usize = 20;
/// Rules that are looked at to choose a sample.
const MAX_RULES: usize = 1_000;
const OUTBOX: &str = "outbox:";

/// A source with a sample that it accepts.
struct SampleSource<'c> {
    source: &'c EventSource,
    sample: &'static Sample,
    /// Rules that listen to events of its type.
    rules: usize,
}

pub fn page(data: &OverviewData, rulebook: &Rulebook) -> Markup {
    let address = data.status.address.as_deref();
    let address = url(address.unwrap_or("127.0.0.1:8080"), &rulebook.config);
    let chosen = choose(rulebook);
    html! {
        div class="head" {
            div {
                h1 { "No event yet" }
                p { "The daemon receives events at " code { (address) } " and has " (rules(data)) ". Send it a sample event, and this page shows what becomes of it." }
            }
            noscript { a class="btn" href=(super::PATH) { "Look again" } }
        }
        div class="two" {
            ol class="steps box pad" {
                (send(chosen.as_ref(), &address, &rulebook.config))
                (see(chosen.as_ref()))
                (connect())
                (write())
            }
            (state(data, rulebook))
        }
    }
}

/// Leads to the newest event while there are only a few.
pub fn continued(data: &OverviewData) -> Markup {
    let newest = data.last_event.as_ref().filter(|_| data.few_events);
    html! {
        div id="first-events" data-fresh {
            @if let Some(newest) = newest {
                div class="note plain" role="status" {
                    p {
                        "The newest event, " code class="ty" { (text(&newest.event_type)) } ", was received at "
                        (time(newest.received)) "."
                    }
                    a class="btn" href=(link::event(newest.row)) { "See what became of it" }
                }
            }
        }
    }
}

fn rules(data: &OverviewData) -> String {
    match data.status.rules {
        1 => "1 rule".to_owned(),
        rules => format!("{} rules", grouped(rules as u64)),
    }
}

/// Where a client on this machine reaches the listener.
fn url(address: &str, config: &Config) -> String {
    let scheme = match config.listen.tls {
        Some(_) => "https",
        None => "http",
    };
    let Ok(mut at) = address.parse::<SocketAddr>() else {
        return format!("{scheme}://{address}");
    };
    if at.ip().is_unspecified() {
        at.set_ip(match at.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("{scheme}://{at}")
}

/// The sample that shows most: one that many rules listen to, for a source that needs no signature.
fn choose(rulebook: &Rulebook) -> Option<SampleSource<'_>> {
    let sources = rulebook.config.sources.values();
    let samples = sources.flat_map(|source| {
        let of_source = SAMPLES.iter().filter(|sample| match &source.reads {
            SourceFormat::BuiltIn(name) => sample.source == *name,
            SourceFormat::Custom(_) => false,
        });
        of_source.map(move |sample| SampleSource {
            source,
            sample,
            rules: {
                let rules = rulebook.rules.rules.iter().take(MAX_RULES);
                rules
                    .filter(|rule| rule.listens_to(sample.source, sample.name))
                    .count()
            },
        })
    });
    // The first one of the best.
    samples.min_by_key(|found| (Reverse(found.rules), found.source.verification.is_some()))
}

fn send(chosen: Option<&SampleSource<'_>>, address: &str, config: &Config) -> Markup {
    html! {
        li {
            div {
                h2 { "Send a sample event" }
                @match chosen {
                    Some(SampleSource { source, sample, .. }) => {
                        p {
                            "The event " code { (sample.name) } " for the source " code { (text(&source.name)) } ". "
                            @if is_outbox_only(config) {
                                "Every connection writes its requests to a file in the outbox."
                            } @else {
                                "Rules that match act on it: use a test system, or " code { "mode: shadow" } "."
                            }
                        }
                        @match &source.verification {
                            None => { (command(&curl(source, sample, address))) p { "Or without curl:" } }
                            Some(_) => p { "The source verifies its senders. " code { "flowtrigger send" } " signs the event as they do:" }
                        }
                        (command(&sent(source, sample, address)))
                    }
                    None => {
                        p { "Post an event of your own in the format that you described under " code { "sources" } "." }
                        (command(&format!("flowtrigger send --to {address} event.json")))
                    }
                }
                p id="first-event" class="row js-only" role="status" data-fresh data-refresh=(REFRESH) {
                    span class="dot" {}
                    "Listening. This page continues when the event is here."
                }
                noscript { p { a href=(super::PATH) { "Look again" } " when the event is sent." } }
            }
        }
    }
}

fn is_outbox_only(config: &Config) -> bool {
    let mut connections = config.connections.values();
    !config.connections.is_empty() && connections.all(|to| to.base_url.starts_with(OUTBOX))
}

fn curl(source: &EventSource, sample: &Sample, address: &str) -> String {
    format!(
        "flowtrigger events {} --sample |\n  curl -H 'Content-Type: application/json' -d @- {address}{}",
        sample.name, source.path
    )
}

fn sent(source: &EventSource, sample: &Sample, address: &str) -> String {
    format!(
        "flowtrigger events {} --sample |\n  flowtrigger send --source {} --to {address} -",
        sample.name, source.name
    )
}

/// A command line with a button that copies it.
fn command(line: &str) -> Markup {
    html! {
        div class="cmd" {
            pre { (line) }
            button type="button" class="s js-only" data-copy=(line) { (Icon::Copy.render()) "Copy" }
        }
    }
}

fn see(chosen: Option<&SampleSource<'_>>) -> Markup {
    html! {
        li {
            div {
                h2 { "See why each rule matched, or did not" }
                p {
                    @match chosen {
                        Some(found) if found.rules == 0 => "No rule listens to this event yet. Its page shows that, and you can write a rule for it.",
                        Some(_) | None => "The page of the event shows every predicate with the value that it saw. Try does the same before anything is sent.",
                    }
                }
                @match chosen {
                    Some(found) => a class="btn" href={ "/try?sample=" (found.sample.name) } { "Open the sample in Try" },
                    None => a class="btn" href="/try" { "Open Try" },
                }
            }
        }
    }
}

fn connect() -> Markup {
    html! {
        li {
            div {
                h2 { "Connect the help desk" }
                p { "In Zendesk, create a webhook that is subscribed to ticket events, name its signing secret in " code { "flowtrigger.yaml" } ", and point it at your proxy." }
                (command("sources:\n  support: { verify: zendesk, secrets: [ZENDESK_KEY] }"))
            }
        }
    }
}

fn write() -> Markup {
    html! {
        li {
            div {
                h2 { "Write a rule, and let it watch first" }
                p { "With " code { "mode: shadow" } " a rule is evaluated and recorded, and never acts. " code { "check" } " finds every mistake before the rule is loaded." }
                (command("flowtrigger check && kill -HUP $(pidof flowtrigger)"))
            }
        }
    }
}

/// What is there already.
fn state(data: &OverviewData, rulebook: &Rulebook) -> Markup {
    let config = &rulebook.config;
    html! {
        aside class="aside" aria-label="State" {
            section {
                h2 { "State" }
                dl class="kv" {
                    dt { "Daemon" }
                    dd {
                        @match &data.status.reason {
                            None => { span class="dot" {} "ready" }
                            Some(why) => { span class="dot off" {} (text(why)) }
                        }
                        " since " (day_and_time(data.status.since))
                    }
                    dt { "Rules" }
                    dd { "revision " (data.status.revision) ", " (rules(data)) }
                    dt { "Sources" }
                    dd { (sources(config)) }
                    dt { "Connections" }
                    dd { (connections(config)) }
                    dt { "Data" }
                    dd { (size(data.status.disk_bytes)) }
                }
            }
        }
    }
}

fn sources(config: &Config) -> Markup {
    html! {
        @for (at, source) in config.sources.values().take(MAX_NAMES).enumerate() {
            @if at > 0 { br; }
            code { (text(&source.path)) }
            @match source.verification.is_some() {
                true => ", verified",
                false => ", every sender",
            }
        }
        (left_out(config.sources.len()))
    }
}

fn connections(config: &Config) -> Markup {
    html! {
        @if config.connections.is_empty() { "none" }
        @for (at, connection) in config.connections.values().take(MAX_NAMES).enumerate() {
            @if at > 0 { ", " }
            (text(&connection.name))
            @if connection.base_url.starts_with(OUTBOX) { " (outbox)" }
        }
        (left_out(config.connections.len()))
    }
}

fn left_out(count: usize) -> Markup {
    let more = count.saturating_sub(MAX_NAMES);
    html! { @if more > 0 { " and " (more) " more" } }
}

#[cfg(test)]
mod tests {
    use super::super::tests::data;
    use super::*;
    use flowtrigger_core::config::tls::ServerTls;

    #[test]
    fn the_commands_have_the_real_address() {
        for (address, expected) in [
            ("127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("192.0.2.7:80", "http://192.0.2.7:80"),
        ] {
            assert_eq!(url(address, &Config::default()), expected);
        }
        let mut encrypted = Config::default();
        encrypted.listen.tls = Some(ServerTls::default());
        assert_eq!(url("0.0.0.0:8443", &encrypted), "https://127.0.0.1:8443");
        let mut rulebook = Rulebook::default();
        rulebook.config.sources.retain(|name, _| name == "support");
        if let Some(source) = rulebook.config.sources.get_mut("support") {
            source.path = "/in/desk".into();
        }
        let html = page(&data(), &rulebook).into_string();
        for part in [
            "http://127.0.0.1:8080/in/desk",
            "flowtrigger send --source support --to http://127.0.0.1:8080 -",
            "No rule listens to this event yet",
            "/in/desk</bdi></code>, every sender",
            "revision 12, 17 rules",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }

    #[test]
    fn without_a_known_format_there_is_no_sample() {
        let mut rulebook = Rulebook::default();
        rulebook.config.sources.clear();
        let html = page(&data(), &rulebook).into_string();
        assert!(
            html.contains("flowtrigger send --to http://127.0.0.1:8080 event.json"),
            "{html}"
        );
    }
}
