//! Reports paths that no state writes before they are read.

use crate::compile::bundle::check::document::StateContext;
use crate::compile::bundle::check::path_reads::PathRead;
use crate::compile::bundle::check::replacing_states::ReplacingStates;
use crate::compile::bundle::check::shape::{DOCUMENT_KEYS, Presence, Shape};
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::suggest;
use crate::path::PathSegment;

/// Keys of a ticket event, which are often read without the path to the event.
const EVENT_KEYS: [&str; 5] = ["ticket", "ticket_event", "comment", "current", "previous"];

/// A path that is absent in every document of a state. `depth` is the position of its first absent key.
pub struct AbsentPath<'a> {
    pub read: &'a PathRead,
    pub keys: &'a [PathSegment],
    pub depth: usize,
}

pub fn report(
    absent: &AbsentPath<'_>,
    place: &StateContext<'_>,
    inputs: &[Shape],
    diagnostics: &mut Diagnostics,
) {
    let read = absent.read;
    let message = format!(
        "`{}` does not exist when `{}` starts",
        read.path, place.state.name.text
    );
    let help = match absent.depth {
        0 if inputs.iter().any(|input| *input != Shape::Scalar) => top_level_help(absent, place),
        0 => "the input of the state is not an object".to_owned(),
        _ => inner_help(absent, inputs),
    };
    match read.may_be_absent {
        true => diagnostics.warning(Code::UndefinedName, read.at, message, help),
        false => diagnostics.error(Code::UndefinedName, read.at, message, &help),
    }
}

fn top_level_help(absent: &AbsentPath<'_>, place: &StateContext<'_>) -> String {
    let path = absent.read.path.as_str();
    let first = absent.keys[0].name.as_str();
    let written = place.written.iter().map(String::as_str);
    match suggest::nearest(first, written.chain(DOCUMENT_KEYS)) {
        Some(near) if near == first => {
            let causes = ReplacingStates::before(place.state, place.definition);
            match causes.is_empty() {
                true => "the state that writes it runs later; move it before this one".into(),
                false => format!(
                    "{} the whole document; {}",
                    causes.describe(),
                    causes.help()
                ),
            }
        }
        Some(near) => format!("did you mean `{}`?", path.replacen(first, near, 1)),
        None if EVENT_KEYS.contains(&first) => {
            let rest = path.trim_start_matches("$.");
            let rest = rest.strip_prefix("ticket_event.").unwrap_or(rest);
            format!("did you mean `$.input.ticket_event.{rest}`?")
        }
        None => "no state writes it with `ResultPath`; the event is `$.input`".into(),
    }
}

/// The help for a path that is absent within a written value.
fn inner_help(absent: &AbsentPath<'_>, inputs: &[Shape]) -> String {
    let outer = &absent.keys[..absent.depth];
    let mut names: Vec<String> = Vec::new();
    for input in inputs {
        if let Presence::Present(Shape::Object(object)) = input.at(outer) {
            names.extend(object.keys.into_keys());
        }
    }
    names.sort();
    names.dedup();
    let outer: Vec<&str> = outer.iter().map(|key| key.name.as_str()).collect();
    let outer = format!("$.{}", outer.join("."));
    let first = absent.keys[absent.depth].name.as_str();
    match suggest::nearest(first, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{outer}.{near}`?"),
        None if names.is_empty() => format!("`{outer}` has no keys"),
        None => format!("`{outer}` has {}", names.join(", ")),
    }
}
