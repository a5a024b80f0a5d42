//! Groups dead and held runs by equal cause: the same error, whatever ticket it is about, at the same receiver.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::store::history::{FailedRun, FailedRuns, FailedState};
use flowtrigger_core::flow::call::is_transient;
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::cause::normalised;

/// The newest dead and held runs that are grouped.
pub const MAX_FAILED_RUNS: usize = 10_000;
/// Columns of the chart of a problem, and the time of each.
pub const PROBLEM_COLUMNS: usize = 24;
const COLUMN_SECONDS: i64 = 15 * 60;
/// The newest runs that a problem names.
const MAX_NEWEST: usize = 3;
/// How the reason begins when the program itself is to blame, and not the rule.
const BUG: &str = "internal error";

/// Every problem, the ones with the newest runs first.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems {
    pub groups: Vec<Problem>,
    /// Whether older runs were left out.
    pub is_cut: bool,
}

/// Runs that died, or are held, of equal causes.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub state: FailedState,
    /// The error, with `…` for what differs from run to run.
    pub cause: String,
    /// The error of the newest run, as it is.
    pub example: String,
    /// The step of the newest run; `None` if no step is to blame.
    pub step: Option<String>,
    pub receiver: Option<ProblemReceiver>,
    pub count: u64,
    /// The rule with the most runs first.
    pub rules: Vec<RuleCount>,
    /// When the first and the last of them died or was held.
    pub first: Timestamp,
    pub last: Timestamp,
    /// At most three, the newest first.
    pub newest: Vec<RunId>,
    /// Whether another attempt fails in the same way: only another rule or another event helps.
    pub is_final: bool,
    /// Runs of each quarter of an hour of the last 6 hours, the oldest first.
    pub columns: [u64; PROBLEM_COLUMNS],
}

/// Where the last attempt sent to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ProblemReceiver {
    pub method: String,
    /// Scheme, host and port.
    pub origin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCount {
    pub rule: String,
    pub count: u64,
}

/// What runs of one problem have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ProblemKey {
    state: FailedState,
    cause: String,
    receiver: Option<ProblemReceiver>,
}

impl Problems {
    pub fn of(failed: &FailedRuns, now: Timestamp) -> Self {
        let mut groups: HashMap<ProblemKey, Vec<&FailedRun>> = HashMap::new();
        for run in &failed.runs {
            groups.entry(ProblemKey::of(run)).or_default().push(run);
        }
        let groups = groups.into_iter().map(|(key, runs)| key.problem(runs, now));
        let mut groups: Vec<Problem> = groups.collect();
        groups.sort_by_key(|problem| {
            std::cmp::Reverse((problem.last, problem.newest.first().copied()))
        });
        Self {
            groups,
            is_cut: failed.is_cut,
        }
    }

    /// The runs of all problems.
    pub fn count(&self) -> u64 {
        self.groups.iter().map(|problem| problem.count).sum()
    }
}

impl ProblemKey {
    fn of(run: &FailedRun) -> Self {
        let receiver = run.sent_to.as_ref().and_then(|sent_to| {
            Some(ProblemReceiver {
                method: sent_to.method.clone(),
                origin: sent_to.origin()?,
            })
        });
        Self {
            state: run.state,
            cause: normalised(error(run)),
            receiver,
        }
    }

    fn problem(self, mut runs: Vec<&FailedRun>, now: Timestamp) -> Problem {
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        let mut rules: BTreeMap<&str, u64> = BTreeMap::new();
        let mut columns = [0; PROBLEM_COLUMNS];
        for run in &runs {
            *rules.entry(&run.rule).or_default() += 1;
            if let Some(column) = column(run.since, now) {
                columns[column] += 1;
            }
        }
        let mut rules: Vec<RuleCount> = rules
            .into_iter()
            .map(|(rule, count)| RuleCount {
                rule: rule.to_owned(),
                count,
            })
            .collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.count));
        let newest = runs.first();
        let times = || runs.iter().map(|run| run.since);
        Problem {
            state: self.state,
            cause: self.cause,
            example: newest.map(|run| error(run).to_owned()).unwrap_or_default(),
            step: newest.and_then(|run| step(&run.why)).map(str::to_owned),
            receiver: self.receiver,
            count: runs.len() as u64,
            rules,
            first: times().min().unwrap_or(now),
            last: times().max().unwrap_or(now),
            newest: runs.iter().take(MAX_NEWEST).map(|run| run.id).collect(),
            is_final: newest.is_some_and(|run| is_final(run)),
            columns,
        }
    }
}

