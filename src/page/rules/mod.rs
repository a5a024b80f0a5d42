//! The page of rules: those in force by name, with their mode, their runs of the last days and their tests.

mod filter;
mod listed_rule;

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{PageView, day_and_time};
use super::icon::Icon;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::diagnostic_list::diagnostic_list;
use super::part::prose::prose;
use super::reader::HistoryReadError;
use super::rule_tests::TestsByRule;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use crate::engine::Rulebook;
use crate::report::render::diagnostics::{counted, number};
use crate::report::render::mode_cap;
use crate::source::admin::{AdminApi, FailedReload};
use crate::store::history::{RevisionInForce, RuleActivity};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::rule::Rule;

use filter::RuleFilter;
use listed_rule::{IdlePeriod, ListedRule};

pub use listed_rule::mode;

const PATH: &str = "/rules";
/// Rules of one page.
const ROWS: usize = 50;
/// Event types among which the filter offers a choice; of more, one is written.
const MAX_CHOICES: usize = 60;
/// How long the page waits for tests that were not run yet.
const TEST_TIME: Duration = Duration::from_millis(100);

/// One page of rules.
pub struct RulesPage {
    filter: RuleFilter,
    types: Vec<String>,
    /// The rules in force.
    total: usize,
    /// Those that the filter takes.
    found: usize,
    rows: Vec<ListedRule>,
    /// The page of the rules after these, if there are any.
    next: Option<String>,
    /// The first page, if this is another one.
    first: Option<String>,
    in_force: Option<RevisionInForce>,
    /// The setting that keeps every rule from acting.
    cap: Option<String>,
    /// Why what is in the files now is not in force.
    failed_reload: Option<FailedReload>,
    idle: IdlePeriod,
    now: Timestamp,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<RulesPage, PageError> {
    let filter = RuleFilter::read(&request)?;
    let (book, now) = ((state.rulebook)(), request.now);
    let read = state.history.read(move |history| {
        let activity = history.activity(now)?;
        let idle = IdlePeriod::read(now, history)?;
        Ok::<_, HistoryReadError>((activity, history.latest_revision()?, idle))
    });
    let (activity, in_force, idle) = read.await?;
    let activity: HashMap<String, RuleActivity> = activity
        .into_iter()
        .map(|activity| (activity.rule.clone(), activity))
        .collect();
    let failed_reload = state.admin.status().await.ok();
    let failed_reload = failed_reload.and_then(|status| status.failed_reload);
    let selected = select(&book, &filter, &activity);
    let rules: Vec<Arc<Rule>> = selected.rules.clone();
    let tests = state.rule_tests.results(rules, &book, TEST_TIME).await?;
    let last = selected.rules.last().filter(|_| selected.has_more);
    let next = last.map(|last| request.link_with(PATH, "after", &last.name));
    let first = (!filter.after.is_empty()).then(|| request.link_with(PATH, "after", ""));
    Ok(RulesPage {
        types: written_types(&book),
        total: book.rules.rules.len(),
        found: selected.found,
        rows: rows(selected.rules, &book, activity, &tests, now),
        next,
        first,
        in_force,
        cap: mode_cap::describe(&book.config.source),
        failed_reload,
        idle,
        now,
        filter,
    })
}

/// The rules of one page, by name.
struct SelectedRules {
    rules: Vec<Arc<Rule>>,
    has_more: bool,
    /// How many the filter takes on all pages.
    found: usize,
}

/// Of many rules, only those of the page are sorted.
fn select(
    book: &Rulebook,
    filter: &RuleFilter,
    activity: &HashMap<String, RuleActivity>,
) -> SelectedRules {
    let runs = |rule: &Rule| activity.get(&rule.name).map_or(0, RuleActivity::total);
    let taken = book.rules.rules.iter();
    let taken: Vec<&Arc<Rule>> = taken
        .filter(|rule| filter.takes(rule, runs(rule)))
        .collect();
    let found = taken.len();
    let later = taken.into_iter().filter(|rule| rule.name > filter.after);
    let mut rules: Vec<&Arc<Rule>> = later.collect();
    let by_name = |a: &&Arc<Rule>, b: &&Arc<Rule>| -> Ordering { a.name.cmp(&b.name) };
    let has_more = rules.len() > ROWS;
    if has_more {
        rules.select_nth_unstable_by(ROWS, by_name);
        rules.truncate(ROWS);
    }
    rules.sort_by(by_name);
    SelectedRules {
        rules: rules.into_iter().cloned().collect(),
        has_more,
        found,
    }
}

fn rows(
    rules: Vec<Arc<Rule>>,
    book: &Rulebook,
    mut activity: HashMap<String, RuleActivity>,
    tests: &TestsByRule,
    now: Timestamp,
) -> Vec<ListedRule> {
    let row = |rule: Arc<Rule>| ListedRule {
        place: book.files.location(rule.at),
        activity: activity
            .remove(&rule.name)
            .unwrap_or_else(|| RuleActivity::none(&rule.name, now)),
        tests: tests.get(&rule.name).cloned(),
        next_tick: rule.every.as_ref().and_then(|every| every.next(now)),
        rule,
    };
    rules.into_iter().map(row).collect()
}

/// The types and families that rules listen to.
fn written_types(book: &Rulebook) -> Vec<String> {
    let (mut names, mut families) = (BTreeSet::new(), BTreeSet::new());
    let patterns = book
        .rules
        .rules
        .iter()
        .flat_map(|rule| rule.event_types.iter());
    for pattern in patterns {
        match pattern {
            TypePattern::Name(name) => names.insert(name.as_str()),
            TypePattern::Family(prefix) => families.insert(prefix.as_str()),
        };
    }
    let families = families.into_iter().map(|prefix| format!("{prefix}*"));
    families
        .chain(names.into_iter().map(str::to_owned))
        .collect()
}

impl PageView for RulesPage {
    fn title(&self) -> String {
        "Rules".into()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Rules)
    }

