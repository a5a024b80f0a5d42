//! Finds where a part of the document of a bundle's flow comes from: the event, or the reply of a state that sends something.

use std::sync::Arc;

use crate::report::rule_test::mutants::suggest::flow::Perturbation;
use flowtrigger_core::flow::control::ResultPath;
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::mutation::difference::FieldDifference;
use flowtrigger_core::path::{Path, PathKind, PathSegment, Root};

/// The keys of a document's path; none of another path.
pub fn keys(path: &Path) -> Option<&[PathSegment]> {
    match &path.route {
        PathKind::Plain {
            root: Root::Document,
            keys,
        } => Some(keys),
        PathKind::Plain { .. } | PathKind::Query(_) => None,
    }
}

/// The change of the event or of a reply that changes the document at these keys.
pub fn origin(
    keys: &[PathSegment],
    change: &FieldDifference,
    steps: &[&Step],
) -> Option<Perturbation> {
    let (first, rest) = keys.split_first()?;
    if first.name == "input" {
        let path = Arc::new(of_event(rest)?);
        let value = change.value.clone();
        return Some(Perturbation::Field(FieldDifference { path, value }));
    }
    steps.iter().find_map(|step| {
        let data = step.data.as_ref().filter(|_| step.action.sends())?;
        let ResultPath::At(written) = &data.result else {
            return None;
        };
        let rest = keys.strip_prefix(written.as_slice())?;
        let to = [step.name.as_str(), "body"].map(PathSegment::new);
        let keys = to.into_iter().chain(rest.iter().cloned()).collect();
        let path = Path {
            text: change.path.text.clone(),
            route: PathKind::Plain {
                root: Root::Steps,
                keys,
            },
        };
        Some(Perturbation::Reply {
            step: step.name.clone(),
            change: FieldDifference {
                path: Arc::new(path),
                value: change.value.clone(),
            },
        })
    })
}

/// The path of a field of the event, of which ZIS wraps the body: `$.input.ticket_event.current` is `current`.
fn of_event(keys: &[PathSegment]) -> Option<Path> {
    let fields = match keys.split_first() {
        Some((wrapper, fields)) if wrapper.name.ends_with("_event") => fields,
        Some(_) | None => keys,
    };
    let names: Vec<&str> = fields.iter().map(|key| key.name.as_str()).collect();
    Path::parse(&names.join(".")).ok()
}
