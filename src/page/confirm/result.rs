//! The page of a command, `/commands/ID`: its progress, what was rejected, and links to what came of it.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::registry::{ChangedRun, CommandFinish, CommandOutcome, CommandProgress, CommandRecord};
use crate::page::PageState;
use crate::page::answer::{CommandAnswer, PageView, day_and_time};
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::part::state::pill;
use crate::page::session::{PageUser, Role};
use crate::page::shell::{PagePosition, Section};
use crate::page::text::{short, text};
use crate::report::render::diagnostics::{grouped, number};
use crate::report::run::command::RunCommand;
use crate::source::admin::AdminApi;
use crate::store::history::{Page, RunFilter};
use flowtrigger_core::run::{RunId, RunState};

/// Characters of a name, and of a reason.
const MAX_NAME: usize = 100;
pub const MAX_REASON: usize = 500;

/// One command.
pub struct CommandPage {
    pub(super) record: Arc<CommandRecord>,
    pub(super) progress: CommandProgress,
    /// The states of its runs now.
    pub(super) states: HashMap<u64, RunState>,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandPage, PageError> {
    let record = find(&state, &request)?;
    let progress = record.progress();
    let ids: Vec<RunId> = progress.runs.iter().map(|one| RunId(one.run.id)).collect();
    let read = state.history.read(move |history| {
        let filter = RunFilter {
            ids,
            ..RunFilter::default()
        };
        let page = Page::first(filter.ids.len());
        match filter.ids.is_empty() {
            true => Ok(Vec::new()),
            false => history.runs(&filter, page),
        }
    });
    let runs = read.await?.into_iter();
    Ok(CommandPage {
        states: runs.map(|run| (run.id.0, run.state)).collect(),
        progress,
        record,
    })
}

fn find<A: AdminApi>(
    state: &PageState<A>,
    request: &PageRequest,
) -> Result<Arc<CommandRecord>, PageError> {
    let id = request.path_number("id", "command")?;
    state.commands.get(id).ok_or_else(|| {
        let error = PageError::not_found(format!("command {id} is not known"));
        error.help("the daemon forgets commands when it restarts; the runs show what came of them")
    })
}

/// Ends a command before its next part.
pub async fn stop<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<CommandPage>, PageError> {
    let record = find(&state, &request)?;
    record.stop();
    tracing::info!(
        user = request.user.name,
        command = record.id,
        "command on the page stopped"
    );
    record.wait(super::SHORT).await;
    Ok(CommandAnswer::SeeOther(record.path()))
}

fn participle(command: RunCommand) -> &'static str {
    match command {
        RunCommand::Retry => "retried",
        RunCommand::Replay(_) => "started",
        RunCommand::Cancel => "cancelled",
    }
}

pub fn verb(command: RunCommand) -> &'static str {
    match command {
        RunCommand::Retry => "Retry",
        RunCommand::Replay(_) => "Replay",
        RunCommand::Cancel => "Cancel",
    }
}

/// The pill of a command that is in progress or has ended.
pub fn outcome_pill(end: Option<&CommandFinish>) -> Markup {
    match end.map(|end| &end.outcome) {
        None => pill("running", "in progress"),
        Some(CommandOutcome::Complete) => pill("done", "complete"),
        Some(CommandOutcome::Stopped(_)) => pill("cancelled", "stopped"),
        Some(CommandOutcome::Failed(_)) => pill("dead", "failed"),
        Some(CommandOutcome::NotStarted(_)) => pill("cancelled", "not started"),
    }
}

pub fn json_of(record: &CommandRecord, progress: &CommandProgress) -> Value {
    let runs = progress.runs.iter();
    let rejections = progress.rejections.iter();
    json!({
        "id": record.id,
        "command": record.command.as_str(),
        "user": record.origin.user,
        "note": record.origin.note,
        "subject": record.origin.subject,
        "given": record.given.to_string(),
        "replay": progress.replay.map(|replay| replay.to_string()),
        "total": progress.total,
        "processed": progress.processed,
        "changed": progress.changed,
        "rejected": progress.rejected,
        "runs": runs
            .map(|changed| json!({
                "id": changed.run.id,
                "rule": changed.run.rule,
                "state": changed.run.state,
                "of": changed.of.map(|run| run.0),
            }))
            .collect::<Vec<_>>(),
        "rejections": rejections
            .map(|part| json!({
                "run": part.run.map(|run| run.0),
                "event": part.event,
                "error": part.why,
            }))
            .collect::<Vec<_>>(),
        "outcome": progress.end.as_ref().map(|end| end.outcome.as_str()),
        "why": progress.end.as_ref().and_then(|end| end.outcome.why()),
        "ended": progress.end.as_ref().map(|end| end.at.to_string()),
    })
}

