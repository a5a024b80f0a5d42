//! Follows every link and every search form of the page, from the overview on, on a desk with hostile events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flowtrigger_testing::http_wire::Message;
use flowtrigger_testing::support_desk::{HOSTILE, SECRET, SupportDesk};
use serde_json::Value;

use super::html::Html;

/// More pages than the desk has.
const MAX_PAGES: usize = 3_000;
/// Pages of one kind that are followed: the rest differs in its numbers alone.
const MAX_OF_A_KIND: usize = 60;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page that was found, with its JSON.
struct Visit {
    html: Html,
    json: Value,
}

#[test]
fn every_link_leads_to_a_safe_page_that_equals_its_json() {
    let desk = SupportDesk::open(env!("CARGO_BIN_EXE_flowtrigger"));
    let visits = crawl(&desk, "/");
    for section in [
        "/events",
        "/runs",
        "/problems",
        "/rules",
        "/try",
        "/deliveries",
    ] {
        assert!(visits.contains_key(section), "{section} was not found");
    }
    for (kind, at_least) in [("/events/{}", 20), ("/runs/{}", 20), ("/rules/{}", 6)] {
        let found = visits.keys().filter(|url| kind_of(url) == kind).count();
        assert!(found >= at_least, "{found} pages of {kind}");
    }
    for (url, visit) in &visits {
        compare(url, visit);
    }
    // The hostile text is there, and it is a text.
    let shown = visits
        .values()
        .filter(|visit| visit.html.text.contains("<img src=x onerror"));
    assert!(shown.count() > 0, "no page shows the hostile text");
    desk.daemon.stop();
}

fn crawl(desk: &SupportDesk, start: &str) -> BTreeMap<String, Visit> {
    let mut queue = VecDeque::from([start.to_owned()]);
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut visits = BTreeMap::new();
    while let Some(url) = queue.pop_front() {
        assert!(visits.len() < MAX_PAGES, "the links do not end");
        let visit = visit(desk, &url);
        let forms = visit
            .html
            .all("form")
            .filter(|form| form.attribute("method") != Some("post"));
        let forms = forms
            .filter_map(|form| form.attribute("action"))
            .map(str::to_owned);
        let links = visit
            .html
            .links()
            .into_iter()
            .map(|link| absolute(&url, &link));
        for link in links.chain(forms) {
            let count = kinds.entry(kind_of(&link)).or_default();
            // A question about a command needs its fields.
            let is_bare = link == "/confirm";
            let is_file = link.starts_with("/assets/") || link.contains(".json") || is_bare;
            if !is_file && *count < MAX_OF_A_KIND && seen.insert(link.clone()) {
                *count += 1;
                queue.push_back(link);
            }
        }
        visits.insert(url, visit);
    }
    visits
}

/// A link that only changes the query belongs to the same path.
fn absolute(url: &str, link: &str) -> String {
    match link.starts_with('?') {
        true => format!("{}{link}", url.split('?').next().unwrap_or_default()),
        false => link.to_owned(),
    }
}

/// The URL with `{}` for its last part if that names one thing, and the names of its query.
fn kind_of(url: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next());
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
    let last = if last.is_some() { "/{}" } else { "" };
    let mut kind = format!("/{first}{last}");
    if !names.is_empty() {
        kind += &format!("?{}", names.into_iter().collect::<Vec<_>>().join("&"));
    }
    kind
}

fn visit(desk: &SupportDesk, url: &str) -> Visit {
    let answer = desk.daemon.admin("GET", url);
    let is_asked_for = url.starts_with("/find");
    let statuses: &[u16] = if is_asked_for {
        &[200, 303, 404, 400]
    } else {
        &[200]
    };
    assert!(statuses.contains(&answer.status()), "{url}: {answer:?}");
    check_headers(url, &answer);
    let json = desk.daemon.admin("GET", &json_url(url));
    check_headers(url, &json);
    assert!(
        !json.body.contains(SECRET),
        "{url} has a secret in its JSON"
    );
    let json = match answer.status() {
        200 => {
            assert_eq!(json.status(), 200, "{url}: {json:?}");
            json.json()
        }
        _ => Value::Null,
    };
    let html = match answer.status() {
        303 => Html::default(),
        _ => Html::read(&answer.body),
    };
    check_text(url, &answer.body, &html);
    Visit { html, json }
}

fn json_url(url: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let path = if path == "/" { "/overview" } else { path };
    match query {
        "" => format!("{path}.json"),
        query => format!("{path}.json?{query}"),
    }
}

fn check_headers(url: &str, answer: &Message) {
    let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-security-policy"), POLICY, "{url}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{url}");
    assert_eq!(header("x-frame-options"), "DENY", "{url}");
    assert_eq!(header("cache-control"), "no-store", "{url}");
}

/// No secret, no script of an event, and no character that changes the direction of what stands around it.
fn check_text(url: &str, body: &str, html: &Html) {
    assert!(!body.contains(SECRET), "{url} shows a secret");
    assert!(!body.contains("<img"), "{url} has the tag of an event");
    let hostile = HOSTILE
        .chars()
        .filter(|c| "\u{202e}\u{2066}\u{7}".contains(*c));
    for c in hostile {
        assert!(!html.text.contains(c), "{url} has {c:?} as it came");
    }
}

/// Lists of the JSON and the links of the page name the same things.
fn compare(url: &str, visit: &Visit) {
    for (list, path) in [
        ("runs", "/runs/"),
        ("events", "/events/"),
        ("rules", "/rules/"),
    ] {
        if url.split('?').next() != Some(path.trim_end_matches('/')) {
            continue;
        }
        let listed = visit.json[list]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names = listed.iter().map(|entry| match path {
            "/events/" => entry["row"].to_string(),
            "/runs/" => entry["id"].to_string(),
            _ => entry["name"].as_str().unwrap_or_default().to_owned(),
        });
        let names: BTreeSet<String> = names.collect();
        let links = visit.html.links();
        for name in &names {
            assert!(
                links.contains(&format!("{path}{name}")),
                "{url} does not link {name}"
            );
        }
    }
}
