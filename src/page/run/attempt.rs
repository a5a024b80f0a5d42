//! The page of one attempt, with all that is kept of what it sent and received. Its JSON is that of
//! `flowtrigger runs show --attempt`.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;

use super::timeline_view::outcome_pill;
use super::{missing, timeline};
use crate::page::PageState;
use crate::page::answer::{PageView, day_and_time};
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::exchange::{ShownBodies, exchange};
use crate::page::part::link;
use crate::page::reader::HistoryReadError;
use crate::page::session::PageUser;
use crate::page::shell::{PagePosition, Section};
use crate::page::text::text;
use crate::report::error::CommandError;
use crate::report::render::attempts::RunLogLine;
use crate::report::render::exchange::NO_EXCHANGE;
use crate::report::render::run_log_json::line_json;
use crate::report::run::detail::StoredRun;
use crate::source::admin::AdminApi;
use flowtrigger_core::run::RunId;

/// One attempt of a run.
pub struct AttemptPage {
    run: StoredRun,
    number: usize,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<AttemptPage, PageError> {
    let id = request.path_number("id", "run")?;
    let number = request.path_number("number", "attempt")?;
    drop(state.admin.flush().await);
    let found = state.history.read(move |history| {
        let read = || -> Result<_, CommandError> { StoredRun::read(RunId(id), history) };
        Ok::<_, HistoryReadError>(read())
    });
    let run = found.await??.ok_or_else(|| missing(id))?;
    let last = run.lines().iter().filter_map(RunLogLine::number).max();
    let wanted = usize::try_from(number).ok();
    match (
        wanted.filter(|number| (1..=last.unwrap_or(0)).contains(number)),
        last,
    ) {
        (Some(number), _) => Ok(AttemptPage { run, number }),
        (None, Some(last)) => {
            let error = PageError::not_found(format!("run {id} has no attempt {number}"));
            Err(error.help(format!("its attempts are 1 to {last}")))
        }
        (None, None) => Err(PageError::not_found(format!("run {id} has no attempts"))),
    }
}

impl AttemptPage {
    /// Uses the line of the attempt.
    fn with_line<T>(&self, show: impl FnOnce(&RunLogLine<'_>) -> T) -> Option<T> {
        let lines = self.run.lines();
        let mut lines = lines.iter();
        let line = lines.find(|line| line.number() == Some(self.number))?;
        Some(show(line))
    }
}

impl PageView for AttemptPage {
    fn title(&self) -> String {
        format!(
            "Attempt {} of run {}",
            self.number, self.run.detail.row.id.0
        )
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Runs)
    }

    fn json(&self) -> Value {
        let line = self.with_line(line_json).flatten();
        let mut json = line.unwrap_or(Value::Null);
        json["run"] = self.run.detail.row.id.0.into();
        json
    }

    fn html(&self, _: &PageUser) -> Markup {
        let id = self.run.detail.row.id;
        let shown = self.with_line(|line| {
            let outcome = timeline::outcome(line);
            let (step, started) = match line {
                RunLogLine::Attempt { attempt, .. } => (attempt.step.as_str(), Some(attempt.started)),
                RunLogLine::Interrupted { exchange, .. } => {
                    (exchange.step.as_str(), Some(exchange.started))
                }
                RunLogLine::Other(_) => ("", None),
            };
            html! {
                div class="head" {
                    div {
                        h1 { "Attempt " (self.number) " " (outcome_pill(&outcome)) }
                        p {
                            "Step " code { (text(step)) } " of " a href=(link::run(id)) { "run " (id.0) }
                            @if let Some(started) = started { ", at " (day_and_time(started)) }
                            @if let timeline::AttemptOutcome::Failed { message, .. } = outcome { ": " (text(message)) }
                        }
                    }
                }
                section aria-labelledby="h-io" {
                    h2 id="h-io" class="vh" { "What was sent and received" }
                    @match line.exchange() {
                        Some(recorded) => (exchange(recorded, ShownBodies::Whole, None)),
                        None => p { "No exchange: " (NO_EXCHANGE) "." },
                    }
                }
            }
        });
        html! {
            nav class="crumb" aria-label="Breadcrumb" {
                ol { li { a href="/runs" { "Runs" } } li { a href=(link::run(id)) { "Run " (id.0) } } }
            }
            @if let Some(shown) = shown { (shown) }
        }
    }
}
