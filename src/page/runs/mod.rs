//! The page of runs: filters in the address, the number of runs of each state, and commands for those that are selected
//! or for all that match. Each run has the JSON of `flowtrigger runs list`.

pub mod query;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::PageView;
use super::live::NewRows;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::reader::HistoryReadError;
use super::run::daemon_state;
use super::session::{PageUser, Role};
use super::shell::{PagePosition, Section};
use super::text::text;
use crate::report::daemon_state::DaemonState;
use crate::report::error::CommandError;
use crate::report::render::diagnostics::grouped;
use crate::report::render::next_step;
use crate::report::run::list::listed_json;
use crate::report::run::successor::Successors;
use crate::source::admin::AdminApi;
use crate::store::History;
use crate::store::history::{Page, RunFilter, RunRow, RunTotals};
use flowtrigger_core::run::{RunId, STATES};
use query::{FormField, RunQuery, describe_count};

pub use table::subject;

const PATH: &str = "/runs";
/// Runs of one page.
const ROWS: usize = 50;
/// The newest runs that are counted.
const MAX_COUNTED: usize = 10_000;
/// New runs that are counted one by one.
const MAX_NEW: usize = 200;
/// Rules that the filter proposes.
const MAX_RULES: usize = 200;

/// One page of runs.
pub struct RunsPage {
    query: RunQuery,
    runs: Vec<RunRow>,
    successors: Successors,
    /// All runs that match, whatever their state.
    totals: RunTotals,
    rules: Vec<String>,
    daemon: DaemonState,
    older: Option<String>,
    newest: Option<String>,
    live: String,
}

/// What is read for a page.
struct ReadRuns {
    runs: Vec<RunRow>,
    successors: Successors,
    totals: RunTotals,
    rules: Vec<String>,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<RunsPage, PageError> {
    let query = RunQuery::read(&request)?;
    let before = request.parse::<u64>("before", "write the id of a run")?;
    let asked = query.filter.clone();
    let read = state
        .history
        .read(move |history| Ok::<_, HistoryReadError>(read(history, &asked, before.map(RunId))));
    let ReadRuns {
        mut runs,
        successors,
        totals,
        rules,
    } = read.await??;
    let more = runs.len() > ROWS;
    runs.truncate(ROWS);
    let last = runs.last().filter(|_| more).map(|run| run.id.0);
    Ok(RunsPage {
        query,
        successors,
        totals,
        rules,
        runs,
        daemon: daemon_state(&state).await,
        older: last.map(|last| request.link_with(PATH, "before", &last.to_string())),
        newest: before.map(|_| request.link_with(PATH, "before", "")),
        live: request.link_with("/live/runs", "before", ""),
    })
}

fn read(
    history: &dyn History,
    filter: &RunFilter,
    before: Option<RunId>,
) -> Result<ReadRuns, CommandError> {
    let page = Page {
        limit: ROWS + 1,
        before,
    };
    let runs = history.runs(filter, page)?;
    let of_every_state = RunFilter {
        states: Vec::new(),
        ..filter.clone()
    };
    let totals = match of_every_state.is_empty() {
        // The store keeps these numbers.
        true => RunTotals {
            by_state: history.counts()?.into_iter().collect(),
            is_capped: false,
        },
        false => history.run_totals(&of_every_state, MAX_COUNTED)?,
    };
    let mut rules = history.rules_with_runs()?;
    rules.truncate(MAX_RULES);
    Ok(ReadRuns {
        successors: Successors::of(history, &runs)?,
        runs,
        totals,
        rules,
    })
}

/// Announces new runs that the filter selects.
pub async fn live<A: AdminApi>(
    State(state): State<Arc<PageState<A>>>,
    request: Request,
) -> Response {
    let asked = match PageRequest::of_query(None, &request) {
        Ok(asked) => RunQuery::read(&asked),
        Err(response) => return *response,
    };
    let filter = match asked {
        Ok(query) => query.filter,
        Err(error) => return (error.status(), error.html()).into_response(),
    };
    let find = move |history: &dyn History, known: Option<u64>| {
        let newest = history.runs(&filter, Page::first(1))?.pop();
        let newest = newest.map_or(0, |run| run.id.0);
        let Some(known) = known.filter(|known| *known < newest) else {
            let newest = known.map_or(newest, |known| known.max(newest));
            return Ok(NewRows { newest, count: 0 });
        };
        let runs = history.runs(&filter, Page::first(MAX_NEW))?;
        let new = runs.iter().filter(|run| run.id.0 > known);
        Ok(NewRows {
            newest,
            count: u64::try_from(new.count()).unwrap_or(u64::MAX),
        })
    };
    let history = state.history.clone();
    state.live.open(history, request.headers(), Arc::new(find))
}

impl RunsPage {
    /// How many runs match, with the states of the filter.
    fn matching(&self) -> u64 {
        let states = &self.query.filter.states;
        let counts = self.totals.by_state.iter();
        let selected = counts.filter(|(state, _)| states.is_empty() || states.contains(state));
        selected.map(|(_, count)| count).sum()
    }