    fn json(&self) -> Value {
        json!({
            "revision": self.in_force.map(|revision| json!({
                "id": revision.id.0,
                "loaded": revision.at.to_string(),
            })),
            "total": self.total,
            "found": self.found,
            "failed_reload": self.failed_reload,
            "rules": self.rows.iter().map(ListedRule::json).collect::<Vec<_>>(),
            "next": self.next,
        })
    }

    fn html(&self, _: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Rules" }
                    p {
                        @if let Some(in_force) = self.in_force {
                            "Revision " (in_force.id.0) ", " (number(self.total, "rule")) ", loaded " (day_and_time(in_force.at)) ". "
                        }
                        "This page shows the files and never changes them."
                    }
                }
                div class="row acts" { a class="btn" href="/try" { "Try a change" } }
            }
            @if let Some(cap) = &self.cap {
                div class="note plain" role="note" { p { "No rule acts because of " (prose(cap)) "." } }
            }
            @if let Some(failed) = &self.failed_reload { (self.not_in_force(failed)) }
            (self.form())
            @if self.rows.is_empty() { p class="box pad" role="status" { (self.nothing()) } } @else { (self.table()) }
            (self.pager())
        }
    }
}

impl RulesPage {
    /// What the last reload found.
    fn not_in_force(&self, failed: &FailedReload) -> Markup {
        html! {
            div class="note" role="status" {
                (Icon::Problems.render())
                p {
                    b {
                        "The files have "
                        @match failed.diagnostics.is_empty() {
                            true => (prose(&failed.reason)),
                            false => (counted(&failed.diagnostics)),
                        }
                        " since " (day_and_time(failed.at)) "."
                    }
                    " The rules of this list stay in force."
                }
                @if !failed.diagnostics.is_empty() {
                    details {
                        summary { "Show the mistakes" }
                        (diagnostic_list(&failed.files, &failed.diagnostics))
                    }
                }
            }
        }
    }

    fn form(&self) -> Markup {
        let RuleFilter {
            text: words,
            event_type,
            mode,
            is_idle,
            ..
        } = &self.filter;
        html! {
            form class="filter row" method="get" action=(PATH) aria-label="Filter rules" {
                label class="vh" for="rq" { "Name or text" }
                input id="rq" name="q" value=(words) placeholder="Name or text";
                label class="vh" for="rt" { "Event type" }
                (self.type_choice(event_type))
                label class="vh" for="rm" { "Mode" }
                select id="rm" name="mode" {
                    option value="" { "every mode" }
                    @for known in [Mode::Live, Mode::Shadow, Mode::Disabled] {
                        option value=(known.as_str()) selected[*mode == Some(known)] { (known.as_str()) }
                    }
                }
                label class="row" { input type="checkbox" name="idle" value="1" checked[*is_idle]; "no match in 7 days" }
                button { "Filter" }
                @if !self.filter.is_empty() { a class="link" href=(PATH) { "Clear" } }
                span class="push mu" { (number(self.found, "rule")) ", last 7 days in UTC" }
            }
        }
    }

    fn type_choice(&self, written: &str) -> Markup {
        let is_known = self.types.iter().any(|known| known == written);
        html! {
            @if self.types.len() > MAX_CHOICES {
                input id="rt" name="type" value=(written) placeholder="every type";
            } @else {
                select id="rt" name="type" {
                    option value="" { "every type" }
                    @if !written.is_empty() && !is_known { option selected { (written) } }
                    @for known in &self.types { option selected[known == written] { (known) } }
                }
            }
        }
    }

    fn nothing(&self) -> Markup {
        html! {
            @if self.filter.is_empty() {
                "There are no rules. Write one into a file of the rules folder; "
                code { "flowtrigger check" } " reports its mistakes."
            } @else {
                "No rule fits this filter. " a href=(PATH) { "Show all" }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            div class="box" {
                table class="hov list" {
                    caption class="vh" { "Rules in force, with the last seven days" }
                    thead {
                        tr {
                            th scope="col" { "Rule" }
                            th scope="col" class="wide" { "Listens to" }
                            th scope="col" { "Mode" }
                            th scope="col" { "7 days" }
                            th scope="col" class="r" { "Runs" }
                            th scope="col" class="r" { "Dead or held" }
                            th scope="col" { "Last run" }
                            th scope="col" { "Tests" }
                        }
                    }
                    tbody { @for row in &self.rows { (row.html(self.cap.as_deref(), self.idle, self.now)) } }
                }
            }
        }
    }

    fn pager(&self) -> Markup {
        html! {
            @if self.first.is_some() || self.next.is_some() {
                nav class="pager" aria-label="Pages" {
                    div class="row push" {
                        @if let Some(first) = &self.first { a class="btn" href=(first) { "First" } }
                        @if let Some(next) = &self.next { a class="btn" href=(next) rel="next" { "Next" } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
