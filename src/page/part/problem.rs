//! What pages show of a problem: its sentence, its rules and times, its chart, and the links to its runs and commands.

use maud::{Markup, html};
use url::form_urlencoded;

use super::state::pill;
use crate::page::answer::{day_and_time, time};
use crate::page::chart::sparkline;
use crate::page::text::{short, text};
use crate::report::deliveries::row::grouped;
use crate::report::problems::{Problem, ProblemReceiver, RuleCount};
use crate::store::history::FailedState;

/// Characters of a cause that are shown.
const CAUSE_CHARS: usize = 300;
/// Rules of a problem that are named.
const MAX_RULES: usize = 4;
/// The longest part of a cause in a link, in characters.
const MAX_FRAGMENT: usize = 120;
/// What stands for parts of a cause that differ from run to run.
const LEFT_OUT: char = '…';

/// `38 dead`.
pub fn count(problem: &Problem) -> Markup {
    let label = format!("{} {}", grouped(problem.count), problem.state.as_str());
    pill(problem.state.as_str(), &label)
}

/// Where it was sent to, and what came of it.
pub fn sentence(problem: &Problem) -> Markup {
    let Parts { target, message } = Parts::of(problem);
    html! {
        @if let Some(target) = target { code { (short(&target, CAUSE_CHARS)) } " " }
        (short(message, CAUSE_CHARS))
    }
}

/// A cause in two parts. What to do about it, which follows after a semicolon, is left to the page of a run.
struct Parts<'p> {
    /// Method and address of the request.
    target: Option<String>,
    message: &'p str,
}

impl<'p> Parts<'p> {
    fn of(problem: &'p Problem) -> Self {
        let (message, _) = problem
            .cause
            .split_once("; ")
            .unwrap_or((&problem.cause, ""));
        let Some(ProblemReceiver { method, origin }) = &problem.receiver else {
            let target = None;
            return Self { target, message };
        };
        let of_request = message.strip_prefix(method.as_str());
        let of_request = of_request.and_then(|rest| rest.strip_prefix(' '));
        let address = of_request.filter(|rest| rest.starts_with(origin.as_str()));
        match address.map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
            Some((address, message)) => {
                let address = address.trim_end_matches(':');
                Self {
                    target: Some(format!("{method} {}", without_scheme(address))),
                    message,
                }
            }
            None => Self {
                target: Some(format!("{method} {}", without_scheme(origin))),
                message,
            },
        }
    }
}

/// Most receivers use TLS; only another scheme is worth the space.
pub fn without_scheme(origin: &str) -> &str {
    origin.strip_prefix("https://").unwrap_or(origin)
}

/// The rules with the numbers of their runs, as links.
pub fn rules(problem: &Problem) -> Markup {
    let more = problem.rules.len().saturating_sub(MAX_RULES);
    html! {
        @for (at, RuleCount { rule, count }) in problem.rules.iter().take(MAX_RULES).enumerate() {
            @if at > 0 { ", " }
            a class="link" href=(rule_path(rule)) { (text(rule)) } " " (grouped(*count))
        }
        @if more > 0 { ", " (more) " more rules" }
    }
}

fn rule_path(rule: &str) -> String {
    format!(
        "/rules/{}",
        form_urlencoded::byte_serialize(rule.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    )
}

/// When the runs died or were held.
pub fn times(problem: &Problem) -> Markup {
    let day = |at: jiff::Timestamp| at.as_second().div_euclid(86_400);
    html! {
        (day_and_time(problem.first))
        @if problem.first != problem.last {
            " to "
            @match day(problem.first) == day(problem.last) {
                true => (time(problem.last)),
                false => (day_and_time(problem.last)),
            }
        }
    }
}

/// The last six hours.
pub fn chart(problem: &Problem) -> Markup {
    let class = match problem.state {
        FailedState::Dead => "f3",
        FailedState::Held => "f5",
    };
    let recent: u64 = problem.columns.iter().sum();
    let label = format!(
        "{} {} in the last six hours",
        grouped(recent),
        problem.state.as_str()
    );
    sparkline(&problem.columns, class, &label)
}

/// The list of its runs.
pub fn runs_path(problem: &Problem) -> String {
    format!("/runs?{}", query(problem))
}

/// The page that asks before a command is executed for all its runs.
pub fn command_path(problem: &Problem, command: &str) -> String {
    format!("/confirm?command={command}&scope=all&{}", query(problem))
}

/// The filter of runs that selects the runs of a problem. What differs from run to run cannot be a part of it.
fn query(problem: &Problem) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("state", problem.state.as_str());
    if let [RuleCount { rule, .. }] = problem.rules.as_slice() {
        query.append_pair("rule", rule);
    }
    if let Some(fragment) = fragment(&problem.cause) {
        query.append_pair("error", fragment);
    }
    if let Some(receiver) = &problem.receiver {
        query.append_pair("sent_to", &receiver.origin);
    }
    query.finish()
}