impl PageView for CommandPage {
    fn title(&self) -> String {
        let (progress, subject) = (&self.progress, &self.record.origin.subject);
        let mut rules = progress.runs.iter().map(|changed| &changed.run.rule);
        let first = rules
            .next()
            .filter(|first| rules.all(|rule| rule == *first));
        let word = verb(self.record.command);
        match first.filter(|_| progress.changed > 1) {
            Some(rule) => {
                let runs = number(progress.changed, "run");
                format!(
                    "{word}: {runs} of {}",
                    rule.chars().take(MAX_NAME).collect::<String>()
                )
            }
            None if subject.chars().count() > MAX_NAME => {
                format!("{word}: {}", number(progress.changed, "run"))
            }
            None => format!("{word}: {subject}"),
        }
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Runs)
    }

    fn json(&self) -> Value {
        json_of(&self.record, &self.progress)
    }

    fn html(&self, user: &PageUser) -> Markup {
        let (record, progress) = (&self.record, &self.progress);
        let origin = &record.origin;
        html! {
            nav class="crumb" aria-label="Breadcrumb" {
                ol { li { a href="/runs" { "Runs" } } li { a href="/commands" { "Commands" } } }
            }
            div class="head" {
                div {
                    h1 { (verb(record.command)) " " (self.pill()) }
                    p {
                        (short(&origin.subject, MAX_REASON)) ", by " (text(&origin.user)) " at " (day_and_time(record.given))
                        @if !origin.note.is_empty() { ": " (text(&origin.note)) }
                    }
                }
                div class="row acts" {
                    @if progress.end.is_none() {
                        a class="btn" href=(record.path()) { "Refresh" }
                        @if user.role == Role::Act {
                            form method="post" action={ (record.path()) "/stop" } { button class="no" { "Stop" } }
                        }
                    }
                    a class="btn" href=(origin.back) { "Back" }
                }
            }
            section aria-label="Progress" data-poll[progress.end.is_none()] {
                p class="say" { (self.sentence()) }
                (self.rest(user))
                (self.after())
            }
            div id="came" data-fresh data-refresh=[self.unfinished().then_some("3")] {
                (self.now())
                (self.runs())
            }
            (self.rejections())
        }
    }
}

impl CommandPage {
    fn sentence(&self) -> Markup {
        let progress = &self.progress;
        let changed = number(progress.changed, "run");
        let what = participle(self.record.command);
        html! {
            b { (changed) " " (what) }
            @if progress.rejected > 0 { ", " (grouped(progress.rejected)) " rejected" }
            @match &progress.end {
                None => {
                    ", " (grouped(progress.processed)) " of " (grouped(progress.total)) " processed."
                }
                Some(end) => {
                    "."
                    @if let Some(why) = end.outcome.why() { " It ended early: " (prose(why)) "." }
                }
            }
        }
    }

    /// Where to look next.
    fn after(&self) -> Markup {
        let progress = &self.progress;
        let Some(replay) = progress.replay.map(|replay| replay.to_string()) else {
            return html! {};
        };
        let is_open = matches!(
            progress.end.as_ref().map(|end| &end.outcome),
            Some(CommandOutcome::Stopped(_) | CommandOutcome::Failed(_))
        );
        html! {
            p class="say" {
                a href=(link::query("/runs", &[("replay", &replay)])) { "All runs of this replay" }
            }
            @if is_open {
                div class="note" {
                    p { "No event is replayed twice if it continues: " code { "flowtrigger replay --resume " (replay) } }
                }
            }
        }
    }

    fn runs(&self) -> Markup {
        let progress = &self.progress;
        let has_earlier = progress.runs.iter().any(|changed| changed.of.is_some());
        html! {
            @if !progress.runs.is_empty() {
                section aria-labelledby="h-runs" {
                    div class="bar" {
                        h2 id="h-runs" { "What came of it" }
                        @if progress.changed > progress.runs.len() {
                            p { "the first " (grouped(progress.runs.len())) " of " (number(progress.changed, "run")) }
                        }
                    }
                    div class="box" {
                        table class="hov list" {
                            caption class="vh" { "Runs that the command changed or started, with their states now" }
                            thead {
                                tr {
                                    th scope="col" { "Run" }
                                    th scope="col" { "State now" }
                                    th scope="col" { "Rule" }
                                    @if has_earlier { th scope="col" { "Replay of" } }
                                }
                            }
                            tbody {
                                @for changed in &progress.runs {
                                    tr {
                                        th scope="row" { a class="id" href=(link::run(RunId(changed.run.id))) { (changed.run.id) } }
                                        td { (self.state_of(changed)) }
                                        td { a href=(link::rule(&changed.run.rule)) { (short(&changed.run.rule, MAX_NAME)) } }
                                        @if has_earlier { td { @if let Some(of) = changed.of { a class="link" href=(link::run(of)) { "run " (of.0) } } } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The state now; of a deleted run the one just after the command.
    fn state_of(&self, changed: &ChangedRun) -> Markup {
        let now = self.states.get(&changed.run.id);
        match now.map(RunState::as_str) {
            Some(state) => pill(state, state),
            None => pill(&changed.run.state, &changed.run.state),
        }
    }

    fn rejections(&self) -> Markup {
        let progress = &self.progress;
        html! {
            @if !progress.rejections.is_empty() {
                section aria-labelledby="h-rejected" {
                    div class="bar" { h2 id="h-rejected" { "Rejected" } }
                    ul {
                        @for part in &progress.rejections {
                            li {
                                @match (part.run, &part.event) {
                                    (Some(run), _) => a class="link" href=(link::run(run)) { "Run " (run.0) },
                                    (None, Some(event)) => { "Event " code { (short(event, MAX_NAME)) } }
                                    (None, None) => "One of them",
                                }
                                ": " (short(&part.why, MAX_REASON))
                            }
                        }
                    }
                }
            }
        }
    }
}
