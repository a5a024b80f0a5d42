//! Reads `page` of the configuration: where the web page is served, under which names, and who may sign in.
//! An address that other machines can reach requires a way to sign in.

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::config::listen::lower_hosts;
use crate::config::tls::{self, ServerTls};
use crate::config::verification::{lower_secrets, secrets_schema};
use crate::config::{address, network};
use crate::diagnostic::{Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, text, words};
use crate::document::{Node, Yaml};

/// The default address of the page.
pub const DEFAULT_PAGE_ADDRESS: &str = "127.0.0.1:8081";

const SIGN_IN_HELP: &str =
    "add `secrets: [NAME]`, or `user_header` with `trusted_proxies`; or listen on 127.0.0.1";

/// The value of `page`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageSettings {
    /// The span of `page`.
    pub at: Span,
    pub listen: PageAddress,
    /// Host names under which browsers reach the page, in lower case.
    pub hosts: Vec<String>,
    /// The names of the secrets with which people sign in who may act.
    pub secrets: Vec<String>,
    /// The names of the secrets with which people sign in who may only read.
    pub read_secrets: Vec<String>,
    pub user_header: Option<UserHeader>,
    /// The proxies that may set `user_header`, and that say who sends a request and how.
    pub trusted_proxies: Vec<IpNet>,
    /// The certificate of the page. `None` for plain HTTP.
    pub tls: Option<ServerTls>,
}

impl PageSettings {
    /// Whether people on other machines can sign in.
    pub fn has_sign_in(&self) -> bool {
        !self.secrets.is_empty() || !self.read_secrets.is_empty() || self.user_header.is_some()
    }
}

/// Where the page is served besides the administrative socket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PageAddress {
    /// At [`DEFAULT_PAGE_ADDRESS`], if it is free.
    #[default]
    Default,
    At(String),
    /// On the administrative socket alone.
    Off,
}

/// The header in which a proxy names the user that it has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserHeader {
    /// In lower case.
    pub name: String,
    /// The users that may act; all others may read.
    pub actors: Vec<String>,
}

pub const PAGE: Vocabulary = Vocabulary {
    name: "`page`",
    words: words! {
        "listen" text =>
            "Host and port of the web page, or `off`. Default: 127.0.0.1:8081, if it is free. An address that other machines can reach requires `secrets` or `user_header`.";
        "hosts" hosts_schema =>
            "Host names under which browsers open the page. Addresses, `localhost` and names without a dot are always accepted.";
        "secrets" secrets_schema =>
            "The names of the secrets with which people sign in who may act: retry, replay and cancel.";
        "read_secrets" secrets_schema => "The names of the secrets with which people sign in who may only read.";
        "user_header" text =>
            "The header in which a proxy names the user that it has signed in, such as `X-Forwarded-User`. Requires `trusted_proxies`.";
        "trusted_proxies" network::list_schema =>
            "The proxies in front of the page: addresses or networks. Their `X-Forwarded-For`, `X-Forwarded-Proto` and `user_header` are trusted, those of all others are ignored.";
        "actors" actors_schema => "The users of `user_header` that may act. All others may read.";
        "tls" tls::server_schema =>
            "The files of the certificate with which the page is served over HTTPS. Default: plain HTTP.";
    },
};

fn hosts_schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["desk.example.com"]]})
}

fn actors_schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["ada@example.com"]]})
}

pub fn schema() -> Value {
    json!({"oneOf": [{"type": "string"}, PAGE.schema(&[])]})
}

/// Reads an address, `off` or a mapping. An invalid value is reported and left out.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> PageSettings {
    let mut page = PageSettings {
        at: node.at,
        ..PageSettings::default()
    };
    if !matches!(node.value, Yaml::Map(_)) {
        page.listen = lower_address(node, "page", diagnostics);
        check_sign_in(&page, node, diagnostics);
        return page;
    }
    diagnostics.entries(node, &PAGE);
    if let Some(node) = node.get("listen") {
        page.listen = lower_address(node, "page.listen", diagnostics);
    }
    if let Some(hosts) = node.get("hosts") {
        page.hosts = lower_hosts(hosts, diagnostics);
    }
    let mut secrets = |key: &str| match node.get(key) {
        Some(node) => lower_secrets(node, diagnostics).unwrap_or_default(),
        None => Vec::new(),
    };
    (page.secrets, page.read_secrets) = (secrets("secrets"), secrets("read_secrets"));
    if let Some(proxies) = node.get("trusted_proxies") {
        page.trusted_proxies = network::lower_list(proxies, "trusted_proxies", diagnostics);
    }
    page.user_header = lower_user_header(node, diagnostics);
    page.tls = node
        .get("tls")
        .and_then(|tls| tls::lower_server(tls, diagnostics));
    check_sign_in(&page, node.get("listen").unwrap_or(node), diagnostics);
    page
}