/// The longest part of a cause that is equal in every run.
fn fragment(cause: &str) -> Option<&str> {
    let parts = cause.split([LEFT_OUT, '\n']).map(str::trim);
    let longest = parts.max_by_key(|part| part.len())?;
    let end = longest.char_indices().nth(MAX_FRAGMENT);
    let cut = &longest[..end.map_or(longest.len(), |(at, _)| at)];
    Some(cut.trim()).filter(|cut| !cut.is_empty())
}

#[cfg(test)]
pub mod tests {
    use flowtrigger_core::run::RunId;
    use jiff::Timestamp;

    use super::*;
    use crate::report::problems::PROBLEM_COLUMNS;

    pub fn problem(state: FailedState, cause: &str) -> Problem {
        Problem {
            state,
            cause: cause.into(),
            example: cause.into(),
            step: Some("page".into()),
            receiver: Some(ProblemReceiver {
                method: "POST".into(),
                origin: "https://pager.example".into(),
            }),
            count: 1_038,
            rules: vec![
                RuleCount {
                    rule: "vip-urgent".into(),
                    count: 1_031,
                },
                RuleCount {
                    rule: "outside".into(),
                    count: 7,
                },
            ],
            first: Timestamp::UNIX_EPOCH,
            last: Timestamp::from_second(60).unwrap(),
            newest: vec![RunId(48_208), RunId(48_196)],
            columns: [1; PROBLEM_COLUMNS],
        }
    }

    #[test]
    fn a_link_selects_what_all_runs_of_a_problem_share() {
        let mut found = problem(FailedState::Dead, "answered 503 for ticket … & more: … end");
        assert_eq!(
            runs_path(&found),
            "/runs?state=dead&error=answered+503+for+ticket&sent_to=https%3A%2F%2Fpager.example"
        );
        found.rules.truncate(1);
        found.receiver = None;
        found.cause = "…".into();
        assert_eq!(
            command_path(&found, "retry"),
            "/confirm?command=retry&scope=all&state=dead&rule=vip-urgent"
        );
        assert_eq!(
            fragment(&"ä".repeat(500)).map(|part| part.chars().count()),
            Some(MAX_FRAGMENT)
        );
    }

    #[test]
    fn a_cause_from_outside_is_only_text() {
        let found = problem(FailedState::Held, "<script>\u{202e}");
        let html = html! { (sentence(&found)) (rules(&found)) (times(&found)) (chart(&found)) (count(&found)) };
        let html = html.into_string();
        for part in [
            "&lt;script&gt;<span class=\"inv\"",
            " to <time",
            "<code><bdi>POST pager.example</bdi></code> <bdi>&lt;script",
            "href=\"/rules/vip-urgent\"",
            "</a> 1,031, <a",
            "aria-label=\"24 held in the last six hours\"",
            "<span class=\"st held\">1,038 held</span>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert_eq!(rule_path("a b/c"), "/rules/a%20b%2Fc");
    }

    #[test]
    fn a_request_is_named_once_and_advice_is_left_out() {
        let shown = |cause: &str| sentence(&problem(FailedState::Dead, cause)).into_string();
        for (cause, expected) in [
            (
                "POST https://pager.example/v2: connection refused; start it",
                "<code><bdi>POST pager.example/v2</bdi></code> <bdi>connection refused</bdi>",
            ),
            (
                "POST https://other.example/v2 answered 503",
                "<code><bdi>POST pager.example</bdi></code> <bdi>POST https://other.example/v2 answered 503</bdi>",
            ),
        ] {
            assert_eq!(shown(cause), expected);
        }
    }
}