/// The error without the step, which differs from rule to rule. Only the end of `why` tells whether the last failed
/// attempt is the reason.
fn error(run: &FailedRun) -> &str {
    let attempt = run.error.as_deref().filter(|error| !error.is_empty());
    match attempt.filter(|error| run.why.ends_with(error)) {
        Some(error) => error,
        None => &run.why,
    }
}

/// Whether a dead run fails in the same way when it is retried: it was ended by a `fail` step, a template cannot be
/// rendered, or the answer was that the request itself is wrong.
fn is_final(run: &FailedRun) -> bool {
    let is_rejected = |status: u16| {
        (400..500).contains(&status) && !MAY_BE_CORRECTED.contains(&status) && !is_transient(status)
    };
    match (run.state, step(&run.why)) {
        (FailedState::Held, _) => false,
        (FailedState::Dead, None) => !run.why.starts_with(BUG),
        (FailedState::Dead, Some(_)) => {
            run.why.contains("` cannot be rendered: ")
                || answer(error(run)).is_some_and(is_rejected)
        }
    }
}

/// Statuses that a secret or a right at the receiver changes, without another request.
const MAY_BE_CORRECTED: [u16; 4] = [401, 402, 403, 407];

/// The status in the text `POST https://… answered 422 Unprocessable Content`.
fn answer(error: &str) -> Option<u16> {
    let (_, rest) = error.split_once(" answered ")?;
    rest.get(..3)?.parse().ok()
}

/// The path of the step in the text ``step `page` failed: …``.
fn step(why: &str) -> Option<&str> {
    let (_, rest) = why.split_once("step `")?;
    let (step, _) = rest.split_once('`')?;
    Some(step)
}

/// The column of a time; `None` if it was more than 6 hours ago. A time ahead of the clock is in the last one.
fn column(at: Timestamp, now: Timestamp) -> Option<usize> {
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    let back = usize::try_from(age.as_secs() / COLUMN_SECONDS).ok()?;
    (PROBLEM_COLUMNS - 1).checked_sub(back)
}

#[cfg(test)]
mod tests {
    use flowtrigger_core::run::exchange::SentTo;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn dead(id: u64, rule: &str, error: &str, minutes: i64) -> FailedRun {
        FailedRun {
            id: RunId(id),
            rule: rule.into(),
            state: FailedState::Dead,
            why: format!("step `{rule}-step` failed after 5 attempts: {error}"),
            error: Some(error.into()),
            since: at(minutes),
            sent_to: Some(SentTo {
                method: "POST".into(),
                url: format!("https://pager.example/tickets/{id}"),
            }),
        }
    }

    fn grouped(mut runs: Vec<FailedRun>) -> Vec<Problem> {
        runs.reverse();
        let failed = FailedRuns {
            runs,
            is_cut: false,
        };
        let problems = Problems::of(&failed, at(600));
        assert_eq!(problems.count() as usize, failed.runs.len());
        problems.groups
    }

