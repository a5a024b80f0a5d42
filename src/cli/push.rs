//! `push`: checks and tests rules, and stores them in the database for all daemons that use pushed rules.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::admin_client::system_user;
use crate::cli::test::{MissingRulePolicy, gather, text_of_failures};
use crate::engine::{Rulebook, secrets};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::report::rule_test::result::TestResult;
use crate::report::rule_test::run_test::TestRunner;
use crate::report::time_argument::seconds;
use crate::store::history::HistoryOpenError;
use crate::store::postgres::pushed::{PushIntent, PushedError, PushedRevisions};
use crate::store::{
    PostgresOpenError, PostgresSettings, PushedHead, PushedRevision, PushedTexts, StoreLocation,
    short_digest,
};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger push                                 the rules of --rules
  flowtrigger push rules/ --note 'page the second line'
  flowtrigger push --list
  flowtrigger push --rollback 5f2c9a

Daemons with `store: { rules: pushed }`, or started with `--pushed`, load the rules within seconds;
`flowtrigger status` shows which daemon uses which. Exit codes: 0 pushed, 1 a test failed or nothing
was found, 3 invalid rules or configuration.";

/// Check and test rules, and store them for all daemons of a Postgres database
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of rule files, or one rule file. Default: `--rules`.
    #[arg(value_name = "PATH", conflicts_with_all = ["list", "rollback"])]
    path: Option<PathBuf>,
    /// Why, for those who read the list.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    note: String,
    /// List what was pushed, the newest first.
    #[arg(long, conflicts_with_all = ["rollback", "note"])]
    list: bool,
    /// Push an earlier revision again, by the first digits of its digest.
    #[arg(long, value_name = "DIGEST", value_parser = digits)]
    rollback: Option<String>,
    /// Output format; json prints one line per revision.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// Revisions that are listed.
const MAX_LISTED: i64 = 50;

fn digits(text: &str) -> Result<String, String> {
    let is_digest = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_digest {
        true => Ok(text.to_ascii_lowercase()),
        false => {
            Err("write at least 4 hexadecimal digits; `flowtrigger push --list` shows them".into())
        }
    }
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let StoreLocation::Postgres(settings) = global.store_location()? else {
        let error = CommandError::usage("rules are pushed to a database, and none is configured");
        return Err(error.help(
            "add `store: { postgres: \"postgres://USER@HOST:5432/DATABASE\" }` to flowtrigger.yaml, or set FLOWTRIGGER_STORE",
        ));
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    if args.list {
        let listed = runtime.block_on(list(&settings)).map_err(push_error)?;
        return print_list(&listed, args.format, out);
    }
    let intent = PushIntent {
        by: system_user().name,
        note: args.note,
    };
    if let Some(digits) = &args.rollback {
        let revision = runtime.block_on(find(&settings, digits))?;
        let book = global
            .rulebook_paths(None)
            .read_pushed(&revision)
            .accepted();
        let book =
            book.map_err(|found| CommandError::invalid(found.rulebook.files, found.diagnostics))?;
        let count = book.rules.rules.len();
        let pushed = runtime.block_on(push(&settings, &revision.texts, count, &intent));
        print_pushed(&pushed.map_err(push_error)?, None, args.format, out)?;
        return print_needed(&book, args.format, out);
    }
    let book = global.rulebook(args.path.as_deref())?;
    let Some(tests) = run_tests(&book, out)? else {
        return Ok(Exit::Negative);
    };
    let rules = args.path.as_ref().unwrap_or(&global.rules);
    let texts = texts(&book, rules);
    let count = book.rules.rules.len();
    let pushed = runtime.block_on(push(&settings, &texts, count, &intent));
    print_pushed(&pushed.map_err(push_error)?, Some(tests), args.format, out)?;
    print_needed(&book, args.format, out)
}

/// What a command has pushed.
struct Pushed {
    digest: String,
    rules: u64,
    /// Whether it was in force already.
    was_in_force: bool,
    /// The live daemons that use pushed rules, and all live ones.
    users: (u64, u64),
}

async fn list(settings: &PostgresSettings) -> Result<Vec<PushedHead>, PushedError> {
    let pushed = PushedRevisions::connect_to_read(settings).await?;
    pushed.list(MAX_LISTED).await
}

async fn push(
    settings: &PostgresSettings,
    texts: &PushedTexts,
    rules: usize,
    intent: &PushIntent,
) -> Result<Pushed, PushedError> {
    let pushed = PushedRevisions::connect(settings).await?;
    let digest = texts.digest();
    let in_force = pushed.list(1).await?;
    let was_in_force = in_force.first().is_some_and(|head| head.digest == digest);
    if !was_in_force {
        pushed.push(texts, rules, intent).await?;
    }
    Ok(Pushed {
        digest,
        rules: rules as u64,
        was_in_force,
        users: pushed.users().await?,
    })
}

/// The only revision whose digest begins with some digits.
async fn find(settings: &PostgresSettings, digits: &str) -> Result<PushedRevision, CommandError> {
    let pushed = PushedRevisions::connect_to_read(settings)
        .await
        .map_err(push_error)?;
    let mut found = pushed.find(digits).await.map_err(push_error)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => {
            let error = CommandError::nothing(format!("no pushed revision begins with `{digits}`"));
            Err(error.help("`flowtrigger push --list` shows what was pushed"))
        }
        (Some(_), false) => {
            let error = CommandError::usage(format!("several revisions begin with `{digits}`"));
            Err(error.help("write more digits"))
        }
    }
}

