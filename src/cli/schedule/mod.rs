//! `schedule`: prints whether schedules are open at a time, and when they open or close next.

mod ticks;

use std::io::Write;

use clap::builder::RangedU64ValueParser;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::table::Table;
use crate::report::time_argument::TimeArgument;
use flowtrigger_core::config::Config;
use flowtrigger_core::document::suggest;
use flowtrigger_core::schedule::{Schedule, ScheduleState};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger schedule
  flowtrigger schedule office
  flowtrigger schedule office --next
  flowtrigger schedule --ticks --next 3
  flowtrigger schedule office --at 2026-12-24T10:00+01:00 --next 3";

/// Show whether schedules are open at a time, and when they open or close next.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// One schedule. Default: all.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The time: 2026-01-07T09:02+01:00, in UTC without a zone, or -2h for two hours ago. Default: now.
    #[arg(long, value_name = "TIME", value_parser = TimeArgument::parse, allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// List this many of the next changes; 5 without a number.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    next: Option<usize>,
    /// Show the next ticks of rules with `every` instead.
    #[arg(long, conflicts_with = "name")]
    ticks: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let now = Timestamp::now();
    let at = args.at.map_or(now, |at| at.from(now));
    if args.ticks {
        let book = global.rulebook(None)?;
        match args.format {
            Format::Text => ticks::text(&book, at, args.next, out)?,
            Format::Json => ticks::json(&book, at, args.next, out)?,
        }
        return Ok(Exit::Fine);
    }
    let config = global.config()?;
    let schedules = select(&config, args.name.as_deref())?;
    match args.format {
        Format::Text => write_text(&schedules, at, args.next, out)?,
        Format::Json => {
            for schedule in schedules {
                let document = schedule_json(schedule, at, args.next.unwrap_or(1));
                writeln!(out, "{}", versioned(document))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn select<'c>(config: &'c Config, name: Option<&str>) -> Result<Vec<&'c Schedule>, CommandError> {
    let all = &config.schedules;
    let Some(name) = name else {
        return Ok(all.values().map(AsRef::as_ref).collect());
    };
    if let Some(schedule) = all.get(name) {
        return Ok(vec![schedule]);
    }
    let names = all.keys().map(String::as_str);
    let help = match suggest::nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if all.is_empty() => "define it under `schedules:` in flowtrigger.yaml".to_owned(),
        None => format!(
            "the schedules are: {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    Err(CommandError::usage(format!("no schedule is called `{name}`")).help(help))
}

fn write_text(
    schedules: &[&Schedule],
    at: Timestamp,
    next: Option<usize>,
    out: &mut Output,
) -> Result<(), CommandError> {
    if schedules.is_empty() {
        writeln!(
            out,
            "no schedules; define them under `schedules:` in flowtrigger.yaml"
        )?;
        return Ok(());
    }
    let mut table = Table::default();
    for schedule in schedules {
        let state = schedule.state(at);
        let local = state.local.strftime("%a %Y-%m-%d %H:%M");
        let shown = format!("{local} {}", state.zone);
        table.row([
            state.schedule.clone(),
            state.label(),
            shown,
            state.change_text(),
        ]);
        for (_, change) in next
            .into_iter()
            .flat_map(|next| changes(schedule, at, next))
        {
            table.note(&format!("    {}", change_line(&change)));
        }
    }
    table.write(out)?;
    Ok(())
}

/// `opens   Tue 2026-12-01 09:00`.
fn change_line(change: &ScheduleState) -> String {
    let verb = match change.open {
        true => "opens ",
        false => "closes",
    };
    let reason = match &change.reason {
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    };
    format!(
        "{verb}  {}{reason}",
        change.local.strftime("%a %Y-%m-%d %H:%M")
    )
}

/// The states at the next changes after a time.
fn changes(
    schedule: &Schedule,
    at: Timestamp,
    limit: usize,
) -> impl Iterator<Item = (Timestamp, ScheduleState)> {
    let times = std::iter::successors(schedule.next_change(at), |change| {
        schedule.next_change(*change)
    });
    times.take(limit).map(|time| (time, schedule.state(time)))
}

fn schedule_json(schedule: &Schedule, at: Timestamp, next: usize) -> Value {
    let mut document = json!(schedule.state(at));
    document["at"] = json!(at);
    let listed = changes(schedule, at, next).map(|(time, state)| {
        json!({"at": time, "local": state.local, "open": state.open, "reason": state.reason})
    });
    document["changes"] = listed.collect();
    document
}
