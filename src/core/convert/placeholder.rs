//! The payload of a notification with its placeholders (`{{ticket.id}}`), as templates of ours.
//! It refuses to put anything in the place of what events do not carry: the gap is marked and listed.

use serde_json::{Map, Value, json};

/// What the events of the rule carry beside the ticket.
pub struct Reading {
    /// Every event is a comment.
    pub comment: bool,
    /// Every event is the change of this custom field.
    pub custom_field: Option<u64>,
}

/// What a step sends.
#[derive(Debug, PartialEq)]
pub struct Payload {
    /// The key of `http` and what stands under it; none without a body.
    pub body: (Option<&'static str>, Value),
    /// Placeholders that were not carried over, each with its reason.
    pub left: Vec<(String, String)>,
    pub notes: Vec<String>,
}

const BLOCKS: &str =
    "its payload holds `{% … %}`, which is Liquid; write the body of the step anew as a template";
const DESK: &str = "write `https://SUBDOMAIN.zendesk.com/agent/tickets/{{ ticket.id }}`";
const COMMENTS: &str = "events of this rule do not carry it; listen to `ticket.CommentAdded` (`comment.body`), or fetch the comments with a step (`/api/v2/tickets/{{ ticket.id }}/comments.json`)";
const PEOPLE: &str = "events carry the id alone; fetch the person with a step (`/api/v2/users/{{ … }}.json`) and read `steps.NAME.body.user.…`";
const CUSTOM: &str = "events do not carry custom fields; fetch the ticket with a step (`/api/v2/tickets/{{ ticket.id }}.json`)";
const ELSE: &str = "events do not carry it; fetch it with a step";

const SHAPES: &str = "event webhooks alone carry it; in other shapes the text is empty";
const WRITTEN: &str = "is written as in 2026-03-02T09:41:31Z, not in words";
const ON_HOLD: &str = "`ticket.status`: \"hold\" is written \"Hold\", not \"On-hold\"";

impl Payload {
    /// The reason, where it cannot be carried over at all.
    pub fn read(payload: Option<&Value>, reading: &Reading) -> Result<Self, String> {
        let mut writer = Writer {
            reading,
            left: Vec::new(),
            notes: Vec::new(),
        };
        let body = match payload {
            None | Some(Value::Null) => (None, Value::Null),
            Some(Value::String(text)) if text.trim().is_empty() => (None, Value::Null),
            Some(Value::String(text)) => writer.text_body(text)?,
            Some(Value::Array(pairs)) => (Some("query"), writer.pairs(pairs)?),
            Some(Value::Object(_)) => (
                Some("json"),
                writer.tree(payload.unwrap_or(&Value::Null), &[])?,
            ),
            Some(Value::Bool(_) | Value::Number(_)) => return Err("its payload is no text".into()),
        };
        Ok(Self {
            body,
            left: writer.left,
            notes: writer.notes,
        })
    }
}

struct Writer<'r> {
    reading: &'r Reading,
    left: Vec<(String, String)>,
    notes: Vec<String>,
}

