//! Shows a replay in progress: a line that counts on a terminal, each run as JSON, and rejected events. A signal stops
//! it between two events.

use std::io::Write;
use std::time::Instant;

use serde_json::json;

use crate::cli::options::Format;
use crate::cli::progress::ProgressLine;
use crate::cli::replay::interrupt::InterruptFlag;
use crate::report::error::CommandError;
use crate::report::output::{Color, Output};
use crate::report::render::diagnostics::grouped;
use crate::report::render::message;
use crate::report::replay::execution::{ReplayObserver, ReplayedRuns};
use crate::report::replay::state_file::ReplayFile;
use crate::report::replay::targets::ReplayTarget;
use crate::report::run::command::RunStatusRow;

/// A replay whose progress is printed.
pub struct PrintedReplay<'a> {
    pub format: Format,
    pub color: Color,
    pub interrupt: InterruptFlag,
    pub line: ProgressLine,
    pub out: &'a mut Output,
}

impl ReplayObserver for PrintedReplay<'_> {
    fn is_stopped(&self) -> bool {
        self.interrupt.is_set()
    }

    fn sleep_until(&self, until: Instant) {
        self.interrupt.sleep_until(until);
    }

    fn on_runs(
        &mut self,
        file: &ReplayFile,
        target: &ReplayTarget,
        runs: &ReplayedRuns,
    ) -> Result<(), CommandError> {
        let out = &mut *self.out;
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

    fn on_rejected(
        &mut self,
        file: &ReplayFile,
        target: &ReplayTarget,
        why: &str,
    ) -> Result<(), CommandError> {
        let event = target.event().map(|event| event.id.as_str());
        match self.format {
            Format::Text => {
                let text = format!("event {}: {why}", event.unwrap_or_default());
                message::error_to_stderr(self.color, &text, None)?;
            }
            Format::Json => writeln!(
                self.out,
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

    fn on_progress(&mut self, file: &ReplayFile) {
        self.line.show(|| describe_progress(file));
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