    fn count_of(&self, state: &str) -> u64 {
        self.totals.by_state.get(state).copied().unwrap_or_default()
    }

    /// How many of the matching runs a command takes.
    fn taken(&self, states: &[&str]) -> u64 {
        let asked = &self.query.filter.states;
        let wanted = |state: &&&str| asked.is_empty() || asked.iter().any(|one| one == **state);
        let counts = states.iter().filter(wanted);
        counts.map(|state| self.count_of(state)).sum()
    }
}

impl PageView for RunsPage {
    fn title(&self) -> String {
        "Runs".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Runs)
    }

    fn json(&self) -> Value {
        let obstacle = next_step::obstacle(&self.daemon);
        let runs = self.runs.iter();
        let states: BTreeMap<&str, u64> = STATES
            .into_iter()
            .map(|state| (state, self.count_of(state)))
            .collect();
        json!({
            "runs": runs
                .map(|run| listed_json(run, &self.successors, obstacle))
                .collect::<Vec<_>>(),
            "matching": self.matching(),
            "states": states,
            "counted_all": !self.totals.is_capped,
            "older": self.older,
        })
    }

    fn html(&self, user: &PageUser) -> Markup {
        let matching = describe_count(self.matching(), self.totals.is_capped);
        let verb = if self.matching() == 1 {
            "matches"
        } else {
            "match"
        };
        let obstacle = next_step::obstacle(&self.daemon);
        html! {
            div class="head" {
                div { h1 { "Runs" } }
                div class="row acts" {
                    a class="btn" href="/commands" { "Commands" }
                    button type="button" class="js-only" aria-pressed="false" data-live=(self.live) data-into="new" data-noun="run" { "Live" }
                }
            }
            (self.form())
            a id="new" class="new box" href=(self.newest.as_deref().unwrap_or(PATH)) hidden {}
            @if let Some(obstacle) = obstacle {
                div class="note bad" { p { "Unfinished runs cannot continue now: " (text(obstacle)) } }
            }
            @if self.runs.is_empty() {
                div class="note plain" { p { (self.nothing()) } }
            } @else {
                form method="get" action="/confirm" data-bulk[user.role == Role::Act] aria-label="Runs" {
                    div class="bar" {
                        h2 {
                            (matching)
                            @if !self.query.is_empty() { " " (verb) }
                        }
                        @if !self.query.is_empty() {
                            p { (text(&self.query.describe())) }
                            a class="link push" href=(PATH) { "Clear the filter" }
                        }
                    }
                    (table::table(&self.runs, &self.successors, user))
                    @if user.role == Role::Act { (self.bulk_bar(&matching)) }
                }
                (self.pager(&matching))
            }
        }
    }
}

