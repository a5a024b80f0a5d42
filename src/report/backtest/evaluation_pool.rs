//! Evaluates pages of stored events on several threads, and returns them in their order.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::report::backtest::archive_reader::StoredEventText;
use crate::report::backtest::evaluated_event::ArchivedEvaluation;
use crate::report::backtest::rule_side::RuleSide;
use crate::report::error::CommandError;
use flowtrigger_core::matching::find::MatchScratch;

/// Pages that each thread has in front of it.
const PAGES_PER_THREAD: usize = 2;

/// Threads that evaluate pages in turn.
pub struct EvaluationPool {
    threads: Vec<EvaluationThread>,
    sent: usize,
    received: usize,
}

struct EvaluationThread {
    pages: SyncSender<Vec<StoredEventText>>,
    evaluated: Receiver<Vec<ArchivedEvaluation>>,
}

impl EvaluationPool {
    /// Starts the threads. They end when the pool is dropped.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        sides: &'scope [RuleSide<'scope>],
        count: usize,
    ) -> Self {
        let threads = (0..count.max(1)).map(|_| {
            let (pages, inbox) = sync_channel::<Vec<StoredEventText>>(PAGES_PER_THREAD);
            let (outbox, evaluated) = sync_channel(PAGES_PER_THREAD);
            scope.spawn(move || {
                let mut scratch = MatchScratch::default();
                for page in inbox {
                    let page = page.into_iter();
                    let page =
                        page.map(|event| ArchivedEvaluation::new(event, sides, &mut scratch));
                    if outbox.send(page.collect()).is_err() {
                        return;
                    }
                }
            });
            EvaluationThread { pages, evaluated }
        });
        Self {
            threads: threads.collect(),
            sent: 0,
            received: 0,
        }
    }

    /// Whether another page can be sent without waiting.
    pub fn has_room(&self) -> bool {
        self.sent - self.received < self.threads.len() * PAGES_PER_THREAD
    }

    pub fn send(&mut self, page: Vec<StoredEventText>) -> Result<(), CommandError> {
        let thread = &self.threads[self.sent % self.threads.len()];
        self.sent += 1;
        thread.pages.send(page).map_err(|_| stopped())
    }

    /// The next page in the order in which they were sent; `None` if all were received.
    pub fn receive(&mut self) -> Result<Option<Vec<ArchivedEvaluation>>, CommandError> {
        if self.received == self.sent {
            return Ok(None);
        }
        let thread = &self.threads[self.received % self.threads.len()];
        self.received += 1;
        thread.evaluated.recv().map(Some).map_err(|_| stopped())
    }
}

fn stopped() -> CommandError {
    CommandError::runtime("the evaluation of stored events has stopped")
}
