//! `convert`: what was written for another engine, as rules of ours on standard output or in a folder.
//! It refuses to overwrite a file, and tells on standard error what was not carried over.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::global::{Format, Global};
use super::output::Output;
use super::render::diagnostics::number;
use super::render::message;
use crate::core::config::Config;
use crate::core::convert::{Conversion, Converted as Rule, Left, Names, convert, no_rules};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger convert triggers.json                   what the rules would be, and what is missing
  flowtrigger convert triggers.json --out rules       one file for each rule; none is overwritten, and
                                                      what is missing is added to NOT-CARRIED-OVER.txt
  flowtrigger convert bundle.json --format json | jq -r '.left[] | \"\\(.at): \\(.why)\"'

FILE is what Zendesk's Triggers API answers (`/api/v2/triggers.json`), one trigger, or a ZIS bundle as
JSON or YAML; `-` is standard input.

Exit codes: 0 all was carried over, 1 something was not, 4 nothing of this kind.";

/// Turn Zendesk triggers and ZIS bundles into rules, and list what is not carried over.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files to convert; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Folder to write the rules into, a file each; standard output unless given.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How the rules are printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The file beside the rules that holds what is missing.
const MISSING: &str = "NOT-CARRIED-OVER.txt";

/// What one file gave.
struct Converted {
    file: String,
    conversion: Conversion,
}

pub fn run(args: Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let mut told = Output::stderr(global.color);
    let mut names = Names::default();
    let config = configuration(global)?;
    let (mut converted, mut refused) = (Vec::new(), false);
    for file in &args.files {
        match convert_file(file, &mut names, &config) {
            Ok(found) => converted.push(found),
            Err((message, help)) => {
                message::error(&mut told, &message, help)?;
                refused = true;
            }
        }
    }
    if let Some(folder) = &args.out {
        write_files(&converted, folder)?;
    }
    match (&args.out, args.format) {
        (_, Format::Json) => writeln!(out, "{:#}", as_json(&converted))?,
        (None, Format::Text) => print(&converted, out)?,
        (Some(folder), Format::Text) => list(&converted, folder, out)?,
    }
    out.flush()?;
    if args.format == Format::Text && !converted.is_empty() {
        tell_left(&converted, args.out.as_deref(), &mut told)?;
    }
    told.finish()?;
    let left = converted
        .iter()
        .any(|found| found.conversion.all_left().next().is_some());
    Ok(match (refused, left) {
        (true, _) => Exit::BadEvent,
        (false, true) => Exit::Negative,
        (false, false) => Exit::Fine,
    })
}

/// What is set already; one that was not asked for need not be without a mistake.
fn configuration(global: &Global) -> Result<Config, Failure> {
    match (global.config(), &global.config) {
        (Ok(config), _) => Ok(config),
        (Err(failure), Some(_)) => Err(failure),
        (Err(_), None) => Ok(Config::default()),
    }
}

type Refused = (String, Option<&'static str>);

fn convert_file(file: &Path, names: &mut Names, config: &Config) -> Result<Converted, Refused> {
    let place = match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    };
    let text =
        text_of(file).map_err(|error| (format!("failed to read `{place}`: {error}"), None))?;
    match convert(&text, names, config) {
        Ok(conversion) => Ok(Converted {
            file: place,
            conversion,
        }),
        Err(refused) => Err((format!("{place}: {refused}"), Some(refused.help()))),
    }
}

fn text_of(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match file.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut bytes)?,
        _ => fs::File::open(file)?.read_to_end(&mut bytes)?,
    };
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

fn rules(converted: &[Converted]) -> impl Iterator<Item = &Rule> {
    converted.iter().flat_map(|found| &found.conversion.rules)
}

/// All that was not carried over, on a line each.
fn left(converted: &[Converted]) -> impl Iterator<Item = String> {
    converted.iter().flat_map(|found| {
        let left = found.conversion.all_left();
        left.map(|left| format!("{}: {}", found.file, left.line()))
    })
}

/// One file after the other on standard output, documents of one text; above them what became none.
fn print(converted: &[Converted], out: &mut Output) -> Result<(), Failure> {
    if rules(converted).next().is_none() {
        return Ok(());
    }
    let left = converted.iter().flat_map(|found| &found.conversion.left);
    let missing = no_rules(left.map(Left::line));
    write!(out, "{missing}")?;
    for (number, rule) in rules(converted).enumerate() {
        if number > 0 || !missing.is_empty() {
            writeln!(out, "---")?;
        }
        write!(out, "{}", rule.text())?;
    }
    Ok(())
}

fn list(converted: &[Converted], folder: &Path, out: &mut Output) -> Result<(), Failure> {
    for rule in rules(converted) {
        writeln!(out, "{}", path_of(rule, folder).display())?;
    }
    Ok(())
}

fn path_of(rule: &Rule, folder: &Path) -> PathBuf {
    folder.join(format!("{}.yaml", rule.name))
}

/// All of them, or none where one is there already.
fn write_files(converted: &[Converted], folder: &Path) -> Result<(), Failure> {
    let paths = rules(converted).map(|rule| path_of(rule, folder));
    if let Some(there) = paths.into_iter().find(|path| path.exists()) {
        return Err(Failure::usage(format!("`{}` is there already", there.display()))
            .help("nothing is overwritten and nothing was written: name another folder with `--out`, or move the file away"));
    }
    let failed = |path: &Path, error: io::Error| {
        Failure::runtime(format!("failed to write `{}`: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for rule in rules(converted) {
        let path = path_of(rule, folder);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(rule.text().as_bytes()));
        written.map_err(|error| failed(&path, error))?;
    }
    let missing = folder.join(MISSING);
    add_lines(&missing, left(converted)).map_err(|error| failed(&missing, error))
}

/// Behind what stands there from earlier conversions, which is still missing.
fn add_lines(path: &Path, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let text: String = lines.map(|line| line + "\n").collect();
    if text.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// What is missing, for whoever keeps the rules alone.
fn tell_left(
    converted: &[Converted],
    folder: Option<&Path>,
    told: &mut Output,
) -> Result<(), Failure> {
    let rules = number(rules(converted).count(), "rule");
    if left(converted).next().is_none() {
        return Ok(writeln!(told, "{rules}, nothing left out")?);
    }
    let place = folder.map(|folder| format!(" (also in {})", folder.join(MISSING).display()));
    writeln!(
        told,
        "{rules}, not carried over{}:",
        place.unwrap_or_default()
    )?;
    for line in left(converted) {
        writeln!(told, "  {line}")?;
    }
    Ok(())
}

fn as_json(converted: &[Converted]) -> Value {
    let texts: Vec<String> = rules(converted).map(Rule::text).collect();
    let notes = rules(converted).flat_map(|rule| with_name(rule, &rule.notes));
    let configure = rules(converted).flat_map(|rule| with_name(rule, &rule.configure));
    let left = converted.iter().flat_map(|found| {
        let left = found.conversion.all_left();
        left.map(|left| {
            let mut left = left.to_json();
            left["file"] = json!(found.file);
            left
        })
    });
    json!({
        "rules": texts,
        "left": left.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
        "configure": configure.collect::<Vec<_>>(),
    })
}

fn with_name(rule: &Rule, lines: &[String]) -> Vec<Value> {
    let lines = lines.iter();
    lines
        .map(|line| json!({"rule": rule.name, "what": line}))
        .collect()
}
