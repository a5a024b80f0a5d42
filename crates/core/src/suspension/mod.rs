//! What keeps runs from continuing: a person paused something, or a receiver is down. Functions of the stored state and
//! the time say which runs are blocked, when a receiver is probed, and how many runs continue afterwards.

mod recovery;
mod target;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::breaker::Breaker;
use crate::run::RunId;

pub use recovery::Recovery;
pub use target::{SuspensionTarget, UnknownTarget};

/// How long a probe may take to start and to end before another run is used for the next one.
const PROBE_TIMEOUT: SignedDuration = SignedDuration::from_mins(15);
/// How long a receiver stays down that no run needs any more, after a probe was due.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// The longest time that a receiver can delay its next probe with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Why runs do not continue at a target, and how they do so afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suspension {
    pub pause: Option<Pause>,
    pub outage: Option<Outage>,
    /// Present while the runs that waited are released.
    pub recovery: Option<Recovery>,
}

/// A person paused the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    /// Who paused it and from where, in words.
    pub by: String,
    /// Why, in the words of that person. Empty if nothing was said.
    pub note: String,
}

/// What a request to pause something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseOutcome {
    Paused,
    /// It was paused already, and has another note.
    Noted,
    /// It was paused already.
    Unchanged,
}

/// A receiver is down: its circuit breaker is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The end of the first of the failures that opened the breaker.
    pub since: Timestamp,
    /// Consecutive failures, with those of probes.
    pub failures: u32,
    /// The last failure.
    pub message: String,
    pub next_probe: Timestamp,
    /// The probe in progress.
    pub probe: Option<Probe>,
    /// The run whose probe failed last. The next probe is the run behind it.
    pub last_probed: Option<u64>,
}

/// A run that may continue although its receiver is down, to find out whether it still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub run: u64,
    pub since: Timestamp,
}

/// The failures of a receiver in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureStreak {
    pub since: Timestamp,
    pub failures: u32,
    /// The last failure.
    pub message: String,
}

/// What happened to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverSignal {
    Failed {
        message: String,
        retry_after: Option<Duration>,
    },
    Succeeded {
        /// When the successful attempt started.
        started: Timestamp,
    },
}

/// Why a run may not continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockReason {
    pub cause: BlockCause,
    pub why: String,
}

/// What keeps a run from continuing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockCause {
    /// A person paused it.
    Pause,
    /// The receiver is down.
    Outage,
    /// The suspension is over, and runs that were queued before are released at a limited rate.
    Recovery,
}

/// What is due at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueAction {
    Nothing,
    /// Let one run continue, the oldest behind this one.
    Probe {
        after: Option<RunId>,
    },
    /// Look after the run of the probe in progress.
    Watch(Probe),
    /// Release at most this many runs, the oldest first.
    Release(u32),
}

impl Suspension {
    /// Whether nothing is left of it.
    pub fn is_over(&self) -> bool {
        self.pause.is_none() && self.outage.is_none() && self.recovery.is_none()
    }

    /// Whether runs other than a probe wait.
    pub fn is_blocking(&self) -> bool {
        self.pause.is_some() || self.outage.is_some()
    }

    /// Why a run that was queued last at this time may not continue at the target; `None` if it may.
    pub fn blocks(
        &self,
        target: &SuspensionTarget,
        run: RunId,
        queued: Timestamp,
    ) -> Option<BlockReason> {
        let block = |cause, why| Some(BlockReason { cause, why });
        if let Some(pause) = &self.pause {
            return block(BlockCause::Pause, pause.describe(target));
        }
        if let Some(outage) = &self.outage {
            if outage.probe.is_some_and(|probe| probe.run == run.0) {
                return None;
            }
            let since = in_seconds(outage.since);
            let why = format!("waits for {target}, failing since {since}");
            return block(BlockCause::Outage, why);
        }
        // It waited behind another run of its lane, and not here: it counts for the rate all the same.
        let recovery = self.recovery.filter(|recovery| queued < recovery.since)?;
        let since = in_seconds(recovery.since);
        let why = format!(
            "waits for its turn: {target} works again since {since}, and its runs continue one after the other"
        );
        block(BlockCause::Recovery, why)
    }

    /// Whether a probe is due that nobody makes.
    pub fn is_probe_due(&self, now: Timestamp) -> bool {
        let outage = self.outage.as_ref().filter(|_| self.pause.is_none());
        outage.is_some_and(|outage| outage.probe.is_none() && outage.next_probe <= now)
    }

    /// The suspension after a streak of failures has reached the limit of the breaker.
    #[must_use]
    pub fn opened(
        &self,
        streak: &FailureStreak,
        retry_after: Option<Duration>,
        now: Timestamp,
        breaker: &Breaker,
    ) -> Self {
        Self {
            pause: self.pause.clone(),
            outage: Some(Outage {
                since: streak.since,
                failures: streak.failures,
                message: streak.message.clone(),
                next_probe: next_probe(now, retry_after, breaker),
                probe: None,
                last_probed: None,
            }),
            recovery: None,
        }
    }

