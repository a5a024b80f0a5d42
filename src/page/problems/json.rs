//! The JSON of problems.

use serde_json::{Value, json};

use crate::report::problems::{Problem, Problems};
use crate::report::time_argument::seconds;

/// All groups.
pub fn problems_json(problems: &Problems) -> Value {
    json!({
        "problems": problems.groups.iter().map(problem_json).collect::<Vec<_>>(),
        "runs": problems.count(),
        "older_left_out": problems.is_cut,
    })
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "state": problem.state.as_str(),
        "cause": problem.cause,
        "example": problem.example,
        "step": problem.step,
        "receiver": problem.receiver,
        "count": problem.count,
        "rules": problem.rules,
        "first": seconds(problem.first),
        "last": seconds(problem.last),
        "newest": problem.newest.iter().map(|run| run.0).collect::<Vec<_>>(),
        "quarters_of_an_hour": problem.columns,
    })
}
