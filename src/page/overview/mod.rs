//! The overview: is the daemon well, what needs a person, what happened in the last hours. Before the first event it
//! shows how to send one.

mod certificate_note;
mod chart_range;
mod charts;
mod daemons;
mod data;
mod facts;
mod first_start;
mod receivers;
mod reload_note;

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::PageView;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::prose::prose;
use super::part::{problem, suspended};
use super::problems::problems_json;
use super::session::{PageUser, Role};
use super::shell::{PagePosition, Section};
use crate::engine::Rulebook;
use crate::report::deliveries::row::grouped;
use crate::report::problems::Problem;
use crate::report::suspended::describe_briefly;
use crate::report::time_argument::seconds;
use crate::source::admin::AdminApi;
use crate::store::history::{FailedState, SuspendedTarget};
use chart_range::ChartRange;
use data::OverviewData;
use flowtrigger_core::suspension::SuspensionTarget;
use receivers::receiver_json;

pub use data::OverviewCache;

pub const PATH: &str = "/";
/// Problems that are shown; the others are one click away.
const MAX_PROBLEMS: usize = 5;
/// Seconds between two refreshes by the script.
const REFRESH: &str = "10";

/// The overview of one moment.
pub struct OverviewPage {
    range: ChartRange,
    data: Arc<OverviewData>,
    rulebook: Arc<Rulebook>,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<OverviewPage, PageError> {
    let range = request.parse("range", "write 1h, 6h, 24h or 7d")?;
    let range = range.unwrap_or_default();
    Ok(OverviewPage {
        range,
        data: state.overview_data(range).await?,
        rulebook: (state.rulebook)(),
    })
}

impl PageView for OverviewPage {
    fn title(&self) -> String {
        match self.data.is_first_start() {
            true => "No event yet".to_owned(),
            false => "Overview".to_owned(),
        }
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Overview)
    }

    fn json(&self) -> Value {
        let data = &self.data;
        json!({
            "at": seconds(data.at),
            "status": data.status,
            "last_event": data.last_event.as_ref().map(|event| json!({
                "row": event.row.0,
                "source": event.source,
                "type": event.event_type,
                "received": seconds(event.received),
            })),
            "events_in_the_last_minute": data.last_minute,
            "needs_attention": problems_json(&data.problems),
            "range": self.range.value(),
            "columns": data.columns,
            "suspended": data.suspended.iter().map(SuspendedTarget::json).collect::<Vec<_>>(),
            "receivers": data.receivers.iter().map(receiver_json).collect::<Vec<_>>(),
            "daemons": data.daemons.json(),
        })
    }

    fn html(&self, user: &PageUser) -> Markup {
        match self.data.is_first_start() {
            true => first_start::page(&self.data, &self.rulebook),
            false => self.overview(user),
        }
    }
}

impl OverviewPage {
    fn overview(&self, user: &PageUser) -> Markup {
        html! {
            div class="head" {
                div { h1 { "Overview" } }
                div class="row acts" { (self.pause_everything(user)) (self.ranges()) (refresh()) }
            }
            (self.ask())
            (reload_note::note(&self.data.status))
            (certificate_note::notes(&self.data.status.certificates, self.data.at))
            (self.suspended(user))
            (first_start::continued(&self.data))
            (facts::section(&self.data, &self.rulebook.config))
            (daemons::section(&self.data))
            (self.attention(user))
            (charts::section(&self.data.columns, self.range))
            (receivers::section(&self.data, &self.rulebook.config, user))
        }
    }

    /// A pause of everything is resumed where its note is.
    fn pause_everything(&self, user: &PageUser) -> Markup {
        let everything = SuspensionTarget::Everything;
        let found = self.data.suspended_at(&everything);
        let is_paused = found.is_some_and(|found| found.suspension.pause.is_some());
        html! {
            @if user.role == Role::Act && !is_paused {
                a class="btn" href=(suspended::pause_path(&everything)) data-ask { "Pause everything…" }
            }
        }
    }

    /// What is paused or down.
    fn suspended(&self, user: &PageUser) -> Markup {
        html! {
            div id="suspended" data-fresh {
                @for found in &self.data.suspended {
                    (suspended::note(found, &suspended::command(&found.target, Some(found), user), Some(&self.rulebook.config)))
                }
            }
        }
    }

    fn ranges(&self) -> Markup {
        html! {
            div class="seg" role="group" aria-label="Time of the charts" {
                @for range in ChartRange::ALL {
                    a href={ "/?range=" (range.value()) } aria-current=[(range == self.range).then_some("true")] { (range.name()) }
                }
            }
        }
    }

