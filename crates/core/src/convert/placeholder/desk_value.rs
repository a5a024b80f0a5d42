//! Converts the placeholders whose values are in records of the help desk, which generated steps fetch.

use crate::convert::placeholder::expression::{
    ExpressionKind, TIME_FORMAT, TriggerExpression, why_not,
};
use crate::convert::placeholder::record::DeskRecord;
use crate::convert::placeholder::{EventActor, EventComment, TemplateWriter};

/// The variable for the name of the account, which is the same in every payload.
const ACCOUNT: &str = "zendesk_account";

const HEADER: &str = "is the text only, without the line with author and time";
const ACTOR: &str = "only event webhooks and EventBridge contain who made the update; with these, fetch `/api/v2/users/{{ actor_id }}.json` with a step";
const LAYOUT: &str = "the help desk makes its layout (authors, dates, pictures); write a text of your own with `{% for %}` over the comments that a step fetches (`/api/v2/tickets/{{ ticket.id }}/comments.json`)";
const PART: &str = "neither events nor generated steps contain this part of the comments; fetch the comments with a step (`/api/v2/tickets/{{ ticket.id }}/comments.json`) and read it in the response";
const OWN_COMMENT: &str = "an action of the trigger adds a comment itself, so it is not certain which comment is the latest; fetch the comments with a step";
const CHOICES: &str =
    "a checkbox or a field with several options may be written in another form than by a trigger";

/// Which comments of the ticket count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommentSelection {
    All,
    Public,
}

impl CommentSelection {
    /// The comments, the latest first.
    pub(super) fn list(self) -> String {
        let comments = format!("{}.comments", DeskRecord::Comments.body());
        match self {
            CommentSelection::All => comments,
            CommentSelection::Public => format!("{comments} | selectattr('public')"),
        }
    }

    /// Whether the latest of them is the comment of the event.
    fn is_in(self, comment: EventComment) -> bool {
        match (self, comment) {
            (_, EventComment::Public) | (CommentSelection::All, EventComment::Any) => true,
            (_, EventComment::None) | (CommentSelection::Public, EventComment::Any) => false,
        }
    }
}

fn nullable(source: String) -> TriggerExpression {
    TriggerExpression::new(source, ExpressionKind::Nullable)
}

