//! Rules that read every field of the sample events, each with a test close to its value, and the ways to tell
//! the format of an event.

use std::collections::BTreeSet;

use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::custom::{CustomFormat, ValueLocations};
use flowtrigger_core::event::format::{FormatHint, read};
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_testing::repository::SAMPLES;
use flowtrigger_testing::rules;
use serde_json::{Value, json};

/// Rules with their configuration.
pub struct Readers {
    pub config: Config,
    pub rules: RuleSet,
}

impl Readers {
    /// Keeps the rules that load.
    pub fn new(config: Config, text: &str) -> Self {
        let (rules, _) = rules::compile(&[("rules.yaml", text)], &config);
        Self { config, rules }
    }

    /// By content, and by every custom format.
    pub fn all_hints(&self) -> impl Iterator<Item = FormatHint<'_>> {
        let described = self.config.descriptions().map(FormatHint::Custom);
        std::iter::once(FormatHint::Detect).chain(described)
    }
}

fn described(
    name: &str,
    source: &str,
    event_type: ValueLocations,
    parts: [&str; 3],
) -> CustomFormat {
    let part = |path: &str| match path {
        "" => ValueLocations::default(),
        path => ValueLocations::path(path),
    };
    let [id, key, time] = parts.map(part);
    CustomFormat {
        name: name.into(),
        source: source.into(),
        event_type,
        id,
        key,
        time,
        time_zone: None,
    }
}

/// Custom sources, one of which delivers events of a known source.
pub fn config() -> Config {
    let path = ValueLocations::path;
    let ticket = "input.ticket_event.ticket.id";
    let time = "$.input.ticket_event.meta.occurred_at";
    let mut config = Config::default();
    for source in [
        described(
            "shop",
            "shop",
            ValueLocations::constant("order"),
            ["", "", ""],
        ),
        described(
            "watch",
            "watch",
            path("kind"),
            ["delivery", "incident.number", "sent_at"],
        ),
        described(
            "desk",
            "support",
            path("$.input.ticket_event.type"),
            ["", ticket, time],
        ),
        described(
            "hooks",
            "upmind",
            path("hook_code"),
            ["webhook_event_id", "object_id", ""],
        ),
    ] {
        config
            .sources
            .insert(source.name.clone(), EventSource::described(source));
    }
    config
}

/// The same with types that the catalogue does not have, and one that it has with other fields.
pub fn extended() -> Config {
    let mut config = config();
    let types = json!([
        {"source": "support", "name": "ticket.AnythingHappened", "display": "Anything Happened",
         "webhook": "ticket.moon_phase", "fields": {"current": "text", "moon": "integer"}, "open": true},
        {"source": "support", "name": "ticket.PriorityChanged", "display": "Priority Changed",
         "webhook": "ticket.priority_changed", "fields": {"current": "text", "comment": "object"}},
        {"source": "shop", "name": "order.Paid", "display": "Order Paid", "open": true},
        {"source": "upmind", "name": "thing.Done", "codes": ["no_such_hook"], "open": true},
    ]);
    let types = serde_json::from_value(types).expect("types");
    config.catalogue = config.catalogue.extended(types);
    config
}

/// A rule for each path of each sample, and others that combine them. Only one of `every` paths gets a rule,
/// because loading takes time.
pub fn readers(config: &Config, step: usize) -> String {
    let mut writer = Writer {
        step,
        ..Writer::default()
    };
    for event in events(config) {
        for (path, value) in places(&event) {
            writer.reader(&event, path, value);
        }
    }
    for (n, when) in elsewhere().into_iter().enumerate() {
        let (source, types) = listening(n);
        writer.write(source, types, when.clone());
        // Each of these searches the fields of every type.
        if n.is_multiple_of(8) {
            writer.write("support", json!("*"), when);
        }
    }
    writer.text
}

fn listening(n: usize) -> (&'static str, Value) {
    let of_ticket = ["ticket.PriorityChanged", "ticket.*", "ticket.StatusChanged"];
    match n % 5 {
        0 => ("support", json!(of_ticket)),
        1 => (
            "support",
            json!(["ticket.*", "user.*", "ticket.TicketCreated"]),
        ),
        2 => ("upmind", json!("ticket_message.*")),
        3 => ("shop", json!("*")),
        _ => ("watch", json!(["incident.*", "incident.opened", "*"])),
    }
}

