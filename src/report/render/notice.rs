//! Describes which run reported a dead one, and what a notice reports.

use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;
use crate::store::history::{DeathNotice, RunRow};
use flowtrigger_core::run::RunId;

/// Describes what a notice reports; `None` for other runs.
pub fn describe_report(row: &RunRow) -> Option<String> {
    let RunId(dead) = row.tells_of?;
    Some(match (&row.reports.receiver, row.reports.count) {
        (Some(receiver), _) => format!("reports that {} fails", plain(receiver)),
        (None, 0 | 1) => format!("reports that run {dead} is dead"),
        (None, count) => format!(
            "reports that run {dead}{} are dead",
            others(" and", count - 1)
        ),
    })
}

/// Describes which run reports that a run is dead.
pub fn describe_death_notice(notice: &DeathNotice) -> String {
    let RunId(run) = notice.run;
    let others = others(", with", notice.others);
    match notice.due {
        Some(due) => format!("to be reported by run {run} at {}{others}", seconds(due)),
        None => format!("reported by run {run}{others}"),
    }
}

fn others(before: &str, count: u64) -> String {
    match count {
        0 => String::new(),
        1 => format!("{before} 1 other"),
        count => format!("{before} {count} others"),
    }
}
