//! Converts one placeholder with its filters to a template expression.
//! For values that events do not contain, the error says how to get them.

use crate::convert::placeholder::TemplateWriter;

const DESK: &str = "write `https://SUBDOMAIN.zendesk.com/agent/tickets/{{ ticket.id }}`";
const COMMENTS: &str = "the rule's events do not contain it; listen to `ticket.CommentAdded` (`comment.body`), or fetch the comments with a step (`/api/v2/tickets/{{ ticket.id }}/comments.json`)";
const PEOPLE: &str = "events contain only the id; fetch the person with a step (`/api/v2/users/{{ … }}.json`) and read `steps.NAME.body.user.…`";
const CUSTOM: &str = "events do not contain custom fields; fetch the ticket with a step (`/api/v2/tickets/{{ ticket.id }}.json`)";
const ELSE: &str = "events do not contain it; fetch it with a step";

const FORMATS: &str = "only event webhooks contain it; in other formats the text is empty";
const TIME_FORMAT: &str = "is in the form 2026-03-02T09:41:31Z, not a date in words";
const CHANNEL: &str =
    "`ticket.via`: the channel is its short name in events (`email`, `web`), not its title";
const ON_HOLD: &str = "`ticket.status`: \"hold\" is written \"Hold\", not \"On-hold\"";

impl TemplateWriter<'_> {
    pub(super) fn value(&mut self, name: &str) -> Result<TriggerExpression, String> {
        let whole = |path: &str| Ok(TriggerExpression::new(path, ExpressionKind::Whole));
        let nullable = |path: &str| Ok(TriggerExpression::new(path, ExpressionKind::Nullable));
        let word = |path: &str| Ok(TriggerExpression::new(path, ExpressionKind::Capitalized));
        match name {
            "ticket.id" => whole("ticket.id"),
            "ticket.external_id" => nullable("ticket.external_id"),
            "ticket.status" => {
                self.note(ON_HOLD);
                word("ticket.status")
            }
            "ticket.priority" => word("ticket.priority"),
            "ticket.ticket_type" | "ticket.type" => word("ticket.type"),
            "ticket.tags" => Ok(TriggerExpression::new("ticket.tags", ExpressionKind::List)),
            "ticket.title" | "ticket.subject" => self.in_webhooks(name, "ticket.subject"),
            "ticket.description" => self.in_webhooks(name, "ticket.description"),
            "current_user.id" => {
                self.note("`{{current_user.id}}`: only event webhooks and EventBridge contain it; in a ZIS envelope the text is empty");
                nullable("actor_id")
            }
            "ticket.created_at" | "ticket.updated_at" => {
                self.note(format!("`{name}` {TIME_FORMAT}"));
                whole(name)
            }
            "ticket.created_at_with_timestamp" => whole("ticket.created_at"),
            "ticket.updated_at_with_timestamp" => whole("ticket.updated_at"),
            "ticket.requester.id" | "ticket.requester_id" => nullable("ticket.requester_id"),
            "ticket.submitter.id" | "ticket.submitter_id" => nullable("ticket.submitter_id"),
            "ticket.assignee.id" | "ticket.assignee_id" => nullable("ticket.assignee_id"),
            "ticket.organization.id" | "ticket.organization_id" => {
                nullable("ticket.organization_id")
            }
            "ticket.group.id" | "ticket.group_id" => nullable("ticket.group_id"),
            "ticket.brand.id" | "ticket.brand_id" => nullable("ticket.brand_id"),
            "ticket.form_id" | "ticket.ticket_form_id" => nullable("ticket.form_id"),
            "ticket.via" | "ticket.via.channel" => {
                self.note(CHANNEL);
                nullable("ticket.via.channel")
            }
            _ => self.comment_or_field(name),
        }
    }

    fn comment_or_field(&mut self, name: &str) -> Result<TriggerExpression, String> {
        let comment = ["ticket.latest_comment", "ticket.latest_public_comment"];
        let of_comment = |rest: &str| {
            comment
                .iter()
                .any(|start| name.strip_prefix(start) == Some(rest))
        };
        let custom = name.strip_prefix("ticket.ticket_field_");
        if self.reading.comment {
            if name == "current_user.name" {
                self.note("`{{current_user.name}}` is the author of the comment, not always the person who made the update");
                return Ok(TriggerExpression::new(
                    "comment.author.name",
                    ExpressionKind::Whole,
                ));
            }
            if of_comment("") {
                self.note(format!(
                    "`{name}` is the text only, without the line with author and time"
                ));
                return Ok(TriggerExpression::new(
                    "comment.body",
                    ExpressionKind::Whole,
                ));
            }
            if of_comment(".value") || of_comment("_html") || of_comment("_rich") {
                return Ok(TriggerExpression::new(
                    "comment.body",
                    ExpressionKind::Whole,
                ));
            }
            if of_comment(".author.name") {
                return Ok(TriggerExpression::new(
                    "comment.author.name",
                    ExpressionKind::Whole,
                ));
            }
            if of_comment(".author.id") {
                return Ok(TriggerExpression::new(
                    "comment.author.id",
                    ExpressionKind::Whole,
                ));
            }
            if of_comment(".id") {
                return Ok(TriggerExpression::new("comment.id", ExpressionKind::Whole));
            }
        }
        let known = self.reading.custom_field.map(|id| id.to_string());
        if custom.is_some() && custom == known.as_deref() {
            return Ok(TriggerExpression::new("current", ExpressionKind::Nullable));
        }
        Err(why_not(name).into())
    }

    fn in_webhooks(&mut self, name: &str, path: &str) -> Result<TriggerExpression, String> {
        self.note(format!("`{{{{{name}}}}}`: {FORMATS}"));
        Ok(TriggerExpression::new(path, ExpressionKind::Nullable))
    }
}

