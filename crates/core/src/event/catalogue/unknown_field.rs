//! The wording of a field that an event does not have, for diagnostics and for the command line.

/// `owner` names the event type or types, such as `` `ticket.CommentAdded` ``.
pub fn message(owner: &str, field: &str) -> String {
    format!("{owner} has no field `{field}`")
}