    /// The question that the page is for.
    fn ask(&self) -> Markup {
        let rules = self.rulebook.rules.rules.iter().map(|rule| &rule.name);
        html! {
            form class="ask" action="/find" method="get" {
                h2 { "Why did nothing happen?" }
                p { "Name a ticket or an event. You see every rule that listened, each predicate with the value it saw, each gate, and what the runs came to." }
                div class="fields" {
                    div {
                        label for="ask-q" { "Ticket or event id" }
                        input id="ask-q" name="q" required autocomplete="off";
                    }
                    div {
                        label for="ask-at" { "Around, in UTC" }
                        input id="ask-at" name="at" placeholder="-2h or 2026-01-07T09:02" autocomplete="off";
                    }
                    div {
                        label for="ask-rule" { "Rule" }
                        input id="ask-rule" name="rule" list="ask-rules" placeholder="any rule" autocomplete="off";
                        datalist id="ask-rules" { @for rule in rules.take(MAX_RULES) { option value=(rule) {} } }
                    }
                    button class="go" { "Explain" }
                }
            }
        }
    }

    fn attention(&self, user: &PageUser) -> Markup {
        let problems = &self.data.problems;
        let causes = problems.groups.len();
        let stopped: Vec<String> = self
            .data
            .suspended
            .iter()
            .filter_map(describe_briefly)
            .collect();
        html! {
            section id="attention" data-fresh aria-labelledby="h-attention" {
                div class="bar" {
                    h2 id="h-attention" { "Needs attention" }
                    @if causes == 0 && stopped.is_empty() {
                        p { "nothing: no run is dead or held, and nothing is paused or down" }
                    } @else if causes == 0 {
                        p { "no run is dead or held" }
                    } @else {
                        p {
                            (grouped(problems.count())) @if problems.is_cut { "+" } @if problems.count() == 1 { " run, " } @else { " runs, " }
                            (grouped(causes as u64)) @if causes == 1 { " cause" } @else { " causes" }
                        }
                        a class="link push" href=(super::problems::PATH) { "All problems" }
                    }
                }
                @if !stopped.is_empty() {
                    ul {
                        @for sentence in stopped.iter().take(MAX_PROBLEMS) {
                            li { (prose(sentence)) ", see " a class="link" href="#suspended" { "above" } }
                        }
                        @if let Some(more) = stopped.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
                            li { "and " (grouped(more as u64)) " more" }
                        }
                    }
                }
                @if causes > 0 {
                    ol class="box attn" {
                        @for group in problems.groups.iter().take(MAX_PROBLEMS) { (attention_item(group, user)) }
                    }
                }
            }
        }
    }
}

/// Rules that the question offers; a longer list helps nobody.
const MAX_RULES: usize = 1_000;

fn attention_item(group: &Problem, user: &PageUser) -> Markup {
    html! {
        li {
            (problem::count(group))
            div {
                p { a href=(problem::runs_path(group)) { (problem::sentence(group)) } }
                small {
                    (problem::rules(group)) " · " (problem::times(group))
                    @if group.is_final { " · " (problem::advice(group)) }
                }
            }
            (problem::chart(group))
            (attention_link(group, user))
        }
    }
}

/// A held run was perhaps executed already: somebody must look first.
fn attention_link(group: &Problem, user: &PageUser) -> Markup {
    let (command, label) = match group.is_final {
        true => ("replay", "Replay "),
        false => ("retry", "Retry "),
    };
    match (group.state, user.role) {
        (FailedState::Dead, Role::Act) => html! {
            a class="btn" href=(problem::command_path(group, command)) data-ask { (label) (grouped(group.count)) "…" }
        },
        (FailedState::Dead, Role::Read) | (FailedState::Held, Role::Act | Role::Read) => html! {
            a class="btn" href=(problem::runs_path(group)) { "Look" }
        },
    }
}

