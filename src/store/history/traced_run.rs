//! What the trace of a run is made from: its event, its log without results, and where its requests went.

use std::time::Duration;

use jiff::Timestamp;

use flowtrigger_core::event::trace_context::TraceParent;
use flowtrigger_core::run::{EventIdentity, RunId};

/// Some runs with their logs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TracedRuns {
    /// In the order in which they were asked for. Deleted runs are missing.
    pub runs: Vec<TracedRun>,
    /// Those that were not read, because the ones before them have many attempts.
    pub left: Vec<RunId>,
}

/// One run. It has no text that a customer wrote, and no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRun {
    pub id: RunId,
    pub rule: String,
    /// The name of its state.
    pub state: String,
    pub planned: Timestamp,
    /// When its state changed last.
    pub changed: Timestamp,
    pub generation: u32,
    /// The dead run that it reports on.
    pub tells_of: Option<RunId>,
    pub source: String,
    /// The entry under `sources` that received its event.
    pub endpoint: String,
    pub event_type: String,
    pub event: String,
    pub received: Timestamp,
    /// The trace that the delivery names.
    pub trace: Option<TraceParent>,
    pub log: Vec<TracedEntry>,
    pub requests: Vec<TracedRequest>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum TracedEntry {
    Retried {
        at: Timestamp,
    },
    Waiting {
        step: String,
        at: Timestamp,
        until: Timestamp,
    },
    Started {
        step: String,
        number: u32,
        at: Timestamp,
    },
    Attempt(TracedAttempt),
}

#[derive(Debug, Clone, PartialEq)]
pub struct TracedAttempt {
    pub step: String,
    pub number: u32,
    pub started: Timestamp,
    pub took: Duration,
    pub failure: Option<TracedFailure>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TracedFailure {
    /// Secrets and redacted fields are replaced in it, unless it is that of an item of a list.
    pub message: String,
    pub status: Option<u16>,
}

/// A request of an attempt. Secrets and redacted fields are replaced in its URL.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRequest {
    pub step: String,
    pub attempt: u32,
    pub started: Timestamp,
    /// `None` for a command.
    pub method: Option<String>,
    pub url: Option<String>,
    pub status: Option<u16>,
}

impl TracedRun {
    pub fn identity(&self) -> EventIdentity<'_> {
        EventIdentity {
            id: &self.event,
            endpoint: (self.endpoint != self.source).then_some(&*self.endpoint),
        }
    }

    /// The request of an attempt. Numbers start again after `runs retry`, so the time of the start counts too.
    pub fn request_of(&self, attempt: &TracedAttempt) -> Option<&TracedRequest> {
        self.requests.iter().find(|request| {
            request.attempt == attempt.number
                && request.started == attempt.started
                && request.step == attempt.step
        })
    }
}

impl TracedAttempt {
    /// Whether this is the end of a `for_each` item instead of an attempt.
    pub fn ends_an_item(&self) -> bool {
        self.step.ends_with(']')
    }

    pub fn ended(&self) -> Timestamp {
        self.started.checked_add(self.took).unwrap_or(self.started)
    }
}
