//! What is paused or down, in words and with the command that ends a pause: for `status`, `pause`, `why` and `runs`.

mod rate;

use jiff::Timestamp;

use crate::report::error::CommandError;
use crate::report::render::color::Tone;
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use crate::report::render::suggested_command;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::History;
use crate::store::history::{RunFilter, SuspendedTarget};
use flowtrigger_core::config::Config;
use flowtrigger_core::suspension::{Outage, Pause, SuspensionTarget};
use rate::ContinuationRate;

/// Runs that are counted.
const MAX_COUNTED: usize = 100_000;
/// What ends an outage for which no run waits.
pub const TESTED_BY_NEXT: &str = "tested by the next run that needs it";
/// The states of runs that a pause can stop.
const UNFINISHED: [&str; 5] = ["queued", "debouncing", "running", "retrying", "waiting"];

/// The command that ends a pause.
pub fn resume_command(target: &SuspensionTarget) -> String {
    format!("flowtrigger resume {}", option(target))
}

/// The command that pauses a target.
pub fn pause_command(target: &SuspensionTarget) -> String {
    format!("flowtrigger pause {}", option(target))
}

/// The option that names a target.
fn option(target: &SuspensionTarget) -> String {
    match target {
        SuspensionTarget::Everything => "--all".into(),
        named => format!(
            "--{} {}",
            named.kind(),
            suggested_command::argument(named.name())
        ),
    }
}

/// A target as a line of a terminal shows it.
pub fn shown(target: &SuspensionTarget) -> String {
    plain(&target.to_string()).into_owned()
}

/// `3 runs`
pub fn runs(count: u64) -> String {
    number(usize::try_from(count).unwrap_or(usize::MAX), "run")
}

/// What is suspended, since when and why, how many runs wait, and how that ends: a sentence for a pause, one for an outage.
pub fn sentences(found: &SuspendedTarget, config: Option<&Config>) -> Vec<String> {
    let paused = describe_paused(found).map(|paused| {
        let command = resume_command(&found.target);
        format!("{paused}; `{command}` ends the pause")
    });
    let others = [describe_down(found), describe_continued(found, config)];
    paused
        .into_iter()
        .chain(others.into_iter().flatten())
        .collect()
}

/// Who paused it, since when and why, and how many runs wait; `None` if it is not paused.
pub fn describe_paused(found: &SuspendedTarget) -> Option<String> {
    let pause = found.suspension.pause.as_ref()?.describe(&found.target);
    Some(format!("{}; {}", plain(&pause), waiting(found)))
}

/// Since when a receiver is down and why, and how many runs wait; `None` if it is not.
pub fn describe_down(found: &SuspendedTarget) -> Option<String> {
    let outage = found.suspension.outage.as_ref()?;
    Some(format!(
        "{} is down since {}: {}; {}",
        shown(&found.target),
        seconds(outage.since),
        describe_outage(outage, found.waiting),
        waiting(found)
    ))
}

/// What is paused or down in a few words, such as "connection `chat` is down"; `None` if neither.
pub fn describe_briefly(found: &SuspendedTarget) -> Option<String> {
    let state = match (&found.suspension.pause, &found.suspension.outage) {
        (Some(_), Some(_)) => "down and paused",
        (Some(_), None) => "paused",
        (None, Some(_)) => "down",
        (None, None) => return None,
    };
    Some(format!("{} is {state}", shown(&found.target)))
}

/// How many runs continue after a pause or an outage, and how fast; `None` if none does.
pub fn describe_continued(found: &SuspendedTarget, config: Option<&Config>) -> Option<String> {
    continues(found).then(|| {
        let rate = ContinuationRate::of(&found.target, config);
        format!(
            "{} for {}, which is neither paused nor down: they {}",
            waiting(found),
            shown(&found.target),
            continuing(&rate.describe_for(found.waiting))
        )
    })
}

/// How runs continue at a rate.
fn continuing(rate: &str) -> String {
    format!(
        "continue in order within each lane, {rate}; new runs of other lanes do not wait behind them"
    )
}

/// Whether runs still wait for what is neither paused nor down.
pub fn continues(found: &SuspendedTarget) -> bool {
    !found.suspension.is_blocking() && found.waiting > 0
}

fn waiting(found: &SuspendedTarget) -> String {
    match found.waiting {
        1 => "1 run waits".to_owned(),
        count => format!("{} wait", runs(count)),
    }
}

/// What a pause means: which runs stop, what continues.
pub fn after_pause(
    target: &SuspensionTarget,
    unfinished: u64,
    waiting: u64,
    config: Option<&Config>,
) -> Vec<String> {
    let stops = match target {
        SuspensionTarget::Everything => format!(
            "no run starts a further step: {} unfinished; attempts in progress finish",
            runs(unfinished)
        ),
        SuspensionTarget::Rule(_) => format!(
            "its runs start no further step: {} unfinished; attempts in progress finish",
            runs(unfinished)
        ),
        SuspensionTarget::Connection(_) => format!(
            "runs stop before their next request through it: {} waiting now; attempts in progress finish",
            runs(waiting)
        ),
        SuspensionTarget::Host(_) => format!(
            "runs stop before their next request to it, except through a connection: {} waiting now; attempts in progress finish",
            runs(waiting)
        ),
    };
    vec![
        stops,
        "events are still accepted, and start runs, which wait".into(),
        format!(
            "`{}` continues them in order, {}",
            resume_command(target),
            ContinuationRate::of(target, config).describe()
        ),
    ]
}

