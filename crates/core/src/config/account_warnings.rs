//! Warns of events of another account than the one that is configured for their source.

use serde_json::Value;

use crate::config::source::EventSource;
use crate::event::Event;

impl EventSource {
    /// Where the configured account is not that of an event, one warning each. For the log and the stored event.
    pub fn account_warnings(&self, event: &Event) -> Vec<String> {
        let of_event = |key: &str| match event.envelope.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let warnings = self.configured_account().into_iter().filter_map(|(key, configured)| {
            let (configured, of_event) = (configured?, of_event(key)?);
            (!configured.eq_ignore_ascii_case(&of_event)).then(|| {
                format!(
                    "{}`{of_event}`: bundles get that of the event, and nothing else of the configured account",
                    self.difference(key, &configured)
                )
            })
        });
        warnings.collect()
    }

    /// The warnings of an event for its sender, who may be anyone: they do not name the configured account.
    pub fn answer_warnings(&self, warnings: &[String]) -> Vec<String> {
        let answered = warnings.iter().map(|warning| {
            let mut configured = self.configured_account().into_iter();
            let unnamed = configured.find_map(|(key, configured)| {
                let of_event = warning.strip_prefix(&self.difference(key, &configured?))?;
                let name = &self.name;
                Some(format!(
                    "the event is not of the account in `sources.{name}.{key}`, it has {of_event}"
                ))
            });
            unnamed.unwrap_or_else(|| warning.clone())
        });
        answered.collect()
    }

    fn configured_account(&self) -> [(&'static str, Option<String>); 2] {
        [
            ("account_id", self.account_id.map(|id| id.to_string())),
            ("subdomain", self.subdomain.clone()),
        ]
    }

    /// How a warning begins that names the configured account.
    fn difference(&self, key: &str, configured: &str) -> String {
        let name = &self.name;
        format!("`sources.{name}.{key}` is `{configured}`, and the event has ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::source::SourceFormat;
    use crate::event::catalogue::Catalogue;
    use crate::event::format::decode;

    #[test]
    fn an_account_that_is_not_the_configured_one_is_named() {
        let event = json!({
            "account_id": 77, "subdomain": "north",
            "input": {"ticket_event": {"type": "Ticket Created", "ticket": {"id": 1}}},
        });
        let event = decode(event, Catalogue::built_in()).expect("an event");
        let source = |account_id, subdomain: Option<&str>| EventSource {
            account_id,
            subdomain: subdomain.map(str::to_owned),
            ..EventSource::with_defaults("support", SourceFormat::BuiltIn("support"))
        };
        for same in [
            source(None, None),
            source(Some(77), Some("North")),
            source(None, Some("north")),
        ] {
            assert_eq!(same.account_warnings(&event), Vec::<String>::new());
        }
        let warnings = source(Some(78), Some("south")).account_warnings(&event);
        let [id, subdomain] = warnings.as_slice() else {
            panic!("{warnings:?}");
        };
        assert!(
            id.starts_with("`sources.support.account_id` is `78`, and the event has `77`"),
            "{id}"
        );
        assert!(
            subdomain.contains("is `south`, and the event has `north`"),
            "{subdomain}"
        );
        let source = source(Some(78), Some("south"));
        let mut warnings = source.account_warnings(&event);
        warnings.insert(0, "another".into());
        let answer = source.answer_warnings(&warnings);
        assert_eq!(answer.len(), 3, "{answer:?}");
        assert_eq!(answer[0], "another");
        assert!(answer[1].contains("it has `77`"), "{answer:?}");
        assert!(answer[2].contains("it has `north`"), "{answer:?}");
        assert!(!answer.concat().contains("78") && !answer.concat().contains("south"));
    }
}
