//! Checks paths into the event against the fields of the events that start the flow.

use crate::compile::bundle::check::path_reads::PathRead;
use crate::diagnostic::{Code, Report};
use crate::document::suggest;
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::{EventFields, FieldCheck};
use crate::language::resolver::NameResolver;

/// Names that rules read beside the body. A bundle reads some of them at the top of its document.
const NOT_IN_BODY: [&str; 5] = [
    "event",
    "account_id",
    "subdomain",
    "integration_key",
    "actor_id",
];

fn is_beside_body(dotted: &str) -> bool {
    let first = dotted.split('.').next().unwrap_or_default();
    NOT_IN_BODY.contains(&first)
}

/// Checks a read of the event. `route` starts at the document; `input` is the part of it that the state
/// sees by its `InputPath`.
pub fn check(read: &PathRead, route: &[String], input: &[String], names: &mut NameResolver<'_>) {
    let route: Vec<&str> = route.iter().map(String::as_str).collect();
    let known = names.fields.body_keys();
    let ["input", key, rest @ ..] = route.as_slice() else {
        return;
    };
    let Some(body) = known.first() else {
        return;
    };
    if !known.contains(key) {
        let rest = match key.ends_with("_event") {
            true => rest,
            false => &route[1..],
        };
        let mut meant = vec!["input", body];
        meant.extend(rest);
        let message = format!("{} has no `{}`", names.fields.describe(), read.path);
        let help = format!("did you mean `{}`?", written(&meant.join("."), input));
        names.error(Code::BadPath, read.at, message, &help);
        return;
    }
    // Fields of list items are unknown.
    let rest: Vec<&str> = rest
        .iter()
        .copied()
        .take_while(|name| name.parse::<usize>().is_err())
        .collect();
    if rest.is_empty() {
        return;
    }
    let dotted = rest.join(".");
    let found = match NOT_IN_BODY.contains(&rest[0]) {
        true => FieldCheck::Unknown { nearest: None },
        false => names.fields.check(&dotted),
    };
    let found = match found {
        FieldCheck::Misspelt { meant } => FieldCheck::Unknown {
            nearest: Some(meant),
        },
        found => found,
    };
    match found {
        FieldCheck::Unknown { nearest } => {
            let nearest = nearest.filter(|near| !is_beside_body(near));
            let message = names.fields.unknown_field(&dotted);
            let help = match nearest {
                Some(near) => format!(
                    "did you mean `{}`?",
                    written(&format!("input.{body}.{near}"), input)
                ),
                None => suggest::for_field(&dotted).unwrap_or_else(|| names.fields.advice()),
            };
            match read.may_be_absent {
                true => names.warning(Code::UnknownField, read.at, message, help),
                false => names.error(Code::UnknownField, read.at, message, &help),
            }
        }
        FieldCheck::Known(_) => warn_about_other_format(read, &dotted, body, names),
        FieldCheck::Unlisted { nearest, only } => {
            let types = only.unwrap_or_else(|| names.fields.describe());
            let message = format!("`{dotted}` is not among the listed fields of {types}");
            let near = nearest.filter(|near| !is_beside_body(near));
            let help = match near {
                Some(near) => format!(
                    "did you mean `{}`?",
                    written(&format!("input.{body}.{near}"), input)
                ),
                None => names.fields.advice(),
            };
            names.warning(Code::UnknownField, read.at, message, help);
        }
        FieldCheck::Open | FieldCheck::Misspelt { .. } => {}
    }
}

/// Warns about a field that only another format has, such as `ticket.subject`: a bundle gets the event as
/// ZIS sends it.
fn warn_about_other_format(
    read: &PathRead,
    dotted: &str,
    body: &str,
    names: &mut NameResolver<'_>,
) {
    let EventFields::Of(types) = &names.fields else {
        return;
    };
    let mut formats = types.types().iter().map(|known| known.only_in(dotted));
    let Some(Some(format)) = formats
        .next()
        .filter(|only| only.is_some_and(|only| !only.contains("ZIS")))
    else {
        return;
    };
    let message = format!("no ZIS event has `{dotted}`, which is in {format} only");
    let help = match body {
        "ticket_event" => {
            "fetch the ticket in an earlier state: `path: /api/v2/tickets/{{$.id}}.json`"
        }
        _ => "fetch the object in an earlier state with its id",
    };
    names.warning(Code::UnknownField, read.at, message, help);
}

/// A path of the event's document as the state must write it.
fn written(dotted: &str, input: &[String]) -> String {
    let below = dotted.strip_prefix(&input.join("."));
    match below.filter(|rest| !input.is_empty() && rest.starts_with('.')) {
        Some(rest) => format!("${rest}"),
        None => format!("$.{dotted}"),
    }
}

/// The type of the items of a list in the event, if it is known.
pub fn item_type(route: &[String], names: &NameResolver<'_>) -> Option<FieldType> {
    let [first, key, rest @ ..] = route else {
        return None;
    };
    if first != "input" || !names.fields.body_keys().contains(&key.as_str()) {
        return None;
    }
    match names.fields.check(&rest.join(".")) {
        FieldCheck::Known(types) => types.into_iter().find_map(|field| {
            let FieldType::List(element) = field else {
                return None;
            };
            Some(*element)
        }),
        FieldCheck::Open
        | FieldCheck::Unlisted { .. }
        | FieldCheck::Misspelt { .. }
        | FieldCheck::Unknown { .. } => None,
    }
}
