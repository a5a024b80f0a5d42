//! The catalogue of known event types.
//! Finds a type by name, display name, webhook suffix or hook code.

pub mod event_type;
pub mod field_type;
pub(crate) mod misspelling;
pub mod sample;
pub mod unknown_field;
pub(crate) mod write_effects;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

pub use crate::event::catalogue::event_type::{EventType, FieldInfo, FieldLookup, TypeFields};
pub use crate::event::catalogue::field_type::FieldType;

use crate::event::catalogue::event_type::BUILT_IN;

/// The minimum similarity of a suggestion.
const MIN_SIMILARITY: f64 = 0.6;

/// The known event types.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    types: Vec<EventType>,
    names: TypeIndex,
    extended: bool,
}

/// The indexes of the types by each kind of name.
#[derive(Debug, Clone, Default, PartialEq)]
struct TypeIndex {
    sources: FxHashMap<String, SourceIndex>,
    webhooks: FxHashMap<String, usize>,
    /// The display names as written and in lower case, with an index into `shown`.
    displays: FxHashMap<String, usize>,
    /// The types of all sources with the same display name.
    shown: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct SourceIndex {
    by_name: FxHashMap<String, usize>,
    codes: FxHashMap<String, usize>,
}

impl Catalogue {
    /// The built-in types.
    pub fn built_in() -> &'static Catalogue {
        static CATALOGUE: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::with(BUILT_IN.types.clone()));
        &CATALOGUE
    }

    fn with(mut types: Vec<EventType>) -> Catalogue {
        let mut names = TypeIndex::default();
        for (index, event_type) in types.iter_mut().enumerate() {
            event_type.number = index;
            names.add(index, event_type);
        }
        Catalogue {
            types,
            names,
            extended: false,
        }
    }

    /// Returns this catalogue with more types. A type with the same source and name is replaced, or one of the
    /// same event webhook that has another name.
    pub fn extended(&self, types: Vec<EventType>) -> Catalogue {
        let mut all = self.types.clone();
        for added in types {
            let of_source = |t: &EventType| t.source == added.source;
            let named = |t: &EventType| of_source(t) && t.name == added.name;
            let received =
                |t: &EventType| of_source(t) && t.webhook.is_some() && t.webhook == added.webhook;
            let same = all.iter().position(named);
            match same.or_else(|| all.iter().position(received)) {
                Some(index) => all[index] = added,
                None => all.push(added),
            }
        }
        Catalogue {
            extended: true,
            ..Catalogue::with(all)
        }
    }

    /// Whether the configuration added types to the built-in ones.
    pub fn is_extended(&self) -> bool {
        self.extended
    }

    pub fn types(&self) -> impl Iterator<Item = &EventType> {
        self.types.iter()
    }

    /// The sources with types, without duplicates, in the order of the catalogue.
    pub fn sources(&self) -> Vec<&str> {
        let mut sources = Vec::new();
        for event_type in &self.types {
            if !sources.contains(&event_type.source.as_str()) {
                sources.push(event_type.source.as_str());
            }
        }
        sources
    }

    /// The groups of a source with their types, in the order of the catalogue. A type can be in several.
    pub fn groups(&self, source: &str) -> Vec<(&str, Vec<&EventType>)> {
        let mut groups: Vec<(&str, Vec<&EventType>)> = Vec::new();
        for event_type in self.of_source(source) {
            for name in &event_type.groups {
                match groups.iter_mut().find(|(known, _)| known == name) {
                    Some((_, types)) => types.push(event_type),
                    None => groups.push((name, vec![event_type])),
                }
            }
        }
        groups
    }

    pub fn by_name(&self, source: &str, name: &str) -> Option<&EventType> {
        let index = self.names.sources.get(source)?.by_name.get(name)?;
        self.types.get(*index)
    }

    /// The type with this display name. `None` if several share it, as users, organizations and tickets
    /// share `Tags Changed`; [`Catalogue::displayed`] returns all of them.
    pub fn by_display(&self, source: &str, display: &str) -> Option<&EventType> {
        match self.displayed(source, display).as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// All types with a display name, ignoring case.
    pub fn displayed(&self, source: &str, display: &str) -> Vec<&EventType> {
        self.shown(source, display).collect()
    }

    /// The type of a family by its display name, ignoring case.
    pub fn displayed_in(&self, source: &str, display: &str, family: &str) -> Option<&EventType> {
        self.shown(source, display).find(|t| t.family() == family)
    }

    fn shown(&self, source: &str, display: &str) -> impl Iterator<Item = &EventType> {
        let names = &self.names;
        let number = match names.displays.get(display) {
            Some(number) => Some(number),
            None => names.displays.get(&lower(display)),
        };
        let indexes = number.and_then(|number| names.shown.get(*number));
        let types = indexes
            .into_iter()
            .flatten()
            .map(|index| &self.types[*index]);
        types.filter(move |t| t.source == source)
    }

    /// The type with an event webhook's suffix, such as `ticket.priority_changed`.
    pub fn by_webhook(&self, suffix: &str) -> Option<&EventType> {
        self.types.get(*self.names.webhooks.get(suffix)?)
    }

    pub fn by_code(&self, source: &str, code: &str) -> Option<&EventType> {
        let index = self.names.sources.get(source)?.codes.get(code)?;
        self.types.get(*index)
    }

    /// Whether the catalogue has types of this source.
    pub fn has(&self, source: &str) -> bool {
        self.names.sources.contains_key(source)
    }

    /// The type whose name in any format is most similar to a word. `None` without a similar one.
    pub fn nearest(&self, source: &str, word: &str) -> Option<&EventType> {
        let word = letters_of(word);
        self.of_source(source)
            .map(|t| (similarity(t, &word), t))
            .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
            .fold(None, |best: Option<(f64, &EventType)>, next| match best {
                Some(best) if best.0 >= next.0 => Some(best),
                Some(_) | None => Some(next),
            })
            .map(|(_, t)| t)
    }

    /// The types that match a rule's pattern: a name, `ticket.*` or `*`.
    pub fn matching(&self, source: &str, pattern: &str) -> Vec<&EventType> {
        match pattern.strip_suffix('*') {
            Some(start) => self
                .of_source(source)
                .filter(|t| t.name.starts_with(start))
                .collect(),
            None => self.by_name(source, pattern).into_iter().collect(),
        }
    }

    fn of_source(&self, source: &str) -> impl Iterator<Item = &EventType> {
        self.types.iter().filter(move |t| t.source == source)
    }
}

