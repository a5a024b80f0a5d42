//! The samples in `examples/events/`: each is decoded as its type, and the same event in two formats gives the
//! same fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::FieldLookup;
use flowtrigger_core::event::format::custom::{CustomFormat, ValueLocations};
use flowtrigger_core::event::format::{decode, decode_described};
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::split::parse_many;
use flowtrigger_testing::repository;
use serde_json::{Value, json};

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    repository::files_ending(repository::path(folder), ending)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn value(path: &str) -> Value {
    let bytes = fs::read(repository::path("examples/events").join(path)).expect(path);
    let accepted = parse(&bytes).expect(path);
    assert_eq!(accepted.repairs, Vec::<String>::new(), "{path}");
    accepted.value
}

fn event(path: &str) -> Event {
    decode(value(path), Catalogue::built_in()).expect(path)
}

/// The samples of a folder and their event types, from `tests/cases/tags/`.
fn tags(folder: &str) -> Vec<(String, String)> {
    let path = repository::path("tests/cases/tags")
        .join(folder)
        .with_extension("txt");
    let text = repository::read(path);
    let split = |line: &str| {
        line.split_once(' ')
            .map(|(n, t)| (n.to_owned(), t.to_owned()))
    };
    text.lines().map(|line| split(line).expect(line)).collect()
}

/// Decodes every file of a folder and compares the event types with the table, which names every file.
fn expect_tags(folder: &str, shape: &str) {
    let table = tags(folder);
    let files = files(&format!("examples/events/{folder}"), "json");
    let mut found: Vec<String> = files.iter().map(|path| stem(path)).collect();
    found.sort();
    let named: Vec<String> = table.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(found, named, "{folder}");
    for (name, tag) in table {
        let event = event(&format!("{folder}/{name}.json"));
        assert_eq!(event.event_type, tag, "{folder}/{name}");
        assert_eq!(event.format, shape, "{folder}/{name}");
        assert_eq!(event.warnings, Vec::<String>::new(), "{folder}/{name}");
        assert!(event.time.is_some(), "{folder}/{name}");
        assert!(event.key.is_some(), "{folder}/{name}");
    }
}

#[test]
fn every_sample_decodes_to_its_type() {
    expect_tags("zis", "zis");
    expect_tags("webhook", "zendesk_webhook");
    expect_tags("eventbridge", "eventbridge");
    expect_tags("upmind", "upmind");
}

#[test]
fn the_catalogue_is_complete_and_every_ticket_type_has_a_zis_sample() {
    let all = Catalogue::built_in();
    let sampled: BTreeSet<String> = tags("zis").into_iter().map(|(_, tag)| tag).collect();
    let with_sample = all.matching("support", "ticket.*");
    let with_sample = with_sample.iter().filter(|t| sampled.contains(&t.name));
    assert_eq!(with_sample.count(), 30);
    assert_eq!(all.matching("support", "ticket.*").len(), 37);
    assert_eq!(all.matching("support", "user.*").len(), 27);
    assert_eq!(all.matching("support", "organization.*").len(), 6);
    assert_eq!(all.matching("support", "customobject.*").len(), 3);
    assert_eq!(all.matching("support", "messaging_ticket.*").len(), 1);
    assert_eq!(all.matching("support", "article.*").len(), 11);
    assert_eq!(all.matching("support", "community_post.*").len(), 14);
    assert_eq!(all.matching("support", "agent.*").len(), 9);
    assert_eq!(all.matching("support", "omnichannel_config.*").len(), 1);
    assert_eq!(all.matching("upmind", "ticket_message.*").len(), 11);
    assert_eq!(all.sources(), ["support", "upmind", "clock"]);
}

/// Families whose events only event webhooks contain.
#[test]
fn every_family_of_event_webhooks_has_a_sample_and_a_group() {
    let sampled: BTreeSet<String> = tags("webhook").into_iter().map(|(_, tag)| tag).collect();
    let groups = Catalogue::built_in().groups("support");
    for (family, group) in [
        ("user", "users"),
        ("organization", "organizations"),
        ("messaging_ticket", "messaging"),
        ("article", "articles"),
        ("community_post", "community"),
        ("agent", "agents"),
        ("omnichannel_config", "omnichannel"),
    ] {
        let has = |tag: &String| tag.starts_with(&format!("{family}."));
        assert!(sampled.iter().any(has), "{family}");
        let (_, types) = groups.iter().find(|(name, _)| *name == group).expect(group);
        assert!(types.iter().all(|t| t.family() == family), "{group}");
    }
}

