//! The page of a run: why it is in its state, every attempt with what was sent and received, and what can be done. Its JSON
//! is that of `flowtrigger runs show`.

mod actions;
mod attempt;
mod bars;
mod facts;
mod failure_view;
mod given;
mod summary;
mod time_scale;
pub mod timeline;
mod timeline_view;
mod wait_end;

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;

use super::PageState;
use super::answer::PageView;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::call::call as call_markup;
use super::part::link;
use super::part::state::run_state;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use super::text::{short, text};
use crate::report::daemon_state::DaemonState;
use crate::report::error::CommandError;
use crate::report::run::detail::StoredRun;
use crate::report::run::next_call::{NextCall, keys_of_failed};
use crate::report::run::shadow_plan;
use crate::source::admin::AdminApi;
use flowtrigger_core::flow::plan::PlanStepKind;
use flowtrigger_core::run::RunId;

pub use attempt::load as load_attempt;

/// One run.
pub struct RunPage {
    run: StoredRun,
    daemon: DaemonState,
    json: Value,
    next: NextCall,
}

/// The daemon as it says itself.
pub async fn daemon_state<A: AdminApi>(state: &PageState<A>) -> DaemonState {
    match state.admin.status().await {
        Ok(status) if status.ready => DaemonState::Ready,
        Ok(status) => {
            let reason = status.reason;
            DaemonState::NotReady(reason.unwrap_or_else(|| "it is stopping".to_owned()))
        }
        Err(_) => DaemonState::Unknown("it does not answer".to_owned()),
    }
}

/// The error for a run that is not stored.
pub fn missing(id: u64) -> PageError {
    PageError::not_found(format!("no run {id} is stored"))
        .help("the page of runs lists the stored ones; old runs are deleted")
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<RunPage, PageError> {
    let id = request.path_number("id", "run")?;
    // Exchanges of the last moment are shown too.
    drop(state.admin.flush().await);
    let daemon = daemon_state(&state).await;
    let (asked, now) = (daemon.clone(), request.now);
    let found = state.history.read(move |history| {
        let read = || -> Result<Option<RunPage>, CommandError> {
            let Some(run) = StoredRun::read(RunId(id), history)? else {
                return Ok(None);
            };
            Ok(Some(RunPage {
                json: run.json(&asked)?,
                next: NextCall::after_retry(&run.detail, now),
                daemon: asked,
                run,
            }))
        };
        Ok::<_, HistoryReadError>(read())
    });
    found.await??.ok_or_else(|| missing(id))
}

impl PageView for RunPage {
    fn title(&self) -> String {
        format!("Run {}", self.run.detail.row.id.0)
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Runs)
    }

    fn json(&self) -> Value {
        self.json.clone()
    }

    fn html(&self, user: &PageUser) -> Markup {
        let run = &self.run;
        let row = &run.detail.row;
        let lines = run.lines();
        let rows = timeline::rows(&run.detail, &lines);
        let keys = keys_of_failed(&run.detail, &self.next);
        html! {
            (crumb(&row.rule))
            div class="head" {
                div {
                    h1 { "Run " (row.id.0) " " (run_state(&row.state)) }
                    p {
                        a href=(link::rule(&row.rule)) { (text(&row.rule)) } " for "
                        a href=(link::event(row.event_row)) { (subject(run)) }
                    }
                }
                (actions::first_actions(run, &self.next, user))
            }
            div class="two" {
                div {
                    (summary::summary(run, &rows, &self.daemon))
                    (timeline_view::timeline(run, &rows))
                    (self.plan())
                    (actions::actions(run, &self.next, user))
                    (facts::results(run))
                    (given::given(run))
                }
                (facts::facts(run, &lines, &keys))
            }
        }
    }
}

impl RunPage {
    /// What a shadow run would have sent.
    fn plan(&self) -> Markup {
        let plan = shadow_plan::with_steps(&self.run.detail, |steps| {
            html! {
                ol {
                    @for step in steps {
                        li {
                            h3 { code { (short(&step.step_path, 100)) } " " span class="mu" { (step.step.action.kind()) } }
                            @if let PlanStepKind::Call(planned, _) = &step.what { (call_markup(planned, None)) }
                        }
                    }
                }
            }
        });
        html! {
            @if let Some(plan) = plan {
                section aria-labelledby="h-plan" {
                    div class="bar" { h2 id="h-plan" { "What it would have sent" } p { "in shadow mode nothing is sent" } }
                    (plan)
                }
            }
        }
    }
}

/// The ticket of a run, or the id of its event.
fn subject(run: &StoredRun) -> Markup {
    let row = &run.detail.row;
    match &row.key {
        Some(key) => html! { "#" (short(key, 60)) },
        None => short(&row.event, 60),
    }
}

/// The way back.
pub fn crumb(rule: &str) -> Markup {
    html! {
        nav class="crumb" aria-label="Breadcrumb" {
            ol {
                li { a href="/runs" { "Runs" } }
                li { a href=(link::query("/runs", &[("rule", rule)])) { (text(rule)) } }
            }
        }
    }
}
