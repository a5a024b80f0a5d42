//! The page of problems: dead and held runs, grouped by equal cause and receiver, with the commands for each group.

mod json;

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, html};
use serde_json::Value;

use super::PageState;
use super::answer::{PageView, day_and_time};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::problem;
use super::part::prose::prose;
use super::reader::HistoryReadError;
use super::runs::subject;
use super::session::{PageUser, Role};
use super::shell::{PagePosition, Section};
use super::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::problems::{MAX_FAILED_RUNS, Problem, Problems};
use crate::source::admin::AdminApi;
use crate::store::history::{FailedState, Page, RunFilter, RunRow};
use flowtrigger_core::run::RunId;

pub use json::problems_json;

pub const PATH: &str = "/problems";
/// Groups of one page. Causes without an end would make a page without an end.
const MAX_GROUPS: usize = 50;
/// Characters of an error that are shown.
const EXAMPLE_CHARS: usize = 600;

/// Groups of dead and held runs.
pub struct ProblemsPage {
    state: Option<FailedState>,
    rule: Option<String>,
    problems: Problems,
    /// Groups that are not shown.
    more: usize,
    /// The rules of all problems, for the filter.
    rules: Vec<String>,
    /// The newest runs of the groups.
    newest: HashMap<RunId, RunRow>,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<ProblemsPage, PageError> {
    let wanted = state_of(&request)?;
    let rule = request.text("rule").map(str::to_owned);
    let (now, of_rule) = (request.now, rule.clone());
    let read = state.history.read(move |history| {
        let mut failed = history.failed_runs(MAX_FAILED_RUNS)?;
        let mut rules: Vec<String> = failed.runs.iter().map(|run| run.rule.clone()).collect();
        rules.sort_unstable();
        rules.dedup();
        failed.runs.retain(|run| {
            wanted.is_none_or(|state| run.state == state)
                && of_rule.as_ref().is_none_or(|rule| run.rule == *rule)
        });
        let mut problems = Problems::of(&failed, now);
        let more = problems.groups.len().saturating_sub(MAX_GROUPS);
        problems.groups.truncate(MAX_GROUPS);
        let groups = problems.groups.iter();
        let ids: Vec<RunId> = groups.flat_map(|group| group.newest.clone()).collect();
        let newest = match ids.len() {
            0 => Vec::new(),
            count => {
                let filter = RunFilter {
                    ids,
                    ..RunFilter::default()
                };
                history.runs(&filter, Page::first(count))?
            }
        };
        Ok::<_, HistoryReadError>(ProblemsPage {
            state: wanted,
            rule: of_rule,
            problems,
            more,
            rules,
            newest: newest.into_iter().map(|run| (run.id, run)).collect(),
        })
    });
    Ok(read.await?)
}

fn state_of(request: &PageRequest) -> Result<Option<FailedState>, PageError> {
    let Some(name) = request.text("state") else {
        return Ok(None);
    };
    let mut states = FailedState::ALL.into_iter();
    match states.find(|state| state.as_str() == name) {
        Some(state) => Ok(Some(state)),
        None => Err(
            PageError::parameter("state", format!("`{name}` is not a state of problems"))
                .help("write dead or held"),
        ),
    }
}

impl PageView for ProblemsPage {
    fn title(&self) -> String {
        "Problems".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Problems)
    }

    fn json(&self) -> Value {
        problems_json(&self.problems)
    }

    fn html(&self, user: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Problems" }
                    p { "Runs that need a person, grouped by equal cause and receiver. Held runs stay until a command; dead ones are deleted with " code { "retention" } "." }
                    p { "Retry continues a run at the step that failed. Replay runs its event again from the start, with the rules as they are now." }
                }
            }
            (self.form())
            @if self.problems.groups.is_empty() {
                div class="note plain" { p { (self.nothing()) } }
            } @else {
                (self.summary())
                @for (at, group) in self.problems.groups.iter().enumerate() { (self.group(at, group, user)) }
                @if self.more > 0 {
                    p class="more mu" { (grouped(self.more as u64)) " more causes are not shown. Filter by rule to see them." }
                }
            }
        }
    }
}

