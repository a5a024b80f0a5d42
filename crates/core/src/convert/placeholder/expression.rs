//! Converts one placeholder with its filters to a template expression.
//! For values that neither events nor records of the help desk contain, the error says how to get them.

use crate::convert::placeholder::liquid::literal_argument;
use crate::convert::placeholder::{EventActor, TemplateWriter};

const PEOPLE: &str = "events contain no such value; fetch the person with a step (`/api/v2/users/{{ … }}.json`) and read `steps.NAME.body.user.…`";
const ELSE: &str = "events do not contain it; fetch it with a step";
pub(super) const TIME_FORMAT: &str = "is in the form 2026-03-02T09:41:31Z, not a date in words";
const CHANNEL: &str =
    "`ticket.via`: the channel is its short name in events (`email`, `web`), not its title";

impl TemplateWriter<'_> {
    pub(super) fn value(&mut self, name: &str) -> Result<TriggerExpression, String> {
        let reading = self.reading;
        let of = |path: &str, kind| Ok(TriggerExpression::new(current(path, reading), kind));
        let id = |path: &str| of(path, ExpressionKind::Id);
        match name {
            "ticket.id" => id("ticket.id"),
            "ticket.external_id" => of("ticket.external_id", ExpressionKind::Nullable),
            "ticket.status" => of("ticket.status", ExpressionKind::Status),
            "ticket.priority" => of("ticket.priority", ExpressionKind::Capitalized),
            "ticket.ticket_type" | "ticket.type" => of("ticket.type", ExpressionKind::Capitalized),
            "ticket.tags" => of("ticket.tags", ExpressionKind::List),
            "current_user.id" => self.current_user_id(),
            "ticket.created_at" | "ticket.updated_at" => {
                self.note(format!("`{name}` {TIME_FORMAT}"));
                of(name, ExpressionKind::Whole)
            }
            "ticket.created_at_with_timestamp" => of("ticket.created_at", ExpressionKind::Whole),
            "ticket.updated_at_with_timestamp" => of("ticket.updated_at", ExpressionKind::Whole),
            "ticket.requester.id" | "ticket.requester_id" => id("ticket.requester_id"),
            "ticket.submitter.id" | "ticket.submitter_id" => id("ticket.submitter_id"),
            "ticket.assignee.id" | "ticket.assignee_id" => id("ticket.assignee_id"),
            "ticket.organization.id" | "ticket.organization_id" => id("ticket.organization_id"),
            "ticket.group.id" | "ticket.group_id" => id("ticket.group_id"),
            "ticket.brand.id" | "ticket.brand_id" => id("ticket.brand_id"),
            "ticket.form_id" | "ticket.ticket_form_id" => id("ticket.form_id"),
            "ticket.via" | "ticket.via.channel" => {
                self.note(CHANNEL);
                of("ticket.via.channel", ExpressionKind::Nullable)
            }
            _ => self.other_value(name),
        }
    }

    fn current_user_id(&mut self) -> Result<TriggerExpression, String> {
        let path = match self.reading.actor {
            EventActor::Author => "comment.author.id",
            EventActor::Submitter => "ticket.submitter_id",
            EventActor::Unknown => {
                return Err("only event webhooks and EventBridge contain who made the update; with these, write `actor_id | default('')`".into());
            }
        };
        Ok(TriggerExpression::new(path, ExpressionKind::Id))
    }

    fn other_value(&mut self, name: &str) -> Result<TriggerExpression, String> {
        let custom = name.strip_prefix("ticket.ticket_field_");
        let custom = custom.and_then(|id| id.parse::<u64>().ok());
        if custom.is_some() && custom == self.reading.custom_field {
            let kind = ExpressionKind::Custom;
            return Ok(TriggerExpression::new("current", kind));
        }
        match self.blocks.loop_variable(name) {
            Some((variable, attribute)) => self.of_loop(&variable, attribute),
            None => self.of_desk(name, custom),
        }
    }
}

/// The path of a field after the trigger's own changes.
fn current(path: &str, reading: &super::EventContents<'_>) -> String {
    reading.written.current_path(path)
}

/// Why there is no value with the name.
pub(super) fn why_not(name: &str) -> &'static str {
    let people = [
        "ticket.requester",
        "ticket.assignee",
        "ticket.submitter",
        "ticket.cc",
        "ticket.follower",
        "current_user",
    ];
    let of_person = people.iter().any(|start| name.starts_with(start));
    if of_person { PEOPLE } else { ELSE }
}

