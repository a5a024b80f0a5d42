//! Parses dotted paths. Errors say how to write the path.

use crate::path::{ENVELOPE, PathError, PathKind, PathSegment, Root};

/// Parses a path such as `ticket.via.channel`; its first name decides where it starts.
pub fn parse(text: &str) -> Result<PathKind, PathError> {
    check_spelling(text)?;
    let names: Vec<&str> = text.split('.').collect();
    let (root, skip) = match names[0] {
        "event" => (Root::Event, 1),
        "vars" => (Root::Vars, 1),
        "steps" => (Root::Steps, 1),
        "secret" => {
            return Err(PathError {
                message: "a condition cannot read a secret".into(),
                help: Some("secrets are for templates in steps: \"{{ secret.NAME }}\"".into()),
            });
        }
        name if ENVELOPE.contains(&name) => (Root::Envelope, 0),
        _ => (Root::Body, 0),
    };
    let keys = names[skip..]
        .iter()
        .map(|name| PathSegment::new(name))
        .collect();
    Ok(PathKind::Plain { root, keys })
}

fn check_spelling(text: &str) -> Result<(), PathError> {
    let fail = |message: String, help: Option<String>| Err(PathError { message, help });
    if text.trim().is_empty() {
        let help = "write a field, such as `ticket.id`; `flowtrigger events TYPE` lists them";
        return fail("the path is empty".into(), Some(help.into()));
    }
    if text.contains("{{") {
        let help = "a path is written bare: `ticket.id`; templates belong in steps";
        return fail(
            format!("`{text}` is a template, not a path"),
            Some(help.into()),
        );
    }
    if text.contains('[') {
        let dotted = text.replace('[', ".").replace([']', '"', '\''], "");
        let dotted = dotted.trim_matches('.');
        return fail(
            format!("`{text}` is not a dotted path"),
            Some(format!(
                "write `{dotted}`, or JSONPath: `$.input.ticket_event.{dotted}`"
            )),
        );
    }
    if text
        .split('.')
        .any(|name| name.trim() != name || name.is_empty())
    {
        let dotted: Vec<_> = text
            .split('.')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect();
        return fail(
            format!("`{text}` has an empty or spaced part"),
            Some(format!("write `{}`", dotted.join("."))),
        );
    }
    Ok(())
}