impl ProblemsPage {
    fn form(&self) -> Markup {
        let state = self.state.map(FailedState::as_str);
        let rule = self.rule.as_ref();
        let other = rule.filter(|rule| !self.rules.contains(rule));
        html! {
            form class="filter" method="get" action=(PATH) aria-label="Filter problems" {
                div class="fields" {
                    div {
                        label for="state" { "State" }
                        select id="state" name="state" {
                            option value="" { "dead and held" }
                            @for known in FailedState::ALL.map(FailedState::as_str) {
                                option value=(known) selected[state == Some(known)] { (known) }
                            }
                        }
                    }
                    div {
                        label for="rule" { "Rule" }
                        select id="rule" name="rule" {
                            option value="" { "any rule" }
                            @for known in self.rules.iter().chain(other) {
                                option value=(known) selected[rule == Some(known)] { (known) }
                            }
                        }
                    }
                    div class="row" {
                        button class="go" { "Filter" }
                        @if self.is_filtered() { a class="btn" href=(PATH) { "Clear" } }
                    }
                }
            }
        }
    }

    fn is_filtered(&self) -> bool {
        self.state.is_some() || self.rule.is_some()
    }

    /// Whether there is no problem, or none for the filter.
    fn nothing(&self) -> Markup {
        match self.is_filtered() {
            true => html! { "No dead or held run fits this filter. " a href=(PATH) { "Show all" } },
            false => html! { "No run is dead or held: nothing needs a person." },
        }
    }

    fn summary(&self) -> Markup {
        let causes = self.problems.groups.len() + self.more;
        html! {
            div class="bar" {
                h2 { "Dead and held" }
                p {
                    (grouped(self.problems.count())) " runs, " (grouped(causes as u64)) @if causes == 1 { " cause" } @else { " causes" }
                    @if self.problems.is_cut { "; only the newest " (grouped(MAX_FAILED_RUNS as u64)) " runs are looked at" }
                }
                @if self.is_filtered() { a class="link push" href=(PATH) { "Show all" } }
            }
        }
    }

    fn group(&self, at: usize, group: &Problem, user: &PageUser) -> Markup {
        let id = format!("p{at}");
        html! {
            article class="box rule" aria-labelledby=(id) {
                header {
                    (problem::count(group))
                    h3 id=(id) { (problem::sentence(group)) }
                    span class="push" { (problem::chart(group)) }
                    p class="xs" { (problem::body(group)) }
                    p {
                        (problem::rules(group))
                        @if let Some(step) = &group.step { " · step " code { (text(step)) } }
                        " · " (problem::times(group))
                        @if group.is_final { " · " (problem::advice(group)) }
                    }
                }
                details class="rest" {
                    summary { "Newest " (group.newest.len()) " of " (grouped(group.count)) @if group.count == 1 { " run" } @else { " runs" } }
                    (self.newest(group))
                    p class="why" { span class="mu" { "Error of the newest run: " } (self.example(group)) }
                }
                (commands(group, user))
            }
        }
    }

    fn example(&self, group: &Problem) -> Markup {
        let error = problem::without_command_line(&group.example);
        html! {
            @match error.chars().count() > EXAMPLE_CHARS {
                true => (short(error, EXAMPLE_CHARS)),
                false => (prose(error)),
            }
        }
    }

    fn newest(&self, group: &Problem) -> Markup {
        let rows = group.newest.iter().filter_map(|id| self.newest.get(id));
        html! {
            table class="hov list" {
                caption class="vh" { "The newest runs of this group" }
                thead {
                    tr {
                        th scope="col" { "Run" }
                        th scope="col" { "Rule" }
                        th scope="col" { "Ticket" }
                        th scope="col" { "Since" }
                        th scope="col" class="r" { "Attempts" }
                    }
                }
                tbody {
                    @for run in rows {
                        tr {
                            th scope="row" { a class="id" href={ "/runs/" (run.id.0) } { (run.id.0) } }
                            td { (text(&run.rule)) }
                            td {
                                a href={ "/events/" (run.event_row.0) } { (subject(run)) }
                            }
                            td data-l="since" { (day_and_time(run.changed)) }
                            td class="r" data-l="attempts" { (grouped(run.attempts)) }
                        }
                    }
                }
            }
        }
    }
}