impl TemplateWriter<'_> {
    pub(super) fn of_desk(
        &mut self,
        name: &str,
        custom: Option<u64>,
    ) -> Result<TriggerExpression, String> {
        if let Some(id) = custom {
            self.note(format!("`{name}`: {CHOICES}"));
            let fields = format!("{}.ticket.custom_fields", self.ticket());
            let source = custom_field(&fields, id);
            return Ok(TriggerExpression::new(source, ExpressionKind::Custom));
        }
        let comments = [
            ("ticket.latest_public_comment", CommentSelection::Public),
            ("ticket.latest_comment", CommentSelection::All),
        ];
        for (start, selection) in comments {
            if let Some(rest) = name.strip_prefix(start) {
                return self.latest_comment(name, rest, selection);
            }
        }
        let lists = ["ticket.comments", "ticket.public_comments"];
        if lists.iter().any(|list| name.starts_with(list)) {
            return Err(without_layout(name).into());
        }
        let Some((owner, attribute)) = owner_and_attribute(name) else {
            return self.of_ticket(name);
        };
        let record = match owner {
            "ticket.requester" => DeskRecord::Requester,
            "ticket.submitter" => DeskRecord::Submitter,
            "ticket.assignee" => DeskRecord::Assignee,
            "current_user" => match (self.reading.actor, attribute) {
                (EventActor::Author, "name") => {
                    let source = "comment.author.name";
                    return Ok(TriggerExpression::new(source, ExpressionKind::Whole));
                }
                (EventActor::Author, _) => DeskRecord::Author,
                (EventActor::Submitter, _) => DeskRecord::Submitter,
                (EventActor::Unknown, _) => return Err(ACTOR.into()),
            },
            "ticket.group" => return self.of_record(name, DeskRecord::Group, "group", attribute),
            "ticket.brand" => return self.of_record(name, DeskRecord::Brand, "brand", attribute),
            "ticket.ticket_form" => {
                let record = DeskRecord::Form;
                return self.of_record(name, record, "ticket_form", attribute);
            }
            "ticket.organization" => {
                let record = DeskRecord::Organization;
                return self.of_record(name, record, "organization", attribute);
            }
            _ => return Err(why_not(name).into()),
        };
        self.of_person(name, record, attribute)
    }

    /// The body of the response with the complete ticket.
    fn ticket(&mut self) -> String {
        match self.reading.written.response() {
            Some(body) => body,
            None => self.body(DeskRecord::Ticket),
        }
    }

    fn body(&mut self, record: DeskRecord) -> String {
        self.records.insert(record);
        record.body()
    }

    fn of_ticket(&mut self, name: &str) -> Result<TriggerExpression, String> {
        let rest = match name {
            "ticket.title" | "ticket.subject" => "ticket.subject",
            "ticket.description" | "ticket.verbatim_description" => "ticket.description",
            "satisfaction.current_comment" => "ticket.satisfaction_rating.comment",
            "ticket.due_date" | "ticket.due_date_with_timestamp" => {
                self.note(format!("`{name}` {TIME_FORMAT}"));
                "ticket.due_at"
            }
            "ticket.url" | "ticket.link" | "ticket.url_with_protocol" => {
                // Responses contain the address of the ticket in the API.
                let mut source = format!(
                    "{}.ticket.url | replace('/api/v2/', '/agent/') | replace('.json', '')",
                    self.ticket()
                );
                if name == "ticket.url" {
                    source += " | replace('https://', '')";
                }
                return Ok(TriggerExpression::new(source, ExpressionKind::Whole));
            }
            "ticket.account" => {
                let configure = format!("vars.{ACCOUNT}: the name of the account at the help desk");
                if !self.configure.contains(&configure) {
                    self.configure.push(configure);
                }
                let source = format!("vars.{ACCOUNT}");
                return Ok(TriggerExpression::new(source, ExpressionKind::Whole));
            }
            _ => return Err(why_not(name).into()),
        };
        Ok(nullable(format!("{}.{rest}", self.ticket())))
    }

    fn latest_comment(
        &mut self,
        name: &str,
        rest: &str,
        selection: CommentSelection,
    ) -> Result<TriggerExpression, String> {
        if self.reading.written.comment {
            return Err(OWN_COMMENT.into());
        }
        if matches!(rest, "" | ".value") {
            self.note(format!("`{name}` {HEADER}"));
        }
        let whole = |path: &str| Ok(TriggerExpression::new(path, ExpressionKind::Whole));
        let in_event = selection.is_in(self.reading.comment);
        match rest {
            "" | ".value" if in_event => whole("comment.body"),
            ".author.name" if in_event => whole("comment.author.name"),
            ".author.id" if in_event => Ok(TriggerExpression::new(
                "comment.author.id",
                ExpressionKind::Id,
            )),
            ".id" if in_event => Ok(TriggerExpression::new("comment.id", ExpressionKind::Id)),
            "" | ".value" => self.latest(selection, "body"),
            "_html" | "_rich" | ".value_rich" => self.latest(selection, "html_body"),
            ".id" => self.latest(selection, "id"),
            ".created_at" => {
                self.note(format!("`{name}` {TIME_FORMAT}"));
                self.latest(selection, "created_at")
            }
            ".author.id" => self.latest(selection, "author_id"),
            ".author.name" | ".author.email" => {
                let author = self.latest(selection, "author_id")?.source;
                let attribute = rest.rsplit('.').next().unwrap_or_default();
                Ok(self.user_of_comments(&format!("({author} | default(0))"), attribute))
            }
            ".is_public" if in_event => whole("comment.is_public"),
            ".is_public" => self.latest(selection, "public"),
            _ => Err(without_layout(name).into()),
        }
    }

    fn latest(
        &mut self,
        selection: CommentSelection,
        attribute: &str,
    ) -> Result<TriggerExpression, String> {
        self.records.insert(DeskRecord::Comments);
        // A later comment may be private, and is not the one of the event.
        let list = match selection.is_in(self.reading.comment) {
            true => format!(
                "{} | selectattr('id', 'eq', comment.id)",
                CommentSelection::All.list()
            ),
            false => selection.list(),
        };
        Ok(nullable(format!(
            "{list} | map(attribute='{attribute}') | first"
        )))
    }

    /// An attribute of the author with the id, from the response with the comments.
    fn user_of_comments(&mut self, id: &str, attribute: &str) -> TriggerExpression {
        let body = self.body(DeskRecord::Comments);
        nullable(format!(
            "{body}.users | selectattr('id', 'eq', {id}) | map(attribute='{attribute}') | first"
        ))
    }

    /// An attribute of a comment in a loop.
    pub(super) fn of_loop(
        &mut self,
        variable: &str,
        attribute: &str,
    ) -> Result<TriggerExpression, String> {
        let of = |name: &str| nullable(format!("{variable}.{name}"));
        Ok(match attribute {
            "value" | "body" => of("body"),
            "value_rich" | "html_body" => of("html_body"),
            "created_at" | "created_at_with_time" => {
                self.note(format!("the time of a comment {TIME_FORMAT}"));
                of("created_at")
            }
            "is_public" => of("public"),
            "id" => of("id"),
            "author.id" => of("author_id"),
            "author.name" | "author.email" => {
                let name = attribute.rsplit('.').next().unwrap_or_default();
                self.user_of_comments(&format!("{variable}.author_id"), name)
            }
            _ => return Err("the comments that a step fetches do not contain it".into()),
        })
    }

    fn of_person(
        &mut self,
        name: &str,
        record: DeskRecord,
        attribute: &str,
    ) -> Result<TriggerExpression, String> {
        let of = match attribute {
            "name" | "email" | "phone" | "external_id" | "role" | "details" | "notes"
            | "time_zone" | "locale" => attribute.to_owned(),
            "first_name" => "name | default('') | split | first".to_owned(),
            "last_name" => {
                let name = format!("{}.user.name", self.body(record));
                let source = format!("({name} | default('') | split)[1:] | join(' ')");
                return Ok(TriggerExpression::new(source, ExpressionKind::Whole));
            }
            _ => match custom_key(attribute) {
                Some(key) => format!("user_fields.{key}"),
                None => return Err(why_not(name).into()),
            },
        };
        Ok(nullable(format!("{}.user.{of}", self.body(record))))
    }

    fn of_record(
        &mut self,
        name: &str,
        record: DeskRecord,
        key: &str,
        attribute: &str,
    ) -> Result<TriggerExpression, String> {
        let of = match attribute {
            "name" | "external_id" | "details" | "notes" => attribute.to_owned(),
            _ => match custom_key(attribute) {
                Some(field) => format!("{key}_fields.{field}"),
                None => return Err(why_not(name).into()),
            },
        };
        Ok(nullable(format!("{}.{key}.{of}", self.body(record))))
    }
}

