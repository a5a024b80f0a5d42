//! Pauses and resumes on the page: `/confirm/pause` and `/confirm/resume` say what would happen and ask; their form gives the command.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{CommandAnswer, PageView};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::link;
use super::part::prose::prose;
use super::part::suspended;
use super::reader::HistoryReadError;
use super::runs::hidden;
use super::runs::query::FormField;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use super::text::text;
use crate::engine::{Rulebook, known_target};
use crate::report::error::CommandError;
use crate::report::suspended::{after_pause, after_resume, unfinished};
use crate::source::admin::AdminApi;
use crate::store::History;
use crate::store::history::SuspendedTarget;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::suspension::SuspensionTarget;

/// Characters of a note.
const MAX_NOTE: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PauseQuestion {
    Pause,
    Resume,
}

/// A question.
pub struct PausePage {
    asked: PauseQuestion,
    target: SuspensionTarget,
    /// What is suspended at the target now.
    found: Option<SuspendedTarget>,
    /// Unfinished runs of the rule, or all.
    unfinished: u64,
    /// It says how fast runs continue.
    rulebook: Arc<Rulebook>,
}

pub async fn ask_pause<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<PausePage, PageError> {
    ask(PauseQuestion::Pause, &state, &request).await
}

pub async fn ask_resume<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<PausePage, PageError> {
    ask(PauseQuestion::Resume, &state, &request).await
}

pub async fn pause<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<PausePage>, PageError> {
    let target = target(&request)?;
    state
        .admin
        .pause(target.clone(), commander(&request))
        .await?;
    state.overview.forget().await;
    Ok(CommandAnswer::SeeOther(back(&target)))
}

pub async fn resume<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<PausePage>, PageError> {
    let target = target(&request)?;
    state
        .admin
        .resume(target.clone(), commander(&request))
        .await?;
    state.overview.forget().await;
    Ok(CommandAnswer::SeeOther(back(&target)))
}

async fn ask<A: AdminApi>(
    asked: PauseQuestion,
    state: &PageState<A>,
    request: &PageRequest,
) -> Result<PausePage, PageError> {
    request.user.require_act()?;
    let target = target(request)?;
    let rulebook = (state.rulebook)();
    let target = match asked {
        PauseQuestion::Pause => known_target(&rulebook, target)
            .map_err(|error| PageError::not_found(error.to_string()))?,
        // What is no longer configured can still be paused.
        PauseQuestion::Resume => target,
    };
    let read = state.history.read(move |history| {
        Ok::<_, HistoryReadError>(PausePage::read(asked, target, rulebook, history))
    });
    Ok(read.await??)
}

fn target(request: &PageRequest) -> Result<SuspensionTarget, PageError> {
    let expected = "write `everything`, `rule NAME`, `connection NAME` or `host NAME:PORT`";
    let missing = || PageError::parameter("target", "it is missing").help(expected);
    request.parse("target", expected)?.ok_or_else(missing)
}

fn commander(request: &PageRequest) -> Commander {
    let note = request.text("note").unwrap_or_default();
    Commander::new(Some(&request.user.name), CommandOrigin::Page).with_note(note)
}

/// The page that shows the result.
fn back(target: &SuspensionTarget) -> String {
    match target {
        SuspensionTarget::Rule(name) => link::rule(name),
        SuspensionTarget::Everything
        | SuspensionTarget::Connection(_)
        | SuspensionTarget::Host(_) => super::overview::PATH.to_owned(),
    }
}

impl PausePage {
    fn read(
        asked: PauseQuestion,
        target: SuspensionTarget,
        rulebook: Arc<Rulebook>,
        history: &dyn History,
    ) -> Result<Self, CommandError> {
        let mut suspended = history.suspended()?.into_iter();
        Ok(Self {
            asked,
            found: suspended.find(|found| found.target == target),
            unfinished: unfinished(&target, history)?,
            target,
            rulebook,
        })
    }

    fn is_paused(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| found.suspension.pause.is_some())
    }

    /// What the command would do.
    fn consequences(&self) -> Vec<String> {
        let waiting = self.found.as_ref().map_or(0, |found| found.waiting);
        let (unfinished, config) = (self.unfinished, Some(&self.rulebook.config));
        match self.asked {
            PauseQuestion::Pause => after_pause(&self.target, unfinished, waiting, config),
            PauseQuestion::Resume if self.is_paused() => {
                after_resume(&self.target, self.found.as_ref(), unfinished, config)
            }
            PauseQuestion::Resume => vec![format!("{} is not paused", self.target)],
        }
    }

    fn verb(&self) -> &'static str {
        match self.asked {
            PauseQuestion::Pause => "Pause",
            PauseQuestion::Resume => "Resume",
        }
    }

    fn form(&self, user: &PageUser) -> Markup {
        let (action, class) = match self.asked {
            PauseQuestion::Pause => ("/confirm/pause", "no"),
            PauseQuestion::Resume => ("/confirm/resume", "go"),
        };
        html! {
            section {
                form method="post" action=(action) class="stack" {
                    (hidden(&[FormField::new("target", self.target.key())]))
                    @if self.asked == PauseQuestion::Pause || self.is_paused() {
                        div {
                            label class="lbl" for="note" { "Note, kept with the command as given by " (text(&user.name)) }
                            input id="note" name="note" maxlength=(MAX_NOTE) placeholder="why, or a link to the incident";
                        }
                    }
                    div class="row" {
                        @if self.asked == PauseQuestion::Pause || self.is_paused() {
                            button class=(class) { (self.verb()) " " (text(&self.target.to_string().replace('`', ""))) }
                        }
                        a class="btn" data-close href=(back(&self.target)) { "Back" }
                    }
                }
            }
        }
    }
}

impl PageView for PausePage {
    fn title(&self) -> String {
        let target = self.target.to_string().replace('`', "");
        format!("{} {target}?", self.verb())
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(match self.target {
            SuspensionTarget::Rule(_) => Section::Rules,
            SuspensionTarget::Everything
            | SuspensionTarget::Connection(_)
            | SuspensionTarget::Host(_) => Section::Overview,
        })
    }

    fn json(&self) -> Value {
        json!({
            "kind": self.target.kind(),
            "name": self.target.name(),
            "suspended": self.found.as_ref().map(SuspendedTarget::json),
            "unfinished": self.unfinished,
            "consequences": self.consequences(),
        })
    }

    fn html(&self, user: &PageUser) -> Markup {
        let crumb = match self.target {
            SuspensionTarget::Rule(_) => ("/rules", "Rules"),
            SuspensionTarget::Everything
            | SuspensionTarget::Connection(_)
            | SuspensionTarget::Host(_) => (super::overview::PATH, "Overview"),
        };
        html! {
            nav class="crumb" aria-label="Breadcrumb" { ol { li { a href=(crumb.0) { (crumb.1) } } } }
            div class="head" { div { h1 { (text(&self.title())) } } }
            @if let Some(found) = &self.found {
                (suspended::note(found, &html! {}, Some(&self.rulebook.config)))
            }
            section aria-labelledby="h-w" {
                div class="bar" { h2 id="h-w" { "What would happen" } }
                ul { @for line in self.consequences() { li { (prose(&line)) "." } } }
            }
            (self.form(user))
        }
    }
}