/// What can be done for a whole group. Each link leads to a page that asks first.
fn commands(group: &Problem, user: &PageUser) -> Markup {
    let all = match group.count {
        1 => String::new(),
        count => format!(" all {}", grouped(count)),
    };
    let link = |command: &str, class: &str, label: String| {
        html! { a class=(class) href=(problem::command_path(group, command)) data-ask { (label) "…" } }
    };
    html! {
        div class="acts row" {
            @match user.role {
                Role::Act => {
                    @match group.is_final {
                        true => {
                            (link("replay", "btn", format!("Replay{all}")))
                            (link("retry", "btn", format!("Retry{all} anyway")))
                        }
                        false => {
                            (link("retry", "btn", format!("Retry{all}")))
                            (link("replay", "btn", format!("Replay{all}")))
                        }
                    }
                    @match group.state {
                        FailedState::Held => (link("cancel", "btn no", format!("Cancel{all}"))),
                        FailedState::Dead => {}
                    }
                }
                Role::Read => {}
            }
            a class="link push" href=(problem::runs_path(group)) {
                @if group.count == 1 { "Look at it in Runs" } @else { "Look at all " (grouped(group.count)) " in Runs" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::problem::tests::problem;
    use super::super::session::SignIn;
    use super::*;

    fn page(groups: Vec<Problem>) -> ProblemsPage {
        ProblemsPage {
            state: None,
            rule: None,
            problems: Problems {
                groups,
                is_cut: true,
            },
            more: 0,
            rules: vec!["vip-urgent".into()],
            newest: HashMap::new(),
        }
    }

    fn html(page: &ProblemsPage, role: Role) -> String {
        let user = PageUser {
            name: "ada".into(),
            role,
            sign_in: SignIn::Session,
        };
        page.html(&user).into_string()
    }

    #[test]
    fn a_group_offers_its_commands_to_those_who_may_act() {
        let page = page(vec![
            problem(FailedState::Dead, "answered 503"),
            problem(
                FailedState::Held,
                "was under way; check that, then use `flowtrigger runs retry` to run it",
            ),
            Problem {
                is_final: true,
                ..problem(FailedState::Dead, "the order is odd")
            },
        ]);
        let acting = html(&page, Role::Act);
        for part in [
            "3,114 runs, 3 causes; only the newest 10,000 runs",
            "Retry all 1,038…",
            "href=\"/confirm?command=replay&amp;scope=all&amp;state=dead&amp;error=answered+503",
            "Look at all 1,038 in Runs",
            "Error of the newest run: </span><bdi>was under way</bdi></p>",
            "Retry all 1,038 anyway…",
            " · final: correct the rule, then replay</p>",
        ] {
            assert!(acting.contains(part), "{part}: {acting}");
        }
        assert_eq!(
            acting.matches("Cancel all").count(),
            1,
            "a dead run is over"
        );
        assert!(!html(&page, Role::Read).contains("/confirm"));
        let json = page.json();
        assert_eq!(json["problems"][0]["count"], 1_038);
        assert_eq!(json["runs"], 3_114);
    }

    #[test]
    fn no_problem_and_no_match_are_told_apart() {
        let mut page = page(Vec::new());
        assert!(html(&page, Role::Act).contains("nothing needs a person"));
        page.rule = Some("gone".into());
        let shown = html(&page, Role::Act);
        assert!(shown.contains("fits this filter"), "{shown}");
        assert!(
            shown.contains("<option value=\"gone\" selected>"),
            "{shown}"
        );
    }
}
