//! Accepts event types that help desks send and the catalogue does not list: event webhooks of Zendesk by type or
//! derived name, hook codes of Upmind. A warning names the most similar known type.

use crate::compile::compiler::Compiler;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::Node;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::{EventType, TypeFields};
use crate::event::format::type_name::{ResolvedType, with_webhook};
use crate::event::type_pattern::TypePattern;

/// Whether a rule can use an event type that the catalogue does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnlistedTypes {
    Accepted,
    /// As in ZIS bundles, whose types ZIS defines.
    Rejected,
}

/// The help for an event type that the catalogue does not list.
#[derive(Debug, Clone)]
pub struct UnlistedType {
    pub help: String,
    /// Whether the help desk may send events of this type. If not, it is a mistake.
    pub may_exist: bool,
}

impl UnlistedType {
    /// A type that is certainly a mistake.
    pub fn mistake(help: String) -> Self {
        Self {
            help,
            may_exist: false,
        }
    }

    /// A type that is a mistake unless its text has the form of a type of the source, and is no misspelling.
    pub fn of(text: &str, source: &str, help: String, catalogue: &Catalogue) -> Self {
        let may_exist = match source {
            "support" => is_webhook(text) || is_name(text) && !is_misspelt(text, catalogue),
            "upmind" => is_code(text),
            _ => false,
        };
        Self { help, may_exist }
    }
}

/// Whether a text is the type of an event webhook as in its body: `zen:event-type:ticket.created`.
pub fn is_webhook(text: &str) -> bool {
    let name = ResolvedType::webhook_name(text);
    name != text && !name.is_empty() && name.bytes().all(is_plain)
}

/// Whether a text has the form of a name in a family, or of a webhook without `zen:event-type:`.
fn is_name(text: &str) -> bool {
    text.split_once('.').is_some_and(|(family, name)| {
        let is_lower =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_family = family.bytes().all(is_lower) && !family.is_empty();
        is_family && !name.is_empty() && name.bytes().all(is_plain)
    })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

fn is_code(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_part)
}

fn is_misspelt(text: &str, catalogue: &Catalogue) -> bool {
    let near = catalogue.nearest("support", text);
    near.is_some_and(|near| near.is_misspelt_as(text))
}

/// Returns the pattern of a type that the catalogue does not list, with its fields as far as those of its family are
/// known. Warns that it is not listed.
pub fn accept(
    text: &str,
    node: &Node,
    source: &str,
    cx: &mut Compiler<'_>,
) -> (TypePattern, Option<Vec<EventType>>) {
    let catalogue = &cx.config.catalogue;
    let event_type = unlisted(text, source);
    let family = format!("{}.*", event_type.family());
    let has_family = !catalogue.matching(source, &family).is_empty();
    let near = match catalogue.nearest(source, ResolvedType::webhook_name(text)) {
        Some(near) => format!("; the most similar known type is `{}`", near.name),
        None => String::new(),
    };
    let name = event_type.name.clone();
    let message = format!("event type `{name}` of `{source}` is not in the catalogue");
    let sent = match &event_type.webhook {
        Some(webhook) => format!("event webhooks of type `zen:event-type:{webhook}`"),
        None => format!("hooks with the code `{text}`"),
    };
    let help = format!(
        "its events are {sent}{near}; list the type under `event_types` in flowtrigger.yaml if it is right"
    );
    // The types of a sequence are read twice.
    let is_reported = |d: &Diagnostic| d.at == node.at && d.code == Code::UnknownEventType;
    if !cx.diagnostics().iter().any(is_reported) {
        cx.warning(Code::UnknownEventType, node.at, message, help);
    }
    let types = has_family.then(|| vec![event_type]);
    (TypePattern::Name(name), types)
}