impl RunsPage {
    fn form(&self) -> Markup {
        let shown = &self.query.shown;
        let is_checked = |state: &str| shown.states.iter().any(|one| one == state);
        let input = |id: &'static str, label: &str, value: &str, hint: &str| {
            html! {
                div {
                    label for=(id) { (label) }
                    input id=(id) name=(id) value=(value) placeholder=(hint);
                }
            }
        };
        html! {
            form class="filter" method="get" action=(PATH) aria-label="Filter runs" {
                fieldset {
                    legend class="lbl" { "State" }
                    div class="states" {
                        @for state in STATES {
                            label {
                                input type="checkbox" name="state" value=(state) checked[is_checked(state)];
                                span class={ "st " (state) } { (state) " " span { (short_count(self.count_of(state))) } }
                            }
                        }
                    }
                }
                div class="fields" {
                    div {
                        label for="rule" { "Rule" }
                        input id="rule" name="rule" value=(shown.rule) list="rules" placeholder="any";
                        datalist id="rules" { @for rule in &self.rules { option value=(rule) {} } }
                    }
                    (input("ticket", "Ticket", &shown.ticket, ""))
                    (input("sent_to", "Sent to", &shown.sent_to, "host or path"))
                    (input("since", "Planned from, in UTC", &shown.since, "-1h"))
                    (input("until", "Until, in UTC", &shown.until, "now"))
                    (input("error", "Error", &shown.error, "answered 503"))
                    div { button class="go" { "Filter" } }
                }
                (hidden(&[
                    FormField::new("event", &shown.event),
                    FormField::new("endpoint", &shown.endpoint),
                    FormField::new("replay", &shown.replay),
                    FormField::new("shadow", &shown.shadow),
                ]))
            }
        }
    }

    /// Whether the filter or the database has nothing.
    fn nothing(&self) -> Markup {
        html! {
            @if self.newest.is_some() && !self.query.is_empty() {
                "No older run matches. " a href=(self.newest.as_deref().unwrap_or(PATH)) { "Show the newest" }
            } @else if !self.query.is_empty() {
                "No run matches: " (text(&self.query.describe())) ". " a href=(PATH) { "Show all runs" }
            } @else {
                "No rule has matched an event yet. " a href="/events" { "The events" }
                " say why not, and " a href="/try" { "Try" } " evaluates an event with a rule."
            }
        }
    }

    fn bulk_bar(&self, matching: &str) -> Markup {
        use crate::report::replay::scope::ReplayRules;
        use crate::report::run::command::RunCommand;
        let taken = |command: RunCommand| self.taken(command.default_states());
        let button = |command: RunCommand, title: &str, class: &str| {
            html! {
                button name="command" value=(command.as_str()) class=(class) { (title) "…" }
            }
        };
        html! {
            div class="bulk" role="group" aria-label="Commands" {
                fieldset class="row" {
                    legend class="vh" { "Which runs" }
                    label {
                        input type="radio" name="scope" value="selected" checked;
                        span { b data-count {} " selected on this page" }
                    }
                    @if !self.query.is_empty() {
                        label {
                            input type="radio" name="scope" value="all";
                            span {
                                "all of " b { (matching) } " that match; retry takes "
                                (grouped_u64(taken(RunCommand::Retry))) ", cancel "
                                (grouped_u64(taken(RunCommand::Cancel)))
                            }
                        }
                    }
                }
                (hidden(&self.query.fields()))
                div class="row push" {
                    (button(RunCommand::Retry, "Retry", ""))
                    (button(RunCommand::Replay(ReplayRules::ItsRule), "Replay", ""))
                    (button(RunCommand::Cancel, "Cancel", "no"))
                }
            }
        }
    }

    fn pager(&self, matching: &str) -> Markup {
        html! {
            nav class="pager" aria-label="Pages" {
                span { (self.runs.len()) " of " (matching) }
                div class="row push" {
                    @if let Some(newest) = &self.newest { a class="btn" href=(newest) { "Newest" } }
                    @if let Some(older) = &self.older { a class="btn" href=(older) rel="next" { "Older" } }
                }
            }
        }
    }
}

/// Fields that a form carries along.
pub fn hidden(fields: &[FormField]) -> Markup {
    html! {
        @for field in fields.iter().filter(|field| !field.value.is_empty()) {
            input type="hidden" name=(field.name) value=(field.value);
        }
    }
}

fn grouped_u64(count: u64) -> String {
    grouped(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A number that fits into a pill.
fn short_count(count: u64) -> String {
    match count {
        0..10_000 => grouped_u64(count),
        10_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests;