/// Runs all tests; `None` if one failed, which is printed. Rules without tests can be pushed.
fn run_tests(book: &Rulebook, out: &mut Output) -> Result<Option<usize>, CommandError> {
    let suite = gather(book, MissingRulePolicy::Reported);
    if suite.diagnostics.has_errors() {
        return Err(CommandError::invalid(suite.files.into(), suite.diagnostics));
    }
    let runner = TestRunner::new(book, &suite.files)?;
    let mut results = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let outcome = runner.run(case)?;
        results.push(TestResult::new(case, &outcome.failure, &suite.files));
    }
    let failed = results.iter().filter(|result| !result.passed()).count();
    if failed == 0 {
        return Ok(Some(results.len()));
    }
    text_of_failures(&results, out)?;
    writeln!(
        out,
        "\n{failed} of {} failed: nothing was pushed",
        number(results.len(), "test")
    )?;
    Ok(None)
}

/// The texts under names that do not depend on the machine: `rules/NAME.yaml`.
fn texts(book: &Rulebook, rules: &Path) -> PushedTexts {
    let name = |path: &str| -> Arc<str> {
        let path = Path::new(path);
        let below = path
            .strip_prefix(rules)
            .ok()
            .filter(|below| *below != Path::new(""));
        let below = below
            .or_else(|| path.file_name().map(Path::new))
            .unwrap_or(path);
        format!("rules/{}", below.display()).into()
    };
    let revision = book.revision();
    PushedTexts {
        files: revision
            .files
            .iter()
            .map(|(path, text)| (name(path), Arc::clone(text)))
            .collect(),
        config: ("flowtrigger.yaml".into(), Arc::clone(&revision.config.text)),
        calendars: revision.config.calendars.clone(),
    }
}

fn print_list(
    listed: &[PushedHead],
    format: Format,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    if format == Format::Json {
        for (index, head) in listed.iter().enumerate() {
            writeln!(out, "{}", versioned(head_json(head, index == 0)))?;
        }
    } else if listed.is_empty() {
        writeln!(out, "nothing was pushed")?;
    } else {
        let mut table = Table::default();
        table.row(["DIGEST", "PUSHED", "RULES", "BY", "NOTE"]);
        for (index, head) in listed.iter().enumerate() {
            let mark = if index == 0 { " (in force)" } else { "" };
            table.row([
                format!("{}{mark}", short_digest(&head.digest)),
                seconds(head.at),
                head.rules.to_string(),
                plain(head.by.as_deref().unwrap_or_default()).into_owned(),
                plain(&head.note).into_owned(),
            ]);
        }
        table.write(out)?;
    }
    Ok(match listed.is_empty() {
        true => Exit::Negative,
        false => Exit::Fine,
    })
}

fn head_json(head: &PushedHead, in_force: bool) -> Value {
    json!({
        "digest": head.digest,
        "pushed": seconds(head.at),
        "rules": head.rules,
        "by": head.by,
        "note": head.note,
        "in_force": in_force,
    })
}

fn print_pushed(
    pushed: &Pushed,
    tests: Option<usize>,
    format: Format,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let digest = short_digest(&pushed.digest);
    let rules = number(usize::try_from(pushed.rules).unwrap_or(usize::MAX), "rule");
    match format {
        Format::Json => writeln!(
            out,
            "{}",
            versioned(json!({
                "digest": pushed.digest,
                "rules": pushed.rules,
                "tests": tests,
                "was_in_force": pushed.was_in_force,
                "daemons": pushed.users.1,
                "daemons_with_pushed_rules": pushed.users.0,
            }))
        )?,
        Format::Text if pushed.was_in_force => {
            writeln!(out, "{digest} is in force already: nothing was pushed")?;
        }
        Format::Text => {
            let tested = match tests {
                None => String::new(),
                Some(0) => ", without tests".to_owned(),
                Some(tests) => format!(", {} passed", number(tests, "test")),
            };
            writeln!(
                out,
                "pushed {digest}: {rules}{tested}; daemons that use pushed rules load it within seconds"
            )?;
        }
    }
    let (users, daemons) = pushed.users;
    if format == Format::Text && daemons > 0 {
        let all = number(usize::try_from(daemons).unwrap_or(usize::MAX), "daemon");
        let verb = if daemons == 1 { "uses" } else { "use" };
        write!(out, "{users} of {all} {verb} pushed rules")?;
        writeln!(
            out,
            "{}",
            match users < daemons {
                true => "; set `store: { rules: pushed }` for the others, and restart them",
                false => "",
            }
        )?;
    }
    Ok(Exit::Fine)
}

/// The secrets without which a daemon keeps its previous rules.
fn print_needed(book: &Rulebook, format: Format, out: &mut Output) -> Result<Exit, CommandError> {
    let needed = secrets::needed(book);
    if format == Format::Text && !needed.is_empty() {
        writeln!(
            out,
            "each daemon needs the secrets {}; one without them keeps its previous rules",
            needed.join(", ")
        )?;
    }
    Ok(Exit::Fine)
}

fn push_error(error: PushedError) -> CommandError {
    match error {
        PushedError::Open(error @ PostgresOpenError::NoTables { .. }) => {
            HistoryOpenError::from(error).into()
        }
        PushedError::Open(_)
        | PushedError::Failed(_)
        | PushedError::Unreadable(_)
        | PushedError::Nothing => CommandError::runtime(error.to_string()),
    }
}
