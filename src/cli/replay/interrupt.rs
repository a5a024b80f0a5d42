//! Notices a signal to stop, so that a replay ends between two events. A second signal ends the program at once.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cli::exit::Exit;
use crate::engine::interrupted;
use crate::report::error::CommandError;

/// How long a signal may go unnoticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Whether a signal to stop has arrived.
#[derive(Debug, Clone, Default)]
pub struct InterruptFlag(Arc<AtomicBool>);

impl InterruptFlag {
    /// Listens for signals until the program ends.
    pub fn listen() -> Result<Self, CommandError> {
        let failed =
            |error| CommandError::runtime(format!("failed to listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let flag = Self::default();
        let seen = flag.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                if interrupted().await.is_err() {
                    return;
                }
                seen.0.store(true, Ordering::Relaxed);
                if interrupted().await.is_ok() {
                    process::exit(Exit::Runtime as i32);
                }
            });
        });
        Ok(flag)
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps until a time, or until a signal arrives.
    pub fn sleep_until(&self, until: Instant) {
        while !self.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(CHECK_INTERVAL));
        }
    }
}