fn why_not(name: &str) -> &'static str {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if begins(&["ticket.url", "ticket.link"]) {
        return DESK;
    }
    if begins(&[
        "ticket.latest_",
        "ticket.comments",
        "ticket.public_comments",
    ]) {
        return COMMENTS;
    }
    if begins(&["ticket.ticket_field_", "ticket.custom_field"]) {
        return CUSTOM;
    }
    let people = [
        "ticket.requester",
        "ticket.assignee",
        "ticket.submitter",
        "ticket.cc",
        "ticket.follower",
        "current_user",
    ];
    if begins(&people) { PEOPLE } else { ELSE }
}

/// Whether a value keeps its type or becomes part of a text.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum TypeContext {
    Kept,
    Text,
    /// The only placeholder of a string value, which must stay a string.
    Lone,
}

pub(super) struct TriggerExpression {
    path: String,
    kind: ExpressionKind,
}

#[derive(Clone, Copy, PartialEq)]
enum ExpressionKind {
    /// Always present.
    Whole,
    /// Sometimes null or absent; a trigger writes nothing then.
    Nullable,
    /// A value that a trigger writes with a capital letter.
    Capitalized,
    /// A list that a trigger writes with spaces between the items.
    List,
}

impl TriggerExpression {
    fn new(path: &str, kind: ExpressionKind) -> Self {
        let path = path.to_owned();
        Self { path, kind }
    }
}

pub(super) fn with_filters(
    value: TriggerExpression,
    filters: &[&str],
    typed: TypeContext,
) -> Result<String, String> {
    let mut ours = Vec::new();
    for filter in filters {
        ours.push(match *filter {
            "downcase" => "lower",
            "upcase" => "upper",
            "capitalize" => "capitalize",
            "strip" => "trim",
            "size" => "length",
            "json" => "tojson",
            "url_encode" => "urlencode",
            other => return Err(format!("the filter `{other}` has no counterpart here")),
        });
    }
    let mut expression = value.path;
    let number =
        expression == "current" || expression.ends_with("id") && expression != "ticket.external_id";
    match value.kind {
        ExpressionKind::Whole => {}
        ExpressionKind::Nullable if typed == TypeContext::Kept => expression += " | default(none)",
        ExpressionKind::Nullable => expression += " | default('')",
        ExpressionKind::Capitalized => {
            expression += " | default('')";
            // Not before a filter that changes the case anyway.
            if !matches!(ours.first(), Some(&("lower" | "upper"))) {
                ours.insert(0, "capitalize");
            }
        }
        ExpressionKind::List => ours.insert(0, "join(' ')"),
    }
    if typed == TypeContext::Lone && number && ours.is_empty() {
        ours.push("string");
    }
    for filter in ours {
        expression += &format!(" | {filter}");
    }
    Ok(expression)
}