/// A part of a text.
enum Part<'t> {
    Text(&'t str),
    /// What stands between the braces.
    Placeholder(&'t str),
}

/// Stands for a placeholder outside of the texts of a JSON payload.
const BARE: char = '\u{f8ff}';

impl Writer<'_> {
    fn text_body(&mut self, text: &str) -> Result<(Option<&'static str>, Value), String> {
        if text.contains("{%") {
            return Err(BLOCKS.into());
        }
        let (masked, bare) = mask(text);
        match serde_json::from_str::<Value>(&masked) {
            Ok(tree) if tree.is_object() || tree.is_array() => {
                Ok((Some("json"), self.tree(&tree, &bare)?))
            }
            _ => {
                let begins = text.trim_start();
                if begins.starts_with(['{', '[']) && !begins.starts_with("{{") {
                    self.note("the payload is no JSON with its placeholders filled in, so that it is sent as text");
                }
                Ok((Some("body"), json!(self.template(text))))
            }
        }
    }

    fn pairs(&mut self, pairs: &[Value]) -> Result<Value, String> {
        let mut query = Map::new();
        for pair in pairs {
            let parts = pair.as_array().map(Vec::as_slice);
            let Some([Value::String(name), Value::String(value)]) = parts else {
                return Err("its payload is neither a text nor a list of names and values".into());
            };
            if value.contains("{%") {
                return Err(BLOCKS.into());
            }
            query.insert(name.clone(), json!(self.template(value)));
        }
        Ok(Value::Object(query))
    }

    fn tree(&mut self, value: &Value, bare: &[String]) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text.starts_with(BARE) => self.bare(text, bare),
            Value::String(text) if text.contains("{%") => return Err(BLOCKS.into()),
            Value::String(text) => json!(self.template(text)),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.tree(item, bare));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(entries) => {
                let mut tree = Map::new();
                for (key, value) in entries {
                    if key.contains("{{") || key.starts_with(BARE) {
                        return Err("a name in its payload is a placeholder; write the body of the step anew".into());
                    }
                    tree.insert(key.clone(), self.tree(value, bare)?);
                }
                Value::Object(tree)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    /// A placeholder without quotes around it: its value as it is.
    fn bare(&mut self, text: &str, bare: &[String]) -> Value {
        let number: Option<usize> = text.trim_matches(BARE).parse().ok();
        let inside = number.and_then(|number| bare.get(number));
        let inside = inside.map(String::as_str).unwrap_or_default();
        match self.expression(inside, Typed::Kept) {
            Some(expression) => json!(format!("{{{{ {expression} }}}}")),
            None => Value::Null,
        }
    }

    fn template(&mut self, text: &str) -> String {
        let parts = parts(text);
        let typed = match parts.as_slice() {
            [Part::Placeholder(_)] => Typed::Lone,
            _ => Typed::Text,
        };
        let mut template = String::new();
        for part in parts {
            match part {
                Part::Text(text) => template += &literal(text),
                Part::Placeholder(inside) => match self.expression(inside, typed) {
                    Some(expression) => template += &format!("{{{{ {expression} }}}}"),
                    None => template += &literal(&format!("[{}]", inside.trim())),
                },
            }
        }
        template
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Our expression for a placeholder with its filters; None after listing why there is none.
    fn expression(&mut self, inside: &str, typed: Typed) -> Option<String> {
        let mut steps = inside.split('|').map(str::trim);
        let name = steps.next().unwrap_or_default();
        let filters: Vec<&str> = steps.collect();
        let found = self
            .value(name)
            .and_then(|value| with_filters(value, &filters, typed));
        match found {
            Ok(expression) => Some(expression),
            Err(why) => {
                let told = (format!("{{{{{inside}}}}}"), why);
                if !self.left.contains(&told) {
                    self.left.push(told);
                }
                None
            }
        }
    }

    fn value(&mut self, name: &str) -> Result<Expression, String> {
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
            "ticket.requester.id" => nullable("ticket.requester_id"),
            "ticket.submitter.id" => nullable("ticket.submitter_id"),
            "ticket.assignee.id" => nullable("ticket.assignee_id"),
            "ticket.organization.id" => nullable("ticket.organization_id"),
            "ticket.group.id" => nullable("ticket.group_id"),
            "ticket.brand.id" => nullable("ticket.brand_id"),
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
        if let (Some(id), Some(known)) = (custom, self.reading.custom_field) {
            if id == known.to_string() {
                return Ok(Expression::new("current", Kind::Nullable));
            }
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
enum Typed {
    Kept,
    Text,
    /// The whole of a text, which must stay one.
    Lone,
}

struct Expression {
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

fn with_filters(value: Expression, filters: &[&str], typed: Typed) -> Result<String, String> {
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

/// The texts and placeholders of a payload.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(close) = rest[open..].find("}}").map(|close| open + close) else {
            break;
        };
        // Braces that only look like one are sent as they stand.
        let inside = &rest[open + 2..close];
        if inside.contains(['"', '{', '\n']) {
            parts.push(Part::Text(&rest[..open + 2]));
            rest = &rest[open + 2..];
            continue;
        }
        if open > 0 {
            parts.push(Part::Text(&rest[..open]));
        }
        parts.push(Part::Placeholder(inside));
        rest = &rest[close + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// A text that is sent as it stands.
pub fn literal(text: &str) -> String {
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = ["{{", "{%", "{#"]
        .iter()
        .filter_map(|open| rest.find(open))
        .min()
    {
        literal += &rest[..at];
        literal += &format!("{{{{ '{}' }}}}", &rest[at..at + 2]);
        rest = &rest[at + 2..];
    }
    literal + rest
}

/// A JSON payload with every placeholder outside of its texts as a text of its own, and those
/// placeholders.
fn mask(text: &str) -> (String, Vec<String>) {
    let (mut masked, mut bare) = (String::new(), Vec::new());
    let mut inside = false;
    for part in parts(text) {
        match part {
            Part::Text(text) => {
                inside = ends_inside(text, inside);
                masked += text;
            }
            Part::Placeholder(name) if inside => {
                masked += &format!("{{{{{}}}}}", name);
            }
            Part::Placeholder(name) => {
                masked += &format!("\"{BARE}{}{BARE}\"", bare.len());
                bare.push(name.to_owned());
            }
        }
    }
    (masked, bare)
}

/// Whether a text of JSON is open behind this.
fn ends_inside(text: &str, mut inside: bool) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
    }
    inside
}
