//! Measures events per second by engine and number of rules.
//! flowtrigger, a plain loop and similar engines match the same events, in one run, on one core. See `--help`
//! for the options.

mod before;
mod draw;
mod engine;
mod guard;
mod load;
mod measure;
mod options;
mod race;
mod report;
mod rule;
mod table;
mod yaml;
mod yaml_library;

use std::process::ExitCode;

use options::{Format, HELP, Loading, Options};
use report::Report;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match Options::read(words.into_iter()).and_then(|options| run(&options)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<String, String> {
    if let Some(part) = options.part {
        let cost = load::here(part, options)?;
        return serde_json::to_string(&cost).map_err(|error| error.to_string());
    }
    let report = measure(options);
    match options.format {
        Format::Markdown => Ok(report.markdown(options)),
        Format::Json => serde_json::to_string_pretty(&report).map_err(|error| error.to_string()),
    }
}

fn measure(options: &Options) -> Report {
    let events = draw::event::events(options.seed, options.events.max(1), options.only);
    let bytes: usize = events.iter().map(Vec::len).sum();
    let mut races = Vec::new();
    let mut loads = Vec::new();
    let mut before = Vec::new();
    for &size in &options.sizes {
        eprintln!("{size} rules");
        races.push(race::run(size, &events, options));
        if let Some(program) = &options.before {
            before.push((size, before::share_of_skipping(program, size, options)));
        }
        if options.loading == Loading::Measured {
            loads.push((size, load::medians(size, options)));
        }
    }
    Report {
        event_bytes: bytes as f64 / events.len() as f64,
        events: events.len(),
        races,
        before,
        loads,
    }
}