    /// The suspension after an attempt at a receiver that is down; `None` if nothing changes.
    pub fn after(
        &self,
        signal: &ReceiverSignal,
        run: RunId,
        now: Timestamp,
        breaker: &Breaker,
    ) -> Option<Self> {
        let outage = self.outage.as_ref()?;
        match signal {
            ReceiverSignal::Succeeded { started } => (*started >= outage.since).then(|| Self {
                outage: None,
                recovery: Some(Recovery::starting(now)),
                pause: self.pause.clone(),
            }),
            ReceiverSignal::Failed {
                message,
                retry_after,
            } => {
                let is_probe = outage.probe.is_some_and(|probe| probe.run == run.0);
                is_probe.then(|| Self {
                    outage: Some(Outage {
                        failures: outage.failures.saturating_add(1),
                        message: message.clone(),
                        next_probe: next_probe(now, *retry_after, breaker),
                        probe: None,
                        last_probed: Some(run.0),
                        since: outage.since,
                    }),
                    ..self.clone()
                })
            }
        }
    }

    /// The suspension while a run probes the receiver.
    #[must_use]
    pub fn probing(&self, run: RunId, now: Timestamp) -> Self {
        let mut next = self.clone();
        if let Some(outage) = &mut next.outage {
            outage.probe = Some(Probe {
                run: run.0,
                since: now,
            });
        }
        next
    }

    /// The suspension after the run of the probe has left the receiver without a result.
    #[must_use]
    pub fn without_probe(&self) -> Self {
        let mut next = self.clone();
        if let Some(outage) = &mut next.outage {
            outage.last_probed = outage.probe.map(|probe| probe.run);
            outage.probe = None;
        }
        next
    }

    #[must_use]
    pub fn paused(&self, pause: Pause) -> Self {
        Self {
            pause: Some(pause),
            ..self.clone()
        }
    }

    /// The suspension after a person asks for a pause of what may be paused already: its time stays, and a new note
    /// replaces the earlier one.
    #[must_use]
    pub fn paused_again(&self, pause: Pause) -> (PauseOutcome, Self) {
        match &self.pause {
            None => (PauseOutcome::Paused, self.paused(pause)),
            Some(earlier) if pause.note.is_empty() || pause.note == earlier.note => {
                (PauseOutcome::Unchanged, self.clone())
            }
            Some(earlier) => {
                let since = earlier.since;
                (PauseOutcome::Noted, self.paused(Pause { since, ..pause }))
            }
        }
    }

    /// The suspension after a person ended the pause: runs continue unless the receiver is down as well.
    #[must_use]
    pub fn resumed(&self, now: Timestamp) -> Self {
        Self {
            pause: None,
            recovery: match self.outage {
                Some(_) => None,
                None => Some(Recovery::starting(now)),
            },
            outage: self.outage.clone(),
        }
    }

    /// The suspension after its receiver counts as working, whatever the last attempt said.
    #[must_use]
    pub fn recovered(&self, now: Timestamp) -> Self {
        Self {
            outage: None,
            recovery: match self.pause {
                Some(_) => None,
                None => Some(Recovery::starting(now)),
            },
            pause: self.pause.clone(),
        }
    }

    /// Whether a probe has been due for so long that nobody seems to need the receiver.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.is_probe_due(now)
            && self
                .outage
                .as_ref()
                .is_some_and(|outage| now.duration_since(outage.next_probe) > FORGOTTEN_AFTER)
    }

    /// The suspension after runs were released up to now.
    #[must_use]
    pub fn released(&self, until: Timestamp) -> Self {
        let mut next = self.clone();
        if let Some(recovery) = &mut next.recovery {
            recovery.released_until = until;
        }
        next
    }

    /// The suspension after no run waits any more.
    #[must_use]
    pub fn drained(&self) -> Self {
        Self {
            recovery: None,
            ..self.clone()
        }
    }

    /// What is due now.
    pub fn due(&self, now: Timestamp, breaker: &Breaker) -> DueAction {
        if self.pause.is_some() {
            return DueAction::Nothing;
        }
        if let Some(outage) = &self.outage {
            return match outage.probe {
                Some(probe) => DueAction::Watch(probe),
                None if outage.next_probe <= now => DueAction::Probe {
                    after: outage.last_probed.map(RunId),
                },
                None => DueAction::Nothing,
            };
        }
        match self.recovery {
            Some(recovery) => DueAction::Release(recovery.due(now, breaker)),
            None => DueAction::Nothing,
        }
    }
}

impl Pause {
    /// Who paused the target, since when, and why.
    pub fn describe(&self, target: &SuspensionTarget) -> String {
        let since = in_seconds(self.since);
        let mut text = format!("{target} is paused since {since} by {}", self.by);
        if !self.note.is_empty() {
            text.push_str(": ");
            text.push_str(&self.note);
        }
        text
    }
}

impl Probe {
    /// Whether it takes so long that another run is used for the next probe.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now.duration_since(self.since) > PROBE_TIMEOUT
    }
}

fn next_probe(now: Timestamp, retry_after: Option<Duration>, breaker: &Breaker) -> Timestamp {
    let requested = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
    let delay = SignedDuration::try_from(breaker.probe.max(requested));
    let next = delay.ok().and_then(|delay| now.checked_add(delay).ok());
    next.unwrap_or(Timestamp::MAX)
}

fn in_seconds(time: Timestamp) -> Timestamp {
    let second = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Trunc);
    time.round(second).unwrap_or(time)
}

#[cfg(test)]
mod tests;
