//! Words that people bring from other tools, answered with ours; and the nearest of our words where
//! the table has none. It refuses to guess when nothing is near.

mod own;

use crate::core::rule::document::vocabulary::{Built, Vocabulary};
pub use own::means_on_failure;

/// Words that people write, and what to write here.
type Table = &'static [(&'static [&'static str], &'static str)];

/// What people write for an operator, and what to write here.
const OPERATORS: Table = &[
    (
        &[
            "equals", "eq", "equal", "==", "=", "equal_to", "value", "is_equal",
        ],
        "write the value alone, or `is: VALUE`",
    ),
    (
        &[
            "is_not",
            "not_equals",
            "neq",
            "ne",
            "!=",
            "not_equal",
            "isnt",
            "not_value",
            "not_is",
        ],
        "write `not: VALUE`",
    ),
    (
        &["in", "one_of", "any_of", "is_in", "any"],
        "write the list alone: a list means any of",
    ),
    (&["not_in", "none_of", "nin"], "write `not: [a, b]`"),
    (
        &["less_than", "lower_than", "<", "below", "under"],
        "write `lt: VALUE`",
    ),
    (
        &["less_than_or_equal", "le", "<=", "at_most", "max"],
        "write `lte: VALUE`",
    ),
    (
        &["greater_than", "more_than", ">", "above", "over"],
        "write `gt: VALUE`",
    ),
    (
        &["greater_than_or_equal", "ge", ">=", "at_least", "min"],
        "write `gte: VALUE`",
    ),
    (
        &[
            "includes",
            "include",
            "has_any",
            "contains_any",
            "includes_any",
            "member",
        ],
        "write `has: VALUE` for a list, `contains: TEXT` for text",
    ),
    (
        &[
            "not_includes",
            "excludes",
            "has_not",
            "has_none",
            "not_has",
            "not_contains",
            "lacks",
        ],
        "write `not: { has: VALUE }`",
    ),
    (
        &["has_every", "includes_all", "contains_all"],
        "write `has_all: [a, b]`",
    ),
    (
        &[
            "regex", "regexp", "match", "matching", "pattern", "=~", "like",
        ],
        "write `matches: PATTERN`",
    ),
    (
        &["prefix", "begins_with", "startswith", "starts"],
        "write `starts_with: TEXT`",
    ),
    (&["suffix", "endswith", "ends"], "write `ends_with: TEXT`"),
    (
        &[
            "not_present",
            "is_empty",
            "empty",
            "blank",
            "is_null",
            "isnull",
        ],
        "write `present: false`, or `is: null` for null alone",
    ),
    (
        &["is_present", "not_empty", "is_set", "set"],
        "write `present: true`",
    ),
    (
        &["defined", "has_key", "missing", "absent"],
        "write `exists: true` or `exists: false`",
    ),
    (
        &["changed_to", "to", "value_current"],
        "test the field `current`: `current: VALUE`",
    ),
    (
        &["changed_from", "from", "value_previous"],
        "test the field `previous`: `previous: VALUE`",
    ),
    (
        &["changed", "not_changed"],
        "choose the event type that says so (`ticket.StatusChanged`), or compare `current: { not: { path: previous } }`",
    ),
    (
        &["older_than", "earlier_than", "until"],
        "write `before: TIME`, for example `before: -2h`",
    ),
    (
        &["newer_than", "later_than", "since"],
        "write `after: TIME`, for example `after: -2h`",
    ),
    (
        &["range", "within"],
        "write `between: [LOW, HIGH]`; both ends count",
    ),
    (
        &["has_i", "case_insensitive", "ignorecase", "icase", "i"],
        "write `ignore_case: true` beside the operator",
    ),
    (
        &["and", "all"],
        "every operator beside another must hold already; `all:` belongs above the fields",
    ),
    (
        &["or"],
        "write `any:` above the fields, each alternative a list item",
    ),
];

/// What people write for a key, and what to write here.
const KEYS: Table = &[
    (
        &[
            "conditions",
            "condition",
            "if",
            "match",
            "filter",
            "filters",
            "trigger-rule",
            "where",
            "predicates",
        ],
        "write `when:`",
    ),
    (
        &[
            "actions",
            "action",
            "steps",
            "then",
            "do",
            "execute-command",
            "execute",
            "tasks",
        ],
        "write `flow:`, a list of steps",
    ),
    (
        &[
            "event", "events", "type", "trigger", "triggers", "on", "tag",
        ],
        "write `event_type:`",
    ),
    (&["source", "system"], "write `event_source:`"),
    (&["id", "rule", "title", "key"], "write `name:`"),
    (
        &["desc", "comment", "notes", "summary"],
        "write `description:`",
    ),
    (
        &["enabled", "active", "disabled", "dry_run"],
        "write `mode: live`, `mode: shadow` or `mode: disabled`",
    ),
    (&["variables", "env_vars", "params"], "write `vars:`"),
    (
        &["concurrency", "serialize", "group_by", "lane"],
        "write `one_at_a_time_per: PATH`",
    ),
    (
        &["command", "cmd", "run", "script", "program"],
        "write `exec: [program, argument]`, or `shell:` for a script",
    ),
    (
        &["webhook", "request", "post", "get", "curl"],
        "write `http: { url: … }`",
    ),
    (&["uri", "endpoint", "target", "href"], "write `url:`"),
    (
        &["data", "payload", "content", "request_body"],
        "write `json:`, `form:` or `body:`",
    ),
    (
        &["params", "query_params", "queryParams", "querystring"],
        "write `query:`",
    ),
    (&["verb"], "write `method:`"),
    (&["status", "expected_status", "success"], "write `expect:`"),
    (
        &["retries", "attempts", "max_attempts"],
        "write `retry: { attempts: N }`",
    ),
    (&["sleep", "delay", "pause"], "write `wait:`"),
    (&["and"], "write `all:`"),
    (&["or"], "write `any:`"),
    (&["nor"], "write `none:`"),
];

