//! One placeholder as an expression of ours, with its filters.
//! It refuses what events do not carry, with the reason and what to do instead.

use super::Writer;

const DESK: &str = "write `https://SUBDOMAIN.zendesk.com/agent/tickets/{{ ticket.id }}`";
const COMMENTS: &str = "events of this rule do not carry it; listen to `ticket.CommentAdded` (`comment.body`), or fetch the comments with a step (`/api/v2/tickets/{{ ticket.id }}/comments.json`)";
const PEOPLE: &str = "events carry the id alone; fetch the person with a step (`/api/v2/users/{{ … }}.json`) and read `steps.NAME.body.user.…`";
const CUSTOM: &str = "events do not carry custom fields; fetch the ticket with a step (`/api/v2/tickets/{{ ticket.id }}.json`)";
const ELSE: &str = "events do not carry it; fetch it with a step";

const SHAPES: &str = "event webhooks alone carry it; in other shapes the text is empty";
const WRITTEN: &str = "is written as in 2026-03-02T09:41:31Z, not in words";
const CHANNEL: &str =
    "`ticket.via`: the channel is written as events tell it (`email`, `web`), not in words";
const ON_HOLD: &str = "`ticket.status`: \"hold\" is written \"Hold\", not \"On-hold\"";

impl Writer<'_> {
    pub(super) fn value(&mut self, name: &str) -> Result<Expression, String> {
        let whole = |path: &str| Ok(Expression::new(path, Kind::Whole));
        let nullable = |path: &str| Ok(Expression::new(path, Kind::Nullable));
        let word = |path: &str| Ok(Expression::new(path, Kind::Word));
        match name {
            "ticket.id" => whole("ticket.id"),
            "ticket.external_id" => nullable("ticket.external_id"),
            "ticket.status" => {
                self.note(ON_HOLD);
                word("ticket.status")
            }
            "ticket.priority" => word("ticket.priority"),
            "ticket.ticket_type" | "ticket.type" => word("ticket.type"),
            "ticket.tags" => Ok(Expression::new("ticket.tags", Kind::List)),
            "ticket.title" | "ticket.subject" => self.in_webhooks(name, "ticket.subject"),
            "ticket.description" => self.in_webhooks(name, "ticket.description"),
            "current_user.id" => {
                self.note("`{{current_user.id}}`: event webhooks and EventBridge alone carry it; in a ZIS envelope the text is empty");
                nullable("actor_id")
            }
            "ticket.created_at" | "ticket.updated_at" => {
                self.note(format!("`{name}` {WRITTEN}"));
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
            _ => self.less_plain(name),
        }
    }

    fn less_plain(&mut self, name: &str) -> Result<Expression, String> {
        let comment = ["ticket.latest_comment", "ticket.latest_public_comment"];
        let of_comment = |rest: &str| {
            comment
                .iter()
                .any(|start| name.strip_prefix(start) == Some(rest))
        };
        let custom = name.strip_prefix("ticket.ticket_field_");
        if self.reading.comment {
            if name == "current_user.name" {
                self.note("`{{current_user.name}}` is the author of the comment, who is not always who made the update");
                return Ok(Expression::new("comment.author.name", Kind::Whole));
            }
            if of_comment("") {
                self.note(format!(
                    "`{name}` is the text alone, without the line about author and time"
                ));
                return Ok(Expression::new("comment.body", Kind::Whole));
            }
            if of_comment(".value") || of_comment("_html") || of_comment("_rich") {
                return Ok(Expression::new("comment.body", Kind::Whole));
            }
            if of_comment(".author.name") {
                return Ok(Expression::new("comment.author.name", Kind::Whole));
            }
            if of_comment(".author.id") {
                return Ok(Expression::new("comment.author.id", Kind::Whole));
            }
            if of_comment(".id") {
                return Ok(Expression::new("comment.id", Kind::Whole));
            }
        }
        let known = self.reading.custom_field.map(|id| id.to_string());
        if custom.is_some() && custom == known.as_deref() {
            return Ok(Expression::new("current", Kind::Nullable));
        }
        Err(why_not(name).into())
    }

    fn in_webhooks(&mut self, name: &str, path: &str) -> Result<Expression, String> {
        self.note(format!("`{{{{{name}}}}}`: {SHAPES}"));
        Ok(Expression::new(path, Kind::Nullable))
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

/// Whether a value keeps its type, or is part of a text.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Typed {
    Kept,
    Text,
    /// The whole of a text, which must stay one.
    Lone,
}

pub(super) struct Expression {
    path: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Always there.
    Whole,
    /// Null or absent at times, which a trigger writes as nothing.
    Nullable,
    /// A word that a trigger writes with a capital.
    Word,
    /// Words that a trigger writes with spaces between.
    List,
}

impl Expression {
    fn new(path: &str, kind: Kind) -> Self {
        let path = path.to_owned();
        Self { path, kind }
    }
}

pub(super) fn with_filters(
    value: Expression,
    filters: &[&str],
    typed: Typed,
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
        Kind::Whole => {}
        Kind::Nullable if typed == Typed::Kept => expression += " | default(none)",
        Kind::Nullable => expression += " | default('')",
        Kind::Word => {
            expression += " | default('')";
            // What is turned to small letters anyway needs no capital before.
            if !matches!(ours.first(), Some(&("lower" | "upper"))) {
                ours.insert(0, "capitalize");
            }
        }
        Kind::List => ours.insert(0, "join(' ')"),
    }
    if typed == Typed::Lone && number && ours.is_empty() {
        ours.push("string");
    }
    for filter in ours {
        expression += &format!(" | {filter}");
    }
    Ok(expression)
}