/// Whether a value keeps its type or becomes part of a text.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TypeContext {
    Kept,
    Text,
    /// The only placeholder of a string value, which must stay a string.
    Lone,
    /// Part of HTML or XML, where its characters must not be read as tags.
    Markup,
}

pub(super) struct TriggerExpression {
    pub(super) source: String,
    pub(super) kind: ExpressionKind,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum ExpressionKind {
    /// Always present.
    Whole,
    /// Sometimes null or absent; a trigger writes nothing then.
    Nullable,
    /// A number, sometimes null.
    Id,
    /// The value of a custom field: of any type, or null.
    Custom,
    /// A value that a trigger writes with a capital letter.
    Capitalized,
    /// The status, which has a name of two words.
    Status,
    /// A list that a trigger writes with spaces between the items.
    List,
}

impl TriggerExpression {
    pub(super) fn new(source: impl Into<String>, kind: ExpressionKind) -> Self {
        let source = source.into();
        Self { source, kind }
    }

    /// A condition that holds if there is a value, also `false` or an empty one.
    pub(super) fn exists(&self) -> String {
        format!("({} | default(none)) is not none", self.source)
    }

    /// A condition that holds where Liquid finds the value true: for all but `nil` and `false`.
    pub(super) fn is_truthy(&self) -> String {
        format!("({} | default(false)) is not false", self.source)
    }
}

pub(super) fn with_filters(
    value: TriggerExpression,
    filters: &[&str],
    typed: TypeContext,
) -> Result<String, String> {
    let mut ours = Vec::new();
    for filter in filters {
        ours.push(counterpart(filter)?);
    }
    let mut expression = value.source;
    let keeps_null = typed == TypeContext::Kept && ours.is_empty();
    let default = match keeps_null {
        true => " | default(none)",
        false => " | default('')",
    };
    match value.kind {
        ExpressionKind::Whole => {}
        // Every ticket event has the ticket's id.
        ExpressionKind::Id if expression == "ticket.id" => {}
        ExpressionKind::Nullable | ExpressionKind::Id | ExpressionKind::Custom => {
            expression += default;
        }
        ExpressionKind::Capitalized => {
            expression += " | default('')";
            // Not before a filter that changes the case anyway.
            let cased = ours.first().map(String::as_str);
            if !matches!(cased, Some("lower" | "upper")) {
                ours.insert(0, "capitalize".into());
            }
        }
        ExpressionKind::Status => {
            expression =
                format!("('On-hold' if {expression} == 'hold' else {expression} | capitalize)");
        }
        ExpressionKind::List => ours.insert(0, "join(' ')".into()),
    }
    if typed == TypeContext::Markup && !ours.iter().any(|filter| filter == "escape") {
        ours.push("escape".into());
    }
    let as_text = matches!(value.kind, ExpressionKind::Id | ExpressionKind::Custom);
    if typed == TypeContext::Lone && as_text && ours.is_empty() {
        ours.push("string".into());
    }
    for filter in ours {
        expression += &format!(" | {filter}");
    }
    Ok(expression)
}

/// The filter of templates that does the same.
fn counterpart(filter: &str) -> Result<String, String> {
    let (name, arguments) = match filter.split_once(':') {
        Some((name, arguments)) => (name.trim(), arguments.trim()),
        None => (filter, ""),
    };
    let plain = match name {
        "downcase" => "lower",
        "upcase" => "upper",
        "capitalize" => "capitalize",
        "strip" => "trim",
        "size" => "length",
        "json" => "tojson",
        "url_encode" => "urlencode",
        "escape" => "escape",
        _ => "",
    };
    let arguments: Option<Vec<String>> = match arguments {
        "" => Some(Vec::new()),
        some => some
            .split(',')
            .map(|argument| literal_argument(argument.trim()))
            .collect(),
    };
    match (name, plain, arguments.as_deref()) {
        (_, plain, Some([])) if !plain.is_empty() => Ok(plain.into()),
        ("default", _, Some([value])) => Ok(format!("default({value}, true)")),
        ("replace", _, Some([from, to])) => Ok(format!("replace({from}, {to})")),
        _ => Err(format!("the filter `{filter}` has no counterpart here")),
    }
}