/// The type as the decoder names it, with any field.
fn unlisted(text: &str, source: &str) -> EventType {
    let webhook = ResolvedType::webhook_name(text);
    let is_suffix = source == "support" && text.contains('.') && !text.contains(char::is_uppercase);
    let (name, webhook) = match source {
        "support" if is_suffix || is_webhook(text) => {
            (ResolvedType::webhook_tag(text), Some(webhook.to_owned()))
        }
        _ => (text.to_owned(), None),
    };
    with_webhook(EventType {
        source: source.to_owned(),
        name,
        display: None,
        webhook,
        codes: Vec::new(),
        groups: Vec::new(),
        summary: String::new(),
        fields: TypeFields::default(),
        open: true,
        number: 0,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::compile::rule_set;
    use crate::config::Config;
    use crate::diagnostic::{Diagnostics, Files};
    use crate::event::catalogue::Catalogue;
    use crate::event::format::decode;

    /// The types of a rule, and one line for each diagnostic.
    fn compiled(source: &str, event_type: &str, when: &str) -> (Vec<String>, Vec<String>) {
        let text = format!(
            "name: r\nevent_source: {source}\nevent_type: {event_type}\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        );
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("r.yaml", text.as_str());
        let set = rule_set::rule_set(
            &Arc::new(files),
            &[file],
            &Config::default(),
            &mut diagnostics,
        );
        let types = set.rules.iter().flat_map(|rule| rule.event_types.iter());
        let types = types.map(|pattern| pattern.text()).collect();
        let found = diagnostics.sorted().into_iter();
        let found = found.map(|d| {
            let severity = d.severity;
            format!(
                "{severity:?}: {} | {}",
                d.message,
                d.help.unwrap_or_default()
            )
        });
        (types, found.collect())
    }

    #[test]
    fn an_unlisted_type_is_that_of_its_events_and_the_nearest_known_one_is_named() {
        for (source, written, name, sent, nearest) in [
            (
                "support",
                "zen:event-type:article.title_changed",
                "article.TitleChanged",
                "`zen:event-type:article.title_changed`",
                "`article.",
            ),
            (
                "support",
                "zen:event-type/user.phone_changed",
                "user.PhoneChanged",
                "`zen:event-type:user.phone_changed`",
                "`user.UserPhotoChanged`",
            ),
            (
                "support",
                "article.TitleChanged",
                "article.TitleChanged",
                "`zen:event-type:article.title_changed`",
                "`article.",
            ),
            (
                "support",
                "article.title_changed",
                "article.TitleChanged",
                "`zen:event-type:article.title_changed`",
                "`article.",
            ),
            (
                "upmind",
                "client_edited_ticket_message_hook",
                "client_edited_ticket_message_hook",
                "`client_edited_ticket_message_hook`",
                "`ticket_message.Client",
            ),
        ] {
            let (types, found) = compiled(source, written, "{ event.key: a }");
            assert_eq!(types, [name], "{written}");
            let [warning] = found.as_slice() else {
                panic!("{written}: {found:?}")
            };
            assert!(warning.starts_with("Warning: event type `"), "{warning}");
            assert!(warning.contains(sent), "{warning}");
            assert!(
                warning.contains(&format!("most similar known type is {nearest}")),
                "{warning}"
            );
            let webhook = sent.trim_matches('`');
            let received = decode(
                json!({"type": webhook, "id": "x", "detail": {"id": "1"}}),
                Catalogue::built_in(),
            );
            let hook = decode(
                json!({"hook_code": webhook, "webhook_event_id": "x", "object": {}}),
                Catalogue::built_in(),
            );
            let event = match source {
                "support" => received,
                _ => hook,
            };
            assert_eq!(event.expect(written).event_type, name, "{written}");
        }
    }

    #[test]
    fn what_the_help_desk_calls_a_known_type_is_that_type() {
        for (source, written, name) in [
            (
                "support",
                "zen:event-type:ticket.priority_changed",
                "ticket.PriorityChanged",
            ),
            ("support", "zen:event-type/user.merged", "user.UserMerged"),
            (
                "upmind",
                "lead_posted_ticket_message_hook",
                "ticket_message.LeadPosted",
            ),
        ] {
            let (types, found) = compiled(source, written, "{ event.key: a }");
            assert_eq!(types, [name], "{written}");
            assert_eq!(found, [""; 0], "{written}");
        }
    }

    #[test]
    fn a_misspelt_type_is_an_error() {
        for (source, written, meant) in [
            ("support", "ticket.PriorityChange", "ticket.PriorityChanged"),
            ("support", "article.Publishd", "article.Published"),
            ("support", "ticket.CommentCreated", "ticket.CommentAdded"),
            ("support", "agent.state_changed", "agent.StateChanged"),
            ("support", "PriorityChanged", "ticket.PriorityChanged"),
        ] {
            let (types, found) = compiled(source, written, "{ event.key: a }");
            assert_eq!(types, [""; 0], "{written}");
            assert_eq!(found.len(), 1, "{written}: {found:?}");
            assert!(found[0].starts_with("Error"), "{found:?}");
            assert!(
                found[0].ends_with(&format!("did you mean `{meant}`?")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_fields_of_the_family_are_checked_and_others_are_possible() {
        let about = |when: &str| compiled("support", "zen:event-type:ticket.moved_on", when).1;
        assert_eq!(about("{ ticket.priority: high, moved_to: 7 }").len(), 1);
        let found = about("{ ticket.priority: hihg }");
        assert_eq!(found.len(), 2, "{found:?}");
        let found = about("{ ticket.priorty: high }");
        assert_eq!(found.len(), 2, "{found:?}");
        let other = compiled(
            "support",
            "zen:event-type:voice_call.ended",
            "{ detail.id: 7 }",
        );
        assert_eq!(other.1.len(), 1, "{:?}", other.1);
    }

    #[test]
    fn each_rule_has_its_own_warning() {
        let rule = |name: &str| {
            format!(
                "name: {name}\nevent_source: support\nevent_type: voice_call.Ended\nflow: [{{ succeed: ok }}]\n"
            )
        };
        let text = [rule("a"), rule("b")].join("---\n");
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("r.yaml", text.as_str());
        let set = rule_set::rule_set(
            &Arc::new(files),
            &[file],
            &Config::default(),
            &mut diagnostics,
        );
        assert_eq!(set.rules.len(), 2);
        assert_eq!((diagnostics.errors(), diagnostics.warnings()), (0, 2));
    }
}
