//! The page of a backtest, `/backtests/ID`: what a rule would have done over the last 7 days, beside what ran. It is
//! started from the page Try and from the page of a rule, and continues in the background.

pub mod jobs;
mod view;

use std::sync::Arc;

use jiff::SignedDuration;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{CommandAnswer, PageView, day_and_time};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::link;
use super::part::prose::prose;
use super::part::state::pill;
use super::session::{PageUser, Role};
use super::shell::{PagePosition, Section};
use super::text::{short, text};
use super::try_out::edited_rule::EditedRule;
use crate::engine::Rulebook;
use crate::report::backtest::execute::{BacktestScope, StopReason};
use crate::report::error::CommandError;
use crate::report::render::diagnostics::{counted, grouped, number};
use crate::source::admin::AdminApi;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::matching::rule_set::RuleSet;

use jobs::{BacktestJob, JobEnd, JobProgress, JobRequest};

/// The time that is compared.
const DAYS: i64 = 7;
/// New and gone runs that are shown.
const SAMPLES: usize = 10;
/// Characters of a name.
const MAX_NAME: usize = 100;

/// One backtest.
pub struct BacktestPage {
    job: Arc<BacktestJob>,
    progress: JobProgress,
}

/// The rules of a backtest on the page.
struct TriedRules {
    book: Rulebook,
    rule: String,
    is_edited: bool,
}

/// Starts a backtest of the posted rule, or shows the one that is in progress.
pub async fn begin<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<BacktestPage>, PageError> {
    let book = (state.rulebook)();
    let (written, from) = (
        request.lines("rule"),
        request.text("from").map(str::to_owned),
    );
    let compiled = tokio::task::spawn_blocking(move || TriedRules::of(&written, from, &book));
    let compiled = compiled.await.unwrap_or_else(|_| {
        Err(PageError::not_found(
            "the rule could not be compiled; this is a bug, please report it",
        ))
    });
    let TriedRules {
        book,
        rule,
        is_edited,
    } = compiled?;
    state.written().await;
    let job = state.backtests.begin(JobRequest {
        user: request.user.name.clone(),
        scope: BacktestScope {
            since: request.now - SignedDuration::from_hours(24 * DAYS),
            until: request.now,
            now: request.now,
            rules: vec![rule.clone()],
            samples: SAMPLES,
            // The daemon keeps the other cores.
            threads: 1,
        },
        rule,
        is_edited,
    });
    let job = match job {
        Ok(job) => job,
        Err(busy) => return Ok(CommandAnswer::SeeOther(busy.path())),
    };
    let (running, history) = (Arc::clone(&job), state.history.clone());
    std::thread::spawn(move || {
        running.run(&book, || history.open().map_err(CommandError::from));
    });
    tracing::info!(
        user = request.user.name,
        rule = job.rule,
        backtest = job.id,
        "backtest on the page started"
    );
    Ok(CommandAnswer::SeeOther(job.path()))
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<BacktestPage, PageError> {
    let job = find(&state, &request)?;
    Ok(BacktestPage {
        progress: job.progress(),
        job,
    })
}

/// Ends a backtest early. What it has counted so far is shown.
pub async fn cancel<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<BacktestPage>, PageError> {
    let job = find(&state, &request)?;
    job.cancel();
    Ok(CommandAnswer::SeeOther(job.path()))
}

fn find<A: AdminApi>(
    state: &PageState<A>,
    request: &PageRequest,
) -> Result<Arc<BacktestJob>, PageError> {
    let id = request.path_number("id", "backtest")?;
    state.backtests.get(id).ok_or_else(|| {
        let error = PageError::not_found(format!("backtest {id} is not known"));
        error.help("the daemon keeps the last ones until it restarts; start it again from the rule")
    })
}

/// The button that starts a backtest of the rule in force.
pub fn button(rule: &str, user: &PageUser) -> Markup {
    html! {
        @if user.role == Role::Act {
            form method="post" action="/backtests" {
                input type="hidden" name="from" value=(rule);
                button { "Try over the last 7 days" }
            }
        }
    }
}

impl TriedRules {
    /// The rules in force with the edited rule in its place. Without a text, the rule of the name `from`.
    fn of(written: &str, from: Option<String>, book: &Rulebook) -> Result<Self, PageError> {
        if written.trim().is_empty() {
            let name = from.unwrap_or_default();
            if book.rules.rule(&name).is_none() {
                let error = PageError::not_found(format!("no rule in force is called `{name}`"));
                return Err(error.help("the list of rules has those that are in force"));
            }
            return Ok(Self {
                book: with_rules(book, book.rules.clone(), Arc::clone(&book.files)),
                rule: name,
                is_edited: false,
            });
        }
        let edited = EditedRule::compile(written, book);
        let Some(rule) = edited.rule().filter(|_| !edited.diagnostics.has_errors()) else {
            let mistakes = counted(&edited.diagnostics);
            let error = PageError::parameter("rule", format!("the rule has {mistakes}"));
            return Err(error.help("the page Try shows them beside the text"));
        };
        let name = rule.name.clone();
        let own = &edited.book.rules.rules;
        let is_own = |name: &str| own.iter().any(|rule| rule.name == name);
        let others = book.rules.rules.iter().filter(|rule| !is_own(&rule.name));
        let rules = others.chain(own).cloned().collect();
        let files = Arc::clone(&edited.book.files);
        let in_force = edited.in_force.as_ref();
        Ok(Self {
            is_edited: in_force
                .is_none_or(|in_force| in_force.version.document().trim() != written.trim()),
            book: with_rules(
                book,
                RuleSet::new(rules, Arc::clone(&files), &book.config),
                files,
            ),
            rule: name,
        })
    }
}

fn with_rules(book: &Rulebook, rules: RuleSet, files: Arc<Files>) -> Rulebook {
    Rulebook {
        config: book.config.clone(),
        rules,
        files,
        ..Rulebook::default()
    }
}

impl PageView for BacktestPage {
    fn title(&self) -> String {
        let name: String = self.job.rule.chars().take(MAX_NAME).collect();
        format!("Backtest: {name}")
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Rules)
    }

    fn json(&self) -> Value {
        let (job, progress) = (&self.job, &self.progress);
        let (result, error) = match &progress.end {
            None => (None, None),
            Some(JobEnd::Complete(finished)) => (Some(finished.report().json()), None),
            Some(JobEnd::Failed(why)) => (None, Some(why)),
        };
        json!({
            "id": job.id,
            "user": job.user,
            "rule": job.rule,
            "edited": job.is_edited,
            "given": job.given.to_string(),
            "in_progress": progress.end.is_none(),
            "events": progress.events,
            "at": progress.at.map(|at| at.to_string()),
            "error": error,
            "result": result,
        })
    }

    fn html(&self, user: &PageUser) -> Markup {
        let (job, progress) = (&self.job, &self.progress);
        let is_running = progress.end.is_none();
        html! {
            nav class="crumb" aria-label="Breadcrumb" {
                ol { li { a href="/rules" { "Rules" } } li { a href=(link::rule(&job.rule)) { (short(&job.rule, MAX_NAME)) } } }
            }
            div class="head" {
                div {
                    h1 { "Backtest " (self.pill()) }
                    p {
                        @if job.is_edited { "The edited rule " } @else { "The rule " }
                        b { (short(&job.rule, MAX_NAME)) }
                        " over the events of 7 days, compared with what ran; by " (text(&job.user)) " at " (day_and_time(job.given))
                        ". Nothing is sent."
                    }
                }
                div class="row acts" {
                    @if is_running {
                        a class="btn" href=(job.path()) { "Refresh" }
                        @if user.role == Role::Act {
                            form method="post" action={ (job.path()) "/cancel" } { button class="no" { "Cancel" } }
                        }
                    }
                    a class="btn" href=(link::query("/try", &[("rule", &job.rule)])) { "Try" }
                }
            }
            section aria-label="Progress" data-poll[is_running] {
                p class="say" { (self.sentence()) }
            }
            @if let Some(JobEnd::Complete(finished)) = &progress.end { (finished.html()) }
        }
    }
}