#[test]
fn the_upmind_types_are_grouped_as_by_the_vendor() {
    let groups = Catalogue::built_in().groups("upmind");
    let group = |name: &str| -> Vec<&str> {
        let (_, types) = groups.iter().find(|(n, _)| *n == name).expect(name);
        let short = types.iter().map(|t| t.name.split_once('.').unwrap().1);
        short.collect()
    };
    assert_eq!(groups.len(), 5);
    assert_eq!(
        group("client"),
        ["ClientPosted", "ClientUpdated", "ClientDeleted"]
    );
    let staff = [
        "StaffReplied",
        "StaffReplyUpdated",
        "InternalNoteWritten",
        "InternalNoteUpdated",
    ];
    assert_eq!(group("staff"), staff);
    assert_eq!(group("private"), ["PrivatePostedToLead", "PrivateDeleted"]);
    let edits = ["ClientUpdated", "StaffReplyUpdated", "UserDeleted"];
    assert_eq!(group("deletions_and_edits"), edits);
    assert_eq!(group("lead"), ["LeadPosted"]);
}

/// All leaves of a value with their paths; a list is a leaf.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, below) in object {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(below, &format!("{path}{dot}{key}"), found);
            }
        }
        leaf => found.push((path.to_owned(), leaf.clone())),
    }
}

#[test]
fn every_field_of_every_sample_is_in_the_catalogue_with_its_type() {
    for folder in ["zis", "webhook", "eventbridge", "upmind"] {
        for (name, _) in tags(folder) {
            let event = event(&format!("{folder}/{name}.json"));
            let all = Catalogue::built_in();
            let known = all.by_name(&event.source, &event.event_type).unwrap();
            let mut found = Vec::new();
            leaves(&event.body, "", &mut found);
            leaves(&event.envelope, "", &mut found);
            for (path, value) in found {
                // The webhook of an attachment repeats it in the comment.
                let inside = path.starts_with("comment.") && !known.owns("comment");
                match known.field(&path) {
                    FieldLookup::Known(field_type) => {
                        let words = field_type.name();
                        assert!(
                            holds(&words, &value),
                            "{folder}/{name} {path}: {words} {value}"
                        );
                    }
                    FieldLookup::Open | FieldLookup::Unlisted { misspelt: None } => {}
                    FieldLookup::Unlisted {
                        misspelt: Some(meant),
                    } => {
                        panic!("{folder}/{name}: {path} counts as a misspelling of {meant}")
                    }
                    FieldLookup::Unknown { .. } => assert!(inside, "{folder}/{name}: {path}"),
                }
            }
        }
    }
}

fn holds(field_type: &str, value: &Value) -> bool {
    match field_type {
        _ if value.is_null() => true,
        "any" => true,
        "id" | "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "text" | "time" => value.is_string(),
        "priority" => ["low", "normal", "high", "urgent"]
            .iter()
            .any(|p| value == p),
        "status" | "ticket_type" => value.as_str().is_some_and(|s| s == s.to_lowercase()),
        "list<id>" => value
            .as_array()
            .is_some_and(|l| l.iter().all(Value::is_u64)),
        "list<text>" => value
            .as_array()
            .is_some_and(|l| l.iter().all(Value::is_string)),
        "object" => value.is_object(),
        other => panic!("{other} has no check"),
    }
}

/// The fields that differ between formats.
fn shared(event: &Event) -> Value {
    let mut body = event.body.clone();
    let object = body.as_object_mut().unwrap();
    object.remove("meta");
    for extra in [
        "subject",
        "description",
        "actor_id",
        "custom_status",
        "is_public",
    ] {
        object["ticket"].as_object_mut().unwrap().remove(extra);
    }
    if let Some(comment) = object.get_mut("comment") {
        comment.as_object_mut().unwrap().remove("html_body");
    }
    body
}

#[test]
fn the_same_change_is_equal_in_every_format() {
    for name in [
        "agent-assignment-changed",
        "ccs-changed",
        "comment-added",
        "custom-field-changed-lookup",
        "priority-changed",
        "status-changed",
        "tags-changed",
        "ticket-merged",
    ] {
        let zis = event(&format!("zis/{name}.json"));
        let webhook = event(&format!("webhook/{name}.json"));
        assert_eq!(shared(&zis), shared(&webhook), "{name}");
        assert_eq!(zis.event_type, webhook.event_type);
        assert_eq!(zis.key, webhook.key);
    }
    let zis = event("zis/custom-field-changed-tagger.json");
    assert_eq!(
        shared(&zis),
        shared(&event("webhook/custom-field-changed.json"))
    );
    for name in ["priority-changed", "comment-added"] {
        let zis = event(&format!("zis/{name}.json"));
        let bridge = event(&format!("eventbridge/{name}.json"));
        assert_eq!(shared(&zis), shared(&bridge), "{name}");
        assert_eq!(bridge.time, event(&format!("webhook/{name}.json")).time);
    }
    let attachment = event("webhook/attachment-linked-to-comment.json");
    let zis = event("zis/attachment-linked-to-comment.json");
    assert_eq!(attachment.body["attachment"], zis.body["attachment"]);
}