/// What people write for a field, and where it is.
const FIELDS: Table = &[
    (
        &[
            "ticket.requester.email",
            "ticket.requester.name",
            "requester.email",
            "requester",
            "ticket.requester",
            "ticket.submitter",
            "ticket.assignee",
            "ticket.assignee.email",
            "ticket.assignee.name",
        ],
        "events carry ids alone: use `ticket.requester_id` (or `assignee_id`, `submitter_id`), or fetch the user with an `http` step and test `steps.NAME.body.user.email` in a guard",
    ),
    (
        &[
            "ticket.organization",
            "ticket.organization.name",
            "organization",
            "organization.tags",
            "ticket.organization.tags",
        ],
        "events carry `ticket.organization_id` alone; fetch the organization with an `http` step and test it in a guard",
    ),
    (
        &["ticket.group", "group", "ticket.group.name"],
        "events carry `ticket.group_id`",
    ),
    (
        &["ticket.title", "title", "subject", "ticket.name"],
        "did you mean `ticket.subject`? Of Zendesk's shapes, the event webhook alone brings it",
    ),
    (&["ticket.brand", "brand"], "events carry `ticket.brand_id`"),
    (
        &["ticket.form", "ticket.ticket_form_id", "form_id"],
        "events carry `ticket.form_id`",
    ),
    (
        &[
            "ticket.channel",
            "channel",
            "via.channel",
            "ticket.via_channel",
        ],
        "did you mean `ticket.via.channel`?",
    ),
    (
        &[
            "ticket.comment",
            "ticket.comment.body",
            "ticket.latest_comment",
            "body",
            "comment.text",
            "comment.html_body",
        ],
        "did you mean `comment.body`? It comes with `ticket.CommentAdded`",
    ),
    (
        &["ticket.custom_fields", "ticket.fields", "custom_fields"],
        "events carry a custom field only when it changes: the new value is `current`, the field is `custom_field.id` and `custom_field.raw_title`; they come with `ticket.CustomFieldChanged`",
    ),
    (
        &["old", "from", "before", "previous_value", "ticket.previous"],
        "did you mean `previous`?",
    ),
    (
        &[
            "new",
            "to",
            "after",
            "value",
            "current_value",
            "ticket.current",
        ],
        "did you mean `current`?",
    ),
    (&["tags"], "did you mean `ticket.tags`?"),
    (&["status"], "did you mean `ticket.status`?"),
    (&["priority"], "did you mean `ticket.priority`?"),
    (&["id"], "did you mean `ticket.id`, or `event.id`?"),
    (
        &["input.ticket_event", "ticket_event"],
        "paths start inside of `ticket_event`: `ticket.id`, `current`",
    ),
];

/// What people call a source.
const SOURCES: Table = &[(
    &["zendesk", "Zendesk", "zendesk_support", "Support", "zd"],
    "Zendesk's source is `support`",
)];

pub fn for_operator<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    look_up(OPERATORS, word).or_else(|| did_you_mean(nearest(word, known)))
}

pub fn for_key(word: &str, words: &Vocabulary) -> Option<String> {
    if let Some(meant) = own::table(words.name).and_then(|table| look_up(table, word)) {
        return Some(meant);
    }
    let built = words.words.iter().filter(|w| w.built == Built::Now);
    let near = nearest(word, built.map(|w| w.name));
    // A slip of the finger in one of this mapping's own keys is likelier than another tool's word.
    let slip = |near: &&str| strsim::damerau_levenshtein(word, near) <= 2.min(near.len() / 2);
    if let Some(near) = near.filter(slip) {
        return Some(format!("did you mean `{near}`?"));
    }
    look_up(KEYS, word).or_else(|| did_you_mean(near))
}

pub fn for_field(dotted: &str) -> Option<String> {
    for envelope in [
        "input.ticket_event.",
        "ticket_event.",
        "detail.ticket_event.",
    ] {
        if let Some(inside) = dotted.strip_prefix(envelope) {
            return Some(format!(
                "paths start inside of `ticket_event`: write `{inside}`"
            ));
        }
    }
    if let Some(name) = dotted.strip_prefix("secrets.") {
        return Some(format!("write `secret.{name}`"));
    }
    if let Some(name) = dotted.strip_prefix("env.") {
        return Some(format!(
            "templates read no environment: define `vars.{name}`, which `FLOWTRIGGER_VARS_{}` changes, or write `secret.{name}`",
            name.to_uppercase()
        ));
    }
    let custom = ["ticket.custom_fields.", "custom_fields.", "ticket.fields."];
    let meant = match custom.iter().any(|list| dotted.starts_with(list)) {
        true => "ticket.custom_fields",
        false => dotted,
    };
    look_up(FIELDS, meant)
}

pub fn for_source<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    look_up(SOURCES, word).or_else(|| did_you_mean(nearest(word, known)))
}

/// The known word that the given one was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .map(|candidate| {
            (
                strsim::jaro_winkler(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn did_you_mean(word: Option<&str>) -> Option<String> {
    word.map(|word| format!("did you mean `{word}`?"))
}

fn look_up(table: Table, word: &str) -> Option<String> {
    find(table, word).map(str::to_owned)
}

fn find(table: Table, word: &str) -> Option<&'static str> {
    let row = table.iter().find(|(words, _)| words.contains(&word))?;
    Some(row.1)
}