/// The script refreshes the page; without it, a link does.
fn refresh() -> Markup {
    html! {
        button type="button" class="js-only" aria-pressed="true" data-refresh=(REFRESH) { "Live" }
        noscript { a class="btn" href=(PATH) { "Refresh" } }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::part::problem::tests::problem;
    use super::super::session::SignIn;
    use super::*;
    use crate::report::daemons::LiveDaemons;
    use crate::report::problems::Problems;
    use crate::source::admin::Status;
    use crate::store::history::{EventRowId, RecentEvent};
    use flowtrigger_core::suspension::{Pause, Suspension};

    pub fn data() -> OverviewData {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        OverviewData {
            at,
            status: Status {
                version: "1",
                pid: 1,
                since: at,
                uptime_seconds: 0,
                ready: true,
                reason: None,
                address: Some("127.0.0.1:8080".into()),
                store: "folder",
                pushed: None,
                rules: 17,
                mode: "live",
                revision: 12,
                loaded: at,
                watches: true,
                failed_reload: None,
                certificates: Vec::new(),
                runs: [("queued", 3), ("running", 9)].into(),
                places: 16,
                permits: Vec::new(),
                oldest_queued_seconds: Some(0),
                suspended: Vec::new(),
                disk_bytes: 412_000_000,
                disk_free_bytes: Some(9_000_000_000),
                store_error: None,
                lost_events: 0,
                lost_exchanges: 0,
            },
            few_events: false,
            last_event: Some(RecentEvent {
                row: EventRowId(9),
                id: "1".into(),
                source: "support".into(),
                event_type: "ticket.PriorityChanged".into(),
                received: Timestamp::from_second(1_799_999_998).unwrap(),
            }),
            columns: ChartRange::Hour.sum_up(&[], at),
            last_minute: Some(43),
            problems: Problems {
                groups: Vec::new(),
                is_cut: false,
            },
            receivers: Vec::new(),
            suspended: Vec::new(),
            daemons: LiveDaemons::default(),
        }
    }

    fn page(data: OverviewData) -> OverviewPage {
        OverviewPage {
            range: ChartRange::Hour,
            data: Arc::new(data),
            rulebook: Arc::default(),
        }
    }

    fn html(page: &OverviewPage, role: Role) -> String {
        let user = PageUser {
            name: "ada".into(),
            role,
            sign_in: SignIn::Session,
        };
        page.html(&user).into_string()
    }

    #[test]
    fn what_needs_attention_has_its_command() {
        let mut data = data();
        for state in [FailedState::Dead, FailedState::Held] {
            data.problems.groups.push(problem(state, "answered 503"));
        }
        data.problems.groups[0].is_final = true;
        data.problems
            .groups
            .push(problem(FailedState::Dead, "answered 500"));
        let page = page(data);
        let shown = html(&page, Role::Act);
        for part in [
            "3,114 runs, 3 causes",
            "Replay 1,038…",
            " · final: correct the rule, then replay<",
            "Retry 1,038…",
            "/confirm?command=retry",
            ">Look</a>",
            "aria-current=\"true\">1 hour</a>",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(shown.matches("Replay 1,038…").count(), 1);
        assert!(!html(&page, Role::Read).contains("/confirm"));
        assert!(!shown.contains("style="));
        let json = page.json();
        assert_eq!(json["status"]["revision"], 12);
        assert_eq!(json["needs_attention"]["runs"], 3_114);
        assert_eq!(json["columns"].as_array().map(Vec::len), Some(60));
        assert_eq!(json["last_event"]["row"], 9);
    }

    #[test]
    fn what_is_paused_is_shown_with_its_command() {
        let mut data = data();
        let shown = html(&page(data.clone()), Role::Act);
        assert!(shown.contains(">Pause everything…</a>"), "{shown}");
        assert!(shown.contains("and nothing is paused or down"), "{shown}");
        data.suspended.push(SuspendedTarget {
            target: SuspensionTarget::Everything,
            suspension: Suspension::default().paused(Pause {
                since: data.at,
                by: "ines, on the page".into(),
                note: "upgrade".into(),
            }),
            waiting: 3,
            oldest: None,
        });
        let page = page(data);
        let shown = html(&page, Role::Act);
        for part in [
            "everything is paused since",
            "upgrade; 3 runs wait",
            "<p>no run is dead or held</p>",
            "<li><bdi>everything is paused</bdi>, see ",
            "/confirm/resume?target=everything",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("Pause everything"), "{shown}");
        let read = html(&page, Role::Read);
        assert!(
            read.contains("3 runs wait") && !read.contains("/confirm/resume"),
            "{read}"
        );
        assert_eq!(page.json()["suspended"][0]["pause"]["note"], "upgrade");
    }

    #[test]
    fn the_first_events_are_one_click_away() {
        let mut data = data();
        assert!(!html(&page(data.clone()), Role::Read).contains("what became of it"));
        data.few_events = true;
        let shown = html(&page(data), Role::Read);
        assert!(
            shown.contains("href=\"/events/9\">See what became of it</a>"),
            "{shown}"
        );
    }

    #[test]
    fn the_page_of_the_first_start_is_shown_until_the_first_event() {
        let mut data = data();
        assert!(!data.is_first_start());
        data.last_event = None;
        data.status.runs.clear();
        assert!(data.is_first_start());
        assert_eq!(page(data).title(), "No event yet");
    }
}