impl TypeIndex {
    /// If two types share a name, the first one keeps it.
    fn add(&mut self, index: usize, event_type: &EventType) {
        if let Some(webhook) = &event_type.webhook {
            self.webhooks.entry(webhook.clone()).or_insert(index);
        }
        let of = self.sources.entry(event_type.source.clone()).or_default();
        of.by_name.entry(event_type.name.clone()).or_insert(index);
        for code in &event_type.codes {
            of.codes.entry(code.clone()).or_insert(index);
        }
        let Some(display) = &event_type.display else {
            return;
        };
        let number = *self.displays.entry(lower(display)).or_insert_with(|| {
            self.shown.push(Vec::new());
            self.shown.len() - 1
        });
        self.shown[number].push(index);
        self.displays.insert(display.clone(), number);
    }
}

fn lower(display: &str) -> String {
    display.trim().to_lowercase()
}

// Ignores case, blanks and punctuation: `ticket.CommentCreated`, derived from the display name
// `Comment Created`, must find `ticket.CommentAdded`.
fn similarity(event_type: &EventType, word: &str) -> f64 {
    let short = event_type.name.split_once('.').map(|(_, short)| short);
    let derived = event_type
        .display
        .as_ref()
        .map(|display| format!("{}{display}", event_type.family()));
    event_type
        .names()
        .chain(short)
        .chain(derived.as_deref())
        .map(|name| strsim::normalized_damerau_levenshtein(&letters_of(name), word))
        .fold(0.0, f64::max)
}

