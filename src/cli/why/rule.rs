//! `why RULE`: explains a rule by its stored runs and by the events of its types: whether it is loaded, when it matched last,
//! what its runs did, and which predicate alone kept it from matching.

use std::io::Write;

use jiff::Timestamp;

use crate::cli::exit::Exit;
use crate::cli::options::Format;
use crate::report::daemon_state::ArchiveState;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::why::rule::facts::RuleHistory;
use crate::report::why::rule::report;
use crate::store::History;

use crate::report::why::rule::facts::nearest;

pub use crate::report::why::rule::facts::is_known;

/// Explains rules by their names; a name that no rule has is an error with the nearest one.
pub fn explain_all(
    rules: &[String],
    format: Format,
    archive: &ArchiveState,
    history: &dyn History,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    for (number, rule) in rules.iter().enumerate() {
        if number > 0 && format == Format::Text {
            writeln!(out)?;
        }
        if explain(rule, format, archive, history, out)? {
            continue;
        }
        let error =
            CommandError::nothing(format!("no rule called `{rule}` is loaded or has a run"));
        let near = nearest(rule, history)?;
        return Err(match near.as_slice() {
            [] => error.help("`flowtrigger check` lists the rules of the folder by their files"),
            [first, ..] => error.help(format!("did you mean `{first}`?")),
        });
    }
    Ok(Exit::Fine)
}

/// Explains a rule; returns whether there is one of this name.
pub fn explain(
    rule: &str,
    format: Format,
    archive: &ArchiveState,
    history: &dyn History,
    out: &mut Output,
) -> Result<bool, CommandError> {
    let Some(found) = RuleHistory::read(rule, Timestamp::now(), history)? else {
        return Ok(false);
    };
    match format {
        Format::Json => {
            let mut answer = report::json(&found);
            answer["archive_behind"] = serde_json::json!(archive.behind());
            writeln!(out, "{}", versioned(answer))?;
        }
        Format::Text => {
            report::text(&found, out)?;
            if let Some(note) = archive.note() {
                writeln!(out, "\n{note}")?;
            }
        }
    }
    Ok(true)
}
