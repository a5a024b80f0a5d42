//! A job of the writer thread: its work on the rows, and the answer to its caller once the commit has succeeded or failed.

use tokio::sync::oneshot;

use super::job_outcome::JobOutcome;
use super::transaction::WriteTransaction;
use super::writer::Durability;
use crate::store::StoreError;

/// Receives the answer to a job.
pub type JobAnswer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// A job with the durability that it asks for.
pub struct WriteJob {
    pub durability: Durability,
    work: Box<dyn JobWork>,
}

trait JobWork: Send {
    /// Whether it can be executed again after its transaction was rolled back.
    fn is_repeatable(&self) -> bool;

    fn execute(&mut self, transaction: &mut WriteTransaction<'_>) -> JobOutcome;

    /// Why the last execution failed.
    fn failure(&self) -> Option<&StoreError>;

    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Where the result of a job goes.
struct ResultSlot<T> {
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T> ResultSlot<T> {
    fn keep(&mut self, result: Result<T, StoreError>) -> JobOutcome {
        let outcome = JobOutcome::of(&result);
        self.result = Some(result);
        outcome
    }

    fn failure(&self) -> Option<&StoreError> {
        self.result.as_ref()?.as_ref().err()
    }

    fn answer(self, committed: Result<(), StoreError>) {
        let result = self.result.unwrap_or_else(|| Err(stopped()));
        // The caller may have stopped waiting; the change is kept all the same.
        drop(self.answer.send(committed.and(result)));
    }
}

/// Work that takes something with it, such as the rows of a buffer.
struct SingleWork<T, F> {
    work: Option<F>,
    slot: ResultSlot<T>,
}

/// Work that only reads what it was given.
struct RepeatableWork<T, F> {
    work: F,
    slot: ResultSlot<T>,
}

impl<T, F> JobWork for SingleWork<T, F>
where
    T: Send,
    F: FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send,
{
    fn is_repeatable(&self) -> bool {
        false
    }

    fn execute(&mut self, transaction: &mut WriteTransaction<'_>) -> JobOutcome {
        let result = match self.work.take() {
            Some(work) => work(transaction),
            None => Err(StoreError::Broken("a job was executed twice".into())),
        };
        self.slot.keep(result)
    }

    fn failure(&self) -> Option<&StoreError> {
        self.slot.failure()
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        self.slot.answer(committed);
    }
}

impl<T, F> JobWork for RepeatableWork<T, F>
where
    T: Send,
    F: Fn(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send,
{
    fn is_repeatable(&self) -> bool {
        true
    }

    fn execute(&mut self, transaction: &mut WriteTransaction<'_>) -> JobOutcome {
        self.slot.keep((self.work)(transaction))
    }

    fn failure(&self) -> Option<&StoreError> {
        self.slot.failure()
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        self.slot.answer(committed);
    }
}

impl WriteJob {
    /// A job that is executed once.
    pub fn single<T: Send + 'static>(
        durability: Durability,
        work: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> (Self, JobAnswer<T>) {
        let (slot, answer) = slot();
        let work = Box::new(SingleWork {
            work: Some(work),
            slot,
        });
        (Self { durability, work }, answer)
    }

    /// A job that is executed again if its transaction was rolled back because another job failed. It takes nothing
    /// from the buffers.
    pub fn repeatable<T: Send + 'static>(
        durability: Durability,
        work: impl Fn(&mut WriteTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> (Self, JobAnswer<T>) {
        let (slot, answer) = slot();
        let work = Box::new(RepeatableWork { work, slot });
        (Self { durability, work }, answer)
    }

    pub fn is_repeatable(&self) -> bool {
        self.work.is_repeatable()
    }

    pub fn execute(&mut self, transaction: &mut WriteTransaction<'_>) -> JobOutcome {
        self.work.execute(transaction)
    }

    pub fn failure(&self) -> Option<&StoreError> {
        self.work.failure()
    }

    /// Answers the caller once it is known whether the commit succeeded.
    pub fn answer(self, committed: Result<(), StoreError>) {
        self.work.answer(committed);
    }
}

impl std::fmt::Debug for WriteJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WriteJob({:?})", self.durability)
    }
}

fn slot<T>() -> (ResultSlot<T>, JobAnswer<T>) {
    let (answer, receiver) = oneshot::channel();
    let slot = ResultSlot {
        result: None,
        answer,
    };
    (slot, receiver)
}

/// The error of a job that the thread did not execute.
pub fn stopped() -> StoreError {
    StoreError::Broken("the store has stopped; see the log".into())
}
