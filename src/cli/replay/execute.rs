//! Executes a replay: event by event, in order, at the rate. Its progress is saved, so that a later command continues
//! where it stopped.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cli::options::Format;
use crate::cli::progress::ProgressLine;
use crate::cli::replay::destination::{
    ReplayDestination, ReplayFailure, ReplayedEventPlan, ReplayedRuns,
};
use crate::cli::replay::interrupt::InterruptFlag;
use crate::cli::runs::command::{RunStatusRow, all_runs};
use crate::report::error::CommandError;
use crate::report::output::{Color, Output};
use crate::report::render::diagnostics::grouped;
use crate::report::render::message;
use crate::report::replay::assess::{Assessment, Assessor};
use crate::report::replay::rate::{Pacer, ReplayRate};
use crate::report::replay::state_file::ReplayFile;
use crate::report::replay::targets::{ReplayTarget, ReplayTargets};
use crate::store::history::RunFilter;

/// Between two saves of the progress. What is replayed again after a crash starts no second run.
const SAVE_INTERVAL: Duration = Duration::from_millis(200);
/// How long a busy daemon is asked again, and how often.
const BUSY_LIMIT: Duration = Duration::from_secs(300);
const BUSY_INTERVAL: Duration = Duration::from_secs(1);

/// How a replay is executed.
pub struct ReplayExecution<'a> {
    pub destination: ReplayDestination<'a>,
    pub rate: Option<ReplayRate>,
    pub data: &'a Path,
    pub format: Format,
    pub color: Color,
    pub interrupt: InterruptFlag,
}

/// Why a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayEnd {
    Complete,
    /// It can be continued; the reason.
    Stopped(String),
}

impl ReplayExecution<'_> {
    pub fn run(
        &self,
        file: &mut ReplayFile,
        assessor: &mut Assessor<'_>,
        out: &mut Output,
    ) -> Result<ReplayEnd, CommandError> {
        let scope = file.scope.clone();
        let mut targets = ReplayTargets::new(assessor.history, &scope, &file.progress);
        let mut pacer = self.rate.map(|rate| Pacer::new(rate, Instant::now()));
        let mut line = ProgressLine::new();
        let mut saved = Instant::now();
        file.save(self.data)?;
        let end = loop {
            if self.interrupt.is_set() {
                break ReplayEnd::Stopped("interrupted".into());
            }
            let Some(target) = targets.next()? else {
                break ReplayEnd::Complete;
            };
            // Assessed when it is sent: meanwhile another command may have replayed the event.
            if let Some(pacer) = &pacer {
                self.interrupt.sleep_until(pacer.next());
            }
            let assessment = assessor.assess(&target)?;
            if let Some(stopped) = self.replay(file, &target, assessment, &mut pacer, out)? {
                break stopped;
            }
            file.progress.events += 1;
            if let Some(event) = target.event() {
                file.progress.set_position(event.position);
            }
            line.show(|| describe_progress(file));
            if saved.elapsed() >= SAVE_INTERVAL {
                file.save(self.data)?;
                saved = Instant::now();
            }
        };
        drop(line);
        // Runs that were started just before a crash are not in the file.
        let of_replay = RunFilter {
            replay: Some(file.id()),
            ..RunFilter::default()
        };
        let started = all_runs(assessor.history, &of_replay)?.len();
        file.progress.runs = file.progress.runs.max(started);
        match end {
            ReplayEnd::Complete => file.delete(self.data)?,
            ReplayEnd::Stopped(_) => file.save(self.data)?,
        }
        Ok(end)
    }

    /// Replays one event. Returns the reason if the replay cannot continue.
    fn replay(
        &self,
        file: &mut ReplayFile,
        target: &ReplayTarget,
        assessment: Assessment,
        pacer: &mut Option<Pacer>,
        out: &mut Output,
    ) -> Result<Option<ReplayEnd>, CommandError> {
        let Some(event) = target.event().filter(|_| !assessment.runs.is_empty()) else {
            return Ok(None);
        };
        let rules = assessment.runs.iter().map(|run| run.rule.name.clone());
        let part = ReplayedEventPlan {
            event: event.position.row,
            rules: rules.collect(),
            seen: assessment.seen(),
        };
        let began = Instant::now();
        loop {
            if self.interrupt.is_set() {
                return Ok(Some(ReplayEnd::Stopped("interrupted".into())));
            }
            match self.destination.replay(file.id(), &part) {
                Ok(runs) => {
                    if let Some(pacer) = pacer {
                        pacer.started(runs.started.len(), Instant::now());
                    }
                    file.progress.runs += runs.started.len();
                    file.progress.repeated += runs.repeated.len();
                    file.progress.left_out += runs.left_out.len();
                    self.print_runs(file, target, &runs, out)?;
                    return Ok(None);
                }
                Err(ReplayFailure::Rejected(why)) => {
                    file.progress.rejected += 1;
                    self.print_rejected(file, target, &why, out)?;
                    return Ok(None);
                }
                Err(ReplayFailure::Busy(why)) if began.elapsed() < BUSY_LIMIT => {
                    tracing::debug!(why, "the daemon is busy");
                    self.interrupt.sleep_until(Instant::now() + BUSY_INTERVAL);
                }
                Err(ReplayFailure::Busy(why) | ReplayFailure::Stopped(why)) => {
                    return Ok(Some(ReplayEnd::Stopped(why)));
                }
            }
        }
    }

    fn print_runs(
        &self,
        file: &ReplayFile,
        target: &ReplayTarget,
        runs: &ReplayedRuns,
        out: &mut Output,
    ) -> Result<(), CommandError> {
        let line = |kind: &str, run: &RunStatusRow| {
            let RunStatusRow { id, rule, state } = run;
            json!({
                "kind": kind,
                "replay": file.id().to_string(),
                "id": id,
                "rule": rule,
                "state": state,
                "event": target.event().map(|event| event.id.as_str()),
                "of": target.run().map(|run| run.0),
            })
        };
        match self.format {
            Format::Text => Ok(()),
            Format::Json => {
                let started = runs.started.iter().map(|run| (run, false));
                let repeated = runs.repeated.iter().map(|run| (run, true));
                for (run, is_repeated) in started.chain(repeated) {
                    let mut line = line("run", run);
                    line["repeated"] = is_repeated.into();
                    writeln!(out, "{line}")?;
                }
                for run in &runs.left_out {
                    writeln!(out, "{}", line("left_out", run))?;
                }
                Ok(out.flush()?)
            }
        }
    }

    fn print_rejected(
        &self,
        file: &ReplayFile,
        target: &ReplayTarget,
        why: &str,
        out: &mut Output,
    ) -> Result<(), CommandError> {
        let event = target.event().map(|event| event.id.as_str());
        match self.format {
            Format::Text => {
                let text = format!("event {}: {why}", event.unwrap_or_default());
                message::error_to_stderr(self.color, &text, None)?;
            }
            Format::Json => writeln!(
                out,
                "{}",
                json!({
                    "kind": "rejected",
                    "replay": file.id().to_string(),
                    "event": event,
                    "of": target.run().map(|run| run.0),
                    "error": why,
                })
            )?,
        }
        Ok(())
    }
}

fn describe_progress(file: &ReplayFile) -> String {
    format!(
        "replaying: {} of {} events, {} runs",
        grouped(file.progress.events),
        grouped(file.total),
        grouped(file.progress.runs)
    )
}
