//! Gives events and changes of runs to the commit thread, and waits for their results.

use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::committer::CommitRequest;
use super::job::{AdvanceJob, CommitJob};
use super::run_job::stopped;
use super::{PostgresStore, thread};
use crate::store::sqlite::commit::EncodedEvent;
use crate::store::{Advance, Committed, IncomingEvent, StoreError};

impl PostgresStore {
    /// Gives events to the commit thread, and returns what was committed.
    pub(super) async fn submit_events(
        &self,
        events: Vec<IncomingEvent>,
    ) -> Result<Vec<Committed>, StoreError> {
        // An event without runs is not remembered, but its redelivery may be known.
        let events = events.into_iter().map(EncodedEvent::new).collect();
        let (reply, answer) = oneshot::channel();
        let job = CommitJob {
            events,
            result: None,
            reply,
        };
        let request = CommitRequest::Job(Box::new(job));
        let sent = tokio::time::timeout(thread::SUBMIT_TIMEOUT, self.committer.send(request)).await;
        self.shared.commits.progress.note_submission(&sent);
        sent.map_err(|_| StoreError::Busy)?.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Gives changes of runs to the commit thread, and returns the result of each.
    pub(super) async fn submit_advances(
        &self,
        advances: Vec<Advance>,
    ) -> Vec<Result<(), StoreError>> {
        let redacts = *self.redacts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answers = Vec::with_capacity(advances.len());
        for advance in advances {
            let (reply, answer) = oneshot::channel();
            let job = AdvanceJob {
                advance,
                own: self.own.clone(),
                redacts,
                before: None,
                result: None,
                reply,
            };
            let sent = self.committer.send(CommitRequest::Job(Box::new(job))).await;
            answers.push(sent.map(|()| answer));
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(stopped())),
                Err(_) => Err(stopped()),
            });
        }
        results
    }
}
