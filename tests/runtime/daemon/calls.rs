//! A performer whose calls finish when a test lets them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::Perform;
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use serde_json::Value;
use tokio::sync::Semaphore;

/// Calls that a test lets finish.
#[derive(Clone)]
pub struct Calls(Arc<CallCounts>);

struct CallCounts {
    started: AtomicUsize,
    /// Calls that ended, or were stopped.
    over: AtomicUsize,
    gate: Semaphore,
}

impl Calls {
    pub fn held() -> Self {
        Self(Arc::new(CallCounts {
            started: AtomicUsize::default(),
            over: AtomicUsize::default(),
            gate: Semaphore::new(0),
        }))
    }

    pub fn started(&self) -> usize {
        self.0.started.load(Ordering::SeqCst)
    }

    pub fn over(&self) -> usize {
        self.0.over.load(Ordering::SeqCst)
    }

    pub fn release(&self, count: usize) {
        self.0.gate.add_permits(count);
    }
}

struct CallGuard(Calls);

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.0.0.over.fetch_add(1, Ordering::SeqCst);
    }
}

impl Perform for Calls {
    async fn perform(&self, _: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        self.0.started.fetch_add(1, Ordering::SeqCst);
        let _guard = CallGuard(self.clone());
        self.0.gate.acquire().await.unwrap().forget();
        Ok(Reply { value: Value::Null })
    }
}