impl BacktestPage {
    fn pill(&self) -> Markup {
        match &self.progress.end {
            None => pill("running", "in progress"),
            Some(JobEnd::Failed(_)) => pill("dead", "failed"),
            Some(JobEnd::Complete(finished)) => match finished.result.stopped {
                None => pill("done", "complete"),
                Some(StopReason::Cancelled) => pill("cancelled", "cancelled"),
                Some(StopReason::Limit) => pill("cancelled", "limit reached"),
            },
        }
    }

    fn sentence(&self) -> Markup {
        let progress = &self.progress;
        let events = number(as_size(progress.events), "event");
        html! {
            @match &progress.end {
                None => {
                    b { (events) " read" }
                    @if let Some(at) = progress.at { ", until " (day_and_time(at)) }
                    "."
                }
                Some(JobEnd::Failed(why)) => { (prose(why)) "." }
                Some(JobEnd::Complete(finished)) => {
                    @let coverage = &finished.result.coverage;
                    b { (number(as_size(coverage.evaluated()), "event")) " evaluated" }
                    @for (count, what) in [
                        (coverage.lost, "lost under load"),
                        (coverage.redacted, "redacted"),
                        (coverage.deleted, "whose runs were deleted"),
                        (coverage.unreadable, "unreadable"),
                    ] {
                        @if count > 0 { ", " (grouped(as_size(count))) " " (what) }
                    }
                    "."
                }
            }
        }
    }
}

fn as_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
