//! Commands on the page. `/confirm` shows exactly what a command would do and asks; its form gives the command, which is
//! executed in the background and ends on the page `/commands/ID`. What was confirmed is what is executed: if the runs have
//! changed meanwhile, the page asks again.

mod aftermath;
mod command_list;
mod consequence;
mod execute;
pub mod registry;
mod replay_effect;
mod replay_view;
mod request;
mod result;
mod selection;
mod view;

use std::sync::Arc;
use std::time::Duration;

use maud::Markup;
use serde_json::Value;
use tracing::info;

use super::PageState;
use super::answer::{CommandAnswer, PageView};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use crate::source::admin::AdminApi;
use crate::store::RevisionId;
use consequence::{CommandEffect, Consequences};
use registry::{CommandExtent, CommandIntent, CommandOutcome, SentForm};
use request::{CommandRequest, CommandScope};

pub use command_list::load as load_commands;
pub use result::{load as load_command, stop as stop_command};

/// How long a short command is waited for, so that its page shows the result at once.
const SHORT: Duration = Duration::from_millis(1_500);
/// Characters of a note.
const MAX_NOTE: usize = 500;

/// A question.
pub struct ConfirmPage {
    consequences: Consequences,
    form: String,
    /// Why it asks again.
    again: Option<String>,
    note: String,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<ConfirmPage, PageError> {
    request.user.require_act()?;
    let asked = CommandRequest::read(&request)?;
    let consequences = consequences(&state, asked, &request).await?;
    Ok(ConfirmPage {
        consequences,
        form: state.commands.new_form(),
        again: None,
        note: String::new(),
    })
}

async fn consequences<A: AdminApi>(
    state: &PageState<A>,
    asked: CommandRequest,
    request: &PageRequest,
) -> Result<Consequences, PageError> {
    drop(state.admin.flush().await);
    let (book, now) = ((state.rulebook)(), request.now);
    // Another daemon on the same store may have loaded other rules later.
    let revision = state.admin.status().await.ok();
    let revision = revision.map(|status| RevisionId(status.revision));
    let read = state.history.read(move |history| {
        Ok::<_, HistoryReadError>(Consequences::of(asked, history, (book, revision), now))
    });
    Ok(read.await??)
}

/// Gives the command of a form, once.
pub async fn execute<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<ConfirmPage>, PageError> {
    let asked = CommandRequest::read(&request)?;
    let note: String = request
        .text("note")
        .unwrap_or_default()
        .chars()
        .take(MAX_NOTE)
        .collect();
    let origin = CommandIntent {
        user: request.user.name.clone(),
        note: note.clone(),
        subject: asked.describe(),
        back: asked.back(),
        again: asked.address(),
        extent: match asked.is_bulk() {
            true => CommandExtent::Bulk,
            false => CommandExtent::Named,
        },
    };
    let ask_again = async |why: &str| {
        Ok(CommandAnswer::Page(ConfirmPage {
            consequences: consequences(&state, asked.clone(), &request).await?,
            form: state.commands.new_form(),
            again: Some(why.to_owned()),
            note: note.clone(),
        }))
    };
    let is_first_only = request.text("go") == Some("first");
    // Each button of a form gives its own command.
    let form = request.text("form").unwrap_or_default();
    let form = match is_first_only {
        true => format!("{form}.first"),
        false => form.to_owned(),
    };
    let record = match state
        .commands
        .begin(&form, asked.command, origin, request.now)
    {
        SentForm::New(record) => record,
        SentForm::Repeated(id) => return Ok(CommandAnswer::SeeOther(format!("/commands/{id}"))),
        SentForm::Outdated => {
            return ask_again("This question was open for too long, or the daemon has restarted. Nothing was done yet.").await;
        }
        SentForm::Busy(id) => {
            let word = asked.command.as_str();
            let error = PageError::conflict(format!(
                "command {id} is in progress, another {word} of many runs"
            ));
            return Err(error.help(format!(
                "wait until it has ended, or stop it on its page, /commands/{id}"
            )));
        }
    };
    let reject = |why: &str| {
        record.end(request.now, CommandOutcome::NotStarted(why.to_owned()));
    };
    let found = match consequences(&state, asked.clone(), &request).await {
        Ok(found) => found,
        Err(error) => {
            reject("its consequences could not be read");
            return Err(error);
        }
    };
    if request.text("set") != Some(found.set.to_string().as_str()) {
        reject("the runs have changed since the question");
        return ask_again("The runs have changed since you looked. Nothing was done yet.").await;
    }
    if found.set.count == 0 {
        reject("there is nothing to do");
        return ask_again("There is nothing to do.").await;
    }
    if found.held() > 0 && request.text("looked").is_none() {
        reject("held runs were not looked at");
        return ask_again(
            "Look first whether the held runs did their work already. Nothing was done yet.",
        )
        .await;
    }
    let runs = match is_first_only {
        true => 1,
        false => found.set.count,
    };
    info!(
        user = request.user.name,
        command = asked.command.as_str(),
        subject = record.origin.subject,
        runs,
        note,
        "command given on the page"
    );
    match found.effect {
        CommandEffect::Runs(effect) => {
            let mut selected = effect.selected.runs;
            record.update(|progress| progress.left = selected.iter().map(|run| run.id).collect());
            selected.truncate(runs);
            tokio::spawn(execute::runs(
                Arc::clone(&state),
                Arc::clone(&record),
                selected,
            ));
        }
        CommandEffect::Replay(effect) => {
            tokio::spawn(execute::replay(
                Arc::clone(&state),
                Arc::clone(&record),
                *effect,
            ));
        }
    }
    record.wait(SHORT).await;
    Ok(CommandAnswer::SeeOther(record.path()))
}

impl PageView for ConfirmPage {
    fn title(&self) -> String {
        view::title(&self.consequences)
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(match self.consequences.request.scope {
            CommandScope::Runs(_) | CommandScope::Matching { .. } => Section::Runs,
            CommandScope::Event { .. } | CommandScope::Period(_) => Section::Events,
        })
    }

    fn json(&self) -> Value {
        self.consequences.json()
    }

    fn html(&self, _: &PageUser) -> Markup {
        view::page(self)
    }
}