fn events(config: &Config) -> Vec<Event> {
    let (mut events, mut seen) = (Vec::new(), BTreeSet::new());
    let hint =
        std::iter::once(FormatHint::Detect).chain(config.descriptions().map(FormatHint::Custom));
    for hint in hint {
        for text in SAMPLES.iter().step_by(2) {
            let value = parse(text).expect("a sample").value;
            let Ok(event) = read(value, hint, Catalogue::built_in()) else {
                continue;
            };
            if seen.insert((event.event_type.clone(), event.format)) {
                events.push(event);
            }
        }
    }
    events
}

/// Every path that a rule can read in an event, with its value.
fn places(event: &Event) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    walk(&event.body, "", &mut places);
    walk(&event.envelope, "", &mut places);
    walk(&event.raw, "$.raw", &mut places);
    walk(&event.about["event"], "event", &mut places);
    places
}

fn walk(value: &Value, at: &str, places: &mut Vec<(String, Value)>) {
    if let Value::Object(object) = value {
        for (key, below) in object {
            let dot = if at.is_empty() { "" } else { "." };
            walk(below, &format!("{at}{dot}{key}"), places);
        }
    }
    if !at.is_empty() {
        places.push((at.to_owned(), value.clone()));
    }
}

#[derive(Default)]
struct Writer {
    text: String,
    count: usize,
    turn: usize,
    step: usize,
    seen: BTreeSet<String>,
}

impl Writer {
    fn reader(&mut self, event: &Event, path: String, value: Value) {
        self.turn += 1;
        // There are few samples of custom sources.
        let step = match event.source.as_str() {
            "shop" | "watch" => 1,
            _ => self.step,
        };
        if !self.turn.is_multiple_of(step)
            || !self.seen.insert(format!("{} {path}", event.event_type))
        {
            return;
        }
        let n = self.count;
        let test = test_of(&value, n);
        let when = match n % 5 {
            0 => json!({ path: test, "event.source": { "present": true } }),
            1 => json!({ "any": [{ path: test }, { "event.key": "no such" }] }),
            2 => json!({ "none": [{ path: { "not": test } }] }),
            _ => json!({ path: test }),
        };
        let family = event.event_type.split('.').next().unwrap_or_default();
        let types = match n % 7 {
            0 => json!([event.event_type, format!("{family}.*")]),
            1 => json!([event.event_type, "ticket.PriorityChanged"]),
            _ => json!(event.event_type),
        };
        self.write(&event.source, types, when);
    }

    fn write(&mut self, source: &str, types: Value, when: Value) {
        let modes = ["live", "live", "live", "shadow", "live", "disabled", "live"];
        let rule = json!({
            "name": format!("r{}", self.count),
            "event_source": source,
            "event_type": types,
            "mode": modes[self.count % modes.len()],
            "vars": { "word": "urgent", "words": ["vip", "checkout"], "number": 90417 },
            "when": when,
            "flow": [{ "succeed": "ok" }],
        });
        self.count += 1;
        self.text.push_str(&format!("{rule}\n---\n"));
    }
}

/// A test that a value passes or nearly passes.
fn test_of(value: &Value, n: usize) -> Value {
    match value {
        Value::String(text) => test_of_text(text, n),
        Value::Number(number) => match n % 5 {
            0 => json!(number),
            1 => json!({ "gte": number }),
            2 => json!({ "between": [0, number] }),
            3 => json!({ "not": [1, 2, "x"] }),
            _ => json!([number, "90417", null]),
        },
        Value::Array(elements) => match (n % 4, elements.first()) {
            (0, Some(first)) if !first.is_object() => json!({ "has": first }),
            (1, Some(first)) if !first.is_object() => {
                json!({ "not": { "has_all": [first, "none"] } })
            }
            (2, _) => json!({ "exists": true }),
            _ => json!({ "present": n.is_multiple_of(2) }),
        },
        Value::Object(_) => json!({ "present": true }),
        Value::Null => json!([null, "x"]),
        Value::Bool(_) => json!(value),
    }
}

fn test_of_text(text: &str, n: usize) -> Value {
    let start: String = text.chars().take(3).collect();
    let end: String = text.chars().rev().take(2).collect();
    let end: String = end.chars().rev().collect();
    match n % 11 {
        _ if text.is_empty() => json!([text, null]),
        0 => json!({ "starts_with": start }),
        1 => json!({ "ends_with": end }),
        2 => json!({ "contains": [start, end] }),
        3 => json!({ "is": text.to_uppercase(), "ignore_case": true }),
        4 => json!({ "not": { "is": "x" } }),
        5 => json!({ "lte": text }),
        6 => json!({ "gt": "2025-01-01" }),
        7 => json!({ "after": "-400d", "before": "2027-01-01" }),
        8 => {
            json!({ "matches": format!("(?i)^{}", start.replace(|c: char| !c.is_alphanumeric(), ".")) })
        }
        9 => json!({ "exists": true, "not": ["x", null] }),
        _ => json!(text),
    }
}

