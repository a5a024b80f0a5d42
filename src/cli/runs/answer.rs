//! `runs answer`: answers a question of a run without its link, through the daemon or in the store if no daemon runs.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use super::admin_client::{AdminClient, system_user};
use super::offline::OfflineStore;
use crate::cli::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::engine::{AnswerCommand, AnswerError};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::message;
use crate::report::run::command::RunStatusRow;
use crate::source::admin::AnswerRequest;
use crate::store::{CommandKind, CommandTarget, GivenCommand, Store};
use flowtrigger_core::run::RunId;

#[derive(Debug, clap::Args)]
pub struct AnswerArgs {
    /// Id of the run.
    #[arg(value_name = "ID", value_parser = super::id)]
    run: u64,
    /// Name of the step that waits for the answer; `runs show` prints it.
    #[arg(value_name = "STEP")]
    step: String,
    /// One of the possible answers.
    #[arg(value_name = "ANSWER")]
    answer: String,
    /// Output format; json prints one line.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(
    args: AnswerArgs,
    global: &GlobalOptions,
    out: &mut Output,
) -> Result<Exit, CommandError> {
    let request = AnswerRequest {
        step: args.step,
        answer: args.answer,
    };
    let result = match AdminClient::connect(&global.socket())? {
        Some(admin) => admin.answer(args.run, &request)?,
        None => answer_offline(args.run, &request, global)?,
    };
    match (&result, args.format) {
        (Ok(placed), Format::Json) => {
            for RunStatusRow { id, rule, state } in placed {
                let line = json!({"id": id, "rule": rule, "state": state, "of": args.run});
                writeln!(out, "{}", versioned(line))?;
            }
        }
        (Ok(placed), Format::Text) => {
            for RunStatusRow { id, rule, state } in placed {
                writeln!(out, "  run {id}  {state}  {rule}")?;
            }
            let AnswerRequest { step, answer } = &request;
            writeln!(out, "step `{step}` answered with `{answer}`")?;
        }
        (Err(why), Format::Json) => {
            writeln!(out, "{}", versioned(json!({"id": args.run, "error": why})))?;
        }
        (Err(why), Format::Text) => message::error_to_stderr(global.color, why, None)?,
    }
    Ok(match result {
        Ok(_) => Exit::Fine,
        Err(_) => Exit::Negative,
    })
}

/// Answers where no daemon runs, and logs the command.
fn answer_offline(
    run: u64,
    request: &AnswerRequest,
    global: &GlobalOptions,
) -> Result<Result<Vec<RunStatusRow>, String>, CommandError> {
    let open = OfflineStore::open(global)?;
    let command = AnswerCommand {
        run: RunId(run),
        step: request.step.clone(),
        answer: request.answer.clone(),
        by: system_user(),
        at: Timestamp::now(),
    };
    let answered = open.ask(async |store| command.execute(store).await);
    let result = match answered {
        Ok(placed) => Ok(placed),
        Err(AnswerError::Refused(why)) => Err(why),
        Err(AnswerError::Store(error)) => return Err(CommandError::runtime(error.to_string())),
    };
    let given = GivenCommand {
        at: command.at,
        kind: CommandKind::Answer,
        target: CommandTarget::Run(command.run),
        by: command.by,
        result: match &result {
            Ok(placed) => Ok(vec![placed.id]),
            Err(why) => Err(why.clone()),
        },
    };
    let logged = open.ask(async |store| store.record_command(given).await);
    logged.map_err(|error| CommandError::runtime(error.to_string()))?;
    Ok(result.map(|placed| vec![RunStatusRow::new(placed)]))
}