    #[test]
    fn equal_errors_at_one_receiver_are_one_problem_whatever_rule_and_ticket() {
        let groups = grouped(vec![
            dead(1, "a", "answered 503 for ticket 90417", 0),
            dead(2, "b", "answered 503 for ticket 90388", 590),
            dead(3, "b", "answered 503 for ticket 7", 599),
            dead(4, "b", "answered 503 for ticket 90417", 599),
        ]);
        assert_eq!(groups.len(), 2, "a short number may be a status");
        let [one, _] = &groups[..] else {
            unreachable!()
        };
        assert_eq!(one.cause, "answered 503 for ticket …");
        assert_eq!(one.example, "answered 503 for ticket 90417");
        assert_eq!(one.step.as_deref(), Some("b-step"));
        assert_eq!((one.count, one.first, one.last), (3, at(0), at(599)));
        let rules: Vec<(&str, u64)> = one.rules.iter().map(|r| (&*r.rule, r.count)).collect();
        assert_eq!(rules, [("b", 2), ("a", 1)]);
        assert_eq!(one.newest, [RunId(4), RunId(2), RunId(1)]);
        assert_eq!(one.columns[PROBLEM_COLUMNS - 1], 2);
        assert_eq!(
            one.columns.iter().sum::<u64>(),
            2,
            "one is older than 6 hours"
        );
        let receiver = one.receiver.as_ref().unwrap();
        assert_eq!(
            (&*receiver.method, &*receiver.origin),
            ("POST", "https://pager.example")
        );
    }

    #[test]
    fn another_status_receiver_method_or_state_is_another_problem() {
        let first = || dead(1, "a", "answered 503 Service Unavailable", 0);
        let elsewhere = |method: &str, url: &str| FailedRun {
            sent_to: Some(SentTo {
                method: method.into(),
                url: url.into(),
            }),
            ..first()
        };
        let others = [
            dead(2, "a", "answered 404 Not Found", 1),
            elsewhere("POST", "https://pager.example:8443/tickets/1"),
            elsewhere("PUT", "https://pager.example/tickets/1"),
            FailedRun {
                sent_to: None,
                ..first()
            },
            FailedRun {
                state: FailedState::Held,
                ..first()
            },
            FailedRun {
                why: "the run has taken longer than 30 days".into(),
                ..first()
            },
        ];
        for other in others {
            let groups = grouped(vec![first(), other.clone()]);
            assert_eq!(groups.len(), 2, "{other:?}");
        }
        assert_eq!(grouped(vec![first(), first()]).len(), 1);
    }

    #[test]
    fn what_fails_in_the_same_way_again_is_final() {
        let answered = |status: &str| {
            dead(
                1,
                "a",
                &format!("POST https://a.example/x answered {status}"),
                0,
            )
        };
        let failed = FailedRun {
            why: "the order is odd".into(),
            error: Some("the order is odd".into()),
            ..answered("200 OK")
        };
        let unrendered = FailedRun {
            why: "step `a` cannot be rendered: `event.x` is missing".into(),
            ..failed.clone()
        };
        let held = FailedRun {
            state: FailedState::Held,
            ..failed.clone()
        };
        for (run, expected) in [
            (answered("422 Unprocessable Content: no"), true),
            (answered("404 Not Found"), true),
            (answered("401 Unauthorized"), false),
            (answered("429 Too Many Requests"), false),
            (answered("503 Service Unavailable"), false),
            (dead(1, "a", "connection refused", 0), false),
            (failed, true),
            (unrendered, true),
            (held, false),
        ] {
            assert_eq!(grouped(vec![run.clone()])[0].is_final, expected, "{run:?}");
        }
    }

    #[test]
    fn the_newest_runs_are_those_with_the_highest_numbers() {
        let groups = grouped(vec![dead(8, "a", "gone", 5), dead(9, "a", "gone", 1)]);
        assert_eq!(groups[0].newest, [RunId(9), RunId(8)]);
        assert_eq!((groups[0].first, groups[0].last), (at(1), at(5)));
    }

    #[test]
    fn columns_are_quarters_of_an_hour_up_to_now() {
        let now = at(0);
        for (minutes, expected) in [
            (1, Some(23)),
            (0, Some(23)),
            (-14, Some(23)),
            (-15, Some(22)),
            (-359, Some(0)),
            (-360, None),
        ] {
            assert_eq!(column(at(minutes), now), expected, "{minutes}");
        }
    }
}
