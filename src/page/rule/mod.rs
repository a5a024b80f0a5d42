//! The page of a rule: whether it is in force, its text, what it did, what nearly matched, and its tests. The same data
//! as `flowtrigger why RULE`.

mod aside;
mod near_misses;
mod shadow_comparison;
pub mod source_text;
mod tested;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{PageView, day_and_time};
use super::backtest;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::link;
use super::part::prose::prose;
use super::part::state::run_state;
use super::part::suspended;
use super::reader::HistoryReadError;
use super::rules::mode;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use super::text::{short, text};
use crate::report::daemon_state::ArchiveState;
use crate::report::deliveries::row::grouped;
use crate::report::error::CommandError;
use crate::report::render::diagnostics;
use crate::report::rule_test::of_rules::RuleTests;
use crate::report::why::rule::facts::{LoadedRule, RuleHistory, nearest};
use crate::report::why::rule::report;
use crate::report::why::rule::report::describe_loaded;
use crate::source::admin::AdminApi;
use crate::store::history::{PastRevision, RuleActivity};
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::suspension::SuspensionTarget;

use source_text::SourceText;

/// How long the page waits for the tests of the rule.
const TEST_TIME: Duration = Duration::from_secs(2);
/// Characters of a description.
const MAX_DESCRIPTION: usize = 1_000;
/// The states of runs that a person must look at.
const FAILED: [&str; 2] = ["dead", "held"];

/// What is known of one rule.
pub struct RulePage {
    found: RuleHistory,
    activity: RuleActivity,
    archive: ArchiveState,
    source: Option<SourceText>,
    /// The revision that was asked for, if there was one.
    asked: Option<RevisionId>,
    /// `None` if the daemon has not loaded the rule.
    tests: Option<Arc<RuleTests>>,
}

/// What the history has of a rule.
struct StoredRule {
    found: RuleHistory,
    activity: RuleActivity,
    source: Option<SourceText>,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<RulePage, PageError> {
    let name = request.path("name").to_owned();
    let revision: Option<u64> = request.parse("revision", "write the number of a revision")?;
    let archive = state.written().await;
    let (book, now) = ((state.rulebook)(), request.now);
    let asked = name.clone();
    let read = state.history.read(move |history| {
        Ok::<_, HistoryReadError>(read(&asked, revision.map(RevisionId), now, history))
    });
    let Some(stored) = read.await?? else {
        let asked = name.clone();
        let near = state
            .history
            .read(move |history| Ok::<_, HistoryReadError>(nearest(&asked, history)));
        let near = near.await??.into_iter().next();
        let error = PageError::not_found(format!("no rule called `{name}` is loaded or has a run"));
        return Err(match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("the list of rules has those that are in force"),
        });
    };
    let tests = match book.rules.rule(&name) {
        Some(rule) => {
            let rules = vec![Arc::clone(rule)];
            let mut results = state.rule_tests.results(rules, &book, TEST_TIME).await?;
            results.remove(&name)
        }
        None => None,
    };
    let StoredRule {
        found,
        activity,
        source,
    } = stored;
    Ok(RulePage {
        found,
        activity,
        archive,
        source,
        asked: revision.map(RevisionId),
        tests,
    })
}

/// Returns `None` if no rule of this name is loaded or has a run.
fn read(
    name: &str,
    revision: Option<RevisionId>,
    now: Timestamp,
    history: &dyn History,
) -> Result<Option<StoredRule>, CommandError> {
    let Some(found) = RuleHistory::read(name, now, history)? else {
        return Ok(None);
    };
    let in_force = found.in_force.map(|revision| revision.id);
    let source = match (
        &found.loaded,
        revision.filter(|asked| Some(*asked) != in_force),
    ) {
        (_, Some(asked)) => earlier(name, asked, history)?,
        (LoadedRule::Loaded { rule, .. }, None) => Some(SourceText::of(rule)),
        (LoadedRule::Unclear(_) | LoadedRule::NotLoaded, None) => None,
    };
    Ok(Some(StoredRule {
        activity: history.activity_of(name, now)?,
        found,
        source,
    }))
}

/// The text of a rule in an earlier revision.
fn earlier(
    name: &str,
    revision: RevisionId,
    history: &dyn History,
) -> Result<Option<SourceText>, CommandError> {
    let Some(texts) = history.revision_texts(revision)? else {
        let error = format!("the revision {} is not stored", revision.0);
        return Err(CommandError::nothing(error));
    };
    let past = PastRevision::compile_rule(texts, name);
    let rule = past.rules.rule(name);
    Ok(rule.map(|rule| SourceText::of_revision(rule, revision)))
}

impl RulePage {
    fn rule(&self) -> Option<&Rule> {
        self.found.rule()
    }

    /// The runs of the last days in some states.
    fn runs_in(&self, states: &[&str]) -> u64 {
        let days = self.activity.days.iter();
        days.flat_map(|day| states.iter().filter_map(|state| day.runs.get(*state)))
            .sum()
    }

