//! What pages show of a problem: its sentence, its rules and times, its chart, and the links to its runs and commands.

use maud::{Markup, html};
use url::form_urlencoded;

use super::prose::prose;
use super::state::pill;
use crate::page::answer::{day_and_time, time};
use crate::page::chart::sparkline;
use crate::page::text::{SECRET, short, text};
use crate::report::deliveries::row::grouped;
use crate::report::problems::{Problem, ProblemReceiver, RuleCount};
use crate::store::history::FailedState;

/// Characters of a cause that are shown.
const CAUSE_CHARS: usize = 160;
const TARGET_CHARS: usize = 80;
/// Characters that are shown of what a receiver wrote.
const BODY_CHARS: usize = 300;
/// What its message of a status begins with.
const ANSWERED: &str = "answered ";
/// How advice for the command line begins, which a page replaces by its buttons.
const COMMAND_LINE: &str = "`flowtrigger ";
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
    let (status, _) = status_and_body(message);
    let cause = match &target {
        Some(_) => cut(status, CAUSE_CHARS),
        None => with_capital(&cut(status, CAUSE_CHARS)),
    };
    html! {
        @if let Some(target) = &target { code { (text(&cut(target, TARGET_CHARS))) } " " }
        (prose(&cause))
    }
}

/// What the receiver wrote beside its status; nothing for another cause.
pub fn body(problem: &Problem) -> Markup {
    let (_, body) = status_and_body(Parts::of(problem).message);
    html! { @if !body.is_empty() { (short(body, BODY_CHARS)) } }
}

/// `answered 422 Unprocessable Content` and what follows it.
fn status_and_body(message: &str) -> (&str, &str) {
    match message.starts_with(ANSWERED) {
        true => message.split_once(": ").unwrap_or((message, "")),
        false => (message, ""),
    }
}

/// At most so many characters, and no part of a mark that stands for a secret.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}{LEFT_OUT}", before_open_mark(&text[..end])),
        None => text.to_owned(),
    }
}

/// The text up to a mark such as `[secret NAME]` that does not end in it.
fn before_open_mark(text: &str) -> &str {
    let open = text.rfind('[').filter(|at| {
        let mark = &text[*at..];
        !mark.contains(']') && (mark.starts_with(SECRET) || SECRET.starts_with(mark))
    });
    &text[..open.unwrap_or(text.len())]
}

fn with_capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

/// An error without what to type, which the page offers as buttons.
pub fn without_command_line(error: &str) -> &str {
    let advice = error.find(COMMAND_LINE);
    let end = advice.and_then(|at| error[..at].rfind("; "));
    &error[..end.unwrap_or(error.len())]
}

/// What to do about runs that another attempt does not help; nothing for other causes.
pub fn advice(problem: &Problem) -> Markup {
    html! { @if problem.is_final { "final: correct the rule, then replay" } }
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
        @if problem.first.as_second() != problem.last.as_second() {
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
    let cut = before_open_mark(&longest[..end.map_or(longest.len(), |(at, _)| at)]);
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
            is_final: false,
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
    fn a_filter_ends_before_a_secret_that_is_cut() {
        for (before, mark) in [(115, "[secret PAGER_KEY]"), (119, "[s"), (3, "[secret ")] {
            let cause = format!("{}{mark}", "a".repeat(before));
            assert_eq!(fragment(&cause), Some(&*"a".repeat(before)), "{cause}");
        }
        assert_eq!(fragment("key [secret A] gone"), Some("key [secret A] gone"));
    }

    #[test]
    fn a_title_has_the_status_and_the_body_stands_below() {
        let cause = "POST https://pager.example/v2 answered 422 Unprocessable Content: <html>no";
        let mut found = problem(FailedState::Dead, cause);
        let title = sentence(&found).into_string();
        assert!(
            title.ends_with("answered 422 Unprocessable Content</bdi>"),
            "{title}"
        );
        assert_eq!(body(&found).into_string(), "<bdi>&lt;html&gt;no</bdi>");
        found.receiver = None;
        found.cause = "the step `a` is odd".into();
        found.first = found.last;
        assert_eq!(
            sentence(&found).into_string(),
            "<bdi>The step </bdi><code><bdi>a</bdi></code><bdi> is odd</bdi>"
        );
        assert!(!times(&found).into_string().contains(" to "));
        assert_eq!(body(&found).into_string(), "");
    }

    #[test]
    fn advice_for_the_command_line_is_left_out() {
        let held = "it was running; check that, then use `flowtrigger runs retry` to run it again";
        assert_eq!(without_command_line(held), "it was running");
        assert_eq!(without_command_line("gone; start it"), "gone; start it");
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