#[test]
fn a_webhook_is_normalised() {
    let created = event("webhook/ticket-created.json");
    assert_eq!(created.body["type"], "Ticket Created");
    assert_eq!(created.body["ticket"]["tags"], json!([]));
    assert_eq!(created.body["ticket"]["priority"], Value::Null);
    assert_eq!(created.body["ticket"]["status"], "new");
    assert_eq!(created.body["ticket"]["id"], 90471);
    assert_eq!(created.key.as_deref(), Some("90471"));
    assert_eq!(created.envelope["actor_id"], 740011520233_u64);
    assert_eq!(created.raw["detail"]["status"], "NEW");
    let time = created.time.unwrap().to_string();
    assert_eq!(time, "2026-03-08T06:12:40.304701605Z");
    assert_eq!(created.body["meta"]["occurred_at"], time.as_str());
    let merged = event("webhook/ticket-merged.json");
    assert_eq!(merged.body["ticket"]["external_id"], "HL-20711");
    assert_eq!(merged.about["key"], "90417");
}

#[test]
fn eventbridge_and_upmind_fill_the_envelope() {
    let bridge = event("eventbridge/priority-changed.json");
    assert_eq!(
        bridge.envelope,
        json!({"account_id": 48213907, "actor_id": 740011520077_u64})
    );
    let upmind = event("upmind/client-posted.json");
    assert_eq!(upmind.source, "upmind");
    assert_eq!(upmind.id, upmind.raw["webhook_event_id"].as_str().unwrap());
    assert_eq!(
        upmind.body["ticket"]["id"],
        upmind.raw["object"]["ticket_id"]
    );
    assert_eq!(upmind.body["type"], "Client posted ticket message");
    assert_eq!(upmind.time.unwrap().to_string(), "2026-04-14T10:02:27Z");
}

#[test]
fn every_sample_has_its_own_id() {
    let mut ids = BTreeMap::new();
    for folder in ["zis", "webhook", "eventbridge", "upmind"] {
        for path in files(&format!("examples/events/{folder}"), "json") {
            let name = format!("{folder}/{}.json", stem(&path));
            let id = event(&name).id;
            assert_eq!(id, event(&name).id);
            if let Some(other) = ids.insert(id, name.clone()) {
                panic!("{other} and {name} have one id");
            }
        }
    }
}

#[test]
fn the_events_of_one_update_share_a_sequence() {
    let bytes = fs::read(repository::path("examples/events/update.ndjson")).unwrap();
    let items = parse_many(&bytes);
    assert_eq!(items.iter().map(|i| i.line).collect::<Vec<_>>(), [1, 2, 3]);
    let events: Vec<Event> = items
        .into_iter()
        .map(|item| decode(item.outcome.unwrap().value, Catalogue::built_in()).unwrap())
        .collect();
    let position = |e: &Event| e.body["meta"]["sequence"]["position"].as_u64();
    assert_eq!(
        events.iter().map(position).collect::<Vec<_>>(),
        [Some(3), Some(1), Some(2)]
    );
    let sequence = |e: &Event| e.body["meta"]["sequence"]["id"].clone();
    assert!(events.iter().all(|e| sequence(e) == sequence(&events[0])));
}

#[test]
fn custom_sources_read_their_samples() {
    let described = |name: &str, id: Option<&str>, event_type: &str, key: &str, time: &str| {
        let description = CustomFormat {
            name: name.to_owned(),
            source: name.to_owned(),
            event_type: ValueLocations::path(event_type),
            id: id.map(ValueLocations::path).unwrap_or_default(),
            key: ValueLocations::path(key),
            time: ValueLocations::path(time),
            time_zone: None,
        };
        let file = format!("json/{}.json", name.replace('_', "-"));
        decode_described(value(&file), &description, Catalogue::built_in()).expect(name)
    };
    let trigger = described("zendesk_trigger", None, "event", "ticket.id", "$.at");
    assert_eq!(trigger.event_type, "escalation requested");
    assert_eq!(trigger.key.as_deref(), Some("90417"));
    assert!(trigger.id.starts_with("sha256-"));
    assert_eq!(trigger.raw, trigger.body);
    let monitoring = described(
        "monitoring",
        Some("delivery"),
        "kind",
        "incident.number",
        "sent_at",
    );
    assert_eq!(monitoring.event_type, "incident.opened");
    assert_eq!(monitoring.id, "dlv-7f21c0");
    assert_eq!(monitoring.key.as_deref(), Some("3318"));
    assert_eq!(monitoring.time.unwrap().to_string(), "2026-03-02T09:41:10Z");
}