    fn head(&self, user: &PageUser) -> Markup {
        let target = SuspensionTarget::Rule(self.found.name.clone());
        let suspended = self.found.suspended.iter();
        let own = suspended.clone().find(|found| found.target == target);
        let is_paused = own.is_some_and(|found| found.suspension.pause.is_some());
        let name = self.found.name.as_str();
        html! {
            nav class="crumb" aria-label="Breadcrumb" {
                ol { li { a href="/rules" { "Rules" } } li { a href=(link::rule(name)) aria-current="page" { (text(name)) } } }
            }
            div class="head" {
                div {
                    h1 {
                        (text(name)) " "
                        @if let Some(rule) = self.rule() { (mode(rule.mode, None)) }
                    }
                    @if let Some(description) = self.rule().and_then(Rule::description) {
                        p { (short(&description, MAX_DESCRIPTION)) }
                    }
                }
                div class="row acts" {
                    a class="btn" href=(link::query("/events", &[("rule", name)])) { "Events" }
                    a class="btn" href=(link::query("/runs", &[("rule", name)])) { "Runs" }
                    @if self.rule().is_some() && !is_paused { (suspended::command(&target, own, user)) }
                    @if self.rule().is_some() {
                        (backtest::button(name, user))
                        a class="btn go" href=(link::query("/try", &[("rule", name)])) { "Try a change" }
                    }
                }
            }
            @for found in suspended {
                (suspended::note(found, &suspended::command(&found.target, Some(found), user), None))
            }
            @if self.rule().is_none_or(|rule| rule.mode != Mode::Live) {
                div class="note plain" role="note" { p { (prose(&describe_loaded(&self.found))) } }
            }
            @if let Some(note) = self.archive.note() {
                div class="note plain" role="note" { p { (prose(&note)) } }
            }
        }
    }

    fn facts(&self) -> Markup {
        let name = self.found.name.as_str();
        let today = self.activity.days.last().map_or(0, |day| day.total());
        let failed = self.runs_in(&FAILED);
        let last_day = self.found.last_day.iter().map(|(_, runs)| runs).sum();
        let count = |count: usize| diagnostics::grouped(count);
        html! {
            dl class="facts" {
                @if let Some(sample) = &self.found.events {
                    div {
                        dt { "Events, 24 hours" }
                        dd { (count(sample.listened)) small { "of its types" } }
                    }
                    div {
                        dt { "Would match" }
                        dd { (count(sample.matched)) small { "of " (count(sample.judged)) ", by the rule as it is now" } }
                    }
                    div {
                        dt { "Runs, 24 hours" }
                        dd { (grouped(last_day)) small { "of matches, by the rule as it was then" } }
                    }
                    div {
                        dt { "Nearly" }
                        dd {
                            (count(sample.missed_by_one))
                            @if let Some(group) = sample.near_misses.first() {
                                small { (count(group.events)) " because of " span class="m" { (short(&group.predicate.path, 60)) } }
                            }
                        }
                    }
                }
                div {
                    dt { "Runs, 7 days" }
                    dd { (grouped(self.activity.total())) small { (grouped(today)) " today" } }
                }
                div {
                    dt { "Dead or held" }
                    dd {
                        @match failed {
                            0 => { "0" small { "of these runs" } },
                            failed => {
                                a class="red" href=(link::query("/runs", &[("rule", name), ("state", "dead"), ("state", "held")])) { (grouped(failed)) }
                                small { "of these runs" }
                            },
                        }
                    }
                }
                div {
                    dt { "Last match" }
                    dd {
                        @match &self.found.last_match {
                            Some(last) => {
                                (day_and_time(last.run.row.planned))
                                small { a class="link" href=(link::run(last.run.row.id)) { "run " (last.run.row.id.0) } " " (run_state(&last.run.row.state)) }
                            },
                            None => { "none" small { "no run of it is stored" } },
                        }
                    }
                }
            }
        }
    }
}

impl PageView for RulePage {
    fn title(&self) -> String {
        self.found.name.clone()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Rules)
    }

    fn json(&self) -> Value {
        let mut answer = report::json(&self.found);
        answer["archive_behind"] = json!(self.archive.behind());
        answer["description"] = json!(self.rule().and_then(Rule::description));
        answer["text"] = json!(self.source.as_ref().map(SourceText::json));
        let days = self.activity.days.iter();
        let days = days.map(|day| json!({"start": day.start.to_string(), "runs": day.runs}));
        answer["days"] = days.collect();
        let tests = self.tests.as_ref().map(|tests| tests.json());
        answer["tested"] = tests.unwrap_or_default();
        answer
    }

    fn html(&self, user: &PageUser) -> Markup {
        html! {
            (self.head(user))
            (self.facts())
            div class="two" {
                div {
                    @match (&self.source, self.asked) {
                        (Some(source), _) => (source.html(&self.found, self.tests.as_deref())),
                        (None, Some(revision)) => p class="box pad" { "No rule of this name is in revision " (revision.0) "." },
                        (None, None) => {},
                    }
                    @if let Some(comparison) = &self.found.comparison { (shadow_comparison::section(comparison)) }
                    (near_misses::section(&self.found))
                    @if let Some(rule) = self.rule() { (tested::section(rule, self.tests.as_deref())) }
                }
                (aside::aside(self))
            }
        }
    }
}
