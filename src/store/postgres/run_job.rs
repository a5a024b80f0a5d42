//! Jobs on some runs: commands, and questions about what the store has now.

use tokio::sync::{mpsc, oneshot};

use super::committer::CommitRequest;
use super::error::PostgresError;
use super::job::{BatchJob, KnownRows, answer, decide};
use super::scope::BatchScope;
use super::workspace::Workspace;
use crate::store::StoreError;
use crate::store::sqlite::transaction::WriteTransaction;

type RunWork<T> = dyn FnMut(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send;

/// A job on some runs: a command, or a question.
struct RunJob<T> {
    scope: BatchScope,
    work: Box<RunWork<T>>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send> BatchJob for RunJob<T> {
    fn scope(&self, _: &KnownRows<'_>) -> BatchScope {
        self.scope.clone()
    }

    fn execute(&mut self, workspace: &mut Workspace) -> Result<(), PostgresError> {
        self.result = decide(workspace, &mut self.work)?;
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        answer(self.reply, self.result, committed);
    }
}

/// Has the commit thread execute a job in a scope, and waits for its result.
pub async fn execute_in<T: Send + 'static>(
    committer: &mpsc::Sender<CommitRequest>,
    scope: BatchScope,
    work: impl FnMut(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (reply, answer) = oneshot::channel();
    let job = RunJob {
        scope,
        work: Box::new(work),
        result: None,
        reply,
    };
    let request = CommitRequest::Job(Box::new(job));
    committer.send(request).await.map_err(|_| stopped())?;
    answer.await.map_err(|_| stopped())?
}

/// The threads of the store have ended.
pub fn stopped() -> StoreError {
    StoreError::Unreachable("the store has stopped; see the log".to_owned())
}