/// Rules that read a field in several ways, from several paths, or from a missing one.
fn elsewhere() -> Vec<Value> {
    vec![
        json!({ "event.type": { "starts_with": "ticket." }, "event.time": { "after": "2026-01-01" } }),
        json!({ "event.time": { "exists": false } }),
        json!({ "event.id": { "matches": "^[0-9A-Fa-f]|sha256-|dlv" } }),
        json!({ "event.key": ["90417", "3318", "7"] }),
        json!({ "type": { "present": true } }),
        json!({ "account_id": { "gt": 0 } }),
        json!({ "account_id": { "not": { "is": 1 } }, "subdomain": { "contains": "harbor" } }),
        json!({ "$.raw": { "exists": true } }),
        json!({ "$.raw.type": { "starts_with": ["zen:", "Pri"] } }),
        json!({ "$.raw.detail.tags[0]": { "present": true } }),
        json!({ "$.raw.detail.tags": { "has": "vip" } }),
        json!({ "$.raw.input.ticket_event.ticket.id": { "gt": "5" } }),
        json!({ "$.raw.id": { "exists": true } }),
        json!({ "$.raw.a": { "exists": false } }),
        json!({ "$.raw['prefixed-2-suffixed']": 2 }),
        json!({ "$.raw.input['ticket_event']['prefixed-1-suffixed']": { "lt": 2 } }),
        json!({ "$.raw['key7']": 7 }),
        json!({ "$..tags[*]": "vip" }),
        json!({ "$..id": { "is": [7, "7", 90417] } }),
        json!({ "$.input.ticket_event.ticket.tags[?@ == 'vip']": { "exists": true } }),
        json!({ "$.input.ticket_event": { "present": true } }),
        json!({ "$.input.ticket_event.ticket.tags[1]": { "present": true } }),
        json!({ "current": { "not": { "path": "previous" } } }),
        json!({ "current": { "gt": { "path": "previous" } } }),
        json!({ "current": [null, "urgent", "high", ""], "previous": { "exists": true } }),
        json!({ "current": { "path": "vars.word" } }),
        json!({ "ticket.id": { "gte": { "path": "vars.number" } } }),
        json!({ "ticket.id": { "path": "$.raw.detail.id" } }),
        json!({ "ticket.tags": { "has": { "path": "vars.words" } } }),
        json!({ "ticket.tags": { "not": { "has_all": ["vip", "checkout"] } } }),
        json!({ "ticket.tags": { "has": ["VIP", "a"], "ignore_case": true } }),
        json!({ "ticket.tags": { "present": false } }),
        json!({ "ticket.created_at": { "after": "-30d" }, "ticket.updated_at": { "before": "+1h" } }),
        json!({ "any_of": { "in": "ticket.tags", "when": { "starts_with": ["v", "c"], "not": "vip" } } }),
        json!({ "none": [{ "any_of": { "in": "$.raw.detail.tags", "when": { "is": "vip" } } }] }),
        json!({ "$.raw.detail": { "any_of": { "id": 1 } } }),
        json!({ "$.raw.detail.tags": { "not": "vip" } }),
        json!({ "$.raw.time": { "after": 1_700_000_000 } }),
        json!({ "body.ticket.id": { "gt": 7 }, "body.account_id": { "exists": false } }),
        json!({ "event.data.id": { "exists": false }, "event": { "exists": false } }),
        json!({ "ticket.priority": { "gte": "high" } }),
        json!({ "ticket.status": { "between": ["open", "hold"] } }),
        json!({ "ticket.subject": { "exists": false } }),
        json!({ "meta.sequence.position": { "lte": 3 }, "meta.sequence.id": { "present": true } }),
        json!({ "comment.body": { "contains": "e" } }),
        json!({ "comment.author.id": { "gt": 0 } }),
        json!({ "any": [{ "ticket.priority": "urgent" }, { "all": [{ "ticket.status": "open" },
            { "none": [{ "ticket.tags": { "has": "spam" } }, { "current": null }] }] }] }),
        json!({ "none": [{ "any": [{ "ticket.priority": "low" }, { "ticket.organization_id": null }] }] }),
        json!({ "none": [{ "none": [{ "event.type": "ticket.PriorityChanged" }] }] }),
        json!({ "none": [{ "$.raw.nothing": "x" }] }),
        json!({}),
    ]
}
