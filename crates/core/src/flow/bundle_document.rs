//! Builds the document with which a bundle's flow starts: what ZIS gives for an event of that source.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::event::catalogue::event_type::in_zis;
use crate::event::{Event, body_key};

/// The integration of a bundle, and the accounts whose events it receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleOrigin {
    /// `$.integration_key`.
    pub integration: Arc<str>,
    /// The accounts that the configuration names.
    pub accounts: Arc<[SourceAccount]>,
}

/// The Zendesk account of a source, as far as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAccount {
    /// The `event_source` of its events.
    pub source: String,
    pub id: Option<u64>,
    pub subdomain: Option<String>,
}

/// The families of `support` whose events ZIS wraps in an object of their own.
const WRAPPED: [&str; 4] = ["ticket", "user", "organization", "customobject"];

impl BundleOrigin {
    /// The document of an event: `input`, `account_id`, `subdomain` and `integration_key`.
    pub fn document(&self, event: &Event) -> Value {
        let account = self.account(event);
        let id = account.and_then(|account| account.id).map(Value::from);
        let subdomain = account.and_then(|account| account.subdomain.as_deref());
        let mut document = Map::new();
        document.insert("input".into(), input(event));
        document.insert("integration_key".into(), Value::from(&*self.integration));
        if let Some(id) = of_event(event, "account_id").or(id) {
            document.insert("account_id".into(), id);
        }
        if let Some(subdomain) = of_event(event, "subdomain").or(subdomain.map(Value::from)) {
            document.insert("subdomain".into(), subdomain);
        }
        Value::Object(document)
    }

    /// The account of an event: if the event names one, only the account with the same id.
    fn account(&self, event: &Event) -> Option<&SourceAccount> {
        let named = of_event(event, "account_id").and_then(|id| id.as_u64());
        let of_source = self.accounts.iter().filter(|a| a.source == event.source);
        let mut fitting = of_source.filter(|account| match (account.id, named) {
            (Some(id), Some(named)) => id == named,
            (Some(_), None) | (None, _) => true,
        });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only),
            (Some(first), Some(_)) if first.id.is_some() && first.id == named => Some(first),
            (Some(_), Some(_)) | (None, _) => None,
        }
    }
}

/// A value of the event's envelope that is not null.
fn of_event(event: &Event, name: &str) -> Option<Value> {
    let value = event.envelope.get(name)?;
    (!value.is_null()).then(|| value.clone())
}

/// Whether ZIS wraps events of this type: `$.input` is `{ticket_event: …}`.
pub fn is_wrapped(source: &str, event_type: &str) -> bool {
    let family = event_type.split('.').next().unwrap_or_default();
    source == "support" && WRAPPED.contains(&family)
}

/// `$.input`: the body as posted, or for Zendesk's own events the object that ZIS makes of them.
fn input(event: &Event) -> Value {
    let of_zendesk = match event.format {
        "zis" => true,
        "eventbridge" | "zendesk_webhook" => is_wrapped(&event.source, &event.event_type),
        _ => false,
    };
    if of_zendesk {
        let key = body_key(&event.source, &event.event_type);
        return json!({ key: wrapped(event) });
    }
    // A redacted event has lost its body as received; the normalised one is left.
    match event.raw.is_object() {
        true => event.raw.value().clone(),
        false => event.body.clone(),
    }
}