/// What the end of a pause means. `found` is what else is suspended at the target, with the runs that wait.
pub fn after_resume(
    target: &SuspensionTarget,
    found: Option<&SuspendedTarget>,
    unfinished: u64,
    config: Option<&Config>,
) -> Vec<String> {
    if let Some(down) = found.and_then(describe_down) {
        return vec![down, "its runs wait until a probe succeeds".into()];
    }
    // Of a pause of everything, most runs are queued, and none of them waits any more.
    let (count, state) = match target {
        SuspensionTarget::Everything => (unfinished, "unfinished"),
        SuspensionTarget::Rule(_) | SuspensionTarget::Connection(_) | SuspensionTarget::Host(_) => {
            (found.map_or(0, |found| found.waiting), "waiting")
        }
    };
    let rate = ContinuationRate::of(target, config);
    vec![match count {
        0 => format!("no run is {state}"),
        count => format!(
            "{} {state}: they {}",
            runs(count),
            continuing(&rate.describe_for(count))
        ),
    }]
}

/// The unfinished runs that a pause of a rule or of everything can stop; 0 of a receiver, which is known only when a request
/// is rendered.
pub fn unfinished(target: &SuspensionTarget, history: &dyn History) -> Result<u64, CommandError> {
    let rule = match target {
        SuspensionTarget::Everything => {
            let counts = history.counts()?.into_iter();
            let unfinished = counts.filter(|(state, _)| UNFINISHED.contains(&state.as_str()));
            return Ok(unfinished.map(|(_, count)| count).sum());
        }
        SuspensionTarget::Rule(name) => name,
        SuspensionTarget::Connection(_) | SuspensionTarget::Host(_) => return Ok(0),
    };
    let filter = RunFilter {
        rule: Some(rule.clone()),
        states: UNFINISHED.map(str::to_owned).to_vec(),
        ..RunFilter::default()
    };
    Ok(history.run_totals(&filter, MAX_COUNTED)?.all())
}

fn describe_outage(outage: &Outage, waiting: u64) -> String {
    let failures = usize::try_from(outage.failures).unwrap_or(usize::MAX);
    let probe = match (outage.probe, waiting) {
        (Some(probe), _) => format!("run {} probes it", probe.run),
        (None, 0) => TESTED_BY_NEXT.to_owned(),
        (None, _) => format!("next probe at {}", seconds(outage.next_probe)),
    };
    format!(
        "{}, the last: {}; {probe}",
        number(failures, "failure"),
        plain(&outage.message)
    )
}

fn describe_pause(pause: &Pause) -> String {
    match pause.note.as_str() {
        "" => format!("by {}", plain(&pause.by)),
        note => format!("by {}: {}", plain(&pause.by), plain(note)),
    }
}

/// All that is suspended as a table; nothing if nothing is. What has ended and has no waiting run is left out.
pub fn table(suspended: &[SuspendedTarget], config: Option<&Config>) -> Option<Table> {
    let listed = |found: &&SuspendedTarget| found.suspension.is_blocking() || continues(found);
    suspended.iter().find(listed)?;
    let mut table = Table::default();
    table.row(["SUSPENDED", "STATE", "SINCE", "WAITING", "OLDEST", "WHY"]);
    for found in suspended.iter().filter(listed) {
        let row = |state: &str, since: Option<Timestamp>, why: String| {
            [
                shown(&found.target),
                state.to_owned(),
                since.map(seconds).unwrap_or_default(),
                found.waiting.to_string(),
                found.oldest.map(seconds).unwrap_or_default(),
                why,
            ]
        };
        let suspension = &found.suspension;
        if let Some(pause) = &suspension.pause {
            table.row_in(
                Tone::Yellow,
                row("paused", Some(pause.since), describe_pause(pause)),
            );
            table.note(&format!(
                "  `{}` ends the pause",
                resume_command(&found.target)
            ));
        }
        if let Some(outage) = &suspension.outage {
            table.row_in(
                Tone::Red,
                row(
                    "down",
                    Some(outage.since),
                    describe_outage(outage, found.waiting),
                ),
            );
        }
        if !suspension.is_blocking() {
            let since = suspension.recovery.map(|recovery| recovery.since);
            let rate = ContinuationRate::of(&found.target, config).describe_for(found.waiting);
            table.row(row(
                "continues",
                since,
                format!("its runs {}", continuing(&rate)),
            ));
        }
    }
    Some(table)
}

#[cfg(test)]
mod tests;
