//! Reads `redact` of the configuration: event fields that are removed after the runs have ended.
//! Paths outside the event's fields, and queries with several results, are errors.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::FieldLookup;
use crate::path::{Path, PathKind, Root};

pub fn schema() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "examples": [["comment.body", "ticket.subject"]]})
}

/// Reads the paths under `redact`; reports and leaves out invalid ones.
pub fn lower(node: &Node, catalogue: &Catalogue, diagnostics: &mut Diagnostics) -> Vec<Path> {
    let nodes: Vec<&Node> = match node.as_list() {
        Some(list) => list.iter().collect(),
        None => vec![node],
    };
    let lowered = nodes
        .into_iter()
        .map(|node| path(node, catalogue, diagnostics));
    let lowered: Vec<_> = lowered.collect();
    lowered.into_iter().flatten().collect()
}

fn path(node: &Node, catalogue: &Catalogue, diagnostics: &mut Diagnostics) -> Option<Path> {
    let text = diagnostics.text(node, "redact")?;
    let help = "write paths such as `comment.body`; `flowtrigger events TYPE` lists them";
    let Ok(path) = Path::parse(&text) else {
        let message = format!("`{text}` is not a field");
        return diagnostics.reject_value(node.at, message, help);
    };
    let message = match &path.route {
        PathKind::Plain {
            root: Root::Body | Root::Envelope,
            keys,
        } if !keys.is_empty() => {
            warn_if_unknown(&path, node, catalogue, diagnostics);
            return Some(path);
        }
        PathKind::Plain {
            root: Root::Raw, ..
        } => {
            format!("`{text}` is in the body as received, which is removed together with any field")
        }
        PathKind::Plain { .. } => {
            format!("`{text}` cannot be removed: it is not in the body of the event")
        }
        PathKind::Query(_) => {
            format!("`{text}` can have several results, and `redact` takes single fields")
        }
    };
    diagnostics.reject_value(node.at, message, help)
}

/// Warns of a field that no event type has, if a similar name exists. The fields of custom sources are
/// unknown, so other names are accepted.
fn warn_if_unknown(path: &Path, node: &Node, catalogue: &Catalogue, diagnostics: &mut Diagnostics) {
    let mut near = None;
    let dotted = path.dotted().expect("a field has a dotted path");
    for event_type in catalogue.types() {
        match event_type.field(&dotted) {
            FieldLookup::Known(_) => return,
            FieldLookup::Open => {}
            FieldLookup::Unlisted { misspelt } => near = near.or(misspelt),
            FieldLookup::Unknown { nearest } => near = near.or(nearest),
        }
    }
    if let Some(near) = near {
        let message = format!("no event has a field `{}`", path.text);
        diagnostics.warning(
            Code::UnknownField,
            node.at,
            message,
            format!("did you mean `{near}`?"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;
    use crate::diagnostic::{Diagnostics, Files};

    /// Returns the accepted paths and the reported problems.
    fn read(text: &str) -> (Vec<String>, String) {
        let text = format!("redact: {text}\n");
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("flowtrigger.yaml", text.as_str());
        let config = parse(file, &text, &Default::default(), &mut diagnostics);
        let reported = diagnostics.iter().map(|found| {
            let help = found.help.as_deref().unwrap_or_default();
            format!("{:?} {}; {help}", found.severity, found.message)
        });
        let paths = config.redact.iter().map(|path| path.text.clone()).collect();
        (paths, reported.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn fields_of_events_are_accepted_and_typos_are_reported() {
        let (paths, reported) =
            read("[comment.body, ticket.subject, subdomain, custom_field.raw_title]");
        assert_eq!(paths.len(), 4);
        assert_eq!(reported, "");
        let (paths, reported) = read("comment.bdy");
        assert_eq!(paths, ["comment.bdy"]);
        assert!(
            reported.starts_with("Warning no event has a field `comment.bdy`"),
            "{reported}"
        );
        assert!(
            reported.contains("did you mean `comment.body`?"),
            "{reported}"
        );
    }

    #[test]
    fn paths_outside_the_fields_are_rejected() {
        for (text, expected) in [
            ("event.id", "cannot be removed"),
            ("vars.a", "cannot be removed"),
            ("$.raw.detail", "removed together with any field"),
            ("$..body", "can have several results"),
            ("'a[0]'", "is not a field"),
            ("7", "is not a field"),
        ] {
            let (paths, reported) = read(text);
            assert!(paths.is_empty() || text == "7", "{text}: {paths:?}");
            assert!(
                reported.contains(expected) || text == "7",
                "{text}: {reported}"
            );
        }
    }
}