/// Why a placeholder for comments has no counterpart.
fn without_layout(name: &str) -> &'static str {
    let list = ["ticket.comments", "ticket.public_comments"].contains(&name);
    match list || name.contains("formatted") {
        true => LAYOUT,
        false => PART,
    }
}

/// The value of a custom field in the list at a path.
pub(in crate::convert) fn custom_field(fields: &str, id: u64) -> String {
    format!("{fields} | selectattr('id', 'eq', {id}) | map(attribute='value') | first")
}

/// The key of a custom field of a person or organization.
fn custom_key(attribute: &str) -> Option<&str> {
    let key = attribute.strip_prefix("custom_fields.")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!key.is_empty() && key.chars().all(plain)).then_some(key)
}

fn owner_and_attribute(name: &str) -> Option<(&str, &str)> {
    // The form itself is written as its name.
    if name == "ticket.ticket_form" {
        return Some((name, "name"));
    }
    let owners = [
        "ticket.requester",
        "ticket.submitter",
        "ticket.assignee",
        "ticket.organization",
        "ticket.group",
        "ticket.brand",
        "current_user",
    ];
    let found = owners
        .into_iter()
        .filter_map(|owner| Some((owner, name.strip_prefix(owner)?.strip_prefix('.')?)));
    found.into_iter().next()
}