fn letters_of(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(found: Option<&EventType>) -> Option<&str> {
        found.map(|t| t.name.as_str())
    }

    #[test]
    fn irregular_type_names_are_data() {
        let all = Catalogue::built_in();
        for (display, suffix, expected) in [
            (
                "Comment Created",
                "ticket.comment_added",
                "ticket.CommentAdded",
            ),
            (
                "Email CCs Changed",
                "ticket.email_ccs_changed",
                "ticket.CcsChanged",
            ),
            (
                "Form Changed",
                "ticket.form_changed",
                "ticket.TicketFormChanged",
            ),
            (
                "Ticket Marked as Spam",
                "ticket.marked_as_spam",
                "ticket.MarkedAsSpam",
            ),
            ("Ticket Created", "ticket.created", "ticket.TicketCreated"),
        ] {
            assert_eq!(name(all.by_display("support", display)), Some(expected));
            assert_eq!(name(all.by_webhook(suffix)), Some(expected));
        }
    }

    #[test]
    fn display_names_ignore_case_and_must_be_unique() {
        let all = Catalogue::built_in();
        let posted = all.by_display("upmind", "client posted ticket message");
        assert_eq!(name(posted), Some("ticket_message.ClientPosted"));
        assert_eq!(all.by_display("support", "Tags Changed"), None);
        assert_eq!(all.displayed("support", "Tags Changed").len(), 3);
        assert_eq!(
            all.by_display("support", "Client posted ticket message"),
            None
        );
    }

    #[test]
    fn the_most_similar_type_is_found_by_any_name() {
        let all = Catalogue::built_in();
        for (source, word, expected) in [
            (
                "support",
                "ticket.PriortyChanged",
                Some("ticket.PriorityChanged"),
            ),
            (
                "support",
                "ticket.CommentCreated",
                Some("ticket.CommentAdded"),
            ),
            ("support", "Comment Creatd", Some("ticket.CommentAdded")),
            (
                "support",
                "ticket.priority_change",
                Some("ticket.PriorityChanged"),
            ),
            ("support", "PriorityChanged", Some("ticket.PriorityChanged")),
            (
                "upmind",
                "client_post_ticket_message_hook",
                Some("ticket_message.ClientPosted"),
            ),
            ("support", "xyzzy", None),
            ("elsewhere", "ticket.PriorityChanged", None),
        ] {
            assert_eq!(name(all.nearest(source, word)), expected, "{word}");
        }
    }

    #[test]
    fn a_pattern_means_a_family() {
        let all = Catalogue::built_in();
        assert_eq!(all.matching("support", "user.*").len(), 27);
        assert_eq!(all.matching("support", "ticket.CcsChanged").len(), 1);
        assert_eq!(all.matching("upmind", "*").len(), 11);
        assert!(all.matching("support", "nothing.*").is_empty());
    }

    #[test]
    fn configuration_adds_and_replaces() {
        let added: Vec<EventType> = serde_json::from_str(
            r#"[{"source": "upmind", "name": "ticket_message.ClientPosted", "codes": ["mine"]},
                {"source": "crm", "name": "deal.Won", "display": "Deal won"}]"#,
        )
        .expect("two types");
        let all = Catalogue::built_in().extended(added);
        assert_eq!(
            all.types().count(),
            Catalogue::built_in().types().count() + 1
        );
        assert_eq!(
            name(all.by_code("upmind", "mine")),
            Some("ticket_message.ClientPosted")
        );
        assert_eq!(
            all.by_code("upmind", "client_posted_ticket_message_hook"),
            None
        );
        assert_eq!(all.sources(), ["support", "upmind", "clock", "crm"]);
    }

    #[test]
    fn a_type_of_the_configuration_replaces_the_one_of_the_same_webhook() {
        let own: EventType = serde_json::from_str(
            r#"{"source": "support", "name": "agent.Presence", "webhook": "agent.state_changed"}"#,
        )
        .expect("a type");
        let built_in = Catalogue::built_in();
        let all = built_in.extended(vec![own]);
        assert_eq!(
            name(all.by_webhook("agent.state_changed")),
            Some("agent.Presence")
        );
        assert_eq!(all.by_name("support", "agent.StateChanged"), None);
        assert_eq!(all.types().count(), built_in.types().count());
    }

    /// Rules can use the derived name of a type before the catalogue lists it, so it must not change then.
    #[test]
    fn types_of_event_webhooks_alone_have_the_name_that_is_derived_from_their_webhook() {
        use crate::event::format::type_name::ResolvedType;
        let families = [
            "messaging_ticket",
            "article",
            "community_post",
            "agent",
            "omnichannel_config",
        ];
        let all = Catalogue::built_in().types();
        let of_webhooks = all.filter(|t| {
            families.contains(&t.family()) || t.summary.contains("Only event webhooks bring it")
        });
        let mut count = 0;
        for event_type in of_webhooks {
            let webhook = event_type.webhook.as_deref().expect("a webhook");
            assert_eq!(event_type.name, ResolvedType::webhook_tag(webhook));
            count += 1;
        }
        assert_eq!(count, 36 + 7 + 5);
    }

    #[test]
    fn unique_names_are_unique() {
        let all = Catalogue::built_in();
        for t in all.types() {
            assert_eq!(name(all.by_name(&t.source, &t.name)), Some(t.name.as_str()));
            if let Some(suffix) = &t.webhook {
                assert_eq!(name(all.by_webhook(suffix)), Some(t.name.as_str()));
            }
            for code in &t.codes {
                assert_eq!(name(all.by_code(&t.source, code)), Some(t.name.as_str()));
            }
            assert!(!t.summary.is_empty() && !t.groups.is_empty(), "{}", t.name);
        }
    }
}
