//! `convert`: prints Zendesk triggers and ZIS bundles as rules, or writes them to a folder.
//! Omissions go to standard error. Existing files are never overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::message;
use flowtrigger_core::config::Config;
use flowtrigger_core::convert::conversion::{Conversion, ConvertedRule, Omission, part_of_no_rule};
use flowtrigger_core::convert::convert;
use flowtrigger_core::convert::names::NameAllocator;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger convert triggers.json                   print the rules, and what they omit
  flowtrigger convert triggers.json --out rules       write one file per rule, and add what they omit to
                                                      NOT-CONVERTED.txt; nothing is overwritten
  flowtrigger convert bundle.json --format json | jq -r '.omitted[] | \"\\(.at): \\(.why)\"'

FILE is a response of Zendesk's Triggers API (`/api/v2/triggers.json`), one trigger, the requirements.json of an
app, Terraform with `zendesk_trigger` resources, or a ZIS bundle as JSON or YAML; `-` is standard input.

Exit codes: 0 everything was converted, 1 something was not, 4 no trigger or bundle found.";

/// Convert Zendesk triggers and ZIS bundles to rules, and list what is not converted.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Files to convert; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Folder to write the rules to, one file each. Default: standard output.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The file beside the rules that lists what was not converted.
const OMISSIONS_FILE: &str = "NOT-CONVERTED.txt";

/// The conversion of one file.
struct FileConversion {
    file: String,
    conversion: Conversion,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let mut errors = Output::stderr(global.color);
    let mut names = NameAllocator::default();
    let config = configuration(global)?;
    let (mut converted, mut failed) = (Vec::new(), false);
    for file in &args.files {
        match convert_file(file, &mut names, &config) {
            Ok(found) => converted.push(found),
            Err((message, help)) => {
                message::error(&mut errors, &message, help)?;
                failed = true;
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
        print_omissions(&converted, args.out.as_deref(), &mut errors)?;
    }
    errors.finish()?;
    let omitted = converted
        .iter()
        .any(|found| found.conversion.all_omitted().next().is_some());
    Ok(match (failed, omitted) {
        (true, _) => Exit::BadEvent,
        (false, true) => Exit::Negative,
        (false, false) => Exit::Fine,
    })
}

/// The configuration; errors in it count only if it was named with `--config`.
fn configuration(global: &GlobalOptions) -> Result<Config, CommandError> {
    match (global.config(), &global.config) {
        (Ok(config), _) => Ok(config),
        (Err(failure), Some(_)) => Err(failure),
        (Err(_), None) => Ok(Config::default()),
    }
}

type ConvertFailure = (String, Option<&'static str>);

fn convert_file(
    file: &Path,
    names: &mut NameAllocator,
    config: &Config,
) -> Result<FileConversion, ConvertFailure> {
    let name = match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    };
    let text =
        text_of(file).map_err(|error| (format!("failed to read `{name}`: {error}"), None))?;
    match convert(&text, names, config) {
        Ok(conversion) => Ok(FileConversion {
            file: name,
            conversion,
        }),
        Err(error) => Err((format!("{name}: {error}"), Some(error.help()))),
    }
}

fn text_of(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match file.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut bytes)?,
        _ => fs::File::open(file)?.read_to_end(&mut bytes)?,
    };
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "not UTF-8"))
}

fn rules(converted: &[FileConversion]) -> impl Iterator<Item = &ConvertedRule> {
    converted.iter().flat_map(|found| &found.conversion.rules)
}

/// All omissions, one line each.
fn omissions(converted: &[FileConversion]) -> impl Iterator<Item = String> {
    converted.iter().flat_map(|found| {
        let of_rules = found.conversion.rules.iter().flat_map(|rule| {
            let lines = rule.omitted.iter().map(Omission::line);
            lines.map(|line| format!("{}: {line}", rule.from))
        });
        let others = found.conversion.omitted.iter().map(Omission::line);
        let lines = of_rules.chain(others);
        lines.map(|line| format!("{}: {line}", found.file))
    })
}

/// Prints the rules of all files as documents of one text, below a comment with what is part of no rule.
fn print(converted: &[FileConversion], out: &mut Output) -> Result<(), CommandError> {
    if rules(converted).next().is_none() {
        return Ok(());
    }
    let omitted = converted.iter().flat_map(|found| &found.conversion.omitted);
    let comment = part_of_no_rule(omitted.map(Omission::line));
    write!(out, "{comment}")?;
    for (number, rule) in rules(converted).enumerate() {
        if number > 0 || !comment.is_empty() {
            writeln!(out, "---")?;
        }
        write!(out, "{}", rule.text())?;
    }
    Ok(())
}

fn list(converted: &[FileConversion], folder: &Path, out: &mut Output) -> Result<(), CommandError> {
    for rule in rules(converted) {
        writeln!(out, "{}", path_of(rule, folder).display())?;
    }
    Ok(())
}

fn path_of(rule: &ConvertedRule, folder: &Path) -> PathBuf {
    folder.join(format!("{}.yaml", rule.name))
}

/// Writes all files, or none if one exists.
fn write_files(converted: &[FileConversion], folder: &Path) -> Result<(), CommandError> {
    let paths = rules(converted).map(|rule| path_of(rule, folder));
    if let Some(existing) = paths.into_iter().find(|path| path.exists()) {
        return Err(
            CommandError::usage(format!("`{}` already exists", existing.display()))
                .help("no file was written: choose another folder with `--out`, or move the file"),
        );
    }
    let failed = |path: &Path, error: io::Error| {
        CommandError::runtime(format!("failed to write `{}`: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for rule in rules(converted) {
        let path = path_of(rule, folder);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(rule.text().as_bytes()));
        written.map_err(|error| failed(&path, error))?;
    }
    let file = folder.join(OMISSIONS_FILE);
    append_lines(&file, omissions(converted)).map_err(|error| failed(&file, error))
}

/// Appends lines to those of earlier conversions.
fn append_lines(path: &Path, lines: impl Iterator<Item = String>) -> io::Result<()> {
    let text: String = lines.map(|line| line + "\n").collect();
    if text.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Prints the omissions, which the rules also contain as comments.
fn print_omissions(
    converted: &[FileConversion],
    folder: Option<&Path>,
    out: &mut Output,
) -> Result<(), CommandError> {
    let rules = number(rules(converted).count(), "rule");
    if omissions(converted).next().is_none() {
        return Ok(writeln!(out, "{rules}, nothing omitted")?);
    }
    let copy = folder.map(|folder| format!(" (also in {})", folder.join(OMISSIONS_FILE).display()));
    writeln!(
        out,
        "{rules}; parts that are not converted{}:",
        copy.unwrap_or_default()
    )?;
    for line in omissions(converted) {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn as_json(converted: &[FileConversion]) -> Value {
    let texts: Vec<String> = rules(converted).map(ConvertedRule::text).collect();
    let notes = rules(converted).flat_map(|rule| with_name(rule, &rule.notes));
    let configure = rules(converted).flat_map(|rule| with_name(rule, &rule.configure));
    let omitted = converted.iter().flat_map(|found| {
        let omitted = found.conversion.all_omitted();
        omitted.map(|omission| {
            let mut omission = omission.to_json();
            omission["file"] = json!(found.file);
            omission
        })
    });
    json!({
        "rules": texts,
        "omitted": omitted.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
        "configure": configure.collect::<Vec<_>>(),
    })
}

fn with_name(rule: &ConvertedRule, lines: &[String]) -> Vec<Value> {
    let lines = lines.iter();
    lines
        .map(|line| json!({"rule": rule.name, "what": line}))
        .collect()
}