/// The body without the keys that only other formats have: event webhooks send more of a ticket than ZIS.
fn wrapped(event: &Event) -> Value {
    let mut body = event.body.clone();
    let family = event.event_type.split('.').next().unwrap_or_default();
    let objects = match (&mut body, event.format) {
        (Value::Object(objects), "eventbridge" | "zendesk_webhook") => objects,
        _ => return body,
    };
    for (object, value) in objects {
        let Value::Object(keys) = value else {
            continue;
        };
        // The object of the family has the listed keys only; others have keys that no family lists.
        let unlisted = object != family;
        keys.retain(|key, _| in_zis(family, &format!("{object}.{key}")).unwrap_or(unlisted));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::custom::{CustomFormat, ValueLocations};
    use crate::event::format::{decode, decode_described};

    fn origin(accounts: &[SourceAccount]) -> BundleOrigin {
        BundleOrigin {
            integration: "acme_sync".into(),
            accounts: accounts.into(),
        }
    }

    fn account(source: &str, id: Option<u64>, subdomain: Option<&str>) -> SourceAccount {
        SourceAccount {
            source: source.to_owned(),
            id,
            subdomain: subdomain.map(str::to_owned),
        }
    }

    fn event(value: Value) -> Event {
        decode(value, Catalogue::built_in()).expect("an event")
    }

    fn webhook(kind: &str) -> Value {
        json!({
            "type": kind, "id": "e1", "time": "2026-01-05T09:00:00Z", "account_id": 77,
            "subject": "zen:x:1", "zendesk_event_version": "2022-11-06",
            "event": {"current": "OPEN", "previous": "NEW", "meta": {"actor_id": 5},
                      "comment": {"id": "3", "body": "b", "html_body": "h"}},
            "detail": {"id": "7", "subject": "s", "status": "OPEN", "actor_id": "5", "tags": ["a"]},
        })
    }

    #[test]
    fn the_input_of_an_own_source_is_the_posted_body() {
        let format = CustomFormat {
            name: "desk".into(),
            source: "desk".into(),
            event_type: ValueLocations::constant("ping"),
            id: ValueLocations::default(),
            key: ValueLocations::default(),
            time: ValueLocations::default(),
            time_zone: None,
        };
        let body = json!({"token": "T", "account_id": 9, "ticket_event": {"a": 1}});
        let event = decode_described(body.clone(), &format, Catalogue::built_in()).unwrap();
        assert_eq!(
            origin(&[account("desk", Some(3), Some("acme"))]).document(&event),
            json!({"input": body, "integration_key": "acme_sync", "account_id": 3,
                   "subdomain": "acme"})
        );
        assert_eq!(
            origin(&[]).document(&event),
            json!({"input": body, "integration_key": "acme_sync"})
        );
    }

    #[test]
    fn families_that_zis_does_not_wrap_are_the_event_webhook() {
        let body = webhook("zen:event-type:agent.state_changed");
        let document = origin(&[]).document(&event(body.clone()));
        assert_eq!(document["input"], body);
        assert_eq!(document["account_id"], 77);
        let mut user = webhook("zen:event-type:user.role_changed");
        user["detail"] = json!({"id": "7", "role": "ADMIN", "phone": "1", "tags": ["a"]});
        assert_eq!(
            origin(&[]).document(&event(user))["input"]["user_event"]["user"],
            json!({"id": 7, "role": "admin"})
        );
        let body = webhook("zen:event-type:custom_object_record.created");
        assert_eq!(
            origin(&[]).document(&event(body))["input"]["detail"]["id"],
            "7"
        );
    }

    #[test]
    fn a_ticket_event_has_only_what_zis_gives_in_every_format() {
        let document =
            origin(&[]).document(&event(webhook("zen:event-type:ticket.status_changed")));
        assert_eq!(
            document,
            json!({
                "account_id": 77, "integration_key": "acme_sync",
                "input": {"ticket_event": {
                    "type": "Status Changed", "current": "open", "previous": "new",
                    "meta": {"occurred_at": "2026-01-05T09:00:00Z"},
                    "comment": {"id": 3, "body": "b"},
                    "ticket": {"id": 7, "status": "open", "tags": ["a"]},
                }},
            })
        );
    }

    #[test]
    fn the_integration_key_is_the_bundles_and_the_account_is_the_events() {
        let envelope = json!({
            "account_id": 77, "subdomain": "north", "integration_key": "other",
            "input": {"ticket_event": {"type": "Ticket Created", "ticket": {"id": 1}}},
        });
        let accounts = [
            account("support", Some(77), Some("north")),
            account("support", Some(78), Some("south")),
        ];
        let document = origin(&accounts).document(&event(envelope));
        assert_eq!(document["integration_key"], "acme_sync");
        assert_eq!(document["account_id"], 77);
        assert_eq!(document["subdomain"], "north");
        let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        // A webhook names the account by its id only.
        let body = webhook("zen:event-type:ticket.status_changed");
        let document = origin(&accounts).document(&event(body.clone()));
        assert_eq!(document["subdomain"], "north");
        // The subdomain of another account is never used.
        let other = origin(&[account("support", Some(78), Some("south"))]);
        assert_eq!(other.document(&event(body)).get("subdomain"), None);
    }
}