fn lower_address(node: &Node, key: &str, diagnostics: &mut Diagnostics) -> PageAddress {
    // YAML reads a plain `off` as text, and some people write `false`.
    if matches!(node.value, Yaml::Bool(false)) {
        return PageAddress::Off;
    }
    if matches!(&node.value, Yaml::Text(word) if word == "off") {
        return PageAddress::Off;
    }
    match address::lower(node, key, "127.0.0.1:8081` or `off", diagnostics) {
        None => PageAddress::Default,
        Some(address) => PageAddress::At(address),
    }
}

/// Replaces the address by the value of an environment variable.
pub(super) fn overlay(value: &str, at: Span, page: &mut PageSettings) -> Result<(), String> {
    let listen = match value {
        "off" => PageAddress::Off,
        address if address::is_address(address) => PageAddress::At(address.to_owned()),
        _ => {
            return Err(format!(
                "is not an address: `{value}`; write a host and a port: `{DEFAULT_PAGE_ADDRESS}` or `off`"
            ));
        }
    };
    if let PageAddress::At(address) = &listen
        && !page.has_sign_in()
        && !network::is_loopback(address)
    {
        return Err(format!(
            "opens the page to other machines, and nobody can sign in; {SIGN_IN_HELP}"
        ));
    }
    (page.listen, page.at) = (listen, at);
    Ok(())
}

fn lower_user_header(node: &Node, diagnostics: &mut Diagnostics) -> Option<UserHeader> {
    let (header, proxies) = (node.get("user_header"), node.get("trusted_proxies"));
    let Some(header) = header else {
        if let Some(actors) = node.get("actors") {
            let message = "`actors` has no effect without `user_header`";
            let help = "name the header in which the proxy sends the user, or remove it";
            diagnostics.invalid(actors.at, message, help);
        }
        return None;
    };
    let name = diagnostics.text(header, "user_header")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        let message = format!("`{name}` is not a header name");
        let help = "write a name such as `X-Forwarded-User`";
        return diagnostics.reject_value(header.at, message, help);
    }
    if proxies.is_none() {
        let message = "`user_header` has no `trusted_proxies`, so that anybody could set it";
        let help = "add the address of the proxy: `trusted_proxies: [127.0.0.1]`";
        return diagnostics.reject_value(header.at, message, help);
    }
    Some(UserHeader {
        name: name.to_ascii_lowercase(),
        actors: lower_actors(node, diagnostics),
    })
}

fn lower_actors(node: &Node, diagnostics: &mut Diagnostics) -> Vec<String> {
    let Some(node) = node.get("actors") else {
        return Vec::new();
    };
    let nodes: &[Node] = node.as_list().unwrap_or(std::slice::from_ref(node));
    let names = nodes.iter().map(|node| diagnostics.text(node, "actors"));
    names.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Without a way to sign in, only people on this machine may open the page.
fn check_sign_in(page: &PageSettings, node: &Node, diagnostics: &mut Diagnostics) {
    let PageAddress::At(address) = &page.listen else {
        return;
    };
    if page.has_sign_in() || network::is_loopback(address) {
        return;
    }
    let message =
        format!("other machines can reach the page at `{address}`, and nobody can sign in");
    diagnostics.invalid(node.at, message, SIGN_IN_HELP);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::config::parse;
    use crate::diagnostic::FileId;

    fn read(text: &str) -> (PageSettings, String) {
        let mut diagnostics = Diagnostics::default();
        let config = parse(FileId::default(), text, &BTreeMap::new(), &mut diagnostics);
        let found: Vec<String> = diagnostics
            .iter()
            .map(|found| format!("{found:?}"))
            .collect();
        (config.page, found.join("; "))
    }

    fn page(text: &str) -> PageSettings {
        let (page, errors) = read(text);
        assert_eq!(errors, "", "{text}");
        page
    }

    #[test]
    fn addresses_and_ways_to_sign_in() {
        assert_eq!(page("page: off").listen, PageAddress::Off);
        assert_eq!(page("{}").listen, PageAddress::Default);
        let local = page("page: localhost:9000");
        assert_eq!(local.listen, PageAddress::At("localhost:9000".into()));
        let public = page(
            "page: { listen: '0.0.0.0:8081', secrets: [PAGE_KEY], hosts: [Desk.Example.com] }",
        );
        assert_eq!(public.secrets, ["PAGE_KEY"]);
        assert_eq!(public.hosts, ["desk.example.com"]);
        let proxied =
            page("page: { user_header: X-User, trusted_proxies: [127.0.0.1], actors: [ada] }");
        let header = proxied.user_header.unwrap();
        assert_eq!((header.name.as_str(), header.actors.len()), ("x-user", 1));
    }

    #[test]
    fn a_public_page_without_sign_in_is_an_error() {
        for (text, part) in [
            ("page: '0.0.0.0:8081'", "nobody can sign in"),
            (
                "page: { listen: 'desk.example.com:80' }",
                "nobody can sign in",
            ),
            ("page: { listen: '[::]:80' }", "nobody can sign in"),
            ("page: { user_header: X-User }", "anybody could set it"),
            (
                "page: { user_header: 'X User', trusted_proxies: [::1] }",
                "not a header name",
            ),
            ("page: { actors: [ada] }", "no effect without `user_header`"),
            ("page: { secret: [A] }", "secrets"),
        ] {
            let (_, error) = read(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
