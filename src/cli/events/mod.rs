//! `events`: prints the catalogue of event types, one type in full, or a sample event.

mod detail;
mod list;

use std::io::Write;

use clap::ArgAction;

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::event_sample::TypeSample;
use crate::report::output::Output;
use flowtrigger_core::document::suggest;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::EventType;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger events
  flowtrigger events ticket.PriorityChanged
  flowtrigger events \"Client posted ticket message\"
  flowtrigger events ticket.PriorityChanged --sample | flowtrigger dry-run --explain -";

/// Show the event types, their fields and a sample of each.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// One type, by its name, display name, webhook name or hook code. Default: all.
    #[arg(value_name = "TYPE")]
    event_type: Option<String>,
    /// Print only the sample event, as the help desk sends it.
    #[arg(long, requires = "event_type", action = ArgAction::SetTrue)]
    sample: bool,
    /// Output format.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        conflicts_with = "sample"
    )]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let catalogue = global.config()?.catalogue;
    let Some(name) = &args.event_type else {
        list::write(&catalogue.types().collect::<Vec<_>>(), args.format, out)?;
        return Ok(Exit::Fine);
    };
    let several = family(name, &catalogue);
    if !several.is_empty() && !args.sample {
        list::write(&several, args.format, out)?;
        return Ok(Exit::Fine);
    }
    let event_type = find(name, &catalogue)?;
    match args.sample {
        true => print_sample(event_type, &catalogue, out)?,
        false => detail::write(event_type, &catalogue, args.format, out)?,
    }
    Ok(Exit::Fine)
}

/// The types of a family such as `ticket.*`, or of a source.
fn family<'a>(name: &str, catalogue: &'a Catalogue) -> Vec<&'a EventType> {
    let types = catalogue.types();
    match name.strip_suffix('*') {
        Some(start) => types.filter(|t| t.name.starts_with(start)).collect(),
        None => types.filter(|t| t.source == name).collect(),
    }
}

/// The one type that has this name in any format.
fn find<'a>(name: &str, catalogue: &'a Catalogue) -> Result<&'a EventType, CommandError> {
    let name = name.trim();
    let suffix = name
        .strip_prefix("zen:event-type")
        .map_or(name, |rest| rest.trim_start_matches([':', '/']));
    let exact = |t: &&EventType| {
        let codes = t.codes.iter().any(|code| code == name);
        t.name == name || t.webhook.as_deref() == Some(suffix) || codes
    };
    let mut found: Vec<&EventType> = catalogue.types().filter(exact).collect();
    if found.is_empty() {
        let sources = catalogue.sources().into_iter();
        found = sources.flat_map(|s| catalogue.displayed(s, name)).collect();
    }
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(unknown(name, catalogue)),
        several => {
            let names: Vec<String> = several.iter().map(|t| format!("`{}`", t.name)).collect();
            Err(
                CommandError::usage(format!("several types are called `{name}`"))
                    .help(format!("write one of {}", names.join(", "))),
            )
        }
    }
}

fn unknown(name: &str, catalogue: &Catalogue) -> CommandError {
    let sources = catalogue.sources().into_iter();
    let near = sources
        .filter_map(|source| catalogue.nearest(source, name))
        .map(|t| t.name.as_str());
    let help = match suggest::nearest(name, near.clone()).or_else(|| near.clone().next()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`flowtrigger events` lists all types".to_owned(),
    };
    CommandError::usage(format!("no event type is called `{name}`")).help(help)
}

fn print_sample(
    event_type: &EventType,
    catalogue: &Catalogue,
    out: &mut Output,
) -> Result<(), CommandError> {
    let Some(sample) = TypeSample::new(event_type, catalogue) else {
        let message = format!("there is no sample of `{}`", event_type.name);
        let help = "the type is from your configuration; store one of its events as a file";
        return Err(CommandError::usage(message).help(help));
    };
    writeln!(out, "{}", sample.text.trim_end())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Result<String, String> {
        match find(name, Catalogue::built_in()) {
            Ok(found) => Ok(found.name.clone()),
            Err(CommandError::Usage(error)) => Err(error.help.unwrap_or_default()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_type_is_found_by_any_of_its_names() {
        for name in [
            "ticket.PriorityChanged",
            "ticket.priority_changed",
            "zen:event-type:ticket.priority_changed",
            "Priority changed",
        ] {
            assert_eq!(
                found(name).as_deref(),
                Ok("ticket.PriorityChanged"),
                "{name}"
            );
        }
        let posted = found("client_posted_ticket_message_hook");
        assert_eq!(posted.as_deref(), Ok("ticket_message.ClientPosted"));
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let help = |name| found(name).unwrap_err();
        assert_eq!(
            help("ticket.PriortyChanged"),
            "did you mean `ticket.PriorityChanged`?"
        );
        assert_eq!(
            help("LeadPosted"),
            "did you mean `ticket_message.LeadPosted`?"
        );
        assert_eq!(help("xyzzy"), "`flowtrigger events` lists all types");
        assert!(help("Tags Changed").starts_with("write one of `ticket.TagsChanged`, `user"));
    }
}
